//! Numbers at the ends of what a float can say: every run ends in a documented outcome, and no number in its files is clipped
//! or left out. All of them are reckoned anew from the predictions, over the largest so that no square overflows.
#![cfg(feature = "train")]

mod common;

use std::collections::HashMap;

use common::{Misfit, rows};

type Row = HashMap<String, String>;

/// Eleven points, two seeds, fifty steps.
const SMALL: &str = r#"
title = "Small"
seeds = 2
[data]
target = { polynomial = [0.5, 1, 1] }
inputs = { grid = { from = -1, to = 1, count = 11 } }
[model]
hidden = [5]
[optimizer]
learning_rate = 1e-2
[train]
steps = 50
"#;

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// An experiment with a variant for each name and what it sets, run into `out`.
fn ran(misfit: &Misfit, setup: &str, variants: &[(&str, &str)]) -> String {
    let variants = variants.iter().map(|(name, set)| format!("\n[[variant]]\nname = {name:?}\nset = {{ {set} }}\n"));
    misfit.write("small.toml", &format!("{setup}{}", variants.collect::<String>()));
    misfit.ok(&["run", "small.toml", "--out", "out"]).stdout()
}

fn of(name: &str, file: &str, misfit: &Misfit) -> Vec<Row> {
    rows(&misfit.read(&format!("out/{file}.csv"))).into_iter().filter(|row| row["variant"] == name).collect()
}

/// √(Σ(a − b)²/n), over the largest difference.
fn rms(differences: &[f64]) -> f64 {
    let largest = differences.iter().fold(0.0, |largest: f64, d| if d.abs() > largest { d.abs() } else { largest });
    if differences.iter().any(|d| d.is_nan()) || largest.is_infinite() {
        return if differences.iter().any(|d| d.is_nan()) { f64::NAN } else { f64::INFINITY };
    }
    if largest == 0.0 {
        return 0.0;
    }
    (differences.iter().map(|d| (d / largest) * (d / largest)).sum::<f64>() / differences.len() as f64).sqrt() * largest
}

fn mean(values: &[f64]) -> f64 {
    values.iter().map(|v| v / values.len() as f64).sum()
}

fn about(values: &[f64], level: f64) -> Vec<f64> {
    values.iter().map(|v| v - level).collect()
}

/// Where values differ: equal ones have no spread, whatever rounding makes of their mean.
fn spread(values: &[f64]) -> f64 {
    if values.iter().all(|v| *v == values[0]) { 0.0 } else { rms(&about(values, mean(values))) }
}

/// What the best straight line leaves, by the two-pass formula on values over their largest.
fn line(inputs: &[f64], targets: &[f64]) -> f64 {
    let size = |values: &[f64]| match spread(values) {
        0.0 => 1.0,
        spread => spread,
    };
    if spread(targets) == 0.0 {
        return 0.0;
    }
    let (x_size, y_size) = (size(inputs), size(targets));
    let x: Vec<f64> = about(inputs, mean(inputs)).iter().map(|x| x / x_size).collect();
    let y: Vec<f64> = about(targets, mean(targets)).iter().map(|y| y / y_size).collect();
    let (xx, xy) = (x.iter().map(|x| x * x).sum::<f64>(), x.iter().zip(&y).map(|(x, y)| x * y).sum::<f64>());
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    rms(&x.iter().zip(&y).map(|(x, y)| y - slope * x).collect::<Vec<_>>()) * y_size
}

fn near(found: f64, wanted: f64, what: &str) {
    let same = found == wanted || (found.is_nan() && wanted.is_nan());
    assert!(same || (found - wanted).abs() <= 1e-9 * wanted.abs(), "{what}: {found:e} against {wanted:e}");
}

/// Holds every number of a variant's runs against its predictions and its curve, by the documents' definitions; gives the
/// outcome of each seed.
fn sound(name: &str, misfit: &Misfit, steps: usize) -> Vec<String> {
    let [runs, curves, predictions, health] = ["runs", "curves", "predictions", "health"].map(|f| of(name, f, misfit));
    assert_eq!(runs.len(), health.len(), "{name}: a row for every run in each file");
    assert!(!runs.is_empty(), "{name}");
    for (run, health) in runs.iter().zip(&health) {
        let what = format!("{name}, seed {}", run["seed"]);
        let own = |rows: &[Row], column: &str| -> Vec<f64> {
            rows.iter().filter(|row| row["seed"] == run["seed"]).map(|row| number(row, column)).collect()
        };
        let [x, y, p] = ["x", "target", "prediction"].map(|column| own(&predictions, column));
        let wrong: Vec<f64> = y.iter().zip(&p).map(|(y, p)| y - p).collect();
        let (error, range) = (rms(&wrong), spread(&y));
        let r2 = if error == 0.0 { 1.0 } else { 1.0 - (error / range).powi(2) };
        near(number(run, "test_rmse"), error, &what);
        assert!(
            (number(run, "r2") - r2).abs() <= 1e-12 + 1e-9 * r2.abs() || run["r2"] == format!("{r2:?}"),
            "{what}: {r2} {run:?}"
        );
        // Every row of the curve is there, down to the last step.
        let [step, train, test, rmse] = ["step", "train_loss", "test_loss", "test_rmse"].map(|c| own(&curves, c));
        assert_eq!((step.len(), step[0], *step.last().unwrap()), (200.min(steps + 1), 0.0, steps as f64), "{what}");
        assert_eq!(
            [&run["first_loss"], &run["last_loss"]],
            [train[0], *train.last().unwrap()].map(|l| format!("{l:?}")).each_ref()
        );
        near(*rmse.last().unwrap(), error, &what);
        // Once an error is not a number it stays so.
        let lost = rmse.iter().position(|e| e.is_nan()).unwrap_or(rmse.len());
        assert!(rmse[lost..].iter().all(|e| e.is_nan()), "{what}: {rmse:?}");
        let finite = [&train, &test, &p].iter().all(|values| values.iter().all(|v| v.is_finite()));
        let outcome = match () {
            _ if !finite || *test.last().unwrap() > 2.0 * test[0] => "diverged",
            _ if r2 >= 0.99 => "fits",
            // To 1 % of the error of the mean, and of the straight line.
            _ if spread(&p) < 0.01 * range || error >= 0.99 * range => "constant",
            _ if error >= 0.99 * line(&x, &y) => "line",
            _ => "partial",
        };
        assert_eq!(run["outcome"], outcome, "{what}: {run:?}");
        let low = |v: &[f64]| v.iter().copied().reduce(|a, b| if b < a { b } else { a }).unwrap();
        let high = |v: &[f64]| v.iter().copied().reduce(|a, b| if b > a { b } else { a }).unwrap();
        for (of, values) in [("target", &y), ("prediction", &p)] {
            let nan = values.iter().any(|v| v.is_nan());
            let wanted = if nan { [f64::NAN; 3] } else { [spread(values), low(values), high(values)] };
            for (column, wanted) in ["std", "min", "max"].into_iter().zip(wanted) {
                near(number(health, &format!("{of}_{column}")), wanted, &format!("{what}: {of}_{column}"));
            }
        }
        near(number(health, "zero_rmse"), rms(&y), &what);
        near(number(health, "mean_rmse"), range, &what);
        let (found, wanted) = (number(health, "line_rmse"), line(&x, &y));
        let same = (found.is_nan() && wanted.is_nan()) || (found - wanted).abs() <= 1e-9 * wanted + 1e-14 * rms(&y);
        assert!(same, "{what}: line {found} against {wanted}");
    }
    runs.iter().map(|run| run["outcome"].clone()).collect()
}

#[test]
fn numbers_at_the_ends_of_a_float_end_in_the_outcome_that_their_predictions_say() {
    let misfit = Misfit::new();
    let cases: [(&str, &str, &str); 27] = [
        // Overflow in f32, in which networks are trained.
        ("rate 1e30", "optimizer.learning_rate = 1e30", "diverged"),
        ("rate 1e39", "optimizer.learning_rate = 1e39", "diverged"),
        ("targets 1e30", "data.target = { polynomial = [0, 1e30] }", "diverged"),
        ("targets 1e39", "data.target = { polynomial = [0, 1e39] }", "diverged"),
        ("targets 1e300", "data.target = { polynomial = [0, 1e300] }", "diverged"),
        ("targets beyond f64", "data.target = { polynomial = [0, 1e300, 0, 1e308, 1e308] }", "any"),
        (
            "inputs 1e39",
            "data.inputs = { grid = { from = -1e39, to = 1e39, count = 11 } }, data.test = \"train\", data.target = { polynomial = [0, 1] }, data.scale_target = 1e39",
            "diverged",
        ),
        ("weights 1e39", "model.init = { normal = [0, 1e39] }", "diverged"),
        ("scale 1e-300", "data.scale_target = 1e-300", "diverged"),
        // The same targets in units that a network can learn in.
        ("absolute errors of 1e30", "data.target = { polynomial = [0, 1e30] }, loss.kind = \"mae\"", "constant"),
        (
            "1e30 standardized",
            "data.target = { polynomial = [0, 1e30] }, data.scale_target = \"standardize\", train.steps = 400",
            "fits",
        ),
        (
            "1e300 standardized",
            "data.target = { polynomial = [0, 1e300] }, data.scale_target = \"standardize\", train.steps = 400",
            "fits",
        ),
        (
            "1e300 to the unit",
            "data.target = { polynomial = [0, 1e300] }, data.scale_target = \"unit\", train.steps = 400",
            "fits",
        ),
        (
            "1e300 over 1e300",
            "data.target = { polynomial = [0, 1e300] }, data.scale_target = 1e300, train.steps = 400",
            "fits",
        ),
        (
            "1e-200 standardized",
            "data.target = { polynomial = [0, 1e-200] }, data.scale_target = \"standardize\", train.steps = 400",
            "fits",
        ),
        (
            "inputs 1e200 standardized",
            "data.inputs = { grid = { from = -1e200, to = 1e200, count = 11 } }, data.test = \"train\", data.target = { polynomial = [0, 1] }, data.scale_input = \"standardize\", data.scale_target = \"standardize\", train.steps = 400",
            "fits",
        ),
        // Subnormal numbers, and such as are 0 in f32.
        ("targets 1e-40", "data.target = { polynomial = [0, 1e-40] }", "constant"),
        ("targets 1e-200", "data.target = { polynomial = [0, 1e-200] }", "constant"),
        ("targets 5e-324", "data.target = { polynomial = [0, 5e-324] }", "constant"),
        (
            "inputs 1e-40",
            "data.inputs = { grid = { from = -1e-40, to = 1e-40, count = 11 } }, data.test = \"train\"",
            "any",
        ),
        ("rate 1e-40", "optimizer.learning_rate = 1e-40", "any"),
        ("rate 5e-324", "optimizer.learning_rate = 5e-324", "any"),
        // Nothing to learn, or nothing to learn with.
        ("constant targets", "data.target = { polynomial = [0.1] }", "constant"),
        (
            "constant targets shifted",
            "data.target = { polynomial = [0.1] }, data.scale_target = \"standardize\", model.init = \"zeros\"",
            "fits",
        ),
        (
            "a range of one point",
            "data.inputs = { grid = { from = 2, to = 2, count = 5 } }, data.test = \"train\", data.scale_input = \"standardize\", data.scale_target = \"unit\"",
            "fits",
        ),
        ("all zeros", "data.target = { polynomial = [0] }, model.init = \"zeros\"", "fits"),
        ("weights of zero", "model.init = \"zeros\"", "constant"),
    ];
    let table = ran(&misfit, SMALL, &cases.map(|(name, set, _)| (name, set)));
    for (name, set, outcome) in cases {
        let steps = if set.contains("400") { 400 } else { 50 };
        let ended = sound(name, &misfit, steps);
        assert!(outcome == "any" || ended == [outcome; 2], "{name}: {ended:?}");
        let shown = table.lines().find(|line| line.trim_start().starts_with(&format!("{name}  "))).expect(name);
        let count = ended.iter().filter(|other| **other == ended[0]).count();
        assert!(shown.contains(&format!("{} {count}/2", ended[0])), "{shown}");
    }
    // Ratios by 0, as they come.
    let first = |name: &str, column: &str| of(name, "curves", &misfit)[0][column].clone();
    assert_eq!(first("all zeros", "update_ratio"), "NaN", "0/0: nothing moved, and there was nothing");
    assert_eq!(first("weights of zero", "update_ratio"), "inf", "something moved where there was nothing");
    assert_eq!(first("rate 5e-324", "update_ratio"), "0.0", "in f32 this rate is 0");
    assert_eq!([first("all zeros", "train_loss"), first("all zeros", "grad_norm")], ["0.0", "0.0"]);
    // An f32 overflows where its square does, and the error in the target's units is still told.
    assert_eq!(first("targets 1e30", "train_loss"), "inf");
    assert!((5e29..6e29).contains(&first("targets 1e30", "test_rmse").parse::<f64>().unwrap()));
    // A network of NaN has no dead, saturated or identical units: nothing is said of it.
    for row in of("rate 1e30", "health", &misfit) {
        for column in ["saturated_units", "identical_units", "pieces", "loss_slope", "grad_first", "pieces_rmse"] {
            assert_eq!(row[column], "NaN", "{column}");
        }
        assert!(row["kinks"].is_empty());
    }
}

/// Gradient descent on the mean squared error of w·x + b, from 0, in f64: the loss before each update and after the last.
fn descent(points: &[(f64, f64)], rate: f64, steps: usize) -> (Vec<f64>, [f64; 2]) {
    let (mut w, mut b) = (0.0, 0.0);
    let mut losses = Vec::with_capacity(steps + 1);
    let count = points.len() as f64;
    for step in 0..=steps {
        let (mut loss, mut dw, mut db) = (0.0, 0.0, 0.0);
        for (x, y) in points {
            let wrong = w * x + b - y;
            loss += wrong * wrong / count;
            dw += 2.0 * wrong * x / count;
            db += 2.0 * wrong / count;
        }
        losses.push(loss);
        if step < steps {
            w -= rate * dw;
            b -= rate * db;
        }
    }
    (losses, [w, b])
}

const LINEAR: &str = "seeds = 1\n[data]\ntarget = { polynomial = [1, 2] }\ninputs = { grid = { from = -1, to = 2, count = 4 } }\n\
                      test = \"train\"\n[model]\nhidden = []\ninit = \"zeros\"\n[optimizer]\nkind = \"sgd\"\n";
const POINTS: [(f64, f64); 4] = [(-1.0, -1.0), (0.0, 1.0), (1.0, 3.0), (2.0, 5.0)];

#[test]
fn a_run_that_overflows_on_its_way_shows_the_step_and_every_row_before_and_after_it() {
    let misfit = Misfit::new();
    misfit.write("linear.toml", &format!("{LINEAR}learning_rate = 3.0\n[train]\nsteps = 120\n"));
    misfit.ok(&["run", "linear.toml", "--out", "out"]);
    let (losses, _) = descent(&POINTS, 3.0, 120);
    let curve = of("baseline", "curves", &misfit);
    assert_eq!(curve.len(), 121, "a row for every step, whatever became of it");
    let overflows = losses.iter().position(|loss| *loss > f64::from(f32::MAX)).expect("it overflows");
    assert!((10..100).contains(&overflows), "in the middle: {overflows}");
    for (step, (row, loss)) in curve.iter().zip(&losses).enumerate() {
        assert_eq!(number(row, "step"), step as f64);
        let found = number(row, "train_loss");
        if step < overflows {
            assert!((found / loss - 1.0).abs() < 1e-4, "step {step}: {found} against {loss}");
            assert!(["test_loss", "test_rmse", "grad_norm"].iter().all(|column| number(row, column).is_finite()));
        } else {
            assert!(!found.is_finite(), "step {step}: {found}");
        }
        // The error is reckoned in f64, and goes on being told after the loss has overflowed.
        let error = number(row, "test_rmse");
        assert!(error.is_nan() || (error / loss.sqrt() - 1.0).abs() < 1e-4, "step {step}: {error}");
        assert!(step != overflows || error.is_finite());
    }
    assert_eq!(curve[120]["test_rmse"], "NaN");
    assert_eq!(sound("baseline", &misfit, 120), ["diverged"]);
}

#[test]
fn a_million_steps_end_at_step_a_million_where_the_same_descent_in_f64_does() {
    let misfit = Misfit::new();
    misfit.write("linear.toml", &format!("{LINEAR}learning_rate = 1e-5\n[train]\nsteps = 1_000_000\n"));
    misfit.ok(&["run", "linear.toml", "--out", "out"]);
    let (losses, [w, b]) = descent(&POINTS, 1e-5, 1_000_000);
    assert_eq!(sound("baseline", &misfit, 1_000_000), ["fits"]);
    let curve = of("baseline", "curves", &misfit);
    assert_eq!(curve.len(), 200);
    for row in &curve {
        let (found, wanted) = (number(row, "train_loss"), losses[number(row, "step") as usize]);
        // Rounding in f32 stops an update that is under half of the last bit.
        assert!((found.sqrt() - wanted.sqrt()).abs() < 5e-3, "{row:?} {wanted}");
    }
    for row in of("baseline", "predictions", &misfit) {
        assert!((number(&row, "prediction") - (w * number(&row, "x") + b)).abs() < 1e-2, "{row:?}");
    }
}

#[test]
fn updates_are_told_to_their_last_bit_down_to_the_smallest_normal_number_and_are_0_below_it() {
    for (rate, flushed) in [(1e-37_f32, false), (1e-40, true)] {
        let misfit = Misfit::new();
        misfit.write("linear.toml", &format!("{LINEAR}learning_rate = {rate:e}\n[train]\nsteps = 1\n"));
        misfit.ok(&["run", "linear.toml", "--out", "out"]);
        let (_, [w, b]) = descent(&POINTS, f64::from(rate), 1);
        for row in of("baseline", "predictions", &misfit) {
            let (wanted, ours) = (w * number(&row, "x") + b, number(&row, "prediction"));
            // Of three roundings in f32.
            let near =
                (ours - wanted).abs() < 3.0 * f64::from(f32::EPSILON) * (w * number(&row, "x")).abs().max(b.abs());
            assert!(wanted != 0.0 && if flushed { ours == 0.0 } else { near }, "{row:?} {wanted:e}");
        }
    }
}

#[test]
fn few_rows_equal_rows_and_batches_larger_than_the_data_train_like_any_others() {
    let misfit = Misfit::new();
    misfit.write("one.csv", "a,y\n3,7\n");
    misfit.write("equal.csv", "a,y\n3,7\n3,7\n3,7\n");
    misfit.write("column.csv", "a,b,y\n1,0.1,1\n2,0.1,4\n3,0.1,9\n4,0.1,16\n");
    let setup = "seeds = 2\n[data]\ntarget = { csv = \"one.csv\", inputs = [\"a\"], output = \"y\" }\n[model]\nhidden = [3]\n\
                 [optimizer]\nlearning_rate = 0.1\n[train]\nsteps = 300\n";
    let equal = "data.target = { csv = \"equal.csv\", inputs = [\"a\"], output = \"y\" }";
    let scaled = "data.scale_input = \"standardize\", data.scale_target = \"standardize\"";
    let sampled = "data.target = { polynomial = [0, 1] }, data.inputs = { uniform = { from = 0, to = 1, count = 1 } }";
    let cases = [
        ("one row", String::new()),
        ("one row scaled", scaled.to_owned()),
        ("one row to the unit", scaled.replace("standardize", "unit")),
        ("equal rows", format!("{equal}, {scaled}")),
        ("a batch of 32 drawn anew", "batch = { size = 32, draw = \"fresh\" }".to_owned()),
        ("a batch of 32 of passes", "batch = { size = 32, draw = \"epoch\" }".to_owned()),
        ("passes over three", format!("{equal}, batch = {{ size = 7, draw = \"epoch\" }}")),
        ("one sample", format!("{sampled}, data.test = \"train\"")),
        (
            "one sample and one test point",
            format!("{sampled}, data.test = {{ grid = {{ from = 0.5, to = 0.5, count = 1 }} }}"),
        ),
        ("no unit", "model.hidden = []".to_owned()),
    ];
    ran(&misfit, setup, &cases.each_ref().map(|(name, set)| (*name, set.as_str())));
    for (name, _) in &cases {
        for outcome in sound(name, &misfit, 300) {
            // Of one value: met to the last bit, or else no better than the mean that meets it.
            assert!(["fits", "constant"].contains(&outcome.as_str()), "{name}: {outcome}");
        }
    }
    for name in ["one row scaled", "one row to the unit", "equal rows"] {
        assert_eq!(
            of(name, "runs", &misfit).iter().filter(|row| row["r2"] == "1.0").count(),
            2,
            "{name}: only shifted, to 0"
        );
        assert!(of(name, "predictions", &misfit).iter().all(|row| row["x"] == "3.0" && row["prediction"] == "7.0"));
    }
    let seen = |name: &str| of(name, "health", &misfit)[0]["distinct_samples"].clone();
    assert_eq!([seen("a batch of 32 drawn anew"), seen("passes over three")], ["1.0", "3.0"]);
    // A column of no variance among others is shifted to 0: the network does as without it.
    let scaled = "[data]\ntarget = { csv = \"column.csv\", inputs = [\"a\", \"b\"], output = \"y\" }\nscale_input = \"standardize\"\n\
                  [model]\nhidden = []\ninit = \"zeros\"\n[optimizer]\nlearning_rate = 0.1\n[train]\nsteps = 50\n";
    misfit.write("wide.toml", scaled);
    misfit.write("narrow.toml", &scaled.replace("[\"a\", \"b\"]", "[\"a\"]"));
    let predictions = ["wide", "narrow"].map(|name| {
        misfit.ok(&["run", &format!("{name}.toml"), "--out", name]);
        let rows = rows(&misfit.read(&format!("{name}/predictions.csv")));
        rows.iter().map(|row| number(row, "prediction")).collect::<Vec<_>>()
    });
    for (wide, narrow) in predictions[0].iter().zip(&predictions[1]) {
        assert!((wide - narrow).abs() < 1e-5, "{wide} against {narrow}");
    }
}

#[test]
fn what_cannot_be_trained_is_refused_in_one_line_and_leaves_no_folder() {
    let misfit = Misfit::new();
    misfit.write("small.toml", SMALL);
    misfit.write("huge.csv", "a,y\n1,1e400\n");
    misfit.write("huge.toml", "[data]\ntarget = { csv = \"huge.csv\", inputs = [\"a\"], output = \"y\" }\n");
    for (args, word) in [
        (&["small.toml", "optimizer.learning_rate=0"][..], "learning_rate"),
        (&["small.toml", "optimizer.learning_rate=inf"], "learning_rate"),
        (&["small.toml", "optimizer.learning_rate=nan"], "learning_rate"),
        (&["small.toml", "data.target={ polynomial = [1e400] }"], "polynomial"),
        (&["small.toml", "data.scale_target=0"], "scale_target"),
        (&["small.toml", "data.inputs={ grid = { from = -1e308, to = 1e308, count = 3 } }"], "64-bit"),
        (&["small.toml", "batch.size=12"], "batch.size"),
        (&["huge.toml"], "huge.csv:2"),
    ] {
        let ran = misfit.run(&[&["run"], args, &["--out", "out"]].concat());
        let said = ran.stderr();
        assert!(ran.code() == 2 && said.lines().count() == 1 && said.contains(word), "{args:?}: {said}");
        assert!(!misfit.has("out"));
    }
}

/// Rates about the limit of a line through three random points, which is another one for each seed.
const SOME: &str = "title = \"Some diverge\"\nseeds = 3\n[data]\ntarget = { polynomial = [1, 2] }\n\
                    inputs = { uniform = { from = 0, to = 2, count = 3 } }\n[model]\nhidden = []\n[optimizer]\nkind = \"sgd\"\n\
                    [train]\nsteps = 4000\n[fix.slower]\nwhy = \"a rate for all seeds\"\nset = { optimizer.learning_rate = 0.1 }\n";

/// It, with a rate at which just one of three runs diverges, as their own curvature tells.
fn one_of_three() -> String {
    let limits: Vec<f64> = (0..3)
        .map(|seed| {
            let lane = common::lane(&common::config(SOME), seed);
            let x = &lane.data.train.inputs;
            let (mean, square) = (mean(x), x.iter().map(|x| x * x).sum::<f64>() / 3.0);
            // 2/λmax of 2·[[x̄², x̄], [x̄, 1]].
            let half = (square + 1.0) / 2.0;
            1.0 / (half + (half * half - (square - mean * mean)).sqrt())
        })
        .collect();
    let mut sorted = limits;
    sorted.sort_by(f64::total_cmp);
    let rate = (sorted[0] + sorted[1]) / 2.0;
    assert!(rate / sorted[0] > 1.01, "{sorted:?}");
    SOME.replace("kind = \"sgd\"", &format!("kind = \"sgd\"\nlearning_rate = {rate:?}"))
}

#[test]
fn a_table_a_page_and_a_diff_count_the_runs_that_diverged_and_leave_none_out() {
    let misfit = Misfit::new();
    let some = one_of_three();
    misfit.write("some.toml", &format!("{some}[[variant]]\nname = \"asked\"\n[[variant]]\nname = \"half\"\nset = {{ optimizer.learning_rate = 0.01 }}\n"));
    let table = misfit.ok(&["run", "some.toml", "--out", "out"]).stdout();
    let runs = of("asked", "runs", &misfit);
    assert_eq!(runs.iter().filter(|run| run["outcome"] == "diverged").count(), 1, "{runs:?}");
    let mut errors: Vec<f64> = runs.iter().map(|run| number(run, "test_rmse")).collect();
    errors.iter_mut().for_each(|error| *error = if error.is_nan() { f64::INFINITY } else { *error });
    errors.sort_by(f64::total_cmp);
    assert_eq!(errors[2], f64::INFINITY, "it was lost altogether");
    let line = table.lines().find(|line| line.trim_start().starts_with("asked")).unwrap();
    assert!(line.contains("fits 2/3, diverged 1/3"), "{line}");
    assert!(line.contains("… inf"), "the highest error is that of the run that diverged: {line}");
    // The middle one of three is finite at every step, and the small chart of it has no gap.
    assert!(!line.contains('×') && line.contains('█'), "{line}");
    misfit.ok(&["report", "out"]);
    let page = misfit.read("out/report.html");
    assert!(page.contains("fits 2/3, diverged 1/3"));
    // The curve of the median goes to the last step: only the quartile above it is lost.
    let last = of("asked", "curves", &misfit).into_iter().filter(|row| row["step"] == "4000");
    let mut last: Vec<f64> = last.map(|row| number(&row, "test_rmse")).collect();
    last.iter_mut().for_each(|error| *error = if error.is_nan() { f64::INFINITY } else { *error });
    last.sort_by(f64::total_cmp);
    let median = misfit_short(last[1]);
    assert!(page.contains(&format!("asked, step 4000: median {median} (")), "{median}");
    let json = misfit.run(&["diff", "out#asked", "out#half", "--format", "json"]).stdout();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let files = json["files"].as_array().expect("files");
    let told = files.iter().flat_map(|file| file["noise"].as_array().cloned().unwrap_or_default());
    let told: Vec<_> = told.filter(|noise| noise["column"] == "test_rmse").collect();
    assert!(!told.is_empty(), "{json}");
    for noise in told {
        assert_eq!(noise["pairs"].as_u64().unwrap() + noise["not_finite"].as_u64().unwrap(), 3, "{noise}");
        assert_eq!(noise["not_finite"], 1, "{noise}");
        assert_eq!(noise["verdict"], "beyond");
    }
}

/// Four significant digits, as tables have them.
fn misfit_short(value: f64) -> String {
    misfit::text::numbers::short(value)
}

#[test]
fn a_diagnosis_counts_a_run_that_diverged_as_0_and_says_nothing_of_a_network_of_nan() {
    let misfit = Misfit::new();
    let some = one_of_three();
    misfit.write("some.toml", &some);
    let said = misfit.ok(&["diagnose", "some.toml", "--out", "out"]).stdout();
    let [asked, slower] = ["baseline", "slower"].map(|name| of(name, "runs", &misfit));
    let count = |outcome: &str| asked.iter().filter(|run| run["outcome"] == outcome).count();
    let (runs, diverged) = (asked.len(), count("diverged"));
    assert!(said.contains(&format!("As asked: fits {}/{runs}, diverged {diverged}/{runs}, ", count("fits"))), "{said}");
    assert!(runs >= 3 && (1..runs).contains(&diverged), "{said}");
    // How many times the error of a constant was divided by ten.
    let score = |row: &Row| match &*row["outcome"] {
        "diverged" => 0.0,
        _ => (-0.5 * (1.0 - number(row, "r2")).log10()).clamp(0.0, 6.0),
    };
    let gain =
        |run: &Row| asked.iter().find(|other| other["seed"] == run["seed"]).map(|other| score(run) - score(other));
    let gains: Vec<f64> = slower.iter().filter_map(gain).collect();
    let effects = rows(&misfit.read("out/effects.csv"));
    let first = effects.iter().find(|row| row["kind"] == "first_in" && row["fixes"] == "slower").unwrap();
    assert!((number(first, "estimate") - mean(&gains)).abs() < 1e-12, "{first:?}");
    // Units that are all NaN to the bit are no copies of one another.
    misfit.write("lost.toml", "seeds = 2\n[data]\ntarget = { polynomial = [0, 1, 1] }\ninputs = { grid = { from = -1, to = 1, count = 11 } }\n[model]\nhidden = [6]\nactivation = \"tanh\"\n[optimizer]\nkind = \"sgd\"\nlearning_rate = 1e38\n[train]\nsteps = 60\n");
    misfit.ok(&["diagnose", "lost.toml", "--out", "lost"]);
    let findings = rows(&misfit.read("lost/findings.csv"));
    assert!(findings.iter().any(|row| row["finding"] == "diverges" && row["evidence"].contains("on 2 of 2 seeds")));
    assert!(
        findings
            .iter()
            .all(|row| !["identical-units", "dead-units", "saturated-units"].contains(&row["finding"].as_str()))
    );
    let update = findings.iter().find(|row| row["finding"] == "diverges").unwrap();
    assert!(update["evidence"].contains("an update is inf of the parameters (median), which is much"), "{update:?}");
}
