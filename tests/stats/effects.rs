//! Effects, Shapley values and tests of the mean against the sums that define them, and against tables.

use misfit::stats::effects::{Cells, Estimate, factorial, shapley, student_t};

use super::split_mix;

fn sign_flip(values: &[f64]) -> f64 {
    Estimate::of(values).p
}

/// Uniform in [−1, 1).
fn noise(state: &mut u64) -> f64 {
    (split_mix(state) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn random(fixes: usize, seeds: usize) -> Cells {
    let mut state = fixes as u64;
    let values = (0..1 << fixes).map(|_| (0..seeds).map(|_| noise(&mut state)).collect()).collect();
    Cells { fixes, values }
}

fn assert_close(a: &[Vec<f64>], b: &[Vec<f64>]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} against {b:?}");
    }
}

/// Every order of the first `count` fixes.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let insert = |order: Vec<usize>| {
        (0..count).map(move |place| {
            let mut order = order.clone();
            order.insert(place, count - 1);
            order
        })
    };
    orders(count - 1).into_iter().flat_map(insert).collect()
}

#[test]
fn yates_agrees_with_the_sum_that_defines_the_effects() {
    let cells = random(5, 3);
    let direct = |subset: usize| -> Vec<f64> {
        let share = if subset == 0 { 1.0 / 32.0 } else { 1.0 / 16.0 };
        let sign = |on: usize| if (subset.count_ones() - (subset & on).count_ones()) % 2 == 1 { -1.0 } else { 1.0 };
        let sum = |seed: usize| (0..32).map(|on| sign(on) * cells.values[on][seed]).sum::<f64>();
        (0..3).map(|seed| share * sum(seed)).collect()
    };
    assert_close(&factorial(&cells), &(0..32).map(direct).collect::<Vec<_>>());
}

#[test]
fn effects_of_an_additive_outcome_are_its_terms_and_of_a_product_its_interaction() {
    // v = 1 + 3·a + 5·b·c of fixes a, b and c.
    let v = |s: usize| 1.0 + 3.0 * (s & 1) as f64 + if s >> 1 == 3 { 5.0 } else { 0.0 };
    let cells = Cells { fixes: 3, values: (0..8).map(|s| vec![v(s)]).collect() };
    let effects = [3.75, 3.0, 2.5, 0.0, 2.5, 0.0, 2.5, 0.0].map(|e| vec![e]);
    assert_close(&factorial(&cells), &effects);
    assert_close(&shapley(&cells), &[3.0, 2.5, 2.5].map(|e| vec![e]));
}

#[test]
fn shapley_values_are_the_average_gain_over_all_orders() {
    let cells = random(4, 2);
    let orders = orders(4);
    assert_eq!(orders.len(), 24);
    let mut average = vec![vec![0.0; 2]; 4];
    for order in &orders {
        let mut on = 0;
        for &fix in order {
            for (seed, average) in average[fix].iter_mut().enumerate() {
                *average += (cells.values[on | 1 << fix][seed] - cells.values[on][seed]) / 24.0;
            }
            on |= 1 << fix;
        }
    }
    assert_close(&shapley(&cells), &average);
}

#[test]
fn shapley_values_sum_to_the_whole_change_and_follow_from_the_odd_effects() {
    for fixes in 0..8 {
        let cells = random(fixes, 3);
        let (values, effects) = (shapley(&cells), factorial(&cells));
        for seed in 0..3 {
            let sum: f64 = values.iter().map(|value| value[seed]).sum();
            let change = cells.values[(1 << fixes) - 1][seed] - cells.values[0][seed];
            assert!((sum - change).abs() < 1e-12);
            for (fix, value) in values.iter().enumerate() {
                let odd = |s: &usize| s >> fix & 1 == 1 && s.count_ones() % 2 == 1;
                let share = |s: usize| effects[s][seed] / f64::from(s.count_ones());
                let from_effects: f64 = (0..1 << fixes).filter(odd).map(share).sum();
                assert!((value[seed] - from_effects).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn cells_of_the_wrong_shape_give_nothing() {
    let values = vec![vec![1.0], vec![2.0], vec![3.0, 4.0], vec![5.0]];
    for cells in [
        Cells { fixes: 2, values: values.clone() },
        Cells { fixes: 1, values: values.clone() },
        Cells { fixes: 0, values: Vec::new() },
        Cells { fixes: 64, values: values.clone() },
        Cells { fixes: usize::MAX, values },
    ] {
        assert!([factorial(&cells), shapley(&cells)].concat().is_empty());
    }
}

#[test]
fn the_quantile_of_student_s_t_is_that_of_the_tables() {
    let table = [(1, 12.7062047), (2, 4.3026527), (5, 2.5705818), (10, 2.2281389), (30, 2.0422725)];
    for (freedom, expected) in table.into_iter().chain([(1000, 1.9623391), (1_000_001, 1.9599664)]) {
        let t = student_t(freedom, 0.95);
        assert!((t - expected).abs() < 1e-6, "{freedom}: {t} against {expected}");
    }
    assert!(student_t(0, 0.95).is_nan());
    // Tables of the 0.9995 quantile.
    for (freedom, expected) in [(4, 8.6103), (10, 4.5869), (30, 3.6460)] {
        assert!((student_t(freedom, 0.999) - expected).abs() < 1e-4);
    }
}

#[test]
fn the_interval_is_the_mean_and_a_margin_of_t_standard_errors() {
    // Mean 3, sd √2.5, t of 4 degrees of freedom 2.7764451.
    let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    let margin = 2.776_445_1 * 0.5_f64.sqrt();
    assert_eq!(estimate.mean, 3.0);
    assert!((estimate.low - (3.0 - margin)).abs() < 1e-6 && (estimate.high - (3.0 + margin)).abs() < 1e-6);
}

#[test]
fn equal_values_have_no_margin_and_fewer_than_two_or_a_nan_no_interval() {
    let equal = Estimate::of(&[0.1; 6]);
    assert_eq!((equal.mean, equal.low, equal.high, equal.p), (0.1, 0.1, 0.1, 2.0 / 64.0));
    assert_eq!(Estimate::of(&[0.0; 6]).p, 1.0);
    let one = Estimate::of(&[7.0]);
    assert!(one.mean == 7.0 && one.low.is_nan() && one.high.is_nan() && one.p.is_nan());
    for nothing in [Estimate::of(&[]), Estimate::of(&[1.0, f64::NAN]), Estimate::of(&[1.0, f64::INFINITY])] {
        assert!([nothing.mean, nothing.low, nothing.high, nothing.p].iter().all(|value| value.is_nan()));
    }
}

#[test]
fn the_sign_flip_test_counts_the_patterns_at_least_as_far_from_zero() {
    assert_eq!(sign_flip(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 2.0 / 64.0);
    assert_eq!(sign_flip(&[1.0, 2.0, 3.0]), 2.0 / 8.0);
    // Sums of 1, 2, 4 and −8 over all signs are the odd numbers from −15 to 15, of which all but none reach 1.
    assert_eq!(sign_flip(&[1.0, 2.0, 4.0, -8.0]), 1.0);
    // Of ±1 ±2 ±4 ±8 those of at least 13 are 13 and 15, on either side.
    assert_eq!(sign_flip(&[-1.0, 2.0, 4.0, 8.0]), 4.0 / 16.0);
    // 0.1 + 0.2 − 0.3 is 0 but for rounding, as is every tie with it.
    assert_eq!(sign_flip(&[0.3, 0.1, 0.2, -0.3, -0.1, -0.2]), 1.0);
}

#[test]
fn patterns_drawn_for_many_seeds_agree_with_the_exact_share() {
    // 20 values of ±1 whose sum is 10: 15 or more of 20 coins alike.
    let values: Vec<f64> = (0..20).map(|i| if i < 15 { 1.0 } else { -1.0 }).collect();
    let choose = |k: u32| (0..k).map(|i| f64::from(20 - i) / f64::from(i + 1)).product::<f64>();
    let exact = 2.0 * (15..=20).map(choose).sum::<f64>() / f64::from(1 << 20);
    let p = sign_flip(&values);
    // Six standard errors of 65 536 draws.
    assert!((p - exact).abs() < 6.0 * (exact / 65_536.0).sqrt(), "{p} against {exact}");
    assert_eq!(p, sign_flip(&values), "the draws are the same every time");
    assert_eq!(sign_flip(&[1.0; 100]), 1.0 / 65_536.0);
}
