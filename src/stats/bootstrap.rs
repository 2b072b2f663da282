//! How sure a difference between paired runs is: the bootstrap.

use super::effects::split_mix;

/// Up to so many pairs every resample is gone through; beyond, so many are drawn.
const EXACT_PAIRS: usize = 5;
const DRAWS: usize = 2000;
/// So many pairs need no bootstrap: their mean is normal.
const MANY_PAIRS: usize = 1000;
/// The 0.975 quantile of the standard normal distribution.
const NORMAL: f64 = 1.959_963_984_540_054;

/// Ends of the 95 % percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13) for the mean of the differences that
/// pairs of runs have, one a seed: the pairs are drawn with replacement, and the 2.5 % and 97.5 % quantiles of their means
/// taken, with linear interpolation. Of up to 5 pairs over all resamples, of more over 2000, always the same ones; of more
/// than 1000 the mean ± 1.96 standard errors. NaN of fewer than two, or where one is not finite.
///
/// With few pairs it is too narrow: of three that lie on one side of 0 by chance, as one in four do, it excludes 0.
pub fn paired_interval(differences: &[f64]) -> [f64; 2] {
    let count = differences.len();
    if count < 2 || !differences.iter().all(|d| d.is_finite()) {
        return [f64::NAN; 2];
    }
    let share = 1.0 / count as f64;
    if count > MANY_PAIRS {
        let mean = differences.iter().map(|d| d * share).sum::<f64>();
        let variance = differences.iter().map(|d| (d - mean).powi(2) / (count - 1) as f64).sum::<f64>();
        let margin = NORMAL * (variance * share).sqrt();
        return [mean - margin, mean + margin];
    }
    let mut means: Vec<f64> = if count <= EXACT_PAIRS {
        (0..count.pow(count as u32))
            .map(|resample| (0..count).map(|draw| differences[resample / count.pow(draw as u32) % count] * share).sum())
            .collect()
    } else {
        let mut state = 0;
        let mut draw = || differences[((u128::from(split_mix(&mut state)) * count as u128) >> 64) as usize] * share;
        (0..DRAWS).map(|_| (0..count).map(|_| draw()).sum()).collect()
    };
    means.sort_by(f64::total_cmp);
    [quantile(&means, 0.025), quantile(&means, 0.975)]
}

/// The quantile of ascending numbers, with linear interpolation between neighbours; NaN of none.
pub fn quantile(ascending: &[f64], share: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let (low, high) = (ascending[below], ascending[(below + 1).min(last)]);
    let part = place - below as f64;
    // Equal ends have no way between them, and of none of a way to infinity nothing is left.
    if low == high || part == 0.0 { low } else { low + (high - low) * part }
}
