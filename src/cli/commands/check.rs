//! `misfit check`: the ladder of checks, which trains.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::cli::Exit;
use crate::cli::check::CheckArgs;
use crate::cli::steps::after_check;
use crate::diagnose::{Checked, Interrupted, check};
use crate::report::checks;
use crate::results::checks::CheckVerdict;
use crate::run::progress::begins;
use crate::run::runner::Runner;

pub fn train(args: &CheckArgs) -> Result<Exit> {
    let experiment = args.train.load()?;
    let name = format!("{}-check", experiment.name);
    let path = args.train.out.clone().unwrap_or_else(|| Path::new("results").join(name));
    let runner = Runner::new(&args.train.device, args.train.threads)?;
    begins("the checks are measured");
    match check(&runner, &experiment, &path, args.train.fresh, args.all) {
        Ok(Checked { text, rows, trained, seconds, seconds_left_out }) => {
            let mut faults = Vec::new();
            for row in rows.iter().filter(|row| row.verdict == CheckVerdict::Fails) {
                let line = format!("the check {} fails", row.check.word());
                if !faults.contains(&line) {
                    faults.push(line);
                }
            }
            let exit = if faults.is_empty() { Exit::Done } else { Exit::Different };
            let own = json!({
                "name": experiment.name,
                "title": experiment.title,
                "file": experiment.file,
                "folder": path.display().to_string(),
                "trained": trained,
                "seconds": seconds,
                "seconds_left_out": seconds_left_out,
                "checks": checks::json(&rows),
            });
            args.output.answer("check", exit, &text, own, &faults)?;
            if args.output.is_text() {
                after_check(&path, &args.train.words, exit == Exit::Different);
            }
            Ok(exit)
        }
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(Interrupted(signal)) => Ok(Exit::Interrupted(*signal)),
            None => Err(error),
        },
    }
}
