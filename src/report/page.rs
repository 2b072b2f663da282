//! A report as one page of HTML that needs nothing but itself.
//!
//! Whatever comes from an experiment or a CSV is text here: the templates escape it, and the page's own policy lets no script
//! run but the one below and loads nothing.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::checks;
use super::figure::Figure;
use super::figures::Figures;
use super::plots::{DARK, LIGHT, Mark, for_page};
use super::sections;
use super::study::Study;
use crate::text::one_line;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Of a colour of the page, its name as three numbers.
const TINTS: [(&str, &str); 2] = [("--c0", "--right"), ("--c1", "--wrong")];

/// `made_by` is the command that makes the page again.
pub fn page(study: &Study, figures: &Figures, made_by: &str) -> String {
    let title = one_line(&study.title);
    let body = html! {
        h1 { (title) }
        (sections::summary(study))
        (sections::facts(study))
        @if !study.notes.is_empty() {
            ul.muted { @for note in &study.notes { li { (one_line(note)) } } }
        }
        (checks::section(&study.checks))
        @for figure in &figures.checks { (picture(figure)) }
        (sections::worth(study))
        (sections::findings(study))
        h2 { "How the runs ended" }
        (sections::outcomes(study))
        @for figure in &figures.errors { (picture(figure)) }
        (sections::published(study))
        @if !figures.effects.is_empty() {
            h2 { "Effects of the fixes" }
            @for figure in &figures.effects { (picture(figure)) }
            (sections::effects(study))
        }
        @if !figures.curves.is_empty() {
            h2 { "While training" }
            @for figure in &figures.curves { (picture(figure)) }
        }
        (sections::outputs(study))
        (sections::confusion(study))
        @if !figures.functions.is_empty() {
            h2 { "What the networks became" }
            @for figure in &figures.functions { (picture(figure)) }
        }
        @if !figures.losses.is_empty() {
            h2 { "Losses" }
            p { "Each in its variant's own units: how high a loss is says nothing beside another variant's, how it goes does." }
            @for figure in &figures.losses { (picture(figure)) }
        }
        (sections::settings(study))
        (sections::reproduce(study, made_by))
    };
    shell(&title, &body, figures.all())
}

/// A page of this title and body, with what its pictures say.
pub(super) fn shell<'f>(title: &str, body: &Markup, figures: impl Iterator<Item = &'f Figure>) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    );
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
            // What a cell of a table is tinted with, as numbers for a colour of any opacity.
            for tint in TINTS.iter().filter(|tint| tint.0 == *name) {
                let part = |at: usize| u8::from_str_radix(&colour[at..at + 2], 16).unwrap_or(0);
                let _ = write!(text, "{}:{} {} {};", tint.1, part(1), part(3), part(5));
            }
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
fn marks<'f>(figures: impl Iterator<Item = &'f Figure>) -> String {
    let places = |marks: &[Mark]| -> serde_json::Value {
        let tenth = |value: f64| (value * 10.0).round() / 10.0;
        marks.iter().map(|mark| serde_json::json!([tenth(mark.x), tenth(mark.y), mark.text])).collect()
    };
    let all: serde_json::Map<String, serde_json::Value> = figures
        .map(|figure| {
            let sizes =
                serde_json::json!({ "wide": places(&figure.wide.marks), "narrow": places(&figure.narrow.marks) });
            (figure.id.clone(), sizes)
        })
        .collect();
    serde_json::Value::Object(all).to_string().replace('<', "\\u003c")
}

pub(super) fn picture(figure: &Figure) -> Markup {
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
