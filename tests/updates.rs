//! Both engines against arithmetic that no library does: update rules, losses and a linear model's gradient, worked out by
//! hand in f64.
#![cfg(feature = "train")]

mod common;

use common::engines::{Engines, Way, ways};
use misfit::experiment::config::*;
use misfit::train::device::single_threaded;

fn wide(values: &[Vec<f32>]) -> Vec<f64> {
    values.iter().flatten().map(|&value| f64::from(value)).collect()
}

/// Parameters and what a rule remembers of them: the pages of PyTorch's optimizers, line by line.
struct Hand {
    parameters: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    updates: i32,
}

impl Hand {
    fn new(parameters: Vec<f64>) -> Self {
        let zeros = vec![0.0; parameters.len()];
        Hand { first: zeros.clone(), second: zeros, updates: 0, parameters }
    }

    fn update(&mut self, kind: OptimizerKind, rate: f64, gradient: &[f64]) {
        self.updates += 1;
        for (i, &g) in gradient.iter().enumerate() {
            let (p, first, second) = (&mut self.parameters[i], &mut self.first[i], &mut self.second[i]);
            match kind {
                OptimizerKind::Adam { betas, eps, weight_decay }
                | OptimizerKind::Adamw { betas, eps, weight_decay } => {
                    let decoupled = matches!(kind, OptimizerKind::Adamw { .. });
                    let g = if decoupled { g } else { g + weight_decay * *p };
                    if decoupled {
                        *p -= rate * weight_decay * *p;
                    }
                    *first = betas[0] * *first + (1.0 - betas[0]) * g;
                    *second = betas[1] * *second + (1.0 - betas[1]) * g * g;
                    let mean = *first / (1.0 - betas[0].powi(self.updates));
                    let square = *second / (1.0 - betas[1].powi(self.updates));
                    *p -= rate * mean / (square.sqrt() + eps);
                }
                OptimizerKind::Sgd { momentum, nesterov, weight_decay } => {
                    let g = g + weight_decay * *p;
                    *first = if self.updates == 1 { g } else { momentum * *first + g };
                    *p -= rate * if nesterov { g + momentum * *first } else { *first };
                }
                OptimizerKind::Rmsprop { alpha, eps, momentum, weight_decay } => {
                    let g = g + weight_decay * *p;
                    *second = alpha * *second + (1.0 - alpha) * g * g;
                    *first = momentum * *first + g / (second.sqrt() + eps);
                    *p -= rate * *first;
                }
            }
        }
    }
}

const STEPS: usize = 20;

/// Each rule, and one like it that must be told apart.
const RULES: [[&str; 2]; 16] = [
    ["kind = \"adam\"", "kind = \"adam\"\nbetas = [0.9, 0.99]"],
    ["kind = \"adam\"\nbetas = [0.7, 0.95]", "kind = \"adam\"\nbetas = [0.7, 0.999]"],
    ["kind = \"adam\"\neps = 0.1", "kind = \"adam\""],
    ["kind = \"adam\"\neps = 0.0", "kind = \"adam\"\neps = 1e-2"],
    ["kind = \"adam\"\nweight_decay = 0.3", "kind = \"adam\""],
    ["kind = \"adamw\"\nweight_decay = 0.3", "kind = \"adam\"\nweight_decay = 0.3"],
    ["kind = \"adamw\"\nweight_decay = 0.3\nschedule = \"linear\"", "kind = \"adamw\"\nweight_decay = 0.3"],
    ["kind = \"adam\"\nschedule = \"cosine\"", "kind = \"adam\"\nschedule = \"linear\""],
    ["kind = \"sgd\"", "kind = \"sgd\"\nweight_decay = 0.1"],
    ["kind = \"sgd\"\nmomentum = 0.9", "kind = \"sgd\""],
    ["kind = \"sgd\"\nmomentum = 0.9\nnesterov = true", "kind = \"sgd\"\nmomentum = 0.9"],
    [
        "kind = \"sgd\"\nmomentum = 0.5\nnesterov = true\nweight_decay = 0.2\nschedule = \"linear\"",
        "kind = \"sgd\"\nmomentum = 0.5\nnesterov = true\nweight_decay = 0.2",
    ],
    ["kind = \"rmsprop\"", "kind = \"rmsprop\"\nalpha = 0.9"],
    ["kind = \"rmsprop\"\nmomentum = 0.6", "kind = \"rmsprop\""],
    ["kind = \"rmsprop\"\nweight_decay = 0.4\nalpha = 0.9", "kind = \"rmsprop\"\nalpha = 0.9"],
    [
        "kind = \"rmsprop\"\nalpha = 0.8\nmomentum = 0.5\nweight_decay = 0.2\neps = 1e-3\nschedule = \"cosine\"",
        "kind = \"rmsprop\"\nalpha = 0.8\nmomentum = 0.5\nweight_decay = 0.2\neps = 1e-3",
    ],
];

fn rule(optimizer: &str) -> Config {
    common::config(&format!(
        "[data]\ntarget = {{ polynomial = [0.7, -0.5, 0.9] }}\ninputs = {{ uniform = {{ from = -1.5, to = 1.5, count = 40 }} }}\n[batch]\nsize = 8\ndraw = \"epoch\"\n[model]\nhidden = [6, 5]\nactivation = \"tanh\"\ninit = \"pytorch\"\n[optimizer]\nlearning_rate = 0.02\n{optimizer}\n[train]\nsteps = {STEPS}\n"
    ))
}

/// The largest distance between an engine's parameters and those worked out by hand from its own gradients, after each
/// update; and how far the farthest parameter went.
fn apart(way: Way, ours: &Config, by_hand: &Config) -> (f64, f64) {
    let mut engines = Engines::new(way, &[common::lane(ours, 3)]);
    let begin = wide(&engines.state()[0].parameters);
    let mut hand = Hand::new(begin.clone());
    let (mut worst, mut went) = (0f64, 0f64);
    for step in 0..STEPS {
        engines.gradient();
        let optimizer = &by_hand.optimizer;
        let done = step as f64 / STEPS as f64;
        let factor = match optimizer.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - done,
            Schedule::Cosine => (1.0 + (std::f64::consts::PI * done).cos()) / 2.0,
        };
        hand.update(optimizer.kind, optimizer.learning_rate * factor, &wide(&engines.state()[0].gradient));
        engines.update();
        for ((ours, theirs), begin) in wide(&engines.state()[0].parameters).iter().zip(&hand.parameters).zip(&begin) {
            worst = worst.max((ours - theirs).abs());
            went = went.max((theirs - begin).abs());
        }
    }
    (worst, went)
}

#[test]
fn every_optimizers_updates_are_those_of_its_rule_by_hand_and_of_no_other_like_it() {
    single_threaded();
    for [own, other] in RULES {
        let config = rule(own);
        for way in ways(&config, !own.contains("eps = 0.0")) {
            let (off, went) = apart(way, &config, &config);
            assert!(off <= 2e-6 && went > 0.02, "{way:?} {own}: off by {off:e} of {went}");
            let (off, _) = apart(way, &config, &rule(other));
            assert!(off > 1e-4, "{way:?} {own}: {other} is only {off:e} away");
        }
    }
}

/// A linear model of constant weight and bias on an even grid; targets are 2x.
fn line(grid: &str, weight: f64, bias: f64, batch: &str, loss: &str) -> Config {
    common::config(&format!(
        "[data]\ntarget = {{ polynomial = [0, 2] }}\ninputs = {{ grid = {{ {grid} }} }}\n[batch]\n{batch}\n[model]\nhidden = []\noutput = \"identity\"\ninit = {{ normal = [{weight}, 0] }}\ninit_bias = {{ normal = [{bias}, 0] }}\n[loss]\n{loss}\n"
    ))
}

fn near(ours: f32, exact: f64, what: &str) {
    let ours = f64::from(ours);
    assert!((ours - exact).abs() <= 1e-6 * (1.0 + exact.abs()), "{what}: {ours:?} and {exact:?}");
}

/// (1 − y)ŷ + ln(1 + e^−ŷ) of −½, ½, 1½ and −2, 0, 2.
const BCE: f64 = -2.5 + 0.974076984180107 + 0.474076984180107 + 0.201413277982752;
const LOG_COSH_HALF: f64 = 0.12011450695827752;
const LOG_COSH_3_HALVES: f64 = 0.8554401710137968;
const LOG_COSH_5_HALVES: f64 = 1.8135681679291729;
const LOG_COSH_7_HALVES: f64 = 2.8077642858938288;

/// Predictions −½, ½, 1½ and targets −2, 0, 2.
#[test]
fn losses_and_their_gradients_on_known_numbers_are_those_reckoned_on_paper() {
    single_threaded();
    let tanh = |d: f64| d.tanh();
    // Differences 1½, ½, −½; over all pairs 1½, −½, −2½; 2½, ½, −1½; 3½, 1½, −½.
    let pairs_log_cosh = 3.0 * LOG_COSH_HALF + 3.0 * LOG_COSH_3_HALVES + 2.0 * LOG_COSH_5_HALVES + LOG_COSH_7_HALVES;
    let pairs_tanh = tanh(1.5) - tanh(0.5) + tanh(3.5);
    for (loss, loss_by_hand, bias_by_hand) in [
        ("kind = \"mse\"", 2.75 / 3.0, 1.0),
        ("kind = \"sse\"", 2.75, 3.0),
        ("kind = \"mae\"", 2.5 / 3.0, 1.0 / 3.0),
        ("kind = \"huber\"", 1.25 / 3.0, 1.0 / 3.0),
        ("kind = \"huber\"\ndelta = 0.25", (0.25 * 1.375 + 2.0 * 0.25 * 0.375) / 3.0, 0.25 / 3.0),
        ("kind = \"log_cosh\"", (LOG_COSH_3_HALVES + 2.0 * LOG_COSH_HALF) / 3.0, tanh(1.5) / 3.0),
        ("kind = \"mse\"\nreduction = \"sum\"", 2.75, 3.0),
        ("kind = \"bce\"", BCE / 3.0, 1.8175744761936437 / 3.0),
        ("kind = \"bce\"\nreduction = \"sum\"", BCE, 1.8175744761936437),
        // Of one unit: Σ y ln 1; and Σ y, with the sign turned, of what is taken for a logarithm.
        ("kind = \"cross_entropy\"", 0.0, 0.0),
        ("kind = \"nll\"", -4.0 / 3.0, 0.0),
        ("kind = \"mse\"\npairing = \"broadcast\"", 32.25 / 3.0, 3.0),
        ("kind = \"mse\"\npairing = \"broadcast-mean\"", 32.25 / 9.0, 1.0),
        ("kind = \"sse\"\npairing = \"broadcast\"", 32.25, 9.0),
        ("kind = \"mae\"\npairing = \"broadcast\"", 14.5 / 3.0, 1.0 / 3.0),
        ("kind = \"mae\"\npairing = \"broadcast-mean\"", 14.5 / 9.0, 1.0 / 9.0),
        ("kind = \"huber\"\npairing = \"broadcast\"", (3.0 * 0.125 + 3.0 + 4.0 + 3.0) / 3.0, 1.5 / 3.0),
        ("kind = \"log_cosh\"\npairing = \"broadcast\"", pairs_log_cosh / 3.0, pairs_tanh / 3.0),
        ("kind = \"log_cosh\"\npairing = \"broadcast-mean\"", pairs_log_cosh / 9.0, pairs_tanh / 9.0),
    ] {
        let config = line("from = -1, to = 1, count = 3", 1.0, 0.5, "size = \"all\"", loss);
        for way in ways(&config, !loss.contains("log_cosh")) {
            let mut engines = Engines::new(way, &[common::lane(&config, 1)]);
            near(engines.gradient()[0], loss_by_hand, &format!("{way:?} {loss}"));
            near(engines.state()[0].gradient[1][0], bias_by_hand, &format!("{way:?} {loss}, by the bias"));
        }
    }
}

/// ln cosh d and tanh d to all digits of an f64, from a library of many digits.
const LOG_COSH: [[f64; 3]; 11] = [
    [0.0, 0.0, 0.0],
    [0.125, 0.007792239318898253, 0.12435300177159621],
    [0.5, 0.12011450695827752, 0.46211715726000974],
    [1.0, 0.4337808304830272, 0.7615941559557649],
    [1.5, 0.8554401710137968, 0.9051482536448664],
    [2.5, 1.8135681679291729, 0.9866142981514303],
    [3.5, 2.8077642858938288, 0.9981778976111987],
    [8.0, 7.306852931975223, 0.9999997749296758],
    [20.0, 19.306852819440056, 1.0],
    [100.0, 99.30685281944005, 1.0],
    [10000.0, 9999.30685281944, 1.0],
];

/// Differences of any size, one sample a batch.
#[test]
fn losses_and_their_slopes_are_the_closed_forms_for_differences_up_to_ten_thousand() {
    single_threaded();
    for loss in ["mse", "sse", "mae", "huber", "log_cosh"] {
        for (to, count) in [(1e4, 9), (100.0, 17), (6.0, 97), (0.01, 5)] {
            let grid = format!("from = {:?}, to = {to:?}, count = {count}", -to);
            let config = line(&grid, 1.0, 0.0, "size = 1\ndraw = \"epoch\"", &format!("kind = \"{loss}\""));
            let lane = common::lane(&config, 1);
            for way in ways(&config, loss != "log_cosh") {
                let mut engines = Engines::new(way, std::slice::from_ref(&lane));
                let mut batches = lane.batches().expect("batches");
                for _ in 0..count {
                    let (mut x, mut y) = (Vec::new(), Vec::new());
                    batches.next_into(&mut x, &mut y);
                    let d = f64::from(x[0]) - f64::from(y[0]);
                    let (value, slope) = match loss {
                        "mse" | "sse" => (d * d, 2.0 * d),
                        "mae" => (d.abs(), if d == 0.0 { 0.0 } else { d.signum() }),
                        "huber" if d.abs() <= 1.0 => (d * d / 2.0, d),
                        "huber" => (d.abs() - 0.5, d.signum()),
                        _ if d.abs() < 20.0 => (d.cosh().ln(), d.tanh()),
                        // What is left out is below e⁻⁴⁰.
                        _ => (d.abs() - std::f64::consts::LN_2, d.signum()),
                    };
                    let what = format!("{way:?} {loss} of {d:?}");
                    near(engines.gradient()[0], value, &what);
                    let gradient = &engines.state()[0].gradient;
                    near(gradient[0][0], slope * f64::from(x[0]), &format!("{what}, by the weight"));
                    near(gradient[1][0], slope, &format!("{what}, by the bias"));
                }
            }
        }
    }
}

#[test]
fn log_cosh_of_known_numbers_is_as_a_library_of_many_digits_has_it() {
    single_threaded();
    for [d, value, slope] in LOG_COSH {
        for sign in [1.0, -1.0] {
            // One sample at 1, whose target is 2.
            let config = line("from = 1, to = 2, count = 2", 0.0, 2.0 + sign * d, "size = 1", "kind = \"log_cosh\"");
            let lane = (0..).map(|seed| common::lane(&config, seed)).find(|lane| {
                let (mut x, mut y) = (Vec::new(), Vec::new());
                lane.batches().expect("batches").next_into(&mut x, &mut y);
                x == [1.0] && y == [2.0]
            });
            for way in ways(&config, false) {
                let mut engines = Engines::new(way, &[lane.clone().expect("a seed whose batch is the first point")]);
                // 2 + d is an f32.
                let rounded = 2.4e-7 * (2.0 + d);
                let (loss, bias) = (f64::from(engines.gradient()[0]), f64::from(engines.state()[0].gradient[1][0]));
                assert!((loss - value).abs() <= 1e-6 + rounded, "{way:?} {d}: {loss} and {value}");
                assert!((bias - sign * slope).abs() <= 1e-6 + rounded, "{way:?} {d}: {bias} and {slope}");
            }
        }
    }
}

/// A file of three inputs and a target, and its rows.
fn table() -> (tempfile::NamedTempFile, Vec<[f64; 4]>) {
    use std::io::Write;
    let rows: Vec<[f64; 4]> =
        (0..30).map(f64::from).map(|x| [x.sin(), (0.7 * x).cos(), 0.05 * x - 0.4, (0.3 * x).sin() + 2.0]).collect();
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "a,b,c,y").expect("written");
    rows.iter().for_each(|[a, b, c, y]| writeln!(file, "{a},{b},{c},{y}").expect("written"));
    (file, rows)
}

#[test]
fn a_linear_models_gradient_is_that_of_the_normal_equations() {
    single_threaded();
    let (file, rows) = table();
    let n = rows.len() as f64;
    let mean = rows.iter().map(|row| row[3]).sum::<f64>() / n;
    // What the sum of squares' gradient 2(XᵀXw − Xᵀy) is multiplied with, and whether each target is its own or their mean.
    for (loss, factor, own) in [
        ("kind = \"mse\"", 1.0 / n, true),
        ("kind = \"sse\"", 1.0, true),
        ("kind = \"mse\"\npairing = \"broadcast\"", 1.0, false),
        ("kind = \"mse\"\npairing = \"broadcast-mean\"", 1.0 / n, false),
        ("kind = \"sse\"\npairing = \"broadcast\"", n, false),
    ] {
        for bias in [true, false] {
            let config = common::config(&format!(
                "[data]\ntarget = {{ csv = {:?}, inputs = [\"a\", \"b\", \"c\"], output = \"y\" }}\nholdout = 0\n[model]\nhidden = []\noutput = \"identity\"\nbias = {bias}\ninit = \"pytorch\"\n[loss]\n{loss}\n[train]\nsteps = 5\n",
                file.path()
            ));
            for way in ways(&config, true) {
                let mut engines = Engines::new(way, &[common::lane(&config, 2), common::lane(&config, 9)]);
                for _ in 0..5 {
                    engines.gradient();
                    for state in engines.state() {
                        let w = wide(&state.parameters);
                        let x = |row: &[f64; 4], i: usize| if i < 3 { row[i] } else { 1.0 };
                        let exact: Vec<f64> = (0..w.len())
                            .map(|i| {
                                let by_row = |row: &[f64; 4]| {
                                    let predicted: f64 = w.iter().enumerate().map(|(j, w)| w * x(row, j)).sum();
                                    x(row, i) * (predicted - if own { row[3] } else { mean })
                                };
                                2.0 * factor * rows.iter().map(by_row).sum::<f64>()
                            })
                            .collect();
                        let norm = exact.iter().map(|g| g * g).sum::<f64>().sqrt();
                        for (ours, exact) in wide(&state.gradient).iter().zip(&exact) {
                            assert!((ours - exact).abs() <= 2e-6 * norm, "{way:?} {loss}: {ours} and {exact}");
                        }
                    }
                    engines.update();
                }
            }
        }
    }
}
