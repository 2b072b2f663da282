//! The box that data are drawn in: grid, ticks, dashed references.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas};
use super::palette::Colour;
use super::text::width;

/// Px of a box's edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// Ticks that an upright axis of so many px has room for.
fn upright(height: f64) -> usize {
    (height / 45.0).clamp(2.0, 8.0) as usize
}

/// How many px the labels of an upright axis take.
pub(super) fn labels_width(canvas: &Canvas, y: &Axis, height: f64) -> f64 {
    let size = canvas.look.small;
    y.ticks(upright(height)).iter().fold(0.0, |widest: f64, tick| widest.max(width(&tick.label, size))) + 8.0
}

impl Frame {
    pub fn grid_y(&self, canvas: &mut Canvas, y: &Axis) {
        for at in y.between() {
            canvas.line(&[(self.left - 3.0, at), (self.left, at)], 0.7, Colour::Muted);
        }
        let size = canvas.look.small;
        for tick in y.ticks(upright(self.bottom - self.top)) {
            canvas.line(&[(self.left, tick.at), (self.right, tick.at)], 0.8, Colour::Grid);
            canvas.text((self.left - 6.0, tick.at), Anchor::End, size, Colour::Muted, &tick.label);
        }
    }

    /// Lines down the box, with labels below it if they are wanted.
    pub fn grid_x(&self, canvas: &mut Canvas, x: &Axis, labels: bool) {
        for at in x.between() {
            canvas.line(&[(at, self.bottom), (at, self.bottom + 3.0)], 0.7, Colour::Muted);
        }
        let (size, widest) = (canvas.look.small, canvas.look.width);
        let mut taken = f64::NEG_INFINITY;
        for tick in x.ticks(canvas.look.ticks) {
            canvas.line(&[(tick.at, self.top), (tick.at, self.bottom)], 0.8, Colour::Grid);
            let half = width(&tick.label, size) / 2.0;
            let at = tick.at.min(widest - half - 2.0).max(half + 2.0);
            if labels && at - half > taken {
                canvas.text((at, self.bottom + 6.0 + size / 2.0), Anchor::Middle, size, Colour::Muted, &tick.label);
                taken = at + half + 6.0;
            }
        }
    }

    /// The line that data stand on.
    pub fn base(&self, canvas: &mut Canvas) {
        canvas.line(&[(self.left, self.bottom), (self.right, self.bottom)], 1.0, Colour::Muted);
    }

    /// What a horizontal axis shows, below its ticks. Moves the canvas on.
    pub fn label_x(&self, canvas: &mut Canvas, label: &str) {
        let look = canvas.look;
        canvas.y = self.bottom + 10.0 + look.small;
        if !label.is_empty() {
            canvas.y += look.small * 0.7;
            let text = super::text::shorten(label, look.small, look.width - 2.0 * look.margin);
            // In the middle of the box unless that is too far to one side.
            let half = width(&text, look.small) / 2.0 + look.margin;
            let at = ((self.left + self.right) / 2.0).clamp(half, (look.width - half).max(half));
            canvas.text((at, canvas.y), Anchor::Middle, look.small, Colour::Muted, &text);
            canvas.y += look.small * 0.6;
        }
        canvas.y += look.margin * 0.7;
    }
}

/// How references differ from one another, in px drawn and px left out.
pub(super) fn dashes(reference: usize) -> &'static [f64] {
    [&[7.0, 4.0][..], &[2.0, 3.0], &[9.0, 3.0, 2.0, 3.0], &[4.0, 2.0]][reference % 4]
}
