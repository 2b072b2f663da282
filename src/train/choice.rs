//! Which engine computes what, and what that costs: the one place that knows both.

use anyhow::Result;
use tch::Device;

use super::engine::{Engine, Lane, first};
use super::fused::{self, Fused};
use super::torch::Torch;
use crate::experiment::config::{Config, EngineName};
use crate::experiment::device::Device as Named;

/// The engine that runs of this configuration train with on this device.
pub fn choose(config: &Config, device: Device) -> Result<EngineName> {
    let named = match device {
        Device::Cpu => Named::Cpu,
        Device::Cuda(index) => Named::Cuda(index),
        _ => Named::Cuda(0),
    };
    crate::experiment::engine::choose(config, named)
}

/// About what a step takes on a CPU besides its arithmetic, in calls into libtorch: of the torch engine 70 µs and 70 for each
/// layer, with what norms and dropout add, where two threads train at once; the fused one makes none.
pub fn seconds_of_calls(config: &Config, device: Device) -> Result<f64> {
    if config.model.torchscript.is_some() {
        return Ok(SECONDS_OF_A_MODULE);
    }
    Ok(match choose(config, device)? {
        EngineName::Torch if device == Device::Cpu => {
            let drops = config.model.dropout.iter().filter(|share| **share > 0.0).count();
            70e-6
                + 70e-6 * (config.model.hidden.len() + 1) as f64
                + 120e-6 * config.model.normed().count() as f64
                + 30e-6 * drops as f64
        }
        EngineName::Torch | EngineName::Fused => 0.0,
    })
}

/// Of a module, whose operations are not known: some 15 of them, and what derives them.
const SECONDS_OF_A_MODULE: f64 = 1e-3;

/// How many of a lane's rows an engine carries through the network at once, in training or in evaluation.
pub fn rows_at_once(config: &Config, device: Device, rows: usize, training: bool) -> Result<usize> {
    Ok(match choose(config, device)? {
        EngineName::Torch => rows,
        EngineName::Fused => fused::rows_at_once(config, rows, training),
    })
}

/// A new engine for each block of a stack. On a GPU the torch engine takes all lanes as one. On a CPU libtorch's products
/// round by the alignment of their operands, which is the same for every lane only if each has tensors of its own; and the
/// fused engine keeps one lane's numbers in a core's cache.
pub fn blocks(
    name: EngineName,
    lanes: &[Lane],
    device: Device,
) -> impl Iterator<Item = Result<(Box<dyn Engine>, &[Lane])>> {
    // What may stop early ends by itself, and a module is one network.
    let stops = lanes.first().is_some_and(|lane| {
        let Config { model, loss, train, .. } = &lane.config;
        train.stop.is_some() || model.torchscript.is_some() || loss.torchscript.is_some()
    });
    let alone = device == Device::Cpu || name == EngineName::Fused || stops;
    let size = if alone { 1 } else { lanes.len().max(1) };
    lanes.chunks(size).map(move |block| {
        let engine: Box<dyn Engine> = match name {
            EngineName::Torch => Box::new(Torch::new(block, device)?),
            EngineName::Fused => Box::new(Fused::new(first(block)?)?),
        };
        Ok((engine, block))
    })
}
