//! Calls on files that fail, the last that a process makes, and what a power cut leaves of them: a part of what `scripts/faults`
//! goes through, another one each day.
#![cfg(feature = "train")]

mod common;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

/// `scripts/faults.py` with a program; nothing where it cannot run here.
fn faults(program: &Path, args: &[&str]) -> Option<Output> {
    let needed = ["cc", "python3"];
    let missing = needed.into_iter().find(|name| Command::new(name).arg("--version").output().is_err());
    if common::skip(missing.is_some(), &format!("there is no {}", missing.unwrap_or_default())) {
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/faults.py");
    Some(Command::new("python3").arg(script).arg(program).args(args).output().expect("python3 runs"))
}

#[test]
fn whichever_call_on_a_file_fails_or_is_the_last_before_a_kill_or_a_power_cut_nothing_is_lost_and_no_fault_unnamed() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a moment after 1970");
    let day = (now.as_secs() / 86400).to_string();
    let program = Path::new(env!("CARGO_BIN_EXE_misfit"));
    let Some(out) = faults(program, &["--every", "53", "--offset", &day]) else { return };
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "--every 53 --offset {day}:\n{said}{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("\ninit: ") && said.ends_with("\n0 failed\n"), "{said}");
}

#[test]
fn a_program_that_writes_in_place_and_does_not_sync_is_found_out() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let careless = folder.path().join("careless");
    // Trains as misfit does; its init opens a file and writes into it.
    let script = format!(
        "#!/bin/bash\n[[ $1 == init ]] || exec {} \"$@\"\n{{ echo one; sleep 0; echo two; }} >\"$2\"\n",
        env!("CARGO_BIN_EXE_misfit")
    );
    std::fs::write(&careless, script).unwrap();
    std::fs::set_permissions(&careless, std::fs::Permissions::from_mode(0o755)).unwrap();
    let Some(out) = faults(&careless, &["--only", "init"]) else { return };
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&out.stderr));
    for fault in [
        "create mine.toml EMFILE: code 1",
        "create mine.toml kill: mine.toml is half-written",
        "after its end: nothing kept loses mine.toml: is not durable",
    ] {
        assert!(said.contains(fault), "{fault}: {said}");
    }
}
