//! Probabilities: softmax over rows, and the losses of labels and of classes, as `train::torch::losses` defines them.

use super::double::{ln, ln_1p};
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
    // One instruction each, and no NaN, as of `f32::max`.
    row.iter().fold(f32::NEG_INFINITY, |largest, &value| if value > largest { value } else { largest })
}

/// Each value becomes e^(value − its row's largest).
#[inline(always)]
fn exponentials_of_rows<const FUSED: bool>(width: usize, values: &mut [f32]) {
    for row in values.chunks_exact_mut(width) {
        let largest = largest(row);
        row.iter_mut().for_each(|value| *value -= largest);
    }
    values.iter_mut().for_each(|value| *value = exp::<FUSED>(*value));
}

pass! {
    /// Each row of `values[rows, width]` becomes its softmax.
    fn softmax(width: usize, values: &mut [f32]) {
        exponentials_of_rows::<FUSED>(width, values);
        for row in values.chunks_exact_mut(width) {
            let share = 1.0 / row.iter().sum::<f32>();
            row.iter_mut().for_each(|value| *value *= share);
        }
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

/// Of each row, its largest value and the logarithm of Σ e^(value − largest).
#[inline(always)]
fn norms<const FUSED: bool>(width: usize, values: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut exponentials = values.to_vec();
    let rows = values.len() / width;
    let (mut most, mut logs) = (vec![0.0; rows], vec![0.0; rows]);
    for (row, most) in exponentials.chunks_exact_mut(width).zip(&mut most) {
        *most = largest(row);
        row.iter_mut().for_each(|value| *value -= *most);
    }
    exponentials.iter_mut().for_each(|value| *value = exp::<FUSED>(*value));
    logs.iter_mut().zip(exponentials.chunks_exact(width)).for_each(|(log, row)| *log = row.iter().sum());
    logs.iter_mut().for_each(|log| *log = ln::<FUSED>(*log));
    (most, logs)
}

/// Each value becomes the logarithm of its share in its row's Σ e^value.
#[inline(always)]
fn log_shares<const FUSED: bool>(width: usize, values: &mut [f32]) {
    let (most, logs) = norms::<FUSED>(width, values);
    for (row, (most, log)) in values.chunks_exact_mut(width).zip(most.iter().zip(&logs)) {
        row.iter_mut().for_each(|value| *value = *value - most - log);
    }
}

pass! {
    /// Each row of `values[rows, width]` becomes the logarithm of its softmax.
    fn log_softmax(width: usize, values: &mut [f32]) {
        log_shares::<FUSED>(width, values);
    }
}

pass! {
    /// `d`, the gradient of the log-softmax `y[rows, width]`, becomes that of what went in.
    fn log_softmax_backward(width: usize, y: &[f32], d: &mut [f32]) {
        for (y, d) in y.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
            let sum: f32 = d.iter().sum();
            d.iter_mut().zip(y).for_each(|(d, y)| *d -= exp::<FUSED>(*y) * sum);
        }
    }
}

/// −y ln p − (1 − y) ln(1 − p).
#[inline(always)]
fn label_loss<const FUSED: bool>(from: LossInput, prediction: f32, y: f32) -> f32 {
    match from {
        // (1 − y)z − ln sigmoid(z), which overflows nowhere.
        LossInput::Logits => {
            (1.0 - y) * prediction - (prediction.min(0.0) - ln_1p::<FUSED>(exp::<FUSED>(-prediction.abs())))
        }
        LossInput::Probabilities => {
            let p = clipped(prediction);
            -(y * ln::<FUSED>(p) + (1.0 - y) * ln::<FUSED>(1.0 - p))
        }
        LossInput::LogProbabilities => {
            let other = clipped(1.0 - exp::<FUSED>(prediction));
            -(y * prediction + (1.0 - y) * ln::<FUSED>(other))
        }
    }
}

/// Its derivative by the prediction.
#[inline(always)]
fn label_slope<const FUSED: bool>(from: LossInput, prediction: f32, y: f32) -> f32 {
    match from {
        LossInput::Logits => sigmoid_of::<FUSED>(prediction) - y,
        LossInput::Probabilities if within(prediction) => (1.0 - y) / (1.0 - prediction) - y / prediction,
        LossInput::Probabilities => 0.0,
        LossInput::LogProbabilities => {
            let p = exp::<FUSED>(prediction);
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
            gradient[i] = label_slope::<FUSED>(from, predictions[i], targets[i]) * factor;
        }
    }
}

pass! {
    /// The sum of the binary cross-entropies, each in f32, their sum in f64.
    fn label_sum(from: LossInput, predictions: &[f32], targets: &[f32]) -> f64 {
        let mut losses = [0.0; 256];
        let parts = predictions.chunks(losses.len()).zip(targets.chunks(losses.len()));
        let mut total = 0.0;
        for (predictions, targets) in parts {
            let losses = &mut losses[..predictions.len()];
            let pairs = losses.iter_mut().zip(predictions.iter().zip(targets));
            // A loop for each: of one that chooses within, a compiler makes no vectors.
            match from {
                LossInput::Logits => {
                    pairs.for_each(|(loss, (p, y))| *loss = label_loss::<FUSED>(LossInput::Logits, *p, *y));
                }
                LossInput::Probabilities => {
                    pairs.for_each(|(loss, (p, y))| *loss = label_loss::<FUSED>(LossInput::Probabilities, *p, *y));
                }
                LossInput::LogProbabilities => {
                    pairs.for_each(|(loss, (p, y))| *loss = label_loss::<FUSED>(LossInput::LogProbabilities, *p, *y));
                }
            }
            total += sum(losses, losses, |loss, _| f64::from(loss));
        }
        total
    }
}

/// Writes the derivative of a row's −Σ y ln p, times `factor`, where `total` is Σ y. It is clipped before it is divided by
/// its sum, or afterwards.
#[inline(always)]
fn row_gradient(clip_first: bool, factor: f32, row: &[f32], y: impl Fn(usize) -> f32, total: f32, out: &mut [f32]) {
    let places = row.iter().zip(out.iter_mut()).enumerate();
    if clip_first {
        let sum: f32 = row.iter().map(|&p| clipped(p)).sum();
        let slope = |j: usize, p: f32| (p / sum * total - y(j)) / p;
        places.for_each(|(j, (&p, out))| *out = if within(p) { slope(j, p) * factor } else { 0.0 });
        return;
    }
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

pass! {
    /// `gradient` becomes the derivative of the cross-entropy of each row of `predictions[rows, width]`, times `factor`. If
    /// `sparse`, a row's target is the place of its class, which may have no unit; else it is `width` shares. Probabilities are
    /// clipped before they are divided by their row's sum, or afterwards.
    fn class_gradient(from: LossInput, sparse: bool, clip_first: bool, width: usize, factor: f32, predictions: &[f32], targets: &[f32], gradient: &mut [f32]) {
        if from == LossInput::Logits {
            gradient.copy_from_slice(predictions);
            exponentials_of_rows::<FUSED>(width, gradient);
        }
        for (r, (row, out)) in predictions.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).enumerate() {
            if sparse {
                let class = targets[r] as usize;
                let total = f32::from(class < width);
                match from {
                    LossInput::Logits => {
                        let share = total * factor / out.iter().sum::<f32>();
                        out.iter_mut().for_each(|out| *out *= share);
                    }
                    LossInput::LogProbabilities => out.fill(0.0),
                    LossInput::Probabilities => {
                        row_gradient(clip_first, factor, row, |j| f32::from(j == class), total, out);
                        continue;
                    }
                }
                if let Some(own) = out.get_mut(class) {
                    *own -= factor;
                }
                continue;
            }
            let y = &targets[r * width..(r + 1) * width];
            match from {
                LossInput::Logits => {
                    let share = y.iter().sum::<f32>() * factor / out.iter().sum::<f32>();
                    out.iter_mut().zip(y).for_each(|(out, y)| *out = *out * share - y * factor);
                }
                LossInput::LogProbabilities => out.iter_mut().zip(y).for_each(|(out, y)| *out = -y * factor),
                LossInput::Probabilities => row_gradient(false, factor, row, |j| y[j], y.iter().sum(), out),
            }
        }
    }
}

pass! {
    /// The sum of the cross-entropies of the rows, each term in f32, their sum in f64.
    fn class_sum(from: LossInput, sparse: bool, clip_first: bool, width: usize, predictions: &[f32], targets: &[f32]) -> f64 {
        // Where its class has no unit, NaN still shows.
        let own = |row: &[f32], class: f32| row.get(class as usize).copied().unwrap_or(0.0 * row[0]);
        if from == LossInput::Logits && sparse {
            let (most, logs) = norms::<FUSED>(width, predictions);
            let mut sum = 0.0;
            for (r, row) in predictions.chunks_exact(width).enumerate() {
                let there = f32::from((targets[r] as usize) < width);
                sum += f64::from(own(row, targets[r]) - most[r] * there - logs[r] * there);
            }
            return -sum;
        }
        let mut logs = predictions.to_vec();
        match from {
            LossInput::Logits => log_shares::<FUSED>(width, &mut logs),
            LossInput::LogProbabilities => {}
            LossInput::Probabilities => {
                for row in logs.chunks_exact_mut(width) {
                    if clip_first {
                        row.iter_mut().for_each(|p| *p = clipped(*p));
                    }
                    let sum: f32 = row.iter().sum();
                    row.iter_mut().for_each(|p| *p /= sum);
                    if !clip_first {
                        row.iter_mut().for_each(|p| *p = clipped(*p));
                    }
                }
                logs.iter_mut().for_each(|p| *p = ln::<FUSED>(*p));
            }
        }
        if !sparse {
            return -sum(&logs, targets, |log, y| f64::from(y * log));
        }
        -logs.chunks_exact(width).zip(targets).map(|(row, class)| f64::from(own(row, *class))).sum::<f64>()
    }
}
