//! A plan's results put together: what each task left, into one results folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Serialize;

use super::plan::{Planned, ranges};
use crate::data::Files;
use crate::experiment::Experiment;
use crate::experiment::config::EngineName;
use crate::results::folder::{Folder, InCsvs, RunSegments};
use crate::results::input;
use crate::results::lock::{ANOTHER, Lock};
use crate::results::manifest::{Circumstances, Deviation, Manifest, Status};
use crate::results::names::MANIFEST;
use crate::results::read::shown as shown_run;
use crate::results::rows::{self, Key};
use crate::results::run_file::RunFile;
use crate::results::sums::Sums;
use crate::text::note::note;
use crate::text::one_line;

/// How far a task came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    Done,
    NotBegun,
    Running,
    /// It ended so suddenly that it could not say so, or runs where its hold of the folder is not seen from here.
    Killed,
    Interrupted,
    Failed,
}

/// What there is of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskFound {
    pub state: TaskState,
    /// Runs whose rows were taken, of so many.
    pub runs: usize,
    pub of: usize,
}

/// What came of it.
pub struct Merged {
    /// By the tasks' numbers.
    pub tasks: Vec<TaskFound>,
    /// Runs that the results folder has now, those that it had before among them.
    pub runs: usize,
}

/// The experiment as it was planned, with what the plan's copies of its files hold.
fn described(planned: &Planned) -> Result<Experiment> {
    let mut experiment = planned.as_planned()?;
    if experiment.variants.iter().any(|variant| variant.config.data.target.file().is_some()) {
        let (mut copies, _) = planned.experiment()?;
        Files::of(&mut copies)?;
        for (variant, copy) in experiment.variants.iter_mut().zip(copies.variants) {
            variant.table = copy.table;
        }
    }
    Ok(experiment)
}

/// Puts what the tasks left into a results folder. Of a task that has not ended nothing is taken; where no task left
/// anything, no folder is made.
pub fn merge(planned: &Planned, out: &Path, fresh: bool) -> Result<Merged> {
    let experiment = described(planned)?;
    let headers = RunFile::ALL.map(|file| file.header(&experiment));
    let mut left = look(planned, &experiment, &headers)?;
    let tasks: Vec<TaskFound> = left.iter().map(|left| left.found).collect();
    if tasks.iter().all(|task| task.runs == 0) {
        return Ok(Merged { tasks, runs: 0 });
    }
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let inside = real(out).zip(real(&planned.folder)).is_some_and(|(out, folder)| out.starts_with(folder));
    ensure!(!inside, "{}: lies in the plan's own folder: {ANOTHER}", out.display());
    let hash = &planned.plan.experiment_hash;
    let lock = Arc::new(Lock::take(out, ANOTHER)?);
    // It would no longer be one of the parts. What cannot be read is looked at when the folder is opened, or goes.
    let known = Manifest::read(&out.join(MANIFEST)).ok().flatten();
    ensure!(known.is_none_or(|known| known.task.is_none()), "{}: holds a task of a plan: {ANOTHER}", out.display());
    // Taken as it was read now: what a task is trained anew to takes the place of what was merged of it before.
    let runs = left.iter_mut().flat_map(|left| std::mem::take(&mut left.runs)).collect();
    let mut folder = Folder::open(lock, &experiment, hash, fresh, runs)?;
    let told = || left.iter().filter_map(|left| left.told.as_ref());
    let all =
        |of: fn(&Told) -> &str| told().map(of).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
    let circumstances = Circumstances {
        libtorch: all(|told| &told.libtorch),
        device: all(|told| &told.device),
        threads: told().map(|told| told.threads).max().unwrap_or(1),
    };
    let seconds = told().map(|told| told.seconds).sum();
    let engines = engines(&left)?;
    let variants = experiment.variants.iter().map(|variant| engines.get(variant.name.as_str()).copied()).enumerate();
    let mut manifest = Manifest::new(&experiment, variants, hash, &planned.plan.data, circumstances)?;
    told().for_each(|told| manifest.deviates_by(told.deviation));
    folder.begin(&mut manifest)?;
    folder.assemble(&mut manifest, || {
        // A task that went on, or was trained anew, may have replaced what was read of it.
        left.iter().enumerate().filter(|(_, left)| left.found.runs > 0).try_for_each(|(index, left)| {
            let now = manifest_of(&planned.folder_of(index))?.map(Told::by);
            ensure!(now == left.told, "task {index}: went on while it was read: run the same command again");
            Ok(())
        })
    })?;
    let there = |index| planned.runs_of(index).iter().all(|run| folder.has(&rows::key(&experiment, run)));
    let whole = (0..planned.tasks()).all(there);
    manifest.status = if whole { Status::Complete } else { Status::Interrupted };
    manifest.runs = folder.count();
    manifest.seeds = folder.seeds();
    manifest.seconds = seconds;
    manifest.peak_memory = crate::run::memory::peak();
    folder.write_manifest(&manifest)?;
    Ok(Merged { tasks, runs: folder.count() })
}

/// The engine of each variant that has runs, by its name; of two tasks it must be the same.
fn engines(left: &[TaskRows]) -> Result<BTreeMap<&str, EngineName>> {
    let mut engines = BTreeMap::new();
    for (index, left) in left.iter().enumerate().filter(|(_, left)| left.found.runs > 0) {
        for (name, engine) in left.told.iter().flat_map(|told| &told.engines) {
            let first = *engines.entry(name.as_str()).or_insert(*engine);
            ensure!(
                first == *engine,
                "task {index}: variant {:?} was trained by the {} engine, in another task by the {} engine: train one of them again with --fresh",
                one_line(name),
                engine.word(),
                first.word()
            );
        }
    }
    Ok(engines)
}

struct TaskRows {
    found: TaskFound,
    runs: RunSegments,
    told: Option<Told>,
}

/// What is kept of a task's manifest.
#[derive(PartialEq)]
struct Told {
    libtorch: String,
    device: String,
    threads: usize,
    seconds: f64,
    status: Status,
    started: u64,
    sums: Sums,
    engines: Vec<(String, EngineName)>,
    deviation: Option<Deviation>,
}

impl Told {
    fn by(manifest: Manifest) -> Self {
        let Manifest { libtorch, device, threads, seconds, status, started, sums, variants, .. } = manifest;
        let engines = variants.into_iter().filter_map(|variant| Some((variant.name, variant.engine?))).collect();
        let deviation = manifest.fused_against_torch;
        Told { libtorch, device, threads, seconds, status, started, sums, engines, deviation }
    }
}

/// Reads what the tasks left, as many at a time as there are cores.
fn look(planned: &Planned, experiment: &Experiment, headers: &[String; RunFile::COUNT]) -> Result<Vec<TaskRows>> {
    let next = AtomicUsize::new(0);
    let looked: Mutex<Vec<(usize, Result<TaskRows>)>> = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(planned.tasks()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= planned.tasks() {
                        break;
                    }
                    let left = of_task(planned, experiment, headers, index);
                    looked.lock().unwrap_or_else(PoisonError::into_inner).push((index, left));
                }
            });
        }
    });
    let mut looked = looked.into_inner().unwrap_or_else(PoisonError::into_inner);
    looked.sort_by_key(|(index, _)| *index);
    let refused: Vec<usize> = looked.iter().filter(|(_, left)| left.is_err()).map(|(index, _)| *index).collect();
    let mut left = Vec::with_capacity(looked.len());
    for (index, of_task) in looked {
        // Of several each is told, so that all can be mended at once.
        match of_task {
            Err(error) if refused.len() > 1 => note(&format!("{error:#}")),
            of_task => left.push(of_task.with_context(|| format!("task {index}"))?),
        }
    }
    ensure!(refused.len() < 2, "tasks {} cannot be merged as they are", ranges(&refused));
    ensure!(left.len() == planned.tasks(), "a task was not looked at: this is a fault of misfit, please report it");
    Ok(left)
}

fn of_task(
    planned: &Planned,
    experiment: &Experiment,
    headers: &[String; RunFile::COUNT],
    index: usize,
) -> Result<TaskRows> {
    let path = planned.folder_of(index);
    let wanted: BTreeSet<Key> = planned.runs_of(index).iter().map(|run| rows::key(experiment, run)).collect();
    let nothing = |state, told| {
        let found = TaskFound { state, runs: 0, of: wanted.len() };
        Ok(TaskRows { found, runs: RunSegments::new(), told })
    };
    let anew = || format!("misfit task {} --index {index} --fresh trains it anew", planned.folder.display());
    let manifest = manifest_of(&path).map_err(|error| anyhow!("{error:#}: {}", anew()))?;
    let Some(manifest) = manifest else { return nothing(TaskState::NotBegun, None) };
    belongs(planned, index, &path, &manifest)?;
    let state = match manifest.status {
        Status::Running if Lock::held(&path) => return nothing(TaskState::Running, Some(Told::by(manifest))),
        Status::Running => return nothing(TaskState::Killed, Some(Told::by(manifest))),
        Status::Complete => TaskState::Done,
        Status::Interrupted => TaskState::Interrupted,
        Status::Failed => TaskState::Failed,
    };
    let runs = InCsvs::find(&path, headers, &manifest.sums).and_then(|found| found.whole(&path, |_| false));
    let told = Told::by(manifest);
    let runs = match runs {
        Ok(runs) => runs,
        Err(error) => {
            // It may have gone on since its manifest was read.
            let now = manifest_of(&path)?.map(Told::by);
            return match now.as_ref() == Some(&told) {
                true => Err(anyhow!("{error:#}: {}", anew())),
                false => nothing(TaskState::Running, now),
            };
        }
    };
    let shown = path.display();
    if let Some(stranger) = runs.keys().find(|key| !wanted.contains(key)) {
        bail!("{shown}: has rows of {}, which are not its own: {}", shown_run(stranger), anew());
    }
    ensure!(
        state != TaskState::Done || runs.len() == wanted.len(),
        "{shown}: says that it is complete, and has {} of {} runs: {}",
        runs.len(),
        wanted.len(),
        anew()
    );
    let found = TaskFound { state, runs: runs.len(), of: wanted.len() };
    Ok(TaskRows { found, runs, told: Some(told) })
}

/// A task's manifest, if it left one. What is no folder at all is in the way of one.
fn manifest_of(path: &Path) -> Result<Option<Manifest>> {
    let is_folder = input::about(path)?.is_some_and(|about| about.is_dir());
    if is_folder { Manifest::read(&path.join(MANIFEST)) } else { Ok(None) }
}

/// Refuses a folder of another plan or of another of its tasks.
fn belongs(planned: &Planned, index: usize, path: &Path, manifest: &Manifest) -> Result<()> {
    let shown = path.display();
    match &manifest.task {
        None => bail!("{shown}: holds no task of a plan: move it away"),
        Some(task) if task.plan_hash != planned.plan.plan_hash => {
            bail!("{shown}: holds a task of another plan: move it away, or merge that plan")
        }
        Some(task) if task.index != index => bail!("{shown}: holds task {}, not {index}: move it there", task.index),
        Some(_) => Ok(()),
    }
}

/// Whether a task is done: its manifest says so, and its files are as long as that says.
pub fn done(planned: &Planned, index: usize) -> Result<bool> {
    let path = planned.folder_of(index);
    let Some(manifest) = manifest_of(&path)? else { return Ok(false) };
    belongs(planned, index, &path, &manifest)?;
    let there = |file: RunFile| {
        let size = path.join(file.name()).metadata().map(|about| about.len());
        size.is_ok_and(|size| manifest.sums.known(file.name()).iter().any(|sum| sum.bytes == size))
    };
    Ok(manifest.status == Status::Complete && RunFile::ALL.into_iter().all(there))
}
