//! Rules that look at a configuration and its data, and need no training.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::{Certainty, Finding, Found, usual_weights, with_usual_weights};
use crate::data::{RunData, batch_rows};
use crate::experiment::config::*;
use crate::experiment::table::Task;
use crate::experiment::{ExperimentError, Goal};
use crate::results::outcome::FITS;
use crate::run::baselines::Baselines;
use crate::run::health::{is_linear, most_linear_regions, piecewise_linear};
use crate::stats::learners::can_be_tried;
use crate::stats::linear::best_line_rmse;
use crate::stats::moments::{deviation, mean, range, rms};
use crate::text::numbers::trimmed;
use crate::text::{one_line, shorten};

/// A variable of mean 0 and variance 1 has a root mean square of 1; three times that, or a tenth, is another scale.
const FAR: f64 = 3.0;
const NEAR: f64 = 0.1;
/// Initial weights are off if they are ten times as wide, or as narrow, as Glorot & Bengio's.
const WIDE: f64 = 10.0;

/// What a rule is about: layers, of which a module has nobody knows which; the last one's output, which the file may say; or
/// data, batches, loss and optimizer, which every network has.
#[derive(Clone, Copy, PartialEq)]
enum About {
    Layers,
    Output,
    All,
}

type Rule<'a> = fn(&Setup<'a>) -> Found;

/// What the rules look at.
pub struct Setup<'a> {
    pub config: &'a Config,
    /// The data of the first seed.
    pub data: &'a RunData,
    /// By columns, in the network's units.
    pub(super) inputs: Vec<Vec<f64>>,
    /// As the loss takes them, row by row.
    pub(super) targets: Vec<f64>,
    pub(super) batch: usize,
    pub(super) steps: usize,
    baselines: Arc<Baselines>,
    asked: Goal,
}

impl<'a> Setup<'a> {
    /// With what the experiment asks of a fit.
    pub fn new(config: &'a Config, data: &'a RunData, asked: Goal, baselines: Arc<Baselines>) -> Self {
        let rows = data.train.rows();
        let batch = batch_rows(&config.batch, rows).unwrap_or(rows);
        let column = |c: usize| {
            let of = data.train.inputs.iter().skip(c).step_by(data.train.columns);
            of.map(|&x| data.input_scale[c].scale(x)).collect()
        };
        Setup {
            config,
            data,
            inputs: (0..data.train.columns).map(column).collect(),
            targets: data.coding.encode(&data.train.targets),
            batch,
            asked,
            baselines,
            steps: config.train.length.steps(rows, batch, config.batch.last),
        }
    }

    /// Everything that a rule finds.
    pub fn findings(&self) -> Result<Vec<Finding>, ExperimentError> {
        let mut found = Vec::new();
        let model = &self.config.model;
        for (rule, about) in Self::RULES {
            let knows = match about {
                About::Layers => model.torchscript.is_none(),
                About::Output => model.known_output,
                About::All => true,
            };
            if knows {
                found.extend(rule(self)?.map(|finding| finding.possible_for(model)));
            }
        }
        Ok(found)
    }

    const RULES: [(Rule<'a>, About); 35] = [
        (Self::softmax, About::Output),
        (Self::labels_against_loss, About::All),
        (Self::unreachable, About::Output),
        (Self::outside_the_loss, About::Output),
        (Self::logits_as_probabilities, About::Output),
        (Self::probabilities_as_logits, About::Output),
        (Self::output_against_loss, About::Output),
        (Self::broadcast, About::All),
        (Self::gradients_add_up, About::All),
        (Self::evaluation_mode, About::Layers),
        (Self::frozen_layers, About::Layers),
        (Self::equal_units, About::Layers),
        (Self::initial_scale, About::Layers),
        (Self::initial_biases, About::Layers),
        (Self::median_loss, About::All),
        (Self::narrow_huber, About::All),
        (Self::large_eps, About::All),
        (Self::noisy, About::All),
        (Self::no_bias, About::Layers),
        (Self::rate_beyond_limit, About::Layers),
        (Self::summed_loss, About::All),
        (Self::decay, About::All),
        (Self::penalty, About::All),
        (Self::strong_dropout, About::Layers),
        (Self::sorted_rows, About::All),
        (Self::last_rows, About::All),
        (Self::leaked_rows, About::All),
        (Self::unbalanced, About::All),
        (Self::constant_columns, About::All),
        (Self::duplicate_columns, About::All),
        (Self::raw_inputs, About::All),
        (Self::raw_targets, About::All),
        (Self::one_batch, About::All),
        (Self::cannot_bend, About::Layers),
        (Self::too_few_units, About::Layers),
    ];

    fn is_linear(&self) -> bool {
        is_linear(&self.config.model)
    }

    /// The R² that counts as a fit of numbers; nothing where the file asks for something else.
    fn goal_r2(&self) -> Option<f64> {
        let goal = if self.asked == Goal::default() { Some(self.baselines.goal_r2) } else { self.asked.r2 };
        goal.filter(|goal| !goal.is_nan())
    }

    /// Whether all targets are one of two values, 0 and 1.
    fn boolean(&self) -> bool {
        self.targets.iter().all(|&y| y == 0.0 || y == 1.0)
    }

    /// Whether what is predicted are numbers: neither classes nor labels.
    pub(super) fn of_numbers(&self) -> bool {
        self.data.coding.task == Task::Regression
    }

    /// Whether one unit is held against one number of each row.
    fn one_number(&self) -> bool {
        self.data.coding.outputs == 1 && self.data.coding.width == 1
    }

    /// Whether the loss is of how far each output is from its target, so that the output should be what the target is.
    fn of_distances(&self) -> bool {
        let kind = self.config.loss.kind;
        matches!(kind, LossKind::Mse | LossKind::Sse | LossKind::Mae | LossKind::Huber | LossKind::LogCosh)
    }

    /// Each column of the targets, as the loss takes them.
    fn target_columns(&self) -> Vec<Vec<f64>> {
        let width = self.data.coding.width;
        (0..width).map(|c| self.targets.iter().skip(c).step_by(width).copied().collect()).collect()
    }

    /// What a column of the targets is called where there are several.
    fn target_name(&self, at: usize) -> String {
        match self.of_numbers() && self.data.coding.width > 1 {
            true => format!("{:?} goes", one_line(&shorten(&self.data.output_name(at)))),
            false => "targets go".to_owned(),
        }
    }

    fn softmax(&self) -> Found {
        let Config { model, loss, .. } = self.config;
        let (what, value) = match model.output {
            Output::Softmax => ("softmax", 1),
            Output::LogSoftmax => ("log-softmax", 0),
            _ => return Ok(None),
        };
        if self.data.coding.outputs != 1 {
            return Ok(None);
        }
        let evidence = format!("a {what} over one unit is {value} for every input, and its gradient exactly 0");
        let finding = Finding::new("softmax-over-one-unit", "NeuroScope: softmax over fewer than 2 units", evidence)
            .certainty(Certainty::Certain);
        match loss.kind {
            // A loss that shares out 1 among the units needs one for each class.
            LossKind::CrossEntropy | LossKind::Nll if !self.of_numbers() => {
                let labels = match self.config.data.labels {
                    Some(Labels::Number) => "\ndata.labels = \"index\"",
                    _ => "",
                };
                finding.fixed_by("unit-a-class", &format!("model.outputs = \"auto\"{labels}"))
            }
            // What the loss takes for logits is no probability, and what it takes for logarithms no logit.
            LossKind::Bce if loss.from == Some(LossInput::Logits) => {
                finding.fixed_by("linear-output", "model.output = \"identity\"")
            }
            LossKind::Bce if loss.from == Some(LossInput::LogProbabilities) => {
                finding.fixed_by("sigmoid-output", "model.output = \"sigmoid\"\nloss.from = \"probabilities\"")
            }
            _ if self.boolean() => finding.fixed_by("sigmoid-output", "model.output = \"sigmoid\""),
            _ => finding.fixed_by("linear-output", "model.output = \"identity\""),
        }
    }

    /// How many targets are outside of a range, in words that go on with what the range is; nothing where all are within.
    fn outside(&self, range_of: RangeInclusive<f64>) -> Option<String> {
        let outside = self.targets.iter().filter(|y| !range_of.contains(*y)).count();
        let (least, most) = range(self.targets.iter().copied());
        (outside > 0).then(|| {
            format!(
                "{outside} of {} targets, which go from {} to {}, are outside",
                self.targets.len(),
                trimmed(least),
                trimmed(most)
            )
        })
    }

    fn unreachable(&self) -> Found {
        let (low, high, says) = match self.config.model.output {
            Output::Sigmoid => (0.0, 1.0, "a sigmoid's (0, 1)"),
            Output::Tanh => (-1.0, 1.0, "a tanh's (−1, 1)"),
            Output::Relu => (0.0, f64::INFINITY, "a ReLU's [0, ∞)"),
            // Over one unit there is no range at all.
            Output::Softmax if self.data.coding.outputs > 1 => (0.0, 1.0, "a softmax's (0, 1)"),
            Output::LogSoftmax if self.data.coding.outputs > 1 => (f64::NEG_INFINITY, 0.0, "a log-softmax's (−∞, 0)"),
            Output::Identity | Output::Softmax | Output::LogSoftmax => return Ok(None),
        };
        // Other losses want no output that is what the target is: of a class its logarithm, of a count … any above 0.
        let of_targets = self.of_distances() || matches!(self.config.loss.kind, LossKind::Mape | LossKind::Hinge);
        if !of_targets {
            return Ok(None);
        }
        let Some(outside) = self.outside(low..=high) else { return Ok(None) };
        let evidence = format!("{outside} {says}");
        Finding::new("unreachable-targets", "DeepDiagnosis: target outside the output activation's range", evidence)
            .certainty(Certainty::Certain)
            .fixed_by("linear-output", "model.output = \"identity\"")
    }

    /// Numbers that a loss of probabilities or of counts cannot be made small for.
    fn outside_the_loss(&self) -> Found {
        let (range, says, source) = match self.config.loss.kind {
            LossKind::Bce => (
                0.0..=1.0,
                "0 … 1, where a cross-entropy has no minimum",
                "Bishop 2006, Pattern Recognition, 4.3.2: targets of 0 and 1",
            ),
            LossKind::Poisson => (
                0.0..=f64::INFINITY,
                "0 … ∞, where a Poisson loss has no minimum",
                "McCullagh & Nelder 1989, 6.2: counts",
            ),
            _ => return Ok(None),
        };
        let Some(outside) = self.outside(range).filter(|_| self.of_numbers()) else { return Ok(None) };
        let evidence = format!("{outside} {says}");
        Finding::new("unreachable-targets", source, evidence)
            .certainty(Certainty::Certain)
            .fixed_by("squared-loss", "model.output = \"identity\"\nloss.kind = \"mse\"")
    }

    /// What the output made a probability already the loss makes one again.
    fn probabilities_as_logits(&self) -> Found {
        let Config { model, loss, .. } = self.config;
        let what = match (model.output, loss.kind, loss.from) {
            (Output::Softmax, LossKind::CrossEntropy, Some(LossInput::Logits)) => "softmax",
            (Output::Sigmoid, LossKind::Bce, Some(LossInput::Logits)) => "sigmoid",
            _ => return Ok(None),
        };
        let evidence =
            format!("the output is a {what}, and the loss takes another {what} of it, which is never near 0 or 1");
        Finding::new("probabilities-as-logits", "UMLAUT, NeuraLint: softmax twice", evidence)
            .certainty(Certainty::Certain)
            .fixed_by("from-probabilities", "loss.from = \"probabilities\"")
    }

    fn logits_as_probabilities(&self) -> Found {
        let Config { model, loss, .. } = self.config;
        let of_classes = matches!(loss.kind, LossKind::CrossEntropy | LossKind::Bce) && !self.of_numbers();
        if !of_classes || model.output != Output::Identity || loss.from != Some(LossInput::Probabilities) {
            return Ok(None);
        }
        let evidence = "the outputs are any numbers, and the loss takes them for probabilities from 0 to 1: beyond these it has no gradient";
        Finding::new(
            "logits-as-probabilities",
            "NeuraLint, UMLAUT: a loss of probabilities on logits",
            evidence.to_owned(),
        )
        .certainty(Certainty::Certain)
        .fixed_by("from-logits", "loss.from = \"logits\"")
    }

    fn broadcast(&self) -> Found {
        if self.config.loss.pairing == Pairing::Matched || self.batch < 2 {
            return Ok(None);
        }
        let evidence = format!(
            "{0} predictions are held against {0} targets as {0} × {0} errors, which pulls every prediction to {1}",
            self.batch,
            match self.config.loss.kind {
                LossKind::Mae => "the targets' median",
                LossKind::Huber | LossKind::LogCosh | LossKind::Mape | LossKind::Hinge => "one value",
                _ => "the targets' mean",
            }
        );
        Finding::new("broadcast-loss", "Σᵢⱼ(ŷᵢ − yⱼ)² = N·Σ(ŷᵢ − ȳ)² + N·Σ(yⱼ − ȳ)²", evidence)
            .certainty(Certainty::Certain)
            .fixed_by("matched-pairing", "loss.pairing = \"matched\"")
    }

    fn equal_units(&self) -> Found {
        let model = &self.config.model;
        let fixed = |init: Init| match init {
            Init::Zeros => true,
            Init::Uniform([low, high]) => low == high,
            Init::Normal([_, deviation]) => deviation == 0.0,
            _ => false,
        };
        let wide = model.hidden.iter().any(|&units| units > 1);
        if !wide || !fixed(model.init) || (model.bias && !fixed(model.init_bias)) {
            return Ok(None);
        }
        let evidence =
            "all units of a layer begin with the same weights, so they get the same gradient and stay one unit";
        Finding::new(
            "equal-units",
            "Goodfellow et al. 2016, Deep Learning, §8.4: symmetry of units",
            evidence.to_owned(),
        )
        .certainty(Certainty::Certain)
        .fixed_by("random-weights", &usual_weights(model))
    }

    fn initial_scale(&self) -> Found {
        let model = &self.config.model;
        let (mean, deviation) = match model.init {
            Init::Uniform([low, high]) => ((low + high) / 2.0, (high - low) / 12.0_f64.sqrt()),
            Init::Normal([mean, deviation]) => (mean, deviation),
            _ => return Ok(None),
        };
        let size = (mean.powi(2) + deviation.powi(2)).sqrt();
        if model.hidden.is_empty() || deviation == 0.0 {
            return Ok(None);
        }
        let widths = model.widths(self.inputs.len(), self.data.coding.outputs);
        let glorot = |pair: &[usize]| (2.0 / (pair[0] + pair[1]) as f64).sqrt();
        let Some(layer) = widths.windows(2).find(|pair| !(1.0 / WIDE..=WIDE).contains(&(size / glorot(pair)))) else {
            return Ok(None);
        };
        let evidence = format!(
            "weights of a {}–{} layer begin at a root mean square of {}, {} times Glorot's {}",
            layer[0],
            layer[1],
            trimmed(size),
            trimmed(size / glorot(layer)),
            trimmed(glorot(layer))
        );
        Finding::new("initial-scale", "Glorot & Bengio 2010: variance 2/(in + out)", evidence)
            .certainty(Certainty::Possible)
            .fixed_by("glorot-weights", &usual_weights(model))
    }

    fn initial_biases(&self) -> Found {
        let model = &self.config.model;
        let size = match model.init_bias {
            Init::Uniform([low, high]) => ((low * low + low * high + high * high) / 3.0).sqrt(),
            Init::Normal([mean, deviation]) => (mean.powi(2) + deviation.powi(2)).sqrt(),
            _ => return Ok(None),
        };
        if !model.bias || model.hidden.is_empty() || size <= FAR {
            return Ok(None);
        }
        let evidence = format!("biases begin at a root mean square of {}, usual is 0", trimmed(size));
        Finding::new("initial-biases", "Glorot & Bengio 2010: biases of 0", evidence)
            .certainty(Certainty::Possible)
            .fixed_by("zero-biases", "model.init_bias = \"zeros\"")
    }

    fn median_loss(&self) -> Found {
        let ones = self.targets.iter().filter(|&&y| y == 1.0).count() as f64 / self.targets.len() as f64;
        let absolute = self.config.loss.kind == LossKind::Mae && self.one_number();
        if !absolute || !self.boolean() || !(0.2..=0.8).contains(&ones) {
            return Ok(None);
        }
        let evidence = format!(
            "of targets that are 0 or 1 ({} % are 1) the mean absolute error is as small at a constant as near it",
            trimmed(100.0 * ones)
        );
        Finding::new("median-loss", "the absolute error's minimum is the median", evidence)
            .certainty(Certainty::Possible)
            .fixed_by("squared-loss", "loss.kind = \"mse\"")
    }

    fn narrow_huber(&self) -> Found {
        let Loss { kind: LossKind::Huber, delta: Some(delta), .. } = self.config.loss else { return Ok(None) };
        // Of several columns the one that varies least.
        let spread = self.target_columns().iter().map(|column| deviation(column)).fold(f64::INFINITY, f64::min);
        if delta >= NEAR * spread {
            return Ok(None);
        }
        let evidence = format!(
            "beyond δ = {} the Huber loss is a line of that slope, and the targets' standard deviation is {}",
            trimmed(delta),
            trimmed(spread)
        );
        Finding::new("narrow-huber", "Huber 1964: δ of the residuals' size", evidence)
            .certainty(Certainty::Possible)
            .fixed_by("squared-loss", "loss.kind = \"mse\"")
    }

    fn large_eps(&self) -> Found {
        let eps = match self.config.optimizer.kind {
            OptimizerKind::Adam { eps, .. } | OptimizerKind::Adamw { eps, .. } | OptimizerKind::Rmsprop { eps, .. } => {
                eps
            }
            OptimizerKind::Sgd { .. } => return Ok(None),
        };
        if eps <= 1e-3 {
            return Ok(None);
        }
        let evidence = format!("an eps of {} shortens every update whose gradient is not much larger", trimmed(eps));
        Finding::new("large-eps", "Kingma & Ba 2015: 1e-8", evidence)
            .certainty(Certainty::Possible)
            .fixed_by("small-eps", "optimizer.eps = 1e-8")
    }

    /// Only worth knowing: what no network can fit.
    fn noisy(&self) -> Found {
        let reachable = self.baselines.reachable_r2;
        let seen = "rows that it has not seen (first seed)";
        let rows = self.data.train.rows();
        let evidence = match self.goal_r2() {
            Some(goal) if goal < FITS && !reachable.is_nan() => format!(
                "the best of a few simple learners explains {} % of the variance of {seen}: R² of {} counts as a fit there",
                trimmed(100.0 * reachable),
                trimmed(goal)
            ),
            _ if reachable.is_nan() && can_be_tried(rows, self.data.train.columns) && self.learnt_from_rows() => {
                format!(
                    "none of a few simple learners is better than the mean on {seen}: they may be noise, or too few"
                )
            }
            _ => return Ok(None),
        };
        let source = "kernel ridge regression, leave-one-out (Rifkin & Lippert 2007)";
        Ok(Some(Finding::new("noisy-targets", source, evidence)))
    }

    /// Whether it learns numbers from a file's rows.
    fn learnt_from_rows(&self) -> bool {
        self.config.data.target.file().is_some() && self.of_numbers()
    }

    fn no_bias(&self) -> Found {
        /// Inputs that are listed.
        const LISTED: usize = 8;
        let constant = |column: &Vec<f64>| column.iter().all(|x| *x == column[0]) && column[0] != 0.0;
        if self.config.model.bias || self.inputs.iter().any(constant) || self.sums_to_a_constant() {
            return Ok(None);
        }
        let finding = |evidence| Finding::new("no-bias", "TheDeepChecker: biases", evidence);
        let model = &self.config.model;
        if self.is_linear() && self.one_number() {
            // With every row's mirror image, the best line passes through 0.
            let rows: Vec<f64> =
                (0..self.targets.len()).flat_map(|row| self.inputs.iter().map(move |c| c[row])).collect();
            let mirrored =
                |of: &[f64]| -> Vec<f64> { of.iter().copied().chain(of.iter().map(|value| -value)).collect() };
            let bound = best_line_rmse(self.inputs.len(), &mirrored(&rows), &mirrored(&self.targets));
            let free = best_line_rmse(self.inputs.len(), &rows, &self.targets);
            if bound.is_nan() || bound <= 1.05 * free {
                return Ok(None);
            }
            let evidence = format!(
                "without a bias the best fit of the training rows has a root mean square error of {}, with one of {} (scaled targets)",
                trimmed(bound),
                trimmed(free)
            );
            return finding(evidence).certainty(Certainty::Certain).fixed_by("with-bias", "model.bias = true");
        }
        let centre: Vec<f64> = self.inputs.iter().map(|column| mean(column)).collect();
        let about = match centre.len() {
            ..=LISTED => centre.iter().map(|&x| trimmed(x)).collect::<Vec<_>>().join(", "),
            _ => {
                let (least, most) = range(centre.iter().copied());
                format!("{} to {}", trimmed(least), trimmed(most))
            }
        };
        // A sigmoid is ½ at 0, every other unit 0.
        let bound = match model.activation.last() {
            Some(Activation::Sigmoid) => "without biases every unit bends at inputs of 0 alone",
            _ => "without biases the network puts out one value at inputs of 0, whatever its weights",
        };
        finding(format!("{bound}, and the inputs' means are {about}")).fixed_by("with-bias", "model.bias = true")
    }

    /// Gradient descent on a quadratic bowl of curvature λ ends only for rates below 2/λ.
    fn rate_beyond_limit(&self) -> Found {
        let Config { optimizer, loss, model, .. } = self.config;
        let OptimizerKind::Sgd { momentum, nesterov, .. } = optimizer.kind else { return Ok(None) };
        if !self.is_linear() || !model.hidden.is_empty() || loss.pairing != Pairing::Matched || !self.one_number() {
            return Ok(None);
        }
        // Of other steps than those of plain descent by every parameter's own gradient the limit says nothing.
        let clipped = optimizer.clip_norm.is_some() || optimizer.clip_value.is_some();
        if clipped || !optimizer.zero_grad || !model.frozen.is_empty() || !optimizer.without.is_empty() {
            return Ok(None);
        }
        // Of the sum of squared errors 2XᵀX, of their mean that over N.
        let of_a_row = match loss.kind {
            LossKind::Mse | LossKind::Sse => 2.0,
            LossKind::Huber => 1.0,
            // The others are no quadratic near their minimum, or have no rule of their own.
            _ => return Ok(None),
        };
        let rows = if loss.reduction == Reduction::Sum { self.batch as f64 } else { 1.0 };
        let curvature = of_a_row * rows * largest_eigenvalue(&self.inputs, model.bias);
        let limit = match nesterov {
            false => 2.0 * (1.0 + momentum) / curvature,
            true => 2.0 * (1.0 + momentum) / (curvature * (1.0 + 2.0 * momentum)),
        };
        if !(optimizer.learning_rate > limit && limit > 0.0) {
            return Ok(None);
        }
        let rate = one_digit(limit / 2.0);
        let evidence = format!(
            "the learning rate {} is {} times the limit 2/λmax = {} of a linear model's loss (λmax = {})",
            trimmed(optimizer.learning_rate),
            trimmed(optimizer.learning_rate / limit),
            trimmed(limit),
            trimmed(curvature)
        );
        Finding::new("rate-beyond-limit", "gradient descent on a quadratic: rate < 2/λmax (Polyak 1964)", evidence)
            .certainty(Certainty::Certain)
            .fixed_by("lower-rate", &format!("optimizer.learning_rate = {rate:?}"))
    }

    fn summed_loss(&self) -> Found {
        let Config { optimizer, loss, .. } = self.config;
        // Adam and RMSprop divide by the gradient's size, so its scale changes nothing.
        let plain = matches!(optimizer.kind, OptimizerKind::Sgd { .. });
        if loss.reduction != Reduction::Sum || !plain || self.batch < 2 {
            return Ok(None);
        }
        // A mean is over the rows, or over all numbers that are held against one another.
        let of_a_row = match loss.kind {
            LossKind::CrossEntropy | LossKind::Nll => 1,
            _ => self.data.coding.width.max(self.data.coding.outputs),
        };
        let evidence = format!(
            "the loss is a sum, so its gradient is {} times the mean's and grows with the batch",
            self.batch * of_a_row
        );
        let patch = if loss.kind == LossKind::Sse { "loss.kind = \"mse\"" } else { "loss.reduction = \"mean\"" };
        // It is a higher rate under another name, and that may be the right one.
        Finding::new("summed-loss", "TheDeepChecker: loss that grows as the batch is duplicated", evidence)
            .certainty(Certainty::Possible)
            .fixed_by("mean-loss", patch)
    }

    fn decay(&self) -> Found {
        let decay = match self.config.optimizer.kind {
            OptimizerKind::Adam { weight_decay, .. }
            | OptimizerKind::Sgd { weight_decay, .. }
            | OptimizerKind::Rmsprop { weight_decay, .. } => weight_decay,
            // Decoupled: it acts through the rate, and PyTorch's own default is 0.01.
            OptimizerKind::Adamw { weight_decay, .. } => weight_decay / 10.0,
        };
        if decay < 1e-2 {
            return Ok(None);
        }
        let evidence = format!("a weight decay of {} holds the weights near 0", trimmed(decay));
        Finding::new("weight-decay", "Krogh & Hertz 1991: usual values are 1e-4 and less", evidence)
            .certainty(Certainty::Possible)
            .fixed_by("no-weight-decay", "optimizer.weight_decay = 0.0")
    }

    fn raw_inputs(&self) -> Found {
        // The integers that a module takes name something, as words: they have no size.
        let integers = self.data.shapes.as_ref().is_some_and(|shapes| shapes.integers);
        if integers && self.config.model.torchscript.is_some() {
            return Ok(None);
        }
        let far = |(at, column): &(usize, &Vec<f64>)| {
            let (size, spread) = (rms(column), deviation(column));
            // Whether a row has a text needs no scaling, however few have it; and what is mostly 0 is small on average.
            let (yes_or_no, sparse) = self.seldom(*at);
            let small = size < NEAR || spread < NEAR;
            spread > 0.0 && (size > FAR || (small && !sparse)) && !yes_or_no
        };
        let Some((at, column)) = self.inputs.iter().enumerate().find(far) else {
            return Ok(None);
        };
        let what = match &self.config.data.target {
            Target::Csv { .. } | Target::Tensors { .. } if self.inputs.len() > 1 => {
                format!("{:?} goes", one_line(&shorten(&self.data.input_name(at))))
            }
            _ => "inputs go".to_owned(),
        };
        let evidence = size_of(&what, column);
        // A column of ones that stands for the biases must stay what it is.
        let stands = |column: &Vec<f64>| deviation(column) == 0.0 && column.iter().any(|x| *x != 0.0);
        let size = self.inputs.iter().map(|column| rms(column)).fold(0.0, f64::max);
        let patch = match !self.config.model.bias && self.inputs.iter().any(stands) {
            true => format!("data.scale_input = {:?}", one_digit(size)),
            false => "data.scale_input = \"standardize\"".to_owned(),
        };
        Finding::new("raw-inputs", "TheDeepChecker, UMLAUT: inputs neither scaled nor standardised", evidence)
            .fixed_by("scaled-input", &patch)
    }

    /// Whether an input is 0 or 1 in every row, and whether it is 0 in most, before it is scaled.
    fn seldom(&self, at: usize) -> (bool, bool) {
        let train = &self.data.train;
        let values = || train.inputs.iter().skip(at).step_by(train.columns);
        let zeros = values().filter(|x| **x == 0.0).count();
        (values().all(|&x| x == 0.0 || x == 1.0), 2 * zeros > train.rows())
    }

    /// Whether the inputs that a column of texts became, of which each row has one, stand for the biases.
    fn sums_to_a_constant(&self) -> bool {
        let texts = self.data.inputs_of_texts();
        texts.into_iter().any(|columns| {
            let sum = |row: usize| self.inputs[columns.clone()].iter().map(|column| column[row]).sum::<f64>();
            let first = sum(0);
            first.abs() > 1e-6 && (0..self.data.train.rows()).all(|row| (sum(row) - first).abs() <= 1e-6 * first.abs())
        })
    }

    /// Of numbers, and only where the loss is of their distance from the predictions: other losses are of what the targets
    /// are.
    fn raw_targets(&self) -> Found {
        if !self.of_distances() || !(self.of_numbers() || self.config.data.labels == Some(Labels::Number)) {
            return Ok(None);
        }
        let columns = self.target_columns();
        columns
            .iter()
            .enumerate()
            .map(|(at, column)| self.raw_column(at, column))
            .find_map(Result::transpose)
            .transpose()
    }

    fn raw_column(&self, at: usize, targets: &[f64]) -> Found {
        let (size, spread) = (rms(targets), deviation(targets));
        // A linear model's path under gradient descent scales with its targets.
        let plain = matches!(self.config.optimizer.kind, OptimizerKind::Sgd { .. })
            && self.is_linear()
            && self.config.model.hidden.is_empty();
        let lone = self.data.coding.outputs == 1;
        let free = match self.config.model.output {
            Output::Identity => true,
            // Over one unit it bounds nothing that could be reached.
            Output::Softmax | Output::LogSoftmax => lone,
            Output::Relu | Output::Sigmoid | Output::Tanh => false,
        };
        let bound = !free && size <= 1.0;
        if plain || bound || spread == 0.0 || ((NEAR..=FAR).contains(&size) && spread > NEAR) {
            return Ok(None);
        }
        let evidence = size_of(&self.target_name(at), targets);
        Finding::new("raw-targets", "TheDeepChecker: targets neither scaled nor standardised", evidence)
            .fixed_by("scaled-target", "data.scale_target = \"standardize\"")
    }

    fn one_batch(&self) -> Found {
        /// Smaller data than two usual batches are their own batch.
        const USUAL: usize = 32;
        /// Updates after which a full batch is no longer few updates.
        const MANY: usize = 2000;
        let Config { batch, data, train, .. } = self.config;
        let rows = self.data.train.rows();
        if batch.draw != Draw::Once {
            return Ok(None);
        }
        let finding =
            |evidence| Finding::new("one-batch", "one batch, repeated, shows the same samples at every step", evidence);
        if self.batch < rows {
            let evidence = format!("the same {} of {rows} samples at all {} steps", self.batch, self.steps);
            return finding(evidence).fixed_by("all-batches", "batch.draw = \"epoch\"");
        }
        let parameters = parameters(&self.config.model, self.data).filter(|count| rows < *count);
        if let (Some(Inputs::Uniform(_)), Some(parameters)) = (&data.inputs, parameters) {
            let evidence = format!(
                "the same {rows} samples at all {} steps, for {parameters} parameters, where new ones could be drawn",
                self.steps
            );
            return finding(evidence)
                .certainty(Certainty::Possible)
                .fixed_by("fresh-batches", "batch.draw = \"fresh\"");
        }
        if rows < 2 * USUAL || self.steps >= MANY {
            return Ok(None);
        }
        let passes = match train.length {
            Length::Steps(steps) => steps,
            Length::Epochs(epochs) => epochs,
        };
        let evidence = format!(
            "the one batch of all {rows} samples at each of {} steps: with batches of {USUAL} as many passes make {} updates",
            self.steps,
            (passes * rows).div_ceil(USUAL)
        );
        finding(evidence).certainty(Certainty::Possible).fixed_by(
            "small-batches",
            &format!("batch.size = {USUAL}\nbatch.draw = \"epoch\"\ntrain.epochs = {passes}"),
        )
    }

    /// R² of predictions with this error on the test points, where that is clearly no fit of a number.
    fn no_fit(&self, rmse: f64) -> Option<f64> {
        let spread = deviation(&self.data.test.targets);
        let r2 = 1.0 - (rmse / spread).powi(2);
        let fits = self.goal_r2().is_none_or(|goal| r2 >= goal);
        // Where simple learners learn nothing of rows, nothing is known of what could be learnt; but that a network with
        // hidden layers can learn the very rows that it is judged by is known.
        let by_heart = self.data.train == self.data.test && !self.config.model.hidden.is_empty();
        let known = !self.learnt_from_rows() || !self.baselines.reachable_r2.is_nan() || by_heart;
        (spread != 0.0 && known && !fits).then_some(r2)
    }

    /// Whether what is predicted is one number, by one unit.
    fn of_a_number(&self) -> bool {
        self.of_numbers() && self.one_number()
    }

    fn cannot_bend(&self) -> Found {
        let model = &self.config.model;
        if !self.of_a_number() {
            return Ok(None);
        }
        let line = self.baselines.line_rmse;
        let bends = model.activation.iter().any(|a| *a != Activation::Identity);
        let Some(r2) = self.no_fit(line).filter(|_| !bends) else { return Ok(None) };
        let evidence = format!(
            "the network is linear, and the best straight line explains {} % of the targets' variance",
            trimmed((100.0 * r2).max(0.0).round())
        );
        let finding = Finding::new("linear-network", "outcome line: no better than the best straight line", evidence)
            // Of several inputs what a line leaves may be noise.
            .certainty(if self.inputs.len() == 1 { Certainty::Certain } else { Certainty::Possible });
        // Of few units, units that bend would still be few.
        if model.hidden.iter().sum::<usize>() < 8 {
            let patch = "model.hidden = [32]\nmodel.activation = \"relu\"".to_owned();
            return finding.fixed_by("hidden-layer", &with_usual_weights(model, patch));
        }
        finding.fixed_by("relu-units", "model.activation = \"relu\"")
    }

    /// Of one input and ReLU units: whether even the best fit with as many pieces as there can be is no fit.
    fn too_few_units(&self) -> Found {
        let model = Model { output: Output::Identity, ..self.config.model.clone() };
        let most = most_linear_regions(&model);
        let lone = self.inputs.len() == 1 && self.of_a_number();
        if !lone || !piecewise_linear(&model) || !(2.0..=64.0).contains(&most) {
            return Ok(None);
        }
        let bound = Baselines::of(&self.data.test, &self.config.data, most).segments_rmse(most);
        let Some(r2) = self.no_fit(bound) else { return Ok(None) };
        let evidence =
            format!("the best fit with {} straight pieces, the most there can be, has R² {}", most, trimmed(r2));
        Finding::new("too-few-units", "Serra et al. 2018: at most Π(nᵢ + 1) pieces", evidence)
            .certainty(Certainty::Certain)
            .fixed_by(
                "more-units",
                &with_usual_weights(&model, "model.hidden = [32, 32]\nmodel.activation = \"relu\"".to_owned()),
            )
    }
}

/// In words, how large values are beside standardised ones.
fn size_of(what: &str, values: &[f64]) -> String {
    let (least, most) = range(values.iter().copied());
    let [least, most, size, spread] = [least, most, rms(values), deviation(values)].map(trimmed);
    format!(
        "{what} from {least} to {most}: the root mean square is {size}, the standard deviation {spread}; standardised both are 1"
    )
}

/// Weights and biases of a network; of a module those that are given, `None` where none are.
pub fn parameters(model: &Model, data: &RunData) -> Option<usize> {
    if model.torchscript.is_some() {
        let given = data.given.initial.as_ref()?;
        return Some(given.values().map(|(_, numbers)| numbers.len()).sum());
    }
    let widths = model.widths(data.train.columns, data.coding.outputs);
    Some(widths.windows(2).map(|pair| pair[0] * pair[1] + if model.bias { pair[1] } else { 0 }).sum())
}

/// The largest eigenvalue of XᵀX/N, a column of ones beside the inputs where there is a bias, by power iteration.
fn largest_eigenvalue(columns: &[Vec<f64>], bias: bool) -> f64 {
    let rows = columns.first().map_or(0, Vec::len);
    let ones = vec![1.0; rows];
    let all: Vec<&Vec<f64>> = columns.iter().chain(bias.then_some(&ones)).collect();
    let gram: Vec<Vec<f64>> = all
        .iter()
        .map(|a| all.iter().map(|b| a.iter().zip(*b).map(|(a, b)| a * b).sum::<f64>() / rows as f64).collect())
        .collect();
    let mut vector: Vec<f64> = (0..all.len()).map(|i| 1.0 + 0.1 * i as f64).collect();
    let mut value = 0.0;
    for _ in 0..1000 {
        let next: Vec<f64> = gram.iter().map(|row| row.iter().zip(&vector).map(|(a, b)| a * b).sum()).collect();
        value = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        if value == 0.0 || !value.is_finite() {
            return value;
        }
        vector = next.into_iter().map(|x| x / value).collect();
    }
    value
}

/// Rounded to one significant digit.
pub fn one_digit(value: f64) -> f64 {
    format!("{value:.0e}").parse().unwrap_or(value)
}
