//! Where a chart is drawn, in px with tenths. plotters writes the shapes.

use std::fmt::Write;

use anyhow::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::palette::Colour;
use super::text::{clean, escape, wrap};
use super::{ChartSize, Drawn, Mark};

/// plotters draws on whole numbers: tenths of a px here.
const PARTS: f64 = 10.0;
/// No chart is higher, in px; plotters moves what lies outside of its area to its edge.
const HIGHEST: u32 = 1_000_000;
/// Chosen for what every system has; DejaVu Sans is what a PNG is written with.
const FONTS: &str = "system-ui, 'DejaVu Sans', sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drew<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// How large things are, in px.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub wide: bool,
    pub width: f64,
    pub title: f64,
    pub text: f64,
    pub small: f64,
    /// Between the edge and anything.
    pub margin: f64,
    /// As many ticks as an axis has room for, across.
    pub ticks: usize,
}

impl Look {
    fn of(size: ChartSize) -> Self {
        match size {
            ChartSize::Wide => {
                Look { wide: true, width: 860.0, title: 17.0, text: 13.0, small: 12.0, margin: 14.0, ticks: 8 }
            }
            ChartSize::Narrow => {
                Look { wide: false, width: 360.0, title: 15.0, text: 12.5, small: 11.5, margin: 10.0, ticks: 4 }
            }
        }
    }
}

/// Two corners of a rectangle.
pub(super) type Corners = ((f64, f64), (f64, f64));

/// Which side of a text its place is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The marker of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Ring,
    OpenSquare,
    OpenDiamond,
}

impl Marker {
    pub fn of(series: usize) -> Self {
        use Marker::*;
        [Circle, Square, Triangle, Diamond, TriangleDown, Ring, OpenSquare, OpenDiamond][series % 8]
    }
}

pub(super) struct Canvas {
    pub look: Look,
    /// Where the next thing down the page begins.
    pub y: f64,
    pub marks: Vec<Mark>,
    body: String,
    failed: Option<Error>,
}

impl Canvas {
    /// With the title at the top.
    pub fn new(size: ChartSize, title: &str) -> Self {
        let look = Look::of(size);
        let mut canvas = Canvas { look, y: look.margin, marks: Vec::new(), body: String::new(), failed: None };
        for line in wrap(title, look.title, look.width - 2.0 * look.margin, if look.wide { 1 } else { 2 }) {
            canvas.y += look.title * 0.6;
            canvas.text((look.margin, canvas.y), Anchor::Start, look.title, Colour::Ink, &line);
            canvas.y += look.title * 0.7;
        }
        canvas.y += 4.0;
        canvas
    }

    /// Muted text below what is there.
    pub fn line_of_text(&mut self, text: &str) {
        let look = self.look;
        for line in wrap(text, look.small, look.width - 2.0 * look.margin, 2) {
            self.y += look.small * 0.7;
            self.text((look.margin, self.y), Anchor::Start, look.small, Colour::Muted, &line);
            self.y += look.small * 0.8;
        }
    }

    pub fn mark(&mut self, (x, y): (f64, f64), text: String) {
        self.marks.push(Mark { x, y, text });
    }

    /// Runs plotters on a sheet of its own and keeps what it wrote, within a group with these attributes if there are any.
    fn put(&mut self, attributes: &str, draw: impl for<'a, 'b> FnOnce(&'b Area<'a>) -> Drew<'a>) {
        let mut sheet = String::new();
        let size = ((self.look.width * PARTS) as u32, HIGHEST);
        {
            let area = SVGBackend::with_string(&mut sheet, size).into_drawing_area();
            if let Err(error) = draw(&area).and_then(|()| area.present()) {
                self.failed.get_or_insert(Error::new(error).context("a chart cannot be drawn"));
                return;
            }
        }
        let Some(shapes) = sheet.split_once('\n').and_then(|(_, rest)| rest.strip_suffix("</svg>\n")) else {
            self.failed.get_or_insert(Error::msg("a chart cannot be drawn: what plotters wrote is no SVG"));
            return;
        };
        let shapes = shapes.replace(" opacity=\"1\"", "").replace(" \"/>", "\"/>");
        if attributes.is_empty() {
            self.body.push_str(&shapes);
        } else {
            let _ = write!(self.body, "<g {attributes}>\n{shapes}</g>\n");
        }
    }

    pub fn line(&mut self, points: &[(f64, f64)], width: f64, ink: Colour) {
        self.path(points, width, ink, "");
    }

    /// A broad line that others are to be seen upon.
    pub fn faint(&mut self, points: &[(f64, f64)], width: f64, ink: Colour) {
        self.path(points, width, ink, "opacity=\"0.3\"");
    }

    /// `dashes`: px drawn and px left out, in turn.
    pub fn dashed(&mut self, points: &[(f64, f64)], width: f64, ink: Colour, dashes: &[f64]) {
        let parts: Vec<String> = dashes.iter().map(|px| (px * PARTS).round().to_string()).collect();
        self.path(points, width, ink, &format!("stroke-dasharray=\"{}\"", parts.join(" ")));
    }

    fn path(&mut self, points: &[(f64, f64)], width: f64, ink: Colour, attributes: &str) {
        let style = style(ink, 1.0).stroke_width((width * PARTS).round() as u32);
        let points = whole(points);
        self.put(attributes, |area| area.draw(&PathElement::new(points, style)));
    }

    /// Filled.
    pub fn area(&mut self, points: &[(f64, f64)], ink: Colour, opacity: f64) {
        let (points, style) = (whole(points), style(ink, opacity).filled());
        self.put("", |area| area.draw(&Polygon::new(points, style)));
    }

    /// Filled, from corner to corner.
    pub fn rect(&mut self, from: (f64, f64), to: (f64, f64), ink: Colour, opacity: f64) {
        let (corners, style) = (whole(&[from, to]), style(ink, opacity).filled());
        self.put("", |area| area.draw(&Rectangle::new([corners[0], corners[1]], style)));
    }

    /// Rectangles side by side, from corner to corner, with no line between them.
    pub fn cells(&mut self, cells: &[Corners], ink: Colour, opacity: f64) {
        let style = style(ink, 1.0).filled();
        let corners: Vec<Vec<(i32, i32)>> = cells.iter().map(|(from, to)| whole(&[*from, *to])).collect();
        self.put(&format!("opacity=\"{opacity}\" shape-rendering=\"crispEdges\""), |area| {
            corners.iter().try_for_each(|corners| area.draw(&Rectangle::new([corners[0], corners[1]], style)))
        });
    }

    /// `radius` in px.
    pub fn dots(&mut self, at: &[(f64, f64)], radius: f64, ink: Colour, opacity: f64) {
        let (at, radius, style) = (whole(at), (radius * PARTS).round() as i32, style(ink, opacity).filled());
        self.put("", |area| at.iter().try_for_each(|&at| area.draw(&Circle::new(at, radius, style))));
    }

    /// Circles in the paper's colour with an outline.
    pub fn rings(&mut self, at: &[(f64, f64)], radius: f64, ink: Colour) {
        self.dots(at, radius + 0.6, ink, 1.0);
        self.dots(at, radius - 0.6, Colour::Paper, 1.0);
    }

    /// A marker with a rim in the paper's colour, so that it stands out from lines.
    pub fn marker(&mut self, shape: Marker, at: (f64, f64), radius: f64, ink: Colour) {
        self.corners(shape, at, radius + 1.1, Colour::Paper);
        self.corners(shape, at, radius, ink);
        if matches!(shape, Marker::Ring | Marker::OpenSquare | Marker::OpenDiamond) {
            self.corners(shape, at, radius - 1.5, Colour::Paper);
        }
    }

    fn corners(&mut self, shape: Marker, (x, y): (f64, f64), r: f64, ink: Colour) {
        let around = |corners: &[(f64, f64)]| -> Vec<(f64, f64)> {
            corners.iter().map(|(dx, dy)| (x + r * dx, y + r * dy)).collect()
        };
        match shape {
            Marker::Circle | Marker::Ring => self.dots(&[(x, y)], r, ink, 1.0),
            Marker::Square | Marker::OpenSquare => {
                self.rect((x - 0.9 * r, y - 0.9 * r), (x + 0.9 * r, y + 0.9 * r), ink, 1.0);
            }
            Marker::Triangle => self.area(&around(&[(0.0, -1.2), (1.15, 0.9), (-1.15, 0.9)]), ink, 1.0),
            Marker::TriangleDown => self.area(&around(&[(0.0, 1.2), (1.15, -0.9), (-1.15, -0.9)]), ink, 1.0),
            Marker::Diamond | Marker::OpenDiamond => {
                self.area(&around(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]), ink, 1.0);
            }
        }
    }

    /// The sign of what could not be drawn in its place.
    pub fn cross(&mut self, (x, y): (f64, f64), radius: f64, ink: Colour) {
        for slope in [-1.0, 1.0] {
            self.line(&[(x - radius, y - slope * radius), (x + radius, y + slope * radius)], 2.0, ink);
        }
    }

    /// `at`: half its height up from the baseline.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, size: f64, ink: Colour, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let [x, y, size] = [x, y + 0.36 * size, size].map(|px| (px * PARTS).round());
        let (fill, text) = (ink.hex(), escape(&clean(text)));
        let _ =
            writeln!(self.body, "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor} fill=\"{fill}\">{text}</text>");
    }

    /// The document, as high as what has been drawn.
    pub fn finish(self, title: &str, description: &str) -> Result<Drawn> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let (width, height) = (self.look.width, self.y.ceil());
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"{FONTS}\">\n"
        );
        let _ = writeln!(svg, "<title>{}</title>", escape(&clean(title)));
        let _ = writeln!(svg, "<desc>{}</desc>", escape(&clean(description)));
        let paper = Colour::Paper.hex();
        let _ = writeln!(svg, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\" fill=\"{paper}\"/>");
        let _ = write!(
            svg,
            "<g transform=\"scale({})\" stroke-linejoin=\"round\">\n{}</g>\n</svg>\n",
            1.0 / PARTS,
            self.body
        );
        Ok(Drawn { svg, marks: self.marks })
    }
}

fn style(ink: Colour, opacity: f64) -> ShapeStyle {
    let (r, g, b) = ink.rgb();
    ShapeStyle::from(RGBColor(r, g, b).mix(opacity))
}

fn whole(points: &[(f64, f64)]) -> Vec<(i32, i32)> {
    // Out of anything's sight, and far from where sums of i32 overflow.
    let part = |px: f64| (px * PARTS).round().clamp(-1e7, 1e7) as i32;
    points.iter().map(|&(x, y)| (part(x), part(y))).collect()
}
