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
        if self.kind == Norm::Layer {
            let [mean, variance] = moments(x, 2)?;
            let root = variance.f_add(&Tensor::from(self.by.eps))?.f_sqrt()?;
            return x.f_sub(&mean)?.f_div(&root)?.f_mul(&self.scale)?.f_add(&self.shift);
        }
        let by_batch = training && self.by_batch;
        let (lanes, rows, units) = x.size3()?;
        // Each lane's units are units of their own.
        let flat = |of: &Tensor| of.f_view([lanes * units]);
        let running = self.running.each_ref().map(flat);
        let [mean, variance] = running.map(|running| running.map(|running| (!by_batch).then_some(running)));
        let (scale, shift) = (flat(&self.scale)?, flat(&self.shift)?);
        let all = x.f_transpose(0, 1)?.f_reshape([rows, lanes * units])?;
        let eps = self.by.eps;
        let y = all.f_batch_norm(
            Some(&scale),
            Some(&shift),
            mean?.as_ref(),
            variance?.as_ref(),
            by_batch,
            0.0,
            eps,
            false,
        )?;
        if by_batch {
            no_grad(|| {
                let [mean, variance] = moments(x, 1)?;
                self.follow(&mean, &variance, rows)
            })?;
        }
        y.f_view([rows, lanes, units])?.f_transpose(0, 1)
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
