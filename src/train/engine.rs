//! What computes a run's steps: the one interface between the training loop and the engines behind it.
//!
//! `torch` defines what a step is; `fused` hurries it and is held to the definition ([`super::agreement`]). Everything
//! above this room speaks of an engine by its name only.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tch::Device;

use super::fused::{self, Fused};
use super::shape::Shape;
use super::torch::Torch;
use crate::data::{Batches, RunData, batch_rows, updates};
use crate::experiment::config::{Config, EngineChoice, EngineName};

/// One run, ready to be trained.
#[derive(Clone)]
pub struct Lane {
    pub config: Config,
    pub seed: u64,
    pub data: Arc<RunData>,
}

impl Lane {
    /// Rows of one of its batches.
    pub fn batch_rows(&self) -> Result<usize> {
        batch_rows(&self.config.batch, self.data.train.rows())
    }

    /// Its batches, from the first on.
    pub fn batches(&self) -> Result<Batches> {
        Ok(Batches::new(self.data.clone(), self.config.batch.draw, self.batch_rows()?, self.seed))
    }

    /// Updates that it makes.
    pub fn steps(&self) -> Result<usize> {
        updates(&self.config, self.data.train.rows())
    }

    /// What it must share with others to train with them.
    pub fn shape(&self) -> Result<Shape> {
        let (rows, test) = (self.data.train.rows(), self.data.test.rows());
        Shape::of(&self.config, rows, test, self.data.train.columns, &self.data.coding)
    }

    /// Sizes of the network's layers, the inputs' columns first.
    pub fn widths(&self) -> Vec<usize> {
        self.config.model.widths(self.data.train.columns, self.data.coding.outputs)
    }
}

/// A block of lanes of one [`Shape`] that advance together. Results have an entry for each lane.
pub trait Engine {
    /// Which engine it is.
    fn name(&self) -> EngineName;

    /// Announces how many batches are taken before the host next waits for results.
    fn expect(&mut self, _batches: usize) {}

    /// Computes the loss' gradient on each lane's next batch. The batches' losses, if they are asked for.
    fn gradient(&mut self, losses: bool) -> Result<Vec<f32>>;

    /// Euclidean norm of the gradient that was computed last.
    fn gradient_norms(&self) -> Result<Vec<f64>>;

    /// Updates the parameters by the gradient that was computed last. The update's length over the parameters', if it is
    /// asked for.
    fn update(&mut self, ratios: bool) -> Result<Vec<f64>>;

    /// What the networks make of the test points.
    fn predict(&mut self) -> Result<Vec<Prediction>>;

    /// What the networks put out for these inputs, `[rows, outputs]`, evaluated as at the test points. The inputs are in the
    /// networks' units, `[rows, columns]`, and each lane has as many rows.
    fn outputs(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>>;

    /// Parameters and gradient by layer, on the host.
    fn state(&self) -> Result<Vec<State>>;
}

/// A network at the test points.
pub struct Prediction {
    pub loss: f32,
    /// What the network puts out, `[points, outputs]`.
    pub values: Vec<f32>,
    /// Hidden units that put out 0 for every test point.
    pub dead_units: usize,
}

/// A network's parameters and their last gradient: for each layer the weights `[inputs, outputs]` row by row, then the
/// biases `[outputs]` where it has some.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub parameters: Vec<Vec<f32>>,
    pub gradient: Vec<Vec<f32>>,
    /// Different samples among the batches so far.
    pub distinct_samples: usize,
}

impl State {
    /// What a tensor of this place is: `layer 2's weights`, layers counted from 1.
    pub fn name(tensor: usize, biases: bool) -> String {
        match biases {
            true => format!("layer {}'s {}", tensor / 2 + 1, ["weights", "biases"][tensor % 2]),
            false => format!("layer {}'s weights", tensor + 1),
        }
    }
}

/// The engine that runs of this configuration train with on this device.
pub fn choose(config: &Config, device: Device) -> Result<EngineName> {
    let covered = if device == Device::Cpu { fused::covers(config) } else { Err("works on a CPU only".to_owned()) };
    Ok(match (config.train.engine, covered) {
        (EngineChoice::Auto | EngineChoice::Fused, Ok(())) => EngineName::Fused,
        (EngineChoice::Auto, Err(_)) | (EngineChoice::Torch, _) => EngineName::Torch,
        (EngineChoice::Fused, Err(why)) => {
            bail!("the fused engine {why}: set train.engine, or --engine, to \"auto\" or \"torch\"")
        }
    })
}

/// About what a step takes on a CPU besides its arithmetic, in calls into libtorch: of the torch engine 20 µs and 25 for each
/// layer, of the fused one 5 for each activation or output that is libtorch's own.
pub fn seconds_of_calls(config: &Config, device: Device) -> Result<f64> {
    Ok(match choose(config, device)? {
        EngineName::Torch if device == Device::Cpu => 20e-6 + 25e-6 * (config.model.hidden.len() + 1) as f64,
        EngineName::Torch => 0.0,
        EngineName::Fused => 5e-6 * fused::calls(&config.model) as f64,
    })
}

/// How many of a lane's rows an engine carries through the network at once.
pub fn rows_at_once(config: &Config, device: Device, rows: usize) -> Result<usize> {
    Ok(match choose(config, device)? {
        EngineName::Torch => rows,
        EngineName::Fused => fused::rows_at_once(&config.model.hidden, rows),
    })
}

/// Numbers that the layers of one lane may hold for rows that are evaluated after training, whatever its batches: 64 KiB.
const EVALUATED_NUMBERS: usize = 1 << 14;

/// How many of a lane's training rows the torch engine evaluates at once: as many as it has had at once anyway, in a batch
/// or at the test points, or as many as take little memory. It depends on the run alone, because libtorch's products may
/// round differently with another number of rows.
pub fn evaluated_at_once(widths: &[usize], batch: usize, test: usize) -> usize {
    batch.max(test).max(EVALUATED_NUMBERS / widths.iter().sum::<usize>().max(1))
}

/// A new engine for each block of a stack. On a GPU the torch engine takes all lanes as one. On a CPU libtorch's products
/// round by the alignment of their operands, which is the same for every lane only if each has tensors of its own; and the
/// fused engine keeps one lane's numbers in a core's cache.
pub fn blocks(
    name: EngineName,
    lanes: &[Lane],
    device: Device,
) -> impl Iterator<Item = Result<(Box<dyn Engine>, &[Lane])>> {
    let size = if device == Device::Cpu || name == EngineName::Fused { 1 } else { lanes.len().max(1) };
    lanes.chunks(size).map(move |block| {
        let engine: Box<dyn Engine> = match name {
            EngineName::Torch => Box::new(Torch::new(block, device)?),
            EngineName::Fused => Box::new(Fused::new(first(block)?)?),
        };
        Ok((engine, block))
    })
}

/// The first lane of a block, whose shape is that of all.
pub fn first(block: &[Lane]) -> Result<&Lane> {
    block.first().context("a block needs a lane")
}
