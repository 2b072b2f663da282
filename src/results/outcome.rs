//! The words for how a run ended, and for the weight of a finding.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::experiment::config::{Word, words};

/// The first that holds, on the test points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A logged loss or a prediction that is not finite, or a last test loss above twice the first.
    Diverged,
    /// R² of at least [`FITS`].
    Fits,
    /// The predictions' standard deviation is under [`CONSTANT`] of the targets'.
    Constant,
    /// No better than the best straight line.
    Line,
    Partial,
}

pub const FITS: f64 = 0.99;
pub const CONSTANT: f64 = 0.01;

impl Outcome {
    pub const ALL: [Outcome; 5] =
        [Outcome::Fits, Outcome::Partial, Outcome::Line, Outcome::Constant, Outcome::Diverged];

    pub fn name(self) -> &'static str {
        match self {
            Outcome::Diverged => "diverged",
            Outcome::Fits => "fits",
            Outcome::Constant => "constant",
            Outcome::Line => "line",
            Outcome::Partial => "partial",
        }
    }
}

words! {
    /// The weight of a finding, now that its fix was measured.
    Severity {
        Critical = "critical",
        Major = "major",
        Minor = "minor",
        Refuted = "refuted",
        Open = "open",
        Note = "note",
    }
}

impl Severity {
    pub fn meaning(self) -> &'static str {
        match self {
            Severity::Critical => "the fix is needed",
            Severity::Major => "it is one way to mend it",
            Severity::Minor => "it helps",
            Severity::Refuted => "it made no difference or hurt",
            Severity::Open => "nothing mends it",
            Severity::Note => "worth knowing",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == text).ok_or_else(|| format!("{text:?} is no outcome"))
    }
}
