//! The best straight line (or plane) through samples, by least squares.

use super::moments::{exponent, mean, tamed};

/// Columns beyond which no line is looked for: the time that it takes grows with their cube.
const MOST_COLUMNS: usize = 2000;

/// Root mean square error of the best `a + b·x` on the samples themselves, in target units. `inputs` are `[samples, columns]`, row
/// by row, `targets` `[samples]`. NaN of more than 2000 columns.
pub fn best_line_rmse(columns: usize, inputs: &[f64], targets: &[f64]) -> f64 {
    let errors = line_rmse(columns, [inputs, targets], [inputs, targets], 1);
    errors.first().copied().unwrap_or(f64::NAN)
}

/// The errors on `other` samples, inputs and targets `[samples, outputs]`, of the lines that are the best on the samples `own`, one
/// for each output.
pub fn line_rmse(columns: usize, own: [&[f64]; 2], other: [&[f64]; 2], outputs: usize) -> Vec<f64> {
    if columns > MOST_COLUMNS {
        return vec![f64::NAN; outputs];
    }
    let column =
        |of: &[f64], c: usize, columns: usize| -> Vec<f64> { of.iter().skip(c).step_by(columns).copied().collect() };
    let scaled = |nth: usize, c: usize, columns: usize| {
        let (own, other) = (column(own[nth], c, columns), column(other[nth], c, columns));
        let unit = Unit::of(&own);
        (unit.scaled(&own), unit.scaled(&other), unit)
    };
    let inputs: Vec<_> = (0..columns).map(|c| scaled(0, c, columns)).collect();
    let targets: Vec<_> = (0..outputs).map(|c| scaled(1, c, outputs)).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let matrix: Vec<Vec<f64>> = inputs.iter().map(|a| inputs.iter().map(|b| dot(&a.0, &b.0)).collect()).collect();
    let right: Vec<Vec<f64>> = inputs.iter().map(|a| targets.iter().map(|y| dot(&a.0, &y.0)).collect()).collect();
    let slopes = solve(matrix, right);
    let error = |(c, (_, other, unit)): (usize, &(Vec<f64>, Vec<f64>, Unit))| {
        let off = |(row, y): (usize, &f64)| y - slopes.iter().zip(&inputs).map(|(s, x)| s[c] * x.1[row]).sum::<f64>();
        let squares: f64 = other.iter().enumerate().map(|at| off(at).powi(2)).sum();
        unit.size((squares / other.len() as f64).sqrt())
    };
    targets.iter().enumerate().map(error).collect()
}

/// How numbers are centred and scaled: what keeps the normal equations well conditioned.
struct Unit {
    /// They are taken over this power of two first, so that no sum or difference overflows.
    exponent: i32,
    mean: f64,
    spread: f64,
}

impl Unit {
    fn of(values: &[f64]) -> Self {
        let exponent = exponent(values.iter()).unwrap_or(0);
        let values = tamed(values, exponent);
        let mean = mean(&values);
        let spread = values.iter().map(|v| (v - mean).abs()).fold(0.0, f64::max);
        Unit { exponent, mean, spread: if spread > 0.0 { spread } else { 1.0 } }
    }

    fn scaled(&self, values: &[f64]) -> Vec<f64> {
        tamed(values, self.exponent).into_iter().map(|v| (v - self.mean) / self.spread).collect()
    }

    /// A difference in the numbers' own unit.
    fn size(&self, difference: f64) -> f64 {
        libm::scalbn(difference * self.spread, self.exponent)
    }
}

/// Solves a symmetric, positive semidefinite system for several right sides, `[size, sides]`; a column that depends on others before it
/// gets the slope 0.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let size = right.len();
    let scale: Vec<f64> = (0..size).map(|i| matrix[i][i]).collect();
    let mut used = vec![false; size];
    for i in 0..size {
        if matrix[i][i] <= 1e-12 * scale[i] || scale[i] == 0.0 {
            continue;
        }
        used[i] = true;
        let (pivot, pivot_right) = (matrix[i].clone(), right[i].clone());
        for other in (0..size).filter(|&other| other != i) {
            let factor = matrix[other][i] / pivot[i];
            matrix[other].iter_mut().zip(&pivot).for_each(|(value, pivot)| *value -= factor * pivot);
            right[other].iter_mut().zip(&pivot_right).for_each(|(value, pivot)| *value -= factor * pivot);
        }
    }
    let slope = |i: usize, side: f64| if used[i] { side / matrix[i][i] } else { 0.0 };
    right.iter().enumerate().map(|(i, sides)| sides.iter().map(|&side| slope(i, side)).collect()).collect()
}
