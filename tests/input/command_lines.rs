//! Faults of command lines, of every subcommand.

use super::{Misfit, everything, refused};

/// `(arguments, what the line must be)`, in a folder of [`FILES`].
const CASES: &[(&[&str], &str)] = &[
    (
        &["run", "x.toml", "--dry-run", "--seeds", "many"],
        "--seeds: \"many\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "-1"],
        "--seeds: \"-1\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (&["run", "x.toml", "--dry-run", "--seeds", "0"], "--seeds: expected a number of seeds from 1 to 1000000, got 0"),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "1000001"],
        "--seeds: expected a number of seeds from 1 to 1000000, got 1000001",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "1e3"],
        "--seeds: \"1e3\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", ""],
        "--seeds: \"\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "5,"],
        "--seeds: \"5,\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "3,,5"],
        "--seeds: \"3,,5\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (&["run", "x.toml", "--dry-run", "--seeds", "3,3"], "--seeds: the seed 3 is there twice"),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "1,-2"],
        "--seeds: \"1,-2\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "1.5"],
        "--seeds: \"1.5\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "18446744073709551616"],
        "--seeds: \"18446744073709551616\" has a number above 9223372036854775807, which no seed can be",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "9223372036854775808"],
        "--seeds: \"9223372036854775808\" has a number above 9223372036854775807, which no seed can be",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "1,9223372036854775808"],
        "--seeds: \"1,9223372036854775808\" has a number above 9223372036854775807, which no seed can be",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "+3"],
        "--seeds: \"+3\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "0x10"],
        "--seeds: \"0x10\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "٣"],
        "--seeds: \"٣\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "[1,2]"],
        "--seeds: \"[1,2]\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "1;2"],
        "--seeds: \"1;2\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", " "],
        "--seeds: \" \" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "--fresh"],
        "--seeds: \"--fresh\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds=-1"],
        "--seeds: \"-1\" is neither a number of seeds nor a list of them, as 3,5,8",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "gpu"],
        "--device: unknown device \"gpu\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "cuda:x"],
        "--device: unknown device \"cuda:x\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "cuda:"],
        "--device: unknown device \"cuda:\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "cuda:-1"],
        "--device: unknown device \"cuda:-1\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "CUDA"],
        "--device: unknown device \"CUDA\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "mps"],
        "--device: unknown device \"mps\", accepted: cpu, cuda or cuda:N",
    ),
    (&["run", "x.toml", "--dry-run", "--device", ""], "--device: unknown device \"\", accepted: cpu, cuda or cuda:N"),
    (
        &["run", "x.toml", "--dry-run", "--device", "cuda:99999999999999999999"],
        "--device: unknown device \"cuda:99999999999999999999\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "cuda:+1"],
        "--device: unknown device \"cuda:+1\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "cuda: 1"],
        "--device: unknown device \"cuda: 1\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "gpu\n2"],
        "--device: unknown device \"gpu\\n2\", accepted: cpu, cuda or cuda:N",
    ),
    (
        &["run", "x.toml", "--dry-run", "--device", "cpu "],
        "--device: unknown device \"cpu \", accepted: cpu, cuda or cuda:N",
    ),
    (&["run", "x.toml", "--device", "gpu"], "--device: unknown device \"gpu\", accepted: cpu, cuda or cuda:N"),
    (
        &["diagnose", "x.toml", "--device", "cuda:x"],
        "--device: unknown device \"cuda:x\", accepted: cpu, cuda or cuda:N",
    ),
    (&["doctor", "--device", "gpu"], "--device: unknown device \"gpu\", accepted: cpu, cuda or cuda:N"),
    (&["doctor", "--device", "cuda:x"], "--device: unknown device \"cuda:x\", accepted: cpu, cuda or cuda:N"),
    (
        &["run", "x.toml", "--dry-run", "--engine", "kernels"],
        "invalid value \"kernels\" for --engine <auto | torch | fused>: unknown engine \"kernels\", accepted: auto, torch or fused (see --help)",
    ),
    (
        &["plan", "x.toml", "--engine", ""],
        "invalid value \"\" for --engine <auto | torch | fused>: unknown engine \"\", accepted: auto, torch or fused (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--threads", "0"],
        "invalid value \"0\" for --threads <N>: expected a whole number from 1 to 4096 (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--threads", "4097"],
        "invalid value \"4097\" for --threads <N>: expected a whole number from 1 to 4096 (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--threads", "-1"],
        "invalid value \"-1\" for --threads <N>: expected a whole number from 1 to 4096 (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--threads", "two"],
        "invalid value \"two\" for --threads <N>: expected a whole number from 1 to 4096 (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--threads", "1.5"],
        "invalid value \"1.5\" for --threads <N>: expected a whole number from 1 to 4096 (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--threads", ""],
        "invalid value \"\" for --threads <N>: expected a whole number from 1 to 4096 (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--variant", "basline"],
        "--variant: unknown variant \"basline\", did you mean \"baseline\"? accepted: baseline",
    ),
    (&["run", "x.toml", "--dry-run", "--variant", ""], "--variant: unknown variant \"\", accepted: baseline"),
    (&["run", "x.toml", "--dry-run", "--variant"], "no value for --variant <NAME> (see --help)"),
    (
        &["run", "x.toml", "--dry-run", "--dry-run"],
        "the argument '--dry-run' cannot be used multiple times (see --help)",
    ),
    (&["run", "x.toml", "--dry-run", "--out"], "no value for --out <FOLDER> (see --help)"),
    (&["run", "x.toml", "--dry-run", "--out", ""], "no value for --out <FOLDER> (see --help)"),
    (
        &["run", "x.toml", "--dry-run", "--out", "a", "--out", "b"],
        "the argument '--out <FOLDER>' cannot be used multiple times (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--seeds", "1", "--seeds", "2"],
        "the argument '--seeds <N | LIST>' cannot be used multiple times (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--fresh=yes"],
        "unexpected value 'yes' for '--fresh' found; no more were expected (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "--thread", "2"],
        "unexpected argument \"--thread\", did you mean \"--threads\"? (see --help)",
    ),
    (&["run", "x.toml", "--dry-run", "-x"], "unexpected argument \"-x\" (see --help)"),
    (
        &["run", "x.toml", "--dry-run", "--steps=5"],
        "unexpected argument \"--steps\", did you mean \"--seeds\"? (see --help)",
    ),
    (
        &["run", "x.toml", "--dry-run", "train.steps"],
        "\"train.steps\": is neither a file nor a setting: write settings as key=value, as train.steps=100",
    ),
    (
        &["run", "x.toml", "--dry-run", "y.toml"],
        "\"y.toml\": a second experiment file: run them one after the other, or write settings as key=value",
    ),
    (
        &["run", "x.toml", "--dry-run", "x.toml"],
        "\"x.toml\": a second experiment file: run them one after the other, or write settings as key=value",
    ),
    (
        &["run", "x.toml", "--dry-run", "--", "--seeds"],
        "\"--seeds\": is neither a file nor a setting: write settings as key=value, as train.steps=100",
    ),
    (
        &["run", "x.tml"],
        "x.tml: cannot be read: No such file or directory (os error 2), did you mean \"x.toml\"? expected an experiment file, or a setting as key=value",
    ),
    (&["run", "folder"], "folder: is not a file, expected an experiment in TOML"),
    (
        &["run", "x.toml/y"],
        "x.toml/y: cannot be read: Not a directory (os error 20): expected an experiment file, or a setting as key=value",
    ),
    (&["run", "a.csv"], "a.csv:1: key with no value, expected `=`"),
    (
        &["run", "x.toml", "--hide-fixes"],
        "unexpected argument \"--hide-fixes\", did you mean \"diagnose --hide-fixes\"? (see --help)",
    ),
    (&["diagnose", "--dry-run"], "unexpected argument \"--dry-run\", did you mean \"run --dry-run\"? (see --help)"),
    (
        &["diagnose", "x.toml", "--variant", "a"],
        "unexpected argument \"--variant\", did you mean \"run --variant\"? (see --help)",
    ),
    (
        &["diagnose", "x.tml"],
        "x.tml: cannot be read: No such file or directory (os error 2), did you mean \"x.toml\"? expected an experiment file, or a setting as key=value",
    ),
    (&["diagnose", "x.toml", "--seeds", "0"], "--seeds: expected a number of seeds from 1 to 1000000, got 0"),
    (
        &["diagnose", "x.toml", "--threads", "0"],
        "invalid value \"0\" for --threads <N>: expected a whole number from 1 to 4096 (see --help)",
    ),
    (&["report"], "missing <FOLDER> (see --help)"),
    (&["report", "folder", "b"], "b: there is no such file, did you mean \"b.csv\"?"),
    (&["report", ""], "no value for <FOLDER> (see --help)"),
    (&["report", "x.toml"], "x.toml: is no folder: give the results folder that holds it"),
    (&["report", "folder"], "folder: has no runs.csv: expected a results folder, as misfit run writes it"),
    (&["report", "nowhere"], "nowhere: there is no such results folder: check how it is spelt"),
    (
        &["report", "folder", "--seeds", "1"],
        "unexpected argument \"--seeds\", did you mean \"run --seeds\"? (see --help)",
    ),
    (&["report", "folder", "--out"], "no value for --out <FOLDER> (see --help)"),
    (
        &["report", "folder", "--within-noise"],
        "unexpected argument \"--within-noise\", did you mean \"diff --within-noise\"? (see --help)",
    ),
    (
        &["report", "folder", "--format", "pdf"],
        "invalid value \"pdf\" for --format <FORMAT>, accepted: text or json (see --help)",
    ),
    (&["diff"], "missing <A>... (see --help)"),
    (&["diff", "a.csv"], "a.csv: what is it to be compared with? Name a second file or folder (see --help)"),
    (
        &["diff", "a.csv", "b.csv", "c.csv"],
        "3 files and folders: which are of which side? Write -- between them (see --help)",
    ),
    (&["diff", "a.csv", "c.csv"], "c.csv: there is no such file, did you mean \"a.csv\"?"),
    (&["diff", "", "b.csv"], "\"\": names no results folder: give one"),
    (&["diff", "folder", "a.csv"], "folder: is a folder, and a.csv a file: name two of a kind"),
    (
        &["diff", "folder", "folder"],
        "folder: holds no results: expected a folder with runs.csv, curves.csv, …, as misfit run writes it",
    ),
    (&["diff", "folder", "folder", "--key", "x"], "--key: is for CSVs: name two files of these folders"),
    (&["diff", "a.csv#v", "b.csv"], "a.csv:1: has no column \"variant\", so there is no #v"),
    (
        &["diff", "a.csv", "b.csv", "--rtol", "-1"],
        "invalid value \"-1\" for --rtol <R>: expected a number of at least 0, as 1e-6 (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--rtol", "nan"],
        "invalid value \"nan\" for --rtol <R>: expected a number of at least 0, as 1e-6 (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--rtol", "inf"],
        "invalid value \"inf\" for --rtol <R>: expected a number of at least 0, as 1e-6 (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--rtol", "1e400"],
        "invalid value \"1e400\" for --rtol <R>: expected a number of at least 0, as 1e-6 (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--rtol", ""],
        "invalid value \"\" for --rtol <R>: expected a number of at least 0, as 1e-6 (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--rtol", "abc"],
        "invalid value \"abc\" for --rtol <R>: expected a number of at least 0, as 1e-6 (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--rtol", "0x1"],
        "invalid value \"0x1\" for --rtol <R>: expected a number of at least 0, as 1e-6 (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--atol", "-1e-6"],
        "invalid value \"-1e-6\" for --atol <A>: expected a number of at least 0, as 1e-6 (see --help)",
    ),
    (&["diff", "a.csv", "b.csv", "--atol"], "no value for --atol <A> (see --help)"),
    (
        &["diff", "a.csv", "b.csv", "--atol", "1", "--atol", "2"],
        "the argument '--atol <A>' cannot be used multiple times (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--format", "xml"],
        "invalid value \"xml\" for --format <FORMAT>, accepted: table, json, md or csv (see --help)",
    ),
    (
        &["diff", "a.csv", "b.csv", "--format", "jsn"],
        "invalid value \"jsn\" for --format <FORMAT>, did you mean \"json\"? accepted: table, json, md or csv (see --help)",
    ),
    (&["diff", "a.csv", "b.csv", "--key", ""], "--key: a.csv:1: unknown column \"\", accepted: x or y"),
    (&["diff", "a.csv", "b.csv", "--key", "z"], "--key: a.csv:1: unknown column \"z\", accepted: x or y"),
    (&["diff", "a.csv", "b.csv", "--key", "x,x"], "--key: names \"x\" twice"),
    (&["diff", "a.csv", "b.csv", "--key", ","], "--key: names \"\" twice"),
    (&["diff", "a.csv", "semicolons.csv"], "semicolons.csv:1: has fields between ';': expected commas between them"),
    (&["diff", "a.csv", "twice.csv"], "twice.csv:1: has two columns called \"x\": rename one"),
    (&["diff", "a.csv", "short.csv"], "short.csv:2: has 1 fields, the header 2: restore the file, or take the row out"),
    (&["diff", "a.csv", "long.csv"], "long.csv:2: has 3 fields, the header 2: restore the file, or take the row out"),
    (&["diff", "a.csv", "empty.csv"], "empty.csv: is empty: expected a CSV with a header"),
    (&["diff", "a.csv", "zip.csv"], "zip.csv: is compressed: unpack it first"),
    (&["diff", "a.csv", "nul.csv"], "nul.csv: is no text in UTF-8: expected a CSV"),
    (&["doctor", "x"], "unexpected argument \"x\" (see --help)"),
    (&["doctor", "--threads", "2"], "unexpected argument \"--threads\", did you mean \"run --threads\"? (see --help)"),
    (&["rule", "raw-input"], "unknown rule \"raw-input\", did you mean \"raw-inputs\"?"),
    (&["rule", "of thumb"], "unknown rule \"of thumb\", misfit rule lists all"),
    (&["rule", ""], "unknown rule \"\", misfit rule lists all"),
    (&["rule", "raw-inputs", "raw-targets"], "unexpected argument \"raw-targets\" (see --help)"),
    (&["init"], "missing <FILE> (see --help)"),
    (&["init", "x.toml"], "x.toml: is there already, and is left as it is: give another name"),
    (&["init", "a", "b"], "unexpected argument \"b\" (see --help)"),
    (&["init", ""], "no value for <FILE> (see --help)"),
    (&["init", "."], "\".\": names no file: give a file to write, as mine.toml"),
    (&["init", "../.."], "\"../..\": names no file: give a file to write, as mine.toml"),
    (&["init", "folder"], "folder: is there already, and is left as it is: give another name"),
    (&["init", "folder/"], "folder/: is there already, and is left as it is: give another name"),
    (&["init", "nowhere/x.toml"], "nowhere/x.toml: its folder is not there: make it first (mkdir -p nowhere)"),
    (&["init", "x.toml/y.toml"], "x.toml/y.toml: its folder is a file: give another place"),
    (&["init", ".toml"], ".toml: \".toml\" cannot name a folder: {FOLDER}"),
    (&["init", "-x.toml"], "unexpected argument \"-x\" (see --help)"),
    (&["init", "mine.toml", "--force"], "unexpected argument \"--force\" (see --help)"),
    (&["completions"], "missing <SHELL> (see --help)"),
    (
        &["completions", "tcsh"],
        "invalid value \"tcsh\" for <SHELL>, did you mean \"zsh\"? accepted: bash, elvish, fish, powershell or zsh (see --help)",
    ),
    (
        &["completions", "bahs"],
        "invalid value \"bahs\" for <SHELL>, did you mean \"bash\"? accepted: bash, elvish, fish, powershell or zsh (see --help)",
    ),
    (&["completions", "bash", "zsh"], "unexpected argument \"zsh\" (see --help)"),
    (&["completions", "--shell", "bash"], "unexpected argument \"--shell\", did you mean \"--help\"? (see --help)"),
    (&["man", "a.csv"], "a.csv: is a file: give a folder"),
    (&["man", "a", "b"], "unexpected argument \"b\" (see --help)"),
    (&["man", "a.csv/x"], "a.csv/x: cannot be made: Not a directory (os error 20): give another folder"),
    (&["man", ""], "no value for [FOLDER] (see --help)"),
    (&["man", "--every"], "unexpected argument \"--every\" (see --help)"),
    (&["man", "--all"], "unexpected argument \"--all\", did you mean \"check --all\"? (see --help)"),
    (&["rnu"], "unrecognized subcommand \"rnu\", did you mean \"run\"? (see --help)"),
    (&["plot"], "unrecognized subcommand \"plot\", did you mean \"report\"? (see --help)"),
    (&["train"], "unrecognized subcommand \"train\", did you mean \"run\"? (see --help)"),
    (&["Run"], "unrecognized subcommand \"Run\", did you mean \"run\"? (see --help)"),
    (&["--verson"], "unexpected argument \"--verson\", did you mean \"--version\"? (see --help)"),
    (&["-q"], "unexpected argument \"-q\" (see --help)"),
    (&[""], "unrecognized subcommand \"\" (see --help)"),
    (&["x.toml"], "unrecognized subcommand \"x.toml\", did you mean \"run x.toml\"? (see --help)"),
    (&["help", "rnu"], "unrecognized subcommand \"rnu\", did you mean \"run\"? (see --help)"),
];

const FILES: &[(&str, &str)] = &[
    ("x.toml", "[train]\nsteps = 5\n"),
    ("a.csv", "x,y\n1,2\n"),
    ("b.csv", "x,y\n1,3\n"),
    ("semicolons.csv", "x;y\n1;2\n"),
    ("twice.csv", "x,x\n1,2\n"),
    ("short.csv", "x,y\n1\n"),
    ("long.csv", "x,y\n1,2,3\n"),
    ("empty.csv", ""),
    ("zip.csv", "PK\x03\x04"),
    ("nul.csv", "x,y\n1,\0\n"),
];

#[test]
fn every_fault_of_a_command_line_is_one_line_and_says_what_would_do() {
    let misfit = Misfit::new();
    FILES.iter().for_each(|(name, text)| misfit.write(name, text));
    std::fs::create_dir(misfit.folder.path().join("folder")).unwrap();
    misfit.write("folder/keep", "");
    for (args, expected) in CASES.iter().step_by(crate::EVERY) {
        refused(&misfit, args, expected);
    }
}

#[cfg(unix)]
#[test]
fn words_that_are_not_utf_8_are_one_line_too() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let misfit = Misfit::new();
    let before = everything(misfit.folder.path());
    for args in
        [&[&b"run"[..], b"\xff.toml"], &[b"run", b"train.steps=\xff"], &[b"diff", b"\xff"], &[b"report", b"\xff"]]
    {
        let out = misfit.command(&[]).args(args.iter().map(|arg| OsStr::from_bytes(arg))).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!((out.status.code(), out.stdout.len(), said.lines().count()), (Some(2), 0, 1), "{args:?}: {said}");
    }
    assert!(everything(misfit.folder.path()) == before);
}

#[test]
fn a_device_that_is_one_passes_where_nothing_is_trained() {
    let misfit = Misfit::new();
    for device in ["cpu", "cuda", "cuda:0", "cuda:15"] {
        misfit.ok(&["run", "--dry-run", "--device", device]);
    }
}
