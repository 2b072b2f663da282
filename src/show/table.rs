//! The table that a run ends with.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::style::{bad, good};
use crate::analysis::bounds::{self, Baselines};
use crate::analysis::health::{most_pieces, piecewise_linear};
use crate::analysis::outcome::Outcome;
use crate::analysis::summary::{MOST_BEST, MOST_LISTED, Middle, VariantSummary, worth_listing};
use crate::data::Samples;
use crate::experiment::config::{Inputs, Model, Output, Test};
use crate::experiment::{Experiment, Figure, Variant, one_line};
use crate::results::read;
use crate::results::rows::RunRow;

/// Everything that there is to say of `variants` of a results folder, in colours.
pub fn results(experiment: &Experiment, variants: &[usize], folder: &Path) -> Result<String> {
    let rows: Vec<RunRow> =
        read::runs(folder)?.into_iter().filter(|row| experiment.seeds.contains(&row.seed)).collect();
    let summaries: Vec<(&Variant, VariantSummary)> = variants
        .iter()
        .map(|&at| &experiment.variants[at])
        .filter_map(|variant| {
            let own: Vec<&RunRow> = rows.iter().filter(|row| row.variant == variant.name).collect();
            Some((variant, VariantSummary::of(&variant.name, &own)?))
        })
        .collect();
    let (ablation, named): (Vec<_>, Vec<_>) = summaries.into_iter().partition(|(variant, _)| variant.from_ablation);
    let named: Vec<&VariantSummary> = named.iter().map(|(_, summary)| summary).collect();
    let mut text = String::new();
    let _ = writeln!(text, "{}", one_line(&experiment.title));
    if !named.is_empty() {
        let _ = writeln!(text, "\n{}", variants_table(&named));
    }
    if share_test_points(experiment) {
        if let Some(points) = read::first_test_points(folder)? {
            let _ = writeln!(text, "\n{}", baselines_table(experiment, &points));
        }
    } else {
        let _ =
            writeln!(text, "\nNo simple predictor stands beside them: the runs are not all tested on the same points.");
    }
    if !ablation.is_empty() {
        let _ = write!(text, "\n{}", ablation_text(experiment, &ablation));
    }
    let published = published(experiment, variants, &rows, folder)?;
    if !published.is_empty() {
        let _ = writeln!(text, "\n{published}");
    }
    Ok(text)
}

pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    table
}

pub(super) fn finish(mut table: Table, right: &[usize]) -> String {
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The outcomes of a variant's runs, each with its count.
fn outcomes(summary: &VariantSummary) -> String {
    let parts = summary.outcomes.iter().map(|(outcome, count)| {
        let text = format!("{outcome} {count}/{}", summary.runs);
        match outcome {
            Outcome::Fits => good(&text),
            Outcome::Diverged => bad(&text),
            _ => text,
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn variants_table(summaries: &[&VariantSummary]) -> String {
    let mut table = table(&["variant", "outcome", "test RMSE, median", "lowest … highest", "R², median"]);
    for summary in summaries {
        table.add_row([
            one_line(&summary.name),
            outcomes(summary),
            short(summary.test_rmse.median),
            format!("{} … {}", short(summary.test_rmse.low), short(summary.test_rmse.high)),
            ratio(summary.r2.median),
        ]);
    }
    finish(table, &[2, 3, 4])
}

/// Whether all runs are tested on the same points.
fn share_test_points(experiment: &Experiment) -> bool {
    let data = |variant: &Variant| {
        let data = &variant.config.data;
        (data.target.clone(), data.test.clone(), data.inputs.clone().filter(|_| data.test == Test::Train), data.holdout)
    };
    let first = experiment.variants.first().map(data);
    let fixed = |(_, test, inputs, holdout): &(_, Test, Option<Inputs>, f64)| match test {
        Test::Grid(_) => true,
        Test::Rows => *holdout == 0.0,
        Test::Train => matches!(inputs, Some(Inputs::Grid(_))),
        Test::Uniform(_) => false,
    };
    first.as_ref().is_some_and(fixed) && experiment.variants.iter().all(|variant| Some(data(variant)) == first)
}

/// What any predictor of a simple kind reaches on the test points, in the table's units.
fn baselines_table(experiment: &Experiment, points: &Samples) -> String {
    let mut table = table(&["for comparison, on the same test points", "RMSE"]);
    let config = &experiment.baseline;
    // Whatever its output: it is what a mended one could do that is of interest.
    let model = Model { output: Output::Identity, ..config.model.clone() };
    let bends = points.columns == 1 && !model.hidden.is_empty() && piecewise_linear(&model);
    let baselines = Baselines::of(points, &config.data, if bends { most_pieces(&model) } else { f64::NAN });
    table.add_row(["always 0".to_owned(), short(baselines.zero_rmse)]);
    table.add_row(["always the mean".to_owned(), short(baselines.mean_rmse)]);
    table.add_row(["best straight line".to_owned(), short(baselines.line_rmse)]);
    if bends {
        let widths = config.model.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join("–");
        for (pieces, why) in [
            (bounds::one_a_unit(&config.model.hidden), "one for each unit of a"),
            (most_pieces(&model), "the most that is possible for a"),
        ] {
            let and = if why.starts_with("one") { " network, and one" } else { " network" };
            let rmse = baselines.pieces_rmse(pieces);
            table.add_row([format!("best {pieces} straight pieces: {why} {widths}{and}"), short(rmse)]);
        }
    }
    finish(table, &[1])
}

/// An ablation's variants, each named by the letters of its fixes: all of a small one; of a large one the baseline, each
/// fix alone and the best, and how many runs ended how.
fn ablation_text(experiment: &Experiment, summaries: &[(&Variant, VariantSummary)]) -> String {
    let taken: Vec<usize> =
        (0..experiment.fixes.len()).filter(|&fix| summaries.iter().any(|(variant, _)| variant.fixes[fix])).collect();
    let letter = |nth: usize| char::from_u32('a' as u32 + nth as u32).unwrap_or('?');
    let mut text = format!("Ablation over {}\n", plural(taken.len(), "fix", "fixes"));
    for (nth, &fix) in taken.iter().enumerate() {
        let _ = writeln!(text, " {}  {}", letter(nth), one_line(&experiment.fixes[fix].name));
    }
    let runs = |outcome: Outcome| -> usize {
        summaries.iter().flat_map(|(_, s)| &s.outcomes).filter(|(o, _)| *o == outcome).map(|(_, n)| n).sum()
    };
    let counts: Vec<String> = Outcome::ALL
        .into_iter()
        .map(|o| (o, runs(o)))
        .filter(|(_, n)| *n > 0)
        .map(|(o, n)| format!("{o} {n}"))
        .collect();
    let total: usize = summaries.iter().map(|(_, summary)| summary.runs).sum();
    let fit = summaries.iter().filter(|(_, summary)| summary.all(Outcome::Fits)).count();
    let _ = writeln!(
        text,
        "{}, {} on every seed. {}: {}.",
        plural(summaries.len(), "variant", "variants"),
        if fit == 1 { "1 fits".to_owned() } else { format!("{fit} fit") },
        plural(total, "run", "runs"),
        counts.join(", ")
    );
    let on = |variant: &Variant| variant.fixes.iter().filter(|&&on| on).count();
    let combinations: Vec<(usize, &VariantSummary)> = summaries.iter().map(|(v, s)| (on(v), s)).collect();
    let small = summaries.len() <= MOST_LISTED;
    let mut table = table(&["fixes on", "outcome", "test RMSE, median", "lowest … highest", "R², median"]);
    for (variant, summary) in worth_listing(&combinations).into_iter().map(|at| &summaries[at]) {
        let letters = taken.iter().enumerate().map(|(nth, &fix)| if variant.fixes[fix] { letter(nth) } else { '·' });
        let mut name = letters.map(String::from).collect::<Vec<_>>().join(" ");
        for (key, value) in experiment.sweep.iter().zip(&variant.swept) {
            let _ = write!(name, "  {}={}", one_line(key), one_line(value));
        }
        table.add_row([
            name,
            outcomes(summary),
            short(summary.test_rmse.median),
            format!("{} … {}", short(summary.test_rmse.low), short(summary.test_rmse.high)),
            ratio(summary.r2.median),
        ]);
    }
    let _ = writeln!(text, "\n{}", finish(table, &[2, 3, 4]));
    if !small {
        let _ = writeln!(text, "These are the baseline, each fix alone and the best {MOST_BEST}; all are in runs.csv.");
    }
    text
}

pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The figures that the experiment's source gives, beside ours.
fn published(experiment: &Experiment, variants: &[usize], rows: &[RunRow], folder: &Path) -> Result<String> {
    let wanted: Vec<(&str, f64)> = experiment
        .published
        .iter()
        .filter_map(|p| match p.figure {
            Figure::Prediction(at) => Some((p.variant.as_str(), at)),
            _ => None,
        })
        .collect();
    let predictions =
        if wanted.is_empty() { Vec::new() } else { read::predictions_at(folder, &wanted, &experiment.seeds)? };
    let mut table = table(&["variant", "figure", "source says", "here", "off by"]);
    let mut any = false;
    for entry in &experiment.published {
        let own = rows.iter().filter(|row| row.variant == entry.variant);
        let selected = variants.iter().any(|&at| experiment.variants[at].name == entry.variant);
        if !selected || own.clone().next().is_none() {
            continue;
        }
        any = true;
        let (name, values): (String, Vec<f64>) = match entry.figure {
            Figure::FirstLoss => ("first loss".to_owned(), own.map(|row| row.first_loss).collect()),
            Figure::LastLoss => ("last loss".to_owned(), own.map(|row| row.last_loss).collect()),
            Figure::TestRmse => ("test RMSE".to_owned(), own.map(|row| row.test_rmse).collect()),
            Figure::R2 => ("R²".to_owned(), own.map(|row| row.r2).collect()),
            Figure::Prediction(at) => {
                let there = predictions.iter().filter(|row| row.variant == entry.variant && row.x == at);
                (format!("prediction at {at}"), there.map(|row| row.prediction).collect())
            }
        };
        let says = if entry.says == "the source" {
            figure(entry.value)
        } else {
            format!("{} ({})", figure(entry.value), one_line(&entry.says))
        };
        let Some(middle) = Middle::of(values.iter().copied()) else {
            table.add_row([
                one_line(&entry.variant),
                name,
                says,
                "not among the test points".to_owned(),
                "–".to_owned(),
            ]);
            continue;
        };
        let off = match middle.median / entry.value - 1.0 {
            _ if middle.median == entry.value => "0".to_owned(),
            off if off.is_finite() => format!("{off:+.1e}"),
            _ => "–".to_owned(),
        };
        table.add_row([one_line(&entry.variant), name, says, here(&middle, values.len()), off]);
    }
    Ok(if any { finish(table, &[]) } else { String::new() })
}

/// The one value of all seeds, or the median with the lowest and the highest.
fn here(middle: &Middle, seeds: usize) -> String {
    if middle.low == middle.high {
        let all = if seeds > 1 { format!(", on all {seeds} seeds") } else { String::new() };
        format!("{}{all}", figure(middle.low))
    } else {
        format!("{} ({} … {})", figure(middle.median), figure(middle.low), figure(middle.high))
    }
}

/// Eight significant digits, as an f32 is printed.
fn figure(value: f64) -> String {
    if value == 0.0 || (1e-4..1e7).contains(&value.abs()) {
        let digits = if value == 0.0 { 1 } else { (7 - value.abs().log10().floor() as i32).clamp(0, 8) as usize };
        trim(&format!("{value:.digits$}"))
    } else if value.is_finite() {
        format!("{value:.7e}")
    } else {
        format!("{value:?}")
    }
}

fn trim(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

/// Four significant digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => format!("{value:?}"),
        0.0 => "0".to_owned(),
        size if !(1e-3..1e6).contains(&size) => format!("{value:.3e}"),
        size => format!("{value:.*}", (3 - size.log10().floor() as i32).clamp(0, 6) as usize),
    }
}

pub(super) fn ratio(value: f64) -> String {
    if !value.is_finite() || value.abs() >= 1e4 { short(value) } else { format!("{value:.5}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_the_digits_of_an_f32() {
        assert_eq!(figure(201001000998912.0), "2.0100100e14");
        assert_eq!(figure(f64::from(2.0100101e14_f32)), "2.0100101e14");
        assert_eq!(figure(1.0), "1");
        assert_eq!(figure(420.5), "420.5");
        assert_eq!(figure(0.0), "0");
        assert_eq!(figure(f64::INFINITY), "inf");
    }
}
