//! The table that a run ends with.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::curves::{self, Curve};
use super::published;
use super::style::{bad, good};
use super::summary::{MOST_BEST, MOST_LISTED, VariantSummary, by_variant, worth_listing};
use crate::data::Samples;
use crate::experiment::config::{Inputs, Model, Output, Test};
use crate::experiment::{Experiment, Variant};
use crate::results::outcome::Outcome;
use crate::results::read::{self, Trust};
use crate::results::rows::RunRow;
use crate::run::baselines::{self, Baselines};
use crate::run::health::{most_linear_regions, piecewise_linear};
use crate::text::numbers::{plural, ratio, short};
use crate::text::one_line;

/// Everything that there is to say of `variants` of a results folder, in colours.
pub fn results(experiment: &Experiment, variants: &[usize], folder: &Path) -> Result<String> {
    let rows: Vec<RunRow> =
        read::runs(folder)?.into_iter().filter(|row| experiment.seeds.contains(&row.seed)).collect();
    let by_variant = by_variant(&rows);
    let summaries: Vec<(&Variant, VariantSummary)> = variants
        .iter()
        .map(|&at| &experiment.variants[at])
        .filter_map(|variant| {
            let own = by_variant.get(variant.name.as_str())?;
            Some((variant, VariantSummary::of(&variant.name, own)?))
        })
        .collect();
    let (ablation, named): (Vec<_>, Vec<_>) = summaries.into_iter().partition(|(variant, _)| variant.from_ablation);
    let named: Vec<&VariantSummary> = named.iter().map(|(_, summary)| summary).collect();
    let mut text = String::new();
    let _ = writeln!(text, "{}", one_line(&experiment.title));
    if !named.is_empty() {
        let _ = writeln!(text, "\n{}", variants_table(&named, &learning(&named, &experiment.seeds, folder)));
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
    let names: HashSet<&str> = variants.iter().map(|&at| experiment.variants[at].name.as_str()).collect();
    let rows: Vec<RunRow> = rows.into_iter().filter(|row| names.contains(row.variant.as_str())).collect();
    let published = published::rows(&experiment.published, &rows, folder, Trust::Nothing)?;
    if !published.is_empty() {
        let mut table = table(&published::HEADER);
        for row in published {
            table.add_row(row);
        }
        let _ = writeln!(text, "\n{}", finish(table, &[]));
    }
    Ok(text)
}

pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    table
}

pub fn finish(mut table: Table, right: &[usize]) -> String {
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

/// Curves of so many bytes or fewer are gone through for the small charts.
const MOST_CURVES: u64 = 64 << 20;

/// A small chart of each variant's error while it was trained. A table does without them where they cannot be had.
fn learning(summaries: &[&VariantSummary], seeds: &[u64], folder: &Path) -> Vec<String> {
    let small = std::fs::metadata(folder.join("curves.csv")).is_ok_and(|about| about.len() <= MOST_CURVES);
    let names = summaries.iter().enumerate().map(|(at, summary)| (summary.name.as_str(), at)).collect();
    let curves = if small {
        curves::read(folder, Trust::Nothing, &names, Some(seeds)).unwrap_or_default()
    } else {
        BTreeMap::new()
    };
    (0..summaries.len()).map(|at| curves.get(&at).map_or_else(String::new, Curve::spark)).collect()
}

/// How a variant's runs ended, behind its name.
fn cells(name: String, summary: &VariantSummary) -> [String; 5] {
    let (rmse, r2) = (summary.test_rmse, summary.r2);
    [name, outcomes(summary), short(rmse.median), rmse.ends(), ratio(r2.median)]
}

fn variants_table(summaries: &[&VariantSummary], learning: &[String]) -> String {
    let mut header = vec!["variant", "outcome", "test RMSE, median", "lowest … highest", "R², median"];
    let charts = learning.iter().any(|chart| !chart.is_empty());
    header.extend(charts.then_some("while training"));
    let mut table = table(&header);
    for (summary, chart) in summaries.iter().zip(learning) {
        table.add_row(cells(one_line(&summary.name), summary).into_iter().chain(charts.then(|| chart.clone())));
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
    let baselines = Baselines::of(points, &config.data, if bends { most_linear_regions(&model) } else { f64::NAN });
    table.add_row(["always 0".to_owned(), short(baselines.zero_rmse)]);
    table.add_row(["always the mean".to_owned(), short(baselines.mean_rmse)]);
    table.add_row(["best straight line".to_owned(), short(baselines.line_rmse)]);
    if bends {
        let widths = config.model.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join("–");
        for (pieces, why) in [
            (baselines::one_a_unit(&config.model.hidden), "one for each unit of a"),
            (most_linear_regions(&model), "the most that is possible for a"),
        ] {
            let and = if why.starts_with("one") { " network, and one" } else { " network" };
            let rmse = baselines.segments_rmse(pieces);
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
    let counts = Outcome::counted(|outcome| summaries.iter().map(|(_, summary)| summary.count(outcome)).sum());
    let counts: Vec<String> = counts.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
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
    let mut table = table(&["fixes on", "outcome", "test RMSE, median", "lowest … highest", "R², median"]);
    for (variant, summary) in worth_listing(&combinations).into_iter().map(|at| &summaries[at]) {
        let letters = taken.iter().enumerate().map(|(nth, &fix)| if variant.fixes[fix] { letter(nth) } else { '·' });
        let mut name = letters.map(String::from).collect::<Vec<_>>().join(" ");
        for (key, value) in experiment.sweep.iter().zip(&variant.swept) {
            let _ = write!(name, "  {}={}", one_line(key), one_line(value));
        }
        table.add_row(cells(name, summary));
    }
    let _ = writeln!(text, "\n{}", finish(table, &[2, 3, 4]));
    if summaries.len() > MOST_LISTED {
        let _ = writeln!(text, "These are the baseline, each fix alone and the best {MOST_BEST}; all are in runs.csv.");
    }
    text
}
