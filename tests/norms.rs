//! Norms by both engines against arithmetic by hand in f64: running statistics, evaluation, what is remembered, clipped, and
//! watched. Gradients through norms are in gradients.rs, PyTorch's, Keras' and Flax' own losses in frameworks.rs.
#![cfg(feature = "train")]

mod common;

use common::Misfit;
use common::engines::{Engines, Way, table, ways};
use misfit::experiment::config::{Activation, ClipOver, Config, Model};
use misfit::train::device::single_threaded;
use misfit::train::engine::State;
use misfit::train::fused::kernels::{Level, batch_norm, batch_norm_backward, layer_norm, layer_norm_backward};

/// 24 rows of three columns in batches of 7 and a last one of 3, through tanh units with a norm behind them.
fn config(file: &tempfile::NamedTempFile, more: &str) -> Config {
    common::config(&format!(
        "data.target = {{ csv = {:?}, inputs = ['a', 'b', 'c'], output = 'y0' }}\ndata.holdout = 0\nbatch.draw = 'epoch'\nbatch.last = 'short'\nmodel.hidden = [13]\nmodel.activation = 'tanh'\nmodel.init = 'pytorch'\noptimizer.kind = 'sgd'\noptimizer.learning_rate = 0.1\ntrain.steps = 40\n{more}",
        file.path()
    ))
}

/// `rows · weights + bias` of rows of `inputs` numbers.
fn product(rows: &[f64], inputs: usize, weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let units = bias.len();
    let unit = |row: &[f64], unit: usize| {
        let terms = row.iter().enumerate().map(|(i, x)| x * f64::from(weights[i * units + unit]));
        terms.sum::<f64>() + f64::from(bias[unit])
    };
    rows.chunks(inputs).flat_map(|row| (0..units).map(move |at| unit(row, at))).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Mean and variance (divisor n) of each of so many columns.
fn moments(rows: &[f64], columns: usize) -> Vec<[f64; 2]> {
    let of = |column: usize| {
        let values = || rows.iter().skip(column).step_by(columns);
        let count = values().count() as f64;
        let mean = values().sum::<f64>() / count;
        [mean, values().map(|x| (x - mean).powi(2)).sum::<f64>() / count]
    };
    (0..columns).map(of).collect()
}

/// What the network of [`config`] makes of these rows by these statistics.
fn evaluated(state: &State, rows: &[f64], eps: f64, statistics: &[[f64; 2]]) -> Vec<f64> {
    let hidden: Vec<f64> =
        product(rows, 3, &state.parameters[0], &state.parameters[1]).into_iter().map(f64::tanh).collect();
    let units = statistics.len();
    let norm = |(at, x): (usize, &f64)| {
        let [mean, variance] = statistics[at % units];
        let [scale, shift] = [0, 1].map(|learnt| f64::from(state.norms[learnt][at % units]));
        (x - mean) / (variance + eps).sqrt() * scale + shift
    };
    let normed: Vec<f64> = hidden.iter().enumerate().map(norm).collect();
    product(&normed, units, &state.parameters[2], &state.parameters[3])
}

fn near(ours: &[f32], exact: &[f64], what: &str) {
    assert_eq!(ours.len(), exact.len());
    for (ours, exact) in ours.iter().zip(exact) {
        assert!((f64::from(*ours) - exact).abs() <= 2e-5 * (1.0 + exact.abs()), "{what}: {ours} and {exact}");
    }
}

#[test]
fn evaluation_goes_by_running_statistics_that_follow_each_batch_by_pytorchs_rule_and_training_in_eval_mode_leaves_them()
{
    single_threaded();
    let file = table(1, 24);
    for (batch, momentum, variance) in
        [(7, 0.1, "unbiased"), (7, 0.7, "biased"), (24, 1.0, "unbiased"), (23, 0.25, "biased"), (1, 0.3, "biased")]
    {
        for mode in ["train", "eval"] {
            let more = format!(
                "batch.size = {batch}\nmodel.norm = 'batch'\nmodel.norm_momentum = {momentum}\nmodel.norm_variance = '{variance}'\nmodel.norm_eps = 1e-2\ntrain.mode = '{mode}'"
            );
            let config = config(&file, &more);
            for way in ways(&config, true) {
                let lane = common::lane(&config, 3);
                let mut engines = Engines::new(way, std::slice::from_ref(&lane));
                let mut batches = lane.batches().expect("batches");
                let mut running = vec![[0.0, 1.0]; 13];
                let test = wide(&lane.data.scaled_inputs(&lane.data.test));
                for step in 0..9 {
                    let state = engines.state().remove(0);
                    let what = format!("{way:?} {mode} batches of {batch}, step {step}");
                    near(&engines.predict()[0].values, &evaluated(&state, &test, 1e-2, &running), &what);
                    let (mut x, mut y) = (Vec::new(), Vec::new());
                    let rows = batches.next_into(&mut x, &mut y) as f64;
                    let hidden: Vec<f64> = product(&wide(&x), 3, &state.parameters[0], &state.parameters[1])
                        .into_iter()
                        .map(f64::tanh)
                        .collect();
                    if mode == "train" {
                        for (running, [mean, biased]) in running.iter_mut().zip(moments(&hidden, 13)) {
                            let now = if variance == "biased" { biased } else { biased * rows / (rows - 1.0) };
                            running[0] = (1.0 - momentum) * running[0] + momentum * mean;
                            running[1] = (1.0 - momentum) * running[1] + momentum * now;
                        }
                    }
                    engines.gradient();
                    engines.update();
                }
                // Losses and outputs of rows that no batch is made of.
                let state = engines.state().remove(0);
                let (inputs, targets) = (&test[..15], lane.data.coded_targets(&lane.data.test)[..5].to_vec());
                let narrow: Vec<f32> = inputs.iter().map(|&x| x as f32).collect();
                let exact = evaluated(&state, inputs, 1e-2, &running);
                let ours = engines.0[0].outputs(std::slice::from_ref(&narrow)).expect("outputs");
                near(&ours[0], &exact, &format!("{way:?}"));
                let loss = exact.iter().zip(&targets).map(|(p, y)| (p - f64::from(*y)).powi(2)).sum::<f64>() / 5.0;
                let ours = engines.0[0].losses(&[(narrow, targets)]).expect("losses");
                near(&ours, &[loss], &format!("{way:?}, the loss"));
            }
        }
    }
}

#[test]
fn of_a_batch_of_one_row_a_batch_norm_puts_out_its_shift_and_an_unbiased_variance_is_no_number() {
    single_threaded();
    let file = table(1, 24);
    for place in ["before", "after"] {
        let config = config(&file, &format!("batch.size = 1\nmodel.norm = 'batch'\nmodel.norm_place = '{place}'"));
        for way in ways(&config, true) {
            let lane = common::lane(&config, 3);
            let mut engines = Engines::new(way, std::slice::from_ref(&lane));
            let (mut x, mut y) = (Vec::new(), Vec::new());
            lane.batches().expect("batches").next_into(&mut x, &mut y);
            let loss = engines.gradient()[0];
            let state = engines.state().remove(0);
            // Shifts are 0, and so is what tanh makes of them.
            let residual = f64::from(state.parameters[3][0]) - f64::from(y[0]);
            near(&[loss], &[residual * residual], &format!("{way:?} {place}"));
            near(&state.gradient[3], &[2.0 * residual], &format!("{way:?} {place}"));
            assert!(state.gradient[0].iter().all(|&slope| slope == 0.0), "{way:?} {place}");
            assert!(engines.predict()[0].values.iter().all(|value| value.is_nan()), "{way:?} {place}");
        }
    }
}

#[test]
fn what_is_remembered_has_the_running_statistics_and_what_norms_learnt() {
    single_threaded();
    let file = table(1, 24);
    for norm in ["batch", "layer"] {
        let config = config(&file, &format!("batch.size = 7\nmodel.norm = '{norm}'"));
        for way in ways(&config, true) {
            let mut engines = Engines::new(way, &[common::lane(&config, 3)]);
            let go_on = |engines: &mut Engines| {
                for _ in 0..5 {
                    engines.gradient();
                    engines.update();
                }
            };
            go_on(&mut engines);
            let (then, learnt) = (engines.predict().remove(0).values, engines.state().remove(0).norms);
            engines.0[0].remember().expect("remembered");
            go_on(&mut engines);
            assert_ne!(engines.predict()[0].values, then, "{way:?} {norm}");
            engines.0[0].recall().expect("recalled");
            assert_eq!(engines.predict()[0].values, then, "{way:?} {norm}");
            assert_eq!(engines.state()[0].norms, learnt, "{way:?} {norm}");
        }
    }
}

#[test]
fn scales_and_shifts_are_clipped_and_updated_and_measured_with_all_other_parameters_and_begin_with_1_and_0() {
    single_threaded();
    let file = table(1, 24);
    for (norm, over, most) in
        [("batch", "all", 0.3), ("batch", "each", 0.05), ("layer", "global", 0.3), ("layer", "each", 0.05)]
    {
        let clip = format!("optimizer.clip_norm = {most}\noptimizer.clip_over = '{over}'\noptimizer.clip_value = 0.04");
        let config = config(&file, &format!("batch.size = 7\nmodel.norm = '{norm}'\n{clip}"));
        for way in ways(&config, true) {
            let mut engines = Engines::new(way, &[common::lane(&config, 3)]);
            assert_eq!(engines.state()[0].norms, [vec![1.0; 13], vec![0.0; 13]]);
            for step in 0..3 {
                engines.gradient();
                let [before, gradient] =
                    engines.state().remove(0).whole().map(|of| of.iter().map(|t| wide(t)).collect::<Vec<_>>());
                let size = |of: &mut dyn Iterator<Item = &f64>| of.map(|v| v * v).sum::<f64>().sqrt();
                let whole = size(&mut gradient.iter().flatten());
                let what = format!("{way:?} {norm} {over}, step {step}");
                near(&[engines.0[0].gradient_norms().expect("a norm")[0] as f32], &[whole], &what);
                let factor = |tensor: &[f64]| match config.optimizer.clip_over {
                    Some(ClipOver::Each) => most / size(&mut tensor.iter()),
                    _ => most / whole,
                };
                let updated = |(p, g): (&Vec<f64>, &Vec<f64>)| -> Vec<f64> {
                    let factor = factor(g).min(1.0);
                    p.iter().zip(g).map(|(p, g)| p - 0.1 * (g * factor).clamp(-0.04, 0.04)).collect()
                };
                let exact: Vec<Vec<f64>> = before.iter().zip(&gradient).map(updated).collect();
                let ratio = engines.0[0].update(true).expect("a ratio")[0];
                let [after, _] = engines.state().remove(0).whole();
                after.iter().zip(&exact).for_each(|(ours, exact)| near(ours, exact, &what));
                let moved = |(a, b): (&f64, &f64)| a - b;
                let moved: Vec<f64> = exact.iter().flatten().zip(before.iter().flatten()).map(moved).collect();
                let exact = size(&mut moved.iter()) / size(&mut before.iter().flatten());
                assert!((ratio - exact).abs() <= 1e-4 * exact, "{what}: {ratio} and {exact}");
            }
            assert!(engines.state()[0].norms[1].iter().all(|&shift| shift != 0.0));
        }
    }
}

#[test]
fn a_unit_is_dead_by_what_its_activation_puts_out_whatever_a_norm_makes_of_it() {
    single_threaded();
    let file = table(1, 24);
    // All sums are below 0. Behind a ReLU the norm puts out its shifts; before one it makes half of a unit's sums positive.
    for (norm, dead) in
        [("'batch'", 13), ("'layer'", 13), ("'batch'\nmodel.norm_place = 'before'\nmodel.norm_momentum = 1.0", 0)]
    {
        let more = format!("batch.size = 24\nmodel.init_bias = {{ uniform = [-9, -8] }}\nmodel.norm = {norm}");
        let config = config(&file, &more);
        let config = Config { model: Model { activation: vec![Activation::Relu], ..config.model }, ..config };
        for way in ways(&config, true) {
            let mut engines = Engines::new(way, &[common::lane(&config, 3)]);
            engines.gradient();
            engines.update();
            assert_eq!(engines.predict()[0].dead_units, dead, "{way:?} {norm}");
        }
    }
}

#[test]
fn gradients_that_are_not_forgotten_add_up_in_norms_too() {
    single_threaded();
    let file = table(1, 24);
    for norm in ["batch", "layer"] {
        let of = |zero_grad: bool| {
            config(&file, &format!("batch.size = 7\nmodel.norm = '{norm}'\noptimizer.zero_grad = {zero_grad}"))
        };
        let (added, forgotten) = (of(false), of(true));
        for way in ways(&added, true) {
            let [mut adding, mut forgetting] =
                [&added, &forgotten].map(|config| Engines::new(way, &[common::lane(config, 3)]));
            let mut sums: Vec<f64> = vec![0.0; 26];
            for _ in 0..4 {
                // Nothing is updated between them.
                adding.gradient();
                forgetting.gradient();
                let alone = wide(&forgetting.state()[0].norms_gradient.concat());
                sums.iter_mut().zip(alone).for_each(|(sum, alone)| *sum += alone);
                near(&adding.state()[0].norms_gradient.concat(), &sums, &format!("{way:?} {norm}"));
            }
        }
    }
}

#[test]
fn a_run_that_diverges_through_a_norm_diverges_by_both_engines() {
    let misfit = Misfit::new();
    for norm in ["batch", "layer"] {
        for place in ["before", "after"] {
            let settings = format!("norm = {norm:?}\nnorm_place = {place:?}");
            misfit.write("x.toml", &format!("seeds = 2\n[data]\ninputs = {{ grid = {{ from = 0, to = 1, count = 9 }} }}\n[batch]\nsize = 4\n[model]\nhidden = [3, 3]\n{settings}\n[optimizer]\nkind = \"sgd\"\n[train]\nsteps = 30\n"));
            for (rate, diverges) in [("1e20", true), ("3e38", true), ("1e-3", false)] {
                for engine in ["torch", "fused"] {
                    let rate = format!("optimizer.learning_rate={rate}");
                    misfit.ok(&["run", "x.toml", "--engine", engine, "--fresh", "--out", "out", &rate]);
                    let diverged = misfit.read("out/runs.csv").matches(",diverged,").count();
                    assert_eq!(diverged, if diverges { 2 } else { 0 }, "{engine} {settings} {rate}");
                }
            }
        }
    }
}

/// Numbers that repeat nowhere.
fn numbers(count: usize, from: usize) -> Vec<f32> {
    (0..count).map(|i| (((i + from) * 7919 % 1009) as f32).mul_add(0.004, -2.0)).collect()
}

#[test]
fn kernels_of_norms_are_the_plain_sums_in_f64_with_the_same_bits_at_every_level() {
    for columns in [1, 3, 4, 8, 13, 40] {
        for rows in [1, 2, 7, 33] {
            let (x, d) = (numbers(rows * columns, 5), numbers(rows * columns, 77));
            let (scale, shift) = (numbers(columns, 300), numbers(columns, 11));
            let given: Vec<[f64; 2]> = (0..columns).map(|c| [0.3 - 0.01 * c as f64, 0.2 + 0.1 * c as f64]).collect();
            for kind in ["batch", "given", "layer"] {
                let mut all = Vec::new();
                for level in Level::all() {
                    let count = if kind == "layer" { rows } else { columns };
                    let mut statistics = [vec![0.0; count], vec![0.0; count]];
                    if kind == "given" {
                        statistics = [0, 1].map(|at| given.iter().map(|of| of[at]).collect());
                    }
                    let [means, spreads] = &mut statistics;
                    let (mut y, mut back) = (vec![9.0; rows * columns], d.clone());
                    let (mut scales, mut shifts) = (vec![0.25; columns], vec![0.25; columns]);
                    if kind == "layer" {
                        layer_norm(level, 1e-3, &scale, &shift, &x, means, spreads, &mut y);
                        layer_norm_backward(
                            level,
                            &scale,
                            &x,
                            means,
                            spreads,
                            &mut back,
                            true,
                            &mut scales,
                            &mut shifts,
                        );
                    } else {
                        let by = kind == "batch";
                        batch_norm(level, by, 1e-3, &scale, &shift, &x, means, spreads, &mut y);
                        batch_norm_backward(
                            level,
                            by,
                            1e-3,
                            &scale,
                            &x,
                            means,
                            spreads,
                            &mut back,
                            true,
                            &mut scales,
                            &mut shifts,
                        );
                    }
                    all.push([y, back, scales, shifts]);
                }
                assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{kind} {rows}×{columns}");
                // The loss is Σ d·y.
                let loss = |x: &[f64], scale: &[f64], shift: &[f64]| -> (Vec<f64>, f64) {
                    let by_row: Vec<[f64; 2]> = x.chunks(columns).map(|row| moments(row, 1)[0]).collect();
                    let by_column = if kind == "given" { given.clone() } else { moments(x, columns) };
                    let one = |(at, x): (usize, &f64)| {
                        let [mean, variance] =
                            if kind == "layer" { by_row[at / columns] } else { by_column[at % columns] };
                        (x - mean) / (variance + 1e-3).sqrt() * scale[at % columns] + shift[at % columns]
                    };
                    let y: Vec<f64> = x.iter().enumerate().map(one).collect();
                    let sum = y.iter().zip(&d).map(|(y, d)| y * f64::from(*d)).sum();
                    (y, sum)
                };
                let parts = [wide(&x), wide(&scale), wide(&shift)];
                let value = |parts: &[Vec<f64>; 3]| loss(&parts[0], &parts[1], &parts[2]);
                let what = format!("{kind} {rows}×{columns}");
                near(&all[0][0], &value(&parts).0, &what);
                for (part, ours) in all[0][1..].iter().enumerate() {
                    let slope = |at: usize| {
                        let moved = |by: f64| {
                            let mut parts = parts.clone();
                            parts[part][at] += by;
                            value(&parts).1
                        };
                        (moved(1e-5) - moved(-1e-5)) / 2e-5
                    };
                    let added = if part == 0 { 0.0 } else { 0.25 };
                    let exact: Vec<f64> = (0..ours.len()).map(|at| slope(at) + added).collect();
                    near(ours, &exact, &what);
                }
            }
        }
    }
}

#[test]
fn what_of_a_run_with_norms_is_chosen_is_fused_but_where_a_layer_is_frozen() {
    let file = table(1, 24);
    assert_eq!(misfit::train::fused::covers(&config(&file, "model.norm = ['batch']")), Ok(()));
    let frozen = misfit::train::fused::covers(&config(&file, "model.norm = ['batch']\nmodel.frozen = [0]"));
    assert!(frozen.expect_err("no kernel").contains("model.frozen"));
    assert!(ways(&config(&file, "model.norm = ['layer']"), true).contains(&Way::Torch));
}
