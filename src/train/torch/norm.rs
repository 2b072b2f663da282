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
    /// `[lanes, 1, units]` each.
    scale: Tensor,
    shift: Tensor,
    /// A batch norm's running statistics, and those of the batch at hand, whose variance has the divisor n − 1.
    running: Statistics,
    batch: Statistics,
    /// How far the running statistics follow the batch's.
    momentum: Tensor,
}

/// Means and variances of all lanes' units.
struct Statistics {
    /// `[2, lanes · units]`, and its two rows.
    both: Tensor,
    mean: Tensor,
    variance: Tensor,
}

impl Statistics {
    /// Means of 0 and variances of 1 for the units of `like`.
    fn new(like: &Tensor) -> Result<Self> {
        let zeros = like.f_detach()?.f_reshape([1, -1])?.f_zeros_like()?;
        let both = Tensor::f_cat(&[&zeros, &zeros.f_ones_like()?], 0)?;
        Ok(Statistics { mean: both.f_select(0, 0)?, variance: both.f_select(0, 1)?, both })
    }
}

impl NormLayer {
    /// Scale and shift are `learnt`; the running statistics begin with 0 and 1.
    pub fn new(kind: Norm, by: Normalisation, by_batch: bool, [scale, shift]: [Tensor; 2]) -> Result<Self> {
        let [running, batch] = [Statistics::new(&shift)?, Statistics::new(&shift)?];
        let momentum = Tensor::from(by.momentum).f_to_device(shift.device())?.f_to_kind(shift.kind())?;
        Ok(NormLayer { kind, by, by_batch, scale, shift, running, batch, momentum })
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
        let all = match lanes {
            1 => x.f_view([rows, units])?,
            _ => x.f_transpose(0, 1)?.f_reshape([rows, lanes * units])?,
        };
        let statistics = if by_batch { &self.batch } else { &self.running };
        let y = all.f_batch_norm(
            // Of several lanes they do not lie on end.
            Some(&self.scale.f_reshape([-1])?),
            Some(&self.shift.f_reshape([-1])?),
            Some(&statistics.mean),
            Some(&statistics.variance),
            by_batch,
            // What is put in there is the batch's alone.
            1.0,
            self.by.eps,
            false,
        )?;
        if by_batch {
            no_grad(|| self.follow(rows))?;
        }
        match lanes {
            1 => y.f_view([1, rows, units]),
            _ => y.f_view([rows, lanes, units])?.f_transpose(0, 1),
        }
    }

    fn follow(&mut self, rows: i64) -> Result<()> {
        let Statistics { both, mean, variance } = &self.batch;
        // Autograd keeps the batch's for its backward pass: they are not changed in place.
        let biased = match (self.by.variance, rows) {
            // Of a single row it is 0/0, where PyTorch refuses to go on.
            (Variance::Unbiased, _) => None,
            (Variance::Biased, 1) => Some(variance.f_zeros_like()?),
            (Variance::Biased, _) => Some(variance.f_mul(&Tensor::from((rows - 1) as f64 / rows as f64))?),
        };
        let now = match biased {
            Some(variance) => Tensor::f_stack(&[mean, &variance], 0)?,
            None => both.shallow_clone(),
        };
        self.running.both.f_lerp_tensor_(&now, &self.momentum).map(drop)?;
        if rows == 1 {
            // Else its 0/0 would stay: libtorch multiplies what was there by 0.
            self.batch = Statistics::new(&self.shift)?;
        }
        Ok(())
    }

    pub fn running_copy(&self) -> Result<Tensor> {
        self.running.both.f_detach_copy()
    }

    pub fn set_running(&mut self, to: &Tensor) -> Result<()> {
        self.running.both.f_copy_(to)
    }
}

/// Mean and variance (divisor n) along a dimension, which stays.
fn moments(x: &Tensor, dimension: i64) -> Result<[Tensor; 2]> {
    let mean = x.f_mean_dim([dimension].as_slice(), true, None::<Kind>)?;
    let variance = x.f_sub(&mean)?.f_square()?.f_mean_dim([dimension].as_slice(), true, None::<Kind>)?;
    Ok([mean, variance])
}
