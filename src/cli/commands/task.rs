//! `misfit task`: the training of a task that is not done.

use anyhow::{Result, ensure};

use crate::cli::Exit;
use crate::cli::output::print_text;
use crate::cli::task::{Found, TaskArgs, find};
use crate::data::Files;
use crate::run::runner::{Place, Runner};
use crate::text::numbers::plural;

pub fn train(args: &TaskArgs) -> Result<Exit> {
    let Found { planned, index, device } = find(args)?;
    let (path, of) = (planned.folder_of(index), planned.tasks());
    let runner = Runner::new(&device, args.threads.or_else(|| cores_of_the_task(&device)))?;
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
    print_text(&format!(
        "task {index} of {of}: {} in {seconds:.1} s, {} in {}\n",
        trained,
        runs.len(),
        path.join("*.csv").display()
    ))?;
    Ok(Exit::Done)
}

/// Slurm may let a task see all of a node's cores and yet have given it some only.
fn cores_of_the_task(device: &str) -> Option<u16> {
    let cores = std::env::var("SLURM_CPUS_PER_TASK").ok()?.parse().ok().filter(|cores| (1..=4096).contains(cores))?;
    (device == "cpu").then_some(cores)
}
