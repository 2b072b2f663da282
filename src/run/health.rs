//! What a trained network's parameters show: units that say nothing, gradients that fade, straight linear_regions.

use crate::experiment::config::{Activation, Model, Norm, Output};
use crate::stats::gradients::edges;
use crate::stats::linear_regions::{Bend, Dense, breakpoints};
use crate::stats::moments::range;

/// What is told of one run's network, as `health.csv` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Norms of the gradients of the first and the last layer's weights, before the first update and after the last.
    pub first_gradient: [f64; 2],
    pub last_gradient: [f64; 2],
    pub saturated_units: f64,
    pub identical_units: f64,
    pub linear_regions: f64,
    pub most_linear_regions: f64,
    /// Where the regions meet, in the network's units of its input.
    pub breakpoints: Vec<f64>,
}

/// A pre-activation beyond ± this is saturated (DeepDiagnosis, Wardat et al. 2022).
const SATURATED: f64 = 5.0;

/// Test points at which units are looked at, at most; evenly spread among them.
const POINTS: usize = 256;

impl Health {
    /// `parameters` and `gradient` have for each layer the weights `[inputs, outputs]` row by row, then the biases where it
    /// has some; `inputs` are the test points in the network's units, `[points, columns]`.
    pub fn of(
        model: &Model,
        [columns, outputs]: [usize; 2],
        first_gradient: [f64; 2],
        parameters: &[Vec<f32>],
        gradient: &[Vec<f32>],
        inputs: &[f32],
    ) -> Self {
        if model.torchscript.is_some() {
            return Self::of_a_module();
        }
        let layers = layers(model, columns, outputs, parameters);
        let (saturated_units, identical_units) = units(model, &layers, columns, inputs);
        // Pieces are of a function of one number with one value.
        let line = columns == 1 && outputs == 1;
        let breakpoints = if line { breakpoints_of(model, &layers, inputs) } else { None };
        Health {
            first_gradient,
            last_gradient: edges(gradient, model.bias),
            saturated_units,
            identical_units,
            linear_regions: breakpoints.as_ref().map_or(f64::NAN, |breakpoints| breakpoints.len() as f64 + 1.0),
            most_linear_regions: if line && piecewise_linear(model) { most_linear_regions(model) } else { f64::NAN },
            breakpoints: breakpoints.unwrap_or_default(),
        }
    }
}

impl Health {
    /// All of it is of layers, which a module does not show.
    fn of_a_module() -> Self {
        Health {
            first_gradient: [f64::NAN; 2],
            last_gradient: [f64::NAN; 2],
            saturated_units: f64::NAN,
            identical_units: f64::NAN,
            linear_regions: f64::NAN,
            most_linear_regions: f64::NAN,
            breakpoints: Vec::new(),
        }
    }
}

/// Linear regions that a network of one input and one output can have at most: Π(nᵢ + 1) over the layers that bend (Serra et al. 2018,
/// arXiv:1711.02114), twice that where the output bends too, which cuts each of them at most once.
pub fn most_linear_regions(model: &Model) -> f64 {
    let bends = model.hidden.iter().zip(&model.activation).filter(|(_, a)| **a != Activation::Identity);
    let hidden: f64 = bends.map(|(&units, _)| units as f64 + 1.0).product();
    match model.output {
        Output::Relu => 2.0 * hidden,
        Output::Softmax | Output::LogSoftmax => 1.0,
        _ => hidden,
    }
}

/// Whether a network is one matrix product, whatever its layers.
pub fn is_linear(model: &Model) -> bool {
    let straight = model.activation.iter().all(|a| *a == Activation::Identity) && !model.norm.contains(&Norm::Layer);
    model.torchscript.is_none() && straight && model.output == Output::Identity
}

/// Whether it is a linear model without hidden layers.
pub fn is_linear_regression(model: &Model) -> bool {
    model.hidden.is_empty() && is_linear(model)
}

/// Over one unit a softmax is 1 everywhere, and its logarithm 0.
fn over_one_unit(output: Output) -> bool {
    matches!(output, Output::Softmax | Output::LogSoftmax)
}

/// Whether the function of a network with one output unit is made of straight pieces.
pub fn piecewise_linear(model: &Model) -> bool {
    if !model.norm.is_empty() || model.torchscript.is_some() {
        return false;
    }
    let straight = |a: &Activation| matches!(a, Activation::Relu | Activation::LeakyRelu | Activation::Identity);
    over_one_unit(model.output)
        || (model.activation.iter().all(straight) && matches!(model.output, Output::Identity | Output::Relu))
}

fn layers<'a>(model: &Model, columns: usize, outputs: usize, parameters: &'a [Vec<f32>]) -> Vec<Dense<'a>> {
    let mut tensors = parameters.iter();
    model
        .widths(columns, outputs)
        .windows(2)
        .filter_map(|pair| {
            let weights = tensors.next()?;
            let bias = if model.bias { Some(tensors.next()?.as_slice()) } else { None };
            Some(Dense { inputs: pair[0], outputs: pair[1], weights, bias })
        })
        .collect()
}

/// Where the linear regions meet, exactly, within the inputs' range; nothing where the function is not made of them.
fn breakpoints_of(model: &Model, layers: &[Dense], inputs: &[f32]) -> Option<Vec<f64>> {
    if !piecewise_linear(model) || !finite(layers) {
        return None;
    }
    if over_one_unit(model.output) {
        return Some(Vec::new());
    }
    let bend = |a: &Activation| match a {
        Activation::Relu => Bend::At(0.0),
        Activation::LeakyRelu => Bend::At(model.negative_slope),
        _ => Bend::None,
    };
    let output = if model.output == Output::Relu { Bend::At(0.0) } else { Bend::None };
    let bends: Vec<Bend> = model.activation.iter().map(bend).chain([output]).collect();
    let (from, to) = range(inputs.iter().copied().map(f64::from));
    breakpoints(layers, &bends, from, to)
}

fn finite(layers: &[Dense]) -> bool {
    layers.iter().all(|layer| layer.weights.iter().chain(layer.bias.unwrap_or_default()).all(|p| p.is_finite()))
}

/// Shares of saturated and of identical units; NaN of both where a parameter or an input is not finite.
fn units(model: &Model, layers: &[Dense], columns: usize, inputs: &[f32]) -> (f64, f64) {
    let rows = inputs.len().checked_div(columns).unwrap_or(0);
    let points = rows.min(POINTS);
    // Of NaN an f64's maximum says nothing: units without a value would pass for dead ones, or for copies.
    // What norms make of a layer's output is not told here.
    if points == 0 || !model.norm.is_empty() || !finite(layers) || !inputs.iter().all(|x| x.is_finite()) {
        return (f64::NAN, f64::NAN);
    }
    let mut now: Vec<Vec<f64>> = (0..points)
        .map(|point| point * rows / points)
        .map(|row| inputs[row * columns..(row + 1) * columns].iter().map(|&x| f64::from(x)).collect())
        .collect();
    let (mut saturated, mut saturable, mut identical) = (0_usize, 0_usize, 0_usize);
    for (at, layer) in layers.iter().enumerate() {
        let hidden = model.activation.get(at).copied();
        let can = match hidden {
            Some(activation) => matches!(activation, Activation::Sigmoid | Activation::Tanh),
            None => matches!(model.output, Output::Sigmoid | Output::Tanh),
        };
        let mut beyond = vec![0_usize; layer.outputs];
        for values in &mut now {
            let mut z: Vec<f64> = match layer.bias {
                Some(bias) => bias.iter().map(|&b| f64::from(b)).collect(),
                None => vec![0.0; layer.outputs],
            };
            for (value, weights) in values.iter().zip(layer.weights.chunks(layer.outputs)) {
                for (z, &w) in z.iter_mut().zip(weights) {
                    *z += value * f64::from(w);
                }
            }
            for (beyond, z) in beyond.iter_mut().zip(&z) {
                *beyond += usize::from(z.abs() > SATURATED);
            }
            if let Some(activation) = hidden {
                z.iter_mut().for_each(|z| *z = value(activation, model.negative_slope, *z));
            }
            *values = z;
        }
        if can {
            saturable += layer.outputs;
            saturated += beyond.iter().filter(|&&beyond| 2 * beyond > points).count();
        }
        if hidden.is_some() {
            identical += copies(&now, layer.outputs);
        }
    }
    let share = |part: usize, of: usize| if of == 0 { 0.0 } else { part as f64 / of as f64 };
    (share(saturated, saturable), share(identical, model.hidden.iter().sum()))
}

/// Units that put out what another one does at every point, and not 0 at all of them: those are dead.
fn copies(points: &[Vec<f64>], units: usize) -> usize {
    let bits = |unit: usize| -> Vec<u64> { points.iter().map(|values| values[unit].to_bits()).collect() };
    let mut outputs: Vec<Vec<u64>> = (0..units).map(bits).filter(|unit| unit.iter().any(|&b| b != 0)).collect();
    outputs.sort_unstable();
    let same = |at: usize| {
        (at > 0 && outputs[at - 1] == outputs[at]) || outputs.get(at + 1).is_some_and(|next| *next == outputs[at])
    };
    (0..outputs.len()).filter(|&at| same(at)).count()
}

fn value(activation: Activation, slope: f64, z: f64) -> f64 {
    match activation {
        Activation::Relu => z.max(0.0),
        Activation::LeakyRelu if z < 0.0 => slope * z,
        Activation::LeakyRelu => z,
        Activation::Elu if z > 0.0 => z,
        Activation::Elu => z.exp_m1(),
        Activation::Gelu => 0.5 * z * (1.0 + libm::erf(z / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (z + 0.044_715 * z.powi(3));
            0.5 * z * (1.0 + inner.tanh())
        }
        Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Activation::Tanh => z.tanh(),
        Activation::Identity => z,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;

    fn model(text: &str) -> Model {
        Experiment::parse(&format!("[model]\n{text}"), "x.toml", &[]).expect("a model").baseline.model
    }

    fn of(text: &str, parameters: &[&[f32]]) -> Health {
        let tensors: Vec<Vec<f32>> = parameters.iter().map(|tensor| tensor.to_vec()).collect();
        let inputs: Vec<f32> = (0..=100).map(|i| i as f32 / 50.0 - 1.0).collect();
        Health::of(&model(text), [1, 1], [f64::NAN; 2], &tensors, &tensors, &inputs)
    }

    #[test]
    fn pieces_gradients_and_copies_of_a_network_built_by_hand() {
        // |x| − 1/2 from relu(x) and relu(−x), and a copy of the first that nothing takes.
        let health = of("hidden = [3]", &[&[1.0, -1.0, 1.0], &[0.0; 3], &[1.0, 1.0, 0.0], &[-0.5]]);
        assert_eq!((health.linear_regions, health.most_linear_regions), (2.0, 4.0));
        assert_eq!(health.breakpoints, [0.0]);
        assert_eq!(health.identical_units, 2.0 / 3.0);
        assert_eq!(health.saturated_units, 0.0);
        assert_eq!(health.last_gradient, [3.0_f64.sqrt(), 2.0_f64.sqrt()]);
    }

    #[test]
    fn a_unit_is_saturated_beyond_5_for_more_than_half_of_the_points() {
        let sigmoid =
            |weight: f32| of("hidden = [2]\nactivation = \"sigmoid\"", &[&[weight, 1.0], &[0.0; 2], &[1.0; 2], &[0.0]]);
        // |weight·x| > 5 for |x| > 1/2 at 10, for |x| > 5/9 at 9.
        assert_eq!(sigmoid(10.1).saturated_units, 0.5);
        assert_eq!(sigmoid(9.0).saturated_units, 0.0);
        assert!(sigmoid(9.0).linear_regions.is_nan(), "a sigmoid has no pieces");
    }

    #[test]
    fn dead_units_are_no_copies_and_what_is_not_finite_has_no_pieces() {
        let dead = of("hidden = [2]", &[&[0.0, 0.0], &[-1.0, -1.0], &[1.0, 1.0], &[0.0]]);
        assert_eq!((dead.identical_units, dead.linear_regions), (0.0, 1.0));
        for activation in ["relu", "tanh"] {
            let model = format!("hidden = [2]\nactivation = {activation:?}");
            let lost = of(&model, &[&[f32::NAN, 0.0], &[-1.0, -1.0], &[1.0, 1.0], &[0.0]]);
            assert!(
                [lost.linear_regions, lost.identical_units, lost.saturated_units].iter().all(|share| share.is_nan())
            );
        }
    }

    #[test]
    fn a_softmax_over_one_unit_is_one_piece() {
        assert_eq!(
            of("hidden = [2]\noutput = \"softmax\"", &[&[1.0, -1.0], &[0.0; 2], &[1.0; 2], &[0.0]]).linear_regions,
            1.0
        );
    }
}
