//! The best simple learner against scikit-learn 1.7: `KernelRidge(kernel="precomputed")` and `LinearRegression`, leave-one-out
//! errors by solving without each row.

use misfit::stats::learners::{Learned, Lesson, best};

use super::split_mix;

const ROWS: usize = 40;

/// Two inputs, made of whole numbers so that numpy has the same.
fn inputs() -> Vec<f64> {
    (0..ROWS).flat_map(|i| [(i * 37 % ROWS) as f64 / 10.0, (i * 11 % ROWS) as f64 / 7.0]).collect()
}

const AT: [f64; 4] = [1.0, 2.0, 3.5, 0.5];

fn learnt(lesson: Lesson) -> Box<Learned> {
    let Lesson::Learned(learned) = lesson else { panic!("nothing is learnt") };
    learned
}

fn near(ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < tolerance), "{ours:?} against {theirs:?}");
}

#[test]
fn a_curve_is_learnt_by_the_kernel_that_leaves_the_least_error_out_as_by_scikit_learn() {
    let inputs = inputs();
    let target = |(i, x): (usize, &[f64])| x[0].sin() + 0.3 * x[1] + if i % 3 == 0 { 0.1 } else { -0.1 };
    let targets: Vec<f64> = inputs.chunks(2).enumerate().map(target).collect();
    let learned = learnt(best(2, &inputs, &targets, 1));
    assert!(!learned.is_line);
    near(&learned.left_out, &[0.1254684864830112], 1e-9);
    near(&learned.predictions(&AT), &[1.37771616, -0.02377892], 1e-7);
}

#[test]
fn where_a_straight_line_does_as_well_it_is_the_line() {
    let inputs = inputs();
    let target = |(i, x): (usize, &[f64])| 2.0 + 3.0 * x[0] - x[1] + if i % 2 == 0 { 0.05 } else { -0.05 };
    let targets: Vec<f64> = inputs.chunks(2).enumerate().map(target).collect();
    let learned = learnt(best(2, &inputs, &targets, 1));
    assert!(learned.is_line);
    // But for a ridge of a millionth.
    near(&learned.predictions(&AT), &[3.00241158, 12.00008039], 1e-3);
    // Two outputs are two lines.
    let both: Vec<f64> = targets.iter().flat_map(|y| [*y, -10.0 * y]).collect();
    let two = learnt(best(2, &inputs, &both, 2));
    near(&two.predictions(&AT), &[3.00241158, -30.0241158, 12.00008039, -120.0008039], 1e-2);
}

#[test]
fn of_targets_that_have_nothing_to_do_with_the_inputs_nothing_is_learnt() {
    let mut state = 7;
    let mut uniform = || (split_mix(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
    let mut learnt = 0;
    for _ in 0..40 {
        let inputs: Vec<f64> = (0..150).map(|_| uniform()).collect();
        let targets: Vec<f64> = (0..50).map(|_| uniform()).collect();
        learnt += usize::from(matches!(best(3, &inputs, &targets, 1), Lesson::Learned(_)));
    }
    assert!(learnt <= 1, "{learnt} of 40");
    assert!(matches!(best(1, &inputs()[..40], &[2.0; 40], 1), Lesson::Nothing), "targets that are all the same");
    // Of few rows and of very many columns nothing is known.
    assert!(matches!(best(1, &[1.0; 9], &[2.0; 9], 1), Lesson::NotTried));
    assert!(matches!(best(2001, &vec![1.0; 2001 * 10], &[2.0; 10], 1), Lesson::NotTried));
}

#[test]
fn what_a_part_of_the_rows_leaves_is_taken_on_to_all_of_them() {
    // A smooth function of three inputs is learnt the better the more rows there are, noise about a line is not.
    let mut state = 11;
    let mut uniform = || (split_mix(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
    let inputs: Vec<f64> = (0..3 * 2000).map(|_| 4.0 * uniform() - 2.0).collect();
    let smooth: Vec<f64> = inputs.chunks(3).map(|x| (x[0] * x[1]).sin() + x[2].cos()).collect();
    let noisy: Vec<f64> = inputs.chunks(3).map(|x| x[0] + uniform()).collect();
    let [smooth, noisy] = [smooth, noisy].map(|targets| learnt(best(3, &inputs, &targets, 1)));
    let (smooth, noisy) = (smooth.with_all_rows, noisy.with_all_rows);
    assert!(smooth < 0.2 && noisy > 0.5 && noisy <= 1.0, "{smooth} {noisy}");
    // Where all rows were learnt from there is nothing to take on.
    let line: Vec<f64> = self::inputs().chunks(2).map(|x| x[0] - x[1]).collect();
    let all = learnt(best(2, &self::inputs(), &line, 1));
    assert_eq!(all.with_all_rows, 1.0);
}
