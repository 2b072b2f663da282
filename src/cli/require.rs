//! `misfit run --require`: what must hold of the results for exit code 0.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::experiment::Experiment;
use crate::experiment::config::Word;
use crate::report::summary::Middle;
use crate::results::outcome::Outcome;
use crate::results::rows::RunRow;
use crate::text::json::value;
use crate::text::numbers::{number, trimmed};
use crate::text::{one_line, one_of, unknown};

/// What must hold of a variant, or of every one that is trained.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// As it was typed.
    text: String,
    variant: Option<String>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// Every seed ends so.
    Outcome(Outcome),
    /// The median over the seeds is at least, or at most, that.
    Score { column: Column, at_least: bool, bound: f64 },
}

/// A column of `runs.csv`.
#[derive(Debug, Clone, Copy)]
struct Column {
    name: &'static str,
    of: fn(&RunRow) -> f64,
}

const COLUMNS: [Column; 5] = [
    Column { name: "r2", of: |row| row.r2 },
    Column { name: "accuracy", of: |row| row.accuracy },
    Column { name: "test_rmse", of: |row| row.test_rmse },
    Column { name: "train_rmse", of: |row| row.train_rmse.unwrap_or(f64::NAN) },
    Column { name: "last_loss", of: |row| row.last_loss },
];

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Names may hold colons and signs; outcomes and scores do not.
        let (variant, what) = match text.rsplit_once(':') {
            Some((variant, what)) => (Some(variant.to_owned()), what.trim()),
            None => (None, text.trim()),
        };
        Ok(Requirement { text: text.to_owned(), variant, what: what.parse()? })
    }
}

impl FromStr for What {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        for (sign, at_least) in [(">=", true), ("<=", false)] {
            let Some((name, bound)) = text.split_once(sign) else { continue };
            let names = || COLUMNS.iter().map(|column| column.name);
            let name = name.trim();
            let column = COLUMNS.into_iter().find(|column| column.name == name);
            let column = column.ok_or_else(|| unknown("score", name, names()))?;
            let bound = bound.trim().parse::<f64>().ok().filter(|bound| !bound.is_nan());
            let bound = bound.ok_or_else(|| format!("expected a number after {sign}, as {name}{sign}0.9"))?;
            return Ok(What::Score { column, at_least, bound });
        }
        let outcome = Outcome::WORDS.iter().find(|(word, _)| *word == text).map(|(_, outcome)| What::Outcome(*outcome));
        outcome.ok_or_else(|| {
            let words = one_of(Outcome::WORDS.iter().map(|(word, _)| *word));
            format!("expected an outcome ({words}) or a score, as r2>=0.9, perhaps with VARIANT: before it")
        })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Outcome(outcome) => write!(f, "{outcome}"),
            What::Score { column, at_least, bound } => {
                write!(f, "{}{}{}", column.name, if *at_least { ">=" } else { "<=" }, trimmed(*bound))
            }
        }
    }
}

/// A requirement of one variant, and what was found.
#[derive(Debug, Clone)]
pub struct Required {
    requirement: String,
    variant: String,
    what: What,
    pub holds: bool,
    /// The median, of a score.
    found: Option<f64>,
    /// The runs that end otherwise, of an outcome.
    otherwise: Vec<(u64, Outcome)>,
}

/// Seeds that are named of a variant, and variants, at most.
const MOST_NAMED: usize = 3;

impl Requirement {
    /// Refuses a variant that is not trained.
    pub fn check(&self, experiment: &Experiment, trained: &[usize]) -> Result<()> {
        let Some(name) = &self.variant else { return Ok(()) };
        let names = || trained.iter().map(|&at| experiment.variants[at].name.as_str());
        if !names().any(|known| known == name) {
            if experiment.variants.iter().any(|variant| variant.name == *name) {
                bail!("--require: the variant {:?} is not trained: add --variant for it", one_line(name));
            }
            bail!("--require: {}", one_line(&unknown("variant", name, names())));
        }
        Ok(())
    }

    /// What is found in these variants' rows of the experiment's seeds.
    pub fn of<'a>(&self, variants: impl Iterator<Item = (&'a str, Vec<&'a RunRow>)>) -> Vec<Required> {
        let wanted = variants.filter(|(name, _)| self.variant.as_deref().is_none_or(|wanted| wanted == *name));
        let found = |(name, rows): (&str, Vec<&RunRow>)| {
            let (holds, found, otherwise) = match self.what {
                What::Outcome(outcome) => {
                    let other = rows.iter().filter(|row| row.outcome != outcome);
                    let other: Vec<_> = other.map(|row| (row.seed, row.outcome)).collect();
                    (other.is_empty() && !rows.is_empty(), None, other)
                }
                What::Score { column, at_least, bound } => {
                    // What is no number is the worst that there is.
                    let worst = if at_least { f64::NEG_INFINITY } else { f64::INFINITY };
                    let scores = rows.iter().map(|row| (column.of)(row));
                    let scores = scores.map(|score| if score.is_nan() { worst } else { score });
                    let median = Middle::of(scores).map_or(f64::NAN, |middle| middle.median);
                    (if at_least { median >= bound } else { median <= bound }, Some(median), Vec::new())
                }
            };
            Required {
                requirement: self.text.clone(),
                variant: name.to_owned(),
                what: self.what,
                holds,
                found,
                otherwise,
            }
        };
        wanted.map(found).collect()
    }
}

impl Required {
    pub fn json(&self) -> Value {
        json!({
            "requirement": self.requirement,
            "variant": self.variant,
            "holds": self.holds,
            "median": self.found.map(value),
            "otherwise": self.otherwise.iter().map(|(seed, outcome)| json!({ "seed": seed, "outcome": outcome })).collect::<Value>(),
        })
    }
}

impl fmt::Display for Required {
    /// What does not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: ", self.what, one_line(&self.variant))?;
        match self.found {
            Some(median) => write!(f, "the median is {}", number(median)),
            None => {
                let named: Vec<String> = self
                    .otherwise
                    .iter()
                    .take(MOST_NAMED)
                    .map(|(seed, outcome)| format!("seed {seed} {outcome}"))
                    .collect();
                let more = self.otherwise.len() - named.len();
                write!(f, "{}{}", named.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() })
            }
        }
    }
}

/// One line on what does not hold; nothing where all does.
pub fn broken(required: &[Required]) -> Option<String> {
    let broken: Vec<&Required> = required.iter().filter(|required| !required.holds).collect();
    let named: Vec<String> = broken.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let more = broken.len() - named.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    (!broken.is_empty()).then(|| format!("--require does not hold: {}{more}", named.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seed: u64, outcome: Outcome, r2: f64) -> RunRow {
        RunRow {
            variant: "a".to_owned(),
            seed,
            outcome,
            steps: 1,
            first_loss: 1.0,
            last_loss: 1.0,
            test_rmse: 1.0,
            r2,
            accuracy: f64::NAN,
            train_rmse: None,
            best_step: None,
            engine: None,
            kind: None,
        }
    }

    #[test]
    fn every_seed_must_have_an_outcome_and_the_median_a_score() {
        let rows = [row(0, Outcome::Fits, 1.0), row(1, Outcome::Line, f64::NAN), row(2, Outcome::Fits, 0.95)];
        for (text, holds) in [
            ("fits", false),
            ("a:fits", false),
            ("r2>=0.95", true),
            ("a: r2 >= 0.951", false),
            ("r2<=0.95", false),
            ("accuracy>=0", false),
            ("accuracy<=1e9", false),
            ("last_loss<=1", true),
        ] {
            let requirement: Requirement = text.parse().unwrap();
            let found = requirement.of([("a", rows.iter().collect())].into_iter());
            assert_eq!(found.iter().map(|required| required.holds).collect::<Vec<_>>(), [holds], "{text}");
            assert_eq!(broken(&found).is_none(), holds);
        }
        let fits: Requirement = "a:fits".parse().unwrap();
        assert!(fits.of([("b", rows.iter().collect())].into_iter()).is_empty());
        let said = broken(&fits.of([("a", rows.iter().collect())].into_iter())).unwrap();
        assert_eq!(said, "--require does not hold: fits of a: seed 1 line");
    }

    #[test]
    fn a_variants_name_may_hold_colons_and_signs() {
        let requirement: Requirement = "a:b>=1 optimizer.learning_rate=0.1:test_rmse<=2".parse().unwrap();
        assert_eq!(requirement.variant.as_deref(), Some("a:b>=1 optimizer.learning_rate=0.1"));
        for wrong in ["", "fit", "r2>0.9", "r2>=x", "r3>=0.9", "a:", "r2>=NaN"] {
            assert!(wrong.parse::<Requirement>().is_err(), "{wrong}");
        }
    }
}
