//! Symptoms, each with its evidence, its rule's source and the fix that it suggests.

pub mod after;
pub mod before;
mod remedies;

use crate::experiment::{ExperimentError, Fix};

pub use remedies::{Rank, rank};

/// A symptom.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// The variant in which it was seen.
    pub seen_in: String,
    /// What was seen, in numbers.
    pub evidence: String,
    /// Where the rule and its threshold are from.
    pub source: &'static str,
    /// What would mend it, as a patch of the configuration; nothing where it is only worth knowing.
    pub fix: Option<Fix>,
    pub certainty: Certainty,
}

/// How sure it is that a symptom is a fault. The fixes of what is not sure are tried where those of the others are not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It cannot work so.
    Certain,
    /// It seldom works so.
    Likely,
    /// Many a set-up works so.
    Possible,
}

impl Finding {
    fn new(rule: &'static str, source: &'static str, evidence: String) -> Self {
        Finding { rule, seen_in: String::new(), evidence, source, fix: None, certainty: Certainty::Likely }
    }

    fn certainty(mut self, certainty: Certainty) -> Self {
        self.certainty = certainty;
        self
    }

    /// With a fix that is called `name` and sets `patch`, a key a line.
    fn fixed_by(mut self, name: &str, patch: &str) -> Result<Self, ExperimentError> {
        self.fix = Some(Fix::parse(name, &self.evidence, patch)?);
        Ok(self)
    }
}

/// Four significant digits.
pub fn short(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => format!("{value:?}"),
        0.0 => "0".to_owned(),
        size if !(1e-3..1e6).contains(&size) => {
            let text = format!("{value:.3e}");
            match text.split_once('e') {
                Some((digits, exponent)) => {
                    format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
                }
                None => text,
            }
        }
        size => {
            let digits = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
            let text = format!("{value:.digits$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
    }
}
