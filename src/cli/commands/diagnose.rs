//! `misfit diagnose`: the diagnosis, which trains.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::cli::Exit;
use crate::cli::diagnose::{DiagnoseArgs, DiagnosisFormat};
use crate::cli::output::{self, print, print_text};
use crate::cli::sarif::sarif;
use crate::cli::steps::after_diagnosis;
use crate::diagnose::{Diagnosed, Interrupted, answer, diagnose};
use crate::results::names::REPAIRED;
use crate::run::progress::begins;
use crate::run::runner::Runner;

pub fn train(args: &DiagnoseArgs) -> Result<Exit> {
    let experiment = args.train.load()?;
    let name = format!("{}-diagnosis", experiment.name);
    let path = args.train.out.clone().unwrap_or_else(|| Path::new("results").join(name));
    let own = if args.hide_fixes { Vec::new() } else { experiment.fixes.clone() };
    let runner = Runner::new(&args.train.device, args.train.threads)?;
    begins("fixes are tried");
    match diagnose(&runner, &experiment, own, &path, args.train.fresh, args.until_sure) {
        Ok(Diagnosed { text, diagnosis, trained, measured, seconds }) => {
            match args.format {
                DiagnosisFormat::Text if args.quiet.quiet => {}
                DiagnosisFormat::Text => {
                    print_text(&text)?;
                    after_diagnosis(&path, &path.join(REPAIRED));
                }
                DiagnosisFormat::Json => {
                    let own = json!({
                        "folder": path.display().to_string(),
                        "trained": trained,
                        "measured": measured,
                        "seconds": seconds,
                        "diagnosis": answer::json(&experiment, &diagnosis),
                    });
                    print(&output::json("diagnose", Exit::Done, &text, own)?)?;
                }
                DiagnosisFormat::Sarif => print(&sarif(&experiment, &diagnosis)?)?,
            }
            Ok(Exit::Done)
        }
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(Interrupted(signal)) => Ok(Exit::Interrupted(*signal)),
            None => Err(error),
        },
    }
}
