//! libtorch's own optimizers; a new one is an arm of [`native`].

use tch::nn::{self, OptimizerConfig};
use tch::{COptimizer, TchError, Tensor, no_grad};

use super::network::Network;
use crate::experiment::config::{self, OptimizerKind, Schedule};

type Result<T> = std::result::Result<T, TchError>;

fn native(mut kind: OptimizerKind, rate: f64) -> Result<COptimizer> {
    let rate = in_f32(rate);
    *kind.weight_decay_mut() = in_f32(*kind.weight_decay_mut());
    match kind {
        OptimizerKind::Adam { betas: [b1, b2], eps, weight_decay } => {
            nn::adam(b1, b2, weight_decay).eps(in_f32(eps)).build_copt(rate)
        }
        OptimizerKind::Adamw { betas: [b1, b2], eps, weight_decay } => {
            nn::adamw(b1, b2, weight_decay).eps(in_f32(eps)).build_copt(rate)
        }
        OptimizerKind::Sgd { momentum, nesterov, weight_decay } => {
            nn::sgd(in_f32(momentum), 0.0, weight_decay, nesterov).build_copt(rate)
        }
        OptimizerKind::Rmsprop { alpha, eps, momentum, weight_decay } => {
            nn::rms_prop(alpha, in_f32(eps), weight_decay, in_f32(momentum), false).build_copt(rate)
        }
    }
}

/// What becomes of a number in an f32. libtorch refuses one that overflows, and infinity it takes.
fn in_f32(value: f64) -> f64 {
    if value > f64::from(f32::MAX) { f64::INFINITY } else { value }
}

/// One optimizer for all lanes of a block, each of which keeps its own learning rate.
pub struct StackedOptimizer {
    native: COptimizer,
    rate: f64,
    /// Where the lanes have several rates.
    lanes: Option<Lanes>,
    schedule: Schedule,
    /// Updates that the runs make, and those that they have made.
    steps: usize,
    updates: usize,
}

/// Lanes of several learning rates: libtorch's optimizer moves a variable that stands at 0, by the rate 1, and each lane's
/// parameters go as far in that direction as its own rate says.
struct Lanes {
    /// `[lanes, 1]`.
    rates: Tensor,
    /// `[lanes, parameters]`, and what libtorch takes for its gradient.
    direction: Tensor,
    gradient: Tensor,
    /// What libtorch would do by the variable itself. AdamW's is decoupled from the gradient.
    weight_decay: f64,
    decoupled: bool,
}

impl StackedOptimizer {
    /// Of the parameters of `network`, whose lanes have these learning rates.
    pub fn new(config: &config::Optimizer, rates: &[f64], steps: usize, network: &mut Network) -> Result<Self> {
        let mut kind = config.kind;
        let rate = config.learning_rate;
        let lanes = if rates.iter().any(|other| *other != rate) {
            let weight_decay = in_f32(std::mem::take(kind.weight_decay_mut()));
            let rates = Tensor::f_from_slice(rates)?.f_view([-1, 1])?;
            let (direction, gradient) = variable(&network.parameters.f_zeros_like()?)?;
            Some(Lanes {
                rates: rates.f_to_device(direction.device())?.f_to_kind(direction.kind())?,
                direction,
                gradient,
                weight_decay,
                decoupled: matches!(kind, OptimizerKind::Adamw { .. }),
            })
        } else {
            None
        };
        let rate = if lanes.is_some() { 1.0 } else { rate };
        let mut native = native(kind, rate)?;
        match &lanes {
            Some(lanes) => native.add_parameters(&lanes.direction, 0)?,
            None => {
                let (parameters, gradient) = variable(&network.parameters)?;
                network.gradient = gradient;
                native.add_parameters(&parameters, 0)?;
            }
        }
        Ok(StackedOptimizer { native, rate, lanes, schedule: config.schedule, steps, updates: 0 })
    }

    /// Updates the network's parameters by its gradient.
    pub fn step(&mut self, network: &mut Network) -> Result<()> {
        let factor = self.schedule.factor(self.updates, self.steps);
        if self.schedule != Schedule::Constant {
            self.native.set_learning_rate(in_f32(self.rate * factor))?;
        }
        self.updates += 1;
        let Some(Lanes { rates, direction, gradient, weight_decay, decoupled }) = &mut self.lanes else {
            return self.native.step();
        };
        let parameters = &mut network.parameters;
        gradient.f_copy_(&network.gradient)?;
        if *weight_decay != 0.0 && !*decoupled {
            gradient.f_add_(&parameters.f_mul(&Tensor::from(*weight_decay))?).map(drop)?;
        }
        no_grad(|| direction.f_zero_().map(drop))?;
        self.native.step()?;
        if *weight_decay != 0.0 && *decoupled {
            parameters.f_sub_(&parameters.f_mul(&rates.f_mul_scalar(*weight_decay * factor)?)?).map(drop)?;
        }
        no_grad(|| parameters.f_addcmul_(rates, &*direction)).map(drop)
    }
}

/// A variable over this memory, and the tensor that is and stays its gradient.
fn variable(of: &Tensor) -> Result<(Tensor, Tensor)> {
    let variable = of.f_detach()?.f_set_requires_grad(true)?;
    // A gradient comes to be by deriving something.
    variable.f_mul(&variable)?.f_sum(variable.kind())?.f_backward()?;
    let gradient = variable.f_grad()?.f_zero_()?;
    Ok((variable, gradient))
}
