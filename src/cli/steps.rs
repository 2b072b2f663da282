//! What one might do after a command, said by each of them: run, look, change something, run again, compare.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::next::{command, next};
use crate::results::manifest::Manifest;
use crate::results::names::MANIFEST;
use crate::text::shell::quoted;

/// The copy of the experiment that is proposed to be changed.
const MINE: &str = "mine.toml";
/// The project's notebook, for those who stand in its folder.
const NOTEBOOK: &str = "results/compare.ipynb";
/// What it compares a folder with where there is nothing else.
const REFERENCE: &str = "results/reference";

/// After runs were trained into `folder`; `embedded` says whether they are the embedded experiment's.
pub fn after_run(folder: &Path, embedded: bool) {
    let text = folder.display().to_string();
    let mut steps = vec![(command(&["report", &text]), "plots and one page for the browser")];
    match other(folder) {
        Some(other) if !embedded => {
            steps.push(diff(&by_age(&other, folder)));
        }
        _ if embedded && !Path::new(MINE).exists() => {
            steps.push((command(&["init", MINE]), "a copy of the experiment to change"));
        }
        _ => {}
    }
    say(&steps);
}

/// After a diagnosis into `folder`, which found something to mend if `repaired` is there.
pub fn after_diagnosis(folder: &Path, repaired: &Path) {
    let mut steps = Vec::new();
    if repaired.exists() {
        steps.push((command(&["run", &repaired.display().to_string()]), "trains the experiment with the fixes made"));
    }
    steps.push((command(&["report", &folder.display().to_string()]), "plots and one page for the browser"));
    say(&steps);
}

/// After the checks of what `words` name, into `folder`.
pub fn after_check(folder: &Path, words: &[String], fails: bool) {
    let mut steps = Vec::new();
    if fails {
        let words: Vec<&str> = std::iter::once("diagnose").chain(words.iter().map(String::as_str)).collect();
        steps.push((command(&words), "tries what mends it"));
    }
    steps.push((command(&["report", &folder.display().to_string()]), "the same with pictures, for the browser"));
    say(&steps);
}

/// After a report of `folder`.
pub fn after_report(folder: &Path) {
    let mut steps = Vec::new();
    let other = other(folder);
    let reference = Path::new(REFERENCE);
    let committed = || (folder != reference && akin(folder, reference)).then(|| reference.to_owned());
    if let Some(other) = other.clone().or_else(committed) {
        let [old, new] = by_age(&other, folder);
        steps.extend(notebook(&old, &new));
    }
    if !Path::new(MINE).exists() {
        steps.push((command(&["init", MINE]), "a copy of the embedded experiment: change a number in it, and run it"));
    } else if let Some(other) = other {
        steps.push(diff(&by_age(&other, folder)));
    }
    say(&steps);
}

/// After two results folders were compared.
pub fn after_diff(a: &Path, b: &Path) {
    say(&Vec::from_iter(notebook(a, b)));
}

fn notebook(a: &Path, b: &Path) -> Option<(String, &'static str)> {
    let [a, b] = [a, b].map(|folder| quoted(&folder.display().to_string()));
    let line = format!("MISFIT_A={a} MISFIT_B={b} jupyter lab {NOTEBOOK}");
    let what_for = "both in a notebook (pip install jupyterlab pandas polars matplotlib)";
    Path::new(NOTEBOOK).exists().then_some((line, what_for))
}

fn diff(folders: &[PathBuf; 2]) -> (String, &'static str) {
    let [old, new] = folders.each_ref().map(|folder| folder.display().to_string());
    (command(&["diff", &old, &new]), "what differs from the results before")
}

fn manifest(folder: &Path) -> Option<Manifest> {
    Manifest::read(&folder.join(MANIFEST)).ok().flatten()
}

/// Two folders, the one whose runs were started first in front.
fn by_age(other: &Path, folder: &Path) -> [PathBuf; 2] {
    let started = |folder: &Path| manifest(folder).map(|manifest| manifest.started);
    let mut pair = [other.to_owned(), folder.to_owned()];
    if started(folder) < started(other) {
        pair.reverse();
    }
    pair
}

/// Whether two folders are of experiments with the same fixes and a variant of the same name: of one experiment, or of a
/// changed copy.
fn akin(a: &Path, b: &Path) -> bool {
    let [Some(a), Some(b)] = [a, b].map(manifest) else { return false };
    fn fixes(manifest: &Manifest) -> impl Iterator<Item = &str> {
        manifest.fixes.iter().map(|fix| fix.name.as_str())
    }
    fn names(manifest: &Manifest) -> BTreeSet<&str> {
        manifest.variants.iter().map(|variant| variant.name.as_str()).collect()
    }
    fixes(&a).eq(fixes(&b)) && !names(&a).is_disjoint(&names(&b))
}

fn say(steps: &[(String, &str)]) {
    next(&steps.iter().map(|(command, what_for)| (command.as_str(), *what_for)).collect::<Vec<_>>());
}

/// The results folder beside `folder` that was written last and has one of its variants, but for the committed ones.
fn other(folder: &Path) -> Option<PathBuf> {
    let parent = folder.parent()?;
    let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let written = |entry: std::fs::DirEntry| -> Option<(SystemTime, PathBuf)> {
        let name = entry.file_name();
        let ours = Some(name.as_os_str()) == folder.file_name();
        let diagnosis = name.to_string_lossy().ends_with("-diagnosis");
        if ours || diagnosis || name.to_string_lossy().starts_with("reference") {
            return None;
        }
        let time = std::fs::metadata(entry.path().join(MANIFEST)).ok()?.modified().ok()?;
        Some((time, parent.join(name)))
    };
    let mut found: Vec<_> = std::fs::read_dir(here).ok()?.filter_map(|entry| written(entry.ok()?)).collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).find(|path| akin(folder, path))
}
