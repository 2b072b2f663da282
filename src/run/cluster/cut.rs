//! An experiment's runs cut into tasks, and what those will take.

use std::fmt::Write;

use anyhow::Result;

use super::super::cost::{UNITS_A_SECOND, bytes_of_results, overhead};
use super::super::memory;
use super::super::stacks::{Kind, bytes_a_stack, kinds};
use crate::data::Files;
use crate::experiment::device::Device;
use crate::experiment::{Experiment, Variant};
use crate::text::numbers::{about, about_hours, megabytes};

/// How many tasks are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    Tasks(usize),
    /// With so many runs each.
    Runs(usize),
    /// So many that one lasts some minutes.
    Minutes,
}

/// How long a task is to last, in seconds, where nothing else is asked for.
const LONG: f64 = 600.0;
/// A task that lasts less is hardly worth being started on another machine.
const SHORT: f64 = 60.0;
/// Slurm takes no more tasks in one array, as it is set up by default.
const MOST_BY_DEFAULT: usize = 1000;

/// What the runs take, as far as that can be told before they are trained.
pub struct WorkEstimate {
    kinds: Vec<Kind>,
    /// Of one run of each variant: seconds on one core, and bytes of its rows.
    seconds: Vec<f64>,
    bytes: Vec<f64>,
    seeds: usize,
    device: Device,
}

impl WorkEstimate {
    pub fn of(experiment: &Experiment, files: &Files, device: Device) -> Result<Self> {
        let kinds = kinds(experiment, files, device)?;
        let last_seed = experiment.seeds.iter().max().map_or(1, |seed| seed.to_string().len());
        let bytes = |(variant, kind): (&Variant, &Kind)| {
            bytes_of_results(&variant.config, &kind.size, variant.name.len() + last_seed)
        };
        let seconds = |kind: &Kind| kind.size.cost / UNITS_A_SECOND + overhead(kind.size.updates);
        Ok(WorkEstimate {
            seconds: kinds.iter().map(seconds).collect(),
            bytes: experiment.variants.iter().zip(&kinds).map(bytes).collect(),
            seeds: experiment.seeds.len(),
            kinds,
            device,
        })
    }

    fn seconds_of(&self, run: usize) -> f64 {
        self.seconds[run / self.seeds]
    }

    /// The numbers of each task's runs. Runs of one shape come together, since they fill stacks together, and tasks take
    /// about as long as one another.
    pub fn cut(&self, cut: Cut) -> Vec<Vec<usize>> {
        let mut runs: Vec<usize> = (0..self.kinds.len() * self.seeds).collect();
        runs.sort_by_key(|run| &self.kinds[run / self.seeds].shape);
        let total: f64 = runs.iter().map(|&run| self.seconds_of(run)).sum();
        let tasks = match cut {
            Cut::Runs(count) => return runs.chunks(count).map(sorted).collect(),
            Cut::Tasks(count) => count.min(runs.len()),
            Cut::Minutes => ((total / LONG).ceil() as usize).clamp(1, MOST_BY_DEFAULT).min(runs.len()),
        };
        let mut cut = Vec::with_capacity(tasks);
        let (mut begin, mut spent) = (0, 0.0);
        for task in 0..tasks {
            // At least one run, and one is left for each of the tasks that follow.
            let most = runs.len() - (tasks - task - 1);
            let mut end = begin;
            while end < most {
                let seconds = self.seconds_of(runs[end]);
                let enough = spent + seconds / 2.0 > total * (task + 1) as f64 / tasks as f64;
                if end > begin && task + 1 < tasks && enough {
                    break;
                }
                spent += seconds;
                end += 1;
            }
            cut.push(sorted(&runs[begin..end]));
            begin = end;
        }
        cut
    }

    /// Seconds that each task takes on one core.
    pub fn task_seconds(&self, tasks: &[Vec<usize>]) -> Vec<f64> {
        tasks.iter().map(|runs| runs.iter().map(|&run| self.seconds_of(run)).sum()).collect()
    }

    /// What the tasks take, in two or three lines.
    pub fn told(&self, tasks: &[Vec<usize>]) -> String {
        let seconds = self.task_seconds(tasks);
        let total: f64 = seconds.iter().sum();
        let longest = seconds.iter().copied().fold(0.0, f64::max);
        let most = tasks.iter().map(Vec::len).max().unwrap_or(0) as u64;
        let stack = |kind: &Kind| bytes_a_stack(self.device, kind.size.bytes).min(kind.size.bytes.saturating_mul(most));
        let stack = self.kinds.iter().map(stack).max().unwrap_or(0);
        // libtorch and the experiment are in this process as they will be in a task's.
        let own = memory::peak().unwrap_or(300 << 20);
        let memory = match self.device {
            Device::Cpu => format!("{} of memory", megabytes(own.saturating_add(stack) as f64)),
            _ => format!("{} of memory, {} of the GPU's", megabytes(own as f64), megabytes(stack as f64)),
        };
        let bytes: f64 = self.bytes.iter().sum::<f64>() * self.seeds as f64;
        let mut text = String::new();
        let on = match self.device {
            Device::Cpu => "",
            // What a GPU makes of it depends on how full its stacks are.
            _ => ", as on a CPU",
        };
        let _ = writeln!(
            text,
            "each task    {} on one core, the longest {}{on}; {memory}",
            about(total / tasks.len() as f64),
            about(longest),
        );
        let _ = writeln!(text, "all of them  {} core-hours{on}; {} of results", about_hours(total), megabytes(bytes));
        text
    }

    /// A word on tasks that are hardly worth starting, where there are several.
    pub fn too_short(&self, tasks: &[Vec<usize>]) -> Option<String> {
        let total: f64 = self.task_seconds(tasks).iter().sum();
        let mean = total / tasks.len() as f64;
        let better = ((total / LONG).ceil() as usize).max(1);
        (tasks.len() > 1 && mean < SHORT).then(|| {
            format!(
                "a task lasts {}, and a cluster takes some seconds to start one: --tasks {better} would do",
                about(mean)
            )
        })
    }
}

fn sorted(runs: &[usize]) -> Vec<usize> {
    let mut runs = runs.to_vec();
    runs.sort_unstable();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(text: &str) -> WorkEstimate {
        let experiment = Experiment::parse(text, "test.toml", &[]).unwrap();
        WorkEstimate::of(&experiment, &Files::default(), Device::Cpu).unwrap()
    }

    const SWEEP: &str = "seeds = 3\n[train]\nsteps = 1000\n[sweep]\n\"model.hidden\" = [[8], [200, 200]]\n\"optimizer.learning_rate\" = [1e-3, 1e-2]\n";

    #[test]
    fn every_run_is_in_one_task_and_no_task_is_empty() {
        let estimate = estimate(SWEEP);
        for cut in (1..15).map(Cut::Tasks).chain((1..15).map(Cut::Runs)).chain([Cut::Minutes]) {
            let tasks = estimate.cut(cut);
            let mut all = tasks.concat();
            all.sort_unstable();
            assert_eq!(all, (0..12).collect::<Vec<_>>(), "{cut:?}");
            assert!(tasks.iter().all(|runs| !runs.is_empty() && runs.is_sorted()), "{cut:?}");
            match cut {
                Cut::Tasks(count) => assert_eq!(tasks.len(), count.min(12)),
                Cut::Runs(count) => assert_eq!(tasks.len(), 12_usize.div_ceil(count)),
                Cut::Minutes => {}
            }
        }
    }

    #[test]
    fn tasks_last_about_as_long_as_one_another_and_have_one_shape_where_they_can() {
        let estimate = estimate(&SWEEP.replace("seeds = 3", "seeds = 300"));
        let tasks = estimate.cut(Cut::Tasks(20));
        let seconds = estimate.task_seconds(&tasks);
        let (least, most) = seconds.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), &s| (l.min(s), m.max(s)));
        assert!(most < 1.1 * least, "{seconds:?}");
        let shapes = |runs: &[usize]| {
            let mut shapes: Vec<_> = runs.iter().map(|run| &estimate.kinds[run / 300].shape).collect();
            shapes.sort();
            shapes.dedup();
            shapes.len()
        };
        assert!(tasks.iter().filter(|runs| shapes(runs) > 1).count() <= 1);
        // Small networks by the hundred in a task, large ones in several.
        assert!(tasks.iter().map(Vec::len).max() > Some(3 * tasks.iter().map(Vec::len).min().unwrap()));
    }
}
