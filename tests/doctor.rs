//! `misfit doctor` tries what misfit needs, and says what does not work with its cure.

mod common;

use common::Misfit;

/// The line about one thing: its state and what is said of it.
fn line(text: &str, what: &str) -> (String, String) {
    let line = text.lines().find(|line| line.split_whitespace().nth(1) == Some(what));
    let line = line.unwrap_or_else(|| panic!("{what} in {text}"));
    let (state, rest) = line.split_once(what).expect("found");
    (state.trim().to_owned(), rest.trim().to_owned())
}

#[test]
fn what_is_needed_works_here_and_is_said_line_by_line() {
    let misfit = Misfit::new();
    let ran = misfit.ok(&["doctor"]);
    let text = ran.stdout();
    assert_eq!(line(&text, "misfit").0, "ok");
    let (state, says) = line(&text, "folder");
    let here = misfit.folder.path().canonicalize().unwrap();
    assert_eq!((state.as_str(), says.starts_with(&here.display().to_string())), ("ok", true), "{says}");
    assert_eq!(std::fs::read_dir(here).unwrap().count(), 0, "nothing is left behind");
    let (state, says) = line(&text, "libtorch");
    if cfg!(feature = "train") {
        assert_eq!((state.as_str(), says.starts_with("2.11.0")), ("ok", true), "{says}");
        if cfg!(target_os = "linux") {
            // Where it is, and whether it has CUDA.
            let found = says.split_once(" CUDA in ").and_then(|(_, rest)| rest.split_once(": "));
            let folder = std::path::Path::new(found.unwrap_or_else(|| panic!("{says}")).0);
            assert!(folder.join("libtorch_cpu.so").exists(), "{says}");
            let without = says.contains(" without CUDA ");
            assert_eq!(folder.join("libtorch_cuda.so").exists(), !without && says.contains(" with CUDA "), "{says}");
        }
        assert_eq!(line(&text, "processor").0, "ok");
    } else {
        assert_eq!((state.as_str(), says.contains("cargo build")), ("–", true), "{says}");
    }
}

#[test]
fn a_gpu_that_is_asked_for_and_is_not_there_fails_with_its_cure() {
    let misfit = Misfit::new();
    let without = misfit.ok(&["doctor"]).stdout();
    let ran = misfit.run(&["doctor", "--device", "cuda"]);
    if cfg!(feature = "train") && line(&without, "CUDA").0 == "ok" {
        assert_eq!(ran.code(), 0, "{}", ran.stdout());
        return;
    }
    assert_eq!(ran.code(), 1);
    let failed: Vec<String> = ran.stdout().lines().filter(|line| line.starts_with("FAIL")).map(str::to_owned).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    let cure = if cfg!(feature = "train") { "set LD_LIBRARY_PATH" } else { "build it with libtorch" };
    assert!(failed[0].contains(cure), "{failed:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to_fails_with_its_cure() {
    let misfit = Misfit::new();
    let mut command = misfit.command(&["doctor"]);
    // Nobody may make a file there, not even root.
    let ran = common::Ran(command.current_dir("/proc/self").output().expect("misfit starts"));
    assert_eq!(ran.code(), 1);
    let (state, says) = line(&ran.stdout(), "folder");
    assert_eq!(
        (state.as_str(), says.contains("go to a folder of your own, or name one with --out")),
        ("FAIL", true),
        "{says}"
    );
}

#[cfg(feature = "train")]
#[test]
fn what_is_no_device_is_a_usage_error() {
    let ran = Misfit::new().run(&["doctor", "--device", "gpu"]);
    assert_eq!((ran.code(), ran.stdout().as_str()), (2, ""));
    assert_eq!(ran.stderr(), "misfit: --device: unknown device \"gpu\", accepted: cpu, cuda or cuda:N\n");
}
