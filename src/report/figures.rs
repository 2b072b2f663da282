//! The pictures of a report.

use anyhow::Result;

use super::plots::{
    Band, ChartSize, CurveSeries, Curves, Drawn, Effects, FitPlot, Interval, Matrix, Parity, PlottedEffect, PointRow,
    Points,
};
use super::study::Study;
use crate::results::rows::EffectKind;
use crate::text::numbers::short;
use crate::text::one_line;

/// A picture, for a desk and for a phone.
pub struct Figure {
    /// Its file's name without the extension, and its place in the page.
    pub id: String,
    pub caption: String,
    pub wide: Drawn,
    pub narrow: Drawn,
}

/// The pictures, by the section that they stand in.
#[derive(Default)]
pub struct Figures {
    pub errors: Vec<Figure>,
    pub curves: Vec<Figure>,
    pub functions: Vec<Figure>,
    pub losses: Vec<Figure>,
    pub effects: Vec<Figure>,
}

impl Figures {
    pub fn all(&self) -> impl Iterator<Item = &Figure> {
        [&self.errors, &self.curves, &self.functions, &self.losses, &self.effects].into_iter().flatten()
    }

    pub fn draw(study: &Study) -> Result<Self> {
        let mut figures = Figures::default();
        figures.errors.push(errors(study)?);
        if let Some(figure) = curves(study)? {
            figures.curves.push(figure);
        }
        for (&at, function) in &study.functions {
            let variant = &study.variants[at];
            let name = study.short_name(at);
            let id = format!("fit-{}", slug(study, at));
            let points = function.predictions.len();
            let astray = match function.predictions.iter().filter(|prediction| !prediction.is_finite()).count() {
                0 => String::new(),
                some if some < points => format!(" Its predictions are not finite at {some} of {points} points."),
                _ => " Its predictions are not finite.".to_owned(),
            };
            let of = format!("seed {}, the run with the median error of {}", function.seed, variant.runs.len());
            figures.functions.push(match &function.inputs {
                Some(inputs) => {
                    let pairs = |values: &[f64]| -> Vec<(f64, f64)> {
                        let mut pairs: Vec<(f64, f64)> = inputs.iter().copied().zip(values.iter().copied()).collect();
                        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
                        pairs
                    };
                    let chart = FitPlot {
                        title: format!("{name}: the network beside the target"),
                        x_label: "input x (its own units)".to_owned(),
                        y_label: "output (target's units)".to_owned(),
                        target: pairs(&function.targets),
                        prediction: pairs(&function.predictions),
                        breakpoints: function.breakpoints.clone(),
                    };
                    let bends = match function.breakpoints.len() {
                        _ if function.linear_regions.is_nan() => String::new(),
                        0 => " It is one straight piece.".to_owned(),
                        meet => format!(" Marks show where its {} straight pieces meet.", meet + 1),
                    };
                    figure(id, format!("{name}: {of}.{astray}{bends}"), |size| chart.draw(size))?
                }
                None => {
                    let chart = Parity {
                        title: format!("{name}: predictions beside targets"),
                        label: "output (target's units)".to_owned(),
                        points: function.targets.iter().copied().zip(function.predictions.iter().copied()).collect(),
                    };
                    figure(id, format!("{name}: {of}.{astray} On the diagonal a prediction is right."), |size| {
                        chart.draw(size)
                    })?
                }
            });
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
                series: vec![
                    series("test", &curve.test_loss, ended, false),
                    series("train", &curve.train_loss, Vec::new(), true),
                ],
                log_y: positive(curve.test_loss.iter().chain(&curve.train_loss)),
                references: Vec::new(),
            };
            let caption = format!("{name}: median and quartiles over {} runs.", study.variants[at].runs.len());
            figures.losses.push(figure(format!("loss-{}", slug(study, at)), caption, |size| chart.draw(size))?);
        }
        figures.effects = effects(study)?;
        Ok(figures)
    }
}

fn figure(id: String, caption: String, draw: impl Fn(ChartSize) -> Result<Drawn>) -> Result<Figure> {
    Ok(Figure { id, caption, wide: draw(ChartSize::Wide)?, narrow: draw(ChartSize::Narrow)? })
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

/// Whether a logarithm shows more of it than it hides.
fn positive<'b>(mut bands: impl Iterator<Item = &'b Band>) -> bool {
    bands.any(|band| band.median > 0.0 && band.median.is_finite())
}

fn errors(study: &Study) -> Result<Figure> {
    let row = |&at: &usize| {
        let variant = &study.variants[at];
        let (test_rmse, fits) = (variant.summary.test_rmse, variant.summary.outcomes_line());
        PointRow {
            name: study.short_name(at),
            values: variant.runs.iter().map(|run| run.test_rmse).collect(),
            median: test_rmse.median,
            low: test_rmse.low,
            high: test_rmse.high,
            note: fits,
        }
    };
    let medians = study.listed.iter().map(|&at| study.variants[at].summary.test_rmse.median);
    let (references, far) = references(study, medians.clone());
    let chart = Points {
        title: "Test error of each variant".to_owned(),
        x_label: "test RMSE (target's units)".to_owned(),
        rows: study.listed.iter().map(row).collect(),
        log_x: medians.clone().any(|median| median > 0.0),
        references,
    };
    let more = study.variants.len() - study.listed.len();
    let more = if more > 0 { format!(" {more} more are in the table.") } else { String::new() };
    let caption = format!(
        "Root mean square error on the test points, left is better: a small dot for each seed, a large one for the median, a bar from the lowest to the highest.{more}{far}"
    );
    figure("test-error".to_owned(), caption, |size| chart.draw(size))
}

/// A reference under this share of the smallest median is not drawn: its axis would show little else.
const FAR: f64 = 1e-3;

/// What simple predictors reach, beside these medians; and a sentence on those that are too far below to be drawn.
fn references(study: &Study, medians: impl Iterator<Item = f64>) -> (Vec<(String, f64)>, String) {
    let Some(health) = &study.baselines else { return Default::default() };
    let least = medians.filter(|&median| median > 0.0 && median.is_finite()).reduce(f64::min).unwrap_or(0.0);
    let known = [("always the mean", health.mean_rmse), ("best straight line", health.line_rmse)];
    let known = known.into_iter().filter(|(_, rmse)| rmse.is_finite() && *rmse > 0.0);
    let (near, far): (Vec<_>, Vec<_>) = known.partition(|(_, rmse)| *rmse >= least * FAR);
    let said = far.iter().map(|(name, rmse)| format!(" Far below: {name}, {}.", short(*rmse))).collect();
    (near.into_iter().map(|(name, rmse)| (name.to_owned(), rmse)).collect(), said)
}

fn curves(study: &Study) -> Result<Option<Figure>> {
    if study.drawn_curves().next().is_none() {
        return Ok(None);
    }
    let medians = study.drawn_curves().flat_map(|(_, curve)| &curve.test_rmse).map(|band| band.median);
    let (references, far) = references(study, medians);
    let chart = Curves {
        title: "Test error while training".to_owned(),
        y_label: "test RMSE (target's units)".to_owned(),
        series: study
            .drawn_curves()
            .map(|(at, curve)| CurveSeries {
                name: study.short_name(at),
                points: curve.test_rmse.clone(),
                ended: study.ended(at),
                dashed: false,
            })
            .collect(),
        log_y: positive(study.drawn_curves().flat_map(|(_, curve)| &curve.test_rmse)),
        references,
    };
    let left = study.variants.len() - study.drawn.len();
    let left = if left > 0 { format!(" Of {left} more variants curves.csv has the curves.") } else { String::new() };
    let named = study.variants.iter().filter(|variant| !variant.combination).count();
    let spread = if named > study.drawn.len() { " Drawn are some from the best to the worst." } else { "" };
    let caption = format!(
        "Median over the seeds, with a band between the quartiles; × marks where runs that diverged were last seen.{spread}{left}{far}"
    );
    figure("curves".to_owned(), caption, |size| chart.draw(size)).map(Some)
}

const GAIN: &str = "gained share of the targets' variance (R², never below 0)";

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
            x_label: GAIN.to_owned(),
            rows: shown.iter().map(row).collect(),
        };
        let caption = "Alone: beside the baseline. Main effect: on average over all combinations of the other fixes. On top of all others: beside everything but this one. Mean over the seeds with its 95\u{a0}% interval (Student's t).";
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
            label: GAIN.to_owned(),
        };
        let caption = "What two fixes gain together beyond what each of them does, on average over the others: above 0 they need one another, below 0 one does for the other. Means over the seeds.";
        figures.push(figure("interactions".to_owned(), caption.to_owned(), |size| chart.draw(size))?);
    }
    Ok(figures)
}
