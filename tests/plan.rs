//! A plan's tasks, done by any number of processes in any order, merge into what one process would have written.
#![cfg(feature = "train")]

mod common;

use std::path::Path;

use common::{FILES, Misfit, Ran, signal, wait_for};

const EXPERIMENT: &str = r#"
name = "swept"
seeds = 3
[data]
target = { polynomial = [0, 1, 1] }
inputs = { uniform = { from = -1, to = 1, count = 32 } }
test = { grid = { from = -1, to = 1, count = 9 } }
[train]
steps = 200
log_points = 5
[fix.linear]
set = { model.output = "identity" }
[[variant]]
name = "linear; it's 100 % & <b>"
fixes = ["linear"]
[sweep]
"model.hidden" = [[6], [3, 3]]
"optimizer.learning_rate" = [1e-3, 1e-2]
"#;

/// Tasks that last some seconds, of runs that end one by one.
fn long(steps: usize) -> String {
    EXPERIMENT.replace("steps = 200", &format!("steps = {steps}"))
}

fn made(text: &str) -> Misfit {
    let misfit = Misfit::new();
    misfit.write("swept.toml", text);
    misfit
}

fn same(misfit: &Misfit, a: &str, b: &str) {
    for name in FILES {
        let [ours, theirs] = [a, b].map(|folder| misfit.read(&format!("{folder}/{name}")));
        assert!(ours == theirs, "{name} of {a} and {b} differ");
    }
}

fn task(misfit: &Misfit, index: usize) -> Ran {
    misfit.run(&["task", "results/swept-plan", "--index", &index.to_string()])
}

fn do_all(misfit: &Misfit, tasks: impl IntoIterator<Item = usize>) {
    for index in tasks {
        let ran = task(misfit, index);
        assert_eq!(ran.code(), 0, "{}", ran.stderr());
    }
}

fn refused(ran: &Ran, says: &[&str]) {
    let said = ran.stderr();
    assert_eq!((ran.code(), said.lines().count()), (2, 1), "{said}{}", ran.stdout());
    assert!(says.iter().all(|part| said.contains(part)), "{said} lacks one of {says:?}");
}

#[test]
fn however_it_is_cut_the_merged_results_are_those_of_one_process_to_the_byte() {
    let misfit = made(EXPERIMENT);
    misfit.ok(&["run", "swept.toml", "--out", "one"]);
    for (nth, cut) in
        [["--tasks", "1"], ["--tasks", "5"], ["--tasks", "24"], ["--runs-per-task", "7"]].iter().enumerate()
    {
        let out = format!("many{nth}");
        let said = misfit.ok(&[&["plan", "swept.toml", "--out", &out][..], cut].concat()).stdout();
        let last: usize = said.lines().next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(last + 1, [1, 5, 24, 4][nth], "{said}");
        let plan = format!("{out}-plan");
        // The last first, each by another name of the same plan.
        for index in (0..=last).rev() {
            let named = if index % 2 == 0 { plan.clone() } else { format!("{plan}/plan.json") };
            let ran = misfit.ok(&["task", &named, "--index", &index.to_string(), "--threads", "1"]);
            assert!(ran.stdout().starts_with(&format!("task {index} of {}: ", last + 1)), "{}", ran.stdout());
        }
        let merged = misfit.ok(&["merge", &plan]);
        assert_eq!(merged.stdout(), format!("{0} of {0} tasks done: 24 of 24 runs in {out}/*.csv\n", last + 1));
        same(&misfit, &out, "one");
        // Merged once more nothing changes, and the experiment finds all its runs there.
        misfit.ok(&["merge", &plan]);
        same(&misfit, &out, "one");
        assert!(misfit.ok(&["run", "swept.toml", "--out", &out]).stderr().contains("24 of 24 runs are in"));
    }
}

#[test]
fn what_is_missing_is_listed_as_sbatch_takes_it_and_comes_with_a_later_merge() {
    let misfit = made(EXPERIMENT);
    misfit.ok(&["run", "swept.toml", "--out", "one"]);
    misfit.ok(&["plan", "swept.toml", "--tasks", "8"]);
    let none = misfit.run(&["merge", "results/swept-plan"]);
    assert_eq!(none.code(), 1);
    assert!(none.stdout().ends_with("nothing to merge yet\nmissing  --array=0-7\n"), "{}", none.stdout());
    assert!(!misfit.has("results/swept"));
    do_all(&misfit, [0, 2, 3, 7]);
    for _ in 0..2 {
        let some = misfit.run(&["merge", "results/swept-plan"]);
        assert_eq!(some.code(), 1);
        assert!(some.stdout().contains("4 of 8 tasks done: 12 of 24 runs in results/swept/*.csv"), "{}", some.stdout());
        assert!(some.stdout().ends_with("\nmissing  --array=1,4-6\n"), "{}", some.stdout());
        assert!(some.stdout().contains("task 4: has left nothing, 0 of 3 runs taken\n"), "{}", some.stdout());
    }
    // What there is can be looked at.
    assert_eq!(misfit.read("results/swept/runs.csv").lines().count(), 1 + 12);
    misfit.ok(&["report", "results/swept"]);
    do_all(&misfit, [1, 4, 5, 6]);
    assert_eq!(
        misfit.ok(&["merge", "results/swept-plan"]).stdout(),
        "8 of 8 tasks done: 24 of 24 runs in results/swept/*.csv\n"
    );
    same(&misfit, "results/swept", "one");
}

#[test]
fn a_task_that_is_done_is_not_touched_again_and_one_that_was_cut_short_goes_on() {
    let misfit = made(&long(200_000));
    misfit.ok(&["plan", "swept.toml", "--tasks", "2"]);
    let parts = |misfit: &Misfit| {
        let entries = std::fs::read_dir(misfit.folder.path().join("results/swept-plan/tasks/0/.parts"));
        entries.map_or(0, Iterator::count)
    };
    let mut trained = 12;
    for (name, code) in [("-TERM", Some(143)), ("-KILL", None)] {
        let mut child =
            misfit.command(&["task", "results/swept-plan", "--index", "0", "--threads", "1"]).spawn().unwrap();
        wait_for("a run that has ended", || parts(&misfit) > 0);
        let under_way = misfit.run(&["merge", "results/swept-plan"]);
        assert!(under_way.stdout().contains("task 0: is under way, 0 of 12 runs taken"), "{}", under_way.stdout());
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), code);
        if code.is_none() {
            let merged = misfit.run(&["merge", "results/swept-plan", "--out", "other"]);
            assert!(
                merged.stdout().contains("task 0: was killed, and goes on from what had ended, 0 of 12 runs taken")
            );
            assert!(merged.stdout().ends_with("missing  --array=0-1\n"), "{}", merged.stdout());
        } else {
            // What had ended is there already.
            let merged = misfit.run(&["merge", "results/swept-plan"]);
            assert!(merged.stdout().contains("task 0: was interrupted, "), "{}", merged.stdout());
            trained = 12 - (misfit.read("results/swept/runs.csv").lines().count() - 1);
            assert!((1..12).contains(&trained), "{trained}");
        }
    }
    let ran = task(&misfit, 0);
    assert_eq!(ran.code(), 0, "{}", ran.stderr());
    let said = ran.stdout();
    let rest: usize = said.split_whitespace().nth(4).unwrap().parse().unwrap();
    assert!(rest <= trained, "{said}: what had ended is not trained again");
    let folder = misfit.folder.path().join("results/swept-plan/tasks/0");
    let written = |name: &str| folder.join(name).metadata().unwrap().modified().unwrap();
    let before = FILES.map(written);
    assert!(task(&misfit, 0).stdout().starts_with("task 0 of 2 is done already: "));
    assert_eq!(FILES.map(written), before);
    do_all(&misfit, [1]);
    misfit.ok(&["merge", "results/swept-plan"]);
    misfit.ok(&["run", "swept.toml", "--out", "one"]);
    same(&misfit, "results/swept", "one");
}

#[test]
fn parts_of_another_plan_or_of_another_task_are_refused_and_damaged_ones_named_with_their_line() {
    let misfit = made(EXPERIMENT);
    let tasks = misfit.folder.path().join("results/swept-plan/tasks");
    misfit.ok(&["plan", "swept.toml", "--tasks", "4"]);
    misfit.ok(&["plan", "swept.toml", "--tasks", "3", "--out", "other/swept"]);
    do_all(&misfit, 0..4);
    let merge = || misfit.run(&["merge", "results/swept-plan"]);
    let copy = |from: &Path, to: &Path| {
        let _ = std::fs::remove_dir_all(to);
        let copied = std::process::Command::new("cp").args(["-r"]).args([from, to]).status();
        assert!(copied.unwrap().success());
    };
    let kept = misfit.folder.path().join("kept");
    copy(&tasks.join("2"), &kept);

    misfit.ok(&["task", "other/swept-plan", "--index", "2"]);
    copy(&misfit.folder.path().join("other/swept-plan/tasks/2"), &tasks.join("2"));
    refused(&merge(), &["results/swept-plan/tasks/2: holds a task of another plan"]);
    refused(&task(&misfit, 2), &["holds a task of another plan"]);
    copy(&tasks.join("1"), &tasks.join("2"));
    refused(&merge(), &["results/swept-plan/tasks/2: holds task 1, not 2"]);
    misfit.ok(&["run", "swept.toml", "--out", "whole"]);
    copy(&misfit.folder.path().join("whole"), &tasks.join("2"));
    refused(&merge(), &["results/swept-plan/tasks/2: holds no task of a plan"]);
    assert!(!misfit.has("results/swept"), "nothing is written");

    for (name, line) in [("curves.csv", 3), ("runs.csv", 2)] {
        copy(&kept, &tasks.join("2"));
        let path = format!("results/swept-plan/tasks/2/{name}");
        let text = misfit.read(&path);
        let lines: Vec<&str> = text.lines().collect();
        misfit.write(&path, &text.replace(lines[line - 1], &lines[line - 1][..10]));
        refused(&merge(), &["task 2: ", &format!("tasks/2/{name}:{line}: "), "--fresh"]);
        std::fs::remove_file(misfit.folder.path().join(&path)).unwrap();
        refused(&merge(), &["task 2: ", &format!("{name} is gone")]);
    }
    // The cure that it names.
    misfit.ok(&["task", "results/swept-plan", "--index", "2", "--fresh"]);
    misfit.ok(&["merge", "results/swept-plan"]);
    same(&misfit, "results/swept", "whole");
}

#[test]
fn a_plan_is_frozen_neither_the_experiment_nor_its_data_can_change_under_it() {
    let misfit = made(
        "seeds = 2\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"a\", \"b\"], output = \"y\" }\n[model]\noutput = \"identity\"\n[train]\nsteps = 30\n",
    );
    let rows: String = (0..20).map(|n| format!("{n},{},{}\n", n * n, 3 * n)).collect();
    misfit.write("rows.csv", &format!("a,b,y\n{rows}"));
    misfit.ok(&["run", "swept.toml", "--out", "one", "train.steps=40"]);
    misfit.ok(&["plan", "swept.toml", "train.steps=40", "--tasks", "2"]);
    // Neither is looked at again, wherever a task is started.
    misfit.write("swept.toml", "nonsense");
    misfit.write("rows.csv", "a,b,y\n1,1,1\n");
    std::fs::create_dir(misfit.folder.path().join("elsewhere")).unwrap();
    for index in ["0", "1"] {
        let mut command = misfit.command(&["task", "../results/swept-plan", "--index", index]);
        let ran = Ran(command.current_dir(misfit.folder.path().join("elsewhere")).output().unwrap());
        assert_eq!(ran.code(), 0, "{}", ran.stderr());
    }
    misfit.ok(&["merge", "results/swept-plan"]);
    same(&misfit, "results/swept", "one");

    let copies = misfit.folder.path().join("results/swept-plan/data");
    let copy = std::fs::read_dir(&copies).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&copy, "a,b,y\n1,1,1\n").unwrap();
    std::fs::remove_dir_all(misfit.folder.path().join("results/swept-plan/tasks/0")).unwrap();
    refused(&task(&misfit, 0), &[copy.file_name().unwrap().to_str().unwrap(), "was changed"]);

    let plan = misfit.read("results/swept-plan/plan.json");
    for (from, to, says) in [
        ("train.steps=40", "train.steps=50", "was changed after misfit plan wrote it"),
        ("\"0-0\"", "\"0-1\"", "was changed"),
        ("\"misfit\": \"0", "\"misfit\": \"9", "is of misfit 9"),
        ("\"tasks\"", "\"jobs\"", "is not a plan"),
        ("{", "", "is not a plan"),
    ] {
        let from = if from == "\"0-0\"" { "\"0\"" } else { from };
        assert!(plan.contains(from), "{from}");
        misfit.write("results/swept-plan/plan.json", &plan.replacen(from, to, 1));
        refused(&task(&misfit, 0), &["plan.json", says]);
        refused(&misfit.run(&["merge", "results/swept-plan"]), &["plan.json", says]);
    }
    refused(&misfit.run(&["merge", "rows.csv"]), &["rows.csv:1: is not a plan"]);
    refused(&misfit.run(&["merge", "nowhere"]), &["nowhere: cannot be read: No such file"]);
}

#[test]
fn a_second_plan_does_not_take_the_place_of_another_and_the_same_one_does_no_harm() {
    let misfit = made(EXPERIMENT);
    misfit.ok(&["plan", "swept.toml", "--tasks", "4"]);
    let plan = misfit.read("results/swept-plan/plan.json");
    assert!(
        misfit.ok(&["plan", "swept.toml", "--tasks", "4"]).stdout().contains("is there already: 24 runs in 4 tasks")
    );
    refused(&misfit.run(&["plan", "swept.toml", "--tasks", "5"]), &["is another plan already, of 24 runs in 4 tasks"]);
    refused(&misfit.run(&["plan", "swept.toml", "--tasks", "4", "--seeds", "2"]), &["is another plan already"]);
    assert_eq!(misfit.read("results/swept-plan/plan.json"), plan);
    refused(
        &misfit.run(&["task", "results/swept-plan", "--index", "4"]),
        &["--index: 4 is no task: the plan has 4, numbered 0 to 3"],
    );
    refused(
        &misfit.run(&["task", "results/swept-plan", "--index", "0", "--device", "cuda"]),
        &["the plan's runs train on cpu"],
    );
    refused(&misfit.run(&["task", "results/swept-plan"]), &["--index: which task?", "SLURM_ARRAY_TASK_ID"]);
    let engine = |name: &str, value: &str| {
        Ran(misfit.command(&["task", "results/swept-plan"]).env(name, value).output().unwrap())
    };
    assert!(engine("SLURM_ARRAY_TASK_ID", "1").stdout().starts_with("task 1 of 4: "));
    assert!(engine("HQ_TASK_ID", "2").stdout().starts_with("task 2 of 4: "));
    assert!(engine("JOB_COMPLETION_INDEX", "0").stdout().starts_with("task 0 of 4: "));
    assert!(engine("PARALLEL_SEQ", "4").stdout().starts_with("task 3 of 4: "));
    refused(&engine("SLURM_ARRAY_TASK_ID", "x"), &["SLURM_ARRAY_TASK_ID=\"x\""]);
    refused(&engine("SLURM_ARRAY_TASK_ID", "4"), &["SLURM_ARRAY_TASK_ID: 4 is no task"]);
    assert_eq!(misfit.ok(&["merge", "results/swept-plan", "--out", "there"]).code(), 0);
    assert!(misfit.has("there/runs.csv") && !misfit.has("results/swept"));
}

#[test]
fn results_that_are_there_stay_and_those_of_something_else_are_not_written_to() {
    let misfit = made(EXPERIMENT);
    misfit.ok(&["run", "swept.toml", "--seeds", "4,5", "--out", "results/swept"]);
    misfit.ok(&["plan", "swept.toml", "--tasks", "2", "--seeds", "0,1"]);
    do_all(&misfit, 0..2);
    let said = misfit.ok(&["merge", "results/swept-plan"]).stdout();
    assert!(said.contains("16 of 16 runs in results/swept/*.csv, which hold 16 more"), "{said}");
    misfit.ok(&["run", "swept.toml", "--seeds", "0,1,4,5", "--out", "one"]);
    same(&misfit, "results/swept", "one");
    misfit.ok(&["run", "--variant", "question", "--seeds", "1", "--out", "else"]);
    let before = misfit.csvs("else");
    refused(
        &misfit.run(&["merge", "results/swept-plan", "--out", "else"]),
        &["holds the results of another experiment"],
    );
    assert_eq!(misfit.csvs("else"), before);
}

#[test]
fn the_size_of_the_results_is_told_to_within_a_third() {
    for text in [
        EXPERIMENT.to_owned(),
        EXPERIMENT.replace("log_points = 5", "log_points = 100").replace("count = 9", "count = 500"),
    ] {
        let misfit = made(&text);
        let said = misfit.ok(&["plan", "swept.toml", "--tasks", "1"]).stdout();
        let told = said.lines().last().unwrap().split("; ").nth(1).unwrap().strip_suffix(" MB of results").unwrap();
        let told: f64 = told.parse::<f64>().unwrap() * 1e6;
        misfit.ok(&["run", "swept.toml", "--out", "one"]);
        let size: u64 =
            FILES.iter().map(|name| misfit.folder.path().join("one").join(name).metadata().unwrap().len()).sum();
        // It is told in tenths of a megabyte.
        assert!((told - size as f64).abs() < 0.33 * size as f64 + 0.05e6, "{said}{size}");
    }
}

#[test]
fn merges_that_are_killed_and_those_beside_tasks_that_end_show_whole_runs_only_and_end_with_the_same_bytes() {
    let misfit = made(&long(3000));
    misfit.ok(&["run", "swept.toml", "--out", "one"]);
    misfit.ok(&["plan", "swept.toml", "--tasks", "12"]);
    let whole: std::collections::HashSet<String> = FILES
        .iter()
        .flat_map(|name| misfit.read(&format!("one/{name}")).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let started = std::time::Instant::now();
    misfit.ok(&["task", "results/swept-plan", "--index", "0"]);
    let longest = started.elapsed();
    misfit.run(&["merge", "results/swept-plan"]);
    // Which loads no libtorch, so that it takes a small part of a task's time.
    let merging = started.elapsed() - longest;
    let mut killed = 0;
    for (nth, index) in (1..12).cycle().take(22).enumerate() {
        // Begun and killed, then done; merged beside it all the time.
        let mut task = misfit
            .command(&["task", "results/swept-plan", "--index", &index.to_string(), "--threads", "1"])
            .spawn()
            .unwrap();
        let mut merge =
            misfit.command(&["merge", "results/swept-plan"]).stdout(std::process::Stdio::null()).spawn().unwrap();
        let share = |of: std::time::Duration| of * (nth as u32 * 7 % 10) / 10;
        std::thread::sleep(share(merging));
        let _ = merge.kill();
        killed += usize::from(merge.wait().unwrap().code().is_none());
        if nth < 11 {
            std::thread::sleep(share(longest));
            let _ = task.kill();
        }
        task.wait().unwrap();
        // What can be seen is whole: rows of the one machine's files, and each run in all of them.
        let runs = |name: &str| -> std::collections::BTreeSet<String> {
            let Ok(text) = std::fs::read_to_string(misfit.folder.path().join("results/swept").join(name)) else {
                return Default::default();
            };
            assert!(text.ends_with('\n') && text.lines().all(|line| whole.contains(line)), "{name}");
            text.lines().skip(1).map(|line| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(",")).collect()
        };
        let named = runs("runs.csv");
        assert!(["curves.csv", "predictions.csv", "health.csv"].iter().all(|name| runs(name).is_superset(&named)));
    }
    assert!(killed > 5, "{killed}");
    assert_eq!(
        misfit.ok(&["merge", "results/swept-plan"]).stdout(),
        "12 of 12 tasks done: 24 of 24 runs in results/swept/*.csv\n"
    );
    same(&misfit, "results/swept", "one");
}

#[test]
fn a_merge_that_is_killed_between_any_two_files_is_run_again_and_loses_nothing() {
    let strace = std::process::Command::new("strace").arg("-V").output();
    if common::skip(strace.is_err(), "needs strace, to end a process at a certain call") {
        return;
    }
    let misfit = made(EXPERIMENT);
    misfit.ok(&["run", "swept.toml", "--seeds", "0,1,2,7,8", "--out", "one"]);
    misfit.ok(&["plan", "swept.toml", "--tasks", "2"]);
    do_all(&misfit, 0..2);
    for others in [false, true] {
        let mut killed = 0;
        for nth in 1..20 {
            let _ = std::fs::remove_dir_all(misfit.folder.path().join("results/swept"));
            if others {
                misfit.ok(&["run", "swept.toml", "--seeds", "7,8", "--out", "results/swept"]);
            }
            let inject = format!("inject=rename:signal=SIGKILL:when={nth}");
            let mut command = std::process::Command::new("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=rename", "-e", &inject]);
            command
                .arg(env!("CARGO_BIN_EXE_misfit"))
                .args(["merge", "results/swept-plan"])
                .current_dir(misfit.folder.path());
            let ran = Ran(command.output().unwrap());
            if ran.code() == 0 {
                break;
            }
            killed += 1;
            misfit.ok(&["merge", "results/swept-plan"]);
            if !others {
                misfit.ok(&["run", "swept.toml", "--seeds", "7,8", "--out", "results/swept"]);
            }
            same(&misfit, "results/swept", "one");
        }
        // Four CSVs, and the manifest before, beside and after them.
        assert!(killed >= 7, "{killed}");
    }
}

#[test]
fn a_task_that_is_trained_anew_takes_the_place_of_what_was_merged_of_it_and_a_report_goes_with_that_alone() {
    let misfit = made(EXPERIMENT);
    misfit.ok(&["plan", "swept.toml", "--tasks", "2"]);
    do_all(&misfit, 0..2);
    misfit.ok(&["merge", "results/swept-plan"]);
    misfit.ok(&["report", "results/swept"]);
    misfit.ok(&["merge", "results/swept-plan"]);
    assert!(misfit.has("results/swept/report.html"), "nothing has changed");
    // As if another kind of processor had trained it: other last digits, and sums of those.
    let path = "results/swept-plan/tasks/0/runs.csv";
    let text = misfit.read(path);
    let field = text.lines().nth(1).unwrap().split(',').nth(6).unwrap().to_owned();
    misfit.write(path, &text.replacen(&field, "0.125", 1));
    let manifest = misfit.read("results/swept-plan/tasks/0/manifest.json");
    let sum = |name: &str| {
        let ran = std::process::Command::new("sha256sum").arg(misfit.folder.path().join(name)).output().unwrap();
        String::from_utf8_lossy(&ran.stdout).split_whitespace().next().unwrap().to_owned()
    };
    let mut json: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    json["files"]["runs.csv"]["sha256"] = sum(path).into();
    json["files"]["runs.csv"]["bytes"] = misfit.read(path).len().into();
    misfit.write("results/swept-plan/tasks/0/manifest.json", &serde_json::to_string_pretty(&json).unwrap());
    misfit.ok(&["merge", "results/swept-plan"]);
    assert!(misfit.read("results/swept/runs.csv").contains(",0.125,"));
    assert!(!misfit.has("results/swept/report.html"), "it was of other results");
}

#[test]
fn a_plan_is_found_by_whatever_name_its_folder_has_and_several_damaged_tasks_are_told_at_once() {
    let misfit = made(EXPERIMENT);
    misfit.ok(&["plan", "swept.toml", "--tasks", "3"]);
    do_all(&misfit, 0..3);
    let plan = misfit.folder.path().join("results/swept-plan");
    for (from, name) in [("", "."), ("", "plan.json"), ("", "./plan.json"), ("tasks", ".."), ("tasks/1", "../..")] {
        let mut command = misfit.command(&["merge", name]);
        let ran = Ran(command.current_dir(plan.join(from)).output().unwrap());
        assert_eq!(ran.code(), 0, "{}", ran.stderr());
        assert!(misfit.has("results/swept/runs.csv"), "from {from:?} as {name:?}");
        std::fs::remove_dir_all(misfit.folder.path().join("results/swept")).unwrap();
        assert_eq!(std::fs::read_dir(&plan).unwrap().count(), 2, "nothing lands beside plan.json and tasks");
    }
    for inside in ["results/swept-plan", "results/swept-plan/tasks", "results/swept-plan/tasks/0"] {
        refused(&misfit.run(&["merge", "results/swept-plan", "--out", inside]), &["lies in the plan's own folder"]);
    }
    refused(&misfit.run(&["task", "swept.toml"]), &["is an experiment: make a plan of it first"]);
    for task in [0, 2] {
        std::fs::write(plan.join(format!("tasks/{task}/health.csv")), "x").unwrap();
    }
    let ran = misfit.run(&["merge", "results/swept-plan"]);
    let said = ran.stderr();
    assert_eq!((ran.code(), said.lines().count()), (2, 3), "{said}");
    for task in [0, 2] {
        assert!(
            said.contains(&format!("misfit task results/swept-plan --index {task} --fresh trains it anew")),
            "{said}"
        );
    }
    assert!(said.ends_with("tasks 0,2 cannot be merged as they are\n"), "{said}");
    // A results folder whose manifest is no use is replaced where that is asked for.
    std::fs::create_dir_all(misfit.folder.path().join("results/swept")).unwrap();
    misfit.write("results/swept/manifest.json", "{");
    for task in ["0", "2"] {
        misfit.ok(&["task", "results/swept-plan", "--index", task, "--fresh"]);
    }
    refused(&misfit.run(&["merge", "results/swept-plan"]), &["is not a manifest", "--fresh"]);
    misfit.ok(&["merge", "results/swept-plan", "--fresh"]);
}

#[test]
fn classes_texts_and_files_of_their_own_are_planned_and_merged_as_one_process_has_them() {
    let town = |nth: usize| {
        ["\"Riga, old\"", "Oslo", "\"\"\"Bern\"\"\"", "", "Rare"][if nth.is_multiple_of(29) { 4 } else { nth % 4 }]
    };
    let table = |from: usize, to: usize| {
        let row = |nth: usize| {
            format!(
                "{}\t{}\t{}\n",
                town(nth),
                nth * nth % 17,
                if nth.is_multiple_of(3) { "\"big, fine\"" } else { "small" }
            )
        };
        format!("town\tsize\tkind\n{}", (from..to).map(row).collect::<String>())
    };
    for (nth, (data, drops)) in [
        // Which texts are among the training rows differs from seed to seed.
        ("holdout = 0.5\nmissing = \"drop\"", true),
        ("test = { csv = \"test.csv\" }\nmissing = \"mean\"", false),
    ]
    .into_iter()
    .enumerate()
    {
        let misfit = made(&format!(
            "name = \"swept\"\nseeds = 5\n[data]\ntarget = {{ csv = \"rows.csv\", inputs = [\"*\"], class = \"kind\" }}\n{data}\n\
             [model]\nhidden = [4]\n[loss]\nkind = \"cross_entropy\"\n[train]\nsteps = 20\n[sweep]\n\"model.output\" = [\"identity\", \"softmax\"]\n"
        ));
        misfit.write("rows.csv", &table(0, 60));
        misfit.write("test.csv", &table(60, 80));
        misfit.ok(&["run", "swept.toml", "--out", "one"]);
        let planned = misfit.ok(&["plan", "swept.toml", "--tasks", "4"]);
        assert_eq!(
            planned.stderr().contains(" of 60 rows are left out because they miss a value"),
            drops,
            "{}",
            planned.stderr()
        );
        // Tasks and merge look at the plan's own copies.
        for file in ["swept.toml", "rows.csv", "test.csv"] {
            std::fs::remove_file(misfit.folder.path().join(file)).unwrap();
        }
        let copies = std::fs::read_dir(misfit.folder.path().join("results/swept-plan/data")).unwrap().count();
        assert_eq!(copies, 1 + nth);
        do_all(&misfit, [2, 0, 3, 1]);
        assert_eq!(misfit.ok(&["merge", "results/swept-plan"]).code(), 0);
        same(&misfit, "results/swept", "one");
        assert!(misfit.read("one/predictions.csv").contains("\"Riga, old\""));
        assert_eq!(misfit.ok(&["diff", "results/swept", "one"]).code(), 0);
        misfit.ok(&["report", "results/swept"]);
    }
}
