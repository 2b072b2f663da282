//! The update rules of PyTorch's Adam, AdamW, SGD and RMSprop, each in one pass over the flat parameters.

use super::buffer::Buffer;
use super::kernels;
use super::layout::Layout;
use super::network::LaneNetwork;
use crate::experiment::config::{self, EpsPlace, OptimizerKind, Schedule};

pub struct LaneOptimizer {
    kind: OptimizerKind,
    schedule: Schedule,
    /// Updates that the run makes, and those that it has made.
    steps: usize,
    updates: usize,
    negative_rate: f32,
    inside: bool,
    decoupled: bool,
    /// Adam's betas to the power of the updates.
    powers: [f64; 2],
    /// Running means or momenta, as many as the rule has.
    first: Buffer,
    second: Buffer,
}

impl LaneOptimizer {
    /// For parameters of this layout, which are updated `steps` times.
    pub fn new(config: &config::Optimizer, steps: usize, layout: &Layout) -> Self {
        let states = match config.kind {
            OptimizerKind::Adam { .. } | OptimizerKind::Adamw { .. } => 2,
            OptimizerKind::Sgd { momentum, .. } => usize::from(momentum != 0.0),
            OptimizerKind::Rmsprop { momentum, .. } => 1 + usize::from(momentum != 0.0),
        };
        let state = |nth: usize| Buffer::zeros(if states >= nth { layout.size } else { 0 });
        LaneOptimizer {
            kind: config.kind,
            schedule: config.schedule,
            steps,
            updates: 0,
            negative_rate: -(config.learning_rate as f32),
            inside: config.eps_place == EpsPlace::Inside,
            decoupled: config.decoupled(),
            powers: [1.0; 2],
            first: state(1),
            second: state(2),
        }
    }

    /// Updates the parameters by their gradient.
    pub fn step(&mut self, network: &mut LaneNetwork) {
        let factor = self.schedule.factor(self.updates, self.steps);
        self.updates += 1;
        let (level, rate) = (network.level, self.negative_rate);
        let (parameters, gradient) = (network.parameters.numbers_mut(), network.gradient.numbers());
        let (first, second) = (self.first.numbers_mut(), self.second.numbers_mut());
        match self.kind {
            OptimizerKind::Adam { betas, eps, weight_decay } | OptimizerKind::Adamw { betas, eps, weight_decay } => {
                // Adam's divisor is √v times `root`, plus `eps`: the schedule and the corrections of both means.
                self.powers.iter_mut().zip(betas).for_each(|(power, beta)| *power *= beta);
                let mean = (1.0 - self.powers[0]) / factor;
                let root = mean / (1.0 - self.powers[1]).sqrt();
                let (decoupled, inside) = (self.decoupled, if self.inside { root } else { mean });
                let rule = kernels::Adam {
                    gain: betas.map(|beta| (1.0 - beta) as f32),
                    root: root as f32,
                    eps: (eps * inside) as f32,
                    weight_decay: if decoupled { 0.0 } else { weight_decay as f32 },
                    decoupled: if decoupled { (weight_decay * factor) as f32 } else { 0.0 },
                };
                kernels::adam(level, rule, rate, parameters, gradient, first, second);
            }
            OptimizerKind::Sgd { momentum, nesterov, weight_decay } => {
                let (factor, momentum, weight_decay) = (factor as f32, momentum as f32, weight_decay as f32);
                kernels::sgd(level, factor, momentum, nesterov, weight_decay, rate, parameters, gradient, first);
            }
            OptimizerKind::Rmsprop { alpha, eps, momentum, weight_decay } => {
                let (gain, eps) = ((1.0 - alpha) as f32, eps as f32);
                let (factor, momentum, weight_decay) = (factor as f32, momentum as f32, weight_decay as f32);
                kernels::rmsprop(
                    level,
                    factor,
                    gain,
                    eps,
                    self.inside,
                    momentum,
                    weight_decay,
                    rate,
                    parameters,
                    gradient,
                    first,
                    second,
                );
            }
        }
    }
}
