//! What tables score a variant by: the error of numbers, the accuracy of classes and labels.

use super::summary::{Middle, VariantSummary};
use crate::experiment::Variant;
use crate::experiment::config::Test;
use crate::experiment::table::TableSchema;
use crate::results::manifest::ManifestVariant;
use crate::text::numbers::{ratio, short};

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

/// A variant with its scores.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    pub summary: &'a VariantSummary,
    /// Whether it is tested on the rows that it learnt from.
    pub on_training_rows: bool,
}

impl Scored<'_> {
    /// Its error on the training samples, where its test error is one on others.
    fn train_rmse(self) -> Option<Middle> {
        self.summary.train_rmse.filter(|_| !self.on_training_rows)
    }

    /// Whether its lowest test error came before its last step.
    pub fn was_better(self) -> bool {
        self.summary.best_step.is_some_and(|step| !step.is_last())
    }
}

/// The columns of scores of a table of variants: of each measure two, the training error beside the test error, R², and the step
/// of the lowest test error where that is not the last of all of them. The errors are of numbers, or of probabilities where
/// nothing else is learnt.
#[derive(Debug, Clone)]
pub struct ScoreColumns {
    pub measures: Vec<Measure>,
    /// What the scores are measured on: test or training.
    pub on: &'static str,
    /// A sentence on those that are measured on something else.
    pub note: Option<String>,
    pub training: bool,
    pub best: bool,
}

/// A column of scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreColumn {
    pub name: String,
    /// Whether a table that has little room does without it.
    pub minor: bool,
}

impl ScoreColumns {
    pub fn of(variants: &[Scored]) -> Self {
        let named: Vec<(&str, bool)> =
            variants.iter().map(|scored| (scored.summary.name.as_str(), scored.on_training_rows)).collect();
        let (on, note) = measured_on(&named);
        let mut scores = ScoreColumns {
            measures: Measure::among(variants.iter().map(|scored| scored.summary)),
            on,
            note,
            training: false,
            best: variants.iter().any(|scored| scored.was_better()),
        };
        scores.training = variants.iter().any(|scored| scores.train_rmse(*scored).is_some());
        scores
    }

    /// Whether nothing but classes and labels is learnt.
    pub fn of_classes(&self) -> bool {
        self.measures == [Measure::Accuracy]
    }

    fn train_rmse(&self, variant: Scored) -> Option<Middle> {
        let shown = self.of_classes() || Measure::of(variant.summary) == Measure::Rmse;
        variant.train_rmse().filter(|_| shown)
    }

    pub fn columns(&self) -> Vec<ScoreColumn> {
        let column = |name: String, minor: bool| ScoreColumn { name, minor };
        let mut columns = Vec::new();
        for measure in &self.measures {
            columns.push(column(format!("{} {}, median", self.on, measure.name()), false));
            columns.push(column("lowest … highest".to_owned(), true));
        }
        if self.training {
            columns.extend(self.of_classes().then(|| column("test RMSE, median".to_owned(), true)));
            columns.push(column("training RMSE, median".to_owned(), true));
        }
        columns
            .push(column(if self.of_classes() { "R² (Brier skill), median" } else { "R², median" }.to_owned(), false));
        if self.best {
            columns.push(column("best at step".to_owned(), true));
        }
        columns
    }

    /// A variant's cells under them.
    pub fn cells(&self, variant: Scored) -> Vec<String> {
        let summary = variant.summary;
        let none = || NONE.to_owned();
        let mut cells = Vec::new();
        for measure in &self.measures {
            cells.extend(match measure.middle(summary) {
                Some(middle) => [measure.spell(middle.median), measure.ends(middle)],
                None => [none(), none()],
            });
        }
        if self.training {
            let training = self.train_rmse(variant);
            let test = self.of_classes().then(|| training.map(|_| summary.test_rmse));
            let spelt = |middle: Option<Middle>| middle.map_or_else(none, |middle| Measure::Rmse.spell(middle.median));
            cells.extend(test.into_iter().chain([training]).map(spelt));
        }
        cells.push(ratio(summary.r2.median));
        if self.best {
            cells.push(match summary.best_step {
                Some(step) if step.is_last() => "last".to_owned(),
                Some(step) => step.best.to_string(),
                None => none(),
            });
        }
        cells
    }
}

/// Whether a variant is tested on the rows that it learnt from.
pub fn on_training_rows(variant: &Variant) -> bool {
    variant.config.data.test == Test::Train || variant.table.as_ref().is_some_and(|table| table.training_error)
}

/// The same of a variant as a manifest has it.
pub fn written_on_training_rows(variant: &ManifestVariant, table: Option<&TableSchema>) -> bool {
    let of_csv = variant.setting("data", "target").is_some_and(|target| target.get("csv").is_some());
    let is = |key: &str, value: serde_json::Value| variant.setting("data", key) == Some(&value);
    table.is_some_and(|table| table.training_error)
        || is("test", "train".into())
        || (of_csv && is("test", "rows".into()) && is("holdout", 0.0.into()))
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
