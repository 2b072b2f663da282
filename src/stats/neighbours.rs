//! The smallest error rate that any classifier can reach, estimated from data alone: by the nearest neighbour.

use super::table::{LANES, Scaling, blocks, evenly_spaced};

/// Most of rows²·columns. More rows are thinned out.
const MOST_WORK: usize = 300_000_000;
/// Squared distances that differ by less, relative to the smaller, are equal but for rounding.
const ROUNDING: f64 = 1e-9;

/// Leave-one-out error rate of the nearest neighbour: the share of rows whose nearest other row has another label.
/// `inputs` are `[rows, columns]`, row by row, `labels` `[rows]`. Distances are Euclidean between inputs standardised by mean
/// and standard deviation (divisor n); constant columns do not count. Where several rows are nearest, equal rows among
/// them, it is the share of them with another label: what choosing one by chance gives on average.
///
/// Of so many rows that rows²·columns would be above 3·10⁸, only as many as stay below, evenly spaced within each class. NaN of
/// fewer than two rows, and where an input is not finite.
pub fn nearest_neighbour_error(columns: usize, inputs: &[f64], labels: &[usize]) -> f64 {
    let labels = &labels[..labels.len().min(inputs.len().checked_div(columns).unwrap_or(usize::MAX))];
    let rows = evenly_spaced(labels, (MOST_WORK / columns.max(1)).isqrt().max(2));
    let labels: Vec<usize> = rows.iter().map(|&row| labels[row]).collect();
    let scaling = if rows.len() < 2 { None } else { Scaling::of(columns, inputs, &rows) };
    let Some(scaling) = scaling else { return f64::NAN };
    let blocks = blocks(&scaling, columns, inputs, &rows);
    let mut distances = vec![0.0; rows.len().next_multiple_of(LANES)];
    let mut errors = 0.0;
    for (row, &label) in labels.iter().enumerate() {
        squared_distances(columns, &blocks, row, &mut distances);
        distances[row] = f64::INFINITY;
        let others = &distances[..rows.len()];
        let nearest = others.iter().fold(f64::INFINITY, |least, &d| if d < least { d } else { least });
        let nearest = nearest * (1.0 + ROUNDING);
        let (mut tied, mut wrong) = (0_u32, 0_u32);
        for (&distance, &other) in others.iter().zip(&labels) {
            let is = u32::from(distance <= nearest);
            tied += is;
            wrong += is & u32::from(other != label);
        }
        errors += f64::from(wrong) / f64::from(tied);
    }
    errors / rows.len() as f64
}

/// From a row to every row, `[rows]` and what fills the last block.
fn squared_distances(columns: usize, blocks: &[[f64; LANES]], row: usize, distances: &mut [f64]) {
    let own = &blocks[row / LANES * columns..][..columns];
    let own: Vec<f64> = own.iter().map(|lanes| lanes[row % LANES]).collect();
    for (block, distances) in distances.chunks_exact_mut(LANES).enumerate() {
        let mut sums = [0.0; LANES];
        for (lanes, own) in blocks[block * columns..][..columns].iter().zip(&own) {
            for (sum, x) in sums.iter_mut().zip(lanes) {
                *sum += (x - own) * (x - own);
            }
        }
        distances.copy_from_slice(&sums);
    }
}

/// Lower bound of the error rate of any classifier for K classes, from the error rate e of the nearest neighbour:
/// (K−1)/K·(1 − √(1 − K/(K−1)·e)) (Cover & Hart 1967). It is proved for e in the limit of many rows. Of few rows, and many
/// columns, e is larger than that, and a good classifier may do better than the bound: 1000 rows of 5 columns that a plane
/// separates without error have one of 0.06.
///
/// An e beyond (K−1)/K, that of guessing, gives (K−1)/K. 0 of fewer than two classes; NaN of NaN.
pub fn least_error(nearest: f64, classes: usize) -> f64 {
    if nearest.is_nan() {
        return f64::NAN;
    }
    if classes < 2 {
        return 0.0;
    }
    let guessing = (classes - 1) as f64 / classes as f64;
    let share = (nearest / guessing).clamp(0.0, 1.0);
    // g·(1 − √(1 − s)) without its cancellation at small s.
    guessing * share / (1.0 + (1.0 - share).sqrt())
}
