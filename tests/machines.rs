//! What programs, notebooks and CI read: one JSON object on standard output that its schema describes, the same facts in files,
//! SARIF, exit codes, silence where it is asked for, and no drawing into notebooks. `tests/machines.py` has the schemas checked by
//! Python's jsonschema.
#![cfg(feature = "train")]

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Misfit, Ran, SIGMOID, rows, skip};
use serde_json::{Value, json};

const OUTPUT: &str = "docs/misfit-output.schema.json";
const SARIF: &str = "tests/sarif-2.1.0.schema.json";

/// Nothing moves, so no rule can see that it is too short; of the file's fixes one is suspected wrongly.
const STUCK: &str = r#"
title = "A softmax over one unit, and too few updates"
seeds = 3

[data]
target = { polynomial = [0, 0, 1] }
inputs = { grid = { from = -2, to = 2, count = 400 } }

[model]
hidden = [16]
output = "softmax"

[optimizer]
learning_rate = 1e-2

[train]
steps = 30

[fix.linear]
why = "softmax over one unit is 1"
set = { model.output = "identity" }

[fix.longer]
why = "30 updates are few"
set = { train.steps = 600 }

[fix.fresh]
why = "one batch"
set = { batch = { size = 32, draw = "fresh" } }
"#;

/// A regression that is learnt in no time, and a variant that cannot learn it.
const SHORT: &str = r#"
title = "A short one"
seeds = 3

[data]
target = { polynomial = [0, 1] }
inputs = { uniform = { from = -1, to = 1, count = 40 } }

[model]
hidden = [8]

[optimizer]
learning_rate = 1e-2

[train]
steps = 300

[[variant]]
name = "asked"

[[variant]]
name = "hopeless"
set = { model.output = "sigmoid" }
"#;

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What a schema, or a definition of it, objects to in each instance.
fn objections(instances: &[(&str, Option<&str>, &Value)]) -> Option<Vec<Vec<String>>> {
    let mut python = common::python()?;
    python.arg(root("tests/machines.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("Python starts");
    let lines = instances.iter().map(|(schema, of, instance)| format!("{}\n", json!([root(schema), of, instance])));
    let text: String = lines.collect();
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).expect("Python reads"));
    let ran = Ran(child.wait_with_output().expect("Python ends"));
    writer.join().expect("it was written");
    assert_eq!(ran.code(), 0, "{}", ran.stdout());
    let found: Vec<_> = ran.stdout().lines().map(|line| serde_json::from_str(line).expect("a list")).collect();
    assert_eq!(found.len(), instances.len());
    Some(found)
}

/// What a command answers with `--format json`; it must end with this code.
fn answer(misfit: &Misfit, args: &[&str], code: i32) -> Value {
    let ran = misfit.run(&[args, &["--format", "json"]].concat());
    assert_eq!(ran.code(), code, "{args:?}: {}", ran.stderr());
    let answer: Value =
        serde_json::from_str(&ran.stdout()).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", ran.stdout()));
    assert_eq!([&answer["format"], &answer["exit_code"]], [1, code], "{args:?}");
    assert_eq!(answer["command"], args[0]);
    answer
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text")).collect()
}

/// A cell of a CSV beside the same in JSON.
fn same(cell: &str, value: &Value) -> bool {
    match value {
        Value::Number(number) => cell.parse::<f64>().is_ok_and(|cell| Some(cell) == number.as_f64()),
        Value::String(text) => cell == text,
        Value::Null => cell.is_empty(),
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            cell == items.join("+") || cell == items.join("; ")
        }
        _ => false,
    }
}

/// Whether a list of objects is a CSV: each of its columns is a key, and each cell is that value.
fn is_csv(objects: &Value, csv: &str) {
    let (objects, rows) = (objects.as_array().expect("a list"), rows(csv));
    assert_eq!(objects.len(), rows.len(), "{csv}");
    for (object, row) in objects.iter().zip(rows) {
        for (column, cell) in row {
            assert!(same(&cell, &object[&column]), "{column}: {cell} {object}");
        }
    }
}

#[test]
fn every_answer_in_json_is_as_its_schema_says_and_the_schema_objects_to_others() {
    let misfit = Misfit::new();
    misfit.write("short.toml", SHORT);
    misfit.write("sigmoid.toml", SIGMOID);
    let mut answers = vec![
        answer(&misfit, &["run", "short.toml", "--dry-run"], 0),
        answer(&misfit, &["run", "short.toml", "--out", "out"], 0),
        answer(&misfit, &["run", "short.toml", "--out", "out", "--require", "fits", "--require", "asked:r2>=0.9"], 1),
        answer(&misfit, &["report", "out"], 0),
        answer(&misfit, &["diagnose", "sigmoid.toml", "--out", "why"], 0),
        answer(&misfit, &["diagnose", "sigmoid.toml", "--hide-fixes", "--out", "hidden", "framework=\"pytorch\""], 0),
        answer(&misfit, &["check", "sigmoid.toml", "--out", "check"], 1),
        answer(&misfit, &["plan", "short.toml", "--tasks", "2", "--out", "planned"], 0),
        answer(&misfit, &["merge", "planned-plan"], 1),
        answer(&misfit, &["doctor"], 0),
        answer(&misfit, &["diff", "out#asked", "out#hopeless"], 1),
    ];
    for task in ["0", "1"] {
        misfit.ok(&["task", "planned-plan", "--index", task]);
    }
    answers.push(answer(&misfit, &["merge", "planned-plan"], 0));
    let files = ["why", "hidden"].map(|folder| {
        let file: Value = serde_json::from_str(&misfit.read(&format!("{folder}/diagnosis.json"))).expect("JSON");
        file
    });
    assert_eq!(files[0], answers[4]["diagnosis"]);
    let mut instances: Vec<(&str, Option<&str>, &Value)> =
        answers.iter().map(|answer| (OUTPUT, None, answer)).collect();
    instances.extend(files.iter().map(|file| (OUTPUT, Some("diagnosis"), file)));
    let sound = instances.len();
    // Each without one of its keys is none.
    let lesser: Vec<Value> = answers
        .iter()
        .flat_map(|answer| {
            answer.as_object().expect("an object").keys().map(|key| {
                let mut lesser = answer.clone();
                lesser.as_object_mut().expect("an object").remove(key);
                lesser
            })
        })
        .collect();
    let comparison: Vec<&str> = vec!["tolerance", "within_noise", "common", "left_out"];
    let optional =
        |answer: &Value| answer["command"] == "diff" && comparison.iter().any(|key| answer.get(key).is_none());
    instances.extend(lesser.iter().filter(|answer| !optional(answer)).map(|answer| (OUTPUT, None, answer)));
    let Some(found) = objections(&instances) else { return };
    for (at, (_, _, instance)) in instances.iter().enumerate() {
        assert_eq!(found[at].is_empty(), at < sound, "{:?}\n{instance:#}", found[at]);
    }
}

#[test]
fn a_runs_answer_has_the_outcomes_and_medians_of_its_csv() {
    let misfit = Misfit::new();
    misfit.write("short.toml", SHORT);
    let found = answer(&misfit, &["run", "short.toml", "--out", "out"], 0);
    let all = rows(&misfit.read("out/runs.csv"));
    assert_eq!(found["variants"].as_array().map(Vec::len), Some(2));
    for variant in found["variants"].as_array().unwrap() {
        let own: Vec<_> = all.iter().filter(|row| variant["name"] == row["variant"].as_str()).collect();
        assert_eq!((&variant["runs"], &variant["kind"]), (&json!(3), &json!("named")));
        let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
        own.iter().for_each(|row| *outcomes.entry(&row["outcome"]).or_default() += 1);
        assert_eq!(variant["outcomes"], json!(outcomes));
        for column in ["test_rmse", "r2", "train_rmse"] {
            let mut values: Vec<f64> = own.iter().map(|row| row[column].parse().unwrap()).collect();
            values.sort_by(f64::total_cmp);
            let [low, median, high] = values[..] else { panic!("three seeds") };
            assert_eq!(variant[column], json!({ "low": low, "median": median, "high": high }), "{column}");
        }
    }
    // The text is what a terminal has, but for the time that it took.
    let printed = misfit.ok(&["run", "short.toml", "--out", "out"]).stdout();
    let text = found["text"].as_str().unwrap();
    assert_eq!(text.lines().count(), printed.lines().count());
    assert!(
        text.lines().zip(printed.lines()).filter(|(ours, theirs)| ours != theirs).count() <= 1,
        "{text}\n{printed}"
    );
}

#[test]
fn requirements_that_do_not_hold_end_with_code_1_and_one_line_and_results_are_written_all_the_same() {
    let misfit = Misfit::new();
    misfit.write("short.toml", SHORT);
    let run = |require: &[&str]| {
        let mut args = vec!["run", "short.toml", "--out", "out", "--quiet"];
        require.iter().for_each(|word| args.extend(["--require", word]));
        let ran = misfit.run(&args);
        assert_eq!(ran.stdout(), "");
        (ran.code(), ran.stderr())
    };
    let (code, said) = run(&["fits"]);
    let of_the_csv: Vec<String> = rows(&misfit.read("out/runs.csv"))
        .into_iter()
        .filter(|row| row["variant"] == "hopeless")
        .map(|row| format!("seed {} {}", row["seed"], row["outcome"]))
        .collect();
    let line = format!("misfit: --require does not hold: fits of hopeless: {}\n", of_the_csv.join(", "));
    assert_eq!((code, said), (1, line));
    assert_eq!(run(&["asked:fits"]), (0, String::new()));
    assert_eq!(run(&["asked:fits", "asked:r2>=0.99", "test_rmse<=10"]), (0, String::new()));
    let (code, said) = run(&["asked:fits", "hopeless:r2>=0.99"]);
    assert_eq!(code, 1);
    assert!(said.starts_with("misfit: --require does not hold: r2>=0.99 of hopeless: the median is "), "{said}");
    assert_eq!(said.lines().count(), 1);
    // Nothing is trained for what can be refused.
    for (wrong, why) in [
        ("askd:fits", "unknown variant \"askd\", did you mean \"asked\"?"),
        ("fit", "expected an outcome"),
        ("r2>0.9", "expected an outcome"),
        ("r3>=0.9", "unknown score \"r3\", did you mean \"r2\"?"),
        ("r2>=much", "expected a number after >=, as r2>=0.9"),
    ] {
        let ran = misfit.run(&["run", "short.toml", "--out", "none", "--require", wrong]);
        assert_eq!((ran.code(), ran.stderr().lines().count()), (2, 1), "{wrong}: {}", ran.stderr());
        assert!(ran.stderr().contains(why), "{}", ran.stderr());
    }
    let ran = misfit.run(&["run", "short.toml", "--out", "none", "--variant", "asked", "--require", "hopeless:fits"]);
    assert!(ran.code() == 2 && ran.stderr().contains("is not trained: add --variant"), "{}", ran.stderr());
    assert!(!misfit.has("none"));
}

#[test]
fn quiet_commands_say_nothing_but_what_fails() {
    let misfit = Misfit::new();
    misfit.write("short.toml", &format!("{SHORT}\n[fix.unused]\nwhy = \"a note\"\nset = {{ train.steps = 5 }}\n"));
    misfit.write("sigmoid.toml", SIGMOID);
    assert!(misfit.ok(&["run", "short.toml", "--out", "told"]).stderr().contains("misfit: no variant has the fix"));
    for args in [
        &["run", "short.toml", "--out", "out"][..],
        &["run", "short.toml", "--out", "out", "--dry-run"],
        &["report", "out"],
        &["plan", "short.toml", "--out", "planned"],
        &["diagnose", "short.toml", "--out", "why"],
        &["doctor"],
    ] {
        let ran = misfit.ok(&[args, &["--quiet"]].concat());
        assert_eq!(ran.stdout() + &ran.stderr(), "", "{args:?}");
    }
    // Of tasks that are missing it says what it says to people.
    let (said, quiet) = (misfit.run(&["merge", "planned-plan"]), misfit.run(&["merge", "planned-plan", "--quiet"]));
    assert_eq!((quiet.code(), quiet.stdout()), (1, String::new()));
    assert_eq!(quiet.stderr().replace("misfit: ", ""), said.stdout());
    assert!(misfit.has("out/runs.csv") && misfit.has("out/report.html") && misfit.has("why/verdicts.csv"));
    // JSON that is asked for is no noise.
    let ran = misfit.ok(&["run", "short.toml", "--out", "out", "-q", "--format", "json"]);
    assert_eq!(ran.stderr(), "");
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout()).expect("JSON")["command"], "run");
    let ran = misfit.run(&["check", "sigmoid.toml", "-q"]);
    assert_eq!((ran.code(), ran.stdout()), (1, String::new()));
    let failing = rows(&misfit.read("results/sigmoid-check/checks.csv"));
    let failing = failing.iter().filter(|row| row["verdict"] == "fails");
    let mut lines: Vec<String> = failing.map(|row| format!("misfit: the check {} fails", row["check"])).collect();
    lines.dedup();
    assert_eq!(ran.stderr().lines().collect::<Vec<_>>(), lines);
    let ran = misfit.run(&["run", "nowhere.toml", "-q"]);
    assert!(ran.code() == 2 && ran.stderr().starts_with("misfit: nowhere.toml: cannot be read"), "{}", ran.stderr());
}

/// The names after a heading of a diagnosis' text, without what stands in brackets.
fn under<'t>(text: &'t str, heading: &str) -> Vec<&'t str> {
    let line = text.lines().find_map(|line| line.strip_prefix(heading)?.strip_prefix(": "));
    let Some(line) = line else { return Vec::new() };
    let line = line.split(". ").next().unwrap().trim_end_matches('.');
    line.split(", ").map(|name| name.split(" (").next().unwrap()).collect()
}

/// Of a diagnosis the text and the JSON, whose lists are compared with the text; `first` is the set that is named first.
fn said_and_written(misfit: &Misfit, experiment: &str, first: &str) -> (String, Value) {
    misfit.write("it.toml", experiment);
    let found = answer(misfit, &["diagnose", "it.toml", "--out", "why"], 0);
    let (text, found) = (found["text"].as_str().unwrap().to_owned(), found["diagnosis"].clone());
    for (key, heading) in [
        ("needed", "Needed".to_owned()),
        ("helps", "Helps".to_owned()),
        ("no difference", format!("No difference beside {first}")),
        ("hurts", format!("Hurts beside {first}")),
        ("cannot be told", "Cannot be told".to_owned()),
    ] {
        let said: Vec<&str> = under(&text, &heading).into_iter().map(|n| n.split(';').next().unwrap()).collect();
        assert_eq!(texts(&found["by_verdict"][key]), said, "{key}: {text}");
    }
    let wrongly = format!("Suspected wrongly, judged beside {first}");
    assert_eq!(texts(&found["suspected_wrongly"]), under(&text, &wrongly));
    assert_eq!((&found["result"], texts(&found["sets"][0]["fixes"]).join(" + ")), (&json!("enough"), first.to_owned()));
    let seeds = found["sets"][0]["seeds"].as_u64().unwrap();
    let count = if first.contains('+') { "2 fixes" } else { "alone" };
    assert!(text.contains(&format!("Enough: {first} ({count}): fits {seeds}/{seeds}")), "{text}");
    assert_eq!(found["sets"][0]["outcomes"], json!({ "fits": seeds }));
    for (key, file) in [("verdicts", "verdicts.csv"), ("findings", "findings.csv"), ("effects", "effects.csv")] {
        is_csv(&found[key], &misfit.read(&format!("why/{file}")));
    }
    // What stands in brackets, and the remarks below.
    for row in rows(&misfit.read("why/verdicts.csv")) {
        for remark in row["remarks"].split("; ").filter(|remark| !remark.is_empty()) {
            let line = remark[..1].to_uppercase() + &remark[1..] + ": ";
            let is = |said: &str| said.starts_with(&line) && said.contains(&row["fix"]);
            assert!(text.lines().any(is), "{remark}: {text}");
        }
        assert_eq!(row["verdict"] == "cannot be told", !row["seeds"].is_empty(), "{row:?}");
        if !row["seeds_to_tell"].is_empty() {
            let told = format!("({} seeds, about {} would tell)", row["seeds"], row["seeds_to_tell"]);
            assert!(text.contains(&told), "{text}");
        }
    }
    (text, found)
}

#[test]
fn whatever_a_diagnosis_says_stands_in_its_files_in_the_same_words() {
    let misfit = Misfit::new();
    let (text, found) = said_and_written(&misfit, SIGMOID, "linear");
    assert_eq!(found["by_verdict"]["needed"], json!(["linear"]));
    // The intervals of the table are those of the files.
    let linear = found["verdicts"].as_array().unwrap().iter().find(|row| row["fix"] == "linear").unwrap();
    assert_eq!(linear["rules"], json!(["unreachable-targets"]));
    let line = text.lines().find(|line| line.starts_with(" linear  ")).unwrap();
    let shown = line.split_once('(').unwrap().1.split_once(')').unwrap().0;
    for (end, shown) in shown.split(" … ").enumerate() {
        let shown: f64 = shown.trim_start_matches("÷ ").parse().unwrap();
        let own = 10_f64.powf(linear["alone_interval"][end].as_f64().unwrap());
        assert!((shown / own - 1.0).abs() < 0.02, "{shown} {own}: {line}");
    }
}

#[test]
fn what_was_suspected_wrongly_and_what_only_the_file_knew_to_be_needed_stand_in_the_files() {
    let misfit = Misfit::new();
    let (_, found) = said_and_written(&misfit, STUCK, "linear + longer");
    assert_eq!(found["suspected_wrongly"], json!(["one-batch"]));
    assert_eq!(found["by_verdict"]["needed"], json!(["linear", "longer"]));
    let findings = rows(&misfit.read("why/findings.csv"));
    let longer: Vec<_> = findings.iter().filter(|row| row["fix"] == "longer: train.steps = 600").collect();
    let [longer] = longer[..] else { panic!("{findings:?}") };
    for (column, cell) in [
        ("finding", "named-fix"),
        ("severity", "critical"),
        ("verdict", "needed"),
        ("evidence", "30 updates are few [the experiment file]"),
    ] {
        assert_eq!(longer[column], cell);
    }
    let verdicts = rows(&misfit.read("why/verdicts.csv"));
    let rules: BTreeMap<&str, &str> = verdicts.iter().map(|row| (&*row["fix"], &*row["rules"])).collect();
    let expected = [("fresh", "one-batch"), ("linear", "softmax-over-one-unit"), ("longer", "")];
    assert_eq!(rules, BTreeMap::from(expected));
    // As the terminal has it: what was only tried, and did not help, is among the refuted.
    let refuted = findings.iter().filter(|row| row["severity"] == "refuted").map(|row| &*row["finding"]);
    assert_eq!(refuted.collect::<Vec<_>>(), ["one-batch"]);
}

#[test]
fn verdicts_of_an_older_misfit_are_read() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    misfit.ok(&["diagnose", "sigmoid.toml", "--out", "why"]);
    let text = misfit.read("why/verdicts.csv");
    let mut older = csv::Writer::from_writer(Vec::new());
    for record in csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes()).records() {
        older.write_record(record.unwrap().iter().take(8)).unwrap();
    }
    misfit.write("why/verdicts.csv", &String::from_utf8(older.into_inner().unwrap()).unwrap());
    let before = misfit.ok(&["report", "why", "--out", "page"]);
    assert!(misfit.read("page/report.html").contains("needed"), "{}", before.stderr());
    misfit.write("why/verdicts.csv", &text);
    misfit.ok(&["report", "why", "--out", "now"]);
    let table = |page: &str| misfit.read(page).split("</h2>").map(str::to_owned).collect::<Vec<_>>().len();
    assert_eq!(table("page/report.html"), table("now/report.html"));
}

#[test]
fn findings_as_sarif_are_valid_and_point_at_the_line_that_a_fix_changes() {
    let misfit = Misfit::new();
    misfit.write("a sigmoid.toml", SIGMOID);
    let ran = misfit.ok(&["diagnose", "a sigmoid.toml", "--out", "why", "--format", "sarif"]);
    let log: Value = serde_json::from_str(&ran.stdout()).expect("JSON");
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let of = |rule: &str| results.iter().find(|result| result["ruleId"] == rule).unwrap_or_else(|| panic!("{rule}"));
    let found = of("unreachable-targets");
    let line = 1 + SIGMOID.lines().position(|line| line == "output = \"sigmoid\"").unwrap();
    let place = &found["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20sigmoid.toml");
    assert_eq!(place["region"]["startLine"], line);
    assert_eq!((&found["level"], &found["properties"]["verdict"]), (&json!("error"), &json!("needed")));
    assert!(found["message"]["text"].as_str().unwrap().contains("linear: model.output = \"identity\""), "{found}");
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let id = rule["id"].as_str().unwrap();
        if id != "named-fix" {
            let page = misfit.ok(&["rule", id]).stdout();
            assert_eq!(rule["help"]["text"].as_str(), Some(page.as_str()), "{id}");
        }
    }
    // Each that is not refuted, and none else.
    misfit.write("stuck.toml", STUCK);
    let ran = misfit.ok(&["diagnose", "stuck.toml", "--out", "stuck", "--format", "sarif"]);
    let stuck: Value = serde_json::from_str(&ran.stdout()).expect("JSON");
    let results = stuck["runs"][0]["results"].as_array().unwrap();
    let csv = rows(&misfit.read("stuck/findings.csv"));
    let kept: Vec<&str> = csv.iter().filter(|r| r["severity"] != "refuted").map(|r| r["finding"].as_str()).collect();
    assert_eq!(results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect::<Vec<_>>(), kept);
    assert_eq!((kept.len() + 1, kept.last()), (csv.len(), Some(&"named-fix")));
    let line = 1 + STUCK.lines().position(|line| line == "steps = 30").unwrap();
    assert_eq!(results.last().unwrap()["locations"][0]["physicalLocation"]["region"]["startLine"], line);
    let broken: Vec<Value> = ["/runs/0/tool/driver/name", "/runs/0/results/0/message/text", "/version"]
        .iter()
        .map(|path| {
            let mut broken = log.clone();
            *broken.pointer_mut(path).expect(path) = json!(null);
            broken
        })
        .collect();
    let instances: Vec<_> = [&log, &stuck].into_iter().chain(&broken).map(|log| (SARIF, None, log)).collect();
    let Some(found) = objections(&instances) else { return };
    assert_eq!(found[..2], [[""; 0], [""; 0]]);
    assert!(found[2..].iter().all(|found| !found.is_empty()), "{found:?}");
}

/// What a cell's `!misfit …` leaves in a notebook: ipykernel gives it a terminal, and its own environment.
fn in_cell(misfit: &Misfit, args: &[&str], env: &[(&str, &str)]) -> Option<String> {
    if skip(Command::new("python3").arg("--version").output().is_err(), "python3 is not there, which makes a terminal")
    {
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))", env!("CARGO_BIN_EXE_misfit")]).args(args);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "CI", "JPY_PARENT_PID", "GIT_PAGER"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").envs(env.iter().copied()).current_dir(misfit.folder.path()).stdin(Stdio::null());
    let ran = Ran(command.output().expect("python3 starts"));
    assert_eq!(ran.code(), 0, "{args:?}: {}{}", ran.stdout(), ran.stderr());
    // A terminal ends its lines so.
    Some(ran.stdout().replace("\r\n", "\n"))
}

/// As ipykernel sets it for what a cell starts; Jupyter's own, the first, some kernels lack.
const KERNEL: [(&str, &str); 7] = [
    ("JPY_PARENT_PID", "1"),
    ("CLICOLOR", "1"),
    ("CLICOLOR_FORCE", "1"),
    ("FORCE_COLOR", "1"),
    ("TERM", "xterm-color"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
];

#[test]
fn a_notebooks_cell_keeps_no_drawing_and_no_colours_and_hears_once_that_something_is_under_way() {
    let misfit = Misfit::new();
    misfit.write("sigmoid.toml", SIGMOID);
    // The same on a terminal draws: else this test would show nothing.
    let Some(drawn) = in_cell(&misfit, &["diagnose", "sigmoid.toml", "--out", "drawn"], &[]) else { return };
    assert!(drawn.contains('\r') && drawn.contains('\u{1b}'), "{drawn:?}");
    for (nth, env) in [&KERNEL[..], &KERNEL[1..]].into_iter().enumerate() {
        let out = format!("out{nth}");
        let said = in_cell(&misfit, &["diagnose", "sigmoid.toml", "--out", &out], env).unwrap();
        assert!(!said.contains(['\r', '\u{1b}']), "{said:?}");
        assert_eq!(said.matches("misfit: ").count(), 1, "{said}");
        assert!(said.starts_with("misfit: fixes are tried\n"), "{said}");
        let piped = misfit.ok(&["diagnose", "sigmoid.toml", "--out", &out]);
        assert!(said.lines().count() <= piped.stdout().lines().count() + 5, "{said}");
        let run = in_cell(&misfit, &["run", "sigmoid.toml", "--out", &format!("run{nth}")], env).unwrap();
        assert!(!run.contains(['\r', '\u{1b}']) && run.contains("misfit: 3 runs are trained\n"), "{run:?}");
    }
    let coloured = in_cell(&misfit, &["run", "sigmoid.toml", "--out", "run0", "--color", "always"], &KERNEL).unwrap();
    assert!(coloured.contains('\u{1b}') && !coloured.contains('\r'), "{coloured:?}");
    let plain = in_cell(&misfit, &["run", "sigmoid.toml", "--out", "drawn-not", "--quiet"], &[]).unwrap();
    assert_eq!(plain, "");
    let never = in_cell(&misfit, &["doctor", "--color", "never"], &[]).unwrap();
    assert!(!never.contains('\u{1b}'), "{never:?}");
}
