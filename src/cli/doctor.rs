//! `misfit doctor`: what is there, and whether it works.

use anyhow::Result;
use clap::Args;

use super::Exit;
use super::run::{by_the_half, print_text};
use crate::experiment::device::named;
use crate::report::style::{bad, dim, good};
use crate::run::doctor::{Check, CheckState, checks, without_libtorch};

const EXAMPLES: &str = "\
Examples:
  misfit doctor                 libtorch, processor, memory, CUDA and the folder one stands in
  misfit doctor --device cuda   the same, and a GPU must be there and compute what the processor does

Exit codes: 0 all that is needed works, 1 something does not, 2 a usage error.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// What must be there to train on: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    pub device: String,
}

pub fn run(args: &DoctorArgs, build: &str) -> Result<Exit> {
    named(&args.device)?;
    match by_the_half(build) {
        Ok(exit) => Ok(exit),
        Err(why) => tell(&checks(&args.device, |device| Ok(vec![without_libtorch(device, &why.to_string())]))?),
    }
}

/// Prints what was tried.
pub fn tell(checks: &[Check]) -> Result<Exit> {
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let state = match check.state {
            CheckState::Works => good("ok  "),
            CheckState::Absent => dim("–   "),
            CheckState::Fails => bad("FAIL"),
        };
        text += &format!("{state}  {:width$}  {}\n", check.what, check.says);
    }
    print_text(&text)?;
    Ok(if checks.iter().any(|check| check.state == CheckState::Fails) { Exit::Different } else { Exit::Done })
}
