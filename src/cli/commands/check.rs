//! `misfit check`: the ladder of checks, which trains.

use std::path::Path;

use anyhow::Result;

use crate::cli::Exit;
use crate::cli::check::CheckArgs;
use crate::cli::run::print_text;
use crate::cli::steps::after_check;
use crate::diagnose::{Interrupted, check};
use crate::run::runner::Runner;

pub fn train(args: &CheckArgs) -> Result<Exit> {
    let experiment = args.train.load()?;
    let name = format!("{}-check", experiment.name);
    let path = args.train.out.clone().unwrap_or_else(|| Path::new("results").join(name));
    let runner = Runner::new(&args.train.device, args.train.threads)?;
    match check(&runner, &experiment, &path, args.train.fresh, args.all) {
        Ok((text, fails)) => {
            print_text(&text)?;
            after_check(&path, &args.train.words, fails);
            Ok(if fails { Exit::Different } else { Exit::Done })
        }
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(Interrupted(signal)) => Ok(Exit::Interrupted(*signal)),
            None => Err(error),
        },
    }
}
