//! results/compare.ipynb runs from top to bottom, and its tables hold what the CSVs do.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Ran, rows};
use serde_json::{Value, json};

const TABLES: [&str; 5] = ["runs", "medians", "first", "apart", "accuracy"];

/// A copy of the notebook beside two results folders, as it lies in the project.
struct Project {
    folder: tempfile::TempDir,
}

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name)
}

impl Project {
    fn new() -> Self {
        let project = Project { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(project.results()).unwrap();
        std::fs::create_dir(project.out()).unwrap();
        std::fs::copy(committed("compare.ipynb"), project.results().join("compare.ipynb")).unwrap();
        project
    }

    fn with_the_reference_results() -> Self {
        let project = Project::new();
        for folder in ["reference", "reference-rate"] {
            std::fs::create_dir(project.results().join(folder)).unwrap();
            for file in ["manifest.json", "runs.csv", "curves.csv", "predictions.csv"] {
                let from = committed(folder).join(file);
                std::fs::copy(from, project.results().join(folder).join(file)).unwrap();
            }
        }
        project
    }

    fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn run(&self, mut python: Command, folder: &Path, between: Option<[&str; 2]>) -> Ran {
        python.current_dir(folder).env_remove("MISFIT_A").env_remove("MISFIT_B");
        if let Some([a, b]) = between {
            python.env("MISFIT_A", a).env("MISFIT_B", b);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notebook.py");
        python.arg(script).arg(self.results().join("compare.ipynb")).arg(self.out()).args(TABLES);
        Ran(python.output().expect("Python starts"))
    }

    /// One of the notebook's tables.
    fn table(&self, name: &str) -> Vec<HashMap<String, String>> {
        rows(&std::fs::read_to_string(self.out().join(format!("{name}.csv"))).unwrap())
    }

    fn csv(&self, folder: &str, name: &str) -> Vec<HashMap<String, String>> {
        rows(&std::fs::read_to_string(self.results().join(folder).join(name)).unwrap())
    }

    fn figures(&self) -> usize {
        let entries = std::fs::read_dir(self.out()).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "png")).count()
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// A test error, where NaN is worse than any number.
fn error(text: &str) -> f64 {
    let value = number(text);
    if value.is_nan() { f64::INFINITY } else { value }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

fn spread(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

type Run = (String, String);

/// What the notebook's tables say, computed from the CSVs' text without pandas and polars.
fn the_tables_hold_what_the_csvs_do(project: &Project, a: &str, b: &str) {
    let key = |row: &HashMap<String, String>| -> Run { (row["variant"].clone(), row["seed"].clone()) };
    let by_run = |folder| -> BTreeMap<Run, HashMap<String, String>> {
        project.csv(folder, "runs.csv").into_iter().map(|row| (key(&row), row)).collect()
    };
    let (ours, theirs) = (by_run(a), by_run(b));
    let variants = |runs: &BTreeMap<Run, _>| runs.keys().map(|run| run.0.clone()).collect::<BTreeSet<_>>();
    let shared: BTreeSet<String> = variants(&ours).intersection(&variants(&theirs)).cloned().collect();
    assert!(!shared.is_empty());

    // Every run is there, once, with or without a partner.
    let joined: BTreeMap<Run, _> = project.table("runs").into_iter().map(|row| (key(&row), row)).collect();
    let all: BTreeSet<&Run> = ours.keys().chain(theirs.keys()).collect();
    assert_eq!(project.table("runs").len(), all.len());
    assert_eq!(joined.keys().collect::<BTreeSet<_>>(), all);
    let mut differences: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (run, row) in &joined {
        let place = match (ours.get(run), theirs.get(run)) {
            (Some(_), None) => "A only",
            (None, Some(_)) => "B only",
            (ours, theirs) => {
                let difference = error(&theirs.unwrap()["test_rmse"]) - error(&ours.unwrap()["test_rmse"]);
                let here = number(&row["difference"]);
                assert!(here == difference || here.is_nan() && difference.is_nan(), "{row:?}: {difference}");
                differences.entry(&run.0).or_default().push(difference);
                "both"
            }
        };
        assert_eq!(row["in"], place, "{row:?}");
    }

    let medians = project.table("medians");
    assert_eq!(medians.iter().map(|row| row["variant"].clone()).collect::<BTreeSet<_>>(), shared);
    for row in &medians {
        let variant = row["variant"].as_str();
        for (side, runs) in [("A", &ours), ("B", &theirs)] {
            let of: Vec<_> = runs.values().filter(|run| run["variant"] == variant).collect();
            let expected = median(of.iter().map(|run| error(&run["test_rmse"])).collect());
            assert_eq!(number(&row[&format!("median {side}")]), expected, "{row:?}");
            // A folder of an earlier version has no training errors.
            let told = of.iter().all(|run| run.contains_key("train_rmse"));
            assert_eq!(row.contains_key(&format!("training {side}")), told, "{row:?}");
            if told {
                let expected = median(of.iter().map(|run| error(&run["train_rmse"])).collect());
                assert_eq!(number(&row[&format!("training {side}")]), expected, "{row:?}");
                let expected = median(of.iter().map(|run| number(&run["best_step"])).collect());
                assert_eq!(number(&row[&format!("best step {side}")]), expected, "{row:?}");
            }
            let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
            of.iter().for_each(|run| *outcomes.entry(&run["outcome"]).or_default() += 1);
            let shown = &row[&format!("outcomes {side}")];
            assert_eq!(shown.split(", ").count(), outcomes.len(), "{row:?}");
            for (outcome, count) in outcomes {
                let part = format!("{outcome} {count}/{}", of.len());
                assert!(shown.split(", ").any(|shown| shown == part), "{row:?}: {part}");
            }
        }
        let of = differences.get(variant).cloned().unwrap_or_default();
        assert_eq!(number(&row["partners"]) as usize, of.len());
        assert_eq!(number(&row["both infinite"]) as usize, of.iter().filter(|x| x.is_nan()).count());
        let there: Vec<f64> = of.into_iter().filter(|x| !x.is_nan()).collect();
        assert_eq!(number(&row["B better"]) as usize, there.iter().filter(|x| **x < 0.0).count());
        if !there.is_empty() {
            assert_eq!(number(&row["B − A, median"]), median(there), "{row:?}");
        }
    }

    // The curves' values as they stand in the files, by run and step: equal text is an equal number.
    let curves = |folder| -> BTreeMap<Run, BTreeMap<u64, String>> {
        let mut curves: BTreeMap<Run, BTreeMap<u64, String>> = BTreeMap::new();
        for row in project.csv(folder, "curves.csv") {
            let step = row["step"].parse().unwrap();
            curves.entry(key(&row)).or_default().insert(step, row["test_rmse"].clone());
        }
        curves
    };
    let (ours, theirs) = (curves(a), curves(b));
    let first = project.table("first");
    let runs_of_shared = ours.keys().chain(theirs.keys()).filter(|run| shared.contains(&run.0));
    assert_eq!(first.iter().map(key).collect::<BTreeSet<_>>(), runs_of_shared.cloned().collect());
    let mut seen: BTreeMap<(&str, u64), [Vec<f64>; 2]> = BTreeMap::new();
    for row in &first {
        let nothing = BTreeMap::new();
        let [ours, theirs] = [&ours, &theirs].map(|curves| curves.get(&key(row)).unwrap_or(&nothing));
        let common: Vec<u64> = ours.keys().filter(|step| theirs.contains_key(step)).copied().collect();
        let differ: Vec<u64> = common.iter().filter(|step| ours[step] != theirs[step]).copied().collect();
        assert_eq!(row["steps in both"], common.len().to_string(), "{row:?}");
        assert_eq!(row["steps that differ"], differ.len().to_string(), "{row:?}");
        let expected = differ.first().map(u64::to_string).unwrap_or_default();
        assert_eq!(row["first step that differs"], expected, "{row:?}");
        for step in common {
            let [a, b] = seen.entry((row["variant"].as_str(), step)).or_default();
            a.push(number(&ours[&step]));
            b.push(number(&theirs[&step]));
        }
    }

    let apart = project.table("apart");
    assert_eq!(apart.iter().map(|row| row["variant"].clone()).collect::<BTreeSet<_>>(), shared);
    for row in &apart {
        let (mut common, mut without, mut beyond) = (0, 0, Vec::new());
        for ((_, step), [a, b]) in seen.iter().filter(|((variant, _), _)| *variant == row["variant"]) {
            common += 1;
            let floor = ((spread(a) + spread(b)) / 2.0).sqrt();
            let difference = (b.iter().sum::<f64>() - a.iter().sum::<f64>()).abs() / a.len() as f64;
            let ratio = if difference == 0.0 && floor == 0.0 { 0.0 } else { difference / floor };
            without += usize::from(ratio.is_nan());
            if ratio > 1.0 {
                beyond.push(*step);
            }
        }
        assert_eq!(row["steps in both"], common.to_string(), "{row:?}");
        assert_eq!(row["without a ratio"], without.to_string(), "{row:?}");
        assert_eq!(row["steps apart"], beyond.len().to_string(), "{row:?}");
        let expected = beyond.first().map(u64::to_string).unwrap_or_default();
        assert_eq!(row["first step apart"], expected, "{row:?}");
    }
}

fn check_on_the_reference_results(python: Command, folder: &str) {
    let project = Project::with_the_reference_results();
    let ran = project.run(python, &project.folder.path().join(folder), None);
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout(), ran.stderr());
    let said = ran.stdout();
    for part in
        ["compared: answer, question", "6 in A only, 0 in B only, 6 in both", "optimizer.learning_rate  0.001  0.003"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(project.figures(), 3);
    the_tables_hold_what_the_csvs_do(&project, "reference", "reference-rate");
    let before = std::fs::read(committed("compare.ipynb")).unwrap();
    assert!(before == std::fs::read(project.results().join("compare.ipynb")).unwrap(), "the notebook is only read");
}

#[test]
fn the_notebook_runs_from_top_to_bottom_on_the_reference_results() {
    let Some(python) = common::python() else { return };
    check_on_the_reference_results(python, "results");
}

#[test]
fn the_notebook_runs_from_the_projects_folder_and_under_pandas_3_without_a_warning() {
    let Some(python) = common::python_with_pandas_3() else { return };
    check_on_the_reference_results(python, ".");
}

#[test]
fn the_notebook_is_committed_without_outputs() {
    let text = std::fs::read_to_string(committed("compare.ipynb")).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&notebook["nbformat"], &notebook["nbformat_minor"]), (&json!(4), &json!(5)));
    assert_eq!(notebook["metadata"]["kernelspec"]["name"], "python3");
    let cells = notebook["cells"].as_array().unwrap();
    let ids: BTreeSet<&str> = cells.iter().map(|cell| cell["id"].as_str().expect("each cell has an id")).collect();
    assert_eq!(ids.len(), cells.len(), "each id is there once");
    for cell in cells.iter().filter(|cell| cell["cell_type"] == "code") {
        assert_eq!(cell["outputs"], json!([]), "{cell}: in JupyterLab, Edit, Clear Outputs of All Cells");
        assert_eq!(cell["execution_count"], Value::Null, "{cell}");
    }
}

/// A run to write: its variant, seed, and test errors by step.
type Made<'a> = (&'a str, u64, &'a [(u64, &'a str)]);

/// A results folder of two inputs, with these runs.
fn write_folder(folder: &Path, runs: &[Made]) {
    std::fs::create_dir_all(folder).unwrap();
    let mut files = [
        ("runs.csv", "variant,seed,outcome,steps,first_loss,last_loss,test_rmse,r2\n".to_owned()),
        (
            "curves.csv",
            "variant,seed,step,train_loss,test_loss,test_rmse,grad_norm,update_ratio,dead_units\n".to_owned(),
        ),
        ("predictions.csv", "variant,seed,a,input_seed,target,prediction\n".to_owned()),
    ];
    let mut names = BTreeSet::new();
    for (variant, seed, curve) in runs {
        names.insert(*variant);
        let (steps, last) = curve.last().unwrap();
        let diverged = !number(last).is_finite();
        let outcome = if diverged { "diverged" } else { "partial" };
        files[0].1 +=
            &format!("{variant},{seed},{outcome},{steps},1.0,{last},{last},{}\n", if diverged { "NaN" } else { "0.5" });
        for (step, value) in *curve {
            files[1].1 += &format!("{variant},{seed},{step},{value},{value},{value},0.1,NaN,0.0\n");
        }
        for point in 0..5 {
            let prediction = if diverged { "inf".to_owned() } else { format!("{}", f64::from(point) * 0.3) };
            files[2].1 += &format!("{variant},{seed},{}.5,-{point}.25,{}.1,{prediction}\n", point * 2, point);
        }
    }
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let variants: Vec<Value> =
        names.iter().map(|name| json!({"name": name, "config": {"train": {"steps": 30}}})).collect();
    std::fs::write(folder.join("manifest.json"), json!({"misfit": "0", "variants": variants}).to_string()).unwrap();
}

#[test]
fn the_notebook_runs_on_folders_that_share_little() {
    let Some(python) = common::python() else { return };
    let project = Project::new();
    let made = |name: &str, runs: &[Made]| write_folder(&project.results().join(name), runs);
    made(
        "some",
        &[
            ("alone", 0, &[(0, "1.5"), (30, "0.25")]),
            ("early", 0, &[(0, "0.1"), (10, "0.30000000000000004"), (20, "0.2")]),
            ("early", 1, &[(0, "0.11"), (10, "0.31"), (20, "0.21")]),
            ("exact", 0, &[(0, "0.0"), (10, "0.0")]),
            ("late", 1, &[(0, "3.0"), (7, "2.0")]),
            ("never", 0, &[(0, "NaN"), (10, "NaN")]),
            ("shared", 0, &[(0, "8.0"), (10, "5.0"), (20, "4.0"), (30, "3.0")]),
            ("shared", 1, &[(0, "8.5"), (10, "5.123456789012345"), (20, "NaN"), (30, "NaN")]),
            ("shared", 2, &[(0, "8.25"), (10, "6.0"), (20, "4.0"), (30, "3.5")]),
        ],
    );
    made(
        "others",
        &[
            ("early", 0, &[(0, "0.1"), (10, "0.3"), (20, "0.9")]),
            ("early", 1, &[(0, "0.11"), (10, "0.31"), (20, "0.91")]),
            ("elsewhere", 0, &[(0, "1.0")]),
            ("exact", 0, &[(0, "0.0"), (10, "0.0")]),
            ("late", 1, &[(1, "2.5"), (8, "0.0")]),
            ("never", 0, &[(0, "NaN"), (10, "inf")]),
            ("shared", 1, &[(0, "8.5"), (15, "1e200"), (20, "NaN"), (30, "inf")]),
            ("shared", 2, &[(0, "8.25"), (15, "5.0"), (20, "3.0"), (30, "2.5")]),
            ("shared", 3, &[(0, "7.75"), (15, "5.0"), (20, "inf"), (30, "NaN")]),
        ],
    );
    let ran = project.run(python, &project.results(), Some(["some", "results/others"]));
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout(), ran.stderr());
    for part in ["only in A: alone", "only in B: elsewhere", "2 in A only, 2 in B only, 7 in both"] {
        assert!(ran.stdout().contains(part), "{part}: {}", ran.stdout());
    }
    assert_eq!(project.figures(), 3);
    the_tables_hold_what_the_csvs_do(&project, "some", "others");
}

/// Three clouds of points, of which two touch; texts, and labels of 0 and 1.
#[cfg(feature = "train")]
fn clouds() -> String {
    let near = |nth: usize, by: usize| (nth * by % 97) as f64 / 50.0;
    let row = |nth: usize| {
        let class = nth % 3;
        let (x, y) = ([0.0, 3.0, 4.0][class] + near(nth, 31), [0.0, 3.0, 3.5][class] + near(nth, 53));
        let colour = ["red", "green"][nth / 2 % 2];
        format!("{x},{y},{colour},{},{},{}\n", ["left", "a b", "\"b, c\""][class], u8::from(x > 3.0), u8::from(y > 2.0))
    };
    "x,y,colour,place,far,high\n".to_owned() + &(0..90).map(row).collect::<String>()
}

/// Classes, labels, one number and two beside one another in both folders, which differ in their rate; in B some diverge.
#[cfg(feature = "train")]
#[test]
fn the_notebook_runs_on_classes_labels_and_several_outputs_and_shows_their_accuracy() {
    let Some(python) = common::python_with_pandas_3() else { return };
    let project = Project::new();
    let misfit = common::Misfit::new();
    misfit.write("clouds.csv", &clouds());
    let text = r#"seeds = 3
[data]
target = { csv = "clouds.csv", inputs = ["x", "y"], class = "place" }
holdout = 0.3
[model]
hidden = [8]
[loss]
kind = "cross_entropy"
[optimizer]
learning_rate = 0.01
[train]
steps = 40
[[variant]]
name = "class"
[[variant]]
name = "labels"
set = { data.target = { csv = "clouds.csv", inputs = ["x", "colour"], outputs = ["far", "high"] }, data.holdout = 0.3, loss = { kind = "bce" } }
[[variant]]
name = "number"
set = { data.target = { csv = "clouds.csv", inputs = ["x"], output = "y" }, data.holdout = 0.3, loss = { kind = "mse" } }
[[variant]]
name = "numbers"
set = { data.target = { csv = "clouds.csv", inputs = ["colour"], outputs = ["x", "y"] }, data.holdout = 0.3, loss = { kind = "mse" } }
[[variant]]
name = "lost"
set = { optimizer = { kind = "sgd", learning_rate = 1e30 } }
"#;
    misfit.write("clouds.toml", text);
    for (out, rate) in [("one", "0.01"), ("other", "0.05")] {
        let out = project.results().join(out);
        misfit.ok(&["run", "clouds.toml", &format!("optimizer.learning_rate={rate}"), "--out", &out.to_string_lossy()]);
    }
    let ran = project.run(python, &project.results(), Some(["one", "other"]));
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(project.figures(), 4, "errors, accuracies, where they part, predictions");
    the_tables_hold_what_the_csvs_do(&project, "one", "other");
    // Accuracies are in the tables as they are in the CSVs.
    let of = |folder: &str, file: &str, variant: &str, step: Option<&str>| -> Vec<f64> {
        let rows = project.csv(folder, file).into_iter().filter(|row| row["variant"] == variant);
        rows.filter(|row| step.is_none_or(|step| row["step"] == step)).map(|row| number(&row["accuracy"])).collect()
    };
    for row in project.table("medians") {
        for (side, folder) in [("A", "one"), ("B", "other")] {
            let own = of(folder, "runs.csv", &row["variant"], None);
            let shown = number(&row[&format!("accuracy {side}")]);
            match row["variant"].as_str() {
                "number" | "numbers" => assert!(shown.is_nan(), "{row:?}"),
                _ => assert_eq!(shown, median(own), "{row:?}"),
            }
        }
    }
    let accuracy = project.table("accuracy");
    let variants: BTreeSet<&str> = accuracy.iter().map(|row| row["variant"].as_str()).collect();
    assert_eq!(variants, BTreeSet::from(["class", "labels", "lost"]));
    for row in &accuracy {
        for (side, folder) in [("A", "one"), ("B", "other")] {
            let own = of(folder, "curves.csv", &row["variant"], Some(&row["step"]));
            assert_eq!(number(&row[&format!("{side} 0.5")]), median(own), "{row:?}");
        }
    }
    assert_eq!(accuracy.len(), 3 * 41);

    // An older folder has no accuracies, and none of what came after them.
    let bare = |name: &str| {
        let path = project.results().join("one").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let all = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes()).into_records();
        let all: Vec<csv::StringRecord> = all.map(|row| row.unwrap()).collect();
        let new = ["accuracy", "train_rmse", "best_step", "engine", "kind"];
        let kept: Vec<bool> = all[0].iter().map(|column| !new.contains(&column)).collect();
        let mut writer = csv::Writer::from_path(&path).unwrap();
        for row in all {
            writer.write_record(row.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(field, _)| field)).unwrap();
        }
    };
    ["runs.csv", "curves.csv"].into_iter().for_each(bare);
    let Some(python) = common::python() else { return };
    let ran = project.run(python, &project.results(), Some(["one", "other"]));
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout(), ran.stderr());
    the_tables_hold_what_the_csvs_do(&project, "one", "other");
}

#[test]
fn folders_without_a_shared_variant_are_not_compared_and_a_missing_one_is_named() {
    let Some(python) = common::python() else { return };
    let project = Project::new();
    write_folder(&project.results().join("one"), &[("this", 0, &[(0, "1.0")])]);
    write_folder(&project.results().join("other"), &[("that", 0, &[(0, "1.0")])]);
    let ran = project.run(python, &project.results(), Some(["one", "other"]));
    assert_ne!(ran.code(), 0);
    let said = "No variant is in both folders, so nothing is compared. A: this. B: that.\n";
    assert!(ran.stdout().contains(said), "{}", ran.stdout());
    assert_eq!(project.figures(), 0);

    let Some(python) = common::python() else { return };
    let ran = project.run(python, &project.results(), Some(["one", "nowhere"]));
    assert_ne!(ran.code(), 0);
    let said =
        "nowhere has no runs.csv: make it with `misfit run --out nowhere`, or name another folder in the first cell\n";
    assert_eq!(ran.stdout(), said);
}

#[test]
fn a_missing_package_is_named_with_its_cure() {
    let Some(mut python) = common::python() else { return };
    let notebook: Value = serde_json::from_str(&std::fs::read_to_string(committed("compare.ipynb")).unwrap()).unwrap();
    let code: Vec<String> = (notebook["cells"].as_array().unwrap().iter())
        .filter(|cell| cell["cell_type"] == "code")
        .take(2)
        .map(|cell| cell["source"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect())
        .collect();
    // Isolated from all packages.
    let out = python.args(["-I", "-S", "-c", &code.join("\n")]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let cure = "matplotlib, pandas, polars cannot be found: run `%pip install matplotlib pandas polars` in a cell";
    assert!(said.lines().last().is_some_and(|line| line.contains(cure)), "{said}");
}

#[cfg(feature = "train")]
#[test]
fn a_failing_pytorch_script_is_traced_diagnosed_and_repaired_in_five_cells() {
    let text = std::fs::read_to_string(committed("from_pytorch.ipynb")).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    let code = notebook["cells"].as_array().unwrap().iter().filter(|cell| cell["cell_type"] == "code");
    assert_eq!(code.count(), 5);
    assert!(!text.contains("\"output_type\""), "it is committed without outputs");
    let Some(mut python) = common::python_with_torch() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notebook.py");
    python.current_dir(folder.path()).arg(script).arg(committed("from_pytorch.ipynb")).arg(folder.path());
    let ran = Ran(python.output().expect("Python starts"));
    let said = ran.stdout();
    assert_eq!(ran.code(), 0, "{said}{}", ran.stderr());
    let error = |which: &str| -> f64 {
        let line = said.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(": root mean square error "));
        number(line.unwrap_or_else(|| panic!("{said}")))
    };
    assert!(error("as asked") > 0.1 && error("repaired") < 1e-3, "{said}");
    assert!(said.contains("broadcast-loss"), "{said}");
}
