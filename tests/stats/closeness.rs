//! The scale of what fixes gain against its definition.

use misfit::stats::closeness::closeness;

#[test]
fn a_tenth_of_the_error_is_one_more_wherever_one_begins_and_no_better_than_a_constant_is_0() {
    for rmse in [0.5_f64, 0.1, 0.01, 1e-3] {
        // Of targets with a standard deviation of 1.
        let of = |rmse: f64| closeness(1.0 - rmse * rmse);
        assert!((of(rmse) + rmse.log10()).abs() < 1e-6, "{rmse}");
        assert!((of(rmse / 10.0) - of(rmse) - 1.0).abs() < 1e-6);
    }
    for r2 in [0.0, -7.86, -1e300, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(closeness(r2), 0.0, "{r2}");
    }
    assert_eq!(closeness(1.0), 6.0);
    assert!(closeness(0.9999) - closeness(0.99) > 0.99);
}
