//! `misfit diff` finds what pandas and numpy find, and says it in exit codes and in four forms.

mod common;

use std::fmt::Write;
use std::path::Path;

use common::{Misfit, Ran, python};
use serde_json::Value;

const HEADER: &str = "variant,seed,step,train_loss,test_loss\n";

/// Numbers that look drawn, the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    fn unit(&mut self) -> f64 {
        self.next() as f64 / (1_u64 << 31) as f64
    }
}

/// What numpy and pandas say of two files in the test's folder.
fn oracle(misfit: &Misfit, words: &[&str]) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diff.py");
    let out = python()?.arg(script).args(words).current_dir(misfit.folder.path()).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(serde_json::from_slice(&out.stdout).expect("JSON"))
}

fn diff(misfit: &Misfit, words: &[&str]) -> Ran {
    misfit.run(&[&["diff"], words].concat())
}

/// The comparison's only file.
fn json(misfit: &Misfit, words: &[&str], code: i32) -> Value {
    let ran = diff(misfit, &[words, &["--format", "json"]].concat());
    assert_eq!(ran.code(), code, "{words:?}: {}", ran.stderr());
    serde_json::from_str::<Value>(&ran.stdout()).expect("JSON")
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Null => f64::NAN,
        Value::String(text) => text.parse().expect("NaN or an infinity"),
        number => number.as_f64().expect("a number"),
    }
}

fn close(a: &Value, b: &Value, what: &str) {
    let (a, b) = (number(a), number(b));
    assert!(a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * b.abs().max(1e-12), "{what}: {a} and {b}");
}

/// Holds what misfit says of a file against what the oracle says.
fn agree(ours: &Value, theirs: &Value) {
    let file = &ours["files"][0];
    for count in ["compared", "missing", "extra"] {
        assert_eq!(file[count], theirs[count], "{count}");
    }
    for column in file["columns"].as_array().unwrap() {
        let name = column["column"].as_str().unwrap();
        // Texts are looked at by themselves.
        if theirs["texts"].get(name).is_some() {
            continue;
        }
        let theirs = &theirs["columns"][name];
        assert_eq!([&column["differ"], &column["beyond"]], [&theirs["differ"], &theirs["beyond"]], "{name}");
        if column["differ"] != 0 {
            assert_eq!(column["first"]["at"], theirs["first"], "{name}");
            close(&column["largest_absolute"]["size"], &theirs["absolute"], name);
            assert_eq!(column["largest_absolute"]["at"], theirs["absolute_at"], "{name}");
            close(&column["largest_relative"]["size"], &theirs["relative"], name);
        }
    }
}

/// Holds what misfit says of columns of texts against what pandas says.
fn texts_agree(ours: &Value, theirs: &Value) {
    let columns = ours["files"][0]["columns"].as_array().unwrap();
    for (name, theirs) in theirs["texts"].as_object().unwrap() {
        let column = columns.iter().find(|column| column["column"] == **name).unwrap();
        assert_eq!([&column["differ"], &column["beyond"]], [&theirs["differ"], &theirs["differ"]], "{name}");
        assert_eq!(column["largest_absolute"], Value::Null, "{name}: texts have no size");
        if column["differ"] != 0 {
            let first = &column["first"];
            assert_eq!([&first["at"], &first["size"]], [&theirs["first"], &Value::from("NaN")], "{name}");
            assert_eq!(serde_json::json!([first["a"], first["b"]]), theirs["values"], "{name}");
        }
    }
    assert!(
        ours["files"][0]["noise"]
            .as_array()
            .unwrap()
            .iter()
            .all(|n| theirs["texts"].get(n["column"].as_str().unwrap()).is_none())
    );
}

/// Predictions of classes for so many seeds and rows; `predict` says which class a row is predicted as.
fn of_classes(classes: &[&str], seeds: u64, rows: usize, predict: impl Fn(u64, usize) -> usize) -> String {
    let cell = |text: &str| match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let columns: Vec<String> = classes.iter().map(|class| cell(&format!("p_{class}"))).collect();
    let mut text = format!("variant,seed,row,\"town, region\",a,target,prediction,{}\n", columns.join(","));
    for seed in 0..seeds {
        for row in 0..rows {
            // Held out at random: each seed has rows of its own.
            let row = 3 * row + seed as usize % 2;
            let town = ["Riga, \"old\"", "Oslo", "Bern"][row % 3];
            let (target, predicted) = (cell(classes[row % classes.len()]), predict(seed, row) % classes.len());
            let shares: Vec<String> =
                (0..classes.len()).map(|class| if class == predicted { "0.75" } else { "0.125" }.to_owned()).collect();
            let _ = writeln!(
                text,
                "v,{seed},{row},{},{:?},{target},{},{}",
                cell(town),
                row as f64 / 7.0,
                cell(classes[predicted]),
                shares.join(",")
            );
        }
    }
    text
}

/// A curves file of two variants and `seeds` seeds; `vary` is given the row's value and says what stands there, or nothing
/// for no row.
fn curves(seeds: u64, steps: u64, mut vary: impl FnMut(&str, u64, u64, f64) -> Option<String>) -> String {
    let mut text = HEADER.to_owned();
    let mut numbers = Numbers(7);
    for variant in ["a", "b"] {
        for seed in 0..seeds {
            for step in (0..steps).map(|nth| nth * 5) {
                let value = 10.0 / (1.0 + step as f64) + numbers.unit() * 0.1 + seed as f64 * 0.01;
                if let Some(second) = vary(variant, seed, step, value) {
                    let _ = writeln!(text, "{variant},{seed},{step},{value:?},{second}");
                }
            }
        }
    }
    text
}

#[test]
fn counts_places_and_sizes_of_differences_are_those_of_pandas_and_numpy() {
    let misfit = Misfit::new();
    let special = ["NaN", "inf", "-inf", "0.0", "-0.0", "5e-324", "1e308", ""];
    for seed in 0..3 {
        let mut numbers = Numbers(seed);
        misfit.write("a.csv", &curves(3, 20, |_, _, _, value| Some(format!("{value:?}"))));
        let other = curves(3, 20, |_, _, _, value| match numbers.below(8) {
            0 => None,
            1 => Some(special[numbers.below(8) as usize].to_owned()),
            2 => Some(format!("{:?}", value + numbers.unit() * 10_f64.powi(-(numbers.below(12) as i32)))),
            _ => Some(format!("{value:e}")),
        });
        misfit.write("b.csv", &other);
        for (sides, rtol, atol) in [
            (["a.csv", "b.csv"], "0", "0"),
            (["a.csv", "b.csv"], "1e-3", "0"),
            (["a.csv", "b.csv"], "0.1", "0.01"),
            (["b.csv", "a.csv"], "0.1", "0.01"),
        ] {
            let [a, b] = sides;
            let Some(theirs) = oracle(&misfit, &[a, b, "variant,seed,step", rtol, atol]) else { return };
            agree(&json(&misfit, &[a, b, "--rtol", rtol, "--atol", atol], 1), &theirs);
        }
    }
}

#[test]
fn rows_in_any_order_and_of_repeated_keys_are_found() {
    let misfit = Misfit::new();
    let mut numbers = Numbers(3);
    let a = curves(2, 30, |_, _, _, value| Some(format!("{value:?}")));
    let b = curves(2, 30, |_, _, step, value| (step != 35).then(|| format!("{:?}", value + 1e-6 * step as f64)));
    let shuffled = |text: &str, numbers: &mut Numbers| {
        let mut rows: Vec<&str> = text.lines().skip(1).collect();
        rows.extend_from_within(3..6);
        for last in (1..rows.len()).rev() {
            rows.swap(last, numbers.below(last as u64 + 1) as usize);
        }
        format!("{HEADER}{}\n", rows.join("\n"))
    };
    misfit.write("a.csv", &shuffled(&a, &mut numbers));
    misfit.write("b.csv", &shuffled(&b, &mut numbers));
    let Some(theirs) = oracle(&misfit, &["a.csv", "b.csv", "variant,seed,step"]) else { return };
    let ran = diff(&misfit, &["a.csv", "b.csv", "--format", "json"]);
    agree(&serde_json::from_str(&ran.stdout()).unwrap(), &theirs);
    assert!(ran.stderr().contains("a.csv: 3 rows have the key of another row"), "{}", ran.stderr());
    // Only the rows of each run out of order: another way through the file, and the same result.
    let by_run = |text: &str| {
        let mut rows: Vec<&str> = text.lines().skip(1).collect();
        rows.chunks_mut(30).for_each(<[&str]>::reverse);
        format!("{HEADER}{}\n", rows.join("\n"))
    };
    misfit.write("a.csv", &by_run(&a));
    misfit.write("b.csv", &b);
    let theirs = oracle(&misfit, &["a.csv", "b.csv", "variant,seed,step"]).unwrap();
    agree(&json(&misfit, &["a.csv", "b.csv"], 1), &theirs);
}

#[test]
fn the_noise_of_seeds_is_that_of_pandas() {
    let misfit = Misfit::new();
    for seeds in [2, 3, 5] {
        let mut numbers = Numbers(seeds);
        misfit.write("a.csv", &curves(seeds, 40, |_, _, _, value| Some(format!("{value:?}"))));
        let b = curves(seeds, 40, |variant, seed, step, value| {
            let shift = if variant == "a" { 0.02 * (numbers.unit() - 0.5) } else { 0.002 * step as f64 };
            // A run that diverged on one side.
            Some(if variant == "b" && seed == 4 { "inf".to_owned() } else { format!("{:?}", value + shift) })
        });
        misfit.write("b.csv", &b);
        let Some(theirs) = oracle(&misfit, &["a.csv", "b.csv", "variant,seed,step"]) else { return };
        let ours = json(&misfit, &["a.csv", "b.csv"], 1);
        let noise = ours["files"][0]["noise"].as_array().unwrap();
        assert_eq!(noise.len(), 4, "two variants and two columns");
        for entry in noise {
            let name = format!("{} {}", entry["variant"].as_str().unwrap(), entry["column"].as_str().unwrap());
            let theirs = &theirs["noise"][&name];
            assert_eq!(entry["at"], serde_json::json!(["195"]), "{name}");
            assert_eq!(entry["pairs"], theirs["pairs"], "{name}");
            for figure in ["difference", "noise_floor", "multiple", "low", "high"] {
                close(&entry[figure], &theirs[figure], &format!("{name} {figure}"));
            }
            assert_eq!([&entry["apart"], &entry["first_apart"]], [&theirs["apart"], &theirs["first_apart"]], "{name}");
            if seeds == 5 && name == "b test_loss" {
                // At each of the 40 steps.
                assert_eq!([&entry["not_finite"], &entry["unlike"]], [1, 40], "nothing is dropped silently");
                assert_eq!(entry["verdict"], "beyond");
            }
        }
    }
}

#[test]
fn within_the_noise_of_the_seeds_is_the_same_only_if_asked_for() {
    let misfit = Misfit::new();
    let with =
        |shift: f64| curves(6, 10, move |_, seed, _, value| Some(format!("{:?}", value + shift * (seed as f64 - 2.5))));
    misfit.write("a.csv", &with(0.0));
    misfit.write("noise.csv", &with(1e-6));
    misfit.write("shifted.csv", &curves(6, 10, |_, _, _, value| Some(format!("{:?}", value + 1.0))));
    misfit.write(
        "lost.csv",
        &curves(6, 10, |_, seed, _, v| Some(if seed == 1 { "NaN".into() } else { format!("{v:?}") })),
    );
    for (b, exact, within) in [("a.csv", 0, 0), ("noise.csv", 1, 0), ("shifted.csv", 1, 1), ("lost.csv", 1, 1)] {
        assert_eq!(diff(&misfit, &["a.csv", b]).code(), exact, "{b}");
        assert_eq!(diff(&misfit, &["a.csv", b, "--within-noise"]).code(), within, "{b}");
    }
    // One seed has no noise that anything could be within.
    let one = |shift: f64| curves(1, 10, move |_, _, _, value| Some(format!("{:?}", value + shift)));
    misfit.write("a.csv", &one(0.0));
    misfit.write("b.csv", &one(1e-9));
    let ran = diff(&misfit, &["a.csv", "b.csv", "--within-noise"]);
    assert_eq!(ran.code(), 1);
    assert!(ran.stdout().contains("One seed is on both sides: nothing says what is noise."), "{}", ran.stdout());
}

/// Rows of `variant,seed,step,y`: the first side's values and what the second side has instead.
fn pair(misfit: &Misfit, rows: impl Iterator<Item = (String, u64, u64, f64, f64)>) {
    let [mut a, mut b] = [String::from("variant,seed,step,y\n"), String::from("variant,seed,step,y\n")];
    for (variant, seed, step, x, y) in rows {
        let _ = writeln!(a, "{variant},{seed},{step},{x:?}");
        let _ = writeln!(b, "{variant},{seed},{step},{y:?}");
    }
    misfit.write("a.csv", &a);
    misfit.write("b.csv", &b);
}

#[test]
fn a_difference_beyond_noise_is_found_wherever_it_is() {
    let misfit = Misfit::new();
    let within = || diff(&misfit, &["a.csv", "b.csv", "--within-noise"]).code();
    let grid = || (0..4_u64).flat_map(|seed| (0..100_u64).map(move |step| (seed, step)));
    let row = |seed: u64, step: u64, far: f64| {
        let x = seed as f64 * 0.01;
        ("v".to_owned(), seed, step, x, x + far)
    };
    // Apart on the way and together at the end; apart at a few steps only, but far.
    pair(&misfit, grid().map(|(seed, step)| row(seed, step, if step < 90 { 49.0 } else { 0.0 })));
    assert_eq!(within(), 1);
    pair(&misfit, grid().map(|(seed, step)| row(seed, step, if step == 30 { 49.0 } else { 0.0 })));
    assert_eq!(within(), 1);
    // The first seed ends early.
    let short = || grid().filter(|(seed, step)| *seed > 0 || *step < 4);
    pair(&misfit, short().map(|(seed, step)| row(seed, step, if step > 5 { 49.0 } else { 0.0 })));
    assert_eq!(within(), 1);
    // The last value of all is NaN, as that of update_ratio is.
    let nan_at_last = |far: f64| {
        move |(seed, step): (u64, u64)| row(seed, step, if step == 99 { f64::NAN } else { far * (seed as f64 - 1.5) })
    };
    let last_nan = |far: f64| {
        grid()
            .map(nan_at_last(far))
            .map(|(v, seed, step, x, y)| (v, seed, step, if step == 99 { f64::NAN } else { x }, y))
    };
    pair(&misfit, last_nan(0.001));
    assert_eq!(within(), 0);
    pair(&misfit, last_nan(0.0).map(|(v, seed, step, x, y)| (v, seed, step, x, y + 98.0)));
    assert_eq!(within(), 1);
    // One NaN on one side, at a step like any other.
    pair(&misfit, grid().map(|(seed, step)| row(seed, step, if (seed, step) == (2, 41) { f64::NAN } else { 0.0 })));
    assert_eq!(within(), 1);
}

#[test]
fn noise_is_the_same_for_any_number_of_variants_and_where_one_has_a_single_seed() {
    let misfit = Misfit::new();
    let mut numbers = Numbers(5);
    let mut noisy = move |variant: String, seeds: u64| -> Vec<(String, u64, u64, f64, f64)> {
        let rows = (0..seeds).flat_map(|seed| (0..3).map(move |step| (seed, step)));
        rows.map(|(seed, step)| (variant.clone(), seed, step, seed as f64, seed as f64 + 0.1 * numbers.unit()))
            .collect()
    };
    let many: Vec<_> = (0..2500).flat_map(|nth| noisy(format!("v{nth:05}"), 4)).collect();
    pair(&misfit, many.iter().cloned());
    assert_eq!(diff(&misfit, &["a.csv", "b.csv", "--within-noise"]).code(), 0);
    for words in [&["a.csv", "b.csv"][..], &["a.csv", "b.csv", "--changed"]] {
        let table = diff(&misfit, words).stdout();
        assert!(table.contains("2492 more: --format json has the largest of them."), "{table}");
    }
    // A single seed that is the same on both sides says nothing of the others; one that is not does.
    let alone = |y: f64| many.iter().cloned().chain([("w".to_owned(), 0, 0, 1.0, y)]);
    pair(&misfit, alone(1.0));
    assert_eq!(diff(&misfit, &["a.csv", "b.csv", "--within-noise"]).code(), 0);
    pair(&misfit, alone(1.1));
    assert_eq!(diff(&misfit, &["a.csv", "b.csv", "--within-noise"]).code(), 1);
    assert_eq!(diff(&misfit, &["a.csv", "b.csv", "--within-noise", "--rtol", "0.2"]).code(), 0);
}

#[test]
fn whole_numbers_longer_than_an_f64_holds_are_told_apart() {
    let misfit = Misfit::new();
    misfit.write("a.csv", "x,y\n1e16,1\n10000000000000001,2\n10000000000000002,3\n");
    misfit.write("b.csv", "x,y\n10000000000000002,3\n5,99\n010000000000000001,2\n1.0e16,1\n");
    let ours = json(&misfit, &["a.csv", "b.csv"], 1);
    let file = &ours["files"][0];
    assert_eq!([&file["compared"], &file["missing"], &file["extra"], &file["columns"][0]["differ"]], [3, 0, 1, 0]);
    misfit.write("b.csv", "x,y\n10000000000000000,1\n10000000000000001,9007199254740993\n");
    misfit.write("a.csv", "x,y\n10000000000000000,1\n10000000000000001,9007199254740992\n");
    assert_eq!(json(&misfit, &["a.csv", "b.csv"], 1)["files"][0]["columns"][0]["largest_absolute"]["size"], 1.0);
    // Many keys of one size, in any order, end.
    let keys = ["1e16", "1.0e16", "10000000000000000", "10000000000000001", "0010000000000000001", "10000000000000002"];
    let mut numbers = Numbers(11);
    for _ in 0..20 {
        let mut text = || {
            let rows: Vec<String> = (0..60).map(|_| format!("{},1\n", keys[numbers.below(6) as usize])).collect();
            format!("x,y\n{}", rows.concat())
        };
        misfit.write("a.csv", &text());
        misfit.write("b.csv", &text());
        let ran = diff(&misfit, &["a.csv", "b.csv"]);
        assert!([0, 1].contains(&ran.code()) && !ran.stderr().contains("panicked"), "{}", ran.stderr());
    }
}

#[test]
fn keys_of_ones_choice_are_what_they_are_spelt_as() {
    let misfit = Misfit::new();
    misfit.write("a.csv", "version,y\n1.1,1\n1.10,2\n");
    misfit.write("b.csv", "version,y\n1.10,2\n1.1,1\n");
    assert_eq!(diff(&misfit, &["a.csv", "b.csv", "--key", "version"]).code(), 0);
}

#[test]
fn two_variants_of_one_folder_are_aligned_by_seed_and_step() {
    let misfit = Misfit::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference").display().to_string();
    let ours = json(&misfit, &[&format!("{folder}#question"), &format!("{folder}#answer")], 1);
    let files: Vec<&str> =
        ours["files"].as_array().unwrap().iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["runs.csv", "curves.csv", "predictions.csv", "health.csv"]);
    assert_eq!(ours["files"][1]["key"], serde_json::json!(["seed", "step"]));
    let runs = std::fs::read_to_string(Path::new(&folder).join("runs.csv")).unwrap();
    let error = |variant: &str| {
        common::rows(&runs).iter().find(|row| row["variant"] == variant && row["seed"] == "0").unwrap()["test_rmse"]
            .clone()
    };
    let columns = ours["files"][0]["columns"].as_array().unwrap();
    let first = &columns.iter().find(|column| column["column"] == "test_rmse").unwrap()["first"];
    assert_eq!([&first["a"], &first["b"]], [&error("question"), &error("answer")]);
    // How they ended, by the median of three seeds.
    let median = |variant: &str| {
        let all = common::rows(&runs);
        let mut errors: Vec<f64> =
            all.iter().filter(|row| row["variant"] == variant).map(|row| row["test_rmse"].parse().unwrap()).collect();
        errors.sort_by(f64::total_cmp);
        errors[1]
    };
    let ended = &ours["endings"][0];
    assert_eq!([&ended["outcomes_a"], &ended["outcomes_b"]], ["constant 3/3", "fits 3/3"]);
    assert_eq!([&ended["test_rmse_a"], &ended["test_rmse_b"]], [median("question"), median("answer")]);
    // The settings are those of the two variants.
    let settings: Vec<&str> =
        ours["settings"].as_array().unwrap().iter().map(|setting| setting["key"].as_str().unwrap()).collect();
    for key in ["data.scale_input", "data.scale_target", "loss.pairing", "model.hidden", "model.output", "train.steps"]
    {
        assert!(settings.contains(&key), "{key} in {settings:?}");
    }
    assert!(!settings.contains(&"optimizer.learning_rate"), "what is the same is not told");
    // Named on one side it is meant of both; a variant is the same as itself.
    assert_eq!(diff(&misfit, &[&format!("{folder}#answer"), &folder]).code(), 0);
    let ran = diff(&misfit, &[&format!("{folder}#anwser"), &folder]);
    assert_eq!(ran.code(), 2);
    assert!(ran.stderr().contains("unknown variant \"anwser\", did you mean \"answer\"?"), "{}", ran.stderr());
    // A path that has the sign in it is a path.
    std::fs::create_dir(misfit.folder.path().join("my#results")).unwrap();
    misfit.write("my#results/runs.csv", &runs);
    assert_eq!(diff(&misfit, &["my#results/runs.csv", &format!("{folder}/runs.csv")]).code(), 0);
    assert_eq!(
        diff(&misfit, &["my#results#answer", &format!("{folder}#answer")]).code(),
        1,
        "it has only one of the files"
    );
}

#[test]
fn of_settings_just_those_are_told_that_differ() {
    let misfit = Misfit::new();
    let at = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name).display().to_string();
    let ours = json(&misfit, &[&at("reference"), &at("reference-rate")], 1);
    let told: Vec<String> = ours["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| format!("{} {} {}", s["key"].as_str().unwrap(), s["a"].as_str().unwrap(), s["b"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["optimizer.learning_rate 0.001 0.003", "optimizer.learning_rate 0.002 0.003"]);
    let repaired = &ours["settings"][1]["variants"];
    assert_eq!(repaired, &serde_json::json!(["repaired"]), "the only one with a rate of its own");
}

#[test]
fn every_form_says_the_same_and_changed_leaves_the_rest_out() {
    let misfit = Misfit::new();
    misfit.write("a.csv", &curves(3, 5, |_, _, _, value| Some(format!("{value:?}"))));
    misfit.write(
        "b.csv",
        &curves(3, 5, |_, _, step, value| Some(format!("{:?}", if step == 10 { 2.0 * value } else { value }))),
    );
    let table = diff(&misfit, &["a.csv", "b.csv"]).stdout();
    assert!(table.contains("No difference in train_loss.") && table.trim_end().ends_with("Different."), "{table}");
    assert!(!table.contains('\u{1b}'), "no colours in a pipe");
    let changed = diff(&misfit, &["a.csv", "b.csv", "--changed"]).stdout();
    assert!(changed.contains("test_loss") && !changed.contains("train_loss"), "{changed}");
    let markdown = diff(&misfit, &["a.csv", "b.csv", "--format", "md"]).stdout();
    let row = markdown.lines().find(|line| line.starts_with("| test\\_loss ")).expect("a row");
    assert!(row.contains("| 6 |") && row.contains("| a,0,10 |"), "{row}");
    let csv = diff(&misfit, &["a.csv", "b.csv", "--format", "csv"]).stdout();
    let rows = common::rows(&csv);
    assert_eq!(rows.iter().map(|row| row["column"].as_str()).collect::<Vec<_>>(), ["", "train_loss", "test_loss"]);
    assert_eq!([&rows[0]["rows"], &rows[0]["different"]], ["30", "0"]);
    assert_eq!([&rows[2]["differ"], &rows[2]["max_rel"], &rows[2]["different"]], ["6", "0.5", "1"]);
    assert_eq!([&rows[1]["differ"], &rows[1]["max_abs"], &rows[1]["different"]], ["0", "", "0"]);
    let changed = common::rows(&diff(&misfit, &["a.csv", "b.csv", "--format", "csv", "--changed"]).stdout());
    assert_eq!(changed.len(), 2);
    let same = diff(&misfit, &["a.csv", "a.csv"]);
    assert_eq!((same.code(), same.stderr().as_str()), (0, ""));
    assert!(same.stdout().ends_with("The same: 30 rows.\n"), "{}", same.stdout());
}

#[test]
fn csvs_made_elsewhere_are_aligned_by_what_they_have() {
    let misfit = Misfit::new();
    misfit.write("a.csv", "x,y\n1,2\n2,3\n");
    misfit.write("b.csv", "\u{feff}y,x,z\r\n3,2.0,0\r\n2,1e0,0\r\n");
    let ours = json(&misfit, &["a.csv", "b.csv"], 1);
    let file = &ours["files"][0];
    assert_eq!((&file["key"], &file["compared"]), (&serde_json::json!(["x"]), &Value::from(2)));
    assert_eq!((&file["extra_columns"], &file["columns"][0]["differ"]), (&serde_json::json!(["z"]), &Value::from(0)));
    // Without a key rows are told apart by their number, or by what is asked for.
    misfit.write("c.csv", "city,people\nRiga,1\nOslo,2\n");
    misfit.write("d.csv", "city,people\nOslo,2\nRiga,1\n");
    assert_eq!(diff(&misfit, &["c.csv", "d.csv"]).code(), 1);
    assert_eq!(diff(&misfit, &["c.csv", "d.csv", "--key", "city"]).code(), 0);
}

#[test]
fn what_cannot_be_compared_is_refused_on_one_line() {
    let misfit = Misfit::new();
    misfit.write("a.csv", "x,y\n1,2\n");
    misfit.write("ragged.csv", "x,y\n1,2\n3\n");
    misfit.write("twice.csv", "x,y,y\n1,2,3\n");
    misfit.write("empty.csv", "");
    misfit.write("semicolons.csv", "x;y\n1;2\n");
    let at = |name: &str| misfit.folder.path().join(name);
    std::fs::write(at("packed.csv"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    std::fs::write(at("utf16.csv"), [0xff, 0xfe, b'x', 0, b'\n', 0]).unwrap();
    std::fs::create_dir(misfit.folder.path().join("folder")).unwrap();
    for (words, says) in [
        (&["a.csv", "b.csv"][..], "b.csv: there is no such file, did you mean \"a.csv\"?"),
        (&["a.csv", "foldr"], "foldr: there is no such results folder, did you mean \"folder\"?"),
        (
            &["folder", "folder"],
            "folder: holds no results: expected a folder with runs.csv, curves.csv, …, as misfit run writes it",
        ),
        (&["folder", "a.csv"], "folder: is a folder, and a.csv a file: name two of a kind"),
        (&["a.csv", "ragged.csv"], "ragged.csv:3: has 1 fields, the header 2: restore the file, or take the row out"),
        (&["a.csv", "twice.csv"], "twice.csv:1: has two columns called \"y\": rename one"),
        (&["a.csv", "empty.csv"], "empty.csv: is empty: expected a CSV with a header"),
        (&["packed.csv", "packed.csv"], "packed.csv: is compressed: unpack it first"),
        (&["a.csv", "utf16.csv"], "utf16.csv: is no text in UTF-8: expected a CSV"),
        (&["a.csv", "semicolons.csv"], "semicolons.csv:1: has fields between ';': expected commas between them"),
        (&["a.csv", "a.csv", "--key", "x,x"], "--key: names \"x\" twice"),
        (&["a.csv", "a.csv", "--key", "z"], "--key: a.csv:1: unknown column \"z\", accepted: x or y"),
        (&["a.csv#v", "a.csv"], "a.csv:1: has no column \"variant\", so there is no #v"),
        (
            &["a.csv", "a.csv", "--rtol", "-1"],
            "invalid value \"-1\" for --rtol <R>: expected a number of at least 0, as 1e-6 (see --help)",
        ),
        (&["folder", "folder", "--key", "x"], "--key: is for CSVs: name two files of these folders"),
    ] {
        let ran = diff(&misfit, words);
        assert_eq!((ran.code(), ran.stderr()), (2, format!("misfit: {says}\n")), "{words:?}");
        assert_eq!(ran.stdout(), "", "{words:?}");
    }
    misfit.write("cut.csv", "x,y\n1,2");
    let ran = diff(&misfit, &["a.csv", "cut.csv"]);
    assert_eq!(ran.stderr(), "misfit: cut.csv: does not end in a line feed: its last row may be cut off\n");
}

#[test]
fn names_from_the_files_cannot_play_on_the_terminal_or_in_markdown() {
    let misfit = Misfit::new();
    misfit.write("a.csv", "variant,seed,<b>\u{1b}[31m\n\"<img src=x>|\nv\u{7}\",0,1\n");
    misfit.write("b.csv", "variant,seed,<b>\u{1b}[31m\n\"<img src=x>|\nv\u{7}\",0,2\n");
    for form in ["table", "md"] {
        let shown = diff(&misfit, &["a.csv", "b.csv", "--format", form]).stdout();
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
    let markdown = diff(&misfit, &["a.csv", "b.csv", "--format", "md"]).stdout();
    assert!(!markdown.contains("<img") && markdown.contains("&lt;img src=x>\\|"), "{markdown}");
}

/// Two files of 170 MB each.
#[test]
fn long_files_are_compared_in_little_memory() {
    let misfit = Misfit::new();
    let (mut a, mut b) = (String::from(HEADER), String::from(HEADER));
    for seed in 0..4 {
        for step in 0..400_000 {
            let _ = writeln!(a, "a{:090},{seed},{step},{}.123456789,0.987654321", 0, step % 89);
            let _ = writeln!(b, "a{:090},{seed},{step},{}.123456789,0.98765432{}", 0, step % 89, step % 7);
        }
    }
    assert!(a.len() > 150 << 20);
    misfit.write("a.csv", &a);
    misfit.write("b.csv", &b);
    drop((a, b));
    let Some(mut python) = python() else { return };
    let code = "import resource, subprocess, sys\n\
                print(subprocess.run(sys.argv[1:], stdout=open('out.json', 'w')).returncode)\n\
                print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    python.args(["-c", code, env!("CARGO_BIN_EXE_misfit"), "diff", "a.csv", "b.csv", "--format", "json"]);
    let out = python.current_dir(misfit.folder.path()).output().expect("Python starts");
    let said = String::from_utf8_lossy(&out.stdout);
    let [code, kilobytes] = said.split_whitespace().map(|n| n.parse::<u64>().unwrap()).collect::<Vec<_>>()[..] else {
        panic!("{said} {}", String::from_utf8_lossy(&out.stderr))
    };
    assert_eq!(code, 1);
    assert!(kilobytes < 90_000, "{kilobytes} kB");
    let file = &serde_json::from_str::<Value>(&misfit.read("out.json")).unwrap()["files"][0];
    assert_eq!(file["compared"], 1_600_000);
    // Where step % 7 is 1 the last digit is the same: 57143 of 0…399 999, for each seed.
    assert_eq!(file["columns"][1]["differ"], 4 * (400_000 - 57_143));
}

#[test]
fn a_class_that_is_predicted_otherwise_is_a_difference_of_texts_also_where_classes_are_numbers() {
    let misfit = Misfit::new();
    for classes in [&["big, \"fine\"", "small", "p_other"][..], &["3", "8", "10"], &["-1", "1"]] {
        misfit.write("a.csv", &of_classes(classes, 4, 12, |_, row| row));
        misfit.write("b.csv", &of_classes(classes, 4, 12, |seed, row| row + usize::from(row % 5 == 0 && seed > 1)));
        let Some(theirs) = oracle(&misfit, &["a.csv", "b.csv", "variant,seed,row"]) else { return };
        let ours = json(&misfit, &["a.csv", "b.csv"], 1);
        assert_eq!(ours["files"][0]["key"], serde_json::json!(["variant", "seed", "row"]));
        agree(&ours, &theirs);
        texts_agree(&ours, &theirs);
        assert_ne!(theirs["texts"]["prediction"]["differ"], 0);
        assert_eq!(theirs["texts"]["town, region"]["differ"], 0);
        // No tolerance and no noise makes one class another.
        assert_eq!(diff(&misfit, &["a.csv", "b.csv", "--rtol", "10", "--atol", "10"]).code(), 1);
        let table = diff(&misfit, &["a.csv", "b.csv", "--rtol", "10", "--atol", "10", "--within-noise", "--changed"]);
        assert_eq!(table.code(), 1);
        let line = table.stdout().lines().find(|line| line.trim_start().starts_with("prediction ")).unwrap().to_owned();
        assert!(line.contains(classes[0]) && line.contains(classes[1]), "{line}");
        assert_eq!(diff(&misfit, &["a.csv", "a.csv"]).stdout().lines().last(), Some("The same: 48 rows."));
        assert_eq!(diff(&misfit, &["a.csv", "a.csv"]).stderr(), "", "no two rows have one key");
    }
}

#[test]
fn points_of_a_file_are_found_by_their_row_and_those_of_before_by_their_inputs() {
    let misfit = Misfit::new();
    let of = |row: bool, inputs: [&str; 3], shift: f64| {
        let mut text =
            format!("variant,seed,{}a,b,target_y,target_z,prediction_y,prediction_z\n", if row { "row," } else { "" });
        for seed in 0..3 {
            for (nth, input) in inputs.iter().enumerate() {
                let row = if row { format!("{},", 4 * nth) } else { String::new() };
                let _ = writeln!(text, "v,{seed},{row}{input},{nth},1.0,2.0,{:?},2.5", 1.0 + shift * nth as f64);
            }
        }
        text
    };
    misfit.write("a.csv", &of(true, ["x", "y", "z"], 0.0));
    misfit.write("b.csv", &of(true, ["x", "y", "w"], 0.5));
    let Some(theirs) = oracle(&misfit, &["a.csv", "b.csv", "variant,seed,row"]) else { return };
    let ours = json(&misfit, &["a.csv", "b.csv"], 1);
    agree(&ours, &theirs);
    texts_agree(&ours, &theirs);
    // One side does not say which rows they are.
    misfit.write("before.csv", &of(false, ["x", "y", "z"], 0.5));
    let Some(theirs) = oracle(&misfit, &["before.csv", "a.csv", "variant,seed,a,b"]) else { return };
    for (words, alone) in [(["before.csv", "a.csv"], "extra_columns"), (["a.csv", "before.csv"], "missing_columns")] {
        let ours = json(&misfit, &words, 1);
        assert_eq!(ours["files"][0]["key"], serde_json::json!(["variant", "seed", "a", "b"]));
        assert_eq!(ours["files"][0][alone], serde_json::json!(["row"]));
        assert_eq!(ours["files"][0]["compared"], theirs["compared"]);
    }
    agree(&json(&misfit, &["before.csv", "a.csv"], 1), &theirs);
}

#[test]
fn numbers_beside_classes_are_compared_as_numbers_and_what_neither_has_is_the_same() {
    let misfit = Misfit::new();
    // A variant that predicts numbers beside one that predicts classes.
    let of = |number: &str, class: &str| {
        format!(
            "variant,seed,row,x,target,prediction,p_1,p_2\nnumbers,0,0,1.0,1.0,{number},,\nof classes,0,0,1.0,1,{class},0.5,0.5\n"
        )
    };
    misfit.write("a.csv", &of("2.0", "2"));
    misfit.write("b.csv", &of("2.0000001", "2"));
    assert_eq!(diff(&misfit, &["a.csv", "b.csv"]).code(), 1);
    assert_eq!(diff(&misfit, &["a.csv", "b.csv", "--rtol", "1e-6"]).code(), 0);
    misfit.write("b.csv", &of("2e0", "1"));
    let ours = json(&misfit, &["a.csv", "b.csv", "--rtol", "10"], 1);
    let prediction =
        ours["files"][0]["columns"].as_array().unwrap().iter().find(|c| c["column"] == "prediction").unwrap();
    assert_eq!([&prediction["differ"], &prediction["first"]["at"][0]], [&Value::from(1), &Value::from("of classes")]);
}

#[test]
fn how_runs_of_classes_ended_is_told_by_their_accuracy_and_those_of_before_by_their_error() {
    let misfit = Misfit::new();
    let write = |folder: &str, text: &str| {
        std::fs::create_dir_all(misfit.folder.path().join(folder)).unwrap();
        misfit.write(&format!("{folder}/runs.csv"), text);
    };
    let runs = |accuracies: [&str; 3], column: bool| {
        let mut text = format!(
            "variant,seed,outcome,steps,first_loss,last_loss,test_rmse,r2{}\n",
            if column { ",accuracy" } else { "" }
        );
        for (seed, accuracy) in accuracies.iter().enumerate() {
            let accuracy = if column { format!(",{accuracy}") } else { String::new() };
            let _ = writeln!(text, "v,{seed},partial,9,1.0,0.5,0.{},0.5{accuracy}", seed + 1);
        }
        text
    };
    write("a", &runs(["0.5", "0.75", "1.0"], true));
    write("b", &runs(["0.25", "0.5", "0.625"], true));
    write("numbers", &runs(["NaN"; 3], true));
    write("before", &runs([""; 3], false));
    let ending = |a: &str, b: &str, code: i32| json(&misfit, &[a, b], code)["endings"][0].clone();
    let of_classes = ending("a", "b", 1);
    assert_eq!([&of_classes["accuracy_a"], &of_classes["accuracy_b"]], [0.75, 0.5]);
    let shown = diff(&misfit, &["a", "b"]).stdout();
    assert!(shown.contains("accuracy of A, median") && !shown.contains("test RMSE of A"), "{shown}");
    assert!(shown.contains("-0.250"), "{shown}");
    // Numbers have none, on either side; and NaN is NaN.
    let shown = diff(&misfit, &["numbers", "numbers"]);
    assert_eq!(shown.code(), 0);
    assert!(
        shown.stdout().contains("test RMSE of A") && !shown.stdout().contains("accuracy of A"),
        "{}",
        shown.stdout()
    );
    // A folder of before accuracies were told is compared in what it has.
    for (a, b, alone) in [("before", "numbers", "B"), ("numbers", "before", "A"), ("before", "a", "B")] {
        let ours = ending(a, b, 1);
        assert_eq!([&ours["test_rmse_a"], &ours["test_rmse_b"]], [0.2, 0.2]);
        let shown = diff(&misfit, &[a, b]).stdout();
        assert!(shown.contains(&format!("column in {alone} only: accuracy; no value differs")), "{shown}");
    }
    let shown = diff(&misfit, &["a", "numbers"]).stdout();
    assert!(shown.contains("accuracy of A, median") && shown.contains("test RMSE of A, median"), "{shown}");
}
