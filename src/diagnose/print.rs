//! A diagnosis in plain words.

use std::fmt::Write;

use super::certainty::Reached;
use super::code;
use super::observed::Measured;
use super::rows::{judged, severity, suspected_wrongly};
use super::search::Set;
use super::verdicts::{self, Diagnosis, Effect, Judged};
use crate::experiment::framework::Framework;
use crate::experiment::{Experiment, Goal};
use crate::report::checks;
use crate::report::summary::{factor, interval};
use crate::report::table::{finish, table};
use crate::results::outcome::{Severity, Verdict};
use crate::results::rows::EffectKind;
use crate::stats::effects::Estimate;
use crate::text::numbers::{plural, ratio, short, trimmed};
use crate::text::one_line;

/// Sets as good as the first that are named beside it.
const MOST_OTHERS: usize = 4;

pub fn text(experiment: &Experiment, diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    let baseline = diagnosis.baseline();
    let _ = writeln!(text, "{}: why does it not fit?\n", one_line(&experiment.title));
    let _ = writeln!(text, "As asked: {}.", as_asked(baseline));
    if let Some(goal) = baseline.allowed() {
        let _ = writeln!(
            text,
            "Of these rows R² {} counts as a fit: a straight line or the best of a few simple learners reaches {} on rows that it has not seen (medians).",
            trimmed(goal),
            trimmed(baseline.median(|run| run.health.reachable_r2))
        );
    }
    if baseline.training_error {
        let (parameters, rows) = diagnosis.sizes;
        let by_heart = match (baseline.by_heart(), parameters.filter(|count| *count >= rows)) {
            (true, _) => {
                " Simple learners learn nothing of these rows, so whatever fits them has learnt them by heart, and nothing counts as a fit.".to_owned()
            }
            (false, Some(count)) => format!(" With {count} parameters for {rows} rows it can learn them by heart."),
            (false, None) => String::new(),
        };
        let _ = writeln!(
            text,
            "All errors are training errors: no row is held out, so fixes are chosen and judged on the same rows, and nothing here says how it does on new ones.{by_heart}"
        );
    }
    if let Some(row) = &diagnosis.two_samples {
        let _ = writeln!(text, "{}", checks::two_samples(row));
    }
    match diagnosis.standard.reached(baseline) {
        Reached::Yes if baseline.training_error => {
            text.push_str("It does fit its training rows, so by these there is nothing to mend.\n");
        }
        Reached::Yes => text.push_str("It does fit, so there is nothing to mend.\n"),
        Reached::Unclear if baseline.enough() => {
            let _ = writeln!(text, "It fits on {}, which are too few to be sure.", of_seeds(baseline));
        }
        Reached::Unclear => {
            let _ = writeln!(text, "It fits on {}: whether that is often enough cannot be told.", of_seeds(baseline));
        }
        _ if !baseline.varied() => {
            text.push_str("The targets that it is tested on are all the same, so nothing can be explained.\n");
        }
        _ => {}
    }
    let _ = write!(text, "{}", found(diagnosis));
    if !diagnosis.fixes.is_empty() {
        let _ = write!(text, "\n{}", worth(diagnosis));
    }
    let verdicts = verdicts(diagnosis);
    if !verdicts.is_empty() {
        let _ = write!(text, "\n{verdicts}");
    }
    let _ = write!(text, "{}", lines(diagnosis));
    text
}

/// The set that is named first as lines of a training script, where the experiment names a framework.
fn lines(diagnosis: &Diagnosis) -> String {
    let Some(framework) = diagnosis.baseline().config.framework else { return String::new() };
    let line =
        |(names, line): (Vec<String>, String)| format!("  {}: {}\n", one_line(&names.join(", ")), one_line(&line));
    let lines: String = code::of_set(diagnosis, diagnosis.first()).into_iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\nIn {}:\n{lines}", framework.name()) }
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
    let Goal { accuracy, r2 } = baseline.asked;
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

/// `5 of 6 seeds`
fn of_seeds(measured: &Measured) -> String {
    format!("{} of {}", measured.fitting(), plural(measured.runs.len(), "seed", "seeds"))
}

/// What the rules found that trying bore out, or that is worth knowing; then, a line each, what it did not.
fn found(diagnosis: &Diagnosis) -> String {
    let (mut text, mut others) = (String::new(), String::new());
    let framework = diagnosis.baseline().config.framework.map_or("", Framework::name);
    for suspicion in &diagnosis.suspicions {
        let finding = &suspicion.finding;
        let judged = judged(diagnosis, suspicion);
        let says = match (judged, severity(judged)) {
            (Some(Judged { fix, verdict, replaced_by, .. }), severity) => {
                let (name, patch) = (one_line(&fix.name), one_line(&fix.patch().join(", ")));
                let fix = format!("{name}: {patch} → {}", verdict.word());
                match severity {
                    Severity::Refuted | Severity::Open => {
                        let _ = writeln!(others, " {} (in {}): {fix}", finding.rule, one_line(&finding.seen_in));
                        continue;
                    }
                    Severity::Note => match replaced_by {
                        Some(other) => format!("worth knowing: {fix}; {} sets the same", one_line(other)),
                        None => format!("worth knowing: {fix}, and helps alone"),
                    },
                    _ => format!("fix {fix}"),
                }
            }
            (None, _) => "worth knowing".to_owned(),
        };
        let _ = writeln!(text, " {} (in {})", finding.rule, one_line(&finding.seen_in));
        let _ = writeln!(text, "   {}", one_line(&finding.evidence));
        let _ = writeln!(text, "   {says}");
        for line in suspicion.fix.map_or_else(Vec::new, |fix| code::of_finding(diagnosis, fix)) {
            let _ = writeln!(text, "   in {framework}: {}", one_line(&line));
        }
    }
    let under = |heading: &str, lines: String| match lines.is_empty() {
        true => lines,
        false => format!("\n{heading}\n{lines}"),
    };
    let found = under("What the rules found, and what trying the fix showed", text);
    found + &under("What they found and trying the fix did not bear out", others)
}

/// The set that verdicts are judged beside, in words.
fn beside(diagnosis: &Diagnosis) -> String {
    match diagnosis.first() {
        0 => "the baseline".to_owned(),
        set => one_line(&diagnosis.names(set).join(" + ")),
    }
}

/// What a measure of 0 is as good as.
fn constant(baseline: &Measured) -> &'static str {
    if baseline.of_numbers() { "a constant" } else { baseline.shares() }
}

/// What each fix buys.
fn worth(diagnosis: &Diagnosis) -> String {
    let mut table = table(&["fix", "alone", "beside the others", "Shapley value", "verdict"]);
    let estimate = |of: Option<Estimate>| of.map_or_else(|| "–".to_owned(), interval);
    for judged in &diagnosis.fixes {
        table.add_row([
            one_line(&judged.fix.name),
            estimate(judged.alone),
            estimate(judged.on_top),
            estimate(judged.shapley),
            judged.verdict.word().to_owned(),
        ]);
    }
    let missing = diagnosis.fixes.iter().any(|j| j.shapley.is_none() || j.alone.is_none() || j.on_top.is_none());
    let unmeasured = if missing { " A – stands where not every combination was measured." } else { "" };
    let baseline = diagnosis.baseline();
    let what = match (baseline.of_numbers(), baseline.training_error) {
        (true, false) => "test error",
        (true, true) => "training error",
        (false, false) => "probabilities' error on the test rows",
        (false, true) => "probabilities' error on the training rows",
    };
    let constant = constant(baseline);
    let confidence = 100.0 * diagnosis.standard.confidence;
    let sure = match baseline.runs.len() > 1 || diagnosis.cells.values().any(|cell| cell.runs.len() > 1) {
        true => format!(
            " with {confidence:.0} % intervals, worst … best, so that all looks together keep 95 % (Shapley values 95 %)"
        ),
        false => String::new(),
    };
    format!(
        "{}\nWhat the {what} is divided (÷) or multiplied (×) by, geometric mean over the seeds{sure}. Whatever is no better than {constant} counts as {constant}.\n\
         Beside the others: with and without it, the rest being {}; of one way in another set, that set.{unmeasured}\n",
        finish(table, &[1, 2, 3]),
        beside(diagnosis)
    )
}

fn verdicts(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    let fits = diagnosis.standard.reached(diagnosis.baseline()) == Reached::Yes;
    let mut say = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    let names = |verdicts: &[Verdict]| -> Vec<String> {
        diagnosis.with(verdicts).iter().map(|judged| one_line(&judged.fix.name)).collect()
    };
    match diagnosis.goal {
        verdicts::Goal::Best => {
            say("Nothing that was tried fits on enough seeds.".to_owned());
            say(format!("Best: {}.", set(diagnosis, diagnosis.first())));
        }
        verdicts::Goal::Nothing if !fits => {
            say(match diagnosis.with(&[Verdict::Helps]).is_empty() {
                _ if diagnosis.cells.values().all(|cell| cell.mostly(|run| run.closeness() == 0.0)) => {
                    format!("Nothing that was tried is better than {}.", constant(diagnosis.baseline()))
                }
                true => {
                    "Nothing that was tried fits on enough seeds, and nothing clearly does better than the baseline."
                        .to_owned()
                }
                false => "Nothing that was tried fits on enough seeds.".to_owned(),
            });
        }
        verdicts::Goal::MayFit if diagnosis.first() != 0 => {
            let (first, seeds) = (diagnosis.first(), diagnosis.cells[&diagnosis.first()].runs.len());
            say(format!("Perhaps enough: {}; {seeds} seeds do not tell.", set(diagnosis, first)));
        }
        verdicts::Goal::Nothing | verdicts::Goal::MayFit | verdicts::Goal::Fits => {}
    }
    if let Some(passed_over) = passed_over(diagnosis) {
        say(passed_over);
    }
    let needed = names(&[Verdict::Needed]);
    if !needed.is_empty() {
        let them = if needed.len() == 1 { "it" } else { "any one of them" };
        say(format!(
            "Needed: {}. Of all sets that were measured none fits on enough seeds without {them}.",
            needed.join(", ")
        ));
    }
    if let (verdicts::Goal::Fits, Some((first, others))) = (diagnosis.goal, diagnosis.smallest.split_first())
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
    let beside = beside(diagnosis);
    for (verdict, heading) in [
        (Verdict::Helps, "Helps".to_owned()),
        (Verdict::NoDifference, format!("No difference beside {beside}")),
        (Verdict::Hurts, format!("Hurts beside {beside}")),
    ] {
        let judged = diagnosis.with(&[verdict]);
        if judged.is_empty() {
            continue;
        }
        let name = |judged: &&Judged| match (verdict, judged.alone, judged.on_top) {
            // Where it helps.
            (Verdict::Helps, Some(alone), on_top) if on_top.is_none_or(|gain| gain.low <= 0.0 || gain.low.is_nan()) => {
                format!("{} (alone: {})", one_line(&judged.fix.name), factor(alone.mean))
            }
            (Verdict::Helps | Verdict::Hurts, _, Some(on_top)) => {
                format!("{} ({})", one_line(&judged.fix.name), factor(on_top.mean))
            }
            _ => one_line(&judged.fix.name),
        };
        say(format!("{heading}: {}.", judged.iter().map(name).collect::<Vec<_>>().join(", ")));
    }
    let untold = diagnosis.with(&[Verdict::CannotBeTold]);
    if !untold.is_empty() {
        let name = |judged: &&Judged| {
            let name = one_line(&judged.fix.name);
            match (judged.seeds, judged.seeds_to_tell) {
                (0, _) => name,
                (seeds, None) => format!("{name} ({})", plural(seeds, "seed", "seeds")),
                (seeds, Some(more)) => format!("{name} ({}, about {more} would tell)", plural(seeds, "seed", "seeds")),
            }
        };
        let add = match untold.iter().any(|judged| judged.seeds_to_tell.is_some()) {
            true => "; --until-sure adds seeds",
            false => "",
        };
        say(format!("Cannot be told: {}{add}.", untold.iter().map(name).collect::<Vec<_>>().join(", ")));
    }
    let wrongly = suspected_wrongly(diagnosis);
    if !wrongly.is_empty() {
        say(format!("Suspected wrongly, judged beside {beside}: {}.", wrongly.join(", ")));
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

/// The smallest sets that are enough where they are judged, if none of these was chosen.
fn passed_over(diagnosis: &Diagnosis) -> Option<String> {
    let named =
        |set: &Set| format!("{} ({})", one_line(&diagnosis.names(*set).join(" + ")), diagnosis.cells[set].outcomes());
    let told: Vec<String> = diagnosis.not_chosen().iter().take(MOST_OTHERS).map(named).collect();
    (!told.is_empty()).then(|| {
        format!(
            "Not chosen, though the test points find it enough: {}. The validation points spoke for another set; other seeds would tell.",
            told.join(", ")
        )
    })
}

/// The pairs of fixes that gain most together beyond what each gains, and those that gain least.
fn interactions(diagnosis: &Diagnosis) -> Vec<String> {
    const MOST: usize = 3;
    // Together 1.6 times what they gain one by one, or as much less.
    let clear = |e: &Estimate| e.mean.abs() >= 0.1 && (e.low > 0.0 || e.high < 0.0);
    let mut pairs: Vec<_> =
        diagnosis.effects.iter().filter(|e| e.kind == EffectKind::Interaction && clear(&e.estimate)).collect();
    pairs.sort_by(|a, b| b.estimate.mean.total_cmp(&a.estimate.mean));
    let say = |pairs: Vec<&&Effect>, heading: &str| {
        let pair = |e: &&&Effect| {
            let names = one_line(&diagnosis.names(e.fixes).join(" with "));
            // An interaction is half of what the two gain more together than one by one.
            format!("{names} ({})", factor(2.0 * e.estimate.mean))
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
    let [low, high] = diagnosis.standard.share(measured).map(|share| 100.0 * share);
    format!(
        "{} ({fixes}): {} ({low:.0} … {high:.0} %), {} (medians)",
        one_line(&diagnosis.names(set).join(" + ")),
        measured.outcomes(),
        match measured.of_numbers() {
            true => format!("R² {}, {}", ratio(measured.median(|run| run.run.r2)), measured.error(short)),
            false => measured.error(short),
        }
    )
}
