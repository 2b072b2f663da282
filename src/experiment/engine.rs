//! Which engine trains a configuration, and what the kernels cover of it: known from the configuration alone.

use anyhow::{Result, bail};

use super::config::{
    Activation, Config, EngineChoice, EngineName, Guard, Labels, Loss, LossKind, OptimizerKind, Pairing, Scale, Target,
    TargetColumns, USUAL_SLOPE,
};
use super::device::Device;

/// The engine that runs of this configuration train with on this device.
pub fn choose(config: &Config, device: Device) -> Result<EngineName> {
    let covered = if device == Device::Cpu { covers(config) } else { Err("works on a CPU only".to_owned()) };
    Ok(match (config.train.engine, covered) {
        (EngineChoice::Auto | EngineChoice::Fused, Ok(())) => EngineName::Fused,
        (EngineChoice::Auto, Err(_)) | (EngineChoice::Torch, _) => EngineName::Torch,
        (EngineChoice::Fused, Err(why)) => {
            bail!("the fused engine {why}: set train.engine, or --engine, to \"auto\" or \"torch\"")
        }
    })
}

/// Whether the kernels compute what this configuration says, whatever its files hold; if not, what they lack.
pub fn covers(config: &Config) -> Result<(), String> {
    covers_loss(&config.loss)?;
    widths(config)?;
    let lacks = |what: &str| Err(format!("has no kernel for {what}"));
    let model = &config.model;
    if model.torchscript.is_some() {
        return lacks("model.torchscript");
    }
    if !model.frozen.is_empty() {
        return lacks("model.frozen");
    }
    if model.dropout.len() > model.hidden.len() {
        return lacks("model.dropout of the outputs");
    }
    if model.activation.contains(&Activation::GeluTanh) {
        return lacks("model.activation = \"gelu_tanh\"");
    }
    if model.negative_slope != USUAL_SLOPE {
        return lacks("model.negative_slope other than 0.01");
    }
    let optimizer = &config.optimizer;
    if !optimizer.without.is_empty() {
        return lacks("optimizer.without");
    }
    if optimizer.decay.is_some() && !matches!(optimizer.kind, OptimizerKind::Adam { .. } | OptimizerKind::Adamw { .. })
    {
        return lacks("optimizer.decay = \"decoupled\" but of adam");
    }
    let mut kind = optimizer.kind;
    let decay = *kind.weight_decay_mut();
    let (eps, momentum) = match kind {
        OptimizerKind::Adam { eps, .. } | OptimizerKind::Adamw { eps, .. } => (eps, 0.0),
        OptimizerKind::Rmsprop { eps, momentum, .. } => (eps, momentum),
        OptimizerKind::Sgd { momentum, .. } => (1.0, momentum),
    };
    // There infinity times 0 comes at another place than in libtorch.
    if [config.optimizer.learning_rate, decay, eps, momentum].iter().any(|&number| number > f64::from(f32::MAX)) {
        return lacks("numbers of an optimizer beyond an f32");
    }
    match kind {
        // Times what a mean is corrected by it may be subnormal, which is 0: a dead unit would divide by that.
        _ if eps < 1e-30 => lacks("optimizer.eps below 1e-30"),
        // They find a mean of squares by its change, which cancels where little of the old mean is kept.
        OptimizerKind::Adam { betas, .. } | OptimizerKind::Adamw { betas, .. } if betas[1] < 0.5 => {
            lacks("a second one of optimizer.betas below 0.5")
        }
        OptimizerKind::Rmsprop { alpha, .. } if alpha < 0.5 => lacks("optimizer.alpha below 0.5"),
        _ => Ok(()),
    }
}

/// Whether a row of predictions has as many numbers as one of targets, or one for each class of which a target is the place.
/// Where they broadcast, or where only the file can say, it is torch's.
fn widths(config: &Config) -> Result<(), String> {
    let (data, outputs) = (&config.data, config.model.outputs);
    let lacks = |what: String| Err(format!("has no kernel for {what}"));
    let of_rows = matches!(config.loss.kind, LossKind::CrossEntropy | LossKind::Nll);
    let targets = match &data.target {
        Target::Polynomial { .. } | Target::Formula { .. } => Some(1),
        Target::Csv { columns: TargetColumns::Class(_), .. } | Target::Tensors { .. } => None,
        Target::Csv { columns, .. } => Some(columns.names().len()),
    };
    if let (Some(targets), Some(outputs)) = (targets, outputs) {
        return match targets == outputs {
            true => Ok(()),
            false => lacks(format!("model.outputs = {outputs} where targets have {targets}")),
        };
    }
    if targets.is_some() {
        return Ok(());
    }
    // Here there are classes, or perhaps.
    match (of_rows, data.labels, outputs) {
        (true, Some(labels @ (Labels::Number | Labels::PlusMinus)), _) => {
            lacks(format!("loss.kind = {:?} with data.labels = {:?}", config.loss.kind.word(), labels.word()))
        }
        // A class's place that is scaled may lie anywhere.
        (true, None | Some(Labels::Index), _) if data.scale_target != Scale::Divide(1.0) || data.noise > 0.0 => {
            lacks(format!("loss.kind = {:?} with data.scale_target or data.noise", config.loss.kind.word()))
        }
        (_, _, None) => Ok(()),
        (true, None | Some(Labels::Index), Some(_)) | (false, Some(Labels::Index | Labels::Number), Some(1))
            if !matches!(data.target, Target::Tensors { .. }) =>
        {
            Ok(())
        }
        (_, _, Some(outputs)) => {
            lacks(format!("model.outputs = {outputs} where only the file says how many numbers a target has"))
        }
    }
}

/// Whether the kernels compute this loss; if not, what they lack.
pub fn covers_loss(loss: &Loss) -> Result<(), String> {
    if !matches!(loss.guard, Guard::Clip | Guard::Divide) {
        return Err(format!("has no kernel for loss.guard = {:?}", loss.guard.word()));
    }
    match loss.kind {
        LossKind::Mse | LossKind::Sse | LossKind::Mae | LossKind::Huber => Ok(()),
        LossKind::Bce | LossKind::CrossEntropy | LossKind::Nll if loss.pairing == Pairing::Matched => Ok(()),
        LossKind::Bce | LossKind::CrossEntropy | LossKind::Nll => {
            Err(format!("has no kernel for loss.kind = {:?} over pairs", loss.kind.word()))
        }
        LossKind::LogCosh | LossKind::Mape | LossKind::Poisson | LossKind::Hinge | LossKind::TorchScript => {
            Err(format!("has no kernel for loss.kind = {:?}", loss.kind.word()))
        }
    }
}
