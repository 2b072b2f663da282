//! The first steps by both engines: they agree wherever both are right, and a wrong engine is found out.
#![cfg(feature = "train")]

mod common;

use std::cell::Cell;

use anyhow::Result;
use common::engines::{OUTPUTS, TASKS, table};
use misfit::experiment::config::{Activation, Config, EngineName, OptimizerKind};
use misfit::train::agreement::{BOUND, check, compare};
use misfit::train::device::single_threaded;
use misfit::train::engine::{Engine, Lane, Prediction, State};
use misfit::train::fused::Fused;
use misfit::train::torch::Torch;
use tch::Device;

const ACTIVATIONS: [&str; 7] = ["relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "identity"];
const LOSSES: [&str; 4] = ["mse", "sse", "mae", "huber"];
const PAIRINGS: [&str; 3] = ["matched", "broadcast", "broadcast-mean"];
const OPTIMIZERS: [&str; 9] = [
    "kind = \"adam\"",
    "kind = \"adam\"\neps = 1e-12",
    "kind = \"adam\"\nweight_decay = 0.1\nschedule = \"cosine\"",
    "kind = \"adamw\"\nweight_decay = 0.1",
    "kind = \"sgd\"\nmomentum = 0.9\nnesterov = true",
    "kind = \"sgd\"\nweight_decay = 0.01",
    "kind = \"rmsprop\"",
    "kind = \"rmsprop\"\neps = 1e-12\nmomentum = 0.5",
    "kind = \"rmsprop\"\nmomentum = 0.5\nweight_decay = 0.01",
];

/// What an experiment file says, section by section.
#[derive(Clone)]
struct Case {
    data: String,
    batch: String,
    model: String,
    loss: String,
    optimizer: String,
}

impl Case {
    fn plain() -> Self {
        Case {
            data: "target = { polynomial = [0.3, -0.5, 0.4] }\ninputs = { uniform = { from = -1.5, to = 1.5, count = 50 } }".into(),
            batch: "size = 16\ndraw = \"epoch\"".into(),
            model: "hidden = [7, 5]\noutput = \"identity\"\ninit = \"pytorch\"".into(),
            loss: "kind = \"mse\"".into(),
            optimizer: String::new(),
        }
    }

    fn config(&self) -> Config {
        common::config(&format!(
            "[data]\n{}\n[batch]\n{}\n[model]\n{}\n[loss]\n{}\n[optimizer]\n{}\n[train]\nsteps = 20\n",
            self.data, self.batch, self.model, self.loss, self.optimizer
        ))
    }

    fn agrees(&self, seed: u64) {
        let lane = common::lane(&self.config(), seed);
        let deviation =
            check(&lane).unwrap_or_else(|why| panic!("a false alarm, seed {seed}: {why:#}\n{:#?}", lane.config));
        assert!(deviation.loss <= BOUND && deviation.parameters <= BOUND, "{deviation:?}");
    }
}

#[test]
fn the_engines_agree_for_every_activation_output_loss_and_pairing_and_each_optimizer() {
    single_threaded();
    let mut nth = 0;
    for activation in ACTIVATIONS {
        for output in OUTPUTS {
            for loss in LOSSES {
                for pairing in PAIRINGS {
                    nth += 1;
                    let hidden = ["[7, 5]", "[9]", "[4, 6, 3]", "[]"][nth % 4];
                    let activation =
                        if hidden == "[]" { String::new() } else { format!("activation = {activation:?}\n") };
                    for (seed, optimizer) in OPTIMIZERS.into_iter().enumerate() {
                        Case {
                            model: format!(
                                "hidden = {hidden}\n{activation}output = {output:?}\ninit = \"glorot_normal\""
                            ),
                            loss: format!("kind = {loss:?}\npairing = {pairing:?}"),
                            optimizer: optimizer.into(),
                            ..Case::plain()
                        }
                        .agrees((nth + seed) as u64);
                    }
                }
            }
        }
    }
}

#[test]
fn the_engines_agree_of_several_outputs_for_every_target_loss_and_output_and_each_optimizer() {
    single_threaded();
    let mut nth = 0;
    for count in [1, 2, 3, 10] {
        let file = table(count, 60);
        for task in TASKS {
            for output in OUTPUTS {
                nth += 1;
                let hidden = ["[7, 5]", "[9]", "[]"][nth % 3];
                let scale = ["scale_input = 1", "scale_input = 1e-4", "scale_input = \"standardize\""][nth % 3];
                let init = ["\"glorot_normal\"", "\"zeros\"", "{ normal = [0, 3] }"][nth / 3 % 3];
                let model = format!("hidden = {hidden}\ninit = {init}");
                let optimizer = OPTIMIZERS[nth % 9];
                let rest = format!("{scale}\n[batch]\nsize = {}\n[optimizer]\n{optimizer}", [1, 16, 60][nth % 3]);
                let config = task.config(&file, count, output, &model, &rest);
                let lane = common::lane(&config, nth as u64);
                let deviation = check(&lane).unwrap_or_else(|why| panic!("a false alarm: {why:#}\n{config:#?}"));
                let all = [deviation.loss, deviation.gradient, deviation.parameters];
                assert!(all.iter().all(|&deviation| deviation <= BOUND), "{deviation:?}");
            }
        }
    }
}

#[test]
fn the_engines_agree_for_every_norm_place_and_activation_and_each_optimizer() {
    single_threaded();
    let mut nth = 0;
    for activation in ACTIVATIONS {
        for norm in ["\"batch\"", "\"layer\"", "[\"batch\", \"layer\"]", "[\"none\", \"batch\"]"] {
            for place in ["before", "after"] {
                for optimizer in OPTIMIZERS {
                    for init in ["\"glorot_normal\"", "\"zeros\"", "{ normal = [0, 30] }"] {
                        nth += 1;
                        let more = ["", "norm_eps = 1e-3", "dropout = 0.4", "bias = false"][nth % 4];
                        let count = [50, 1, 2][nth % 3];
                        let data = format!(
                            "target = {{ polynomial = [0.3, -0.5, 0.4] }}\ninputs = {{ uniform = {{ from = -1.5, to = {}, count = {count} }} }}",
                            [1.5, 1000.0][nth % 2]
                        );
                        Case {
                            data,
                            batch: if count < 16 { "size = \"all\"".into() } else { Case::plain().batch },
                            model: format!(
                                "hidden = [7, 5]\nactivation = {activation:?}\nnorm = {norm}\nnorm_place = {place:?}\n{more}\ninit = {init}"
                            ),
                            optimizer: format!("{optimizer}\n{}", if count > 2 && nth % 2 == 0 { "clip_norm = 0.1\nclip_over = \"each\"" } else { "" }),
                            ..Case::plain()
                        }
                        .agrees(nth as u64 % 11);
                    }
                }
            }
        }
    }
}

#[test]
fn the_engines_agree_where_rows_of_probabilities_are_sure_and_wrong_or_sure_and_right() {
    single_threaded();
    for task in TASKS {
        for (output, scale) in OUTPUTS.into_iter().flat_map(|output| [0.05, 1e-3].map(|scale| (output, scale))) {
            let file = table(3, 60);
            let model = "hidden = []\ninit = { normal = [0, 1] }";
            let rest = format!("scale_input = {scale:?}\n[batch]\nsize = \"all\"\n[optimizer]\nlearning_rate = 1e-6");
            let config = task.config(&file, 3, output, model, &rest);
            for seed in 0..5 {
                check(&common::lane(&config, seed)).unwrap_or_else(|why| panic!("{why:#}\n{config:#?}"));
            }
        }
    }
}

#[test]
fn an_engine_of_other_classes_or_of_another_loss_of_them_is_found_out() {
    single_threaded();
    let file = table(3, 60);
    let config = |nth: usize| {
        let rest = "[batch]\nsize = 16\n[train]\nsteps = 20";
        TASKS[nth].config(&file, 3, "sigmoid", "hidden = [7, 5]\ninit = \"pytorch\"", rest)
    };
    let of = |target: &str, loss: &str| {
        let found = TASKS.iter().position(|task| task.target == target && task.loss.contains(loss));
        config(found.expect("a task"))
    };
    let clipped = of("index", "probabilities");
    for (own, other) in [
        (&clipped, of("index", "logits")),
        (&clipped, of("index", "sum")),
        (&of("labels", "bce\"\nfrom = \"logits"), of("labels", "bce\"\nfrom = \"probabilities")),
        (&of("one-hot", "mae"), of("one-hot", "bce")),
    ] {
        let lane = common::lane(own, 4);
        let mut torch = Torch::new(std::slice::from_ref(&lane), Device::Cpu).expect("an engine");
        let mut fused = Fused::new(&common::lane(&other, 4)).expect("an engine");
        let said = format!("{:#}", compare(&lane, &mut fused, &mut torch).expect_err("a wrong engine passes"));
        assert!(said.contains("3–7–5–3") && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn the_engines_agree_where_numbers_are_extreme_or_everything_cancels() {
    single_threaded();
    let symmetric = "target = { polynomial = [0, 1] }\ninputs = { grid = { from = -1, to = 1, count = 40 } }";
    let data = |target: &str, from: f64, to: f64, count: usize| {
        format!(
            "target = {{ polynomial = {target} }}\ninputs = {{ uniform = {{ from = {from:?}, to = {to:?}, count = {count} }} }}"
        )
    };
    let all = "size = \"all\"\ndraw = \"once\"";
    let mut cases = Vec::new();
    for optimizer in OPTIMIZERS {
        let plain = Case { optimizer: optimizer.into(), ..Case::plain() };
        for activation in ["relu", "gelu", "tanh", "identity"] {
            for init in ["\"zeros\"", "\"pytorch\""] {
                let model =
                    format!("hidden = [6, 4]\nactivation = {activation:?}\noutput = \"identity\"\ninit = {init}");
                for loss in LOSSES {
                    for pairing in PAIRINGS {
                        let loss = format!("kind = {loss:?}\npairing = {pairing:?}");
                        cases.push(Case {
                            data: symmetric.into(),
                            batch: all.into(),
                            model: model.clone(),
                            loss,
                            ..plain.clone()
                        });
                    }
                }
                for (target, from, to, count) in [
                    ("[1e-6, 2e-6]", -1.0, 1.0, 30),
                    ("[1e12, 1e12, -3e11]", -1.0, 1.0, 30),
                    ("[0, 1, 1]", 1.0, 1000.0, 60),
                    ("[0, 1]", -1e-6, 1e-6, 20),
                    ("[5]", -1.0, 1.0, 20),
                    ("[0]", -1.0, 1.0, 20),
                    ("[0.4, 1]", -1.0, 1.0, 1),
                    ("[0.4, 1]", -1.0, 1.0, 2),
                ] {
                    for loss in ["kind = \"mse\"", "kind = \"mae\"\npairing = \"broadcast\"", "kind = \"sse\""] {
                        cases.push(Case {
                            data: data(target, from, to, count),
                            batch: all.into(),
                            model: model.clone(),
                            loss: loss.into(),
                            ..plain.clone()
                        });
                    }
                }
            }
        }
        // Rates that carry everything beyond the end of an f32 in a few steps.
        for rate in [1e3, 1e10, 1e30] {
            cases.push(Case {
                optimizer: format!("learning_rate = {rate:e}\n{optimizer}"),
                data: data("[0, 1, 1]", 1.0, 1000.0, 60),
                ..Case::plain()
            });
        }
    }
    // More rows than a chunk has, wide layers, several passes.
    for model in ["hidden = [45, 45]", "hidden = [300, 20]", "hidden = [1, 1, 1]"] {
        for init in ["glorot_uniform", "kaiming_normal", "zeros"] {
            cases.push(Case {
                data: data("[0, 1, 1]", 1.0, 1000.0, 1000),
                batch: all.into(),
                model: format!("{model}\noutput = \"identity\"\ninit = {init:?}"),
                ..Case::plain()
            });
        }
    }
    for (nth, case) in cases.iter().enumerate() {
        case.agrees(nth as u64 % 11);
    }
}

#[test]
fn the_engines_agree_in_every_variant_of_the_embedded_experiment() {
    single_threaded();
    let experiment = misfit::experiment::Experiment::embedded(&[]).expect("the embedded experiment");
    assert!(experiment.variants.len() > 60);
    for variant in &experiment.variants {
        for seed in [0, 5] {
            let lane = common::lane(&variant.config, seed);
            check(&lane).unwrap_or_else(|why| panic!("a false alarm in {}: {why:#}", variant.name));
        }
    }
}

/// What is said of a wrong engine that is held to libtorch.
fn found_out(ours: &Config, engine: &mut dyn Engine) -> String {
    let lane = common::lane(ours, 4);
    let mut torch = Torch::new(std::slice::from_ref(&lane), Device::Cpu).expect("an engine");
    let said = compare(&lane, engine, &mut torch).expect_err("a wrong engine passes");
    let said = format!("{said:#}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in ["1–7–5–1", "disagree at step", "--engine torch"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Both numbers, which differ.
    let (_, rest) = said.split_once("): ").expect("the shape in brackets");
    let (numbers, _) = rest.rsplit_once(": train with").expect("the cure");
    let (_, numbers) = numbers.rsplit_once(": ").expect("what it is");
    let (a, b) = numbers.split_once(" and ").expect("two numbers");
    let [a, b] = [a, b].map(|number| number.parse::<f64>().unwrap_or_else(|_| panic!("{number}: {said}")));
    assert!(a != b, "{said}");
    said
}

fn plain(change: impl Fn(&mut Config)) -> Config {
    let mut config = Case::plain().config();
    change(&mut config);
    config
}

#[test]
fn an_engine_of_another_activation_loss_rate_or_optimizer_is_found_out_in_one_line() {
    single_threaded();
    let own = plain(|_| ());
    let others: [(&str, Config); 7] = [
        ("loss", plain(|config| config.model.activation = vec![Activation::Elu; 2])),
        ("loss", plain(|config| config.loss = common::config("[loss]\nkind = \"mae\"").loss)),
        ("weights", plain(|config| config.optimizer.learning_rate *= 2.0)),
        ("weights", plain(|config| config.optimizer.learning_rate /= 2.0)),
        (
            "layer 1's",
            plain(|config| {
                config.optimizer.kind = OptimizerKind::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 }
            }),
        ),
        (
            "layer 1's",
            plain(|config| {
                config.optimizer.kind =
                    OptimizerKind::Rmsprop { alpha: 0.99, eps: 1e-8, momentum: 0.0, weight_decay: 0.0 }
            }),
        ),
        (
            "layer 1's",
            plain(|config| {
                config.optimizer.kind = OptimizerKind::Adam { betas: [0.9, 0.5], eps: 1e-8, weight_decay: 0.0 }
            }),
        ),
    ];
    for (part, other) in others {
        let lane = [common::lane(&other, 4)];
        for mut engine in [
            Box::new(Torch::new(&lane, Device::Cpu).expect("an engine")) as Box<dyn Engine>,
            Box::new(Fused::new(&lane[0]).expect("an engine")),
        ] {
            let said = found_out(&own, &mut *engine);
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn an_engine_of_another_rate_is_found_out_however_small_the_rate_is() {
    single_threaded();
    for rate in [1e-4, 1e-5] {
        for optimizer in ["", "kind = \"rmsprop\"", "kind = \"sgd\"", "kind = \"sgd\"\nmomentum = 0.9"] {
            let case = Case { optimizer: format!("learning_rate = {rate:e}\n{optimizer}"), ..Case::plain() };
            let own = case.config();
            let mut other = own.clone();
            other.optimizer.learning_rate *= 1.5;
            let said = found_out(&own, &mut Fused::new(&common::lane(&other, 4)).expect("an engine"));
            assert!(said.contains("layer "), "{said}");
        }
    }
}

/// The fused engine with one fault.
struct Faulty {
    engine: Fused,
    fault: Fault,
    gradients: Cell<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// All losses are this many times too large.
    Loss(f32),
    /// A tensor's gradient is too large by this share, from this step on.
    Gradient { tensor: usize, by: f32, from: usize },
    /// The last number of a tensor's gradient is lost.
    Lost { tensor: usize },
    /// A tensor's gradient is not a number.
    Nan { tensor: usize },
}

impl Faulty {
    fn new(lane: &Lane, fault: Fault) -> Self {
        Faulty { engine: Fused::new(lane).expect("an engine"), fault, gradients: Cell::new(0) }
    }
}

impl Engine for Faulty {
    fn name(&self) -> EngineName {
        self.engine.name()
    }
    fn gradient(&mut self, losses: bool) -> Result<Vec<f32>> {
        self.gradients.set(self.gradients.get() + 1);
        let mut losses = self.engine.gradient(losses)?;
        if let Fault::Loss(times) = self.fault {
            losses.iter_mut().for_each(|loss| *loss *= times);
        }
        Ok(losses)
    }
    fn gradient_norms(&self) -> Result<Vec<f64>> {
        self.engine.gradient_norms()
    }
    fn update(&mut self, ratios: bool) -> Result<Vec<f64>> {
        self.engine.update(ratios)
    }
    fn predict(&mut self) -> Result<Vec<Prediction>> {
        self.engine.predict()
    }
    fn outputs(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        self.engine.outputs(inputs)
    }
    fn losses(&mut self, samples: &[(Vec<f32>, Vec<f32>)]) -> Result<Vec<f32>> {
        self.engine.losses(samples)
    }
    fn remember(&mut self) -> Result<()> {
        self.engine.remember()
    }
    fn recall(&mut self) -> Result<()> {
        self.engine.recall()
    }
    fn state(&self) -> Result<Vec<State>> {
        let mut states = self.engine.state()?;
        let State { gradient, norms_gradient, .. } = &mut states[0];
        let mut gradient: Vec<&mut Vec<f32>> = gradient.iter_mut().chain(norms_gradient).collect();
        match self.fault {
            Fault::Loss(_) => {}
            Fault::Gradient { tensor, by, from } => {
                if self.gradients.get() > from {
                    gradient[tensor].iter_mut().for_each(|g| *g *= 1.0 + by);
                }
            }
            Fault::Lost { tensor } => gradient[tensor].last_mut().into_iter().for_each(|g| *g = 0.0),
            Fault::Nan { tensor } => gradient[tensor].iter_mut().for_each(|g| *g = f32::NAN),
        }
        Ok(states)
    }
}

#[test]
fn a_fault_of_one_tensor_is_found_out_by_its_layer_and_its_first_step() {
    single_threaded();
    // Tanh units, so that every number of a gradient counts.
    let own = plain(|config| config.model.activation = vec![Activation::Tanh; 2]);
    let lane = common::lane(&own, 4);
    let names = [
        "layer 1's weights",
        "layer 1's biases",
        "layer 2's weights",
        "layer 2's biases",
        "layer 3's weights",
        "layer 3's biases",
    ];
    for (tensor, name) in names.into_iter().enumerate() {
        for (fault, step) in [
            (Fault::Gradient { tensor, by: 0.1, from: 0 }, 0),
            (Fault::Gradient { tensor, by: -0.1, from: 2 }, 2),
            (Fault::Lost { tensor }, 0),
            (Fault::Nan { tensor }, 0),
        ] {
            let said = found_out(&own, &mut Faulty::new(&lane, fault));
            assert!(said.contains(&format!("gradient of {name}")), "{fault:?}: {said}");
            assert!(said.contains(&format!("at step {step} ")), "{fault:?}: {said}");
        }
    }
    for times in [1.01, f32::NAN, 0.0] {
        let said = found_out(&own, &mut Faulty::new(&lane, Fault::Loss(times)));
        assert!(said.contains("loss: "), "{said}");
    }
}

#[test]
fn a_fault_of_what_a_norm_learns_is_found_out_by_its_layer_and_its_first_step() {
    single_threaded();
    for norm in ["batch", "layer"] {
        let own = plain(|config| {
            config.model.activation = vec![Activation::Tanh; 2];
            let normed = common::config(&format!("model.hidden = [7, 5]\nmodel.norm = ['none', '{norm}']")).model;
            (config.model.norm, config.model.normalisation) = (normed.norm, normed.normalisation);
        });
        let lane = common::lane(&own, 4);
        for (tensor, name) in [(6, "layer 2's scales"), (7, "layer 2's shifts")] {
            for (fault, step) in [
                (Fault::Gradient { tensor, by: 0.5, from: 0 }, 0),
                (Fault::Gradient { tensor, by: -0.5, from: 2 }, 2),
                (Fault::Nan { tensor }, 0),
            ] {
                let said = found_out(&own, &mut Faulty::new(&lane, fault));
                assert!(said.contains(&format!("gradient of {name}")), "{fault:?}: {said}");
                assert!(said.contains(&format!("at step {step} ")), "{fault:?}: {said}");
            }
        }
    }
}

#[test]
fn networks_that_begin_at_their_solution_leave_only_rounding_and_raise_no_false_alarm() {
    // Identity units whose weights multiply to 1: what is left of each residual is rounding.
    for hidden in [37, 100, 333] {
        for loss in LOSSES {
            let weight = 1.0 / f64::from(hidden).sqrt();
            let config = common::config(&format!(
                "[data]\ntarget = {{ polynomial = [0, 1] }}\ninputs = {{ uniform = {{ from = -1, to = 1, count = 40 }} }}\n[model]\nhidden = [{hidden}]\nactivation = \"identity\"\ninit = {{ normal = [{weight}, 0] }}\n[loss]\nkind = \"{loss}\"\n[train]\nsteps = 5"
            ));
            for seed in 0..3 {
                let deviation = check(&common::lane(&config, seed)).unwrap_or_else(|error| panic!("{loss}: {error:#}"));
                assert!([deviation.loss, deviation.gradient, deviation.parameters].iter().all(|d| d.is_finite()));
            }
        }
    }
}

#[test]
fn a_gradient_that_cancels_to_nothing_leaves_deviations_that_json_can_hold() {
    for rows in [11, 21, 33, 51] {
        let config = common::config(&format!(
            "[data]\ntarget = {{ polynomial = [0.3] }}\ninputs = {{ grid = {{ from = -1, to = 1, count = {rows} }} }}\n[model]\nhidden = []\nbias = false\ninit = \"zeros\"\n[train]\nsteps = 3"
        ));
        for seed in 0..4 {
            let deviation = check(&common::lane(&config, seed)).expect("no false alarm");
            assert!(
                [deviation.loss, deviation.gradient, deviation.parameters].iter().all(|&d| d <= 1e-3),
                "{deviation:?}"
            );
        }
    }
}

#[test]
fn large_batches_are_compared_by_their_first_rows() {
    let config = common::config(
        "[data]\ntarget = { polynomial = [0, 1] }\ninputs = { uniform = { from = -1, to = 1, count = 2000000 } }\ntest = { grid = { from = 0, to = 1, count = 5 } }\n[model]\nhidden = [500]\n[train]\nsteps = 1",
    );
    // All rows of the hidden layer and their gradient would take 8 GB.
    check(&common::lane(&config, 0)).expect("the engines agree");
}
