//! Tables of inputs, `[rows, columns]` row by row, made ready for long sums.

use super::moments::{deviation, exponent, mean, tamed};

/// Rows in a block: enough independent sums to fill a processor's vector registers.
pub(super) const LANES: usize = 16;

/// Standardised inputs beyond this are cut off, so that sums of their products stay finite.
const FARTHEST: f64 = 1e100;

/// Mean and standard deviation of each column.
#[derive(Debug, Clone)]
pub(super) struct Scaling(Vec<Column>);

/// `(x·2^−exponent − mean)·slope` is the standardised x. The power of two keeps every sum within an f64's range.
#[derive(Debug, Clone)]
struct Column {
    exponent: i32,
    mean: f64,
    /// 1/standard deviation; 0 of a constant column.
    slope: f64,
}

impl Scaling {
    /// Of these rows of the table; divisor n. Columns whose spread is within the rounding of their mean are constant, as
    /// for scikit-learn's StandardScaler. Nothing if a number in these rows is not finite; without rows no columns.
    pub fn of(columns: usize, inputs: &[f64], rows: &[usize]) -> Option<Self> {
        let column = |c: usize| {
            let values: Vec<f64> = rows.iter().map(|row| inputs[row * columns + c]).collect();
            if !values.iter().all(|value| value.is_finite()) {
                return None;
            }
            let exponent = exponent(values.iter()).unwrap_or(0);
            let values = tamed(&values, exponent);
            let (mean, deviation) = (mean(&values), deviation(&values));
            let rounding = values.len() as f64 * f64::EPSILON * mean.abs();
            Some(Column { exponent, mean, slope: if deviation > rounding { 1.0 / deviation } else { 0.0 } })
        };
        (0..if rows.is_empty() { 0 } else { columns }).map(column).collect::<Option<_>>().map(Scaling)
    }

    /// A row `[columns]`, standardised; NaN where a number is not finite.
    pub fn row<'a>(&'a self, row: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.0.iter().zip(row).map(|(column, &x)| {
            let centred = libm::scalbn(x, -column.exponent) - column.mean;
            match column.slope {
                _ if !x.is_finite() => f64::NAN,
                0.0 => 0.0,
                slope => (centred * slope).clamp(-FARTHEST, FARTHEST),
            }
        })
    }
}

/// These rows of the table, standardised, `[rows/LANES rounded up, columns, LANES]`: row r is lane r mod LANES of block
/// r div LANES. Lanes without a row are 0.
pub(super) fn blocks(scaling: &Scaling, columns: usize, inputs: &[f64], rows: &[usize]) -> Vec<[f64; LANES]> {
    let mut blocks = vec![[0.0; LANES]; rows.len().div_ceil(LANES) * columns];
    for (place, row) in rows.iter().enumerate() {
        let block = &mut blocks[place / LANES * columns..][..columns];
        let values = scaling.row(&inputs[row * columns..][..columns]);
        for (lanes, value) in block.iter_mut().zip(values) {
            lanes[place % LANES] = value;
        }
    }
    blocks
}

/// Which of the rows with these labels to keep if `most` are wanted, in ascending order: evenly spaced within each class, so
/// that classes keep their shares and a rhythm in the order of the labels does no harm.
pub(super) fn evenly_spaced(labels: &[usize], most: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..labels.len()).collect();
    if rows.len() > most {
        rows.sort_by_key(|&row| labels[row]);
        // Each from the middle of its stretch; in 128 bits nothing overflows.
        let middle = |i: usize| (2 * i as u128 + 1) * labels.len() as u128 / (2 * most as u128);
        rows = (0..most).map(|i| rows[middle(i) as usize]).collect();
        rows.sort_unstable();
    }
    rows
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
