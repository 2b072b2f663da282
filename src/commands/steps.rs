//! What one might do after a command, said by each of them: run, look, change something, run again, compare.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::results::folder::MANIFEST;
use crate::show::next::{command, next, quoted};

/// The copy of the experiment that is proposed to be changed.
const MINE: &str = "mine.toml";
/// The project's notebook, for those who stand in its folder.
const NOTEBOOK: &str = "results/compare.ipynb";
/// What it compares a folder with where there is nothing else.
const REFERENCE: &str = "results/reference";

/// After runs were trained into `folder`; `embedded` says whether they are the embedded experiment's.
#[cfg(feature = "train")]
pub fn after_run(folder: &Path, embedded: bool) {
    let text = folder.display().to_string();
    let mut steps = vec![(command(&["report", &text]), "plots and one page for the browser")];
    match other(folder) {
        Some(other) if !embedded => {
            let other = other.display().to_string();
            steps.push((command(&["diff", &other, &text]), "what differs from the results before"));
        }
        _ if embedded && !Path::new(MINE).exists() => {
            steps.push((command(&["init", MINE]), "a copy of the experiment to change"));
        }
        _ => {}
    }
    say(&steps);
}

/// After a diagnosis into `folder`, which found something to mend if `repaired` is there.
#[cfg(feature = "train")]
pub fn after_diagnosis(folder: &Path, repaired: &Path) {
    let mut steps = Vec::new();
    if repaired.exists() {
        steps.push((command(&["run", &repaired.display().to_string()]), "trains the experiment with the fixes made"));
    }
    steps.push((command(&["report", &folder.display().to_string()]), "plots and one page for the browser"));
    say(&steps);
}

/// After a report of `folder`.
pub fn after_report(folder: &Path) {
    let mut steps = Vec::new();
    let reference = Path::new(REFERENCE);
    let before = other(folder).or_else(|| reference.join(MANIFEST).exists().then(|| reference.to_owned()));
    if let Some(before) = &before {
        steps.extend(notebook(before, folder));
    }
    if !Path::new(MINE).exists() {
        steps.push((command(&["init", MINE]), "a copy of the embedded experiment: change a number in it, and run it"));
    } else if let Some(before) = other(folder) {
        let words = ["diff", &before.display().to_string(), &folder.display().to_string()].map(str::to_owned);
        steps.push((command(&words.each_ref().map(String::as_str)), "what differs from the results before"));
    }
    say(&steps);
}

/// After two results folders were compared.
pub fn after_diff(a: &Path, b: &Path) {
    say(&Vec::from_iter(notebook(a, b)));
}

fn notebook(a: &Path, b: &Path) -> Option<(String, &'static str)> {
    let [a, b] = [a, b].map(|folder| quoted(&folder.display().to_string()));
    Path::new(NOTEBOOK)
        .exists()
        .then(|| (format!("MISFIT_A={a} MISFIT_B={b} jupyter lab {NOTEBOOK}"), "both in a notebook (README: Jupyter)"))
}

fn say(steps: &[(String, &str)]) {
    next(&steps.iter().map(|(command, what_for)| (command.as_str(), *what_for)).collect::<Vec<_>>());
}

/// The results folder beside `folder` that was written last, but for the committed ones.
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
    std::fs::read_dir(here).ok()?.filter_map(|entry| written(entry.ok()?)).max().map(|(_, path)| path)
}
