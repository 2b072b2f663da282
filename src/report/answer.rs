//! What tables say, as JSON.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::summary::{Middle, VariantSummary};
use crate::experiment::{Experiment, Variant};
use crate::results::rows::RunRow;
use crate::text::json::value;

/// How variants ended, an object each, by their rows.
pub fn variants(experiment: &Experiment, variants: &[usize], rows: &HashMap<&str, Vec<&RunRow>>) -> Value {
    let of = |&at: &usize| {
        let Variant { name, fixes, swept, kind, .. } = &experiment.variants[at];
        let summary = VariantSummary::of(name, rows.get(name.as_str())?)?;
        let on = experiment.fixes.iter().zip(fixes).filter(|(_, on)| **on).map(|(fix, _)| fix.name.as_str());
        let outcomes = summary.outcomes.iter().map(|(outcome, runs)| (outcome.word().to_owned(), Value::from(*runs)));
        Some(json!({
            "name": name,
            "kind": kind,
            "fixes": on.collect::<Value>(),
            "swept": experiment.sweep.iter().cloned().zip(swept.iter().map(|cell| cell.as_str().into())).collect::<Map<_, _>>(),
            "runs": summary.runs,
            "outcomes": outcomes.collect::<Map<_, _>>(),
            "test_rmse": middle(Some(summary.test_rmse)),
            "r2": middle(Some(summary.r2)),
            "accuracy": middle(summary.accuracy),
            "train_rmse": middle(summary.train_rmse),
            "best_step": summary.best_step.map(|step| value(step.best)),
        }))
    };
    variants.iter().filter_map(of).collect()
}

fn middle(of: Option<Middle>) -> Value {
    of.map_or(Value::Null, |m| json!({ "median": value(m.median), "low": value(m.low), "high": value(m.high) }))
}
