//! The best simple learner against scikit-learn 1.7: `KernelRidge(kernel="precomputed")` and `LinearRegression`, leave-one-out
//! errors by solving without each row.

use misfit::stats::learners::best;

use super::split_mix;

const ROWS: usize = 40;

/// Two inputs, made of whole numbers so that numpy has the same.
fn inputs() -> Vec<f64> {
    (0..ROWS).flat_map(|i| [(i * 37 % ROWS) as f64 / 10.0, (i * 11 % ROWS) as f64 / 7.0]).collect()
}

const AT: [f64; 4] = [1.0, 2.0, 3.5, 0.5];

fn near(ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < tolerance), "{ours:?} against {theirs:?}");
}

#[test]
fn a_curve_is_learnt_by_the_kernel_that_leaves_the_least_error_out_as_by_scikit_learn() {
    let inputs = inputs();
    let target = |(i, x): (usize, &[f64])| x[0].sin() + 0.3 * x[1] + if i % 3 == 0 { 0.1 } else { -0.1 };
    let targets: Vec<f64> = inputs.chunks(2).enumerate().map(target).collect();
    let learned = best(2, &inputs, &targets, 1, &AT).unwrap();
    assert!(!learned.is_line);
    near(&learned.left_out, &[0.1254684864830112], 1e-9);
    near(&learned.predictions, &[1.37771616, -0.02377892], 1e-7);
}

#[test]
fn where_a_straight_line_does_as_well_it_is_the_line() {
    let inputs = inputs();
    let target = |(i, x): (usize, &[f64])| 2.0 + 3.0 * x[0] - x[1] + if i % 2 == 0 { 0.05 } else { -0.05 };
    let targets: Vec<f64> = inputs.chunks(2).enumerate().map(target).collect();
    let learned = best(2, &inputs, &targets, 1, &AT).unwrap();
    assert!(learned.is_line);
    // But for a ridge of a millionth.
    near(&learned.predictions, &[3.00241158, 12.00008039], 1e-3);
    // Two outputs are two lines.
    let both: Vec<f64> = targets.iter().flat_map(|y| [*y, -10.0 * y]).collect();
    let two = best(2, &inputs, &both, 2, &AT).unwrap();
    near(&two.predictions, &[3.00241158, -30.0241158, 12.00008039, -120.0008039], 1e-2);
}

#[test]
fn of_targets_that_have_nothing_to_do_with_the_inputs_nothing_is_learnt() {
    let mut state = 7;
    let mut uniform = || (split_mix(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
    let mut learnt = 0;
    for _ in 0..40 {
        let inputs: Vec<f64> = (0..150).map(|_| uniform()).collect();
        let targets: Vec<f64> = (0..50).map(|_| uniform()).collect();
        learnt += usize::from(best(3, &inputs, &targets, 1, &AT[..3]).is_some());
    }
    // Two standard errors allow about one in forty, and the best of several learners some more.
    assert!(learnt <= 4, "{learnt} of 40");
    // Nor of few rows, or of targets that are all the same.
    assert_eq!(best(1, &[1.0; 9], &[2.0; 9], 1, &[1.0]), None);
    assert_eq!(best(1, &inputs()[..40], &[2.0; 40], 1, &[1.0]), None);
}
