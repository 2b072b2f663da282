//! What networks became: the predictions of each variant's middle run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::study::StudyVariant;
use crate::results::read::predictions;
use crate::results::rows::HealthRow;

/// The run whose test error is the median of its variant's (the better of two).
#[derive(Debug, Clone, Default)]
pub struct Function {
    pub seed: u64,
    /// Of one input its values, of several nothing.
    pub inputs: Option<Vec<f64>>,
    pub targets: Vec<f64>,
    pub predictions: Vec<f64>,
    /// Where its straight pieces meet, in the input's units.
    pub kinks: Vec<f64>,
    /// How many pieces it has; NaN where it is not made of them.
    pub pieces: f64,
}

/// Those of the variants at these places, by place.
pub fn read(
    folder: &Path,
    variants: &[StudyVariant],
    drawn: &[usize],
    health: &[HealthRow],
) -> Result<BTreeMap<usize, Function>> {
    let middle = |variant: &StudyVariant| {
        let error = |at: usize| match variant.runs[at].test_rmse {
            error if error.is_nan() => f64::INFINITY,
            error => error,
        };
        let mut order: Vec<usize> = (0..variant.runs.len()).collect();
        order.sort_by(|&a, &b| error(a).total_cmp(&error(b)));
        variant.runs[order[(order.len() - 1) / 2]].seed
    };
    let wanted: BTreeMap<&str, (usize, String)> =
        drawn.iter().map(|&at| (variants[at].name.as_str(), (at, middle(&variants[at]).to_string()))).collect();
    let mut functions: BTreeMap<usize, Function> = BTreeMap::new();
    let path = folder.join("predictions.csv");
    let shown = path.display();
    let (mut reader, inputs) = predictions(&path)?;
    let columns = inputs.len() + 4;
    let one = inputs.len() == 1;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).with_context(|| format!("{shown}: cannot be read"))? {
        let Some((at, seed)) = wanted.get(&record[0]) else { continue };
        if record[1] != **seed {
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let number = |field: usize| {
            let text = &record[field];
            text.parse::<f64>().with_context(|| format!("{shown}:{line}: {text:?} is not a number"))
        };
        let function = functions.entry(*at).or_insert_with(|| Function {
            seed: seed.parse().unwrap_or_default(),
            inputs: one.then(Vec::new),
            pieces: f64::NAN,
            ..Function::default()
        });
        if let Some(inputs) = &mut function.inputs {
            inputs.push(number(2)?);
        }
        function.targets.push(number(columns - 2)?);
        function.predictions.push(number(columns - 1)?);
    }
    for row in health {
        let own = wanted.get(row.variant.as_str()).and_then(|(at, _)| functions.get_mut(at));
        if let Some(own) = own.filter(|own| own.seed == row.seed) {
            own.kinks.clone_from(&row.kinks);
            own.pieces = row.pieces;
        }
    }
    Ok(functions)
}
