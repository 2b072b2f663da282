//! The rows of the result files: their headers, which never depend on how a run went.

use std::fmt::Write;

use super::outcome::Outcome;
use crate::data::Samples;
use crate::experiment::config::Target;
use crate::experiment::names::RUN_COLUMNS;
use crate::experiment::{Experiment, Run, Variant};
use crate::text::numbers::number;

pub const CURVES_HEADER: [&str; 9] =
    ["variant", "seed", "step", "train_loss", "test_loss", "test_rmse", "grad_norm", "update_ratio", "dead_units"];

/// The fixed columns of `runs.csv`; a column for each fix and one for each swept key follow.
pub const RUNS_HEADER: [&str; 8] = RUN_COLUMNS;

/// What identifies a run in the result files; the order of the rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub variant: String,
    pub seed: u64,
}

/// A run's key.
pub fn key(experiment: &Experiment, run: &Run) -> Key {
    Key { variant: experiment.variants[run.variant].name.clone(), seed: run.seed }
}

/// A run at one logged step.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePoint {
    /// Updates made so far.
    pub step: usize,
    /// The experiment's own loss on the step's batch, in its scaled units.
    pub train_loss: f64,
    /// The same loss on the test points.
    pub test_loss: f64,
    /// Root mean square error on the test points, in the target's original units.
    pub test_rmse: f64,
    /// Euclidean norm of the gradient of all parameters.
    pub grad_norm: f64,
    /// Norm of the update that follows, over the norm of the parameters; NaN in the last row, which none follows.
    pub update_ratio: f64,
    /// Share of hidden units that put out 0 for every test point.
    pub dead_units: f64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub variant: String,
    pub seed: u64,
    pub outcome: Outcome,
    pub steps: usize,
    pub first_loss: f64,
    pub last_loss: f64,
    pub test_rmse: f64,
    pub r2: f64,
}

/// What a run's network and predictions look like after the last update, beside what simple predictors reach on the same
/// test points. Shares are from 0 to 1, predictions and errors in the target's original units; NaN is what cannot be said.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthRow {
    pub variant: String,
    pub seed: u64,
    /// Euclidean norms of the gradients of the first and of the last layer's weights, in the first row of the curve and in
    /// its last. The one over the other: far below 1 it vanishes on its way back, far above it explodes.
    pub first_gradient: [f64; 2],
    pub last_gradient: [f64; 2],
    /// Share of hidden units whose pre-activation is beyond ±5 for more than half of the test points.
    pub saturated_units: f64,
    /// Share of hidden units that put out what another one of their layer does, for every test point.
    pub identical_units: f64,
    /// Straight pieces of the network's function over the test inputs' range, and how many it could have at most; of
    /// networks of one input and piecewise-linear activations.
    pub pieces: f64,
    pub most_pieces: f64,
    /// Different training samples among all batches, and how many samples there were to train on: inf where batches are
    /// drawn anew from a continuous distribution.
    pub distinct_samples: f64,
    pub training_samples: f64,
    /// Slope of ln(test loss) against ln(step) over the second half of the logged steps: −1 is a loss that halves as the
    /// steps double.
    pub loss_slope: f64,
    /// Of the predictions and the targets at the test points: standard deviation, lowest, highest.
    pub prediction: [f64; 3],
    pub target: [f64; 3],
    /// Root mean square errors of always zero, always the mean, the best straight line (or plane), the best
    /// piecewise-linear fit with as many pieces as the network has, and with as many as it can have.
    pub zero_rmse: f64,
    pub mean_rmse: f64,
    pub line_rmse: f64,
    pub pieces_rmse: f64,
    pub most_pieces_rmse: f64,
    /// Where the straight pieces meet, in the input's original units, ascending.
    pub kinks: Vec<f64>,
}

pub const HEALTH_HEADER: [&str; 27] = [
    "variant",
    "seed",
    "start_grad_first",
    "start_grad_last",
    "start_grad_ratio",
    "grad_first",
    "grad_last",
    "grad_ratio",
    "saturated_units",
    "identical_units",
    "pieces",
    "most_pieces",
    "distinct_samples",
    "training_samples",
    "loss_slope",
    "prediction_std",
    "prediction_min",
    "prediction_max",
    "target_std",
    "target_min",
    "target_max",
    "zero_rmse",
    "mean_rmse",
    "line_rmse",
    "pieces_rmse",
    "most_pieces_rmse",
    "kinks",
];

/// An effect of fixes on the outcome measure, over the seeds.
pub const EFFECTS_HEADER: [&str; 6] = ["kind", "fixes", "estimate", "low", "high", "p"];

/// A finding, and what its fix was measured to be worth.
pub const FINDINGS_HEADER: [&str; 8] =
    ["variant", "finding", "severity", "evidence", "fix", "first_in", "last_out", "shapley"];

/// One of the files that hold a row or several for each run, sorted by variant, seed and step or point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunFile {
    Curves,
    Runs,
    Predictions,
    Health,
}

impl RunFile {
    pub const COUNT: usize = 4;
    pub const ALL: [RunFile; Self::COUNT] = [RunFile::Curves, RunFile::Runs, RunFile::Predictions, RunFile::Health];

    pub fn name(self) -> &'static str {
        match self {
            RunFile::Curves => "curves.csv",
            RunFile::Runs => "runs.csv",
            RunFile::Predictions => "predictions.csv",
            RunFile::Health => "health.csv",
        }
    }

    /// The header line of this file for an experiment.
    pub fn header(self, experiment: &Experiment) -> String {
        let mut columns: Vec<String> = match self {
            RunFile::Curves => CURVES_HEADER.map(str::to_owned).to_vec(),
            RunFile::Runs => RUNS_HEADER.map(str::to_owned).to_vec(),
            RunFile::Predictions => vec!["variant".to_owned(), "seed".to_owned()],
            RunFile::Health => HEALTH_HEADER.map(str::to_owned).to_vec(),
        };
        match self {
            RunFile::Curves | RunFile::Health => {}
            RunFile::Runs => {
                columns.extend(experiment.fixes.iter().map(|fix| fix.name.clone()));
                columns.extend(experiment.sweep.iter().cloned());
            }
            RunFile::Predictions => {
                columns.extend(input_columns(experiment));
                columns.extend(["target".to_owned(), "prediction".to_owned()]);
            }
        }
        line(&columns)
    }
}

/// The names of the inputs in `predictions.csv`: `x` for a single one, else those of the CSV's columns. Where variants
/// have different inputs, all of them, in the order in which they first occur.
pub fn input_columns(experiment: &Experiment) -> Vec<String> {
    let mut columns = Vec::new();
    for variant in &experiment.variants {
        for name in variant_inputs(variant) {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
    }
    columns
}

/// The names of one variant's inputs, in their order. One that the file has as a column of its own gets `input_` before
/// it, as often as it takes to be a new one.
pub fn variant_inputs(variant: &Variant) -> Vec<String> {
    const TAKEN: [&str; 4] = ["variant", "seed", "target", "prediction"];
    match &variant.config.data.target {
        Target::Csv { inputs, .. } if inputs.len() > 1 => inputs
            .iter()
            .map(|name| {
                let mut column = name.clone();
                while TAKEN.contains(&column.as_str()) || (column != *name && inputs.contains(&column)) {
                    column.insert_str(0, "input_");
                }
                column
            })
            .collect(),
        _ => vec!["x".to_owned()],
    }
}

/// A CSV line of `fields`, quoted where they must be.
pub fn line<S: AsRef<str>>(fields: &[S]) -> String {
    let mut line = String::new();
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            line.push(',');
        }
        let field = field.as_ref();
        if field.contains([',', '"', '\n', '\r']) {
            let _ = write!(line, "\"{}\"", field.replace('"', "\"\""));
        } else {
            line.push_str(field);
        }
    }
    line.push('\n');
    line
}

/// The `curves.csv` rows of one run.
pub fn curve_lines(variant: &str, seed: u64, curve: &[CurvePoint]) -> String {
    let key = line(&[variant, &seed.to_string()]);
    let key = key.trim_end();
    let mut lines = String::with_capacity(curve.len() * 120);
    for p in curve {
        let _ = writeln!(
            lines,
            "{key},{},{:?},{:?},{:?},{:?},{:?},{:?}",
            p.step, p.train_loss, p.test_loss, p.test_rmse, p.grad_norm, p.update_ratio, p.dead_units
        );
    }
    lines
}

/// The `predictions.csv` rows of one run: its predictions at its test points.
pub fn prediction_lines(
    experiment: &Experiment,
    variant: &Variant,
    seed: u64,
    test: &Samples,
    predictions: &[f64],
) -> String {
    let own = variant_inputs(variant);
    let columns: Vec<Option<usize>> =
        input_columns(experiment).iter().map(|name| own.iter().position(|own| own == name)).collect();
    let mut lines = String::new();
    let seed = seed.to_string();
    for (point, prediction) in predictions.iter().enumerate() {
        let mut fields = vec![variant.name.clone(), seed.clone()];
        fields.extend(columns.iter().map(|column| column.map_or_else(String::new, |c| number(test.row(point)[c]))));
        fields.extend([number(test.targets[point]), number(*prediction)]);
        lines.push_str(&line(&fields));
    }
    lines
}

/// The `runs.csv` row of one run.
pub fn run_line(row: &RunRow, variant: &Variant) -> String {
    let mut fields = vec![
        row.variant.clone(),
        row.seed.to_string(),
        row.outcome.to_string(),
        row.steps.to_string(),
        number(row.first_loss),
        number(row.last_loss),
        number(row.test_rmse),
        number(row.r2),
    ];
    fields.extend(variant.fixes.iter().map(|&on| String::from(if on { "1" } else { "0" })));
    fields.extend(variant.swept.iter().cloned());
    line(&fields)
}

/// The first layer's gradient over the last one's.
pub fn ratio([first, last]: [f64; 2]) -> f64 {
    first / last
}

/// The `health.csv` row of one run.
pub fn health_line(row: &HealthRow) -> String {
    let numbers = [
        &[
            row.first_gradient[0],
            row.first_gradient[1],
            ratio(row.first_gradient),
            row.last_gradient[0],
            row.last_gradient[1],
            ratio(row.last_gradient),
            row.saturated_units,
            row.identical_units,
            row.pieces,
            row.most_pieces,
            row.distinct_samples,
            row.training_samples,
            row.loss_slope,
        ][..],
        &row.prediction,
        &row.target,
        &[row.zero_rmse, row.mean_rmse, row.line_rmse, row.pieces_rmse, row.most_pieces_rmse],
    ]
    .concat();
    let key = [row.variant.clone(), row.seed.to_string()];
    let kinks = row.kinks.iter().copied().map(number).collect::<Vec<_>>().join(" ");
    line(&key.into_iter().chain(numbers.into_iter().map(number)).chain([kinks]).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_only_where_a_csv_needs_it() {
        assert_eq!(line(&["a b", "c,d", "e\"f"]), "a b,\"c,d\",\"e\"\"f\"\n");
    }
}
