//! Whatever ends a run, nothing that had ended is lost, and what can be seen in the meantime is whole: kills, signals, a
//! terminal that closes, a full disk, a folder that cannot be written to any more or is not there any more.
#![cfg(feature = "train")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Misfit, parts, rows, signal, wait_for};
use rand::{RngExt, SeedableRng};

/// Many short runs, whose files are long enough that putting them together takes a while.
const EXPERIMENT: &str = r#"
name = "small"
seeds = 24
[data]
target = { polynomial = [0, 1, 1] }
inputs = { grid = { from = -1, to = 1, count = 64 } }
test = { grid = { from = -1, to = 1, count = 101 } }
[batch]
size = 16
draw = "fresh"
[model]
hidden = [12, 9]
[train]
steps = 2000
log_points = 200
[sweep]
"optimizer.learning_rate" = [1e-3, 1e-2, 1e-1, 1.0]
"#;

const RUN: [&str; 4] = ["run", "small.toml", "--out", "out"];
const FILES: [&str; 4] = ["runs.csv", "curves.csv", "predictions.csv", "health.csv"];

fn small() -> Misfit {
    let misfit = Misfit::new();
    misfit.write("small.toml", EXPERIMENT);
    misfit
}

fn quietly(misfit: &Misfit, args: &[&str]) -> Child {
    misfit.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("misfit starts")
}

/// A file's header, and the rows of each run by its variant and seed.
type ByRun = (String, BTreeMap<(String, String), String>);

fn by_run(text: &str) -> ByRun {
    let mut runs: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut lines = text.split_inclusive('\n');
    let header = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let mut fields = line.splitn(3, ',');
        let key = (fields.next().unwrap_or_default().to_owned(), fields.next().unwrap_or_default().to_owned());
        runs.entry(key).or_default().push_str(line);
    }
    (header, runs)
}

struct Undisturbed(BTreeMap<&'static str, ByRun>);

impl Undisturbed {
    fn of(misfit: &Misfit, folder: &str) -> Self {
        Undisturbed(FILES.iter().map(|name| (*name, by_run(&misfit.read(&format!("{folder}/{name}"))))).collect())
    }

    /// Every run that `runs.csv` names has all its rows in each file, and no file has anything else.
    fn holds_whole_runs(&self, misfit: &Misfit) {
        let mut named: Vec<(String, String)> = Vec::new();
        for name in FILES {
            let Ok(text) = fs::read_to_string(misfit.folder.path().join("out").join(name)) else {
                assert!(named.is_empty(), "{name} is not there, and runs.csv is");
                continue;
            };
            let (header, runs) = by_run(&text);
            let (whole_header, whole) = &self.0[name];
            assert_eq!(&header, whole_header);
            for (key, rows) in &runs {
                assert!(whole.get(key) == Some(rows), "{name}: {key:?} is not whole");
            }
            if name == "runs.csv" {
                named = runs.into_keys().collect();
            } else {
                assert!(named.iter().all(|key| runs.contains_key(key)), "{name} lacks a run of runs.csv");
            }
        }
    }
}

#[test]
fn killed_at_a_hundred_random_moments_it_shows_whole_runs_only_and_ends_with_the_undisturbed_bytes() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "whole"]);
    let whole = Undisturbed::of(&misfit, "whole");
    // How long it takes to find that nothing is to be done: loading libtorch, mostly.
    let idle = || {
        let started = Instant::now();
        misfit.ok(&["run", "small.toml", "--out", "whole"]);
        started.elapsed().as_millis() as u64
    };
    let mut start = idle();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(20);
    // All runs, or some: what others have left is gone on with.
    let some = ["--seeds=8", "--variant=baseline optimizer.learning_rate=0.1", "--threads=1"];
    let (mut with_csvs, mut cut_off) = (0, 0);
    for kill in 0..100 {
        // Now and then from the very beginning.
        if kill % 12 == 0 {
            let _ = fs::remove_dir_all(misfit.folder.path().join("out"));
            // What else the machine does may change.
            start = idle();
        }
        let more = random.random_range(0..2 * some.len());
        let args: Vec<&str> = RUN.into_iter().chain(some.get(more).copied()).collect();
        let mut child = misfit.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let moment = Duration::from_millis(random.random_range(0..2 * start));
        let started = Instant::now();
        while started.elapsed() < moment {
            // At every moment between, too.
            whole.holds_whole_runs(&misfit);
            std::thread::sleep(Duration::from_millis(40));
        }
        // Every third is asked to stop first, so that it is killed while it puts together what it has.
        if kill % 3 == 0 {
            signal(&child, ["-TERM", "-INT", "-HUP"][kill / 3 % 3]);
            std::thread::sleep(Duration::from_millis(random.random_range(0..start)));
        }
        let _ = child.kill();
        let ended = child.wait_with_output().unwrap();
        whole.holds_whole_runs(&misfit);
        let code = ended.status.code();
        // It is never refused what an earlier kill has left.
        assert!(
            [None, Some(0), Some(129), Some(130), Some(143)].contains(&code),
            "{code:?}: {}",
            String::from_utf8_lossy(&ended.stderr)
        );
        with_csvs += usize::from(misfit.has("out/runs.csv"));
        cut_off += usize::from(code.is_none());
        if code == Some(0) && more >= some.len() - 1 {
            assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
            fs::remove_dir_all(misfit.folder.path().join("out")).unwrap();
        }
    }
    assert!(cut_off > 50 && with_csvs > 5, "{cut_off} were killed, {with_csvs} left CSVs");
    misfit.ok(&RUN);
    for name in FILES {
        assert_eq!(misfit.read(&format!("out/{name}")), misfit.read(&format!("whole/{name}")));
    }
    let left = fs::read_dir(misfit.folder.path().join("out")).unwrap().count();
    assert_eq!(
        left,
        FILES.len() + 2,
        "beside the CSVs there are the manifest and the lock, and nothing that was not finished"
    );
}

#[test]
fn a_terminal_that_closes_ends_it_as_a_signal_does() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "whole", "train.steps=8000"]);
    let script = "
import os, pty, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
started = time.time()
parts = lambda: [n for n in os.listdir('out/.parts') if n.endswith('.part')] if os.path.isdir('out/.parts') else []
while not parts() and time.time() - started < 60:
    time.sleep(0.005)
os.close(terminal)
status = os.waitpid(child, 0)[1]
print(os.waitstatus_to_exitcode(status))
";
    if common::skip(Command::new("python3").arg("--version").output().is_err(), "there is no python3") {
        return;
    }
    let args = [&RUN[..], &["train.steps=8000"]].concat();
    let mut python = Command::new("python3");
    python.current_dir(misfit.folder.path()).args(["-c", script, env!("CARGO_BIN_EXE_misfit")]).args(&args);
    let out = python.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "129", "{}", String::from_utf8_lossy(&out.stderr));
    let kept = rows(&misfit.csvs("out")[1]).len();
    assert!(kept > 0, "what had ended is in the CSVs");
    let again = misfit.ok(&args);
    assert!(again.stderr().contains(&format!("{kept} of 96 runs are in out already")), "{}", again.stderr());
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
}

#[test]
fn a_second_interrupt_does_not_wait_for_the_step_that_the_first_one_waits_for() {
    let misfit = Misfit::new();
    // A step of this takes seconds on any processor.
    let text = EXPERIMENT
        .replace("count = 64", "count = 30000")
        .replace("size = 16\ndraw = \"fresh\"", "")
        .replace("hidden = [12, 9]", "hidden = [1024, 1024]\nactivation = \"tanh\"");
    misfit.write("small.toml", &text);
    let args = [&RUN[..], &["--threads", "1", "--seeds", "1", "data.test=\"train\""]].concat();
    let mut child = misfit.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let busy = |child: &Child| {
        let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        let fields: Vec<u64> = text.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        // Processor time in user mode, in hundredths of a second.
        fields.get(13).is_some_and(|ticks| *ticks > 150)
    };
    wait_for("the first step", || busy(&child));
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(100));
    assert!(child.try_wait().unwrap().is_none(), "one interrupt waits for the step");
    signal(&child, "-INT");
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130));
    assert!(!String::from_utf8_lossy(&out.stderr).contains("interrupted:"), "nothing was put together any more");
}

#[test]
fn two_folders_are_written_at_once_and_do_not_disturb_each_other() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "whole"]);
    let mut both = ["a", "b"].map(|out| quietly(&misfit, &["run", "small.toml", "--out", out]));
    assert!(both.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(misfit.csvs("a"), misfit.csvs("whole"));
    assert_eq!(misfit.csvs("b"), misfit.csvs("whole"));
}

/// Runs a script in a mount namespace of its own, where it may mount; nothing if that is not allowed here.
fn with_mounts(misfit: &Misfit, script: &str) -> Option<String> {
    let unshare = |script: &str| {
        let own = ["--mount", "--map-root-user"];
        let mut command = Command::new("unshare");
        command.args(&own[..if is_root() { 1 } else { 2 }]).args(["bash", "-c", script]);
        command.current_dir(misfit.folder.path()).env("misfit", env!("CARGO_BIN_EXE_misfit")).output()
    };
    let allowed = unshare("mkdir -p probe && mount -t tmpfs none probe").is_ok_and(|out| out.status.success());
    if common::skip(!allowed, "no folder of limited size can be mounted here (unshare and mount)") {
        return None;
    }
    let out = unshare(script).expect("unshare runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{text}");
    Some(text)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == 0)
}

#[test]
fn a_full_disk_is_named_what_had_ended_is_kept_and_the_same_command_goes_on_once_there_is_room() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "whole"]);
    let bytes: u64 = FILES.iter().map(|name| misfit.read(&format!("whole/{name}")).len() as u64).sum();
    // Room for some of the parts, then for those but not for the CSVs, then for all.
    let script = "
mkdir out && mount -t tmpfs -o size=SOME none out
$misfit run small.toml --out out >said 2>&1; echo code $?; cat said
ls out/.parts | grep -c part$
mount -o remount,size=PARTS out
$misfit run small.toml --out out >said 2>&1; echo code $?; cat said
mount -o remount,size=ALL out
$misfit run small.toml --out out >said 2>&1; echo code $?; cat said
mkdir copy && cp out/*.csv copy
"
    .replace("SOME", &(bytes / 6).to_string())
    .replace("PARTS", &(bytes * 3 / 2).to_string())
    .replace("ALL", &(bytes * 3).to_string());
    let Some(said) = with_mounts(&misfit, &script) else { return };
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "code 2", "{said}");
    assert!(
        lines[1].ends_with("No space left on device (os error 28)")
            && lines[1].contains("runs are kept in out, the same command goes on from there: out/.parts/"),
        "{said}"
    );
    let parts: usize = lines[2].parse().unwrap();
    assert!(parts > 0, "{said}");
    let again = lines.iter().filter(|line| line.contains("of 96 runs are in out already")).count();
    assert_eq!(again, 2, "{said}");
    assert_eq!(lines.iter().filter(|line| **line == "code 0").count(), 1, "{said}");
    assert!(said.contains(".csv: cannot be written: No space left on device"), "{said}");
    assert_eq!(misfit.csvs("copy"), misfit.csvs("whole"));
}

#[test]
fn however_early_the_disk_is_full_or_a_file_too_large_the_same_command_goes_on_later() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "whole", "--seeds", "2"]);
    // Room for not even a lock, for that and no manifest, for those and no part, and so on, in pages.
    let script = "
run() { $misfit run small.toml --out out --seeds 2; }
for pages in 1 2 3 4 5 6 8 10 14 20 40; do
  mkdir -p out && mount -t tmpfs -o size=$((4 * pages))k none out
  run >said 2>&1 && echo enough || { echo code $?; tail -n 1 said; }
  mount -o remount,size=100m out
  run >said 2>&1 || { echo then code $?; cat said; }
  cmp out/curves.csv whole/curves.csv && cmp out/runs.csv whole/runs.csv && echo whole
  umount out
done
";
    let Some(said) = with_mounts(&misfit, script) else { return };
    let count = |text: &str| said.lines().filter(|line| *line == text).count();
    assert_eq!((count("whole"), count("code 2") + count("enough")), (11, 11), "{said}");
    assert!(count("code 2") > 5, "{said}");
    for line in said.lines().filter(|line| line.starts_with("misfit: ")) {
        assert!(line.contains("out") && line.contains("No space left on device"), "{line}");
    }
    // The same of a limit that the shell sets, which a process that takes no notice dies of.
    let script = format!("ulimit -f 40; exec {} run small.toml --out limited", env!("CARGO_BIN_EXE_misfit"));
    let out = Command::new("bash").args(["-c", &script]).current_dir(misfit.folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(text.contains("limited/") && text.contains("File too large"), "{text}");
    misfit.ok(&["run", "small.toml", "--out", "limited", "--seeds", "2"]);
    assert!(misfit.read("limited/curves.csv").len() >= misfit.read("whole/curves.csv").len());
}

#[test]
fn a_folder_that_turns_read_only_is_named_and_gone_on_with_once_it_is_not() {
    let misfit = small();
    let args = [&RUN[..], &["train.steps=8000"]].concat();
    misfit.ok(&["run", "small.toml", "--out", "whole", "train.steps=8000"]);
    // Whoever is root may write to any folder, unless that right is taken from it.
    let mut command = Command::new(if is_root() { "setpriv" } else { env!("CARGO_BIN_EXE_misfit") });
    if is_root() {
        command.args(["--bounding-set=-all", env!("CARGO_BIN_EXE_misfit")]);
    }
    command.args(&args).current_dir(misfit.folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    let Ok(child) = command.spawn() else {
        common::skip(true, "there is no setpriv");
        return;
    };
    wait_for("a stack's end", || parts(&misfit) > 0);
    let folders = ["out", "out/.parts"].map(|name| misfit.folder.path().join(name));
    let mode = |mode: u32| {
        folders.iter().for_each(|path| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap());
    };
    mode(0o555);
    let out = child.wait_with_output().unwrap();
    mode(0o755);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(
        said.contains("kept in out, the same command goes on from there: out/.parts/")
            && said.ends_with(".part: cannot be written: Permission denied (os error 13)\n"),
        "{said}"
    );
    let again = misfit.ok(&args);
    assert!(again.stderr().contains("of 96 runs are in out already"), "{}", again.stderr());
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
}

#[test]
fn a_folder_that_is_removed_under_it_is_named_and_one_that_takes_its_place_is_not_written_to() {
    let misfit = small();
    let args = [&RUN[..], &["train.steps=8000"]].concat();
    for replaced in [false, true] {
        let child = misfit.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("a stack's end", || parts(&misfit) > 0);
        let [out, moved] =
            ["out", if replaced { "moved" } else { "removed" }].map(|name| misfit.folder.path().join(name));
        // In one step: what is removed file by file may be written to in between.
        fs::rename(&out, &moved).unwrap();
        if replaced {
            fs::create_dir_all(out.join(".parts")).unwrap();
            fs::write(out.join(".lock"), "").unwrap();
        }
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains("out: was removed or replaced while it was written"), "{said}");
        if replaced {
            let there: Vec<_> = walk(&out);
            assert_eq!(there, [out.join(".lock")], "the folder in its place is as it was");
            fs::remove_dir_all(&out).unwrap();
        }
        assert!(!out.exists());
    }
    misfit.ok(&["run", "small.toml", "--out", "out"]);
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn with_too_few_open_files_allowed_it_says_so_and_loses_nothing() {
    let misfit = small();
    misfit.ok(&["run", "small.toml", "--out", "whole"]);
    let mut named = 0;
    for limit in 3..24 {
        let script = format!("ulimit -n {limit}; exec {} run small.toml --out out", env!("CARGO_BIN_EXE_misfit"));
        let out = Command::new("bash").args(["-c", &script]).current_dir(misfit.folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        match out.status.code() {
            Some(0) => {}
            Some(2) => {
                named += 1;
                let last = said.lines().last().unwrap_or_default();
                assert!(
                    last.starts_with("misfit: ") && last.ends_with("Too many open files (os error 24)"),
                    "{limit}: {said}"
                );
            }
            // The program is not even loaded.
            Some(127) => assert!(said.contains("cannot open shared object file"), "{limit}: {said}"),
            other => panic!("{limit}: ended with {other:?}: {said}"),
        }
    }
    assert!(named > 0, "some limit was met while it ran");
    misfit.ok(&RUN);
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
}
