//! Runs taken together, a variant at a time. A diverged run counts like any other: with its error, as infinitely far off
//! where that is not a number.

use std::collections::HashMap;

use crate::results::outcome::Outcome;
use crate::results::rows::RunRow;
use crate::stats::closeness::closeness;
use crate::stats::effects::Estimate;
use crate::text::numbers::{short, trimmed};

/// What fixes are measured by: how close a run comes, in tenfolds of error below a constant's ([`closeness()`]); 0 of all that is
/// no better than a constant. So a run that diverged is 0 and is never left out, and variants of any scaling compare.
pub fn score(run: &RunRow) -> f64 {
    if run.outcome == Outcome::Diverged { 0.0 } else { closeness(run.r2) }
}

/// Middle and ends of some numbers, NaN sorted as the worst of errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Middle {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Middle {
    /// Nothing of nothing.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        // A NaN may have a sign, which says nothing.
        let mut values: Vec<f64> = values.map(|value| if value.is_nan() { f64::NAN } else { value }).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[half] } else { values[half - 1].midpoint(values[half]) };
        Some(Middle { median, low, high })
    }

    /// As text: the lowest and the highest.
    pub fn ends(self) -> String {
        format!("{} … {}", short(self.low), short(self.high))
    }
}

/// Each variant's rows, in their order.
pub fn by_variant<'a>(rows: impl IntoIterator<Item = &'a RunRow>) -> HashMap<&'a str, Vec<&'a RunRow>> {
    let mut variants: HashMap<&str, Vec<&RunRow>> = HashMap::new();
    for row in rows {
        variants.entry(&row.variant).or_default().push(row);
    }
    variants
}

/// A variant's runs.
#[derive(Debug, Clone)]
pub struct VariantSummary {
    pub name: String,
    pub runs: usize,
    /// How many runs ended in each outcome that occurred, in the order of [`Outcome::ALL`].
    pub outcomes: Vec<(Outcome, usize)>,
    pub test_rmse: Middle,
    pub r2: Middle,
    /// Of classes and labels; none of a regression.
    pub accuracy: Option<Middle>,
    /// On the training samples; none where an older file does not say it.
    pub train_rmse: Option<Middle>,
    /// The step of the lowest test error, and the last one; none where an older file does not say it.
    pub best_step: Option<BestStep>,
}

/// Medians over a variant's runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestStep {
    pub best: f64,
    pub last: f64,
}

impl BestStep {
    fn of(rows: &[&RunRow]) -> Option<Self> {
        let best: Vec<f64> = rows.iter().map(|row| row.best_step.map(|step| step as f64)).collect::<Option<_>>()?;
        let last = rows.iter().map(|row| row.steps as f64);
        Some(BestStep { best: Middle::of(best.into_iter())?.median, last: Middle::of(last)?.median })
    }

    pub fn is_last(self) -> bool {
        self.best == self.last
    }
}

impl VariantSummary {
    pub fn of(name: &str, rows: &[&RunRow]) -> Option<Self> {
        let or = |value: f64, worst: f64| if value.is_nan() { worst } else { value };
        let scored = rows.iter().any(|row| !row.accuracy.is_nan());
        Some(VariantSummary {
            name: name.to_owned(),
            runs: rows.len(),
            outcomes: Outcome::counted(|outcome| rows.iter().filter(|row| row.outcome == outcome).count()),
            test_rmse: Middle::of(rows.iter().map(|row| or(row.test_rmse, f64::INFINITY)))?,
            r2: Middle::of(rows.iter().map(|row| or(row.r2, f64::NEG_INFINITY)))?,
            train_rmse: rows
                .iter()
                .map(|row| row.train_rmse.map(|rmse| or(rmse, f64::INFINITY)))
                .collect::<Option<Vec<f64>>>()
                .and_then(|errors| Middle::of(errors.into_iter())),
            best_step: BestStep::of(rows),
            accuracy: if scored { Middle::of(rows.iter().map(|row| or(row.accuracy, 0.0))) } else { None },
        })
    }

    /// How many of its runs ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.iter().find(|(known, _)| *known == outcome).map_or(0, |(_, count)| *count)
    }

    pub fn all(&self, outcome: Outcome) -> bool {
        self.outcomes == [(outcome, self.runs)]
    }

    /// `fits 6/6`, or each outcome with its count.
    pub fn outcomes_line(&self) -> String {
        let parts: Vec<String> =
            self.outcomes.iter().map(|(outcome, count)| format!("{outcome} {count}/{}", self.runs)).collect();
        parts.join(", ")
    }
}

/// A gain in tenfolds of error as text: what the error is divided by, or, where it grows, multiplied by.
pub fn factor(tenfolds: f64) -> String {
    let times = |tenfolds: f64| match 10_f64.powf(tenfolds) {
        few if few < 9.995 => format!("{few:.2}"),
        many if many < 9999.5 => trimmed(many.round()),
        many => format!("{many:.0e}"),
    };
    match tenfolds {
        unknown if unknown.is_nan() => "–".to_owned(),
        none if none.abs() < 0.002 => "1".to_owned(),
        less if less > 0.0 => format!("÷ {}", times(less)),
        more => format!("× {}", times(-more)),
    }
}

/// As text: what a mean gain and its interval are.
pub fn interval(estimate: Estimate) -> String {
    let [mean, low, high] = [estimate.mean, estimate.low, estimate.high].map(factor);
    // Ends that are spelt as their middle say nothing.
    match estimate.low.is_nan() || estimate.high - estimate.low < 5e-4 || (low == mean && high == mean) {
        true => mean,
        false => format!("{mean} ({low} … {high})"),
    }
}

/// How far each is from the best there is, to sort by: of classifiers by their accuracy and then by the error of their
/// probabilities, of regressions by their error, of both together by R².
pub fn badness<'a>(summaries: impl Iterator<Item = &'a VariantSummary> + Clone) -> Vec<[f64; 2]> {
    let classes = summaries.clone().filter(|summary| summary.accuracy.is_some()).count();
    let mixed = classes > 0 && classes < summaries.clone().count();
    let of = |summary: &VariantSummary| match summary.accuracy {
        _ if mixed => [-summary.r2.median, 0.0],
        Some(accuracy) => [-accuracy.median, summary.test_rmse.median],
        None => [summary.test_rmse.median, 0.0],
    };
    summaries.map(of).collect()
}

/// The order of two of them.
pub fn by_badness(a: [f64; 2], b: [f64; 2]) -> std::cmp::Ordering {
    a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))
}

/// Of so many combinations of fixes or fewer a table lists all.
pub const MOST_LISTED: usize = 16;
/// Of more it lists those of one fix at most, and so many of the best.
pub const MOST_BEST: usize = 4;

/// Which of an ablation's combinations are worth a line each, by place: all of a few, else the baseline, each fix alone and
/// the best. `combinations` are how many fixes are on, and the runs.
pub fn worth_listing(combinations: &[(usize, &VariantSummary)]) -> Vec<usize> {
    let mut best: Vec<usize> = (0..combinations.len()).collect();
    let badness = badness(combinations.iter().map(|(_, summary)| *summary));
    let fits = |at: usize| combinations[at].1.count(Outcome::Fits);
    best.sort_by(|&a, &b| fits(b).cmp(&fits(a)).then(by_badness(badness[a], badness[b])));
    best.truncate(MOST_BEST);
    let small = combinations.len() <= MOST_LISTED;
    (0..combinations.len()).filter(|at| small || combinations[*at].0 <= 1 || best.contains(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_numbers_of_any_size_and_sign_of_nan() {
        let middle =
            |values: &[f64]| Middle::of(values.iter().copied()).map(|middle| (middle.low, middle.median, middle.high));
        assert_eq!(middle(&[3.0, 1.0, 2.0]), Some((1.0, 2.0, 3.0)));
        assert_eq!(middle(&[1.0, 2.0]), Some((1.0, 1.5, 2.0)));
        assert_eq!(middle(&[1e308, 1.5e308]), Some((1e308, 1.25e308, 1.5e308)));
        assert_eq!(middle(&[1.0, f64::INFINITY]), Some((1.0, f64::INFINITY, f64::INFINITY)));
        assert_eq!(middle(&[]), None);
        let (low, median, high) = middle(&[-f64::NAN, 1.0, 2.0]).unwrap();
        assert_eq!((low, median, high.is_nan()), (1.0, 2.0, true));
    }
}
