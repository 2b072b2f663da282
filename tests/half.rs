//! The program reads experiments and results with no libtorch in sight; what trains is a library that it opens, and where that
//! cannot be, one line says what to do.
#![cfg(all(feature = "train", target_os = "linux"))]

mod common;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{FILES, Misfit, Ran, skip};

const LIBRARY: &str = "libmisfit.so";
const SMALL: &str = "seeds = 2\n[data]\ntarget = { polynomial = [0, 1, 1] }\ninputs = { grid = { from = -1, to = 1, count = 20 } }\n[train]\nsteps = 20\n";
/// Both engines, so that libtorch computes something too.
const ENGINES: [&str; 2] = ["fused", "torch"];

/// The built program.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_misfit"))
}

/// The library that was built with it, where cargo has it.
fn library() -> PathBuf {
    program().with_file_name("deps").join(LIBRARY)
}

/// What a tool prints of a file; `None` where the tool is not installed.
fn read_elf(option: &str, file: &Path) -> Option<String> {
    let ran = Command::new("readelf").arg(option).arg("--wide").arg(file).output();
    if skip(ran.is_err(), "there is no readelf: install it (apt install binutils)") {
        return None;
    }
    let ran = Ran(ran.expect("it was there"));
    assert_eq!(ran.code(), 0, "{}", ran.stderr());
    Some(ran.stdout())
}

/// Where the library that trains looks for libtorch, in this order.
fn run_path() -> Option<Vec<String>> {
    let dynamic = read_elf("--dynamic", &library())?;
    let runpath =
        dynamic.lines().find(|line| line.contains("RUNPATH") || line.contains("RPATH")).expect("a search path");
    let places = runpath.split(['[', ']']).nth(1).expect("in brackets");
    Some(places.split(':').map(str::to_owned).collect())
}

/// libtorch's folder of libraries, as the library that trains looks for it last.
fn libtorch() -> Option<PathBuf> {
    Some(PathBuf::from(run_path()?.pop().expect("a place")))
}

/// Copies a file of the build as it is when that folder, which it looks into, is gone: the name in it is of nothing.
fn copy_as_if_gone(from: &Path, to: &Path, folder: &Path) {
    let name = folder.as_os_str().as_bytes();
    let mut bytes = fs::read(from).expect("read");
    let places: Vec<usize> = (0..bytes.len() - name.len()).filter(|&at| bytes[at..].starts_with(name)).collect();
    assert!(!places.is_empty(), "{} does not look into {}", from.display(), folder.display());
    places.iter().for_each(|&at| bytes[at + 1..at + name.len()].fill(b'-'));
    fs::copy(from, to).expect("copied");
    fs::write(to, bytes).expect("written");
}

/// A folder with the program in `bin`, and what else is asked for: by its path in the folder, and what lies there. The
/// program's own build is nowhere.
fn moved(others: &[(&str, &Path)]) -> Misfit {
    let misfit = Misfit::new();
    let at = |name: &str| misfit.folder.path().join(name);
    fs::create_dir(at("bin")).expect("made");
    copy_as_if_gone(program(), &at("bin/misfit"), &program().with_file_name("deps"));
    for (name, from) in others {
        fs::create_dir_all(at(name).parent().expect("a folder")).expect("made");
        if from.is_dir() {
            symlink(from, at(name)).expect("linked");
        } else {
            fs::copy(from, at(name)).expect("copied");
        }
    }
    misfit.write("small.toml", SMALL);
    misfit
}

/// Runs the moved program.
fn run(misfit: &Misfit, args: &[&str]) -> Ran {
    let mut command = Command::new(misfit.folder.path().join("bin/misfit"));
    Ran(command.current_dir(misfit.folder.path()).env_remove("LD_LIBRARY_PATH").args(args).output().expect("it starts"))
}

/// That it ends with code 2 and one line, which has all of `words`.
fn refused(ran: &Ran, words: &[&str]) {
    let said = ran.stderr();
    assert_eq!((ran.code(), ran.stdout().as_str(), said.lines().count()), (2, "", 1), "{said}");
    assert!(said.starts_with("misfit: cannot train: ") && words.iter().all(|word| said.contains(word)), "{said}");
}

#[test]
fn the_loader_needs_nothing_of_libtorch_for_the_program_and_something_for_the_library() {
    let needed = |file: &Path| -> Option<Vec<String>> {
        let dynamic = read_elf("--dynamic", file)?;
        Some(dynamic.lines().filter(|line| line.contains("(NEEDED)")).map(str::to_owned).collect())
    };
    let of_libtorch = |line: &String| ["torch", "c10", "gomp", "stdc++"].iter().any(|name| line.contains(name));
    let Some(program) = needed(program()) else { return };
    assert!(program.iter().any(|line| line.contains("libc.so")), "{program:?}");
    assert!(!program.iter().any(of_libtorch), "{program:?}");
    assert!(needed(&library()).is_some_and(|library| library.iter().any(of_libtorch)));
}

#[test]
fn what_reads_works_where_the_program_lies_alone() {
    let misfit = moved(&[]);
    let trained = Misfit::new();
    trained.write("small.toml", SMALL);
    let there = misfit.folder.path().join("a").display().to_string();
    trained.ok(&["run", "small.toml", "--out", &there]);
    for args in [
        ["--help"].as_slice(),
        &["--version"],
        &["run", "--help"],
        &["init", "mine.toml"],
        &["run", "small.toml", "--dry-run"],
        &["diff", "a", "a"],
        &["report", "a"],
        &["completions", "bash"],
        &["man"],
        &["rule", "raw-inputs"],
    ] {
        let ran = run(&misfit, args);
        assert_eq!(ran.code(), 0, "{args:?}: {}", ran.stderr());
    }
    // What is wrong with an experiment is said before anything is looked for.
    misfit.write("wrong.toml", "sedes = 3\n");
    for command in ["run", "diagnose", "plan"] {
        let ran = run(&misfit, &[command, "wrong.toml"]);
        assert_eq!((ran.code(), ran.stderr().contains("sedes")), (2, true), "{command}: {}", ran.stderr());
    }
}

#[test]
fn where_the_library_is_missing_what_trains_says_where_it_was_looked_for_and_what_to_do() {
    let misfit = moved(&[]);
    let beside = misfit.folder.path().canonicalize().unwrap().join("bin").join(LIBRARY).display().to_string();
    for args in [["run", "small.toml"], ["diagnose", "small.toml"], ["plan", "small.toml"]] {
        refused(&run(&misfit, &args), &[&beside, "../lib/misfit/libmisfit.so", "copy it there"]);
    }
    assert!(!misfit.has("results"));
    let ran = run(&misfit, &["doctor"]);
    let failed =
        ran.stdout().lines().filter(|line| line.starts_with("FAIL  libtorch  ") && line.contains(&beside)).count();
    assert_eq!((ran.code(), failed), (1, 1), "{}", ran.stdout());
}

#[test]
fn installed_without_its_library_the_program_trains_with_the_one_where_both_were_built() {
    let misfit = moved(&[]);
    fs::copy(program(), misfit.folder.path().join("bin/misfit")).expect("copied");
    for engine in ENGINES {
        let ran = run(&misfit, &["run", "small.toml", "--engine", engine, "--out", engine]);
        assert_eq!(ran.code(), 0, "{}", ran.stderr());
    }
}

#[test]
fn a_clone_that_has_moved_trains_with_the_libtorch_that_lies_in_it_or_says_that_there_is_none() {
    let Some(libtorch) = libtorch() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [inside, profile] =
        [libtorch.as_path(), program().parent().expect("a folder")].map(|path| path.strip_prefix(root));
    let outside = inside.is_err() || profile.is_err();
    if skip(outside, "libtorch or the target folder is not in the clone: unset LIBTORCH and CARGO_TARGET_DIR") {
        return;
    }
    let clone = Misfit::new();
    let at = |path: &Path| clone.folder.path().join(path);
    let (inside, profile) = (inside.expect("inside"), at(profile.expect("inside")));
    fs::create_dir_all(profile.join("deps")).unwrap();
    copy_as_if_gone(program(), &profile.join("misfit"), &program().with_file_name("deps"));
    copy_as_if_gone(&library(), &profile.join("deps").join(LIBRARY), &libtorch);
    clone.write("small.toml", SMALL);
    let run = || {
        let mut command = Command::new(profile.join("misfit"));
        let args = ["run", "small.toml", "--engine", "torch"];
        Ran(command.current_dir(clone.folder.path()).env_remove("LD_LIBRARY_PATH").args(args).output().unwrap())
    };
    refused(&run(), &["no libtorch, 2.11.0 is needed", "scripts/run of a clone fetches one"]);
    let lib = at(inside);
    fs::create_dir_all(lib.parent().unwrap()).unwrap();
    symlink(&libtorch, &lib).unwrap();
    let ran = run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr());
}

#[test]
fn a_library_of_another_build_is_refused() {
    // It exports nothing that is misfit's.
    let other = fs::read_dir("/lib/x86_64-linux-gnu").ok().and_then(|mut entries| {
        entries.find_map(|entry| entry.ok().map(|entry| entry.path()).filter(|path| path.ends_with("libm.so.6")))
    });
    let Some(other) =
        other.filter(|_| !skip(!cfg!(target_arch = "x86_64"), "knows where Debian has libraries on x86-64"))
    else {
        return;
    };
    let misfit = moved(&[("bin/libmisfit.so", &other)]);
    refused(
        &run(&misfit, &["run", "small.toml"]),
        &["bin/libmisfit.so is of another build", "copy both from one build"],
    );
}

#[test]
fn moved_with_its_library_and_a_libtorch_beside_it_trains_to_the_same_bytes() {
    let Some(libtorch) = libtorch() else { return };
    let libtorch = libtorch.parent().expect("lib is in a folder");
    let here = Misfit::new();
    here.write("small.toml", SMALL);
    for engine in ENGINES {
        here.ok(&["run", "small.toml", "--engine", engine, "--out", engine]);
    }
    for (library_at, libtorch_at) in [
        ("bin/libmisfit.so", "bin/torch"),
        // As in Python's folder of packages, and as an installation.
        ("bin/libmisfit.so", "torch"),
        ("lib/misfit/libmisfit.so", "torch"),
        ("lib/misfit/libmisfit.so", "lib/misfit/torch"),
    ] {
        let misfit = moved(&[(library_at, &library()), (libtorch_at, libtorch)]);
        for engine in ENGINES {
            let ran = run(&misfit, &["run", "small.toml", "--engine", engine, "--out", engine]);
            assert_eq!(ran.code(), 0, "{library_at}, {libtorch_at}: {}", ran.stderr());
            for file in FILES {
                let name = format!("{engine}/{file}");
                assert_eq!(misfit.read(&name), here.read(&name), "{library_at}, {libtorch_at}: {name}");
            }
        }
    }
}

#[test]
fn a_libtorch_that_is_not_the_right_one_is_named_with_its_cure() {
    let Some(libtorch) = libtorch() else { return };
    // Of the right names, with nothing in them that is asked for.
    let misfit = moved(&[("bin/libmisfit.so", &library())]);
    let folder = misfit.folder.path().join("bin/torch/lib");
    fs::create_dir_all(&folder).unwrap();
    let source = misfit.folder.path().join("empty.c");
    fs::write(&source, "int nothing_of_libtorch;\n").unwrap();
    for name in ["libtorch_cpu.so", "libc10.so"] {
        assert!(libtorch.join(name).exists());
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(folder.join(name)).arg(&source).status();
        if skip(!made.is_ok_and(|made| made.success()), "there is no C compiler: install one (apt install gcc)") {
            return;
        }
    }
    let ran = run(&misfit, &["run", "small.toml"]);
    refused(&ran, &["libtorch is of another version, 2.11.0 is needed", "undefined symbol", "LD_LIBRARY_PATH"]);
    // One that says which it is, as an archive does and as the Python package does.
    let torch = misfit.folder.path().join("bin/torch");
    let there = torch.canonicalize().unwrap().join("lib").display().to_string();
    for (file, text) in
        [("build-version", "2.10.0+cpu\n"), ("version.py", "__all__ = []\n__version__ = '2.12.1+cu130'\n")]
    {
        fs::write(torch.join(file), text).unwrap();
        let version = text.split(['\'', '\n']).find(|word| word.starts_with("2.")).unwrap();
        refused(
            &run(&misfit, &["run", "small.toml"]),
            &[&format!("libtorch in {there} is {version}, 2.11.0 is needed: put")],
        );
    }
    fs::remove_file(torch.join("build-version")).unwrap();
    fs::remove_file(torch.join("version.py")).unwrap();
    // Files that are no libraries at all.
    fs::write(folder.join("libc10.so"), "no library\n").unwrap();
    refused(&run(&misfit, &["run", "small.toml"]), &["libtorch cannot be loaded, 2.11.0 is needed", "libc10.so"]);
}

#[test]
fn a_libtorch_that_can_be_loaded_and_says_that_it_is_of_another_version_is_refused_unless_that_is_allowed() {
    let Some(libtorch) = libtorch() else { return };
    let misfit = moved(&[("bin/libmisfit.so", &library())]);
    // The loader goes by a library's path, which the system tells with its links resolved.
    let folder = misfit.folder.path().join("bin/torch/lib");
    fs::create_dir_all(&folder).unwrap();
    for entry in fs::read_dir(&libtorch).unwrap() {
        let from = entry.unwrap().path();
        let to = folder.join(from.file_name().unwrap());
        fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(|_| ())).unwrap();
    }
    if let Ok(beside) = libtorch.join("../../nvidia").canonicalize() {
        symlink(beside, misfit.folder.path().join("bin/nvidia")).unwrap();
    }
    fs::write(misfit.folder.path().join("bin/torch/build-version"), "2.11.1\n").unwrap();
    let there = folder.canonicalize().unwrap().display().to_string();
    let says = format!("libtorch in {there} is 2.11.1, 2.11.0 is needed: put that libtorch");
    refused(&run(&misfit, &["run", "small.toml"]), &[&says]);
    let mut command = Command::new(misfit.folder.path().join("bin/misfit"));
    command.current_dir(misfit.folder.path()).env_remove("LD_LIBRARY_PATH").env("LIBTORCH_BYPASS_VERSION_CHECK", "1");
    let ran = Ran(command.args(["run", "small.toml"]).output().expect("it starts"));
    assert_eq!(ran.code(), 0, "{}", ran.stderr());
}
