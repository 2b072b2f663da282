//! How each variant ended on the two sides, in a line each: is it better or worse?

use std::collections::HashSet;

use serde::Serialize;

use super::json;
use super::side::Side;
use crate::report::summary::{Middle, VariantSummary, by_variant};
use crate::results::input;
use crate::results::manifest::{Manifest, named_as_ablations_are};
use crate::results::read::{self, Runs};

/// A variant that both sides have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ending {
    /// Its name; of two variants held against each other nothing.
    pub variant: Option<String>,
    /// `fits 6/6`, or each outcome with its count.
    pub outcomes_a: String,
    pub outcomes_b: String,
    /// Medians over all seeds of the side, in target units, of classes those of their probabilities; a run whose error is
    /// not a number counts as infinitely far off.
    #[serde(serialize_with = "json::number")]
    pub test_rmse_a: f64,
    #[serde(serialize_with = "json::number")]
    pub test_rmse_b: f64,
    /// Medians of classes' accuracy; NaN of regressions.
    #[serde(serialize_with = "json::number")]
    pub accuracy_a: f64,
    #[serde(serialize_with = "json::number")]
    pub accuracy_b: f64,
}

/// Runs files of so many bytes or fewer are read for it.
const MOST_BYTES: u64 = 64 << 20;

/// The variants that both folders have, those of an ablation behind the others; `manifest` is A's. Nothing where a `runs.csv` is not what it should be: that is said where it is compared. What cannot be read is noted.
pub fn endings(sides: [&Side; 2], manifest: Option<&Manifest>, notes: &mut Vec<String>) -> Vec<Ending> {
    let runs = sides.map(|side| {
        let read = || match input::about(&side.path.join("runs.csv"))? {
            Some(about) if about.len() <= MOST_BYTES => read::runs_with_settings(&side.path),
            _ => Ok(Runs::default()),
        };
        read().unwrap_or_else(|error: anyhow::Error| {
            if error.chain().any(|cause| cause.is::<std::io::Error>()) {
                notes.push(format!("{error:#}, so nothing is said of how runs ended"));
            }
            Runs::default()
        })
    });
    let variants = runs.each_ref().map(|runs| by_variant(runs.rows.iter().map(|(row, _)| row)));
    let summary = |side: usize, variant: &str| VariantSummary::of(variant, variants[side].get(variant)?);
    // Of classes every run has one.
    let accuracy = |side: usize, variant: &str| {
        let rows = variants[side].get(variant).into_iter().flatten();
        Middle::of(rows.map(|row| row.accuracy)).map_or(f64::NAN, |middle| middle.median)
    };
    let ending = |a: &str, b: &str, name: Option<&str>| {
        let [accuracy_a, accuracy_b] = [accuracy(0, a), accuracy(1, b)];
        let (a, b) = (summary(0, a)?, summary(1, b)?);
        Some(Ending {
            variant: name.map(str::to_owned),
            outcomes_a: a.outcomes_line(),
            outcomes_b: b.outcomes_line(),
            test_rmse_a: a.test_rmse.median,
            test_rmse_b: b.test_rmse.median,
            accuracy_a,
            accuracy_b,
        })
    };
    if let [Some(a), Some(b)] = sides.map(|side| side.variant.as_deref()) {
        return ending(a, b, None).into_iter().collect();
    }
    let mut names: Vec<&str> = runs[0].rows.iter().map(|(row, _)| row.variant.as_str()).collect();
    names.dedup();
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(*name));
    let combinations = combinations(manifest, &runs[0]);
    names.sort_by_cached_key(|name| combinations.contains(*name));
    names.into_iter().filter_map(|name| ending(name, name, Some(name))).collect()
}

/// The variants that an ablation made of fixes.
fn combinations(manifest: Option<&Manifest>, runs: &Runs) -> HashSet<String> {
    if let Some(manifest) = manifest {
        let made = manifest.variants.iter().filter(|variant| variant.of_ablation() && !variant.fixes.is_empty());
        return made.map(|variant| variant.name.clone()).collect();
    }
    let on = |fields: &[String]| -> Vec<String> {
        let set = runs.settings.iter().zip(fields).filter(|(_, field)| *field == "1");
        set.map(|(name, _)| name.clone()).collect()
    };
    let made = runs.rows.iter().map(|(row, fields)| (&row.variant, on(fields)));
    let made = made.filter(|(name, on)| !on.is_empty() && named_as_ablations_are(name, on));
    made.map(|(name, _)| name.clone()).collect()
}
