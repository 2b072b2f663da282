//! Moments of numbers of any size.

use misfit::stats::moments::{Fit, deviation, mean, rms};

use super::split_mix;

#[test]
fn numbers_of_any_size_have_the_moments_of_their_digits() {
    // Uniform in [−2, 2).
    let mut state = 1;
    let mut draw = || (split_mix(&mut state) >> 11) as f64 / (1_u64 << 51) as f64 - 2.0;
    let (targets, predictions): (Vec<f64>, Vec<f64>) = (0..101).map(|_| (3.0 + draw(), draw())).unzip();
    let plain =
        |values: &[f64], about: f64| (values.iter().map(|v| (v - about) * (v - about)).sum::<f64>() / 101.0).sqrt();
    let middle = targets.iter().sum::<f64>() / 101.0;
    let apart: Vec<f64> = targets.iter().zip(&predictions).map(|(y, p)| y - p).collect();
    let [spread, size, error] = [plain(&targets, middle), plain(&targets, 0.0), plain(&apart, 0.0)];
    for power in [-990, -600, -300, -1, 0, 1, 300, 600, 1019] {
        let scaled = |values: &[f64]| -> Vec<f64> { values.iter().map(|v| libm::scalbn(*v, power)).collect() };
        let (y, p) = (scaled(&targets), scaled(&predictions));
        let fit = Fit::of(&p, &y);
        for (found, wanted) in [
            (mean(&y), middle),
            (deviation(&y), spread),
            (rms(&y), size),
            (fit.rmse, error),
            (Fit::rmse(&p, &y), error),
        ] {
            let wanted = libm::scalbn(wanted, power);
            assert!((found / wanted - 1.0).abs() < 1e-14, "2^{power}: {found} against {wanted}");
        }
        assert!((fit.r2 - (1.0 - (error / spread).powi(2))).abs() < 1e-12, "2^{power}: {}", fit.r2);
    }
}

#[test]
fn equal_numbers_have_no_spread_though_their_sum_is_rounded() {
    let targets = [0.1; 3];
    assert!(targets.iter().sum::<f64>() / 3.0 != 0.1, "what this is about");
    assert_eq!((mean(&targets), deviation(&targets)), (0.1, 0.0));
    assert_eq!(Fit::of(&[0.1, 0.1, 0.2], &targets).r2, f64::NEG_INFINITY);
    assert_eq!(Fit::of(&targets, &targets), Fit { rmse: 0.0, r2: 1.0 });
}

#[test]
fn an_error_too_small_to_be_squared_is_no_exact_fit() {
    let fit = Fit::of(&[2e-200, 2e-200], &[1e-200, 3e-200]);
    assert!((fit.rmse / 1e-200 - 1.0).abs() < 1e-12 && fit.r2.abs() < 1e-12, "{fit:?}");
}

#[test]
fn what_is_not_finite_stays_so() {
    for (values, mean_is, deviation_is) in [
        ([1.0, f64::INFINITY], f64::INFINITY, f64::NAN),
        ([f64::NAN, 1.0], f64::NAN, f64::NAN),
        ([f64::INFINITY, f64::NEG_INFINITY], f64::NAN, f64::NAN),
    ] {
        assert_eq!(format!("{:?}", [mean(&values), deviation(&values)]), format!("{:?}", [mean_is, deviation_is]));
    }
    assert!(mean(&[]).is_nan() && deviation(&[]).is_nan());
    let fit = Fit::of(&[f64::INFINITY, 0.0], &[0.0, 1.0]);
    assert_eq!((fit.rmse, fit.r2), (f64::INFINITY, f64::NEG_INFINITY));
    assert!(Fit::of(&[f64::NAN, 0.0], &[0.0, 1.0]).r2.is_nan());
    // A true overflow: the error itself is beyond f64.
    assert_eq!(Fit::rmse(&[1.7e308], &[-1.7e308]), f64::INFINITY);
}
