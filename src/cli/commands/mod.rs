//! The subcommands that train, a file each.

mod check;
mod diagnose;
mod plan;
mod run;
mod task;

use crate::cli::{Command, code, doctor};
use crate::run::doctor::checks;
use crate::run::doctor::training::checks as of_training;

/// Does what the process's arguments ask of the half that trains; the exit code.
pub fn main() -> u8 {
    code(|command| match command {
        Command::Run(args) => run::train(&args),
        Command::Diagnose(args) => diagnose::train(&args),
        Command::Check(args) => check::train(&args),
        Command::Plan(args) => plan::train(&args),
        Command::Task(args) => task::train(&args),
        Command::Doctor(args) => doctor::tell(&args.output, &checks(&args.device, of_training)?),
        _ => anyhow::bail!("the half of misfit that trains was asked for something else: please report it"),
    })
}
