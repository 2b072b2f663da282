//! A diagnosis in plain words.

use std::fmt::Write;

use super::files::severity;
use super::observed::Measured;
use super::search::{Set, Suspicion};
use super::verdicts::{self, Diagnosis, Effect, Judged, SAME, Verdict, reaches};
use crate::experiment::{Experiment, Goal};
use crate::report::summary::interval;
use crate::report::table::{finish, table};
use crate::results::outcome::Severity;
use crate::results::rows::EffectKind;
use crate::stats::effects::Estimate;
use crate::text::numbers::{plural, ratio, short, signed};
use crate::text::one_line;

/// Sets as good as the first that are named beside it.
const MOST_OTHERS: usize = 4;

pub fn text(experiment: &Experiment, diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    let baseline = diagnosis.baseline();
    let _ = writeln!(text, "{}: why does it not fit?\n", one_line(&experiment.title));
    let _ = writeln!(text, "As asked: {}.", as_asked(baseline));
    if let Some(goal) = baseline.goal.noise {
        let _ = writeln!(
            text,
            "Neighbouring rows differ by noise, of which a network should learn nothing: R² of {} counts as a fit here.",
            ratio(goal)
        );
    }
    if baseline.enough() {
        let _ = writeln!(text, "It does fit, so there is nothing to mend.");
    }
    let _ = write!(text, "{}", found(diagnosis));
    if !diagnosis.fixes.is_empty() {
        let _ = write!(text, "\n{}", worth(diagnosis));
    }
    let verdicts = verdicts(diagnosis);
    if !verdicts.is_empty() {
        let _ = write!(text, "\n{verdicts}");
    }
    text
}

fn as_asked(baseline: &Measured) -> String {
    let median = |of: fn(&crate::results::rows::HealthRow) -> f64| short(baseline.median(|run| of(&run.health)));
    let mut text = format!("{}, {} (median); always ", baseline.outcomes(), baseline.error(short));
    let _ = match (baseline.of_numbers(), baseline.targets) {
        (false, _) => write!(
            text,
            "{} has {}, a logistic regression {}",
            baseline.most_frequent(),
            median(|h| h.majority_share),
            median(|h| h.line_accuracy)
        ),
        (true, 1) => {
            write!(text, "the mean has {}, the best straight line {}", median(|h| h.mean_rmse), median(|h| h.line_rmse))
        }
        (true, _) => {
            let [mean, line] = [median(|h| h.mean_rmse), median(|h| h.line_rmse)];
            write!(text, "the means have {mean}, the best straight line of each output {line}")
        }
    };
    let Goal { accuracy, r2 } = baseline.goal.asked;
    let _ = match (accuracy, r2, baseline.of_numbers()) {
        (Some(accuracy), Some(r2), _) => write!(text, "; a fit is accuracy {} and R² {}", short(accuracy), short(r2)),
        (Some(accuracy), None, _) => write!(text, "; a fit is accuracy {}", short(accuracy)),
        (None, Some(r2), _) => write!(text, "; a fit is R² {}", short(r2)),
        (None, None, false) => write!(text, "; a fit is accuracy {} (median)", median(|h| h.goal_accuracy)),
        (None, None, true) => Ok(()),
    };
    let (pieces, most) = (baseline.median(|run| run.health.pieces), baseline.median(|run| run.health.most_pieces));
    if pieces.is_finite() && most > 1.0 {
        let has = plural(pieces as usize, "straight piece", "straight pieces");
        let _ = write!(text, "; the network has {has} (median) of the {most} that it could have");
    }
    text
}

fn found(diagnosis: &Diagnosis) -> String {
    if diagnosis.suspicions.is_empty() {
        return String::new();
    }
    let mut text = String::from("\nWhat the rules found, and what trying the fix showed\n");
    for suspicion in &diagnosis.suspicions {
        let finding = &suspicion.finding;
        let judged = suspicion.fix.map(|fix| &diagnosis.fixes[fix]);
        let _ = writeln!(text, " {} (in {})", finding.rule, one_line(&finding.seen_in));
        let _ = writeln!(text, "   {}", one_line(&finding.evidence));
        let note = severity(diagnosis.goal, suspicion, judged) == Severity::Note;
        let says = judged.map(|Judged { fix, verdict, .. }| {
            let (name, patch) = (one_line(&fix.name), one_line(&fix.patch().join(", ")));
            match note {
                true => format!("worth knowing: over all seeds {name}: {}", verdict.word()),
                false => format!("fix {name}: {patch} → {}", verdict.word()),
            }
        });
        let _ = writeln!(text, "   {}", says.as_deref().unwrap_or("worth knowing"));
    }
    text
}

/// What each fix buys.
fn worth(diagnosis: &Diagnosis) -> String {
    let mut table = table(&["fix", "alone", "on top of all others", "Shapley value", "verdict"]);
    let estimate = |of: Option<Estimate>| of.map_or_else(|| "–".to_owned(), interval);
    for judged in &diagnosis.fixes {
        table.add_row([
            one_line(&judged.fix.name),
            estimate(judged.first_in),
            estimate(judged.last_out),
            estimate(judged.shapley),
            judged.verdict.word().to_owned(),
        ]);
    }
    let seeds = diagnosis.baseline().runs.len();
    let missing = diagnosis.fixes.iter().any(|judged| judged.shapley.is_none());
    let unmeasured = if missing { " A – stands where not every combination was measured." } else { "" };
    let baseline = diagnosis.baseline();
    let what = match (baseline.of_numbers(), baseline.targets) {
        (true, 1) => "share of the targets' variance (R² on the test points, 0 for all that a constant does as well)".to_owned(),
        (true, _) => "share of the targets' variance (R² on the test points, the mean over the outputs, 0 for all that a constant does as well)".to_owned(),
        (false, _) => format!("R² of the probabilities on the test points (0 for all that {} do as well)", baseline.shares()),
    };
    format!(
        "{}\nGained {what}, mean over {}{}.\nVerdicts are by which sets fit: among all others may be one that spoils the rest.{unmeasured}\n",
        finish(table, &[1, 2, 3]),
        plural(seeds, "seed", "seeds"),
        if seeds > 1 { " with its 95 % interval" } else { "" }
    )
}

fn verdicts(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    let does = match diagnosis.goal {
        verdicts::Goal::Fits if diagnosis.baseline().goal.noise.is_some() => "fits as well as the noise lets it",
        verdicts::Goal::Fits => "fits",
        verdicts::Goal::Closest(_) => "comes as close as anything did",
        verdicts::Goal::Nothing => "does better than the baseline",
    };
    let baseline_fits = diagnosis.baseline().enough();
    let mut say = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    match diagnosis.goal {
        verdicts::Goal::Closest(score) => {
            let of = if diagnosis.baseline().of_numbers() { "" } else { " of the probabilities" };
            say(format!(
                "Nothing that was tried fits on enough seeds. The best reaches R² {score:.3}{of} (mean, never below 0)."
            ));
        }
        verdicts::Goal::Nothing if !baseline_fits => {
            say("Nothing that was tried does better than the baseline.".to_owned())
        }
        verdicts::Goal::Nothing | verdicts::Goal::Fits => {}
    }
    let names = |verdicts: &[Verdict]| -> Vec<String> {
        diagnosis.with(verdicts).iter().map(|judged| one_line(&judged.fix.name)).collect()
    };
    let needed = names(&[Verdict::Needed]);
    if !needed.is_empty() {
        let them = if needed.len() == 1 { "it" } else { "any one of them" };
        say(format!(
            "Needed: {}. Of all combinations that were measured none {does} without {them}.",
            needed.join(", ")
        ));
    }
    if let Some((first, others)) = diagnosis.smallest.split_first()
        && *first != 0
    {
        say(format!("Enough: {}.", set(diagnosis, *first)));
        for other in others.iter().take(MOST_OTHERS) {
            say(format!("  or:   {}.", set(diagnosis, *other)));
        }
        if others.len() > MOST_OTHERS {
            say(format!("  or {} more of as many fixes, see runs.csv.", others.len() - MOST_OTHERS));
        }
    }
    for (verdict, heading) in [
        (Verdict::Helps, "Helps, but is not needed"),
        (Verdict::NoDifference, "Made no difference"),
        (Verdict::Hurts, "Hurts"),
    ] {
        let names = names(&[verdict]);
        if !names.is_empty() {
            say(format!("{heading}: {}.", names.join(", ")));
        }
    }
    let severity_of = |s: &Suspicion| severity(diagnosis.goal, s, s.fix.map(|fix| &diagnosis.fixes[fix]));
    // A rule is wrong only if none of the fixes that it led to is right.
    let right = |rule: &str| {
        let same = |s: &&Suspicion| s.finding.rule == rule;
        diagnosis.suspicions.iter().filter(same).any(|s| severity_of(s) <= Severity::Minor)
    };
    let refuted = diagnosis.suspicions.iter().filter(|s| severity_of(s) == Severity::Refuted);
    let wrongly: Vec<&str> = refuted.map(|s| s.finding.rule).filter(|rule| !right(rule)).collect();
    if !wrongly.is_empty() {
        say(format!("Suspected wrongly: {}.", wrongly.join(", ")));
    }
    for remark in remarks(&diagnosis.fixes) {
        say(remark);
    }
    interactions(diagnosis).into_iter().for_each(&mut say);
    if diagnosis.skipped > 0 {
        say(format!(
            "{} left out, which would have taken too long.",
            plural(diagnosis.skipped, "trial was", "trials were")
        ));
    }
    text
}

/// The pairs of fixes that gain most together beyond what each gains, and those that gain least.
fn interactions(diagnosis: &Diagnosis) -> Vec<String> {
    const MOST: usize = 3;
    let clear = |e: &Estimate| e.mean.abs() >= SAME && (e.low.is_nan() || e.low > 0.0 || e.high < 0.0);
    let mut pairs: Vec<_> =
        diagnosis.effects.iter().filter(|e| e.kind == EffectKind::Interaction && clear(&e.estimate)).collect();
    pairs.sort_by(|a, b| b.estimate.mean.total_cmp(&a.estimate.mean));
    let say = |pairs: Vec<&&Effect>, heading: &str| {
        let pair = |e: &&&Effect| {
            let names = one_line(&diagnosis.names(e.fixes).join(" with "));
            format!("{names} ({})", signed(e.estimate.mean))
        };
        (!pairs.is_empty()).then(|| format!("{heading}: {}.", pairs.iter().map(pair).collect::<Vec<_>>().join(", ")))
    };
    let help = pairs.iter().filter(|e| e.estimate.mean > 0.0).take(MOST).collect();
    let hinder = pairs.iter().rev().filter(|e| e.estimate.mean < 0.0).take(MOST).collect();
    [
        say(help, "Gain more together than their sum (interaction)"),
        say(hinder, "Gain less together than their sum (interaction)"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is to be said of several fixes is said once.
fn remarks(fixes: &[Judged]) -> Vec<String> {
    let mut by_remark: Vec<(&str, Vec<String>)> = Vec::new();
    for judged in fixes {
        for remark in &judged.remarks {
            match by_remark.iter_mut().find(|(known, _)| *known == remark.as_str()) {
                Some((_, names)) => names.push(one_line(&judged.fix.name)),
                None => by_remark.push((remark, vec![one_line(&judged.fix.name)])),
            }
        }
    }
    let capital = |text: &str| text[..1].to_uppercase() + &text[1..];
    by_remark.into_iter().map(|(remark, names)| format!("{}: {}.", capital(remark), names.join(", "))).collect()
}

fn set(diagnosis: &Diagnosis, set: Set) -> String {
    let measured = &diagnosis.cells[&set];
    let count = set.count_ones() as usize;
    let fixes = if count == 1 { "alone".to_owned() } else { format!("{count} fixes") };
    debug_assert!(reaches(diagnosis.goal, measured));
    format!(
        "{} ({fixes}): {}, {} (medians)",
        one_line(&diagnosis.names(set).join(" + ")),
        measured.outcomes(),
        match measured.of_numbers() {
            true => format!("R² {}, {}", ratio(measured.median(|run| run.run.r2)), measured.error(short)),
            false => measured.error(short),
        }
    )
}
