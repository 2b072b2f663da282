//! Best lines and planes against closed forms.

use misfit::stats::linear::best_line_rmse;

#[test]
fn the_best_line_through_the_parabola_of_the_source_leaves_the_error_of_the_closed_form() {
    let inputs: Vec<f64> = (1..=1000).map(f64::from).collect();
    let targets: Vec<f64> = inputs.iter().map(|x| x * x + x).collect();
    let rmse = best_line_rmse(1, &inputs, &targets);
    // Of n equally spaced points, x² leaves a variance of (n² − 1)(n² − 4)/180 about its best line.
    let n2 = 1e6;
    let expected = ((n2 - 1.0) * (n2 - 4.0) / 180.0_f64).sqrt();
    assert!((rmse / expected - 1.0).abs() < 1e-9, "{rmse} against {expected}");
}

#[test]
fn a_plane_is_found_exactly_even_where_a_column_is_constant_or_repeated() {
    let rows = [[1.0, 5.0, 2.0, 2.0], [2.0, 5.0, 1.0, 1.0], [4.0, 5.0, 7.0, 7.0], [3.0, 5.0, -2.0, -2.0]];
    let targets = rows.map(|row| 3.0 + 2.0 * row[0] - row[2]);
    assert!(best_line_rmse(4, &rows.concat(), &targets) < 1e-9);
}
