//! Runs as they were measured, and the one number that says how well a run did.

use super::noise;
use crate::experiment::Goal;
use crate::experiment::config::Config;
use crate::experiment::table::Task;
use crate::report::summary::{Middle, VariantSummary, score};
use crate::results::outcome::{FITS, Outcome};
use crate::results::rows::{CurvePoint, HealthRow, RunRow};

/// One run's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    pub run: RunRow,
    pub health: HealthRow,
    pub curve: Vec<CurvePoint>,
}

impl Observed {
    /// The outcome measure of a diagnosis, see [`score()`].
    pub fn score(&self) -> f64 {
        score(&self.run)
    }

    /// A finer measure than the score where that is 0 or 1: a thousandth for every tenfold of the error.
    pub fn progress(&self) -> f64 {
        let tenfolds = -(self.run.test_rmse / self.health.target_std).log10();
        self.score() + 1e-3 * if tenfolds.is_nan() || self.diverged() { -6.0 } else { tenfolds.clamp(-6.0, 6.0) }
    }

    pub fn diverged(&self) -> bool {
        self.run.outcome == Outcome::Diverged
    }
}

/// What counts as a fit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FitGoal {
    /// What the file asks for; where it asks for nothing, a run fits if its outcome says so.
    pub asked: Goal,
    /// The R² that is enough where noise allows no more, and the file asks for nothing.
    pub noise: Option<f64>,
}

impl FitGoal {
    /// Of targets of which so much of the variance is noise.
    pub fn new(asked: Goal, noise_share: Option<f64>) -> Self {
        let noise = (asked == Goal::default()).then(|| noise::goal(noise_share)).filter(|goal| *goal < FITS);
        FitGoal { asked, noise }
    }

    fn holds(&self, run: &RunRow) -> bool {
        let enough = |goal: f64| run.outcome != Outcome::Diverged && run.r2 >= goal;
        run.outcome == Outcome::Fits || self.noise.is_some_and(enough)
    }

    /// The R² that a regression must reach; nothing where the file asks for something else.
    pub fn r2(&self) -> Option<f64> {
        if self.asked == Goal::default() { Some(self.noise.unwrap_or(FITS)) } else { self.asked.r2 }
    }
}

/// A variant's runs, one for each seed, in the seeds' order.
#[derive(Debug, Clone)]
pub struct Measured {
    pub name: String,
    pub config: Config,
    pub task: Task,
    /// Columns of the targets.
    pub targets: usize,
    pub runs: Vec<Observed>,
    pub goal: FitGoal,
}

/// The share of a variant's seeds that must fit for it to be called enough.
pub const ENOUGH: f64 = 0.8;

impl Measured {
    pub fn fitting(&self) -> usize {
        self.count(|run| self.goal.holds(&run.run))
    }

    /// Whether it predicts numbers: neither classes nor labels.
    pub fn of_numbers(&self) -> bool {
        self.task == Task::Regression
    }

    /// The first so many of its runs.
    pub fn first(&self, seeds: usize) -> Self {
        let mut first = self.clone();
        first.runs.truncate(seeds);
        first
    }

    /// How many runs are so.
    pub fn count(&self, is: impl Fn(&Observed) -> bool) -> usize {
        self.runs.iter().filter(|run| is(run)).count()
    }

    /// Whether more than half of the runs are so.
    pub fn mostly(&self, is: impl Fn(&Observed) -> bool) -> bool {
        2 * self.count(is) > self.runs.len()
    }

    /// Whether it fits, on at least [`ENOUGH`] of its seeds.
    pub fn enough(&self) -> bool {
        self.fitting() as f64 >= ENOUGH * self.runs.len() as f64 && !self.runs.is_empty()
    }

    pub fn scores(&self) -> Vec<f64> {
        self.runs.iter().map(Observed::score).collect()
    }

    pub fn score(&self) -> f64 {
        mean(self.runs.iter().map(Observed::score))
    }

    pub fn progress(&self) -> f64 {
        mean(self.runs.iter().map(Observed::progress))
    }

    /// The median over the seeds, NaN as the worst.
    pub fn median(&self, of: impl Fn(&Observed) -> f64) -> f64 {
        Middle::of(self.runs.iter().map(of)).map_or(f64::NAN, |middle| middle.median)
    }

    pub fn test_rmse(&self) -> f64 {
        self.median(|run| if run.run.test_rmse.is_nan() { f64::INFINITY } else { run.run.test_rmse })
    }

    /// What always saying the same comes down to, of classes and of labels.
    pub fn most_frequent(&self) -> &'static str {
        if self.task == Task::MultiLabel { "what is more frequent of each label" } else { "the most frequent class" }
    }

    /// What their shares are called.
    pub fn shares(&self) -> &'static str {
        if self.task == Task::MultiLabel { "the labels' shares" } else { "the classes' shares" }
    }

    /// How far off it is, as a person would say it: `accuracy 0.9` of classes and labels, `test RMSE 0.1` of numbers; medians.
    pub fn error(&self, show: fn(f64) -> String) -> String {
        match self.of_numbers() {
            true => format!("test RMSE {}", show(self.test_rmse())),
            false => format!("accuracy {}", show(self.median(|run| run.run.accuracy))),
        }
    }

    /// `fits 6/6`, or each outcome with its count.
    pub fn outcomes(&self) -> String {
        let rows: Vec<&RunRow> = self.runs.iter().map(|run| &run.run).collect();
        VariantSummary::of(&self.name, &rows).map_or_else(String::new, |s| s.outcomes_line())
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
