//! Logistic regression, fitted to its optimum: how well a linear model tells classes apart.

use std::collections::VecDeque;

use super::table::{LANES, Scaling, blocks, dot, evenly_spaced};

/// Most of rows·(columns + 16)·classes, where 16 is for the exponential function. More rows are thinned out.
const MOST_WORK: usize = 20_000_000;
const MOST_STEPS: usize = 1000;
/// Points that the search along a direction tries.
const MOST_TRIALS: usize = 40;
/// Steps that L-BFGS remembers.
const MEMORY: usize = 10;

/// A fitted model.
///
/// The inputs are standardised by mean and standard deviation (divisor n) of the rows that it was fitted to; constant columns
/// become 0. The weights are those with the least ½‖w‖² + Σ log-loss, the intercepts free: scikit-learn's `LogisticRegression()`
/// behind a `StandardScaler()`. Two classes have one vector of weights and the sigmoid function, more of them one each and the
/// softmax. The penalty makes the optimum unique even where a line separates the classes.
#[derive(Debug, Clone)]
pub struct Logistic {
    columns: usize,
    classes: usize,
    /// Nothing if it was fitted to numbers that are not finite.
    scaling: Option<Scaling>,
    /// Classes that have rows.
    present: Vec<usize>,
    /// `[vectors, columns]`, then `[vectors]` intercepts.
    weights: Vec<f64>,
}

impl Logistic {
    /// Fits `inputs` `[rows, columns]`, row by row, with `labels` `[rows]` in 0..classes; rows with other labels are left out.
    ///
    /// A class without a row has the probability 0, the limit of its free intercept, and is none of two. If one class only
    /// has rows, its probability is 1; without any rows all classes have the same. If an input is not finite, every
    /// probability is NaN.
    ///
    /// Of so many rows that rows·(columns + 16)·classes would be above 2·10⁷, only as many as stay below, evenly spaced within
    /// each class. L-BFGS (Liu & Nocedal 1989) takes at most 1000 steps. It ends where the Euclidean norm of the gradient is
    /// below 1e-10, or 1e-14·rows where that is more: as every weight's curvature is at least 1, no weight is farther off.
    pub fn fit(columns: usize, inputs: &[f64], labels: &[usize], classes: usize) -> Self {
        let count = labels.len().min(inputs.len().checked_div(columns).unwrap_or(usize::MAX));
        let known = labels[..count].iter().copied().enumerate().filter(|(_, label)| *label < classes);
        let (rows, labels): (Vec<usize>, Vec<usize>) = known.unzip();
        let work = columns.saturating_add(16).saturating_mul(classes.max(1));
        let kept = evenly_spaced(&labels, (MOST_WORK / work).max(1));
        let (rows, mut labels): (Vec<usize>, Vec<usize>) = kept.iter().map(|&i| (rows[i], labels[i])).unzip();
        let mut present = labels.clone();
        present.sort_unstable();
        present.dedup();
        labels.iter_mut().for_each(|label| *label = present.partition_point(|class| class < label));
        let scaling = Scaling::of(columns, inputs, &rows);
        let weights = scaling.as_ref().map_or(Vec::new(), |scaling| {
            let blocks = blocks(scaling, columns, inputs, &rows);
            Problem { columns, classes: present.len(), blocks, labels }.optimum()
        });
        Logistic { columns, classes, scaling, present, weights }
    }

    /// Probabilities `[rows, classes]` of inputs `[rows, columns]`, row by row. NaN for a row with a number that is not finite.
    pub fn probabilities(&self, inputs: &[f64]) -> Vec<f64> {
        let rows = inputs.len().checked_div(self.columns).unwrap_or(0);
        let Some(scaling) = &self.scaling else { return vec![f64::NAN; rows * self.classes] };
        if self.present.is_empty() {
            return vec![1.0 / self.classes as f64; rows * self.classes];
        }
        let mut probabilities = vec![0.0; rows * self.classes];
        let mut logits = vec![[0.0; LANES]; self.present.len()];
        for first in (0..rows).step_by(LANES) {
            let lanes: Vec<usize> = (first..rows.min(first + LANES)).collect();
            let block = blocks(scaling, self.columns, inputs, &lanes);
            products(self.columns, &block, &self.weights, &mut logits);
            softmax(&mut logits);
            for (lane, row) in lanes.into_iter().enumerate() {
                for (class, logits) in self.present.iter().zip(&logits) {
                    probabilities[row * self.classes + class] = logits[lane];
                }
            }
        }
        probabilities
    }
}

/// What is to be made as small as can be.
struct Problem {
    columns: usize,
    /// Every class has a row.
    classes: usize,
    /// Standardised inputs, `[blocks, columns]` of LANES rows.
    blocks: Vec<[f64; LANES]>,
    /// `[rows]`, in 0..classes.
    labels: Vec<usize>,
}

/// The objective and its first and second derivative along a direction.
#[derive(Clone, Copy)]
struct Point {
    value: f64,
    slope: f64,
    curvature: f64,
}

/// One vector of weights for each class; of two classes, none for the first.
fn vectors(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

impl Problem {
    /// The weights `[vectors, columns]` and intercepts `[vectors]` of the optimum.
    fn optimum(&self) -> Vec<f64> {
        let mut weights = self.start();
        if self.columns == 0 || self.classes < 2 {
            return weights;
        }
        let tolerance = f64::max(1e-10, 1e-14 * self.labels.len() as f64);
        let mut line = Line {
            logits: self.logits(&weights),
            slopes: vec![[0.0; LANES]; self.lanes()],
            probabilities: vec![[0.0; LANES]; self.lanes()],
            penalty: [0.0; 3],
            here: f64::NAN,
        };
        line.here = line.at(self, 0.0).value;
        let mut gradient = self.gradient(&weights, &line.probabilities);
        let mut memory = Memory(VecDeque::new());
        for _ in 0..MOST_STEPS {
            let norm = dot(&gradient, &gradient).sqrt();
            if norm <= tolerance || norm.is_nan() {
                break;
            }
            let direction = memory.direction(&gradient);
            line.slopes = self.logits(&direction);
            line.penalty = self.penalty(&weights, &direction);
            // Without a memory the direction's length says nothing.
            let newton = if memory.0.is_empty() { norm * norm / line.at(self, 0.0).curvature } else { 1.0 };
            let Some(step) = line.search(self, dot(&gradient, &direction), newton) else {
                if memory.0.is_empty() {
                    break;
                }
                memory.0.clear();
                continue;
            };
            weights.iter_mut().zip(&direction).for_each(|(weight, d)| *weight += step * d);
            let before = std::mem::replace(&mut gradient, self.gradient(&weights, &line.probabilities));
            let change = gradient.iter().zip(&before).map(|(after, before)| after - before).collect();
            memory.remember(direction.iter().map(|d| step * d).collect(), change);
        }
        weights
    }

    /// No weights, and the intercepts that give every class its share of the rows.
    fn start(&self) -> Vec<f64> {
        let vectors = vectors(self.classes);
        let mut rows = vec![0.0; self.classes];
        self.labels.iter().for_each(|&label| rows[label] += 1.0);
        let logs: Vec<f64> = rows.into_iter().map(libm::log).collect();
        let middle = if self.classes == 2 { logs[0] } else { logs.iter().sum::<f64>() / self.classes as f64 };
        let mut weights = vec![0.0; vectors * self.columns];
        weights.extend(logs[self.classes - vectors..].iter().map(|log| log - middle));
        weights
    }

    /// Length of `[blocks, classes]`.
    fn lanes(&self) -> usize {
        self.labels.len().div_ceil(LANES) * self.classes
    }

    /// `[blocks, classes]`.
    fn logits(&self, weights: &[f64]) -> Vec<[f64; LANES]> {
        let mut logits = vec![[0.0; LANES]; self.lanes()];
        let blocks = self.blocks.chunks_exact(self.columns);
        for (block, logits) in blocks.zip(logits.chunks_exact_mut(self.classes)) {
            products(self.columns, block, weights, logits);
        }
        logits
    }

    /// Of the objective by the weights: w + Σ (p − y)·x for each vector, without w for its intercept.
    fn gradient(&self, weights: &[f64], probabilities: &[[f64; LANES]]) -> Vec<f64> {
        let vectors = vectors(self.classes);
        let mut gradient = weights.to_vec();
        let (slopes, intercepts) = gradient.split_at_mut(vectors * self.columns);
        intercepts.fill(0.0);
        let blocks = self.blocks.chunks_exact(self.columns).zip(self.labels.chunks(LANES));
        for ((block, labels), probabilities) in blocks.zip(probabilities.chunks_exact(self.classes)) {
            let probabilities = &probabilities[self.classes - vectors..];
            let parts = slopes.chunks_exact_mut(self.columns).zip(intercepts.iter_mut());
            for (vector, (probabilities, (slopes, intercept))) in probabilities.iter().zip(parts).enumerate() {
                let class = vector + self.classes - vectors;
                let mut errors = [0.0; LANES];
                for ((error, p), &label) in errors.iter_mut().zip(probabilities).zip(labels) {
                    *error = if label == class { p - 1.0 } else { *p };
                }
                *intercept += total(&errors, &[1.0; LANES]);
                for (slope, x) in slopes.iter_mut().zip(block) {
                    *slope += total(&errors, x);
                }
            }
        }
        gradient
    }

    /// ½‖w + t·d‖² as a polynomial in t, without the intercepts.
    fn penalty(&self, weights: &[f64], direction: &[f64]) -> [f64; 3] {
        let end = vectors(self.classes) * self.columns;
        let (weights, direction) = (&weights[..end], &direction[..end]);
        [dot(weights, weights) / 2.0, dot(weights, direction), dot(direction, direction) / 2.0]
    }
}

/// A point, and a direction in which to go on from there. `[blocks, classes]` each.
struct Line {
    logits: Vec<[f64; LANES]>,
    /// Logits of the direction.
    slopes: Vec<[f64; LANES]>,
    /// Where it was last tried.
    probabilities: Vec<[f64; LANES]>,
    penalty: [f64; 3],
    /// The objective at the point.
    here: f64,
}

impl Line {
    /// The objective so many steps on.
    fn at(&mut self, problem: &Problem, step: f64) -> Point {
        let [constant, linear, square] = self.penalty;
        let mut point = Point {
            value: constant + step * (linear + step * square),
            slope: linear + 2.0 * step * square,
            curvature: 2.0 * square,
        };
        let classes = problem.classes;
        let lines = self.logits.chunks_exact(classes).zip(self.slopes.chunks_exact(classes));
        let blocks = lines.zip(self.probabilities.chunks_exact_mut(classes)).zip(problem.labels.chunks(LANES));
        for (((logits, slopes), probabilities), labels) in blocks {
            for ((out, logits), slopes) in probabilities.iter_mut().zip(logits).zip(slopes) {
                for ((out, logit), slope) in out.iter_mut().zip(logits).zip(slopes) {
                    *out = logit + step * slope;
                }
            }
            for (lane, &label) in labels.iter().enumerate() {
                point.value -= probabilities[label][lane];
                point.slope -= slopes[label][lane];
            }
            let log_sums = softmax(probabilities);
            let (mut means, mut squares) = ([0.0; LANES], [0.0; LANES]);
            for (probabilities, slopes) in probabilities.iter().zip(slopes) {
                for (((mean, square), p), slope) in means.iter_mut().zip(&mut squares).zip(probabilities).zip(slopes) {
                    *mean += p * slope;
                    *square += p * slope * slope;
                }
            }
            for (((log_sum, mean), square), _) in log_sums.iter().zip(means).zip(squares).zip(labels) {
                point.value += log_sum;
                point.slope += mean;
                point.curvature += square - mean * mean;
            }
        }
        point
    }

    /// Goes on to where the slope is at most a tenth of `slope`, that here, and the objective no higher; returns the steps to
    /// there. The objective is convex: the zero of its slope is enclosed, and looked for by Newton's method and bisection
    /// from `first` on. Nothing where rounding hides it.
    fn search(&mut self, problem: &Problem, slope: f64, first: f64) -> Option<f64> {
        let highest = self.here + 1e-12 * self.here.abs();
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let mut step = first;
        for trial in 1..=MOST_TRIALS {
            let point = self.at(problem, step);
            if !point.slope.is_finite() {
                return None;
            }
            if point.slope.abs() <= 0.1 * slope.abs() && point.value <= highest {
                self.here = point.value;
                self.go(step);
                return Some(step);
            }
            if point.slope > 0.0 || point.value > highest {
                high = step
            } else {
                low = step
            }
            let newton = (step - point.slope / point.curvature).min(16.0 * step);
            let bisected = if high.is_finite() { (low + high) / 2.0 } else { 2.0 * step };
            step = if low < newton && newton < high && trial % 4 != 0 { newton } else { bisected };
        }
        None
    }

    fn go(&mut self, step: f64) {
        for (logits, slopes) in self.logits.iter_mut().zip(&self.slopes) {
            for (logit, slope) in logits.iter_mut().zip(slopes) {
                *logit += step * slope;
            }
        }
    }
}

/// Past steps and changes of the gradient, the newest last, each with 1/(step·change).
struct Memory(VecDeque<(Vec<f64>, Vec<f64>, f64)>);

impl Memory {
    fn remember(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let curvature = dot(&step, &change);
        if curvature > 0.0 {
            if self.0.len() == MEMORY {
                self.0.pop_front();
            }
            self.0.push_back((step, change, 1.0 / curvature));
        }
    }

    /// Minus the inverse Hessian that the memory knows of, times the gradient (Nocedal & Wright 2006, algorithm 7.4).
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let add = |direction: &mut [f64], factor: f64, vector: &[f64]| {
            direction.iter_mut().zip(vector).for_each(|(d, v)| *d += factor * v);
        };
        let mut factors = Vec::with_capacity(MEMORY);
        for (step, change, inverse) in self.0.iter().rev() {
            let factor = inverse * dot(step, &direction);
            add(&mut direction, -factor, change);
            factors.push(factor);
        }
        if let Some((_, change, inverse)) = self.0.back() {
            let scale = 1.0 / (inverse * dot(change, change));
            direction.iter_mut().for_each(|d| *d *= scale);
        }
        for ((step, change, inverse), factor) in self.0.iter().zip(factors.into_iter().rev()) {
            let correction = factor - inverse * dot(change, &direction);
            add(&mut direction, correction, step);
        }
        direction
    }
}

/// The logits `[classes]` of a block of inputs `[columns]`: products with the weights, and the intercepts; 0 of a class without
/// a vector.
fn products(columns: usize, block: &[[f64; LANES]], weights: &[f64], logits: &mut [[f64; LANES]]) {
    let vectors = vectors(logits.len());
    let without = logits.len() - vectors;
    logits[..without].fill([0.0; LANES]);
    for (vector, logits) in logits[without..].iter_mut().enumerate() {
        let mut sums = [weights[vectors * columns + vector]; LANES];
        for (x, weight) in block.iter().zip(&weights[vector * columns..][..columns]) {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum += weight * x;
            }
        }
        *logits = sums;
    }
}

/// Logits `[classes]` become probabilities; back come the logarithms of the sums of their exponentials.
fn softmax(logits: &mut [[f64; LANES]]) -> [f64; LANES] {
    let mut largest = [f64::NEG_INFINITY; LANES];
    for logits in logits.iter() {
        for (largest, logit) in largest.iter_mut().zip(logits) {
            *largest = if logit > largest { *logit } else { *largest };
        }
    }
    let mut sums = [0.0; LANES];
    for logits in logits.iter_mut() {
        for ((logit, largest), sum) in logits.iter_mut().zip(&largest).zip(&mut sums) {
            *logit = exp(*logit - largest);
            *sum += *logit;
        }
    }
    for logits in logits.iter_mut() {
        for (logit, sum) in logits.iter_mut().zip(&sums) {
            *logit /= sum;
        }
    }
    for (largest, sum) in largest.iter_mut().zip(sums) {
        *largest += libm::log(sum);
    }
    largest
}

/// eˣ of x up to 0, to an f64's last digit or two; 0 below 1e-307. Without a branch, so that loops over it are vectorised, and
/// with the same bits on every machine: x = n·ln 2 + r (Cody & Waite 1980), 2ⁿ by its bits, eʳ by its Taylor series.
fn exp(x: f64) -> f64 {
    /// A sum with it has the nearest whole number in its last bits.
    const WHOLE: f64 = 1.5 * (1_u64 << 52) as f64;
    /// ln 2 in two parts; products of the first with n are exact.
    const LN_2: [f64; 2] = [f64::from_bits(0x3fe6_2e42_fee0_0000), 1.908_214_929_270_587_7e-10];
    /// 1/13!, 1/12! … 1/0!.
    const SERIES: [f64; 14] = {
        let mut series = [1.0; 14];
        let mut i = 13;
        while i > 0 {
            series[i - 1] = series[i] / (14 - i) as f64;
            i -= 1;
        }
        series
    };
    let shifted = x * std::f64::consts::LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let sum = SERIES.iter().fold(0.0, |sum, term| sum * r + term);
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    if x < -707.0 { 0.0 } else { sum * power }
}

/// Σ a·b, as four sums side by side, which a processor adds at once, and their sum.
fn total(a: &[f64; LANES], b: &[f64; LANES]) -> f64 {
    let mut sums = [0.0; 4];
    for (a, b) in a.chunks_exact(4).zip(b.chunks_exact(4)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}
