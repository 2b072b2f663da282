//! What a diagnosis leaves beside the runs: `effects.csv`, `findings.csv`, `verdicts.csv`, `diagnosis.json` with all of it, and
//! the repaired experiment.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::search::{Set, Suspicion};
use super::verdicts::{Diagnosis, Effect, Goal, Judged};
use super::{answer, code};
use crate::experiment::config::{Test, sections};
use crate::experiment::framework::Framework;
use crate::experiment::{BASELINE, Experiment};
use crate::results::files::{Unplaced, remove};
use crate::results::integrity::Integrity;
use crate::results::manifest::Manifest;
use crate::results::names::{DIAGNOSED, EFFECTS, FINDINGS, MANIFEST, REPAIRED, VERDICTS};
use crate::results::outcome::{Severity, Verdict};
use crate::results::rows::{self, EffectRow, FindingRow, VerdictRow};
use crate::stats::effects::Estimate;
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
        text(EFFECTS, rows::table(&diagnosis.effects.iter().map(|of| effect(diagnosis, of)).collect::<Vec<_>>()))?,
        text(FINDINGS, rows::table(&findings(diagnosis)))?,
        text(VERDICTS, rows::table(&verdicts(diagnosis)))?,
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

/// A row of `effects.csv`.
pub fn effect(diagnosis: &Diagnosis, effect: &Effect) -> EffectRow {
    EffectRow::new(effect.kind, diagnosis.names(effect.fixes), effect.estimate)
}

/// How much weight a finding has, now that its fix was measured.
pub fn severity(judged: Option<&Judged>) -> Severity {
    match judged.map(|judged| judged.verdict) {
        None => Severity::Note,
        Some(Verdict::Needed) => Severity::Critical,
        Some(Verdict::OneWay) => Severity::Major,
        Some(Verdict::Helps) => Severity::Minor,
        // It was no wrong suspicion: alone the fix helps, and another takes its place.
        Some(Verdict::Hurts | Verdict::NoDifference)
            if judged.and_then(|j| j.alone).is_some_and(|gain| gain.low > 0.0) =>
        {
            Severity::Note
        }
        // What takes its place is of the same kind.
        Some(Verdict::Hurts | Verdict::NoDifference) if judged.is_some_and(|j| j.replaced_by.is_some()) => {
            Severity::Note
        }
        Some(Verdict::Hurts | Verdict::NoDifference) => Severity::Refuted,
        Some(Verdict::CannotBeTold) => Severity::Open,
    }
}

/// The fix that a finding is about, as it was judged.
pub fn judged<'d>(diagnosis: &'d Diagnosis, suspicion: &Suspicion) -> Option<&'d Judged> {
    suspicion.fix.map(|fix| &diagnosis.fixes[fix])
}

fn mean(of: Option<Estimate>) -> f64 {
    of.map_or(f64::NAN, |estimate| estimate.mean)
}

/// What a finding is called that no rule made: a fix that the experiment file names, and that was seen to help.
pub const NAMED: &str = "named-fix";
/// Where it is from.
const IN_THE_FILE: &str = "the experiment file";

/// Whether a rule suspected a fix.
fn suspected(diagnosis: &Diagnosis, fix: usize) -> impl Iterator<Item = &'static str> {
    diagnosis.suspicions.iter().filter(move |s| s.fix == Some(fix)).map(|s| s.finding.rule)
}

/// The rules none of whose fixes is right, where nothing is left open.
pub fn suspected_wrongly(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let mut wrongly: Vec<&str> = Vec::new();
    for rule in diagnosis.suspicions.iter().map(|s| s.finding.rule) {
        let mut same = diagnosis.suspicions.iter().filter(|s| s.finding.rule == rule);
        let refuted = |s: &Suspicion| severity(judged(diagnosis, s)) == Severity::Refuted;
        if !wrongly.contains(&rule) && same.all(refuted) {
            wrongly.push(rule);
        }
    }
    wrongly
}

/// The rows of `findings.csv`: what rules found, then, of fixes that only the file names, those that were seen to help.
pub fn findings(diagnosis: &Diagnosis) -> Vec<FindingRow> {
    let patch = |j: &Judged| one_line(&format!("{}: {}", j.fix.name, j.fix.patch().join("; ")));
    let row = |suspicion: &Suspicion| {
        let judged = judged(diagnosis, suspicion);
        let severity = severity(judged);
        let finding = &suspicion.finding;
        // What was not seen to help is no fix, but what was tried.
        let (fix, tried) = match judged {
            Some(judged) if severity <= Severity::Minor => (patch(judged), String::new()),
            Some(judged) => (String::new(), format!("; tried: {}", patch(judged))),
            None => (String::new(), String::new()),
        };
        FindingRow {
            variant: finding.seen_in.clone(),
            finding: finding.rule.to_owned(),
            severity,
            evidence: one_line(&format!("{} [{}]{tried}", finding.evidence, finding.source)),
            fix,
            first_in: mean(judged.and_then(|j| j.alone)),
            last_out: mean(judged.and_then(|j| j.last_out)),
            shapley: mean(judged.and_then(|j| j.shapley)),
            verdict: judged.map_or_else(String::new, |j| j.verdict.word().to_owned()),
        }
    };
    let named = |(fix, judged): (usize, &Judged)| {
        let severity = severity(Some(judged));
        (severity <= Severity::Minor && suspected(diagnosis, fix).next().is_none()).then(|| FindingRow {
            variant: BASELINE.to_owned(),
            finding: NAMED.to_owned(),
            severity,
            evidence: one_line(&format!("{} [{IN_THE_FILE}]", judged.fix.why)),
            fix: patch(judged),
            first_in: mean(judged.alone),
            last_out: mean(judged.last_out),
            shapley: mean(judged.shapley),
            verdict: judged.verdict.word().to_owned(),
        })
    };
    let named = diagnosis.fixes.iter().enumerate().filter_map(named);
    diagnosis.suspicions.iter().map(row).chain(named).collect()
}

fn verdicts(diagnosis: &Diagnosis) -> Vec<VerdictRow> {
    diagnosis.fixes.iter().enumerate().map(|(fix, judged)| verdict(diagnosis, fix, judged)).collect()
}

/// A row of `verdicts.csv`.
pub fn verdict(diagnosis: &Diagnosis, fix: usize, judged: &Judged) -> VerdictRow {
    let mut rules: Vec<String> = Vec::new();
    for rule in suspected(diagnosis, fix).map(str::to_owned) {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    VerdictRow {
        fix: judged.fix.name.clone(),
        verdict: judged.verdict,
        alone: mean(judged.alone),
        on_top: mean(judged.on_top),
        low: judged.on_top.map_or(f64::NAN, |estimate| estimate.low),
        high: judged.on_top.map_or(f64::NAN, |estimate| estimate.high),
        shapley: mean(judged.shapley),
        in_smallest: usize::from(judged.in_smallest),
        seeds: Some(judged.seeds).filter(|seeds| *seeds > 0),
        seeds_to_tell: judged.seeds_to_tell.filter(|_| judged.seeds > 0),
        replaced_by: judged.replaced_by.clone().unwrap_or_default(),
        remarks: one_line(&judged.remarks.join("; ")),
        rules,
    }
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
