//! The reference: tch builds network, loss and optimizer on libtorch, and autograd derives the gradient. What a step is, is
//! defined here; a new layer, loss or optimizer is a few lines in [`network`], [`losses`] or [`optimizers`].
//!
//! A block's lanes are stacked along the first dimension of every tensor. No operation mixes lanes, so each has the
//! gradient that it would have alone.

mod clip;
mod feed;
mod losses;
pub mod module;
mod network;
mod norm;
mod optimizers;

use anyhow::Result;
use tch::{Device, Kind, TchError, Tensor, no_grad};

use super::dropout::Dropout;
use super::engine::{self, Engine, Lane, Prediction, State};
use crate::experiment::config::{Config, EngineName, Mode};
use feed::Feed;
use module::{LossModule, Module};
use network::{Network, Pass};
use optimizers::StackedOptimizer;

pub struct Torch {
    network: Network,
    loss: losses::TaskLoss,
    /// In the place of that one, where a module is the loss.
    own_loss: Option<LossModule>,
    optimizer: StackedOptimizer,
    feed: Feed,
    /// Of each lane; empty where nothing is dropped.
    dropout: Vec<Dropout>,
    /// Of all lanes, but for their rates.
    config: Config,
    /// Whether a gradient was computed, to which the next one may be added.
    derived: bool,
    /// `[lanes, points, columns]` and `[lanes, points, width]`.
    test_inputs: Tensor,
    test_targets: Tensor,
    /// How many rows [`Engine::outputs`] evaluates at once.
    evaluated_at_once: usize,
    columns: usize,
    outputs: usize,
    kind: Kind,
    device: Device,
}

impl Torch {
    /// An engine at the beginning of these lanes, which must be of one shape.
    pub fn new(block: &[Lane], device: Device) -> Result<Self> {
        Self::of_kind(Kind::Float, block, device)
    }

    /// The same in f64, by which the rounding of the others is judged.
    pub fn in_f64(block: &[Lane], device: Device) -> Result<Self> {
        Self::of_kind(Kind::Double, block, device)
    }

    fn of_kind(kind: Kind, block: &[Lane], device: Device) -> Result<Self> {
        let first = engine::first(block)?;
        let mut network = match &first.config.model.torchscript {
            Some(_) => Network::of_module(Module::new(&first.data, first.seed, device)?, device)?,
            None => Network::new(&first.config.model, &first.widths(), block, kind, device)?,
        };
        let rates: Vec<f64> = block.iter().map(|lane| lane.config.optimizer.learning_rate).collect();
        let evaluated_at_once = engine::evaluated_at_once(&first.widths(), first.batch_rows()?, first.data.test.rows());
        let held = [first.config.model.frozen.as_slice(), &first.config.optimizer.without].concat();
        let optimizer = StackedOptimizer::new(&first.config.optimizer, &rates, first.steps()?, &mut network, &held)?;
        let test = |of: &dyn Fn(&Lane) -> Vec<f32>| {
            let values: Vec<f32> = block.iter().flat_map(of).collect();
            let shape = [block.len() as i64, first.data.test.rows() as i64, -1];
            Tensor::f_from_slice(&values)?.f_view(shape)?.f_to_device(device)?.f_to_kind(kind)
        };
        Ok(Torch {
            loss: losses::TaskLoss { loss: first.config.loss.clone(), sparse: first.data.coding.sparse },
            own_loss: LossModule::new(&first.data, device)?,
            optimizer,
            feed: Feed::new(block, kind, device)?,
            dropout: block.iter().filter_map(Dropout::new).collect(),
            config: first.config.clone(),
            derived: false,
            test_inputs: test(&|lane| lane.data.scaled_inputs(&lane.data.test))?,
            test_targets: test(&|lane| lane.data.coded_targets(&lane.data.test))?,
            network,
            evaluated_at_once,
            columns: first.data.train.columns,
            outputs: first.data.coding.outputs,
            kind,
            device,
        })
    }

    /// Each lane's loss with the penalty of its weights, `[lanes]`.
    fn loss_of(&self, predictions: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
        let loss = match &self.own_loss {
            Some(own) => own.of(predictions, targets)?,
            None => self.loss.of(&by_rows(predictions)?, targets)?,
        };
        match self.network.penalty(self.loss.loss.l1, self.loss.loss.l2)? {
            Some(penalty) => loss.f_add(&penalty),
            None => Ok(loss),
        }
    }

    /// What each layer's outputs are multiplied with in the next batch of so many rows, `[lanes, rows, units]`, where it
    /// drops some.
    fn masks(&mut self, rows: i64) -> Result<Vec<Option<Tensor>>, TchError> {
        let Some(first) = self.dropout.first() else { return Ok(Vec::new()) };
        let lanes = self.dropout.len();
        let mask = |(layer, &units): (usize, &usize)| {
            if !first.drops(layer) {
                return Ok(None);
            }
            let mut numbers = vec![0.0; lanes * rows as usize * units];
            let each = numbers.chunks_mut(rows as usize * units);
            self.dropout.iter().zip(each).for_each(|(lane, numbers)| lane.mask(layer, 0, numbers));
            let mask = Tensor::f_from_slice(&numbers)?.f_view([lanes as i64, rows, units as i64])?;
            mask.f_to_device(self.device)?.f_to_kind(self.kind).map(Some)
        };
        let outputs = self.outputs;
        let masks = self.config.model.hidden.iter().chain([&outputs]).enumerate().map(mask).collect();
        self.dropout.iter_mut().for_each(Dropout::advance);
        masks
    }

    /// Gives every lane these parameters, tensor by tensor, those of norms last.
    pub fn set_parameters(&mut self, tensors: &[Vec<f32>]) -> Result<()> {
        Ok(self.network.set_parameters(&tensors.concat())?)
    }
}

impl Engine for Torch {
    fn name(&self) -> EngineName {
        EngineName::Torch
    }

    fn expect(&mut self, batches: usize) {
        self.feed.expect(batches);
    }

    fn gradient(&mut self, losses: bool) -> Result<Vec<f32>> {
        let (inputs, targets) = self.feed.next()?;
        let masks = self.masks(inputs.size()[1])?;
        let pass = if self.config.train.mode == Mode::Eval { Pass::Evaluation } else { Pass::Training(&masks) };
        let predictions = self.network.forward(&inputs, &pass, |_| Ok(()))?;
        let loss = self.loss_of(&predictions, &targets)?;
        let add = !self.config.optimizer.zero_grad && self.derived;
        self.network.backward(&loss, &self.config.model.frozen, add)?;
        self.derived = true;
        Ok(if losses { host(&loss.f_detach()?)? } else { Vec::new() })
    }

    fn gradient_norms(&self) -> Result<Vec<f64>> {
        Ok(norms(&self.network.gradient)?)
    }

    fn update(&mut self, ratios: bool) -> Result<Vec<f64>> {
        clip::clip(&self.config.optimizer, &mut self.network)?;
        if !ratios {
            self.optimizer.step(&mut self.network)?;
            return Ok(Vec::new());
        }
        let before = self.network.parameters.f_detach_copy()?;
        self.optimizer.step(&mut self.network)?;
        let change = norms(&self.network.parameters.f_sub(&before)?)?;
        Ok(change.into_iter().zip(norms(&before)?).map(|(change, before)| change / before).collect())
    }

    fn predict(&mut self) -> Result<Vec<Prediction>> {
        let lanes = self.test_inputs.size()[0] as usize;
        let mut dead = vec![0; lanes];
        let (loss, values) = no_grad(|| {
            let predictions = self.network.forward(&self.test_inputs, &Pass::Evaluation, |hidden| {
                // As `any` has it, NaN included, and a good deal faster.
                let largest = hidden.f_abs()?.f_amax([1].as_slice(), false)?;
                let alive = largest.f_ne(0.0)?.f_sum_dim_intlist([1].as_slice(), false, Kind::Int64)?;
                let alive = Vec::<i64>::try_from(alive.f_to_device(Device::Cpu)?)?;
                let units = hidden.size()[2];
                dead.iter_mut().zip(alive).for_each(|(dead, alive)| *dead += (units - alive) as usize);
                Ok(())
            })?;
            let loss = self.loss_of(&predictions, &self.test_targets)?;
            Ok::<_, TchError>((host(&loss)?, host(&predictions)?))
        })?;
        let lanes = loss.into_iter().zip(values.chunks(values.len() / lanes)).zip(dead);
        Ok(lanes.map(|((loss, values), dead_units)| Prediction { loss, values: values.to_vec(), dead_units }).collect())
    }

    fn outputs(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        let rows = inputs.first().map_or(0, |lane| lane.len() / self.columns);
        let mut outputs = vec![Vec::new(); inputs.len()];
        for start in (0..rows).step_by(self.evaluated_at_once) {
            let count = self.evaluated_at_once.min(rows - start);
            let part = start * self.columns..(start + count) * self.columns;
            let values: Vec<f32> = inputs.iter().flat_map(|lane| &lane[part.clone()]).copied().collect();
            let shape = [inputs.len(), count, self.columns].map(|size| size as i64);
            let values = no_grad(|| {
                let x = Tensor::f_from_slice(&values)?.f_view(shape)?.f_to_device(self.device)?.f_to_kind(self.kind)?;
                host(&self.network.forward(&x, &Pass::Evaluation, |_| Ok(()))?)
            })?;
            let lanes = values.chunks(values.len() / inputs.len());
            outputs.iter_mut().zip(lanes).for_each(|(outputs, values)| outputs.extend_from_slice(values));
        }
        Ok(outputs)
    }

    fn losses(&mut self, samples: &[(Vec<f32>, Vec<f32>)]) -> Result<Vec<f32>> {
        let lanes = samples.len() as i64;
        let rows = samples.first().map_or(0, |(inputs, _)| inputs.len() / self.columns) as i64;
        let stacked = |values: Vec<f32>| {
            Tensor::f_from_slice(&values)?.f_view([lanes, rows, -1])?.f_to_device(self.device)?.f_to_kind(self.kind)
        };
        let inputs = stacked(samples.iter().flat_map(|(inputs, _)| inputs).copied().collect())?;
        let targets = stacked(samples.iter().flat_map(|(_, targets)| targets).copied().collect())?;
        Ok(no_grad(|| {
            let predictions = self.network.forward(&inputs, &Pass::Evaluation, |_| Ok(()))?;
            host(&self.loss_of(&predictions, &targets)?)
        })?)
    }

    fn remember(&mut self) -> Result<()> {
        Ok(self.network.remember()?)
    }

    fn recall(&mut self) -> Result<()> {
        Ok(self.network.recall()?)
    }

    fn state(&self) -> Result<Vec<State>> {
        let parameters = self.network.tensors(&self.network.parameters)?;
        let gradients = self.network.tensors(&self.network.gradient)?;
        let lanes = parameters.into_iter().zip(gradients).zip(self.feed.distinct());
        Ok(lanes
            .map(|(numbers, distinct_samples)| {
                let ([parameters, norms], [gradient, norms_gradient]): ([_; 2], [_; 2]) = numbers;
                State { parameters, gradient, norms, norms_gradient, distinct_samples }
            })
            .collect())
    }
}

/// `[lanes, rows, …]` as `[lanes, rows, numbers]`: a module may put out one number a row without a dimension for it.
fn by_rows(predictions: &Tensor) -> Result<Tensor, TchError> {
    match predictions.dim() {
        3 => Ok(predictions.shallow_clone()),
        _ => predictions.f_reshape([predictions.size()[0], predictions.size()[1], -1]),
    }
}

/// Euclidean norms of `[lanes, numbers]`, in f64, which no f32 overflows.
fn norms(values: &Tensor) -> Result<Vec<f64>, TchError> {
    let norms = values.f_norm_scalaropt_dim_dtype(2, [1].as_slice(), false, Kind::Double)?;
    Vec::try_from(norms.f_to_device(Device::Cpu)?)
}

/// A tensor's numbers, on the host.
fn host(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    Vec::try_from(tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view([-1])?)
}
