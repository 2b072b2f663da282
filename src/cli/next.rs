//! What one might do next, said after what was done, on stderr.

use std::io::Write;
use std::path::Path;

use crate::report::style::dim;
use crate::text::note::quiet;
use crate::text::room;
use crate::text::shell::quoted;

/// Says each command and what it is for, a line each, unless `--quiet` is asked for. That nobody reads stderr any more is no failure.
pub fn next(steps: &[(&str, &str)]) {
    if quiet() {
        return;
    }
    let _ = anstream::stderr().write_all(lines(steps, room::columns()).as_bytes());
}

fn lines(steps: &[(&str, &str)], columns: Option<usize>) -> String {
    let width = steps.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let longest = steps.iter().map(|(_, what_for)| what_for.chars().count()).max().unwrap_or(0);
    let below = columns.is_some_and(|columns| 6 + width + 3 + longest > columns);
    let mut text = String::new();
    for (nth, (command, what_for)) in steps.iter().enumerate() {
        let first = if nth == 0 { "next" } else { "" };
        text += &match below {
            // A command stays on one line, to be copied.
            true => format!("{first:4}  {command}\n        {}\n", dim(what_for)),
            false => format!("{first:4}  {command:width$}   {}\n", dim(what_for)),
        };
    }
    text
}

/// A command line of misfit as it can be typed: the program as it was called, and `words`, quoted where a shell needs it.
pub fn command(words: &[&str]) -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let here = std::env::current_dir().unwrap_or_default();
    let program = program(Path::new(&called), &here);
    let words: Vec<String> = std::iter::once(program.as_str()).chain(words.iter().copied()).map(quoted).collect();
    words.join(" ")
}

/// `misfit` where the shell found it by its name, else its path, from `here` if it lies under it.
fn program(called: &Path, here: &Path) -> String {
    if called.components().count() < 2 && !called.starts_with(".") {
        return "misfit".to_owned();
    }
    match called.strip_prefix(here) {
        Ok(under) if under.components().count() == 1 => Path::new(".").join(under).display().to_string(),
        Ok(under) => under.display().to_string(),
        Err(_) => called.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_spelt_as_it_was_called() {
        for (called, spelt) in [
            ("misfit", "misfit"),
            ("./misfit", "./misfit"),
            ("target/release/misfit", "target/release/misfit"),
            ("/home/me/it/target/release/misfit", "target/release/misfit"),
            ("/home/me/it/misfit", "./misfit"),
            ("/opt/misfit", "/opt/misfit"),
            ("../misfit", "../misfit"),
            ("", "misfit"),
        ] {
            assert_eq!(program(Path::new(called), Path::new("/home/me/it")), spelt, "{called}");
        }
    }

    #[test]
    fn steps_are_aligned() {
        let text =
            anstream::adapter::strip_str(&lines(&[("misfit report x", "plots"), ("misfit init", "a copy")], None))
                .to_string();
        assert_eq!(text, "next  misfit report x   plots\n      misfit init       a copy\n");
    }
}
