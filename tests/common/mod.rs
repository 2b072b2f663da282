//! What several tests share.
#![allow(dead_code)] // Each test binary uses a part of it.

#[cfg(feature = "train")]
pub mod engines;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use misfit::experiment::{Experiment, config::Config};

/// The configuration of an experiment's only variant.
pub fn config(text: &str) -> Config {
    let experiment = Experiment::parse(text, "test.toml", &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    experiment.variants[0].config.clone()
}

#[cfg(feature = "train")]
pub fn lane(config: &Config, seed: u64) -> misfit::train::engine::Lane {
    use misfit::data::{Files, RunData};
    let files = Files::read([config].into_iter()).expect("the test's files can be read");
    let data = RunData::new(config, seed, &files).expect("the test's data are sound");
    misfit::train::engine::Lane { config: config.clone(), seed, data: std::sync::Arc::new(data) }
}

/// What a run writes.
pub const FILES: [&str; 4] = ["curves.csv", "runs.csv", "predictions.csv", "health.csv"];

/// The built command, in a folder of its own.
pub struct Misfit {
    pub folder: tempfile::TempDir,
}

impl Misfit {
    pub fn new() -> Self {
        Misfit { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_misfit"));
        command.current_dir(self.folder.path()).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran(self.command(args).output().expect("misfit starts"))
    }

    /// Runs it, and it must end well.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code(), 0, "{args:?}: {}", ran.stderr());
        ran
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    /// The three run files of a results folder.
    pub fn csvs(&self, folder: &str) -> [String; 3] {
        ["curves.csv", "runs.csv", "predictions.csv"].map(|name| self.read(&format!("{folder}/{name}")))
    }
}

/// Waits until something is so.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !done() {
        assert!(started.elapsed() < std::time::Duration::from_secs(120), "{what}: not within two minutes");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Stacks of the folder `out` that have ended and are not put together yet.
pub fn parts(misfit: &Misfit) -> usize {
    let path = misfit.folder.path().join("out/.parts");
    std::fs::read_dir(path).map_or(0, |entries| {
        entries.filter(|e| e.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|x| x == "part"))).count()
    })
}

pub fn signal(child: &std::process::Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

pub struct Ran(pub Output);

impl Ran {
    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

/// A CSV's rows by column name.
pub fn rows(text: &str) -> Vec<std::collections::HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

/// Whether a part that a test needs is missing: then the test ends here, with a word why. In CI that is a failure.
pub fn skip(missing: bool, why: &str) -> bool {
    if missing {
        assert!(std::env::var_os("CI").is_none(), "skipped in CI: {why}");
        // Past the capture of a test's output, which shows nothing of one that ends well.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    }
    missing
}

/// Python with the package misfit, calling the program of this build, and those of tests/requirements.txt, which `scripts/test`
/// installs.
pub fn python() -> Option<Command> {
    python_with(&[".python"], "pandas and polars are not installed: run scripts/test with a network")
}

/// The same with the pandas of tests/requirements-pandas3.txt.
pub fn python_with_pandas_3() -> Option<Command> {
    python_with(&[".python-pandas3", ".python"], "pandas 3 is not installed: run scripts/test with a network")
}

/// Python with the frameworks of tests/requirements-frameworks.txt.
pub fn python_with_frameworks() -> Option<Command> {
    let why = "Keras and Flax are not installed: run scripts/test with a network";
    python_with(&[".python-frameworks", ".python"], why)
}

/// Python with Keras and with TensorBoard, of tests/requirements-tensorboard.txt.
pub fn python_with_tensorboard() -> Option<Command> {
    let why = "TensorBoard and Keras are not installed: run scripts/test with a network";
    python_with(&[".python-tensorboard", ".python-frameworks", ".python"], why)
}

/// Python with PyTorch, scikit-learn and marimo, and with the frameworks beside them.
pub fn python_with_torch() -> Option<Command> {
    let why = "PyTorch is not installed: run scripts/python-packages --torch with a network, which takes 5 GB";
    python_with(&[".python-frameworks", ".python-torch", ".python"], why)
}

/// Python with the package misfit and these sets of packages, the first one first.
fn python_with(sets: &[&str], why: &str) -> Option<Command> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    let there = sets.iter().all(|set| root.join(set).join("requirements.txt").exists());
    let there = there && Command::new("python3").arg("--version").output().is_ok();
    let folders = ["src/python"].iter().chain(sets).map(|folder| root.join(folder));
    command.env("PYTHONPATH", std::env::join_paths(folders).expect("a path without a colon"));
    command.env("MISFIT", env!("CARGO_BIN_EXE_misfit")).env("PYTHONDONTWRITEBYTECODE", "1");
    (!skip(!there, why)).then_some(command)
}

/// Python that opens pages in a headless Chromium: tests/browser.py, which is told on stdin what to look at.
pub fn browser() -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let both = ["chromium", "chromium-browser", "google-chrome"].into_iter().any(there) && there("chromedriver");
    if skip(!both, "there is no Chromium with chromedriver: install them (apt install chromium chromium-driver)") {
        return None;
    }
    let mut python = python()?;
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser.py"));
    Some(python)
}

/// A sigmoid that cannot reach its targets, with a fix that is needed, one that does next to nothing and one that hurts.
pub const SIGMOID: &str = r#"
title = "A sigmoid asked for targets up to 4"
seeds = 3

[data]
target = { polynomial = [0, 0, 1] }
inputs = { grid = { from = -2, to = 2, count = 60 } }

[batch]
size = 20
draw = "epoch"

[model]
hidden = [16]
output = "sigmoid"

[optimizer]
learning_rate = 1e-2

[train]
steps = 600

[fix.linear]
why = "targets up to 4"
set = { model.output = "identity" }

[fix.red-herring]
why = "perhaps it wants more memory"
set = { optimizer.betas = [0.9, 0.9999] }

[fix.hot]
why = "faster"
set = { optimizer = { kind = "sgd", learning_rate = 10.0 } }
"#;
