//! Runs into stacks, stacks onto threads; what has ended is kept at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow, ensure};
use tch::Device;

use crate::analysis::bounds::Baselines;
use crate::analysis::health::most_pieces;
use crate::analysis::outcome::{Evidence, Fit, Outcome, deviation};
use crate::data::{Files, RunData, Samples, batch_rows, training_rows, training_samples};
use crate::experiment::config::{Config, Target, Test};
use crate::experiment::{Experiment, Run};
use crate::memory::{self, gibibytes};
use crate::results::folder::Folder;
use crate::results::part::RunRows;
use crate::results::rows::{self, HealthRow, Key, RunRow, loss_slope};
use crate::show::progress::Progress;
use crate::train::stack::{Lane, Shape, bytes_a_lane};
use crate::train::{Trained, device, train};

/// How many lanes a stack has at most, and how many bytes they take together.
struct Limits {
    lanes: usize,
    bytes: u64,
    /// Stacks for each thread, at least, so that no thread waits long for the last one.
    stacks_a_thread: usize,
}

impl Limits {
    fn of(device: Device) -> Self {
        match device {
            // A lane trains alone; a stack spares it the allocations, and what ended is kept stack by stack.
            Device::Cpu => Limits { lanes: 64, bytes: 64 << 20, stacks_a_thread: 8 },
            // An operation on a GPU costs the same for one lane and for thousands. A stack that does not fit is halved.
            _ => Limits { lanes: 16384, bytes: 4 << 30, stacks_a_thread: 1 },
        }
    }
}

/// Runs that train together, and how much work that is.
pub struct Job {
    pub runs: Vec<Run>,
    /// In an arbitrary unit.
    pub cost: f64,
}

/// How a schedule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Done,
    Interrupted,
}

/// What is known of a variant's runs before any is made.
struct Size {
    rows: usize,
    test: usize,
    columns: usize,
    bytes: u64,
    cost: f64,
}

/// Checks every variant against its data and against the memory that there is, before anything is trained or written.
pub fn check(experiment: &Experiment, variants: &[usize], files: &Files, device: Device, threads: usize) -> Result<()> {
    let mut sizes = Vec::with_capacity(variants.len());
    for &at in variants {
        let variant = &experiment.variants[at];
        sizes.push((
            size(device, &variant.config, files).with_context(|| format!("variant {:?}", variant.name))?.bytes,
            variant,
        ));
    }
    // The largest runs, as many as there are threads, may train at the same time.
    sizes.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let each = experiment.seeds.len();
    let mut left = threads;
    let mut need = 0_u64;
    for (bytes, _) in &sizes {
        let runs = each.min(left);
        need = need.saturating_add(bytes.saturating_mul(runs as u64));
        left -= runs;
    }
    let free = memory::free();
    if let Some((largest, variant)) = sizes.first() {
        ensure!(
            need <= free,
            "variant {:?}: needs about {} of memory ({} a run), {} are free: make model.hidden, batch.size, train.log_points or the data smaller, or take fewer --threads",
            variant.name,
            gibibytes(need),
            gibibytes(*largest),
            gibibytes(free)
        );
    }
    Ok(())
}

fn size(device: Device, config: &Config, files: &Files) -> Result<Size> {
    let rows = training_rows(config, files)?;
    let (test, columns) = match (&config.data.test, &config.data.target) {
        (Test::Grid(span) | Test::Uniform(span), _) => (span.count, 1),
        (_, Target::Polynomial { .. }) => (rows, 1),
        (_, Target::Csv { inputs, .. }) => (RunData::new(config, 0, files)?.test.rows(), inputs.len()),
    };
    let bytes = bytes_a_lane(device::by(device), config, rows, test, columns)?;
    let batch = batch_rows(&config.batch, rows)?;
    let steps = steps(config, rows);
    let widths: Vec<usize> = [columns].into_iter().chain(config.model.hidden.iter().copied()).chain([1]).collect();
    let products: f64 = widths.windows(2).map(|pair| pair[0] as f64 * pair[1] as f64).sum();
    let units: f64 = widths[1..].iter().map(|&width| width as f64).sum();
    // A number that passes through an activation costs about what 30 multiplications in a product do.
    let sample = 3.0 * products + 30.0 * units;
    let logged = config.train.logged(steps) as f64;
    let cost =
        steps as f64 * (batch as f64 * sample + 20.0 * products) + logged * test as f64 * (products + 20.0 * units);
    Ok(Size { rows, test, columns, bytes, cost })
}

/// Updates that a run makes with this many training samples.
fn steps(config: &Config, rows: usize) -> usize {
    batch_rows(&config.batch, rows).map_or(0, |batch| config.train.length.steps(rows, batch))
}

/// What a plan has to know of each of an experiment's variants.
pub struct Kind {
    /// Variants of equal shapes train together.
    pub shape: Shape,
    /// Of one run, in the scheduler's unit.
    pub cost: f64,
    /// Memory that one run takes while it trains.
    pub bytes: u64,
    /// Training samples and test points.
    pub rows: usize,
    pub test: usize,
    pub columns: usize,
}

/// Of every variant, in their order.
pub fn kinds(experiment: &Experiment, files: &Files, device: Device) -> Result<Vec<Kind>> {
    let kind = |variant: &crate::experiment::Variant| -> Result<Kind> {
        let config = &variant.config;
        let Size { rows, test, columns, bytes, cost } = size(device, config, files)?;
        Ok(Kind { shape: Shape::of(config, rows, test, columns)?, cost, bytes, rows, test, columns })
    };
    experiment
        .variants
        .iter()
        .map(|variant| kind(variant).with_context(|| format!("variant {:?}", variant.name)))
        .collect()
}

/// Memory that the runs of one thread take, at most, if each takes so much.
pub fn bytes_a_stack(device: Device, bytes: u64) -> u64 {
    let limits = Limits::of(device);
    bytes.saturating_mul((limits.bytes / bytes.max(1)).clamp(1, limits.lanes as u64))
}

/// Sorts runs into stacks of one shape, the costliest first.
pub fn jobs(experiment: &Experiment, runs: &[Run], files: &Files, device: Device, threads: usize) -> Result<Vec<Job>> {
    let limits = Limits::of(device);
    let mut sizes: BTreeMap<usize, (Shape, Size)> = BTreeMap::new();
    let mut groups: BTreeMap<Shape, Vec<Run>> = BTreeMap::new();
    let mut total = 0.0;
    for &run in runs {
        let (shape, size) = match sizes.entry(run.variant) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let config = &experiment.variants[run.variant].config;
                let size = size(device, config, files)?;
                entry.insert((Shape::of(config, size.rows, size.test, size.columns)?, size))
            }
        };
        total += size.cost;
        groups.entry(shape.clone()).or_default().push(run);
    }
    let share = total / (threads * limits.stacks_a_thread) as f64;
    let mut jobs = Vec::new();
    for runs in groups.into_values() {
        // Of one shape, but perhaps with more training samples in one variant than in another.
        let largest = |of: fn(&Size) -> f64| runs.iter().map(|run| of(&sizes[&run.variant].1)).fold(0.0, f64::max);
        let (bytes, cost) = (largest(|size| size.bytes as f64), largest(|size| size.cost));
        let fitting = (limits.bytes as f64 / bytes.max(1.0)) as usize;
        let lanes = fitting.min((share / cost) as usize).clamp(1, limits.lanes);
        for stack in runs.chunks(lanes) {
            let cost = stack.iter().map(|run| sizes[&run.variant].1.cost).sum();
            jobs.push(Job { runs: stack.to_vec(), cost });
        }
    }
    jobs.sort_by(|a, b| b.cost.total_cmp(&a.cost));
    Ok(jobs)
}

/// What a schedule works with.
pub struct Schedule<'a> {
    pub experiment: &'a Experiment,
    pub files: &'a Files,
    pub folder: &'a Folder,
    pub device: Device,
    pub threads: usize,
    pub stop: &'a AtomicBool,
    pub progress: &'a Progress,
    pub baselines: BaselineCache,
}

/// The baselines of the test points that were met last: of most experiments all runs share theirs.
#[derive(Default)]
pub struct BaselineCache(Mutex<Vec<(Samples, f64, Arc<Baselines>)>>);

impl BaselineCache {
    const KEPT: usize = 16;

    fn of(&self, lane: &Lane) -> Arc<Baselines> {
        let (test, most) = (&lane.data.test, most_pieces(&lane.config.model));
        let found = |kept: &[(Samples, f64, Arc<Baselines>)]| {
            kept.iter().find(|(points, pieces, _)| *pieces == most && points == test).map(|(.., known)| known.clone())
        };
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = found(&lock()) {
            return known;
        }
        let new = Arc::new(Baselines::of(test, &lane.config.data, most));
        let mut kept = lock();
        kept.truncate(Self::KEPT - 1);
        kept.insert(0, (test.clone(), most, new.clone()));
        new
    }
}

impl Schedule<'_> {
    /// Trains all jobs. What ends before an interruption or a failure is kept.
    pub fn run(&self, jobs: &[Job]) -> Result<Ended> {
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads.min(jobs.len()))
                .map(|_| {
                    scope.spawn(|| {
                        device::single_threaded();
                        while !self.stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed) {
                            let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                            if let Err(error) = self.job(job) {
                                failed.store(true, Ordering::Relaxed);
                                failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                            }
                        }
                    })
                })
                .collect();
            for worker in workers {
                if worker.join().is_err() {
                    failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(anyhow!(
                        "a training thread panicked: this is a fault of misfit, please report it"
                    ));
                }
            }
        });
        match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
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
        let all: usize = lanes.iter().map(|lane| steps(&lane.config, lane.data.train.rows())).sum();
        let tell = |updates| self.progress.updates(updates, job.cost * updates as f64 / all as f64);
        let trained = train(&lanes, self.device, self.stop, &tell).with_context(|| {
            let names: BTreeSet<&str> =
                job.runs.iter().map(|run| self.experiment.variants[run.variant].name.as_str()).collect();
            format!("variant {}", names.into_iter().collect::<Vec<_>>().join(", "))
        })?;
        let rows: Vec<RunRows> = job
            .runs
            .iter()
            .zip(&lanes)
            .zip(&trained)
            .map(|((run, lane), trained)| self.rows(run, lane, trained))
            .collect();
        self.folder.keep(&rows)?;
        self.progress.ended(rows.len());
        Ok(())
    }

    /// A run's rows in the run files.
    fn rows(&self, run: &Run, lane: &Lane, trained: &Trained) -> RunRows {
        let variant = &self.experiment.variants[run.variant];
        let test = &lane.data.test;
        let losses: Vec<(f64, f64)> = trained.curve.iter().map(|point| (point.train_loss, point.test_loss)).collect();
        let fit = Fit::of(&trained.predictions, &test.targets);
        let baselines = self.baselines.of(lane);
        let row = RunRow {
            variant: variant.name.clone(),
            seed: run.seed,
            outcome: Outcome::of(&Evidence {
                losses: &losses,
                predictions: &trained.predictions,
                targets: &test.targets,
                line_rmse: baselines.line_rmse,
            }),
            steps: trained.steps,
            first_loss: losses.first().map_or(f64::NAN, |(loss, _)| *loss),
            last_loss: losses.last().map_or(f64::NAN, |(loss, _)| *loss),
            test_rmse: fit.rmse,
            r2: fit.r2,
        };
        let mut kinks = trained.health.kinks.clone();
        if let Some(scale) = lane.data.input_scale.first() {
            kinks.iter_mut().for_each(|kink| *kink = scale.unscale(*kink));
            // Inputs may be divided by a negative number.
            kinks.sort_by(f64::total_cmp);
        }
        let health = HealthRow {
            variant: variant.name.clone(),
            seed: run.seed,
            first_gradient: trained.health.first_gradient,
            last_gradient: trained.health.last_gradient,
            saturated_units: trained.health.saturated_units,
            identical_units: trained.health.identical_units,
            pieces: trained.health.pieces,
            most_pieces: trained.health.most_pieces,
            distinct_samples: trained.distinct_samples as f64,
            training_samples: training_samples(&lane.config, lane.data.train.rows()),
            loss_slope: loss_slope(&trained.curve),
            prediction: spread(&trained.predictions),
            target: spread(&test.targets),
            zero_rmse: baselines.zero_rmse,
            mean_rmse: baselines.mean_rmse,
            line_rmse: baselines.line_rmse,
            pieces_rmse: baselines.pieces_rmse(trained.health.pieces),
            most_pieces_rmse: baselines.pieces_rmse(trained.health.most_pieces),
            kinks,
        };
        let own = rows::variant_inputs(variant);
        let columns: Vec<Option<usize>> =
            rows::input_columns(self.experiment).iter().map(|name| own.iter().position(|own| own == name)).collect();
        let mut predictions = String::new();
        let seed = run.seed.to_string();
        for (point, prediction) in trained.predictions.iter().enumerate() {
            let mut fields = vec![variant.name.clone(), seed.clone()];
            fields.extend(
                columns.iter().map(|column| column.map_or_else(String::new, |c| rows::number(test.row(point)[c]))),
            );
            fields.extend([rows::number(test.targets[point]), rows::number(*prediction)]);
            predictions.push_str(&rows::line(&fields));
        }
        RunRows {
            key: Key { variant: variant.name.clone(), seed: run.seed },
            rows: [
                rows::curve_lines(&variant.name, run.seed, &trained.curve),
                rows::run_line(&row, variant),
                predictions,
                rows::health_line(&health),
            ],
        }
    }
}

/// Standard deviation, lowest and highest.
fn spread(values: &[f64]) -> [f64; 3] {
    if values.iter().any(|value| value.is_nan()) {
        return [f64::NAN; 3];
    }
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    [deviation(values), low, high]
}
