//! Stacks onto threads; what has ended is kept at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};

use super::baselines::BaselineCache;
use super::progress::Progress;
use super::record;
use super::stacks::Job;
use crate::data::{Files, RunData};
use crate::experiment::Experiment;
use crate::results::folder::Folder;
use crate::results::part::RunRows;
use crate::results::points::PredictionColumns;
use crate::train::agreement::Agreements;
use crate::train::device::{self, Device};
use crate::train::engine::Lane;
use crate::train::train_as_configured;

/// How a schedule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Done,
    Interrupted,
}

/// What a schedule works with.
pub struct Schedule<'a> {
    pub experiment: &'a Experiment,
    pub files: &'a Files,
    pub columns: &'a PredictionColumns,
    pub folder: &'a Folder,
    pub device: Device,
    pub threads: usize,
    pub stop: &'a AtomicBool,
    pub progress: &'a Progress,
    pub baselines: &'a BaselineCache,
    pub agreements: Agreements,
}

impl Schedule<'_> {
    /// Trains all jobs. What ends before an interruption or a failure is kept.
    pub fn run(&self, jobs: &[Job]) -> Result<Ended> {
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let failure = Mutex::new(None);
        let fail = |error| _ = failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads.min(jobs.len()))
                .map(|_| {
                    scope.spawn(|| {
                        device::single_threaded();
                        while !self.stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed) {
                            let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                            if let Err(error) = self.job(job) {
                                failed.store(true, Ordering::Relaxed);
                                fail(error);
                            }
                        }
                    })
                })
                .collect();
            for worker in workers {
                if worker.join().is_err() {
                    fail(anyhow!("a training thread panicked: this is a fault of misfit, please report it"));
                }
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None if self.stop.load(Ordering::Relaxed) => Ok(Ended::Interrupted),
            None => Ok(Ended::Done),
        }
    }

    fn job(&self, job: &Job) -> Result<()> {
        match self.train(job) {
            // How much a GPU has free is known only by trying.
            Err(error) if job.runs.len() > 1 && device::out_of_memory(&error) => {
                let halves = job.runs.split_at(job.runs.len() / 2);
                [halves.0, halves.1].into_iter().try_for_each(|half| {
                    let share = half.len() as f64 / job.runs.len() as f64;
                    self.job(&Job { runs: half.to_vec(), cost: job.cost * share })
                })
            }
            other => other,
        }
    }

    fn train(&self, job: &Job) -> Result<()> {
        let lanes = job
            .runs
            .iter()
            .map(|run| {
                let config = self.experiment.variants[run.variant].config.clone();
                let data = Arc::new(RunData::new(&config, run.seed, self.files)?);
                Ok(Lane { config, seed: run.seed, data })
            })
            .collect::<Result<Vec<_>>>()?;
        let all = lanes.iter().map(Lane::steps).sum::<Result<usize>>()?;
        let tell = |updates| self.progress.updates(updates, job.cost * updates as f64 / all as f64);
        let trained =
            train_as_configured(&lanes, self.device, &self.agreements, self.stop, &tell).with_context(|| {
                let names: BTreeSet<&str> =
                    job.runs.iter().map(|run| self.experiment.variants[run.variant].name.as_str()).collect();
                format!("variant {}", names.into_iter().collect::<Vec<_>>().join(", "))
            })?;
        let rows: Vec<RunRows> = job
            .runs
            .iter()
            .zip(&lanes)
            .zip(&trained)
            .map(|((run, lane), trained)| {
                let baselines = self.baselines.of(&lane.data, &lane.config);
                record::rows(self.experiment, self.columns, run, lane, trained, &baselines)
            })
            .collect();
        self.folder.keep(&rows)?;
        self.progress.ended(rows.len());
        Ok(())
    }
}
