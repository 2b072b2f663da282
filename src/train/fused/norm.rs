//! A hidden layer's norm.

use super::kernels::{self, Level};
use super::layout::Part;
use crate::experiment::config::{Norm, Normalisation, Variance};

/// (x − mean)/√(variance + ε)·scale + shift, over the rows of a batch or over the units of a row.
pub struct LaneNorm {
    level: Level,
    kind: Norm,
    pub by: Normalisation,
    /// The shift lies behind the scale.
    scale: Part,
    shift: Part,
    /// A batch norm's running means, then its running variances, `[units]` each.
    pub running: Vec<f32>,
}

/// What a norm went by on the last way ahead.
pub struct Statistics {
    /// Whether a batch norm goes by the batch.
    by_batch: bool,
    /// Means of a batch norm's units, or of a layer norm's rows.
    means: Vec<f64>,
    /// A batch norm's variances, those of a batch with divisor n; or 1/√(variance + ε) of a layer norm's rows.
    spreads: Vec<f64>,
}

impl LaneNorm {
    /// Scale and shift lie there among the parameters; the running statistics begin with 0 and 1.
    pub fn new(level: Level, kind: Norm, by: Normalisation, [scale, shift]: [Part; 2]) -> Self {
        let units = if kind == Norm::Batch { scale.length } else { 0 };
        LaneNorm { level, kind, by, scale, shift, running: [vec![0.0; units], vec![1.0; units]].concat() }
    }

    /// Scales begin with 1, shifts with 0.
    pub fn begin(&self, parameters: &mut [f32]) {
        self.scale.of_mut(parameters).fill(1.0);
        self.shift.of_mut(parameters).fill(0.0);
    }

    /// What a pass over this many rows needs, in training or in evaluation.
    pub fn plan(&self, rows: usize, training: bool) -> Statistics {
        let count = if self.kind == Norm::Batch { self.scale.length } else { rows };
        Statistics { by_batch: training, means: vec![0.0; count], spreads: vec![0.0; count] }
    }

    /// `y` becomes the norm of `x`, `[rows, units]` each.
    pub fn forward(&self, parameters: &[f32], x: &[f32], of: &mut Statistics, y: &mut [f32]) {
        let (scale, shift) = (self.scale.of(parameters), self.shift.of(parameters));
        let Statistics { by_batch, means, spreads } = of;
        if self.kind == Norm::Layer {
            return kernels::layer_norm(self.level, self.by.eps, scale, shift, x, means, spreads, y);
        }
        if !*by_batch {
            let running = self.running.iter().map(|&number| f64::from(number));
            means.iter_mut().chain(&mut *spreads).zip(running).for_each(|(to, from)| *to = from);
        }
        kernels::batch_norm(self.level, *by_batch, self.by.eps, scale, shift, x, means, spreads, y);
    }

    /// `d`, the gradient of what came out, becomes that of `x`, which went in; those of scale and shift are written, or added to.
    pub fn backward(
        &self,
        parameters: &[f32],
        x: &[f32],
        of: &Statistics,
        d: &mut [f32],
        add: bool,
        gradient: &mut [f32],
    ) {
        let scale = self.scale.of(parameters);
        let (before, shifts) = gradient.split_at_mut(self.shift.offset);
        let (scales, shifts) = (self.scale.of_mut(before), &mut shifts[..self.shift.length]);
        let Statistics { by_batch, means, spreads } = of;
        match self.kind {
            Norm::Layer => kernels::layer_norm_backward(self.level, scale, x, means, spreads, d, add, scales, shifts),
            _ => {
                let (by_batch, eps) = (*by_batch, self.by.eps);
                kernels::batch_norm_backward(
                    self.level, by_batch, eps, scale, x, means, spreads, d, add, scales, shifts,
                );
            }
        }
    }

    /// Lets the running statistics follow those of a batch of so many rows.
    pub fn follow(&mut self, of: &Statistics, rows: usize) {
        let (rows, momentum) = (rows as f64, self.by.momentum as f32);
        let variance = |biased: f64| match self.by.variance {
            Variance::Biased => biased,
            // Of a single row it is 0/0, where PyTorch refuses to go on.
            Variance::Unbiased => biased * rows / (rows - 1.0),
        };
        let now = of.means.iter().copied().chain(of.spreads.iter().map(|&biased| variance(biased)));
        for (running, now) in self.running.iter_mut().zip(now) {
            let (now, off) = (now as f32, now as f32 - *running);
            // As libtorch's lerp has it.
            *running = if momentum < 0.5 { *running + momentum * off } else { now - off * (1.0 - momentum) };
        }
    }
}
