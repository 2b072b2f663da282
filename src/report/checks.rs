//! The ladder of checks in words, tables and pictures: what was measured, what it means, and where to look next.

use std::fmt::Write;

use anyhow::Result;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::figure::{Figure, figure};
use super::plots::{Effects, Interval, PlottedEffect, PointRow, Points};
use super::style::{bad, good};
use super::summary::factor;
use super::table::{finish, table};
use crate::results::checks::{Check, CheckVerdict};
use crate::results::rows::{CheckRow, CsvRow};
use crate::text::numbers::trimmed;
use crate::text::one_line;

/// The variant that is the set-up as asked.
pub const ASKED: &str = "as-asked";

/// A row of the table: a check, or, of samples to learn by heart, one number of them.
struct Line<'a> {
    check: Check,
    rows: Vec<&'a CheckRow>,
}

fn lines(rows: &[CheckRow]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        match lines.last_mut().filter(|line| line.check == row.check && row.check != Check::Overfit) {
            Some(line) => line.rows.push(row),
            None => lines.push(Line { check: row.check, rows: vec![row] }),
        }
    }
    lines
}

impl Line<'_> {
    /// Its rows that were measured.
    fn measured(&self) -> impl Iterator<Item = &CheckRow> {
        self.rows.iter().copied().filter(|row| row.seeds > 0)
    }

    fn verdict(&self) -> CheckVerdict {
        self.measured().next().map_or(self.rows[0].verdict, |row| row.verdict)
    }

    fn name(&self) -> String {
        match self.check {
            Check::Start => "loss at the start".to_owned(),
            Check::Overfit => format!("learns {} samples by heart", trimmed(self.rows[0].at)),
            Check::Blind => "uses its inputs".to_owned(),
            Check::Permuted => "learns more than by heart".to_owned(),
            Check::Rate => "learning rate".to_owned(),
            Check::HowOften => "how often it fits".to_owned(),
            Check::Samples => "fewer samples".to_owned(),
            Check::Units => "hidden units".to_owned(),
        }
    }

    /// What was measured, with its interval.
    fn figure(&self) -> String {
        if self.verdict() == CheckVerdict::LeftOut {
            return "–".to_owned();
        }
        let Some(row) = self.measured().next() else { return "–".to_owned() };
        let share = |row: &CheckRow| {
            format!("{}/{} seeds ({:.0} … {:.0} %)", row.passing, row.seeds, 100.0 * row.low, 100.0 * row.high)
        };
        match self.check {
            Check::Start if row.value.is_nan() => "not comparable with a constant's".to_owned(),
            Check::Start => {
                let times =
                    |tenfolds: f64| if tenfolds <= -16.0 { "0".to_owned() } else { trimmed(10_f64.powf(tenfolds)) };
                let interval = match row.low.is_nan() || times(row.low) == times(row.high) {
                    true => String::new(),
                    false => format!(" ({} … {})", times(row.low), times(row.high)),
                };
                format!("{} times the best constant's{interval}", times(row.value))
            }
            Check::Overfit if row.low.is_nan() => "–".to_owned(),
            Check::Overfit | Check::HowOften => share(row),
            Check::Blind => format!("with inputs error {}", gain(row)),
            Check::Permuted => {
                format!("with true targets error {}; learns permuted ones on {}/{}", gain(row), row.passing, row.seeds)
            }
            Check::Rate | Check::Samples | Check::Units => {
                // The one whose gain is surest, beside the set-up as asked.
                let others = self.measured().filter(|row| row.variant != ASKED);
                let best = others.max_by(|a, b| a.low.total_cmp(&b.low));
                best.map_or_else(|| "–".to_owned(), |best| format!("at {} error {}", trimmed(best.at), gain(best)))
            }
        }
    }

    /// What its verdict means, and what to look at next.
    fn means(&self) -> &'static str {
        use CheckVerdict::{CannotBeTold, Fails, LeftOut, Passes, Tells};
        match (self.check, self.verdict()) {
            (_, LeftOut) => "It would have taken too long. --all measures it.",
            (Check::Start, Passes) => "Training begins near what a constant reaches, as it should.",
            (Check::Start, Tells) => "The start is off, but training gets over it, or nothing can be compared.",
            (Check::Start, Fails) if self.rows[0].value < 0.0 => {
                "The loss is below what any constant has before anything is learnt, so it does not measure the targets. Look at output, loss and labels."
            }
            (Check::Start, Fails) => {
                "Training begins far from the targets. Look at output and loss, the targets' scale, the inputs' scale and the initial values."
            }
            (Check::Overfit, Passes) if self.rows[0].at == 2.0 => {
                "Two samples can be learnt, so output, loss, rate and initial values can work."
            }
            (Check::Overfit, Passes) => "These can be learnt, so there are units enough for them.",
            (Check::Overfit, Fails) if self.rows[0].at == 2.0 => {
                "Not even two samples can be learnt by heart. The fault is in output, loss, labels, rate, scale or initial values, not in the data, the size or the length."
            }
            (Check::Overfit, Fails) => {
                "These cannot be learnt. If two can, look at units, activations, the inputs' scale and the rate, not at the number of samples."
            }
            (Check::Overfit, Tells) => {
                "Nothing can be said: the targets do not vary among so few, or nothing counts as a fit."
            }
            (Check::Blind, Passes) => "It predicts better than with inputs that say nothing.",
            (Check::Blind, Fails) => {
                "It predicts no better than with inputs that say nothing. If two samples cannot be learnt, look there first; else at the inputs' scale, dead units and the length."
            }
            (Check::Permuted, Passes) => "What it learns holds where it is tested, which permuted targets do not give.",
            (Check::Permuted, Fails) => {
                "Where it is tested it does no better than after learning permuted targets. Look at the inputs, at the split of the rows, and at overfitting."
            }
            (Check::Rate, Passes) => "It fits at the rate as asked.",
            (Check::Rate, Fails) => {
                "Another rate does clearly better: it fits, or its error is a fifth less. Look at the map, and set optimizer.learning_rate."
            }
            (Check::Rate, Tells) => {
                "No other rate does clearly better, by a fifth of the error or so that it fits. It is not what is wrong first."
            }
            (Check::HowOften, Passes) => "It fits on enough seeds.",
            (Check::HowOften, Fails) => "It does not fit on enough seeds. misfit diagnose tries what mends it.",
            (Check::HowOften, Tells) => "Simple learners learn nothing of these rows, so nothing counts as a fit.",
            (Check::Samples, Passes) => "It fits with the samples that there are.",
            (Check::Samples, Fails) => {
                "With fewer samples it does clearly worse on others, so more of them would help. Else look at units, dropout and decay."
            }
            (Check::Samples, Tells) => "The number of samples is not what is wrong first.",
            (Check::Units, Passes) => "It fits with the units that there are.",
            (Check::Units, Fails) => {
                "Another number of units does clearly better: it fits, or its error is a fifth less. Look at the map, and set model.hidden."
            }
            (Check::Units, Tells) => {
                "No other number of units does clearly better, by a fifth of the error or so that it fits. They are not what is wrong first."
            }
            (_, CannotBeTold) => "So few seeds do not tell. Take more --seeds.",
            (Check::Blind | Check::Permuted, Tells) => {
                "The targets that it is tested on are all the same, so nothing can be compared."
            }
        }
    }
}

/// A gain with its interval, as what the error is divided or multiplied by.
fn gain(row: &CheckRow) -> String {
    let [mean, low, high] = [row.value, row.low, row.high].map(factor);
    if row.low.is_nan() || (low == mean && high == mean) { mean } else { format!("{mean} ({low} … {high})") }
}

/// What the first check of the ladder says by itself.
pub fn two_samples(row: &CheckRow) -> String {
    let says = match row.verdict {
        CheckVerdict::Passes => ", so output, loss, rate and initial values can work",
        CheckVerdict::Fails => {
            ": the fault is in output, loss, labels, rate, scale or initial values, not in the data, the size or the length"
        }
        _ => ", too few to tell",
    };
    format!("Two samples are learnt by heart on {}/{} seeds{says}.", row.passing, row.seeds)
}

/// What a map goes over.
fn over(check: Check) -> Option<(&'static str, &'static str)> {
    match check {
        Check::Rate => Some(("learning rate", "Error at other learning rates")),
        Check::Samples => Some(("samples", "Error with fewer samples")),
        Check::Units => Some(("hidden units", "Error with other numbers of hidden units")),
        _ => None,
    }
}

const ABOUT: &str = "Shares have 95 % Wilson intervals, gains 95 % intervals of Student's t over the seeds, in a map corrected for how many are looked at (Bonferroni).";

/// The ladder as a terminal shows it.
pub fn text(title: &str, rows: &[CheckRow]) -> String {
    let lines = lines(rows);
    let seeds = rows.iter().map(|row| row.seeds).max().unwrap_or(0);
    let mut text = format!("{}: the ladder of checks, {seeds} seeds\n\n", one_line(title));
    let mut ladder = table(&["check", "measured", "verdict"]);
    for line in &lines {
        let word = line.verdict().word();
        let verdict = match line.verdict() {
            CheckVerdict::Passes => good(word),
            CheckVerdict::Fails => bad(word),
            _ => word.to_owned(),
        };
        ladder.add_row([line.name(), line.figure(), verdict]);
    }
    let _ = writeln!(text, "{}\n{ABOUT}\n", finish(ladder, &[]));
    for line in &lines {
        let _ = writeln!(text, "{}: {}", line.name(), line.means());
    }
    for line in &lines {
        let (Some((what, title)), true) = (over(line.check), line.measured().count() > 1) else { continue };
        let mut map = table(&[what, "error beside as asked", "fits"]);
        for row in line.measured() {
            map.add_row([trimmed(row.at), gain(row), format!("{}/{}", row.passing, row.seeds)]);
        }
        let _ = writeln!(text, "\n{title}\n{}", finish(map, &[]));
    }
    text
}

/// The ladder as JSON: a line of its table is an object, with its rows of `checks.csv`.
pub fn json(rows: &[CheckRow]) -> Value {
    let line = |line: Line| {
        json!({
            "check": line.check,
            "name": line.name(),
            "measured": line.figure(),
            "verdict": line.verdict(),
            "means": line.means(),
            "rows": line.rows.iter().map(|row| row.json()).collect::<Value>(),
        })
    };
    lines(rows).into_iter().map(line).collect()
}

/// The ladder as a page shows it.
pub fn section(rows: &[CheckRow]) -> Markup {
    let cells = |line: &Line| {
        let verdict = line.verdict();
        [line.name(), line.figure(), verdict.word().to_owned(), line.means().to_owned()]
    };
    html! {
        @if !rows.is_empty() {
            h2 { "The ladder of checks" }
            div.wide { table.stack {
                thead { tr { @for (nth, name) in HEADER.iter().enumerate() { th class=(class(nth)) { (name) } } } }
                tbody {
                    @for line in lines(rows) {
                        tr {
                            @for (nth, cell) in cells(&line).into_iter().enumerate() {
                                td class=(class(nth)) data-label=(HEADER[nth]) { div { (cell) } }
                            }
                        }
                    }
                }
            } }
            p.muted { (ABOUT) }
        }
    }
}

const HEADER: [&str; 4] = ["check", "measured", "verdict", "what it means"];

fn class(column: usize) -> &'static str {
    if column == 0 { "name" } else { "text" }
}

/// The ladder in pictures: what is a share of the seeds, what the data say, and the maps.
pub fn figures(rows: &[CheckRow]) -> Result<Vec<Figure>> {
    let lines = lines(rows);
    let mut figures = Vec::new();
    let shares: Vec<PointRow> = lines
        .iter()
        .filter(|line| matches!(line.check, Check::Overfit | Check::HowOften))
        .filter_map(|line| line.measured().next().map(|row| (line, row)))
        .filter(|(_, row)| row.value.is_finite())
        .map(|(line, row)| PointRow {
            name: line.name(),
            values: Vec::new(),
            median: row.value,
            low: row.low,
            high: row.high,
            note: format!("{}/{}", row.passing, row.seeds),
        })
        .collect();
    if !shares.is_empty() {
        let chart = Points {
            title: "On how many seeds it works".to_owned(),
            x_label: "share of the seeds".to_owned(),
            rows: shares,
            log_x: false,
            references: Vec::new(),
        };
        let caption = "A dot for the share of the seeds that learn so many samples by heart, and of those that fit; a bar for its 95\u{a0}% Wilson interval.";
        figures.push(figure("checks-shares".to_owned(), caption.to_owned(), |size| chart.draw(size))?);
    }
    let one = |name: String, kind: &str, row: &CheckRow| PlottedEffect {
        name,
        estimates: vec![Interval { kind: kind.to_owned(), mean: row.value, low: row.low, high: row.high }],
    };
    let controls: Vec<PlottedEffect> = lines
        .iter()
        .filter(|line| matches!(line.check, Check::Blind | Check::Permuted))
        .filter_map(|line| Some(one(line.name(), "as asked", line.measured().next()?)))
        .collect();
    if !controls.is_empty() {
        let chart = Effects {
            title: "What the data say".to_owned(),
            x_label: "error divided by (÷) or multiplied by (×)".to_owned(),
            rows: controls,
        };
        let caption = "What the set-up as asked gains over inputs that say nothing, and over permuted targets, where it is tested. At 1 they make no difference. Geometric mean over the seeds with its 95\u{a0}% interval (Student's t).";
        figures.push(figure("checks-controls".to_owned(), caption.to_owned(), |size| chart.draw(size))?);
    }
    for line in &lines {
        let (Some((what, title)), true) = (over(line.check), line.measured().count() > 1) else { continue };
        let chart = Effects {
            title: title.to_owned(),
            x_label: "error beside as asked, divided by (÷) or multiplied by (×)".to_owned(),
            rows: line
                .measured()
                .map(|row| one(format!("{what} {}", trimmed(row.at)), "beside as asked", row))
                .collect(),
        };
        let caption = format!(
            "{title} beside the set-up as asked, which is at 1. Geometric mean over the seeds; the intervals are Student's t, so that all of them together keep 95\u{a0}% (Bonferroni)."
        );
        figures.push(figure(format!("checks-{}", line.check.word()), caption, |size| chart.draw(size))?);
    }
    Ok(figures)
}
