//! How a run ended, judged by what it left.
//!
//! What counts as a fit is the file's `[goal]`, or else what comes near what can be reached: of numbers an R² of 0.99, of a file's
//! rows of less where simple learners reach less ([`super::baselines::Baselines::goal_r2`]), of classes an accuracy
//! ([`ClassBaselines::goal_accuracy`]).

use crate::data::coding::{Coding, likeliest};
use crate::experiment::Goal;
use crate::experiment::table::Task;
use crate::results::outcome::{CONSTANT, Outcome};
use crate::run::baselines::ClassBaselines;
use crate::stats::moments::{Fit, deviation};

/// A run this near the error of the mean or of the straight line is no better: rounding alone must not decide.
const NEAR: f64 = 0.99;

/// What an outcome is judged by.
pub struct Evidence<'a> {
    /// Every training and test loss that was logged, in order.
    pub losses: &'a [(f64, f64)],
    /// At the test points, as `coding` scores them, and what they should be.
    pub scores: &'a [f64],
    pub truth: &'a [f64],
    pub fit: Fit,
    /// Share of right predictions; NaN in a regression.
    pub accuracy: f64,
    pub coding: &'a Coding,
    /// Errors of always the mean, or the classes' shares, and of the best straight line, or a logistic regression.
    pub mean_rmse: f64,
    pub line_rmse: f64,
    /// R² that is a fit where the file asks for none.
    pub goal_r2: f64,
    /// Of classes and labels.
    pub classes: Option<&'a ClassBaselines>,
    pub goal: Goal,
}

impl Evidence<'_> {
    /// The first outcome that holds.
    pub fn outcome(&self) -> Outcome {
        let Evidence { losses, scores, fit, classes, .. } = self;
        let finite = losses.iter().all(|(train, test)| train.is_finite() && test.is_finite())
            && scores.iter().all(|score| score.is_finite());
        // On the test points: a batch's own loss comes and goes with its samples. A loss below 0 has no double.
        let grown = match (losses.first(), losses.last()) {
            (Some((_, first)), Some((_, last))) => *first >= 0.0 && *last > 2.0 * first,
            _ => false,
        };
        // A classifier that is sure of its few errors has a large loss, and may still be a good one.
        let share = if classes.is_none() { NEAR } else { 1.0 };
        let no_better_than_the_mean = fit.rmse >= share * self.mean_rmse;
        if !finite || (grown && (classes.is_none() || no_better_than_the_mean)) {
            Outcome::Diverged
        } else if self.fits() {
            Outcome::Fits
        } else if self.constant() || no_better_than_the_mean {
            Outcome::Constant
        } else if fit.rmse >= NEAR * self.line_rmse && classes.is_none_or(|line| self.accuracy <= line.line_accuracy) {
            Outcome::Line
        } else {
            Outcome::Partial
        }
    }

    fn fits(&self) -> bool {
        let reached = |goal: Option<f64>, score: f64| goal.is_none_or(|goal| score >= goal);
        if self.goal != Goal::default() {
            return reached(self.goal.accuracy, self.accuracy) && reached(self.goal.r2, self.fit.r2);
        }
        match self.classes {
            Some(classes) => self.accuracy >= classes.goal_accuracy && self.fit.rmse < self.mean_rmse,
            None => self.fit.r2 >= self.goal_r2,
        }
    }

    /// Whether the network says the same of every test point.
    fn constant(&self) -> bool {
        let columns = self.coding.scored();
        let column = |of: &[f64], c: usize| -> Vec<f64> { of.iter().skip(c).step_by(columns).copied().collect() };
        match self.coding.task {
            Task::Regression => {
                (0..columns).all(|c| deviation(&column(self.scores, c)) < CONSTANT * deviation(&column(self.truth, c)))
            }
            Task::Classification => {
                let mut rows = self.scores.chunks(columns).map(likeliest);
                let first = rows.next();
                rows.all(|row| Some(row) == first)
            }
            Task::MultiLabel => (0..columns).all(|c| {
                let labels: Vec<bool> = column(self.scores, c).iter().map(|&score| score > 0.5).collect();
                labels.iter().all(|label| *label == labels[0])
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;

    const TARGETS: [f64; 5] = [0.0, 1.0, 4.0, 9.0, 16.0];

    /// The best line through the targets is 4x − 2, at x = 0…4.
    fn judge(predictions: &[f64], losses: &[(f64, f64)]) -> Outcome {
        let config = Experiment::parse("", "x.toml", &[]).expect("an experiment").baseline;
        let coding = Coding::of_function(&config).expect("a coding");
        let fit = coding.fit(predictions, &TARGETS);
        Evidence {
            losses,
            scores: predictions,
            truth: &TARGETS,
            fit,
            accuracy: f64::NAN,
            coding: &coding,
            mean_rmse: f64::NAN,
            line_rmse: (14.0_f64 / 5.0).sqrt(),
            goal_r2: crate::results::outcome::FITS,
            classes: None,
            goal: Goal::default(),
        }
        .outcome()
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
        assert_eq!(judge(&TARGETS, &[(-1.0, -1.0), (-1.0, -1.5)]), Outcome::Fits, "a loss below 0 that falls");
    }
}
