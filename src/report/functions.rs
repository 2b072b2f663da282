//! What networks became: the predictions of each variant's middle run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::study::StudyVariant;
use crate::results::read::{Trust, each_prediction};
use crate::results::rows::{HealthRow, Key};

/// The run whose test error is the median of its variant's (the better of two).
#[derive(Debug, Clone, Default)]
pub struct Function {
    pub seed: u64,
    /// Of one input its values, of several nothing.
    pub inputs: Option<Vec<f64>>,
    pub targets: Vec<f64>,
    pub predictions: Vec<f64>,
    /// Where its linear regions meet, in the input's units.
    pub breakpoints: Vec<f64>,
    /// How many pieces it has; NaN where it is not made of them.
    pub linear_regions: f64,
}

/// Those of the variants at these places, by place.
pub fn read(
    folder: &Path,
    trust: Trust,
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
    let wanted: BTreeMap<&str, (usize, u64)> =
        drawn.iter().map(|&at| (variants[at].name.as_str(), (at, middle(&variants[at])))).collect();
    let mut functions: BTreeMap<usize, Function> = BTreeMap::new();
    let asked = |key: &Key| wanted.get(key.variant.as_str()).is_some_and(|(_, seed)| *seed == key.seed);
    each_prediction(folder, trust, asked, |key, inputs, predicted| {
        let Some((at, _)) = wanted.get(key.variant.as_str()) else { return };
        let one = inputs.len() == 1;
        let new =
            || Function { seed: key.seed, inputs: one.then(Vec::new), linear_regions: f64::NAN, ..Function::default() };
        let function = functions.entry(*at).or_insert_with(new);
        if let Some(own) = &mut function.inputs {
            own.extend(inputs);
        }
        function.targets.push(predicted.target);
        function.predictions.push(predicted.prediction);
    })?;
    for row in health {
        let own = wanted.get(row.variant.as_str()).and_then(|(at, _)| functions.get_mut(at));
        if let Some(own) = own.filter(|own| own.seed == row.seed) {
            own.breakpoints.clone_from(&row.kinks);
            own.linear_regions = row.pieces;
        }
    }
    Ok(functions)
}
