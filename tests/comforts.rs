//! What makes the program pleasant to use: help, completions, manual pages, a file to begin with, hints, colours.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use anstream::adapter::strip_str;
use common::{Misfit, Ran, skip};
use misfit::experiment::{EMBEDDED, Experiment};

const ESCAPE: char = '\u{1b}';

fn subcommands() -> Vec<clap::Command> {
    let mut main = misfit::cli::command().disable_help_subcommand(true);
    main.build();
    main.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned().collect()
}

/// The command lines of a help's examples: what follows them stands two spaces apart.
fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().filter_map(|line| line.strip_prefix("  misfit"));
    lines.map(|line| format!("misfit{}", line.split("  ").next().unwrap())).collect()
}

#[test]
fn every_help_has_examples() {
    let mut main = misfit::cli::command();
    assert!(main.render_long_help().to_string().contains("\nExamples:\n  misfit run "));
    for mut sub in subcommands() {
        let help = sub.render_long_help().to_string();
        assert!(help.contains("\nExamples:\n  misfit "), "{help}");
        assert!(examples(&help).iter().any(|line| line.starts_with(&format!("misfit {}", sub.get_name()))), "{help}");
    }
}

#[test]
fn every_example_in_a_help_is_a_command_line_that_is_accepted() {
    let helps = subcommands().into_iter().map(|mut sub| sub.render_long_help().to_string());
    let main = misfit::cli::command().render_long_help().to_string();
    let lines: Vec<String> = helps.chain([main]).flat_map(|help| examples(&help)).collect();
    assert!(lines.len() >= 15, "{lines:?}");
    for line in lines {
        // Up to a redirection the line is misfit's own.
        let words = shlex::split(line.split(" >").next().unwrap()).expect("words");
        let parsed = misfit::cli::command().try_get_matches_from(&words);
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}

/// Runs a shell's words under a terminal of their own, on which nothing is typed.
fn on_terminal(misfit: &Misfit, args: &[&str], env: &[(&str, &str)]) -> Option<String> {
    let none = Command::new("python3").arg("--version").output().is_err();
    if skip(none, "python3 is not there, which makes a terminal for this test") {
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", "import pty, sys; pty.spawn(sys.argv[1:])", env!("CARGO_BIN_EXE_misfit")]).args(args);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").envs(env.iter().copied()).current_dir(misfit.folder.path()).stdin(Stdio::null());
    Some(Ran(command.output().expect("python3 starts")).stdout())
}

#[test]
fn colours_are_for_terminals_where_nobody_forbids_them() {
    let misfit = Misfit::new();
    let plain = misfit.ok(&["--help"]).stdout();
    assert!(!plain.contains(ESCAPE), "{plain:?}");
    for (env, coloured) in [
        (&[][..], true),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
        (&[("CLICOLOR", "0")], false),
        (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false),
    ] {
        let Some(help) = on_terminal(&misfit, &["--help"], env) else { return };
        assert_eq!(help.contains(ESCAPE), coloured, "{env:?}: {help:?}");
        assert_eq!(strip_str(&help).to_string().replace("\r\n", "\n"), plain, "{env:?}");
        let file = format!("x{}.toml", env.len() + env.iter().map(|(name, _)| name.len()).sum::<usize>());
        let Some(said) = on_terminal(&misfit, &["init", &file], env) else { return };
        assert!(misfit.has(&file), "{said}");
        assert_eq!(said.contains(ESCAPE), coloured, "{env:?}: {said:?}");
    }
}

/// What is between a colour's escape and the next escape.
fn painted<'t>(text: &'t str, code: &str) -> Vec<&'t str> {
    text.split(&format!("\u{1b}[{code}m")).skip(1).map(|rest| rest.split(ESCAPE).next().unwrap()).collect()
}

/// `results/reference` has three of the six seeds whose table docs/results.md shows, without the ablation.
#[test]
fn what_fits_is_green_and_what_diverged_red_in_tables_whose_columns_stay_in_line() {
    let experiment = Experiment::embedded(&[]).unwrap();
    let variants = experiment.select(&[]).unwrap();
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference");
    let table = |folder: &Path| misfit::report::table::results(&experiment, &variants, folder).unwrap();
    let coloured = table(&reference);
    let plain = strip_str(&coloured).to_string();
    let page = include_str!("../docs/results.md").replace("6/6", "3/3");
    for line in
        plain.lines().filter(|line| line.contains("question  ") && line.contains("3/3") || line.contains("RMSE"))
    {
        assert!(page.lines().any(|shown| shown == line), "{line}");
    }
    let baselines = plain.split("\n\n").find(|part| part.contains("always 0")).unwrap();
    assert!(page.contains(&format!("\n\n{baselines}\n\n")), "{baselines}");
    assert_eq!((painted(&coloured, "32"), painted(&coloured, "31")), (vec!["fits 3/3"; 3], vec![]));
    assert_eq!(coloured.matches(ESCAPE).count(), 6, "nothing else is coloured: {coloured:?}");

    let folder = tempfile::tempdir().unwrap();
    for name in ["runs.csv", "predictions.csv"] {
        let text = std::fs::read_to_string(reference.join(name)).unwrap();
        // The first run of each variant that fits.
        let text = text.replace(",0,fits,", ",0,diverged,");
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let coloured = table(folder.path());
    assert_eq!(painted(&coloured, "32"), ["fits 2/3"; 3]);
    assert_eq!(painted(&coloured, "31"), ["diverged 1/3"; 3]);
    let plain = strip_str(&coloured).to_string();
    let ends: Vec<usize> =
        plain.split("\n\n").nth(1).unwrap().lines().skip(2).map(|line| line.chars().count()).collect();
    assert!(ends.len() == 4 && ends.iter().all(|end| *end == ends[0]), "{plain}");
    assert!(plain.contains(" fits 2/3, diverged 1/3  "), "{plain}");
}

#[test]
fn init_writes_the_embedded_experiment_under_the_file_s_name() {
    let misfit = Misfit::new();
    let ran = misfit.ok(&["init", "mine.toml"]);
    assert_eq!(
        ran.stdout(),
        "mine.toml: a copy of the embedded experiment: change a number in it, say learning_rate, and run it\n"
    );
    let program = env!("CARGO_BIN_EXE_misfit");
    assert_eq!(
        ran.stderr(),
        format!(
            "next  {program} run mine.toml             trains it, once something is changed\n      {program} run mine.toml --dry-run   what it would train\n"
        )
    );
    let text = misfit.read("mine.toml");
    let changed: Vec<(&str, &str)> = EMBEDDED.1.lines().zip(text.lines()).filter(|(was, is)| was != is).collect();
    assert_eq!(changed, [("name = \"polynomial\"", "name = \"mine\"")]);
    assert_eq!(text.lines().count(), EMBEDDED.1.lines().count());
    let (embedded, copy) = (Experiment::embedded(&[]).unwrap(), Experiment::parse(&text, "mine.toml", &[]).unwrap());
    assert_eq!(copy.name, "mine");
    assert_eq!(copy.seeds, embedded.seeds);
    assert_eq!(copy.variants.len(), embedded.variants.len());
    for (copied, variant) in copy.variants.iter().zip(&embedded.variants) {
        assert_eq!((&copied.name, &copied.fixes, &copied.config), (&variant.name, &variant.fixes, &variant.config));
    }
    let none = std::collections::BTreeMap::new();
    assert_eq!(copy.hash(&none, "test"), embedded.hash(&none, "test"));
    let dry = |args: &[&str]| misfit.ok(args).stdout().split_once('\n').unwrap().1.to_owned();
    assert_eq!(dry(&["run", "mine.toml", "--dry-run"]), dry(&["run", "--dry-run"]));
}

#[test]
fn the_commands_that_init_names_can_be_pasted_into_a_shell() {
    let misfit = Misfit::new();
    for file in ["my file.toml", "a=b.toml", "sub folder/größe", "it's #1/x.toml"] {
        if let Some((folder, _)) = file.split_once('/') {
            std::fs::create_dir(misfit.folder.path().join(folder)).unwrap();
        }
        let said = misfit.ok(&["init", file]).stderr();
        let dry = said.lines().find_map(|line| line.strip_suffix("   what it would train")).unwrap();
        let line = dry.trim_start();
        let ran = Command::new("sh").args(["-c", line]).current_dir(misfit.folder.path()).output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(String::from_utf8_lossy(&ran.stdout).contains(": 408 runs, "), "{line}");
    }
}

#[test]
fn init_never_replaces_a_file_and_says_what_to_do_instead() {
    let misfit = Misfit::new();
    misfit.write("mine.toml", "seeds = 1\n");
    std::fs::create_dir(misfit.folder.path().join("folder.toml")).unwrap();
    const NAMED: &str = "cannot name a folder: use 1 to 100 letters, digits, '-', '_', '+', '=', '.' or spaces, beginning with a letter or digit";
    for (file, says) in [
        ("mine.toml", "mine.toml: is there already, and is left as it is: give another name"),
        ("folder.toml", "folder.toml: is there already, and is left as it is: give another name"),
        ("no/where/mine.toml", "no/where/mine.toml: its folder is not there: make it first (mkdir -p no/where)"),
        ("it's/mine.toml", "it's/mine.toml: its folder is not there: make it first (mkdir -p \"it's\")"),
        ("mine.toml/x.toml", "mine.toml/x.toml: its folder is a file: give another place"),
        ("..", "\"..\": names no file: give a file to write, as mine.toml"),
        ("my (own).toml", &format!("my (own).toml: \"my (own)\" {NAMED}")),
        ("nul.toml", "nul.toml: \"nul\" cannot name a folder: on some systems it is a device's: give it another"),
    ] {
        let ran = misfit.run(&["init", file]);
        assert_eq!((ran.code(), ran.stderr()), (2, format!("misfit: {says}\n")), "{file}");
    }
    assert_eq!(misfit.read("mine.toml"), "seeds = 1\n");
    assert!(!misfit.has("no"));
}

#[test]
fn a_misspelt_command_line_is_answered_with_what_was_meant() {
    let misfit = Misfit::new();
    misfit.write("mine.toml", "");
    misfit.write("my file", "");
    for (args, says) in [
        (&["rnu"][..], "unrecognized subcommand \"rnu\", did you mean \"run\"?"),
        (&["diagnos"], "unrecognized subcommand \"diagnos\", did you mean \"diagnose\"?"),
        (&["complete"], "unrecognized subcommand \"complete\", did you mean \"completions\"?"),
        (&["quite-else"], "unrecognized subcommand \"quite-else\""),
        (&["mine.toml"], "unrecognized subcommand \"mine.toml\", did you mean \"run mine.toml\"?"),
        (&["new.toml"], "unrecognized subcommand \"new.toml\", did you mean \"run new.toml\"?"),
        (&["my file"], "unrecognized subcommand \"my file\", did you mean \"run 'my file'\"?"),
        (&["run", "--dryrun"], "unexpected argument \"--dryrun\", did you mean \"--dry-run\"?"),
        (&["run", "--what"], "unexpected argument \"--what\""),
        (&["--seeds", "5"], "unexpected argument \"--seeds\", did you mean \"run --seeds\"?"),
        (&["run", "--seeds"], "no value for --seeds <N | LIST>"),
        (&["run", "--threads", "x"], "invalid value \"x\" for --threads <N>: expected a whole number from 1 to 4096"),
        (&["init"], "missing <FILE>"),
        (
            &["completions", "bsh"],
            "invalid value \"bsh\" for <SHELL>, did you mean \"bash\"? accepted: bash, elvish, fish, powershell or zsh",
        ),
        (&["completions", "cmd"], "invalid value \"cmd\" for <SHELL>, accepted: bash, elvish, fish, powershell or zsh"),
        (&["r\u{1b}[31m\nun"], "unrecognized subcommand \"r\\u{1b}[31m\\nun\""),
    ] {
        let ran = misfit.run(args);
        assert_eq!((ran.code(), ran.stderr()), (2, format!("misfit: {says} (see --help)\n")), "{args:?}");
        assert_eq!(ran.stdout(), "");
    }
}

#[test]
fn an_experiment_file_that_is_not_there_is_answered_with_one_that_is() {
    let misfit = Misfit::new();
    std::fs::create_dir(misfit.folder.path().join("trials")).unwrap();
    for name in ["mine.toml", "trials/first.toml"] {
        misfit.write(name, "");
    }
    for (given, meant) in
        [("mien.toml", "mine.toml"), ("mine", "mine.toml"), ("trails/first.toml", "trials/first.toml")]
    {
        let ran = misfit.run(&["run", given, "--dry-run"]);
        assert_eq!(
            ran.stderr(),
            format!(
                "misfit: {given}: cannot be read: No such file or directory (os error 2), did you mean {meant:?}? expected an experiment file, or a setting as key=value\n"
            )
        );
    }
}

/// What bash offers for the last of these words.
fn completed(script: &Path, words: &[&str]) -> Vec<String> {
    let code = r#"
        set -u
        source "$1" || exit 1
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _misfit misfit "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" || exit 2
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let ran = Command::new("bash").args(["-c", code, "bash"]).arg(script).args(words).output().expect("bash");
    assert!(ran.status.success() && ran.stderr.is_empty(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_subcommands_and_options() {
    if skip(Command::new("bash").arg("--version").output().is_err(), "bash is not there") {
        return;
    }
    let misfit = Misfit::new();
    misfit.write("misfit.bash", &misfit.ok(&["completions", "bash"]).stdout());
    let script = misfit.folder.path().join("misfit.bash");
    assert_eq!(completed(&script, &["misfit", "dia"]), ["diagnose"]);
    assert_eq!(completed(&script, &["misfit", "run", "--dr"]), ["--dry-run"]);
    assert_eq!(completed(&script, &["misfit", "completions", "z"]), ["zsh"]);
    let all = completed(&script, &["misfit", ""]);
    for sub in subcommands() {
        assert!(all.contains(&sub.get_name().to_owned()), "{all:?}");
    }
}

#[test]
fn every_shell_has_completions_that_name_every_subcommand() {
    let misfit = Misfit::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = misfit.ok(&["completions", shell]).stdout();
        for sub in subcommands() {
            assert!(script.contains(sub.get_name()), "{shell}: {}", sub.get_name());
        }
    }
}

#[test]
fn there_is_a_manual_page_for_every_subcommand_with_its_options_and_examples() {
    let misfit = Misfit::new();
    misfit.ok(&["man", "pages/man1"]);
    assert_eq!(misfit.read("pages/man1/misfit.1"), misfit.ok(&["man"]).stdout());
    let main = ("misfit.1".to_owned(), misfit::cli::command().disable_help_subcommand(true));
    let pages: Vec<(String, clap::Command)> =
        subcommands().into_iter().map(|sub| (format!("misfit-{}.1", sub.get_name()), sub)).chain([main]).collect();
    let written = std::fs::read_dir(misfit.folder.path().join("pages/man1")).unwrap().count();
    assert_eq!(written, pages.len());
    if skip(Command::new("mandoc").arg("-h").output().is_err(), "mandoc is not there: apt install mandoc") {
        return;
    }
    for (name, mut command) in pages {
        let mandoc = |args: &[&str]| {
            let mut command = Command::new("mandoc");
            let folder = misfit.folder.path().join("pages/man1");
            Ran(command.args(args).arg(&name).current_dir(folder).output().expect("mandoc starts"))
        };
        let lint = mandoc(&["-Tlint", "-W", "error"]);
        assert_eq!((lint.code(), lint.stdout()), (0, String::new()), "{name}");
        // As it is read, without the overstrikes of bold and underlined letters and with the spaces of any width as one.
        let page = mandoc(&["-Tutf8", "-Owidth=200"]).stdout();
        let mut text = String::new();
        for c in page.chars() {
            match c {
                '\u{8}' => {
                    text.pop();
                }
                c => text.push(c),
            }
        }
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = words(&text);
        let help = command.render_long_help().to_string();
        let (_, examples) = help.split_once("\nExamples:\n").unwrap();
        assert!(examples.lines().all(|line| text.contains(&words(line))), "{name}: {text}");
        for arg in command.get_arguments().filter_map(|arg| arg.get_long()) {
            assert!(text.contains(&format!("--{arg}")), "{name}: {arg}");
        }
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            assert!(text.contains(&format!("misfit-{}(1)", sub.get_name())), "{name}: {text}");
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let misfit = Misfit::new();
    for args in [&["run", "--dry-run"][..], &["man"], &["completions", "bash"], &["--help"], &["init", "x.toml"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ran = Ran(misfit.command(args).stdout(writer).output().expect("misfit starts"));
        assert_eq!(ran.code(), 0, "{args:?}: {}", ran.stderr());
        assert_eq!(ran.stderr(), "", "{args:?}");
    }
    let program = env!("CARGO_BIN_EXE_misfit");
    for line in ["run --dry-run", "man"] {
        let code = format!("'{program}' {line} | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}");
        let ran = Ran(Command::new("bash").args(["-c", &code]).output().expect("bash"));
        assert_eq!((ran.code(), ran.stderr()), (0, String::new()), "{line}");
    }
}

#[cfg(feature = "train")]
#[test]
fn a_run_ends_with_what_to_do_next_and_its_table_is_coloured_on_a_terminal_alone() {
    let misfit = Misfit::new();
    misfit.write(
        "line.toml",
        "[data]\ntarget = { polynomial = [1, 2] }\ninputs = { grid = { from = -1, to = 1, count = 20 } }\n\
         [model]\nhidden = []\n[optimizer]\nkind = 'sgd'\nlearning_rate = 0.1\n[train]\nsteps = 500\n",
    );
    let args = ["run", "line.toml"];
    let piped = misfit.ok(&args);
    assert!(piped.stdout().contains("fits 3/3") && !piped.stdout().contains(ESCAPE), "{:?}", piped.stdout());
    let program = env!("CARGO_BIN_EXE_misfit");
    let next = format!("next  {program} report results/line   plots and one page for the browser\n");
    assert!(piped.stderr().ends_with(&next), "{}", piped.stderr());
    let Some(seen) = on_terminal(&misfit, &args, &[]) else { return };
    assert_eq!(painted(&seen, "32"), ["fits 3/3"], "{seen:?}");
    let Some(seen) = on_terminal(&misfit, &args, &[("NO_COLOR", "1")]) else { return };
    assert!(seen.contains("fits 3/3") && painted(&seen, "32").is_empty(), "{seen:?}");
}

#[test]
fn each_step_says_the_next_one_until_two_results_are_compared() {
    let misfit = Misfit::new();
    let program = env!("CARGO_BIN_EXE_misfit");
    let committed = |name: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name);
    let copy = |from: &str, to: &str| {
        let to = misfit.folder.path().join("results").join(to);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(committed(from)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    copy("reference", "polynomial");
    // Without the notebook nothing is said of it.
    let first = misfit.ok(&["report", "results/polynomial"]).stderr();
    assert_eq!(
        first,
        format!(
            "next  {program} init mine.toml   a copy of the embedded experiment: change a number in it, and run it\n"
        )
    );
    assert!(misfit.ok(&["init", "mine.toml"]).stderr().contains(&format!("{program} run mine.toml ")));
    copy("reference-rate", "mine");
    misfit.write("results/compare.ipynb", "{}");
    let second = misfit.ok(&["report", "results/mine"]).stderr();
    let notebook = "MISFIT_A=results/polynomial MISFIT_B=results/mine jupyter lab results/compare.ipynb";
    assert!(second.contains(notebook), "{second}");
    assert!(second.contains(" (pip install jupyterlab pandas polars matplotlib)"), "{second}");
    let diff = second.lines().find(|line| line.contains(" diff ")).expect("what to compare with");
    assert!(diff.contains(&format!("{program} diff results/polynomial results/mine ")), "{diff}");
    let compared = misfit.run(&["diff", "results/polynomial", "results/mine"]);
    assert_eq!(compared.code(), 1);
    assert!(compared.stderr().contains(notebook), "{}", compared.stderr());
    assert_eq!(misfit.run(&["diff", "results/polynomial", "results/mine", "--format", "json"]).stderr(), "");
}

#[test]
fn what_is_proposed_to_compare_with_has_a_variant_in_common_and_the_older_one_stands_first() {
    let misfit = Misfit::new();
    misfit.write("mine.toml", "");
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference");
    let text = std::fs::read_to_string(reference.join("manifest.json")).unwrap();
    let folder = |name: &str, started: u64, rename: bool| {
        std::fs::create_dir_all(misfit.folder.path().join("results").join(name)).unwrap();
        let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        manifest["started"] = started.into();
        for variant in manifest["variants"].as_array_mut().unwrap().iter_mut().filter(|_| rename) {
            variant["name"] = "unlike".into();
        }
        misfit.write(&format!("results/{name}/manifest.json"), &manifest.to_string());
        std::fs::copy(reference.join("runs.csv"), misfit.folder.path().join("results").join(name).join("runs.csv"))
            .unwrap();
    };
    let proposed = |name: &str| {
        let said = misfit.ok(&["report", &format!("results/{name}")]).stderr();
        said.lines().find_map(|line| Some(line.split_once(" diff ")?.1.split("   ").next()?.to_owned()))
    };
    folder("early", 100, false);
    folder("unlike", 300, true);
    assert_eq!((proposed("early"), proposed("unlike")), (None, None));
    folder("late", 200, false);
    let both = || Some("results/early results/late".to_owned());
    assert_eq!((proposed("early"), proposed("late"), proposed("unlike")), (both(), both(), None));
}
