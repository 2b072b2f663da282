//! The curves of some variants, over their seeds.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::plots::Band;
use super::spark::spark;
use crate::analysis::bootstrap::quantile;
use crate::results::read::{Trust, each_curve_point};
use crate::results::rows::Key;

/// Steps of a curve that are drawn, at most.
const MOST_STEPS: usize = 300;
/// Bars of a small chart.
const BARS: usize = 16;

/// One variant's curves.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    pub train_loss: Vec<Band>,
    pub test_loss: Vec<Band>,
    pub test_rmse: Vec<Band>,
    /// The last step with a finite error, by seed.
    pub last_finite: BTreeMap<u64, usize>,
    /// The last step of all, by seed.
    pub last: BTreeMap<u64, usize>,
}

/// A variant's runs while they are read: by step, the values of the runs that have it.
#[derive(Default)]
struct Gathered {
    steps: BTreeMap<usize, [Vec<f64>; 3]>,
    last_finite: BTreeMap<u64, usize>,
    last: BTreeMap<u64, usize>,
    first: Option<u64>,
    thinned: bool,
}

/// The curves of the variants of these names, by the number that comes with the name; of the runs with these seeds, where
/// some are named.
pub fn read(
    folder: &Path,
    trust: Trust,
    names: &BTreeMap<&str, usize>,
    seeds: Option<&[u64]>,
) -> Result<BTreeMap<usize, Curve>> {
    let mut gathered: BTreeMap<usize, Gathered> = BTreeMap::new();
    let wanted =
        |key: &Key| names.contains_key(key.variant.as_str()) && seeds.is_none_or(|seeds| seeds.contains(&key.seed));
    each_curve_point(folder, trust, wanted, |key, point| {
        let Some(&at) = names.get(key.variant.as_str()) else { return };
        let own = gathered.entry(at).or_default();
        let first = *own.first.get_or_insert(key.seed);
        if first != key.seed && !own.thinned {
            own.thin();
        }
        own.last.insert(key.seed, point.step);
        if point.test_rmse.is_finite() {
            own.last_finite.insert(key.seed, point.step);
        }
        // The first run says at which steps all are looked at.
        let values = match first == key.seed {
            true => Some(own.steps.entry(point.step).or_default()),
            false => own.steps.get_mut(&point.step),
        };
        for (values, value) in values.into_iter().flatten().zip([point.train_loss, point.test_loss, point.test_rmse]) {
            values.push(value);
        }
    })?;
    let curve = |(at, mut own): (usize, Gathered)| {
        own.thin();
        let bands =
            |measure: usize| own.steps.iter().map(|(&step, values)| band(step, &values[measure])).collect::<Vec<_>>();
        let [train_loss, test_loss, test_rmse] = [0, 1, 2].map(bands);
        (at, Curve { train_loss, test_loss, test_rmse, last_finite: own.last_finite, last: own.last })
    };
    Ok(gathered.into_iter().map(curve).collect())
}

impl Curve {
    /// The median error over the steps in one line of text, on a logarithm.
    pub fn spark(&self) -> String {
        let count = self.test_rmse.len();
        let bars = count.min(BARS);
        let place = |nth: usize| nth * (count - 1) / (bars - 1).max(1);
        spark(&(0..bars).map(|nth| self.test_rmse[place(nth)].median.log10()).collect::<Vec<_>>())
    }
}

impl Gathered {
    /// Leaves evenly spread steps, the first and the last among them.
    fn thin(&mut self) {
        self.thinned = true;
        let count = self.steps.len();
        if count > MOST_STEPS {
            let kept: std::collections::BTreeSet<usize> =
                (0..MOST_STEPS).map(|nth| nth * (count - 1) / (MOST_STEPS - 1)).collect();
            let mut nth = 0..;
            self.steps.retain(|_, _| nth.next().is_some_and(|nth| kept.contains(&nth)));
        }
    }
}

/// Median and quartiles over the runs; what is not a number counts as infinitely far off.
fn band(step: usize, values: &[f64]) -> Band {
    let mut values: Vec<f64> = values.iter().map(|&v| if v.is_nan() { f64::INFINITY } else { v }).collect();
    values.sort_by(f64::total_cmp);
    let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&values, share));
    Band { step: step as f64, median, low, high, seeds: values.len() }
}
