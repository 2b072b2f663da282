//! How a command answers: as text for people, as one JSON object for programs (docs/machines.md), or not at all.

use std::io::Write;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Exit;
use crate::diagnose::answer::FORMAT;
use crate::text::note::fault;
use crate::text::room;

#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// How the answer is printed: as text, or as one JSON object, in which NaN and infinities are texts
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    #[command(flatten)]
    pub quiet: Quiet,
}

#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Quiet {
    /// Print no text, no progress and no notes, only what fails, and JSON where --format asks for it
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// What stands before and beside a command's own keys.
#[derive(Serialize)]
struct Answer<'a, T> {
    format: u32,
    misfit: &'static str,
    command: &'a str,
    exit_code: u8,
    /// What a terminal shows.
    text: String,
    #[serde(flatten)]
    own: T,
}

/// A command's answer as JSON; `text` is what it says to people, `own` an object.
pub fn json(command: &str, exit: Exit, text: &str, own: impl Serialize) -> Result<String> {
    let text = anstream::adapter::strip_str(text).to_string();
    let answer =
        Answer { format: FORMAT, misfit: env!("CARGO_PKG_VERSION"), command, exit_code: exit.code(), text, own };
    Ok(serde_json::to_string_pretty(&answer)? + "\n")
}

/// Writes the command's output, with its colours where they are wanted.
pub fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output: cannot be written")
}

/// The same of a text for people, whose lines fit into the terminal where there is one.
pub fn print_text(text: &str) -> Result<()> {
    match room::columns() {
        Some(columns) => print(&room::wrap(text, columns)),
        None => print(text),
    }
}

impl OutputArgs {
    /// Whether people read the answer: then they are told what to do next.
    pub fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    /// Prints the answer. `faults` say why the exit code is not 0, where nothing else would.
    pub fn answer(&self, command: &str, exit: Exit, text: &str, own: impl Serialize, faults: &[String]) -> Result<()> {
        match self.format {
            Format::Json => print(&json(command, exit, text, own)?),
            Format::Text if !self.quiet.quiet => print_text(text),
            Format::Text => {
                faults.iter().for_each(|line| fault(line));
                Ok(())
            }
        }
    }
}
