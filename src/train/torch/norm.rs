//! Norms of hidden layers, each lane's by itself.

use tch::{Kind, TchError, Tensor, no_grad};

use crate::experiment::config::{Norm, Normalisation, Variance};

type Result<T> = std::result::Result<T, TchError>;

/// (x − mean)/√(variance + ε)·scale + shift, over the rows of a batch or over the units of a row.
pub struct NormLayer {
    kind: Norm,
    by: Normalisation,
    /// Whether a batch norm goes by the batch in training.
    by_batch: bool,
    /// `[lanes, 1, units]` each, as all that follow.
    scale: Tensor,
    shift: Tensor,
    /// Running mean and variance of a batch norm.
    running: [Tensor; 2],
}

impl NormLayer {
    /// Scale and shift are `learnt`; the running statistics begin with 0 and 1.
    pub fn new(kind: Norm, by: Normalisation, by_batch: bool, [scale, shift]: [Tensor; 2]) -> Result<Self> {
        let running = [shift.f_detach()?.f_zeros_like()?, shift.f_detach()?.f_ones_like()?];
        Ok(NormLayer { kind, by, by_batch, scale, shift, running })
    }

    /// `[lanes, rows, units]`. In training a batch norm takes the batch's own statistics, and lets the running ones follow.
    pub fn forward(&mut self, x: &Tensor, training: bool) -> Result<Tensor> {
        let [mean, variance] = match (self.kind, training && self.by_batch) {
            (Norm::Batch, true) => {
                let [mean, variance] = moments(x, 1)?;
                no_grad(|| self.follow(&mean, &variance, x.size()[1]))?;
                [mean, variance]
            }
            (Norm::Batch, false) => self.running.each_ref().map(Tensor::shallow_clone),
            (Norm::Layer | Norm::None, _) => moments(x, 2)?,
        };
        let root = variance.f_add(&Tensor::from(self.by.eps))?.f_sqrt()?;
        x.f_sub(&mean)?.f_div(&root)?.f_mul(&self.scale)?.f_add(&self.shift)
    }

    fn follow(&mut self, mean: &Tensor, variance: &Tensor, rows: i64) -> Result<()> {
        let variance = match self.by.variance {
            Variance::Biased => variance.shallow_clone(),
            // Of a single row it is 0/0, where PyTorch refuses to go on.
            Variance::Unbiased => variance.f_mul(&Tensor::from(rows as f64 / (rows - 1) as f64))?,
        };
        for (running, now) in self.running.iter_mut().zip([mean, &variance]) {
            let step = now.f_detach()?.f_sub(running)?.f_mul(&Tensor::from(self.by.momentum))?;
            let _ = running.f_add_(&step)?;
        }
        Ok(())
    }

    pub fn running_copy(&self) -> Result<[Tensor; 2]> {
        let [mean, variance] = &self.running;
        Ok([mean.f_detach_copy()?, variance.f_detach_copy()?])
    }

    pub fn set_running(&mut self, to: &[Tensor; 2]) -> Result<()> {
        self.running.iter_mut().zip(to).try_for_each(|(running, to)| running.f_copy_(to))
    }
}

/// Mean and variance (divisor n) along a dimension, which stays.
fn moments(x: &Tensor, dimension: i64) -> Result<[Tensor; 2]> {
    let mean = x.f_mean_dim([dimension].as_slice(), true, None::<Kind>)?;
    let variance = x.f_sub(&mean)?.f_square()?.f_mean_dim([dimension].as_slice(), true, None::<Kind>)?;
    Ok([mean, variance])
}
