//! The pictures of a report.

use anyhow::Result;

use super::baselines;
use super::checks;
use super::curves::Curve;
use super::figure::{Figure, figure};
use super::functions::{Classified, Function, Learnt, Pairs};
use super::plots::{
    Band, ClassPoint, CurveSeries, Curves, Effects, FitPlot, Interval, Matrix, Parity, PlottedEffect, PointRow, Points,
    Regions,
};
use super::scores::Measure;
use super::sections::gained;
use super::study::Study;
use crate::results::rows::EffectKind;
use crate::text::numbers::{plural, short};
use crate::text::one_line;

/// The pictures, by the section that they stand in.
#[derive(Default)]
pub struct Figures {
    pub errors: Vec<Figure>,
    pub curves: Vec<Figure>,
    pub functions: Vec<Figure>,
    pub losses: Vec<Figure>,
    pub effects: Vec<Figure>,
    pub checks: Vec<Figure>,
}

impl Figures {
    pub fn all(&self) -> impl Iterator<Item = &Figure> {
        [&self.checks, &self.errors, &self.curves, &self.functions, &self.losses, &self.effects].into_iter().flatten()
    }

    pub fn draw(study: &Study) -> Result<Self> {
        let mut figures = Figures::default();
        for measure in study.measures() {
            figures.errors.extend(errors(study, measure)?);
            figures.curves.extend(curves(study, measure)?);
        }
        for (&at, function) in &study.functions {
            figures.functions.extend(functions(study, at, function)?);
        }
        for (at, curve) in study.drawn_curves() {
            let name = study.short_name(at);
            let ended = study.ended(at);
            let series = |name: &str, points: &[Band], ended, dashed| CurveSeries {
                name: name.to_owned(),
                points: points.to_vec(),
                ended,
                dashed,
            };
            let chart = Curves {
                title: format!("{name}: loss"),
                y_label: "loss (its own scaled units)".to_owned(),
                along: "step",
                series: vec![
                    series("test", &curve.test_loss, ended, false),
                    series("train", &curve.train_loss, Vec::new(), true),
                ],
                log_y: logarithmic(curve.test_loss.iter().chain(&curve.train_loss)),
                references: Vec::new(),
            };
            let caption = format!("{name}: median and quartiles over {} runs.", study.variants[at].runs.len());
            figures.losses.push(figure(format!("loss-{}", slug(study, at)), caption, |size| chart.draw(size))?);
        }
        figures.effects = effects(study)?;
        figures.checks = checks::figures(&study.checks)?;
        Ok(figures)
    }
}

/// A variant's name as a part of a file's name, by its place where that is not enough.
fn slug(study: &Study, at: usize) -> String {
    let of = |name: &str| -> String {
        let safe = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' });
        safe.take(60).collect()
    };
    let own = of(&study.variants[at].name);
    let alone = study.variants.iter().filter(|variant| of(&variant.name) == own).count() == 1;
    if alone && own.chars().any(|c| c.is_ascii_alphanumeric()) { own } else { format!("{own}-{}", at + 1) }
}

/// The pictures of what a variant's middle run became.
fn functions(study: &Study, at: usize, function: &Function) -> Result<Vec<Figure>> {
    let slug = slug(study, at);
    match &function.learnt {
        Learnt::Numbers(outputs) => {
            let drawn = outputs.iter().take(MOST_OUTPUTS).enumerate();
            let more = outputs.len().saturating_sub(MOST_OUTPUTS);
            drawn
                .map(|(nth, pairs)| {
                    let id = if outputs.len() > 1 { format!("fit-{slug}-{}", nth + 1) } else { format!("fit-{slug}") };
                    let more = match nth + 1 {
                        last if last == MOST_OUTPUTS && more > 0 => {
                            format!(" Of {} predictions.csv has the rest.", plural(more, "more output", "more outputs"))
                        }
                        _ => String::new(),
                    };
                    numbers(study, at, function, pairs, id, &more)
                })
                .collect()
        }
        Learnt::Classes(classes) => {
            Ok(regions(study, at, function, classes, format!("regions-{slug}"))?.into_iter().collect())
        }
        // Each label's own accuracy is in a table.
        Learnt::Labels(_) => Ok(Vec::new()),
    }
}

/// Outputs of one variant that are drawn, at most.
const MOST_OUTPUTS: usize = 6;

fn numbers(study: &Study, at: usize, function: &Function, pairs: &Pairs, id: String, more: &str) -> Result<Figure> {
    let name = match &pairs.output {
        Some(output) => format!("{}: {}", study.short_name(at), one_line(output)),
        None => study.short_name(at),
    };
    let points = pairs.predictions.len();
    let astray = match pairs.predictions.iter().filter(|prediction| !prediction.is_finite()).count() {
        0 => String::new(),
        some if some < points => format!(" Its predictions are not finite at {some} of {points} points."),
        _ => " Its predictions are not finite.".to_owned(),
    };
    let of = study.middle_run(at, function);
    match function.input() {
        Some(inputs) => {
            let with = |values: &[f64]| -> Vec<(f64, f64)> {
                let mut pairs: Vec<(f64, f64)> = inputs.iter().copied().zip(values.iter().copied()).collect();
                pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
                pairs
            };
            let chart = FitPlot {
                title: format!("{name}: the network beside the target"),
                x_label: "input x (its own units)".to_owned(),
                y_label: "output (target's units)".to_owned(),
                target: with(&pairs.targets),
                prediction: with(&pairs.predictions),
                breakpoints: function.breakpoints.clone(),
            };
            let bends = match function.breakpoints.len() {
                _ if function.linear_regions.is_nan() => String::new(),
                0 => " It is one straight piece.".to_owned(),
                meet => format!(" Marks show where its {} straight pieces meet.", meet + 1),
            };
            figure(id, format!("{name}: {of}.{astray}{bends}{more}"), |size| chart.draw(size))
        }
        None => {
            let chart = Parity {
                title: format!("{name}: predictions beside targets"),
                label: pairs.output.as_ref().map_or_else(
                    || "output (target's units)".to_owned(),
                    |output| format!("{} (its units)", one_line(output)),
                ),
                points: pairs.targets.iter().copied().zip(pairs.predictions.iter().copied()).collect(),
            };
            let caption = format!("{name}: {of}.{astray} On the diagonal a prediction is right.{more}");
            figure(id, caption, |size| chart.draw(size))
        }
    }
}

/// Classes over two inputs that are numbers.
fn regions(study: &Study, at: usize, function: &Function, classes: &Classified, id: String) -> Result<Option<Figure>> {
    let [first, second] = &function.inputs[..] else { return Ok(None) };
    if !function.over_two_numbers() || classes.names.len() > Regions::MOST_CLASSES {
        return Ok(None);
    }
    let name = study.short_name(at);
    let places = first.values.iter().zip(&second.values);
    let points: Vec<ClassPoint> = places
        .zip(classes.truth.iter().zip(&classes.predicted))
        .map(|((&x, &y), (&truth, &predicted))| ClassPoint { x, y, truth, predicted })
        .collect();
    let wrong = points.iter().filter(|point| point.predicted != Some(point.truth)).count();
    let chart = Regions {
        title: format!("{name}: classes over the two inputs"),
        x_label: one_line(&first.name),
        y_label: one_line(&second.name),
        classes: classes.names.iter().map(|name| one_line(name)).collect(),
        points,
    };
    let wrong = match wrong {
        0 => "All of them are predicted rightly".to_owned(),
        1 => "1 has a ring, which is predicted as another class".to_owned(),
        wrong => format!("{wrong} have a ring, which are predicted as another class"),
    };
    let caption = format!(
        "{name}: {}. Each marker is a test row in the colour and shape of its own class. {wrong}. The ground has the colour of the class that the nearest test row is predicted as: between test rows that is a guess, the network was not asked there.",
        study.middle_run(at, function)
    );
    figure(id, caption, |size| chart.draw(size)).map(Some)
}

/// Whether a logarithm shows more of it than it hides.
fn positive<'b>(mut bands: impl Iterator<Item = &'b Band>) -> bool {
    bands.any(|band| band.median > 0.0 && band.median.is_finite())
}

/// The same of what may lie below 0, as the logarithm of a density does.
fn logarithmic<'b>(mut bands: impl Iterator<Item = &'b Band> + Clone) -> bool {
    positive(bands.clone()) && !bands.any(|band| band.median < 0.0)
}

fn errors(study: &Study, measure: Measure) -> Result<Option<Figure>> {
    let of = |&&at: &&usize| Measure::of(&study.variants[at].summary) == measure;
    let listed: Vec<usize> = study.listed.iter().filter(of).copied().collect();
    let middle = |at: usize| measure.middle(&study.variants[at].summary);
    let row = |&at: &usize| {
        let variant = &study.variants[at];
        let score = middle(at)?;
        Some(PointRow {
            name: study.short_name(at),
            values: variant
                .runs
                .iter()
                .map(|run| if measure == Measure::Rmse { run.test_rmse } else { run.accuracy })
                .collect(),
            median: score.median,
            low: score.low,
            high: score.high,
            note: variant.summary.outcomes_line(),
        })
    };
    let rows: Vec<PointRow> = listed.iter().filter_map(row).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let medians = rows.iter().map(|row| row.median);
    let (references, far) = references(study, measure, medians.clone());
    let all = study.variants.iter().filter(|variant| Measure::of(&variant.summary) == measure).count();
    let more = all - rows.len();
    let more = if more > 0 { format!(" {more} more are in the table.") } else { String::new() };
    let (on, _) = study.measured_on(&listed);
    let marks = "a small dot for each seed, a large one for the median, a bar from the lowest to the highest";
    let (id, title, x_label, what) = match measure {
        Measure::Rmse => (
            "test-error",
            if on == "test" { "Test error of each variant" } else { "Training error of each variant" },
            format!("{on} RMSE (target's units)"),
            match on {
                "test" => "Root mean square error on the test points, left is better",
                _ => "Root mean square error on the rows that were learnt from, left is better",
            },
        ),
        Measure::Accuracy => (
            "test-accuracy",
            if on == "test" { "Test accuracy of each variant" } else { "Training accuracy of each variant" },
            format!("{on} accuracy (share of right answers)"),
            match on {
                "test" => "Share of right answers on the test rows, right is better",
                _ => "Share of right answers on the rows that were learnt from, right is better",
            },
        ),
    };
    let log_x = measure == Measure::Rmse && medians.clone().any(|median| median > 0.0);
    let chart = Points { title: title.to_owned(), x_label, rows, log_x, references };
    figure(id.to_owned(), format!("{what}: {marks}.{more}{far}"), |size| chart.draw(size)).map(Some)
}

/// A reference under this share of the smallest median is not drawn: its axis would show little else.
const FAR: f64 = 1e-3;

/// What simple predictors reach, beside these medians; and a sentence on those that are too far below to be drawn.
fn references(study: &Study, measure: Measure, medians: impl Iterator<Item = f64>) -> (Vec<(String, f64)>, String) {
    let mut groups = study.baselines.iter().filter(|group| group.measure == measure);
    // Of several there is no one line.
    let (Some(group), None) = (groups.next(), groups.next()) else { return Default::default() };
    let of = |name: &'static str, shown: &'static str| Some((shown, group.find(name)?.score(measure)));
    if measure == Measure::Accuracy {
        let known = [
            of(baselines::FREQUENT, "most frequent class"),
            of(baselines::LOGISTIC, baselines::LOGISTIC),
            of(baselines::GOAL, "goal"),
        ];
        let known = known.into_iter().flatten().filter(|(_, accuracy)| accuracy.is_finite());
        return (known.map(|(name, accuracy)| (name.to_owned(), accuracy)).collect(), String::new());
    }
    let least = medians.filter(|&median| median > 0.0 && median.is_finite()).reduce(f64::min).unwrap_or(0.0);
    let known = [of(baselines::MEAN, baselines::MEAN), of(baselines::LINE, baselines::LINE)];
    let known = known.into_iter().flatten().filter(|(_, rmse)| rmse.is_finite() && *rmse > 0.0);
    let (near, far): (Vec<_>, Vec<_>) = known.partition(|(_, rmse)| *rmse >= least * FAR);
    let said = far.iter().map(|(name, rmse)| format!(" Far below: {name}, {}.", short(*rmse))).collect();
    (near.into_iter().map(|(name, rmse)| (name.to_owned(), rmse)).collect(), said)
}

fn curves(study: &Study, measure: Measure) -> Result<Option<Figure>> {
    let own = |at: usize| Measure::of(&study.variants[at].summary) == measure;
    let drawn: Vec<(usize, &Curve)> = study.drawn_curves().filter(|(at, _)| own(*at)).collect();
    if drawn.is_empty() {
        return Ok(None);
    }
    let bands = || drawn.iter().flat_map(|(_, curve)| curve.of(measure));
    let (references, far) = references(study, measure, bands().map(|band| band.median));
    let (on, _) = study.measured_on(&drawn.iter().map(|(at, _)| *at).collect::<Vec<_>>());
    let (id, title, y_label) = match measure {
        Measure::Rmse => (
            "curves",
            if on == "test" { "Test error while training" } else { "Training error while training" },
            format!("{on} RMSE (target's units)"),
        ),
        Measure::Accuracy => (
            "accuracy-curves",
            if on == "test" { "Test accuracy while training" } else { "Training accuracy while training" },
            format!("{on} accuracy (share of right answers)"),
        ),
    };
    let series = |&(at, curve): &(usize, &Curve)| CurveSeries {
        name: study.short_name(at),
        points: curve.of(measure).to_vec(),
        ended: study.ended(at),
        dashed: false,
    };
    let chart = Curves {
        title: title.to_owned(),
        y_label,
        along: "step",
        series: drawn.iter().map(series).collect(),
        log_y: measure == Measure::Rmse && positive(bands()),
        references,
    };
    let of = |these: &[usize]| these.iter().filter(|&&at| own(at)).count();
    let all: Vec<usize> = (0..study.variants.len()).collect();
    let left = of(&all) - of(&study.drawn);
    let left = if left > 0 { format!(" Of {left} more variants curves.csv has the curves.") } else { String::new() };
    let named = study.variants.iter().filter(|variant| !variant.combination).count();
    let spread = if named > study.drawn.len() { " Drawn are some from the best to the worst." } else { "" };
    let caption = format!(
        "Median over the seeds, with a band between the quartiles; × marks where runs that diverged were last seen.{spread}{left}{far}"
    );
    figure(id.to_owned(), caption, |size| chart.draw(size)).map(Some)
}

/// What the factors of a chart of gains are of.
fn divided(study: &Study) -> String {
    format!("{} divided by (÷) or multiplied by (×)", gained(study))
}

fn effects(study: &Study) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let of = |kind: EffectKind, fixes: &[usize]| {
        study.effects.iter().find(|effect| effect.kind == kind && effect.fixes == fixes).map(|effect| effect.estimate)
    };
    let shown: Vec<usize> = (0..study.fixes.len())
        .filter(|&fix| {
            study.effects.iter().any(|effect| effect.fixes == [fix] && effect.kind != EffectKind::Interaction)
        })
        .collect();
    let kinds = [
        (EffectKind::FirstIn, "alone"),
        (EffectKind::Main, "main effect"),
        (EffectKind::LastOut, "on top of all others"),
    ];
    if !shown.is_empty() {
        let row = |&fix: &usize| PlottedEffect {
            name: one_line(&study.fixes[fix].0),
            estimates: kinds
                .iter()
                .filter_map(|(kind, name)| {
                    let e = of(*kind, &[fix])?;
                    Some(Interval { kind: (*name).to_owned(), mean: e.mean, low: e.low, high: e.high })
                })
                .collect(),
        };
        let chart = Effects {
            title: "What each fix buys".to_owned(),
            x_label: divided(study),
            rows: shown.iter().map(row).collect(),
        };
        let caption = "Alone: beside the baseline. Main effect: on average over all combinations of the other fixes. On top of all others: beside everything but this one. Geometric mean over the seeds with its 95\u{a0}% interval (Student's t).";
        figures.push(figure("effects".to_owned(), caption.to_owned(), |size| chart.draw(size))?);
    }
    let pairs = study.effects.iter().any(|effect| effect.kind == EffectKind::Interaction);
    if pairs {
        let cell = |row: usize, column: usize| {
            let (first, second) = (shown[row.min(column)], shown[row.max(column)]);
            (column < row).then(|| of(EffectKind::Interaction, &[first, second]).map(|e| e.mean)).flatten()
        };
        let count = shown.len();
        let chart = Matrix {
            title: "Interactions of two fixes".to_owned(),
            names: shown.iter().map(|&fix| one_line(&study.fixes[fix].0)).collect(),
            values: (0..count).map(|row| (0..count).map(|column| cell(row, column)).collect()).collect(),
            label: divided(study),
        };
        let caption = "Half of what one of two fixes gains more with the other than without it, on average over the rest (an interaction): where the error is divided (÷) they need one another, where it is multiplied (×) one does for the other. Geometric means over the seeds.";
        figures.push(figure("interactions".to_owned(), caption.to_owned(), |size| chart.draw(size))?);
    }
    Ok(figures)
}
