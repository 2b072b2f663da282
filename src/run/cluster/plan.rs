//! A plan: all runs of an experiment, frozen, numbered and cut into tasks, for machines that know nothing of one another.
//!
//! It is a folder with `plan.json`, a copy of each file of data in `data/`, and a results folder for each task in `tasks/`.
//! The run of number n has the variant n/s and the seed n mod s of the plan's lists, of s seeds.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::experiment::{Experiment, MOST_RUNS, Run};
use crate::results::files::{make_folder, write_whole};
use crate::results::input;
use crate::results::manifest::{TaskOf, another_version};
use crate::text::numbers;
use crate::text::{hex, one_line};

pub const PLAN: &str = "plan.json";
const DATA: &str = "data";
const TASKS: &str = "tasks";
/// Where scripts/slurm-submit lets each task write what it says.
const LOGS: &str = "logs";

/// A plan has no more tasks: each is a folder with six files.
pub const MOST_TASKS: usize = 100_000;

/// What `plan.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// SHA-256 of all that follows, as compact JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_hash: String,
    pub misfit: String,
    /// What the manifests of its results have.
    pub experiment_hash: String,
    pub name: String,
    /// The experiment file, its text, and the settings that were laid over it.
    pub file: String,
    pub text: String,
    pub overrides: Vec<String>,
    /// SHA-256 of each file that targets or test rows are from.
    pub data: BTreeMap<PathBuf, String>,
    /// The kind of device that all tasks train on: `cpu` or `cuda`.
    pub device: String,
    /// The results folder, beside the plan's.
    pub out: String,
    pub variants: Vec<String>,
    pub seeds: Vec<u64>,
    /// The numbers of each task's runs, as `0-11` or `0-5,24-29`.
    pub tasks: Vec<String>,
}

/// A plan and the folder that it lies in.
#[derive(Debug)]
pub struct Planned {
    pub plan: Plan,
    pub folder: PathBuf,
    /// The numbers of each task's runs.
    tasks: Vec<Vec<usize>>,
}

impl Plan {
    fn hash(&self) -> Result<String> {
        let text = serde_json::to_vec(&Plan { plan_hash: String::new(), ..self.clone() })?;
        Ok(hex(&Sha256::digest(text)))
    }

    /// Writes it and its files of data into a folder, unless the same is there already; whether it was.
    pub fn write(mut self, folder: &Path) -> Result<(Planned, bool)> {
        self.plan_hash = self.hash()?;
        let path = folder.join(PLAN);
        let shown = path.display();
        if path.symlink_metadata().is_ok() {
            let there = Planned::read(&path)?;
            ensure!(
                there.plan.plan_hash == self.plan_hash,
                "{shown}: is another plan already, of {} runs in {} tasks: set --out to another folder, or remove {} and with it what those tasks have trained",
                there.runs(),
                there.plan.tasks.len(),
                folder.display()
            );
            return Ok((there, true));
        }
        let unwritable = || format!("{}: cannot be written to: set --out to another folder", folder.display());
        make_folder(&folder.join(TASKS)).with_context(unwritable)?;
        for (path, sum) in &self.data {
            let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
            ensure!(hex(&Sha256::digest(&bytes)) == *sum, "{}: changed while the plan was made", path.display());
            let copy = copy_of(folder, path, sum);
            make_folder(&folder.join(DATA)).with_context(unwritable)?;
            write_whole(&copy, |file| Ok(file.write_all(&bytes)?))?;
        }
        write_whole(&path, |file| {
            serde_json::to_writer_pretty(&mut *file, &self)?;
            Ok(file.write_all(b"\n")?)
        })?;
        Ok((Planned::read(&path)?, false))
    }
}

/// Where a file's contents lie.
fn copy_of(folder: &Path, path: &Path, sum: &str) -> PathBuf {
    let tensors = path.extension().is_some_and(|extension| extension == "safetensors");
    folder.join(DATA).join(format!("{sum}.{}", if tensors { "safetensors" } else { "csv" }))
}

impl Planned {
    /// The plan in a file, or in the folder that holds it.
    pub fn read(path: &Path) -> Result<Self> {
        const MOST: u64 = 1 << 30;
        let is_folder = input::about(path)?.is_some_and(|about| about.is_dir());
        let path = if is_folder { path.join(PLAN) } else { path.to_owned() };
        let shown = one_line(&path.display().to_string());
        let mut bytes = Vec::new();
        let read = input::open(&path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
        read.map_err(|cause| anyhow!("{shown}: cannot be read: {cause}: expected a plan, as misfit plan writes it"))?;
        ensure!(bytes.len() as u64 <= MOST, "{shown}: is larger than 1 GiB, which no plan is");
        ensure!(
            path.extension().is_none_or(|extension| extension != "toml"),
            "{shown}: is an experiment: make a plan of it first, misfit plan {shown}"
        );
        let plan: Plan = serde_json::from_slice(&bytes).map_err(|error| match another_version(&bytes) {
            Some(version) => of_another_version(&shown, &version),
            None => anyhow!("{shown}:{}: is not a plan: {}", error.line(), one_line(&error.to_string())),
        })?;
        if plan.misfit != env!("CARGO_PKG_VERSION") {
            return Err(of_another_version(&shown, &plan.misfit));
        }
        ensure!(
            plan.hash()? == plan.plan_hash,
            "{shown}: was changed after misfit plan wrote it (its plan_hash is not of what it holds): restore it, or plan again with another --out"
        );
        let tasks = harmless(&plan).and_then(|()| tasks(&plan)).with_context(|| shown.clone())?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let planned = Planned { plan, folder, tasks };
        let itself = planned.out().file_name() == planned.folder.file_name();
        ensure!(!itself, "{shown}: its results would go into its own folder: rename that");
        Ok(planned)
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(PLAN)
    }

    /// Runs of all tasks.
    pub fn runs(&self) -> usize {
        self.plan.variants.len() * self.plan.seeds.len()
    }

    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Where the results go unless somewhere else is named.
    pub fn out(&self) -> PathBuf {
        // Of `.` and `..` what they lie in has to be asked for.
        let folder = match self.folder.file_name() {
            Some(_) => self.folder.clone(),
            None => fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone()),
        };
        folder.parent().unwrap_or(Path::new("")).join(&self.plan.out)
    }

    /// The experiment as it was planned.
    pub fn as_planned(&self) -> Result<Experiment> {
        let (plan, shown) = (&self.plan, self.path().display().to_string());
        let experiment = Experiment::parse(&plan.text, &plan.file, &plan.overrides)?;
        let as_planned = experiment.variants.iter().map(|variant| &variant.name).eq(&plan.variants)
            && experiment.seeds == plan.seeds;
        ensure!(as_planned, "{shown}: its variants and seeds are not those of its experiment: make it anew");
        let hash = experiment.hash(&plan.data, &plan.device);
        ensure!(hash == plan.experiment_hash, "{shown}: its experiment is not the one that was planned: make it anew");
        Ok(experiment)
    }

    /// The same with its targets read from the plan's own copies, and what those hold.
    pub fn experiment(&self) -> Result<(Experiment, BTreeMap<PathBuf, String>)> {
        let (plan, mut experiment) = (&self.plan, self.as_planned()?);
        let copy = |path: &Path, sum: &str| copy_of(&self.folder, path, sum);
        experiment.relocate(|path| plan.data.get(path).map_or_else(|| path.to_owned(), |sum| copy(path, sum)));
        let data = plan.data.iter().map(|(path, sum)| (copy(path, sum), sum.clone())).collect();
        Ok((experiment, data))
    }

    /// What a task's manifest says.
    pub fn task(&self, index: usize) -> TaskOf {
        TaskOf { plan_hash: self.plan.plan_hash.clone(), index }
    }

    /// A task's runs.
    pub fn runs_of(&self, index: usize) -> Vec<Run> {
        let seeds = &self.plan.seeds;
        let run = |&number: &usize| Run { variant: number / seeds.len(), seed: seeds[number % seeds.len()] };
        self.tasks[index].iter().map(run).collect()
    }

    /// A task's results folder.
    pub fn folder_of(&self, index: usize) -> PathBuf {
        self.folder.join(TASKS).join(index.to_string())
    }

    /// The last line of a task's log, where there is one.
    pub fn last_word(&self, index: usize) -> Option<String> {
        const ENOUGH: u64 = 4096;
        let mut file = input::open(&self.folder.join(LOGS).join(format!("{index}.log"))).ok()?;
        let size = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(ENOUGH))).ok()?;
        let mut end = Vec::new();
        file.take(ENOUGH).read_to_end(&mut end).ok()?;
        let end = String::from_utf8_lossy(&end);
        let last = end.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        Some(one_line(&last.chars().take(400).collect::<String>()))
    }

    /// Which task is meant: the flag's, or the one that whoever started this process names. Never one of a count, which is
    /// another when only some tasks are started.
    pub fn index(&self, flag: Option<usize>, variable: impl Fn(&str) -> Option<String>) -> Result<usize> {
        let (index, source) = match flag {
            Some(index) => (index, "--index".to_owned()),
            None => named_index(variable)?,
        };
        let tasks = self.tasks.len();
        ensure!(index < tasks, "{source}: {index} is no task: the plan has {tasks}, numbered 0 to {}", tasks - 1);
        Ok(index)
    }
}

fn of_another_version(shown: &str, version: &str) -> anyhow::Error {
    let (version, ours) = (one_line(version), env!("CARGO_PKG_VERSION"));
    anyhow!("{shown}: is of misfit {version}, this is {ours}: run it with that version, or make it anew")
}

/// What array engines tell each of their tasks, and the number that their first task has.
const VARIABLES: [(&str, usize); 4] =
    [("SLURM_ARRAY_TASK_ID", 0), ("HQ_TASK_ID", 0), ("JOB_COMPLETION_INDEX", 0), ("PARALLEL_SEQ", 1)];

fn named_index(variable: impl Fn(&str) -> Option<String>) -> Result<(usize, String)> {
    for (name, first) in VARIABLES {
        if let Some(text) = variable(name) {
            let index = text.parse::<usize>().ok().and_then(|number| number.checked_sub(first));
            let index = index.with_context(|| {
                format!("{name}={:?}: expected a task's number, from {first}: or set --index", one_line(&text))
            })?;
            return Ok((index, name.to_owned()));
        }
    }
    let names = VARIABLES.map(|(name, _)| name).join(", ");
    bail!("--index: which task? Set it, or start this from an array engine that sets one of {names}")
}

/// Refuses what would lead out of the folders that a plan is about. Anybody can reckon the hash of a plan of his own.
fn harmless(plan: &Plan) -> Result<()> {
    let mut parts = Path::new(&plan.out).components();
    let name =
        matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == plan.out.as_str());
    let name = name && one_line(&plan.out) == plan.out;
    ensure!(name, "out is {:?}: expected the name of a folder", one_line(&plan.out));
    let is_sum = |sum: &String| sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(plan.data.values().all(is_sum), "data: expected the SHA-256 of each file");
    ensure!(
        ["cpu", "cuda"].contains(&plan.device.as_str()),
        "device is {:?}: expected cpu or cuda",
        one_line(&plan.device)
    );
    Ok(())
}

/// The numbers of each task's runs: all runs, each once.
fn tasks(plan: &Plan) -> Result<Vec<Vec<usize>>> {
    let runs = plan.variants.len().checked_mul(plan.seeds.len()).unwrap_or(0);
    ensure!(runs > 0 && !plan.tasks.is_empty(), "has no runs: make it anew");
    ensure!(runs <= MOST_RUNS, "has {runs} runs, at most {MOST_RUNS} are allowed");
    let mut seen = vec![false; runs];
    let mut tasks = Vec::with_capacity(plan.tasks.len());
    for (index, text) in plan.tasks.iter().enumerate() {
        let wrong =
            || format!("task {index} is {:?}: expected numbers of runs below {runs}, each once", one_line(text));
        let mut numbers = Vec::new();
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (usize, usize) = (first.parse().with_context(wrong)?, last.parse().with_context(wrong)?);
            for number in first..=last {
                let new = seen.get_mut(number).filter(|seen| !**seen).with_context(wrong)?;
                *new = true;
                numbers.push(number);
            }
        }
        ensure!(!numbers.is_empty(), wrong());
        tasks.push(numbers);
    }
    let missing = seen.iter().position(|seen| !seen);
    ensure!(missing.is_none(), "no task has the run {}: make it anew", missing.unwrap_or_default());
    Ok(tasks)
}

/// Ascending numbers as `0-5,8`, which is how Slurm's `--array` and a plan write them.
pub fn ranges(numbers: &[usize]) -> String {
    numbers::ranges(numbers.iter().map(|&number| number as u64), ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(tasks: &[&str]) -> Plan {
        Plan {
            plan_hash: String::new(),
            misfit: String::new(),
            experiment_hash: String::new(),
            name: String::new(),
            file: String::new(),
            text: String::new(),
            overrides: Vec::new(),
            data: BTreeMap::new(),
            device: "cpu".to_owned(),
            out: "out".to_owned(),
            variants: vec!["a".to_owned(), "b".to_owned()],
            seeds: vec![3, 4, 5],
            tasks: tasks.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    #[test]
    fn tasks_have_all_runs_each_once_or_are_refused() {
        assert_eq!(tasks(&plan(&["0-2,5", "3-4"])).unwrap(), [vec![0, 1, 2, 5], vec![3, 4]]);
        for wrong in [
            &["0-5", "5"][..],
            &["0-4"],
            &["0-6"],
            &["5-0", "0-5"],
            &["0-5", ""],
            &["0-18446744073709551615"],
            &[],
            &["x"],
            &["0--5"],
        ] {
            assert!(tasks(&plan(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_plan_leads_nowhere_but_beside_itself() {
        let with = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan(&["0-5"]);
            change(&mut plan);
            harmless(&plan)
        };
        assert!(with(&|_| {}).is_ok());
        for out in ["", ".", "..", "/", "/etc", "a/b", "../a", "a/", "a/.", "./a", "a\nb", "a\u{1b}[31m", "a\u{202e}b"]
        {
            assert!(with(&|plan| plan.out = out.to_owned()).is_err(), "{out}");
        }
        let sum = "0123456789abcdef".repeat(4);
        assert!(with(&|plan| plan.data = BTreeMap::from([("x".into(), sum.clone())])).is_ok());
        for data in ["../../x", "", &sum[1..]] {
            assert!(with(&|plan| plan.data = BTreeMap::from([("x".into(), data.to_owned())])).is_err(), "{data}");
        }
        assert!(with(&|plan| plan.device = "gpu".to_owned()).is_err());
    }

    #[test]
    fn numbers_are_written_as_slurm_reads_them() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn the_index_is_the_flags_or_the_engines_and_parallel_counts_from_one() {
        let of = |set: &[(&str, &str)]| {
            named_index(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
                .map(|(index, _)| index)
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(&[("SLURM_ARRAY_TASK_ID", "7"), ("PARALLEL_SEQ", "3")]), Ok(7));
        assert_eq!(of(&[("HQ_TASK_ID", "0")]), Ok(0));
        assert_eq!(of(&[("JOB_COMPLETION_INDEX", "12")]), Ok(12));
        assert_eq!(of(&[("PARALLEL_SEQ", "1")]), Ok(0));
        // What only counts tasks says nothing.
        assert!(of(&[("SLURM_ARRAY_TASK_COUNT", "20"), ("SLURM_PROCID", "1")]).is_err());
        for wrong in [("PARALLEL_SEQ", "0"), ("SLURM_ARRAY_TASK_ID", "-1"), ("HQ_TASK_ID", ""), ("HQ_TASK_ID", "x")] {
            assert!(of(&[wrong]).is_err_and(|said| said.contains(wrong.0)), "{wrong:?}");
        }
    }
}
