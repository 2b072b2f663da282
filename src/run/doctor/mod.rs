//! What misfit needs of a machine, tried out.

pub mod libtorch;

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::text::one_line;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Works,
    /// Not there, and not needed.
    Absent,
    /// Needed, and it does not work: the text says the cure.
    Fails,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub what: &'static str,
    pub state: CheckState,
    /// What was found, on one line.
    pub says: String,
}

impl Check {
    pub fn of(what: &'static str, tried: Result<String>) -> Self {
        match tried {
            Ok(says) => Check { what, state: CheckState::Works, says },
            Err(error) => Check { what, state: CheckState::Fails, says: one_line(&format!("{error:#}")) },
        }
    }
}

/// All that is tried, in the order in which a run would need it. `device`: what must be there to train on. Only its name
/// can be an error. `training` tries what training needs.
pub fn checks(device: &str, training: impl FnOnce(&str) -> Result<Vec<Check>>) -> Result<Vec<Check>> {
    crate::experiment::device::named(device)?;
    let mut checks = vec![Check {
        what: "misfit",
        state: CheckState::Works,
        says: format!("{} for {}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH),
    }];
    checks.extend(training(device)?);
    checks.push(Check::of("folder", folder(Path::new("."))));
    Ok(checks)
}

/// What is said where the half that trains is not there, and why it is not. A build without it, which was asked for, lacks it
/// only where it should train on a GPU.
pub fn without_libtorch(device: &str, why: &str) -> Check {
    let fails = cfg!(feature = "train") || device != "cpu";
    let state = if fails { CheckState::Fails } else { CheckState::Absent };
    Check { what: "libtorch", state, says: one_line(why) }
}

/// Whether results can be written and locked here.
fn folder(here: &Path) -> Result<String> {
    use anyhow::{Context, anyhow};

    let shown = here.canonicalize().unwrap_or_else(|_| here.to_owned());
    let shown = one_line(&shown.display().to_string());
    let name = here.join(format!(".misfit-doctor-{}", std::process::id()));
    let cure = || format!("{shown}: go to a folder of your own, or name one with --out");
    let tried = (|| {
        let file = std::fs::File::create_new(&name).with_context(cure)?;
        file.try_lock().map_err(|cause| anyhow!("{}: files here cannot be locked: {cause}", cure()))?;
        std::fs::write(&name, [0; 4096]).with_context(cure)
    })();
    let _ = std::fs::remove_file(&name);
    tried.map(|()| format!("{shown} can be written to, and results in it locked"))
}
