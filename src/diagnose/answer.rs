//! A diagnosis as JSON: all that is said of it, in the words of the terminal and with the columns of the CSVs as keys.

use serde_json::{Map, Value, json};

use super::certainty::Reached;
use super::code;
use super::observed::{Measured, Observed};
use super::rows::{effect, findings, judged, suspected_wrongly, verdict};
use super::search::Set;
use super::verdicts::{Diagnosis, Goal, Judged};
use crate::experiment::Experiment;
use crate::experiment::config::Word;
use crate::experiment::framework::Framework;
use crate::results::names::REPAIRED;
use crate::results::outcome::{Outcome, Verdict};
use crate::results::rows::{CsvRow, EffectKind, FindingRow};
use crate::stats::effects::Estimate;
use crate::text::json::value;

/// What `diagnosis.json` holds (docs/machines.md).
pub fn json(experiment: &Experiment, diagnosis: &Diagnosis) -> Value {
    let baseline = diagnosis.baseline();
    let sets = if diagnosis.goal == Goal::Nothing { &[] } else { &diagnosis.smallest[..] };
    let sets_of = |sets: &[Set]| sets.iter().map(|&of| Value::Object(set(diagnosis, of))).collect::<Value>();
    let by_verdict = Verdict::WORDS.iter().map(|(word, verdict)| {
        let names = diagnosis.with(&[*verdict]).into_iter().map(|judged| judged.fix.name.as_str());
        ((*word).to_owned(), names.collect())
    });
    let lines = baseline.config.framework.map(|framework| {
        let line = |(fixes, line)| json!({ "fixes": fixes, "line": line });
        let lines: Value = code::of_set(diagnosis, diagnosis.first()).into_iter().map(line).collect();
        json!({ "framework": Framework::name(framework), "lines": lines })
    });
    json!({
        "format": FORMAT,
        "name": experiment.name,
        "title": experiment.title,
        "file": experiment.file,
        "errors_on": baseline.on(),
        "as_asked": as_asked(diagnosis),
        "two_samples": diagnosis.two_samples.as_ref().map(CsvRow::json),
        "result": result(diagnosis),
        "sets": sets_of(sets),
        "not_chosen": sets_of(&diagnosis.not_chosen()),
        "by_verdict": by_verdict.collect::<Map<_, _>>(),
        "suspected_wrongly": suspected_wrongly(diagnosis),
        "confidence": diagnosis.standard.confidence,
        "verdicts": diagnosis.fixes.iter().enumerate().map(|(fix, of)| judgement(diagnosis, fix, of)).collect::<Value>(),
        "findings": all_findings(diagnosis),
        "effects": diagnosis.effects.iter().map(|of| effect(diagnosis, of).json()).collect::<Value>(),
        "trials_left_out": diagnosis.skipped,
        "code": lines,
        "repaired": (diagnosis.first() != 0).then_some(REPAIRED),
    })
}

/// The version of `diagnosis.json`, and of what `--format json` prints. It grows when a key goes or changes its meaning.
pub const FORMAT: u32 = 1;

fn result(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.goal {
        Goal::Fits if diagnosis.first() == 0 => Outcome::Fits.word(),
        Goal::Fits => EffectKind::Enough.word(),
        Goal::MayFit => EffectKind::PerhapsEnough.word(),
        Goal::Best => EffectKind::Best.word(),
        Goal::Nothing => "nothing",
    }
}

/// How a set of fixes did; errors are medians over its seeds.
fn set(diagnosis: &Diagnosis, set: Set) -> Map<String, Value> {
    let measured = &diagnosis.cells[&set];
    let outcomes = Outcome::counted(|outcome| measured.count(|run| run.run.outcome == outcome));
    let outcomes: Map<_, _> =
        outcomes.into_iter().map(|(outcome, count)| (outcome.word().to_owned(), count.into())).collect();
    let [low, high] = diagnosis.standard.share(measured);
    object(json!({
        "fixes": diagnosis.names(set),
        "seeds": measured.runs.len(),
        "outcomes": outcomes,
        "fitting_low": value(low),
        "fitting_high": value(high),
        "test_rmse": value(measured.test_rmse()),
        "r2": median(measured, |run| run.run.r2),
        "accuracy": median(measured, |run| run.run.accuracy),
    }))
}

/// The baseline, and what it is compared with.
fn as_asked(diagnosis: &Diagnosis) -> Value {
    let baseline = diagnosis.baseline();
    let mut all = set(diagnosis, 0);
    all.remove("fixes");
    all.extend(object(json!({
        "fits": match diagnosis.standard.reached(baseline) {
            Reached::Yes => Some(true),
            Reached::No => Some(false),
            Reached::Unclear => None,
        },
        "goal_r2": median(baseline, |run| run.health.goal_r2),
        "goal_accuracy": median(baseline, |run| run.health.goal_accuracy),
        "mean_rmse": median(baseline, |run| run.health.mean_rmse),
        "line_rmse": median(baseline, |run| run.health.line_rmse),
        "majority_share": median(baseline, |run| run.health.majority_share),
        "line_accuracy": median(baseline, |run| run.health.line_accuracy),
        "reachable_r2": median(baseline, |run| run.health.reachable_r2),
        "pieces": median(baseline, |run| run.health.pieces),
        "most_pieces": median(baseline, |run| run.health.most_pieces),
        "parameters": diagnosis.sizes.0,
        "training_rows": diagnosis.sizes.1,
    })));
    Value::Object(all)
}

fn median(of: &Measured, what: fn(&Observed) -> f64) -> Value {
    value(of.median(what))
}

/// A row of `verdicts.csv`, with the fix and all intervals.
fn judgement(diagnosis: &Diagnosis, fix: usize, judged: &Judged) -> Value {
    let ends = |of: Option<Estimate>| of.map(|estimate| [value(estimate.low), value(estimate.high)]);
    let mut all = object(verdict(diagnosis, fix, judged).json());
    // A list here.
    all.insert("remarks".to_owned(), judged.remarks.iter().map(String::as_str).collect());
    all.extend(object(json!({
        "why": judged.fix.why,
        "patch": judged.fix.patch(),
        "alone_interval": ends(judged.alone),
        "on_top_interval": ends(judged.on_top),
        "shapley_interval": ends(judged.shapley),
        "lines": code::of_finding(diagnosis, fix),
    })));
    Value::Object(all)
}

/// The rows of `findings.csv`, with the name of the fix that was tried, whatever came of it.
fn all_findings(diagnosis: &Diagnosis) -> Value {
    let tried = diagnosis.suspicions.iter().map(|suspicion| judged(diagnosis, suspicion));
    let tried = tried.map(|judged| judged.map(|judged| judged.fix.name.as_str()));
    let rows = findings(diagnosis);
    // Behind those of the rules come fixes that only the file names.
    let named = rows.iter().skip(diagnosis.suspicions.len()).map(|row| row.fix.split(": ").next());
    let with = |(row, tried): (&FindingRow, Option<&str>)| {
        let mut row = object(row.json());
        row.insert("tried".to_owned(), tried.into());
        Value::Object(row)
    };
    rows.iter().zip(tried.chain(named)).map(with).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}
