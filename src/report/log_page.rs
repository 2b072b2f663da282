//! The report of logs that other programs wrote: each metric's curve over the runs, and where it ended.

use std::path::PathBuf;

use anyhow::{Context, Result};
use maud::{Markup, html};

use super::figure::{Figure, figure};
use super::page::shell;
use super::plots::{Band, CurveSeries, Curves};
use super::sections::table;
use super::summary::Middle;
use crate::results::logs::{Axis, Logs};
use crate::stats::bootstrap::quantile;
use crate::text::numbers::{plural, short};
use crate::text::one_line;
use crate::text::shell::command;

/// Metrics that are drawn, at most.
const MOST_DRAWN: usize = 40;

/// What a report of logs shows.
pub struct LogStudy {
    title: String,
    runs: Vec<String>,
    axis: Axis,
    metrics: Vec<MetricCurve>,
    pub notes: Vec<String>,
}

/// A metric at each place at which any run logged it.
struct MetricCurve {
    name: String,
    /// The values there, one for each run that has one.
    places: Vec<(f64, Vec<f64>)>,
    /// Each run's last value.
    last: Vec<f64>,
}

impl LogStudy {
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let logs = Logs::read(paths)?;
        let shown = paths.iter().map(|path| one_line(&path.display().to_string())).collect::<Vec<_>>().join(", ");
        let axis = [Axis::Step, Axis::Epoch].into_iter().find(|&axis| logs.have(axis));
        let axis = axis.with_context(|| format!("{shown}: some logs have steps alone and others epochs alone"))?;
        let mut metrics: Vec<MetricCurve> = Vec::new();
        for name in logs.metrics() {
            let runs: Vec<Vec<(f64, f64)>> = logs.runs.iter().map(|run| run.metric(axis, &name)).collect();
            let last = runs.iter().filter_map(|run| Some(run.last()?.1)).collect();
            let mut all: Vec<(f64, f64)> = runs.into_iter().flatten().collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut places: Vec<(f64, Vec<f64>)> = Vec::new();
            for (at, value) in all {
                match places.last_mut() {
                    Some((last, values)) if *last == at => values.push(value),
                    _ => places.push((at, vec![value])),
                }
            }
            metrics.push(MetricCurve { name, places, last });
        }
        let mut notes = logs.notes;
        if metrics.len() > MOST_DRAWN {
            notes.push(format!("{} more metrics are in the table and not drawn", metrics.len() - MOST_DRAWN));
        }
        let runs = logs.runs.iter().map(|run| one_line(&run.path.display().to_string())).collect();
        Ok(LogStudy { title: shown, runs, axis, metrics, notes })
    }

    pub fn figures(&self) -> Result<Vec<Figure>> {
        self.metrics.iter().take(MOST_DRAWN).enumerate().map(|(nth, metric)| self.draw(nth, metric)).collect()
    }

    fn draw(&self, nth: usize, metric: &MetricCurve) -> Result<Figure> {
        let bands: Vec<Band> = metric.places.iter().map(|(at, values)| band(*at, values)).collect();
        let finite = || metric.places.iter().flat_map(|(_, values)| values).copied().filter(|value| value.is_finite());
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        let chart = Curves {
            title: one_line(&metric.name),
            y_label: one_line(&metric.name),
            along: self.axis.name(),
            series: vec![CurveSeries { name: one_line(&metric.name), points: bands, ..CurveSeries::default() }],
            log_y: low > 0.0 && high / low > 20.0,
            references: Vec::new(),
        };
        let runs = plural(metric.last.len(), "run", "runs");
        let caption = match metric.last.len() {
            1 => format!("{}, of one run.", one_line(&metric.name)),
            _ => format!("{}: median over {runs}, with a band between the quartiles.", one_line(&metric.name)),
        };
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
        let id = format!("loss-{}-{}", nth + 1, metric.name.chars().map(safe).take(60).collect::<String>());
        figure(id, caption, |size| chart.draw(size))
    }

    /// `made_by` are the words of the command that makes the page again.
    pub fn page(&self, figures: &[Figure], made_by: &[&str]) -> String {
        let row = |metric: &MetricCurve| -> Vec<Markup> {
            let middle = Middle::of(metric.last.iter().copied());
            let median = middle.map_or_else(String::new, |middle| short(middle.median));
            let ends = middle.filter(|_| metric.last.len() > 1).map_or_else(String::new, Middle::ends);
            let at = metric.places.last().map_or_else(String::new, |(at, _)| at.to_string());
            let cells = [one_line(&metric.name), median, ends, at, metric.last.len().to_string()];
            cells.into_iter().map(|cell| html! { (cell) }).collect()
        };
        let axis = format!("last {}", self.axis.name());
        let header = ["metric", "last value, median", "lowest … highest", &axis, "runs"];
        let body = html! {
            h1 { (self.title) }
            p { (plural(self.runs.len(), "run", "runs")) ", as other programs logged them: " (self.runs.join(", ")) "." }
            @if !self.notes.is_empty() { ul.muted { @for note in &self.notes { li { (one_line(note)) } } } }
            h2 { "Where the metrics ended" }
            (table(&header, &[1, 2, 3, 4], self.metrics.iter().map(row).collect()))
            h2 { "While training" }
            @for figure in figures { (super::page::picture(figure)) }
            h2 { "How to make this page again" }
            pre { (command(made_by)) }
        };
        shell(&self.title, &body, figures.iter())
    }
}

/// Median and quartiles of the runs at one place; what is not a number counts as the worst.
fn band(at: f64, values: &[f64]) -> Band {
    let mut values: Vec<f64> = values.iter().map(|&v| if v.is_nan() { f64::INFINITY } else { v }).collect();
    values.sort_by(f64::total_cmp);
    let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&values, share));
    Band { step: at, median, low, high, seeds: values.len() }
}
