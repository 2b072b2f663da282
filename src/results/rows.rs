//! The rows of the result files. Each is a type that is its columns' header, writer and reader at once; none depends on how
//! a run went.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::de::value::{BorrowedStrDeserializer, Error, SeqDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checks::{Check, CheckVerdict};
use super::outcome::{Outcome, Severity, Verdict};
use crate::experiment::config::{EngineName, Word, words};
use crate::experiment::{Experiment, Run, Variant, VariantKind};
use crate::stats::effects::Estimate;
use crate::text::json;
use crate::text::numbers::number;

/// A row, or the columns of one that stand together.
pub trait CsvRow: Serialize + DeserializeOwned {
    const COLUMNS: &'static [&'static str];

    /// As an object: a column is a key.
    fn json(&self) -> Value;

    /// From the fields of a record, which may go on behind it.
    fn read<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Self> {
        let cells = fields.take(Self::COLUMNS.len()).map(BorrowedStrDeserializer::<Error>::new);
        Self::deserialize(SeqDeserializer::new(cells)).ok()
    }
}

/// Declares rows, a field a column.
macro_rules! rows {
    ($($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)+ })+) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$doc])* #[serde(with = "cell")] pub $field: $type,)+
        }

        impl CsvRow for $name {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];

            fn json(&self) -> Value {
                Value::Object([$((stringify!($field).to_owned(), self.$field.json())),+].into_iter().collect())
            }
        }
    )+};
}

rows! {
    /// What identifies a run in the result files; the order of the rows.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    Key {
        variant: String,
        seed: u64,
    }

    /// A run at one logged step.
    CurvePoint {
        /// Updates made so far.
        step: usize,
        /// The experiment's own loss on the step's batch, in its scaled units.
        train_loss: f64,
        /// The same loss on the test points.
        test_loss: f64,
        /// Root mean square error on the test points, in the target's original units.
        test_rmse: f64,
        /// Euclidean norm of the gradient of all parameters.
        grad_norm: f64,
        /// Norm of the update that follows, over the norm of the parameters; NaN in the last row, which none follows.
        update_ratio: f64,
        /// Share of hidden units that put out 0 for every test point.
        dead_units: f64,
        /// Share of the test points whose class, or of all labels that, are predicted rightly; NaN in a regression.
        accuracy: f64,
    }

    /// How a run ended. In `runs.csv` a column for each fix and one for each swept key follow.
    RunRow {
        variant: String,
        seed: u64,
        outcome: Outcome,
        steps: usize,
        first_loss: f64,
        last_loss: f64,
        test_rmse: f64,
        r2: f64,
        accuracy: f64,
        /// What `test_rmse` is, on the training samples. This and what follows is unknown of
        /// runs of before December 2026.
        train_rmse: Option<f64>,
        /// The logged step of the lowest `test_rmse`, the first of equals; the last one where it never is a number.
        best_step: Option<usize>,
        engine: Option<EngineName>,
        kind: Option<VariantKind>,
    }

    /// What a run's network and predictions look like after the last update, beside what simple predictors reach on the
    /// same test points. Shares are from 0 to 1, predictions and errors in the target's original units; NaN is what cannot
    /// be said.
    HealthRow {
        variant: String,
        seed: u64,
        /// Euclidean norms of the gradients of the first and of the last layer's weights in the first row of the curve, and
        /// the one over the other: far below 1 the gradient vanishes on its way back, far above it explodes.
        start_grad_first: f64,
        start_grad_last: f64,
        start_grad_ratio: f64,
        /// The same in the curve's last row.
        grad_first: f64,
        grad_last: f64,
        grad_ratio: f64,
        /// Share of hidden units whose pre-activation is beyond ±5 for more than half of the test points.
        saturated_units: f64,
        /// Share of hidden units that put out what another one of their layer does, for every test point.
        identical_units: f64,
        /// Straight pieces of the network's function over the test inputs' range, and how many it could have at most; of
        /// networks of one input and piecewise-linear activations.
        pieces: f64,
        most_pieces: f64,
        /// Different training samples among all batches, and how many samples there were to train on: inf where batches
        /// are drawn anew from a continuous distribution.
        distinct_samples: f64,
        training_samples: f64,
        /// Slope of ln(test loss) against ln(step) over the second half of the logged steps: −1 is a loss that halves as
        /// the steps double.
        loss_slope: f64,
        /// Of the predictions and the targets at the test points: standard deviation, lowest, highest.
        prediction_std: f64,
        prediction_min: f64,
        prediction_max: f64,
        target_std: f64,
        target_min: f64,
        target_max: f64,
        /// Root mean square errors of always zero, always the mean, the best straight line (or plane), the best
        /// piecewise-linear fit with as many pieces as the network has, and with as many as it can have.
        zero_rmse: f64,
        mean_rmse: f64,
        line_rmse: f64,
        pieces_rmse: f64,
        most_pieces_rmse: f64,
        /// R² that the best of a few simple learners reaches on rows that it has not seen; NaN of functions and classes, and
        /// where they learn nothing. And the R² that counts as a fit; NaN where none does.
        reachable_r2: f64,
        goal_r2: f64,
        /// Of classes, on the same points: the accuracy of always the most frequent class of the training rows, that of a
        /// logistic regression, what can be reached at most by an estimate from the training rows ([`crate::run::outcome`]),
        /// and the accuracy that counts as a fit.
        majority_share: f64,
        line_accuracy: f64,
        reachable_accuracy: f64,
        goal_accuracy: f64,
        /// Mean log-loss of predicting the classes' shares in the training rows, of the logistic regression, and of the
        /// network's own probabilities, clipped to 1e-7.
        shares_log_loss: f64,
        line_log_loss: f64,
        log_loss: f64,
        /// Test points whose class is predicted by the network, as shares of them, by class: what is 1 for a single one is a
        /// network that says the same of everything. And the classes' own shares there.
        predicted_shares: Vec<f64>,
        class_shares: Vec<f64>,
        /// Where the straight pieces meet, in the input's original units, ascending.
        kinks: Vec<f64>,
    }

    /// An effect of fixes on the outcome measure, over the seeds; a row of `effects.csv`.
    EffectRow {
        kind: EffectKind,
        fixes: Vec<String>,
        estimate: f64,
        low: f64,
        high: f64,
        p: f64,
    }

    /// A finding, and what its fix was measured to be worth, NaN where it was not; a row of `findings.csv`. A fix is named where
    /// it was seen to help. Gains are in tenfolds of error ([`crate::stats::closeness`]).
    FindingRow {
        variant: String,
        finding: String,
        severity: Severity,
        evidence: String,
        fix: String,
        first_in: f64,
        last_out: f64,
        shapley: f64,
        verdict: String,
    }

    /// What a fix is worth, found by a rule or not; a row of `verdicts.csv`. Gains are in tenfolds of error, NaN where they
    /// were not measured.
    VerdictRow {
        fix: String,
        verdict: Verdict,
        /// What it gains over the baseline.
        alone: f64,
        /// What it gains beside the other fixes of the set that is named first, and the ends of that interval.
        on_top: f64,
        low: f64,
        high: f64,
        shapley: f64,
        /// 1 where it is in one of the smallest sets that are enough, or in the best.
        in_smallest: usize,
        /// Where it cannot be told: the seeds that do not tell, and about how many would. This and what follows older files
        /// do not have.
        seeds: Option<usize>,
        seeds_to_tell: Option<usize>,
        /// The fix of the set that is named first which sets the same to other values; empty where there is none.
        replaced_by: String,
        /// How it fares beside the others, in words, with `; ` between.
        remarks: String,
        /// The rules that suspected it; none where only the experiment file names it.
        rules: Vec<String>,
    }

    /// What one variant shows of a check; a row of `checks.csv`.
    CheckRow {
        check: Check,
        /// What is varied: samples, a learning rate, hidden units; NaN where nothing is.
        at: f64,
        /// The variant that it was measured on; empty where it was not.
        variant: String,
        /// Runs that count, and those of them that do what is asked: fit, or learn the samples by heart; of `permuted`, whose error
        /// on the training samples is below half of a constant's.
        seeds: usize,
        passing: usize,
        /// Of `start-loss` the decimal logarithm of the loss over the best constant's, of `overfit` and `how-often` the share of the
        /// seeds, of the others a gain in tenfolds of error: of `blind` and `permuted` of the set-up as asked beside that
        /// variant, of the rest of that variant beside the set-up as asked. And the ends of its interval.
        value: f64,
        low: f64,
        high: f64,
        /// Of the whole check; of `overfit` of so many samples.
        verdict: CheckVerdict,
    }
}

/// A run's key.
pub fn key(experiment: &Experiment, run: &Run) -> Key {
    Key { variant: experiment.variants[run.variant].name.clone(), seed: run.seed }
}

impl EffectRow {
    pub fn new(kind: EffectKind, fixes: Vec<String>, of: Estimate) -> Self {
        EffectRow { kind, fixes, estimate: of.mean, low: of.low, high: of.high, p: of.p }
    }

    pub fn estimate(&self) -> Estimate {
        Estimate { mean: self.estimate, low: self.low, high: self.high, p: self.p }
    }
}

words! {
    /// What an effect is of, in the order of `effects.csv`.
    EffectKind {
        /// What a fix gains alone.
        FirstIn = "first_in",
        /// What it gains on top of all others.
        LastOut = "last_out",
        /// Its average gain over all orders in which fixes may be made.
        Shapley = "shapley",
        /// What it gains on average over all combinations of the others.
        Main = "main",
        /// What two gain together beyond what each does, on average over the others.
        Interaction = "interaction",
        /// How close a set comes on the way from all that was found to the fewest.
        Path = "path",
        /// How close a smallest set comes that is enough.
        Enough = "enough",
        /// One that may be, which so few seeds cannot tell.
        PerhapsEnough = "perhaps_enough",
        /// The best where nothing is enough.
        Best = "best",
    }
}

impl EffectKind {
    /// Whether it says how close a set comes, and not what fixes gain.
    pub fn of_a_set(self) -> bool {
        matches!(self, EffectKind::Path | EffectKind::Enough | EffectKind::PerhapsEnough | EffectKind::Best)
    }
}

/// A value as it stands in a CSV, and back.
trait Field: Sized {
    fn text(&self) -> Cow<'_, str>;

    /// Numbers are numbers, lists are lists, and what is not known is null.
    fn json(&self) -> Value {
        self.text().into()
    }

    fn parse(text: &str) -> Option<Self>;
}

impl Field for String {
    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Field for f64 {
    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(number(*self))
    }

    fn json(&self) -> Value {
        json::value(*self)
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

macro_rules! displayed {
    ($($type:ty),+) => {$(
        impl Field for $type {
            fn text(&self) -> Cow<'_, str> {
                Cow::Owned(self.to_string())
            }

            fn json(&self) -> Value {
                (*self).into()
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )+};
}

displayed!(u64, usize);

impl<T: Word> Field for T {
    fn text(&self) -> Cow<'_, str> {
        T::WORDS.iter().find(|(_, known)| known == self).map_or(Cow::Borrowed(""), |(word, _)| Cow::Borrowed(word))
    }

    fn parse(text: &str) -> Option<Self> {
        T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, known)| *known)
    }
}

/// What an older file does not have.
impl<T: Field> Field for Option<T> {
    fn text(&self) -> Cow<'_, str> {
        self.as_ref().map_or(Cow::Borrowed(""), T::text)
    }

    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::json)
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }
}

/// Numbers, with a space between.
impl Field for Vec<f64> {
    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.iter().copied().map(number).collect::<Vec<_>>().join(" "))
    }

    fn json(&self) -> Value {
        self.iter().map(Field::json).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        text.split_ascii_whitespace().map(f64::parse).collect()
    }
}

/// Names of fixes and of rules, which hold no +, with a + between.
impl Field for Vec<String> {
    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.join("+"))
    }

    fn json(&self) -> Value {
        self.iter().map(Field::json).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(text.split('+').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }
}

/// Cells by serde.
mod cell {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use super::Field;

    pub fn serialize<T: Field, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.text())
    }

    pub fn deserialize<'de, T: Field, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        T::parse(<&str>::deserialize(from)?).ok_or_else(|| D::Error::custom("another value"))
    }
}

/// Rows as lines of CSV, fields quoted where they must be. A tuple is one row.
pub fn lines<T: Serialize>(rows: impl IntoIterator<Item = T>) -> String {
    let mut writer = csv::WriterBuilder::new().has_headers(false).flexible(true).from_writer(Vec::new());
    rows.into_iter().for_each(|row| writer.serialize(row).expect("a row is made of texts, and memory takes it"));
    String::from_utf8(writer.into_inner().expect("memory takes it")).expect("texts are UTF-8")
}

/// A whole CSV of these rows.
pub fn table<T: CsvRow>(rows: &[T]) -> String {
    lines([T::COLUMNS]) + &lines(rows)
}

/// The `curves.csv` rows of one run.
pub fn curve_lines(key: &Key, curve: &[CurvePoint]) -> String {
    lines(curve.iter().map(|point| (key, point)))
}

/// The `runs.csv` row of one run.
pub fn run_line(row: &RunRow, variant: &Variant) -> String {
    let fixes: Vec<u8> = variant.fixes.iter().map(|&on| u8::from(on)).collect();
    lines([(row, fixes, &variant.swept)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_only_where_a_csv_needs_it() {
        assert_eq!(lines([["a b", "c,d", "e\"f"]]), "a b,\"c,d\",\"e\"\"f\"\n");
    }

    #[test]
    fn what_a_row_writes_it_reads_back() {
        let key = Key { variant: "a, b".to_owned(), seed: u64::MAX };
        let numbers = [1.0, -0.0, 1e-5, 1.234e-5, 1e16, f64::INFINITY];
        let [train_loss, test_loss, test_rmse, grad_norm, update_ratio, dead_units] = numbers;
        let point = CurvePoint {
            step: 3,
            train_loss,
            test_loss,
            test_rmse,
            grad_norm,
            update_ratio,
            dead_units,
            accuracy: 0.5,
        };
        let text = curve_lines(&key, std::slice::from_ref(&point));
        assert_eq!(text, "\"a, b\",18446744073709551615,3,1.0,-0.0,1e-5,1.234e-5,1e16,inf,0.5\n");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(Key::read(record.iter()), Some(key));
        assert_eq!(CurvePoint::read(record.iter().skip(2)), Some(point));
        assert_eq!(CurvePoint::read(record.iter()), None);
        assert_eq!(Key::read(["a"].into_iter()), None);
    }

    #[test]
    fn a_fix_cannot_have_the_name_of_a_column_of_its_file() {
        assert_eq!(RunRow::COLUMNS, crate::experiment::names::RUN_COLUMNS);
    }
}
