//! `misfit check`: the ladder of checks, measured over seeds.

use anyhow::Result;
use clap::Args;

use super::Exit;
use super::output::OutputArgs;
use super::run::TrainArgs;

const EXAMPLES: &str = "\
Examples:
  misfit check                   the embedded experiment: a ReLU network asked to fit x² + x
  misfit check my.toml           one's own baseline
  misfit check my.toml --all     also what would take longer than about ten seconds on two cores

Every check takes the experiment's seeds, five at least. The runs and checks.csv go to results/<name>-check. misfit report makes pictures of them. Exit codes: 0 no check fails, 1 one
does, 2 a usage or input error, 130 or 143 interrupted.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    #[command(flatten)]
    pub train: TrainArgs,
    /// Measure every check, whatever time it takes
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub fn run(args: &CheckArgs, build: &str) -> Result<Exit> {
    args.train.load()?;
    super::run::by_the_half(build)
}
