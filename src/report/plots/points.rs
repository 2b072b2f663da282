//! One row a variant: its seeds as dots, their middle and an interval.

use anyhow::Result;

use super::axis::{Axis, AxisScale};
use super::canvas::{Anchor, Canvas};
use super::curves::thin;
use super::frame::{Frame, dashes};
use super::legend::{Sample, legend};
use super::palette::Colour;
use super::text::{brief, clean, shorten, width};
use super::{ChartSize, Drawn};
use crate::text::numbers::{plural, short};

const MOST_DOTS: usize = 300;
/// At the right, for what is no number.
const EDGE: f64 = 24.0;

#[derive(Debug, Clone, Default)]
pub struct Points {
    pub title: String,
    /// What the values are, with their unit.
    pub x_label: String,
    pub rows: Vec<PointRow>,
    pub log_x: bool,
    /// Levels to compare with: a name and a value, dashed lines.
    pub references: Vec<(String, f64)>,
}

#[derive(Debug, Clone, Default)]
pub struct PointRow {
    pub name: String,
    /// One a seed.
    pub values: Vec<f64>,
    pub median: f64,
    /// Ends of an interval; NaN if there is none.
    pub low: f64,
    pub high: f64,
    /// Such as "diverged 2/6".
    pub note: String,
}

impl Points {
    pub fn draw(&self, size: ChartSize) -> Result<Drawn> {
        let mut canvas = Canvas::new(size, &self.title);
        let references = self.references.iter().enumerate().map(|(nth, r)| (Sample::Reference(nth), r.0.clone()));
        let mut entries: Vec<(Sample, String)> = references.collect();
        let odd = self.rows.iter().any(|row| !row.median.is_finite() || row.values.iter().any(|v| !v.is_finite()));
        if odd {
            entries.push((Sample::Cross, "no finite value".to_owned()));
        }
        legend(&mut canvas, &entries);
        let rows = RowBands::of(&canvas, self.rows.iter().map(|row| (row.name.as_str(), row.note.as_str())), 26.0);
        let edge = if odd { EDGE } else { 0.0 };
        let values = self.rows.iter().flat_map(|r| r.values.iter().copied().chain([r.median, r.low, r.high]));
        let values = values.chain(self.references.iter().map(|r| r.1));
        let scale = if self.log_x { AxisScale::Log } else { AxisScale::Linear };
        let x = Axis::over(scale, values, rows.left, rows.right - edge);
        let top = canvas.y + 4.0;
        let frame = Frame {
            left: rows.left,
            right: rows.right - edge,
            top,
            bottom: top + rows.height * self.rows.len().max(1) as f64,
        };
        frame.grid_x(&mut canvas, &x, true);
        frame.base(&mut canvas);
        for (nth, (name, value)) in self.references.iter().enumerate().filter(|(_, (_, value))| x.holds(*value)) {
            canvas.dashed(&[(x.at(*value), top), (x.at(*value), frame.bottom)], 1.3, Colour::Muted, dashes(nth));
            canvas.mark((x.at(*value), top), format!("{}: {}", brief(name), short(*value)));
        }
        for (nth, row) in self.rows.iter().enumerate() {
            let y = rows.name(&mut canvas, top, nth, &row.name, &row.note);
            row.draw(&mut canvas, &x, y, rows.right - 8.0);
        }
        frame.label_x(&mut canvas, &self.x_label);
        canvas.finish(&self.title, &format!("{}: {}", self.x_label, plural(self.rows.len(), "row", "rows")))
    }
}

impl PointRow {
    fn draw(&self, canvas: &mut Canvas, x: &Axis, y: f64, edge: f64) {
        let ink = Colour::Series(0);
        let name = brief(&self.name);
        if !self.low.is_nan() && !self.high.is_nan() {
            canvas.rect((x.at(self.low), y - 3.5), (x.at(self.high).max(x.at(self.low) + 1.0), y + 3.5), ink, 0.28);
        }
        let below = |value: f64| match value.is_finite() && !x.holds(value) {
            true => " (not above 0: drawn at the left edge)",
            false => "",
        };
        let (finite, other): (Vec<f64>, Vec<f64>) = self.values.iter().partition(|v| v.is_finite());
        let dots = thin(&finite, MOST_DOTS, |_| false);
        let places: Vec<(f64, f64)> = dots.iter().map(|&v| (x.at(v), y)).collect();
        canvas.dots(&places, 2.6, Colour::Ink, 0.45);
        for (value, at) in dots.iter().zip(places) {
            canvas.mark(at, format!("{name}: a seed, {}{}", short(*value), below(*value)));
        }
        if self.median.is_finite() {
            canvas.dots(&[(x.at(self.median), y)], 6.4, Colour::Paper, 1.0);
            canvas.dots(&[(x.at(self.median), y)], 5.2, ink, 1.0);
        }
        let interval =
            if self.low.is_nan() { String::new() } else { format!(" ({} … {})", short(self.low), short(self.high)) };
        let note = if self.note.is_empty() { String::new() } else { format!(", {}", brief(&self.note)) };
        let seeds = plural(self.values.len(), "seed", "seeds");
        let text = format!("{name}: median {}{}{interval}, {seeds}{note}", short(self.median), below(self.median));
        canvas.mark((if self.median.is_finite() { x.at(self.median) } else { edge }, y), text);
        if !other.is_empty() || !self.median.is_finite() {
            let ink = if self.median.is_finite() { Colour::Ink } else { Colour::Series(1) };
            canvas.cross((edge, y), 4.2, ink);
            let values: Vec<String> = other.iter().take(10).map(|&v| short(v)).collect();
            let which = if other.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
            canvas.mark((edge, y + 1.0), format!("{name}: {} of {seeds} without a finite value{which}", other.len()));
        }
    }
}

/// Where rows with names lie: names left of the data where there is room, else above each row's.
pub(super) struct RowBands {
    pub left: f64,
    pub right: f64,
    /// Of one row.
    pub height: f64,
    beside: bool,
    /// Of a row's data.
    band: f64,
    notes: f64,
}

impl RowBands {
    /// `band`: px that a row's data need.
    pub fn of<'a>(canvas: &Canvas, names: impl Iterator<Item = (&'a str, &'a str)>, band: f64) -> Self {
        let look = canvas.look;
        let widest = |names: f64, text: &str| names.max(width(&clean(text), look.text) + 12.0);
        let (names, notes) = names.fold((0.0, 0.0), |(n, m), (name, note)| {
            (widest(n, name), if note.is_empty() { m } else { widest(m, note) })
        });
        let right = look.width - look.margin - 6.0;
        if look.wide {
            let (names, notes): (f64, f64) = (f64::min(names, 280.0), f64::min(notes, 150.0));
            RowBands {
                left: look.margin + names.max(20.0),
                right: right - notes,
                height: band,
                beside: true,
                band,
                notes,
            }
        } else {
            let height = band + look.text + 5.0;
            RowBands { left: look.margin + 6.0, right, height, beside: false, band, notes: f64::min(notes, 130.0) }
        }
    }

    /// Writes a row's name and note, and says at which height its data lie.
    pub fn name(&self, canvas: &mut Canvas, top: f64, nth: usize, name: &str, note: &str) -> f64 {
        let look = canvas.look;
        let start = top + nth as f64 * self.height;
        let middle = start + self.height - self.band / 2.0;
        let (row, room) = if self.beside {
            (middle, self.left - look.margin - 10.0)
        } else {
            (start + look.text * 0.75, self.right - look.margin - self.notes)
        };
        let name = shorten(name, look.text, room);
        if !self.beside {
            // References run through here.
            let half = look.text * 0.62;
            canvas.rect(
                (look.margin, row - half),
                (look.margin + width(&name, look.text), row + half),
                Colour::Paper,
                1.0,
            );
            let notes = if note.is_empty() { 0.0 } else { self.notes };
            canvas.rect((self.right - notes, row - half), (self.right, row + half), Colour::Paper, 1.0);
        }
        canvas.text((look.margin, row), Anchor::Start, look.text, Colour::Ink, &name);
        let note = shorten(note, look.small, self.notes);
        let (at, anchor) = if self.beside { (self.right + 10.0, Anchor::Start) } else { (self.right, Anchor::End) };
        if !note.is_empty() {
            canvas.text((at, row), anchor, look.small, Colour::Muted, &note);
        }
        middle
    }
}
