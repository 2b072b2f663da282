//! The words for how a run ended, and for the weight of a finding.

use std::fmt;

use crate::experiment::config::{Word, words};

words! {
    /// The first that holds, on the test points.
    Outcome {
        /// A logged loss or a prediction that is not finite, or a last test loss above twice the first.
        Diverged = "diverged",
        /// The goal is reached: the file's, or one near what can be reached; of functions R² of at least [`FITS`].
        Fits = "fits",
        /// The predictions' standard deviation is under [`CONSTANT`] of the targets', or they are no better than always the mean.
        Constant = "constant",
        /// No better than the best straight line, to 1 % of its error.
        Line = "line",
        Partial = "partial",
    }
}

pub const FITS: f64 = 0.99;
pub const CONSTANT: f64 = 0.01;

impl Outcome {
    pub const ALL: [Outcome; 5] =
        [Outcome::Fits, Outcome::Partial, Outcome::Line, Outcome::Constant, Outcome::Diverged];

    /// How many there are of each of which there are any.
    pub fn counted(count: impl Fn(Outcome) -> usize) -> Vec<(Outcome, usize)> {
        Self::ALL.into_iter().map(|outcome| (outcome, count(outcome))).filter(|(_, count)| *count > 0).collect()
    }
}

words! {
    /// What a fix is worth, judged beside the others that are needed.
    Verdict {
        Needed = "needed",
        OneWay = "one way",
        Helps = "helps",
        NoDifference = "no difference",
        Hurts = "hurts",
        CannotBeTold = "cannot be told",
    }
}

impl Verdict {
    pub fn meaning(self) -> &'static str {
        match self {
            Verdict::Needed => "nothing that was measured is enough without it",
            Verdict::OneWay => "it is in a smallest set that is enough, and another set is enough without it",
            Verdict::Helps => "beside the others or alone the error is less with it, and it is not needed",
            Verdict::NoDifference => "what it changes is less than what one seed differs from another by",
            Verdict::Hurts => "beside the others the error is more with it, or they are no longer enough",
            Verdict::CannotBeTold => "the seeds are too few to tell which of these it is",
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
            Severity::Open => "it cannot be told, or nothing mends it",
            Severity::Note => "worth knowing",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
