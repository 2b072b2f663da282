//! The command line: what is accepted, and which exit code follows. The subcommands have a file each: parse, do, print.

pub mod check;
pub mod completions;
pub mod diagnose;
pub mod diff;
pub mod doctor;
pub mod export_results;
#[cfg(feature = "train")]
#[allow(unsafe_code)] // The opening of a library.
pub mod half;
mod help;
pub mod init;
pub mod man;
pub mod merge;
pub mod next;
pub mod output;
pub mod plan;
pub mod report;
pub mod require;
pub mod rule;
pub mod run;
pub mod sarif;
pub mod steps;
pub mod task;
mod usage;

use std::process::ExitCode;
use std::sync::Arc;

use anstream::ColorChoice;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::text::note::{be_quiet, fault, in_notebook};
use crate::text::room;

/// How a command ended well; a failure is an error, and code 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// A difference, or a check that failed: code 1.
    Different,
    /// By this signal; runs that had ended are kept.
    Interrupted(i32),
    /// As the half that trains says.
    OfTheHalf(u8),
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Different => 1,
            Exit::Interrupted(signal) => 128 + signal as u8,
            Exit::OfTheHalf(code) => code,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  misfit run                                    trains the embedded experiment and says what each variant ended as
  misfit report results/polynomial              plots of that, and one page for the browser
  misfit init mine.toml                         a copy of the experiment to change
  misfit run mine.toml                          trains it; its results go to results/mine
  misfit diff results/polynomial results/mine   what is different now
  misfit check mine.toml                        can its baseline learn two samples, does it use its inputs, …
  misfit diagnose mine.toml                     why its baseline does not fit, and what mends it

Each subcommand's --help has more.";

#[derive(Debug, Parser)]
#[command(
    name = "misfit",
    version,
    propagate_version = true,
    about = "Finds out, by experiment, why a small neural network does not fit its data",
    after_help = EXAMPLES
)]
struct Cli {
    /// Colours: auto has them on a terminal, and not in a notebook
    #[arg(long, value_enum, value_name = "auto | always | never", default_value_t = Colors::Auto, hide_possible_values = true, hide_default_value = true, global = true)]
    color: Colors,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colors {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trains every variant of an experiment over its seeds, writes the results as CSV and prints a table
    Run(run::RunArgs),
    /// Finds out why an experiment's baseline does not fit: tries what might mend it, and says what is needed and enough
    Diagnose(diagnose::DiagnoseArgs),
    /// Checks an experiment's baseline by what every guide asks for: can it learn two samples, does it use its inputs, which rates work?
    Check(check::CheckArgs),
    /// Prints what a rule of a diagnosis looks for, how sure it is and what mends it; or lists all rules
    Rule(rule::RuleArgs),
    /// Draws a results folder: plots as SVG and PNG, and one page for the browser
    Report(report::ReportArgs),
    /// Compares two CSVs or results folders, or two variants: what differs, by how much, and is that more than noise?
    Diff(diff::DiffArgs),
    /// Writes a results folder for other programs: as Parquet, or as TensorBoard's event files
    Export(export_results::ExportArgs),
    /// Cuts an experiment's runs into numbered tasks for a cluster: one file says which task has which
    Plan(plan::PlanArgs),
    /// Trains one task of a plan into a folder of its own
    Task(task::TaskArgs),
    /// Puts what a plan's tasks left into one results folder, and says what is missing
    Merge(merge::MergeArgs),
    /// Checks what misfit needs: libtorch, CUDA, threads, memory, a folder to write to
    Doctor(doctor::DoctorArgs),
    /// Writes a copy of the embedded experiment, to change it
    Init(init::InitArgs),
    /// Prints what makes a shell complete misfit's subcommands and options
    Completions(completions::CompletionsArgs),
    /// Prints the manual page, or writes those of all subcommands into a folder
    Man(man::ManArgs),
}

impl Command {
    fn quiet(&self) -> bool {
        let output = match self {
            Command::Run(args) => &args.output,
            Command::Check(args) => &args.output,
            Command::Report(args) => &args.output,
            Command::Plan(args) => &args.output,
            Command::Merge(args) => &args.output,
            Command::Doctor(args) => &args.output,
            Command::Diagnose(args) => return args.quiet.quiet,
            _ => return false,
        };
        output.quiet.quiet
    }
}

/// The command line as it is accepted: of this help, manual pages and completions are made.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Reads the process's arguments and does what they say. What trains is in a library that `half` opens, which has a function of
/// the name `build`.
pub fn main(build: &str) -> ExitCode {
    // A file that reaches the shell's limit (ulimit -f) is then an error of that file, with its name, and no sudden end.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    ExitCode::from(code(|command| match command {
        Command::Run(args) => run::run(&args, build),
        Command::Diagnose(args) => diagnose::run(&args, build),
        Command::Check(args) => check::run(&args, build),
        Command::Rule(args) => rule::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Export(args) => export_results::run(&args),
        Command::Plan(args) => plan::run(&args, build),
        Command::Task(args) => task::run(&args, build),
        Command::Merge(args) => merge::run(&args),
        Command::Doctor(args) => doctor::run(&args, build),
        Command::Init(args) => init::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }))
}

/// The exit code of what `command` does with the process's arguments.
pub fn code(command: impl FnOnce(Command) -> anyhow::Result<Exit>) -> u8 {
    if in_notebook() {
        ColorChoice::Never.write_global();
    }
    let columns = help::terminal_columns();
    columns.into_iter().for_each(room::set_columns);
    let parsed = help::fitted(self::command(), columns).try_get_matches();
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return 0;
        }
        Err(error) => return usage(&error),
    };
    match cli.color {
        Colors::Always => ColorChoice::AlwaysAnsi.write_global(),
        Colors::Never => ColorChoice::Never.write_global(),
        Colors::Auto => {}
    }
    if cli.command.quiet() {
        be_quiet();
    }
    match command(cli.command) {
        Ok(exit) => exit.code(),
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            // Of a cause of many lines, as libtorch's with its stack, the first says what it is.
            let causes: Vec<String> =
                error.chain().map(|cause| cause.to_string().lines().next().unwrap_or_default().to_owned()).collect();
            fault(&causes.join(": "));
            2
        }
    }
}

/// Says what is wrong with the arguments, or how to use the program where there are none.
fn usage(error: &clap::Error) -> u8 {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
    } else {
        fault(&usage::line(error, &command()));
    }
    2
}

/// A reader that has seen enough, as `head`, is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
