//! How weights and biases begin.

use crate::data::random::{Purpose, Stream};
use crate::experiment::config::{Init, Model};

/// Sizes of a network's layers, the inputs' columns first and the one output last.
pub fn widths(model: &Model, columns: usize) -> Vec<usize> {
    model.widths(columns)
}

/// One layer's weights, `[inputs, outputs]` row by row, and its biases, `[outputs]`.
pub fn layer(model: &Model, layer: usize, inputs: usize, outputs: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let fill = |init: Init, purpose: Purpose, count: usize| {
        let mut stream = Stream::new(seed, purpose);
        (0..count).map(|_| draw(init, inputs as f64, outputs as f64, &mut stream) as f32).collect()
    };
    let weights = fill(model.init, Purpose::Weights(layer as u32), inputs * outputs);
    let biases = if model.bias { fill(model.init_bias, Purpose::Biases(layer as u32), outputs) } else { Vec::new() };
    (weights, biases)
}

fn draw(init: Init, fan_in: f64, fan_out: f64, stream: &mut Stream) -> f64 {
    let within = |bound: f64, unit: f64| bound * (2.0 * unit - 1.0);
    match init {
        Init::GlorotUniform => within((6.0 / (fan_in + fan_out)).sqrt(), stream.unit()),
        Init::GlorotNormal => (2.0 / (fan_in + fan_out)).sqrt() * stream.normal(),
        Init::KaimingUniform => within((6.0 / fan_in).sqrt(), stream.unit()),
        Init::KaimingNormal => (2.0 / fan_in).sqrt() * stream.normal(),
        Init::Pytorch => within((1.0 / fan_in).sqrt(), stream.unit()),
        Init::Zeros => 0.0,
        Init::Uniform([low, high]) => low + (high - low) * stream.unit(),
        Init::Normal([mean, deviation]) => mean + deviation * stream.normal(),
    }
}
