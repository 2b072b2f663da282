//! The update rules of PyTorch's Adam, AdamW, SGD and RMSprop, over the flat parameters of all lanes at once.

use tch::{TchError, Tensor};

use super::buffers::Buffers;
use super::kernels::{self, Level, numbers};
use super::network::By;
use crate::experiment::config::{OptimizerKind, Schedule};

pub struct Optimizer {
    kind: OptimizerKind,
    schedule: Schedule,
    steps: usize,
    /// Minus the learning rate of each parameter's lane.
    negative_rate: Tensor,
    /// Running means or momenta, as many as the rule has.
    first: Option<Tensor>,
    second: Option<Tensor>,
    scratch: Tensor,
    update: usize,
}

impl Optimizer {
    /// `negative_rate` holds minus the learning rate of each of the flat parameters.
    pub fn plan(
        kind: OptimizerKind,
        schedule: Schedule,
        steps: usize,
        negative_rate: Tensor,
        buffers: &Buffers,
    ) -> Result<Self, TchError> {
        let size = [negative_rate.numel() as i64];
        let state = |wanted: bool| wanted.then(|| buffers.zeros(&size).map(|buffer| buffer.flat)).transpose();
        let states = states(&kind);
        Ok(Optimizer {
            kind,
            schedule,
            steps,
            first: state(states >= 1)?,
            second: state(states >= 2)?,
            scratch: buffers.zeros(&size)?.flat,
            negative_rate,
            update: 0,
        })
    }

    /// Numbers that it keeps for each parameter.
    pub fn room(kind: &OptimizerKind) -> usize {
        2 + states(kind)
    }

    /// Updates `parameters` by their `gradient`, which it may overwrite.
    pub fn step(&mut self, by: By, parameters: &mut Tensor, gradient: &mut Tensor) -> Result<(), TchError> {
        let factor = self.schedule.factor(self.update, self.steps);
        self.update += 1;
        match by {
            By::Kernels(level) => self.step_by_kernels(level, factor, parameters, gradient),
            By::Torch => self.step_by_torch(factor, parameters, gradient),
        }
    }

    /// Adam's divisor is √v times the first of these, plus the second: the schedule and the corrections of both means.
    fn corrections(&self, betas: [f64; 2], eps: f64, factor: f64) -> [f64; 2] {
        let update = self.update as f64;
        let mean = (1.0 - betas[0].powf(update)) / factor;
        let root = (1.0 - betas[1].powf(update)).sqrt();
        [mean / root, eps * mean]
    }

    fn step_by_kernels(
        &mut self,
        level: Level,
        factor: f64,
        parameters: &Tensor,
        gradient: &Tensor,
    ) -> Result<(), TchError> {
        let (parameters, gradient, negative_rate) =
            (numbers(parameters)?, numbers(gradient)?, numbers(&self.negative_rate)?);
        let first: &mut [f32] = match &self.first {
            Some(tensor) => numbers(tensor)?,
            None => &mut [],
        };
        let second: &mut [f32] = match &self.second {
            Some(tensor) => numbers(tensor)?,
            None => &mut [],
        };
        match self.kind {
            OptimizerKind::Adam { betas, eps, weight_decay } | OptimizerKind::Adamw { betas, eps, weight_decay } => {
                let [root, eps] = self.corrections(betas, eps, factor);
                let adamw = matches!(self.kind, OptimizerKind::Adamw { .. });
                let by = kernels::Adam {
                    gain: betas.map(|beta| (1.0 - beta) as f32),
                    root: root as f32,
                    eps: eps as f32,
                    weight_decay: if adamw { 0.0 } else { weight_decay as f32 },
                    decoupled: if adamw { (weight_decay * factor) as f32 } else { 0.0 },
                };
                kernels::adam(level, by, negative_rate, parameters, gradient, first, second);
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
            }
        }
        Ok(())
    }

    fn step_by_torch(&mut self, factor: f64, parameters: &mut Tensor, gradient: &mut Tensor) -> Result<(), TchError> {
        let [root, shift] = match self.kind {
            OptimizerKind::Adam { betas, eps, .. } | OptimizerKind::Adamw { betas, eps, .. } => {
                self.corrections(betas, eps, factor)
            }
            _ => [1.0, 0.0],
        };
        let scratch = &mut self.scratch;
        let decay = |weight_decay: f64, parameters: &Tensor, scratch: &Tensor, gradient: &mut Tensor| {
            if weight_decay != 0.0 {
                parameters.f_mul_out(scratch, &Tensor::from(weight_decay as f32)).map(drop)?;
                gradient.f_add_(scratch).map(drop)?;
            }
            Ok::<_, TchError>(())
        };
        match (self.kind, &mut self.first, &mut self.second) {
            (
                OptimizerKind::Adam { betas, weight_decay, .. } | OptimizerKind::Adamw { betas, weight_decay, .. },
                Some(mean),
                Some(square),
            ) => {
                if matches!(self.kind, OptimizerKind::Adamw { .. }) {
                    if weight_decay != 0.0 {
                        self.negative_rate
                            .f_mul_out(scratch, &Tensor::from((weight_decay * factor) as f32))
                            .map(drop)?;
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
                parameters.f_addcmul_(&self.negative_rate, gradient).map(drop)?;
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
                parameters.f_addcmul_(&self.negative_rate, gradient).map(drop)?;
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
                parameters.f_addcmul_(&self.negative_rate, gradient).map(drop)?;
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
