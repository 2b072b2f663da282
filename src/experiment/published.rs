//! Figures that somebody published for a variant: `[[published]]`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::reader::{self, Reader};
use super::{ExperimentError, Variant};
use crate::text::unknown;

/// A figure that somebody published for a variant, to be printed beside ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    pub variant: String,
    pub figure: PublishedFigure,
    pub value: f64,
    /// Who says so.
    pub says: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedFigure {
    FirstLoss,
    LastLoss,
    TestRmse,
    R2,
    Accuracy,
    /// At this input.
    Prediction(f64),
}

pub fn published(root: &Reader, variants: &[Variant]) -> Result<Vec<Published>, ExperimentError> {
    let mut all = Vec::new();
    let names: HashSet<&str> = variants.iter().map(|known| known.name.as_str()).collect();
    for (i, node) in root.list("published", "[[published]] tables")?.unwrap_or_default().iter().enumerate() {
        let entry = Reader::of(root.file, format!("published[{i}]"), node)?;
        let variant = entry.text("variant")?.ok_or_else(|| entry.missing("variant", "the name of a variant"))?;
        if !names.contains(variant) {
            let known = variants.iter().map(|known| known.name.as_str());
            return Err(entry.fault("variant", unknown("variant", variant, known)));
        }
        let what = entry
            .text("figure")?
            .ok_or_else(|| entry.missing("figure", "first_loss, last_loss, test_rmse, r2, accuracy or prediction"))?;
        let at = entry.get("at").map(|node| entry.number("at", node, &reader::ANY)).transpose()?;
        let figure = match (what, at) {
            ("first_loss", None) => PublishedFigure::FirstLoss,
            ("last_loss", None) => PublishedFigure::LastLoss,
            ("test_rmse", None) => PublishedFigure::TestRmse,
            ("r2", None) => PublishedFigure::R2,
            ("accuracy", None) => PublishedFigure::Accuracy,
            ("prediction", Some(at)) => PublishedFigure::Prediction(at),
            ("prediction", None) => return Err(entry.missing("at", "the input at which the prediction is taken")),
            ("first_loss" | "last_loss" | "test_rmse" | "r2" | "accuracy", Some(_)) => {
                return Err(entry.fault("at", "only a prediction is taken at an input: remove this key"));
            }
            _ => {
                return Err(entry.fault(
                    "figure",
                    unknown(
                        "figure",
                        what,
                        ["first_loss", "last_loss", "test_rmse", "r2", "accuracy", "prediction"].into_iter(),
                    ),
                ));
            }
        };
        let value = entry.get("value").ok_or_else(|| entry.missing("value", "a number"))?;
        let value = entry.number("value", value, &reader::Range { says: "a number", holds: |_| true })?;
        let says = entry.text("says")?.unwrap_or("the source").to_owned();
        entry.finish()?;
        all.push(Published { variant: variant.to_owned(), figure, value, says });
    }
    Ok(all)
}
