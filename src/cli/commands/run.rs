//! `misfit run`: the training.

use std::path::Path;

use anyhow::Result;

use crate::cli::Exit;
use crate::cli::run::{RunArgs, print_text};
use crate::cli::steps::after_run;
use crate::data::Files;
use crate::experiment::EMBEDDED;
use crate::report::table;
use crate::results::lock::ANOTHER;
use crate::run::runner::{Place, Runner};
use crate::text::note::note;

pub fn train(run: &RunArgs) -> Result<Exit> {
    let args = &run.train;
    let mut experiment = args.load()?;
    let variants = experiment.select(&run.variant)?;
    experiment.notes.iter().for_each(|text| note(text));
    let runner = Runner::new(&args.device, args.threads)?;
    let files = Files::of(&mut experiment)?;
    // What is refused has no notes.
    runner.check(&experiment, &variants, &files)?;
    files.notes().into_iter().for_each(note);
    let hash = runner.hash(&experiment, files.hashes());
    let path = args.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name));
    let (fresh, asked_fresh) = (args.fresh, args.fresh);
    let place =
        Place { path: &path, hash: &hash, fresh, asked_fresh, lock: None, tell: true, cure: ANOTHER, task: None };
    let report = runner.run(&experiment, &experiment.runs(&variants), &files, &place)?;
    if let Some(signal) = report.interrupted {
        return Ok(Exit::Interrupted(signal));
    }
    let table = table::results(&experiment, &variants, &path)?;
    let more = match report.others {
        0 => String::new(),
        more => format!(", which hold {more} more, of other seeds or variants"),
    };
    let (runs, seconds) = (report.trained, report.seconds);
    print_text(&format!("{table}\n{runs} runs in {seconds:.1} s: {}{more}\n", path.join("*.csv").display()))?;
    after_run(&path, experiment.file == EMBEDDED.0);
    Ok(Exit::Done)
}
