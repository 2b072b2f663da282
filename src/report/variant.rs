//! A variant as the page has it.

use super::summary::VariantSummary;
use crate::results::rows::RunRow;

/// A variant with its runs.
pub struct StudyVariant {
    pub name: String,
    /// For each fix, whether it is on.
    pub on: Vec<bool>,
    /// Whether it is a combination of fixes and nothing else, beside variants that are more.
    pub combination: bool,
    /// The value of each key that is swept.
    pub swept: Vec<String>,
    pub summary: VariantSummary,
    pub runs: Vec<RunRow>,
    /// Its settings where they differ from the first variant's without fixes.
    pub changes: Vec<(String, String)>,
    /// Whether it is tested on the rows that it learnt from.
    pub on_training_rows: bool,
}
