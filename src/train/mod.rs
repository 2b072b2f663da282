//! Training on libtorch: the only room that knows it.
//!
//! Runs of equal shape train as the lanes of a stack. There is one loop, [`train`]; all that distinguishes one run from
//! another is configuration.

mod activation;
mod buffers;
pub mod device;
mod init;
pub mod kernels;
mod loss;
pub mod network;
mod optimizer;
mod product;
pub mod stack;

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tch::Device;

use crate::analysis::outcome::Fit;
use crate::data::batch_rows;
use crate::results::rows::CurvePoint;
use stack::{Lane, Stack, norms};

/// A run that has ended.
pub struct Trained {
    pub curve: Vec<CurvePoint>,
    pub steps: usize,
    /// At the test points, in original units, after the last update.
    pub predictions: Vec<f64>,
}

/// Trains a stack to its end; nothing if `stop` was set on the way. `progress` is told of updates made, by run.
pub fn train(
    lanes: &[Lane],
    device: Device,
    stop: &AtomicBool,
    progress: &dyn Fn(u64),
) -> Result<Option<Vec<Trained>>> {
    let mut stack = Stack::new(lanes, device)?;
    let (config, data) = (&lanes[0].config, &lanes[0].data);
    let steps = config.train.length.steps(data.train.rows(), batch_rows(&config.batch, data.train.rows())?);
    let mut curves: Vec<Vec<CurvePoint>> = vec![Vec::with_capacity(config.train.log_points); lanes.len()];
    let mut predictions = Vec::new();
    let mut told = 0;
    let mut logged = config.train.logged_steps(steps).into_iter().peekable();
    for step in 0..=steps {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let due = logged.next_if_eq(&step).is_some();
        let Some(loss) = stack.gradient(due)? else {
            stack.update()?;
            continue;
        };
        let measured = stack.measure(lanes, loss)?;
        // The last row is the state after the last update, and none follows.
        let update_ratio = if step < steps { updated(&mut stack)? } else { vec![f64::NAN; lanes.len()] };
        for (at, curve) in curves.iter_mut().enumerate() {
            curve.push(CurvePoint {
                step,
                train_loss: f64::from(measured.train_loss[at]),
                test_loss: f64::from(measured.test_loss[at]),
                test_rmse: Fit::of(&measured.predictions[at], &lanes[at].data.test.targets).rmse,
                grad_norm: measured.grad_norm[at],
                update_ratio: update_ratio[at],
                dead_units: measured.dead_units[at],
            });
        }
        predictions = measured.predictions;
        progress(((step - told) * lanes.len()) as u64);
        told = step;
    }
    let ended = curves.into_iter().zip(predictions);
    Ok(Some(ended.map(|(curve, predictions)| Trained { curve, steps, predictions }).collect()))
}

/// Updates the stack; the length of each lane's step over that of its parameters.
fn updated(stack: &mut Stack) -> Result<Vec<f64>> {
    let before = stack.parameters()?;
    stack.update()?;
    let mut change = stack.parameters()?;
    for (new, old) in change.iter_mut().flatten().flatten().zip(before.iter().flatten().flatten()) {
        *new -= old;
    }
    Ok(norms(&change).iter().zip(norms(&before)).map(|(change, before)| change / before).collect())
}
