//! A diagnosis from its first run to its last file: the rules and the verdicts read result folders, this fills them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::certainty::{Reached, Standard};
use super::check;
use super::observed::{Measured, Observed};
use super::search::{Laboratory, MOST_FIXES, Set, search};
use super::verdicts::{self, Diagnosis};
use super::{files, print};
use crate::data::{Files, RunData, batch_rows, training_rows, updates};
use crate::experiment::config::{Config, Data, Split};
use crate::experiment::table::Task;
use crate::experiment::{Experiment, Fix, Goal, Run, Variant};
use crate::report::scores::on_training_rows;
use crate::results::clear::clear;
use crate::results::folder::Folder;
use crate::results::lock::{ANOTHER, Lock};
use crate::results::manifest::{DIAGNOSIS, Manifest, Status};
use crate::results::names::{MANIFEST, TRIALS};
use crate::results::read;
use crate::results::rows::{CheckRow, Key};
use crate::run::baselines::Baselines;
use crate::run::cost;
use crate::run::runner::{Place, Report, Runner};
use crate::text::note::note;

/// Rows of a curve that a trial keeps, at most.
const TRIAL_LOG_POINTS: usize = 20;

/// A signal cut it short.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by signal {0}")]
pub struct Interrupted(pub i32);

/// A finished diagnosis.
pub struct Diagnosed {
    /// What there is to say.
    pub text: String,
    pub diagnosis: Diagnosis,
    /// Runs that were trained, and those of them that are in the folder itself.
    pub trained: usize,
    pub measured: usize,
    pub seconds: f64,
}

/// Diagnoses an experiment's baseline, with these fixes of the file's at hand, into the folder `path`.
pub fn diagnose(
    runner: &Runner,
    experiment: &Experiment,
    fixes: Vec<Fix>,
    path: &Path,
    fresh: bool,
    mut until_sure: Option<usize>,
) -> Result<Diagnosed> {
    ensure!(fixes.len() <= MOST_FIXES, "a diagnosis takes at most {MOST_FIXES} fixes, the file has {}", fixes.len());
    let started = Instant::now();
    let files = Files::read(std::iter::once(&experiment.baseline))?;
    // All that follows is a function of the baseline and the fixes at hand.
    let singles: Vec<Vec<bool>> = (0..fixes.len()).map(|at| (0..fixes.len()).map(|fix| fix == at).collect()).collect();
    let sets = [vec![vec![false; fixes.len()]], singles].concat();
    let mut question = experiment.with_sets(fixes.clone(), &sets)?;
    let files_of_all = Files::of(&mut question)?;
    let hash = format!("{DIAGNOSIS}{:?}-{}", experiment.seeds, runner.hash(&question, files_of_all.hashes()));
    // Whatever can be refused is refused before anything is written.
    runner.check(&question, &[0], &files_of_all)?;
    files_of_all.notes().into_iter().for_each(note);

    // It is held to the end, what is tried in folders below it and what is written at last included.
    let lock = Arc::new(Lock::take(path, ANOTHER)?);
    if fresh {
        clear(path)?;
    }
    match Folder::check(path, experiment, &hash)? {
        Some(before) => {
            files::unchanged(path, &before)?;
            // A folder that has more seeds is judged by all of them.
            if before.status == Status::Complete {
                until_sure = until_sure.max(seeds_in(path, experiment.seeds.len())?);
            }
        }
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
    let lab = Lab { runner, experiment, files, path, fresh, trials: 0, runs: 0, measured: 0, known };
    let ended = search_and_measure(lab, fixes, &place(path, &hash, fresh, Some(lock.clone())), until_sure);
    if let Err(error) = &ended {
        let status = if error.is::<Interrupted>() { Status::Interrupted } else { Status::Failed };
        // What is to be said is why it ended.
        let _ = lock.holds().and_then(|()| Manifest::ended(&path.join(MANIFEST), status));
    }
    let (lab, diagnosis) = ended?;
    lock.holds()?;
    files::write(path, experiment, &diagnosis)?;
    let seconds = started.elapsed().as_secs_f64();
    let text = format!(
        "{}\n{} runs in {seconds:.1} s: {} in {}, {} on the way in {}\n",
        print::text(experiment, &diagnosis),
        lab.runs,
        lab.measured,
        path.join("*.csv").display(),
        lab.runs - lab.measured,
        path.join(TRIALS).display()
    );
    Ok(Diagnosed { text, diagnosis, trained: lab.runs, measured: lab.measured, seconds })
}

/// Seeds of sets on which a verdict hangs, at most, where the experiment asks for fewer.
const SEEDS_TO_TELL: usize = 10;
/// Core seconds that two samples may take to be learnt by heart.
const BY_HEART: f64 = 6.0;
/// Core seconds that these further seeds may take.
const FURTHER: f64 = 16.0;

/// What is needed and what is enough: the search, the choice on validation points, and the measurement on the test points over
/// all seeds, and over further ones where a verdict hangs on them.
fn search_and_measure<'a>(
    mut lab: Lab<'a>,
    fixes: Vec<Fix>,
    place: &Place,
    until_sure: Option<usize>,
) -> Result<(Lab<'a>, Diagnosis)> {
    let asked = lab.seeds();
    // A module begins otherwise with as many seeds as its file holds.
    let held = lab.files.seeds(&lab.experiment.baseline.model).map_or(usize::MAX, |seeds| seeds.len());
    let [counts, usual] = [until_sure.unwrap_or(SEEDS_TO_TELL), SEEDS_TO_TELL].map(|most| looks(asked, most.min(held)));
    let [standard, usual] = [&counts, &usual].map(|looks| Standard::of_looks(looks.len()));
    // The set-up as asked was not chosen, so it may be judged before, and as it is without further looks: nothing is searched for
    // to be surer.
    let as_asked = lab.variants(&fixes, &[0])?;
    let as_asked = lab.in_trials(as_asked)?.remove(0);
    let fits = usual.reached(&as_asked) == Reached::Yes;
    // Where no row is held out, trials have the same rows.
    if as_asked.training_error {
        lab.known.insert(known_as(&fixes, 0, asked), as_asked);
    }
    let found = search(&mut lab, fixes, fits)?;
    let plan = verdicts::plan(&mut lab, &found)?;
    let tried = verdicts::try_all(&mut lab, &found, &plan)?;
    let mut seeds: BTreeMap<Set, usize> = plan.sets.iter().map(|set| (*set, asked)).collect();
    let mut left = FURTHER;
    let before = lab.runs;
    let mut later = counts.iter().copied();
    let mut now = later.next().unwrap_or(asked);
    loop {
        let cells = lab.judge(&found.fixes, &seeds, place)?;
        lab.measured = lab.runs - before;
        let diagnosis = Diagnosis::of(&found, &plan, &tried, cells, standard, asked);
        let undecided = diagnosis.undecided();
        // Those on which a verdict has come to hang at this look have fewer seeds than the others.
        let behind: Vec<Set> = undecided.iter().copied().filter(|set| seeds[set] < now).collect();
        let further = match behind.is_empty() {
            false => behind,
            true => match later.next() {
                Some(next) if !undecided.is_empty() => {
                    now = next;
                    undecided.into_iter().collect()
                }
                _ => return Ok((lab, diagnosis)),
            },
        };
        for set in &further {
            left -= lab.judged_seconds(&found.fixes, &[*set])? * (now - seeds[set]) as f64;
        }
        if until_sure.is_none() && left < 0.0 {
            return Ok((lab, diagnosis));
        }
        seeds.extend(further.into_iter().map(|set| (set, now)));
    }
}

/// How many seeds a set of a finished diagnosis has at most; nothing if that is no more than any diagnosis may have.
fn seeds_in(folder: &Path, asked: usize) -> Result<Option<usize>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    read::runs(folder)?.into_iter().for_each(|run| *counts.entry(run.variant).or_default() += 1);
    Ok(counts.into_values().max().filter(|count| *count > asked.max(SEEDS_TO_TELL)))
}

/// How many seeds there are at each look: twice as many each time, up to the most.
fn looks(asked: usize, most: usize) -> Vec<usize> {
    let mut looks = vec![asked];
    while looks[looks.len() - 1] < most && looks.len() < Standard::MOST_LOOKS {
        let next = match looks.len() + 1 == Standard::MOST_LOOKS {
            true => most,
            false => (2 * looks[looks.len() - 1]).min(most),
        };
        looks.push(next);
    }
    looks
}

/// A folder of the diagnosis: what was to be cleared out of it went at the beginning.
pub(super) fn place<'p>(path: &'p Path, hash: &'p str, asked_fresh: bool, lock: Option<Arc<Lock>>) -> Place<'p> {
    Place { path, hash, fresh: false, asked_fresh, lock, tell: false, cure: ANOTHER, task: None }
}

struct Lab<'a> {
    runner: &'a Runner,
    experiment: &'a Experiment,
    files: Files,
    path: &'a Path,
    /// Whether the command began by clearing the folder.
    fresh: bool,
    /// Folders of trials so far.
    trials: usize,
    /// Runs that were trained, and those of them that were measured at the end.
    runs: usize,
    measured: usize,
    known: HashMap<Known, Measured>,
}

impl Lab<'_> {
    /// The sets as they are judged.
    fn variants(&self, fixes: &[Fix], sets: &[Set]) -> Result<Experiment> {
        let switches = |set: &Set| (0..fixes.len()).map(|fix| set & (1 << fix) != 0).collect();
        let mut experiment =
            self.experiment.with_sets(fixes.to_vec(), &sets.iter().map(switches).collect::<Vec<Vec<bool>>>())?;
        for config in experiment.variants.iter_mut().map(|variant| &mut variant.config) {
            // Functions and test files of their own are judged where they are tested.
            let drawn = config.data.target.file().is_some() && !config.data.holdout.is_none();
            config.data.split = if drawn { Split::Judging } else { Split::Test };
        }
        Ok(experiment)
    }

    /// The sets as they are tried: on validation points, and with few rows of a curve, each of which costs an evaluation.
    fn trials(&self, fixes: &[Fix], sets: &[Set], seeds: usize) -> Result<Experiment> {
        let mut experiment = self.variants(fixes, sets)?;
        experiment.seeds.truncate(seeds);
        for config in experiment.variants.iter_mut().map(|variant| &mut variant.config) {
            config.data.split = Split::Validation;
            config.train.log_points = config.train.log_points.min(TRIAL_LOG_POINTS);
        }
        Ok(experiment)
    }

    /// The experiment's seeds, and so many further ones that it is this many.
    fn seeds_up_to(&self, count: usize) -> Vec<u64> {
        seeds_up_to(&self.experiment.seeds, count, self.files.seeds(&self.experiment.baseline.model).as_deref())
    }

    /// Core seconds for one more seed of each of these sets, as they are judged.
    fn judged_seconds(&self, fixes: &[Fix], sets: &[Set]) -> Result<f64> {
        let mut experiment = self.variants(fixes, sets)?;
        experiment.seeds.truncate(1);
        self.seconds_of(&experiment)
    }

    fn seconds_of(&self, experiment: &Experiment) -> Result<f64> {
        seconds_of(self.runner, experiment, &*self.files_of(&experiment.variants)?)
    }

    /// Trains each set on the test points with so many seeds, in the diagnosis' own folder, and reads it.
    fn judge(&mut self, fixes: &[Fix], seeds: &BTreeMap<Set, usize>, place: &Place) -> Result<BTreeMap<Set, Measured>> {
        let sets: Vec<Set> = seeds.keys().copied().collect();
        let mut experiment = self.variants(fixes, &sets)?;
        experiment.seeds = self.seeds_up_to(seeds.values().copied().max().unwrap_or(0));
        let counts: Vec<usize> = seeds.values().copied().collect();
        let wanted = |run: &Run| experiment.seeds.iter().take(counts[run.variant]).any(|seed| *seed == run.seed);
        let all: Vec<usize> = (0..sets.len()).collect();
        let runs: Vec<Run> = experiment.runs(&all).into_iter().filter(wanted).collect();
        let measured = self.train(experiment, &runs, place)?;
        Ok(sets.into_iter().zip(measured).collect())
    }

    /// Trains all of an experiment in the next folder of trials.
    fn in_trials(&mut self, experiment: Experiment) -> Result<Vec<Measured>> {
        let path: PathBuf = self.path.join(TRIALS).join(self.trials.to_string());
        self.trials += 1;
        let hash = self.runner.hash(&experiment, self.files_of(&experiment.variants)?.hashes());
        let all: Vec<usize> = (0..experiment.variants.len()).collect();
        let runs = experiment.runs(&all);
        self.train(experiment, &runs, &place(&path, &hash, self.fresh, None))
    }

    /// Trains these of an experiment's runs in a folder, and reads them.
    fn train(&mut self, mut experiment: Experiment, runs: &[Run], place: &Place) -> Result<Vec<Measured>> {
        let files = self.files_of(&experiment.variants)?.into_owned();
        files.describe(&mut experiment)?;
        let Report { trained, interrupted, .. } = self.runner.run(&experiment, runs, &files, place)?;
        self.runs += trained;
        if let Some(signal) = interrupted {
            return Err(Interrupted(signal).into());
        }
        measured(&experiment, runs, place.path)
    }

    /// The files that these variants take their targets from: of most the baseline's.
    fn files_of(&self, variants: &[Variant]) -> Result<Cow<'_, Files>> {
        let ours = &self.experiment.baseline;
        if variants.iter().all(|variant| same_files(&variant.config, ours)) {
            return Ok(Cow::Borrowed(&self.files));
        }
        Ok(Cow::Owned(Files::read(variants.iter().map(|variant| &variant.config))?))
    }
}

impl Laboratory for Lab<'_> {
    fn measure(&mut self, fixes: &[Fix], sets: &[Set], seeds: usize) -> Result<Vec<Measured>> {
        let key = |set: &Set| known_as(fixes, *set, seeds);
        // Of what was measured over more seeds, the first ones are that.
        for key in sets.iter().map(key) {
            let over_more = |((patches, count), _): &(&Known, &Measured)| *patches == key.0 && *count > seeds;
            if let Some(part) = self.known.iter().find(over_more).map(|(_, measured)| measured.first(seeds)) {
                self.known.entry(key).or_insert(part);
            }
        }
        let mut new: Vec<Set> = sets.iter().copied().filter(|set| !self.known.contains_key(&key(set))).collect();
        new.sort_unstable();
        new.dedup();
        if !new.is_empty() {
            let found = self.in_trials(self.trials(fixes, &new, seeds)?)?;
            for (set, measured) in new.iter().zip(found) {
                self.known.insert(key(set), measured);
            }
        }
        sets.iter().map(|set| self.known.get(&key(set)).cloned().context("a set was measured")).collect()
    }

    fn seconds(&self, fixes: &[Fix], sets: &[Set], seeds: usize) -> Result<f64> {
        self.seconds_of(&self.trials(fixes, sets, seeds)?)
    }

    fn two_samples(&mut self) -> Result<Option<CheckRow>> {
        let asked = &self.experiment.baseline;
        let updates = updates(asked, training_rows(asked, &self.files)?)?;
        let mut rung = check::by_heart(asked, updates, check::BY_HEART[0]);
        // Of rows that judge nothing.
        (rung.config.data.holdout, rung.config.data.holdout_rows) = (asked.data.holdout, asked.data.holdout_rows);
        let mut experiment = self.experiment.with_variants(vec![(rung.name.clone(), rung.config.clone())]);
        experiment.seeds = self.seeds_up_to(experiment.seeds.len().max(check::LEAST_SEEDS));
        let files = Files::of(&mut experiment)?;
        if self.runner.check(&experiment, &[0], &files).is_err()
            || seconds_of(self.runner, &experiment, &files)? > BY_HEART
        {
            return Ok(None);
        }
        let measured = self.in_trials(experiment)?.remove(0);
        Ok(Some(check::learnt_by_heart(&rung, &measured)))
    }

    fn config(&self, fixes: &[Fix], set: Set) -> Result<Config> {
        let mut experiment = self.trials(fixes, &[set], 1)?;
        let files = self.files_of(&experiment.variants)?;
        let config = experiment.variants.remove(0).config;
        batch_rows(&config.batch, training_rows(&config, &files)?)?;
        Ok(config)
    }

    fn data(&self, config: &Config) -> Result<RunData> {
        let seed = self.experiment.seeds.first().copied().unwrap_or(0);
        if same_files(config, &self.experiment.baseline) {
            return RunData::new(config, seed, &self.files);
        }
        RunData::new(config, seed, &Files::read(std::iter::once(config))?)
    }

    fn knows(&self, fixes: &[Fix], set: Set, seeds: usize) -> bool {
        self.known.contains_key(&known_as(fixes, set, seeds))
    }

    fn baselines(&self, config: &Config, data: &RunData) -> Arc<Baselines> {
        self.runner.baselines.of(data, config)
    }

    fn seeds(&self) -> usize {
        self.experiment.seeds.len()
    }

    fn asked(&self) -> Goal {
        self.experiment.goal
    }
}

/// Core seconds that all runs of an experiment take, about.
pub(super) fn seconds_of(runner: &Runner, experiment: &Experiment, files: &Files) -> Result<f64> {
    let all: Vec<usize> = (0..experiment.variants.len()).collect();
    let cost = runner.cost(experiment, &experiment.runs(&all), files)?;
    let mut overhead = 0.0;
    for variant in &experiment.variants {
        let updates = updates(&variant.config, training_rows(&variant.config, files)?)?;
        overhead += cost::overhead(updates);
    }
    Ok(cost / cost::UNITS_A_SECOND + overhead * experiment.seeds.len() as f64)
}

/// These seeds, and so many further ones that they are this many.
pub(super) fn seeds_up_to(asked: &[u64], count: usize, held: Option<&[u64]>) -> Vec<u64> {
    let mut seeds = asked.to_vec();
    let largest = seeds.iter().copied().max().unwrap_or(0);
    let more = count.saturating_sub(seeds.len());
    let further = (largest.wrapping_add(1)..=u64::MAX).chain(0..largest);
    let further: Vec<u64> = match held {
        None => further.filter(|seed| !seeds.contains(seed)).take(more).collect(),
        Some(held) => held.iter().copied().filter(|seed| !seeds.contains(seed)).take(more).collect(),
    };
    seeds.extend(further);
    seeds
}

/// What a set of fixes is known by: their patches, and the number of seeds.
type Known = (Vec<Vec<String>>, usize);

fn known_as(fixes: &[Fix], set: Set, seeds: usize) -> Known {
    let on = fixes.iter().enumerate().filter(|(fix, _)| set & (1 << fix) != 0);
    (on.map(|(_, fix)| fix.patch()).collect(), seeds)
}

/// Whether what is read of the other's files serves one.
fn same_files(one: &Config, other: &Config) -> bool {
    let of = |data: &Data| (data.target.clone(), data.test.clone(), data.missing, data.holdout, data.duplicates);
    let modules = |config: &Config| {
        [&config.model.torchscript, &config.model.initial, &config.loss.torchscript].map(Option::<PathBuf>::clone)
    };
    let known = |(ours, theirs): (Option<PathBuf>, Option<PathBuf>)| ours.is_none() || ours == theirs;
    of(&one.data) == of(&other.data) && modules(one).into_iter().zip(modules(other)).all(known)
}

/// These runs of each variant, as a folder holds them.
pub(super) fn measured(experiment: &Experiment, of: &[Run], folder: &Path) -> Result<Vec<Measured>> {
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
    let mut all = Vec::with_capacity(experiment.variants.len());
    for (at, variant) in experiment.variants.iter().enumerate() {
        let own = of.iter().filter(|run| run.variant == at);
        let runs = own.map(|of| run(&variant.name, of.seed)).collect::<Result<_>>()?;
        let (task, targets, classes) = match &variant.table {
            Some(table) => (table.task, table.outputs.len(), table.classes.len()),
            None => (Task::Regression, 1, 0),
        };
        all.push(Measured {
            name: variant.name.clone(),
            config: variant.config.clone(),
            task,
            targets,
            classes,
            training_error: on_training_rows(variant),
            runs,
            asked: experiment.goal,
        });
    }
    Ok(all)
}
