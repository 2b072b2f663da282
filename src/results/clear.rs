//! What is removed from a results folder: all that an experiment or a diagnosis left, a report, what a kill left half-written;
//! and nothing else that may lie there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::files::remove;
use super::input;
use super::lock::LOCK;
use super::names::{CHECKS, DIAGNOSED, EFFECTS, FINDINGS, MANIFEST, PAGE, PARTS, PLOTS, REPAIRED, TRIALS, VERDICTS};
use super::run_file::RunFile;

/// The names of what a run and a diagnosis write, the manifest last.
fn written() -> impl Iterator<Item = &'static str> {
    // The file that says which runs there are comes first: what it names is in the others.
    let mut files = RunFile::ALL;
    files.sort_by_key(|file| *file != RunFile::Runs);
    files.map(RunFile::name).into_iter().chain([EFFECTS, FINDINGS, VERDICTS, DIAGNOSED, CHECKS, REPAIRED, MANIFEST])
}

/// The results that a diagnosis has numbered. A folder of that name may be somebody's own.
pub fn trials(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut trials = Vec::new();
    for trial in listed(&path.join(TRIALS))? {
        let trial = trial?.path();
        let numbered = trial.file_name().is_some_and(|name| name.to_string_lossy().parse::<usize>().is_ok());
        if numbered && (trial.join(MANIFEST).exists() || trial.join(LOCK).exists()) {
            trials.push(trial);
        }
    }
    Ok(trials)
}

/// What is in a folder, which need not be there.
fn listed(folder: &Path) -> std::io::Result<impl Iterator<Item = std::io::Result<fs::DirEntry>>> {
    match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        entries => entries.map(Some),
    }
    .map(|entries| entries.into_iter().flatten())
}

/// Clears out whatever an experiment or a diagnosis left in a folder, which this process holds.
pub fn clear(path: &Path) -> Result<()> {
    let uncleared = || format!("{}: cannot be cleared", path.display());
    if input::about(&path.join(PARTS))?.is_some() {
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
    let unreadable = || format!("{}: cannot be read", plots.display());
    for entry in listed(&plots).with_context(unreadable)? {
        let picture = entry.with_context(unreadable)?.path();
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
    let unreadable = || format!("{}: cannot be read", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let unfinished = path.extension().is_some_and(|extension| extension.to_string_lossy().starts_with("new-"));
        if unfinished && written().any(|name| Path::new(name).file_stem() == path.file_stem()) {
            remove(&path)?;
        }
    }
    Ok(())
}
