//! What a report says in words and tables.

use maud::{Markup, html};

use super::curves::Curve;
use super::names::letter;
use super::published;
use super::study::{Study, StudyVariant};
use super::summary::interval;
use crate::experiment::config::Word;
use crate::results::manifest::Status;
use crate::results::outcome::Severity;
use crate::results::rows::{EffectKind, FindingRow};
use crate::text::numbers::{plural, ratio, short, signed};
use crate::text::one_line;
use crate::text::shell::command;

/// Beyond so many rows a table begins folded.
const MOST_OPEN: usize = 24;

/// A table whose first column names its rows; on a phone each row becomes a list. `numbers` are columns of numbers.
fn table(header: &[&str], numbers: &[usize], rows: Vec<Vec<Markup>>) -> Markup {
    let class = |column: usize| match column {
        0 => "name",
        _ if numbers.contains(&column) => "number",
        _ => "text",
    };
    let count = rows.len();
    let table = html! {
        div.wide { table.stack {
            thead { tr { @for (column, name) in header.iter().enumerate() { th class=(class(column)) { (name) } } } }
            tbody {
                @for row in rows {
                    tr {
                        @for (column, (name, cell)) in header.iter().zip(row).enumerate() {
                            td class=(class(column)) data-label=(name) { div { (cell) } }
                        }
                    }
                }
            }
        } }
    };
    folded(count, table)
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
    let header = ["variant", "outcome", "test RMSE, median", "lowest … highest", "R², median", "error while training"];
    let row = |&at: &usize| {
        let variant = &study.variants[at];
        let (rmse, r2) = (variant.summary.test_rmse, variant.summary.r2);
        vec![
            text(&variant.name),
            outcome(variant),
            html! { (short(rmse.median)) },
            html! { (rmse.ends()) },
            html! { (ratio(r2.median)) },
            html! { span.spark { (study.curves.get(&at).map_or_else(String::new, Curve::spark)) } },
        ]
    };
    html! {
        @if !named.is_empty() { (table(&header, &[2, 3, 4], named.iter().map(row).collect())) }
        @if !combined.is_empty() {
            h3 { "Combinations of fixes" }
            ul {
                @for (nth, (name, why)) in study.fixes.iter().enumerate() {
                    li { b { (letter(nth)) } " " (one_line(name)) @if !why.is_empty() { span.muted { ": " (one_line(why)) } } }
                }
            }
            (combinations(study, &combined))
        }
        p.muted {
            "diverged: a loss or a prediction is not finite, or the loss doubled. fits: R² of 0.99 or more. constant: the predictions' spread is under 1\u{a0}% of the targets'. line: no better than the best straight line. partial: anything else. RMSE is in the target's own units, R² the share of its variance that is explained, both on the test points."
        }
        @if let Some(health) = &study.baselines {
            p {
                "For comparison, on the same test points: always 0 has an RMSE of " (short(health.zero_rmse))
                ", always the mean " (short(health.mean_rmse)) ", the best straight line " (short(health.line_rmse)) "."
            }
        }
    }
}

/// Which fixes are on, a letter each, and how it ended. Too wide for a list of a phone, and narrow enough without.
fn combinations(study: &Study, combined: &[usize]) -> Markup {
    folded(
        combined.len(),
        html! {
            div.wide { table.combinations {
                thead { tr {
                    @for nth in 0..study.fixes.len() { th.flag { (letter(nth)) } }
                    th { "outcome" }
                    th.number { "test RMSE, median" }
                    th.number.range { "lowest … highest" }
                    th.number { "R², median" }
                } }
                tbody {
                    @for variant in combined.iter().map(|&at| &study.variants[at]) {
                        tr title=(one_line(&variant.name)) {
                            @for on in &variant.on { td.flag { (if *on { "●" } else { "·" }) } }
                            td { (outcome(variant)) }
                            td.number { (short(variant.summary.test_rmse.median)) }
                            td.number.range { (variant.summary.test_rmse.ends()) }
                            td.number { (ratio(variant.summary.r2.median)) }
                        }
                    }
                }
            } }
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

pub fn findings(study: &Study) -> Markup {
    if study.findings.is_empty() && study.enough.is_empty() {
        return html! {};
    }
    let header = ["finding", "weight", "evidence", "fix", "alone", "on top of all others", "Shapley value"];
    let row = |row: &FindingRow| {
        let gain = |gain: f64| html! { (if gain.is_nan() { "–".to_owned() } else { signed(gain) }) };
        vec![
            html! { (one_line(&row.finding)) span.muted { " in " (one_line(&row.variant)) } },
            text(row.severity.word()),
            text(&row.evidence),
            text(if row.fix.is_empty() { "–" } else { &row.fix }),
            gain(row.first_in),
            gain(row.last_out),
            gain(row.shapley),
        ]
    };
    let severities: Vec<String> =
        Severity::WORDS.iter().map(|(word, severity)| format!("{word}: {}", severity.meaning())).collect();
    html! {
        h2 { "Findings" }
        @for row in &study.enough {
            p {
                "Enough: " b { (one_line(&row.fixes.join(" + "))) }
                ", R² " (format!("{:.3}", row.estimate)) " (mean over the seeds, never below 0)."
            }
        }
        @if !study.findings.is_empty() {
            (table(&header, &[4, 5, 6], study.findings.iter().map(row).collect()))
            p.muted {
                (severities.join("; ")) "."
            }
        }
    }
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
            "Gained share of the targets' variance, R² cut off at 0, with the 95\u{a0}% interval. The Shapley value is a fix's average gain over all orders in which the fixes may be made."
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
