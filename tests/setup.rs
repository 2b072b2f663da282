//! The set-up scripts: what is missing is named, and a download is checked, resumed and never repeated.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs `scripts/run` where only these programs are there, each the system's own or a stand-in that fails.
fn run_with(programs: &[&str], broken: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    for name in programs {
        let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().expect("sh").stdout;
        symlink(String::from_utf8_lossy(&found).trim(), folder.path().join(name)).expect("linked");
    }
    for name in broken {
        let path = folder.path().join(name);
        std::fs::write(&path, "#!/bin/bash\nexit 1\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }
    Command::new("/bin/bash")
        .arg(Path::new(ROOT).join("scripts/run"))
        .args(["run", "--dry-run"])
        .env_clear()
        .env("PATH", folder.path())
        .output()
        .expect("bash starts")
}

#[test]
fn a_missing_tool_is_named_in_one_line_with_what_to_install() {
    const SYSTEM: [&str; 6] = ["bash", "dirname", "uname", "df", "awk", "env"];
    for (programs, broken, says) in [
        (&[][..], &[][..], "setup: no cargo: install a Rust toolchain (rustup.rs) of 1.89 or newer\n"),
        (&["cargo"], &[], "setup: no C++ compiler: install one (apt install g++, dnf install gcc-c++)\n"),
        (
            &["cargo", "c++"],
            &[],
            "setup: no python3: install it (apt install python3 python3-pip), or set LIBTORCH to a libtorch 2.11.0\n",
        ),
        (
            &["cargo", "c++"],
            &["python3"],
            "setup: no pip: install it (apt install python3-pip), or set LIBTORCH to a libtorch 2.11.0\n",
        ),
    ] {
        let out = run_with(&[&SYSTEM[..], programs].concat(), broken);
        assert_eq!(String::from_utf8_lossy(&out.stderr), says);
        assert_eq!(out.status.code(), Some(2));
    }
}

/// What `scripts/run` says and how it ends on a machine whose `uname` answers so; python3 only tells what it is given.
fn run_on(system: &str, machine: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let uname = format!("#!/bin/bash\n[[ $1 == -s ]] && echo {system} || echo {machine}\n");
    let python = "#!/bin/bash\n[[ $1 == -m ]] && exit 0\necho \"${@:2}\" >&2\nexit 7\n";
    for (name, script) in [("uname", uname.as_str()), ("python3", python), ("cargo", ""), ("c++", "")] {
        let path = folder.path().join(name);
        std::fs::write(&path, script).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let dirname = Command::new("sh").args(["-c", "command -v dirname"]).output().expect("sh").stdout;
    symlink(String::from_utf8_lossy(&dirname).trim(), folder.path().join("dirname")).expect("linked");
    let mut command = Command::new("/bin/bash");
    command.arg(Path::new(ROOT).join("scripts/run")).env_clear().env("PATH", folder.path());
    let out = command.output().expect("bash starts");
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn libtorch_is_fetched_for_the_processor_of_this_machine_or_its_owner_is_asked_for_one() {
    for machine in ["x86_64", "aarch64"] {
        assert_eq!(run_on("Linux", machine), (Some(7), format!("{ROOT}/.libtorch {machine}\n")));
    }
    for (system, machine) in [("Linux", "riscv64"), ("Darwin", "arm64"), ("FreeBSD", "x86_64")] {
        let says = format!(
            "setup: libtorch is only fetched for Linux on x86-64 and aarch64: on {system} {machine} set LIBTORCH or \
             LIBTORCH_USE_PYTORCH (see docs/install.md)\n"
        );
        assert_eq!(run_on(system, machine), (Some(2), says));
    }
}

#[test]
fn a_libtorch_of_the_users_own_is_not_replaced() {
    for variable in ["LIBTORCH", "LIBTORCH_USE_PYTORCH"] {
        let folder = tempfile::tempdir().expect("a folder");
        // Nothing but a cargo that tells what it was given: python3 would be missed if it were asked for.
        std::fs::write(
            folder.path().join("cargo"),
            "#!/bin/bash\necho \"$LIBTORCH$LIBTORCH_USE_PYTORCH\" >&2\nexit 7\n",
        )
        .expect("written");
        std::fs::write(folder.path().join("c++"), "#!/bin/bash\n").expect("written");
        for name in ["cargo", "c++"] {
            std::fs::set_permissions(folder.path().join(name), std::fs::Permissions::from_mode(0o755))
                .expect("executable");
        }
        for name in ["bash", "dirname", "uname", "df", "awk"] {
            let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().expect("sh").stdout;
            symlink(String::from_utf8_lossy(&found).trim(), folder.path().join(name)).expect("linked");
        }
        let mut command = Command::new("/bin/bash");
        command.arg(Path::new(ROOT).join("scripts/run")).env_clear().env("PATH", folder.path()).env(variable, "mine");
        let out = command.output().expect("bash starts");
        assert_eq!(
            (out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()),
            (Some(7), "mine\n"),
            "{variable}"
        );
    }
}

/// An index on loopback with three small wheels, one of them cut off at the first request, checked by a script in the
/// language of what it tests.
#[test]
fn a_download_is_resumed_checked_and_not_repeated() {
    let script = Path::new(ROOT).join("tests/fetch_libtorch.py");
    let out = Command::new("python3").arg(script).arg(Path::new(ROOT).join("scripts/fetch-libtorch")).output();
    let out = out.expect("python3 starts");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}
