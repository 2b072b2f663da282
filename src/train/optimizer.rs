//! The update rules of PyTorch's Adam, AdamW, SGD and RMSprop, over the flat parameters of all lanes at once.

use std::ops::Range;

use tch::{TchError, Tensor};

use super::buffers::{Buffer, Buffers};
use super::kernels::{self, Level};
use super::layout::Layout;
use super::network::{By, Network};
use crate::experiment::config::{OptimizerKind, Schedule};

pub struct Optimizer {
    kind: OptimizerKind,
    schedule: Schedule,
    steps: usize,
    /// Minus the learning rate of each lane.
    negative_rates: Vec<f32>,
    /// Running means or momenta, as many as the rule has.
    first: Option<Buffer>,
    second: Option<Buffer>,
    torch: Option<ForTorch>,
}

/// What libtorch's operations need besides.
struct ForTorch {
    /// Minus the learning rate of each parameter's lane.
    negative_rate: Tensor,
    scratch: Tensor,
}

impl Optimizer {
    /// For parameters of this layout, which runs make so many `steps` with.
    pub fn plan(
        by: By,
        kind: OptimizerKind,
        schedule: Schedule,
        steps: usize,
        negative_rates: Vec<f32>,
        layout: &Layout,
        buffers: &Buffers,
    ) -> Result<Self, TchError> {
        let shape = [negative_rates.len() as i64, layout.stride as i64];
        let state = |wanted: bool| wanted.then(|| buffers.zeros(&shape)).transpose();
        let states = states(&kind);
        let torch = match by {
            By::Kernels(_) => None,
            By::Torch => Some(ForTorch {
                negative_rate: {
                    let rates = negative_rates.iter().flat_map(|&rate| std::iter::repeat_n(rate, layout.stride));
                    buffers.from(&rates.collect::<Vec<f32>>(), &shape)?.flat
                },
                scratch: buffers.zeros(&shape)?.flat,
            }),
        };
        Ok(Optimizer {
            kind,
            schedule,
            steps,
            first: state(states >= 1)?,
            second: state(states >= 2)?,
            negative_rates,
            torch,
        })
    }

    /// Updates a block's parameters by their gradient, which it may overwrite; it is their update number `update`, from 0.
    pub fn step(&mut self, network: &mut Network, block: &Range<usize>, update: usize) -> Result<(), TchError> {
        let factor = self.schedule.factor(update, self.steps);
        match network.by {
            By::Kernels(level) => {
                self.step_by_kernels(level, factor, network, block, update);
                Ok(())
            }
            By::Torch => self.step_by_torch(factor, &mut network.parameters.flat, &mut network.gradient.flat, update),
        }
    }

    /// Adam's divisor is √v times the first of these, plus the second: the schedule and the corrections of both means.
    fn corrections(betas: [f64; 2], eps: f64, factor: f64, update: usize) -> [f64; 2] {
        let updates = update as f64 + 1.0;
        let mean = (1.0 - betas[0].powf(updates)) / factor;
        let root = (1.0 - betas[1].powf(updates)).sqrt();
        [mean / root, eps * mean]
    }

    fn step_by_kernels(
        &mut self,
        level: Level,
        factor: f64,
        network: &mut Network,
        block: &Range<usize>,
        update: usize,
    ) {
        let place = network.place(block);
        let negative_rate = self.negative_rates[block.start];
        let gradient = &network.gradient.numbers()[place.clone()];
        let parameters = &mut network.parameters.numbers_mut()[place.clone()];
        let first: &mut [f32] = match &mut self.first {
            Some(buffer) => &mut buffer.numbers_mut()[place.clone()],
            None => &mut [],
        };
        let second: &mut [f32] = match &mut self.second {
            Some(buffer) => &mut buffer.numbers_mut()[place],
            None => &mut [],
        };
        match self.kind {
            OptimizerKind::Adam { betas, eps, weight_decay } | OptimizerKind::Adamw { betas, eps, weight_decay } => {
                let [root, eps] = Self::corrections(betas, eps, factor, update);
                let adamw = matches!(self.kind, OptimizerKind::Adamw { .. });
                let by = kernels::Adam {
                    gain: betas.map(|beta| (1.0 - beta) as f32),
                    root: root as f32,
                    eps: eps as f32,
                    weight_decay: if adamw { 0.0 } else { weight_decay as f32 },
                    decoupled: if adamw { (weight_decay * factor) as f32 } else { 0.0 },
                };
                kernels::adam(level, by, negative_rate, parameters, gradient, first, second);
                if by.eps == 0.0 {
                    // Where nothing lies, 0/0 was divided.
                    network.layout.clear_gaps(parameters);
                }
            }
            OptimizerKind::Sgd { momentum, nesterov, weight_decay } => {
                kernels::sgd(
                    level,
                    factor as f32,
                    momentum as f32,
                    nesterov,
                    weight_decay as f32,
                    negative_rate,
                    parameters,
                    gradient,
                    first,
                );
            }
            OptimizerKind::Rmsprop { alpha, eps, momentum, weight_decay } => {
                let (gain, eps) = ((1.0 - alpha) as f32, eps as f32);
                kernels::rmsprop(
                    level,
                    factor as f32,
                    gain,
                    eps,
                    momentum as f32,
                    weight_decay as f32,
                    negative_rate,
                    parameters,
                    gradient,
                    first,
                    second,
                );
                if eps == 0.0 {
                    network.layout.clear_gaps(parameters);
                }
            }
        }
    }

    fn step_by_torch(
        &mut self,
        factor: f64,
        parameters: &mut Tensor,
        gradient: &mut Tensor,
        update: usize,
    ) -> Result<(), TchError> {
        let [root, shift] = match self.kind {
            OptimizerKind::Adam { betas, eps, .. } | OptimizerKind::Adamw { betas, eps, .. } => {
                Self::corrections(betas, eps, factor, update)
            }
            _ => [1.0, 0.0],
        };
        let Some(ForTorch { negative_rate, scratch }) = &mut self.torch else {
            return Err(TchError::Torch("this optimizer was planned for kernels".to_owned()));
        };
        let [first, second] = [&mut self.first, &mut self.second].map(|state| state.as_mut().map(|b| &mut b.flat));
        let decay = |weight_decay: f64, parameters: &Tensor, scratch: &Tensor, gradient: &mut Tensor| {
            if weight_decay != 0.0 {
                parameters.f_mul_out(scratch, &Tensor::from(weight_decay as f32)).map(drop)?;
                gradient.f_add_(scratch).map(drop)?;
            }
            Ok::<_, TchError>(())
        };
        match (self.kind, first, second) {
            (
                OptimizerKind::Adam { betas, weight_decay, .. } | OptimizerKind::Adamw { betas, weight_decay, .. },
                Some(mean),
                Some(square),
            ) => {
                if matches!(self.kind, OptimizerKind::Adamw { .. }) {
                    if weight_decay != 0.0 {
                        negative_rate.f_mul_out(scratch, &Tensor::from((weight_decay * factor) as f32)).map(drop)?;
                        scratch.f_mul_(parameters).map(drop)?;
                        parameters.f_add_(scratch).map(drop)?;
                    }
                } else {
                    decay(weight_decay, parameters, scratch, gradient)?;
                }
                mean.f_lerp_(gradient, 1.0 - betas[0]).map(drop)?;
                gradient.f_mul_out(scratch, gradient).map(drop)?;
                square.f_lerp_(scratch, 1.0 - betas[1]).map(drop)?;
                square.f_sqrt_out(scratch).map(drop)?;
                scratch.f_mul_scalar_(root).map(drop)?;
                scratch.f_add_scalar_(shift).map(drop)?;
                mean.f_div_out(gradient, scratch).map(drop)?;
                parameters.f_addcmul_(negative_rate, gradient).map(drop)?;
            }
            (OptimizerKind::Sgd { momentum, nesterov, weight_decay }, velocity, _) => {
                decay(weight_decay, parameters, scratch, gradient)?;
                if let Some(velocity) = velocity {
                    velocity.f_mul_scalar_(momentum).map(drop)?;
                    velocity.f_add_(gradient).map(drop)?;
                    if nesterov {
                        velocity.f_mul_out(scratch, &Tensor::from(momentum as f32)).map(drop)?;
                        gradient.f_add_(scratch).map(drop)?;
                    } else {
                        gradient.f_copy_(velocity)?;
                    }
                }
                if factor != 1.0 {
                    gradient.f_mul_scalar_(factor).map(drop)?;
                }
                parameters.f_addcmul_(negative_rate, gradient).map(drop)?;
            }
            (OptimizerKind::Rmsprop { alpha, eps, momentum, weight_decay }, Some(square), velocity) => {
                decay(weight_decay, parameters, scratch, gradient)?;
                gradient.f_mul_out(scratch, gradient).map(drop)?;
                square.f_lerp_(scratch, 1.0 - alpha).map(drop)?;
                square.f_sqrt_out(scratch).map(drop)?;
                scratch.f_add_scalar_(eps).map(drop)?;
                gradient.f_div_(scratch).map(drop)?;
                if let Some(velocity) = velocity {
                    velocity.f_mul_scalar_(momentum).map(drop)?;
                    velocity.f_add_(gradient).map(drop)?;
                    gradient.f_copy_(velocity)?;
                }
                if factor != 1.0 {
                    gradient.f_mul_scalar_(factor).map(drop)?;
                }
                parameters.f_addcmul_(negative_rate, gradient).map(drop)?;
            }
            (OptimizerKind::Adam { .. } | OptimizerKind::Adamw { .. } | OptimizerKind::Rmsprop { .. }, ..) => {
                unreachable!("plan() gives each rule the state that it has")
            }
        }
        Ok(())
    }
}

/// How many numbers of state a rule keeps for each parameter.
fn states(kind: &OptimizerKind) -> usize {
    match *kind {
        OptimizerKind::Adam { .. } | OptimizerKind::Adamw { .. } => 2,
        OptimizerKind::Sgd { momentum, .. } => usize::from(momentum != 0.0),
        OptimizerKind::Rmsprop { momentum, .. } => 1 + usize::from(momentum != 0.0),
    }
}
