//! What is what: a row of samples with names above the data.

use super::canvas::{Anchor, Canvas, Marker};
use super::frame::dashes;
use super::palette::Colour;
use super::text::{shorten, width};

/// What stands before a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sample {
    /// A series's line, dashed or not, with its marker.
    Line(usize, bool),
    Marker(usize),
    /// A line of so many px.
    Plain(Colour, f64),
    /// A broad line of so many px.
    Faint(Colour, f64),
    Reference(usize),
    Ring(Colour),
    /// What is around a marker.
    Outline,
    Cross,
}

/// How a series that is to be dashed is.
pub(super) const SERIES_DASHES: &[f64] = &[6.0, 3.5];
const SAMPLE: f64 = 22.0;

impl Sample {
    pub fn room(self) -> f64 {
        if matches!(self, Sample::Marker(_) | Sample::Ring(_) | Sample::Outline | Sample::Cross) {
            14.0
        } else {
            SAMPLE + 6.0
        }
    }

    /// From `x` on, at the height `y`.
    pub fn draw(self, canvas: &mut Canvas, x: f64, y: f64) {
        let line = [(x, y), (x + SAMPLE, y)];
        match self {
            Sample::Line(series, dashed) => {
                let ink = Colour::Series(series);
                if dashed {
                    canvas.dashed(&line, 2.0, ink, SERIES_DASHES)
                } else {
                    canvas.line(&line, 2.0, ink)
                }
                canvas.marker(Marker::of(series), (x + SAMPLE / 2.0, y), 3.6, ink);
            }
            Sample::Marker(series) => canvas.marker(Marker::of(series), (x + 5.0, y), 4.2, Colour::Series(series)),
            Sample::Plain(ink, width) => canvas.line(&line, width, ink),
            Sample::Faint(ink, width) => canvas.faint(&line, width, ink),
            Sample::Reference(nth) => canvas.dashed(&line, 1.3, Colour::Muted, dashes(nth)),
            Sample::Ring(ink) => canvas.rings(&[(x + 5.0, y)], 3.2, ink),
            Sample::Outline => {
                canvas.dots(&[(x + 5.0, y)], 6.2, Colour::Ink, 1.0);
                canvas.dots(&[(x + 5.0, y)], 4.6, Colour::Paper, 1.0);
            }
            Sample::Cross => canvas.cross((x + 5.0, y), 3.6, Colour::Ink),
        }
    }
}

/// Draws the entries in as many rows as they need and moves the canvas on.
pub(super) fn legend(canvas: &mut Canvas, entries: &[(Sample, String)]) {
    let look = canvas.look;
    let (left, right) = (look.margin, look.width - look.margin);
    let height = look.small + 6.0;
    if entries.is_empty() {
        return;
    }
    let mut x = left;
    canvas.y += height / 2.0 + 2.0;
    for (sample, name) in entries {
        let name = shorten(name, look.small, right - left - sample.room());
        let room = sample.room() + width(&name, look.small);
        if x > left && x + room > right {
            x = left;
            canvas.y += height;
        }
        sample.draw(canvas, x, canvas.y);
        canvas.text((x + sample.room(), canvas.y), Anchor::Start, look.small, Colour::Ink, &name);
        x += room + 16.0;
    }
    canvas.y += height / 2.0 + 4.0;
}
