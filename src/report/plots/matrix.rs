//! What pairs of fixes gain together: a square of factors with colours.

use anyhow::Result;

use super::canvas::{Anchor, Canvas};
use super::palette::{Colour, diverging, luminance};
use super::text::{brief, clean, shorten, width};
use super::{ChartSize, Drawn};
use crate::report::summary::factor;
use crate::text::numbers::short;

/// A cell's side in px at most, and at least for a number to stand in it.
const LARGEST: f64 = 64.0;
const SMALLEST_TEXT: f64 = 7.0;

/// Gains of pairs in tenfolds of error, both halves or one. Rows and columns have numbers; names stand once.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    pub title: String,
    pub names: Vec<String>,
    /// By row and column, in the order of the names; what is missing stays empty.
    pub values: Vec<Vec<Option<f64>>>,
    /// What is divided.
    pub label: String,
}

impl Matrix {
    pub fn draw(&self, size: ChartSize) -> Result<Drawn> {
        let mut canvas = Canvas::new(size, &self.title);
        let look = canvas.look;
        canvas.line_of_text(&self.label);
        canvas.y += 4.0;
        let count = self.names.len();
        let numbers = width(&count.to_string(), look.text) + 8.0;
        let longest = self.names.iter().fold(0.0_f64, |w, name| w.max(width(&clean(name), look.text) + 12.0));
        let inside = look.width - 2.0 * look.margin;
        let names = if look.wide { longest.min(300.0) } else { 0.0 };
        if !look.wide {
            self.name_list(&mut canvas, numbers);
        }
        let left = look.margin + names + numbers;
        let side = ((inside - names - numbers) / count.max(1) as f64).min(LARGEST);
        let high = side.min(40.0);
        let first = canvas.y + look.text + 6.0;
        for (nth, name) in self.names.iter().enumerate() {
            let number = (nth + 1).to_string();
            let y = first + (nth as f64 + 0.5) * high;
            canvas.text((left - 6.0, y), Anchor::End, look.small.min(high), Colour::Muted, &number);
            let x = left + (nth as f64 + 0.5) * side;
            let used = self.cells().any(|(_, column, _)| column == nth);
            if used && width(&number, look.small) < side {
                canvas.text((x, first - look.small * 0.7), Anchor::Middle, look.small, Colour::Muted, &number);
            }
            if look.wide {
                let name = shorten(name, look.text, names - 8.0);
                canvas.text((look.margin, y), Anchor::Start, look.text.min(high), Colour::Ink, &name);
            }
        }
        let largest = self.cells().map(|(_, _, v)| v.abs()).filter(|v| v.is_finite()).fold(0.0, f64::max);
        let largest = if largest > 0.0 { largest } else { 1.0 };
        // One size for all: a number that is left out would look like a cell without one.
        let widest = self.cells().fold(0.0_f64, |w, (_, _, value)| w.max(width(&number(value), 1.0)));
        let text = look.small.min((side - 3.0) / widest.max(0.1)).min(high * 0.6);
        for (row, column, value) in self.cells() {
            let from = (left + column as f64 * side, first + row as f64 * high);
            let at = (from.0 + side / 2.0, from.1 + high / 2.0);
            let fill = if value.is_nan() { Colour::Grid } else { diverging(value / largest) };
            let gap = if side > 8.0 { 1.0 } else { 0.0 };
            canvas.rect((from.0 + gap, from.1 + gap), (from.0 + side - gap, from.1 + high - gap), fill, 1.0);
            if text >= SMALLEST_TEXT {
                canvas.text(at, Anchor::Middle, text, on(fill), &number(value));
            }
            let spelt = if value.is_finite() { factor(value) } else { short(value) };
            canvas.mark(at, format!("{} with {}: {spelt}", brief(&self.names[row]), brief(&self.names[column])));
        }
        canvas.y = first + count as f64 * high + 10.0;
        key(&mut canvas, left, largest);
        canvas.finish(&self.title, &format!("{}, for each pair of {count}", self.label))
    }

    fn cells(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let count = self.names.len();
        let rows = self.values.iter().take(count).enumerate();
        rows.flat_map(move |(row, values)| {
            let values = values.iter().take(count).enumerate();
            values.filter_map(move |(column, value)| Some((row, column, (*value)?)))
        })
    }

    /// The names with their numbers, above the square.
    fn name_list(&self, canvas: &mut Canvas, numbers: f64) {
        let look = canvas.look;
        let room = look.width - 2.0 * look.margin - numbers;
        for (nth, name) in self.names.iter().enumerate() {
            canvas.y += look.text * 0.7;
            canvas.text((look.margin, canvas.y), Anchor::Start, look.text, Colour::Muted, &(nth + 1).to_string());
            let name = shorten(name, look.text, room);
            canvas.text((look.margin + numbers, canvas.y), Anchor::Start, look.text, Colour::Ink, &name);
            canvas.y += look.text * 0.7;
        }
        canvas.y += 6.0;
    }
}

/// What the colours mean.
fn key(canvas: &mut Canvas, left: f64, largest: f64) {
    const PARTS: i32 = 10;
    let (size, y) = (canvas.look.small, canvas.y);
    let ends = [-1.0, 0.0, 1.0].map(|part| number(part * largest));
    let step = f64::min((canvas.look.width - canvas.look.margin - left) / f64::from(2 * PARTS + 1), 9.0);
    for part in -PARTS..=PARTS {
        let x = left + f64::from(part + PARTS) * step;
        canvas.rect((x, y), (x + step, y + 9.0), diverging(f64::from(part) / f64::from(PARTS)), 1.0);
    }
    let right = left + f64::from(2 * PARTS + 1) * step;
    let places = [(left, Anchor::Start), ((left + right) / 2.0, Anchor::Middle), (right, Anchor::End)];
    for ((x, anchor), text) in places.into_iter().zip(&ends) {
        canvas.text((x, y + 11.0 + size * 0.6), anchor, size, Colour::Muted, text);
    }
    canvas.y = y + 11.0 + size * 1.2 + canvas.look.margin;
}

/// A gain where there is little room.
fn number(tenfolds: f64) -> String {
    if tenfolds.is_finite() { factor(tenfolds).replace(' ', "") } else { short(tenfolds) }
}

/// Ink that can be read on a fill, whatever the scheme; on what is part of the scheme, the scheme's.
fn on(fill: Colour) -> Colour {
    match fill {
        // Where black and white stand out as much; white is not quite that of the paper, which is part of the scheme.
        Colour::Fixed(r, g, b) if luminance((r, g, b)) > 0.179 => Colour::Fixed(0, 0, 0),
        Colour::Fixed(..) => Colour::Fixed(255, 255, 254),
        _ => Colour::Ink,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_cells_can_be_read_on_every_colour() {
        for part in -100..=100 {
            let fill = diverging(f64::from(part) / 100.0);
            let (a, b) = (luminance(fill.rgb()), luminance(on(fill).rgb()));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{part}: {contrast}");
        }
    }

    #[test]
    fn cells_say_what_the_error_is_divided_by() {
        assert_eq!([0.5, -0.5, 2.5, 6.0, 0.0, -1e-9].map(number), ["÷3.16", "×3.16", "÷316", "÷1e6", "1", "1"]);
        assert_eq!([f64::NAN, f64::INFINITY].map(number), ["NaN", "inf"]);
    }
}
