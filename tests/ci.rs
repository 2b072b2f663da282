//! The action of docs/continuous-integration.md does what the page says: its lines run as they stand there.

mod common;

use std::path::Path;
use std::process::Command;

use common::{Misfit, skip};

/// The lines under the action's `run: |`.
fn lines() -> String {
    let page = include_str!("../docs/continuous-integration.md");
    let action = page.split("```yaml").nth(1).expect("the action").split("```").next().expect("its end");
    let script = action.split("run: |\n").nth(1).expect("its lines");
    script.lines().map(|line| line.strip_prefix("        ").unwrap_or(line).to_owned() + "\n").collect()
}

#[test]
fn the_pull_request_gets_a_comment_with_what_differs_from_the_base_branch() {
    let misfit = Misfit::new();
    if skip(Command::new("git").arg("--version").output().is_err(), "git is not there") {
        return;
    }
    let at = |name: &str| misfit.folder.path().join(name);
    let shell = |folder: &Path, script: &str, results: &str| {
        let bin = Path::new(env!("CARGO_BIN_EXE_misfit")).parent().unwrap().display().to_string();
        let path = format!("{}:{bin}:{}", at("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut bash = Command::new("bash");
        bash.args(["-eo", "pipefail", "-c", script]).current_dir(folder).env("PATH", path);
        let out = bash.env("RUNNER_TEMP", at("temp")).env("GITHUB_BASE_REF", "main").env("PULL_REQUEST", "7");
        let out = out.env("RESULTS", results).env("OPTIONS", "--changed --within-noise").env("HOME", at("home"));
        out.output().expect("bash starts")
    };
    for folder in ["bin", "temp", "home", "origin"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    let gh = "#!/bin/sh\nprintf '%s\\n' \"$*\" > \"$RUNNER_TEMP/called\"\nfor last; do :; done\ncp \"$last\" \"$RUNNER_TEMP/said\"\n";
    misfit.write("bin/gh", gh);
    let rows = |shift: f64| {
        let rows = (0..6).map(|seed| format!("v,{seed},{:?}\n", f64::from(seed) + shift));
        format!("variant,seed,test_rmse\n{}", rows.collect::<String>())
    };
    misfit.write("runs.csv", &rows(0.0));
    let set_up = "chmod +x ../bin/gh; git init -q -b main; mkdir r; cp ../runs.csv r/; git add r; \
                  git -c user.name=a -c user.email=a@b commit -qm a; git clone -q . ../work";
    assert!(shell(&at("origin"), set_up, "").status.success());
    for (shift, says, good) in [(0.0, "The same within the noise", true), (50.0, "Beyond noise: test\\_rmse", true)] {
        misfit.write("work/r/runs.csv", &rows(shift));
        let out = shell(&at("work"), &lines(), "r");
        assert_eq!(out.status.success(), good, "{}", String::from_utf8_lossy(&out.stderr));
        assert!(misfit.read("temp/called").starts_with("pr comment 7 --edit-last --create-if-none"));
        assert!(misfit.read("temp/said").contains(says), "{}", misfit.read("temp/said"));
        assert!(shell(&at("work"), "git worktree remove --force \"$RUNNER_TEMP/base\"", "").status.success());
    }
    let out = shell(&at("work"), &lines(), "nowhere");
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("there is no such"));
}
