//! What a diagnosis leaves beside the runs: `effects.csv`, `findings.csv`, `verdicts.csv`, `diagnosis.json` with all of it, and
//! the repaired experiment.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::rows::{effect, findings, verdicts};
use super::search::Set;
use super::verdicts::{Diagnosis, Goal};
use super::{answer, code};
use crate::experiment::Experiment;
use crate::experiment::config::{Test, sections};
use crate::experiment::framework::Framework;
use crate::results::files::{Unplaced, remove};
use crate::results::integrity::Integrity;
use crate::results::manifest::Manifest;
use crate::results::names::{DIAGNOSED, EFFECTS, FINDINGS, MANIFEST, REPAIRED, VERDICTS};
use crate::results::rows::table;
use crate::text::one_line;

/// Writes these files into a results folder that has a manifest.
pub fn write(folder: &Path, experiment: &Experiment, diagnosis: &Diagnosis) -> Result<()> {
    let text = |name: &'static str, text: String| -> Result<(&'static str, Unplaced)> {
        let written = Unplaced::write(&folder.join(name), |file| Ok(file.write_all(text.as_bytes())?))?;
        Ok((name, written))
    };
    let mut manifest = Manifest::read(&folder.join(MANIFEST))?
        .with_context(|| format!("{}: has no {MANIFEST} any more", folder.display()))?;
    let mut new = vec![
        text(EFFECTS, table(&diagnosis.effects.iter().map(|of| effect(diagnosis, of)).collect::<Vec<_>>()))?,
        text(FINDINGS, table(&findings(diagnosis)))?,
        text(VERDICTS, table(&verdicts(diagnosis)))?,
        text(DIAGNOSED, serde_json::to_string_pretty(&answer::json(experiment, diagnosis))? + "\n")?,
    ];
    match diagnosis.smallest.first() {
        Some(&set) if set != 0 => new.push(text(REPAIRED, repaired(folder, experiment, diagnosis, set)?)?),
        _ => {
            remove(&folder.join(REPAIRED))?;
            manifest.sums.files.remove(REPAIRED);
        }
    }
    manifest.place(folder, new)
}

/// Refuses to write over one of these files that somebody changed.
pub fn unchanged(folder: &Path, manifest: &Manifest) -> Result<()> {
    let integrity = Integrity::of(folder, manifest);
    let changed = integrity.changed().find(|name| [EFFECTS, FINDINGS, VERDICTS, DIAGNOSED, REPAIRED].contains(name));
    ensure!(
        changed.is_none(),
        "{}: was changed after misfit wrote it: move it elsewhere, restore it, or run with --fresh",
        folder.join(changed.unwrap_or_default()).display()
    );
    Ok(())
}

/// The experiment with a set of fixes made, every key written out.
fn repaired(folder: &Path, experiment: &Experiment, diagnosis: &Diagnosis, set: Set) -> Result<String> {
    let measured = &diagnosis.cells[&set];
    let mut config = measured.config.clone();
    let mut text = format!(
        "# {} with {}: {} ({}).\n",
        one_line(&experiment.name),
        match diagnosis.goal {
            Goal::Fits => "what misfit found to be enough",
            Goal::MayFit => "what may be enough, which so few seeds do not tell",
            Goal::Best | Goal::Nothing => "the best that misfit found, which does not fit on enough seeds",
        },
        one_line(&diagnosis.names(set).join("+")),
        measured.outcomes()
    );
    let framework = diagnosis.baseline().config.framework.map_or("", Framework::name);
    for fix in super::search::members(set) {
        let lines = code::of_fix(diagnosis, set, fix);
        let fix = &diagnosis.fixes[fix].fix;
        text.push_str(&format!("# {}: {}\n", one_line(&fix.name), one_line(&fix.patch().join("; "))));
        for line in lines {
            text.push_str(&format!("#   in {framework}: {}\n", one_line(&line)));
        }
    }
    let mut head = toml::Table::new();
    head.insert("name".to_owned(), format!("{}-repaired", shortened(&experiment.name)).into());
    head.insert("title".to_owned(), format!("{}, repaired", experiment.title).into());
    let seeds: Vec<i64> = experiment.seeds.iter().filter_map(|&seed| i64::try_from(seed).ok()).collect();
    head.insert("seeds".to_owned(), seeds.into());
    text.push('\n');
    text.push_str(&toml::to_string(&head)?);
    for file in config.files_mut() {
        *file = relative(file, folder)?;
        let shown = file.display();
        ensure!(
            file.to_str().is_some(),
            "{shown}: is no UTF-8, so repaired.toml cannot name it: rename the folder or file"
        );
    }
    for (section, keys) in sections(&config) {
        text.push_str(&format!("\n[{section}]\n"));
        for (key, value) in keys {
            // A CSV is tested on its rows, and no key says so.
            if (section, key.as_str()) != ("data", "test") || config.data.test != Test::Rows {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
    }
    if experiment.goal != crate::experiment::Goal::default() {
        text.push_str(&format!("\n[goal]\n{}", toml::to_string(&experiment.goal)?));
    }
    text.push_str("\n[[variant]]\nname = \"repaired\"\n");
    Ok(text)
}

/// A name that still fits a folder once something is added to it.
fn shortened(name: &str) -> String {
    let mut end = name.len().min(80);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// The way from a folder to a file.
fn relative(file: &Path, folder: &Path) -> Result<PathBuf> {
    let whole = |path: &Path| path.canonicalize().with_context(|| format!("{}: cannot be found", path.display()));
    let (file, folder) = (whole(file)?, whole(folder)?);
    let mut there: Vec<Component> = file.components().collect();
    let mut here: Vec<Component> = folder.components().collect();
    while !there.is_empty() && there.first() == here.first() {
        there.remove(0);
        here.remove(0);
    }
    Ok(here.iter().map(|_| Component::ParentDir).chain(there).collect())
}
