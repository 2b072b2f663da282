//! How sure a verdict must be: when seeds are enough to tell, and how many might be where they are not.

use super::observed::{ENOUGH, Measured};
use crate::stats::closeness::TWENTIETH;
use crate::stats::effects::{Estimate, student_t};
use crate::stats::moments::deviation;
use crate::stats::proportion::wilson;

/// Whether a set fits often enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// On [`ENOUGH`] of its seeds, and its interval is above [`HALF`].
    Yes,
    /// Its interval is below [`ENOUGH`].
    No,
    Unclear,
}

/// What one set gains over another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    More,
    Less,
    /// Whatever it is, it is less than what one seed differs from another by.
    Same,
    Unclear,
}

/// What is held to be enough fits on more than every second seed, whatever else.
const HALF: f64 = 0.5;
/// In tenfolds: where two sets both fit, or seeds differ by as much, up to a quarter of the error is no difference, unless the
/// interval says that there is one.
const LITTLE: f64 = 0.1;
/// More seeds than this nobody has.
const MOST_SEEDS: usize = 1000;

/// The confidence of every interval that a verdict looks at. Whoever looks up to K times, with more seeds each time, and stops
/// once it decides, must ask more of each look (Pocock 1977).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standard {
    pub confidence: f64,
}

/// The error that each of 1, 2, … looks may have, so that all together have 5 % (Pocock 1977, table 1; Jennison & Turnbull
/// 1999, table 2.1).
const POCOCK: [f64; 8] = [0.05, 0.0294, 0.0221, 0.0182, 0.0158, 0.0142, 0.0130, 0.0120];

impl Standard {
    pub const MOST_LOOKS: usize = POCOCK.len();

    /// Of so many looks at most.
    pub fn of_looks(looks: usize) -> Self {
        Standard { confidence: 1.0 - POCOCK[looks.clamp(1, POCOCK.len()) - 1] }
    }

    /// The Wilson interval of how often a set fits.
    pub fn share(&self, measured: &Measured) -> [f64; 2] {
        wilson(measured.fitting(), measured.runs.len(), self.confidence)
    }

    pub fn reached(&self, measured: &Measured) -> Reached {
        self.told(measured.fitting(), measured.runs.len())
    }

    /// The same of so many of so many runs.
    pub fn told(&self, fitting: usize, runs: usize) -> Reached {
        let [low, high] = wilson(fitting, runs, self.confidence);
        match fitting as f64 >= ENOUGH * runs as f64 {
            true if low > HALF => Reached::Yes,
            false if high < ENOUGH => Reached::No,
            _ => Reached::Unclear,
        }
    }

    /// What `with` gains over `without`, seed by seed.
    pub fn gain(&self, with: &Measured, without: &Measured) -> (Gain, Estimate) {
        let gain = Estimate::at(self.confidence, &with.gains_over(without));
        let within = |most: f64| gain.low > -most && gain.high < most;
        let told = if within(TWENTIETH) && !self.at_the_floor(with, without) {
            Gain::Same
        } else if gain.low > 0.0 {
            Gain::More
        } else if gain.high < 0.0 {
            Gain::Less
        } else if within(self.tolerance(with, without)) && !self.at_the_floor(with, without) {
            Gain::Same
        } else {
            Gain::Unclear
        };
        (told, gain)
    }

    /// Whether neither is better than a constant, on most seeds, while their errors differ: the measure ends there, and says nothing
    /// of which is better.
    fn at_the_floor(&self, with: &Measured, without: &Measured) -> bool {
        let floor = |measured: &Measured| measured.mostly(|run| run.closeness() == 0.0);
        let near = (with.test_rmse() / without.test_rmse()).log10().abs() < TWENTIETH;
        let same = with.test_rmse() == without.test_rmse() || near;
        floor(with) && floor(without) && !same
    }

    /// What the set differs by from seed to seed.
    fn tolerance(&self, with: &Measured, without: &Measured) -> f64 {
        let both_fit = [with, without].iter().all(|measured| self.reached(measured) == Reached::Yes);
        if both_fit { LITTLE } else { deviation(&without.closeness()).clamp(TWENTIETH, LITTLE) }
    }

    /// About how many seeds would decide whether a set fits often enough, if the share stays what it is.
    pub fn seeds_to_tell_a_share(&self, measured: &Measured) -> Option<usize> {
        let share = measured.fitting() as f64 / measured.runs.len().max(1) as f64;
        // A share that is not enough must not become so by rounding.
        let round = if share >= ENOUGH { f64::ceil } else { f64::floor };
        (measured.runs.len() + 1..=MOST_SEEDS)
            .find(|&seeds| self.told(round(share * seeds as f64) as usize, seeds) != Reached::Unclear)
    }

    /// About how many seeds would decide what one set gains over another, if mean and spread stay what they are.
    pub fn seeds_to_tell_a_gain(&self, with: &Measured, without: &Measured) -> Option<usize> {
        let gains = with.gains_over(without);
        let count = gains.len();
        if count < 2 || self.at_the_floor(with, without) {
            return None;
        }
        let mean = gains.iter().sum::<f64>() / count as f64;
        let spread = deviation(&gains) * (count as f64 / (count as f64 - 1.0)).sqrt();
        let tolerance = self.tolerance(with, without);
        (count + 1..=MOST_SEEDS).find(|&seeds| {
            let margin = student_t(seeds.min(60) - 1, self.confidence) * spread / (seeds as f64).sqrt();
            margin < mean.abs() || margin + mean.abs() < tolerance
        })
    }
}
