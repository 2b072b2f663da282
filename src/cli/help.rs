//! Help that fits into the terminal.

use std::io::IsTerminal;

use terminal_size::terminal_size_of;

use crate::text::room::{width, wrap};

/// Columns of a help in a pipe.
const PIPE: usize = 100;
/// A narrower terminal breaks lines itself.
const LEAST: usize = 40;
/// What stands before an example's remark where it has a line of its own.
const REMARK: &str = "      ";

/// Columns of the terminal that standard output is. `COLUMNS` of the environment goes before what the terminal says.
pub fn terminal_columns() -> Option<usize> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let columns = asked.or_else(|| terminal_size_of(&out).map(|(columns, _)| usize::from(columns.0)));
    columns.filter(|&columns| columns > 0).map(|columns| columns.max(LEAST))
}

/// The command with all its help as wide as `columns` say, or else as in a pipe.
pub fn fitted(command: clap::Command, columns: Option<usize>) -> clap::Command {
    let columns = columns.unwrap_or(PIPE);
    let fit = |command: clap::Command| {
        let examples = command.get_after_help().map(|text| folded(&text.to_string(), columns));
        match examples {
            Some(text) => command.after_help(text),
            None => command,
        }
    };
    fit(command).term_width(columns).mut_subcommands(fit)
}

/// Examples whose remarks stand below them where there is no room beside them, and paragraphs filled.
fn folded(text: &str, columns: usize) -> String {
    if text.lines().all(|line| width(line) <= columns) {
        return text.to_owned();
    }
    let mut folded: Vec<String> = Vec::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let fill = |paragraph: &mut Vec<&str>, folded: &mut Vec<String>| {
        if !paragraph.is_empty() {
            folded.push(wrap(&paragraph.join(" "), columns));
            paragraph.clear();
        }
    };
    for line in text.lines() {
        let inside = line.trim_start();
        if !line.starts_with(' ') && !line.is_empty() && !line.ends_with(':') {
            paragraph.push(line);
            continue;
        }
        fill(&mut paragraph, &mut folded);
        let remark = |remark: &str| wrap(&format!("{REMARK}{remark}"), columns);
        match inside.split_once("   ") {
            // An example, with what it is for beside it.
            Some((example, what_for)) if line.starts_with("  ") => {
                folded.push(format!("  {example}"));
                folded.push(remark(what_for.trim_start()));
            }
            _ if line.len() - inside.len() > REMARK.len() => folded.push(remark(inside)),
            _ => folded.push(line.to_owned()),
        }
    }
    fill(&mut paragraph, &mut folded);
    folded.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_example_is_for_stands_below_it_where_there_is_no_room_beside_it() {
        let text = "Examples:\n  misfit run a.toml      trains it\n  misfit run b.toml -v\n                         the other\n\nA last\nword.";
        assert_eq!(folded(text, 80), text);
        assert_eq!(
            folded(text, 30),
            "Examples:\n  misfit run a.toml\n      trains it\n  misfit run b.toml -v\n      the other\n\nA last word."
        );
    }
}
