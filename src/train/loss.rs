//! Losses of stacked lanes: their value and their gradient, for each way of pairing predictions with targets.

use tch::{Kind, TchError, Tensor};

use super::buffers::Buffers;
use super::kernels::{self, Slope, numbers};
use super::network::By;
use crate::experiment::config::{self, LossKind, Pairing};

/// Targets that an N × N pairing takes at a time, where it has no short form.
const BLOCK: i64 = 256;

/// A loss planned for `[lanes, rows]` predictions.
pub struct Loss {
    config: config::Loss,
    rows: i64,
    /// `[lanes, rows, block]` differences, and their sums.
    blocks: Option<(Tensor, Tensor)>,
}

impl Loss {
    pub fn plan(config: config::Loss, lanes: i64, rows: i64, buffers: &mut Buffers) -> Result<Self, TchError> {
        let squared = matches!(config.kind, LossKind::Mse | LossKind::Sse);
        let blocks = if config.pairing == Pairing::Matched || squared {
            None
        } else {
            Some((buffers.zeros(&[lanes, rows, BLOCK.min(rows)])?.view, buffers.zeros(&[lanes, rows])?.view))
        };
        Ok(Loss { config, rows, blocks })
    }

    /// Numbers that it keeps for each lane.
    pub fn room(config: &config::Loss, rows: usize) -> usize {
        let squared = matches!(config.kind, LossKind::Mse | LossKind::Sse);
        if config.pairing == Pairing::Matched || squared { 0 } else { rows * (rows.min(BLOCK as usize) + 1) }
    }

    fn delta(&self) -> f64 {
        self.config.delta.unwrap_or(1.0)
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

    /// Writes the loss' gradient by the predictions, all `[lanes, rows]`, to `gradient`.
    pub fn gradient(
        &self,
        by: By,
        predictions: &Tensor,
        targets: &Tensor,
        gradient: &mut Tensor,
    ) -> Result<(), TchError> {
        let mut factor = self.slope() / self.divisor();
        if let (By::Kernels(level), None) = (by, &self.blocks) {
            let rows = self.rows as usize;
            let slope = match self.config.kind {
                LossKind::Mse | LossKind::Sse => Slope::Square,
                LossKind::Mae => Slope::Absolute,
                LossKind::Huber => Slope::Huber,
            };
            let (predictions, targets, gradient) = (numbers(predictions)?, numbers(targets)?, numbers(gradient)?);
            let lanes = predictions.chunks(rows).zip(targets.chunks(rows)).zip(gradient.chunks_mut(rows));
            for ((predictions, targets), gradient) in lanes {
                let mean = [(targets.iter().map(|&y| f64::from(y)).sum::<f64>() / rows as f64) as f32];
                // Σⱼ 2(ŷᵢ − yⱼ) = 2N(ŷᵢ − ȳ).
                let (targets, factor) = match self.config.pairing {
                    Pairing::Matched => (targets, factor),
                    _ => (&mean[..], factor * rows as f64),
                };
                kernels::slopes(level, slope, self.delta() as f32, factor as f32, predictions, targets, gradient);
            }
            return Ok(());
        }
        match (&self.blocks, self.config.pairing) {
            (None, Pairing::Matched) => {
                predictions.f_sub_out(gradient, targets).map(drop)?;
                self.derive(gradient)?;
            }
            // Σⱼ 2(ŷᵢ − yⱼ) = 2N(ŷᵢ − ȳ).
            (None, _) => {
                predictions.f_sub_out(gradient, &mean(targets)?).map(drop)?;
                factor *= self.rows as f64;
            }
            (Some((differences, sums)), _) => {
                gradient.f_zero_().map(drop)?;
                for start in (0..self.rows).step_by(BLOCK as usize) {
                    let length = BLOCK.min(self.rows - start);
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

    /// The loss of each lane, `[lanes]`: the errors in f32, as a framework has them, and their sum in f64, so that the
    /// order of the samples does not show in its last digits.
    pub fn value(&self, predictions: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
        let sum = match (&self.blocks, self.config.pairing) {
            (None, Pairing::Matched) => total(&self.errors(&predictions.f_sub(targets)?)?)?,
            // Σᵢⱼ(ŷᵢ − yⱼ)² = N Σ(ŷᵢ − ȳ)² + N Σ(yⱼ − ȳ)².
            (None, _) => {
                let mean = mean(targets)?;
                let spread = |of: &Tensor| total(&self.errors(&of.f_sub(&mean)?)?);
                spread(predictions)?.f_add(&spread(targets)?)?.f_mul_scalar(self.rows as f64)?
            }
            (Some((differences, _)), _) => {
                let mut sum = total(predictions)?.f_zero_()?;
                for start in (0..self.rows).step_by(BLOCK as usize) {
                    let length = BLOCK.min(self.rows - start);
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
        sum.f_div_scalar(self.divisor())?.f_to_kind(Kind::Float)
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
