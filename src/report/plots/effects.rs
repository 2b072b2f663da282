//! What each of several fixes is worth, estimated in several ways, around the line where the error stays the same.

use anyhow::Result;

use super::axis::{Axis, AxisScale};
use super::canvas::{Canvas, Marker};
use super::frame::Frame;
use super::legend::{Sample, legend};
use super::palette::Colour;
use super::points::RowBands;
use super::text::brief;
use super::{ChartSize, Drawn};
use crate::report::summary::factor;
use crate::text::numbers::{plural, short};

#[derive(Debug, Clone, Default)]
pub struct Effects {
    pub title: String,
    /// What is divided.
    pub x_label: String,
    pub rows: Vec<PlottedEffect>,
}

#[derive(Debug, Clone, Default)]
pub struct PlottedEffect {
    pub name: String,
    pub estimates: Vec<Interval>,
}

/// An estimate of one kind, in tenfolds of error.
#[derive(Debug, Clone, Default)]
pub struct Interval {
    /// Such as "alone"; kinds differ by colour and shape.
    pub kind: String,
    pub mean: f64,
    /// Ends of the interval; NaN if there is none.
    pub low: f64,
    pub high: f64,
}

impl Effects {
    pub fn draw(&self, size: ChartSize) -> Result<Drawn> {
        let mut canvas = Canvas::new(size, &self.title);
        let mut kinds: Vec<&str> = Vec::new();
        for estimate in self.estimates() {
            if !kinds.contains(&estimate.kind.as_str()) {
                kinds.push(&estimate.kind);
            }
        }
        let entries: Vec<(Sample, String)> =
            kinds.iter().enumerate().map(|(nth, kind)| (Sample::Marker(nth), (*kind).to_owned())).collect();
        legend(&mut canvas, &entries);
        const LANE: f64 = 13.0;
        let band = kinds.len().max(1) as f64 * LANE + 12.0;
        let rows = RowBands::of(&canvas, self.rows.iter().map(|row| (row.name.as_str(), "")), band);
        let odd = self.estimates().any(|e| !e.mean.is_finite());
        let right = rows.right - if odd { 24.0 } else { 0.0 };
        let values = self.estimates().flat_map(|e| [e.mean, e.low, e.high]).chain([0.0]);
        let x = Axis::over(AxisScale::Tenfolds, values, rows.left, right);
        let top = canvas.y + 4.0;
        let frame = Frame { left: rows.left, right, top, bottom: top + rows.height * self.rows.len().max(1) as f64 };
        frame.grid_x(&mut canvas, &x, true);
        canvas.line(&[(x.at(0.0), top), (x.at(0.0), frame.bottom)], 1.2, Colour::Muted);
        for (nth, row) in self.rows.iter().enumerate() {
            if nth > 0 {
                let y = top + nth as f64 * rows.height;
                canvas.line(&[(canvas.look.margin, y), (rows.right, y)], 0.8, Colour::Grid);
            }
            let middle = rows.name(&mut canvas, top, nth, &row.name, "");
            for estimate in &row.estimates {
                let kind = kinds.iter().position(|kind| *kind == estimate.kind).unwrap_or(0);
                let lane = middle + (kind as f64 - (kinds.len() as f64 - 1.0) / 2.0) * LANE;
                estimate.draw(&mut canvas, &brief(&row.name), kind, &x, lane, rows.right - 8.0);
            }
        }
        frame.label_x(&mut canvas, &self.x_label);
        canvas.finish(&self.title, &format!("{}: {}", self.x_label, plural(self.rows.len(), "row", "rows")))
    }

    fn estimates(&self) -> impl Iterator<Item = &Interval> {
        self.rows.iter().flat_map(|row| &row.estimates)
    }
}

impl Interval {
    fn draw(&self, canvas: &mut Canvas, row: &str, kind: usize, x: &Axis, y: f64, edge: f64) {
        let ink = Colour::Series(kind);
        let name = format!("{row}, {}", brief(&self.kind));
        if !self.mean.is_finite() {
            canvas.cross((edge, y), 3.6, ink);
            canvas.mark((edge, y), format!("{name}: no finite estimate ({})", short(self.mean)));
            return;
        }
        let at = (x.at(self.mean), y);
        let mut interval = String::new();
        if !self.low.is_nan() && !self.high.is_nan() {
            canvas.line(&[(x.at(self.low), y), (x.at(self.high), y)], 1.8, ink);
            interval = format!(" ({} … {})", factor(self.low), factor(self.high));
        }
        canvas.marker(Marker::of(kind), at, 4.2, ink);
        canvas.mark(at, format!("{name}: {}{interval}", factor(self.mean)));
    }
}
