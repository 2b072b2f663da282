//! Result files that somebody or something changed: each is read rightly or refused with its file, its line and the reason.
#![cfg(feature = "train")]

mod common;

use common::{Misfit, Ran};

const EXPERIMENT: &str = r#"
name = "small"
seeds = 3
[data]
target = { polynomial = [0, 1, 1] }
inputs = { uniform = { from = -1, to = 1, count = 32 } }
test = { grid = { from = -1, to = 1, count = 9 } }
[model]
hidden = [6]
[train]
steps = 40
log_points = 5
[fix.tanh]
set = { model.activation = "tanh" }
[ablation]
design = "full"
"#;

/// A results folder of two variants with three seeds each, in `out` and once more in `whole`.
fn made() -> Misfit {
    let misfit = Misfit::new();
    misfit.write("small.toml", EXPERIMENT);
    misfit.ok(&["run", "small.toml", "--out", "whole"]);
    misfit.ok(&["run", "small.toml", "--out", "out"]);
    misfit
}

fn resumed(misfit: &Misfit) -> Ran {
    misfit.run(&["run", "small.toml", "--out", "out"])
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn joined(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

/// These lines at the end.
fn torn(text: &str, rows: std::ops::Range<usize>) -> String {
    let lines = lines(text);
    joined(&[&lines[..rows.start], &lines[rows.end..], &lines[rows]].concat())
}

/// `(what, the change, what going on says, what a report says)`; nothing is said of what is read rightly.
type Case = (&'static str, fn(&str) -> String, &'static str, &'static str);

const CURE: &str = "restore it, or run with --fresh";
const CHANGED: &str = "is not as misfit wrote it, its SHA-256 is not the one in manifest.json";

const CURVES: &[Case] = &[
    (
        "cut off in a row",
        |t| t[..t.len() - 9].to_owned(),
        ":31: ends in the middle of a row",
        ":31: ends in the middle of a",
    ),
    (
        "cut off in a number",
        |t| t[..t.len() - 2].to_owned(),
        ":31: ends in the middle of a row",
        ":31: ends in the middle of a line",
    ),
    (
        "cut off at a row's end",
        |t| joined(&lines(t)[..28]),
        "curves.csv: was changed after misfit wrote it, its SHA-256 is not the one in manifest.json",
        "curves.csv: lacks the rows of variant \"tanh\" with seed 2 up to step 40 (they end at 10)",
    ),
    (
        "cut off at a run's end",
        |t| joined(&lines(t)[..26]),
        "curves.csv: was changed after misfit wrote it",
        "curves.csv: lacks the rows of variant \"tanh\" with seed 2",
    ),
    (
        "rows exchanged",
        |t| {
            let mut lines = lines(t);
            lines.swap(3, 4);
            joined(&lines)
        },
        ":5: step 20 follows step 30: sort the file by variant, seed and step",
        ":5: step 20 follows step 30: sort the file by variant, seed and step",
    ),
    (
        "runs exchanged",
        |t| {
            let lines = lines(t);
            joined(&[&lines[..1], &lines[6..11], &lines[1..6], &lines[11..]].concat())
        },
        ":7: is out of order: variant \"baseline\" with seed 0 comes after variant \"baseline\" with seed 1",
        "",
    ),
    (
        "a run torn apart",
        |t| torn(t, 3..6),
        ":29: is out of order: variant \"baseline\" with seed 0 comes after variant \"tanh\" with seed 2",
        ":29: the rows of variant \"baseline\" with seed 0 are in two places: sort the file by variant and seed",
    ),
    (
        "a row twice",
        |t| {
            let mut lines = lines(t);
            lines.insert(8, lines[7].clone());
            joined(&lines)
        },
        ":9: step 10 follows step 10",
        ":9: step 10 follows step 10",
    ),
    (
        "a number that is none",
        |t| t.replacen(",0.", ",O.", 1),
        ":2: is not a row of what the header says",
        ":2: is not a row of what the header says",
    ),
    ("another number", |t| t.replacen(",0.", ",7.", 1), "curves.csv: was changed after misfit wrote it", ""),
    (
        "a field too many",
        |t| t.replacen("baseline,1,0,", "baseline,1,0,0.5,", 1),
        ":7: has 11 fields, the header 10",
        ":7: has 11 fields, the header 10",
    ),
    (
        "another header",
        |t| t.replacen("train_loss", "loss", 1),
        ":1: the header is not this experiment's",
        ":1: the header must be variant,seed,step,",
    ),
    (
        "a column twice",
        |t| t.replacen("test_loss", "train_loss", 1),
        ":1: the header is not this experiment's",
        ":1: two columns are called \"train_loss\": rename one",
    ),
    ("CRLF", |t| t.replace('\n', "\r\n"), ":1: ends in CRLF, misfit ends lines in LF", ""),
    (
        "a byte order mark",
        |t| format!("\u{feff}{t}"),
        ":1: begins with a byte order mark, which misfit does not write",
        "",
    ),
    ("an empty line", |t| t.replacen('\n', "\n\n", 1), ":2: is an empty line, which misfit does not write", ""),
    ("nothing left", |_| String::new(), "curves.csv: is empty", ":1: the header must be"),
];

const RUNS: &[Case] = &[
    (
        "a run twice",
        |t| {
            let mut lines = lines(t);
            lines.push(lines[6].clone());
            joined(&lines)
        },
        ":8: is a second row of variant \"tanh\" with seed 2",
        ":8: is a second row of variant \"tanh\" with seed 2: take one of them out",
    ),
    ("no outcome", |t| t.replacen("baseline,0,", "baseline,0,un", 1), ":2: is not a row of", ":2: is not a row of"),
    (
        "a seed that is none",
        |t| t.replacen("baseline,1,", "baseline,one,", 1),
        ":3: has no seed in its second field",
        ":3: is not a row of",
    ),
    ("a flag changed", |t| t.replacen(",0\n", ",1\n", 1), "runs.csv: was changed after misfit wrote it", ""),
    ("a row gone", |t| joined(&lines(t)[..6]), "runs.csv: was changed after misfit wrote it", ""),
    (
        "another variant",
        |t| t.replace("tanh,", "tanz,").replacen("tanz,", "tanh,", 1),
        "runs.csv: was changed after misfit wrote it",
        "",
    ),
];

const PREDICTIONS: &[Case] = &[
    (
        "cut off in a row",
        |t| t[..t.len() - 12].to_owned(),
        ":55: ends in the middle of a row",
        ":55: ends in the middle of a",
    ),
    ("no number", |t| t.replacen(",-1.0,", ",-1.O,", 1), ":2: is not a row of", ":2: is not a row of"),
    ("another number", |t| t.replacen(",-1.0,", ",-3.0,", 1), "predictions.csv: was changed after misfit wrote it", ""),
    (
        "a run torn apart",
        |t| torn(t, 3..10),
        ":49: is out of order: variant \"baseline\" with seed 0 comes after variant \"tanh\" with seed 2",
        ":49: the rows of variant \"baseline\" with seed 0 are in two places",
    ),
    (
        "another header",
        |t| t.replacen("prediction", "said", 1),
        ":1: the header is not this experiment's",
        ":1: the header must be variant,seed, the inputs, target,prediction",
    ),
];

const HEALTH: &[Case] = &[
    (
        "a field gone",
        |t| t.replacen("baseline,0,", "baseline,", 1),
        ":2: has 37 fields, the header 38",
        ":2: has 37 fields, the header 38",
    ),
    (
        "a run twice",
        |t| {
            let mut lines = lines(t);
            lines.push(lines[6].clone());
            joined(&lines)
        },
        ":8: is a second row of variant \"tanh\" with seed 2",
        ":8: is a second row of variant \"tanh\" with seed 2",
    ),
    ("a row gone", |t| joined(&lines(t)[..6]), "health.csv: was changed after misfit wrote it", ""),
];

fn each(name: &str, cases: &[Case]) {
    let misfit = made();
    let whole = misfit.read(&format!("whole/{name}"));
    let path = format!("out/{name}");
    for (what, change, going_on, report) in cases {
        let changed = change(&whole);
        assert_ne!(changed, whole, "{what}");
        misfit.write(&path, &changed);
        let ran = resumed(&misfit);
        let said = ran.stderr();
        assert_eq!((ran.code(), said.lines().count()), (2, 1), "{name}, {what}: {said}");
        assert!(said.contains(name) && said.contains(going_on) && said.contains(CURE), "{name}, {what}: {said}");
        assert_eq!(misfit.read(&path), changed, "{name}, {what}: nothing is changed");

        // A report tells what is there, and that it is not what was written.
        let ran = misfit.run(&["report", "out"]);
        let said = ran.stderr();
        if name == "runs.csv" && !report.is_empty() {
            assert_eq!((ran.code(), said.lines().count()), (2, 1), "{name}, {what}: {said}");
        } else {
            assert_eq!(ran.code(), 0, "{name}, {what}: {said}");
            assert!(said.contains(&format!("{path}: {CHANGED}")), "{name}, {what}: {said}");
        }
        assert!(said.contains(report), "{name}, {what}: {said}");
        let notes = said.lines().filter(|line| line.starts_with("misfit: ")).count();
        // Runs that `runs.csv` names wrongly have no curves.
        let more = usize::from(name != "runs.csv" && !report.is_empty() || *what == "another variant");
        assert_eq!(notes, 1 + more, "{name}, {what}: {said}");

        // Without a manifest there is nothing to hold it against: all that can be seen in the file itself is seen still.
        let manifest = misfit.read("out/manifest.json");
        std::fs::remove_file(misfit.folder.path().join("out/manifest.json")).unwrap();
        let ran = misfit.run(&["report", "out"]);
        assert!(ran.stderr().contains(report), "{name}, {what}, without a manifest: {}", ran.stderr());
        misfit.write("out/manifest.json", &manifest);

        // What differs is shown, or why that cannot be.
        let ran = misfit.run(&["diff", &format!("whole/{name}"), &path]);
        assert!([0, 1, 2].contains(&ran.code()) && !ran.stderr().contains("panic"), "{name}, {what}: {}", ran.stderr());
        let harmless =
            ["CRLF", "a byte order mark", "an empty line", "rows exchanged", "runs exchanged", "a run torn apart"];
        // A 0.0 whose last digit is cut off is 0 still.
        let told = ran.stderr().contains("its last row may be cut off");
        assert_eq!(
            ran.code() == 0 && !told,
            harmless.contains(what),
            "{name}, {what}: {}{}",
            ran.stdout(),
            ran.stderr()
        );
    }
    misfit.write(&path, &whole);
    assert_eq!(resumed(&misfit).code(), 0, "restored, it is gone on with");
}

#[test]
fn a_changed_curves_file_is_refused_where_it_is_gone_on_with_and_told_of_where_it_is_shown() {
    each("curves.csv", CURVES);
}

#[test]
fn a_changed_runs_file_is_refused_where_it_is_gone_on_with_and_told_of_where_it_is_shown() {
    each("runs.csv", RUNS);
}

#[test]
fn changed_predictions_and_health_are_refused_and_told_of_too() {
    each("predictions.csv", PREDICTIONS);
    each("health.csv", HEALTH);
}

#[test]
fn what_is_no_file_or_has_no_end_is_refused_and_not_waited_for() {
    let misfit = made();
    let path = |name: &str| misfit.folder.path().join("out").join(name);
    let in_time = |args: &[&str]| {
        let mut command = std::process::Command::new("timeout");
        command.current_dir(misfit.folder.path()).args(["60", env!("CARGO_BIN_EXE_misfit")]).args(args);
        Ran(command.output().unwrap())
    };
    let going_on = ["run", "small.toml", "--out", "out"];
    let shell = |script: String| {
        let made = std::process::Command::new("sh").args(["-c", &script]).current_dir(misfit.folder.path()).status();
        assert!(made.unwrap().success(), "{script}");
    };
    for name in ["runs.csv", "curves.csv", "predictions.csv", "health.csv", "manifest.json"] {
        let whole = misfit.read(&format!("out/{name}"));
        for (what, reason) in [
            ("rm out/NAME; mkfifo out/NAME", "is not a file"),
            ("rm out/NAME; mkdir out/NAME", "is not a file"),
            ("rm out/NAME; ln -s nowhere out/NAME", "No such file or directory"),
            ("rm out/NAME; ln -s NAME out/NAME", "Too many levels of symbolic links"),
            ("rm out/NAME; truncate -s 200M out/NAME", ""),
        ] {
            // A manifest that is not there says nothing, and one that leads nowhere is none.
            if name == "manifest.json" && what.contains("nowhere") {
                continue;
            }
            shell(what.replace("NAME", name));
            let ran = in_time(&going_on);
            let said = ran.stderr();
            assert_eq!((ran.code(), said.lines().count()), (2, 1), "{what}: {name}: {said}");
            assert!(said.contains(name) && said.contains(reason), "{what}: {name}: {said}");
            let ran = in_time(&["report", "out"]);
            let code = if name == "runs.csv" { 2 } else { 0 };
            assert!(ran.code() == code && ran.stderr().contains(name), "{what}: {name}: {}", ran.stderr());
            shell(format!("rm -rf out/{name}"));
            std::fs::write(path(name), &whole).unwrap();
        }
    }
    // Whoever holds a folder writes into its `.lock`, and never into what that leads to.
    shell("rm out/.lock; ln -s ../whole/runs.csv out/.lock".to_owned());
    let (ran, there) = (in_time(&going_on), misfit.csvs("whole"));
    assert!(ran.code() == 2 && ran.stderr().contains("out/.lock: is not a file"), "{}", ran.stderr());
    assert_eq!(there, misfit.csvs("out"));
    shell("rm out/.lock".to_owned());
    let row = "a row is longer than 64 MiB";
    shell("head -c 70M /dev/zero | tr '\\000' x >> out/runs.csv".to_owned());
    for args in [&["report", "out"][..], &["diff", "out/runs.csv", "whole/runs.csv"]] {
        let ran = in_time(args);
        assert!(ran.code() == 2 && ran.stderr().contains(row), "{}", ran.stderr());
    }
    misfit.write("out/runs.csv", &misfit.read("whole/runs.csv"));
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
    assert_eq!(resumed(&misfit).code(), 0);
}

#[test]
fn what_an_editor_makes_of_line_ends_is_read_as_the_same_numbers() {
    let misfit = made();
    let page = |folder: &str| {
        misfit.ok(&["report", folder]);
        misfit.read(&format!("{folder}/report.html"))
    };
    let pristine = page("whole");
    for name in ["curves.csv", "runs.csv", "predictions.csv", "health.csv"] {
        let text = misfit.read(&format!("whole/{name}"));
        misfit.write(&format!("out/{name}"), &format!("\u{feff}{}", text.replace('\n', "\r\n")));
    }
    let tables = |page: &str| page.matches("<td").count();
    assert_eq!(tables(&page("out")), tables(&pristine));
    assert_eq!(misfit.run(&["diff", "whole", "out"]).code(), 0);
}

#[test]
fn a_file_or_rows_that_are_gone_are_named_and_nothing_of_the_others_goes() {
    let misfit = made();
    let out = misfit.folder.path().join("out");
    let predictions = misfit.read("out/predictions.csv");
    std::fs::remove_file(out.join("predictions.csv")).unwrap();
    for more in [&[][..], &["--variant", "baseline"]] {
        let ran = misfit.run(&[&["run", "small.toml", "--out", "out"], more].concat());
        assert_eq!(ran.code(), 2);
        let says = "out: predictions.csv is gone, and with it rows of 6 runs: restore it, or run with --fresh";
        assert!(ran.stderr().contains(says), "{}", ran.stderr());
        assert_eq!(misfit.read("out/curves.csv"), misfit.read("whole/curves.csv"));
    }
    misfit.write("out/predictions.csv", &predictions);
    assert_eq!(resumed(&misfit).code(), 0);
    assert_eq!(misfit.csvs("out"), misfit.csvs("whole"));
    // Killed before it had a manifest, it left nothing but an empty folder of parts.
    std::fs::create_dir_all(misfit.folder.path().join("begun/.parts")).unwrap();
    misfit.ok(&["run", "small.toml", "--out", "begun"]);
    // As a version would leave them that did not write sums: then the files are held against each other.
    let mut manifest: serde_json::Value = serde_json::from_str(&misfit.read("out/manifest.json")).unwrap();
    manifest.as_object_mut().unwrap().remove("files");
    misfit.write("out/manifest.json", &manifest.to_string());
    let whole = misfit.read("out/health.csv");
    misfit.write("out/health.csv", &joined(&lines(&whole)[..6]));
    let ran = resumed(&misfit);
    assert_eq!(ran.code(), 2);
    assert!(
        ran.stderr().contains("out: not all of its CSVs have the rows of variant \"tanh\" with seed 2: restore them"),
        "{}",
        ran.stderr()
    );
    misfit.write("out/health.csv", &whole);
    assert_eq!(resumed(&misfit).code(), 0, "a manifest without sums is gone on with");
    assert!(misfit.read("out/manifest.json").contains("sha256"));
}

#[test]
fn a_manifest_that_is_not_this_ones_is_refused_with_what_is_wrong_with_it() {
    let misfit = made();
    let whole = misfit.read("out/manifest.json");
    let version = env!("CARGO_PKG_VERSION");
    let edited = |key: &str, value: serde_json::Value| {
        let mut manifest: serde_json::Value = serde_json::from_str(&whole).unwrap();
        manifest[key] = value;
        manifest.to_string()
    };
    let mut later: serde_json::Value = serde_json::from_str(&whole).unwrap();
    later["misfit"] = "9.0.0".into();
    later.as_object_mut().unwrap().remove("experiment_hash");
    let cases = [
        (whole[..whole.len() / 2].to_owned(), "out/manifest.json:".to_owned()),
        ("[]".to_owned(), "out/manifest.json:1: is not a manifest of this version of misfit".to_owned()),
        ("{\n\"misfit\": 3 }".to_owned(), "out/manifest.json:2: is not a manifest of this version".to_owned()),
        (String::new(), "out/manifest.json:1: is not a manifest of this version of misfit".to_owned()),
        (later.to_string(), format!("out/manifest.json: is of misfit 9.0.0, this is {version}")),
        (
            edited("experiment_hash", "0".into()).replace(&format!("\"misfit\":\"{version}\""), "\"misfit\":\"0.0.1\""),
            format!(
                "out: holds the results of another experiment or other settings (of misfit 0.0.1, this is {version})"
            ),
        ),
        (
            edited("experiment_hash", "0".into()),
            "out: holds the results of another experiment or other settings (the data or the device differs)"
                .to_owned(),
        ),
    ];
    for (text, says) in cases {
        misfit.write("out/manifest.json", &text);
        let ran = resumed(&misfit);
        let said = ran.stderr();
        assert_eq!((ran.code(), said.lines().count()), (2, 1), "{text}: {said}");
        assert!(said.contains(&says) && said.contains("--fresh"), "{text}: {said}");
        assert_eq!(misfit.read("out/manifest.json"), text);
    }
    misfit.write("out/manifest.json", &whole);
    misfit.write("small.toml", &EXPERIMENT.replace("steps = 40", "steps = 41"));
    assert!(resumed(&misfit).stderr().contains("(the file differs from line 11)"), "{}", resumed(&misfit).stderr());
}

#[test]
fn a_part_of_another_experiment_or_a_damaged_one_is_refused() {
    let misfit = Misfit::new();
    misfit.write("small.toml", &EXPERIMENT.replace("steps = 40", "steps = 200000"));
    let args = ["run", "small.toml", "--out", "out", "--threads", "1"];
    let mut child = misfit.command(&args).stderr(std::process::Stdio::null()).spawn().unwrap();
    common::wait_for("a stack's end", || common::parts(&misfit) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    let parts = misfit.folder.path().join("out/.parts");
    let path = std::fs::read_dir(&parts).unwrap().next().unwrap().unwrap().path();
    let name = format!("out/.parts/{}", path.file_name().unwrap().to_string_lossy());
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8], says: &str| {
        std::fs::write(&path, bytes).unwrap();
        let ran = misfit.run(&args);
        assert_eq!(
            (ran.code(), ran.stderr().contains(&format!("{name}: {says}"))),
            (2, true),
            "{says}: {}",
            ran.stderr()
        );
    };
    let damaged = "is damaged: remove it, and its runs are trained again";
    refused(&whole[..whole.len() - 1], damaged);
    refused(&[&whole[..whole.len() - 2], b"9\n"].concat(), damaged);
    refused(b"", damaged);
    let text = String::from_utf8_lossy(&whole).into_owned();
    let at = text.find("\"experiment_hash\":\"").unwrap() + 19;
    let other = [&text[..at], &"0".repeat(64), &text[at + 64..]].concat();
    refused(other.as_bytes(), "is of another experiment: remove it, or set --out to a new folder");
}

#[test]
fn a_class_or_a_text_that_was_changed_is_told_of_and_one_that_cannot_be_is_refused() {
    let misfit = Misfit::new();
    let row = |nth: u32| {
        let (town, kind) =
            (["\"Riga, old\"", "\"\"\"Bern\"\"\""][nth as usize % 2], ["3", "8"][usize::from(nth.is_multiple_of(3))]);
        format!("{town},{},{kind}\n", nth * nth % 17)
    };
    misfit.write("rows.csv", &format!("town,size,kind\n{}", (0..20).map(row).collect::<String>()));
    misfit.write(
        "small.toml",
        "seeds = 2\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"*\"], class = \"kind\" }\nholdout = 0\n[model]\nhidden = [4]\n\
         [loss]\nkind = \"cross_entropy\"\n[train]\nsteps = 5\n",
    );
    misfit.ok(&["run", "small.toml", "--out", "whole"]);
    misfit.ok(&["run", "small.toml", "--out", "out"]);
    let whole = misfit.read("whole/predictions.csv");
    let second = whole.lines().nth(2).unwrap().to_owned();
    assert!(second.starts_with("baseline,0,1,\"\"\"Bern\"\"\",1.0,"), "{second}");
    // The row's fields but for its prediction: what it is predicted as is one of the two.
    let parts: Vec<&str> = second.split(',').collect();
    let (predicted, other) = (parts[6], if parts[6] == "3" { "8" } else { "3" });
    let otherwise = second.replacen(&format!(",{},{predicted},", parts[5]), &format!(",{},{other},", parts[5]), 1);
    for (what, line, refused) in [
        ("another prediction", otherwise, false),
        ("another text", second.replace("Bern", "Born"), false),
        ("a class that there is not", second.replacen(&format!(",{},", parts[5]), ",9,", 1), true),
        ("a quote too many", second.replacen("\"\"\"Bern", "\"\"\"\"Bern", 1), false),
        ("a probability that is none", second.replacen("0.", "O.", 1), true),
    ] {
        assert_ne!(line, second, "{what}");
        misfit.write("out/predictions.csv", &whole.replacen(&second, &line, 1));
        let ran = resumed(&misfit);
        assert_eq!((ran.code(), ran.stderr().lines().count()), (2, 1), "{what}: {}", ran.stderr());
        let says = if refused { "predictions.csv:3: " } else { "predictions.csv: was changed after misfit wrote it" };
        assert!(ran.stderr().contains(says) && ran.stderr().contains(CURE), "{what}: {}", ran.stderr());
        let ran = misfit.run(&["report", "out"]);
        assert!(ran.code() == 0 && ran.stderr().contains(CHANGED), "{what}: {}", ran.stderr());
        assert_ne!(misfit.run(&["diff", "whole", "out"]).code(), 0, "{what}");
    }
    misfit.write("out/predictions.csv", &whole);
    assert_eq!(resumed(&misfit).code(), 0);
}
