//! What simple predictors reach on the test points, and how well a piecewise-linear function, which a ReLU network is, can
//! do there at best. All of it is found from the data.

use std::sync::{Arc, Mutex};

use super::health::most_linear_regions;
use crate::data::{Samples, polynomial};
use crate::experiment::config::{Config, Data, Target, Test};
use crate::stats::linear::best_line_rmse;
use crate::stats::moments::{deviation, rms};
use crate::stats::segments::best_segments;

/// Root mean square errors on one set of test points, in target units.
#[derive(Debug, Clone, PartialEq)]
pub struct Baselines {
    pub zero_rmse: f64,
    pub mean_rmse: f64,
    pub line_rmse: f64,
    /// With 1, 2, … straight pieces, found on the points; of several inputs none.
    segments: Vec<f64>,
    /// With n pieces, for many, this over n²; of a polynomial on a grid.
    limit: Option<f64>,
}

/// Pieces for which a polynomial's best fit is searched on the grid; with more, too few points are left to each, and the
/// limit for many pieces is exact to a few per mille.
const SEARCHED_ON_A_GRID: usize = 16;
/// The same for other data, where no formula follows.
const SEARCHED: usize = 256;

impl Baselines {
    /// On the points `test` of `data`, for networks of at most `most` linear regions (NaN where that means nothing).
    pub fn of(test: &Samples, data: &Data, most: f64) -> Self {
        let limit = match (&data.target, &data.test) {
            (Target::Polynomial { polynomial }, Test::Grid(span)) if span.to > span.from => {
                Some(limit(polynomial, span.from, span.to))
            }
            _ => None,
        };
        // A float's `as` saturates and takes NaN as 0.
        let most = (most as usize).min(if limit.is_some() { SEARCHED_ON_A_GRID } else { SEARCHED });
        let segments = if test.columns == 1 { best_segments(&test.inputs, &test.targets, most) } else { Vec::new() };
        Baselines {
            zero_rmse: rms(&test.targets),
            mean_rmse: deviation(&test.targets),
            line_rmse: best_line_rmse(test.columns, &test.inputs, &test.targets),
            segments,
            limit,
        }
    }

    /// Error of the best fit with this many straight pieces; NaN where that means nothing. Beyond what was searched it is 0
    /// unless the target is a polynomial: a piece for every few points passes through all of them.
    pub fn segments_rmse(&self, segments: f64) -> f64 {
        if segments.is_nan() || self.segments.is_empty() {
            return f64::NAN;
        }
        match (self.segments.get((segments as usize).max(1) - 1), self.limit) {
            (Some(&rmse), _) => rmse,
            (None, Some(limit)) => limit / segments.powi(2),
            (None, None) => 0.0,
        }
    }
}

/// The best least-squares fit of n straight pieces to f on [a, b] has, for many pieces, a root mean square error of
/// (∫|f″|^(2/5))^(5/2)/(√720·√(b − a)·n²): where every piece of length h leaves f″²h⁵/720, and all leave the same (de Boor
/// 1973, "Good approximation by splines with variable knots"). Where f″ is constant that holds for every n.
fn limit(coefficients: &[f64], from: f64, to: f64) -> f64 {
    const POINTS: usize = 4096;
    let second: Vec<f64> = coefficients.iter().enumerate().skip(2).map(|(n, c)| (n * (n - 1)) as f64 * c).collect();
    let step = (to - from) / POINTS as f64;
    let integral: f64 =
        (0..POINTS).map(|i| polynomial(&second, from + (i as f64 + 0.5) * step).abs().powf(0.4) * step).sum();
    integral.powf(2.5) / (720.0 * (to - from)).sqrt()
}

/// Σnᵢ + 1, about what a network has with random biases (Hanin & Rolnick 2019, arXiv:1901.09021), and at most what training
/// mostly ends with (docs/difficulty.md); with biases of 0 it begins with 2.
pub fn one_a_unit(hidden: &[usize]) -> f64 {
    hidden.iter().map(|&units| units as f64).sum::<f64>() + 1.0
}

/// The baselines of the test points that were met last: of most experiments all runs share theirs.
#[derive(Default)]
pub struct BaselineCache(Mutex<Vec<(Samples, f64, Arc<Baselines>)>>);

impl BaselineCache {
    const KEPT: usize = 16;

    /// Those of a run of this configuration, tested on these points.
    pub fn of(&self, test: &Samples, config: &Config) -> Arc<Baselines> {
        let most = most_linear_regions(&config.model);
        let found = |kept: &[(Samples, f64, Arc<Baselines>)]| {
            kept.iter().find(|(points, pieces, _)| *pieces == most && points == test).map(|(.., known)| known.clone())
        };
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = found(&lock()) {
            return known;
        }
        let new = Arc::new(Baselines::of(test, &config.data, most));
        let mut kept = lock();
        kept.truncate(Self::KEPT - 1);
        kept.insert(0, (test.clone(), most, new.clone()));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;

    fn baselines(text: &str) -> Baselines {
        let config = Experiment::parse(&format!("[data]\n{text}"), "x.toml", &[]).expect("data").baseline;
        let data = crate::data::RunData::new(&config, 0, &crate::data::Files::default()).expect("data");
        Baselines::of(&data.test, &config.data, 1e6)
    }

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!((a / b - 1.0).abs() < tolerance, "{a} against {b}");
    }

    #[test]
    fn the_sources_baselines_are_those_of_the_closed_forms() {
        // facts: on x = 1…1000, mean squared errors of 2.010017e11, 8.92224e10 and 5.5555e9.
        let found = baselines("target = { polynomial = [0, 1, 1] }");
        near(found.zero_rmse.powi(2), 2.010017e11, 1e-5);
        near(found.mean_rmse.powi(2), 8.92224e10, 1e-5);
        near(found.line_rmse.powi(2), 5.5555e9, 1e-4);
    }

    #[test]
    fn few_pieces_and_many_have_the_error_of_the_closed_form_for_a_parabola() {
        let found = baselines("target = { polynomial = [0, 1, 1] }");
        for pieces in [2.0, 16.0, 17.0, 91.0, 2116.0] {
            // f″²h⁴/720.
            let closed = (4.0 * (999.0_f64 / pieces).powi(4) / 720.0).sqrt();
            near(found.segments_rmse(pieces), closed, 0.03);
        }
    }

    #[test]
    fn the_limit_of_a_cubic_goes_on_from_what_the_search_finds() {
        let found =
            baselines("target = { polynomial = [0, -1, 0, 1] }\ninputs = { grid = { from = -2, to = 2, count = 50 } }");
        near(found.segments_rmse(16.0) * 256.0, found.segments_rmse(17.0) * 289.0, 0.05);
    }

    #[test]
    fn a_line_has_no_error_with_any_number_of_pieces() {
        let found = baselines("target = { polynomial = [3, 2] }");
        assert!(found.segments_rmse(1.0) < 1e-9 && found.segments_rmse(1000.0) == 0.0);
        assert!(found.segments_rmse(f64::NAN).is_nan());
    }
}
