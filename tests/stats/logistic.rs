//! Logistic regression against scikit-learn, the equations of its optimum, and cases that can be counted.

use misfit::stats::logistic::Logistic;

use super::split_mix;

/// Uniform in [−1, 1).
fn noise(state: &mut u64) -> f64 {
    (split_mix(state) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn assert_close(found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    let close = found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < tolerance);
    assert!(close, "{found:?} against {wanted:?}");
}

/// Probabilities of the rows that the model is fitted to.
fn fitted(columns: usize, inputs: &[f64], labels: &[usize], classes: usize) -> Vec<f64> {
    Logistic::fit(columns, inputs, labels, classes).probabilities(inputs)
}

#[test]
fn probabilities_are_those_of_scikit_learn() {
    // import numpy as np
    // from sklearn.linear_model import LogisticRegression
    // from sklearn.pipeline import make_pipeline
    // from sklearn.preprocessing import StandardScaler
    // i = np.arange(30.0)
    // x = np.stack([np.sin(i * (j + 1)) * 10.0**j + j for j in range(3)], 1)
    // noisy = lambda classes: np.floor((1 + np.sin(i) + 0.4 * np.cos(7 * i)) * classes / 2.81).clip(0, classes - 1)
    // separable = x[:, 0] > x[:, 1] / 10
    // for y in noisy(2), noisy(4), separable:
    //     regression = LogisticRegression(solver="newton-cholesky", tol=1e-13, max_iter=1000)
    //     model = make_pipeline(StandardScaler(), regression).fit(x, y)
    //     print(np.round(model.predict_proba(x[[0, 7, 20]]), 10))
    // scikit-learn 1.9.1.
    let of = |f: &dyn Fn(f64) -> usize| (0..30).map(|i| f(f64::from(i))).collect::<Vec<usize>>();
    let input = |i: f64, j: i32| (i * f64::from(j + 1)).sin() * 10_f64.powi(j) + f64::from(j);
    let inputs: Vec<f64> = (0..30).flat_map(|i| (0..3).map(move |j| input(f64::from(i), j))).collect();
    let rows = [0, 7, 20].map(|row| &inputs[3 * row..][..3]).concat();
    let noisy = |classes: usize| {
        let level = move |i: f64| ((1.0 + i.sin() + 0.4 * (7.0 * i).cos()) * classes as f64 / 2.81).floor();
        of(&|i| level(i).clamp(0.0, (classes - 1) as f64) as usize)
    };
    let two = [0.7497764794, 0.2502235206, 0.2966953768, 0.7033046232, 0.1952750124, 0.8047249876];
    let four = [
        [0.3383023548, 0.3941950091, 0.1766081913, 0.0908944448],
        [0.0304006505, 0.3121616213, 0.428378446, 0.2290592822],
        [0.0149908316, 0.2109471677, 0.310982714, 0.4630792867],
    ];
    let separable = [0.5655801132, 0.4344198868, 0.9117808943, 0.0882191057, 0.495952574, 0.504047426];
    let line = of(&|i| usize::from(input(i, 0) > input(i, 1) / 10.0));
    for (labels, classes, wanted) in
        [(noisy(2), 2, &two[..]), (noisy(4), 4, four.as_flattened()), (line, 2, &separable[..])]
    {
        assert_close(&Logistic::fit(3, &inputs, &labels, classes).probabilities(&rows), wanted, 1e-9);
    }
}

/// Checks from the probabilities alone that they are the optimum's. Where the gradient is 0, the weights are Σ (y − p)·z, z the
/// standardised inputs, and Σ (y − p) is 0. With these weights, ln p is w·z and an intercept, but for what a row's
/// classes have in common.
fn assert_optimal(columns: usize, inputs: &[f64], labels: &[usize], classes: usize) {
    let rows = labels.len();
    let mut z = inputs.to_vec();
    for c in 0..columns {
        let mean = (0..rows).map(|r| inputs[r * columns + c]).sum::<f64>() / rows as f64;
        let variance = (0..rows).map(|r| (inputs[r * columns + c] - mean).powi(2)).sum::<f64>() / rows as f64;
        (0..rows).for_each(|r| z[r * columns + c] = (inputs[r * columns + c] - mean) / variance.sqrt());
    }
    let probabilities = fitted(columns, inputs, labels, classes);
    let p = |row: usize, class: usize| probabilities[row * classes + class];
    let missing = |row: usize, class: usize| f64::from(u8::from(labels[row] == class)) - p(row, class);
    let weights = |class: usize| -> Vec<f64> {
        (0..columns).map(|c| (0..rows).map(|r| missing(r, class) * z[r * columns + c]).sum()).collect()
    };
    for class in 0..classes {
        let sum: f64 = (0..rows).map(|row| missing(row, class)).sum();
        assert!(sum.abs() < 1e-9, "{columns} columns, {classes} classes: {sum} of class {class} are missing");
    }
    let base = weights(0);
    for class in 1..classes {
        let weights = weights(class);
        // Of two classes the first has no weights: what the second has is the whole difference.
        let base = if classes == 2 { &vec![0.0; columns] } else { &base };
        let intercept = |row: usize| {
            let linear: f64 = (0..columns).map(|c| (weights[c] - base[c]) * z[row * columns + c]).sum();
            (p(row, class) / p(row, 0)).ln() - linear
        };
        for row in 1..rows {
            let apart = intercept(row) - intercept(0);
            assert!(apart.abs() < 1e-7, "{columns} columns, {classes} classes: {apart} at row {row}");
        }
    }
}

#[test]
fn whatever_the_classes_the_gradient_is_zero() {
    let mut state = 5;
    for (columns, rows, classes) in [(1, 40, 2), (3, 50, 2), (2, 33, 3), (7, 48, 5), (20, 16, 2), (20, 17, 3)] {
        for separable in [false, true] {
            let inputs: Vec<f64> = (0..rows * columns).map(|_| 3.0 + 1e3 * noise(&mut state)).collect();
            let label = |row: usize| {
                let by_input = ((inputs[row * columns] - 3.0) / 1e3 + 1.0) / 2.0 * classes as f64;
                if separable { by_input as usize } else { (by_input * 7.0) as usize % classes }
            };
            let labels: Vec<usize> = (0..rows).map(label).collect();
            assert!((0..classes).all(|class| labels.contains(&class)), "every class has rows");
            assert_optimal(columns, &inputs, &labels, classes);
        }
    }
}

#[test]
fn the_gradient_is_zero_with_one_row_of_a_class_and_inputs_far_off() {
    let mut state = 6;
    for rows in [30, 300, 1000] {
        for lone in [0, 1, 2] {
            // The largest of them are 20 and more standard deviations off.
            let inputs: Vec<f64> = (0..2 * rows).map(|_| (0.05 / (noise(&mut state).abs() + 1e-3)).powi(2)).collect();
            let rank = |row: &usize| inputs[2 * row];
            let mut order: Vec<usize> = (0..rows).collect();
            order.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
            let place = [0, rows / 2, rows - 1][lone];
            let labels: Vec<usize> = (0..rows).map(|row| usize::from(row == order[place])).collect();
            assert_optimal(2, &inputs, &labels, 2);
        }
    }
}

#[test]
fn classes_on_either_side_of_a_gap_have_the_weight_of_the_closed_form() {
    // Of n rows at ±1 the optimum solves w = n/(1 + eʷ).
    for half in [1, 10, 100] {
        let (mut low, mut high) = (0.0, 50.0_f64);
        for _ in 0..100 {
            let middle = (low + high) / 2.0;
            if middle < 2.0 * f64::from(half) / (1.0 + middle.exp()) { low = middle } else { high = middle }
        }
        let half = half as usize;
        let inputs: Vec<f64> = (0..2 * half).map(|row| if row < half { 4.0 } else { 10.0 }).collect();
        let labels: Vec<usize> = (0..2 * half).map(|row| row / half).collect();
        let second = 1.0 / (1.0 + low.exp());
        let model = Logistic::fit(1, &inputs, &labels, 2);
        assert_close(&model.probabilities(&[4.0, 7.0]), &[1.0 - second, second, 0.5, 0.5], 1e-10);
    }
}

#[test]
fn the_odds_are_an_exponential_function_from_one_end_of_a_float_to_the_other() {
    let model = Logistic::fit(1, &[0.0, 0.0, 1.0, 1.0], &[0, 1, 1, 1], 2);
    let odds = |x: f64| {
        let p = model.probabilities(&[x]);
        p[1] / p[0]
    };
    let rate = (odds(1.0) / odds(0.0)).ln();
    for x in -40_000..40_000 {
        let x = f64::from(x) / 100.0;
        let wanted = odds(0.0) * (x * rate).exp();
        // An error of the rate in its last digit is one of x·rate digits of the odds.
        assert!((odds(x) / wanted - 1.0).abs() < 1e-15 * (4.0 + 2.0 * x.abs()), "at {x}: {} against {wanted}", odds(x));
    }
    for (x, end) in [(1e4, [0.0, 1.0]), (-1e4, [1.0, 0.0])] {
        assert_eq!(model.probabilities(&[x]), end);
    }
}

#[test]
fn columns_count_the_same_in_any_unit_and_not_at_all_if_constant() {
    let mut state = 2;
    let inputs: Vec<f64> = (0..60).map(|_| noise(&mut state)).collect();
    let labels: Vec<usize> = (0..20).map(|_| (split_mix(&mut state) % 3) as usize).collect();
    let wanted = fitted(3, &inputs, &labels, 3);
    // To the last bit, as a power of two changes no digit.
    for powers in [[0, 0, 0], [1000, -1000, 3], [-900, 1020, -1020]] {
        let scaled: Vec<f64> = inputs.iter().enumerate().map(|(i, x)| libm::scalbn(*x, powers[i % 3])).collect();
        assert_eq!(fitted(3, &scaled, &labels, 3), wanted, "{powers:?}");
    }
    // 0.1, whose sum is rounded, and spreads as small as their own rounding.
    for constant in [[0.1; 2], [0.1, 0.1 + 1e-17], [1e300, 1e300 * (1.0 + 1e-15)]] {
        let more: Vec<f64> = inputs
            .chunks(3)
            .enumerate()
            .flat_map(|(row, x)| [x[0], constant[usize::from(row == 4)], x[1], x[2]])
            .collect();
        assert_close(&fitted(4, &more, &labels, 3), &wanted, 1e-12);
    }
}

#[test]
fn a_class_without_rows_has_the_probability_zero() {
    let inputs: Vec<f64> = (0..12).map(f64::from).collect();
    let labels: Vec<usize> = (0..12).map(|row| [0, 1, 0, 1][row / 3]).collect();
    // Class 0 of two is class 1 of four, and class 1 of two class 3 of four.
    let four = fitted(1, &inputs, &labels.iter().map(|label| 2 * label + 1).collect::<Vec<_>>(), 4);
    let two = fitted(1, &inputs, &labels, 2);
    let widened: Vec<f64> = two.chunks(2).flat_map(|p| [0.0, p[0], 0.0, p[1]]).collect();
    assert_eq!(four, widened);
    // Rows with a label that is no class are left out.
    let more = Logistic::fit(1, &[&inputs[..], &[77.0]].concat(), &[&labels[..], &[2]].concat(), 2);
    assert_eq!(more.probabilities(&inputs), two);
}

#[test]
fn with_nothing_to_learn_from_the_probabilities_are_shares() {
    assert_eq!(fitted(1, &[1.0, 2.0, 3.0], &[1; 3], 3), [0.0, 1.0, 0.0].repeat(3));
    assert_eq!(Logistic::fit(2, &[], &[], 4).probabilities(&[1.0, 2.0]), [0.25; 4]);
    assert_close(&fitted(1, &[5.0; 4], &[0, 2, 2, 2], 3), &[0.25, 0.0, 0.75].repeat(4), 1e-12);
    assert_close(&fitted(1, &[5.0; 8], &[0, 1, 2, 2, 2, 1, 1, 1], 3), &[0.125, 0.5, 0.375].repeat(8), 1e-12);
}

#[test]
fn finite_inputs_of_any_size_have_probabilities() {
    let far = [1e300, -1e300, 1e-300, -1e-300, 5e-324, f64::MAX, -f64::MAX, 0.0, 1.0];
    let mut state = 9;
    for classes in [2, 3] {
        for _ in 0..50 {
            let mut draw = || far[(split_mix(&mut state) % 9) as usize];
            let inputs: Vec<f64> = (0..14).map(|_| draw()).collect();
            let rows: Vec<f64> = (0..14).map(|_| draw()).collect();
            let labels: Vec<usize> = (0..7).map(|row| row % classes).collect();
            let probabilities = Logistic::fit(2, &inputs, &labels, classes).probabilities(&rows);
            for p in probabilities.chunks(classes) {
                let sum: f64 = p.iter().sum();
                assert!((sum - 1.0).abs() < 1e-12 && p.iter().all(|p| *p >= 0.0), "{inputs:?}, {rows:?}: {p:?}");
            }
        }
    }
}

#[test]
fn what_is_not_finite_gives_nan_and_no_shape_makes_it_panic() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let model = Logistic::fit(1, &[1.0, bad, 2.0], &[0, 1, 1], 2);
        assert!(model.probabilities(&[1.0]).iter().all(|p| p.is_nan()));
        let probabilities = Logistic::fit(1, &[1.0, 2.0, 3.0], &[0, 1, 1], 2).probabilities(&[bad, 2.0]);
        assert!(probabilities[0].is_nan() && probabilities[1].is_nan());
        assert!((probabilities[2] + probabilities[3] - 1.0).abs() < 1e-12);
    }
    let huge = usize::MAX;
    for (columns, inputs, labels, classes) in [
        (0, &[][..], &[][..], 0),
        (0, &[], &[0, 1], 2),
        (2, &[1.0, 2.0, 3.0], &[0, 1, 0], 2),
        (1, &[1.0, 2.0, 3.0], &[0], 2),
        (1, &[1.0, 2.0], &[huge, 7], 2),
        (huge, &[1.0, 2.0], &[0, 1], 2),
        (1, &[1.0, 2.0], &[0, huge - 1], huge),
        (1, &[1.0, 2.0], &[0, 1], 0),
    ] {
        assert!(Logistic::fit(columns, inputs, labels, classes).probabilities(&[]).is_empty());
    }
}

#[test]
fn of_too_many_rows_the_kept_ones_have_the_shares_of_all_and_the_same_optimum_each_time() {
    // 17·1000 for each row: 1176 of 9408 rows, every eighth, while the labels repeat after eight.
    let rows = 9408;
    let labels: Vec<usize> = (0..rows).map(|row| usize::from(row % 8 > 1) + usize::from(row % 8 == 7)).collect();
    let model = Logistic::fit(1, &vec![1.0; rows], &labels, 1000);
    let probabilities = model.probabilities(&[1.0]);
    assert_close(&probabilities[..3], &[2.0 / 8.0, 5.0 / 8.0, 1.0 / 8.0], 1e-12);
    let mut state = 1;
    let inputs: Vec<f64> = labels.iter().map(|&label| noise(&mut state) + label as f64).collect();
    assert_eq!(fitted(1, &inputs[..99], &labels[..99], 3), fitted(1, &inputs[..99], &labels[..99], 3));
    // Eight of each row, of which one is kept.
    let eight: Vec<f64> = inputs[..1176].iter().flat_map(|x| [*x; 8]).collect();
    let labels_of_eight: Vec<usize> = labels[..1176].iter().flat_map(|label| [*label; 8]).collect();
    let kept = Logistic::fit(1, &eight, &labels_of_eight, 1000).probabilities(&[0.3]);
    let once = Logistic::fit(1, &inputs[..1176], &labels[..1176], 3).probabilities(&[0.3]);
    assert_close(&kept[..3], &once, 1e-9);
}
