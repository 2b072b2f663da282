//! Charts as SVG and PNG: plain numbers in, a drawing out. Nothing here knows of result folders.
//!
//! plotters draws the shapes and nothing else: what numbers do to a scale is decided in `axis`, which takes any numbers
//! at all, before plotters sees whole pixels.

mod axis;
mod canvas;
mod curves;
mod effects;
mod fit;
mod frame;
mod legend;
mod matrix;
mod page;
mod palette;
mod parity;
mod points;
mod raster;
mod regions;
mod text;

pub use curves::{Band, CurveSeries, Curves};
pub use effects::{Effects, Interval, PlottedEffect};
pub use fit::FitPlot;
pub use matrix::Matrix;
pub use page::for_page;
pub use palette::{DARK, LIGHT};
pub use parity::Parity;
pub use points::{PointRow, Points};
pub use raster::png;
pub use regions::{ClassPoint, Regions};

/// A chart.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// A document of its own: white paper, its size in px, a title and a description.
    pub svg: String,
    /// What a reader who points at something is told, in the order of drawing.
    pub marks: Vec<Mark>,
}

/// A place in a chart and what there is to say of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// In the SVG's user units (px), from its left edge.
    pub x: f64,
    /// In the SVG's user units (px), from its top edge.
    pub y: f64,
    /// Plain text, not escaped.
    pub text: String,
}

/// How much room a chart has; its height follows from what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartSize {
    /// 860 px across.
    Wide,
    /// 360 px across, for phones.
    Narrow,
}

#[cfg(test)]
mod tests;
