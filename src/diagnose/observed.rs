//! Runs as they were measured, and the one number that says how well a run did.

use crate::experiment::Goal;
use crate::experiment::config::{Activation, Config, Model, Output};
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
    /// The R² that can be asked of it, see [`reachable()`].
    pub reachable_r2: f64,
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

    pub fn diverged(&self) -> bool {
        self.run.outcome == Outcome::Diverged
    }
}

/// Of what can be explained at all a straight line explains so much, where it is all that is asked of a linear model.
const MOSTLY_LINEAR: f64 = 0.8;

/// The R² that can be asked of a network where the best of a few simple learners reaches `learners`: of a linear regression that
/// of the best straight line, if that explains most of it. NaN where nothing is known.
pub fn reachable(model: &Model, learners: f64, line: f64) -> f64 {
    if is_linear_regression(model) && line >= MOSTLY_LINEAR * learners { line.min(learners) } else { learners }
}

/// Whether a network is one matrix product, whatever its layers.
pub fn is_linear(model: &Model) -> bool {
    model.activation.iter().all(|a| *a == Activation::Identity) && model.output == Output::Identity
}

/// Whether a network is a linear model without hidden layers.
pub fn is_linear_regression(model: &Model) -> bool {
    model.hidden.is_empty() && is_linear(model)
}

/// What counts as a fit: what the file asks for. Where it asks for nothing, a run fits if its outcome says so, or if it comes as
/// near as the best of a few simple learners does.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FitGoal(pub Goal);

/// Unexplained variance beside that of the best simple learner: 5 % more of its error still counts as reached.
const AS_NEAR: f64 = 1.05 * 1.05;
/// Whatever is a fit is better than the mean by so much.
const LEAST: f64 = 0.02;

impl FitGoal {
    fn holds(&self, run: &Observed) -> bool {
        let near = self.allowed(run.reachable_r2).is_some_and(|goal| run.run.r2 >= goal);
        run.run.outcome == Outcome::Fits || (near && !run.diverged())
    }

    /// The R² that is enough where the best of a few simple learners reaches this one, and the file asks for nothing.
    pub fn allowed(&self, reachable: f64) -> Option<f64> {
        let goal = (1.0 - AS_NEAR * (1.0 - reachable)).max(LEAST);
        (self.0 == Goal::default() && !reachable.is_nan() && goal < FITS).then_some(goal)
    }

    /// The R² that a regression must reach; nothing where the file asks for something else.
    pub fn r2(&self, reachable: f64) -> Option<f64> {
        if self.0 == Goal::default() { Some(self.allowed(reachable).unwrap_or(FITS)) } else { self.0.r2 }
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
    /// Whether it is tested on the rows that it learns from.
    pub training_error: bool,
    pub runs: Vec<Observed>,
    pub goal: FitGoal,
}

/// The share of a variant's seeds that must fit for it to be called enough.
pub const ENOUGH: f64 = 0.8;

impl Measured {
    pub fn fitting(&self) -> usize {
        self.count(|run| self.goal.holds(run))
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

    pub fn closeness(&self) -> Vec<f64> {
        self.runs.iter().map(Observed::closeness).collect()
    }

    /// How much closer its runs are than another's, one for each seed that both have.
    pub fn gains_over(&self, other: &Measured) -> Vec<f64> {
        let theirs = |seed: u64| other.runs.iter().find(|run| run.run.seed == seed);
        let gain = |ours: &Observed| Some(ours.closeness() - theirs(ours.run.seed)?.closeness());
        self.runs.iter().filter_map(gain).collect()
    }

    /// The R² that is enough where the data allow no more (median); nothing where 0.99 is asked, or what the file says.
    pub fn allowed(&self) -> Option<f64> {
        self.goal.allowed(self.median(|run| run.reachable_r2))
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
