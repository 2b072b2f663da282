//! `misfit diagnose` names what is wrong. What it says is held against what its own runs show, reckoned here anew.
#![cfg(feature = "train")]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use common::{Misfit, SIGMOID, rows};
use misfit::diagnose::certainty::Standard;
use misfit::diagnose::observed::{Measured, Observed};
use misfit::diagnose::search::Search;
use misfit::diagnose::verdicts::{Diagnosis, Measurements};
use misfit::experiment::table::Task;
use misfit::experiment::{Experiment, Fix, Goal};
use misfit::results::read;
use misfit::results::rows::{HealthRow, RunRow};

type Row = HashMap<String, String>;

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// A finished diagnosis.
struct Diagnosed {
    said: String,
    runs: Vec<Row>,
    effects: Vec<Row>,
    findings: Vec<Row>,
    verdicts: Vec<Row>,
}

fn diagnose(misfit: &Misfit, args: &[&str]) -> Diagnosed {
    let said = misfit.ok(&[&["diagnose"], args, &["--out", "out"]].concat()).stdout();
    let read = |name: &str| rows(&misfit.read(&format!("out/{name}")));
    Diagnosed {
        said,
        runs: read("runs.csv"),
        effects: read("effects.csv"),
        findings: read("findings.csv"),
        verdicts: read("verdicts.csv"),
    }
}

impl Diagnosed {
    /// How close each seed's run comes with exactly these fixes on, in tenfolds of error below a constant's, 0 where it diverged.
    fn closeness(&self, fixes: &BTreeSet<&str>) -> BTreeMap<u64, f64> {
        let columns = self.fixes();
        let is = |row: &&Row| columns.iter().all(|fix| (row[*fix] == "1") == fixes.contains(fix));
        let of = |row: &Row| {
            let tenfolds = (1.0 / (1.0 - number(row, "r2")).sqrt()).log10();
            if row["outcome"] == "diverged" || tenfolds.is_nan() { 0.0 } else { tenfolds.clamp(0.0, 6.0) }
        };
        let runs: BTreeMap<u64, f64> =
            self.runs.iter().filter(is).map(|row| (row["seed"].parse().unwrap(), of(row))).collect();
        assert!(!runs.is_empty(), "{fixes:?} was not measured");
        runs
    }

    /// Its mean over the first three seeds.
    fn mean(&self, fixes: &BTreeSet<&str>) -> f64 {
        let runs = self.closeness(fixes);
        [0, 1, 2].map(|seed| runs[&seed]).iter().sum::<f64>() / 3.0
    }

    /// The mean gain over the seeds that both sets have.
    fn gain(&self, with: &BTreeSet<&str>, without: &BTreeSet<&str>) -> f64 {
        let (with, without) = (self.closeness(with), self.closeness(without));
        let gains: Vec<f64> =
            with.iter().filter_map(|(seed, closeness)| Some(closeness - without.get(seed)?)).collect();
        gains.iter().sum::<f64>() / gains.len() as f64
    }

    fn fixes(&self) -> Vec<&str> {
        assert!(
            self.runs.iter().all(|run| run["kind"] == "ablation"),
            "combinations of fixes, none of them the file's"
        );
        let known = misfit::experiment::names::RUN_COLUMNS;
        let mut fixes: Vec<&str> = self.runs[0].keys().map(String::as_str).filter(|c| !known.contains(c)).collect();
        fixes.sort_unstable();
        fixes
    }

    fn effect(&self, kind: &str, fixes: &str) -> f64 {
        let row = self.effects.iter().find(|row| row["kind"] == kind && row["fixes"] == fixes);
        number(row.unwrap_or_else(|| panic!("no {kind} of {fixes}")), "estimate")
    }

    /// The smallest sets that it calls enough, the first one first.
    fn enough(&self) -> Vec<BTreeSet<&str>> {
        let rows = self.effects.iter().filter(|row| row["kind"] == "enough");
        rows.map(|row| row["fixes"].split('+').collect()).collect()
    }

    fn verdict(&self, fix: &str) -> &str {
        self.verdicts.iter().find(|row| row["fix"] == fix).map_or("not there", |row| row["verdict"].as_str())
    }

    fn severity(&self, finding: &str) -> &str {
        let mut all = self.findings.iter().filter(|row| row["finding"] == finding);
        all.next().map_or("not there", |row| row["severity"].as_str())
    }
}

fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

#[test]
fn of_the_files_fixes_it_says_which_is_needed_which_does_nothing_and_which_hurts() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    let found = diagnose(&misfit, &["sigmoid.toml"]);
    assert_eq!(found.fixes(), ["hot", "linear", "red-herring"], "the file's fix stands for the rule's");
    assert_eq!(found.enough(), [set(&["linear"])]);
    assert!(found.said.contains("Needed: linear."), "{}", found.said);
    let hurts = found.said.lines().find(|line| line.starts_with("Hurts beside linear: "));
    assert!(hurts.is_some_and(|line| line.contains("hot (× ")), "{}", found.said);
    assert_eq!(["linear", "hot"].map(|fix| found.verdict(fix)), ["needed", "hurts"]);
    // Another beta is no cure, whatever else.
    assert!(!["needed", "one way", "helps"].contains(&found.verdict("red-herring")), "{}", found.said);
    let finding = found.findings.iter().find(|row| row["finding"] == "unreachable-targets").unwrap();
    assert_eq!((finding["severity"].as_str(), finding["variant"].as_str()), ("critical", "baseline"));
    assert_eq!(finding["fix"], "linear: model.output = \"identity\"");
    assert!(finding["evidence"].contains("to 4"), "{finding:?}");
    assert!((number(finding, "first_in") - found.effect("first_in", "linear")).abs() < 1e-12);
}

#[test]
fn effects_are_those_of_the_runs_and_shapley_values_share_out_the_whole_gain() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    let found = diagnose(&misfit, &["sigmoid.toml"]);
    let fixes = found.fixes();
    let all: BTreeSet<&str> = fixes.iter().copied().collect();
    for fix in &fixes {
        let without: BTreeSet<&str> = all.iter().copied().filter(|other| other != fix).collect();
        let first = found.gain(&set(&[fix]), &set(&[]));
        assert!((found.effect("first_in", fix) - first).abs() < 1e-12);
        let last = found.gain(&all, &without);
        assert!((found.effect("last_out", fix) - last).abs() < 1e-12);
        // Shapley's definition: the mean gain over all orders of the three.
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let gains = orders.map(|order| {
            let at = order.iter().position(|&i| fixes[i] == *fix).unwrap();
            let before: BTreeSet<&str> = order[..at].iter().map(|&i| fixes[i]).collect();
            let after: BTreeSet<&str> = order[..=at].iter().map(|&i| fixes[i]).collect();
            found.mean(&after) - found.mean(&before)
        });
        let shapley = gains.iter().sum::<f64>() / 6.0;
        assert!((found.effect("shapley", fix) - shapley).abs() < 1e-12, "{fix}");
        // The main effect: with it against without it, over all settings of the others.
        let others: Vec<&str> = fixes.iter().copied().filter(|other| other != fix).collect();
        let settings = [vec![], vec![others[0]], vec![others[1]], others.clone()];
        let main = settings.map(|on| found.mean(&set(&[&on[..], &[fix]].concat())) - found.mean(&set(&on)));
        assert!((found.effect("main", fix) - main.iter().sum::<f64>() / 4.0).abs() < 1e-12);
    }
    let sum: f64 = fixes.iter().map(|fix| found.effect("shapley", fix)).sum();
    assert!((sum - (found.mean(&all) - found.mean(&set(&[])))).abs() < 1e-12);
}

#[test]
fn it_finds_the_fix_by_itself_where_the_file_names_none_and_writes_an_experiment_that_fits() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    let found = diagnose(&misfit, &["sigmoid.toml", "--hide-fixes"]);
    assert_eq!(found.enough(), [set(&["linear-output"])]);
    misfit.ok(&["run", "out/repaired.toml", "--out", "repaired"]);
    let repaired = rows(&misfit.read("repaired/runs.csv"));
    assert_eq!(repaired.len(), 3);
    assert!(repaired.iter().all(|row| row["outcome"] == "fits"), "{repaired:?}");
    // The very same runs.
    let measured: Vec<&Row> = found.runs.iter().filter(|row| row["variant"] == "linear-output").collect();
    for (ours, theirs) in repaired.iter().zip(measured) {
        assert_eq!(ours["test_rmse"], theirs["test_rmse"]);
    }
}

#[test]
fn faults_that_hide_one_another_are_found_one_behind_the_other() {
    let misfit = Misfit::new();
    // Equal units under a sigmoid: either fix alone leaves a network that cannot bend, or that cannot reach its targets.
    let text = format!("{}init = \"zeros\"\n", SIGMOID.split("[optimizer]").next().unwrap());
    misfit.write("two.toml", &format!("{text}\n[optimizer]\nlearning_rate = 1e-2\n[train]\nsteps = 600\n"));
    let found = diagnose(&misfit, &["two.toml"]);
    assert_eq!(found.enough(), [set(&["linear-output", "random-weights"])], "{}", found.said);
    for fix in ["linear-output", "random-weights"] {
        assert!(found.mean(&set(&[fix])) < 1.0);
    }
    assert_eq!([found.severity("equal-units"), found.severity("unreachable-targets")], ["critical"; 2]);
}

#[test]
fn a_rate_that_is_too_high_or_too_low_and_too_few_steps_are_found_by_trying() {
    let text = |optimizer: &str, steps: usize| {
        format!(
            "seeds = 3\n[data]\ntarget = {{ polynomial = [0, 0, 1] }}\ninputs = {{ grid = {{ from = -1, to = 1, count = 64 }} }}\n\
             [batch]\nsize = 16\ndraw = \"epoch\"\n[model]\nhidden = [24]\n[optimizer]\n{optimizer}\n[train]\nsteps = {steps}\n"
        )
    };
    for (optimizer, steps, finding, fix, key) in [
        ("kind = \"sgd\"\nlearning_rate = 50.0", 1500, "rate-too-high", "lower-rate", "optimizer.learning_rate"),
        ("learning_rate = 1e-6", 1500, "rate-too-low", "higher-rate", "optimizer.learning_rate"),
    ] {
        let misfit = Misfit::new();
        misfit.write("rate.toml", &text(optimizer, steps));
        let found = diagnose(&misfit, &["rate.toml"]);
        assert_eq!(found.enough(), [set(&[fix])], "{}", found.said);
        assert!(["critical", "major"].contains(&found.severity(finding)));
        let row = found.findings.iter().find(|row| row["finding"] == finding).unwrap();
        assert!(row["fix"].starts_with(&format!("{fix}: {key} = ")), "{row:?}");
    }
    let misfit = Misfit::new();
    // Every rate up to the highest that is tried moves too little in four steps.
    misfit.write("short.toml", &text("learning_rate = 1e-3", 4));
    let found = diagnose(&misfit, &["short.toml"]);
    assert!(found.enough()[0].contains("more-steps"), "{}", found.said);
    assert_eq!(found.severity("too-few-steps"), "critical");
}

#[test]
fn the_limit_of_a_linear_models_rate_is_that_of_its_curvature() {
    let misfit = Misfit::new();
    // x = −1, 0, 1, 2 with a bias: XᵀX/4 = [[1.5, 0.5], [0.5, 1]], its largest eigenvalue (2.5 + √1.25)/2, twice that λmax.
    let text = "seeds = 2\n[data]\ntarget = { polynomial = [1, 2] }\ninputs = { grid = { from = -1, to = 2, count = 4 } }\n\
                [model]\nhidden = []\n[optimizer]\nkind = \"sgd\"\nlearning_rate = 0.6\n[train]\nsteps = 500\n";
    misfit.write("linear.toml", text);
    let found = diagnose(&misfit, &["linear.toml"]);
    let limit = 2.0 / (2.5 + 1.25_f64.sqrt());
    let row = found.findings.iter().find(|row| row["finding"] == "rate-beyond-limit").unwrap();
    assert!(row["evidence"].contains(&format!("= {limit:.4}")), "{row:?}");
    assert_eq!(row["severity"], "critical");
    // And indeed: just below it the model fits, just above it diverges.
    for (factor, outcome) in [(0.98, "fits"), (1.02, "diverged")] {
        let rate = format!("optimizer.learning_rate={}", factor * limit);
        misfit.ok(&["run", "linear.toml", &rate, "train.steps=3000", "--out", outcome]);
        assert!(rows(&misfit.read(&format!("{outcome}/runs.csv"))).iter().all(|row| row["outcome"] == outcome));
    }
}

#[test]
fn what_fits_needs_no_mending_and_what_cannot_fit_is_brought_as_close_as_it_comes() {
    let misfit = Misfit::new();
    misfit.write("good.toml", &SIGMOID.replace("output = \"sigmoid\"", "output = \"identity\""));
    let good = misfit.ok(&["diagnose", "good.toml", "--hide-fixes", "--out", "good"]).stdout();
    assert!(good.contains("It does fit"), "{good}");
    assert_eq!(rows(&misfit.read("good/findings.csv")).len(), 0);
    // A line through coin tosses.
    let tosses = (0..40).map(|i: u32| format!("{},{}\n", i, i.wrapping_mul(2_654_435_761) >> 31)).collect::<String>();
    misfit.write("tosses.csv", &format!("a,y\n{tosses}"));
    misfit.write(
        "tosses.toml",
        "seeds = 2\n[data]\ntarget = { csv = \"tosses.csv\", inputs = [\"a\"], output = \"y\" }\nscale_input = \"unit\"\n\
         [model]\nhidden = [2]\n[train]\nsteps = 50\n",
    );
    let found = diagnose(&misfit, &["tosses.toml"]);
    assert_eq!(found.severity("noisy-targets"), "note", "{}", found.said);
    // Every point twice, with targets 6 apart: of a variance of 33.25 + 9 no function explains more than 33.25.
    let pairs: String = (0..20).map(|a| format!("{a},{},{}\n{a},{},{}\n", a % 3, a - 3, a % 3, a + 3)).collect();
    misfit.write("pairs.csv", &format!("a,b,y\n{pairs}"));
    misfit.write(
        "pairs.toml",
        "seeds = 2\n[data]\ntarget = { csv = \"pairs.csv\", inputs = [\"a\", \"b\"], output = \"y\" }\nholdout = 0\n\
         [model]\nhidden = []\n[train]\nsteps = 50\n",
    );
    let found = diagnose(&misfit, &["pairs.toml", "--fresh"]);
    assert!(found.said.contains("Of these rows R² 0.7"), "{}", found.said);
    let best = found.runs.iter().map(|row| number(row, "r2")).fold(0.0, f64::max);
    assert!(best > 0.5 && best < 33.25 / 42.25 + 1e-6, "{best}");
    assert!(found.verdicts.iter().any(|row| number(row, "alone") > 0.1), "{}", found.said);
}

#[test]
fn a_diagnosis_that_was_killed_goes_on_and_ends_with_the_same_bytes() {
    let undisturbed = Misfit::new();
    undisturbed.write("sigmoid.toml", SIGMOID);
    diagnose(&undisturbed, &["sigmoid.toml"]);
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    for milliseconds in [400, 500, 600, 700] {
        let mut child = misfit.command(&["diagnose", "sigmoid.toml", "--out", "out"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    diagnose(&misfit, &["sigmoid.toml"]);
    for file in ["runs.csv", "curves.csv", "health.csv", "effects.csv", "findings.csv", "repaired.toml"] {
        assert_eq!(misfit.read(&format!("out/{file}")), undisturbed.read(&format!("out/{file}")), "{file}");
    }
    // Once more, it is all there; and with --fresh it is made again, trials and all.
    assert!(!diagnose(&misfit, &["sigmoid.toml", "--fresh"]).said.contains("\n0 runs in"));
    assert!(diagnose(&misfit, &["sigmoid.toml"]).said.contains("\n0 runs in"));
}

#[test]
fn a_diagnosis_holds_its_folder_from_its_beginning_and_leaves_what_another_one_tried() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    let long = ["diagnose", "sigmoid.toml", "--out", "out", "--threads", "1", "train.steps=200000"];
    let mut child = misfit.command(&long).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let tried = || misfit.has("out/trials/0/manifest.json");
    common::wait_for("the first trial", tried);
    let trial = misfit.read("out/trials/0/manifest.json");
    for args in
        [&["diagnose", "sigmoid.toml", "--out", "out"][..], &["diagnose", "sigmoid.toml", "--out", "out", "--fresh"]]
    {
        let ran = misfit.run(args);
        let holder = format!("out: is being written by process {} on ", child.id());
        assert!(ran.code() == 2 && ran.stderr().contains(&holder), "{}", ran.stderr());
    }
    common::signal(&child, "-TERM");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{said}");
    assert!(misfit.read("out/manifest.json").contains("\"status\": \"interrupted\""));
    // Of another experiment nothing here is touched, before its end too, unless asked.
    let ran = misfit.run(&["diagnose", "sigmoid.toml", "--out", "out"]);
    assert!(ran.code() == 2 && ran.stderr().contains("--fresh"), "{}", ran.stderr());
    assert_eq!(misfit.read("out/trials/0/manifest.json").lines().next(), trial.lines().next());
    // As a version left it that did not write its manifest first.
    std::fs::remove_file(misfit.folder.path().join("out/manifest.json")).unwrap();
    let ran = misfit.run(&["diagnose", "sigmoid.toml", "--out", "out"]);
    assert!(ran.code() == 2 && ran.stderr().contains("out: has a trials but no manifest.json"), "{}", ran.stderr());
    diagnose(&misfit, &["sigmoid.toml", "--fresh"]);
}

#[test]
fn with_fresh_it_says_that_the_same_command_would_begin_anew() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    let long = ["diagnose", "sigmoid.toml", "--out", "out", "--fresh", "train.steps=200000"];
    let child = misfit.command(&long).stderr(std::process::Stdio::piped()).spawn().unwrap();
    common::wait_for("the first trial", || misfit.has("out/trials/0/manifest.json"));
    common::signal(&child, "-INT");
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.contains("the same command without --fresh goes on from there"), "{said}");
}

#[test]
fn what_somebody_changed_in_its_findings_is_not_written_over() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    diagnose(&misfit, &["sigmoid.toml"]);
    for file in ["findings.csv", "effects.csv", "repaired.toml"] {
        let whole = misfit.read(&format!("out/{file}"));
        let changed = format!("{whole}# mine\n");
        misfit.write(&format!("out/{file}"), &changed);
        let ran = misfit.run(&["diagnose", "sigmoid.toml", "--out", "out"]);
        let says = format!(
            "misfit: out/{file}: was changed after misfit wrote it: move it elsewhere, restore it, or run with --fresh\n"
        );
        assert_eq!((ran.code(), ran.stderr()), (2, says));
        assert_eq!(misfit.read(&format!("out/{file}")), changed);
        std::fs::remove_file(misfit.folder.path().join("out").join(file)).unwrap();
        diagnose(&misfit, &["sigmoid.toml"]);
        assert_eq!(misfit.read(&format!("out/{file}")), whole, "one that is gone is made again");
    }
}

#[test]
fn a_folder_of_other_results_is_left_alone() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    misfit.ok(&["run", "sigmoid.toml", "--out", "out"]);
    let before = misfit.read("out/runs.csv");
    let ran = misfit.run(&["diagnose", "sigmoid.toml", "--out", "out"]);
    assert_eq!(ran.code(), 2);
    assert!(ran.stderr().contains("--fresh"), "{}", ran.stderr());
    assert_eq!(misfit.read("out/runs.csv"), before);
    diagnose(&misfit, &["sigmoid.toml", "--fresh"]);
    assert_eq!(misfit.run(&["diagnose", "sigmoid.toml", "train.steps=500", "--out", "out"]).code(), 2);
}

#[test]
fn hostile_text_stays_on_its_line_and_the_repaired_file_is_read_again() {
    let misfit = Misfit::new();
    let text = SIGMOID
        .replace(
            "title = \"A sigmoid asked for targets up to 4\"",
            "title = \"\\\"\\\"\\\"\\n[model]\\noutput = 1 # <b>\\u001b[31m\"",
        )
        .replace("[fix.linear]", "[fix.\"<i>'x' = \\\\ ]\"]");
    misfit.write("hostile.toml", &text);
    let found = diagnose(&misfit, &["hostile.toml"]);
    assert!(!found.said.contains('\u{1b}') && !found.said.contains("\n[model]"), "{}", found.said);
    misfit.ok(&["run", "out/repaired.toml", "--out", "repaired"]);
    let repaired = rows(&misfit.read("repaired/runs.csv"));
    assert!(repaired.iter().all(|row| row["outcome"] == "fits"));
}

#[test]
fn of_more_than_six_fixes_the_fewest_are_found_and_six_are_combined() {
    let misfit = Misfit::new();
    let more: String = (0..6).map(|i| format!("[fix.idle-{i}]\nset = {{ train.log_points = 2{i} }}\n")).collect();
    misfit.write("many.toml", &format!("{SIGMOID}{more}").replace("steps = 600", "steps = 400"));
    let found = diagnose(&misfit, &["many.toml"]);
    assert_eq!(found.fixes().len(), 9);
    assert!(found.enough().contains(&set(&["linear"])), "{}", found.said);
    let kind = |kind: &str| found.effects.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!((kind("first_in"), kind("last_out")), (9, 9));
    assert_eq!((kind("shapley"), kind("interaction")), (6, 15));
    assert!(kind("path") >= 1);
}

#[test]
fn fixes_that_cannot_be_made_together_are_judged_by_the_sets_that_can() {
    let misfit = Misfit::new();
    // Plain descent has no betas.
    let text = format!("{SIGMOID}\n[fix.betas]\nset = {{ optimizer.betas = [0.9, 0.99] }}\n");
    misfit.write("apart.toml", &text);
    let found = diagnose(&misfit, &["apart.toml"]);
    assert_eq!(found.enough(), [set(&["linear"])], "{}", found.said);
    assert_eq!(found.severity("unreachable-targets"), "critical");
    assert!(found.effects.iter().any(|row| row["kind"] == "first_in" && row["fixes"] == "betas"));
    assert!(!found.runs.iter().any(|row| row["hot"] == "1" && row["betas"] == "1"));
    // One that cannot be made at all is named.
    misfit
        .write("never.toml", &format!("{SIGMOID}\n[fix.huge]\nset = {{ batch = {{ size = 61, draw = \"once\" }} }}\n"));
    let ran = misfit.run(&["diagnose", "never.toml", "--out", "never"]);
    assert_eq!(ran.code(), 2);
    assert!(ran.stderr().contains("\"huge\"") && ran.stderr().lines().count() == 1, "{}", ran.stderr());
}

/// Two classes whose border is a circle, with a column of texts that says nothing and has commas and gaps.
fn circle() -> String {
    let place = |nth: u32| f64::from(nth.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24) * 4.0 - 2.0;
    let rows = (0..150_u32).map(|nth| {
        let (a, b) = (place(nth), place(nth + 1000));
        let town = ["\"Riga, old\"", "Oslo", "", "\"\"\"B\"\"\""][nth as usize % 4];
        format!("{a:?},{b:?},{town},{}\n", if a * a + b * b < 2.0 { "\"in, or on\"" } else { "out" })
    });
    format!("a,b,town,side\n{}", rows.collect::<String>())
}

const SOFTMAX: &str = r#"
seeds = 3
[data]
target = { csv = "train.csv", inputs = ["*"], class = "side" }
test = { csv = "test.csv" }
missing = "mean"
[batch]
size = 25
draw = "epoch"
[model]
hidden = [16]
output = "softmax"
[loss]
kind = "bce"
[optimizer]
learning_rate = 2e-2
[train]
steps = 400
[goal]
accuracy = 0.9
"#;

#[test]
fn of_classes_it_says_accuracies_judges_by_their_goal_and_the_repaired_experiment_is_the_one_that_was_measured() {
    let misfit = Misfit::new();
    let circle = circle();
    let (header, rows) = circle.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    misfit.write("train.csv", &format!("{header}\n{}\n", rows[..100].join("\n")));
    misfit.write("test.csv", &format!("{header}\n{}\n", rows[100..].join("\n")));
    misfit.write("softmax.toml", SOFTMAX);
    let found = diagnose(&misfit, &["softmax.toml"]);
    assert_eq!(found.enough(), [set(&["sigmoid-output"])], "{}", found.said);
    assert_eq!(found.severity("softmax-over-one-unit"), "critical");
    // What the CSVs show.
    let mut accuracies: Vec<f64> =
        found.runs.iter().filter(|row| row["variant"] == "baseline").map(|row| number(row, "accuracy")).collect();
    accuracies.sort_by(f64::total_cmp);
    assert!(found.said.contains("a fit is accuracy 0.9000."), "{}", found.said);
    let shown: f64 = found.said.split("accuracy ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((shown - accuracies[1]).abs() < 1e-3, "{}", found.said);
    assert!(!found.said.contains("RMSE") && !found.said.contains("straight line"), "{}", found.said);
    for row in &found.runs {
        assert_eq!(row["outcome"] == "fits", number(row, "accuracy") >= 0.9, "{row:?}");
    }
    // Nothing of what is only said of numbers.
    let names: Vec<&str> = found.findings.iter().map(|row| row["finding"].as_str()).collect();
    for never in
        ["unreachable-targets", "raw-targets", "raw-inputs", "linear-network", "too-few-units", "noisy-targets"]
    {
        assert!(!names.contains(&never), "{names:?}");
    }
    // From wherever it lies.
    misfit.ok(&["run", "out/repaired.toml", "--out", "repaired"]);
    let repaired = rows_of(&misfit, "repaired/runs.csv");
    let measured: Vec<&Row> = found.runs.iter().filter(|row| row["variant"] == "sigmoid-output").collect();
    assert_eq!(repaired.len(), 3);
    for (ours, theirs) in repaired.iter().zip(measured) {
        for column in ["outcome", "test_rmse", "accuracy", "last_loss"] {
            assert_eq!(ours[column], theirs[column], "{column}");
        }
    }
}

fn rows_of(misfit: &Misfit, name: &str) -> Vec<Row> {
    rows(&misfit.read(name))
}

#[test]
fn the_rules_of_one_number_are_silent_where_there_are_several_or_classes() {
    let misfit = Misfit::new();
    let values = |nth: i32| (f64::from(nth) / 10.0 - 3.0, f64::from(nth * 37 % 60) / 10.0 - 3.0);
    let rows: String = (0..60)
        .map(values)
        .map(|(a, b)| {
            format!("{a},{b},{},{},{}\n", a - b / 2.0, 100.0 + a + b, ["x", "y", "z"][(a + b).rem_euclid(3.0) as usize])
        })
        .collect();
    misfit.write("rows.csv", &format!("a,b,y,z,kind\n{rows}"));
    let with = |columns: &str, rest: &str| {
        format!(
            "seeds = 1\n[data]\ntarget = {{ csv = \"rows.csv\", inputs = [\"a\", \"b\"], {columns} }}\n{rest}\n[train]\nsteps = 2\n"
        )
    };
    for (columns, rest, finds, never) in [
        // Planes that a linear network fits: what is raw is the one output that is far from 0.
        (
            "outputs = [\"y\", \"z\"]",
            "[model]\nhidden = []",
            &["raw-targets: \"z\" goes from"][..],
            &["linear-network", "noisy-targets", "rate-beyond-limit"][..],
        ),
        // A softmax over two units is none over one; one of the targets it cannot reach.
        (
            "outputs = [\"y\", \"z\"]",
            "[model]\nhidden = [4]\noutput = \"softmax\"",
            &["unreachable-targets: ", "a softmax's (0, 1)"],
            &["softmax-over-one-unit"],
        ),
        // The places of classes are no targets that a sigmoid must reach.
        (
            "class = \"kind\"",
            "[model]\nhidden = []\noutput = \"sigmoid\"\n[loss]\nkind = \"cross_entropy\"",
            &[],
            &["unreachable-targets", "raw-targets", "linear-network", "softmax-over-one-unit"],
        ),
        (
            "class = \"kind\"",
            "[model]\nhidden = [4]\noutput = \"softmax\"\n[loss]\nkind = \"cross_entropy\"\n[optimizer]\nkind = \"sgd\"\nlearning_rate = 100.0",
            &[],
            &["unreachable-targets", "raw-targets", "rate-beyond-limit", "softmax-over-one-unit"],
        ),
        // Of ±1 half is beyond a sigmoid; of 60 rows 29 are learnt from while it is chosen.
        (
            "class = \"kind\"",
            "labels = \"plus-minus\"\n[model]\nhidden = [4]\noutput = \"sigmoid\"",
            &["unreachable-targets: 58 of 87 targets, which go from -1 to 1"],
            &["raw-targets"],
        ),
        // Three classes through one unit: the softmax is over one, and a unit for each class is what the loss needs.
        (
            "class = \"kind\"",
            "[model]\nhidden = [4]\noutputs = 1\noutput = \"softmax\"\n[loss]\nkind = \"cross_entropy\"",
            &["softmax-over-one-unit: a softmax over one unit is 1", "unit-a-class: model.outputs = \"auto\""],
            &["unreachable-targets"],
        ),
    ] {
        misfit.write("rows.toml", &with(columns, rest));
        let found = diagnose(&misfit, &["rows.toml", "--fresh"]);
        let told: Vec<String> = found
            .findings
            .iter()
            .map(|row| format!("{}: {} {}", row["finding"], row["evidence"], row["fix"]))
            .collect();
        for find in finds {
            assert!(told.iter().any(|line| line.contains(find)), "{find} in {told:#?}");
        }
        for rule in never {
            assert!(!told.iter().any(|line| line.starts_with(rule)), "{rule} in {told:#?}");
        }
    }
}

/// Runs made of those of results/reference, of which so many fit.
fn made_up(fitting: usize, others: usize) -> Measured {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference");
    let (runs, health) = (read::runs(&folder).unwrap(), read::health(&folder).unwrap());
    let of = |seed: usize| {
        let variant = if seed < fitting { "answer" } else { "question" };
        let at = runs.iter().position(|run| run.variant == variant && run.seed == 0).unwrap();
        let seed = seed as u64;
        Observed {
            run: RunRow { seed, ..runs[at].clone() },
            health: HealthRow { seed, ..health[at].clone() },
            curve: Vec::new(),
        }
    };
    Measured {
        name: "made up".to_owned(),
        config: Experiment::embedded(&[]).unwrap().baseline,
        task: Task::Regression,
        targets: 1,
        classes: 0,
        training_error: false,
        runs: (0..fitting + others).map(of).collect(),
        asked: Goal::default(),
    }
}

#[test]
fn a_baseline_that_further_seeds_show_to_fit_gets_no_repair_whatever_trials_said() {
    let fix = Fix::parse("more-steps", "", "train.steps = 100").unwrap();
    let search = Search {
        fixes: vec![fix],
        from_file: 0,
        suspicions: Vec::new(),
        on: 1,
        baseline: made_up(0, 3),
        skipped: 0,
        sizes: (Some(1), 1),
        two_samples: None,
    };
    let plan = Measurements { sets: vec![0, 1], members: vec![0], path: vec![1], everything: 1 };
    let chosen = |baseline: Measured| {
        let tried = [(0, made_up(0, 3)), (1, made_up(3, 0))].into();
        let cells = [(0, baseline), (1, made_up(10, 0))].into();
        Diagnosis::of(&search, &plan, &tried, cells, Standard::of_looks(2), 3).smallest
    };
    assert_eq!(chosen(made_up(9, 1)), [0], "nothing to mend");
    assert_eq!(chosen(made_up(1, 9)), [1]);
}

#[test]
fn a_rule_whose_fix_another_one_takes_the_place_of_was_not_wrong() {
    let misfit = Misfit::new();
    let arm = concat!(env!("CARGO_MANIFEST_DIR"), "/experiments/arm.csv");
    misfit.write("line.toml", &format!("[data]\ntarget = {{ csv = {arm:?}, inputs = [\"x\"], output = \"y\" }}\n[model]\nhidden = []\n[optimizer]\nkind = \"sgd\"\nlearning_rate = 3\nmomentum = 0.5\n"));
    let found = diagnose(&misfit, &["line.toml", "--hide-fixes"]);
    assert_eq!(found.severity("rate-beyond-limit"), "note", "{}", found.said);
    assert!(found.said.contains("lower-rate-2 sets the same"), "{}", found.said);
    assert!(!found.said.contains("Suspected wrongly: rate-beyond-limit"), "{}", found.said);
}

#[test]
fn a_linear_network_on_the_rows_of_an_xor_needs_units_that_bend() {
    let misfit = Misfit::new();
    misfit.write("xor.csv", "a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n");
    let xor = |hidden: &str| {
        format!(
            "seeds = 3\n[data]\ntarget = {{ csv = \"xor.csv\", inputs = [\"a\", \"b\"], output = \"y\" }}\nholdout = 0.0\n[batch]\nsize = 1\ndraw = \"sequential\"\n[model]\nhidden = {hidden}\nactivation = \"identity\"\noutput = \"sigmoid\"\n[optimizer]\nkind = \"adam\"\nlearning_rate = 0.01\n[train]\nepochs = 500\n"
        )
    };
    misfit.write("xor.toml", &xor("[5]"));
    let found = diagnose(&misfit, &["xor.toml", "--fresh"]);
    let linear = found.findings.iter().find(|row| row["finding"] == "linear-network").expect("the finding");
    assert!(linear["fix"].starts_with("hidden-layer") && linear["verdict"] == "needed", "{linear:?}");
    // Without hidden layers a straight line is what is asked for.
    misfit.write("xor.toml", &xor("[]"));
    let found = diagnose(&misfit, &["xor.toml", "--fresh"]);
    assert!(found.findings.iter().all(|row| row["finding"] != "linear-network"));
}
