//! What tables score a variant by: the error of numbers, the accuracy of classes and labels.

use super::summary::{Middle, VariantSummary};
use crate::experiment::Variant;
use crate::experiment::config::{Target, Test};
use crate::results::manifest::ManifestVariant;
use crate::text::numbers::short;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Share of the test rows whose class, or of all their labels that, are predicted rightly.
    Accuracy,
    /// Root mean square error in the target's units.
    Rmse,
}

impl Measure {
    pub const ALL: [Measure; 2] = [Measure::Accuracy, Measure::Rmse];

    /// What a variant is scored by.
    pub fn of(summary: &VariantSummary) -> Self {
        if summary.accuracy.is_some() { Measure::Accuracy } else { Measure::Rmse }
    }

    /// What these variants are scored by, each measure once.
    pub fn among<'a>(summaries: impl Iterator<Item = &'a VariantSummary>) -> Vec<Self> {
        let mut measures: Vec<Self> = summaries.map(Self::of).collect();
        measures.sort_unstable();
        measures.dedup();
        measures
    }

    /// Over the runs; none where the variant is scored by the other one.
    pub fn middle(self, summary: &VariantSummary) -> Option<Middle> {
        match self {
            Measure::Accuracy => summary.accuracy,
            Measure::Rmse => summary.accuracy.is_none().then_some(summary.test_rmse),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Measure::Accuracy => "accuracy",
            Measure::Rmse => "RMSE",
        }
    }

    pub fn spell(self, value: f64) -> String {
        match self {
            Measure::Accuracy => share(value),
            Measure::Rmse => short(value),
        }
    }

    /// The lowest and the highest as text.
    pub fn ends(self, of: Middle) -> String {
        format!("{} … {}", self.spell(of.low), self.spell(of.high))
    }
}

/// A share from 0 to 1.
pub fn share(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { short(value) }
}

/// What stands where there is no such number.
pub const NONE: &str = "–";

/// The heads of the columns of scores; `on` is what they are measured on: test or training.
pub fn header(measures: &[Measure], on: &str) -> Vec<String> {
    let two = |measure: &Measure| [format!("{on} {}, median", measure.name()), "lowest … highest".to_owned()];
    let r2 = if measures == [Measure::Accuracy] { "R² (Brier skill), median" } else { "R², median" };
    measures.iter().flat_map(two).chain([r2.to_owned()]).collect()
}

/// The cells under them, but R².
pub fn cells(measures: &[Measure], summary: &VariantSummary) -> Vec<String> {
    let two = |measure: &Measure| match measure.middle(summary) {
        Some(middle) => [measure.spell(middle.median), measure.ends(middle)],
        None => [NONE; 2].map(str::to_owned),
    };
    measures.iter().flat_map(two).collect()
}

/// Whether a variant is tested on the rows that it learnt from, as the rows of a CSV are where none are held out.
pub fn on_training_rows(variant: &Variant) -> bool {
    let data = &variant.config.data;
    matches!(data.target, Target::Csv { .. }) && data.test == Test::Rows && data.holdout == 0.0
}

/// The same of a variant as a manifest has it.
pub fn written_on_training_rows(variant: &ManifestVariant) -> bool {
    let of_csv = variant.setting("data", "target").is_some_and(|target| target.get("csv").is_some());
    let is = |key: &str, value: serde_json::Value| variant.setting("data", key) == Some(&value);
    of_csv && is("test", "rows".into()) && is("holdout", 0.0.into())
}

/// What the scores are measured on, and a sentence on those that are measured on something else; `of` are the variants'
/// names, each with whether it is tested on its training rows.
pub fn measured_on(of: &[(&str, bool)]) -> (&'static str, Option<String>) {
    let training: Vec<&str> = of.iter().filter(|(_, training)| *training).map(|(name, _)| *name).collect();
    match training.len() {
        0 => ("test", None),
        all if all == of.len() => ("training", None),
        _ => {
            let names: Vec<String> = training.iter().map(|name| crate::text::one_line(name)).collect();
            ("test", Some(format!("Training error, tested on the rows that were learnt from: {}.", names.join(", "))))
        }
    }
}
