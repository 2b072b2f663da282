//! Best piecewise-linear fits against closed forms and every placement of the knots.

use misfit::stats::segments::{MOST_PLACES, best_segments};

/// Uniform in [0, 1), by the generator of Numerical Recipes.
fn noise(count: usize) -> Vec<f64> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state) / 4_294_967_296.0
    };
    (0..count).map(|_| next()).collect()
}

/// Squares left by the best line, by the two-pass formula.
fn squares(inputs: &[f64], targets: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (x, y) = (mean(inputs), mean(targets));
    let (mut xx, mut xy) = (0.0, 0.0);
    for (input, target) in inputs.iter().zip(targets) {
        xx += (input - x) * (input - x);
        xy += (input - x) * (target - y);
    }
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    inputs.iter().zip(targets).map(|(input, target)| (target - y - slope * (input - x)).powi(2)).sum()
}

#[test]
fn a_parabola_is_fitted_as_well_as_the_closed_form_says() {
    let inputs: Vec<f64> = (0..4000).map(|i| (f64::from(i) + 0.5) / 4000.0).collect();
    let targets: Vec<f64> = inputs.iter().map(|x| x * x).collect();
    for (rmse, pieces) in best_segments(&inputs, &targets, 8).into_iter().zip(1..) {
        // √(f″²h⁴/720) with f″ = 2.
        let expected = (4.0 / f64::from(pieces).powi(4) / 720.0_f64).sqrt();
        assert!((rmse / expected - 1.0).abs() < 0.02, "{pieces}: {rmse} against {expected}");
    }
}

#[test]
fn many_pieces_keep_their_digits_at_large_magnitudes() {
    // Pieces of m points of x² at distance 1 leave a variance of (m² − 1)(m² − 4)/180 about their best lines.
    let inputs: Vec<f64> = (0..512).map(|i| 1e6 + f64::from(i)).collect();
    let targets: Vec<f64> = inputs.iter().map(|x| x * x).collect();
    let errors = best_segments(&inputs, &targets, 128);
    for (pieces, m) in [(1, 512.0_f64), (8, 64.0), (32, 16.0), (64, 8.0), (128, 4.0)] {
        let expected = ((m * m - 1.0) * (m * m - 4.0) / 180.0).sqrt();
        assert!((errors[pieces - 1] / expected - 1.0).abs() < 1e-3, "{pieces}: {expected}");
    }
}

#[test]
fn three_lines_are_met_with_three_pieces_and_not_with_two() {
    let inputs: Vec<f64> = (0..500).map(|i| f64::from(i) * 2000.0).collect();
    let line = |x: f64| match x {
        x if x < 3e5 => 1e6 * x,
        x if x < 6e5 => 3e11 - 2e5 * (x - 3e5),
        x => 1e12 + 0.1 * x,
    };
    let targets: Vec<f64> = inputs.iter().map(|&x| line(x)).collect();
    let errors = best_segments(&inputs, &targets, 5);
    assert!(errors[1] > 1e9 && errors[2] < 1e-2, "{errors:?}");
}

#[test]
fn one_piece_is_the_best_straight_line_with_or_without_bins() {
    for count in [2, 3, 100, MOST_PLACES, MOST_PLACES + 1, 3000] {
        let inputs: Vec<f64> = noise(2 * count).into_iter().skip(count).map(|x| 1e6 * x).collect();
        let targets: Vec<f64> = noise(count).iter().zip(&inputs).map(|(y, x)| 5e11 - 1e6 * x + 1e11 * y).collect();
        let expected = (squares(&inputs, &targets) / count as f64).sqrt();
        let found = best_segments(&inputs, &targets, 1)[0];
        assert!((found - expected).abs() <= 1e-9 * expected.max(1e6), "{found} against {expected}");
    }
}

#[test]
fn no_placement_of_the_knots_does_better() {
    let inputs: Vec<f64> = noise(9).into_iter().enumerate().map(|(i, x)| i as f64 + 0.9 * x).collect();
    let targets: Vec<f64> = noise(18).split_off(9);
    let mut least = [f64::INFINITY; 4];
    for knots in 0_u32..1 << 8 {
        let mut start = 0;
        let mut sum = 0.0;
        for end in 1..=9 {
            if end == 9 || knots >> (end - 1) & 1 == 1 {
                sum += squares(&inputs[start..end], &targets[start..end]);
                start = end;
            }
        }
        if let Some(least) = least.get_mut(knots.count_ones() as usize) {
            *least = least.min((sum / 9.0).sqrt());
        }
    }
    // In any order of the points.
    let (mut turned_inputs, mut turned_targets) = (inputs, targets);
    turned_inputs.rotate_left(4);
    turned_targets.rotate_left(4);
    for (found, least) in best_segments(&turned_inputs, &turned_targets, 4).into_iter().zip(least) {
        assert!((found - least).abs() < 1e-12, "{found} against {least}");
    }
}

#[test]
fn a_piece_for_every_two_points_leaves_nothing() {
    for count in [1, 2, 7, 40] {
        let errors = best_segments(&noise(2 * count)[count..], &noise(count), count + 3);
        assert_eq!(errors.len(), count + 3);
        assert!(errors[count.div_ceil(2) - 1..].iter().all(|&error| error == 0.0), "{errors:?}");
        assert!(errors.windows(2).all(|pair| pair[1] <= pair[0]));
    }
}

#[test]
fn points_of_equal_input_keep_their_own_spread() {
    let inputs = [0.0, 1.0, -0.0, 1.0, 2.0, 2.0, 3.0, 3.0];
    let targets = [4.0, 1.0, 6.0, 3.0, -5.0, -7.0, 0.0, 2.0];
    let errors = best_segments(&inputs, &targets, 12);
    assert!((errors[1] - 1.0).abs() < 1e-12, "{errors:?}");
    assert!(errors.iter().all(|&error| error > 1.0 - 1e-12), "{errors:?}");
    assert!((best_segments(&[5.0; 4], &[1.0, 3.0, 1.0, 3.0], 2)[1] - 1.0).abs() < 1e-12);
}

#[test]
fn nothing_makes_it_panic() {
    let unknown = |errors: Vec<f64>, most| errors.len() == most && errors.iter().all(|error| error.is_nan());
    assert!(unknown(best_segments(&[], &[], 3), 3));
    assert!(unknown(best_segments(&[1.0, 2.0], &[1.0], 2), 2));
    assert!(unknown(best_segments(&[1.0, f64::NAN], &[1.0, 2.0], 2), 2));
    assert!(unknown(best_segments(&[1.0, 2.0], &[1.0, f64::INFINITY], 2), 2));
    assert!(best_segments(&[1.0], &[1.0], 0).is_empty());
    let huge = best_segments(&[-f64::MAX, 0.0, f64::MAX], &[f64::MAX, -f64::MAX, f64::MAX], 2);
    assert!(huge[0] > 1e308 && huge[0].is_finite() && huge[1] == 0.0, "{huge:?}");
    let tiny = best_segments(&[0.0, 5e-324, 1e-323, 1.0], &[0.0, 1.0, 0.0, 1.0], 4);
    assert!(tiny.iter().all(|error| error.is_finite()), "{tiny:?}");
}
