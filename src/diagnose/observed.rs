//! Runs as they were measured, and the one number that says how well a run did.

use crate::experiment::Goal;
use crate::experiment::config::{Config, Split};
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
    /// What fixes are measured by, see [`score()`].
    pub fn closeness(&self) -> f64 {
        score(&self.run)
    }

    /// A finer measure where that is 0: what is chosen between when nothing is better than a constant.
    fn progress(&self) -> f64 {
        let tenfolds = -(self.run.test_rmse / self.health.target_std).log10();
        self.closeness() + 1e-3 * if tenfolds.is_nan() || self.diverged() { -6.0 } else { tenfolds.clamp(-6.0, 6.0) }
    }

    /// The R² that counts as a fit of numbers.
    pub fn goal_r2(&self) -> Option<f64> {
        Some(self.health.goal_r2).filter(|goal| !goal.is_nan())
    }

    pub fn diverged(&self) -> bool {
        self.run.outcome == Outcome::Diverged
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
    /// Classes of a classification, 0 of anything else.
    pub classes: usize,
    /// Whether it is tested on the rows that it learns from.
    pub training_error: bool,
    pub runs: Vec<Observed>,
    /// What the file asks of a fit.
    pub asked: Goal,
}

/// The share of a variant's seeds that must fit for it to be called enough.
pub const ENOUGH: f64 = 0.8;

impl Measured {
    pub fn fitting(&self) -> usize {
        self.count(|run| run.run.outcome == Outcome::Fits)
    }

    /// Whether it predicts numbers: neither classes nor labels.
    pub fn of_numbers(&self) -> bool {
        self.task == Task::Regression
    }

    /// Whether what it is tested on varies, on most seeds; else nothing can be explained.
    pub fn varied(&self) -> bool {
        self.mostly(|run| match self.of_numbers() {
            true => run.health.target_std > 0.0,
            false => run.health.class_shares.iter().any(|share| *share > 0.0 && *share < 1.0),
        })
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

    pub fn closeness(&self) -> Vec<f64> {
        self.runs.iter().map(Observed::closeness).collect()
    }

    /// How much closer its runs are than another's, one for each seed that both have.
    pub fn gains_over(&self, other: &Measured) -> Vec<f64> {
        let theirs = |seed: u64| other.runs.iter().find(|run| run.run.seed == seed);
        let gain = |ours: &Observed| Some(ours.closeness() - theirs(ours.run.seed)?.closeness());
        self.runs.iter().filter_map(gain).collect()
    }

    /// The R² that is a fit (median), where the file asks for none and it is less than 0.99.
    pub fn allowed(&self) -> Option<f64> {
        let goal = self.median(|run| run.health.goal_r2);
        (self.of_numbers() && self.asked == Goal::default() && goal < FITS).then_some(goal)
    }

    /// Whether nothing counts as a fit: rows are tested where they are learnt, and whatever fits them has learnt by heart.
    pub fn by_heart(&self) -> bool {
        let goal = if self.of_numbers() {
            |run: &Observed| run.health.goal_r2
        } else {
            |run: &Observed| run.health.goal_accuracy
        };
        self.asked == Goal::default() && self.mostly(|run| goal(run).is_nan())
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

    /// What its errors are measured on.
    pub fn on(&self) -> &'static str {
        match (self.training_error, self.config.data.split) {
            (true, _) => "training",
            (false, Split::Validation) => "validation",
            (false, _) => "test",
        }
    }

    /// How far off it is, as a person would say it: `test accuracy 0.9` of classes and labels, `test RMSE 0.1` of numbers; medians.
    pub fn error(&self, show: fn(f64) -> String) -> String {
        let on = self.on();
        match self.of_numbers() {
            true => format!("{on} RMSE {}", show(self.test_rmse())),
            false => format!("{on} accuracy {}", show(self.median(|run| run.run.accuracy))),
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
