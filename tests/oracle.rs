//! Both engines against an oracle that shares none of their code: tch's `nn::Sequential`, libtorch's autograd and
//! libtorch's own optimizers, from the same initial weights and batches; and the fused engine against the torch engine in
//! every combination that it covers.
#![cfg(feature = "train")]

mod common;

use common::engines::{Engines, OUTPUTS, TASKS, Way, table, ways};
use misfit::experiment::config::*;
use misfit::train::device::single_threaded;
use misfit::train::engine::Lane;
use tch::nn::{self, Module, OptimizerConfig};
use tch::{Device, Kind, Tensor};

const ACTIVATIONS: [&str; 7] = ["relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "identity"];
const LOSSES: [&str; 5] = ["mse", "sse", "mae", "huber", "log_cosh"];
const PAIRINGS: [&str; 3] = ["matched", "broadcast", "broadcast-mean"];
const HIDDEN: [&str; 4] = ["[9]", "[7, 5]", "[6, 8, 4]", "[5, 6, 7, 8]"];
const OPTIMIZERS: [&str; 9] = [
    "kind = \"adam\"",
    "kind = \"adam\"\nbetas = [0.8, 0.99]\neps = 1e-6\nweight_decay = 0.02",
    "kind = \"adamw\"\nweight_decay = 0.1",
    "kind = \"sgd\"",
    "kind = \"sgd\"\nmomentum = 0.9\nweight_decay = 0.01",
    "kind = \"sgd\"\nmomentum = 0.8\nnesterov = true",
    "kind = \"rmsprop\"",
    "kind = \"rmsprop\"\nalpha = 0.9\nmomentum = 0.5\nweight_decay = 0.01\neps = 1e-3",
    "kind = \"rmsprop\"\neps = 1e-5",
];

fn case(hidden: &str, activation: &str, output: &str, loss: &str, pairing: &str, optimizer: &str) -> Config {
    // A sum of squares has gradients N to N² times a mean's; plain descent takes them as they are.
    let rate = if loss == "sse" && optimizer.contains("sgd") { 1e-5 } else { 1e-3 };
    common::config(&format!(
        r#"
        [data]
        target = {{ polynomial = [1.9, -0.5, 0.3, 0.4] }}
        inputs = {{ uniform = {{ from = -1.5, to = 1.5, count = 64 }} }}
        [batch]
        size = 16
        draw = "fresh"
        [model]
        hidden = {hidden}
        activation = "{activation}"
        output = "{output}"
        init = "pytorch"
        [loss]
        kind = "{loss}"
        pairing = "{pairing}"
        [optimizer]
        learning_rate = {rate}
        {optimizer}
        [train]
        steps = 200
        "#
    ))
}

/// All losses but one have kernels.
fn covered(config: &Config) -> bool {
    config.loss.kind != LossKind::LogCosh
}

/// A network of tch's own, with one lane's parameters.
struct Oracle {
    vs: nn::VarStore,
    net: nn::Sequential,
    config: Config,
    sparse: bool,
}

impl Oracle {
    fn new(lane: &Lane, parameters: &[Vec<f32>]) -> Self {
        let (config, columns) = (&lane.config, lane.data.train.columns as i64);
        let outputs = lane.data.coding.outputs as i64;
        let vs = nn::VarStore::new(Device::Cpu);
        let widths: Vec<i64> =
            [columns].into_iter().chain(config.model.hidden.iter().map(|&w| w as i64)).chain([outputs]).collect();
        let mut net = nn::seq();
        let mut tensors = parameters.iter();
        for (i, pair) in widths.windows(2).enumerate() {
            let layer = nn::linear(
                vs.root() / i,
                pair[0],
                pair[1],
                nn::LinearConfig { bias: config.model.bias, ..Default::default() },
            );
            tch::no_grad(|| {
                let weights = Tensor::from_slice(tensors.next().expect("weights")).view([pair[0], pair[1]]);
                layer.ws.shallow_clone().copy_(&weights.tr());
                if let Some(bias) = &layer.bs {
                    bias.shallow_clone().copy_(&Tensor::from_slice(tensors.next().expect("biases")));
                }
            });
            net = net.add(layer);
            if let Some(&activation) = config.model.activation.get(i) {
                net = net.add_fn(move |z| match activation {
                    Activation::Relu => z.relu(),
                    Activation::LeakyRelu => z.leaky_relu(),
                    Activation::Elu => z.elu(),
                    Activation::Gelu => z.gelu("none"),
                    Activation::GeluTanh => z.gelu("tanh"),
                    Activation::Sigmoid => z.sigmoid(),
                    Activation::Tanh => z.tanh(),
                    Activation::Identity => z.shallow_clone(),
                });
            }
        }
        let output = config.model.output;
        net = net.add_fn(move |z| match output {
            Output::Identity => z.shallow_clone(),
            Output::Relu => z.relu(),
            Output::Sigmoid => z.sigmoid(),
            Output::Tanh => z.tanh(),
            Output::Softmax => z.softmax(-1, None),
            Output::LogSoftmax => z.log_softmax(-1, None),
        });
        Oracle { vs, net, config: config.clone(), sparse: lane.data.coding.sparse }
    }

    /// The loss as a framework computes it, the N × N errors of a broadcast one by one.
    fn loss(&self, x: &[f32], y: &[f32]) -> Tensor {
        let columns = self.vs.variables()["0.weight"].size()[1];
        let rows = x.len() as i64 / columns;
        let predictions = self.net.forward(&Tensor::from_slice(x).view([rows, -1]));
        let pairing = self.config.loss.pairing;
        let targets = Tensor::from_slice(y).view(if pairing == Pairing::Matched { [rows, -1] } else { [1, rows] });
        let clip = |p: &Tensor| p.clamp(1e-7, 1.0 - 1e-7);
        let from = self.config.loss.from.unwrap_or(LossInput::LogProbabilities);
        let errors = match self.config.loss.kind {
            LossKind::Mse | LossKind::Sse => (predictions - targets).square(),
            LossKind::Mae => (predictions - targets).abs(),
            LossKind::Huber => {
                let difference = predictions - targets;
                let delta = self.config.loss.delta.unwrap_or(1.0);
                difference.huber_loss(&difference.zeros_like(), tch::Reduction::None, delta)
            }
            // ln((e^d + e^−d)/2).
            LossKind::LogCosh => {
                let difference = predictions - targets;
                difference.logaddexp(&-&difference) - std::f64::consts::LN_2
            }
            LossKind::Bce => {
                let [log, other] = match from {
                    LossInput::Logits => [predictions.log_sigmoid(), (-&predictions).log_sigmoid()],
                    LossInput::Probabilities => [clip(&predictions).log(), (-clip(&predictions)).log1p()],
                    LossInput::LogProbabilities => {
                        [predictions.shallow_clone(), clip(&(1.0 - predictions.exp())).log()]
                    }
                };
                -(&targets * log) - (1.0 - &targets) * other
            }
            LossKind::CrossEntropy | LossKind::Nll => {
                let logs = match from {
                    LossInput::Logits => predictions.log_softmax(-1, None),
                    LossInput::LogProbabilities => predictions,
                    LossInput::Probabilities if self.sparse => clip(&predictions).log().log_softmax(-1, None),
                    LossInput::Probabilities => {
                        let sum = predictions.sum_dim_intlist([1].as_slice(), true, Kind::Float);
                        clip(&(predictions / sum)).log()
                    }
                };
                match self.sparse {
                    // A single unit is the first class's.
                    true if logs.size()[1] == 1 => -(targets.eq(0) * logs),
                    true => logs.g_nll_loss::<Tensor>(
                        &targets.view([-1]).to_kind(Kind::Int64),
                        None,
                        tch::Reduction::None,
                        -100,
                    ),
                    false => -(targets * logs),
                }
            }
            other => unreachable!("{other:?}"),
        };
        let sum = errors.sum(Kind::Float);
        match (self.config.loss.kind, self.config.loss.reduction, pairing) {
            (_, Reduction::Sum, _) => sum,
            (LossKind::CrossEntropy | LossKind::Nll, ..) | (.., Pairing::Broadcast) => sum / rows as f64,
            _ => errors.mean(Kind::Float),
        }
    }

    fn optimizer(&self) -> nn::Optimizer {
        let rate = self.config.optimizer.learning_rate;
        let built = match self.config.optimizer.kind {
            OptimizerKind::Adam { betas: [b1, b2], eps, weight_decay } => {
                nn::adam(b1, b2, weight_decay).eps(eps).build(&self.vs, rate)
            }
            OptimizerKind::Adamw { betas: [b1, b2], eps, weight_decay } => {
                nn::adamw(b1, b2, weight_decay).eps(eps).build(&self.vs, rate)
            }
            OptimizerKind::Sgd { momentum, nesterov, weight_decay } => {
                nn::sgd(momentum, 0.0, weight_decay, nesterov).build(&self.vs, rate)
            }
            OptimizerKind::Rmsprop { alpha, eps, momentum, weight_decay } => {
                nn::rms_prop(alpha, eps, weight_decay, momentum, false).build(&self.vs, rate)
            }
        };
        built.expect("libtorch builds its own optimizer")
    }

    /// Its weights, or their gradients, in the engine's order and layout.
    fn tensors(&self, gradients: bool) -> Vec<Vec<f32>> {
        let variables = self.vs.variables();
        let mut tensors = Vec::new();
        for layer in 0..=self.config.model.hidden.len() {
            for name in ["weight", "bias"] {
                let Some(variable) = variables.get(&format!("{layer}.{name}")) else { continue };
                let tensor = if gradients { variable.grad() } else { variable.detach() };
                let tensor = if name == "weight" { tensor.tr() } else { tensor };
                tensors.push(Vec::try_from(tensor.contiguous().view([-1])).expect("floats"));
            }
        }
        tensors
    }
}

/// ‖a − b‖/‖b‖ over all tensors; 0 if both are 0.
fn relative(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    // Rows of zeros that a loss divides by their sum are NaN, here and there.
    let off = |(a, b): (&f32, &f32)| if a.is_nan() && b.is_nan() { 0.0 } else { f64::from(a - b) };
    let difference = norm(&mut a.iter().flatten().zip(b.iter().flatten()).map(off));
    if difference == 0.0 { 0.0 } else { difference / norm(&mut b.iter().flatten().map(|&v| f64::from(v))) }
}

/// Lanes of two learning rates, which a block has in another order.
fn lanes(config: &Config) -> Vec<Lane> {
    let lane = |(seed, times): (u64, f64)| {
        let mut config = config.clone();
        config.optimizer.learning_rate *= times;
        common::lane(&config, seed)
    };
    [(3, 1.0), (4, 0.5)].map(lane).to_vec()
}

#[test]
fn gradients_and_losses_agree_with_autograd_for_every_activation_output_loss_pairing_and_depth() {
    single_threaded();
    for hidden in HIDDEN {
        for activation in ACTIVATIONS {
            for output in OUTPUTS {
                for loss in LOSSES {
                    for pairing in PAIRINGS {
                        first_step(&case(hidden, activation, output, loss, pairing, OPTIMIZERS[0]), 1e-5);
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_and_losses_of_several_outputs_agree_with_autograd_for_every_target_loss_and_output() {
    single_threaded();
    for (count, hidden, batch) in
        [(1, "[5]", 13), (2, "[9, 4]", 16), (3, "[]", 60), (10, "[5]", 7), (10, "[300, 70]", 25)]
    {
        let file = table(count, 60);
        for task in TASKS {
            for output in OUTPUTS {
                let activation = if hidden == "[]" { "" } else { "activation = \"tanh\"\n" };
                let model = format!("hidden = {hidden}\n{activation}init = \"pytorch\"");
                let config = task.config(&file, count, output, &model, &format!("[batch]\nsize = {batch}"));
                first_step(&config, if task.sound(output) { 1e-5 } else { 1e-2 });
            }
        }
    }
}

#[test]
fn parameters_of_several_outputs_agree_with_libtorchs_optimizers_after_200_steps() {
    single_threaded();
    let file = table(3, 60);
    for (nth, task) in TASKS.iter().enumerate() {
        let (output, optimizer) = (task.output(nth), OPTIMIZERS[nth % 9]);
        let rest = format!("[batch]\nsize = 16\ndraw = \"epoch\"\n[optimizer]\n{optimizer}\n[train]\nsteps = 200");
        follow(&task.config(&file, 3, output, "hidden = [6, 5]\nactivation = \"tanh\"\ninit = \"pytorch\"", &rest));
    }
}

/// Gradients and losses may differ by `tolerance`, relatively.
fn first_step(config: &Config, tolerance: f64) {
    let lanes = lanes(config);
    let ways = ways(config, covered(config));
    let measured: Vec<_> = ways
        .iter()
        .map(|&way| {
            let mut engines = Engines::new(way, &lanes);
            let losses = engines.gradient();
            (way, losses, engines.state())
        })
        .collect();
    let judge = |what: &str, at: usize, loss: f64, gradient: &[Vec<f32>]| {
        for (way, losses, states) in &measured {
            let error = relative(&states[at].gradient, gradient);
            let [m, l] = [&config.model as &dyn std::fmt::Debug, &config.loss];
            assert!(error <= tolerance, "{way:?} and {what}, lane {at}: {m:?} {l:?}: gradients differ by {error:e}");
            let near = (f64::from(losses[at]) - loss).abs() <= tolerance * loss.abs() + 1e-7;
            assert!(
                near || (losses[at].is_nan() && loss.is_nan()),
                "{way:?} and {what}, lane {at}: {m:?} {l:?}: losses {} and {loss}",
                losses[at]
            );
        }
    };
    for (at, lane) in lanes.iter().enumerate() {
        let oracle = Oracle::new(lane, &measured[0].2[at].parameters);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        lane.batches().expect("batches").next_into(&mut x, &mut y);
        let loss = oracle.loss(&x, &y);
        loss.backward();
        judge("the oracle", at, loss.double_value(&[]), &oracle.tensors(true));
        let (_, losses, states) = &measured[0];
        judge("torch", at, f64::from(losses[at]), &states[at].gradient);
    }
}

/// Follows one lane for 200 updates.
fn follow(config: &Config) {
    follow_all(config, &lanes(config)[..1]);
}

fn follow_all(config: &Config, lanes: &[Lane]) {
    let ways = ways(config, covered(config)).into_iter().filter(|&way| way != Way::Stacked || lanes.len() > 1);
    let mut all: Vec<(Way, Engines)> = ways.map(|way| (way, Engines::new(way, lanes))).collect();
    let mut oracles: Vec<_> = all[0]
        .1
        .state()
        .iter()
        .zip(lanes)
        .map(|(state, lane)| {
            let oracle = Oracle::new(lane, &state.parameters);
            let optimizer = oracle.optimizer();
            (oracle, optimizer, lane.batches().expect("batches"))
        })
        .collect();
    let schedule = config.optimizer.schedule;
    for step in 0..200 {
        for (_, engines) in &mut all {
            engines.gradient();
            engines.update();
        }
        for (oracle, optimizer, batches) in &mut oracles {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            batches.next_into(&mut x, &mut y);
            let done = f64::from(step) / 200.0;
            optimizer.set_lr(
                oracle.config.optimizer.learning_rate
                    * match schedule {
                        Schedule::Constant => 1.0,
                        Schedule::Linear => 1.0 - done,
                        Schedule::Cosine => (1.0 + (std::f64::consts::PI * done).cos()) / 2.0,
                    },
            );
            optimizer.backward_step(&oracle.loss(&x, &y));
        }
    }
    let torch = all[0].1.state();
    for (way, engines) in &all {
        for (at, state) in engines.state().iter().enumerate() {
            let (m, l, o) = (&config.model, &config.loss, &config.optimizer);
            for (what, parameters) in [("the oracle", &oracles[at].0.tensors(false)), ("torch", &torch[at].parameters)]
            {
                let error = relative(&state.parameters, parameters);
                assert!(error <= 1e-4, "{way:?} and {what}: {m:?} {l:?} {o:?}: parameters differ by {error:e}");
            }
        }
    }
}

#[test]
fn parameters_agree_with_libtorchs_optimizers_after_200_steps_for_every_loss_and_pairing() {
    single_threaded();
    for (i, optimizer) in OPTIMIZERS.iter().enumerate() {
        for (j, loss) in LOSSES.iter().enumerate() {
            for (k, pairing) in PAIRINGS.iter().enumerate() {
                follow(&case(HIDDEN[(i + j + k) % 4], ACTIVATIONS[(i + j) % 7], "identity", loss, pairing, optimizer));
            }
        }
    }
}

#[test]
fn parameters_agree_with_libtorchs_optimizers_after_200_steps_for_every_activation_output_and_depth() {
    single_threaded();
    for (i, activation) in ACTIVATIONS.iter().enumerate() {
        for (j, output) in OUTPUTS.iter().enumerate() {
            for (k, hidden) in HIDDEN.iter().enumerate() {
                follow(&case(hidden, activation, output, "mse", "matched", OPTIMIZERS[(i + j + k) % 9]));
            }
        }
    }
}

#[test]
fn networks_of_several_inputs_without_biases_or_hidden_layers_agree_too() {
    use std::io::Write;
    single_threaded();
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "a,b,c,y").expect("written");
    for i in 0..40 {
        let x = f64::from(i);
        writeln!(file, "{},{},{},{}", x.sin(), (0.7 * x).cos(), 0.02 * x, (0.3 * x).sin() + 2.0).expect("written");
    }
    for (hidden, bias, loss) in [
        ("[7, 5]", true, "mse"),
        ("[7, 5]", false, "mse"),
        ("[]", true, "mse"),
        ("[]", false, "mae"),
        ("[1]", true, "huber'\ndelta = '0.3"),
    ] {
        let loss = loss.replace("'0.3", "0.3").replace("huber'", "huber\"");
        let loss = if loss.contains('"') { format!("kind = \"{loss}") } else { format!("kind = \"{loss}\"") };
        let config = common::config(&format!(
            "[data]\ntarget = {{ csv = {:?}, inputs = [\"a\", \"b\", \"c\"], output = \"y\" }}\n[batch]\nsize = 16\ndraw = \"epoch\"\n[model]\nhidden = {hidden}\nbias = {bias}\ninit = \"pytorch\"\n[loss]\n{loss}\n[train]\nsteps = 200",
            file.path()
        ));
        follow_all(&config, &lanes(&config));
    }
}

#[test]
fn schedules_scale_every_optimizers_learning_rate_lane_by_lane() {
    single_threaded();
    for optimizer in OPTIMIZERS {
        for schedule in ["linear", "cosine"] {
            let scheduled = format!("{optimizer}\nschedule = \"{schedule}\"");
            let config = case("[6, 5]", "tanh", "identity", "mse", "matched", &scheduled);
            follow_all(&config, &lanes(&config));
        }
    }
}
