//! The least loss that a constant has: what a network is to begin near, and to end below.

use crate::data::RunData;
use crate::experiment::config::{Config, Guard, Loss, LossKind, Pairing, Reduction};

/// On the test points of a run, in the loss's own units; NaN where it has no least one.
pub fn best_constant(config: &Config, data: &RunData) -> f64 {
    let loss = &config.loss;
    let width = data.coding.width;
    let targets = data.coding.encode(&data.test.targets);
    let rows = data.test.rows();
    let columns: Vec<Vec<f64>> = (0..width).map(|c| targets.iter().skip(c).step_by(width).copied().collect()).collect();
    let by_row = matches!(loss.kind, LossKind::CrossEntropy | LossKind::Nll);
    let mean = match by_row {
        true if width == 1 => entropy(&counts(&columns[0])),
        true => {
            entropy(&columns.iter().map(|column| column.iter().sum()).collect::<Vec<f64>>()) * sum_of_a_row(&columns)
        }
        false => columns.iter().map(|column| of_numbers(loss, column)).sum::<f64>() / width as f64,
    };
    let summed = loss.kind == LossKind::Sse || loss.reduction == Reduction::Sum;
    let elements = (if by_row { rows } else { rows * width }) as f64;
    // A constant is as far from every target whichever prediction it is held against.
    let pairs = match loss.pairing {
        Pairing::Matched => 1.0,
        Pairing::Broadcast => rows as f64,
        Pairing::BroadcastMean if summed => rows as f64,
        Pairing::BroadcastMean => 1.0,
    };
    mean * pairs * if summed { elements } else { 1.0 }
}

/// How often each value occurs.
fn counts(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|same| same.len() as f64).collect()
}

/// −Σ p ln p of shares that are in proportion to these.
fn entropy(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    // What is no number stays none.
    weights.iter().map(|weight| weight / sum).map(|p| if p > 0.0 { -p * p.ln() } else { 0.0 * p }).sum()
}

/// What the targets of a row sum to on average.
fn sum_of_a_row(columns: &[Vec<f64>]) -> f64 {
    columns.iter().map(|column| column.iter().sum::<f64>() / column.len() as f64).sum()
}

/// The mean loss of the best constant for these targets.
fn of_numbers(loss: &Loss, targets: &[f64]) -> f64 {
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let at = |constant: f64| targets.iter().map(|&y| one(loss, constant, y)).sum::<f64>() / targets.len() as f64;
    match loss.kind {
        LossKind::Mse | LossKind::Sse => at(mean),
        LossKind::Bce if (0.0..=1.0).contains(&mean) => entropy(&[mean, 1.0 - mean]),
        LossKind::Poisson if mean > 0.0 => at(mean),
        // Of a module nobody knows it.
        LossKind::Bce | LossKind::Poisson | LossKind::CrossEntropy | LossKind::Nll | LossKind::TorchScript => f64::NAN,
        LossKind::Mae | LossKind::Huber | LossKind::LogCosh | LossKind::Mape | LossKind::Hinge => {
            let bounds = targets.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &y| (l.min(y), h.max(y)));
            least(at, bounds.0, bounds.1)
        }
    }
}

/// The loss of one prediction.
fn one(loss: &Loss, prediction: f64, y: f64) -> f64 {
    let error = prediction - y;
    match loss.kind {
        LossKind::Mae => error.abs(),
        LossKind::Huber => {
            let delta = loss.delta.unwrap_or(1.0);
            if error.abs() <= delta { error * error / 2.0 } else { delta * (error.abs() - delta / 2.0) }
        }
        // Without overflow: |e| + ln(1 + exp(−2|e|)) − ln 2.
        LossKind::LogCosh => error.abs() + (-2.0 * error.abs()).exp().ln_1p() - std::f64::consts::LN_2,
        LossKind::Mape => 100.0 * error.abs() / y.abs().max(1e-7),
        LossKind::Hinge => (1.0 - y * prediction).max(0.0),
        LossKind::Poisson => prediction - y * (prediction + Guard::of_rates(loss.guard)).ln(),
        _ => error * error,
    }
}

/// The least value of a convex function between two ends.
fn least(of: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..200 {
        let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if of(left) <= of(right) { high = right } else { low = left }
    }
    of(low + (high - low) / 2.0)
}
