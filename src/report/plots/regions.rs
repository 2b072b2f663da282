//! Classes over two inputs: each place in the colour of the class that the nearest sample was predicted as.

use anyhow::Result;

use super::axis::{Axis, AxisScale};
use super::canvas::{Canvas, Corners, Marker};
use super::curves::thin;
use super::frame::{Frame, labels_width};
use super::legend::{Sample, legend};
use super::palette::Colour;
use super::text::brief;
use super::{ChartSize, Drawn};
use crate::text::numbers::{plural, short};

/// Samples that are drawn, at most; and that a place is compared with.
const MOST_POINTS: usize = 600;
const MOST_NEIGHBOURS: usize = 4000;
/// A cell's side in px.
const CELL: f64 = 6.0;

/// A marker a sample, in the colour and shape of its own class; those that are predicted as another one have a ring.
#[derive(Debug, Clone, Default)]
pub struct Regions {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub classes: Vec<String>,
    pub points: Vec<ClassPoint>,
}

#[derive(Debug, Clone, Copy)]
pub struct ClassPoint {
    pub x: f64,
    pub y: f64,
    /// Places among the classes.
    pub truth: usize,
    pub predicted: Option<usize>,
}

impl Regions {
    /// Classes that have colours and markers of their own.
    pub const MOST_CLASSES: usize = 8;

    pub fn draw(&self, size: ChartSize) -> Result<Drawn> {
        let mut canvas = Canvas::new(size, &self.title);
        let look = canvas.look;
        canvas.line_of_text(&format!("upwards: {}", self.y_label));
        let finite: Vec<ClassPoint> =
            self.points.iter().copied().filter(|p| p.x.is_finite() && p.y.is_finite()).collect();
        let mut entries: Vec<(Sample, String)> =
            self.classes.iter().enumerate().map(|(nth, name)| (Sample::Marker(nth), brief(name))).collect();
        if finite.iter().any(ClassPoint::wrong) {
            entries.push((Sample::Outline, "predicted as another class".to_owned()));
        }
        legend(&mut canvas, &entries);
        let top = canvas.y + 6.0;
        let height: f64 = if look.wide { 420.0 } else { 300.0 };
        let y = Axis::over(AxisScale::Linear, finite.iter().map(|p| p.y), top + height, top);
        let left = look.margin + labels_width(&canvas, &y, height);
        let right =
            if look.wide { (left + 620.0).min(look.width - look.margin) } else { look.width - look.margin - 8.0 };
        let x = Axis::over(AxisScale::Linear, finite.iter().map(|p| p.x), left, right);
        let frame = Frame { left, right, top, bottom: top + height };
        self.background(&mut canvas, &finite, &x, &y, frame);
        frame.grid_y(&mut canvas, &y);
        frame.grid_x(&mut canvas, &x, true);
        frame.base(&mut canvas);
        let radius = if finite.len() > 200 { 3.0 } else { 4.0 };
        for point in thin(&finite, MOST_POINTS, |_| false) {
            let at = (x.at(point.x), y.at(point.y));
            if point.wrong() {
                canvas.dots(&[at], radius + 4.2, Colour::Ink, 1.0);
                canvas.dots(&[at], radius + 2.6, Colour::Paper, 1.0);
            }
            canvas.marker(Marker::of(point.truth), at, radius, Colour::Series(point.truth));
            canvas.mark(at, self.says(&point));
        }
        frame.label_x(&mut canvas, &self.x_label);
        let what = plural(self.points.len(), "sample", "samples");
        canvas.finish(
            &self.title,
            &format!("{} and {}: {what} with the classes that they were predicted as", self.x_label, self.y_label),
        )
    }

    fn says(&self, point: &ClassPoint) -> String {
        let name = |class: usize| self.classes.get(class).map_or_else(String::new, |name| brief(name));
        let predicted = match point.predicted {
            Some(class) if class == point.truth => "predicted rightly".to_owned(),
            Some(class) => format!("predicted as {}", name(class)),
            None => "predicted as no class".to_owned(),
        };
        format!("{}, {predicted}: {} and {}", name(point.truth), short(point.x), short(point.y))
    }

    /// Cells in the colour of what their nearest sample was predicted as; those of one class together.
    fn background(&self, canvas: &mut Canvas, points: &[ClassPoint], x: &Axis, y: &Axis, frame: Frame) {
        let near: Vec<(f64, f64, Option<usize>)> = thin(points, MOST_NEIGHBOURS, |_| false)
            .into_iter()
            .map(|point| (x.at(point.x), y.at(point.y), point.predicted))
            .collect();
        let class_at = |px: f64, py: f64| {
            let far = |p: &(f64, f64, Option<usize>)| (p.0 - px).powi(2) + (p.1 - py).powi(2);
            near.iter().min_by(|a, b| far(a).total_cmp(&far(b))).and_then(|nearest| nearest.2)
        };
        let steps = |from: f64, to: f64| ((to - from) / CELL).ceil().max(1.0) as usize;
        let (columns, rows) = (steps(frame.left, frame.right), steps(frame.top, frame.bottom));
        let edge = |nth: usize, from: f64, to: f64| (from + nth as f64 * CELL).min(to);
        let mut cells: Vec<Vec<Corners>> = vec![Vec::new(); self.classes.len()];
        for row in 0..rows {
            let (above, below) = (edge(row, frame.top, frame.bottom), edge(row + 1, frame.top, frame.bottom));
            let class = |column: usize| {
                let middle = (edge(column, frame.left, frame.right) + edge(column + 1, frame.left, frame.right)) / 2.0;
                class_at(middle, f64::midpoint(above, below))
            };
            let mut start = (0, class(0));
            for column in 1..=columns {
                let here = (column < columns).then(|| class(column));
                if here == Some(start.1) {
                    continue;
                }
                if let Some(own) = start.1.and_then(|class| cells.get_mut(class)) {
                    let from = edge(start.0, frame.left, frame.right);
                    own.push(((from, above), (edge(column, frame.left, frame.right), below)));
                }
                start = (column, here.flatten());
            }
        }
        for (class, cells) in cells.iter().enumerate().filter(|(_, cells)| !cells.is_empty()) {
            canvas.cells(cells, Colour::Series(class), 0.22);
        }
    }
}

impl ClassPoint {
    fn wrong(&self) -> bool {
        self.predicted != Some(self.truth)
    }
}
