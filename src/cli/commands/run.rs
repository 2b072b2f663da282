//! `misfit run`: the training.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::require::{Required, broken};
use crate::cli::run::RunArgs;
use crate::cli::steps::after_run;
use crate::data::Files;
use crate::experiment::EMBEDDED;
use crate::report::summary::by_variant;
use crate::report::{answer, table};
use crate::results::lock::ANOTHER;
use crate::results::read;
use crate::run::progress::begins;
use crate::run::runner::{Place, Runner};
use crate::text::note::{fault, note};
use crate::text::numbers::plural;

pub fn train(run: &RunArgs) -> Result<Exit> {
    let args = &run.train;
    let mut experiment = args.load()?;
    let variants = experiment.select(&run.variant)?;
    run.require.iter().try_for_each(|requirement| requirement.check(&experiment, &variants))?;
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
    let all = experiment.runs(&variants);
    begins(&format!("{} are trained", plural(all.len(), "run", "runs")));
    let report = runner.run(&experiment, &all, &files, &place)?;
    if let Some(signal) = report.interrupted {
        return Ok(Exit::Interrupted(signal));
    }
    let table = table::results(&experiment, &variants, &path)?;
    let rows = read::runs(&path)?;
    let rows = by_variant(rows.iter().filter(|row| experiment.seeds.contains(&row.seed)));
    let of = |at: &usize| {
        let name = experiment.variants[*at].name.as_str();
        (name, rows.get(name).cloned().unwrap_or_default())
    };
    let required: Vec<Required> =
        run.require.iter().flat_map(|requirement| requirement.of(variants.iter().map(of))).collect();
    let broken = broken(&required);
    let exit = if broken.is_some() { Exit::Different } else { Exit::Done };
    let more = match report.others {
        0 => String::new(),
        more => format!(", which hold {more} more, of other seeds or variants"),
    };
    let (runs, seconds) = (report.trained, report.seconds);
    let text = format!("{table}\n{runs} runs in {seconds:.1} s: {}{more}\n", path.join("*.csv").display());
    let own = json!({
        "dry_run": false,
        "name": experiment.name,
        "title": experiment.title,
        "file": experiment.file,
        "folder": path.display().to_string(),
        "seeds": experiment.seeds,
        "trained": runs,
        "others": report.others,
        "seconds": seconds,
        "variants": answer::variants(&experiment, &variants, &rows),
        "required": required.iter().map(Required::json).collect::<Value>(),
    });
    run.output.answer("run", exit, &text, own, &[])?;
    if let Some(line) = broken {
        fault(&line);
    }
    if run.output.is_text() {
        after_run(&path, experiment.file == EMBEDDED.0);
    }
    Ok(exit)
}
