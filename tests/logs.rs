//! `misfit diff` reads what Keras, Lightning, Hugging Face and TensorBoard log: the files are written by those themselves, or
//! laid out as their documentation says.

mod common;

use std::path::Path;

use common::{Misfit, python_with_tensorboard};
use serde_json::{Value, json};

/// What tests/logs.py prints for these words, in the test's folder.
fn python(misfit: &Misfit, words: &[&str]) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs.py");
    let mut command = python_with_tensorboard()?;
    let out = command.arg(script).args(words).current_dir(misfit.folder.path()).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(serde_json::from_slice(&out.stdout).unwrap_or(Value::Null))
}

fn diff(misfit: &Misfit, words: &[&str], code: i32) -> Value {
    let ran = misfit.run(&[&["diff"], words, &["--format", "json"]].concat());
    assert_eq!(ran.code(), code, "{words:?}: {}", ran.stderr());
    serde_json::from_str(&ran.stdout()).expect("JSON")
}

fn column<'c>(found: &'c Value, name: &str) -> &'c Value {
    let columns = found["files"][0]["columns"].as_array().expect("columns");
    columns.iter().find(|column| column["column"] == name).unwrap_or_else(|| panic!("{name} in {columns:?}"))
}

fn noise<'c>(found: &'c Value, name: &str) -> &'c Value {
    let all = found["files"][0]["noise"].as_array().expect("noise");
    all.iter().find(|noise| noise["column"] == name).unwrap_or_else(|| panic!("{name} in {all:?}"))
}

fn number(value: &Value) -> f64 {
    value.as_str().map_or_else(|| value.as_f64().expect("a number"), |text| text.parse().expect("a number"))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn logs_of_kerass_csv_logger_are_compared_by_epoch_and_a_folder_of_them_has_the_noise_of_its_runs() {
    let misfit = Misfit::new();
    let mut last: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for (side, (folder, shift, separator)) in [("before", "0", ","), ("after", "3", ";")].into_iter().enumerate() {
        for seed in ["0", "1", "2"] {
            let Some(history) = python(&misfit, &["keras", folder, seed, shift, separator]) else { return };
            last[side].push(history["val_loss"][4].as_f64().unwrap());
        }
    }
    let found = diff(&misfit, &["before", "after"], 1);
    let file = &found["files"][0];
    assert_eq!([&file["key"], &file["compared"]], [&json!(["seed", "epoch"]), &json!(15)]);
    let noise = noise(&found, "val_loss");
    assert_eq!([&noise["pairs"], &noise["at"]], [&json!(3), &json!(["4"])]);
    // The history is Keras' own, in memory.
    for (side, ours) in last.iter().zip([&noise["a"], &noise["b"]]) {
        assert!((number(ours) / mean(side) - 1.0).abs() < 1e-6, "{ours} {side:?}");
    }
    // The same files one by one.
    let [before, after] = ["before", "after"].map(|folder| [0, 1, 2].map(|seed| format!("{folder}/run{seed}.csv")));
    let words: Vec<&str> =
        before.iter().map(String::as_str).chain(["--"]).chain(after.iter().map(String::as_str)).collect();
    let ran = misfit.run(&[&["diff", "--format", "json"], &words[..]].concat());
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout()).unwrap()["files"], found["files"]);
    assert_eq!(diff(&misfit, &["before", "before"], 0)["different"], false);
}

#[test]
fn scalars_of_event_files_are_those_that_tensorboard_itself_reads() {
    let misfit = Misfit::new();
    for (folder, shift) in [("a", "0"), ("b", "0.5")] {
        for seed in ["1", "2", "3"] {
            let run = format!("{folder}/run{seed}");
            if python(&misfit, &["events", &run, seed, shift]).is_none() {
                return;
            }
        }
    }
    let read = |folder: &str| [1, 2, 3].map(|seed| python(&misfit, &["read", &format!("{folder}/run{seed}")]).unwrap());
    let found = diff(&misfit, &["a", "b"], 1);
    assert_eq!(found["files"][0]["key"], json!(["seed", "step"]));
    let names: Vec<&str> =
        found["files"][0]["columns"].as_array().unwrap().iter().map(|c| c["column"].as_str().unwrap()).collect();
    assert_eq!(names, ["loss/train", "loss/validation", "count"], "a vector and a text are no scalars");
    // A tag that TensorBoard calls a scalar: its values at the last step, of all three runs.
    for (folder, side) in [("a", "a"), ("b", "b")] {
        let theirs: Vec<f64> = read(folder).iter().map(|run| run["loss/train"]["297"].as_f64().unwrap()).collect();
        let ours = number(&noise(&found, "loss/train")[side]);
        assert!((ours - mean(&theirs)).abs() < 1e-12, "{ours} {theirs:?}");
    }
    // Tensors in all spellings hold what was logged as a number at the same step, to a float's digits.
    let of_tensors = noise(&found, "loss/validation");
    assert_eq!([&of_tensors["at"], &of_tensors["places"]], [&json!(["297"]), &json!(10)]);
    for side in ["a", "b"] {
        let (tensor, simple) = (number(&of_tensors[side]), number(&noise(&found, "loss/train")[side]));
        assert!((tensor / simple - 1.0).abs() < 1e-6, "{tensor} {simple}");
    }
    assert_eq!(column(&found, "count")["differ"], 0);
    assert_eq!(column(&found, "loss/train")["verdict"], "beyond_noise");
}

#[test]
fn an_event_file_that_ends_within_a_record_is_read_up_to_there_and_a_damaged_one_is_refused_on_one_line() {
    let misfit = Misfit::new();
    if python(&misfit, &["events", "run", "1", "0"]).is_none() {
        return;
    }
    let entry = std::fs::read_dir(misfit.folder.path().join("run")).unwrap().next().unwrap().unwrap();
    let whole = std::fs::read(entry.path()).unwrap();
    let path = misfit.folder.path().join("x.tfevents.1");
    let rows = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        misfit.run(&["diff", "x.tfevents.1", "x.tfevents.1"])
    };
    assert_eq!(rows(&whole).stderr(), "");
    let ran = rows(&whole[..60]);
    assert_eq!((ran.code(), ran.stderr().as_str()), (2, "misfit: x.tfevents.1: holds no numbers yet\n"));
    for cut in [whole.len() - 1, whole.len() / 2] {
        let ran = rows(&whole[..cut]);
        assert!([0, 1].contains(&ran.code()) && ran.stderr().lines().count() <= 4, "{}", ran.stderr());
        let says = "x.tfevents.1: ends within a record, which is left out: its writer may be at work";
        // At a record's very end nothing is missing.
        assert!(ran.stderr().contains(says) || ran.stderr().is_empty(), "{}", ran.stderr());
    }
    assert_eq!(rows(b"anything else that is long enough").code(), 2);
    // One bit anywhere: an error on one line, or a record that is cut off; no value is another.
    for at in (0..whole.len().min(2000)).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let ran = rows(&damaged);
        let said = ran.stderr();
        assert_eq!(ran.code(), 2, "byte {at}: {said}");
        assert!(said.lines().count() == 1 && !said.contains("panicked"), "byte {at}: {said}");
    }
}

/// The layout of <https://lightning.ai/docs/pytorch/stable/extensions/logging.html>: what is logged at different times stands
/// in different rows.
fn lightning(shift: f64) -> String {
    let mut text = "epoch,step,train_loss_epoch,train_loss_step,val_loss\n".to_owned();
    for epoch in 0..4 {
        let step = 10 * epoch + 9;
        let value = 1.0 / (1 + epoch) as f64 + shift;
        text += &format!("{epoch},{},,{:?},\n", step - 5, value + 0.5);
        text += &format!("{epoch},{step},,,{:?}\n", value);
        text += &format!("{epoch},{step},{:?},,\n", value + 0.25);
    }
    text
}

#[test]
fn lightnings_rows_of_one_step_are_put_together_and_its_empty_cells_are_no_values() {
    let misfit = Misfit::new();
    for (folder, shifts) in [("a", [0.0, 0.01]), ("b", [1.0, 1.02])] {
        for (nth, shift) in shifts.into_iter().enumerate() {
            std::fs::create_dir_all(misfit.folder.path().join(format!("{folder}/version_{nth}"))).unwrap();
            misfit.write(&format!("{folder}/version_{nth}/metrics.csv"), &lightning(shift));
        }
    }
    let found = diff(&misfit, &["a", "b"], 1);
    // Two rows a run and epoch: one of the step, one of the epoch's end.
    assert_eq!([&found["files"][0]["key"], &found["files"][0]["compared"]], [&json!(["seed", "step"]), &json!(16)]);
    let val = column(&found, "val_loss");
    assert_eq!([&val["differ"], &val["first"]["at"]], [&json!(8), &json!(["0", "9"])]);
    assert_eq!([&val["first"]["a"], &val["first"]["b"]], ["1.0", "2.0"]);
    let noise = noise(&found, "val_loss");
    assert_eq!([&noise["at"], &noise["places"], &noise["not_finite"]], [&json!(["39"]), &json!(4), &json!(0)]);
    assert!((number(&noise["difference"]) - 1.005).abs() < 1e-12);
    // Beside a log of epochs alone.
    misfit.write("keras.csv", "epoch,val_loss\n0,1.0\n1,0.5\n2,0.3333333333333333\n3,0.25\n");
    let found = diff(&misfit, &["a/version_0", "keras.csv", "--common"], 0);
    assert_eq!(found["files"][0]["key"], json!(["seed", "epoch"]));
    assert_eq!(column(&found, "val_loss")["differ"], 0);
}

/// The layout of `TrainerState`, transformers/trainer_callback.py.
fn trainer_state(loss: f64, steps: std::ops::RangeInclusive<u64>) -> String {
    let mut history: Vec<Value> = Vec::new();
    for nth in steps {
        let (step, epoch) = (10 * nth, nth as f64 / 2.0);
        history.push(
            json!({"epoch": epoch, "grad_norm": 2.5, "learning_rate": 5e-5, "loss": loss / nth as f64, "step": step}),
        );
        if nth % 2 == 0 {
            history.push(json!({"epoch": epoch, "eval_loss": loss, "eval_runtime": loss * 7.0, "eval_samples_per_second": loss, "step": step}));
        }
    }
    json!({"best_metric": null, "epoch": 2.0, "global_step": 40, "log_history": history}).to_string()
}

#[test]
fn of_a_trainer_state_the_log_is_compared_without_its_timings_and_of_checkpoints_the_last() {
    let misfit = Misfit::new();
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(misfit.folder.path().join(path)).unwrap();
        misfit.write(&format!("{path}/trainer_state.json"), text);
    };
    for (side, loss) in [("a", 1.0), ("b", 1.5)] {
        write(&format!("{side}/checkpoint-20"), &trainer_state(loss, 1..=2));
        write(&format!("{side}/checkpoint-100"), &trainer_state(loss, 1..=4));
    }
    let found = diff(&misfit, &["a", "b"], 1);
    assert_eq!([&found["a"], &found["files"][0]["compared"]], [&json!("a (1 run)"), &json!(4)]);
    let names: Vec<&str> =
        found["files"][0]["columns"].as_array().unwrap().iter().map(|c| c["column"].as_str().unwrap()).collect();
    assert_eq!(names, ["grad_norm", "learning_rate", "loss", "eval_loss"]);
    assert_eq!([&column(&found, "loss")["differ"], &column(&found, "eval_loss")["differ"]], [4, 2]);
    let again = diff(&misfit, &["a/checkpoint-100/trainer_state.json", "a"], 0);
    assert_eq!(again["different"], false);
}

#[test]
fn a_csv_with_a_column_seed_holds_the_runs_of_its_seeds() {
    let misfit = Misfit::new();
    let log = |seeds: std::ops::Range<u64>, shift: f64| {
        let rows =
            seeds.flat_map(|seed| (0..3).map(move |epoch| format!("{epoch},{seed},{:?}\n", shift + seed as f64 / 8.0)));
        format!("epoch,seed,loss\n{}", rows.collect::<String>())
    };
    misfit.write("a.csv", &log(0..3, 0.0));
    misfit.write("b.csv", &log(0..2, 0.0));
    assert_eq!(diff(&misfit, &["a.csv", "b.csv"], 1)["files"][0]["missing"], 3);
    let found = diff(&misfit, &["a.csv", "b.csv", "--common"], 0);
    assert_eq!(found["left_out"], "in A only: 3 rows");
    misfit.write("b.csv", &log(0..3, 9.0));
    assert_eq!(noise(&diff(&misfit, &["a.csv", "b.csv"], 1), "loss")["difference"], 9.0);
}

#[test]
fn what_is_no_log_is_refused_on_one_line() {
    let misfit = Misfit::new();
    misfit.write("k.csv", "epoch;loss\n0;1.0\n");
    misfit.write("ragged.csv", "epoch;loss\n0;1.0\n1\n");
    misfit.write("twice.csv", "epoch,loss,loss\n0,1.0,2.0\n");
    misfit.write("steps.csv", "step;loss\n0;1.0\n");
    misfit.write("trainer_state.json", "{\"log_history\": 3}");
    misfit.write("text.csv", "town,people\nRiga,1\n");
    std::fs::create_dir(misfit.folder.path().join("empty")).unwrap();
    for (words, says) in [
        (
            &["k.csv", "ragged.csv"][..],
            "ragged.csv:3: has 1 fields, the header 2: restore the file, or take the row out",
        ),
        (&["k.csv", "twice.csv"], "twice.csv:1: has two columns called \"loss\": rename one"),
        (&["k.csv", "steps.csv"], "k.csv and steps.csv: one has steps alone and the other epochs alone: log both"),
        (
            &["k.csv", "trainer_state.json"],
            "trainer_state.json: has no list \"log_history\", as a trainer_state.json has",
        ),
        (
            &["k.csv", "text.csv"],
            "text.csv: is no log: expected a CSV with a column epoch or step, a trainer_state.json or an event file",
        ),
        (
            &["k.csv", "k.csv", "k.csv"],
            "3 files and folders: which are of which side? Write -- between them (see --help)",
        ),
        (&["k.csv"], "k.csv: what is it to be compared with? Name a second file or folder (see --help)"),
        (&["k.csv#v", "k.csv"], "k.csv#v: logs have no variants, so there is no #v"),
        (
            &["k.csv", "k.csv", "--key", "epoch"],
            "--key: is for CSVs, and these are logs: their rows are told apart by run and step",
        ),
    ] {
        let ran = misfit.run(&[&["diff"], words].concat());
        assert_eq!((ran.code(), ran.stderr()), (2, format!("misfit: {says}\n")), "{words:?}");
    }
}

#[test]
fn a_report_of_logs_has_each_metrics_curve_and_last_value_and_writes_nothing_into_their_folder() {
    let misfit = Misfit::new();
    for (nth, shift) in [0.0, 0.5, 2.0].into_iter().enumerate() {
        std::fs::create_dir_all(misfit.folder.path().join(format!("logs/version_{nth}"))).unwrap();
        misfit.write(&format!("logs/version_{nth}/metrics.csv"), &lightning(shift));
    }
    let ran = misfit.run(&["report", "logs"]);
    let says = "misfit: logs: are logs of another program: say with --out where the report goes\n";
    assert_eq!((ran.code(), ran.stderr().as_str()), (2, says));
    misfit.ok(&["report", "logs", "--out", "page"]);
    let page = misfit.read("page/report.html");
    // The median of 0.25, 0.75 and 2.25.
    for text in ["val_loss", "0.7500", "0.2500 … 2.250", "train_loss_step", "3 runs", "misfit report logs --out page"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("NaN"), "an empty cell is no value");
    assert_eq!(
        std::fs::read_dir(misfit.folder.path().join("page/plots")).unwrap().count(),
        6,
        "three metrics, two forms"
    );
    assert_eq!(std::fs::read_dir(misfit.folder.path().join("logs")).unwrap().count(), 3);
    let several = ["report", "logs/version_0/metrics.csv", "logs/version_1", "--out", "page"];
    misfit.ok(&several);
    assert!(misfit.read("page/report.html").contains("2 runs"));
}
