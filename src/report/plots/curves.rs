//! Curves of training: medians over steps with their quartiles.

use anyhow::Result;

use super::axis::{Axis, AxisScale};
use super::canvas::{Anchor, Canvas, Marker};
use super::frame::{Frame, dashes, labels_width};
use super::legend::{SERIES_DASHES, Sample, legend};
use super::palette::Colour;
use super::text::{brief, clean, shorten, width};
use super::{ChartSize, Drawn};
use crate::text::numbers::{plural, short};

/// Points that are drawn of a series; more would lie on one another.
const MOST_POINTS: usize = 400;
/// Markers along a line.
const MARKERS: usize = 6;

/// Series over the steps of training, on a log-like axis with step 0.
#[derive(Debug, Clone, Default)]
pub struct Curves {
    pub title: String,
    /// What the values are, with their unit.
    pub y_label: String,
    /// What the curves go along: steps unless it is said.
    pub along: &'static str,
    pub series: Vec<CurveSeries>,
    pub log_y: bool,
    /// Levels to compare with: a name and a value, dashed lines.
    pub references: Vec<(String, f64)>,
}

/// One line with its band.
#[derive(Debug, Clone, Default)]
pub struct CurveSeries {
    pub name: String,
    /// In the order of their steps.
    pub points: Vec<Band>,
    /// Steps at which runs ended early (diverged), and how many did.
    pub ended: Vec<(f64, usize)>,
    pub dashed: bool,
}

/// Runs at one step.
#[derive(Debug, Clone, Copy)]
pub struct Band {
    /// Updates made.
    pub step: f64,
    pub median: f64,
    /// Quartiles.
    pub low: f64,
    pub high: f64,
    /// Runs that the numbers are of.
    pub seeds: usize,
}

impl Curves {
    pub fn draw(&self, size: ChartSize) -> Result<Drawn> {
        let mut canvas = Canvas::new(size, &self.title);
        let look = canvas.look;
        let steps =
            || self.series.iter().flat_map(|s| s.points.iter().map(|p| p.step).chain(s.ended.iter().map(|e| e.0)));
        let last = |s: &CurveSeries| s.points.iter().rev().find(|p| p.median.is_finite() && p.step >= 0.0).copied();
        let end = Axis::over(AxisScale::Steps, steps(), 0.0, 1.0);
        // Names stand at the lines' ends where all of them are at the right edge and there is height for all.
        let direct = look.wide
            && self.series.len() + self.references.len() <= 9
            && self.series.iter().all(|s| last(s).is_none_or(|p| end.at(p.step) > 0.9));
        canvas.line_of_text(&self.y_label);
        let rows = self.series.iter().filter(|s| !s.ended.is_empty()).count();
        let ended = (rows > 0).then(|| (Sample::Cross, "runs that diverged".to_owned()));
        let entries = if direct { Vec::new() } else { self.entries() };
        legend(&mut canvas, &entries.into_iter().chain(ended).collect::<Vec<_>>());
        let top = canvas.y + 8.0 + rows as f64 * 14.0;
        let height = if look.wide { 300.0 } else { 230.0 };
        let values = self.series.iter().flat_map(|s| &s.points).flat_map(|p| [p.median, p.low, p.high]);
        let values = values.chain(self.references.iter().map(|r| r.1));
        let y = Axis::over(if self.log_y { AxisScale::Log } else { AxisScale::Linear }, values, top + height, top);
        let names =
            self.entries().iter().fold(0.0_f64, |widest, (_, name)| widest.max(width(&clean(name), look.small)));
        let right =
            if direct { look.width - (names + 24.0).min(230.0) - look.margin } else { look.width - look.margin - 8.0 };
        let left = look.margin + labels_width(&canvas, &y, height);
        let frame = Frame { left, right, top, bottom: top + height };
        let x = Axis::over(AxisScale::Steps, steps(), left, right);
        frame.grid_y(&mut canvas, &y);
        frame.grid_x(&mut canvas, &x, true);
        frame.base(&mut canvas);
        for (nth, (name, value)) in self.references.iter().enumerate().filter(|(_, (_, value))| y.holds(*value)) {
            canvas.dashed(&[(left, y.at(*value)), (right, y.at(*value))], 1.3, Colour::Muted, dashes(nth));
            canvas.mark((right, y.at(*value)), format!("{}: {}", brief(name), short(*value)));
        }
        let mut row = top - 8.0;
        for (nth, series) in self.series.iter().enumerate() {
            series.draw(&mut canvas, nth, &x, &y);
            if !series.ended.is_empty() {
                series.draw_ends(&mut canvas, nth, &x, row);
                row -= 14.0;
            }
        }
        if direct {
            let series = self.series.iter().map(|s| last(s).map(|p| (x.at(p.step), y.at(p.median))));
            let references = self.references.iter().map(|r| y.holds(r.1).then(|| (right, y.at(r.1))));
            let named = self.entries().into_iter().zip(series.chain(references));
            name_ends(&mut canvas, named.filter_map(|((s, name), end)| Some((s, name, end?))).collect(), frame);
        }
        let along = if self.along.is_empty() { "step" } else { self.along };
        frame.label_x(&mut canvas, &format!("{along} (log scale)"));
        let drawn: usize = self.series.iter().map(|s| s.points.len()).sum();
        let what = plural(self.series.len(), "series", "series");
        canvas
            .finish(&self.title, &format!("{}: medians and quartiles over steps; {what}, {drawn} points", self.y_label))
    }

    fn entries(&self) -> Vec<(Sample, String)> {
        let series = self.series.iter().enumerate().map(|(nth, s)| (Sample::Line(nth, s.dashed), s.name.clone()));
        let references = self.references.iter().enumerate().map(|(nth, r)| (Sample::Reference(nth), r.0.clone()));
        series.chain(references).collect()
    }
}

impl CurveSeries {
    fn draw(&self, canvas: &mut Canvas, nth: usize, x: &Axis, y: &Axis) {
        let ink = Colour::Series(nth);
        let points: Vec<&Band> = self.points.iter().filter(|p| p.step.is_finite() && p.step >= 0.0).collect();
        let points = thin(&points, MOST_POINTS, |p| !p.median.is_finite());
        let place = |p: &&Band, value: f64| (x.at(p.step), y.at(value));
        for run in points.split(|p| !p.low.is_finite() || !p.high.is_finite()).filter(|run| run.len() > 1) {
            let there = run.iter().map(|p| place(p, p.high));
            let back = run.iter().rev().map(|p| place(p, p.low));
            canvas.area(&there.chain(back).collect::<Vec<_>>(), ink, 0.16);
        }
        let mut since = f64::NEG_INFINITY;
        let spacing = (x.at(f64::INFINITY) - x.at(0.0)) / MARKERS as f64;
        for run in points.split(|p| !p.median.is_finite()).filter(|run| !run.is_empty()) {
            let line: Vec<(f64, f64)> = run.iter().map(|p| place(p, p.median)).collect();
            if self.dashed {
                canvas.dashed(&line, 2.0, ink, SERIES_DASHES)
            } else {
                canvas.line(&line, 2.0, ink)
            }
            for (at, &(px, py)) in line.iter().enumerate() {
                if px - since > spacing || at + 1 == line.len() && px - since > 12.0 {
                    canvas.marker(Marker::of(nth), (px, py), 3.6, ink);
                    since = px;
                }
            }
            for (p, &at) in run.iter().zip(&line) {
                let below = if y.holds(p.median) { "" } else { " (not above 0: drawn at the bottom)" };
                let text = format!(
                    "{}, step {}: median {}{below} ({} … {}), {}",
                    brief(&self.name),
                    whole(p.step),
                    short(p.median),
                    short(p.low),
                    short(p.high),
                    plural(p.seeds, "seed", "seeds")
                );
                canvas.mark(at, text);
            }
        }
    }

    /// A × for each step at which runs ended, above the box.
    fn draw_ends(&self, canvas: &mut Canvas, nth: usize, x: &Axis, row: f64) {
        let mut taken = f64::NEG_INFINITY;
        for &(step, count) in thin(&self.ended.iter().collect::<Vec<_>>(), MOST_POINTS, |_| false) {
            let at = x.at(step);
            canvas.cross((at, row), 4.0, Colour::Series(nth));
            let text = format!("{} diverged", plural(count, "run", "runs"));
            canvas.mark((at, row), format!("{}, step {}: {text}", brief(&self.name), whole(step)));
            let wide = width(&count.to_string(), canvas.look.small);
            if count > 1 && at - taken > wide + 22.0 {
                let fits = at + 8.0 + wide < canvas.look.width;
                let (place, anchor) = if fits { (at + 7.0, Anchor::Start) } else { (at - 7.0, Anchor::End) };
                canvas.text((place, row), anchor, canvas.look.small, Colour::Ink, &count.to_string());
                taken = at;
            }
        }
    }
}

/// A step with all its digits, unless it is no step that anything could reach.
fn whole(step: f64) -> String {
    if step < 1e15 { step.to_string() } else { short(step) }
}

/// Names right of where lines end, moved apart where they would lie on one another.
fn name_ends(canvas: &mut Canvas, mut named: Vec<(Sample, String, (f64, f64))>, frame: Frame) {
    let (size, room) = (canvas.look.small, canvas.look.width - frame.right - 22.0);
    let apart = size + 3.0;
    named.sort_by(|a, b| a.2.1.total_cmp(&b.2.1));
    let mut rows: Vec<f64> = named.iter().map(|(_, _, end)| end.1).collect();
    for at in 1..rows.len() {
        rows[at] = rows[at].max(rows[at - 1] + apart);
    }
    let mut below = frame.bottom + apart;
    for row in rows.iter_mut().rev() {
        *row = row.min(below - apart);
        below = *row;
    }
    for ((sample, name, (x, y)), row) in named.into_iter().zip(rows) {
        let ink = match sample {
            Sample::Line(nth, _) => Colour::Series(nth),
            _ => Colour::Muted,
        };
        canvas.line(&[(x, y), (frame.right + 4.0, y), (frame.right + 15.0, row)], 0.8, ink);
        let text = shorten(&name, size, room);
        canvas.text((frame.right + 18.0, row), Anchor::Start, size, Colour::Ink, &text);
    }
}

/// At most `most` items, evenly, the last one among them; and where something between two of them breaks the line, that.
pub(super) fn thin<T: Copy>(items: &[T], most: usize, breaks: impl Fn(&T) -> bool) -> Vec<T> {
    if items.len() <= most || most < 2 {
        return items.to_vec();
    }
    let kept: Vec<usize> = (0..most).map(|nth| nth * (items.len() - 1) / (most - 1)).collect();
    let mut thinned = vec![items[0]];
    for pair in kept.windows(2) {
        thinned.extend(items[pair[0] + 1..pair[1]].iter().find(|item| breaks(item)));
        thinned.push(items[pair[1]]);
    }
    thinned
}
