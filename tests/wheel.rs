//! The wheel: in a fresh environment with no Rust it reads, with torch it trains, and with another torch or none it says so.
#![cfg(all(feature = "train", target_os = "linux"))]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Ran, skip};

/// In the language of what it tests, by tests/python/test_wheel.py.
#[test]
fn in_a_fresh_environment_the_wheel_reads_alone_and_trains_on_the_libtorch_of_the_package_torch() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/test_wheel.py");
    let mut python = Command::new("python3");
    python.arg(script).env("MISFIT", env!("CARGO_BIN_EXE_misfit")).env_remove("PYTHONPATH");
    let ran = Ran(python.output().expect("python3 starts"));
    let said = ran.stderr();
    assert_eq!(ran.code(), 0, "{}{said}", ran.stdout());
    skip(said.contains("skipped"), said.lines().find(|line| line.contains("skipped")).unwrap_or_default());
}
