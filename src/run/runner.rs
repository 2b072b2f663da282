//! An experiment's runs into a results folder: those that are there already stay, the others are trained.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};

use super::baselines::BaselineCache;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::schedule::{Ended, Schedule};
use super::{cost, memory, stacks};
use crate::data::Files;
use crate::experiment::config::{Config, EngineName};
use crate::experiment::device::{Device, named};
use crate::experiment::{Experiment, Run};
use crate::results::folder::{Folder, RunSegments};
use crate::results::lock::Lock;
use crate::results::manifest::{Circumstances, Manifest, Status, TaskOf};
use crate::results::points::PredictionColumns;
use crate::results::rows;
use crate::text::note::{fault, note};
use crate::text::numbers::plural;
use crate::train::agreement::Agreements;
use crate::train::device;

/// Where and with how many threads runs are trained, until somebody interrupts it.
pub struct Runner {
    device: Device,
    /// The same, as libtorch has it.
    opened: device::Device,
    threads: usize,
    interrupt: Interrupt,
    pub baselines: BaselineCache,
}

/// Where the results go.
pub struct Place<'a> {
    pub path: &'a Path,
    /// What the folder's results depend on.
    pub hash: &'a str,
    /// Whether results of something else are cleared out.
    pub fresh: bool,
    /// Whether the command asks for that: without it the same command goes on.
    pub asked_fresh: bool,
    /// The hold of the folder, if this process has it already.
    pub lock: Option<Arc<Lock>>,
    /// Whether it is said what the folder has already.
    pub tell: bool,
    /// What to do where it cannot be written to.
    pub cure: &'a str,
    /// The task whose runs these are: of its manifest the variants are those that occur in it.
    pub task: Option<TaskOf>,
}

/// How it went.
pub struct Report {
    pub trained: usize,
    /// Runs in the folder beside those that were asked for.
    pub others: usize,
    pub seconds: f64,
    /// The signal, where one cut it short.
    pub interrupted: Option<i32>,
}

/// What computes runs of this configuration on that device.
pub fn engine(config: &Config, device: Device) -> Result<EngineName> {
    crate::experiment::engine::choose(config, device)
}

impl Runner {
    /// `threads`: as many as the device keeps busy, where none are given.
    pub fn new(device: &str, threads: Option<u16>) -> Result<Self> {
        let opened = device::parse(device)?;
        let threads = threads.map_or_else(|| device::threads(opened), usize::from);
        Ok(Runner {
            device: named(device)?,
            opened,
            threads,
            interrupt: Interrupt::catch()?,
            baselines: BaselineCache::default(),
        })
    }

    pub fn circumstances(&self) -> Circumstances {
        Circumstances {
            libtorch: device::LIBTORCH.to_owned(),
            device: device::describe(self.opened),
            threads: self.threads,
        }
    }

    /// What [`Place::hash`] is of an experiment that is run as it stands.
    pub fn hash(&self, experiment: &Experiment, hashes: &BTreeMap<PathBuf, String>) -> String {
        experiment.hash(hashes, device::kind(self.opened))
    }

    /// What runs cost, in the scheduler's unit, beside one another.
    pub fn cost(&self, experiment: &Experiment, runs: &[Run], files: &Files) -> Result<f64> {
        // As for one thread, so that the sum's last bits do not depend on how many there are.
        let jobs = stacks::jobs(experiment, runs, files, self.device, 1)?;
        Ok(jobs.iter().map(|job| job.cost).sum())
    }

    /// Refuses what cannot be trained, before anything is written.
    pub fn check(&self, experiment: &Experiment, variants: &[usize], files: &Files) -> Result<()> {
        for variant in variants.iter().map(|&at| &experiment.variants[at]) {
            engine(&variant.config, self.device).with_context(|| format!("variant {:?}", variant.name))?;
        }
        cost::check(experiment, variants, files, self.device, self.threads)
    }

    /// Trains what is missing of these runs.
    pub fn run(&self, experiment: &Experiment, all: &[Run], files: &Files, place: &Place) -> Result<Report> {
        let path = place.path;
        let variants: BTreeSet<usize> = all.iter().map(|run| run.variant).collect();
        self.check(experiment, &variants.iter().copied().collect::<Vec<_>>(), files)?;
        let lock = place.lock.clone().map_or_else(|| Lock::take(path, place.cure).map(Arc::new), Ok)?;
        let mut folder = Folder::open(lock, experiment, place.hash, place.fresh, RunSegments::new())?;
        let started = Instant::now();
        // Those of all, in each task's folder of a large plan, would be more than its results.
        let told = if place.task.is_some() { variants } else { (0..experiment.variants.len()).collect() };
        // All that are trained have one: they were checked.
        let with_engine = |at: usize| (at, engine(&experiment.variants[at].config, self.device).ok());
        let told = told.into_iter().map(with_engine);
        let mut manifest = Manifest::new(experiment, told, place.hash, files.hashes(), self.circumstances())?;
        if place.task.is_some() {
            // The plan has it.
            manifest.text = String::new();
            manifest.task.clone_from(&place.task);
        }
        folder.begin(&mut manifest)?;
        let key = |run: &Run| rows::key(experiment, run);
        let missing: Vec<_> = all.iter().copied().filter(|run| !folder.has(&key(run))).collect();
        let there = all.len() - missing.len();
        if there > 0 && place.tell {
            note(&format!("{there} of {} runs are in {} already", all.len(), path.display()));
        }
        let jobs = stacks::jobs(experiment, &missing, files, self.device, self.threads)?;
        let progress = Progress::new(all.len(), there, jobs.iter().map(|job| job.cost).sum());
        let schedule = Schedule {
            experiment,
            files,
            columns: &PredictionColumns::of(experiment),
            folder: &folder,
            device: self.opened,
            threads: self.threads,
            stop: self.interrupt.flag(),
            progress: &progress,
            baselines: &self.baselines,
            agreements: Agreements::default(),
        };
        let ended = schedule.run(&jobs);
        manifest.deviates_by(schedule.agreements.largest());
        progress.clear();

        // Whatever ended is put in order, whether all of it did or not.
        let assembled = folder.assemble(&mut manifest, || Ok(()));
        let ended = ended.and_then(|ended| assembled.map(|()| ended));
        manifest.status = match &ended {
            Ok(Ended::Done) => Status::Complete,
            Ok(Ended::Interrupted) => Status::Interrupted,
            Err(_) => Status::Failed,
        };
        manifest.runs = folder.count();
        manifest.seeds = folder.seeds();
        manifest.seconds = started.elapsed().as_secs_f64();
        manifest.peak_memory = memory::peak();
        let told = folder.write_manifest(&manifest);
        let again = if place.asked_fresh { "the same command without --fresh" } else { "the same command" };
        let ended = ended.and_then(|ended| told.map(|()| ended)).map_err(|error| match folder.kept() {
            Some(kept) => {
                let kept = plural(kept, "run is", "runs are");
                error.context(format!("{kept} kept in {}, {again} goes on from there", path.display()))
            }
            None => error,
        })?;
        let interrupted = (ended == Ended::Interrupted).then(|| self.interrupt.signal());
        if interrupted.is_some() {
            fault(&format!(
                "interrupted: {} of {} runs are kept in {}, {again} goes on from there",
                all.iter().filter(|run| folder.has(&key(run))).count(),
                all.len(),
                path.display()
            ));
        }
        let others = folder.count() - all.iter().filter(|run| folder.has(&key(run))).count();
        Ok(Report { trained: missing.len(), others, seconds: manifest.seconds, interrupted })
    }
}
