//! The figures that an experiment's source gives, beside ours.

use std::path::Path;

use anyhow::Result;

use super::summary::Middle;
use crate::experiment::{Published, PublishedFigure};
use crate::results::read::{self, Trust};
use crate::results::rows::RunRow;
use crate::text::numbers::figure;
use crate::text::one_line;

pub const HEADER: [&str; 5] = ["variant", "figure", "source says", "here", "off by"];

/// A row under [`HEADER`] for each figure of a variant that has runs; `rows` are those of a results folder.
pub fn rows(published: &[Published], rows: &[RunRow], folder: &Path, trust: Trust) -> Result<Vec<[String; 5]>> {
    let told: Vec<&Published> =
        published.iter().filter(|entry| rows.iter().any(|row| row.variant == entry.variant)).collect();
    let wanted: Vec<(&str, f64)> = told
        .iter()
        .filter_map(|entry| match entry.figure {
            PublishedFigure::Prediction(at) => Some((entry.variant.as_str(), at)),
            _ => None,
        })
        .collect();
    let mut seeds: Vec<u64> = rows.iter().map(|row| row.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let predictions =
        if wanted.is_empty() { Vec::new() } else { read::predictions_at(folder, trust, &wanted, &seeds)? };
    let row = |entry: &&Published| {
        let own = rows.iter().filter(|row| row.variant == entry.variant);
        let (name, values): (String, Vec<f64>) = match entry.figure {
            PublishedFigure::FirstLoss => ("first loss".to_owned(), own.map(|row| row.first_loss).collect()),
            PublishedFigure::LastLoss => ("last loss".to_owned(), own.map(|row| row.last_loss).collect()),
            PublishedFigure::TestRmse => ("test RMSE".to_owned(), own.map(|row| row.test_rmse).collect()),
            PublishedFigure::R2 => ("R²".to_owned(), own.map(|row| row.r2).collect()),
            PublishedFigure::Accuracy => ("accuracy".to_owned(), own.map(|row| row.accuracy).collect()),
            PublishedFigure::Prediction(at) => {
                let there = predictions.iter().filter(|row| row.variant == entry.variant && row.x == at);
                (format!("prediction at {at}"), there.map(|row| row.prediction).collect())
            }
        };
        // What is not a number is the worst that there is; of a prediction there is no worst.
        let worst = match entry.figure {
            PublishedFigure::FirstLoss | PublishedFigure::LastLoss | PublishedFigure::TestRmse => f64::INFINITY,
            PublishedFigure::R2 => f64::NEG_INFINITY,
            PublishedFigure::Accuracy => 0.0,
            PublishedFigure::Prediction(_) => f64::NAN,
        };
        let values: Vec<f64> = values.into_iter().map(|value| if value.is_nan() { worst } else { value }).collect();
        let says = if entry.says == "the source" {
            figure(entry.value)
        } else {
            format!("{} ({})", figure(entry.value), one_line(&entry.says))
        };
        let variant = one_line(&entry.variant);
        let Some(middle) = Middle::of(values.iter().copied()) else {
            return [variant, name, says, "not among the test points".to_owned(), "–".to_owned()];
        };
        let off = match middle.median / entry.value - 1.0 {
            _ if middle.median == entry.value => "0".to_owned(),
            off if off.is_finite() => format!("{off:+.1e}"),
            _ => "–".to_owned(),
        };
        [variant, name, says, here(&middle, values.len()), off]
    };
    Ok(told.iter().map(row).collect())
}

/// The one value of all seeds, or the median with the lowest and the highest.
fn here(middle: &Middle, seeds: usize) -> String {
    if middle.low == middle.high {
        let all = if seeds > 1 { format!(", on all {seeds} seeds") } else { String::new() };
        format!("{}{all}", figure(middle.low))
    } else {
        format!("{} ({} … {})", figure(middle.median), figure(middle.low), figure(middle.high))
    }
}
