//! What a training script does beside the plain step: it drops outputs, stops early, goes through the rows in order, and makes
//! faults. Numbers against PyTorch, Keras and Flax are in frameworks.rs; here is what holds of whole runs.
#![cfg(feature = "train")]

mod common;

use std::sync::atomic::AtomicBool;

use common::engines::table;
use common::{Misfit, config, lane, rows};
use misfit::experiment::config::{Config, EngineName};
use misfit::train::device::single_threaded;
use misfit::train::dropout::Dropout;
use misfit::train::engine::{Engine, Lane};
use misfit::train::fused::Fused;
use misfit::train::torch::Torch;
use misfit::train::{Trained, train};
use tch::Device;

const ENGINES: [EngineName; 2] = [EngineName::Torch, EngineName::Fused];

fn engine(name: EngineName, lane: &Lane) -> Box<dyn Engine> {
    match name {
        EngineName::Torch => Box::new(Torch::new(std::slice::from_ref(lane), Device::Cpu).expect("an engine")),
        EngineName::Fused => Box::new(Fused::new(lane).expect("an engine")),
    }
}

fn trained(name: EngineName, lanes: &[Lane]) -> Vec<Trained> {
    single_threaded();
    train(name, lanes, Device::Cpu, &AtomicBool::new(false), &|_| {}).expect("trained")
}

/// 24 rows in batches of 7: a pass has 4 updates.
fn experiment(file: &tempfile::NamedTempFile, more: &str) -> Config {
    config(&format!(
        "data.target = {{ csv = {:?}, inputs = ['a', 'b', 'c'], output = 'y1' }}\ndata.holdout = 0\nbatch.size = 7\nbatch.draw = 'epoch'\nbatch.last = 'short'\nmodel.hidden = [6, 5]\noptimizer.learning_rate = 0.05\ntrain.epochs = 50\n{more}",
        file.path()
    ))
}

#[test]
fn a_run_stops_as_keras_early_stopping_does_and_keeps_what_it_ends_with() {
    let file = table(3, 24);
    for engine_name in ENGINES {
        for (on, delta) in [("train", 0.0), ("validation", 0.0), ("test", 0.02)] {
            let rule = format!("patience = 3, on = '{on}', min_delta = {delta}");
            let stopping = lane(&experiment(&file, &format!("train.stop = {{ {rule} }}")), 1);
            let pass = if on == "validation" { 3 } else { 4 };
            // The same by hand: Keras' EarlyStopping looks at the end of each pass.
            let samples = match on {
                "train" => &stopping.data.train,
                "test" => &stopping.data.test,
                _ => &stopping.data.kept,
            };
            let samples = [(stopping.data.scaled_inputs(samples), stopping.data.coded_targets(samples))];
            let mut by_hand = engine(engine_name, &stopping);
            let (mut best, mut best_at, mut waited, mut losses) = (f32::INFINITY, 0, 0, Vec::new());
            while waited < 3 && losses.len() < 50 {
                for _ in 0..pass {
                    by_hand.gradient(false).expect("a gradient");
                    by_hand.update(false).expect("an update");
                }
                losses.push(by_hand.losses(&samples).expect("a loss")[0]);
                waited += 1;
                if losses[losses.len() - 1] + delta as f32 <= best && losses[losses.len() - 1] + (delta as f32) < best {
                    (best, best_at, waited) = (losses[losses.len() - 1], losses.len(), 0);
                }
            }
            assert!(losses.len() < 50, "{on}: the test's run must stop: {losses:?}");
            let run = &trained(engine_name, std::slice::from_ref(&stopping))[0];
            assert_eq!(run.steps, pass * losses.len(), "{engine_name:?} {on}");
            assert_eq!(run.state.parameters, by_hand.state().expect("a state")[0].parameters, "{engine_name:?} {on}");
            assert_eq!(run.curve.last().map(|point| point.step), Some(run.steps), "the last row is the run's end");
            assert!(run.curve.windows(2).all(|pair| pair[0].step < pair[1].step));
            let restored = lane(&experiment(&file, &format!("train.stop = {{ {rule}, restore = true }}")), 1);
            let run = &trained(engine_name, std::slice::from_ref(&restored))[0];
            let mut at_best = engine(engine_name, &stopping);
            for _ in 0..pass * best_at {
                at_best.gradient(false).expect("a gradient");
                at_best.update(false).expect("an update");
            }
            assert_eq!(run.steps, pass * losses.len());
            assert_eq!(run.state.parameters, at_best.state().expect("a state")[0].parameters, "{engine_name:?} {on}");
        }
    }
}

#[test]
fn a_run_that_goes_on_improving_is_as_long_as_without_a_stop() {
    let file = table(3, 24);
    let run = |more: &str| trained(EngineName::Fused, &[lane(&experiment(&file, more), 1)]).remove(0);
    let (stopped, plain) = (run("train.stop = { patience = 1000, on = 'train' }"), run(""));
    assert_eq!(stopped.steps, 200);
    assert_eq!(stopped.state.parameters, plain.state.parameters);
    let steps = |run: &Trained| run.curve.iter().map(|point| point.step).collect::<Vec<_>>();
    assert_eq!(steps(&stopped), steps(&plain));
}

#[test]
fn a_mask_is_of_a_seed_a_step_and_a_layer_and_nothing_is_dropped_in_evaluation() {
    let file = table(3, 24);
    let dropping = experiment(&file, "model.dropout = 0.5");
    let mask = |seed: u64, step: usize, layer: usize| {
        let mut dropout = Dropout::new(&lane(&dropping, seed)).expect("a dropout");
        (0..step).for_each(|_| dropout.advance());
        let mut mask = vec![0.0; 7 * 5];
        dropout.mask(layer, 0, &mut mask);
        mask
    };
    let one = mask(1, 0, 1);
    assert_eq!(mask(1, 0, 1), one);
    for other in [mask(2, 0, 1), mask(1, 1, 1), mask(1, 0, 0)] {
        assert_ne!(other, one);
    }
    assert!(one.iter().all(|&kept| kept == 0.0 || kept == 2.0), "what is kept is divided by the share that is");
    let plain = experiment(&file, "");
    for name in ENGINES {
        let predictions =
            |config: &Config| engine(name, &lane(config, 3)).predict().expect("predictions")[0].values.clone();
        assert_eq!(predictions(&dropping), predictions(&plain), "{name:?}");
    }
    let evaluating = experiment(&file, "model.dropout = 0.5\ntrain.mode = 'eval'");
    let last = |config: &Config| trained(EngineName::Fused, &[lane(config, 3)]).remove(0).state.parameters;
    assert_eq!(last(&evaluating), last(&plain), "in evaluation mode nothing is dropped in training either");
    assert_ne!(last(&dropping), last(&plain));
}

/// Two seeds of every way to train, by each engine that has it.
const WAYS: &str = r#"
seeds = 2
[data]
target = { formula = "sin(3*x)" }
inputs = { uniform = { from = -1, to = 1, count = 60 } }
[batch]
size = 16
draw = "epoch"
last = "short"
[model]
hidden = [12, 9]
activation = "tanh"
[train]
steps = 60
[[variant]]
name = "dropout"
set = { model.dropout = [0.3, 0.0] }
[[variant]]
name = "dropout by torch"
set = { model.dropout = [0.3, 0.0], train.engine = "torch" }
[[variant]]
name = "norms"
set = { model.norm = ["batch", "layer"], model.dropout = 0.2, loss.l2 = 0.001 }
[[variant]]
name = "stop"
set = { train.stop = { patience = 2, restore = true }, optimizer.learning_rate = 0.05 }
[[variant]]
name = "faults"
set = { optimizer.zero_grad = false, optimizer.clip_norm = 0.5, optimizer.kind = "sgd", optimizer.learning_rate = 0.01 }
[[variant]]
name = "order"
set = { batch.draw = "sequential", batch.last = "drop" }
[[variant]]
name = "keras"
set = { framework = "keras", optimizer.kind = "rmsprop" }
"#;

#[test]
fn numbers_depend_on_neither_threads_nor_the_runs_beside_them() {
    let misfit = Misfit::new();
    misfit.write("x.toml", WAYS);
    misfit.ok(&["run", "x.toml", "--out", "two", "--threads", "2"]);
    misfit.ok(&["run", "x.toml", "--out", "one", "--threads", "1"]);
    assert_eq!(misfit.csvs("one"), misfit.csvs("two"));
    let of = |text: &str, variant: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with(&format!("{variant},1,"))).map(str::to_owned).collect()
    };
    let all = misfit.csvs("two")[0].clone();
    for variant in ["dropout", "dropout by torch", "norms", "stop", "faults", "order", "keras"] {
        let folder = variant.replace(' ', "-");
        misfit.ok(&["run", "x.toml", "--out", &folder, "--variant", variant, "seeds=[1]"]);
        let alone = misfit.csvs(&folder)[0].clone();
        assert!(!of(&all, variant).is_empty());
        assert_eq!(of(&alone, variant), of(&all, variant), "{variant}");
    }
    let runs = rows(&misfit.read("two/runs.csv"));
    let engines = |variant: &str| -> Vec<&str> {
        runs.iter().filter(|run| run["variant"] == variant).map(|run| run["engine"].as_str()).collect()
    };
    for variant in ["dropout", "norms", "stop", "faults", "order", "keras"] {
        assert_eq!(engines(variant), ["fused"; 2], "{variant}");
    }
}

#[test]
fn what_a_framework_does_otherwise_is_ablated_and_all_of_it_together_is_that_framework() {
    let misfit = Misfit::new();
    let text =
        WAYS.split("[[variant]]").next().expect("a baseline").replace("draw = \"epoch\"\nlast = \"short\"\n", "");
    misfit.write("x.toml", &text.replace("[train]", "[optimizer]\nkind = \"rmsprop\"\n[train]"));
    let ran = misfit.ok(&["run", "x.toml", "framework=pytorch", "ablation.framework=keras", "--out", "both"]);
    let out = ran.stdout();
    for said in [
        "keras-init: how weights and biases begin",
        "keras-batches",
        "keras-rate",
        "keras-eps",
        "keras-alpha",
        "on average over all orders",
    ] {
        assert!(out.contains(said), "{said}: {out}");
    }
    misfit.ok(&["run", "x.toml", "framework=pytorch", "--out", "pytorch"]);
    misfit.ok(&["run", "x.toml", "framework=keras", "--out", "keras"]);
    let losses = |folder: &str, variant: &str| -> Vec<String> {
        let runs = rows(&misfit.read(&format!("{folder}/runs.csv")));
        runs.iter().filter(|run| run["variant"] == variant).map(|run| run["last_loss"].clone()).collect()
    };
    let all = "keras-init+keras-batches+keras-rate+keras-eps+keras-alpha";
    assert_eq!(losses("both", "baseline"), losses("pytorch", "baseline"));
    assert_eq!(losses("both", all), losses("keras", "baseline"));
    assert_ne!(losses("both", all), losses("both", "baseline"));
    let diff = misfit.run(&["diff", "pytorch", "keras"]);
    assert_eq!(diff.code(), 1);
    assert!(diff.stdout().contains("framework"), "{}", diff.stdout());
}

#[test]
fn outputs_that_are_dropped_are_0_or_doubled_before_the_loss() {
    let file = table(3, 24);
    let dropping = config(&format!(
        "data.target = {{ csv = {:?}, inputs = ['a', 'b', 'c'], output = 'y1' }}\ndata.holdout = 0\nmodel.hidden = []\nmodel.dropout = [0.5]\ntrain.steps = 3",
        file.path()
    ));
    let lane = lane(&dropping, 3);
    let outputs = engine(EngineName::Torch, &lane).predict().expect("predictions")[0].values.clone();
    let mut mask = vec![0.0; outputs.len()];
    Dropout::new(&lane).expect("a dropout").mask(0, 0, &mut mask);
    assert!(mask.contains(&0.0) && mask.contains(&2.0));
    let targets = lane.data.coded_targets(&lane.data.train);
    let errors =
        outputs.iter().zip(&mask).zip(&targets).map(|((y, kept), target)| f64::from(y * kept - target).powi(2));
    let loss = errors.sum::<f64>() / targets.len() as f64;
    let first = trained(EngineName::Torch, &[lane]).remove(0).curve[0].train_loss;
    assert!((first - loss).abs() < 1e-5 * loss, "{first} is not {loss}");
    assert!(misfit::train::fused::covers(&dropping).is_err(), "no kernel drops outputs");
}
