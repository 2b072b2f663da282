//! The files that hold every run's rows, and their headers.

use super::points::PredictionColumns;
use super::rows::{CsvRow, CurvePoint, HealthRow, Key, RunRow, lines};
use crate::experiment::Experiment;

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
        let fixes = experiment.fixes.iter().map(|fix| &*fix.name);
        let predictions = PredictionColumns::of(experiment).header();
        let columns: Vec<&str> = match self {
            RunFile::Curves => [Key::COLUMNS, CurvePoint::COLUMNS].concat(),
            RunFile::Runs => {
                let settings = fixes.chain(experiment.sweep.iter().map(String::as_str));
                RunRow::COLUMNS.iter().copied().chain(settings).collect()
            }
            RunFile::Predictions => predictions.iter().map(String::as_str).collect(),
            RunFile::Health => HealthRow::COLUMNS.to_vec(),
        };
        lines([columns])
    }
}
