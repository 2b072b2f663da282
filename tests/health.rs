//! `health.csv`: every figure of it against the definition, reckoned here from the network itself.
#![cfg(feature = "train")]

mod common;

use std::collections::HashMap;

use common::{Misfit, config, lane, rows};
use misfit::train::choice;
use tch::Device;

type Row = HashMap<String, String>;

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs(), "{a} against {b}");
}

fn health(text: &str) -> Vec<Row> {
    let misfit = Misfit::new();
    misfit.write("x.toml", text);
    misfit.ok(&["run", "x.toml", "--out", "out"]);
    rows(&misfit.read("out/health.csv"))
}

const NET: &str = "seeds = 2\n[data]\ntarget = { polynomial = [0, 1, 1] }\ninputs = { grid = { from = -1, to = 1, count = 40 } }\n\
                   [batch]\nsize = 8\ndraw = \"epoch\"\n[model]\nhidden = [6, 5]\ninit = \"pytorch\"\n[train]\nsteps = 60\n";

/// Parameters of the network after all updates, and the gradient on the next batch, as the last row has it.
fn end(text: &str, seed: u64, steps: usize) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let lane = lane(&config(text), seed);
    let name = choice::choose(&lane.config, Device::Cpu).unwrap();
    let mut engine = choice::blocks(name, &[lane], Device::Cpu).next().unwrap().unwrap().0;
    for _ in 0..steps {
        engine.gradient(false).unwrap();
        engine.update(false).unwrap();
    }
    engine.gradient(false).unwrap();
    let state = engine.state().unwrap().remove(0);
    (state.parameters, state.gradient)
}

/// For each unit of a 1–6–5–1 ReLU network whether it is on at `x`.
fn on(parameters: &[Vec<f32>], x: f64) -> Vec<bool> {
    let mut values = vec![x];
    let mut pattern = Vec::new();
    for layer in parameters.chunks(2).take(2) {
        let width = layer[1].len();
        values = (0..width)
            .map(|unit| {
                let weighted = values.iter().enumerate().map(|(i, v)| v * f64::from(layer[0][i * width + unit]));
                weighted.sum::<f64>() + f64::from(layer[1][unit])
            })
            .collect();
        pattern.extend(values.iter().map(|z| *z > 0.0));
        values.iter_mut().for_each(|z| *z = z.max(0.0));
    }
    pattern
}

fn norm(tensor: &[f32]) -> f64 {
    tensor.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn pieces_are_the_patterns_of_units_that_a_fine_walk_over_the_inputs_meets_and_gradients_those_of_the_last_row() {
    let health = health(NET);
    for (seed, row) in health.iter().enumerate() {
        let (_, gradients) = end(NET, seed as u64, 0);
        near(number(row, "start_grad_first"), norm(&gradients[0]), 1e-12);
        near(number(row, "start_grad_ratio"), norm(&gradients[0]) / norm(&gradients[4]), 1e-12);
        let (parameters, gradients) = end(NET, seed as u64, 60);
        near(number(row, "grad_first"), norm(&gradients[0]), 1e-12);
        near(number(row, "grad_last"), norm(&gradients[4]), 1e-12);
        near(number(row, "grad_ratio"), norm(&gradients[0]) / norm(&gradients[4]), 1e-12);
        let steps = 400_000;
        let mut changes = Vec::new();
        let mut last = on(&parameters, -1.0);
        for i in 1..=steps {
            let x = -1.0 + 2.0 * f64::from(i) / f64::from(steps);
            let now = on(&parameters, x);
            if now != last {
                changes.push(x);
            }
            last = now;
        }
        // Two patterns are one piece only where a change of both layers at once leaves the slope as it was.
        assert_eq!(number(row, "pieces"), changes.len() as f64 + 1.0, "seed {seed}");
        let kinks: Vec<f64> = row["kinks"].split(' ').map(|kink| kink.parse().unwrap()).collect();
        assert_eq!(kinks.len(), changes.len());
        for (kink, change) in kinks.iter().zip(&changes) {
            assert!(change - kink >= 0.0 && change - kink <= 2.0 / f64::from(steps), "{kink} against {change}");
        }
        assert_eq!(number(row, "most_pieces"), 42.0);
    }
}

#[test]
fn the_baselines_of_the_source_case_are_those_of_the_closed_forms_on_a_csv_too() {
    // facts of x² + x on 1…1000: mean squared errors 2.010017e11, 8.92224e10 and 5.5555e9.
    let lines: String = (1..=1000_u64).map(|x| format!("{x},{}\n", x * x + x)).collect();
    let misfit = Misfit::new();
    misfit.write("p.csv", &format!("x,y\n{lines}"));
    misfit.write(
        "p.toml",
        "seeds = 1\n[data]\ntarget = { csv = \"p.csv\", inputs = [\"x\"], output = \"y\" }\nholdout = 0\n[model]\nhidden = [7]\n[train]\nsteps = 2\n",
    );
    misfit.ok(&["run", "p.toml", "--out", "out"]);
    let row = &rows(&misfit.read("out/health.csv"))[0];
    near(number(row, "zero_rmse").powi(2), 2.010017e11, 1e-6);
    near(number(row, "mean_rmse").powi(2), 8.92224e10, 1e-5);
    near(number(row, "line_rmse").powi(2), 5.5555e9, 1e-4);
    // Eight equal pieces of a parabola leave f″²h⁴/720.
    assert_eq!(number(row, "most_pieces"), 8.0);
    near(number(row, "most_pieces_rmse").powi(2), 4.0 * (1000.0_f64 / 8.0).powi(4) / 720.0, 0.01);
    assert_eq!([number(row, "target_min"), number(row, "target_max")], [2.0, 1_001_000.0]);
}

#[test]
fn distinct_samples_are_those_that_were_in_a_batch() {
    let text = |batch: &str, inputs: &str| {
        format!("seeds = 1\n[data]\ninputs = {inputs}\n[batch]\n{batch}\n[model]\nhidden = [2]\n[train]\nsteps = 3\n")
    };
    let grid = "{ grid = { from = 0, to = 1, count = 20 } }";
    let range = "{ uniform = { from = 0, to = 1, count = 20 } }";
    for (batch, inputs, seen, of) in [
        ("size = 4\ndraw = \"once\"", grid, 4.0, 20.0),
        // Three updates and the last row, whose batch is the fourth.
        ("size = 4\ndraw = \"epoch\"", grid, 16.0, 20.0),
        ("size = 7\ndraw = \"epoch\"", grid, 20.0, 20.0),
        ("size = 4\ndraw = \"fresh\"", range, 16.0, f64::INFINITY),
    ] {
        let row = &health(&text(batch, inputs))[0];
        assert_eq!((number(row, "distinct_samples"), number(row, "training_samples")), (seen, of), "{batch}");
    }
}

#[test]
fn kinks_are_in_the_inputs_own_units_whatever_their_scale() {
    // One update of a rate that moves nothing: the network is the same function of the scaled input.
    let text = |from: f64, to: f64, scale: &str| {
        format!(
            "seeds = 1\n[data]\ninputs = {{ grid = {{ from = {from}, to = {to}, count = 50 }} }}\nscale_input = {scale}\n\
             [model]\nhidden = [6]\ninit = \"pytorch\"\n[optimizer]\nlearning_rate = 1e-30\n[train]\nsteps = 1\n"
        )
    };
    let kinks = |text: &str| -> Vec<f64> {
        health(text)[0]["kinks"].split_ascii_whitespace().map(|kink| kink.parse().unwrap()).collect()
    };
    let (plain, divided) = (kinks(&text(-1.0, 1.0, "1.0")), kinks(&text(-100.0, 100.0, "100.0")));
    let mut mirrored = kinks(&text(-100.0, 100.0, "-100.0"));
    assert!(!plain.is_empty() && plain.len() == divided.len() && plain.len() == mirrored.len());
    assert!(mirrored.is_sorted());
    mirrored.reverse();
    for ((plain, divided), mirrored) in plain.iter().zip(&divided).zip(&mirrored) {
        near(*divided, 100.0 * plain, 1e-9);
        near(*mirrored, -100.0 * plain, 1e-9);
    }
}

#[test]
fn a_diverged_run_has_its_row_with_nan_for_what_it_lacks() {
    let text = format!("{NET}[optimizer]\nkind = \"sgd\"\nlearning_rate = 1e6\n");
    for row in health(&text) {
        assert!(number(&row, "pieces").is_nan() && number(&row, "prediction_std").is_nan(), "{row:?}");
        assert!(number(&row, "line_rmse") > 0.0);
    }
}
