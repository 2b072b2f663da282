//! The rows of the result files: their headers, which never depend on how a run went, and how numbers are spelt.

use std::fmt::Write;

use crate::analysis::outcome::Outcome;
use crate::experiment::config::Target;
use crate::experiment::names::RUN_COLUMNS;
use crate::experiment::{Experiment, Variant};

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

/// One of the files that hold a row or several for each run, sorted by variant, seed and step or point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunFile {
    Curves,
    Runs,
    Predictions,
}

impl RunFile {
    pub const ALL: [RunFile; 3] = [RunFile::Curves, RunFile::Runs, RunFile::Predictions];

    pub fn name(self) -> &'static str {
        match self {
            RunFile::Curves => "curves.csv",
            RunFile::Runs => "runs.csv",
            RunFile::Predictions => "predictions.csv",
        }
    }

    /// The header line of this file for an experiment.
    pub fn header(self, experiment: &Experiment) -> String {
        let mut columns: Vec<String> = match self {
            RunFile::Curves => CURVES_HEADER.map(str::to_owned).to_vec(),
            RunFile::Runs => RUNS_HEADER.map(str::to_owned).to_vec(),
            RunFile::Predictions => vec!["variant".to_owned(), "seed".to_owned()],
        };
        match self {
            RunFile::Curves => {}
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

/// A number as pandas and polars both read it: the shortest form that reads back as the same f64, always with a point or
/// an exponent, or `NaN`, `inf`, `-inf`.
pub fn number(value: f64) -> String {
    format!("{value:?}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_point_or_an_exponent_and_read_back_as_themselves() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (2.0100101e14, "201001010000000.0"),
            (f64::from(2.0100101e14_f32), "201001013346304.0"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
            (0.1, "0.1"),
        ] {
            assert_eq!(number(value), text);
            assert_eq!(number(value).parse::<f64>(), Ok(value));
        }
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(number), ["NaN", "inf", "-inf"]);
    }

    #[test]
    fn fields_are_quoted_only_where_a_csv_needs_it() {
        assert_eq!(line(&["a b", "c,d", "e\"f"]), "a b,\"c,d\",\"e\"\"f\"\n");
    }
}
