use misfit::stats::exponential::exponentials;

#[test]
fn exponentials_are_those_of_the_standard_library_within_2_ulp_from_0_down_to_nothing() {
    let inputs: Vec<f64> = (0..=80_000).map(|i| -f64::from(i) * f64::from(i) / 9e6).collect();
    let mut values = inputs.clone();
    exponentials(&mut values);
    for (x, value) in inputs.iter().zip(values) {
        let exact = x.exp();
        let ulp = exact * f64::EPSILON;
        assert!((value - exact).abs() <= 2.0 * ulp || *x < -708.0 && value == 0.0, "e^{x} is {value:e}, not {exact:e}");
    }
    let mut special = [0.0, -0.0, f64::NEG_INFINITY, f64::NAN, -1e300];
    exponentials(&mut special);
    assert_eq!(special[..3], [1.0, 1.0, 0.0]);
    assert!(special[3].is_nan() && special[4] == 0.0);
}
