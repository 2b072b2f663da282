//! What `runs.csv` says of a run beside its test error: its error on the training samples, its best step, what computed it
//! and how its variant came about.
#![cfg(feature = "train")]

mod common;

use std::collections::HashMap;

use common::{Misfit, rows};
use misfit::results::read;

type Row = HashMap<String, String>;

const ENGINES: [&str; 2] = ["torch", "fused"];

/// The rows of `runs.csv` of an experiment that is run by this engine.
fn run(misfit: &Misfit, toml: &str, engine: &str) -> Vec<Row> {
    misfit.write("x.toml", toml);
    misfit.ok(&["run", "x.toml", "--out", "out", "--fresh", "--engine", engine]);
    rows(&misfit.read("out/runs.csv"))
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {row:?}"))
}

fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let squares: Vec<f64> = values.map(|value| value * value).collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

#[test]
fn where_the_test_points_are_the_training_samples_both_errors_are_the_same_to_the_last_bit() {
    let misfit = Misfit::new();
    let lines = (0..90).map(|i| format!("{},{},{},{}\n", i % 13, i % 7, (i * i) % 11, ["a", "b", "c"][i * 5 % 3]));
    misfit.write("rows.csv", &format!("x,y,z,class\n{}", lines.collect::<String>()));
    let of_file = |target: &str| {
        format!("target = {{ csv = \"rows.csv\", inputs = [\"x\"], {target} }}\nholdout = 0\n[batch]\nsize = 7")
    };
    let of_function = |count: usize, batch: usize| {
        format!(
            "target = {{ polynomial = [1, 2, 3] }}\ninputs = {{ grid = {{ from = -3, to = 2, count = {count} }} }}\ntest = \"train\"\nscale_target = \"standardize\"\n[batch]\nsize = {batch}\ndraw = \"fresh\""
        )
    };
    // Of 5000 samples both engines take several parts where nothing else says how many are evaluated at once.
    for data in [
        of_function(5000, 32),
        of_function(37, 5),
        of_function(10, 64),
        of_file("output = \"y\""),
        of_file("outputs = [\"y\", \"z\"]"),
        of_file("class = \"class\""),
    ] {
        let loss = if data.contains("class =") { "[loss]\nkind = \"cross_entropy\"\n" } else { "" };
        let toml = format!("seeds = 3\n[data]\n{data}\n[model]\nhidden = [45, 45]\n{loss}[train]\nsteps = 30\n");
        for engine in ENGINES {
            for row in run(&misfit, &toml, engine) {
                assert_eq!(row["train_rmse"], row["test_rmse"], "{engine}: {data}");
                assert!(number(&row, "train_rmse") > 0.0 && row["engine"] == engine, "{row:?}");
            }
        }
    }
}

/// A line through rows of which the last are further from it than all others.
fn scattered(count: usize) -> Vec<[f64; 2]> {
    let noise = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 504.5 - 1.0;
    let row = |i: usize| {
        let (x, far) = ((i * 613 % 1000) as f64 / 500.0 - 1.0, if i * 10 > count * 9 { 5.0 } else { 1.0 });
        [x, 0.5 + 1.5 * x + far * noise(i)]
    };
    (0..count).map(row).collect()
}

#[test]
fn a_line_ends_with_the_training_error_of_least_squares_on_the_training_rows() {
    let misfit = Misfit::new();
    // The torch engine evaluates up to 8192 rows of a line at once.
    for count in [500, 20_000] {
        let all = scattered(count);
        let lines: String = all.iter().map(|[x, y]| format!("{x},{y}\n")).collect();
        misfit.write("rows.csv", &format!("x,y\n{lines}"));
        let toml = format!(
            "seeds = 1\n[data]\ntarget = {{ csv = \"rows.csv\", inputs = [\"x\"], output = \"y\" }}\nholdout = 0.02\nholdout_rows = \"last\"\n[batch]\nsize = {}\ndraw = \"epoch\"\n[model]\nhidden = []\n[optimizer]\nlearning_rate = 0.02\nschedule = \"linear\"\n[train]\nsteps = 1500\n",
            count / 20
        );
        for engine in ENGINES {
            let [row] = &run(&misfit, &toml, engine)[..] else { panic!("one run") };
            let held_out = rows(&misfit.read("out/predictions.csv")).len();
            let (train, test) = all.split_at(count - held_out);
            let n = train.len() as f64;
            let mean = |of: &dyn Fn(&[f64; 2]) -> f64| train.iter().map(of).sum::<f64>() / n;
            let (x, y) = (mean(&|row| row[0]), mean(&|row| row[1]));
            let slope = mean(&|row| (row[0] - x) * (row[1] - y)) / mean(&|row| (row[0] - x).powi(2));
            let off = |rows: &[[f64; 2]]| rms(rows.iter().map(|row| row[1] - y - slope * (row[0] - x)));
            for (column, least) in [("train_rmse", off(train)), ("test_rmse", off(test))] {
                let ours = number(row, column);
                assert!((ours / least - 1.0).abs() < 2e-3, "{engine} {count}: {column} {ours}, least squares {least}");
            }
            assert!(off(test) > 1.5 * off(train), "the two errors are told apart");
        }
    }
}

#[test]
fn the_training_error_is_over_all_training_samples_with_the_noise_on_their_targets_and_after_the_last_update() {
    let misfit = Misfit::new();
    // A network that says 0 everywhere, and hardly learns.
    let toml = |batch: &str| {
        format!(
            "seeds = 2\n[data]\ntarget = {{ polynomial = [0] }}\ninputs = {{ uniform = {{ from = -1, to = 1, count = 4000 }} }}\nnoise = 3.0\n{batch}\n[model]\nhidden = []\ninit = \"zeros\"\n[optimizer]\nlearning_rate = 1e-30\n[train]\nsteps = 3\n"
        )
    };
    for engine in ENGINES {
        let of = |batch: &str| run(&misfit, &toml(batch), engine);
        let fresh = of("[batch]\nsize = 10\ndraw = \"fresh\"");
        for row in &fresh {
            assert!(number(row, "test_rmse") < 1e-20, "{row:?}");
            // Four standard errors of a standard deviation.
            assert!((number(row, "train_rmse") - 3.0).abs() < 4.0 * 3.0 / (2.0 * 4000.0_f64).sqrt(), "{row:?}");
        }
        let ours = |rows: &[Row]| rows.iter().map(|row| row["train_rmse"].clone()).collect::<Vec<_>>();
        for batch in ["[batch]\nsize = 10\ndraw = \"once\"", "[batch]\nsize = 4000\ndraw = \"epoch\""] {
            assert_eq!(ours(&of(batch)), ours(&fresh), "{engine} {batch}: the same samples");
        }
    }
    // Two updates that take a constant from 0 to 1: one half each.
    let rows_at_1 = format!("x,y\n{}", (0..20).map(|i| format!("{i},1\n")).collect::<String>());
    misfit.write("rows.csv", &rows_at_1);
    let toml = "seeds = 1\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"x\"], output = \"y\" }\nscale_input = 1e30\n[batch]\nsize = \"all\"\n[model]\nhidden = []\ninit = \"zeros\"\n[optimizer]\nkind = \"sgd\"\nlearning_rate = 0.25\n[train]\nsteps = 2\n";
    for engine in ENGINES {
        let [row] = &run(&misfit, toml, engine)[..] else { panic!("one run") };
        assert!((number(row, "train_rmse") - 0.25).abs() < 1e-6, "{engine}: half of what was left, twice: {row:?}");
    }
}

/// Runs that end otherwise than they were at best: best before the end, at the end, always the same, diverged on the way and
/// from the start.
const ENDS: &str = r#"
seeds = 3
[data]
target = { polynomial = [0, 1, 1] }
inputs = { uniform = { from = -1, to = 1, count = 12 } }
noise = 0.5
[batch]
size = 4
[model]
hidden = [30]
[optimizer]
learning_rate = 0.02
[train]
steps = 400
log_points = 40
[[variant]]
name = "noisy"
[[variant]]
name = "falling"
set = { optimizer.learning_rate = 1e-4, data.noise = 0.0, batch.size = "all" }
[[variant]]
name = "constant"
set = { model.output = "softmax" }
[[variant]]
name = "overflows"
set = { optimizer.kind = "sgd", optimizer.learning_rate = 3.0 }
[[variant]]
name = "never"
set = { model.init = { uniform = [1e39, 2e39] } }
"#;

#[test]
fn the_best_step_is_where_the_curve_has_its_lowest_test_error_as_pandas_finds_it() {
    let misfit = Misfit::new();
    for engine in ENGINES {
        let runs = run(&misfit, ENDS, engine);
        let mut expected: HashMap<(String, String), (f64, String)> = HashMap::new();
        for row in rows(&misfit.read("out/curves.csv")) {
            let error = number(&row, "test_rmse");
            let step = row["step"].clone();
            let best =
                expected.entry((row["variant"].clone(), row["seed"].clone())).or_insert((f64::NAN, step.clone()));
            if error < best.0 || best.0.is_nan() {
                *best = (error, step);
            }
        }
        assert_eq!(expected.len(), runs.len());
        for row in &runs {
            let best = &expected[&(row["variant"].clone(), row["seed"].clone())].1;
            assert_eq!(row["best_step"], *best, "{engine}: {row:?}");
        }
        let of = |variant: &str| -> Vec<&str> {
            let own = runs.iter().filter(|row| row["variant"] == variant);
            own.map(|row| row["best_step"].as_str()).collect()
        };
        assert_eq!((of("falling"), of("constant"), of("never")), (vec!["400"; 3], vec!["0"; 3], vec!["400"; 3]));
        assert!(of("noisy").iter().any(|step| !["0", "400"].contains(step)), "{:?}", of("noisy"));
        assert!(runs.iter().any(|row| row["variant"] == "overflows" && row["test_rmse"] == "NaN"));

        let Some(mut python) = common::python() else { continue };
        let code = r#"
import pandas as pd
curves, runs = (pd.read_csv(f"out/{name}.csv") for name in ("curves", "runs"))
key = ["variant", "seed"]
known = curves.dropna(subset="test_rmse")
best = known.loc[known.groupby(key)["test_rmse"].idxmin()].set_index(key)["step"]
last = curves.groupby(key)["step"].max()
best = best.reindex(last.index).fillna(last).astype("int64")
assert runs.set_index(key)["best_step"].dtype == "int64"
pd.testing.assert_series_equal(runs.set_index(key)["best_step"].sort_index(), best.sort_index(), check_names=False)
"#;
        let out = python.current_dir(misfit.folder.path()).args(["-c", code]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn each_run_names_the_engine_of_the_manifest_and_how_its_variant_came_about() {
    let misfit = Misfit::new();
    let base = "seeds = 2\n[data]\ninputs = { grid = { from = 0, to = 1, count = 20 } }\n[model]\nhidden = [4]\n[train]\nsteps = 5\n[fix.smooth]\nset = { loss.kind = \"log_cosh\" }\n";
    let named = "[[variant]]\nname = \"mine\"\nfixes = [\"smooth\"]\n[[variant]]\nname = \"smooth+2\"\nset = { model.hidden = [5] }\n";
    let ablation = "[ablation]\ndesign = \"full\"\n";
    let sweep = "[sweep]\n\"train.steps\" = [3, 4]\n";
    let kinds = |text: &str| -> Vec<(String, String)> {
        misfit.write("x.toml", &format!("{base}{text}"));
        misfit.ok(&["run", "x.toml", "--out", "out", "--fresh"]);
        let manifest: serde_json::Value = serde_json::from_str(&misfit.read("out/manifest.json")).expect("JSON");
        let engines: HashMap<&str, &str> = manifest["variants"]
            .as_array()
            .expect("variants")
            .iter()
            .map(|variant| (variant["name"].as_str().expect("a name"), variant["engine"].as_str().expect("an engine")))
            .collect();
        let runs = rows(&misfit.read("out/runs.csv"));
        for row in &runs {
            assert_eq!(row["engine"], engines[row["variant"].as_str()], "{row:?}");
            let smooth = row["smooth"] == "1";
            assert_eq!(row["engine"], if smooth { "torch" } else { "fused" }, "{row:?}");
        }
        let mut kinds: Vec<_> = runs.into_iter().map(|row| (row["variant"].clone(), row["kind"].clone())).collect();
        kinds.dedup();
        kinds
    };
    let are = |text: &str, expected: &[(&str, &str)]| {
        let expected: Vec<_> = expected.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
        assert_eq!(kinds(text), expected, "{text}");
    };
    are("", &[("baseline", "named")]);
    are(named, &[("baseline", "named"), ("mine", "named"), ("smooth+2", "named")]);
    are(
        &format!("{named}{ablation}"),
        &[("baseline", "ablation"), ("mine", "named"), ("smooth", "ablation"), ("smooth+2", "named")],
    );
    are(sweep, &[("baseline train.steps=3", "sweep"), ("baseline train.steps=4", "sweep")]);
    are(
        &format!("[[variant]]\nname = \"mine\"\nfixes = [\"smooth\"]\n{sweep}"),
        &[
            ("baseline train.steps=3", "sweep"),
            ("baseline train.steps=4", "sweep"),
            ("mine train.steps=3", "named"),
            ("mine train.steps=4", "named"),
        ],
    );
    are(
        &format!("{ablation}{sweep}"),
        &[
            ("baseline train.steps=3", "ablation"),
            ("baseline train.steps=4", "ablation"),
            ("smooth train.steps=3", "ablation"),
            ("smooth train.steps=4", "ablation"),
        ],
    );
}

/// `runs.csv` without what an earlier version did not write.
fn earlier(runs: &str, without: &[&str]) -> String {
    let mut reader = csv::Reader::from_reader(runs.as_bytes());
    let kept: Vec<usize> =
        (0..).zip(reader.headers().unwrap()).filter(|(_, c)| !without.contains(c)).map(|(at, _)| at).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = reader.headers().unwrap().clone();
    for record in std::iter::once(header).chain(reader.records().map(Result::unwrap)) {
        writer.write_record(kept.iter().map(|&at| &record[at])).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

const NEW: [&str; 4] = ["train_rmse", "best_step", "engine", "kind"];

#[test]
fn files_of_before_are_read_without_the_new_columns_and_new_files_with_all_of_them_or_not_at_all() {
    let misfit = Misfit::new();
    let text = "seeds = 2\n[data]\ninputs = { grid = { from = 0, to = 1, count = 20 } }\n[model]\nhidden = [4]\n[train]\nsteps = 5\n[fix.wide]\nset = { model.hidden = [6] }\n[ablation]\ndesign = \"full\"\n";
    run(&misfit, text, "fused");
    let path = misfit.folder.path().join("out");
    let written = misfit.read("out/runs.csv");
    let now = read::runs_with_settings(&path).unwrap();
    assert!(now.rows.iter().all(|(row, _)| row.train_rmse.is_some_and(f64::is_finite) && row.best_step.is_some()));
    for without in [&NEW[..], &[&["accuracy"][..], &NEW].concat()] {
        misfit.write("out/runs.csv", &earlier(&written, without));
        let before = read::runs_with_settings(&path).unwrap();
        assert_eq!((&before.settings, before.rows.len()), (&now.settings, now.rows.len()));
        for ((row, fields), (known, known_fields)) in before.rows.iter().zip(&now.rows) {
            assert_eq!((&row.variant, row.seed, row.test_rmse), (&known.variant, known.seed, known.test_rmse));
            assert_eq!(fields, known_fields);
            assert!(row.accuracy.is_nan());
            assert_eq!((row.train_rmse, row.best_step, row.engine, row.kind), (None, None, None, None));
        }
        misfit.ok(&["report", "out"]);
        let page = misfit.read("out/report.html");
        assert!(
            page.contains("test RMSE, median") && !page.contains("training RMSE") && !page.contains("best at step")
        );
    }
    // A file of now with a cell that says nothing is not whole.
    for (column, value) in [("train_rmse", ""), ("best_step", ""), ("engine", ""), ("kind", "sweeps")] {
        let known = &rows(&written)[0][column];
        let first = written.lines().nth(1).unwrap();
        let damaged = first.replacen(&format!(",{known},"), &format!(",{value},"), 1);
        assert_ne!(damaged, first);
        misfit.write("out/runs.csv", &written.replacen(first, &damaged, 1));
        let said = format!("{:#}", read::runs(&path).unwrap_err());
        assert!(
            said.ends_with("runs.csv:2: is not a row of what the header says: restore the file, or mend the row"),
            "{said}"
        );
    }
}

#[test]
fn runs_do_not_join_those_of_a_folder_with_other_columns() {
    let misfit = Misfit::new();
    let text = "seeds = 2\n[data]\ninputs = { grid = { from = 0, to = 1, count = 20 } }\n[model]\nhidden = [4]\n[train]\nsteps = 5\n";
    run(&misfit, text, "fused");
    let mut manifest: serde_json::Value = serde_json::from_str(&misfit.read("out/manifest.json")).unwrap();
    // As an earlier version left it, sums and all.
    misfit.write("out/runs.csv", &earlier(&misfit.read("out/runs.csv"), &NEW));
    let sum = std::process::Command::new("sha256sum").arg(misfit.folder.path().join("out/runs.csv")).output().unwrap();
    let sum = String::from_utf8_lossy(&sum.stdout).split_whitespace().next().unwrap().to_owned();
    manifest["files"]["runs.csv"]["sha256"] = sum.into();
    manifest["files"]["runs.csv"]["bytes"] = misfit.read("out/runs.csv").len().into();
    misfit.write("out/manifest.json", &serde_json::to_string_pretty(&manifest).unwrap());
    let ran = misfit.run(&["run", "x.toml", "--out", "out", "--engine", "fused", "--seeds", "4"]);
    let said = ran.stderr();
    assert_eq!((ran.code(), said.lines().count()), (2, 1), "{said}");
    assert!(said.contains("runs.csv:1: the header is not this experiment's") && said.contains("--fresh"), "{said}");
}

/// The cells of the line of a printed table that begins so.
fn cells(said: &str, name: &str) -> Vec<String> {
    let line =
        said.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{name}: {said}"));
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

#[test]
fn tables_show_the_training_error_and_the_best_step_beside_the_test_error() {
    let misfit = Misfit::new();
    misfit.write("x.toml", ENDS);
    let said = misfit.ok(&["run", "x.toml", "--out", "out", "--variant", "noisy", "--variant", "falling"]).stdout();
    let heads: Vec<&str> = said.lines().skip(2).take(2).collect();
    assert!(heads[0].contains("training RMSE,") && heads[0].contains("best at") && heads[1].contains("step"), "{said}");
    let runs = rows(&misfit.read("out/runs.csv"));
    let median = |variant: &str, column: &str| {
        let own = runs.iter().filter(|row| row["variant"] == variant);
        let mut values: Vec<f64> = own.map(|row| number(row, column)).collect();
        values.sort_by(f64::total_cmp);
        values[1]
    };
    let curves = rows(&misfit.read("out/curves.csv"));
    misfit.ok(&["report", "out"]);
    let page = misfit.read("out/report.html");
    for variant in ["noisy", "falling"] {
        let cells = cells(&said, variant);
        assert!((number_of(&cells[4]) / median(variant, "train_rmse") - 1.0).abs() < 1e-3, "{cells:?}");
        let best = median(variant, "best_step");
        assert_eq!(cells[6], if best == 400.0 { "last".to_owned() } else { best.to_string() });
        let lowest = |seed: &str| {
            let own = curves.iter().filter(|row| row["variant"] == variant && row["seed"] == seed);
            own.map(|row| number(row, "test_rmse")).fold(f64::INFINITY, f64::min)
        };
        let mut lowest = ["0", "1", "2"].map(lowest);
        lowest.sort_by(f64::total_cmp);
        let there = if best == 400.0 { "–".to_owned() } else { misfit::text::numbers::short(lowest[1]) };
        for (head, cell) in
            [("training RMSE, median", &cells[4]), ("best at step", &cells[6]), ("test RMSE there, median", &there)]
        {
            let cell = format!("<td class=\"number\" data-label=\"{head}\"><div>{cell}</div></td>");
            assert!(page.contains(&cell), "{variant}: {cell}");
        }
    }
    assert!(median("noisy", "best_step") < 400.0, "else nothing was shown");

    // Where the last step is the best of all, there is nothing to say of it.
    let said = misfit.ok(&["run", "x.toml", "--out", "one", "--variant", "falling"]).stdout();
    assert!(said.contains("training RMSE,") && !said.contains("best at"), "{said}");

    // Tested on its training rows, an error is shown once; and classes are scored by their accuracy, beside the errors of their
    // probabilities.
    let lines: String = (0..40).map(|i| format!("{i},{},{}\n", i * i % 7, ["a", "b"][i % 2])).collect();
    misfit.write("rows.csv", &format!("x,y,class\n{lines}"));
    let cases: [(&str, &str, &[&str]); 4] = [
        ("output = \"y\"", "0.25", &["test RMSE,", "training RMSE,"]),
        ("output = \"y\"", "0", &["training RMSE,"]),
        ("class = \"class\"", "0.25", &["test accuracy,", "test RMSE,", "training RMSE,"]),
        ("class = \"class\"", "0", &["training accuracy,"]),
    ];
    for (target, holdout, heads) in cases {
        misfit.write("y.toml", &format!("seeds = 2\n[data]\ntarget = {{ csv = \"rows.csv\", inputs = [\"x\"], {target} }}\nholdout = {holdout}\n[model]\nhidden = []\n[train]\nsteps = 3\n"));
        let said = misfit.ok(&["run", "y.toml", "--out", "y", "--fresh"]).stdout();
        let header = said.lines().nth(2).unwrap();
        let shown: Vec<&str> = ["test accuracy,", "training accuracy,", "test RMSE,", "training RMSE,"]
            .into_iter()
            .filter(|head| header.contains(head))
            .collect();
        assert_eq!(shown, heads, "{said}");
        assert_eq!(header.matches("training RMSE,").count(), usize::from(heads.contains(&"training RMSE,")), "{said}");
        if let [_, _, "training RMSE,"] = heads {
            let runs = rows(&misfit.read("y/runs.csv"));
            for (cell, column) in [(4, "test_rmse"), (5, "train_rmse")] {
                let mean = runs.iter().map(|row| number(row, column)).sum::<f64>() / runs.len() as f64;
                assert!((number_of(&cells(&said, "baseline")[cell]) / mean - 1.0).abs() < 1e-3, "{column}: {said}");
            }
        }
    }
}

fn number_of(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_diff_takes_engines_and_kinds_for_words_and_the_new_figures_for_numbers() {
    let misfit = Misfit::new();
    misfit.write("x.toml", ENDS);
    for engine in ENGINES {
        misfit.ok(&["run", "x.toml", "--out", engine, "--engine", engine, "--variant", "noisy"]);
    }
    let ran = misfit.run(&["diff", "torch", "fused", "--format", "json"]);
    assert_eq!(ran.code(), 1, "{}", ran.stderr());
    let json: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    let columns = json["files"][0]["columns"].as_array().unwrap();
    let column =
        |name: &str| columns.iter().find(|column| column["column"] == name).unwrap_or_else(|| panic!("{name}"));
    let engine = column("engine");
    assert_eq!(
        [&engine["differ"], &engine["first"]["a"], &engine["first"]["b"]],
        [&3.into(), &"torch".into(), &"fused".into()] as [&serde_json::Value; 3]
    );
    assert!(engine["largest_absolute"].is_null(), "words have no size: {engine}");
    assert_eq!(column("kind")["differ"], 0);
    // Which engine it was is a difference, and none of the numbers.
    let within =
        |args: &[&str]| misfit.run(&[&["diff", "torch/runs.csv", "fused/runs.csv", "--within-noise"], args].concat());
    assert_eq!(within(&[]).code(), 0, "{}", within(&[]).stdout());
    assert!(!within(&["--changed"]).stdout().contains("engine"), "{}", within(&["--changed"]).stdout());
    let noise = json["files"][0]["noise"].as_array().unwrap();
    let of = |name: &str| noise.iter().any(|noise| noise["column"] == name);
    assert!(of("train_rmse") && of("test_rmse") && of("best_step") && !of("engine") && !of("kind"), "{noise:?}");
    misfit.write("torch/runs.csv", &earlier(&misfit.read("torch/runs.csv"), &NEW));
    let said = misfit.run(&["diff", "torch/runs.csv", "fused/runs.csv"]).stdout();
    assert!(said.contains("columns in B only: train_rmse, best_step, engine, kind"), "{said}");
}
