//! Logs of other programs, compared: each side's runs as one CSV, and these as any two.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use super::files::files;
use super::side::Side;
use super::{Asked, Comparison};
use crate::results::logs::{Axis, Logs};
use crate::text::numbers::plural;

/// What a side's CSV is called in messages.
const NAME: &str = "logs";

/// Whether the sides are to be read as logs: one of them is nothing else, or is of several files.
pub(super) fn are_logs(sides: [&Side; 2]) -> bool {
    sides.iter().any(|side| side.is_logs())
}

pub(super) fn logs(sides: [&Side; 2], asked: &Asked, comparison: &mut Comparison) -> Result<()> {
    ensure!(asked.key.is_empty(), "--key: is for CSVs, and these are logs: their rows are told apart by run and step");
    for side in sides {
        if let Some(variant) = &side.variant {
            bail!("{}: logs have no variants, so there is no #{variant}", side.name());
        }
        ensure!(
            !side.is_results(),
            "{}: is a results folder of misfit, and the other side logs: name its curves.csv, with logs that have a seed",
            side.name()
        );
    }
    let read = [Logs::read(&sides[0].paths())?, Logs::read(&sides[1].paths())?];
    let axis = [Axis::Step, Axis::Epoch].into_iter().find(|&axis| read.iter().all(|logs| logs.have(axis)));
    let axis = axis.with_context(|| {
        format!("{} and {}: one has steps alone and the other epochs alone: log both", sides[0].name(), sides[1].name())
    })?;
    for logs in &read {
        comparison.notes.extend(logs.notes.iter().cloned());
    }
    comparison.a = format!("{} ({})", sides[0].name(), plural(read[0].runs.len(), "run", "runs"));
    comparison.b = format!("{} ({})", sides[1].name(), plural(read[1].runs.len(), "run", "runs"));
    let folder =
        tempfile::tempdir().context("a folder for temporary files cannot be made: set TMPDIR to another one")?;
    let paths = ["A", "B"].map(|side| folder.path().join(format!("{side}.csv")));
    for (path, logs) in paths.iter().zip(&read) {
        fs::write(path, logs.csv(axis)).with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    let plain = sides.map(|side| Side { path: side.path.clone(), more: Vec::new(), variant: None });
    let asked = Asked { key: vec!["seed".to_owned(), axis.name().to_owned()], ..asked.clone() };
    let mut file = files([&plain[0], &plain[1]], [&paths[0], &paths[1]], NAME, &asked, &mut comparison.notes)?;
    file.judge(asked.within_noise, asked.common);
    comparison.files.push(file);
    Ok(())
}
