//! `misfit task`: one task of a plan, into a folder of its own.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::experiment::config::EngineChoice;

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
    plan: PathBuf,
    /// The task's number, from 0 [default: the one that the array engine names]
    #[arg(long, value_name = "I")]
    index: Option<usize>,
    /// Where to train: cpu, cuda or cuda:N [default: the plan's]
    #[arg(long)]
    device: Option<String>,
    /// Refuse the task if its runs train by another engine; misfit plan --engine is where one is chosen
    #[arg(long, value_name = "auto | torch | fused", value_parser = super::run::engine)]
    engine: Option<EngineChoice>,
    /// Training threads [default: SLURM_CPUS_PER_TASK, or one for each core; one for a GPU]
    #[arg(long, value_name = "N", value_parser = super::run::threads, allow_hyphen_values = true)]
    threads: Option<u16>,
    /// Train it anew, whatever is in its folder
    #[arg(long)]
    fresh: bool,
}

#[cfg(not(feature = "train"))]
pub fn run(_: &TaskArgs) -> anyhow::Result<super::Exit> {
    super::run::cannot_train()
}

#[cfg(feature = "train")]
pub fn run(args: &TaskArgs) -> anyhow::Result<super::Exit> {
    use super::Exit;
    use super::run::print;
    use crate::data::Files;
    use crate::experiment::device::{Device, named};
    use crate::run::cluster::merge;
    use crate::run::cluster::plan::Planned;
    use crate::run::runner::{self, Place, Runner};
    use crate::text::numbers::plural;
    use anyhow::ensure;

    let planned = Planned::read(&args.plan)?;
    let index =
        planned.index(args.index, |name| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned()))?;
    let kind = &planned.plan.device;
    let device = args.device.as_deref().unwrap_or(kind);
    let same = matches!(named(device)?, Device::Cpu) == (kind == "cpu");
    ensure!(same, "--device {device}: the plan's runs train on {kind}: make a plan with --device {device}");
    let (path, of) = (planned.folder_of(index), planned.tasks());
    if let Some(asked) = args.engine.filter(|asked| *asked != EngineChoice::Auto) {
        let (experiment, _) = planned.experiment()?;
        for variant in planned.runs_of(index).iter().map(|run| &experiment.variants[run.variant]) {
            let trains = runner::engine(&variant.config, named(device)?)?.word();
            ensure!(
                trains == asked.word(),
                "--engine {0}: the plan's variant {1:?} trains by {trains}: make a plan with --engine {0}",
                asked.word(),
                variant.name
            );
        }
    }
    if !args.fresh && merge::done(&planned, index)? {
        print(&format!("task {index} of {of} is done already: {}\n", path.join("*.csv").display()))?;
        return Ok(Exit::Done);
    }
    let runner = Runner::new(device, args.threads.or_else(|| cores_of_the_task(device)))?;
    let (mut experiment, data) = planned.experiment()?;
    let runs = planned.runs_of(index);
    let files = Files::of(&mut experiment)?;
    for (path, hash) in files.hashes() {
        let shown = path.display();
        ensure!(data.get(path) == Some(hash), "{shown}: was changed after misfit plan copied it: restore it");
    }
    let place = Place {
        path: &path,
        hash: &planned.plan.experiment_hash,
        fresh: args.fresh,
        asked_fresh: args.fresh,
        lock: None,
        tell: true,
        cure: "move it out of the way, or let it be written to",
        task: Some(planned.task(index)),
    };
    let report = runner.run(&experiment, &runs, &files, &place)?;
    if let Some(signal) = report.interrupted {
        return Ok(Exit::Interrupted(signal));
    }
    let (trained, seconds) = (plural(report.trained, "run", "runs"), report.seconds);
    print(&format!(
        "task {index} of {of}: {} in {seconds:.1} s, {} in {}\n",
        trained,
        runs.len(),
        path.join("*.csv").display()
    ))?;
    Ok(Exit::Done)
}

/// Slurm may let a task see all of a node's cores and yet have given it some only.
#[cfg(feature = "train")]
fn cores_of_the_task(device: &str) -> Option<u16> {
    let cores = std::env::var("SLURM_CPUS_PER_TASK").ok()?.parse().ok().filter(|cores| (1..=4096).contains(cores))?;
    (device == "cpu").then_some(cores)
}
