//! Nothing of the test rows reaches what is learnt: scales, means, texts. Their values are changed wildly, and every number
//! that comes of training stays the same to the last bit.
#![cfg(feature = "train")]

mod common;

use common::{Misfit, rows};

const ROWS: usize = 60;

/// A row: numbers of which some are missing, a text that may be missing, two numbers and a class that are predicted.
fn row(at: usize) -> [String; 6] {
    let x = at as f64;
    let missing = |text: String, every: usize| if at % every == 3 { String::new() } else { text };
    [
        missing(format!("{:.3}", x.sin()), 7),
        missing(format!("{:.3}", 100.0 + 0.1 * x), 11),
        missing(["red", "green", "blue"][at * 5 % 3].to_owned(), 13),
        format!("{:.3}", (0.4 * x).cos()),
        format!("{:.3}", 50.0 + 0.3 * x),
        ["no", "yes"][at * 7 % 2].to_owned(),
    ]
}

/// The same with all inputs and numbers far from those of any other row; what it is of, and what it misses, is another too.
fn wild(at: usize) -> [String; 6] {
    let [_, _, _, _, _, class] = row(at);
    let missing = |text: String, every: usize| if at % every == 1 { String::new() } else { text };
    [
        missing(format!("{}e9", at + 1), 5),
        missing(format!("-{}e12", at + 1), 4),
        missing(format!("text {at}"), 6),
        format!("{}e7", at + 3),
        format!("-{}e20", at + 1),
        class,
    ]
}

fn csv(of: impl Iterator<Item = [String; 6]>) -> String {
    let lines: Vec<String> = of.map(|row| row.join(",")).collect();
    format!("a,b,colour,y,z,class\n{}\n", lines.join("\n"))
}

/// What comes of training, as it is written: of each logged step the loss of the batch, the gradient and the update.
fn learnt(misfit: &Misfit, toml: &str) -> Vec<[String; 3]> {
    misfit.write("x.toml", toml);
    misfit.ok(&["run", "x.toml", "--out", "out", "--fresh"]);
    let curves = rows(&misfit.read("out/curves.csv"));
    curves.iter().map(|row| ["train_loss", "grad_norm", "update_ratio"].map(|column| row[column].clone())).collect()
}

fn tested(misfit: &Misfit) -> Vec<String> {
    rows(&misfit.read("out/curves.csv")).iter().map(|row| row["test_loss"].clone()).collect()
}

const TARGETS: [(&str, &str); 5] = [
    ("output = \"y\"", "scale_target = \"standardize\""),
    ("outputs = [\"y\", \"z\"]", "scale_target = \"unit\""),
    ("class = \"class\"", "labels = \"index\""),
    ("class = \"class\"", "labels = \"one-hot\""),
    ("class = \"class\"", "labels = \"number\"\nscale_target = \"standardize\""),
];

fn toml(target: &str, data: &str, scale: &str, engine: &str) -> String {
    format!(
        "seeds = 1\n[data]\ntarget = {{ csv = \"rows.csv\", inputs = [\"a\", \"b\", \"colour\"], {target} }}\nmissing = \"mean\"\nscale_input = \"{scale}\"\n{data}\n[batch]\nsize = 16\ndraw = \"epoch\"\n[model]\nhidden = [6]\n[train]\nsteps = 30\nengine = \"{engine}\""
    )
}

#[test]
fn held_out_rows_change_no_number_of_training_however_they_are_chosen() {
    for (nth, (target, keys)) in TARGETS.into_iter().enumerate() {
        for how in ["last", "random", "stratified"] {
            if how == "stratified" && !target.starts_with("class") {
                continue;
            }
            let scale = ["standardize", "unit"][nth % 2];
            let toml = toml(target, &format!("{keys}\nholdout = 0.3\nholdout_rows = \"{how}\""), scale, "auto");
            let misfit = Misfit::new();
            misfit.write("rows.csv", &csv((0..ROWS).map(row)));
            let before = learnt(&misfit, &toml);
            let seen = tested(&misfit);
            let predictions = rows(&misfit.read("out/predictions.csv"));
            let held: Vec<usize> = predictions.iter().map(|row| row["row"].parse().expect("a row")).collect();
            assert_eq!(held.len(), 18, "{how}");
            misfit.write("rows.csv", &csv((0..ROWS).map(|at| if held.contains(&at) { wild(at) } else { row(at) })));
            assert_eq!(learnt(&misfit, &toml), before, "{target} {how}");
            assert_ne!(tested(&misfit), seen, "{target} {how}");
            // It would show: the row of a single text, number or class that is learnt from.
            let other = (0..ROWS).find(|at| !held.contains(at) && at % 5 != 1).expect("a row");
            misfit.write("rows.csv", &csv((0..ROWS).map(|at| if at == other { wild(at) } else { row(at) })));
            assert_ne!(learnt(&misfit, &toml), before, "{target} {how}");
        }
    }
}

#[test]
fn a_test_file_of_its_own_changes_no_number_of_training() {
    for (nth, (target, keys)) in TARGETS.into_iter().enumerate() {
        for engine in ["auto", "torch"] {
            let scale = ["unit", "standardize"][nth % 2];
            let toml = toml(target, &format!("{keys}\ntest = {{ csv = \"test.csv\" }}"), scale, engine);
            let misfit = Misfit::new();
            misfit.write("rows.csv", &csv((0..ROWS).map(row)));
            misfit.write("test.csv", &csv((ROWS..ROWS + 20).map(row)));
            let before = learnt(&misfit, &toml);
            let seen = tested(&misfit);
            misfit.write("test.csv", &csv((0..50).map(wild)));
            assert_eq!(learnt(&misfit, &toml), before, "{target}");
            assert_ne!(tested(&misfit), seen, "{target}");
            misfit.write("test.csv", &csv((ROWS..ROWS + 1).map(row)));
            assert_eq!(learnt(&misfit, &toml), before, "{target}");
        }
    }
}
