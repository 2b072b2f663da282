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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_pairs_the_interval_is_almost_from_one_to_the_other() {
        // Means of 1, 2, 2 and 3: quantiles at places 0.075 and 2.925 of 0…3.
        let [low, high] = paired_interval(&[1.0, 3.0]);
        assert!((low - 1.075).abs() < 1e-12 && (high - 2.925).abs() < 1e-12, "{low} {high}");
    }

    #[test]
    fn the_interval_of_three_pairs_is_that_of_the_27_resamples() {
        // Sums of three draws from 0, 1, 3: 0 once, then 1, 1, 1 (0 0 1); the 2.5 % quantile lies at place 0.65.
        // At the top 9 once, then 7, 7, 7 (3 3 1): place 25.35 of 0…26.
        let [low, high] = paired_interval(&[0.0, 1.0, 3.0]);
        assert!((low - 0.65 / 3.0).abs() < 1e-12, "{low}");
        assert!((high - (7.0 + 2.0 * 0.35) / 3.0).abs() < 1e-12, "{high}");
    }

    #[test]
    fn drawn_resamples_agree_with_the_binomial_distribution() {
        // The mean of draws from 32 zeros and 32 ones is a binomial share: 0.5 ± 1.96·√(0.25/64) = 0.3775 … 0.6225.
        let values: Vec<f64> = (0..64).map(|i| f64::from(i % 2)).collect();
        let [low, high] = paired_interval(&values);
        assert!((low - 0.3775).abs() < 0.016 && (high - 0.6225).abs() < 0.016, "{low} {high}");
        assert_eq!([low, high], paired_interval(&values), "the draws are the same every time");
    }

    #[test]
    fn many_pairs_have_the_interval_of_the_normal_distribution() {
        let values: Vec<f64> = (0..4000).map(|i| f64::from(i % 2)).collect();
        let [low, high] = paired_interval(&values);
        let margin = 1.96 * 0.5 / 4000.0_f64.sqrt();
        assert!((low - (0.5 - margin)).abs() < 1e-5 && (high - (0.5 + margin)).abs() < 1e-5);
    }

    #[test]
    fn one_pair_and_what_is_not_finite_have_no_interval() {
        for values in [&[][..], &[1.0], &[1.0, f64::NAN], &[1.0, f64::INFINITY]] {
            assert!(paired_interval(values).iter().all(|end| end.is_nan()));
        }
        assert_eq!(paired_interval(&[1e308, 1e308]), [1e308, 1e308]);
    }

    #[test]
    fn quantiles_interpolate_as_numpy_does_and_of_infinities_are_infinite() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.25), 1.75);
        assert_eq!(quantile(&[f64::INFINITY; 2], 0.3), f64::INFINITY);
        // One of three is infinitely far off: the middle one is not. Of two it is half of an infinite way.
        assert_eq!(quantile(&[1.0, 2.0, f64::INFINITY], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, f64::INFINITY], 0.5), f64::INFINITY);
        assert_eq!(quantile(&[f64::NEG_INFINITY, 1.0, 2.0], 0.5), 1.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
