//! A diagnosis from its first run to its last file: the rules and the verdicts read result folders, this fills them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::observed::{FitGoal, Measured, Observed};
use super::rules::before::noise_of;
use super::search::{Laboratory, MOST_FIXES, Set, search};
use super::verdicts::{self, Diagnosis};
use super::{files, print};
use crate::data::{Files, RunData, batch_rows, training_rows, updates};
use crate::experiment::config::{Config, Data};
use crate::experiment::table::Task;
use crate::experiment::{Experiment, Fix, Goal, Variant};
use crate::results::clear::clear;
use crate::results::folder::{Folder, MANIFEST, TRIALS};
use crate::results::lock::{ANOTHER, Lock};
use crate::results::manifest::{DIAGNOSIS, Manifest, Status};
use crate::results::read;
use crate::results::rows::Key;
use crate::run::cost;
use crate::run::runner::{Place, Report, Runner};
use crate::text::note::note;

/// A signal cut it short.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by signal {0}")]
pub struct Interrupted(pub i32);

/// Diagnoses an experiment's baseline, with these fixes of the file's at hand, into the folder `path`. What there is to say.
pub fn diagnose(runner: &Runner, experiment: &Experiment, fixes: Vec<Fix>, path: &Path, fresh: bool) -> Result<String> {
    ensure!(fixes.len() <= MOST_FIXES, "a diagnosis takes at most {MOST_FIXES} fixes, the file has {}", fixes.len());
    let started = Instant::now();
    let files = Files::read(std::iter::once(&experiment.baseline))?;
    // All that follows is a function of the baseline and the fixes at hand.
    let singles: Vec<Vec<bool>> = (0..fixes.len()).map(|at| (0..fixes.len()).map(|fix| fix == at).collect()).collect();
    let sets = [vec![vec![false; fixes.len()]], singles].concat();
    let mut question = experiment.with_sets(fixes.clone(), &sets)?;
    let files_of_all = Files::of(&mut question)?;
    files_of_all.notes().into_iter().for_each(note);
    let hash = format!("{DIAGNOSIS}{:?}-{}", experiment.seeds, runner.hash(&question, files_of_all.hashes()));
    let data = RunData::new(&experiment.baseline, experiment.seeds[0], &files)?;
    let goal = FitGoal::new(experiment.goal, noise_of(&experiment.baseline, &data));
    // Whatever can be refused is refused before anything is written.
    runner.check(&question, &[0], &files_of_all)?;

    // It is held to the end, what is tried in folders below it and what is written at last included.
    let lock = Arc::new(Lock::take(path, ANOTHER)?);
    if fresh {
        clear(path)?;
    }
    match Folder::check(path, experiment, &hash)? {
        Some(before) => files::unchanged(path, &before)?,
        // So that another diagnosis knows what is tried here before it is at its end.
        None => {
            let manifest = Manifest::new(
                &question,
                (0..question.variants.len()).map(|at| (at, None)),
                &hash,
                files_of_all.hashes(),
                runner.circumstances(),
            )?;
            manifest.write(&path.join(MANIFEST))?;
        }
    }
    let known = HashMap::new();
    let lab = Lab { runner, experiment, files, path, fresh, goal, trials: 0, runs: 0, measured: 0, known };
    let ended = search_and_measure(lab, fixes, &place(path, &hash, fresh, Some(lock.clone())));
    if let Err(error) = &ended {
        let status = if error.is::<Interrupted>() { Status::Interrupted } else { Status::Failed };
        // What is to be said is why it ended.
        let _ = lock.holds().and_then(|()| Manifest::ended(&path.join(MANIFEST), status));
    }
    let (lab, diagnosis) = ended?;
    lock.holds()?;
    files::write(path, experiment, &diagnosis)?;
    let text = print::text(experiment, &diagnosis);
    Ok(format!(
        "{text}\n{} runs in {:.1} s: {} in {}, {} on the way in {}\n",
        lab.runs,
        started.elapsed().as_secs_f64(),
        lab.measured,
        path.join("*.csv").display(),
        lab.runs - lab.measured,
        path.join(TRIALS).display()
    ))
}

/// What is needed and what is enough: the search, and the measurement of what it found over all seeds.
fn search_and_measure<'a>(mut lab: Lab<'a>, fixes: Vec<Fix>, place: &Place) -> Result<(Lab<'a>, Diagnosis)> {
    let found = search(&mut lab, fixes)?;
    let plan = verdicts::plan(&mut lab, &found)?;
    let before = lab.runs;
    let measured = lab.measure_at(&found.fixes, &plan.sets, lab.seeds(), place)?;
    lab.measured = lab.runs - before;
    let cells: BTreeMap<Set, Measured> = plan.sets.iter().copied().zip(measured).collect();
    Ok((lab, Diagnosis::of(found, &plan, cells)))
}

/// A folder of the diagnosis: what was to be cleared out of it went at the beginning.
fn place<'p>(path: &'p Path, hash: &'p str, asked_fresh: bool, lock: Option<Arc<Lock>>) -> Place<'p> {
    Place { path, hash, fresh: false, asked_fresh, lock, tell: false, cure: ANOTHER, task: None }
}

struct Lab<'a> {
    runner: &'a Runner,
    experiment: &'a Experiment,
    files: Files,
    path: &'a Path,
    /// Whether the command began by clearing the folder.
    fresh: bool,
    goal: FitGoal,
    /// Folders of trials so far.
    trials: usize,
    /// Runs that were trained, and those of them that were measured at the end.
    runs: usize,
    measured: usize,
    /// What was measured already, by the fixes' patches and the number of seeds.
    known: HashMap<(Vec<Vec<String>>, usize), Measured>,
}

impl Lab<'_> {
    fn variants(&self, fixes: &[Fix], sets: &[Set], seeds: usize) -> Result<Experiment> {
        let switches = |set: &Set| (0..fixes.len()).map(|fix| set & (1 << fix) != 0).collect();
        let mut experiment =
            self.experiment.with_sets(fixes.to_vec(), &sets.iter().map(switches).collect::<Vec<Vec<bool>>>())?;
        experiment.seeds.truncate(seeds);
        Ok(experiment)
    }

    /// The files that these variants take their targets from: of most the baseline's.
    fn files_of(&self, variants: &[Variant]) -> Result<Cow<'_, Files>> {
        let ours = &self.experiment.baseline.data;
        if variants.iter().all(|variant| same_files(&variant.config.data, ours)) {
            return Ok(Cow::Borrowed(&self.files));
        }
        Ok(Cow::Owned(Files::read(variants.iter().map(|variant| &variant.config))?))
    }

    /// Trains sets in a folder, and reads the folder.
    fn measure_at(&mut self, fixes: &[Fix], sets: &[Set], seeds: usize, place: &Place) -> Result<Vec<Measured>> {
        let mut experiment = self.variants(fixes, sets, seeds)?;
        let files = self.files_of(&experiment.variants)?.into_owned();
        files.describe(&mut experiment)?;
        let all: Vec<usize> = (0..sets.len()).collect();
        let Report { trained, interrupted, .. } =
            self.runner.run(&experiment, &experiment.runs(&all), &files, place)?;
        self.runs += trained;
        if let Some(signal) = interrupted {
            return Err(Interrupted(signal).into());
        }
        measured(&experiment, place.path, self.goal)
    }
}

impl Laboratory for Lab<'_> {
    fn measure(&mut self, fixes: &[Fix], sets: &[Set], seeds: usize) -> Result<Vec<Measured>> {
        let key = |set: &Set| {
            let on = fixes.iter().enumerate().filter(|(fix, _)| set & (1 << fix) != 0);
            (on.map(|(_, fix)| fix.patch()).collect::<Vec<_>>(), seeds)
        };
        let mut new: Vec<Set> = sets.iter().copied().filter(|set| !self.known.contains_key(&key(set))).collect();
        new.sort_unstable();
        new.dedup();
        if !new.is_empty() {
            let path: PathBuf = self.path.join(TRIALS).join(self.trials.to_string());
            self.trials += 1;
            let experiment = self.variants(fixes, &new, seeds)?;
            let files = self.files_of(&experiment.variants)?;
            let hash = self.runner.hash(&experiment, files.hashes());
            let found = self.measure_at(fixes, &new, seeds, &place(&path, &hash, self.fresh, None))?;
            for (set, measured) in new.iter().zip(found) {
                self.known.insert(key(set), measured);
            }
        }
        sets.iter().map(|set| self.known.get(&key(set)).cloned().context("a set was measured")).collect()
    }

    fn seconds(&self, fixes: &[Fix], sets: &[Set], seeds: usize) -> Result<f64> {
        let experiment = self.variants(fixes, sets, seeds)?;
        let all: Vec<usize> = (0..sets.len()).collect();
        let runs = experiment.runs(&all);
        let files = self.files_of(&experiment.variants)?;
        let cost = self.runner.cost(&experiment, &runs, &files)?;
        let mut overhead = 0.0;
        for variant in &experiment.variants {
            let updates = updates(&variant.config, training_rows(&variant.config, &files)?)?;
            overhead += cost::overhead(updates);
        }
        Ok(cost / cost::UNITS_A_SECOND + overhead * seeds as f64)
    }

    fn config(&self, fixes: &[Fix], set: Set) -> Result<Config> {
        let mut experiment = self.variants(fixes, &[set], 1)?;
        let files = self.files_of(&experiment.variants)?;
        let config = experiment.variants.remove(0).config;
        batch_rows(&config.batch, training_rows(&config, &files)?)?;
        Ok(config)
    }

    fn data(&self, config: &Config) -> Result<RunData> {
        let seed = self.experiment.seeds.first().copied().unwrap_or(0);
        if same_files(&config.data, &self.experiment.baseline.data) {
            return RunData::new(config, seed, &self.files);
        }
        RunData::new(config, seed, &Files::read(std::iter::once(config))?)
    }

    fn seeds(&self) -> usize {
        self.experiment.seeds.len()
    }

    fn asked(&self) -> Goal {
        self.experiment.goal
    }
}

/// Whether what one reads of files serves the other.
fn same_files(one: &Data, other: &Data) -> bool {
    let of = |data: &Data| (data.target.clone(), data.test.clone(), data.missing, data.holdout > 0.0);
    of(one) == of(other)
}

/// Each variant's runs over the experiment's seeds, as a folder holds them.
fn measured(experiment: &Experiment, folder: &Path, goal: FitGoal) -> Result<Vec<Measured>> {
    let key = |variant: &str, seed: u64| Key { variant: variant.to_owned(), seed };
    let mut runs: HashMap<Key, _> = read::runs(folder)?.into_iter().map(|r| (key(&r.variant, r.seed), r)).collect();
    let mut health: HashMap<Key, _> = read::health(folder)?.into_iter().map(|h| (key(&h.variant, h.seed), h)).collect();
    let mut curves: HashMap<Key, _> = read::curves(folder)?.into_iter().collect();
    let mut run = |variant: &str, seed: u64| {
        let key = key(variant, seed);
        let all = (runs.remove(&key), health.remove(&key), curves.remove(&key));
        let (Some(run), Some(health), Some(curve)) = all else {
            anyhow::bail!("{}: lacks the run {variant:?} of seed {seed}: run with --fresh", folder.display())
        };
        Ok(Observed { run, health, curve })
    };
    experiment
        .variants
        .iter()
        .map(|variant| {
            let runs = experiment.seeds.iter().map(|&seed| run(&variant.name, seed)).collect::<Result<_>>()?;
            let (task, targets) = match &variant.table {
                Some(table) => (table.task, table.outputs.len()),
                None => (Task::Regression, 1),
            };
            Ok(Measured { name: variant.name.clone(), config: variant.config.clone(), task, targets, runs, goal })
        })
        .collect()
}
