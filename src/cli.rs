//! The command line: what is accepted, and which exit code follows.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{self, Exit};
use crate::show::note::note;

#[derive(Debug, Parser)]
#[command(
    name = "misfit",
    version,
    propagate_version = true,
    about = "Finds out, by experiment, why a small neural network does not fit its data"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trains every variant of an experiment over its seeds, writes the results as CSV and prints a table
    Run(commands::run::RunArgs),
    /// Finds out why an experiment's baseline does not fit: tries what might mend it, and says what is needed and enough
    Diagnose(commands::diagnose::DiagnoseArgs),
}

/// Reads the process's arguments and does what they say.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return usage(&error),
    };
    let ended = match cli.command {
        Command::Run(args) => commands::run::run(&args),
        Command::Diagnose(args) => commands::diagnose::run(&args),
    };
    match ended {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        #[cfg(feature = "train")]
        Ok(Exit::Interrupted(signal)) => ExitCode::from(128 + signal as u8),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Of a cause of many lines, as libtorch's with its stack, the first says what it is.
            let causes: Vec<String> =
                error.chain().map(|cause| cause.to_string().lines().next().unwrap_or_default().to_owned()).collect();
            note(&causes.join(": "));
            ExitCode::from(2)
        }
    }
}

/// clap's message on one line.
fn usage(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
    } else {
        let parts: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Usage:")).collect();
        let line = parts
            .join("; ")
            .replacen("error: ", "", 1)
            .replace("; For more information, try '--help'.", " (see --help)");
        note(&line);
    }
    ExitCode::from(2)
}

/// A reader that has seen enough, as `head`, is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
