//! How each variant ended on the two sides, in a line each: is it better or worse?

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use super::side::Side;
use crate::report::summary::{Middle, VariantSummary, by_variant};
use crate::results::input;
use crate::results::manifest::{Manifest, named_as_ablations_are};
use crate::results::read::{self, Runs};
use crate::results::rows::RunRow;
use crate::text::numbers::ranges;
use crate::text::{apart, json, one_line};

/// A variant that both sides have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ending {
    /// Its name; of two variants held against each other nothing.
    pub variant: Option<String>,
    /// `fits 6/6`, or each outcome with its count.
    pub outcomes_a: String,
    pub outcomes_b: String,
    /// Seeds that both sides have, of which everything here is; none if it is of all seeds of each, because they share none.
    pub seeds: usize,
    /// Seeds that one side alone has.
    pub other_seeds: usize,
    /// Whether every run of these seeds is the same on both sides.
    pub unchanged: bool,
    /// Medians over the seeds, in target units, of classes those of their probabilities; a run whose error is
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

/// What each side alone has, in words.
type Alone = [Vec<String>; 2];

/// The variants that both folders have, those of an ablation behind the others and unchanged ones behind all, and what one side
/// alone has; `manifest` is A's. Nothing where a `runs.csv` is not what it should be: that is said where it is compared. What
/// cannot be read is noted.
pub fn endings(sides: [&Side; 2], manifest: Option<&Manifest>, notes: &mut Vec<String>) -> (Vec<Ending>, Alone) {
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
    if let [Some(a), Some(b)] = sides.map(|side| side.variant.as_deref()) {
        let both = variants[0].get(a).zip(variants[1].get(b));
        let ending = both.and_then(|(a, b)| Ending::of(None, [a, b]));
        let alone = both.map_or_else(Alone::default, |(a, b)| {
            [seeds_but(a, b), seeds_but(b, a)].map(|seeds| Vec::from_iter(seeds_said(&seeds)))
        });
        return (ending.into_iter().collect(), alone);
    }
    let in_order = |runs: &Runs| {
        let mut seen = HashSet::new();
        let names = runs.rows.iter().map(|(row, _)| row.variant.clone());
        names.filter(|name| seen.insert(name.clone())).collect::<Vec<String>>()
    };
    let names = runs.each_ref().map(in_order);
    let combinations = combinations(manifest, &runs[0]);
    let both = |name: &str| Some([variants[0].get(name)?, variants[1].get(name)?]);
    let mut endings: Vec<Ending> = names[0].iter().filter_map(|name| Ending::of(Some(name), both(name)?)).collect();
    endings.sort_by_key(|ending| {
        (ending.unchanged, ending.variant.as_ref().is_some_and(|name| combinations.contains(name)))
    });
    let alone = [0, 1].map(|side| {
        let (lacking, shared): (Vec<&String>, Vec<&String>) =
            names[side].iter().partition(|name| !variants[1 - side].contains_key(name.as_str()));
        let mut said = Vec::new();
        let shown: Vec<String> = lacking.iter().map(|name| one_line(name)).collect();
        let shown = apart(&shown.iter().map(String::as_str).collect::<Vec<_>>(), 40);
        match shown.len() {
            0 => {}
            1 => said.push(format!("variant {}", shown[0])),
            2..=MOST_NAMED => said.push(format!("variants {}", shown.join(", "))),
            count => said.push(format!("{count} variants (from {})", shown[0])),
        }
        let seeds = shared.iter().filter_map(|name| {
            Some(seeds_but(variants[side].get(name.as_str())?, variants[1 - side].get(name.as_str())?))
        });
        said.extend(seeds_said(&seeds.flatten().collect()));
        said
    });
    (endings, alone)
}

/// Variants that are named of one side, at most.
const MOST_NAMED: usize = 4;

fn seeds_of(runs: &[&RunRow]) -> BTreeSet<u64> {
    runs.iter().map(|run| run.seed).collect()
}

fn seeds_but(runs: &[&RunRow], others: &[&RunRow]) -> BTreeSet<u64> {
    &seeds_of(runs) - &seeds_of(others)
}

fn seeds_said(seeds: &BTreeSet<u64>) -> Option<String> {
    let word = if seeds.len() == 1 { "seed" } else { "seeds" };
    (!seeds.is_empty()).then(|| format!("{word} {}", ranges(seeds.iter().copied(), ", ")))
}

impl Ending {
    /// How a variant's runs ended on both sides; nothing where a side has none.
    fn of(name: Option<&str>, runs: [&Vec<&RunRow>; 2]) -> Option<Ending> {
        let seeds = runs.map(|runs| seeds_of(runs));
        let common: BTreeSet<u64> = &seeds[0] & &seeds[1];
        let kept = runs.map(|runs| -> Vec<&RunRow> {
            runs.iter().filter(|run| common.is_empty() || common.contains(&run.seed)).copied().collect()
        });
        let spelt = |runs: &[&RunRow]| {
            let mut spelt: Vec<(u64, String)> =
                // The variants' own names may differ, and NaN is NaN.
                runs.iter().map(|&run| (run.seed, format!("{:?}", RunRow { variant: String::new(), ..run.clone() }))).collect();
            spelt.sort();
            spelt
        };
        let unchanged = !common.is_empty() && spelt(&kept[0]) == spelt(&kept[1]);
        // Of classes every run has one.
        let accuracy =
            |runs: &[&RunRow]| Middle::of(runs.iter().map(|run| run.accuracy)).map_or(f64::NAN, |middle| middle.median);
        let accuracies = kept.each_ref().map(|runs| accuracy(runs));
        let name_of = |side: usize| kept[side].first().map_or("", |run| run.variant.as_str());
        let [a, b] = [VariantSummary::of(name_of(0), &kept[0])?, VariantSummary::of(name_of(1), &kept[1])?];
        Some(Ending {
            variant: name.map(str::to_owned),
            outcomes_a: a.outcomes_line(),
            outcomes_b: b.outcomes_line(),
            seeds: common.len(),
            other_seeds: (&seeds[0] ^ &seeds[1]).len(),
            unchanged,
            test_rmse_a: a.test_rmse.median,
            test_rmse_b: b.test_rmse.median,
            accuracy_a: accuracies[0],
            accuracy_b: accuracies[1],
        })
    }
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
