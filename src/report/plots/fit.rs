//! A network's prediction over its target, and how far apart they are.

use anyhow::Result;

use super::axis::{Axis, AxisScale};
use super::canvas::Canvas;
use super::curves::thin;
use super::frame::{Frame, labels_width};
use super::legend::{Sample, legend};
use super::palette::Colour;
use super::text::brief;
use super::{ChartSize, Drawn};
use crate::text::numbers::{plural, short};

const MOST_POINTS: usize = 500;
const MOST_MARKS: usize = 200;
/// Px of the target's line, beneath the prediction's.
const BROAD: f64 = 7.0;

/// Of one input. Two panels above one another: target and prediction; their difference.
#[derive(Debug, Clone, Default)]
pub struct FitPlot {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    /// (x, y), in the data's units.
    pub target: Vec<(f64, f64)>,
    pub prediction: Vec<(f64, f64)>,
    /// Inputs at which the prediction's slope changes.
    pub breakpoints: Vec<f64>,
}

impl FitPlot {
    pub fn draw(&self, size: ChartSize) -> Result<Drawn> {
        let (target, prediction) = (sorted(&self.target), sorted(&self.prediction));
        let errors: Vec<(f64, f64)> =
            prediction.iter().map(|&(x, y)| (x, y - between(&target, x).unwrap_or(f64::NAN))).collect();
        let breakpoints: Vec<(f64, f64)> = self
            .breakpoints
            .iter()
            .filter_map(|&x| Some((x, between(&prediction, x).filter(|y| y.is_finite())?)))
            .collect();
        let outside = self.breakpoints.len() - breakpoints.len();
        let breakpoints = thin(&breakpoints, MOST_POINTS, |_| false);
        let mut canvas = Canvas::new(size, &self.title);
        let look = canvas.look;
        canvas.line_of_text(&self.y_label);
        let mut entries = vec![
            (Sample::Faint(Colour::Muted, BROAD), "target".to_owned()),
            (Sample::Plain(Colour::Series(0), 2.0), "prediction".to_owned()),
        ];
        if !self.breakpoints.is_empty() {
            let more = if outside > 0 { format!(", {outside} of them outside") } else { String::new() };
            entries.push((
                Sample::Ring(Colour::Series(0)),
                format!("{}{more}", plural(self.breakpoints.len(), "kink", "kinks")),
            ));
        }
        legend(&mut canvas, &entries);
        let (upper, lower) = if look.wide { (250.0, 110.0) } else { (190.0, 90.0) };
        let top = canvas.y + 6.0;
        let second = top + upper + look.small + 20.0;
        let values = target.iter().chain(&prediction).map(|p| p.1);
        let y = Axis::over(AxisScale::Linear, values, top + upper, top);
        let off = Axis::over(AxisScale::Linear, errors.iter().map(|p| p.1).chain([0.0]), second + lower, second);
        let labels = labels_width(&canvas, &y, upper).max(labels_width(&canvas, &off, lower));
        let (left, right) = (look.margin + labels, look.width - look.margin - 8.0);
        let x = Axis::over(AxisScale::Linear, target.iter().chain(&prediction).map(|p| p.0), left, right);
        let frame = Frame { left, right, top, bottom: top + upper };
        frame.grid_y(&mut canvas, &y);
        frame.grid_x(&mut canvas, &x, false);
        lines(&mut canvas, &target, &x, &y, BROAD, Colour::Muted);
        lines(&mut canvas, &prediction, &x, &y, 2.0, Colour::Series(0));
        let rings: Vec<(f64, f64)> = breakpoints.iter().map(|k| (x.at(k.0), y.at(k.1))).collect();
        canvas.rings(&rings, if breakpoints.len() > 60 { 2.4 } else { 3.2 }, Colour::Series(0));
        canvas.y = top + upper + 8.0;
        canvas.line_of_text("prediction − target");
        let frame = Frame { left, right, top: second, bottom: second + lower };
        frame.grid_y(&mut canvas, &off);
        frame.grid_x(&mut canvas, &x, true);
        canvas.line(&[(left, off.at(0.0)), (right, off.at(0.0))], 1.0, Colour::Muted);
        for &(at, _) in &rings {
            canvas.line(&[(at, frame.bottom), (at, frame.bottom - 6.0)], 1.2, Colour::Series(0));
        }
        lines(&mut canvas, &errors, &x, &off, 1.6, Colour::Series(1));
        self.mark(&mut canvas, &prediction, &errors, &breakpoints, &x, [&y, &off]);
        frame.label_x(&mut canvas, &self.x_label);
        let what = format!("{} with its target, and their difference, over {}", self.y_label, self.x_label);
        canvas.finish(&self.title, &what)
    }

    fn mark(
        &self,
        canvas: &mut Canvas,
        prediction: &[(f64, f64)],
        errors: &[(f64, f64)],
        breakpoints: &[(f64, f64)],
        x: &Axis,
        [y, off]: [&Axis; 2],
    ) {
        let pairs: Vec<_> = prediction.iter().zip(errors).filter(|(p, _)| p.1.is_finite()).collect();
        let name = if self.x_label.is_empty() { "x".to_owned() } else { brief(&self.x_label) };
        for (&(at, predicted), &(_, error)) in thin(&pairs, MOST_MARKS, |_| false) {
            let mut text = format!("{name} {}: prediction {}", short(at), short(predicted));
            if error.is_finite() {
                text = format!("{text}, target {}, off by {}", short(predicted - error), short(error));
                canvas.mark((x.at(at), off.at(error)), text.clone());
            }
            canvas.mark((x.at(at), y.at(predicted)), text);
        }
        for &(at, predicted) in breakpoints {
            let text = format!("kink at {name} {}: prediction {}", short(at), short(predicted));
            canvas.mark((x.at(at), y.at(predicted)), text);
        }
    }
}

fn sorted(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = points.iter().copied().filter(|p| p.0.is_finite()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// A value of the line through sorted points, within them.
fn between(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = points.partition_point(|p| p.0 < x);
    let &(right, upper) = points.get(after)?;
    if right == x {
        return Some(upper);
    }
    let &(left, lower) = points.get(after.checked_sub(1)?)?;
    // Halves first: the difference of two large numbers may be infinite.
    let part = (x / 2.0 - left / 2.0) / (right / 2.0 - left / 2.0);
    let value = lower * (1.0 - part) + upper * part;
    (!x.is_nan() && part.is_finite()).then_some(value)
}

/// A line through the points that have a place, broken where one has none; a lone point as a dot.
fn lines(canvas: &mut Canvas, points: &[(f64, f64)], x: &Axis, y: &Axis, width: f64, ink: Colour) {
    let points = thin(points, MOST_POINTS, |p| !p.1.is_finite());
    for run in points.split(|p| !p.1.is_finite()).filter(|run| !run.is_empty()) {
        let line: Vec<(f64, f64)> = run.iter().map(|p| (x.at(p.0), y.at(p.1))).collect();
        match line.len() {
            1 => canvas.dots(&line, width.clamp(3.0, 4.0), ink, 1.0),
            _ if width >= BROAD => canvas.faint(&line, width, ink),
            _ => canvas.line(&line, width, ink),
        }
    }
}
