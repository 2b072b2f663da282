//! A diagnosis as the rows of `effects.csv`, `findings.csv` and `verdicts.csv`.

use super::search::Suspicion;
use super::verdicts::{Diagnosis, Effect, Judged};
use crate::experiment::BASELINE;
use crate::results::outcome::{Severity, Verdict};
use crate::results::rows::{EffectRow, FindingRow, VerdictRow};
use crate::stats::effects::Estimate;
use crate::text::one_line;

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

/// The rules that suspected a fix.
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

/// The rows of `verdicts.csv`.
pub fn verdicts(diagnosis: &Diagnosis) -> Vec<VerdictRow> {
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
