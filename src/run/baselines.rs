//! What simple predictors reach on the test points, and how well a piecewise-linear function, which a ReLU network is, can
//! do there at best. All of it is found from the data.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hasher;
use std::sync::{Arc, Mutex};

use super::health::{is_linear_regression, most_linear_regions};
use crate::data::coding::likeliest;
use crate::data::{RunData, Samples, polynomial};
use crate::experiment::config::{Config, Data, Model, Target, Test};
use crate::experiment::table::Task;
use crate::results::outcome::FITS;
use crate::stats::learners::{self, Lesson};
use crate::stats::linear::{best_line_rmse, line_rmse};
use crate::stats::logistic::Logistic;
use crate::stats::moments::{Fit, deviation, mean, rms};
use crate::stats::neighbours::{least_error, nearest_neighbour_error};
use crate::stats::segments::best_segments;

/// Root mean square errors on one set of test points, in target units, of classes those of their probabilities.
///
/// Of a function they are the best on the test points themselves. Of a file's rows they are learnt from the training rows and
/// judged on the test rows, as a network is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Baselines {
    /// Of always 0; NaN of classes.
    pub zero_rmse: f64,
    /// Of always the mean; of classes their shares.
    pub mean_rmse: f64,
    /// Of the best straight line; of classes a logistic regression.
    pub line_rmse: f64,
    /// R² that the best of a few simple learners reaches, of a file's regression, NaN where they learn nothing; and the one that
    /// is a fit where the file asks for none, NaN of classes, and where nothing is ([`of_learners`]).
    pub reachable_r2: f64,
    pub goal_r2: f64,
    /// With 1, 2, … straight pieces, found on the points; of several inputs or outputs none.
    segments: Vec<f64>,
    /// With n pieces, for many, this over n²; of a polynomial on a grid.
    limit: Option<f64>,
    /// Of classes and labels.
    pub classes: Option<ClassBaselines>,
}

/// What simple classifiers reach: shares of right predictions and mean log-losses on the test points.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassBaselines {
    /// Of always the most frequent class of the training rows.
    pub majority_share: f64,
    pub line_accuracy: f64,
    /// An estimate of what the best classifier there is could reach ([`reachable`]), or what a logistic regression reaches,
    /// whichever is more.
    pub reachable_accuracy: f64,
    /// What is a fit where the file has no goal.
    pub goal_accuracy: f64,
    pub shares_log_loss: f64,
    pub line_log_loss: f64,
    /// Shares of the classes, or of the rows that have a label, in the test rows.
    pub class_shares: Vec<f64>,
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
            reachable_r2: f64::NAN,
            goal_r2: FITS,
            segments,
            limit,
            classes: None,
        }
    }

    /// Of a run: of a file's rows those that are learnt from its training rows.
    fn of_run(data: &RunData, model: &Model) -> Self {
        let most = most_linear_regions(model);
        match data.coding.task {
            _ if data.config.target.file().is_none() => Baselines::of(&data.test, &data.config, most),
            Task::Regression => Self::of_numbers(data, model, most),
            Task::Classification => Self::of_classes(data),
            Task::MultiLabel => Self::of_labels(data),
        }
    }

    fn of_numbers(data: &RunData, model: &Model, most: f64) -> Self {
        let (train, test) = (&data.train, &data.test);
        let outputs = train.outputs;
        let column =
            |of: &Samples, c: usize| -> Vec<f64> { of.targets.iter().skip(c).step_by(outputs).copied().collect() };
        // The mean of one is that one, to the last bit.
        let all = |errors: Vec<f64>| if let [only] = errors[..] { only } else { rms(&errors) };
        let always = |c: usize| Fit::rmse(&vec![mean(&column(train, c)); test.rows()], &column(test, c));
        let lines = line_rmse(train.columns, [&train.inputs, &train.targets], [&test.inputs, &test.targets], outputs);
        let [reachable_r2, goal_r2] = of_learners(data, is_linear_regression(model), &lines);
        let segments = if test.columns == 1 && outputs == 1 {
            Baselines::of(test, &data.config, most).segments
        } else {
            Vec::new()
        };
        Baselines {
            zero_rmse: rms(&test.targets),
            mean_rmse: all((0..outputs).map(always).collect()),
            line_rmse: all(lines),
            reachable_r2,
            goal_r2,
            segments,
            limit: None,
            classes: None,
        }
    }

    fn of_classes(data: &RunData) -> Self {
        let (train, test) = (&data.train, &data.test);
        let count = data.coding.scored();
        let places =
            |samples: &Samples| -> Vec<usize> { samples.targets.iter().map(|&class| class as usize).collect() };
        let labels = places(train);
        let shares = shares(&labels, count);
        let constant: Vec<f64> = shares.iter().copied().cycle().take(test.rows() * count).collect();
        let line = Logistic::fit(train.columns, &train.inputs, &labels, count).probabilities(&test.inputs);
        let class_shares = self::shares(&places(test), count);
        let most_frequent = [&shares, &class_shares].map(|of| of.iter().copied().fold(0.0, f64::max));
        let reached = reachable(train, test, &labels);
        let learnt = data.coding.accuracy(&line, test) > by_chance(most_frequent[1], test.rows())
            || 1.0 - nearest_neighbour_error(train.columns, &train.inputs, &labels)
                > by_chance(most_frequent[0], labels.len());
        // Where simple learners learn nothing, nothing is known of what can be reached on other rows.
        let reached = match learnt || train == test || labels.len() < FEWEST_LABELS {
            true => [reached; 2],
            false => [f64::NAN, 1.0],
        };
        Self::of_probabilities(data, [&constant, &line], reached, most_frequent, class_shares)
    }

    /// Each label for itself, and their mean.
    fn of_labels(data: &RunData) -> Self {
        let (train, test) = (&data.train, &data.test);
        let labels = train.outputs;
        let (mut constant, mut line) = (vec![0.0; test.targets.len()], vec![0.0; test.targets.len()]);
        let mut reached = 0.0;
        for label in 0..labels {
            let own: Vec<usize> = train.targets.iter().skip(label).step_by(labels).map(|&y| y as usize).collect();
            let share = own.iter().sum::<usize>() as f64 / own.len() as f64;
            let fitted = Logistic::fit(train.columns, &train.inputs, &own, 2).probabilities(&test.inputs);
            for row in 0..test.rows() {
                constant[row * labels + label] = share;
                line[row * labels + label] = fitted[2 * row + 1];
            }
            reached += reachable(train, test, &own) / labels as f64;
        }
        let most_frequent = [data.coding.accuracy(&constant, test); 2];
        let share = |label: usize| mean(&test.targets.iter().skip(label).step_by(labels).copied().collect::<Vec<_>>());
        Self::of_probabilities(data, [&constant, &line], [reached; 2], most_frequent, (0..labels).map(share).collect())
    }

    /// Of the shares of the training rows and of a logistic regression, both as probabilities at the test points. What can be
    /// reached, and what a fit is to come near.
    fn of_probabilities(
        data: &RunData,
        [constant, line]: [&[f64]; 2],
        [reachable, asked]: [f64; 2],
        most_frequent: [f64; 2],
        class_shares: Vec<f64>,
    ) -> Self {
        let (coding, test, truth) = (&data.coding, &data.test, &data.test_truth);
        let line_accuracy = coding.accuracy(line, test);
        // f64::max would forget a NaN.
        let at_least_line = |accuracy: f64| if accuracy.is_nan() { f64::NAN } else { line_accuracy.max(accuracy) };
        let asked = at_least_line(asked);
        let goal = if asked.is_nan() { f64::NAN } else { goal_accuracy(most_frequent, asked, test.targets.len()) };
        Baselines {
            zero_rmse: f64::NAN,
            mean_rmse: Fit::rmse(constant, truth),
            line_rmse: Fit::rmse(line, truth),
            reachable_r2: f64::NAN,
            goal_r2: f64::NAN,
            segments: Vec::new(),
            limit: None,
            classes: Some(ClassBaselines {
                majority_share: coding.accuracy(constant, test),
                line_accuracy,
                reachable_accuracy: at_least_line(reachable),
                goal_accuracy: goal,
                shares_log_loss: log_loss(data, constant),
                line_log_loss: log_loss(data, line),
                class_shares,
            }),
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

/// Unexplained variance beside that of the best simple learner: 5 % more of its error still counts as reached.
const AS_NEAR: f64 = 1.05 * 1.05;
/// Of what can be explained a straight line explains so much, where it is all that is asked of a linear regression.
const MOSTLY_LINEAR: f64 = 0.8;

/// R² that the best of a few simple learners reaches, and the R² that is a fit where the file asks for none.
///
/// The learner is judged on the test rows, or, where these are the training rows, on each where it is left out; one that saw a part
/// of the training rows as if it had seen all. A straight line that is as good as any is taken as all rows have it, and of a
/// linear regression no more is asked than that, if it explains most. 5 % more error than the learner's is a fit, but never less
/// than half of what it explains of the training rows that it left out. Where it learns nothing of rows that are learnt and
/// tested alike, whatever fits has learnt them by heart, and there is no fit.
fn of_learners(data: &RunData, linear_regression: bool, lines: &[f64]) -> [f64; 2] {
    let (train, test) = (&data.train, &data.test);
    let learned = match learners::best(train.columns, &train.inputs, &train.targets, train.outputs) {
        Lesson::Learned(learned) => learned,
        Lesson::Nothing if train == test => return [f64::NAN; 2],
        Lesson::Nothing | Lesson::NotTried => return [f64::NAN, FITS],
    };
    let spread = |c: usize| deviation(&test.targets.iter().skip(c).step_by(test.outputs).copied().collect::<Vec<_>>());
    let spreads: Vec<f64> = (0..test.outputs).map(spread).collect();
    let r2 = |errors: &[f64]| {
        let varying = errors.iter().zip(&spreads).filter(|(_, spread)| **spread > 0.0);
        let unexplained: Vec<f64> = varying.map(|(error, spread)| (error / spread).powi(2)).collect();
        1.0 - mean(&unexplained)
    };
    let reached = match (train == test, learned.is_line) {
        (true, _) => r2(&learned.left_out),
        (false, true) => r2(lines),
        (false, false) => data.coding.fit(&learned.predictions(&test.inputs), &data.test_truth).r2,
    };
    let reached = 1.0 - (1.0 - reached) * if learned.is_line { 1.0 } else { learned.with_all_rows };
    let line = r2(lines);
    let asked = if linear_regression && line >= MOSTLY_LINEAR * reached { line.min(reached) } else { reached };
    let goal = (1.0 - AS_NEAR * (1.0 - asked)).max((1.0 - learned.unexplained) / 2.0);
    [reached, goal.min(FITS)]
}

/// Σnᵢ + 1, about what a network has with random biases (Hanin & Rolnick 2019, arXiv:1901.09021), and at most what training
/// mostly ends with (docs/difficulty.md); with biases of 0 it begins with 2.
pub fn one_a_unit(hidden: &[usize]) -> f64 {
    hidden.iter().map(|&units| units as f64).sum::<f64>() + 1.0
}

/// The share of right predictions that can be reached, by an estimate: by the bound of Cover & Hart (1967) from the error of the
/// nearest neighbour among the training rows. Where these are the test rows too, they can be learnt by heart, but for rows of
/// equal inputs and different labels; NaN where neighbours are not better than the most frequent class, since then all that
/// fits has learnt by heart.
fn reachable(train: &Samples, test: &Samples, labels: &[usize]) -> f64 {
    if train != test {
        let classes: BTreeSet<usize> = labels.iter().copied().collect();
        return 1.0 - least_error(nearest_neighbour_error(train.columns, &train.inputs, labels), classes.len());
    }
    if labels.len() >= FEWEST_LABELS {
        let right = 1.0 - nearest_neighbour_error(train.columns, &train.inputs, labels);
        let classes = labels.iter().max().map_or(0, |last| last + 1);
        let frequent = shares(labels, classes).into_iter().fold(0.0, f64::max);
        if right <= by_chance(frequent, labels.len()) {
            return f64::NAN;
        }
    }
    let mut counts: HashMap<Vec<u64>, BTreeMap<usize, usize>> = HashMap::new();
    for (row, &label) in labels.iter().enumerate() {
        let inputs = train.row(row).iter().map(|input| input.to_bits()).collect();
        *counts.entry(inputs).or_default().entry(label).or_default() += 1;
    }
    let right: usize = counts.values().filter_map(|labels| labels.values().max()).sum();
    right as f64 / labels.len() as f64
}

/// Of fewer labels neighbours say nothing.
const FEWEST_LABELS: usize = 10;

/// Of the way from the most frequent class' share to what can be reached, so much is a fit.
const OF_THE_WAY: f64 = 0.95;

/// Standard errors that a share may be from what is meant on one side, by chance: 95 % of the time it is not.
const BY_CHANCE: f64 = 1.64;

/// What a share of so many rows may be by chance where this is meant.
fn by_chance(share: f64, rows: usize) -> f64 {
    share + BY_CHANCE * (share * (1.0 - share) / rows as f64).sqrt()
}

/// The accuracy that is a fit where the file has no `[goal]`: 95 % of the way from the share of the most frequent class to
/// what can be reached, less 1.64 standard errors of so many test rows, and always above the share of the most frequent class
/// among the test rows. `most_frequent` are the shares of the most frequent class in the training and in the test rows.
fn goal_accuracy(most_frequent: [f64; 2], reachable: f64, rows: usize) -> f64 {
    let [learnt, tested] = most_frequent;
    let wanted = learnt + OF_THE_WAY * (reachable - learnt).max(0.0);
    let error = (wanted * (1.0 - wanted) / rows as f64).max(0.0).sqrt();
    (wanted - BY_CHANCE * error).max((tested + 1.0 / rows as f64).min(1.0))
}

/// Shares of each of so many classes.
fn shares(labels: &[usize], classes: usize) -> Vec<f64> {
    let mut counts = vec![0_usize; classes];
    labels.iter().for_each(|&class| counts[class] += 1);
    counts.into_iter().map(|count| count as f64 / labels.len() as f64).collect()
}

/// Mean negative logarithm of the probability of what is so, clipped to 1e-7, over the test rows, or over all their labels;
/// NaN in a regression.
pub fn log_loss(data: &RunData, scores: &[f64]) -> f64 {
    let surprise = |probability: f64| -probability.clamp(1e-7, 1.0 - 1e-7).ln();
    let of = |(score, truth): (&f64, &f64)| match (data.coding.task, *truth == 1.0) {
        (_, true) => surprise(*score),
        (Task::MultiLabel, false) => surprise(1.0 - score),
        (_, false) => 0.0,
    };
    match data.coding.task {
        Task::Regression => f64::NAN,
        _ => scores.iter().zip(&data.test_truth).map(of).sum::<f64>() / data.test.targets.len() as f64,
    }
}

/// Shares of the test points that are predicted to be of each class, or to have each label; none in a regression.
pub fn predicted_shares(data: &RunData, scores: &[f64]) -> Vec<f64> {
    let columns = data.coding.scored();
    let mut counts = vec![0_usize; columns];
    for row in scores.chunks(columns) {
        match data.coding.task {
            Task::Regression => return Vec::new(),
            Task::Classification => likeliest(row).into_iter().for_each(|class| counts[class] += 1),
            Task::MultiLabel => {
                counts.iter_mut().zip(row).for_each(|(count, &score)| *count += usize::from(score > 0.5))
            }
        }
    }
    counts.into_iter().map(|count| count as f64 / data.test.rows() as f64).collect()
}

/// The baselines that were found so far: of most experiments all runs, or all of one seed, share theirs.
#[derive(Debug, Default)]
pub struct BaselineCache(Mutex<HashMap<(u64, u64, bool), Arc<Baselines>>>);

impl BaselineCache {
    const KEPT: usize = 4096;

    /// Those of a run of this configuration.
    pub fn of(&self, data: &RunData, config: &Config) -> Arc<Baselines> {
        let model = &config.model;
        let most = most_linear_regions(model);
        let key = (fingerprint(data), most.to_bits(), is_linear_regression(model));
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return known.clone();
        }
        let new = Arc::new(Baselines::of_run(data, model));
        let mut kept = lock();
        if kept.len() == Self::KEPT {
            kept.clear();
        }
        kept.insert(key, new.clone());
        new
    }
}

/// Of all that baselines are found from.
fn fingerprint(data: &RunData) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut write = |samples: &Samples| {
        [samples.columns, samples.outputs, samples.rows()].into_iter().for_each(|size| hasher.write_usize(size));
        samples.inputs.iter().chain(&samples.targets).for_each(|value| hasher.write_u64(value.to_bits()));
    };
    write(&data.test);
    // Those of a function depend on the test points alone.
    if data.config.target.file().is_some() {
        write(&data.train);
    }
    hasher.write_usize(data.coding.scored());
    hasher.finish()
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

    #[test]
    fn the_goal_of_classes_is_near_what_can_be_reached_and_above_the_most_frequent_class() {
        // 0.5 + 0.95·0.4 = 0.88, less 1.64·√(0.88·0.12/100).
        assert!((goal_accuracy([0.5, 0.5], 0.9, 100) - (0.88 - 0.0533)).abs() < 1e-4);
        assert_eq!(goal_accuracy([0.9, 0.9], 0.85, 10), 1.0);
        assert_eq!(goal_accuracy([0.99, 0.99], 0.995, 200), 0.995);
        assert_eq!(goal_accuracy([0.3, 0.75], 0.7, 4), 1.0);
    }
}
