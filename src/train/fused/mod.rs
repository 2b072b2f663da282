//! The accelerator: one lane's steps on the CPU, in this crate's kernels, its numbers in a core's cache throughout.
//!
//! It computes what the torch engine defines, for what [`covers`] accepts; what it does not cover trains by torch.

mod activation;
mod buffer;
#[allow(unsafe_code)] // Here, in the kernels, and where libtorch's CUDA half is opened.
pub mod kernels;
mod layout;
mod loss;
mod network;
mod norm;
mod optimizer;

use anyhow::{Context, Result, anyhow};

pub use crate::experiment::engine::covers;
pub use network::rows_at_once;

use super::dropout::Dropout;
use super::engine::{Engine, Lane, Prediction, State};
use super::init;
use crate::data::Batches;
use crate::experiment::config::{Config, Draw, EngineName, Mode};
use buffer::Buffer;
use kernels::Level;
use loss::LaneLoss;
use network::{Backward, LaneNetwork, Pass};
use optimizer::LaneOptimizer;

/// One lane.
pub struct Fused {
    network: LaneNetwork,
    loss: LaneLoss,
    optimizer: LaneOptimizer,
    config: Config,
    dropout: Option<Dropout>,
    train: Pass,
    backward: Backward,
    test: Pass,
    batches: Batches,
    /// Whether one batch serves for all steps.
    one_batch: bool,
    /// Whether a gradient was computed, to which the next one may be added.
    derived: bool,
    /// The parameters and running statistics that were remembered; empty before that.
    remembered: Vec<f32>,
    /// The batch at hand.
    inputs: Vec<f32>,
    targets: Vec<f32>,
    test_inputs: Vec<f32>,
    test_targets: Vec<f32>,
    columns: usize,
    /// Predictions for all rows of the batch, and the parameters before an update.
    predictions: Vec<f32>,
    before: Vec<f32>,
}

impl Fused {
    pub fn new(lane: &Lane) -> Result<Self> {
        Self::at(Level::best(), lane)
    }

    /// With these instructions.
    pub fn at(level: Level, lane: &Lane) -> Result<Self> {
        let Lane { config, data, .. } = lane;
        covers(config).map_err(|why| anyhow!("the fused engine {why}"))?;
        let rows = lane.batch_rows()?;
        let network = LaneNetwork::new(level, &config.model, &lane.widths(), &init::parameters(lane));
        let dropout = Dropout::new(lane);
        let training = config.train.mode == Mode::Train;
        let train = Pass::plan(&network, rows_at_once(config, rows, true), training, dropout.as_ref());
        Ok(Fused {
            loss: LaneLoss::new(&config.loss, &data.coding).context("the fused engine has no kernel for this loss")?,
            config: config.clone(),
            dropout,
            derived: false,
            remembered: Vec::new(),
            optimizer: LaneOptimizer::new(&config.optimizer, lane.steps()?, &network.layout),
            backward: Backward::plan(&network, train.rows),
            train,
            test: Pass::plan(&network, rows_at_once(config, data.test.rows(), false), false, None),
            batches: lane.batches()?,
            one_batch: config.batch.draw == Draw::Once,
            inputs: Vec::new(),
            targets: Vec::new(),
            test_inputs: data.scaled_inputs(&data.test),
            test_targets: data.coded_targets(&data.test),
            columns: data.train.columns,
            predictions: vec![0.0; rows * network.outputs],
            before: Vec::new(),
            network,
        })
    }

    /// A loss with the penalty of the weights.
    fn with_penalty(&self, loss: f64) -> f32 {
        (loss + self.network.penalty(self.config.loss.l1, self.config.loss.l2)) as f32
    }

    fn next_batch(&mut self) {
        if self.one_batch && !self.targets.is_empty() {
            return;
        }
        self.inputs.clear();
        self.targets.clear();
        self.batches.next_into(&mut self.inputs, &mut self.targets);
    }
}

impl Engine for Fused {
    fn name(&self) -> EngineName {
        EngineName::Fused
    }

    fn gradient(&mut self, losses: bool) -> Result<Vec<f32>> {
        self.next_batch();
        let (level, outputs) = (self.network.level, self.network.outputs);
        let targets = self.loss.targets(&self.targets);
        let all = self.inputs.len() / self.columns;
        // Gradients that are not forgotten add up.
        let add = !self.config.optimizer.zero_grad && self.derived;
        for start in (0..all).step_by(self.train.rows) {
            let rows = self.train.rows.min(all - start);
            if let Some(dropout) = &self.dropout {
                self.train.drop_outputs(dropout, start, rows);
            }
            let samples = &self.inputs[start * self.columns..(start + rows) * self.columns];
            self.train.forward(&self.network, samples, rows);
            let predictions = &self.train.predictions()[..rows * outputs];
            let gradient = &mut self.backward.predictions.numbers_mut()[..rows * outputs];
            if losses {
                self.predictions[start * outputs..(start + rows) * outputs].copy_from_slice(predictions);
            }
            self.loss.gradient(level, predictions, targets, start, gradient);
            self.backward.run(&self.train, &mut self.network, samples, rows, add || start > 0, start > 0);
        }
        self.derived = true;
        if self.config.train.mode == Mode::Train {
            self.network.follow(&self.train, all);
        }
        if let Some(dropout) = &mut self.dropout {
            dropout.advance();
        }
        let (l1, l2) = (self.config.loss.l1, self.config.loss.l2);
        if l1 != 0.0 || l2 != 0.0 {
            self.network.penalise(l1, l2);
        }
        let loss = || self.with_penalty(self.loss.of(level, &self.predictions[..all * outputs], &self.targets));
        Ok(if losses { vec![loss()] } else { Vec::new() })
    }

    fn gradient_norms(&self) -> Result<Vec<f64>> {
        Ok(vec![kernels::squares(self.network.level, self.network.gradient.numbers()).sqrt()])
    }

    fn update(&mut self, ratios: bool) -> Result<Vec<f64>> {
        if self.config.optimizer.clip_norm.is_some() || self.config.optimizer.clip_value.is_some() {
            self.network.clip(&self.config.optimizer);
        }
        if !ratios {
            self.optimizer.step(&mut self.network);
            return Ok(Vec::new());
        }
        self.before.clear();
        self.before.extend_from_slice(self.network.parameters.numbers());
        self.optimizer.step(&mut self.network);
        let level = self.network.level;
        let change = kernels::squared_changes(level, self.network.parameters.numbers(), &self.before).sqrt();
        Ok(vec![change / kernels::squares(level, &self.before).sqrt()])
    }

    fn predict(&mut self) -> Result<Vec<Prediction>> {
        let (level, outputs) = (self.network.level, self.network.outputs);
        let all = self.test_inputs.len() / self.columns;
        let mut values = Vec::with_capacity(all * outputs);
        self.test.watch();
        for start in (0..all).step_by(self.test.rows) {
            let rows = self.test.rows.min(all - start);
            let samples = &self.test_inputs[start * self.columns..(start + rows) * self.columns];
            self.test.forward(&self.network, samples, rows);
            self.test.look(level, rows);
            values.extend_from_slice(&self.test.predictions()[..rows * outputs]);
        }
        let loss = self.with_penalty(self.loss.of(level, &values, &self.test_targets));
        Ok(vec![Prediction { loss, values, dead_units: self.test.dead() }])
    }

    fn outputs(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        let outputs = self.network.outputs;
        let evaluate = |inputs: &Vec<f32>| {
            let all = inputs.len() / self.columns;
            let mut pass = Pass::plan(&self.network, rows_at_once(&self.config, all, false), false, None);
            let mut values = Vec::with_capacity(all * outputs);
            for samples in inputs.chunks(pass.rows * self.columns) {
                let rows = samples.len() / self.columns;
                pass.forward(&self.network, samples, rows);
                values.extend_from_slice(&pass.predictions()[..rows * outputs]);
            }
            values
        };
        Ok(inputs.iter().map(evaluate).collect())
    }

    fn losses(&mut self, samples: &[(Vec<f32>, Vec<f32>)]) -> Result<Vec<f32>> {
        let inputs: Vec<Vec<f32>> = samples.iter().map(|(inputs, _)| inputs.clone()).collect();
        let outputs = self.outputs(&inputs)?;
        let loss = |(values, (_, targets)): (&Vec<f32>, &(Vec<f32>, Vec<f32>))| {
            self.with_penalty(self.loss.of(self.network.level, values, targets))
        };
        Ok(outputs.iter().zip(samples).map(loss).collect())
    }

    fn remember(&mut self) -> Result<()> {
        self.remembered = self.network.remembered();
        Ok(())
    }

    fn recall(&mut self) -> Result<()> {
        self.network.recall(&self.remembered);
        Ok(())
    }

    fn state(&self) -> Result<Vec<State>> {
        let LaneNetwork { layout, parameters, gradient, .. } = &self.network;
        let tensors = |of: &Buffer| layout.tensors.iter().map(|part| part.of(of.numbers()).to_vec()).collect();
        let norms = |of: &Buffer| layout.norms.iter().flatten().map(|part| part.of(of.numbers()).to_vec()).collect();
        Ok(vec![State {
            parameters: tensors(parameters),
            gradient: tensors(gradient),
            norms: norms(parameters),
            norms_gradient: norms(gradient),
            distinct_samples: self.batches.distinct(),
        }])
    }
}
