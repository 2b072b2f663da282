//! `misfit plan`: an experiment's runs as numbered tasks.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::output::OutputArgs;
use crate::experiment::config::EngineChoice;

const EXAMPLES: &str = "\
Examples:
  misfit plan sweep.toml                             tasks of about ten minutes each
  misfit plan sweep.toml --tasks 100                 100 tasks, about as long as one another
  misfit plan sweep.toml --runs-per-task 500         as many tasks as that makes
  misfit plan sweep.toml --seeds 20 train.steps=500  settings as misfit run takes them

It writes a folder beside the results folder, results/sweep-plan for results/sweep, and trains nothing. Then
misfit task PLAN --index I does each task, on any machine that sees the folder, and misfit merge PLAN puts the results
together. scripts/slurm-submit does all three on a Slurm cluster.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// An experiment file (the embedded polynomial experiment where none is given), and settings to change in it
    #[arg(value_name = "FILE | KEY=VALUE", value_hint = ValueHint::FilePath)]
    pub words: Vec<String>,
    /// The results folder, which misfit merge writes [default: results/<name>]; the plan's is beside it
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// The number of seeds (0, 1, …), or a list of them, as 3,5,8
    #[arg(long, value_name = "N | LIST", allow_hyphen_values = true)]
    pub seeds: Option<String>,
    /// Where the tasks will train: cpu or cuda
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// What will compute the steps, in every variant: auto, torch or fused [default: as the experiment says, else auto]
    #[arg(long, value_name = "auto | torch | fused", value_parser = super::run::engine)]
    pub engine: Option<EngineChoice>,
    /// How many tasks [default: so many that one lasts about ten minutes on one core]
    #[arg(long, value_name = "N", conflicts_with = "runs_per_task", value_parser = count, allow_hyphen_values = true)]
    pub tasks: Option<usize>,
    /// How many runs a task has
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    pub runs_per_task: Option<usize>,
    #[command(flatten)]
    pub output: OutputArgs,
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

pub fn run(args: &PlanArgs, build: &str) -> anyhow::Result<super::Exit> {
    if cfg!(feature = "train") {
        crate::experiment::device::named(&args.device)?;
        super::run::load(&args.words, args.seeds.as_deref(), args.engine)?;
    }
    super::run::by_the_half(build)
}
