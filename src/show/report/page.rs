//! A report as one page of HTML that needs nothing but itself.
//!
//! Whatever comes from an experiment or a CSV is text here: the templates escape it, and the page's own policy lets no script
//! run but the one below and loads nothing.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::figures::{Figure, Figures, interval, range};
use super::study::{Study, StudyVariant};
use crate::analysis::ablation::Kind;
use crate::experiment::one_line;
use crate::results::manifest::{Manifest, Status};
use crate::show::next::quoted;
use crate::show::numbers::{plural, ratio, short, signed};
use crate::show::plots::{DARK, LIGHT, Mark, for_page};
use crate::show::published;
use crate::show::spark::spark;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Beyond so many rows a table begins folded.
const MOST_OPEN: usize = 24;
/// A small chart's bars.
const BARS: usize = 16;

/// `made_by` is the command that makes the page again.
pub fn page(study: &Study, figures: &Figures, made_by: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    );
    let title = one_line(&study.title);
    let body = html! {
        h1 { (title) }
        (summary(study))
        (facts(study))
        @if !study.notes.is_empty() {
            ul.muted { @for note in &study.notes { li { (one_line(note)) } } }
        }
        h2 { "How the runs ended" }
        (outcomes(study))
        @for figure in &figures.errors { (picture(figure)) }
        (published_table(study))
        @if !study.findings.is_empty() || !study.enough.is_empty() { (findings(study)) }
        @if !figures.effects.is_empty() {
            h2 { "What each fix buys" }
            @for figure in &figures.effects { (picture(figure)) }
            (effects(study))
        }
        @if !figures.curves.is_empty() {
            h2 { "While training" }
            @for figure in &figures.curves { (picture(figure)) }
        }
        @if !figures.functions.is_empty() {
            h2 { "What the networks became" }
            @for figure in &figures.functions { (picture(figure)) }
        }
        @if !figures.losses.is_empty() {
            h2 { "Losses" }
            p { "Each in its variant's own units: how high a loss is says nothing beside another variant's, how it goes does." }
            @for figure in &figures.losses { (picture(figure)) }
        }
        (settings(study))
        (reproduce(study, made_by))
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="generator" content=(format!("misfit {}", env!("CARGO_PKG_VERSION")));
                title { (title) " – misfit" }
                style { (PreEscaped(variables())) (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                script type="application/json" id="marks" { (PreEscaped(marks(figures))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

/// The colours of both schemes; on paper always the light one.
fn variables() -> String {
    let set = |colours: &[(&str, &str)]| {
        colours.iter().fold(String::new(), |mut text, (name, colour)| {
            let _ = write!(text, "{name}:{colour};");
            text
        })
    };
    format!(
        ":root{{{}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{}}}}}\n@media print{{:root{{color-scheme:light}}}}\n",
        set(&LIGHT),
        set(&DARK)
    )
}

/// What each chart says of its places, as JSON in which nothing ends the element that it stands in.
fn marks(figures: &Figures) -> String {
    let places = |marks: &[Mark]| -> serde_json::Value {
        let tenth = |value: f64| (value * 10.0).round() / 10.0;
        marks.iter().map(|mark| serde_json::json!([tenth(mark.x), tenth(mark.y), mark.text])).collect()
    };
    let all: serde_json::Map<String, serde_json::Value> = figures
        .all()
        .map(|figure| {
            let sizes =
                serde_json::json!({ "wide": places(&figure.wide.marks), "narrow": places(&figure.narrow.marks) });
            (figure.id.clone(), sizes)
        })
        .collect();
    serde_json::Value::Object(all).to_string().replace('<', "\\u003c")
}

fn picture(figure: &Figure) -> Markup {
    let sized =
        |svg: &str, class: &str| PreEscaped(for_page(svg).replacen("<svg", &format!("<svg class=\"{class}\""), 1));
    html! {
        figure {
            div.chart id=(figure.id) {
                (sized(&figure.wide.svg, "wide-chart"))
                (sized(&figure.narrow.svg, "narrow"))
            }
            figcaption { (figure.caption) }
        }
    }
}

fn summary(study: &Study) -> Markup {
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

fn facts(study: &Study) -> Markup {
    let Some(manifest) = &study.manifest else { return html! {} };
    let started = i64::try_from(manifest.started).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let state = match manifest.status {
        Status::Complete => None,
        Status::Running => Some("not ended when this was made: some runs are missing"),
        Status::Interrupted => Some("interrupted: some runs are missing, the same command goes on"),
        Status::Failed => Some("failed: some runs are missing"),
    };
    html! {
        dl.facts {
            dt { "Experiment" } dd { (one_line(&study.name)) }
            @if let Some(state) = state { dt { "State" } dd { (state) } }
            dt { "Made by" } dd { code { (command(&manifest.command)) } }
            @if let Some(started) = started {
                dt { "When" } dd { (started.strftime("%Y-%m-%d %H:%M UTC").to_string()) ", in " (format!("{:.1} s", manifest.seconds)) }
            }
            dt { "With" }
            dd {
                "misfit " (manifest.misfit) ", libtorch " (manifest.libtorch) " on " (manifest.device) ", "
                (plural(manifest.threads, "thread", "threads"))
            }
        }
    }
}

fn command(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn outcome_cell(variant: &StudyVariant) -> Markup {
    html! {
        @for (outcome, count) in &variant.summary.outcomes {
            span.outcome.(outcome.to_string()) { (outcome) " " (count) "/" (variant.summary.runs) } " "
        }
    }
}

fn outcomes(study: &Study) -> Markup {
    let (combined, named): (Vec<usize>, Vec<usize>) =
        (0..study.variants.len()).partition(|&at| study.variants[at].combination);
    html! {
        @if !named.is_empty() { (folded(named.len(), "variants", outcome_table(study, &named, false))) }
        @if !combined.is_empty() {
            h3 { "Combinations of fixes" }
            (fix_list(study))
            (folded(combined.len(), "combinations", outcome_table(study, &combined, true)))
        }
        p.muted {
            "diverged: a loss or a prediction is not finite, or the loss doubled. fits: R² of 0.99 or more. constant: the predictions' spread is under 1 % of the targets'. line: no better than the best straight line. partial: anything else. RMSE is in the target's own units, R² the share of its variance that is explained, both on the test points."
        }
        @if let Some(health) = &study.baselines {
            p {
                "For comparison, on the same test points: always 0 has an RMSE of " (short(health.zero_rmse))
                ", always the mean " (short(health.mean_rmse)) ", the best straight line " (short(health.line_rmse))
                @if health.most_pieces_rmse.is_finite() && health.most_pieces > 1.0 {
                    ", the best " (health.most_pieces) " straight pieces, the most that " (one_line(&health.variant)) " could have, " (short(health.most_pieces_rmse))
                }
                "."
            }
        }
    }
}

/// A table that is long begins folded.
fn folded(rows: usize, what: &str, table: Markup) -> Markup {
    if rows <= MOST_OPEN {
        table
    } else {
        html! { details { summary { "All " (rows) " " (what) } (table) } }
    }
}

fn letter(nth: usize) -> String {
    char::from_u32('a' as u32 + nth as u32)
        .filter(char::is_ascii_lowercase)
        .map_or_else(|| (nth + 1).to_string(), String::from)
}

fn fix_list(study: &Study) -> Markup {
    html! {
        ul {
            @for (nth, (name, why)) in study.fixes.iter().enumerate() {
                li { b { (letter(nth)) } " " (one_line(name)) @if !why.is_empty() { span.muted { ": " (one_line(why)) } } }
            }
        }
    }
}

fn outcome_table(study: &Study, variants: &[usize], by_fix: bool) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                @if by_fix {
                    @for nth in 0..study.fixes.len() { th { (letter(nth)) } }
                } @else {
                    th { "variant" }
                }
                th { "outcome" }
                th.number { "test RMSE, median" }
                th.number { "lowest … highest" }
                th.number { "R², median" }
                @if !by_fix { th { "error while training" } }
            } }
            tbody {
                @for &at in variants {
                    @let variant = &study.variants[at];
                    tr {
                        @if by_fix {
                            @for on in &variant.on { td.flag { (if *on { "●" } else { "·" }) } }
                        } @else {
                            td.name { (one_line(&variant.name)) }
                        }
                        td { (outcome_cell(variant)) }
                        td.number { (short(variant.summary.test_rmse.median)) }
                        td.number { (range(variant.summary.test_rmse.low, variant.summary.test_rmse.high)) }
                        td.number { (ratio(variant.summary.r2.median)) }
                        @if !by_fix { td.spark { (small_curve(study, at)) } }
                    }
                }
            }
        } }
    }
}

/// The median error over the steps, on a logarithm.
fn small_curve(study: &Study, at: usize) -> String {
    let Some(curve) = study.curves.get(&at) else { return String::new() };
    let count = curve.test_rmse.len();
    let bars = count.min(BARS);
    let errors = (0..bars).map(|nth| curve.test_rmse[nth * (count - 1) / (bars - 1).max(1)].median.log10());
    spark(&errors.collect::<Vec<_>>())
}

fn published_table(study: &Study) -> Markup {
    if study.published.is_empty() {
        return html! {};
    }
    html! {
        h2 { "The source's figures beside ours" }
        div.wide { table {
            thead { tr { @for name in published::HEADER { th { (name) } } } }
            tbody { @for row in &study.published { tr { @for cell in row { td { (cell) } } } } }
        } }
    }
}

fn findings(study: &Study) -> Markup {
    html! {
        h2 { "Findings" }
        @for row in &study.enough {
            p {
                "Enough: " b { (one_line(&row.fixes).replace('+', " + ")) }
                ", R² " (format!("{:.3}", row.estimate.mean)) " (mean over the seeds, never below 0)."
            }
        }
        @if !study.findings.is_empty() {
            div.wide { table {
                thead { tr {
                    th { "finding" } th { "weight" } th { "evidence" } th { "fix" }
                    th.number { "alone" } th.number { "on top of all others" } th.number { "Shapley value" }
                } }
                tbody {
                    @for row in &study.findings {
                        tr {
                            td.name { (one_line(&row.finding)) br; span.muted { "in " (one_line(&row.variant)) } }
                            td { (one_line(&row.severity)) }
                            td.text { (one_line(&row.evidence)) }
                            td.name { (one_line(&row.fix)) }
                            @for gain in [row.first_in, row.last_out, row.shapley] {
                                td.number { (if gain.is_nan() { "–".to_owned() } else { signed(gain) }) }
                            }
                        }
                    }
                }
            } }
            p.muted {
                "critical: the fix is needed; major: it is one way to mend it; minor: it helps; refuted: it made no difference or hurt; open: nothing mends it; note: worth knowing."
            }
        }
    }
}

fn effects(study: &Study) -> Markup {
    let of = |kind: Kind, fix: usize| {
        let effect = study.effects.iter().find(|effect| effect.kind == kind && effect.fixes == [fix]);
        effect.map_or_else(|| "–".to_owned(), |effect| interval(effect.estimate))
    };
    let kinds = [Kind::FirstIn, Kind::Main, Kind::LastOut, Kind::Shapley];
    html! {
        div.wide { table {
            thead { tr {
                th { "fix" } th.number { "alone" } th.number { "main effect" } th.number { "on top of all others" } th.number { "Shapley value" }
            } }
            tbody {
                @for (nth, (name, _)) in study.fixes.iter().enumerate() {
                    @if study.effects.iter().any(|effect| effect.fixes.contains(&nth)) {
                        tr {
                            td.name { (one_line(name)) }
                            @for kind in kinds { td.number { (of(kind, nth)) } }
                        }
                    }
                }
            }
        } }
        p.muted { "Gained share of the targets' variance, R² cut off at 0, with the 95 % interval. The Shapley value is a fix's average gain over all orders in which the fixes may be made." }
    }
}

fn settings(study: &Study) -> Markup {
    let changed: Vec<&StudyVariant> =
        study.variants.iter().filter(|variant| !variant.combination && !variant.changes.is_empty()).collect();
    let baseline = study.variants.iter().find(|variant| !variant.on.contains(&true));
    let (false, Some(baseline)) = (changed.is_empty(), baseline) else { return html! {} };
    html! {
        h2 { "Settings" }
        p { "What each variant has otherwise than " (one_line(&baseline.name)) "." }
        (folded(changed.len(), "variants", html! {
            div.wide { table {
                thead { tr { th { "variant" } th { "setting" } th { "value" } } }
                tbody {
                    @for variant in &changed {
                        @for (nth, (key, value)) in variant.changes.iter().enumerate() {
                            tr {
                                td.name { @if nth == 0 { (one_line(&variant.name)) } }
                                td { code { (one_line(key)) } }
                                td { code { (one_line(value)) } }
                            }
                        }
                    }
                }
            } }
        }))
    }
}

fn reproduce(study: &Study, made_by: &str) -> Markup {
    let manifest: Option<&Manifest> = study.manifest.as_ref();
    html! {
        h2 { "To make it again" }
        @if let Some(manifest) = manifest {
            p { "The runs, from the text below:" }
            pre { (command(&manifest.command)) }
        }
        p { "This page, from the results folder:" }
        pre { (made_by) }
        @if let Some(manifest) = manifest {
            dl.facts {
                dt { "Experiment file" } dd { (one_line(&manifest.file)) }
                @if !manifest.overrides.is_empty() {
                    dt { "Settings on the command line" } dd { code { (command(&manifest.overrides)) } }
                }
                @for (path, hash) in &manifest.data {
                    dt { "Data" } dd { (one_line(&path.display().to_string())) " " span.muted { "SHA-256 " (hash) } }
                }
                @if let Some(revision) = &manifest.git.revision {
                    dt { "Revision of the folder it ran in" }
                    dd { (revision) @if manifest.git.dirty == Some(true) { ", with changes" } }
                }
                dt { "Hash of what the numbers depend on" } dd { (manifest.experiment_hash) }
            }
            details {
                summary { "The experiment" }
                pre { (manifest.text) }
            }
        }
    }
}
