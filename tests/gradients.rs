//! The engine's gradients against central differences of a loss computed in f64 by other code: every way in which a step
//! can be computed here, every activation, output, loss and pairing, and shapes that cut tiles, vectors and chunks.
#![cfg(feature = "train")]

mod common;

use common::engines::{Engines, OUTPUTS, TASKS, table, ways};
use misfit::experiment::config::*;
use misfit::train::device::single_threaded;
use misfit::train::engine::Lane;

fn erf(x: f64) -> f64 {
    // e^(−x²) Σ 2ⁿ x^(2n+1)/(2n+1)!!, whose terms have one sign; beyond 6 it is 1 to the last digit.
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    sum * (-x * x).exp() * 2.0 / std::f64::consts::PI.sqrt()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn activate(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Relu => z.max(0.0),
        Activation::LeakyRelu => z.max(0.01 * z),
        Activation::Elu => {
            if z > 0.0 {
                z
            } else {
                z.exp() - 1.0
            }
        }
        Activation::Gelu => z * 0.5 * (1.0 + erf(z / 2f64.sqrt())),
        Activation::GeluTanh => {
            z * 0.5 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (z + 0.044_715 * z.powi(3))).tanh())
        }
        Activation::Sigmoid => sigmoid(z),
        Activation::Tanh => z.tanh(),
        Activation::Identity => z,
    }
}

fn output(output: Output, z: &[f64]) -> Vec<f64> {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = z.iter().map(|z| (z - largest).exp()).sum();
    let one = |&z: &f64| match output {
        Output::Identity => z,
        Output::Relu => z.max(0.0),
        Output::Sigmoid => sigmoid(z),
        Output::Tanh => z.tanh(),
        Output::Softmax => (z - largest).exp() / sum,
        Output::LogSoftmax => z - largest - sum.ln(),
    };
    z.iter().map(one).collect()
}

/// Of a batch norm's columns by the batch's own statistics, in evaluation mode by means of 0 and variances of 1; of a layer norm's rows.
fn normalise(norm: Norm, eps: f64, evaluation: bool, values: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let standard = |of: Vec<f64>| -> Vec<f64> {
        let count = of.len() as f64;
        let mean = of.iter().sum::<f64>() / count;
        let variance = of.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        of.iter().map(|v| (v - mean) / (variance + eps).sqrt()).collect()
    };
    match norm {
        Norm::None => values.to_vec(),
        Norm::Layer => values.iter().map(|row| standard(row.clone())).collect(),
        Norm::Batch if evaluation => {
            values.iter().map(|row| row.iter().map(|v| v / (1.0 + eps).sqrt()).collect()).collect()
        }
        Norm::Batch => {
            let columns: Vec<Vec<f64>> =
                (0..values[0].len()).map(|c| standard(values.iter().map(|row| row[c]).collect())).collect();
            (0..values.len()).map(|r| columns.iter().map(|column| column[r]).collect()).collect()
        }
    }
}

/// The predictions for these rows; `tensors` are the layers', then what norms learn.
fn predict(config: &Config, tensors: &[Vec<f64>], rows: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let model = &config.model;
    let (layers, norms) = tensors.split_at((model.hidden.len() + 1) * (1 + usize::from(model.bias)));
    let (mut layers, mut norms, mut rows) = (layers.iter(), norms.iter(), rows);
    for layer in 0..=model.hidden.len() {
        let weights = layers.next().expect("weights");
        let outputs = weights.len() / rows[0].len();
        let bias = if model.bias { layers.next().expect("biases").clone() } else { vec![0.0; outputs] };
        let product = |row: &Vec<f64>| {
            let mut sums = bias.clone();
            for (value, weights) in row.iter().zip(weights.chunks(outputs)) {
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
            }
            sums
        };
        rows = rows.iter().map(product).collect();
        let Some(&activation) = model.activation.get(layer) else { break };
        let activated = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
            rows.iter().map(|row| row.iter().map(|&z| activate(activation, z)).collect()).collect()
        };
        let Some((norm, by)) = model.normalisation.and_then(|by| Some((*model.norm.get(layer)?, by))) else {
            rows = activated(&rows);
            continue;
        };
        let mut normed = |rows: &[Vec<f64>]| {
            let mut rows = normalise(norm, by.eps, config.train.mode == Mode::Eval, rows);
            if norm != Norm::None {
                let (scale, shift) = (norms.next().expect("scales"), norms.next().expect("shifts"));
                for row in &mut rows {
                    row.iter_mut().zip(scale.iter().zip(shift)).for_each(|(v, (scale, shift))| *v = *v * scale + shift);
                }
            }
            rows
        };
        rows = match by.place {
            NormPlace::Before => activated(&normed(&rows)),
            NormPlace::After => normed(&activated(&rows)),
        };
    }
    rows.iter().map(|row| output(model.output, row)).collect()
}

/// As Keras clips probabilities, in the f32 that the engines compute in.
fn clipped(p: f64) -> f64 {
    p.clamp(f64::from(1e-7_f32), f64::from(0.9999999_f32))
}

/// −Σ y ln p of a row.
fn cross_entropy(from: LossInput, sparse: bool, row: &[f64], y: &[f64]) -> f64 {
    let sum: f64 = row.iter().sum();
    let logs = match (from, sparse) {
        (LossInput::Logits, _) => output(Output::LogSoftmax, row),
        (LossInput::LogProbabilities, _) => row.to_vec(),
        (LossInput::Probabilities, true) => {
            output(Output::LogSoftmax, &row.iter().map(|&p| clipped(p).ln()).collect::<Vec<_>>())
        }
        (LossInput::Probabilities, false) => row.iter().map(|p| clipped(p / sum).ln()).collect(),
    };
    let term = |(j, log): (usize, f64)| {
        let y = if sparse { f64::from(u8::from(y[0] == j as f64)) } else { y[j] };
        if sparse && y == 0.0 { 0.0 } else { -y * log }
    };
    logs.into_iter().enumerate().map(term).sum()
}

fn loss(lane: &Lane, tensors: &[Vec<f64>], x: &[f32], y: &[f32]) -> f64 {
    let (config, coding) = (&lane.config, &lane.data.coding);
    let rows = x.chunks(lane.data.train.columns).map(|row| row.iter().map(|&x| f64::from(x)).collect());
    let predictions = predict(config, tensors, rows.collect());
    let y: Vec<f64> = y.iter().map(|&y| f64::from(y)).collect();
    let delta = config.loss.delta.unwrap_or(1.0);
    let from = config.loss.from.unwrap_or(LossInput::LogProbabilities);
    let error = |prediction: f64, target: f64| {
        let difference = (prediction - target).abs();
        match config.loss.kind {
            LossKind::Mse | LossKind::Sse => difference * difference,
            LossKind::Mae => difference,
            LossKind::Huber if difference <= delta => difference * difference / 2.0,
            LossKind::Huber => delta * (difference - delta / 2.0),
            LossKind::LogCosh => difference.cosh().ln(),
            LossKind::Bce => {
                let [log, other] = match from {
                    LossInput::Logits => [sigmoid(prediction), sigmoid(-prediction)].map(f64::ln),
                    LossInput::Probabilities => [clipped(prediction), 1.0 - clipped(prediction)].map(f64::ln),
                    LossInput::LogProbabilities => [prediction, clipped(1.0 - prediction.exp()).ln()],
                };
                -target * log - (1.0 - target) * other
            }
            other => unreachable!("{other:?}"),
        }
    };
    let rows = predictions.len() as f64;
    let (sum, count): (f64, f64) = match (config.loss.kind, config.loss.pairing) {
        (LossKind::CrossEntropy | LossKind::Nll, _) => {
            let by_row = predictions.iter().zip(y.chunks(coding.width));
            (by_row.map(|(row, y)| cross_entropy(from, coding.sparse, row, y)).sum(), rows)
        }
        (_, Pairing::Matched) => {
            let pairs = predictions.iter().flatten().zip(&y);
            (pairs.map(|(&p, &y)| error(p, y)).sum(), y.len() as f64)
        }
        (_, pairing) => {
            let all = predictions.iter().flatten().map(|&p| y.iter().map(|&y| error(p, y)).sum::<f64>()).sum();
            (all, if pairing == Pairing::BroadcastMean { rows * rows } else { rows })
        }
    };
    let weights = tensors[..(config.model.hidden.len() + 1) * (1 + usize::from(config.model.bias))].iter();
    let weights = weights.step_by(1 + usize::from(config.model.bias)).flatten();
    let penalty: f64 = weights.map(|w| config.loss.l1 * w.abs() + config.loss.l2 * w * w).sum();
    penalty + if config.loss.reduction == Reduction::Sum { sum } else { sum / count }
}

/// The central difference by every `stride`th parameter, with its place.
fn differences(lane: &Lane, parameters: &[Vec<f32>], stride: usize, x: &[f32], y: &[f32]) -> Vec<(usize, usize, f64)> {
    const H: f64 = 1e-6;
    let mut tensors: Vec<Vec<f64>> =
        parameters.iter().map(|tensor| tensor.iter().map(|&p| f64::from(p)).collect()).collect();
    let places: Vec<(usize, usize)> =
        tensors.iter().enumerate().flat_map(|(tensor, of)| (0..of.len()).map(move |i| (tensor, i))).collect();
    let difference = |&(tensor, i): &(usize, usize)| {
        let value = tensors[tensor][i];
        let mut moved = |by: f64| {
            tensors[tensor][i] = value + by;
            loss(lane, &tensors, x, y)
        };
        let slope = (moved(H) - moved(-H)) / (2.0 * H);
        tensors[tensor][i] = value;
        (tensor, i, slope)
    };
    places.iter().skip(stride - 1).step_by(stride).map(difference).collect()
}

/// Compares the gradient of every `stride`th parameter; `tolerance` is relative to the norm of those that are compared.
fn check(config: &Config, stride: usize, tolerance: f64) {
    let lanes = [2, 7].map(|seed| common::lane(config, seed));
    let ways = ways(config, config.loss.kind != LossKind::LogCosh);
    let (losses, states): (Vec<_>, Vec<_>) = ways
        .iter()
        .map(|&way| {
            let mut engines = Engines::new(way, &lanes);
            (engines.gradient(), engines.state())
        })
        .unzip();
    for (at, lane) in lanes.iter().enumerate() {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        lane.batches().expect("batches").next_into(&mut x, &mut y);
        let parameters = &states[0][at].parameters;
        // Rows of zeros that a loss divides by their sum.
        let wide = |tensor: &Vec<f32>| tensor.iter().map(|&p| f64::from(p)).collect();
        if loss(lane, &parameters.iter().map(wide).collect::<Vec<_>>(), &x, &y).is_nan() {
            losses.iter().for_each(|losses| assert!(losses[at].is_nan(), "{:?} {:?}", config.model, config.loss));
            continue;
        }
        let slopes = differences(lane, parameters, stride, &x, &y);
        for (way, states) in ways.iter().zip(&states) {
            assert_eq!(&states[at].parameters, parameters, "{way:?} begins elsewhere");
            let (mut off, mut norm) = (0.0, 0.0);
            for &(tensor, i, slope) in &slopes {
                off += (f64::from(states[at].gradient[tensor][i]) - slope).powi(2);
                norm += slope * slope;
            }
            let error = if off == 0.0 { 0.0 } else { (off / norm).sqrt() };
            let what = format!("{way:?} {:?} {:?}", config.model, config.loss);
            assert!(error <= tolerance, "{what}: gradients are off by {error:e}");
        }
    }
}

fn config(hidden: &str, activation: &str, output: &str, loss: &str, pairing: &str, rows: usize) -> Config {
    common::config(&format!(
        "[data]\ntarget = {{ polynomial = [0.4, -0.5, 0.3, 0.4] }}\ninputs = {{ uniform = {{ from = -1.5, to = 1.5, count = {rows} }} }}\n[model]\nhidden = {hidden}\nactivation = \"{activation}\"\noutput = \"{output}\"\ninit = \"kaiming_uniform\"\ninit_bias = {{ uniform = [-0.5, 0.5] }}\n[loss]\nkind = \"{loss}\"\npairing = \"{pairing}\""
    ))
}

#[test]
fn gradients_agree_with_differences_in_f64_for_every_activation_output_loss_and_pairing() {
    single_threaded();
    for activation in ["relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "identity"] {
        for output in OUTPUTS {
            check(&config("[7, 5]", activation, output, "mse", "matched", 13), 1, 1e-5);
        }
    }
    for loss in ["mse", "sse", "mae", "huber", "log_cosh"] {
        for pairing in ["matched", "broadcast", "broadcast-mean"] {
            check(&config("[7, 5]", "tanh", "identity", loss, pairing, 13), 1, 1e-5);
        }
    }
}

#[test]
fn gradients_agree_with_differences_in_f64_for_shapes_that_cut_tiles_vectors_and_chunks() {
    single_threaded();
    for (hidden, rows, stride) in [
        ("[]", 9, 1),
        ("[1]", 1, 1),
        ("[1, 1]", 2, 1),
        ("[8]", 8, 1),
        ("[16, 16]", 32, 1),
        ("[17, 9, 33]", 5, 3),
        ("[40, 40]", 32, 17),
        ("[45, 45]", 31, 23),
        ("[3, 64, 25, 2]", 11, 7),
        // More rows than a chunk has, and a last one of a single row.
        ("[40, 40]", 385, 97),
        ("[300, 70]", 73, 997),
    ] {
        for activation in ["relu", "leaky_relu", "tanh", "gelu"] {
            check(&config(hidden, activation, "identity", "mse", "matched", rows), stride, 1e-5);
        }
    }
    for pairing in ["broadcast", "broadcast-mean"] {
        for loss in ["mse", "mae", "huber", "log_cosh"] {
            check(&config("[40, 40]", "relu", "identity", loss, pairing, 385), 331, 1e-5);
        }
    }
}

#[test]
fn gradients_of_several_outputs_agree_with_differences_in_f64_for_every_target_loss_and_output() {
    single_threaded();
    for count in [1, 2, 3, 10] {
        let file = table(count, 60);
        for task in TASKS {
            for output in OUTPUTS {
                let (model, rows) = (INIT.replace("HIDDEN", "[5]"), "[batch]\nsize = 13");
                let tolerance = if task.sound(output) { 3e-5 } else { 1e-3 };
                check(&task.config(&file, count, output, &model, rows), 1 + count / 3, tolerance);
            }
        }
    }
    // More rows than a chunk has.
    let file = table(10, 200);
    for task in TASKS {
        let model = INIT.replace("HIDDEN", "[300, 70]");
        check(&task.config(&file, 10, "softmax", &model, "[batch]\nsize = 25"), 1999, 3e-5);
    }
}

/// Compares the gradient of every `stride`th parameter, those of norms among them, after some updates, which make scales and shifts what they did not
/// begin with; each way at its own parameters.
fn check_norms(config: &Config, stride: usize, tolerance: f64) {
    let lanes = [2, 7].map(|seed| common::lane(config, seed));
    for way in ways(config, true) {
        let mut engines = Engines::new(way, &lanes);
        for _ in 0..3 {
            engines.gradient();
            engines.update();
        }
        let losses = engines.gradient();
        for ((lane, state), ours) in lanes.iter().zip(engines.state()).zip(losses) {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            lane.batches().expect("batches").next_into(&mut x, &mut y);
            let [parameters, gradient] = state.whole();
            let wide: Vec<Vec<f64>> = parameters.iter().map(|t| t.iter().map(|&p| f64::from(p)).collect()).collect();
            let (exact, what) = (loss(lane, &wide, &x, &y), format!("{way:?} {:?}", config.model));
            assert!((f64::from(ours) - exact).abs() <= tolerance * exact.abs(), "{what}: a loss of {ours} and {exact}");
            let (mut off, mut norm, mut of_norms) = (0.0, 0.0, 0.0);
            for (tensor, i, slope) in differences(lane, &parameters, stride, &x, &y) {
                off += (f64::from(gradient[tensor][i]) - slope).powi(2);
                norm += slope * slope;
                let learnt = tensor >= (config.model.hidden.len() + 1) * (1 + usize::from(config.model.bias));
                of_norms += if learnt { slope * slope } else { 0.0 };
            }
            let error = (off / norm).sqrt();
            assert!(error <= tolerance, "{what}: gradients are off by {error:e}");
            assert!(of_norms > 0.0 || stride > 1, "{what}: norms' gradients count");
        }
    }
}

#[test]
fn gradients_through_norms_agree_with_differences_in_f64_for_every_norm_place_and_activation() {
    single_threaded();
    for activation in ["relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "identity"] {
        for (nth, norm) in
            ["\"batch\"", "\"layer\"", "[\"batch\", \"none\"]", "[\"none\", \"batch\"]", "[\"layer\", \"batch\"]"]
                .into_iter()
                .enumerate()
        {
            for place in ["before", "after"] {
                let more = ["", "bias = false", "norm_eps = 0.1"][nth % 3];
                // Columns that cut a block of 8, of 4 and of 1, and rows beyond what goes through at once where no norm is a batch's.
                for (hidden, rows) in
                    [("[13, 6]", 13), ("[4, 3]", 2), ("[70, 9]", if norm.contains("batch") { 40 } else { 385 })]
                {
                    if rows > 13 && activation != "gelu" && activation != "leaky_relu" {
                        continue;
                    }
                    for mode in if rows > 13 { &["train"][..] } else { &["train", "eval"] } {
                        check_norms(
                            &common::config(&format!(
                                "[data]\ntarget = {{ polynomial = [0.4, -0.5, 0.3, 0.4] }}\ninputs = {{ uniform = {{ from = -1.5, to = 1.5, count = {rows} }} }}\n[model]\nhidden = {hidden}\nactivation = {activation:?}\nnorm = {norm}\nnorm_place = {place:?}\n{more}\ninit = \"kaiming_uniform\"\ninit_bias = {{ uniform = [-0.5, 0.5] }}\n[loss]\nl1 = 0.001\nl2 = 0.002\n[optimizer]\nkind = \"sgd\"\nlearning_rate = 0.01\n[train]\nmode = {mode:?}\nsteps = 9"
                            )),
                            if rows > 13 { 29 } else { 1 },
                            // Sums over many rows have more of libtorch's rounding; over two, a batch norm's gradient is almost 0.
                            if rows == 13 { 1e-4 } else { 1e-3 },
                        );
                    }
                }
            }
        }
    }
}

const INIT: &str =
    "hidden = HIDDEN\nactivation = \"tanh\"\ninit = \"kaiming_uniform\"\ninit_bias = { uniform = [-0.5, 0.5] }";
