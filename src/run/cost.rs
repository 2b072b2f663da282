//! What runs cost in time and in memory, before they are trained. Times are those on one core of a usual machine (an AMD EPYC
//! of 2021), to within a factor of two or so.

use anyhow::{Context, Result, ensure};

use super::memory;
use crate::data::coding::Coding;
use crate::data::{Files, RunData, batch_rows, training_rows, updates};
use crate::experiment::Experiment;
use crate::experiment::config::{Activation, Config, Inputs, Pairing, Test};
use crate::experiment::device::Device;
use crate::text::numbers::gibibytes;
use crate::train::{self, choice, engine};

/// What is known of a variant's runs before any is made.
pub struct Size {
    pub updates: usize,
    /// Training samples, test points, and columns of inputs.
    pub rows: usize,
    pub test: usize,
    pub columns: usize,
    pub coding: Coding,
    /// Memory that one run takes while it trains.
    pub bytes: u64,
    /// Time that one run takes on one core, in units of which there are [`UNITS_A_SECOND`].
    pub cost: f64,
}

/// A run of this configuration, before it is made.
pub fn size(device: Device, config: &Config, seed: u64, files: &Files) -> Result<Size> {
    // A function is not sampled for it.
    let mut uses = 1.0;
    let (rows, test, columns, coding) = match (&config.data.inputs, &config.data.test) {
        (Some(Inputs::Grid(_) | Inputs::Uniform(_)), test) => {
            let rows = training_rows(config, files)?;
            let points = if let Test::Grid(test) | Test::Uniform(test) = test { test.count } else { rows };
            (rows, points, 1, Coding::of_function(config)?)
        }
        (None, _) => {
            let data = RunData::new(config, seed, files)?;
            if let (Some(_), Some(shapes)) = (&config.model.torchscript, &data.shapes) {
                uses = uses_of_a_parameter(&shapes.input);
            }
            (data.train.rows(), data.test.rows(), data.train.columns, data.coding)
        }
    };
    let bytes = bytes(device, config, rows, test, columns, &coding)?;
    let batch = batch_rows(&config.batch, rows)?;
    let steps = updates(config, rows)?;
    let widths = config.model.widths(columns, coding.outputs);
    let layers: f64 = widths.windows(2).map(|pair| pair[0] as f64 * pair[1] as f64).sum();
    let parameters = of_a_module(config).map_or(layers, |parameters| parameters as f64);
    let products = uses * parameters;
    let units: f64 = widths[1..].iter().map(|&width| width as f64).sum();
    // A number that passes through an activation costs about what 30 multiplications in a product do.
    let sample = 3.0 * products + 30.0 * units;
    let logged = config.train.logged(steps) as f64;
    // The steps of a sequence are calls of their own.
    let repeated = if config.model.torchscript.is_some() { 1.0 + uses / 10.0 } else { 1.0 };
    let calls = choice::seconds_of_calls(config, train::device::of(device))? * UNITS_A_SECOND * repeated;
    let cost = steps as f64 * (batch as f64 * sample + 20.0 * parameters + calls)
        + (logged * test as f64 + rows as f64) * (products + 20.0 * units);
    Ok(Size { updates: steps, rows, test, columns, coding, bytes, cost })
}

/// About how often a pass uses a module's parameter, by the shape of a row: once for each step of a sequence, and of an image in
/// convolutions, most of which see it smaller.
fn uses_of_a_parameter(row: &[usize]) -> f64 {
    match row {
        [] | [_] => 1.0,
        [steps, _] => *steps as f64,
        [_, rest @ ..] => (rest.iter().product::<usize>() as f64 / 16.0).max(1.0),
    }
}

/// About how many parameters a module has, by the size of its file; nothing where the network is one of layers.
fn of_a_module(config: &Config) -> Option<u64> {
    let about = std::fs::metadata(config.model.torchscript.as_ref()?).ok()?;
    Some(about.len() / 4)
}

/// Where each prediction meets each target, how many of one side are at once, if all of the other are.
const PAIRS_AT_ONCE: usize = 256;

/// About the most bytes that one run takes while it trains, on the device and in curves.
fn bytes(device: Device, config: &Config, rows: usize, test: usize, columns: usize, coding: &Coding) -> Result<u64> {
    let batch = batch_rows(&config.batch, rows)?;
    let opened = train::device::of(device);
    let widths = config.model.widths(columns, coding.outputs);
    let layers: u128 = widths.windows(2).map(|pair| pair[0] as u128 * pair[1] as u128 + pair[1] as u128).sum();
    let parameters = of_a_module(config).map_or(layers, u128::from);
    let units: u128 = widths[1..].iter().map(|&width| width as u128).sum();
    let widest = widths.iter().max().map_or(1, |&width| width as u128);
    // Each unit's value and its gradient, and what went into its activation where that is needed once more.
    let hidden_units = config.model.hidden.iter().zip(&config.model.activation);
    let inputs: u128 = hidden_units.filter(|(_, a)| **a == Activation::Gelu).map(|(&width, _)| width as u128).sum();
    // Masks with what they leave, and what a norm keeps of its way.
    let of_layers = |of: &dyn Fn(usize) -> bool| -> u128 {
        config.model.hidden.iter().enumerate().filter(|(at, _)| of(*at)).map(|(_, &width)| width as u128).sum()
    };
    let dropped = of_layers(&|at| config.model.dropout.get(at).is_some_and(|share| *share > 0.0));
    let normed = of_layers(&|at| config.model.norm_of(at).is_some());
    let inputs = inputs + 2 * dropped + 6 * normed;
    let at_once = |rows: usize, training: bool| choice::rows_at_once(config, opened, rows, training);
    let pass = |rows: usize, training: bool| {
        Ok::<_, anyhow::Error>(at_once(rows, training)? as u128 * (2 * units + inputs + 2 * widest))
    };
    // An engine that takes all rows at once has a block of each pairing's differences, their losses and their gradients.
    let pairs = |rows: usize| match config.loss.pairing {
        Pairing::Broadcast | Pairing::BroadcastMean if at_once(batch, true)? == batch => {
            Ok(3 * rows as u128 * (rows.min(PAIRS_AT_ONCE) as u128 + 1))
        }
        _ => Ok::<_, anyhow::Error>(0),
    };
    // Parameters, their gradient, the weights transposed, the parameters before an update, and the optimizer's two states.
    let numbers = 6 * parameters
        + pass(batch, true)?
        + pass(test, false)?
        + pairs(batch)?
        + pairs(test)?
        + (batch + test) as u128 * (columns + 2 * coding.outputs + coding.width) as u128
        + engine::evaluated_at_once(&widths, batch, test).min(rows) as u128 * 2 * widest;
    let logged = config.train.logged(updates(config, rows)?);
    let host = (rows + test) as u128 * (columns + coding.width.max(coding.scored())) as u128 * 16
        // Scores of the training rows and what they should be, after the last update.
        + rows as u128 * coding.scored() as u128 * 16
        + logged as u128 * 200;
    Ok(u64::try_from(numbers * 4 + host).unwrap_or(u64::MAX))
}

/// Checks every variant against its data and against the memory that there is, before anything is trained or written.
pub fn check(experiment: &Experiment, variants: &[usize], files: &Files, device: Device, threads: usize) -> Result<()> {
    let mut sizes = Vec::with_capacity(variants.len());
    for &at in variants {
        let variant = &experiment.variants[at];
        sizes.push((
            size(device, &variant.config, 0, files).with_context(|| format!("variant {:?}", variant.name))?.bytes,
            variant,
        ));
    }
    for variant in variants.iter().map(|&at| &experiment.variants[at]) {
        let Config { model, loss, .. } = &variant.config;
        if model.torchscript.is_some() || loss.torchscript.is_some() {
            let seed = experiment.seeds.first().copied().unwrap_or(0);
            let data = RunData::new(&variant.config, seed, files)?;
            train::torch::module::check(&data, seed, train::device::of(device))
                .with_context(|| format!("variant {:?}", variant.name))?;
        }
    }
    // The largest runs, as many as there are threads, may train at the same time.
    sizes.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let each = experiment.seeds.len();
    let mut left = threads;
    let mut need = 0_u64;
    for (bytes, _) in &sizes {
        let runs = each.min(left);
        need = need.saturating_add(bytes.saturating_mul(runs as u64));
        left -= runs;
    }
    let free = memory::free();
    if let Some((largest, variant)) = sizes.first() {
        ensure!(
            need <= free,
            "variant {:?}: needs about {} of memory ({} a run), {} are free: make model.hidden, batch.size, train.log_points or the data smaller, or take fewer --threads",
            variant.name,
            gibibytes(need),
            gibibytes(*largest),
            gibibytes(free)
        );
    }
    Ok(())
}

/// The scheduler's units of cost in a second.
pub const UNITS_A_SECOND: f64 = 2.5e10;
/// What a run and an update cost besides.
const SECONDS_A_RUN: f64 = 2e-3;
const SECONDS_AN_UPDATE: f64 = 1e-6;

/// Seconds that a run of so many updates takes besides its [`Size::cost`].
pub fn overhead(updates: usize) -> f64 {
    SECONDS_A_RUN + updates as f64 * SECONDS_AN_UPDATE
}

/// Bytes that one run's rows take in the results; `name` is the length of its variant's name and its seed.
pub fn bytes_of_results(config: &Config, size: &Size, name: usize) -> f64 {
    let steps = size.updates;
    let name = (name + 2) as f64;
    // A number of 17 digits, a comma, and what an exponent takes now and then.
    let number = 19.5;
    let curve = config.train.logged(steps) as f64 * (name + steps.to_string().len() as f64 + 6.0 * number);
    let predictions = size.test as f64 * (name + (size.columns + 2 * size.coding.scored()) as f64 * 15.0);
    let breakpoints = if size.columns == 1 { config.model.hidden.iter().sum::<usize>() as f64 * number } else { 0.0 };
    curve + predictions + 2.0 * name + 32.0 * number + breakpoints
}
