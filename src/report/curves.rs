//! The curves of some variants, over their seeds.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::plots::Band;
use super::scores::Measure;
use super::spark::spark;
use crate::results::read::{Trust, each_curve_point};
use crate::results::rows::Key;
use crate::stats::bootstrap::quantile;

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
    /// Of classes and labels; NaN in a regression.
    pub accuracy: Vec<Band>,
    /// The last step with a finite error, by seed.
    pub last_finite: BTreeMap<u64, usize>,
    /// The last step of all, by seed.
    pub last: BTreeMap<u64, usize>,
    /// The lowest error at any logged step, by seed; none where it never is a number.
    pub lowest: BTreeMap<u64, f64>,
}

/// What is drawn of a run at one step: training loss, test loss, test error, accuracy.
type Values = [f64; 4];

/// A variant's first run while it is read: it says at which steps all of the variant's runs are looked at.
struct FirstRun {
    at: usize,
    seed: u64,
    rows: Vec<(usize, Values)>,
    /// Of the rows every so many-th is held, and the last.
    stride: usize,
    seen: usize,
    last: Option<(usize, Values)>,
}

/// Rows of a run that are held, at most.
const MOST_HELD: usize = 1 << 20;

impl FirstRun {
    fn take(&mut self, step: usize, values: Values) {
        if self.seen.is_multiple_of(self.stride) {
            self.rows.push((step, values));
        }
        self.seen += 1;
        self.last = Some((step, values));
        if self.rows.len() > MOST_HELD {
            let mut nth = 0..;
            self.rows.retain(|_| nth.next().is_some_and(|nth: usize| nth.is_multiple_of(2)));
            self.stride *= 2;
        }
    }

    /// Evenly spread steps, the first and the last among them.
    fn steps(mut self) -> BTreeMap<usize, [Vec<f64>; 4]> {
        self.rows.extend(self.last.filter(|last| self.rows.last().map(|row| row.0) != Some(last.0)));
        let count = self.rows.len();
        let kept = count.min(MOST_STEPS);
        let place = |nth: usize| if kept < 2 { nth } else { nth * (count - 1) / (kept - 1) };
        (0..kept)
            .map(|nth| self.rows[place(nth)])
            .map(|(step, values)| (step, values.map(|value| vec![value])))
            .collect()
    }
}

/// A variant's runs while they are read: by step, the values of the runs that have it.
#[derive(Default)]
struct GatheredCurves {
    steps: BTreeMap<usize, [Vec<f64>; 4]>,
    last_finite: BTreeMap<u64, usize>,
    last: BTreeMap<u64, usize>,
    lowest: BTreeMap<u64, f64>,
}

/// The curves of the variants of these names, by the number that comes with the name; of the runs with these seeds, where
/// some are named.
pub fn read(
    folder: &Path,
    trust: Trust,
    names: &BTreeMap<&str, usize>,
    seeds: Option<&[u64]>,
) -> Result<BTreeMap<usize, Curve>> {
    let mut gathered: BTreeMap<usize, GatheredCurves> = BTreeMap::new();
    let wanted =
        |key: &Key| names.contains_key(key.variant.as_str()) && seeds.is_none_or(|seeds| seeds.contains(&key.seed));
    // Only one curve at a time is held whole.
    let mut first: Option<FirstRun> = None;
    each_curve_point(folder, trust, wanted, |key, point| {
        let Some(&at) = names.get(key.variant.as_str()) else { return };
        if first.as_ref().is_some_and(|first| (first.at, first.seed) != (at, key.seed)) {
            settle(&mut first, &mut gathered);
        }
        let new = !gathered.contains_key(&at);
        let own = gathered.entry(at).or_default();
        own.last.insert(key.seed, point.step);
        if point.test_rmse.is_finite() {
            own.last_finite.insert(key.seed, point.step);
        }
        if !point.test_rmse.is_nan() {
            let lowest = own.lowest.entry(key.seed).or_insert(point.test_rmse);
            *lowest = lowest.min(point.test_rmse);
        }
        let values = [point.train_loss, point.test_loss, point.test_rmse, point.accuracy];
        if new {
            first = Some(FirstRun { at, seed: key.seed, rows: Vec::new(), stride: 1, seen: 0, last: None });
        }
        if let Some(first) = &mut first {
            first.take(point.step, values);
        } else if let Some(runs) = own.steps.get_mut(&point.step) {
            runs.iter_mut().zip(values).for_each(|(runs, value)| runs.push(value));
        }
    })?;
    settle(&mut first, &mut gathered);
    let curve = |(at, own): (usize, GatheredCurves)| {
        let bands = |of: usize, worst: f64| -> Vec<Band> {
            own.steps.iter().map(|(&step, values)| band(step, &values[of], worst)).collect()
        };
        let [train_loss, test_loss, test_rmse] = [0, 1, 2].map(|of| bands(of, f64::INFINITY));
        let scored = own.steps.values().any(|values| values[3].iter().any(|accuracy| !accuracy.is_nan()));
        let accuracy = bands(3, if scored { 0.0 } else { f64::NAN });
        let GatheredCurves { last_finite, last, lowest, .. } = own;
        (at, Curve { train_loss, test_loss, test_rmse, accuracy, last_finite, last, lowest })
    };
    Ok(gathered.into_iter().map(curve).collect())
}

impl Curve {
    pub fn of(&self, measure: Measure) -> &[Band] {
        match measure {
            Measure::Accuracy => &self.accuracy,
            Measure::Rmse => &self.test_rmse,
        }
    }

    /// The median over the steps in one line of text: of an error its logarithm.
    pub fn spark(&self, measure: Measure) -> String {
        let bands = self.of(measure);
        let bars = bands.len().min(BARS);
        let place = |nth: usize| nth * (bands.len() - 1) / (bars - 1).max(1);
        let height = |median: f64| if measure == Measure::Rmse { median.log10() } else { median };
        spark(&(0..bars).map(|nth| height(bands[place(nth)].median)).collect::<Vec<_>>())
    }
}

/// The first run of a variant has ended.
fn settle(first: &mut Option<FirstRun>, gathered: &mut BTreeMap<usize, GatheredCurves>) {
    if let Some(first) = first.take()
        && let Some(own) = gathered.get_mut(&first.at)
    {
        own.steps = first.steps();
    }
}

/// Median and quartiles over the runs; what is not a number counts as the worst.
fn band(step: usize, values: &[f64], worst: f64) -> Band {
    let mut values: Vec<f64> = values.iter().map(|&v| if v.is_nan() { worst } else { v }).collect();
    values.sort_by(f64::total_cmp);
    let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&values, share));
    Band { step: step as f64, median, low, high, seeds: values.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps_of(rows: usize) -> Vec<usize> {
        let mut first = FirstRun { at: 0, seed: 0, rows: Vec::new(), stride: 1, seen: 0, last: None };
        (0..rows).for_each(|step| first.take(step, [step as f64; 4]));
        assert!(first.rows.len() <= MOST_HELD);
        let steps = first.steps();
        assert!(steps.iter().all(|(step, [values, ..])| values == &[*step as f64]));
        steps.into_keys().collect()
    }

    #[test]
    fn of_a_curve_of_any_length_evenly_spread_steps_are_drawn_the_first_and_the_last_among_them() {
        assert_eq!(steps_of(1), [0]);
        assert_eq!(steps_of(5), [0, 1, 2, 3, 4]);
        for rows in [301, 5000, 3 * MOST_HELD + 7] {
            let steps = steps_of(rows);
            assert_eq!((steps.len(), steps[0], steps[MOST_STEPS - 1]), (MOST_STEPS, 0, rows - 1));
            let even = (rows - 1) as f64 / (MOST_STEPS - 1) as f64;
            assert!(steps.windows(2).all(|pair| ((pair[1] - pair[0]) as f64 - even).abs() <= 5.0), "{rows}");
        }
    }
}
