//! What the program prints fits into the terminal: no line is longer than it, and no cell is lost. In a pipe there is one form.

mod common;

use std::path::Path;
use std::process::Command;

use anstream::adapter::strip_str;
use common::{Misfit, skip};

/// Runs the program on a terminal of so many columns and returns what it shows, standard error included.
const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
ready, go = os.pipe()
child, terminal = pty.fork()
if child == 0:
    os.read(ready, 1)
    os.execv(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, int(sys.argv[1]), 0, 0))
os.write(go, b"x")
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    sys.stdout.buffer.write(read.replace(b"\r\n", b"\n"))
"#;

fn on_terminal(misfit: &Misfit, columns: usize, args: &[&str]) -> Option<String> {
    if skip(Command::new("python3").arg("--version").output().is_err(), "python3, which makes a terminal, is not there")
    {
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, &columns.to_string(), env!("CARGO_BIN_EXE_misfit")]).args(args);
    command.env_remove("COLUMNS").env("TERM", "xterm").current_dir(misfit.folder.path());
    let out = command.output().expect("python3 starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).expect("UTF-8"))
}

/// Every line fits, but for a line of one word, as a path, and on standard error a command to copy and a message, which is one
/// line for those who search them.
fn fits(text: &str, columns: usize, what: &str) {
    // Progress is drawn over itself.
    for line in strip_str(text).to_string().split(['\n', '\r']) {
        let one_word = !line.trim().contains(' ');
        let command = line.starts_with("next  ") || line.starts_with("misfit: ");
        assert!(line.chars().count() <= columns || one_word || command, "{what}: {columns} columns: {line:?}");
    }
}

fn reference(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name).display().to_string()
}

/// A text's words; of a table's cells that wrap, those that belong together do not stand together.
fn words(text: &str) -> std::collections::BTreeSet<String> {
    strip_str(text).to_string().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn diff_and_report_fit_into_terminals_of_80_100_and_120_columns_and_no_word_of_a_cell_is_lost() {
    let misfit = Misfit::new();
    for (a, b) in [
        (reference("reference"), reference("reference-rate")),
        (reference("reference") + "#question", reference("reference") + "#answer"),
    ] {
        let piped = misfit.run(&["diff", &a, &b]).stdout();
        for columns in [80, 100, 120, 160] {
            let Some(shown) = on_terminal(&misfit, columns, &["diff", &a, &b]) else { return };
            fits(&shown, columns, "diff");
            let shown = words(&shown);
            // A word of 24 letters or more may be broken.
            let lost: Vec<String> =
                words(&piped).into_iter().filter(|word| word.chars().count() < 24 && !shown.contains(word)).collect();
            assert!(lost.is_empty(), "{columns}: {lost:?}");
        }
    }
}

#[test]
fn every_help_fits_into_the_terminal_and_has_one_form_in_a_pipe() {
    let misfit = Misfit::new();
    let mut main = misfit::cli::command().disable_help_subcommand(true);
    main.build();
    let names: Vec<String> =
        main.get_subcommands().filter(|sub| !sub.is_hide_set()).map(|sub| sub.get_name().to_owned()).collect();
    let helps = std::iter::once(vec!["--help"]).chain(names.iter().map(|name| vec![name.as_str(), "--help"]));
    for args in helps {
        let piped = misfit.ok(&args).stdout();
        fits(&piped, 100, &args.join(" "));
        // The environment alone says nothing of a pipe.
        let asked = misfit.command(&args).env("COLUMNS", "60").output().expect("it starts");
        assert_eq!(String::from_utf8_lossy(&asked.stdout), piped);
        for columns in [80, 100, 120] {
            let Some(shown) = on_terminal(&misfit, columns, &args) else { return };
            fits(&shown, columns, &args.join(" "));
            assert_eq!(words(&shown), words(&piped), "{args:?}");
        }
    }
}

#[test]
fn rules_and_what_a_run_would_train_fit_into_the_terminal() {
    let misfit = Misfit::new();
    for args in [&["rule"][..], &["run", "--dry-run"], &["doctor"]] {
        for columns in [80, 100, 120] {
            let Some(shown) = on_terminal(&misfit, columns, args) else { return };
            fits(&shown, columns, &args.join(" "));
        }
    }
}

#[cfg(feature = "train")]
#[test]
fn the_table_of_a_run_fits_into_the_terminal() {
    let misfit = Misfit::new();
    let args =
        ["run", "--seeds", "2", "train.steps=20", "--variant", "question", "--variant", "answer", "--out", "out"];
    misfit.ok(&args);
    let piped = misfit.ok(&args).stdout();
    for columns in [80, 100, 120] {
        let Some(shown) = on_terminal(&misfit, columns, &args) else { return };
        fits(&shown, columns, "run");
        let shown = words(&shown);
        let lost: Vec<String> = words(&piped).into_iter().filter(|word| !shown.contains(word)).collect();
        // But for the time that it took.
        assert!(lost.len() <= 1, "{columns}: {lost:?}");
    }
}
