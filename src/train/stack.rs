//! A stack: runs of equal shape that train as the lanes of stacked tensors.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use tch::{Device, Kind, Tensor};

use super::buffers::{Buffer, Buffers};
use super::feed::{Fed, Feed};
use super::layout::Layout;
use super::loss::Loss;
use super::network::{By, Network, Operand, Pass};
use super::optimizer::Optimizer;
use super::{device, init, kernels};
use crate::data::{Batches, RunData, batch_rows};
use crate::experiment::config::Config;
use crate::stats::gradients::edges;

/// One run of a stack.
#[derive(Clone)]
pub struct Lane {
    pub config: Config,
    pub seed: u64,
    pub data: Arc<RunData>,
}

/// What must be equal for runs to share a stack: all that shapes the tensors or is one number for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape(String);

impl Shape {
    /// `rows` training samples and `test` test points, of `columns` inputs.
    pub fn of(config: &Config, rows: usize, test: usize, columns: usize) -> Result<Self> {
        let batch = batch_rows(&config.batch, rows)?;
        let model = &config.model;
        let parts = (
            (batch, config.batch.draw, test, columns),
            (&model.hidden, &model.activation, model.bias, model.output),
            config.loss,
            (config.optimizer.kind, config.optimizer.schedule),
            (config.train.length.steps(rows, batch), config.train.log_points),
        );
        Ok(Shape(serde_json::to_string(&parts)?))
    }
}

pub struct Stack {
    network: Network,
    loss: Loss,
    test_loss: Loss,
    optimizer: Optimizer,
    train: Pass,
    test: Pass,
    test_inputs: Buffer,
    test_targets: Buffer,
    feed: Feed,
    /// Updates made, by block.
    updates: Vec<usize>,
    columns: usize,
    rows: usize,
    test_rows: usize,
    /// One lane's predictions for all rows of a batch, and for all test points; and its parameters before an update.
    kept: Vec<f32>,
    test_kept: Vec<f32>,
    before: Vec<f32>,
}

/// A network's parameters and their last gradient: for each layer the weights `[inputs, outputs]` row by row, then the
/// biases where it has some.
pub struct State {
    pub parameters: Vec<Vec<f32>>,
    pub gradient: Vec<Vec<f32>>,
}

/// A lane's numbers at one step.
pub struct Measured {
    pub train_loss: f32,
    pub test_loss: f32,
    /// At the test points, in original units.
    pub predictions: Vec<f64>,
    /// Of the gradient, its Euclidean norm.
    pub grad_norm: f64,
    /// Length of the update that followed over that of the parameters; NaN if none did.
    pub update_ratio: f64,
    /// Share of the hidden units that put out 0 for every test point.
    pub dead_units: f64,
    /// Before the first update, the Euclidean norms of the gradients of the first and of the last layer's weights.
    pub first_gradient: Option<[f64; 2]>,
}

impl Stack {
    /// All lanes must be of one [`Shape`].
    pub fn new(lanes: &[Lane], device: Device) -> Result<Self> {
        Self::computed(device::by(device), lanes, device)
    }

    /// A stack whose steps are computed in a way of the caller's choice.
    pub fn computed(by: By, lanes: &[Lane], device: Device) -> Result<Self> {
        ensure!(by == By::Torch || device == Device::Cpu, "kernels work on the CPU only");
        let first = lanes.first().context("a stack needs a lane")?;
        let (config, data) = (&first.config, &first.data);
        let shape = |lane: &Lane| {
            Shape::of(&lane.config, lane.data.train.rows(), lane.data.test.rows(), lane.data.train.columns)
        };
        let shapes = lanes.iter().map(shape).collect::<Result<Vec<_>>>()?;
        ensure!(shapes.iter().all(|other| *other == shapes[0]), "runs of different shapes cannot share a stack");
        let mut buffers = Buffers::new(device);
        let (columns, test_rows) = (data.train.columns, data.test.rows());
        let rows = batch_rows(&config.batch, data.train.rows())?;
        let widths = init::widths(&config.model, columns);
        let layout = Layout::new(&widths, config.model.bias, by.alignment());
        let mut values = vec![0.0; lanes.len() * layout.stride];
        for (lane, values) in lanes.iter().zip(values.chunks_mut(layout.stride)) {
            let mut parts = layout.tensors.iter();
            for (layer, pair) in widths.windows(2).enumerate() {
                let (weights, biases) = init::layer(&lane.config.model, layer, pair[0], pair[1], lane.seed);
                for tensor in [Some(weights), lane.config.model.bias.then_some(biases)].into_iter().flatten() {
                    let part = parts.next().context("a layout has a part for every tensor")?;
                    values[part.offset..part.offset + part.length].copy_from_slice(&tensor);
                }
            }
        }
        let network = Network::new(by, &config.model, &widths, layout, &values, &buffers)?;
        drop(values);
        let test_inputs: Vec<f32> = lanes.iter().flat_map(|lane| lane.data.scaled_inputs(&lane.data.test)).collect();
        let test_targets: Vec<f32> = lanes.iter().flat_map(|lane| lane.data.scaled_targets(&lane.data.test)).collect();
        let rates = lanes.iter().map(|lane| -(lane.config.optimizer.learning_rate as f32)).collect();
        let batches = lanes.iter().map(|l| Batches::new(l.data.clone(), l.config.batch.draw, rows, l.seed)).collect();
        let steps = config.train.length.steps(data.train.rows(), rows);
        let at_once = by.lanes_at_once(lanes.len());
        let chunk = |rows| by.rows_at_once(&config.model.hidden, rows);
        let wide = [lanes.len(), test_rows, columns].map(|size| size as i64);
        Ok(Stack {
            train: Pass::plan(&network, at_once, chunk(rows), true, &mut buffers)?,
            test: Pass::plan(&network, at_once, chunk(test_rows), false, &mut buffers)?,
            loss: Loss::plan(by, config.loss, at_once, rows, &mut buffers)?,
            test_loss: Loss::plan(by, config.loss, at_once, test_rows, &mut buffers)?,
            optimizer: Optimizer::plan(
                by,
                config.optimizer.kind,
                config.optimizer.schedule,
                steps,
                rates,
                &network.layout,
                &buffers,
            )?,
            test_inputs: buffers.from(&test_inputs, &wide)?,
            test_targets: buffers.from(&test_targets, &wide[..2])?,
            feed: Feed::new(by, batches, config.batch.draw, rows, columns, device),
            updates: vec![0; lanes.len() / at_once],
            columns,
            rows,
            test_rows,
            kept: vec![0.0; rows],
            test_kept: vec![0.0; test_rows],
            before: vec![0.0; network.layout.stride],
            network,
        })
    }

    pub fn lanes(&self) -> usize {
        self.network.lanes
    }

    /// The lanes that train together: all of them by libtorch's operations; by kernels each lane alone, whose numbers then
    /// stay in a core's cache from step to step.
    pub fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (lanes, at_once) = (self.lanes(), self.network.by.lanes_at_once(self.lanes()));
        (0..lanes).step_by(at_once.max(1)).map(move |first| first..first + at_once)
    }

    fn check(&self, block: &Range<usize>) -> Result<()> {
        let at_once = self.network.by.lanes_at_once(self.lanes());
        ensure!(block.len() == at_once && block.end <= self.lanes(), "{block:?} is not one of the stack's blocks");
        Ok(())
    }

    /// Makes so many updates of a block, unless `stop` is set on the way: then it says false.
    pub fn advance(&mut self, block: &Range<usize>, updates: usize, stop: &AtomicBool) -> Result<bool> {
        // These, and the one that is measured after them.
        self.feed.expect(updates + 1);
        for _ in 0..updates {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            self.gradient(block, false)?;
            self.update(block)?;
        }
        Ok(true)
    }

    /// Measures a block as it stands, on its next batch and the test points, and then updates it if wanted.
    pub fn measure(&mut self, block: &Range<usize>, lanes: &[Lane], update: bool) -> Result<Vec<Measured>> {
        let train_loss = self.gradient(block, true)?;
        let (test_loss, predictions) = self.tested(block)?;
        let dead = self.test.dead(&self.network)?;
        let grad_norm = self.grad_norm(block)?;
        let begins = self.updates[block.start / block.len().max(1)] == 0;
        let first_gradient =
            if begins { self.edges(block)?.into_iter().map(Some).collect() } else { vec![None; block.len()] };
        let update_ratio = if update { self.updated(block)? } else { vec![f64::NAN; block.len()] };
        let units: usize = lanes[block.start].config.model.hidden.iter().sum();
        let measured = predictions.chunks(self.test_rows).enumerate().map(|(at, points)| {
            let scale = &lanes[block.start + at].data.target_scale;
            Measured {
                train_loss: train_loss[at],
                test_loss: test_loss[at],
                predictions: points.iter().map(|&y| scale.unscale(f64::from(y))).collect(),
                grad_norm: grad_norm[at],
                update_ratio: update_ratio[at],
                dead_units: dead[at] as f64 / units.max(1) as f64,
                first_gradient: first_gradient[at],
            }
        });
        Ok(measured.collect())
    }

    /// Computes the loss' gradient on a block's next batch; the batch's loss by lane if it is wanted.
    pub fn gradient(&mut self, block: &Range<usize>, with_loss: bool) -> Result<Vec<f32>> {
        self.check(block)?;
        let mut losses = Vec::new();
        match (self.network.by, self.feed.next(block)?) {
            (By::Kernels(level), Fed::Slices(inputs, targets)) => {
                let against = self.loss.against(targets);
                for start in (0..self.rows).step_by(self.train.rows) {
                    let rows = self.train.rows.min(self.rows - start);
                    let samples = Operand::Slice(&inputs[start * self.columns..(start + rows) * self.columns]);
                    self.train.forward(&self.network, block, samples, rows)?;
                    let (predictions, slopes) = self.train.slopes()?;
                    let predictions = &predictions.numbers()[..rows];
                    if with_loss {
                        self.kept[start..start + rows].copy_from_slice(predictions);
                    }
                    self.loss.slopes(level, predictions, against, start, &mut slopes.numbers_mut()[..rows]);
                    self.train.backward(&mut self.network, block, samples, rows, start > 0)?;
                }
                if with_loss {
                    losses.push(self.loss.of(level, &self.kept, targets));
                }
            }
            (By::Torch, Fed::Tensors(inputs, targets)) => {
                self.train.forward(&self.network, block, Operand::Tensor(&inputs), self.rows)?;
                let (predictions, slopes) = self.train.slopes()?;
                if with_loss {
                    losses = self.loss.of_torch(predictions, &targets)?;
                }
                self.loss.slopes_by_torch(predictions, &targets, slopes)?;
                self.train.backward(&mut self.network, block, Operand::Tensor(&inputs), self.rows, false)?;
            }
            _ => bail!("a stack was fed what it does not compute with"),
        }
        Ok(losses)
    }

    /// Updates a block's parameters by the gradient that was computed last.
    pub fn update(&mut self, block: &Range<usize>) -> Result<()> {
        self.check(block)?;
        let updates = &mut self.updates[block.start / block.len().max(1)];
        self.optimizer.step(&mut self.network, block, *updates)?;
        *updates += 1;
        Ok(())
    }

    /// A block's losses on the test points, by lane, and its predictions there, lane by lane, in the network's units.
    fn tested(&mut self, block: &Range<usize>) -> Result<(Vec<f32>, Vec<f32>)> {
        self.test.watch();
        let By::Kernels(level) = self.network.by else {
            self.test.forward(&self.network, block, Operand::Tensor(&self.test_inputs.view), self.test_rows)?;
            let predictions = self.test.predictions();
            return Ok((self.test_loss.of_torch(predictions, &self.test_targets.view)?, host(&predictions.view)?));
        };
        let first = block.start * self.test_rows;
        for start in (0..self.test_rows).step_by(self.test.rows) {
            let rows = self.test.rows.min(self.test_rows - start);
            let place = (first + start) * self.columns..(first + start + rows) * self.columns;
            let samples = Operand::Slice(&self.test_inputs.numbers()[place]);
            self.test.forward(&self.network, block, samples, rows)?;
            self.test.look(&self.network, rows);
            self.test_kept[start..start + rows].copy_from_slice(&self.test.predictions().numbers()[..rows]);
        }
        let targets = &self.test_targets.numbers()[first..first + self.test_rows];
        Ok((vec![self.test_loss.of(level, &self.test_kept, targets)], self.test_kept.clone()))
    }

    /// The Euclidean norm of each lane's gradient, in f64, which no f32 overflows.
    fn grad_norm(&self, block: &Range<usize>) -> Result<Vec<f64>> {
        let gradient = &self.network.gradient;
        match self.network.by {
            By::Kernels(level) => {
                Ok(vec![kernels::squares(level, &gradient.numbers()[self.network.place(block)]).sqrt()])
            }
            By::Torch => norms_by_torch(&gradient.view),
        }
    }

    /// For each lane of a block, the norms of the gradients of the first and of the last layer's weights.
    fn edges(&self, block: &Range<usize>) -> Result<Vec<[f64; 2]>> {
        let states = self.state(block)?;
        Ok(states.into_iter().map(|(state, _)| edges(&state.gradient, self.network.layout.biases)).collect())
    }

    /// Updates a block; the length of each lane's step over that of its parameters.
    fn updated(&mut self, block: &Range<usize>) -> Result<Vec<f64>> {
        match self.network.by {
            By::Kernels(level) => {
                let place = self.network.place(block);
                self.before.copy_from_slice(&self.network.parameters.numbers()[place.clone()]);
                self.update(block)?;
                let change =
                    kernels::squared_changes(level, &self.network.parameters.numbers()[place], &self.before).sqrt();
                Ok(vec![change / kernels::squares(level, &self.before).sqrt()])
            }
            By::Torch => {
                let before = self.network.parameters.view.f_detach_copy()?;
                self.update(block)?;
                let change = norms_by_torch(&self.network.parameters.view.f_sub(&before)?)?;
                Ok(change.into_iter().zip(norms_by_torch(&before)?).map(|(change, before)| change / before).collect())
            }
        }
    }

    /// Every lane's parameters, tensor by tensor (weights `[inputs, outputs]`, biases), first layer first.
    pub fn parameters(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        self.by_lane(&self.network.parameters)
    }

    /// Every lane's gradient, in the order of [`Self::parameters`].
    pub fn gradients(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        self.by_lane(&self.network.gradient)
    }

    /// The parameters and the gradient of a block's lanes, and how many different samples each has seen.
    pub fn state(&self, block: &Range<usize>) -> Result<Vec<(State, usize)>> {
        let tensors = |flat: &Buffer| match self.network.by {
            By::Kernels(_) => Ok(vec![self.split(&flat.numbers()[self.network.place(block)])]),
            By::Torch => self.by_lane(flat),
        };
        let (parameters, gradients) = (tensors(&self.network.parameters)?, tensors(&self.network.gradient)?);
        let states = parameters.into_iter().zip(gradients);
        Ok(states.map(|(parameters, gradient)| State { parameters, gradient }).zip(self.feed.distinct(block)).collect())
    }

    /// One lane's numbers, tensor by tensor.
    fn split(&self, lane: &[f32]) -> Vec<Vec<f32>> {
        self.network.layout.tensors.iter().map(|t| lane[t.offset..t.offset + t.length].to_vec()).collect()
    }

    fn by_lane(&self, flat: &Buffer) -> Result<Vec<Vec<Vec<f32>>>> {
        let values = host(&flat.view)?;
        Ok(values.chunks(self.network.layout.stride).map(|lane| self.split(lane)).collect())
    }
}

/// Of `[lanes, numbers]`, each lane's Euclidean norm, in f64.
fn norms_by_torch(values: &Tensor) -> Result<Vec<f64>> {
    let norms = values.f_norm_scalaropt_dim_dtype(2, [1].as_slice(), false, Kind::Double)?;
    Ok(Vec::try_from(norms.f_to_device(Device::Cpu)?)?)
}

/// A tensor's numbers, on the host.
fn host(tensor: &Tensor) -> Result<Vec<f32>, tch::TchError> {
    Vec::try_from(tensor.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?)
}
