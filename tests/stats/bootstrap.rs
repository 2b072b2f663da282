//! The bootstrap against resamples that can be counted and distributions that are known.

use misfit::stats::bootstrap::{paired_interval, quantile};

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
