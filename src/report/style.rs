//! Colours. What is printed with them goes through `anstream`, which leaves them out where they are not wanted: in a pipe,
//! with `NO_COLOR`, with `CLICOLOR=0`, on a dumb terminal.

use anstyle::{AnsiColor, Style};

/// As of a run that fits.
pub fn good(text: &str) -> String {
    styled(AnsiColor::Green.on_default(), text)
}

/// As of a run that diverged.
pub fn bad(text: &str) -> String {
    styled(AnsiColor::Red.on_default(), text)
}

/// Of what stands beside the matter.
pub fn dim(text: &str) -> String {
    styled(Style::new().dimmed(), text)
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
