//! `misfit diagnose`: the diagnosis, which trains.

use std::path::Path;

use anyhow::Result;

use crate::cli::Exit;
use crate::cli::diagnose::DiagnoseArgs;
use crate::cli::run::print_text;
use crate::cli::steps::after_diagnosis;
use crate::diagnose::{Interrupted, diagnose};
use crate::run::runner::Runner;

pub fn train(args: &DiagnoseArgs) -> Result<Exit> {
    let experiment = args.train.load()?;
    let name = format!("{}-diagnosis", experiment.name);
    let path = args.train.out.clone().unwrap_or_else(|| Path::new("results").join(name));
    let own = if args.hide_fixes { Vec::new() } else { experiment.fixes.clone() };
    let runner = Runner::new(&args.train.device, args.train.threads)?;
    match diagnose(&runner, &experiment, own, &path, args.train.fresh, args.until_sure) {
        Ok(text) => {
            print_text(&text)?;
            after_diagnosis(&path, &path.join("repaired.toml"));
            Ok(Exit::Done)
        }
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(Interrupted(signal)) => Ok(Exit::Interrupted(*signal)),
            None => Err(error),
        },
    }
}
