//! Training: the only room that knows libtorch.
//!
//! There is one loop, [`train`], over one interface, [`engine::Engine`]. Behind it are two engines: [`torch`], in which tch
//! builds network, loss and optimizer on libtorch and autograd derives the gradient, and which defines what a step is; and
//! [`fused`], kernels of this crate for what is trained most, a CPU's only, whose first steps are compared with the
//! other's ([`agreement`]).

pub mod agreement;
pub mod choice;
#[allow(unsafe_code)] // The opening of a library.
mod cuda;
pub mod device;
pub mod dropout;
pub mod engine;
pub mod fused;
mod init;
pub mod shape;
mod stopping;
pub mod subnormals;
pub mod torch;

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tch::Device;

use crate::experiment::config::EngineName;
use crate::results::rows::CurvePoint;
use crate::stats::gradients::edges;
use crate::stats::moments::Fit;
use agreement::Agreements;
use engine::{Engine, Lane, State};
use stopping::Watch;
use subnormals::Flushed;

/// PyTorch's clip_grad_norm_ adds this to the norm of all parameters.
const TINY: f64 = 1e-6;

/// A run that has ended.
pub struct Trained {
    pub engine: EngineName,
    pub curve: Vec<CurvePoint>,
    pub steps: usize,
    /// At the test points after the last update: what the networks put out as [`crate::data::coding::Coding::scores`] has it.
    pub predictions: Vec<f64>,
    /// Root mean square error on the training samples after the last update, as [`CurvePoint::test_rmse`] is on the test
    /// points.
    pub train_rmse: f64,
    /// After the last update; the gradient is that of the last row.
    pub state: State,
    /// Euclidean norms of the gradient by the first and by the last layer's weights, before the first update.
    pub first_gradient: [f64; 2],
}

/// Trains a stack by the engine that its configuration says, where that is the accelerator after a look at the first steps
/// of its shape.
pub fn train_as_configured(
    lanes: &[Lane],
    device: Device,
    agreements: &Agreements,
    stop: &AtomicBool,
    progress: &dyn Fn(u64),
) -> Result<Vec<Trained>> {
    let first = engine::first(lanes)?;
    let name = choice::choose(&first.config, device)?;
    if name == EngineName::Fused {
        agreements.check(first)?;
    }
    train(name, lanes, device, stop, progress)
}

/// Trains a stack of one [`shape::Shape`] to its end, or, once `stop` is set, as many of its first lanes as have ended by
/// then. `progress` hears of updates made.
pub fn train(
    name: EngineName,
    lanes: &[Lane],
    device: Device,
    stop: &AtomicBool,
    progress: &dyn Fn(u64),
) -> Result<Vec<Trained>> {
    let mut runs = Vec::with_capacity(lanes.len());
    for block in choice::blocks(name, lanes, device) {
        let (mut engine, block) = block?;
        match train_block(&mut *engine, block, stop, progress)? {
            Some(ended) => runs.extend(ended),
            None => break,
        }
    }
    Ok(runs)
}

/// Trains a block to its end, by an engine that stands at its beginning; nothing if `stop` is set before.
pub fn train_block(
    engine: &mut dyn Engine,
    block: &[Lane],
    stop: &AtomicBool,
    progress: &dyn Fn(u64),
) -> Result<Option<Vec<Trained>>> {
    let _flushed = Flushed::new();
    let lane = engine::first(block)?;
    let most = lane.steps()?;
    // Where each run may end early, it is alone.
    let mut watch = Watch::new(lane)?;
    let logged = lane.config.train.logged_steps(most);
    let mut curves: Vec<Vec<CurvePoint>> = block.iter().map(|_| Vec::with_capacity(logged.len())).collect();
    let mut first_gradients = Vec::new();
    let mut predictions = Vec::new();
    let (mut done, mut told, mut steps) = (0, 0, most);
    for &step in &logged {
        let mut ends = step == most;
        let mut step = step;
        loop {
            if let Some(watch) = &mut watch
                && watch.ends(engine, done)?
            {
                (ends, step) = (true, done);
            }
            if done == step {
                break;
            }
            let until = watch.as_ref().map_or(step, |watch| watch.next(done).min(step));
            // The updates before this row or look, and the one that follows the row.
            engine.expect(until - done + usize::from(until == step && watch.is_none()));
            for _ in done..until {
                if stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                engine.gradient(false)?;
                engine.update(false)?;
            }
            done = until;
        }
        if let Some(watch) = watch.as_ref().filter(|_| ends) {
            watch.end(engine)?;
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let train_losses = engine.gradient(true)?;
        let tested = engine.predict()?;
        let norms = engine.gradient_norms()?;
        if step == 0 {
            let states = engine.state()?;
            first_gradients = states.iter().map(|state| edges(&state.gradient, lane.config.model.bias)).collect();
        }
        // The last row is the state after the last update, and none follows.
        let ratios = if !ends { engine.update(true)? } else { vec![f64::NAN; block.len()] };
        // Of a module's units nothing is known.
        let units = match lane.config.model.torchscript {
            Some(_) => f64::NAN,
            None => lane.config.model.hidden.iter().sum::<usize>().max(1) as f64,
        };
        predictions.clear();
        for (at, (lane, tested)) in block.iter().zip(tested).enumerate() {
            let scores = lane.data.coding.scores(&tested.values);
            curves[at].push(CurvePoint {
                step,
                train_loss: f64::from(train_losses[at]),
                test_loss: f64::from(tested.loss),
                test_rmse: Fit::rmse(&scores, &lane.data.test_truth),
                grad_norm: norms[at],
                update_ratio: ratios[at],
                dead_units: tested.dead_units as f64 / units,
                accuracy: lane.data.coding.accuracy(&scores, &lane.data.test),
            });
            predictions.push(scores);
        }
        done = step + usize::from(!ends);
        progress(((step - told) * block.len()) as u64);
        told = step;
        if ends {
            // What was not needed is done too.
            progress(((most - told) * block.len()) as u64);
            steps = step;
            break;
        }
    }
    let name = engine.name();
    let train_rmses = train_rmses(engine, block)?;
    let parts = curves.into_iter().zip(predictions).zip(train_rmses).zip(engine.state()?).zip(first_gradients);
    Ok(Some(
        parts
            .map(|((((curve, predictions), train_rmse), state), first_gradient)| Trained {
                engine: name,
                curve,
                steps,
                predictions,
                train_rmse,
                state,
                first_gradient,
            })
            .collect(),
    ))
}

/// Each lane's error on its own training samples, noise on their targets and all of them, whatever its batches held.
fn train_rmses(engine: &mut dyn Engine, block: &[Lane]) -> Result<Vec<f64>> {
    let inputs: Vec<Vec<f32>> = block.iter().map(|lane| lane.data.scaled_inputs(&lane.data.train)).collect();
    let outputs = engine.outputs(&inputs)?;
    let rmse = |(lane, values): (&Lane, Vec<f32>)| {
        let (coding, train) = (&lane.data.coding, &lane.data.train);
        Fit::rmse(&coding.scores(&values), &coding.truth(train))
    };
    Ok(block.iter().zip(outputs).map(rmse).collect())
}
