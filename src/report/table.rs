//! The table that a run ends with.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};

use super::ablation::{self, AblationEffect, Cell};
use super::baselines;
use super::curves;
use super::folded;
use super::frameworks;
use super::outputs;
use super::published;
use super::scores::{self, Measure, ScoreColumns, Scored};
use super::style::{bad, good};
use super::summary::{MOST_BEST, MOST_LISTED, VariantSummary, by_variant, interval, score, worth_listing};
use crate::data::Samples;
use crate::experiment::config::{Inputs, Model, Output, Split, Test};
use crate::experiment::table::Task;
use crate::experiment::{Experiment, Variant, VariantKind};
use crate::results::outcome::Outcome;
use crate::results::read::{self, Trust};
use crate::results::rows::{EffectKind, HealthRow, RunRow};
use crate::results::run_file::RunFile;
use crate::run::baselines::{Baselines, one_a_unit};
use crate::run::health::{most_linear_regions, piecewise_linear};
use crate::text::numbers::{plural, short};
use crate::text::{one_line, room};

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
    let (ablation, named): (Vec<_>, Vec<_>) =
        summaries.into_iter().partition(|(variant, _)| variant.kind == VariantKind::Ablation);
    let mut text = String::new();
    let _ = writeln!(text, "{}", one_line(&experiment.title));
    let shown = named.iter().chain(&ablation).map(|(variant, _)| (variant.name.as_str(), variant.config.framework));
    if let Some(said) = frameworks::said(shown) {
        let _ = writeln!(text, "{said}");
    }
    if !named.is_empty() {
        let _ = writeln!(text, "\n{}", variants_table(&named, &learning(&named, &experiment.seeds, folder)));
        if let Some(outputs) = outputs_table(&named, &experiment.seeds, folder) {
            let _ = writeln!(text, "\n{outputs}");
        }
    }
    if experiment.variants.iter().any(|variant| variant.table.is_some()) {
        text.push_str(&simple_tables(experiment, named.iter().chain(&ablation).map(|(variant, _)| *variant), folder)?);
    } else if share_test_points(experiment) {
        if let Some(points) = read::first_test_points(folder)? {
            let _ = writeln!(text, "\n{}", baselines_table(experiment, &points));
        }
    } else {
        let _ =
            writeln!(text, "\nNo simple predictor stands beside them: the runs are not all tested on the same points.");
    }
    if !ablation.is_empty() {
        let _ = write!(text, "\n{}", ablation_text(experiment, &ablation, &by_variant));
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

/// Its lines, fit for the terminal if there is one; `right` are columns of numbers.
pub fn finish(table: Table, right: &[usize]) -> String {
    folded::lines(table, right, 1, room::columns())
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

/// Files of so many bytes or fewer are gone through for what a table can do without.
const MOST_BYTES: u64 = 64 << 20;

fn small(folder: &Path, file: RunFile) -> bool {
    std::fs::metadata(folder.join(file.name())).is_ok_and(|about| about.len() <= MOST_BYTES)
}

type Summarised<'a> = (&'a Variant, VariantSummary);

/// A small chart of each variant's error or accuracy while it was trained. A table does without them where they cannot be had.
fn learning(summaries: &[Summarised], seeds: &[u64], folder: &Path) -> Vec<String> {
    let names = summaries.iter().enumerate().map(|(at, (_, summary))| (summary.name.as_str(), at)).collect();
    let curves = if small(folder, RunFile::Curves) {
        curves::read(folder, Trust::Nothing, &names, Some(seeds)).unwrap_or_default()
    } else {
        BTreeMap::new()
    };
    let chart = |(at, (_, summary)): (usize, &Summarised)| {
        curves.get(&at).map_or_else(String::new, |curve| curve.spark(Measure::of(summary)))
    };
    summaries.iter().enumerate().map(chart).collect()
}

/// A table of these variants, a row each.
struct VariantsTable {
    scores: ScoreColumns,
    table: Table,
}

impl VariantsTable {
    /// An empty one: the variants' names, how their runs ended, their scores, and what else there is.
    fn new(summaries: &[Summarised], first: &str, more: Option<&str>) -> Self {
        let scores = ScoreColumns::of(&summaries.iter().map(scored).collect::<Vec<_>>());
        let mut header = vec![first.to_owned(), "outcome".to_owned()];
        // In two lines they take less room.
        let columns = scores.columns().into_iter();
        header.extend(
            columns.map(|column| column.name.replace(", median", ",\nmedian").replace(" at step", " at\nstep")),
        );
        header.extend(more.map(str::to_owned));
        let table = table(&header.iter().map(String::as_str).collect::<Vec<_>>());
        VariantsTable { scores, table }
    }

    fn row(&mut self, name: String, variant: &Summarised, more: Option<String>) {
        let scores = self.scores.cells(scored(variant));
        self.table.add_row([name, outcomes(&variant.1)].into_iter().chain(scores).chain(more));
    }

    /// As text, numbers to the right, with a sentence on what the heads do not say.
    fn finish(self) -> String {
        let mut text = finish(self.table, &(2..2 + self.scores.columns().len()).collect::<Vec<_>>());
        if let Some(note) = &self.scores.note {
            let _ = write!(text, "\n{note}");
        }
        text
    }
}

fn scored<'a>((variant, summary): &'a Summarised) -> Scored<'a> {
    Scored { summary, on_training_rows: scores::on_training_rows(variant) }
}

fn variants_table(summaries: &[Summarised], learning: &[String]) -> String {
    let charts = learning.iter().any(|chart| !chart.is_empty());
    let mut table = VariantsTable::new(summaries, "variant", charts.then_some("while training"));
    for (variant, chart) in summaries.iter().zip(learning) {
        table.row(one_line(&variant.1.name), variant, charts.then(|| chart.clone()));
    }
    table.finish()
}

/// The lines of a table of several outputs, at most.
const MOST_OUTPUTS: usize = 24;

/// Each output's own scores, where there are several. A table does without them where they cannot be had.
fn outputs_table(summaries: &[Summarised], seeds: &[u64], folder: &Path) -> Option<String> {
    let several = |variant: &Variant| variant.table.as_ref().is_some_and(|table| table.outputs.len() > 1);
    if !summaries.iter().any(|(variant, _)| several(variant)) || !small(folder, RunFile::Predictions) {
        return None;
    }
    let labels = |variant: &Variant| variant.table.as_ref().is_some_and(|table| table.task == Task::MultiLabel);
    let names = summaries.iter().enumerate().map(|(at, (variant, _))| (variant.name.as_str(), (at, labels(variant))));
    let outputs = outputs::read(folder, Trust::Nothing, &names.collect(), Some(seeds)).ok()?;
    let sheet = outputs::sheet(&outputs, |at| summaries[at].1.name.as_str());
    let count = sheet.rows.len();
    if count == 0 {
        return None;
    }
    let mut table = table(&sheet.header);
    for row in sheet.rows.into_iter().take(MOST_OUTPUTS) {
        table.add_row(row);
    }
    let mut text = finish(table, &(2..sheet.header.len()).collect::<Vec<_>>());
    if count > MOST_OUTPUTS {
        let _ = write!(text, "\nThese are {MOST_OUTPUTS} of {count}; misfit report shows all.");
    }
    Some(text)
}

/// Groups of variants with other simple predictors of which a table is shown, at most.
const MOST_GROUPS: usize = 4;

/// What simple predictors reach on the test rows of these variants' runs.
fn simple_tables<'a>(
    experiment: &Experiment,
    variants: impl Iterator<Item = &'a Variant>,
    folder: &Path,
) -> Result<String> {
    if !small(folder, RunFile::Health) {
        return Ok("\nWhat simple predictors reach is in health.csv.\n".to_owned());
    }
    let health: Vec<HealthRow> =
        read::health(folder)?.into_iter().filter(|row| experiment.seeds.contains(&row.seed)).collect();
    let variants = variants.map(|variant| (variant.name.as_str(), variant.table.as_deref()));
    let groups = baselines::groups(variants, experiment.goal, &health);
    let mut text = String::new();
    for group in groups.iter().take(MOST_GROUPS) {
        let (header, rows) = group.sheet(groups.len() > 1);
        let mut table = table(&header.iter().map(String::as_str).collect::<Vec<_>>());
        rows.into_iter().for_each(|row| {
            table.add_row(row);
        });
        let _ = writeln!(text, "\n{}", finish(table, &(1..header.len()).collect::<Vec<_>>()));
    }
    if groups.len() > MOST_GROUPS {
        let more = groups.len() - MOST_GROUPS;
        let _ =
            writeln!(text, "\nThose of {} are in health.csv.", plural(more, "more kind of data", "more kinds of data"));
    }
    Ok(text)
}

/// Whether all runs are tested on the same points.
fn share_test_points(experiment: &Experiment) -> bool {
    let data = |variant: &Variant| {
        let data = &variant.config.data;
        (data.target.clone(), data.test.clone(), data.inputs.clone().filter(|_| data.test == Test::Train), data.split)
    };
    let first = experiment.variants.first().map(data);
    let fixed = |(_, test, inputs, _): &(_, Test, Option<Inputs>, Split)| match test {
        Test::Grid(_) | Test::Csv(_) | Test::Rows => true,
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
            (one_a_unit(&config.model.hidden), "one for each unit of a"),
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
fn ablation_text(experiment: &Experiment, summaries: &[Summarised], runs: &HashMap<&str, Vec<&RunRow>>) -> String {
    let taken: Vec<usize> =
        (0..experiment.fixes.len()).filter(|&fix| summaries.iter().any(|(variant, _)| variant.fixes[fix])).collect();
    let letter = |nth: usize| char::from_u32('a' as u32 + nth as u32).unwrap_or('?');
    let mut text = format!("Ablation over {}\n", plural(taken.len(), "fix", "fixes"));
    for (nth, &fix) in taken.iter().enumerate() {
        let fix = &experiment.fixes[fix];
        // Of those that no file names somebody wants to know what they are.
        let about = if fix.generated { format!(": {}", one_line(&fix.why)) } else { String::new() };
        let _ = writeln!(text, " {}  {}{about}", letter(nth), one_line(&fix.name));
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
    let mut table = VariantsTable::new(summaries, "fixes on", None);
    for listed in worth_listing(&combinations).into_iter().map(|at| &summaries[at]) {
        let (variant, _) = listed;
        let letters = taken.iter().enumerate().map(|(nth, &fix)| if variant.fixes[fix] { letter(nth) } else { '·' });
        let mut name = letters.map(String::from).collect::<Vec<_>>().join(" ");
        for (key, value) in experiment.sweep.iter().zip(&variant.swept) {
            let _ = write!(name, "  {}={}", one_line(key), one_line(value));
        }
        table.row(name, listed, None);
    }
    let _ = writeln!(text, "\n{}", table.finish());
    if summaries.len() > MOST_LISTED {
        let _ = writeln!(text, "These are the baseline, each fix alone and the best {MOST_BEST}; all are in runs.csv.");
    }
    let effects = if experiment.sweep.is_empty() { effects_of(summaries, &taken, runs) } else { Vec::new() };
    if !effects.is_empty() {
        let kinds = [EffectKind::FirstIn, EffectKind::LastOut, EffectKind::Shapley];
        let mut gains = self::table(&[
            "",
            "what the error is divided by (÷): alone",
            "on top of all others",
            "on average over all orders",
        ]);
        for nth in 0..taken.len() {
            let of = |kind| effects.iter().find(|effect| effect.kind == kind && effect.fixes == [nth]);
            let cells = kinds.map(|kind| of(kind).map_or_else(String::new, |effect| interval(effect.estimate)));
            gains.add_row([letter(nth).to_string()].into_iter().chain(cells));
        }
        let _ = writeln!(text, "\n{}", finish(gains, &[]));
        let _ = writeln!(text, "In brackets the 95 % interval over the seeds.");
    }
    text
}

/// What each of these fixes gains, from the runs of all combinations of them.
fn effects_of(summaries: &[Summarised], taken: &[usize], runs: &HashMap<&str, Vec<&RunRow>>) -> Vec<AblationEffect> {
    let cells = summaries.iter().flat_map(|(variant, _)| {
        let on: Vec<bool> = taken.iter().map(|&fix| variant.fixes[fix]).collect();
        let runs = runs.get(variant.name.as_str()).into_iter().flatten();
        runs.map(move |run| Cell { on: on.clone(), seed: run.seed, score: score(run) })
    });
    ablation::effects(taken.len(), &cells.collect::<Vec<_>>())
}
