//! Runs as they were measured, and the one number that says how well a run did.

use crate::experiment::config::Config;
use crate::report::summary::{Middle, VariantSummary, score};
use crate::results::outcome::Outcome;
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

/// A variant's runs, one for each seed, in the seeds' order.
#[derive(Debug, Clone)]
pub struct Measured {
    pub name: String,
    pub config: Config,
    pub runs: Vec<Observed>,
    /// The R² that counts as a fit: that of the outcome, or less where noise allows less.
    pub goal: f64,
}

/// The share of a variant's seeds that must fit for it to be called enough.
pub const ENOUGH: f64 = 0.8;

impl Measured {
    pub fn fitting(&self) -> usize {
        self.count(|run| !run.diverged() && run.run.r2 >= self.goal)
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
