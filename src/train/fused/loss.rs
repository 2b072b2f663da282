//! The loss of one lane's predictions and its gradient, for each way of pairing predictions with targets.

use super::kernels::{self, Level, Residual};
use crate::experiment::config::{self, LossKind, Pairing};

/// A loss of batches of `rows` predictions.
pub struct LaneLoss {
    residual: Residual,
    config: config::Loss,
    rows: usize,
}

/// The targets of a batch.
#[derive(Clone, Copy)]
pub struct Targets<'a> {
    targets: &'a [f32],
    /// Their mean, where a pairing needs no more.
    mean: f32,
}

/// What a loss kind makes of a residual; nothing of one that no kernel knows.
pub fn residual(kind: LossKind) -> Option<Residual> {
    match kind {
        LossKind::Mse | LossKind::Sse => Some(Residual::Square),
        LossKind::Mae => Some(Residual::Absolute),
        LossKind::Huber => Some(Residual::Huber),
        _ => None,
    }
}

impl LaneLoss {
    pub fn new(residual: Residual, config: config::Loss, rows: usize) -> Self {
        LaneLoss { residual, config, rows }
    }

    /// Whether each prediction is compared with each target one by one.
    fn pairs(&self) -> bool {
        self.config.pairing != Pairing::Matched && self.residual != Residual::Square
    }

    fn delta(&self) -> f32 {
        self.config.delta.unwrap_or(1.0) as f32
    }

    /// What a gradient of the kernels is multiplied with: they leave out the 2 of a square, and the mean.
    fn factor(&self) -> f64 {
        if self.residual == Residual::Square { 2.0 / self.divisor() } else { 1.0 / self.divisor() }
    }

    /// What the sum over all pairs is divided by.
    fn divisor(&self) -> f64 {
        let rows = self.rows as f64;
        match (self.config.kind, self.config.pairing) {
            (LossKind::Sse, _) => 1.0,
            (_, Pairing::Matched | Pairing::Broadcast) => rows,
            (_, Pairing::BroadcastMean) => rows * rows,
        }
    }

    /// What predictions are compared with, found once for a batch.
    pub fn targets<'a>(&self, targets: &'a [f32]) -> Targets<'a> {
        let short = self.config.pairing != Pairing::Matched && !self.pairs();
        Targets { targets, mean: if short { average(targets) } else { 0.0 } }
    }

    /// Writes the loss' gradient by those predictions that begin with row `start` of the batch.
    pub fn gradient(&self, level: Level, predictions: &[f32], targets: Targets, start: usize, gradient: &mut [f32]) {
        let (delta, factor) = (self.delta(), self.factor());
        let Targets { targets, mean } = targets;
        match self.config.pairing {
            Pairing::Matched => {
                let targets = &targets[start..start + predictions.len()];
                kernels::loss_gradient(level, self.residual, delta, factor as f32, predictions, targets, gradient);
            }
            _ if self.pairs() => {
                kernels::pair_gradient(level, self.residual, delta, factor as f32, predictions, targets, gradient);
            }
            // Σⱼ 2(ŷᵢ − yⱼ) = 2N(ŷᵢ − ȳ).
            _ => {
                let factor = (factor * self.rows as f64) as f32;
                kernels::loss_gradient(level, Residual::Square, delta, factor, predictions, &[mean], gradient);
            }
        }
    }

    /// The loss of a whole batch.
    pub fn of(&self, level: Level, predictions: &[f32], targets: &[f32]) -> f32 {
        let (residual, delta) = (self.residual, self.delta());
        let sum = match self.config.pairing {
            Pairing::Matched => kernels::loss_sum(level, residual, delta, predictions, targets),
            _ if self.pairs() => {
                predictions.iter().map(|&one| kernels::loss_sum(level, residual, delta, targets, &[one])).sum()
            }
            // Σᵢⱼ(ŷᵢ − yⱼ)² = N Σ(ŷᵢ − ȳ)² + N Σ(yⱼ − ȳ)².
            _ => {
                let mean = [average(targets)];
                let spread = |of| kernels::loss_sum(level, residual, delta, of, &mean);
                (spread(predictions) + spread(targets)) * self.rows as f64
            }
        };
        (sum / self.divisor()) as f32
    }
}

/// In f64, rounded once.
fn average(values: &[f32]) -> f32 {
    (values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64) as f32
}
