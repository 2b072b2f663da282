//! The loss of one lane's predictions and its gradient, of each kind and for each way of pairing predictions with targets.

use super::kernels::{self, Level, Residual};
use crate::data::coding::Coding;
use crate::experiment::config::{self, Guard, LossInput, LossKind, Pairing, Reduction};
use crate::experiment::engine::covers_loss;

/// A loss of batches.
pub struct LaneLoss {
    form: Form,
    config: config::Loss,
    /// Numbers of a row of predictions, and of a row of targets.
    outputs: usize,
    width: usize,
}

/// The targets of a batch.
#[derive(Clone, Copy)]
pub struct Targets<'a> {
    targets: &'a [f32],
    /// Their mean, where a pairing needs no more.
    mean: f32,
}

/// What a loss is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The difference between a prediction and its target.
    Residual(Residual),
    /// A label's probability.
    Label(LossInput),
    /// A row of the probabilities of classes.
    Classes { from: LossInput, sparse: bool },
}

/// Nothing of a loss that no kernel knows.
fn form(loss: &config::Loss, sparse: bool) -> Option<Form> {
    let from = loss.from.unwrap_or(LossInput::LogProbabilities);
    match loss.kind {
        LossKind::Mse | LossKind::Sse => Some(Form::Residual(Residual::Square)),
        LossKind::Mae => Some(Form::Residual(Residual::Absolute)),
        LossKind::Huber => Some(Form::Residual(Residual::Huber)),
        LossKind::Bce => Some(Form::Label(from)),
        LossKind::CrossEntropy | LossKind::Nll => Some(Form::Classes { from, sparse }),
        LossKind::LogCosh | LossKind::Mape | LossKind::Poisson | LossKind::Hinge | LossKind::TorchScript => None,
    }
}

impl LaneLoss {
    /// For predictions and targets of this coding; nothing of a loss that [`covers_loss`] refuses, and where they broadcast.
    pub fn new(config: &config::Loss, coding: &Coding) -> Option<Self> {
        let form = form(config, coding.sparse).filter(|_| covers_loss(config).is_ok())?;
        let (outputs, width) = (coding.outputs, coding.width);
        let fits = if coding.sparse { width == 1 } else { outputs == width };
        fits.then_some(LaneLoss { form, config: config.clone(), outputs, width })
    }

    /// Whether each prediction is compared with each target one by one.
    fn pairs(&self) -> bool {
        self.config.pairing != Pairing::Matched && self.form != Form::Residual(Residual::Square)
    }

    /// Whether rows of probabilities are clipped before they are divided by their sums.
    fn clips_first(&self, sparse: bool) -> bool {
        sparse && self.config.guard == Guard::Clip
    }

    fn delta(&self) -> f32 {
        self.config.delta.unwrap_or(1.0) as f32
    }

    /// What a gradient of the kernels is multiplied with: they leave out the 2 of a square, and the mean.
    fn factor(&self, rows: usize) -> f64 {
        let square = self.form == Form::Residual(Residual::Square);
        if square { 2.0 / self.divisor(rows) } else { 1.0 / self.divisor(rows) }
    }

    /// What the sum over all elements, rows of classes or pairs is divided by.
    fn divisor(&self, rows: usize) -> f64 {
        let rows = rows as f64;
        match (self.config.reduction, self.config.pairing) {
            (Reduction::Sum, _) => 1.0,
            (_, Pairing::BroadcastMean) => rows * rows,
            _ if matches!(self.form, Form::Classes { .. }) => rows,
            (_, Pairing::Matched | Pairing::Broadcast) => rows * self.outputs as f64,
        }
    }

    /// What predictions are compared with, found once for a batch.
    pub fn targets<'a>(&self, targets: &'a [f32]) -> Targets<'a> {
        let short = self.config.pairing != Pairing::Matched && !self.pairs();
        Targets { targets, mean: if short { average(targets) } else { 0.0 } }
    }

    /// Writes the loss' gradient by those predictions that begin with row `start` of the batch.
    pub fn gradient(&self, level: Level, predictions: &[f32], targets: Targets, start: usize, gradient: &mut [f32]) {
        let Targets { targets, mean } = targets;
        let all = targets.len() / self.width;
        let (delta, factor) = (self.delta(), self.factor(all));
        let rows = predictions.len() / self.outputs;
        let own = || &targets[start * self.width..(start + rows) * self.width];
        match (self.form, self.config.pairing) {
            (Form::Label(from), _) => {
                kernels::label_gradient(level, from, factor as f32, predictions, own(), gradient);
            }
            (Form::Classes { from, sparse }, _) => {
                let (width, factor) = (self.outputs, factor as f32);
                let first = self.clips_first(sparse);
                kernels::class_gradient(level, from, sparse, first, width, factor, predictions, own(), gradient);
            }
            (Form::Residual(residual), Pairing::Matched) => {
                kernels::loss_gradient(level, residual, delta, factor as f32, predictions, own(), gradient);
            }
            (Form::Residual(residual), _) if self.pairs() => {
                kernels::pair_gradient(level, residual, delta, factor as f32, predictions, targets, gradient);
            }
            // Σⱼ 2(ŷᵢ − yⱼ) = 2N(ŷᵢ − ȳ).
            (Form::Residual(_), _) => {
                let factor = (factor * all as f64) as f32;
                kernels::loss_gradient(level, Residual::Square, delta, factor, predictions, &[mean], gradient);
            }
        }
    }

    /// The loss of a whole batch, in f64.
    pub fn of(&self, level: Level, predictions: &[f32], targets: &[f32]) -> f64 {
        let (delta, rows) = (self.delta(), targets.len() / self.width);
        let sum = match (self.form, self.config.pairing) {
            (Form::Label(from), _) => kernels::label_sum(level, from, predictions, targets),
            (Form::Classes { from, sparse }, _) => {
                kernels::class_sum(level, from, sparse, self.clips_first(sparse), self.outputs, predictions, targets)
            }
            (Form::Residual(residual), Pairing::Matched) => {
                kernels::loss_sum(level, residual, delta, predictions, targets)
            }
            (Form::Residual(residual), _) if self.pairs() => {
                predictions.iter().map(|&one| kernels::loss_sum(level, residual, delta, targets, &[one])).sum()
            }
            // Σᵢⱼ(ŷᵢ − yⱼ)² = N Σ(ŷᵢ − ȳ)² + N Σ(yⱼ − ȳ)².
            (Form::Residual(residual), _) => {
                let mean = [average(targets)];
                let spread = |of| kernels::loss_sum(level, residual, delta, of, &mean);
                (spread(predictions) + spread(targets)) * rows as f64
            }
        };
        sum / self.divisor(rows)
    }
}

/// In f64, rounded once.
fn average(values: &[f32]) -> f32 {
    (values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64) as f32
}
