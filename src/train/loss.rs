//! Losses of stacked lanes: their value and their gradient, for each way of pairing predictions with targets.

use tch::{Device, Kind, TchError, Tensor};

use super::buffers::{Buffer, Buffers};
use super::kernels::{self, Error, Level};
use super::network::By;
use crate::experiment::config::{self, LossKind, Pairing};

/// Targets that an N × N pairing takes at a time, where it has no short form.
const BLOCK: i64 = 256;

/// A loss planned for `[lanes, rows]` predictions.
pub struct Loss {
    config: config::Loss,
    rows: usize,
    /// For libtorch, where a pairing has no short form: `[lanes, rows, block]` differences, and their sums.
    blocks: Option<(Tensor, Tensor)>,
}

/// The targets of one lane's batch.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    targets: &'a [f32],
    /// Their mean, where a pairing needs no more.
    mean: f32,
}

impl Loss {
    pub fn plan(
        by: By,
        config: config::Loss,
        lanes: usize,
        rows: usize,
        buffers: &mut Buffers,
    ) -> Result<Self, TchError> {
        let (wide, long) = (lanes as i64, rows as i64);
        let blocks = match by {
            By::Torch if Self::pairs(&config) => {
                Some((buffers.zeros(&[wide, long, BLOCK.min(long)])?.view, buffers.zeros(&[wide, long])?.view))
            }
            _ => None,
        };
        Ok(Loss { config, rows, blocks })
    }

    /// Whether each prediction is compared with each target one by one.
    pub fn pairs(config: &config::Loss) -> bool {
        config.pairing != Pairing::Matched && !matches!(config.kind, LossKind::Mse | LossKind::Sse)
    }

    fn delta(&self) -> f64 {
        self.config.delta.unwrap_or(1.0)
    }

    fn error(&self) -> Error {
        match self.config.kind {
            LossKind::Mse | LossKind::Sse => Error::Square,
            LossKind::Mae => Error::Absolute,
            LossKind::Huber => Error::Huber,
        }
    }

    /// What the sum of the errors is divided by.
    fn divisor(&self) -> f64 {
        let rows = self.rows as f64;
        match (self.config.kind, self.config.pairing) {
            (LossKind::Sse, _) => 1.0,
            (_, Pairing::Matched | Pairing::Broadcast) => rows,
            (_, Pairing::BroadcastMean) => rows * rows,
        }
    }

    /// The derivative of an error by its difference, in place, but for the factor of [`Self::slope`].
    fn derive(&self, difference: &mut Tensor) -> Result<(), TchError> {
        match self.config.kind {
            LossKind::Mse | LossKind::Sse => {}
            LossKind::Mae => drop(difference.f_sign_()?),
            LossKind::Huber => drop(difference.f_clamp_(-self.delta(), self.delta())?),
        }
        Ok(())
    }

    fn slope(&self) -> f64 {
        match self.config.kind {
            LossKind::Mse | LossKind::Sse => 2.0,
            LossKind::Mae | LossKind::Huber => 1.0,
        }
    }

    /// The errors of differences.
    fn errors(&self, difference: &Tensor) -> Result<Tensor, TchError> {
        match self.config.kind {
            LossKind::Mse | LossKind::Sse => difference.f_mul(difference),
            LossKind::Mae => difference.f_abs(),
            LossKind::Huber => {
                let size = difference.f_abs()?;
                let capped = size.f_clamp_max(self.delta())?;
                size.f_sub(&capped.f_mul_scalar(0.5)?)?.f_mul(&capped)
            }
        }
    }

    /// What one lane's predictions are compared with, found once for a batch.
    pub fn against<'a>(&self, targets: &'a [f32]) -> Against<'a> {
        let short = self.config.pairing != Pairing::Matched && !Self::pairs(&self.config);
        Against { targets, mean: if short { average(targets) } else { 0.0 } }
    }

    /// Writes the loss' gradient by those predictions of one lane that begin with row `start` of the batch.
    pub fn slopes(&self, level: Level, predictions: &[f32], against: Against, start: usize, gradient: &mut [f32]) {
        let (delta, factor) = (self.delta() as f32, self.slope() / self.divisor());
        let Against { targets, mean } = against;
        match self.config.pairing {
            Pairing::Matched => {
                let targets = &targets[start..start + predictions.len()];
                kernels::slopes(level, self.error(), delta, factor as f32, predictions, targets, gradient);
            }
            _ if Self::pairs(&self.config) => {
                kernels::pair_slopes(level, self.error(), delta, factor as f32, predictions, targets, gradient);
            }
            // Σⱼ 2(ŷᵢ − yⱼ) = 2N(ŷᵢ − ȳ).
            _ => {
                let factor = factor * self.rows as f64;
                kernels::slopes(level, Error::Square, delta, factor as f32, predictions, &[mean], gradient);
            }
        }
    }

    /// The loss of one lane's predictions, all of them.
    pub fn of(&self, level: Level, predictions: &[f32], targets: &[f32]) -> f32 {
        let (error, delta) = (self.error(), self.delta() as f32);
        let sum = match self.config.pairing {
            Pairing::Matched => kernels::errors(level, error, delta, predictions, targets),
            _ if Self::pairs(&self.config) => {
                predictions.iter().map(|&one| kernels::errors(level, error, delta, targets, &[one])).sum()
            }
            // Σᵢⱼ(ŷᵢ − yⱼ)² = N Σ(ŷᵢ − ȳ)² + N Σ(yⱼ − ȳ)².
            _ => {
                let mean = [average(targets)];
                let spread = |of| kernels::errors(level, error, delta, of, &mean);
                (spread(predictions) + spread(targets)) * self.rows as f64
            }
        };
        (sum / self.divisor()) as f32
    }

    /// Writes the loss' gradient by all lanes' predictions.
    pub fn slopes_by_torch(
        &self,
        predictions: &Buffer,
        targets: &Tensor,
        gradient: &mut Buffer,
    ) -> Result<(), TchError> {
        let (predictions, mut gradient) = (predictions.view.f_squeeze_dim(2)?, gradient.view.f_squeeze_dim(2)?);
        let (predictions, gradient) = (&predictions, &mut gradient);
        let rows = self.rows as i64;
        let mut factor = self.slope() / self.divisor();
        match (&self.blocks, self.config.pairing) {
            (None, Pairing::Matched) => {
                predictions.f_sub_out(gradient, targets).map(drop)?;
                self.derive(gradient)?;
            }
            // Σⱼ 2(ŷᵢ − yⱼ) = 2N(ŷᵢ − ȳ).
            (None, _) => {
                predictions.f_sub_out(gradient, &mean(targets)?).map(drop)?;
                factor *= rows as f64;
            }
            (Some((differences, sums)), _) => {
                gradient.f_zero_().map(drop)?;
                for start in (0..rows).step_by(BLOCK as usize) {
                    let length = BLOCK.min(rows - start);
                    let mut block = differences.f_narrow(2, 0, length)?;
                    predictions
                        .f_unsqueeze(2)?
                        .f_sub_out(&block, &targets.f_narrow(1, start, length)?.f_unsqueeze(1)?)
                        .map(drop)?;
                    self.derive(&mut block)?;
                    block.f_sum_intlist_out(sums, [2].as_slice(), false, None).map(drop)?;
                    gradient.f_add_(sums).map(drop)?;
                }
            }
        }
        gradient.f_mul_scalar_(factor).map(drop)?;
        Ok(())
    }

    /// The loss of each lane: the errors in f32, as a framework has them, and their sum in f64, so that the order of the
    /// samples does not show in its last digits.
    pub fn of_torch(&self, predictions: &Buffer, targets: &Tensor) -> Result<Vec<f32>, TchError> {
        let predictions = &predictions.view.f_squeeze_dim(2)?;
        let rows = self.rows as i64;
        let sum = match (&self.blocks, self.config.pairing) {
            (None, Pairing::Matched) => total(&self.errors(&predictions.f_sub(targets)?)?)?,
            // Σᵢⱼ(ŷᵢ − yⱼ)² = N Σ(ŷᵢ − ȳ)² + N Σ(yⱼ − ȳ)².
            (None, _) => {
                let mean = mean(targets)?;
                let spread = |of: &Tensor| total(&self.errors(&of.f_sub(&mean)?)?);
                spread(predictions)?.f_add(&spread(targets)?)?.f_mul_scalar(rows as f64)?
            }
            (Some((differences, _)), _) => {
                let mut sum = total(predictions)?.f_zero_()?;
                for start in (0..rows).step_by(BLOCK as usize) {
                    let length = BLOCK.min(rows - start);
                    let block = differences.f_narrow(2, 0, length)?;
                    predictions
                        .f_unsqueeze(2)?
                        .f_sub_out(&block, &targets.f_narrow(1, start, length)?.f_unsqueeze(1)?)
                        .map(drop)?;
                    sum.f_add_(&total(&self.errors(&block)?.f_flatten(1, 2)?)?).map(drop)?;
                }
                sum
            }
        };
        let loss = sum.f_div_scalar(self.divisor())?.f_to_kind(Kind::Float)?;
        Vec::try_from(loss.f_to_device(Device::Cpu)?)
    }
}

/// `[lanes, rows]` to `[lanes]`, in f64.
fn total(values: &Tensor) -> Result<Tensor, TchError> {
    values.f_sum_dim_intlist([1].as_slice(), false, Kind::Double)
}

/// `[lanes, rows]` to `[lanes, 1]`.
fn mean(values: &Tensor) -> Result<Tensor, TchError> {
    let sum = values.f_sum_dim_intlist([1].as_slice(), true, Kind::Double)?;
    sum.f_div_scalar(values.size()[1])?.f_to_kind(Kind::Float)
}

/// In f64, rounded once.
fn average(values: &[f32]) -> f32 {
    (values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64) as f32
}
