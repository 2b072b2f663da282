//! Wilson's interval against scipy 1.16 (`binomtest(k, n).proportion_ci(c, method="wilson")`), normal quantiles against
//! `scipy.stats.norm.ppf`.

use misfit::stats::proportion::{normal, wilson};

#[test]
fn wilsons_interval_is_scipys() {
    for (successes, trials, confidence, low, high) in [
        (3, 3, 0.95, 0.4385029682449546, 1.0),
        (46, 100, 0.95, 0.36560808309024106, 0.5573513967663178),
        (0, 5, 0.95, 0.0, 0.43448246478317475),
        (5, 6, 0.9706, 0.3980707991259723, 0.9742287293417607),
        (12, 20, 0.99, 0.329313482072384, 0.8208654377078652),
    ] {
        let [ours_low, ours_high] = wilson(successes, trials, confidence);
        assert!((ours_low - low).abs() < 1e-9 && (ours_high - high).abs() < 1e-9, "{successes}/{trials}");
    }
    assert_eq!(wilson(0, 0, 0.95), [0.0, 1.0]);
    assert!((normal(0.95) - 1.959963984540054).abs() < 1e-9 && (normal(0.99) - 2.5758293035489004).abs() < 1e-9);
}
