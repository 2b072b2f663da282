//! Every loss on every kind of target that a file can have, of one output or several: against PyTorch's own functions and
//! Keras' (tests/losses.csv, which tests/losses.py made), and against formulas and differences in f64 that stand here.
#![cfg(feature = "train")]

mod common;

use std::io::Write;

use common::engines::{Engines, ways};
use misfit::experiment::config::*;
use misfit::train::device::single_threaded;
use misfit::train::engine::Engine;
use misfit::train::fused;
use misfit::train::torch::Torch;
use serde::Deserialize;
use tch::Device;

const OUTPUTS: [&str; 6] = ["identity", "relu", "sigmoid", "tanh", "softmax", "log_softmax"];
const FROM: [&str; 3] = ["logits", "probabilities", "log_probabilities"];
/// Columns, how they reach the loss, and the numbers of a row that it then takes.
const TARGETS: [(&str, &str, usize); 11] = [
    ("numbers", "", 3),
    ("labels", "", 3),
    ("labels", "plus-minus", 3),
    ("two", "index", 1),
    ("two", "one-hot", 2),
    ("two", "plus-minus", 1),
    ("two", "number", 1),
    ("three", "index", 1),
    ("three", "one-hot", 3),
    ("three", "plus-minus", 3),
    ("three", "number", 1),
];

/// The rows of tests/losses.py: inputs, numbers, labels, and the places of two and of three classes.
type Row = ([f64; 3], [f64; 3], [u8; 3], usize, usize);
const ROWS: [Row; 6] = [
    ([0.9, -0.4, 0.3], [0.7, -1.2, 0.0], [1, 0, 1], 0, 0),
    ([-0.7, 0.8, 0.5], [2.5, 0.3, 1.0], [0, 0, 1], 1, 2),
    ([0.2, 0.1, -0.9], [-0.4, 0.9, 3.0], [1, 1, 0], 1, 1),
    ([0.6, 0.7, -0.2], [1.1, 0.0, 0.2], [0, 1, 0], 0, 0),
    ([-0.3, -0.8, 0.4], [0.6, 4.0, -0.8], [1, 0, 0], 1, 1),
    ([0.1, 0.5, 0.8], [0.1, 0.5, 0.9], [0, 1, 1], 0, 2),
];
const WEIGHTS: [[f32; 3]; 3] = [[1.1, -0.6, 0.4], [-0.3, 0.9, 0.7], [0.5, 0.2, -0.8]];
const BIASES: [f32; 3] = [0.2, -0.1, 0.3];
const TWO: [f64; 2] = [3.0, 4.0];
const THREE: [f64; 3] = [2.0, 5.0, 9.0];

fn file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "a,b,c,y0,y1,y2,l0,l1,l2,two,three").expect("written");
    for (x, y, labels, two, three) in &ROWS {
        let numbers: Vec<String> = x.iter().chain(y).map(ToString::to_string).collect();
        let [l0, l1, l2] = labels;
        writeln!(file, "{},{l0},{l1},{l2},{},{}", numbers.join(","), TWO[*two], THREE[*three]).expect("written");
    }
    file
}

/// A linear model of one layer.
struct Case<'a> {
    target: &'a str,
    labels: &'a str,
    units: usize,
    output: &'a str,
    kind: &'a str,
    from: &'a str,
    reduction: &'a str,
}

impl Case<'_> {
    fn config(&self, file: &tempfile::NamedTempFile) -> Config {
        let Case { target, labels, units, output, kind, from, reduction } = self;
        let columns = match *target {
            "numbers" => "outputs = [\"y0\", \"y1\", \"y2\"]".to_owned(),
            "labels" => "outputs = [\"l0\", \"l1\", \"l2\"]".to_owned(),
            class => format!("class = {class:?}"),
        };
        let key = |name: &str, word: &str| if word.is_empty() { String::new() } else { format!("{name} = {word:?}\n") };
        common::config(&format!(
            "[data]\ntarget = {{ csv = {:?}, inputs = [\"a\", \"b\", \"c\"], {columns} }}\nholdout = 0\n{}[model]\nhidden = []\noutputs = {units}\noutput = {output:?}\ninit = \"pytorch\"\n[loss]\nkind = {kind:?}\nreduction = {reduction:?}\n{}",
            file.path(),
            key("labels", labels),
            key("from", from)
        ))
    }
}

/// A row of tests/losses.csv; the gradient is that of the weights, input after input, and then of the biases.
#[derive(Deserialize)]
struct Known {
    target: String,
    labels: String,
    outputs: usize,
    output: String,
    kind: String,
    from: String,
    reduction: String,
    by: String,
    loss: f64,
    gradient: String,
}

#[test]
fn losses_and_gradients_are_those_of_pytorchs_and_keras_own_functions() {
    single_threaded();
    let file = file();
    let text = std::fs::read_to_string("tests/losses.csv").expect("tests/losses.csv");
    let mut rows = 0;
    for known in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let Known { target, labels, outputs: units, output, kind, from, reduction, by, loss, gradient } =
            known.expect("a row");
        let case = Case {
            target: &target,
            labels: &labels,
            units,
            output: &output,
            kind: &kind,
            from: &from,
            reduction: &reduction,
        };
        let what = format!("{by}: {units} {output} for {target} as {labels}, {kind} of {from}, {reduction}");
        let config = case.config(&file);
        let lane = common::lane(&config, 1);
        let weights = WEIGHTS.iter().flat_map(|row| row[..units].to_vec()).collect();
        for lanes in [vec![lane.clone()], vec![lane.clone(), lane.clone()]] {
            let mut engine = Torch::new(&lanes, Device::Cpu).expect("an engine");
            let begin: Vec<Vec<f32>> = vec![Vec::clone(&weights), BIASES[..units].to_vec()];
            engine.set_parameters(&begin).expect("parameters");
            let ours = f64::from(*engine.gradient(true).expect("a gradient").last().expect("a loss"));
            let theirs: Vec<f64> = gradient.split(' ').map(|number| number.parse().expect("a number")).collect();
            assert!(same(ours, loss, loss.abs() + 0.1), "{what}: a loss of {ours} instead of {loss}");
            let state = engine.state().expect("a state").pop().expect("a lane");
            let ours = state.gradient.concat();
            let norm = theirs.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
            assert_eq!(ours.len(), theirs.len(), "{what}");
            for (&ours, &theirs) in ours.iter().zip(&theirs) {
                assert!(
                    same(f64::from(ours), theirs, norm + cancelled(&kind, loss)),
                    "{what}: {ours} instead of {theirs} of {norm}"
                );
            }
        }
        rows += 1;
    }
    assert!(rows > 250, "{rows} rows");
}

/// Whether two numbers are within a 100 000th of their size, or both not a number.
fn same(ours: f64, theirs: f64, size: f64) -> bool {
    (ours - theirs).abs() <= 1e-5 * size || (ours.is_nan() && theirs.is_nan())
}

/// How large what cancels in a slope may be. Errors of targets of 0 are divided by 1e-7.
fn cancelled(kind: &str, loss: f64) -> f64 {
    0.1 + if kind == "mape" { loss.abs() } else { 0.0 }
}

/// As f32 has 1e-7 and 1 − 1e-7.
fn clip(p: f64) -> f64 {
    if p.is_nan() { p } else { p.clamp(f64::from(1e-7_f32), f64::from((1.0 - 1e-7) as f32)) }
}

fn log_softmax(z: &[f64]) -> Vec<f64> {
    // 0 for a single unit, to the last digit.
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = z.iter().map(|z| (z - largest).exp()).sum();
    z.iter().map(|z| z - largest - sum.ln()).collect()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn output(output: Output, z: &[f64]) -> Vec<f64> {
    let each = |f: fn(f64) -> f64| z.iter().map(|&z| f(z)).collect();
    match output {
        Output::Identity => z.to_vec(),
        Output::Relu => each(|z| z.max(0.0)),
        Output::Sigmoid => each(sigmoid),
        Output::Tanh => each(f64::tanh),
        Output::Softmax => log_softmax(z).into_iter().map(f64::exp).collect(),
        Output::LogSoftmax => log_softmax(z),
    }
}

/// The loss of one prediction and one target.
fn element(loss: &Loss, p: f64, y: f64) -> f64 {
    let d = (p - y).abs();
    match loss.kind {
        LossKind::Mse | LossKind::Sse => d * d,
        LossKind::Mae => d,
        LossKind::Huber => {
            if d <= 1.0 {
                d * d / 2.0
            } else {
                d - 0.5
            }
        }
        LossKind::LogCosh => d.cosh().ln(),
        LossKind::Mape => 100.0 * d / y.abs().max(1e-7),
        LossKind::Poisson => p - y * (p + 1e-7).ln(),
        LossKind::Hinge => (1.0 - y * p).max(0.0),
        LossKind::Bce => {
            let (is, is_not) = match loss.from.expect("bce has it") {
                LossInput::Logits => (-(1.0 + (-p).exp()).ln(), -(1.0 + p.exp()).ln()),
                LossInput::Probabilities => (clip(p).ln(), (1.0 - clip(p)).ln()),
                LossInput::LogProbabilities => (p, clip(1.0 - p.exp()).ln()),
            };
            -y * is - (1.0 - y) * is_not
        }
        LossKind::CrossEntropy | LossKind::Nll | LossKind::TorchScript => unreachable!("no loss of elements"),
    }
}

/// The loss of a row: a class' own unit, or units weighted by targets.
fn of_row(loss: &Loss, labels: &str, classes: bool, p: &[f64], y: &[f64]) -> f64 {
    let index = classes && labels == "index";
    let logs = match (loss.kind, loss.from) {
        (LossKind::CrossEntropy, Some(LossInput::Logits)) => log_softmax(p),
        // ln of p over the sum of the clipped, which is what Keras on TensorFlow makes of places.
        (LossKind::CrossEntropy, Some(LossInput::Probabilities)) if index => {
            let sum: f64 = p.iter().map(|&p| clip(p)).sum();
            p.iter().map(|&p| (clip(p) / sum).ln()).collect()
        }
        (LossKind::CrossEntropy, Some(LossInput::Probabilities)) => {
            let sum: f64 = p.iter().sum();
            p.iter().map(|p| clip(p / sum).ln()).collect()
        }
        _ => p.to_vec(),
    };
    if index {
        return logs.get(y[0] as usize).map_or(0.0, |log| -log);
    }
    (0..logs.len().max(y.len())).map(|at| -y[at % y.len()] * logs[at % logs.len()]).sum()
}

/// A row's targets as the loss takes them.
fn targets(target: &str, labels: &str, row: &Row) -> Vec<f64> {
    let (_, numbers, switches, two, three) = row;
    let sign = |is: bool| if is { 1.0 } else { -1.0 };
    let (place, names) = if target == "two" { (*two, &TWO[..]) } else { (*three, &THREE[..]) };
    match (target, labels) {
        ("numbers", _) => numbers.to_vec(),
        ("labels", "") => switches.map(f64::from).to_vec(),
        ("labels", _) => switches.map(|label| sign(label == 1)).to_vec(),
        (_, "index") => vec![place as f64],
        (_, "number") => vec![names[place]],
        ("two", "plus-minus") => vec![sign(place == 1)],
        (_, "plus-minus") => (0..names.len()).map(|class| sign(class == place)).collect(),
        _ => (0..names.len()).map(|class| f64::from(u8::from(class == place))).collect(),
    }
}

fn whole_loss(case: &Case, config: &Config, parameters: &[f64]) -> f64 {
    let (weights, biases) = parameters.split_at(3 * case.units);
    let rowwise = matches!(config.loss.kind, LossKind::CrossEntropy | LossKind::Nll);
    let classes = matches!(case.target, "two" | "three");
    let (mut sum, mut elements) = (0.0, 0);
    for row in &ROWS {
        let z: Vec<f64> = (0..case.units)
            .map(|j| biases[j] + (0..3).map(|i| row.0[i] * weights[i * case.units + j]).sum::<f64>())
            .collect();
        // Hinge takes labels for −1 and 1 unless it is told otherwise.
        let labels = if case.kind == "hinge" && case.target == "labels" { "plus-minus" } else { case.labels };
        let (p, y) = (output(config.model.output, &z), targets(case.target, labels, row));
        if rowwise {
            sum += of_row(&config.loss, case.labels, classes, &p, &y);
            elements += 1;
        } else {
            let width = p.len().max(y.len());
            sum += (0..width).map(|at| element(&config.loss, p[at % p.len()], y[at % y.len()])).sum::<f64>();
            elements += width;
        }
    }
    if case.reduction == "sum" { sum } else { sum / elements as f64 }
}

#[test]
fn losses_of_every_target_label_width_and_output_are_the_formulas_and_gradients_their_differences_in_f64() {
    single_threaded();
    let file = file();
    let kinds = LossKind::WORDS.iter().flat_map(|&(kind, loss)| match loss {
        // A module's formula is its own: tests/modules.rs.
        LossKind::TorchScript => Vec::new(),
        LossKind::Bce | LossKind::CrossEntropy => FROM.map(|from| (kind, from)).to_vec(),
        _ => vec![(kind, "")],
    });
    let mut seen = 0;
    for (kind, from) in kinds {
        for (target, labels, width) in TARGETS {
            let sparse = labels == "index" && matches!(kind, "cross_entropy" | "nll");
            let classes = if target == "two" { 2 } else { 3 };
            let allowed =
                |&units: &usize| units == width || units == 1 || (width == 1 && (!sparse || units >= classes));
            for units in (1..=4).filter(allowed) {
                for output in OUTPUTS {
                    for reduction in ["mean", "sum"].into_iter().filter(|&word| kind != "sse" || word == "sum") {
                        check(&Case { target, labels, units, output, kind, from, reduction }, &file);
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 3000, "{seen}");
}

fn check(case: &Case, file: &tempfile::NamedTempFile) {
    const H: f64 = 1e-6;
    let kind = case.kind;
    let config = case.config(file);
    let lanes = [2, 7].map(|seed| common::lane(&config, seed));
    for way in ways(&config, fused::covers(&config).is_ok()) {
        let mut engines = Engines::new(way, &lanes);
        let losses = engines.gradient();
        for (state, &loss) in engines.state().iter().zip(&losses) {
            let what = || {
                let Case { target, labels, units, output, kind, from, reduction } = case;
                format!("{way:?}: {units} {output} for {target} as {labels}, {kind} of {from}, {reduction}")
            };
            let mut parameters: Vec<f64> = state.parameters.concat().into_iter().map(f64::from).collect();
            let exact = whole_loss(case, &config, &parameters);
            assert!(same(f64::from(loss), exact, exact.abs() + 1.0), "{}: a loss of {loss}, not {exact}", what());
            let slopes: Vec<f64> = (0..parameters.len())
                .map(|at| {
                    let value = parameters[at];
                    let mut moved = |by: f64| {
                        parameters[at] = value + by;
                        whole_loss(case, &config, &parameters)
                    };
                    let slope = (moved(H) - moved(-H)) / (2.0 * H);
                    parameters[at] = value;
                    slope
                })
                .collect();
            let norm = slopes.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
            // What a difference of two losses of this size has left.
            let rounding = 1e-16 * exact.abs() / H;
            for (&ours, &slope) in state.gradient.concat().iter().zip(&slopes) {
                let near = same(f64::from(ours), slope, norm + cancelled(kind, exact) + 1e5 * rounding);
                assert!(near || loss.is_nan(), "{}: {ours} instead of {slope} of {norm}", what());
            }
        }
    }
}

/// Kept where the clip ends what can be learnt.
#[test]
fn a_probability_beyond_the_clip_has_the_loss_of_the_clip_and_no_gradient() {
    single_threaded();
    let file = file();
    let case = |units, kind, labels| Case {
        target: "two",
        labels,
        units,
        output: "identity",
        kind,
        from: "probabilities",
        reduction: "mean",
    };
    for (case, bias, loss) in [
        // −ln of 1e-7 and of 1 − 1e-7, and of what is 1 less an f32 next to 1.
        (case(1, "bce", "index"), -3.0, 16.118_095_650_958_32 / 2.0),
        (case(1, "bce", "index"), 3.0, 15.942_385_152_878_742 / 2.0),
        (case(1, "bce", "number"), 3.0, -39.3),
        (case(2, "cross_entropy", "index"), -3.0, std::f64::consts::LN_2),
        (case(2, "cross_entropy", "index"), 3.0, std::f64::consts::LN_2),
    ] {
        let config = case.config(&file);
        let mut engine = Torch::new(&[common::lane(&config, 1)], Device::Cpu).expect("an engine");
        engine.set_parameters(&[vec![0.0; 3 * case.units], vec![bias; case.units]]).expect("parameters");
        let ours = engine.gradient(true).expect("a gradient")[0];
        if case.labels != "number" {
            assert!(same(f64::from(ours), loss, 1.0), "{} {bias}: {ours} instead of {loss}", case.kind);
        } else {
            assert!(ours < -30.0, "labels of 3 and 4 have no least loss: {ours}");
        }
        assert!(engine.state().expect("a state")[0].gradient.concat().iter().all(|&slope| slope == 0.0), "{bias}");
    }
}
