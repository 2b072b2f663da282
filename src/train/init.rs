//! How weights and biases begin.

use super::engine::Lane;
use crate::data::random::{Purpose, Stream};
use crate::experiment::config::Init;

/// A lane's parameters before the first update, tensor by tensor: each layer's weights `[inputs, outputs]` row by row,
/// then its biases `[outputs]` where it has some.
pub fn parameters(lane: &Lane) -> Vec<Vec<f32>> {
    let model = &lane.config.model;
    let mut tensors = Vec::new();
    for (layer, pair) in lane.widths().windows(2).enumerate() {
        if let Some(given) = &lane.data.given.initial {
            let tensor = |name: &str| given.get(&format!("{layer}.{name}")).map(|(_, values)| values.as_slice());
            tensors.extend(tensor("weight").map(|values| transposed(values, pair[0])));
            tensors.extend(tensor("bias").map(<[f32]>::to_vec));
            continue;
        }
        let (fan_in, fan_out) = (pair[0] as f64, pair[1] as f64);
        let fill = |init: Init, purpose: Purpose, count: usize| -> Vec<f32> {
            let mut stream = Stream::new(lane.seed, purpose);
            (0..count).map(|_| draw(init, fan_in, fan_out, &mut stream) as f32).collect()
        };
        tensors.push(fill(model.init, Purpose::Weights(layer as u32), pair[0] * pair[1]));
        if model.bias {
            tensors.push(fill(model.init_bias, Purpose::Biases(layer as u32), pair[1]));
        }
    }
    tensors
}

/// `[outputs, inputs]`, as PyTorch has weights, as `[inputs, outputs]`.
fn transposed(weights: &[f32], inputs: usize) -> Vec<f32> {
    (0..inputs).flat_map(|input| weights.iter().skip(input).step_by(inputs)).copied().collect()
}

fn draw(init: Init, fan_in: f64, fan_out: f64, stream: &mut Stream) -> f64 {
    let within = |bound: f64, unit: f64| bound * (2.0 * unit - 1.0);
    match init {
        Init::GlorotUniform => within((6.0 / (fan_in + fan_out)).sqrt(), stream.unit()),
        Init::GlorotNormal => (2.0 / (fan_in + fan_out)).sqrt() * stream.normal(),
        Init::KaimingUniform => within((6.0 / fan_in).sqrt(), stream.unit()),
        Init::KaimingNormal => (2.0 / fan_in).sqrt() * stream.normal(),
        Init::GlorotTruncated => (2.0 / (fan_in + fan_out)).sqrt() * truncated(stream),
        Init::KaimingTruncated => (2.0 / fan_in).sqrt() * truncated(stream),
        Init::LecunNormal => (1.0 / fan_in).sqrt() * truncated(stream),
        Init::LecunUniform => within((3.0 / fan_in).sqrt(), stream.unit()),
        Init::Pytorch => within((1.0 / fan_in).sqrt(), stream.unit()),
        Init::Zeros => 0.0,
        Init::Uniform([low, high]) => low + (high - low) * stream.unit(),
        Init::Normal([mean, deviation]) => mean + deviation * stream.normal(),
    }
}

/// Normal within two standard deviations, widened to a standard deviation of 1.
fn truncated(stream: &mut Stream) -> f64 {
    /// Standard deviation of what is left of a standard normal within ±2.
    const LEFT: f64 = 0.879_625_661_034_239_8;
    loop {
        let value = stream.normal();
        if value.abs() < 2.0 {
            return value / LEFT;
        }
    }
}
