//! Which runs go together: runs into stacks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use anyhow::{Context, Result};

use super::cost::{Size, size};
use crate::data::Files;
use crate::experiment::config::Config;
use crate::experiment::device::Device;
use crate::experiment::{Experiment, Run, Variant};
use crate::train::shape::Shape;

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

/// A variant's runs before any is made.
pub struct Kind {
    /// Variants of equal shapes train together.
    pub shape: Shape,
    pub size: Size,
}

impl Kind {
    fn of(config: &Config, seed: u64, files: &Files, device: Device) -> Result<Self> {
        let size = size(device, config, seed, files)?;
        Ok(Kind { shape: Shape::of(config, size.rows, size.test, size.columns, &size.coding)?, size })
    }
}

/// Of every variant, in their order.
pub fn kinds(experiment: &Experiment, files: &Files, device: Device) -> Result<Vec<Kind>> {
    let kind = |variant: &Variant| {
        Kind::of(&variant.config, 0, files, device).with_context(|| format!("variant {:?}", variant.name))
    };
    experiment.variants.iter().map(kind).collect()
}

/// Memory that the runs of one thread take, at most, if each takes so much.
pub fn bytes_a_stack(device: Device, bytes: u64) -> u64 {
    let limits = Limits::of(device);
    bytes.saturating_mul((limits.bytes / bytes.max(1)).clamp(1, limits.lanes as u64))
}

/// Sorts runs into stacks of one shape, the costliest first.
pub fn jobs(experiment: &Experiment, runs: &[Run], files: &Files, device: Device, threads: usize) -> Result<Vec<Job>> {
    let limits = Limits::of(device);
    let mut kinds: BTreeMap<(usize, u64), Kind> = BTreeMap::new();
    // Of most variants the runs of all seeds have one shape.
    let mut vary: BTreeMap<usize, bool> = BTreeMap::new();
    let mut keys: BTreeMap<Run, (usize, u64)> = BTreeMap::new();
    let mut groups: BTreeMap<Shape, Vec<Run>> = BTreeMap::new();
    let mut total = 0.0;
    for &run in runs {
        let variant = run.variant;
        let vary = match vary.entry(variant) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => *entry.insert(files.vary(&experiment.variants[variant].config.data)?),
        };
        let seed = if vary { run.seed } else { 0 };
        keys.insert(run, (variant, seed));
        let kind = match kinds.entry((variant, seed)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Kind::of(&experiment.variants[variant].config, seed, files, device)?),
        };
        total += kind.size.cost;
        groups.entry(kind.shape.clone()).or_default().push(run);
    }
    let share = total / (threads * limits.stacks_a_thread) as f64;
    let mut jobs = Vec::new();
    for runs in groups.into_values() {
        let largest = |of: fn(&Size) -> f64| runs.iter().map(|run| of(&kinds[&keys[run]].size)).fold(0.0, f64::max);
        let (bytes, cost) = (largest(|size| size.bytes as f64), largest(|size| size.cost));
        let fitting = (limits.bytes as f64 / bytes.max(1.0)) as usize;
        let lanes = fitting.min((share / cost) as usize).clamp(1, limits.lanes);
        for stack in runs.chunks(lanes) {
            let cost = stack.iter().map(|run| kinds[&keys[run]].size.cost).sum();
            jobs.push(Job { runs: stack.to_vec(), cost });
        }
    }
    jobs.sort_by(|a, b| b.cost.total_cmp(&a.cost));
    Ok(jobs)
}
