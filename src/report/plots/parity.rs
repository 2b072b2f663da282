//! Predictions against targets, for any number of inputs.

use anyhow::Result;

use super::axis::{Axis, AxisScale};
use super::canvas::Canvas;
use super::curves::thin;
use super::frame::{Frame, labels_width};
use super::legend::{Sample, legend};
use super::palette::Colour;
use super::{ChartSize, Drawn};
use crate::text::numbers::{plural, short};

const MOST_POINTS: usize = 1000;

/// A dot a sample; on the diagonal a prediction is right.
#[derive(Debug, Clone, Default)]
pub struct Parity {
    pub title: String,
    /// What is predicted, with its unit.
    pub label: String,
    /// (target, prediction).
    pub points: Vec<(f64, f64)>,
}

impl Parity {
    pub fn draw(&self, size: ChartSize) -> Result<Drawn> {
        let mut canvas = Canvas::new(size, &self.title);
        let look = canvas.look;
        canvas.line_of_text(&format!("prediction: {}", self.label));
        let points = thin(&self.points, MOST_POINTS, |_| false);
        let (finite, other): (Vec<_>, Vec<_>) =
            points.into_iter().filter(|p| p.0.is_finite()).partition(|p| p.1.is_finite());
        let mut entries = vec![(Sample::Plain(Colour::Muted, 1.3), "as the target".to_owned())];
        if !other.is_empty() {
            entries.push((
                Sample::Cross,
                format!("{} no finite number", plural(other.len(), "prediction is", "predictions are")),
            ));
        }
        legend(&mut canvas, &entries);
        let top = canvas.y + if other.is_empty() { 6.0 } else { 18.0 };
        let both = || finite.iter().flat_map(|p| [p.0, p.1]).chain(other.iter().map(|p| p.0));
        let side = if look.wide { 420.0 } else { 290.0 };
        let y = Axis::over(AxisScale::Linear, both(), top + side, top);
        let left = look.margin + labels_width(&canvas, &y, side);
        let right = (left + side).min(look.width - look.margin - 8.0);
        let x = Axis::over(AxisScale::Linear, both(), left, right);
        let frame = Frame { left, right, top, bottom: top + side };
        frame.grid_y(&mut canvas, &y);
        frame.grid_x(&mut canvas, &x, true);
        frame.base(&mut canvas);
        canvas.line(&[(left, top + side), (right, top)], 1.3, Colour::Muted);
        let dots: Vec<(f64, f64)> = finite.iter().map(|p| (x.at(p.0), y.at(p.1))).collect();
        canvas.dots(&dots, if dots.len() > 200 { 2.4 } else { 3.4 }, Colour::Series(0), 0.6);
        for (p, &at) in finite.iter().zip(&dots) {
            canvas.mark(at, format!("target {}, prediction {}", short(p.0), short(p.1)));
        }
        for p in &other {
            let at = (x.at(p.0), top - 8.0);
            canvas.cross(at, 3.6, Colour::Series(1));
            canvas.mark(at, format!("target {}, prediction {}", short(p.0), short(p.1)));
        }
        frame.label_x(&mut canvas, &format!("target: {}", self.label));
        canvas.finish(&self.title, &format!("{}: {} predictions against their targets", self.label, self.points.len()))
    }
}
