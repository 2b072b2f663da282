//! libtorch's own optimizers; a new one is an arm of [`native`].

use tch::nn::{self, OptimizerConfig};
use tch::{COptimizer, TchError, Tensor, no_grad};

use super::network::Network;
use crate::experiment::config::{self, EpsPlace, OptimizerKind, Schedule};

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
    rule: Rule,
    rate: f64,
    /// Beside the gradient, where the rule itself does not let weights decay so.
    decay: f64,
    /// Each lane's rate, `[lanes, 1]`.
    rates: Tensor,
    /// Where the parameters are that it does not have: the first number and how many.
    held: Vec<(i64, i64)>,
    schedule: Schedule,
    /// Updates that the runs make, and those that they have made.
    steps: usize,
    updates: usize,
}

enum Rule {
    /// libtorch's own.
    Native {
        native: COptimizer,
        /// Where the lanes have several rates.
        lanes: Option<Lanes>,
    },
    /// What libtorch has not.
    Own(Inside),
}

/// Adam and RMSprop with their eps inside, as Keras and optax have it.
struct Inside {
    kind: OptimizerKind,
    /// Running mean of the gradient, or RMSprop's momentum, and of its squares, `[lanes, parameters]`.
    first: Tensor,
    second: Tensor,
    /// Adam's betas to the power of the updates.
    powers: [f64; 2],
}

impl Inside {
    fn new(kind: OptimizerKind, parameters: &Tensor) -> Result<Self> {
        let zeros = || parameters.f_detach()?.f_zeros_like();
        Ok(Inside { kind, first: zeros()?, second: zeros()?, powers: [1.0; 2] })
    }

    /// What a rate of 1 takes off the parameters.
    fn direction(&mut self, gradient: &Tensor) -> Result<Tensor> {
        let towards = |mean: &mut Tensor, to: &Tensor, beta: f64| -> Result<()> {
            mean.f_mul_(&Tensor::from(beta))?.f_add_(&to.f_mul(&Tensor::from(1.0 - beta))?).map(drop)
        };
        match self.kind {
            OptimizerKind::Adam { betas, eps, .. } | OptimizerKind::Adamw { betas, eps, .. } => {
                self.powers.iter_mut().zip(betas).for_each(|(power, beta)| *power *= beta);
                let [one, two] = self.powers.map(|power| 1.0 - power);
                towards(&mut self.first, gradient, betas[0])?;
                towards(&mut self.second, &gradient.f_square()?, betas[1])?;
                let root = self.second.f_sqrt()?.f_add(&Tensor::from(in_f32(eps)))?;
                self.first.f_div(&root)?.f_mul(&Tensor::from(two.sqrt() / one))
            }
            OptimizerKind::Rmsprop { alpha, eps, momentum, .. } => {
                towards(&mut self.second, &gradient.f_square()?, alpha)?;
                let step = gradient.f_div(&self.second.f_add(&Tensor::from(in_f32(eps)))?.f_sqrt()?)?;
                if momentum == 0.0 {
                    return Ok(step);
                }
                let _ = self.first.f_mul_(&Tensor::from(in_f32(momentum)))?.f_add_(&step)?;
                Ok(self.first.shallow_clone())
            }
            OptimizerKind::Sgd { .. } => Ok(gradient.shallow_clone()),
        }
    }
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
    /// Of the parameters of `network`, whose lanes have these learning rates; but for those in the layers `held`.
    pub fn new(
        config: &config::Optimizer,
        rates: &[f64],
        steps: usize,
        network: &mut Network,
        held: &[usize],
    ) -> Result<Self> {
        let rate = config.learning_rate;
        let mut kind = config.kind;
        // Adam whose weights decay beside the gradient is AdamW, and the other way round.
        kind = match (kind, config.decoupled()) {
            (OptimizerKind::Adam { betas, eps, weight_decay }, true) => {
                OptimizerKind::Adamw { betas, eps, weight_decay }
            }
            (OptimizerKind::Adamw { betas, eps, weight_decay }, false) => {
                OptimizerKind::Adam { betas, eps, weight_decay }
            }
            (kind, _) => kind,
        };
        let inside = config.eps_place == EpsPlace::Inside;
        let beside = config.decoupled() && (inside || !matches!(kind, OptimizerKind::Adamw { .. }));
        let decay = if beside { in_f32(std::mem::take(kind.weight_decay_mut())) } else { 0.0 };
        let parameters = &network.parameters;
        let own_rates = Tensor::f_from_slice(rates)?.f_view([-1, 1])?.f_to_device(parameters.device())?;
        let own_rates = own_rates.f_to_kind(parameters.kind())?;
        let rule = match inside {
            true => Rule::Own(Inside::new(kind, parameters)?),
            false => native_rule(kind, rate, rates, &own_rates, network)?,
        };
        let held = network.parts().filter(|(.., layer)| held.contains(layer)).map(|(begin, length, _)| (begin, length));
        // Those that have several rates go as far in a direction as their own rate says.
        let rate = if matches!(rule, Rule::Native { lanes: Some(_), .. }) { 1.0 } else { rate };
        Ok(StackedOptimizer {
            rule,
            rate,
            decay,
            rates: own_rates,
            held: held.collect(),
            schedule: config.schedule,
            steps,
            updates: 0,
        })
    }

    /// Updates the network's parameters by its gradient.
    pub fn step(&mut self, network: &mut Network) -> Result<()> {
        let factor = self.schedule.factor(self.updates, self.steps);
        let held =
            self.held.iter().map(|&(begin, length)| network.parameters.f_narrow(1, begin, length)?.f_detach_copy());
        let held = held.collect::<Result<Vec<_>>>()?;
        if self.decay != 0.0 {
            let left = Tensor::from(1.0).f_sub(&self.rates.f_mul(&Tensor::from(self.decay * factor))?)?;
            no_grad(|| network.parameters.f_mul_(&left).map(drop))?;
        }
        match &mut self.rule {
            Rule::Own(own) => no_grad(|| {
                let mut gradient = network.gradient.shallow_clone();
                let decay = in_f32(*own.kind.weight_decay_mut());
                if decay != 0.0 {
                    gradient = gradient.f_add(&network.parameters.f_mul(&Tensor::from(decay))?)?;
                }
                let step = own.direction(&gradient)?.f_mul(&self.rates.f_mul(&Tensor::from(factor))?)?;
                network.parameters.f_sub_(&step).map(drop)
            })?,
            Rule::Native { native, lanes } => {
                if self.schedule != Schedule::Constant {
                    native.set_learning_rate(in_f32(self.rate * factor))?;
                }
                match lanes {
                    Some(lanes) => lanes.step(native, factor, network)?,
                    None => native.step()?,
                }
            }
        }
        self.updates += 1;
        no_grad(|| {
            self.held.iter().zip(&held).try_for_each(|(&(begin, length), before)| {
                network.parameters.f_narrow(1, begin, length)?.f_copy_(before)
            })
        })
    }
}

/// libtorch's rule over the network's parameters, or, where lanes have several rates, over the direction that each goes.
fn native_rule(mut kind: OptimizerKind, rate: f64, all: &[f64], rates: &Tensor, network: &mut Network) -> Result<Rule> {
    if all.iter().all(|other| *other == rate) {
        let mut native = native(kind, rate)?;
        let (parameters, gradient) = variable(&network.parameters)?;
        network.gradient = gradient;
        native.add_parameters(&parameters, 0)?;
        return Ok(Rule::Native { native, lanes: None });
    }
    let weight_decay = in_f32(std::mem::take(kind.weight_decay_mut()));
    let (direction, gradient) = variable(&network.parameters.f_zeros_like()?)?;
    let mut native = native(kind, 1.0)?;
    native.add_parameters(&direction, 0)?;
    let decoupled = matches!(kind, OptimizerKind::Adamw { .. });
    let rates = rates.shallow_clone();
    Ok(Rule::Native { native, lanes: Some(Lanes { rates, direction, gradient, weight_decay, decoupled }) })
}

impl Lanes {
    fn step(&mut self, native: &mut COptimizer, factor: f64, network: &mut Network) -> Result<()> {
        let Lanes { rates, direction, gradient, weight_decay, decoupled } = self;
        let parameters = &mut network.parameters;
        gradient.f_copy_(&network.gradient)?;
        if *weight_decay != 0.0 && !*decoupled {
            gradient.f_add_(&parameters.f_mul(&Tensor::from(*weight_decay))?).map(drop)?;
        }
        no_grad(|| direction.f_zero_().map(drop))?;
        native.step()?;
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
