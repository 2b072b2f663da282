//! What is removed from a results folder: all that an experiment or a diagnosis left, a report, what a kill left half-written;
//! and nothing else that may lie there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::files::remove;
use super::lock::LOCK;
use super::names::{CHECKS, DIAGNOSED, EFFECTS, FINDINGS, MANIFEST, PAGE, PARTS, PLOTS, REPAIRED, TRIALS, VERDICTS};
use super::run_file::RunFile;

/// The names of what a run and a diagnosis write, the manifest last.
fn written() -> impl Iterator<Item = &'static str> {
    RunFile::ALL
        .map(RunFile::name)
        .into_iter()
        .chain([EFFECTS, FINDINGS, VERDICTS, DIAGNOSED, CHECKS, REPAIRED, MANIFEST])
}

/// The results that a diagnosis has numbered. A folder of that name may be somebody's own.
pub fn trials(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(path.join(TRIALS)) else { return Ok(Vec::new()) };
    let mut trials = Vec::new();
    for trial in entries {
        let trial = trial?.path();
        let numbered = trial.file_name().is_some_and(|name| name.to_string_lossy().parse::<usize>().is_ok());
        if numbered && (trial.join(MANIFEST).exists() || trial.join(LOCK).exists()) {
            trials.push(trial);
        }
    }
    Ok(trials)
}

/// Clears out whatever an experiment or a diagnosis left in a folder, which this process holds.
pub fn clear(path: &Path) -> Result<()> {
    let uncleared = || format!("{}: cannot be cleared", path.display());
    if path.join(PARTS).exists() {
        fs::remove_dir_all(path.join(PARTS)).with_context(uncleared)?;
    }
    for trial in trials(path).with_context(uncleared)? {
        fs::remove_dir_all(&trial).with_context(uncleared)?;
    }
    // Not if something is left in it.
    let _ = fs::remove_dir(path.join(TRIALS));
    clear_report(path)?;
    // The manifest last: as long as it stands, what is left is known for what it is.
    written().try_for_each(|file| remove(&path.join(file)))
}

/// Removes a report and its pictures, and nothing else that may lie beside them.
pub fn clear_report(path: &Path) -> Result<()> {
    let plots = path.join(PLOTS);
    for entry in fs::read_dir(&plots).into_iter().flatten() {
        let picture = entry.with_context(|| plots.display().to_string())?.path();
        let is = |extension: &str| picture.extension().is_some_and(|own| own == extension);
        let stem = picture.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let ours = ["test-error", "curves", "effects", "interactions"].contains(&stem.as_str())
            || ["fit-", "loss-"].iter().any(|start| stem.starts_with(start));
        if ours && (is("svg") || is("png")) {
            remove(&picture)?;
        }
    }
    // Not if something is left in it.
    let _ = fs::remove_dir(&plots);
    remove(&path.join(PAGE))
}

/// Removes files that were being written when the process was killed.
pub fn remove_unfinished(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let unfinished = path.extension().is_some_and(|extension| extension.to_string_lossy().starts_with("new-"));
        if unfinished && written().any(|name| Path::new(name).file_stem() == path.file_stem()) {
            remove(&path)?;
        }
    }
    Ok(())
}
