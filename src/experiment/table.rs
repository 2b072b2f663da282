//! What the files of a variant hold: written down where they are read, so that nothing later has to look again.

use serde::{Deserialize, Serialize};

use super::config::{Word, words};

words! {
    /// What is learnt.
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    Task {
        /// One number or several.
        Regression = "regression",
        /// One of two or more classes.
        Classification = "classification",
        /// Several labels, each 0 or 1, that do not exclude one another.
        MultiLabel = "multi-label",
    }
}

/// The columns of a variant's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSchema {
    pub task: Task,
    /// In the order in which they reach the network.
    pub inputs: Vec<InputColumn>,
    /// The columns that are predicted: of a classification the one that has the class.
    pub outputs: Vec<String>,
    /// In the order of their places: integers by size, texts by their characters. None in a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Rows of the file, and of a test file of its own, that were left out because they miss a value.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_rows: usize,
    /// Whether its runs are tested on the rows that they learn from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub training_error: bool,
}

/// A column of inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputColumn {
    pub name: String,
    /// Of a text column the texts in the order of their places, sorted. Each that occurs in a run's training rows is an
    /// input of its own, 1 where the row has that text and 0 elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
