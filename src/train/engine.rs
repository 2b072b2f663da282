//! What computes a run's steps: the one interface between the training loop and the engines behind it.
//!
//! `torch` defines what a step is; `fused` hurries it and is held to the definition ([`super::agreement`]). Everything
//! above this room speaks of an engine by its name only.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::data::{Batches, RunData, batch_rows, updates};
use crate::experiment::config::{Config, EngineName, Model};

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
        Ok(Batches::new(self.data.clone(), &self.config.batch, self.batch_rows()?, self.seed))
    }

    /// Updates that it makes.
    pub fn steps(&self) -> Result<usize> {
        updates(&self.config, self.data.train.rows())
    }

    /// Sizes of the network's layers, the inputs' columns first.
    pub fn widths(&self) -> Vec<usize> {
        self.config.model.widths(self.data.train.columns, self.data.coding.outputs)
    }
}

/// A block of lanes of one [`super::shape::Shape`] that advance together. Results have an entry for each lane.
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

    /// The losses of these samples, `[rows, columns]` inputs and `[rows, width]` targets of each lane, in evaluation mode.
    fn losses(&mut self, samples: &[(Vec<f32>, Vec<f32>)]) -> Result<Vec<f32>>;

    /// Remembers the networks as they are, in place of what it remembered before.
    fn remember(&mut self) -> Result<()>;

    /// Makes the networks what they were when they were remembered; nothing if they never were.
    fn recall(&mut self) -> Result<()>;

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
    /// What norms learn and its gradient: for each layer that has one the scales, then the shifts, `[units]` each.
    pub norms: Vec<Vec<f32>>,
    pub norms_gradient: Vec<Vec<f32>>,
    /// Different samples among the batches so far.
    pub distinct_samples: usize,
}

impl State {
    /// Parameters and gradient with those of norms behind them.
    pub fn whole(self) -> [Vec<Vec<f32>>; 2] {
        [[self.parameters, self.norms].concat(), [self.gradient, self.norms_gradient].concat()]
    }

    /// What a tensor of this place among them is: `layer 2's weights`, layers counted from 1.
    pub fn name(tensor: usize, model: &Model) -> String {
        let of_layers: &[&str] = if model.bias { &["weights", "biases"] } else { &["weights"] };
        let layers = (0..=model.hidden.len()).flat_map(|layer| of_layers.iter().map(move |what| (layer, *what)));
        let norms = model.normed().flat_map(|layer| ["scales", "shifts"].map(|what| (layer, what)));
        let place = layers.chain(norms).nth(tensor);
        place.map_or_else(String::new, |(layer, what)| format!("layer {}'s {what}", layer + 1))
    }
}

/// Numbers that the layers of one lane may hold for rows that are evaluated after training, whatever its batches: 64 KiB.
const EVALUATED_NUMBERS: usize = 1 << 14;

/// How many of a lane's training rows the torch engine evaluates at once: as many as it has had at once anyway, in a batch
/// or at the test points, or as many as take little memory. It depends on the run alone, because libtorch's products may
/// round differently with another number of rows.
pub fn evaluated_at_once(widths: &[usize], batch: usize, test: usize) -> usize {
    batch.max(test).max(EVALUATED_NUMBERS / widths.iter().sum::<usize>().max(1))
}

/// The first lane of a block, whose shape is that of all.
pub fn first(block: &[Lane]) -> Result<&Lane> {
    block.first().context("a block needs a lane")
}
