//! The word for how a run ended.

use std::fmt;
use std::str::FromStr;

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
