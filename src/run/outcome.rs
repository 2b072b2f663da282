//! How a run ended, judged by what it left.

use crate::results::outcome::{CONSTANT, FITS, Outcome};
use crate::stats::moments::{Fit, deviation};

/// What an outcome is judged by.
pub struct Evidence<'a> {
    /// Every training and test loss that was logged, in order.
    pub losses: &'a [(f64, f64)],
    pub predictions: &'a [f64],
    pub targets: &'a [f64],
    /// Error of the best straight line on the same points.
    pub line_rmse: f64,
}

impl Evidence<'_> {
    /// The first outcome that holds.
    pub fn outcome(&self) -> Outcome {
        let Evidence { losses, predictions, targets, line_rmse } = self;
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
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [f64; 5] = [0.0, 1.0, 4.0, 9.0, 16.0];

    /// The best line through the targets is 4x − 2, at x = 0…4.
    fn judge(predictions: &[f64], losses: &[(f64, f64)]) -> Outcome {
        Evidence { losses, predictions, targets: &TARGETS, line_rmse: (14.0_f64 / 5.0).sqrt() }.outcome()
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
