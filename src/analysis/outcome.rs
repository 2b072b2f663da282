//! How a run ended.

use std::fmt;
use std::str::FromStr;

use super::moments::Squares;
pub use super::moments::deviation;

/// How well predictions meet targets, in the targets' units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    pub rmse: f64,
    /// 1 − Σ(y − ŷ)²/Σ(y − ȳ)²; of constant targets 1 where every one is met exactly, else −inf.
    pub r2: f64,
}

impl Fit {
    pub fn of(predictions: &[f64], targets: &[f64]) -> Self {
        let errors = Squares::between(predictions, targets);
        let r2 = if errors.is_zero() { 1.0 } else { 1.0 - errors.over(Squares::about_mean(targets)) };
        Fit { rmse: errors.root(targets.len()), r2 }
    }

    /// The first part alone.
    pub fn rmse(predictions: &[f64], targets: &[f64]) -> f64 {
        Squares::between(predictions, targets).root(targets.len())
    }
}

/// The first that holds, on the test points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A logged loss or a prediction that is not finite, or a last test loss above twice the first.
    Diverged,
    /// R² of at least [`FITS`].
    Fits,
    /// The predictions' standard deviation is under [`CONSTANT`] of the targets'.
    Constant,
    /// No better than the best straight line.
    Line,
    Partial,
}

pub const FITS: f64 = 0.99;
pub const CONSTANT: f64 = 0.01;

/// What an outcome is judged by.
pub struct Evidence<'a> {
    /// Every training and test loss that was logged, in order.
    pub losses: &'a [(f64, f64)],
    pub predictions: &'a [f64],
    pub targets: &'a [f64],
    /// Error of the best straight line on the same points.
    pub line_rmse: f64,
}

impl Outcome {
    pub const ALL: [Outcome; 5] =
        [Outcome::Fits, Outcome::Partial, Outcome::Line, Outcome::Constant, Outcome::Diverged];

    pub fn of(evidence: &Evidence) -> Self {
        let Evidence { losses, predictions, targets, line_rmse } = evidence;
        let finite = losses.iter().all(|(train, test)| train.is_finite() && test.is_finite())
            && predictions.iter().all(|p| p.is_finite());
        // On the test points: a batch's own loss comes and goes with its samples.
        let grown = match (losses.first(), losses.last()) {
            (Some((_, first)), Some((_, last))) => *last > 2.0 * first,
            _ => false,
        };
        let fit = Fit::of(predictions, targets);
        if !finite || grown {
            Outcome::Diverged
        } else if fit.r2 >= FITS {
            Outcome::Fits
        } else if deviation(predictions) < CONSTANT * deviation(targets) {
            Outcome::Constant
        } else if fit.rmse >= *line_rmse {
            Outcome::Line
        } else {
            Outcome::Partial
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Outcome::Diverged => "diverged",
            Outcome::Fits => "fits",
            Outcome::Constant => "constant",
            Outcome::Line => "line",
            Outcome::Partial => "partial",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == text).ok_or_else(|| format!("{text:?} is no outcome"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [f64; 5] = [0.0, 1.0, 4.0, 9.0, 16.0];

    /// The best line through the targets is 4x − 2, at x = 0…4.
    fn judge(predictions: &[f64], losses: &[(f64, f64)]) -> Outcome {
        Outcome::of(&Evidence { losses, predictions, targets: &TARGETS, line_rmse: (14.0_f64 / 5.0).sqrt() })
    }

    #[test]
    fn each_outcome_is_the_first_that_holds() {
        let calm = [(4.0, 4.0), (1.0, 1.0)];
        assert_eq!(judge(&TARGETS, &calm), Outcome::Fits);
        assert_eq!(judge(&[6.0; 5], &calm), Outcome::Constant);
        assert_eq!(judge(&[-2.0, 2.0, 6.0, 10.0, 14.0], &calm), Outcome::Line);
        assert_eq!(judge(&[-1.0, 1.0, 5.0, 9.0, 14.5], &calm), Outcome::Partial);
    }

    #[test]
    fn a_run_whose_loss_doubled_or_was_ever_not_finite_has_diverged_whatever_it_predicts() {
        assert_eq!(judge(&TARGETS, &[(1.0, 1.0), (1.0, 2.1)]), Outcome::Diverged);
        assert_eq!(judge(&TARGETS, &[(1.0, 1.0), (1.0, 2.0)]), Outcome::Fits);
        assert_eq!(judge(&TARGETS, &[(1.0, 1.0), (9.0, 0.1)]), Outcome::Fits, "the last batch's own loss is chance");
        assert_eq!(judge(&TARGETS, &[(1.0, 1.0), (f64::INFINITY, 1.0), (0.1, 0.1)]), Outcome::Diverged);
        assert_eq!(judge(&TARGETS, &[(1.0, f64::NAN), (0.1, 0.1)]), Outcome::Diverged);
        assert_eq!(judge(&[0.0, 1.0, 4.0, 9.0, f64::NAN], &[(1.0, 1.0)]), Outcome::Diverged);
    }
}
