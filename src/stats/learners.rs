//! What a few simple learners make of rows of numbers: an estimate of what can be learnt of them at all.

use super::moments::{deviation, mean};

/// Rows that are learnt from, at most: evenly spread among all there are. The work grows with their third power.
const ROWS: usize = 200;
/// More columns take too long.
const MOST_COLUMNS: usize = 2000;
/// Fewer rows say nothing.
const FEWEST: usize = 10;
/// Widths of the Gaussian kernel, in units of the square root of the number of inputs, which are standardised.
const WIDTHS: [f64; 4] = [0.3, 0.7, 1.5, 4.0];
/// Of the kernel's diagonal, 1, and of a straight line's.
const RIDGES: [f64; 4] = [1e-4, 1e-2, 0.1, 1.0];
const LINE_RIDGE: f64 = 1e-6;

/// The best of the simple learners, by its error on rows that it did not see.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// Root mean square error of each output where each row is left out once.
    pub left_out: Vec<f64>,
    /// Whether it is the straight line.
    pub is_line: bool,
    /// At the rows asked for, `[rows, outputs]`.
    pub predictions: Vec<f64>,
}

/// Kernel ridge regression (Saunders, Gammerman & Vovk 1998) with a straight line's kernel and with Gaussian ones of several
/// widths, on standardised inputs: the one of the smallest leave-one-out error over all outputs, each in units of its standard
/// deviation, unless the straight line is within one standard error of it. `None` where the best is not better than the
/// mean by two standard errors, of fewer than 10 rows, and of more than 2000 columns. `inputs` are `[rows, columns]`, `targets` `[rows, outputs]`.
pub fn best(columns: usize, inputs: &[f64], targets: &[f64], outputs: usize, at: &[f64]) -> Option<Learned> {
    let all = targets.len() / outputs.max(1);
    let count = all.min(ROWS);
    if count < FEWEST || columns == 0 || columns > MOST_COLUMNS {
        return None;
    }
    let rows: Vec<usize> = (0..count).map(|nth| nth * all / count).collect();
    let scales: Vec<(f64, f64)> = (0..columns)
        .map(|c| {
            let column: Vec<f64> = rows.iter().map(|row| inputs[row * columns + c]).collect();
            let spread = deviation(&column);
            (mean(&column), if spread > 0.0 { spread } else { 1.0 })
        })
        .collect();
    let scaled = |row: &[f64]| -> Vec<f64> { row.iter().zip(&scales).map(|(x, (m, s))| (x - m) / s).collect() };
    let xs: Vec<Vec<f64>> = rows.iter().map(|row| scaled(&inputs[row * columns..(row + 1) * columns])).collect();
    let ys: Vec<(f64, f64, Vec<f64>)> = (0..outputs)
        .map(|o| {
            let column: Vec<f64> = rows.iter().map(|row| targets[row * outputs + o]).collect();
            let (m, s) = (mean(&column), deviation(&column));
            (m, s, column.iter().map(|y| if s > 0.0 { (y - m) / s } else { 0.0 }).collect())
        })
        .collect();
    let columns_of_targets: Vec<&Vec<f64>> = ys.iter().map(|(.., y)| y).collect();
    let line = Kernel::Line;
    let gaussians = WIDTHS.iter().map(|width| Kernel::Gaussian(width * (columns as f64).sqrt()));
    let candidates = std::iter::once((line, &[LINE_RIDGE][..])).chain(gaussians.map(|kernel| (kernel, &RIDGES[..])));
    let mut fits: Vec<Fit> = Vec::new();
    for (kernel, ridges) in candidates {
        let matrix: Vec<f64> = xs.iter().flat_map(|a| xs.iter().map(move |b| kernel.of(a, b))).collect();
        fits.extend(ridges.iter().filter_map(|ridge| Fit::of(kernel, &matrix, *ridge, &columns_of_targets)));
    }
    let best = fits.iter().min_by(|a, b| a.error().total_cmp(&b.error()))?;
    let by_chance = |fit: &Fit| {
        let worse: Vec<f64> = fit.errors.iter().zip(&best.errors).map(|(a, b)| a - b).collect();
        mean(&worse) <= deviation(&worse) / (count as f64).sqrt()
    };
    let chosen = fits.iter().find(|fit| matches!(fit.kernel, Kernel::Line) && by_chance(fit)).unwrap_or(best);
    // Always the mean of the others, as the learners' errors are of rows that they did not see.
    let others = count as f64 / (count as f64 - 1.0);
    let gains: Vec<f64> = (0..count)
        .map(|row| {
            ys.iter().map(|(.., y)| (y[row] * others).powi(2)).sum::<f64>() / outputs as f64 - chosen.errors[row]
        })
        .collect();
    if mean(&gains) <= 2.0 * deviation(&gains) / (count as f64).sqrt() {
        return None;
    }
    let points: Vec<Vec<f64>> = at.chunks(columns).map(scaled).collect();
    let mut predictions = Vec::with_capacity(points.len() * outputs);
    for point in &points {
        let near: Vec<f64> = xs.iter().map(|x| chosen.kernel.of(point, x)).collect();
        for ((m, s, _), weights) in ys.iter().zip(&chosen.weights) {
            predictions.push(m + s * near.iter().zip(weights).map(|(k, w)| k * w).sum::<f64>());
        }
    }
    let left_out = ys.iter().zip(&chosen.by_output).map(|((_, s, _), rmse)| s * rmse).collect();
    Some(Learned { left_out, is_line: matches!(chosen.kernel, Kernel::Line), predictions })
}

#[derive(Clone, Copy)]
enum Kernel {
    Line,
    /// Of this width.
    Gaussian(f64),
}

impl Kernel {
    fn of(self, a: &[f64], b: &[f64]) -> f64 {
        match self {
            Kernel::Line => 1.0 + a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>(),
            Kernel::Gaussian(width) => {
                (-a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / (2.0 * width * width)).exp()
            }
        }
    }
}

/// A kernel fitted with a ridge.
struct Fit {
    kernel: Kernel,
    /// For each output.
    weights: Vec<Vec<f64>>,
    /// Leave-one-out squared error of each row, the mean over the outputs.
    errors: Vec<f64>,
    /// Leave-one-out root mean square error of each output.
    by_output: Vec<f64>,
}

impl Fit {
    /// `matrix` is `[rows, rows]`. The residual of a row left out is wᵢ/(K + λI)⁻¹ᵢᵢ (Rifkin & Lippert 2007).
    fn of(kernel: Kernel, matrix: &[f64], ridge: f64, targets: &[&Vec<f64>]) -> Option<Self> {
        let count = targets.first()?.len();
        let mut ridged = matrix.to_vec();
        let scale = (0..count).map(|i| matrix[i * count + i]).sum::<f64>() / count as f64;
        (0..count).for_each(|i| ridged[i * count + i] += ridge * scale);
        let inverse = inverse(ridged, count)?;
        let row = |i: usize| &inverse[i * count..(i + 1) * count];
        let weights: Vec<Vec<f64>> = targets
            .iter()
            .map(|y| (0..count).map(|i| row(i).iter().zip(*y).map(|(a, y)| a * y).sum()).collect())
            .collect();
        let square = |w: &Vec<f64>, i: usize| (w[i] / row(i)[i]).powi(2);
        let errors: Vec<f64> =
            (0..count).map(|i| weights.iter().map(|w| square(w, i)).sum::<f64>() / targets.len() as f64).collect();
        let by_output =
            weights.iter().map(|w| ((0..count).map(|i| square(w, i)).sum::<f64>() / count as f64).sqrt()).collect();
        errors.iter().all(|error| error.is_finite()).then_some(Fit { kernel, weights, errors, by_output })
    }

    fn error(&self) -> f64 {
        mean(&self.errors)
    }
}

/// Of a symmetric, positive definite matrix, by Cholesky's decomposition; `None` where it is none.
fn inverse(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    // The lower triangle becomes L.
    for j in 0..n {
        for i in j..n {
            let (above, below) = matrix.split_at(i * n);
            let row_j = if i == j { &below[..j] } else { &above[j * n..j * n + j] };
            let dot: f64 = below[..j].iter().zip(row_j).map(|(a, b)| a * b).sum();
            let value = below[j] - dot;
            if i == j {
                if value.is_nan() || value <= 0.0 {
                    return None;
                }
                matrix[i * n + j] = value.sqrt();
            } else {
                matrix[i * n + j] = value / matrix[j * n + j];
            }
        }
    }
    // The rows of L⁻¹'s transpose, and their products.
    let mut columns = vec![0.0; n * n];
    for c in 0..n {
        let column = &mut columns[c * n..(c + 1) * n];
        column[c] = 1.0 / matrix[c * n + c];
        for i in c + 1..n {
            let dot: f64 = matrix[i * n + c..i * n + i].iter().zip(&column[c..i]).map(|(l, x)| l * x).sum();
            column[i] = -dot / matrix[i * n + i];
        }
    }
    let mut inverse = vec![0.0; n * n];
    for i in 0..n {
        for j in i..n {
            let dot: f64 =
                columns[i * n + j..(i + 1) * n].iter().zip(&columns[j * n + j..(j + 1) * n]).map(|(a, b)| a * b).sum();
            inverse[i * n + j] = dot;
            inverse[j * n + i] = dot;
        }
    }
    Some(inverse)
}
