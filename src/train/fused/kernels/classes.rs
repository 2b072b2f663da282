//! Probabilities: softmax over rows, and the losses of labels and of classes, as `train::torch::losses` defines them.

use super::elementary::{exp, sigmoid_of};
use super::passes::sum;
use super::{Instructions, Level};
use crate::experiment::config::LossInput;

/// The probabilities that a loss tells apart; beyond them it has no gradient.
const LEAST: f32 = 1e-7;
const MOST: f32 = (1.0 - 1e-7_f64) as f32;

fn clipped(p: f32) -> f32 {
    p.clamp(LEAST, MOST)
}

/// Not NaN.
fn within(p: f32) -> bool {
    (LEAST..=MOST).contains(&p)
}

#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

#[inline(always)]
fn softmax_of_rows(width: usize, values: &mut [f32]) {
    for row in values.chunks_exact_mut(width) {
        let largest = largest(row);
        row.iter_mut().for_each(|value| *value -= largest);
    }
    values.iter_mut().for_each(|value| *value = exp(*value));
    for row in values.chunks_exact_mut(width) {
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|value| *value /= sum);
    }
}

pass! {
    /// Each row of `values[rows, width]` becomes its softmax.
    fn softmax(width: usize, values: &mut [f32]) {
        softmax_of_rows(width, values);
    }
}

pass! {
    /// `d`, the gradient of the softmax `y[rows, width]`, becomes that of what went in.
    fn softmax_backward(width: usize, y: &[f32], d: &mut [f32]) {
        for (y, d) in y.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
            let sum: f32 = y.iter().zip(&*d).map(|(y, d)| d * y).sum();
            d.iter_mut().zip(y).for_each(|(d, y)| *d = (*d - sum) * y);
        }
    }
}

/// The logarithm of Σ exp(v − largest).
#[inline(always)]
fn log_sum(row: &[f32], largest: f32) -> f32 {
    row.iter().map(|value| exp(value - largest)).sum::<f32>().ln()
}

pass! {
    /// Each row of `values[rows, width]` becomes the logarithm of its softmax.
    fn log_softmax(width: usize, values: &mut [f32]) {
        for row in values.chunks_exact_mut(width) {
            let largest = largest(row);
            let log = log_sum(row, largest);
            row.iter_mut().for_each(|value| *value = *value - largest - log);
        }
    }
}

pass! {
    /// `d`, the gradient of the log-softmax `y[rows, width]`, becomes that of what went in.
    fn log_softmax_backward(width: usize, y: &[f32], d: &mut [f32]) {
        for (y, d) in y.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
            let sum: f32 = d.iter().sum();
            d.iter_mut().zip(y).for_each(|(d, y)| *d -= exp(*y) * sum);
        }
    }
}

/// −y ln p − (1 − y) ln(1 − p).
#[inline(always)]
fn label_loss(from: LossInput, prediction: f32, y: f32) -> f32 {
    match from {
        // (1 − y)z − ln sigmoid(z), which overflows nowhere.
        LossInput::Logits => (1.0 - y) * prediction - (prediction.min(0.0) - exp(-prediction.abs()).ln_1p()),
        LossInput::Probabilities => {
            let p = clipped(prediction);
            -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
        }
        LossInput::LogProbabilities => {
            let other = clipped(1.0 - exp(prediction));
            -(y * prediction + (1.0 - y) * other.ln())
        }
    }
}

/// Its derivative by the prediction.
#[inline(always)]
fn label_slope(from: LossInput, prediction: f32, y: f32) -> f32 {
    match from {
        LossInput::Logits => sigmoid_of(prediction) - y,
        LossInput::Probabilities if within(prediction) => (1.0 - y) / (1.0 - prediction) - y / prediction,
        LossInput::Probabilities => 0.0,
        LossInput::LogProbabilities => {
            let p = exp(prediction);
            let other = 1.0 - p;
            // Not left out beyond the clip, where an infinite p makes NaN of it, as in libtorch.
            let by_other = if within(other) { (1.0 - y) / other } else { 0.0 };
            by_other * p - y
        }
    }
}

pass! {
    /// `gradient` becomes the derivative of each prediction's binary cross-entropy, times `factor`.
    fn label_gradient(from: LossInput, factor: f32, predictions: &[f32], targets: &[f32], gradient: &mut [f32]) {
        let count = gradient.len();
        let (predictions, targets) = (&predictions[..count], &targets[..count]);
        for i in 0..count {
            gradient[i] = label_slope(from, predictions[i], targets[i]) * factor;
        }
    }
}

pass! {
    /// The sum of the binary cross-entropies, each in f32, their sum in f64.
    fn label_sum(from: LossInput, predictions: &[f32], targets: &[f32]) -> f64 {
        sum(predictions, targets, |prediction, y| f64::from(label_loss(from, prediction, y)))
    }
}

/// Writes the derivative of a row's −Σ y ln p, times `factor`, where `total` is Σ y. Of logits `out` holds their softmax. What
/// is sparse is clipped before it is normalised, what is not afterwards.
#[inline(always)]
fn row_gradient(
    (from, sparse): (LossInput, bool),
    factor: f32,
    row: &[f32],
    y: impl Fn(usize) -> f32,
    total: f32,
    out: &mut [f32],
) {
    let places = row.iter().zip(out.iter_mut()).enumerate();
    match (from, sparse) {
        (LossInput::Logits, _) => places.for_each(|(j, (_, out))| *out = (*out * total - y(j)) * factor),
        (LossInput::LogProbabilities, _) => places.for_each(|(j, (_, out))| *out = -y(j) * factor),
        (LossInput::Probabilities, true) => {
            let sum: f32 = row.iter().map(|&p| clipped(p)).sum();
            let slope = |j: usize, p: f32| (p / sum * total - y(j)) / p;
            places.for_each(|(j, (&p, out))| *out = if within(p) { slope(j, p) * factor } else { 0.0 });
        }
        (LossInput::Probabilities, false) => {
            let sum: f32 = row.iter().sum();
            let mut by_sum = 0.0;
            for (j, (p, out)) in places {
                let share = p / sum;
                let slope = if within(share) { -y(j) / share * factor } else { 0.0 };
                by_sum += slope * (share / sum);
                *out = slope / sum;
            }
            out.iter_mut().for_each(|out| *out -= by_sum);
        }
    }
}

pass! {
    /// `gradient` becomes the derivative of the cross-entropy of each row of `predictions[rows, width]`, times `factor`. If
    /// `sparse`, a row's target is the place of its class, which may have no unit; else it is `width` shares.
    fn class_gradient(from: LossInput, sparse: bool, width: usize, factor: f32, predictions: &[f32], targets: &[f32], gradient: &mut [f32]) {
        if from == LossInput::Logits {
            gradient.copy_from_slice(predictions);
            softmax_of_rows(width, gradient);
        }
        let form = (from, sparse);
        for (r, (row, out)) in predictions.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).enumerate() {
            if sparse {
                let class = targets[r] as usize;
                row_gradient(form, factor, row, |j| f32::from(j == class), f32::from(class < width), out);
            } else {
                let y = &targets[r * width..(r + 1) * width];
                row_gradient(form, factor, row, |j| y[j], y.iter().sum(), out);
            }
        }
    }
}

pass! {
    /// The sum of the cross-entropies of the rows, each term in f32, their sum in f64.
    fn class_sum(from: LossInput, sparse: bool, width: usize, predictions: &[f32], targets: &[f32]) -> f64 {
        let mut sum = 0.0;
        for (r, row) in predictions.chunks_exact(width).enumerate() {
            let largest = largest(row);
            let by = match (from, sparse) {
                (LossInput::Logits, _) => log_sum(row, largest),
                (LossInput::LogProbabilities, _) => 0.0,
                (LossInput::Probabilities, true) => row.iter().map(|&p| clipped(p)).sum(),
                (LossInput::Probabilities, false) => row.iter().sum(),
            };
            let log = |value: f32| match (from, sparse) {
                (LossInput::Logits, _) => value - largest - by,
                (LossInput::LogProbabilities, _) => value,
                (LossInput::Probabilities, true) => (clipped(value) / by).ln(),
                (LossInput::Probabilities, false) => clipped(value / by).ln(),
            };
            if sparse {
                // Where its class has no unit, NaN still shows.
                sum += f64::from(row.get(targets[r] as usize).map_or_else(|| -(0.0 * log(row[0])), |&value| -log(value)));
            } else {
                let y = &targets[r * width..(r + 1) * width];
                row.iter().zip(y).for_each(|(&value, y)| sum += f64::from(-(y * log(value))));
            }
        }
        sum
    }
}
