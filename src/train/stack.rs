//! A stack: runs of equal shape that train as the lanes of stacked tensors.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tch::{Device, Kind, Tensor};

use super::buffers::{Buffer, Buffers};
use super::init;
use super::kernels::Level;
use super::loss::Loss;
use super::network::{By, Network, Part, Pass, parts};
use super::optimizer::Optimizer;
use crate::data::{Batches, RunData, batch_rows};
use crate::experiment::config::{Config, Draw};

/// Numbers of batches that are made at once, at most; about what a core's cache holds beside the rest.
const FEED: usize = 1 << 15;

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

/// Bytes that one more lane takes, on the device and in curves.
pub fn bytes_a_lane(config: &Config, rows: usize, test: usize, columns: usize) -> Result<u64> {
    let batch = batch_rows(&config.batch, rows)?;
    let widths = init::widths(&config.model, columns);
    let parameters: u128 = widths.windows(2).map(|pair| pair[0] as u128 * pair[1] as u128 + pair[1] as u128).sum();
    let numbers = parameters * (3 + Optimizer::room(&config.optimizer.kind)) as u128
        + Pass::room(&config.model, &widths, batch, true)
        + Pass::room(&config.model, &widths, test, false)
        + (Loss::room(&config.loss, batch) + Loss::room(&config.loss, test)) as u128
        + (batch + test) as u128 * (columns + 3) as u128;
    let logged = config.train.logged(config.train.length.steps(rows, batch));
    let host = (rows + test) as u128 * (columns + 1) as u128 * 16 + logged as u128 * 200;
    Ok(u64::try_from(numbers * 4 + host).unwrap_or(u64::MAX))
}

pub struct Stack {
    lanes: usize,
    pub network: Network,
    loss: Loss,
    test_loss: Loss,
    optimizer: Optimizer,
    train: Pass,
    test: Pass,
    test_inputs: Tensor,
    test_targets: Tensor,
    feed: Feed,
    parts: Vec<Vec<Part>>,
}

/// The batches of all lanes, made some steps ahead.
struct Feed {
    batches: Vec<Batches>,
    draw: Draw,
    rows: i64,
    columns: i64,
    /// Steps made at once, and the next of them.
    ahead: usize,
    next: usize,
    inputs: Option<Tensor>,
    targets: Option<Tensor>,
    device: Device,
}

/// A stack's numbers at one step, by lane.
pub struct Measured {
    pub train_loss: Vec<f32>,
    pub test_loss: Vec<f32>,
    /// `[lane][test point]`, in original units.
    pub predictions: Vec<Vec<f64>>,
    pub grad_norm: Vec<f64>,
    /// Share of the hidden units that put out 0 for every test point.
    pub dead_units: Vec<f64>,
}

impl Stack {
    /// All lanes must be of one [`Shape`].
    pub fn new(lanes: &[Lane], device: Device) -> Result<Self> {
        let by = if device == Device::Cpu { By::Kernels(Level::best()) } else { By::Torch };
        Self::computed(by, lanes, device)
    }

    /// A stack whose steps are computed in a way of the caller's choice.
    pub fn computed(by: By, lanes: &[Lane], device: Device) -> Result<Self> {
        let first = lanes.first().context("a stack needs a lane")?;
        let (config, data) = (&first.config, &first.data);
        let shape = |lane: &Lane| {
            Shape::of(&lane.config, lane.data.train.rows(), lane.data.test.rows(), lane.data.train.columns)
        };
        let shapes = lanes.iter().map(shape).collect::<Result<Vec<_>>>()?;
        ensure!(shapes.iter().all(|other| *other == shapes[0]), "runs of different shapes cannot share a stack");
        let mut buffers = Buffers::new(device);
        let count = lanes.len() as i64;
        let columns = data.train.columns;
        let rows = batch_rows(&config.batch, data.train.rows())?;
        let widths = init::widths(&config.model, columns);
        let wide: Vec<i64> = widths.iter().map(|&width| width as i64).collect();
        let parts = parts(&wide, config.model.bias, lanes.len());
        let size = parts.iter().flatten().map(|part| part.length).sum::<usize>();
        let mut values = vec![0.0; size];
        let mut negative_rate = vec![0.0; size];
        for (at, lane) in lanes.iter().enumerate() {
            let mut tensors = Vec::with_capacity(parts.len());
            for (layer, pair) in widths.windows(2).enumerate() {
                let (weights, biases) = init::layer(&lane.config.model, layer, pair[0], pair[1], lane.seed);
                tensors.push(weights);
                if lane.config.model.bias {
                    tensors.push(biases);
                }
            }
            for (part, tensor) in parts.iter().zip(&tensors) {
                let place = part[at].offset..part[at].offset + part[at].length;
                values[place.clone()].copy_from_slice(tensor);
                negative_rate[place].fill(-(lane.config.optimizer.learning_rate as f32));
            }
        }
        let network = Network::new(by, &config.model, &wide, count, &values, &buffers)?;
        let Buffer { flat: negative_rate, .. } = buffers.from(&negative_rate, &[size as i64])?;
        let test_rows = data.test.rows() as i64;
        let test_inputs: Vec<f32> = lanes.iter().flat_map(|lane| lane.data.scaled_inputs(&lane.data.test)).collect();
        let test_targets: Vec<f32> = lanes.iter().flat_map(|lane| lane.data.scaled_targets(&lane.data.test)).collect();
        let steps = config.train.length.steps(data.train.rows(), rows);
        Ok(Stack {
            lanes: lanes.len(),
            train: Pass::plan(&network, rows as i64, true, &mut buffers)?,
            test: Pass::plan(&network, test_rows, false, &mut buffers)?,
            loss: Loss::plan(config.loss, count, rows as i64, &mut buffers)?,
            test_loss: Loss::plan(config.loss, count, test_rows, &mut buffers)?,
            optimizer: Optimizer::plan(
                config.optimizer.kind,
                config.optimizer.schedule,
                steps,
                negative_rate,
                &buffers,
            )?,
            test_inputs: buffers.from(&test_inputs, &[count, test_rows, columns as i64])?.view,
            test_targets: buffers.from(&test_targets, &[count, test_rows])?.view,
            feed: Feed {
                batches: lanes
                    .iter()
                    .map(|l| Batches::new(l.data.clone(), l.config.batch.draw, rows, l.seed))
                    .collect(),
                draw: config.batch.draw,
                rows: rows as i64,
                columns: columns as i64,
                ahead: match config.batch.draw {
                    Draw::Once => 1,
                    _ => (FEED / (lanes.len() * rows * (columns + 1))).clamp(1, 256),
                },
                next: 0,
                inputs: None,
                targets: None,
                device,
            },
            parts,
            network,
        })
    }

    /// Computes the loss' gradient on the next batch; the batch's loss by lane if it is wanted.
    pub fn gradient(&mut self, with_loss: bool) -> Result<Option<Vec<f32>>> {
        let (inputs, targets) = self.feed.next()?;
        self.train.forward(&self.network, &inputs)?;
        let predictions = self.train.predictions()?;
        let loss = with_loss.then(|| self.loss.value(&predictions, &targets)).transpose()?;
        self.loss.gradient(self.network.by, &predictions, &targets, &mut self.train.predictions_gradient()?)?;
        self.train.backward(&self.network, &inputs)?;
        Ok(loss.map(|loss| host(&loss)).transpose()?)
    }

    /// Updates the parameters by the gradient that was computed last.
    pub fn update(&mut self) -> Result<()> {
        Ok(self.optimizer.step(self.network.by, &mut self.network.parameters, &mut self.network.gradient)?)
    }

    /// The stack's numbers as it stands, after [`Self::gradient`] and before [`Self::update`].
    pub fn measure(&mut self, lanes: &[Lane], train_loss: Vec<f32>) -> Result<Measured> {
        self.test.forward(&self.network, &self.test_inputs)?;
        let predictions = self.test.predictions()?;
        let test_loss = host(&self.test_loss.value(&predictions, &self.test_targets)?)?;
        let predictions = host(&predictions)?;
        let points = predictions.len() / self.lanes;
        let predictions = lanes
            .iter()
            .zip(predictions.chunks(points))
            .map(|(lane, points)| points.iter().map(|&y| lane.data.target_scale.unscale(f64::from(y))).collect())
            .collect();
        let units: i64 = self.network.widths[1..self.network.widths.len() - 1].iter().sum();
        Ok(Measured {
            train_loss,
            test_loss,
            predictions,
            grad_norm: norms(&self.by_lane(&self.network.gradient)?),
            dead_units: self
                .test
                .dead(&self.network)?
                .into_iter()
                .map(|dead| dead as f64 / units.max(1) as f64)
                .collect(),
        })
    }

    /// Every lane's parameters, tensor by tensor (weights `[inputs, outputs]`, biases), first layer first.
    pub fn parameters(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        self.by_lane(&self.network.parameters)
    }

    /// Every lane's gradient, in the order of [`Self::parameters`].
    pub fn gradients(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        self.by_lane(&self.network.gradient)
    }

    fn by_lane(&self, flat: &Tensor) -> Result<Vec<Vec<Vec<f32>>>> {
        let values = host(flat)?;
        let part = |part: &Part| values[part.offset..part.offset + part.length].to_vec();
        Ok((0..self.lanes).map(|lane| self.parts.iter().map(|tensor| part(&tensor[lane])).collect()).collect())
    }
}

/// The Euclidean norm of each lane's tensors, in f64, which no f32 overflows.
pub fn norms(lanes: &[Vec<Vec<f32>>]) -> Vec<f64> {
    let square = |tensors: &Vec<Vec<f32>>| tensors.iter().flatten().map(|&v| f64::from(v).powi(2)).sum::<f64>();
    lanes.iter().map(|tensors| square(tensors).sqrt()).collect()
}

/// A tensor's numbers, on the host.
fn host(tensor: &Tensor) -> Result<Vec<f32>, tch::TchError> {
    let tensor = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view([-1])?;
    let mut values = vec![0.0; tensor.numel()];
    let count = values.len();
    tensor.f_copy_data(&mut values, count)?;
    Ok(values)
}

impl Feed {
    /// The next batch of all lanes: `[lanes, rows, columns]` inputs and `[lanes, rows]` targets.
    fn next(&mut self) -> Result<(Tensor, Tensor), tch::TchError> {
        let repeat = self.draw == Draw::Once && self.inputs.is_some();
        if repeat {
            self.next = 0;
        } else if self.next == self.ahead || self.inputs.is_none() {
            let (mut inputs, mut targets) = (Vec::new(), Vec::new());
            for _ in 0..self.ahead {
                self.batches.iter_mut().for_each(|lane| lane.next_into(&mut inputs, &mut targets));
            }
            let (ahead, lanes) = (self.ahead as i64, self.batches.len() as i64);
            self.inputs = Some(
                Tensor::f_from_slice(&inputs)?
                    .f_view([ahead, lanes, self.rows, self.columns])?
                    .f_to_device(self.device)?,
            );
            self.targets =
                Some(Tensor::f_from_slice(&targets)?.f_view([ahead, lanes, self.rows])?.f_to_device(self.device)?);
            self.next = 0;
        }
        match (&self.inputs, &self.targets) {
            (Some(inputs), Some(targets)) => {
                let batch = (inputs.f_select(0, self.next as i64)?, targets.f_select(0, self.next as i64)?);
                self.next += 1;
                Ok(batch)
            }
            _ => Err(tch::TchError::Torch("no batch was made".to_owned())),
        }
    }
}
