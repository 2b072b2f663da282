//! What a report says in words and tables.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::baselines::{self, BaselineGroup};
use super::confusion::Confusion;
use super::functions::{Function, Learnt};
use super::names::letter;
use super::outputs;
use super::plots::Regions;
use super::published;
use super::scores::{Measure, NONE, ScoreColumn, ScoreColumns};
use super::study::{ChosenSet, Study};
use super::summary::{factor, interval};
use super::variant::StudyVariant;
use crate::experiment::config::Word;
use crate::experiment::table::Task;
use crate::results::manifest::Status;
use crate::results::outcome::{Severity, Verdict};
use crate::results::rows::{EffectKind, FindingRow, VerdictRow};
use crate::stats::effects::Estimate;
use crate::text::numbers::{plural, ratio, short};
use crate::text::one_line;
use crate::text::shell::command;

/// Beyond so many rows a table begins folded.
const MOST_OPEN: usize = 24;
/// Groups of variants with other simple predictors of which a table is shown, at most.
const MOST_GROUPS: usize = 4;

/// A table whose first column names its rows; on a phone each row becomes a list. `numbers` are columns of numbers.
pub(super) fn table<S: AsRef<str>>(header: &[S], numbers: &[usize], rows: Vec<Vec<Markup>>) -> Markup {
    let class = |column: usize| match column {
        0 => "name",
        _ if numbers.contains(&column) => "number",
        _ => "text",
    };
    let count = rows.len();
    let table = html! {
        div.wide { table.stack {
            thead { tr { @for (column, name) in header.iter().enumerate() { th class=(class(column)) { (name.as_ref()) } } } }
            tbody {
                @for row in rows {
                    tr {
                        @for (column, (name, cell)) in header.iter().zip(row).enumerate() {
                            td class=(class(column)) data-label=(name.as_ref()) { div { (cell) } }
                        }
                    }
                }
            }
        } }
    };
    folded(count, table)
}

/// A name and one or two numbers a row, which a phone has room for.
fn small_table(header: &[String], rows: Vec<Vec<String>>) -> Markup {
    html! {
        div.wide { table {
            thead { tr { @for (column, name) in header.iter().enumerate() { th.number[column > 0] { (name) } } } }
            tbody {
                @for row in rows { tr { @for (column, cell) in row.iter().enumerate() { td.number[column > 0] { (cell) } } } }
            }
        } }
    }
}

/// A table that is long begins folded.
fn folded(rows: usize, table: Markup) -> Markup {
    if rows <= MOST_OPEN {
        table
    } else {
        html! { details { summary { "All " (rows) " rows" } (table) } }
    }
}

fn text(text: &str) -> Markup {
    html! { (one_line(text)) }
}

pub fn summary(study: &Study) -> Markup {
    let mut seeds: Vec<u64> = study.variants.iter().flat_map(|v| v.runs.iter().map(|run| run.seed)).collect();
    seeds.sort_unstable();
    seeds.dedup();
    html! {
        p {
            (plural(study.runs(), "run", "runs")) " of " (plural(study.variants.len(), "variant", "variants"))
            " over " (plural(seeds.len(), "seed", "seeds")) ": "
            @for (nth, (outcome, count)) in study.outcomes().iter().enumerate() {
                @if nth > 0 { ", " }
                span.outcome.(outcome.to_string()) { (outcome) " " (count) }
            }
            "."
        }
    }
}

pub fn facts(study: &Study) -> Markup {
    let Some(manifest) = &study.manifest else { return html! {} };
    let started = i64::try_from(manifest.started).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let state = match manifest.status {
        Status::Complete => None,
        Status::Running => Some("not ended when this was made: some runs are missing"),
        Status::Interrupted if manifest.command.iter().any(|word| word == "--fresh") => {
            Some("interrupted: some runs are missing, the same command without --fresh goes on")
        }
        Status::Interrupted => Some("interrupted: some runs are missing, the same command goes on"),
        Status::Failed => Some("failed: some runs are missing"),
    };
    html! {
        dl.facts {
            dt { "Experiment" } dd { (one_line(&study.name)) }
            @if let Some(state) = state { dt { "State" } dd { (state) } }
            dt { "Made by" } dd { code { (command(&manifest.command)) } }
            @if let Some(started) = started {
                dt { "When" }
                dd { (started.strftime("%Y-%m-%d %H:%M UTC").to_string()) ", in " (format!("{:.1} s", manifest.seconds)) }
            }
            dt { "With" }
            dd {
                "misfit " (one_line(&manifest.misfit)) ", libtorch " (one_line(&manifest.libtorch)) " on "
                (one_line(&manifest.device)) ", "
                (plural(manifest.threads, "thread", "threads"))
            }
        }
    }
}

fn outcome(variant: &StudyVariant) -> Markup {
    html! {
        @for (outcome, count) in &variant.summary.outcomes {
            span.outcome.(outcome.to_string()) { (outcome) " " (count) "/" (variant.summary.runs) } " "
        }
    }
}

pub fn outcomes(study: &Study) -> Markup {
    let (combined, named): (Vec<usize>, Vec<usize>) =
        (0..study.variants.len()).partition(|&at| study.variants[at].combination);
    let scores = ScoreColumns::of(&study.scored(&named));
    let mut header = vec!["variant".to_owned(), "outcome".to_owned()];
    header.extend(scores.columns().into_iter().map(|column| column.name));
    // Where the curves are at hand.
    let there = scores.best && named.iter().any(|&at| study.lowest_rmse(at).is_some());
    header.extend(there.then(|| format!("{} RMSE there, median", scores.on)));
    header.push(match scores.measures[..] {
        [Measure::Rmse] => "error while training".to_owned(),
        [Measure::Accuracy] => "accuracy while training".to_owned(),
        _ => "while training".to_owned(),
    });
    let numbers: Vec<usize> = (2..header.len() - 1).collect();
    let row = |&at: &usize| {
        let variant = &study.variants[at];
        let summary = &variant.summary;
        let spark = study.curves.get(&at).map_or_else(String::new, |curve| curve.spark(Measure::of(summary)));
        let mut row = vec![text(&variant.name), outcome(variant)];
        row.extend(scores.cells(variant.scored()).into_iter().map(|cell| html! { (cell) }));
        if there {
            let lowest = study.lowest_rmse(at).filter(|_| variant.scored().was_better());
            row.push(html! { (lowest.map_or_else(|| NONE.to_owned(), short)) });
        }
        row.push(html! { span.spark { (spark) } });
        row
    };
    html! {
        @if !named.is_empty() {
            (table(&header, &numbers, named.iter().map(row).collect()))
            @if let Some(note) = &scores.note { p.muted { (note) } }
        }
        @if !combined.is_empty() {
            h3 { "Combinations of fixes" }
            ul {
                @for (nth, (name, why)) in study.fixes.iter().enumerate() {
                    li { b { (letter(nth)) } " " (one_line(name)) @if !why.is_empty() { span.muted { ": " (one_line(why)) } } }
                }
            }
            (combinations(study, &combined))
        }
        @for measure in study.measures() { p.muted { (meanings(study, measure)) } }
        @if let Some(meaning) = beside_meaning(study) { p.muted { (meaning) } }
        (baseline_groups(study))
    }
}

/// What the outcomes and the scores mean.
fn meanings(study: &Study, measure: Measure) -> String {
    let goal = study.manifest.as_ref().map(|manifest| manifest.goal).unwrap_or_default();
    let accuracy = goal.accuracy.map(|accuracy| format!("an accuracy of {accuracy} or more"));
    let r2 = goal.r2.map(|r2| format!("R² of {r2} or more"));
    let asked: Vec<String> = accuracy.into_iter().chain(r2).collect();
    let fits = |default: &str| if asked.is_empty() { default.to_owned() } else { asked.join(" and ") };
    let training = study.variants.iter().all(|variant| variant.on_training_rows);
    let on = if training { "rows that are learnt from: they are training errors" } else { "test points" };
    match measure {
        Measure::Rmse => format!(
            "diverged: a loss or a prediction is not finite, or the loss doubled. fits: {}. constant: the predictions' spread is under 1\u{a0}% of the targets', or they are no better than always the mean, to 1\u{a0}% of its error. line: no better than the best straight line, to 1\u{a0}% of its error. partial: anything else. RMSE is in the target's own units, R² the share of its variance that is explained, both on the {}.",
            fits(match study.baselines.iter().any(|group| group.of_file) {
                true => "R² near what can be reached, the goal below",
                false => "R² of 0.99 or more",
            }),
            on
        ),
        Measure::Accuracy => format!(
            "{}diverged: a loss or a prediction is not finite, or the loss doubled and the probabilities are no better than the classes' shares. fits: {}. constant: the same answer for every row, or probabilities no better than the classes' shares. line: no better than logistic regression, in accuracy and, to 1\u{a0}%, in the error of the probabilities. partial: anything else. Accuracy is the share of right answers on the test rows, of labels over all labels. R² is that of the probabilities, for classes the Brier skill score: 1 is certain and right, 0 as good as the classes' shares.",
            if study.measures().len() > 1 { "Where classes or labels are learnt: " } else { "" },
            fits("an accuracy near what can be reached, the goal below")
        ),
    }
}

/// What the columns beside the test scores mean, where there are some.
fn beside_meaning(study: &Study) -> Option<String> {
    let all: Vec<usize> = (0..study.variants.len()).collect();
    let scores = ScoreColumns::of(&study.scored(&all));
    let training = match scores.of_classes() {
        true => "RMSE is that of the probabilities, on the test and on the training rows.",
        false => "Training RMSE is what test RMSE is, on the training samples, noise on their targets included.",
    };
    let of = if scores.of_classes() { " of the probabilities" } else { "" };
    let best =
        format!("Best at step is the logged step at which the {} RMSE{of} was lowest, the first of equals.", scores.on);
    let told: Vec<&str> =
        scores.training.then_some(training).into_iter().chain(scores.best.then_some(&*best)).collect();
    (!told.is_empty()).then(|| told.join(" "))
}

fn baseline_groups(study: &Study) -> Markup {
    let groups = &study.baselines;
    let of_function = |group: &BaselineGroup| !group.of_file && group.measure == Measure::Rmse;
    if let [only] = &groups[..]
        && of_function(only)
    {
        let rmse = |name: &str| only.find(name).map_or_else(String::new, |row| short(row.rmse));
        return html! {
            p {
                "For comparison, on the same test points: always 0 has an RMSE of " (rmse(baselines::ZERO))
                ", always the mean " (rmse(baselines::MEAN)) ", the best straight line " (rmse(baselines::LINE)) "."
            }
        };
    }
    let sheets = groups.iter().take(MOST_GROUPS).map(|group| group.sheet(groups.len() > 1));
    html! {
        @for (header, rows) in sheets { (small_table(&header, rows)) }
        @if groups.len() > MOST_GROUPS {
            p.muted {
                "Those of " (plural(groups.len() - MOST_GROUPS, "more kind of data", "more kinds of data"))
                " are in health.csv."
            }
        }
    }
}

/// Each output's own scores.
pub fn outputs(study: &Study) -> Markup {
    let sheet = outputs::sheet(&study.outputs, |at| study.variants[at].name.as_str());
    if sheet.rows.is_empty() {
        return html! {};
    }
    let labels = study.outputs.values().flatten().all(|score| score.accuracy.is_some());
    let (heading, what) = match labels {
        true => ("Each label", "How often each is predicted rightly on the test rows"),
        false => ("Each output", "Each in its own units, on the test points"),
    };
    let numbers: Vec<usize> = (2..sheet.header.len()).collect();
    let rows = sheet.rows.into_iter().map(|row| row.into_iter().map(|cell| html! { (cell) }).collect()).collect();
    html! {
        h2 { (heading) }
        p { (what) ", medians over the seeds." }
        (table(&sheet.header, &numbers, rows))
    }
}

/// Which classes are taken for which, of each drawn variant's middle run.
pub fn confusion(study: &Study) -> Markup {
    let classified: Vec<(usize, &Function, Confusion)> = study
        .functions
        .iter()
        .filter_map(|(&at, function)| match &function.learnt {
            Learnt::Classes(classes) => Some((at, function, Confusion::of(classes))),
            _ => None,
        })
        .collect();
    if classified.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Which classes are taken for which" }
        @for (at, function, confusion) in classified {
            h3.matrix { (study.short_name(at)) }
            (confusion.table(&format!("{}, {}:", study.short_name(at), study.middle_run(at, function))))
            @if confusion.classes > Regions::MOST_CLASSES && function.over_two_numbers() {
                p.muted { "Of more than " (Regions::MOST_CLASSES) " classes no regions over the two inputs are drawn." }
            }
        }
    }
}

/// Which fixes are on, a letter each, and how it ended. Too wide for a list of a phone, and narrow enough without.
fn combinations(study: &Study, combined: &[usize]) -> Markup {
    let scores = ScoreColumns::of(&study.scored(combined));
    let columns = scores.columns();
    let class = |column: &ScoreColumn| if column.minor { "number minor" } else { "number" };
    folded(
        combined.len(),
        html! {
            div.wide { table.combinations {
                thead { tr {
                    @for nth in 0..study.fixes.len() { th.flag { (letter(nth)) } }
                    th { "outcome" }
                    @for column in &columns { th class=(class(column)) { (column.name) } }
                } }
                tbody {
                    @for variant in combined.iter().map(|&at| &study.variants[at]) {
                        tr title=(one_line(&variant.name)) {
                            @for on in &variant.on { td.flag { (if *on { "●" } else { "·" }) } }
                            td { (outcome(variant)) }
                            @for (column, cell) in columns.iter().zip(scores.cells(variant.scored())) {
                                td class=(class(column)) { (cell) }
                            }
                        }
                    }
                }
            } }
            @if let Some(note) = &scores.note { p.muted { (note) } }
        },
    )
}

pub fn published(study: &Study) -> Markup {
    if study.published.is_empty() {
        return html! {};
    }
    let rows = study.published.iter().map(|row| row.iter().map(|cell| text(cell)).collect()).collect();
    html! {
        h2 { "The source's figures beside ours" }
        (table(&published::HEADER, &[], rows))
    }
}

/// Sets as good as the first that are named beside it, at most.
const MOST_OTHERS: usize = 4;

/// What a diagnosis found each fix to be worth, and the fewest that are enough.
pub fn worth(study: &Study) -> Markup {
    if study.verdicts.is_empty() && study.chosen.is_empty() {
        return html! {};
    }
    let gain = |tenfolds: f64| html! { (factor(tenfolds)) };
    let row = |row: &VerdictRow| {
        let on_top = Estimate { mean: row.on_top, low: row.low, high: row.high, p: f64::NAN };
        vec![
            text(&row.fix),
            gain(row.alone),
            html! { (interval(on_top)) },
            gain(row.shapley),
            html! { b { (row.verdict.word()) } },
        ]
    };
    let meanings: Vec<String> = Verdict::WORDS
        .iter()
        .filter(|(_, verdict)| study.verdicts.iter().any(|row| row.verdict == *verdict))
        .map(|(word, verdict)| format!("{word}: {}", verdict.meaning()))
        .collect();
    let beside = match study.chosen.first() {
        Some(set) if !set.fixes.is_empty() => one_line(&set.fixes.join(" + ")),
        _ => "the baseline".to_owned(),
    };
    html! {
        h2 { "What each fix is worth" }
        @if study.variants.iter().all(|variant| variant.on_training_rows) {
            p {
                "All errors are training errors: no row is held out, so fixes were chosen and judged on the same rows, and nothing here says how it does on new ones."
                @if study.baselines.iter().any(|group| group.find(baselines::NO_GOAL).is_some()) {
                    " Simple learners learn nothing of these rows, so whatever fits them has learnt them by heart, and nothing counts as a fit."
                }
            }
        }
        @if study.chosen.is_empty() && !study.verdicts.is_empty() {
            p {
                "Nothing that was tried fits on enough seeds"
                @if study.verdicts.iter().all(|row| row.verdict != Verdict::Helps) {
                    ", and nothing clearly does better than the baseline"
                }
                "."
            }
        }
        @for (nth, set) in study.chosen.iter().take(1 + MOST_OTHERS).enumerate() { p { (chosen(study, nth, set)) } }
        @if study.chosen.len() > 1 + MOST_OTHERS {
            p { "or " (study.chosen.len() - 1 - MOST_OTHERS) " more of as many fixes, see effects.csv." }
        }
        @if !study.verdicts.is_empty() {
            (table(&["fix", "alone", "beside the others", "Shapley value", "verdict"], &[1, 2, 3], study.verdicts.iter().map(row).collect()))
            p.muted {
                (divided(study)) " Beside the others: with and without it, the rest being " (beside)
                ", with the interval that decides. A – stands where it was not measured."
            }
            p.muted { (meanings.join("; ")) "." }
        }
    }
}

/// A set that is enough, or the best, and how its runs ended.
fn chosen(study: &Study, nth: usize, set: &ChosenSet) -> Markup {
    let fixes = match set.fixes.len() {
        1 => "alone".to_owned(),
        count => format!("{count} fixes"),
    };
    html! {
        @if set.fixes.is_empty() {
            @match set.kind {
                EffectKind::Enough => "The baseline does fit, so there is nothing to mend",
                EffectKind::PerhapsEnough => "The baseline may fit: so few seeds cannot tell",
                _ => "Best: the baseline",
            }
        } @else {
            @match (nth, set.kind) {
                (0, EffectKind::Enough) => "Enough: ",
                (0, EffectKind::PerhapsEnough) => "Perhaps enough: ",
                (0, _) => "Best: ",
                _ => "or: ",
            }
            b { (one_line(&set.fixes.join(" + "))) } " (" (fixes) ")"
        }
        @if let Some(variant) = set.variant.map(|at| &study.variants[at]) {
            ": " (outcome(variant))
            "– R² " (ratio(variant.summary.r2.median)) ", "
            @match variant.summary.accuracy {
                Some(accuracy) => { "accuracy " (short(accuracy.median)) }
                None if variant.on_training_rows => { "training RMSE " (short(variant.summary.test_rmse.median)) }
                None => { "test RMSE " (short(variant.summary.test_rmse.median)) }
            }
            " (medians)."
        } @else {
            ": the error of a constant " (factor(set.closeness)) " (geometric mean over the seeds)."
        }
    }
}

pub fn findings(study: &Study) -> Markup {
    if study.findings.is_empty() {
        return html! {};
    }
    let row = |row: &FindingRow| {
        // Without a verdict it is a note, or older than verdicts are.
        let verdict = match (&*row.verdict, row.severity) {
            ("", Severity::Note) => "worth knowing",
            ("", severity) => severity.word(),
            (verdict, _) => verdict,
        };
        vec![
            html! { (one_line(&row.finding)) span.muted { " in " (one_line(&row.variant)) } },
            text(verdict),
            text(&row.evidence),
            text(if row.fix.is_empty() { NONE } else { &row.fix }),
        ]
    };
    let older = study.findings.iter().filter(|row| row.verdict.is_empty()).map(|row| row.severity);
    let older: BTreeSet<Severity> = older.filter(|severity| *severity != Severity::Note).collect();
    let older: Vec<String> =
        older.into_iter().map(|severity| format!("{}: {}", severity.word(), severity.meaning())).collect();
    html! {
        h2 { "Findings" }
        (table(&["finding", "verdict", "evidence", "fix"], &[], study.findings.iter().map(row).collect()))
        p.muted {
            "The verdict is the fix's, which is named where it was seen to help. "
            @if !older.is_empty() { (older.join("; ")) "." }
        }
    }
}

/// The error that a gain is measured by.
pub fn gained(study: &Study) -> String {
    let (on, _) = study.measured_on(&(0..study.variants.len()).collect::<Vec<_>>());
    match study.measures()[..] {
        [Measure::Rmse] => format!("{on} error"),
        [Measure::Accuracy] => "probabilities' error".to_owned(),
        _ => "error (of classes that of the probabilities)".to_owned(),
    }
}

/// What the factors in a table of gains mean.
fn divided(study: &Study) -> String {
    let of = |measure: Measure| study.measures().contains(&measure);
    let labels =
        study.manifest.iter().flat_map(|manifest| &manifest.tables).any(|table| table.task == Task::MultiLabel);
    let shares = if labels { "the labels' shares" } else { "the classes' shares" };
    let constant = match (of(Measure::Rmse), of(Measure::Accuracy)) {
        (true, true) => format!("a constant, or {shares},"),
        (false, true) => shares.to_owned(),
        _ => "a constant".to_owned(),
    };
    format!(
        "What the {} is divided by (÷) or multiplied by (×), geometric mean over the seeds; whatever is no better than {constant} counts as {}.",
        gained(study),
        constant.trim_end_matches(','),
    )
}

pub fn effects(study: &Study) -> Markup {
    let header = ["fix", "alone", "main effect", "on top of all others", "Shapley value"];
    let kinds = [EffectKind::FirstIn, EffectKind::Main, EffectKind::LastOut, EffectKind::Shapley];
    let of = |kind: EffectKind, fix: usize| {
        let effect = study.effects.iter().find(|effect| effect.kind == kind && effect.fixes == [fix]);
        html! { (effect.map_or_else(|| "–".to_owned(), |effect| interval(effect.estimate))) }
    };
    let rows: Vec<Vec<Markup>> = (0..study.fixes.len())
        .filter(|fix| study.effects.iter().any(|effect| effect.fixes.contains(fix)))
        .map(|fix| std::iter::once(text(&study.fixes[fix].0)).chain(kinds.map(|kind| of(kind, fix))).collect())
        .collect();
    html! {
        (table(&header, &[1, 2, 3, 4], rows))
        p.muted {
            (divided(study)) " In brackets the 95\u{a0}% interval. The Shapley value is a fix's average gain over all orders in which the fixes may be made."
        }
    }
}

pub fn settings(study: &Study) -> Markup {
    let changed = study.variants.iter().filter(|variant| !variant.combination && !variant.changes.is_empty());
    let rows: Vec<Vec<Markup>> = changed
        .flat_map(|variant| {
            variant.changes.iter().map(|(key, value)| {
                vec![text(&variant.name), html! { code { (one_line(key)) } }, html! { code { (one_line(value)) } }]
            })
        })
        .collect();
    let (false, Some(baseline)) = (rows.is_empty(), study.baseline()) else { return html! {} };
    html! {
        h2 { "Settings" }
        p { "What each variant has otherwise than " (one_line(&baseline.name)) "." }
        (table(&["variant", "setting", "value"], &[], rows))
    }
}

pub fn reproduce(study: &Study, made_by: &str) -> Markup {
    html! {
        h2 { "To make it again" }
        @if let Some(manifest) = &study.manifest {
            p { "The runs, from the text below:" }
            pre { (command(&manifest.command)) }
        }
        p { "This page, from the results folder:" }
        pre { (made_by) }
        @if let Some(manifest) = &study.manifest {
            dl.facts {
                dt { "Experiment file" } dd { (one_line(&manifest.file)) }
                @if !manifest.overrides.is_empty() {
                    dt { "Settings on the command line" } dd { code { (command(&manifest.overrides)) } }
                }
                @for (path, hash) in &manifest.data {
                    dt { "Data" } dd { (one_line(&path.display().to_string())) " " span.muted { "SHA-256 " (one_line(hash)) } }
                }
                @if let Some(revision) = &manifest.git.revision {
                    dt { "Revision of the folder it ran in" }
                    dd { (one_line(revision)) @if manifest.git.dirty == Some(true) { ", with changes" } }
                }
                dt { "Hash of what the numbers depend on" } dd { (one_line(&manifest.experiment_hash)) }
            }
            // Of a task its plan has it.
            @if !manifest.text.is_empty() {
                details {
                    summary { "The experiment" }
                    pre { (manifest.text) }
                }
            }
        }
    }
}
