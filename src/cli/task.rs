//! `misfit task`: one task of a plan, into a folder of its own.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, ValueHint};

use super::Exit;
use super::output::print_text;
use super::run::by_the_half;
use crate::experiment::config::EngineChoice;
use crate::experiment::device::{Device, named};
use crate::experiment::engine::choose;
use crate::run::cluster::merge;
use crate::run::cluster::plan::Planned;

const EXAMPLES: &str = "\
Examples:
  misfit task results/sweep-plan --index 3     the task of number 3, of those numbered from 0
  misfit task results/sweep-plan               the one that the array engine names: SLURM_ARRAY_TASK_ID, HQ_TASK_ID,
                                               JOB_COMPLETION_INDEX, or PARALLEL_SEQ (from 1) of GNU parallel
  seq 0 19 | parallel -j 8 misfit task results/sweep-plan --threads 1 --index

A task that is done ends at once; one that was cut short goes on. Exit codes: 0 done, 2 an error, 130 or 143 interrupted
(runs that had ended are kept, and the same command goes on).";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TaskArgs {
    /// A plan, as misfit plan writes it, or its folder
    #[arg(value_name = "PLAN", value_hint = ValueHint::FilePath)]
    pub plan: PathBuf,
    /// The task's number, from 0 [default: the one that the array engine names]
    #[arg(long, value_name = "I")]
    pub index: Option<usize>,
    /// Where to train: cpu, cuda or cuda:N [default: the plan's]
    #[arg(long)]
    pub device: Option<String>,
    /// Refuse the task if its runs train by another engine; misfit plan --engine is where one is chosen
    #[arg(long, value_name = "auto | torch | fused", value_parser = super::run::engine)]
    pub engine: Option<EngineChoice>,
    /// Training threads [default: SLURM_CPUS_PER_TASK, or one for each core; one for a GPU]
    #[arg(long, value_name = "N", value_parser = super::run::threads, allow_hyphen_values = true)]
    pub threads: Option<u16>,
    /// Train it anew, whatever is in its folder
    #[arg(long)]
    pub fresh: bool,
}

/// A task of a plan, and the device that it trains on.
pub struct Found {
    pub planned: Planned,
    pub index: usize,
    pub device: String,
}

pub fn run(args: &TaskArgs, build: &str) -> Result<Exit> {
    if !cfg!(feature = "train") {
        return by_the_half(build);
    }
    let Found { planned, index, .. } = find(args)?;
    if !args.fresh && merge::done(&planned, index)? {
        let (path, of) = (planned.folder_of(index), planned.tasks());
        print_text(&format!("task {index} of {of} is done already: {}\n", path.join("*.csv").display()))?;
        return Ok(Exit::Done);
    }
    by_the_half(build)
}

/// What the command line names, if it can be trained as it asks.
pub fn find(args: &TaskArgs) -> Result<Found> {
    let planned = Planned::read(&args.plan)?;
    let index =
        planned.index(args.index, |name| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned()))?;
    let kind = &planned.plan.device;
    let device = args.device.as_deref().unwrap_or(kind);
    let same = matches!(named(device)?, Device::Cpu) == (kind == "cpu");
    ensure!(same, "--device {device}: the plan's runs train on {kind}: make a plan with --device {device}");
    if let Some(asked) = args.engine.filter(|asked| *asked != EngineChoice::Auto) {
        let (experiment, _) = planned.experiment()?;
        for variant in planned.runs_of(index).iter().map(|run| &experiment.variants[run.variant]) {
            let trains = choose(&variant.config, named(device)?)?.word();
            ensure!(
                trains == asked.word(),
                "--engine {0}: the plan's variant {1:?} trains by {trains}: make a plan with --engine {0}",
                asked.word(),
                variant.name
            );
        }
    }
    let device = device.to_owned();
    Ok(Found { planned, index, device })
}
