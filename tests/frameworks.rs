//! `framework` does what the framework does: from equal weights and batches, with what it leaves to its own defaults left to
//! it, 100 steps have the losses of PyTorch, Keras and Flax themselves (tests/frameworks.py). Keras and Flax are asked each time;
//! PyTorch is too large to be installed for that, so its losses stand in tests/frameworks.jsonl, which scripts/frameworks made.
#![cfg(feature = "train")]

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::engines::table;
use misfit::experiment::config::{Config, Norm};
use misfit::train::device::single_threaded;
use misfit::train::dropout::Dropout;
use misfit::train::engine::{Engine, Lane};
use misfit::train::fused::{self, Fused};
use misfit::train::torch::Torch;
use serde_json::{Value, json};
use tch::Device;

const STEPS: usize = 100;

/// What is trained: each part as an experiment file has it, `learn` as `[optimizer]`'s keys in JSON too.
#[derive(Clone)]
struct Case {
    framework: &'static str,
    target: &'static str,
    output: &'static str,
    loss: &'static str,
    model: &'static str,
    learn: Value,
    more: &'static str,
}

/// What most cases have.
fn case(framework: &'static str) -> Case {
    Case {
        framework,
        target: "numbers",
        output: "identity",
        loss: "kind = \"mse\"",
        model: "",
        learn: json!({ "kind": "adam", "learning_rate": 0.01 }),
        more: "",
    }
}

/// Targets, an output and a loss, and which of pytorch, keras and flax have it.
const LOSSES: [(&str, &str, &str, &str); 19] = [
    ("numbers", "identity", "kind = \"mse\"", "pytorch keras flax"),
    ("numbers", "identity", "kind = \"mae\"", "pytorch keras"),
    ("numbers", "tanh", "kind = \"huber\"", "pytorch keras flax"),
    ("numbers", "identity", "kind = \"log_cosh\"", "keras flax"),
    ("numbers", "identity", "kind = \"mape\"", "keras"),
    ("labels", "sigmoid", "kind = \"poisson\"", "pytorch keras"),
    ("class plus-minus", "identity", "kind = \"hinge\"", "keras flax"),
    ("labels", "sigmoid", "kind = \"bce\"", "pytorch keras"),
    ("labels", "identity", "kind = \"bce\"\nfrom = \"logits\"", "pytorch keras flax"),
    // Outputs that no probability has: Keras clips them, PyTorch refuses them.
    ("labels", "identity", "kind = \"bce\"\nfrom = \"probabilities\"", "pytorch keras"),
    ("labels", "relu", "kind = \"bce\"\nfrom = \"probabilities\"", "keras"),
    ("class one-hot", "softmax", "kind = \"cross_entropy\"", "pytorch keras flax"),
    ("class one-hot", "sigmoid", "kind = \"cross_entropy\"", "keras"),
    ("class one-hot", "identity", "kind = \"cross_entropy\"\nfrom = \"logits\"", "pytorch keras flax"),
    ("class index", "identity", "kind = \"cross_entropy\"\nfrom = \"logits\"", "pytorch keras flax"),
    ("class index", "softmax", "kind = \"cross_entropy\"", "pytorch keras flax"),
    ("class index", "sigmoid", "kind = \"cross_entropy\"", "keras"),
    ("class index", "log_softmax", "kind = \"nll\"", "pytorch"),
    ("class index", "log_softmax", "kind = \"cross_entropy\"\nfrom = \"log_probabilities\"", "pytorch"),
];

/// Settings of optimizers, and who has them. A rate that is left out is the framework's own.
fn optimizers() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "kind": "adam" }), "pytorch keras"),
        (json!({ "kind": "adam", "learning_rate": 0.01, "betas": [0.8, 0.9], "eps": 0.01 }), "pytorch keras flax"),
        (json!({ "kind": "adam", "learning_rate": 0.01, "weight_decay": 0.1 }), "pytorch keras flax"),
        (json!({ "kind": "adamw" }), "pytorch keras"),
        (json!({ "kind": "adamw", "learning_rate": 0.01 }), "flax"),
        (json!({ "kind": "sgd" }), "pytorch keras"),
        (json!({ "kind": "sgd", "learning_rate": 0.05, "momentum": 0.9 }), "pytorch keras flax"),
        (json!({ "kind": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": true }), "pytorch keras flax"),
        (json!({ "kind": "sgd", "learning_rate": 0.05, "weight_decay": 0.1, "momentum": 0.5 }), "pytorch keras flax"),
        (json!({ "kind": "rmsprop" }), "pytorch keras"),
        (json!({ "kind": "rmsprop", "learning_rate": 0.003, "eps": 0.001 }), "pytorch keras flax"),
        (json!({ "kind": "rmsprop", "learning_rate": 0.003, "momentum": 0.5 }), "pytorch keras"),
        (json!({ "kind": "rmsprop", "learning_rate": 0.003, "weight_decay": 0.1 }), "pytorch keras flax"),
        (json!({ "kind": "sgd", "learning_rate": 0.2, "clip_norm": 0.1 }), "pytorch keras flax"),
        (json!({ "kind": "sgd", "learning_rate": 0.2, "clip_norm": 0.001, "clip_over": "all" }), "pytorch"),
        (json!({ "kind": "sgd", "learning_rate": 0.2, "clip_norm": 0.1, "clip_over": "global" }), "keras flax"),
        (json!({ "kind": "sgd", "learning_rate": 0.2, "clip_value": 0.02 }), "pytorch keras flax"),
    ]
}

/// Keys of `[model]` with further lines, and who has them. Batch norms learn by gradient descent: Adam takes a whole step by the sign of
/// a gradient that is only rounding, as behind a batch norm that of a unit which one row of the batch turns on; and a ReLU's kink makes much of little.
const LAYERS: [(&str, &str, &str); 16] = [
    ("activation = \"leaky_relu\"", "", "pytorch keras flax"),
    ("activation = \"elu\"", "", "pytorch keras flax"),
    ("activation = \"gelu\"", "", "pytorch keras flax"),
    ("activation = \"sigmoid\"\nbias = false", "", "pytorch keras flax"),
    ("activation = \"tanh\"\ndropout = 0.3", "", "pytorch keras flax"),
    ("dropout = [0.5, 0.0]", "[loss]\nl1 = 0.01\nl2 = 0.02", "pytorch keras flax"),
    ("activation = \"gelu\"\ndropout = 0.25", "", "pytorch keras"),
    ("activation = \"tanh\"\nnorm = \"batch\"", "", "pytorch keras flax"),
    ("activation = \"tanh\"\nnorm = [\"batch\", \"none\"]\ndropout = 0.2", "", "pytorch keras flax"),
    ("activation = \"tanh\"\nnorm = \"layer\"", "", "pytorch keras flax"),
    ("activation = \"tanh\"\nnorm = [\"batch\", \"layer\"]\nnorm_eps = 1e-3", "", "keras"),
    ("activation = \"tanh\"\nfrozen = [0]", "", "pytorch keras flax"),
    ("activation = \"tanh\"\nnorm = \"batch\"\nfrozen = [1]", "", "pytorch keras"),
    ("activation = \"tanh\"\nnorm = \"batch\"\ndropout = 0.5", "[train]\nmode = \"eval\"", "pytorch keras flax"),
    ("activation = \"tanh\"", "[optimizer]\nwithout = [0, 2]", "pytorch flax"),
    ("activation = \"tanh\"", "[optimizer]\nzero_grad = false", "pytorch"),
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for framework in ["pytorch", "keras", "flax"] {
        for (target, output, loss, who) in LOSSES {
            if who.contains(framework) {
                cases.push(Case { target, output, loss, ..case(framework) });
            }
        }
        for (learn, who) in optimizers() {
            if who.contains(framework) {
                cases.push(Case { learn, ..case(framework) });
            }
        }
        for (model, more, who) in LAYERS {
            if who.contains(framework) {
                let norm = model.contains("norm");
                let learn = if norm { json!({ "kind": "sgd", "learning_rate": 0.05 }) } else { case(framework).learn };
                cases.push(Case { model, more, learn, ..case(framework) });
            }
        }
    }
    cases
}

impl Case {
    fn name(&self) -> String {
        let Case { framework, target, output, loss, model, learn, more } = self;
        [framework, target, output, loss, model, learn.to_string().as_str(), more].join(" | ").replace('\n', "; ")
    }

    fn config(&self, file: &Path) -> Config {
        let (target, labels) = match self.target.split_once(' ') {
            Some((class, labels)) => (format!("class = {class:?}"), format!("labels = {labels:?}")),
            None => {
                let letter = &self.target[..1];
                let letter = if letter == "n" { "y" } else { letter };
                (format!("outputs = [\"{letter}0\", \"{letter}1\", \"{letter}2\"]"), String::new())
            }
        };
        let learn = self.learn.as_object().expect("keys").iter();
        let learn = learn.map(|(key, value)| format!("optimizer.{key} = {value}\n")).collect::<String>();
        // Tables may not be opened twice: a section's keys are written with its name before them.
        let dotted =
            |section: &str, keys: &str| keys.lines().map(|key| format!("{section}.{key}\n")).collect::<String>();
        let more = match self.more.split_once('\n') {
            Some((section, keys)) => dotted(section.trim_matches(['[', ']']), keys),
            None => String::new(),
        };
        common::config(&format!(
            "framework = {:?}\ndata.target = {{ csv = {file:?}, inputs = [\"a\", \"b\", \"c\"], {target} }}\ndata.holdout = 0\n{}batch.size = 7\nbatch.draw = \"epoch\"\nmodel.hidden = [6, 5]\nmodel.output = {:?}\n{}{}{learn}train.steps = {STEPS}\n{more}",
            self.framework,
            dotted("data", &labels),
            self.output,
            dotted("model", self.model),
            dotted("loss", self.loss),
        ))
    }

    /// The same for tests/frameworks.py: parameters, batches and masks, and at the end all rows in evaluation mode.
    fn told(&self, lane: &Lane, engine: &dyn Engine) -> Value {
        let Config { model, loss, optimizer, train, .. } = &lane.config;
        let hidden = model.hidden.len();
        let mut batches = lane.batches().expect("batches");
        let mut dropout = Dropout::new(lane);
        let mut steps = Vec::new();
        let mut masks = Vec::new();
        for _ in 0..STEPS {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            let rows = batches.next_into(&mut x, &mut y);
            steps.push(json!({ "rows": rows, "x": x, "y": y }));
            if let Some(dropout) = &mut dropout {
                let mask = |layer: usize| {
                    let mut mask = vec![0.0; rows * model.hidden[layer]];
                    dropout.mask(layer, 0, &mut mask);
                    mask.into_iter().map(|kept| f32::from(kept > 0.0)).collect::<Vec<f32>>()
                };
                masks.push((0..hidden).map(mask).collect::<Vec<_>>());
                dropout.advance();
            }
        }
        let all = &lane.data.train;
        let (x, y) = (lane.data.scaled_inputs(all), lane.data.coded_targets(all));
        steps.push(json!({ "rows": all.rows(), "x": x, "y": y, "evaluate": true }));
        masks.push(model.hidden.iter().map(|units| vec![1.0; units * all.rows()]).collect());
        let from = loss.from.map(|from| json!(from));
        // What the experiment leaves to the framework is left to it there too.
        let mut learn = self.learn.clone();
        if learn["clip_over"] == json!("global") {
            learn["clip_over"] = json!("all");
        }
        json!({
            "framework": self.framework,
            "widths": lane.widths(),
            "activation": model.activation.iter().map(|a| if a.word() == "gelu_tanh" { "gelu" } else { a.word() }).collect::<Vec<_>>(),
            "output": model.output,
            "bias": model.bias,
            "norm": (0..hidden).map(|at| model.norm.get(at).copied().unwrap_or(Norm::None)).collect::<Vec<_>>(),
            "masks": (!model.dropout.is_empty()).then_some(masks),
            "dropout": model.dropout,
            "loss": { "kind": loss.kind, "from": from, "sparse": lane.data.coding.sparse, "l1": loss.l1, "l2": loss.l2 },
            "optimizer": learn,
            "zero_grad": optimizer.zero_grad,
            "frozen": model.frozen,
            "without": optimizer.without,
            "mode": train.mode,
            "parameters": engine.state().expect("a state")[0].parameters,
            "batches": steps,
        })
    }
}

/// The losses of all steps, and at the end that of all rows in evaluation mode.
fn losses(lane: &Lane, mut engine: Box<dyn Engine>) -> Vec<f64> {
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        losses.push(f64::from(engine.gradient(true).expect("a gradient")[0]));
        engine.update(false).expect("an update");
    }
    let all = &lane.data.train;
    let rows = (lane.data.scaled_inputs(all), lane.data.coded_targets(all));
    losses.push(f64::from(engine.losses(&[rows]).expect("a loss")[0]));
    losses
}

/// What tests/frameworks.py answers, a line for each case.
fn ask(mut python: Command, told: &[String]) -> Vec<Value> {
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frameworks.py"));
    python.envs([("KERAS_BACKEND", "jax"), ("JAX_PLATFORMS", "cpu"), ("CUDA_VISIBLE_DEVICES", "")]);
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let mut to = child.stdin.take().expect("its input");
    let text = told.join("\n") + "\n";
    let writer = std::thread::spawn(move || to.write_all(text.as_bytes()));
    let out = child.wait_with_output().expect("its output");
    writer.join().expect("a thread").expect("all was read");
    assert!(out.status.success(), "tests/frameworks.py failed");
    let lines = String::from_utf8(out.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// PyTorch's losses by case, as they are kept.
fn kept() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frameworks.jsonl")
}

/// What the framework says of each case, and nothing where it cannot be asked here.
fn answers(framework: &str, cases: &[(&Case, Value)]) -> Option<Vec<Value>> {
    let told: Vec<String> = cases.iter().map(|(_, told)| told.to_string()).collect();
    // scripts/frameworks has all of them installed, and keeps what PyTorch says.
    let peers = std::env::var_os("MISFIT_FRAMEWORKS");
    if framework != "pytorch" || peers.is_some() {
        let python = match peers {
            Some(python) => Command::new(python),
            None => common::python_with_frameworks()?,
        };
        let answers = ask(python, &told);
        if framework == "pytorch" {
            let line = |((case, _), answer): (&(&Case, Value), &Value)| format!("{}\n", json!([case.name(), answer]));
            let text: String = cases.iter().zip(&answers).map(line).collect();
            std::fs::write(kept(), text).expect("written");
        }
        return Some(answers);
    }
    let text = std::fs::read_to_string(kept()).expect("tests/frameworks.jsonl");
    let known: BTreeMap<String, Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |(case, _): &(&Case, Value)| {
        known
            .get(&case.name())
            .cloned()
            .unwrap_or_else(|| panic!("no losses of {}: run scripts/frameworks", case.name()))
    };
    Some(cases.iter().map(of).collect())
}

fn agree(framework: &str) {
    single_threaded();
    let file = table(3, 24);
    let all = cases();
    let mine: Vec<&Case> = all.iter().filter(|case| case.framework == framework).collect();
    let lanes: Vec<Lane> = mine.iter().map(|case| common::lane(&case.config(file.path()), 3)).collect();
    let torch = |lane: &Lane| -> Box<dyn Engine> {
        Box::new(Torch::new(std::slice::from_ref(lane), Device::Cpu).expect("an engine"))
    };
    let told = mine.iter().zip(&lanes).map(|(case, lane)| (*case, case.told(lane, &*torch(lane)))).collect::<Vec<_>>();
    let Some(answers) = answers(framework, &told) else { return };
    let mut wrong = Vec::new();
    for ((case, lane), answer) in mine.iter().zip(&lanes).zip(answers) {
        let name = case.name();
        let mut engines = vec![("torch", torch(lane))];
        if fused::covers(&lane.config).is_ok() {
            engines.push(("fused", Box::new(Fused::new(lane).expect("an engine"))));
        }
        let Some(theirs) = answer["losses"].as_array() else {
            // PyTorch refuses what is no probability: the losses from that step on are no numbers.
            let refused = answer["error"].to_string();
            assert!(refused.contains("between 0 and 1"), "{name}: {refused}");
            assert!(losses(lane, torch(lane))[0].is_nan(), "{name}: is refused, and has a loss");
            continue;
        };
        for (engine, by) in engines {
            let ours = losses(lane, by);
            assert_eq!(ours.len(), theirs.len(), "{name}");
            // A loss that may be below 0 passes it at some step.
            let least = 0.01 * ours.iter().fold(0.0, |largest: f64, loss| largest.max(loss.abs()));
            let off = |(ours, theirs): (&f64, &Value)| {
                let theirs = theirs.as_f64().unwrap_or(f64::NAN);
                (ours - theirs).abs() / theirs.abs().max(least)
            };
            let worst = ours.iter().zip(theirs).map(off).fold(0.0, |a: f64, b| if b.is_nan() { b } else { a.max(b) });
            if worst.is_nan() || worst > 1e-4 {
                let first = ours.iter().zip(theirs).position(|pair| off(pair).is_nan() || off(pair) > 1e-4);
                wrong.push(format!("{name} by {engine}: off by {worst:e}, first at {first:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_hundred_steps_have_pytorchs_losses() {
    agree("pytorch");
}

#[test]
fn a_hundred_steps_have_keras_losses() {
    agree("keras");
}

#[test]
fn a_hundred_steps_have_flax_losses() {
    agree("flax");
}
