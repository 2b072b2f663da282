//! How targets reach the loss, and how what the network puts out is scored: numbers in original units of a regression,
//! probabilities of classes and labels.

use anyhow::{Result, bail, ensure};

use super::{Affine, Samples};
use crate::experiment::config::{Config, Labels, LossInput, LossKind, Output, Pairing, Scale};
use crate::experiment::table::Task;
use crate::stats::exponential::exponentials;
use crate::stats::moments::{Fit, deviation, mean};
use crate::text::numbers::plural;

/// Of the runs of one configuration on one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Coding {
    pub task: Task,
    /// Units of the last layer.
    pub outputs: usize,
    /// Numbers of a row that the loss takes.
    pub width: usize,
    /// Whether that is the place of a class, for a loss that picks the class' own logarithm.
    pub sparse: bool,
    /// How the classes or labels are written; of a regression nothing is made of it.
    labels: Labels,
    /// Columns of the targets; of classes there is one.
    columns: usize,
    /// The number that stands for each class under [`Labels::Number`].
    numbers: Vec<f64>,
    link: Link,
    /// Of each column of the targets.
    scale: Vec<Affine>,
}

/// What the network puts out, as a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Link {
    /// As it is.
    Probability,
    /// Each row divided by its sum.
    Normalised,
    Sigmoid,
    Softmax,
    Exp,
    /// From −1 to 1.
    Margin,
}

impl Coding {
    /// For targets of this task, which in the training rows are `targets`, `[rows, columns]`; `classes` are their names.
    pub fn new(config: &Config, task: Task, classes: &[String], columns: usize, targets: &[f64]) -> Result<Self> {
        let kind = config.loss.kind;
        let picks = matches!(kind, LossKind::CrossEntropy | LossKind::Nll);
        // A loss that is a module is taken for one of rows.
        let rowwise = picks || kind == LossKind::TorchScript;
        let count = classes.len();
        let labels = config.data.labels.unwrap_or(match (kind, task) {
            (LossKind::Hinge, _) => Labels::PlusMinus,
            (_, Task::Classification) if rowwise || count == 2 => Labels::Index,
            _ => Labels::OneHot,
        });
        let width = match (task, labels) {
            (Task::Regression | Task::MultiLabel, _) => columns,
            (Task::Classification, Labels::Index | Labels::Number) => 1,
            (Task::Classification, Labels::PlusMinus) if count == 2 => 1,
            (Task::Classification, Labels::OneHot | Labels::PlusMinus) => count,
        };
        let needed = if rowwise && task == Task::Classification { count } else { width };
        let outputs = config.model.outputs.unwrap_or(needed);
        let sparse = picks && task == Task::Classification && labels == Labels::Index;
        ensure!(
            outputs == width || outputs == 1 || (width == 1 && (!sparse || outputs >= count)),
            "model.outputs: {outputs} units for {} {}: set it to {needed}, or leave it out",
            if sparse { count } else { width },
            if task == Task::Classification { "classes" } else { "targets" }
        );
        ensure!(
            config.loss.pairing == Pairing::Matched || (outputs == 1 && width == 1),
            "loss.pairing: pairs are of one output with one target, not of {outputs} with {width}: remove this key"
        );
        ensure!(
            task == Task::Regression || config.data.noise == 0.0,
            "data.noise: classes and labels have no noise that could be added: remove this key"
        );
        match (task, config.data.labels) {
            (Task::Regression, Some(_)) => {
                bail!("data.labels: numbers have none: remove this key, or name the column as class = \"…\"")
            }
            (Task::MultiLabel, Some(labels @ (Labels::Index | Labels::Number))) => bail!(
                "data.labels: {:?} is of classes, and each of these columns is 0 or 1: accepted: one-hot (as they stand), plus-minus",
                labels.word()
            ),
            _ => {}
        }
        ensure!(
            task != Task::MultiLabel || config.data.scale_target == Scale::Divide(1.0),
            "data.scale_target: labels of 0 and 1 are not scaled: remove this key"
        );
        let whole: Option<Vec<f64>> =
            classes.iter().map(|class| class.parse::<i128>().ok().map(|n| n as f64)).collect();
        let numbers = match whole {
            Some(numbers) if labels == Labels::Number => numbers,
            _ => (0..count).map(|place| place as f64).collect(),
        };
        ensure!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "data.labels: two classes are the same number ({}): rename one, or use another form",
            classes.join(", ")
        );
        let mut coding = Coding {
            task,
            outputs,
            width,
            sparse,
            labels,
            columns,
            numbers,
            link: Link::of(config, labels, task, outputs),
            scale: vec![Affine { shift: 0.0, factor: 1.0 }; columns],
        };
        if task != Task::MultiLabel {
            let column = |c: usize| -> Vec<f64> {
                targets.iter().skip(c).step_by(columns).map(|&target| coding.number(target)).collect()
            };
            coding.scale = (0..columns).map(|c| Affine::new(config.data.scale_target, &column(c))).collect();
        }
        if sparse && outputs > 1 {
            let places: Vec<f64> = (0..count).map(|class| class as f64).collect();
            let outside = coding.encode(&places).into_iter().find(|place| !(0.0..outputs as f64).contains(place));
            if let Some(place) = outside {
                bail!(
                    "data.scale_target: makes {place} of the place of a class, and there are {outputs} units, from 0: scale by another number"
                );
            }
        }
        Ok(coding)
    }

    /// The task, and how it reaches the network, in a few words.
    pub fn said(&self) -> String {
        let units = plural(self.outputs, "output unit", "output units");
        match self.task {
            Task::Regression => format!("{}, {units}", plural(self.columns, "number", "numbers")),
            Task::MultiLabel => {
                format!("{} of 0 and 1 ({}), {units}", plural(self.columns, "label", "labels"), self.labels.word())
            }
            Task::Classification => format!("{} classes ({}), {units}", self.numbers.len(), self.labels.word()),
        }
    }

    /// Of a polynomial or a formula, as far as it is known before they are sampled.
    pub fn of_function(config: &Config) -> Result<Self> {
        Self::new(config, Task::Regression, &[], 1, &[])
    }

    /// The number that a target stands for: of a class by its place.
    fn number(&self, target: f64) -> f64 {
        if self.numbers.is_empty() { target } else { self.numbers.get(target as usize).copied().unwrap_or(f64::NAN) }
    }

    /// Targets, `[rows, columns]`, as the loss takes them, `[rows, width]`.
    pub fn encode(&self, targets: &[f64]) -> Vec<f64> {
        let units =
            |class: f64, other: f64| (0..self.width).map(move |unit| if unit as f64 == class { 1.0 } else { other });
        let targets = targets.iter();
        match (self.task, self.labels) {
            (Task::Regression, _) | (Task::Classification, Labels::Number) => {
                let scaled = |(at, &target): (usize, &f64)| self.scale[at % self.columns].scale(self.number(target));
                targets.enumerate().map(scaled).collect()
            }
            (Task::MultiLabel, Labels::PlusMinus) => targets.map(|&target| 2.0 * target - 1.0).collect(),
            (Task::MultiLabel, _) => targets.copied().collect(),
            // As an integer tensor would have it.
            (Task::Classification, Labels::Index) => targets.map(|&class| self.scale[0].scale(class).trunc()).collect(),
            (Task::Classification, Labels::PlusMinus) if self.width == 1 => {
                targets.map(|&class| 2.0 * class - 1.0).collect()
            }
            (Task::Classification, Labels::PlusMinus) => targets.flat_map(|&class| units(class, -1.0)).collect(),
            (Task::Classification, Labels::OneHot) => targets.flat_map(|&class| units(class, 0.0)).collect(),
        }
    }

    /// How many classes there are; of numbers and labels none.
    pub fn classes(&self) -> usize {
        self.numbers.len()
    }

    /// Numbers that a row is scored by.
    pub fn scored(&self) -> usize {
        match self.task {
            Task::Regression | Task::MultiLabel => self.columns,
            Task::Classification => self.numbers.len().max(self.outputs),
        }
    }

    /// What a row's numbers must be, `[rows, scored]`: targets in original units, or 1 for what is so and 0 for the rest.
    pub fn truth(&self, samples: &Samples) -> Vec<f64> {
        match self.task {
            Task::Regression | Task::MultiLabel => samples.targets.clone(),
            Task::Classification => {
                let one_hot = |&class: &f64| (0..self.scored()).map(move |at| f64::from(u8::from(at as f64 == class)));
                samples.targets.iter().flat_map(one_hot).collect()
            }
        }
    }

    /// Predictions in original units, or probabilities from 0 to 1, `[rows, scored]`, of what the network puts out,
    /// `[rows, outputs]`.
    pub fn scores(&self, values: &[f32]) -> Vec<f64> {
        let mut scores = Vec::with_capacity(values.len() / self.outputs * self.scored());
        if self.task == Task::Regression {
            if self.outputs == self.columns {
                let unscaled = |(at, &y): (usize, &f32)| self.scale[at % self.columns].unscale(f64::from(y));
                scores.extend(values.iter().enumerate().map(unscaled));
            } else {
                // One unit for all targets, or the first of several that learn the same one.
                for row in values.chunks(self.outputs) {
                    scores.extend(self.scale.iter().map(|scale| scale.unscale(f64::from(row[0]))));
                }
            }
            return scores;
        }
        let mut values: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
        if self.by_number() {
            values.iter_mut().for_each(|value| *value = self.link.one(*value));
        } else {
            self.link.probabilities(self.outputs, &mut values);
        }
        for row in values.chunks(self.outputs) {
            self.row(row, &mut scores);
        }
        scores
    }

    /// Whether a single unit puts out the number of a class.
    fn by_number(&self) -> bool {
        self.task == Task::Classification
            && self.outputs == 1
            && !self.sparse
            && match self.labels {
                Labels::Number => true,
                Labels::Index => self.numbers.len() > 2,
                Labels::OneHot | Labels::PlusMinus => false,
            }
    }

    /// Appends a row's probabilities, of what each of its units says of one, or of a number that is a class.
    fn row(&self, values: &[f64], scores: &mut Vec<f64>) {
        let classes = self.numbers.len();
        if self.by_number() {
            let value = self.scale[0].unscale(values[0]);
            let (first, last) = (self.numbers[0], self.numbers[classes - 1]);
            if classes == 2 {
                let second = ((value - first) / (last - first)).clamp(0.0, 1.0);
                scores.extend([1.0 - second, second]);
                return;
            }
            let off = |number: f64| (number - value).abs();
            let nearest = (0..classes).min_by(|&a, &b| off(self.numbers[a]).total_cmp(&off(self.numbers[b])));
            let share =
                |class: usize| if value.is_nan() { f64::NAN } else { f64::from(u8::from(nearest == Some(class))) };
            scores.extend((0..classes).map(share));
            return;
        }
        match (self.task, values.len()) {
            (Task::MultiLabel, 1) => scores.extend((0..self.columns).map(|_| values[0])),
            (Task::MultiLabel, _) => scores.extend(values.iter().take(self.columns)),
            // A single unit says how likely the second class is; but a loss that picks the unit of a class, and whoever looks
            // for the largest of one, take it for the first class' own.
            (_, 1) if classes == 2 && !self.sparse => scores.extend([1.0 - values[0], values[0]]),
            _ => {
                let units = values.len();
                scores.extend_from_slice(values);
                scores.extend((units..self.scored()).map(|_| if values[0].is_nan() { f64::NAN } else { 0.0 }));
            }
        }
    }

    /// Share of the test rows whose class is predicted, or of all their labels; NaN in a regression.
    pub fn accuracy(&self, scores: &[f64], samples: &Samples) -> f64 {
        let right = match self.task {
            Task::Regression => return f64::NAN,
            Task::MultiLabel => scores
                .iter()
                .zip(&samples.targets)
                .filter(|(score, target)| (**score > 0.5) == (**target == 1.0) && !score.is_nan())
                .count(),
            Task::Classification => {
                let rows = scores.chunks(self.scored()).zip(&samples.targets);
                rows.filter(|(row, class)| likeliest(row).is_some_and(|likeliest| likeliest as f64 == **class)).count()
            }
        };
        right as f64 / samples.targets.len() as f64
    }

    /// How well scores meet the truth: the root mean square error over all of them; R² of several numbers is the mean of
    /// each one's that varies, of classes and labels it is over all probabilities, against the shares in the truth.
    pub fn fit(&self, scores: &[f64], truth: &[f64]) -> Fit {
        let columns = self.scored();
        let whole = Fit::of(scores, truth);
        if columns == 1 {
            return whole;
        }
        let column = |of: &[f64], c: usize| -> Vec<f64> { of.iter().skip(c).step_by(columns).copied().collect() };
        let r2 = match self.task {
            Task::Regression => {
                // Of what does not vary there is nothing to explain, unless nothing varies.
                let varies = |c: &usize| deviation(&column(truth, *c)) > 0.0;
                let varying: Vec<usize> = (0..columns).filter(varies).collect();
                let of = if varying.is_empty() { (0..columns).collect() } else { varying };
                let each = of.iter().map(|&c| Fit::of(&column(scores, c), &column(truth, c)).r2);
                each.sum::<f64>() / of.len() as f64
            }
            Task::Classification | Task::MultiLabel => {
                let shares: Vec<f64> = (0..columns).map(|c| mean(&column(truth, c))).collect();
                let constant: Vec<f64> = (0..truth.len()).map(|at| shares[at % columns]).collect();
                // Where every row is of one class, nothing is left to be explained.
                if whole.rmse == 0.0 { 1.0 } else { 1.0 - (whole.rmse / Fit::rmse(&constant, truth)).powi(2) }
            }
        };
        Fit { rmse: whole.rmse, r2 }
    }
}

/// The place of the largest number, the first of equal ones; none where one is no number.
pub fn likeliest(row: &[f64]) -> Option<usize> {
    if row.iter().any(|score| score.is_nan()) {
        return None;
    }
    (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]))
}

impl Link {
    fn of(config: &Config, labels: Labels, task: Task, outputs: usize) -> Self {
        let module = config.loss.kind == LossKind::TorchScript;
        let rowwise = match task {
            Task::Classification if module => outputs > 1,
            _ => config.loss.kind == LossKind::CrossEntropy,
        };
        // What a module's loss takes is logits, unless loss.from says otherwise.
        let from = config.loss.from.or(module.then_some(LossInput::Logits));
        match (config.loss.kind, from) {
            (_, Some(LossInput::Logits)) if rowwise => Link::Softmax,
            (_, Some(LossInput::Logits)) => Link::Sigmoid,
            (_, Some(LossInput::Probabilities)) if rowwise => Link::Normalised,
            (_, Some(LossInput::Probabilities)) => Link::Probability,
            (_, Some(LossInput::LogProbabilities)) => Link::Exp,
            (LossKind::Nll, _) if !matches!(config.model.output, Output::Sigmoid | Output::Softmax) => Link::Exp,
            _ if labels == Labels::PlusMinus && task != Task::Regression => Link::Margin,
            _ if config.model.output == Output::LogSoftmax => Link::Exp,
            _ => Link::Probability,
        }
    }

    /// Of a single number that is not yet held between 0 and 1.
    fn one(self, value: f64) -> f64 {
        match self {
            Link::Sigmoid => 1.0 / (1.0 + (-value).exp()),
            Link::Exp => value.exp(),
            Link::Margin => f64::midpoint(value, 1.0),
            Link::Probability | Link::Normalised | Link::Softmax => value,
        }
    }

    /// Rows of this width become probabilities.
    fn probabilities(self, width: usize, values: &mut [f64]) {
        if self == Link::Softmax {
            for row in values.chunks_exact_mut(width) {
                let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row.iter_mut().for_each(|value| *value -= largest);
            }
            exponentials(values);
        } else {
            values.iter_mut().for_each(|value| *value = self.one(*value).clamp(0.0, 1.0));
        }
        if !matches!(self, Link::Softmax | Link::Normalised) {
            return;
        }
        for row in values.chunks_exact_mut(width) {
            let sum: f64 = row.iter().sum();
            if sum > 0.0 {
                row.iter_mut().for_each(|value| *value /= sum);
            }
        }
    }
}
