//! The command line: what is accepted, and which exit code follows.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::experiment::one_line;

/// How a command ended well; a failure is an error, and code 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// By this signal; runs that had ended are kept.
    Interrupted(i32),
}

#[derive(Debug, Parser)]
#[command(
    name = "misfit",
    version,
    about = "Finds out, by experiment, why a small neural network does not fit its data"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trains every variant of an experiment over its seeds, writes the results as CSV and prints a table
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  misfit run                                     the embedded experiment: a ReLU network asked to fit x² + x
  misfit run my.toml --seeds 10                  one's own, with the seeds 0 to 9
  misfit run my.toml train.steps=500             with one setting changed, in every variant
  misfit run --variant question --variant answer only these variants
  misfit run --dry-run                           what would be trained, and how each variant differs

A run that was cut short goes on with the same command. Exit codes: 0 done, 2 a usage or input error,
130 or 143 interrupted (runs that had ended are kept).";

#[derive(Debug, Args)]
pub struct RunArgs {
    /// An experiment file (the embedded polynomial experiment where none is given), and settings to change in it
    #[arg(value_name = "FILE | KEY=VALUE")]
    pub words: Vec<String>,
    /// The results folder [default: results/<name>]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// The number of seeds (0, 1, …), or a list of them, as 3,5,8
    #[arg(long, value_name = "N | LIST")]
    pub seeds: Option<String>,
    /// Where to train: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Training threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub threads: Option<u16>,
    /// Only this variant; may be repeated
    #[arg(long, value_name = "NAME")]
    pub variant: Vec<String>,
    /// Print every run and how each variant differs from the baseline; train and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace whatever results are in the folder
    #[arg(long)]
    pub fresh: bool,
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
    };
    match ended {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Interrupted(signal)) => ExitCode::from(128 + signal as u8),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("misfit: {}", one_line(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

/// clap's message on one line.
fn usage(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprint!("{text}");
    } else {
        let parts: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Usage:")).collect();
        let line = parts
            .join("; ")
            .replacen("error: ", "", 1)
            .replace("; For more information, try '--help'.", " (see --help)");
        eprintln!("misfit: {}", one_line(&line));
    }
    ExitCode::from(2)
}

/// A reader that has seen enough, as `head`, is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
