//! Scaling is undone: whatever inputs and targets are divided by, the files speak in the units of the data.
#![cfg(feature = "train")]

mod common;

use std::collections::HashMap;

use common::{Misfit, rows};

type Row = HashMap<String, String>;

fn numbers(rows: &[Row], variant: &str, column: &str) -> Vec<f64> {
    let own = rows.iter().filter(|row| row["variant"] == variant);
    own.map(|row| row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))).collect()
}

/// Rows of x and y = x² − 3x + 5 at eleven places that no formula spaces.
fn data() -> Vec<(f64, f64)> {
    [-3.0, -2.25, -1.5, -0.875, -0.25, 0.5, 1.125, 1.75, 2.5, 3.25, 4.0].map(|x| (x, x * x - 3.0 * x + 5.0)).to_vec()
}

fn csv(rows: impl Iterator<Item = (f64, f64)>) -> String {
    rows.fold("a,y\n".to_owned(), |text, (x, y)| format!("{text}{x:?},{y:?}\n"))
}

fn setup(hidden: &str) -> String {
    format!(
        "seeds = 2\n[data]\ntarget = {{ csv = \"raw.csv\", inputs = [\"a\"], output = \"y\" }}\n[model]\nhidden = {hidden}\n\
         init_bias = {{ uniform = [-1, 1] }}\n[optimizer]\nlearning_rate = 1e-2\n[train]\nsteps = 200\nlog_points = 9\n"
    )
}

/// How values are brought near 1: as the experiment file says it, and in f64.
fn scales(values: &[f64]) -> [(String, f64, f64); 5] {
    let count = values.len() as f64;
    let (low, high) =
        (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(f64::MIN, f64::max));
    let mean = values.iter().sum::<f64>() / count;
    let deviation = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count).sqrt();
    [
        ("4.0".to_owned(), 0.0, 4.0),
        ("-8.0".to_owned(), 0.0, -8.0),
        ("3.7".to_owned(), 0.0, 3.7),
        ("\"standardize\"".to_owned(), mean, deviation),
        ("\"unit\"".to_owned(), low, high - low),
    ]
}

#[test]
fn a_run_with_scaling_is_the_run_of_data_scaled_by_hand_undone_in_f64() {
    let data = data();
    let (x, y): (Vec<f64>, Vec<f64>) = data.iter().copied().unzip();
    for (nth, hidden) in ["[]", "[7]", "[5, 4]"].into_iter().enumerate() {
        let misfit = Misfit::new();
        misfit.write("raw.csv", &csv(data.iter().copied()));
        let mut text = setup(hidden);
        let mut cases = Vec::new();
        for (i, (of_inputs, x_shift, x_factor)) in scales(&x).into_iter().enumerate() {
            for (j, (of_targets, y_shift, y_factor)) in scales(&y).into_iter().enumerate() {
                if nth > 0 && i != j && i + j != 4 {
                    continue;
                }
                let by_hand = data.iter().map(|(x, y)| ((x - x_shift) / x_factor, (y - y_shift) / y_factor));
                misfit.write(&format!("{i}{j}.csv"), &csv(by_hand));
                text += &format!(
                    "[[variant]]\nname = \"scaled {i} {j}\"\nset = {{ data.scale_input = {of_inputs}, data.scale_target = {of_targets} }}\n\
                     [[variant]]\nname = \"by hand {i} {j}\"\nset = {{ data.target.csv = \"{i}{j}.csv\" }}\n"
                );
                cases.push((i, j, x_shift, x_factor, y_shift, y_factor));
            }
        }
        misfit.write("scaled.toml", &text);
        misfit.ok(&["run", "scaled.toml", "--out", "out"]);
        let read = |file: &str| rows(&misfit.read(&format!("out/{file}.csv")));
        let (predictions, curves, runs, health) = (read("predictions"), read("curves"), read("runs"), read("health"));
        for (i, j, x_shift, x_factor, y_shift, y_factor) in cases {
            let (scaled, by_hand) = (format!("scaled {i} {j}"), format!("by hand {i} {j}"));
            let what = format!("hidden {hidden}, {scaled}");
            let both = |rows: &[Row], column: &str| [&scaled, &by_hand].map(|name| numbers(rows, name, column));
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
            // Inputs and targets are the data's own.
            assert_eq!(numbers(&predictions, &scaled, "x"), [&x[..], &x].concat(), "{what}");
            assert_eq!(numbers(&predictions, &scaled, "target"), [&y[..], &y].concat(), "{what}");
            let [ours, theirs] = both(&predictions, "prediction");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                let undone = theirs * y_factor + y_shift;
                assert!(near(*ours, undone), "{what}: {ours} against {undone}");
                // A power of two costs no digit at all.
                assert!(![4.0, -8.0].contains(&y_factor) || *ours == undone, "{what}: {ours} against {undone}");
            }
            // Losses are in the network's units, and so to the bit the same.
            for column in ["train_loss", "test_loss", "grad_norm", "update_ratio", "dead_units"] {
                let [ours, theirs] = both(&curves, column);
                assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{what}: {column}");
            }
            for (file, column, factor) in
                [(&curves, "test_rmse", y_factor), (&runs, "test_rmse", y_factor), (&runs, "r2", 1.0)]
            {
                let [ours, theirs] = both(file, column);
                assert!(ours.iter().zip(&theirs).all(|(a, b)| near(*a, b * factor.abs())), "{what}: {column}");
            }
            for column in ["prediction_std", "target_std", "mean_rmse", "line_rmse", "pieces_rmse"] {
                let [ours, theirs] = both(&health, column);
                assert!(ours.iter().zip(&theirs).all(|(a, b)| near(*a, b * y_factor.abs())), "{what}: {column}");
            }
            let ends = if y_factor < 0.0 { ["max", "min"] } else { ["min", "max"] };
            for of in ["prediction", "target"] {
                for (ours, theirs) in ["min", "max"].into_iter().zip(ends) {
                    let ours = numbers(&health, &scaled, &format!("{of}_{ours}"));
                    let theirs = numbers(&health, &by_hand, &format!("{of}_{theirs}"));
                    assert!(ours.iter().zip(&theirs).all(|(a, b)| near(*a, b * y_factor + y_shift)), "{what}: {of}");
                }
            }
            // Where the pieces meet, in the input's units and ascending.
            let kinks = |name: &str| -> Vec<Vec<f64>> {
                let own = health.iter().filter(|row| row["variant"] == name);
                own.map(|row| row["kinks"].split_whitespace().map(|k| k.parse().unwrap()).collect()).collect()
            };
            for (ours, mut theirs) in kinks(&scaled).into_iter().zip(kinks(&by_hand)) {
                theirs.iter_mut().for_each(|kink| *kink = *kink * x_factor + x_shift);
                theirs.sort_by(f64::total_cmp);
                assert_eq!(ours.len(), theirs.len(), "{what}");
                assert!(ours.iter().zip(&theirs).all(|(a, b)| near(*a, *b)), "{what}: {ours:?} against {theirs:?}");
            }
        }
        let all: usize = health.iter().map(|row| row["kinks"].split_whitespace().count()).sum();
        assert!(nth == 0 || all > 40, "there were kinks to look at: {all}");
        for (run, other) in runs
            .iter()
            .filter(|r| r["variant"].starts_with("scaled"))
            .zip(runs.iter().filter(|r| r["variant"].starts_with("by hand")))
        {
            assert_eq!(run["outcome"], other["outcome"], "{run:?}");
        }
    }
}

#[test]
fn the_kinks_that_are_told_are_where_the_predictions_bend() {
    let misfit = Misfit::new();
    let text = "seeds = 3\n[data]\ntarget = { polynomial = [0, 0, 1] }\ninputs = { grid = { from = 100, to = 300, count = 40 } }\n\
                test = { grid = { from = 100, to = 300, count = 2001 } }\nscale_input = \"standardize\"\nscale_target = -1e4\n\
                [model]\nhidden = [6]\n[optimizer]\nlearning_rate = 1e-2\n[train]\nsteps = 300\n";
    misfit.write("bent.toml", text);
    misfit.ok(&["run", "bent.toml", "--out", "out"]);
    let predictions = rows(&misfit.read("out/predictions.csv"));
    for health in rows(&misfit.read("out/health.csv")) {
        let own: Vec<Row> = predictions.iter().filter(|row| row["seed"] == health["seed"]).cloned().collect();
        let (x, p) = (numbers(&own, "baseline", "x"), numbers(&own, "baseline", "prediction"));
        let kinks: Vec<f64> = health["kinks"].split_whitespace().map(|k| k.parse().unwrap()).collect();
        assert!(!kinks.is_empty(), "{health:?}");
        for at in 1..x.len() - 1 {
            // Between points 0.1 apart a straight piece is straight but for rounding in f32 of about 1e4 · 6e-8 · a few.
            let bend = (p[at + 1] - 2.0 * p[at] + p[at - 1]).abs();
            let told = kinks.iter().any(|kink| (x[at - 1]..=x[at + 1]).contains(kink));
            assert!(told || bend < 0.03, "a bend of {bend} at {} that is not told: {kinks:?}", x[at]);
        }
        for kink in kinks {
            // Lines through the points on either side, as far as there is no other kink, have another slope.
            let at = x.iter().position(|x| *x > kink).unwrap_or(x.len() - 1);
            let slope = |a: usize, b: usize| (p[b] - p[a]) / (x[b] - x[a]);
            if at > 6 && at + 6 < x.len() {
                let turn = (slope(at, at + 5) - slope(at - 6, at - 1)).abs();
                assert!(turn > 1e-3, "no bend at {kink}: {turn}");
            }
        }
    }
}
