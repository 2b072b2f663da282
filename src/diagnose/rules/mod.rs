//! Symptoms, each with its evidence, its rule's source and the fix that it suggests.

pub mod after;
pub mod before;
mod classes;
mod remedies;
mod rows;
mod script;

use crate::experiment::config::Model;
use crate::experiment::{ExperimentError, Fix};

pub use remedies::{Rank, rank, usual_weights, with_usual_weights};

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

/// What a rule says of what it looked at.
type Found = Result<Option<Finding>, ExperimentError>;

impl Finding {
    fn new(rule: &'static str, source: &'static str, evidence: String) -> Self {
        Finding { rule, seen_in: String::new(), evidence, source, fix: None, certainty: Certainty::Likely }
    }

    fn certainty(mut self, certainty: Certainty) -> Self {
        self.certainty = certainty;
        self
    }

    /// With a fix that is called `name` and sets `patch`, a key a line.
    fn fixed_by(mut self, name: &str, patch: &str) -> Found {
        self.fix = Some(Fix::parse(name, &self.evidence, patch)?);
        Ok(Some(self))
    }

    /// Without a fix of the layers of a module, which are its own.
    fn possible_for(mut self, model: &Model) -> Self {
        let of_layers = |fix: &Fix| fix.keys().iter().any(|key| key.starts_with("model."));
        self.fix = self.fix.filter(|fix| model.torchscript.is_none() || !of_layers(fix));
        self
    }

    /// The same where the fix can be one, else without it.
    fn fixed_where(self, holds: bool, name: &str, patch: &str) -> Found {
        if holds { self.fixed_by(name, patch) } else { Ok(Some(self)) }
    }
}
