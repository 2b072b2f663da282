//! Training on libtorch: the only room that knows it.
//!
//! Runs of equal shape train as the lanes of a stack. There is one loop, [`train`]; all that distinguishes one run from
//! another is configuration.

mod activation;
pub mod device;
mod feed;
mod init;
mod layout;
mod loss;
#[allow(unsafe_code)] // Here alone.
mod native;
pub mod network;
mod optimizer;
mod product;
pub mod stack;

pub use native::kernels;

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tch::Device;

use crate::data::batch_rows;
use crate::results::rows::CurvePoint;
use crate::stats::moments::Fit;
use native::{buffers, cuda};
use network::By;
use stack::{Lane, Stack, State};

/// A run that has ended.
pub struct Trained {
    pub curve: Vec<CurvePoint>,
    pub steps: usize,
    /// At the test points, in original units, after the last update.
    pub predictions: Vec<f64>,
    /// Its network's parameters after the last update, and the gradient of the last row: for each layer the weights
    /// `[inputs, outputs]` row by row, then the biases where it has some.
    pub parameters: Vec<Vec<f32>>,
    pub gradient: Vec<Vec<f32>>,
    /// Euclidean norms of the gradients of the first and of the last layer's weights before the first update.
    pub first_gradient: [f64; 2],
    /// Different samples among all batches.
    pub distinct_samples: usize,
}

/// Trains a stack to its end, or, once `stop` is set, as many of its first lanes as have ended by then. `progress` is told
/// of updates made, by run.
pub fn train(lanes: &[Lane], device: Device, stop: &AtomicBool, progress: &dyn Fn(u64)) -> Result<Vec<Trained>> {
    train_by(device::by(device), lanes, device, stop, progress)
}

/// The same, computed in a way of the caller's choice.
pub fn train_by(
    by: By,
    lanes: &[Lane],
    device: Device,
    stop: &AtomicBool,
    progress: &dyn Fn(u64),
) -> Result<Vec<Trained>> {
    let mut stack = Stack::computed(by, lanes, device)?;
    let (config, data) = (&lanes[0].config, &lanes[0].data);
    let steps = config.train.length.steps(data.train.rows(), batch_rows(&config.batch, data.train.rows())?);
    let logged = config.train.logged_steps(steps);
    let mut runs = Vec::with_capacity(lanes.len());
    for block in stack.blocks() {
        let first = runs.len();
        let empty = || (Vec::with_capacity(logged.len()), Vec::new(), [f64::NAN; 2]);
        let mut block_runs: Vec<(Vec<CurvePoint>, Vec<f64>, [f64; 2])> = block.clone().map(|_| empty()).collect();
        let (mut done, mut told) = (0, 0);
        for &step in &logged {
            if !stack.advance(&block, step - done, stop)? || stop.load(Ordering::Relaxed) {
                return Ok(runs);
            }
            // The last row is the state after the last update, and none follows.
            let update = step < steps;
            let measured = stack.measure(&block, lanes, update)?;
            for (((curve, last, gradient), lane), measured) in block_runs.iter_mut().zip(&lanes[first..]).zip(measured)
            {
                curve.push(CurvePoint {
                    step,
                    train_loss: f64::from(measured.train_loss),
                    test_loss: f64::from(measured.test_loss),
                    test_rmse: Fit::rmse(&measured.predictions, &lane.data.test.targets),
                    grad_norm: measured.grad_norm,
                    update_ratio: measured.update_ratio,
                    dead_units: measured.dead_units,
                });
                *last = measured.predictions;
                *gradient = measured.first_gradient.unwrap_or(*gradient);
            }
            done = step + usize::from(update);
            progress(((step - told) * block.len()) as u64);
            told = step;
        }
        // The gradient is that of the last row.
        for ((curve, predictions, first_gradient), (state, distinct_samples)) in
            block_runs.into_iter().zip(stack.state(&block)?)
        {
            let State { parameters, gradient } = state;
            runs.push(Trained { curve, steps, predictions, parameters, gradient, first_gradient, distinct_samples });
        }
    }
    Ok(runs)
}
