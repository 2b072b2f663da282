//! Result folders: whole, resumable, held by one process, never mixed.
#![cfg(feature = "train")]

mod common;

use std::io::Read;
use std::process::{Command, Stdio};

use common::{Misfit, parts, rows, signal, wait_for};

const EXPERIMENT: &str = r#"
name = "small"
seeds = 4
[data]
target = { polynomial = [0, 1, 1] }
inputs = { uniform = { from = -1, to = 1, count = 64 } }
[batch]
size = 16
draw = "fresh"
[model]
hidden = [12, 9]
[train]
steps = 400
log_points = 20
[fix.tanh]
set = { model.activation = "tanh" }
[fix.fast]
set = { optimizer.learning_rate = 0.01 }
[fix.wide]
set = { model.hidden = [24] }
[ablation]
design = "full"
"#;

/// Longer, so that there is time to end it half-way.
const LONG: [&str; 2] = ["train.steps=20000", "seeds=6"];

fn small() -> Misfit {
    let misfit = Misfit::new();
    misfit.write("small.toml", EXPERIMENT);
    misfit
}

#[test]
fn the_files_have_their_fixed_headers_and_are_sorted_by_key() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "out"]);
    let [curves, runs, predictions] = misfit.csvs("out");
    let header = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    assert_eq!(
        header(&curves),
        "variant,seed,step,train_loss,test_loss,test_rmse,grad_norm,update_ratio,dead_units,accuracy"
    );
    assert_eq!(
        header(&runs),
        "variant,seed,outcome,steps,first_loss,last_loss,test_rmse,r2,accuracy,train_rmse,best_step,engine,kind,tanh,fast,wide"
    );
    assert_eq!(header(&predictions), "variant,seed,x,target,prediction");
    for text in [&curves, &runs, &predictions] {
        assert!(text.ends_with('\n') && !text.contains('\r'));
        let keys: Vec<_> = rows(text)
            .iter()
            .map(|row| {
                (
                    row["variant"].clone(),
                    row["seed"].parse::<u64>().unwrap(),
                    row.get("step").map(|s| s.parse::<u64>().unwrap()),
                )
            })
            .collect();
        let mut sorted = keys.clone();
        sorted.sort();
        assert_eq!(keys, sorted);
    }
    let curves = rows(&curves);
    assert_eq!(curves.len(), 8 * 4 * 20);
    let steps: Vec<_> = curves[..20].iter().map(|row| row["step"].parse::<usize>().unwrap()).collect();
    assert_eq!((steps[0], steps[19]), (0, 400));
    let both = rows(&runs).into_iter().find(|row| row["variant"] == "tanh+wide").unwrap();
    assert_eq!([&both["tanh"], &both["fast"], &both["wide"]], ["1", "0", "1"]);
}

#[test]
fn a_run_is_the_same_to_the_byte_on_any_number_of_threads_and_among_any_other_runs() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "one", "--threads", "1"]);
    misfit.ok(&["run", "small.toml", "--out", "two", "--threads", "2"]);
    misfit.ok(&["run", "small.toml", "--out", "five", "--threads", "5"]);
    assert_eq!(misfit.csvs("one"), misfit.csvs("two"));
    assert_eq!(misfit.csvs("one"), misfit.csvs("five"));
    misfit.ok(&["run", "small.toml", "--out", "few", "--variant", "wide", "--seeds", "2,3"]);
    for (few, all) in misfit.csvs("few").iter().zip(misfit.csvs("one")) {
        let all: Vec<&str> = all.lines().collect();
        assert!(few.lines().all(|line| all.contains(&line)), "a run alone has the rows that it has among others");
    }
    // The rest of the runs join those that are there.
    misfit.ok(&["run", "small.toml", "--out", "few"]);
    assert_eq!(misfit.csvs("few"), misfit.csvs("one"));
}

#[test]
fn killed_half_way_and_started_again_it_ends_with_the_bytes_of_an_undisturbed_run() {
    let misfit = small();
    let undisturbed = [&["run", "small.toml", "--out", "whole"][..], &LONG].concat();
    misfit.ok(&undisturbed);
    let args = [&["run", "small.toml", "--out", "out"][..], &LONG].concat();
    for _ in 0..3 {
        let before = parts(&misfit);
        let mut child = misfit.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for("a stack's end", || parts(&misfit) > before || matches!(child.try_wait(), Ok(Some(_))));
        let _ = child.kill();
        child.wait().unwrap();
        assert!(!misfit.has("out/curves.csv"), "nothing half-written is visible");
    }
    assert!(parts(&misfit) > 0);
    let ran = misfit.ok(&args);
    assert!(ran.stderr().contains("are in out already"), "{}", ran.stderr());
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
    assert!(!misfit.has("out/.parts"));
}

#[test]
fn a_signal_ends_it_with_its_code_what_had_ended_is_kept_and_the_same_command_goes_on() {
    let misfit = small();
    let args = [&["run", "small.toml", "--out", "out"][..], &LONG].concat();
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let _ = std::fs::remove_dir_all(misfit.folder.path().join("out"));
        let mut child = misfit.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("a stack's end", || parts(&misfit) > 0);
        signal(&child, name);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{said}");
        assert!(said.contains("interrupted") && said.contains("the same command goes on"), "{said}");
        let kept = rows(&misfit.csvs("out")[1]).len();
        assert!(kept > 0 && kept < 48, "{kept} runs");
        assert!(misfit.read("out/manifest.json").contains("\"status\": \"interrupted\""));
    }
    misfit.ok(&args);
    misfit.ok(&[&["run", "small.toml", "--out", "whole"][..], &LONG].concat());
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
}

#[test]
fn a_second_process_on_the_same_folder_is_told_who_holds_it() {
    let misfit = small();
    let args = ["run", "small.toml", "--out", "out", "train.steps=1000000"];
    let mut child = misfit.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the manifest", || misfit.has("out/manifest.json"));
    let second = misfit.run(&args);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second.code(), 2);
    let holder = format!("is being written by process {}", child.id());
    assert!(second.stderr().contains(&holder), "{}", second.stderr());
    // The lock of a dead process is no obstacle.
    misfit.ok(&["run", "small.toml", "--out", "out", "--fresh"]);
}

#[test]
fn results_of_another_experiment_are_never_mixed_into_or_replaced_unless_asked() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "out"]);
    let before = misfit.csvs("out");
    let other = misfit.run(&["run", "small.toml", "--out", "out", "train.steps=401"]);
    assert_eq!(other.code(), 2);
    assert!(
        other.stderr().contains("overrides were none, are train.steps=401") && other.stderr().contains("--fresh"),
        "{}",
        other.stderr()
    );
    misfit.write("small.toml", &EXPERIMENT.replace("steps = 400", "steps = 402"));
    let other = misfit.run(&["run", "small.toml", "--out", "out"]);
    assert_eq!(other.code(), 2);
    assert!(other.stderr().contains("the file differs from line"), "{}", other.stderr());
    assert_eq!(misfit.csvs("out"), before);
    misfit.ok(&["run", "small.toml", "--out", "out", "--fresh"]);
    assert!(misfit.csvs("out")[1].contains(",402,"));
    // A comment changes no number, so it changes no results.
    misfit.write("small.toml", &format!("# a note\n{}", EXPERIMENT.replace("steps = 400", "steps = 402")));
    let again = misfit.ok(&["run", "small.toml", "--out", "out"]);
    assert!(again.stderr().contains("32 of 32 runs are in out already"), "{}", again.stderr());
}

#[test]
fn killed_in_the_middle_of_clearing_a_folder_it_never_takes_what_is_left_for_its_own() {
    let misfit = small();
    let args = [&["run", "small.toml", "--out", "out"][..], &LONG].concat();
    let mut child = misfit.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a stack's end", || parts(&misfit) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(misfit.folder.path().join("out/manifest.json")).unwrap();
    let ran = misfit.run(&["run", "small.toml", "--out", "out"]);
    assert_eq!(ran.code(), 2);
    assert!(ran.stderr().contains("no manifest.json"), "{}", ran.stderr());
}

#[test]
fn a_stderr_or_stdout_that_nobody_reads_is_no_failure() {
    let misfit = small();
    let script = format!(
        "{} run small.toml --out out 2>&1 >/dev/null | true; {0} run small.toml --dry-run | head -1",
        env!("CARGO_BIN_EXE_misfit")
    );
    let out = Command::new("bash")
        .args(["-o", "pipefail", "-c", &script])
        .current_dir(misfit.folder.path())
        .output()
        .unwrap();
    assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()), (Some(0), ""));
    let full = Command::new("bash")
        .args(["-c", &format!("{} run small.toml --dry-run > /dev/full", env!("CARGO_BIN_EXE_misfit"))])
        .current_dir(misfit.folder.path())
        .output()
        .unwrap();
    assert_eq!(full.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&full.stderr),
        "misfit: standard output: cannot be written: No space left on device (os error 28)\n"
    );
}

#[test]
fn a_damaged_csv_is_refused_with_its_line_and_nothing_is_changed() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "out"]);
    let path = misfit.folder.path().join("out/runs.csv");
    let whole = misfit.read("out/runs.csv");
    let lines: Vec<&str> = whole.lines().collect();
    let swapped = [&lines[..2], &[lines[9], lines[3]], &lines[4..]].concat().join("\n") + "\n";
    for (damaged, says) in [
        (whole[..whole.len() - 1].to_owned(), "ends in the middle of a row"),
        (whole[..whole.len() - 9].to_owned(), "runs.csv:33: ends in the middle of a row"),
        (whole.replacen("variant,", "varient,", 1), "runs.csv:1: the header is not this experiment's"),
        (swapped, "runs.csv:4: is out of order"),
        (whole.replacen(",0,0,0\n", ",0\n", 1), "runs.csv:2: has 14 fields, the header 16"),
        (whole.replacen("baseline,0", "baseline,zero", 1), "runs.csv:2: has no seed in its second field"),
    ] {
        std::fs::write(&path, &damaged).unwrap();
        let ran = misfit.run(&["run", "small.toml", "--out", "out"]);
        assert_eq!(ran.code(), 2, "{says}");
        assert!(ran.stderr().contains(says) && ran.stderr().contains("--fresh"), "{}", ran.stderr());
        assert_eq!(misfit.read("out/runs.csv"), damaged);
    }
}

#[test]
fn pandas_and_polars_read_the_files_with_their_defaults() {
    let Some(mut python) = common::python() else { return };
    let misfit = Misfit::new();
    misfit.write(
        "wild.toml",
        &EXPERIMENT.replace("log_points = 20", "log_points = 401").replace(
            "[fix.fast]\nset = { optimizer.learning_rate = 0.01 }",
            "[fix.fast]\nset = { optimizer = { kind = \"sgd\", learning_rate = 1e6 } }",
        ),
    );
    misfit.ok(&["run", "wild.toml", "--out", "out"]);
    assert!(
        misfit.csvs("out")[0].contains(",inf,") && misfit.csvs("out")[0].contains("NaN"),
        "there are runs that diverge"
    );
    let script = r#"
import math, pandas, polars
for name in ["curves", "runs", "predictions"]:
    pa, po = pandas.read_csv(f"out/{name}.csv"), polars.read_csv(f"out/{name}.csv")
    assert list(pa.columns) == po.columns, name
    assert len(pa) == len(po) > 0, name
    exact = pandas.read_csv(f"out/{name}.csv", float_precision="round_trip")
    for column in po.columns:
        kinds = (pa[column].dtype.kind, po[column].dtype)
        text = column in ("variant", "outcome", "engine", "kind")
        whole = column in ("seed", "step", "steps", "best_step", "tanh", "fast", "wide")
        assert (po[column].dtype == polars.String) == text, (name, column, kinds)
        assert (po[column].dtype == polars.Int64) == whole, (name, column, kinds)
        assert (pa[column].dtype.kind == "i") == whole, (name, column, kinds)
        if not text and not whole:
            assert pa[column].dtype.kind == "f" and po[column].dtype == polars.Float64, (name, column, kinds)
            for a, b, text in zip(exact[column], po[column], open(f"out/{name}.csv").read().splitlines()[1:]):
                assert a == b or (math.isnan(a) and math.isnan(b)), (name, column, a, b)
                field = text.split(",")[po.columns.index(column)]
                assert field in ("NaN", "inf", "-inf") or "." in field or "e" in field, (name, column, field)
                assert field == "NaN" if math.isnan(a) else float(field) == a, (name, column, field)
"#;
    let out = python.current_dir(misfit.folder.path()).args(["-c", script]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_report_goes_when_runs_are_added_and_stays_when_none_are() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "out", "--seeds", "1"]);
    misfit.write("out/report.html", "of one seed");
    misfit.ok(&["run", "small.toml", "--out", "out", "--seeds", "1"]);
    assert!(misfit.has("out/report.html"));
    misfit.ok(&["run", "small.toml", "--out", "out", "--seeds", "2"]);
    assert!(!misfit.has("out/report.html"));
}

#[test]
fn engines_are_never_mixed_within_a_variant_and_the_largest_deviation_between_them_stays() {
    let misfit = small();
    let run = |more: &[&str]| misfit.run(&[&["run", "small.toml", "--out", "out", "--seeds", "1"], more].concat());
    assert_eq!(run(&[]).code(), 0);
    let manifest = || -> serde_json::Value { serde_json::from_str(&misfit.read("out/manifest.json")).unwrap() };
    let mut whole = manifest();
    let engine = whole["variants"][0]["engine"].as_str().expect("each variant names its engine").to_owned();
    assert_eq!(whole["variants"][0]["ablation"], true);

    whole["fused_against_torch"] = serde_json::json!({ "loss": 1e-4, "gradient": 0.0, "parameters": 0.0 });
    misfit.write("out/manifest.json", &whole.to_string());
    assert_eq!(run(&[]).code(), 0, "nothing is left to train");
    assert_eq!(manifest()["fused_against_torch"]["loss"], 1e-4);

    let other = if engine == "torch" { "fused" } else { "torch" };
    whole["variants"][0]["engine"] = other.into();
    misfit.write("out/manifest.json", &whole.to_string());
    let (before, ran) = (misfit.read("out/manifest.json"), run(&[]));
    let says = format!(
        "out: variant \"baseline\" was trained by the {other} engine, now {engine}: use --fresh or another --out"
    );
    assert_eq!((ran.code(), ran.stderr().trim_end().ends_with(&says)), (2, true), "{}", ran.stderr());
    assert_eq!(misfit.read("out/manifest.json"), before, "what is refused is left as it was");
    assert_eq!(run(&["--fresh"]).code(), 0);
    assert_eq!(manifest()["variants"][0]["engine"], engine.as_str());
}

#[test]
fn a_manifest_of_the_version_before_is_read_and_its_variants_get_their_engine() {
    let misfit = small();
    let run = ["run", "small.toml", "--out", "out", "--seeds", "1"];
    misfit.ok(&run);
    let mut old: serde_json::Value = serde_json::from_str(&misfit.read("out/manifest.json")).unwrap();
    let new = old["variants"].clone();
    for variant in old["variants"].as_array_mut().unwrap() {
        variant.as_object_mut().unwrap().retain(|key, _| key != "ablation" && key != "engine");
    }
    misfit.write("out/manifest.json", &old.to_string());
    misfit.ok(&["report", "out"]);
    misfit.ok(&run);
    let again: serde_json::Value = serde_json::from_str(&misfit.read("out/manifest.json")).unwrap();
    assert_eq!(again["variants"], new);
}

#[test]
fn an_experiment_of_classes_and_texts_goes_on_where_it_was_killed_and_not_with_another_file() {
    let misfit = Misfit::new();
    let table = |rare: &str| {
        let town = |nth: u32| ["\"Riga, old\"", "Oslo", "\"\"\"Bern\"\"\"", ""][nth as usize % 4];
        let row = |nth: u32| {
            let town = if nth.is_multiple_of(41) { rare } else { town(nth) };
            format!("{town},{},{}\n", nth * nth % 17, ["\"big, fine\"", "small"][usize::from(nth.is_multiple_of(3))])
        };
        format!("town,size,kind\n{}", (0..120).map(row).collect::<String>())
    };
    misfit.write("rows.csv", &table("Rare"));
    misfit.write(
        "kinds.toml",
        "seeds = 10\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"*\"], class = \"kind\" }\nholdout = 0.3\nmissing = \"mean\"\n\
         [model]\nhidden = [12]\n[loss]\nkind = \"cross_entropy\"\n[train]\nsteps = 1500\nlog_points = 5\n",
    );
    misfit.ok(&["run", "kinds.toml", "--out", "whole"]);
    let args = ["run", "kinds.toml", "--out", "out", "--threads", "1"];
    let mut child = misfit.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a stack's end", || parts(&misfit) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = misfit.ok(&args);
    assert!(ran.stderr().contains("are in out already"), "{}", ran.stderr());
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
    // More seeds beside those that are there.
    misfit.ok(&["run", "kinds.toml", "--out", "few", "--seeds", "3,8"]);
    misfit.ok(&["run", "kinds.toml", "--out", "few"]);
    assert_eq!(misfit.csvs("few"), misfit.csvs("whole"));
    // Of a file that was changed nothing is mixed in, unless all is made anew.
    misfit.write("rows.csv", &table("Other"));
    let ran = misfit.run(&args);
    assert_eq!((ran.code(), ran.stderr().lines().count()), (2, 1), "{}", ran.stderr());
    assert!(
        ran.stderr().contains("the data or the device differs") && ran.stderr().contains("--fresh"),
        "{}",
        ran.stderr()
    );
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
    misfit.ok(&[&args[..], &["--fresh"]].concat());
    assert!(misfit.csvs("out")[2].contains(",Other,") && !misfit.csvs("out")[2].contains(",Rare,"));
}
