//! What a few simple learners make of rows of numbers: what others should reach as well.

use super::effects::split_mix;
use super::moments::{deviation, mean};

/// Rows that are learnt from, at most. The work grows with their third power.
const ROWS: usize = 200;
/// More columns take too long.
const MOST_COLUMNS: usize = 2000;
/// Fewer rows say nothing.
const FEWEST: usize = 10;
/// Widths of the Gaussian kernel, in units of the square root of the number of inputs, which are standardised.
const WIDTHS: [f64; 4] = [0.3, 0.7, 1.5, 4.0];
/// Standard errors by which the best must be better than the mean: it is the best of seventeen.
const CLEARLY: f64 = 3.0;
/// Or the share of the variance that it leaves at most.
const HALF: f64 = 0.5;
/// Of the kernel's diagonal, 1, and of a straight line's.
const RIDGES: [f64; 4] = [1e-4, 1e-2, 0.1, 1.0];
const LINE_RIDGE: f64 = 1e-6;

/// The best of the simple learners, by its error on rows that it did not see.
pub struct Learned {
    /// Root mean square error of each output where each row is left out once.
    pub left_out: Vec<f64>,
    /// The same over the standard deviations of the outputs: the share of the variance that is left, its mean.
    pub unexplained: f64,
    /// What this share falls to, as a factor, if it goes on falling with the rows as it does from half of those that were learnt
    /// from to all of them; 1 where all were.
    pub with_all_rows: f64,
    /// Whether it is the straight line.
    pub is_line: bool,
    fit: Fit,
    inputs: Vec<Vec<f64>>,
    scales: Vec<(f64, f64)>,
    targets: Vec<(f64, f64)>,
}

/// What simple learners make of rows.
pub enum Lesson {
    /// There are fewer than 10 rows, or more than 2000 columns.
    NotTried,
    /// None is better than the mean by three standard errors, or explains half of the variance.
    Nothing,
    Learned(Box<Learned>),
}

/// Kernel ridge regression (Saunders, Gammerman & Vovk 1998) with a straight line's kernel and with Gaussian ones of several
/// widths, on standardised inputs: the one of the smallest leave-one-out error over all outputs, each in units of its standard
/// deviation, unless the straight line is within one standard error of it. `inputs` are `[rows, columns]`, `targets`
/// `[rows, outputs]`. Outputs that do not vary are left out.
pub fn best(columns: usize, inputs: &[f64], targets: &[f64], outputs: usize) -> Lesson {
    let all = targets.len() / outputs.max(1);
    let count = all.min(ROWS);
    if !can_be_tried(all, columns) {
        return Lesson::NotTried;
    }
    let rows = drawn(all, count);
    let standard = |column: Vec<f64>| {
        let spread = deviation(&column);
        (mean(&column), if spread > 0.0 { spread } else { 1.0 })
    };
    let scales: Vec<(f64, f64)> =
        (0..columns).map(|c| standard(rows.iter().map(|row| inputs[row * columns + c]).collect())).collect();
    let xs: Vec<Vec<f64>> =
        rows.iter().map(|row| scaled(&inputs[row * columns..(row + 1) * columns], &scales)).collect();
    let column = |o: usize| -> Vec<f64> { rows.iter().map(|row| targets[row * outputs + o]).collect() };
    let own: Vec<(f64, f64)> = (0..outputs).map(|o| standard(column(o))).collect();
    let ys: Vec<Vec<f64>> =
        own.iter().enumerate().map(|(o, (m, s))| column(o).iter().map(|y| (y - m) / s).collect()).collect();
    let varying = ys.iter().filter(|y| deviation(y) > 0.0).count();
    if varying == 0 {
        return Lesson::Nothing;
    }
    let gaussians = WIDTHS.iter().map(|width| Kernel::Gaussian(width * (columns as f64).sqrt()));
    let candidates =
        std::iter::once((Kernel::Line, &[LINE_RIDGE][..])).chain(gaussians.map(|kernel| (kernel, &RIDGES[..])));
    let candidates: Vec<(Kernel, &[f64])> = candidates.collect();
    let fit_rows = |rows: usize| -> Vec<Fit> {
        let own: Vec<&[f64]> = ys.iter().map(|y| &y[..rows]).collect();
        let of = |(kernel, ridges): &(Kernel, &[f64])| {
            let matrix = kernel.matrix(&xs[..rows]);
            ridges.iter().filter_map(|ridge| Fit::of(*kernel, &matrix, *ridge, &own, varying)).collect::<Vec<_>>()
        };
        candidates.iter().flat_map(of).collect()
    };
    let mut fits = fit_rows(count);
    let Some(best) = (0..fits.len()).min_by(|a, b| fits[*a].error().total_cmp(&fits[*b].error())) else {
        return Lesson::Nothing;
    };
    let by_chance = |fit: &Fit| {
        let worse: Vec<f64> = fit.errors.iter().zip(&fits[best].errors).map(|(a, b)| a - b).collect();
        mean(&worse) <= deviation(&worse) / (count as f64).sqrt()
    };
    let line = fits.iter().position(|fit| matches!(fit.kernel, Kernel::Line) && by_chance(fit));
    let chosen = fits.swap_remove(line.unwrap_or(best));
    // Always the mean of the others, as the learners' errors are of rows that they did not see.
    let others = count as f64 / (count as f64 - 1.0);
    let square = |row: usize| ys.iter().map(|y| (y[row] * others).powi(2)).sum::<f64>() / varying as f64;
    let gains: Vec<f64> = (0..count).map(|row| square(row) - chosen.errors[row]).collect();
    // Of few rows of which one is far off the standard error says little, but chance never explains half.
    let clearly = mean(&gains) > CLEARLY * deviation(&gains) / (count as f64).sqrt();
    if !clearly && chosen.error() > HALF * mean(&(0..count).map(square).collect::<Vec<_>>()) {
        return Lesson::Nothing;
    }
    let left_out = own.iter().zip(&chosen.by_output).map(|((_, s), rmse)| s * rmse).collect();
    let with_all_rows = match count < all {
        true => {
            let of_half = fit_rows(count / 2).iter().map(Fit::error).fold(f64::INFINITY, f64::min);
            (chosen.error() / of_half).min(1.0).powf((all as f64 / count as f64).log2())
        }
        false => 1.0,
    };
    let (unexplained, is_line) = (chosen.error(), matches!(chosen.kernel, Kernel::Line));
    Lesson::Learned(Box::new(Learned {
        left_out,
        unexplained,
        with_all_rows,
        is_line,
        fit: chosen,
        inputs: xs,
        scales,
        targets: own,
    }))
}

/// Whether there are rows enough, and not too many columns.
pub fn can_be_tried(rows: usize, columns: usize) -> bool {
    rows >= FEWEST && (1..=MOST_COLUMNS).contains(&columns)
}

/// So many rows of all, the same for each number of them, and without the order that a file may have.
fn drawn(all: usize, count: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..all).collect();
    let mut state = all as u64;
    for at in 0..count.min(all.saturating_sub(1)) {
        let other = at + (split_mix(&mut state) % (all - at) as u64) as usize;
        rows.swap(at, other);
    }
    rows.truncate(count);
    rows
}

fn scaled(row: &[f64], scales: &[(f64, f64)]) -> Vec<f64> {
    row.iter().zip(scales).map(|(x, (m, s))| (x - m) / s).collect()
}

impl Learned {
    /// At other rows, `[rows, outputs]`; `inputs` are `[rows, columns]`.
    pub fn predictions(&self, inputs: &[f64]) -> Vec<f64> {
        let mut predictions = Vec::new();
        for row in inputs.chunks(self.scales.len()) {
            let point = scaled(row, &self.scales);
            let near: Vec<f64> = self.inputs.iter().map(|x| self.fit.kernel.of(&point, x)).collect();
            for ((m, s), weights) in self.targets.iter().zip(&self.fit.weights) {
                predictions.push(m + s * near.iter().zip(weights).map(|(k, w)| k * w).sum::<f64>());
            }
        }
        predictions
    }
}

#[derive(Clone, Copy)]
enum Kernel {
    Line,
    /// Of this width.
    Gaussian(f64),
}

impl Kernel {
    /// Of each row with each, `[rows, rows]`.
    fn matrix(self, rows: &[Vec<f64>]) -> Vec<f64> {
        rows.iter().flat_map(|a| rows.iter().map(move |b| self.of(a, b))).collect()
    }

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
    /// Leave-one-out squared error of each row, the mean over the outputs that vary.
    errors: Vec<f64>,
    /// Leave-one-out root mean square error of each output.
    by_output: Vec<f64>,
}

impl Fit {
    /// `matrix` is `[rows, rows]`. The residual of a row left out is wᵢ/(K + λI)⁻¹ᵢᵢ (Rifkin & Lippert 2007).
    fn of(kernel: Kernel, matrix: &[f64], ridge: f64, targets: &[&[f64]], varying: usize) -> Option<Self> {
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
            (0..count).map(|i| weights.iter().map(|w| square(w, i)).sum::<f64>() / varying as f64).collect();
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
