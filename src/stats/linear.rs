//! The best straight line (or plane) through samples, by least squares.

use super::moments::{exponent, mean, tamed};

/// Root mean square error of the best `a + b·x` on the samples themselves, in target units. `inputs` are `[samples, columns]`, row
/// by row, `targets` `[samples]`.
pub fn best_line_rmse(columns: usize, inputs: &[f64], targets: &[f64]) -> f64 {
    let rows = targets.len();
    let count = rows as f64;
    let column = |c: usize| (0..rows).map(move |row| inputs[row * columns + c]);
    // Centred and scaled columns keep the normal equations well conditioned.
    let scaled = |values: Vec<f64>| {
        // Over a power of two, so that no sum or difference overflows.
        let exponent = exponent(values.iter()).unwrap_or(0);
        let values = tamed(&values, exponent);
        let mean = mean(&values);
        let spread = values.iter().map(|v| (v - mean).abs()).fold(0.0, f64::max);
        let spread = if spread > 0.0 { spread } else { 1.0 };
        let unit = move |error: f64| libm::scalbn(error * spread, exponent);
        (values.into_iter().map(|v| (v - mean) / spread).collect::<Vec<f64>>(), unit)
    };
    let inputs: Vec<Vec<f64>> = (0..columns).map(|c| scaled(column(c).collect()).0).collect();
    let (targets, unit) = scaled(targets.to_vec());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let matrix: Vec<Vec<f64>> = inputs.iter().map(|a| inputs.iter().map(|b| dot(a, b)).collect()).collect();
    let right: Vec<f64> = inputs.iter().map(|a| dot(a, &targets)).collect();
    let slopes = solve(matrix, right);
    let error =
        |row: usize| targets[row] - slopes.iter().zip(&inputs).map(|(slope, input)| slope * input[row]).sum::<f64>();
    unit(((0..rows).map(|row| error(row).powi(2)).sum::<f64>() / count).sqrt())
}

/// Solves a symmetric, positive semidefinite system; a column that depends on others before it gets the slope 0.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    let scale: Vec<f64> = (0..size).map(|i| matrix[i][i]).collect();
    let mut used = vec![false; size];
    for i in 0..size {
        if matrix[i][i] <= 1e-12 * scale[i] || scale[i] == 0.0 {
            continue;
        }
        used[i] = true;
        for other in (0..size).filter(|&other| other != i) {
            let factor = matrix[other][i] / matrix[i][i];
            let pivot = matrix[i].clone();
            for (value, pivot) in matrix[other].iter_mut().zip(pivot) {
                *value -= factor * pivot;
            }
            right[other] -= factor * right[i];
        }
    }
    (0..size).map(|i| if used[i] { right[i] / matrix[i][i] } else { 0.0 }).collect()
}
