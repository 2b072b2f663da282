//! The resolved configuration of a variant: everything that its runs' numbers depend on, besides the seed.
//!
//! Serialised, each type is what an experiment file says, so a configuration can be written back as one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Enums that a file spells as words: each word stands here alone, for reading, writing and messages.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl Word for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, $name::$variant),)+];
        }

        impl $name {
            /// As an experiment file spells it.
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

pub(crate) use words;

/// What a file spells as one of some words.
pub trait Word: Copy + PartialEq + 'static {
    /// Each word and what it means, in the order in which messages list them.
    const WORDS: &'static [(&'static str, Self)];
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    pub data: Data,
    pub batch: Batch,
    pub model: Model,
    pub loss: Loss,
    pub optimizer: Optimizer,
    pub train: Train,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    pub target: Target,
    /// Where a polynomial or a formula is sampled; files bring their own inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Inputs>,
    pub scale_input: Scale,
    pub scale_target: Scale,
    /// Standard deviation of the normal noise on training targets, in target units.
    pub noise: f64,
    pub test: Test,
    /// The file's rows that are kept for testing.
    pub holdout: Holdout,
    /// Which rows are kept for testing, where some are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout_rows: Option<HoldoutRows>,
    /// Which points a run is tested on.
    #[serde(skip_serializing_if = "Split::is_test")]
    pub split: Split,
    /// How classes reach the loss; none is what the loss takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    /// What becomes of a file's missing values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Target {
    /// Coefficients, constant first.
    Polynomial { polynomial: Vec<f64> },
    /// A function of x, as `sin(x) + 0.1*x^2`.
    Formula { formula: String },
    Csv {
        csv: PathBuf,
        /// Names of columns; `*` stands for all that are neither targets nor left out by a `-name`.
        inputs: Vec<String>,
        #[serde(flatten)]
        columns: TargetColumns,
    },
    /// A safetensors file with `x` and `y`, and perhaps `x_test` and `y_test`.
    Tensors { tensors: PathBuf },
}

/// The columns of a CSV that are to be predicted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetColumns {
    /// A number.
    Output(String),
    /// Several numbers; where all of them are 0 or 1, labels that do not exclude one another.
    Outputs(Vec<String>),
    /// Text or integers, each value of which is a class.
    Class(String),
}

impl TargetColumns {
    pub fn names(&self) -> &[String] {
        match self {
            TargetColumns::Output(name) | TargetColumns::Class(name) => std::slice::from_ref(name),
            TargetColumns::Outputs(names) => names,
        }
    }
}

impl Target {
    /// The file that it is read from, if it is.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Target::Csv { csv: file, .. } | Target::Tensors { tensors: file } => Some(file),
            Target::Polynomial { .. } | Target::Formula { .. } => None,
        }
    }
}

impl Data {
    /// The files that the data are read from.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let target = match &mut self.target {
            Target::Csv { csv: file, .. } | Target::Tensors { tensors: file } => Some(file),
            Target::Polynomial { .. } | Target::Formula { .. } => None,
        };
        let test = if let Test::Csv(file) = &mut self.test { Some(file) } else { None };
        target.into_iter().chain(test)
    }
}

/// How many of a file's rows are kept for testing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Holdout {
    /// [`Holdout::USUAL`] of [`Holdout::FEWEST`] rows or more; of fewer, or beside test rows of their own, none.
    Auto,
    /// A share; 0 tests on the training rows.
    Share(f64),
}

impl Holdout {
    pub const USUAL: f64 = 0.2;
    /// Of fewer rows a fifth is too few to tell a good fit from a bad one.
    pub const FEWEST: usize = 20;

    /// Whether nothing is held out, however many rows there are.
    pub fn is_none(self) -> bool {
        self == Holdout::Share(0.0)
    }

    /// The share of this many rows.
    pub fn share(self, rows: usize) -> f64 {
        match self {
            Holdout::Share(share) => share,
            Holdout::Auto if rows >= Self::FEWEST => Self::USUAL,
            Holdout::Auto => 0.0,
        }
    }
}

impl Serialize for Holdout {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Holdout::Auto => to.serialize_str("auto"),
            Holdout::Share(share) => to.serialize_f64(*share),
        }
    }
}

words! {
    /// Which points a run is tested on. What is chosen by [`Split::Validation`] is judged by [`Split::Judging`]: no row that is a
    /// test row of any seed there is a training or validation row of any seed here.
    #[derive(Default)]
    Split {
        /// Rows that are drawn among all; of a function its test points.
        #[default]
        Test = "test",
        /// Rows of a part of the file, of which the rest is learnt from; of a function points between the test points.
        Validation = "validation",
        /// Rows that are drawn outside of that part; of a function its test points.
        Judging = "judging",
    }
}

impl Split {
    fn is_test(&self) -> bool {
        *self == Split::Test
    }
}

words! {
    HoldoutRows {
        /// Drawn anew for every seed.
        Random = "random",
        /// The last rows of the file.
        Last = "last",
        /// Drawn anew for every seed, each class by its share.
        Stratified = "stratified",
    }
}

words! {
    /// How classes reach the loss.
    Labels {
        /// Its place among the classes, from 0.
        Index = "index",
        /// 1 for its own unit, 0 for the others.
        OneHot = "one-hot",
        /// 1 for its own unit, −1 for the others; of two classes one unit: −1 for the first, 1 for the second.
        PlusMinus = "plus-minus",
        /// Classes that are integers as they stand, others by their place: one number.
        Number = "number",
    }
}

words! {
    /// What becomes of missing values.
    Missing {
        /// The file is refused, with the first one's row and column.
        Refuse = "refuse",
        /// Rows that miss a value are left out.
        Drop = "drop",
        /// Filled with the mean of the training rows, of text with their most frequent one. Rows whose target is missing
        /// are left out.
        Mean = "mean",
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// Evenly spaced points, both ends among them, in random order.
    Grid(Span),
    /// Independent uniform samples, new for every seed.
    Uniform(Span),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    pub from: f64,
    pub to: f64,
    pub count: usize,
}

/// How values are brought into the range that the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scale {
    /// Divided by this number.
    Divide(f64),
    Fitted(FittedScale),
}

words! {
    FittedScale {
        /// To mean 0 and standard deviation 1 (divisor n) of the training data.
        Standardize = "standardize",
        /// The training data's range to [0, 1].
        Unit = "unit",
    }
}

/// The points on which `test_loss`, `test_rmse` and `r2` are measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// An even grid, the same for all variants and seeds.
    Grid(Span),
    /// The training inputs, without noise on their targets.
    Train,
    /// Independent uniform samples, new for every seed.
    Uniform(Span),
    /// A CSV of its own, with the columns of the target's.
    Csv(PathBuf),
    /// The rows of a file that were held out, or the training rows where none were.
    Rows,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Batch {
    pub size: BatchSize,
    pub draw: Draw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum BatchSize {
    Rows(usize),
    All(All),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum All {
    All,
}

words! {
    Draw {
        /// The same batch at every step.
        Once = "once",
        /// Reshuffled passes over the training samples, one after the other.
        Epoch = "epoch",
        /// New samples at each step: of the inputs' distribution where that is continuous, else of the training rows with
        /// replacement.
        Fresh = "fresh",
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Units of each hidden layer; none is a linear model.
    pub hidden: Vec<usize>,
    /// One for each hidden layer.
    pub activation: Vec<Activation>,
    pub bias: bool,
    /// Units of the last layer; none is as many as the task needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<usize>,
    pub output: Output,
    pub init: Init,
    pub init_bias: Init,
}

words! {
    Activation {
        Relu = "relu",
        /// Slope 0.01 below zero.
        LeakyRelu = "leaky_relu",
        /// α = 1.
        Elu = "elu",
        /// The exact form, with the normal distribution function.
        Gelu = "gelu",
        Sigmoid = "sigmoid",
        Tanh = "tanh",
        Identity = "identity",
    }
}

words! {
    Output {
        Identity = "identity",
        Relu = "relu",
        Sigmoid = "sigmoid",
        Tanh = "tanh",
        /// Over all output units: over a single one it is 1 for every input.
        Softmax = "softmax",
        /// The logarithm of the same.
        LogSoftmax = "log_softmax",
    }
}

/// How weights or biases begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// U(±√(6/(fan_in + fan_out))): Glorot & Bengio 2010; Flux's and Keras' default.
    GlorotUniform,
    /// N(0, 2/(fan_in + fan_out)).
    GlorotNormal,
    /// U(±√(6/fan_in)): He et al. 2015; tch's default.
    KaimingUniform,
    /// N(0, 2/fan_in).
    KaimingNormal,
    /// U(±√(1/fan_in)), biases too: what `torch.nn.Linear` does.
    Pytorch,
    Zeros,
    /// Between two bounds.
    Uniform([f64; 2]),
    /// Mean and standard deviation.
    Normal([f64; 2]),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Loss {
    pub kind: LossKind,
    pub pairing: Pairing,
    /// Where the Huber loss turns from square to line; the other kinds have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// What bce and cross_entropy take the predictions for; the other kinds have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<LossInput>,
    pub reduction: Reduction,
}

words! {
    LossKind {
        /// Mean squared error.
        Mse = "mse",
        /// Sum of squared errors.
        Sse = "sse",
        /// Mean absolute error.
        Mae = "mae",
        /// Mean of e²/2 up to |e| = δ and δ(|e| − δ/2) beyond.
        Huber = "huber",
        /// Mean of ln cosh e.
        LogCosh = "log_cosh",
        /// Mean of 100·|e|/max(|y|, 1e-7).
        Mape = "mape",
        /// Mean of ŷ − y·ln(ŷ + 1e-7).
        Poisson = "poisson",
        /// Mean of max(0, 1 − y·ŷ).
        Hinge = "hinge",
        /// Mean of −y ln p − (1 − y) ln(1 − p).
        Bce = "bce",
        /// Mean over the rows of −Σ y ln p.
        CrossEntropy = "cross_entropy",
        /// Mean over the rows of −Σ y·ŷ, of logarithms of probabilities.
        Nll = "nll",
    }
}

words! {
    /// What a loss takes predictions for.
    LossInput {
        /// p = sigmoid(ŷ), or softmax(ŷ).
        Logits = "logits",
        /// p = ŷ, clipped to [1e-7, 1 − 1e-7] as Keras does.
        Probabilities = "probabilities",
        /// ln p = ŷ.
        LogProbabilities = "log_probabilities",
    }
}

words! {
    Reduction {
        /// Over the elements, or the rows where a loss is of rows.
        Mean = "mean",
        Sum = "sum",
    }
}

words! {
    /// Which prediction is held against which target.
    Pairing {
        /// Each against its own.
        Matched = "matched",
        /// N predictions against N targets as N × N errors; a mean divides their sum by the N targets (Flux 0.10).
        Broadcast = "broadcast",
        /// The same errors; a mean divides their sum by N² (PyTorch).
        BroadcastMean = "broadcast-mean",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Optimizer {
    #[serde(flatten)]
    pub kind: OptimizerKind,
    pub learning_rate: f64,
    pub schedule: Schedule,
}

/// The update rules, as PyTorch defines them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OptimizerKind {
    Adam { betas: [f64; 2], eps: f64, weight_decay: f64 },
    Adamw { betas: [f64; 2], eps: f64, weight_decay: f64 },
    Sgd { momentum: f64, nesterov: bool, weight_decay: f64 },
    Rmsprop { alpha: f64, eps: f64, momentum: f64, weight_decay: f64 },
}

words! {
    /// What the learning rate is multiplied with at step s of n.
    Schedule {
        /// 1.
        Constant = "constant",
        /// 1 − s/n.
        Linear = "linear",
        /// (1 + cos(π s/n))/2.
        Cosine = "cosine",
    }
}

impl OptimizerKind {
    /// The kinds as a file spells them, each with PyTorch's defaults for its own keys.
    pub const DEFAULTS: [(&str, OptimizerKind); 4] = [
        ("adam", OptimizerKind::Adam { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 }),
        ("adamw", OptimizerKind::Adamw { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 }),
        ("sgd", OptimizerKind::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 }),
        ("rmsprop", OptimizerKind::Rmsprop { alpha: 0.99, eps: 1e-8, momentum: 0.0, weight_decay: 0.0 }),
    ];

    pub fn word(&self) -> &'static str {
        match self {
            OptimizerKind::Adam { .. } => "adam",
            OptimizerKind::Adamw { .. } => "adamw",
            OptimizerKind::Sgd { .. } => "sgd",
            OptimizerKind::Rmsprop { .. } => "rmsprop",
        }
    }

    pub fn weight_decay_mut(&mut self) -> &mut f64 {
        match self {
            OptimizerKind::Adam { weight_decay, .. }
            | OptimizerKind::Adamw { weight_decay, .. }
            | OptimizerKind::Sgd { weight_decay, .. }
            | OptimizerKind::Rmsprop { weight_decay, .. } => weight_decay,
        }
    }
}

impl Model {
    /// Sizes of the layers, the inputs' columns first and the outputs last.
    pub fn widths(&self, columns: usize, outputs: usize) -> Vec<usize> {
        [columns].into_iter().chain(self.hidden.iter().copied()).chain([outputs]).collect()
    }
}

impl Schedule {
    pub fn factor(self, step: usize, steps: usize) -> f64 {
        let done = step as f64 / steps as f64;
        match self {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - done,
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Train {
    #[serde(flatten)]
    pub length: Length,
    pub engine: EngineChoice,
    /// Rows that a curve keeps at most, the first and the last step always among them.
    pub log_points: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    Steps(usize),
    /// Passes over the training samples.
    Epochs(usize),
}

words! {
    /// What is asked to compute a run's steps.
    EngineChoice {
        /// Fused where it covers the configuration, else torch.
        Auto = "auto",
        Torch = "torch",
        Fused = "fused",
    }
}

words! {
    /// What computes a run's steps.
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    EngineName {
        /// tch on libtorch, with autograd; the definition of a step.
        Torch = "torch",
        /// Own kernels on a CPU.
        Fused = "fused",
    }
}

impl Length {
    /// Updates that a run makes, with batches of `batch` of `rows` training samples.
    pub fn steps(self, rows: usize, batch: usize) -> usize {
        match self {
            Length::Steps(steps) => steps,
            Length::Epochs(epochs) => {
                let samples = epochs as u128 * rows as u128;
                usize::try_from(samples.div_ceil(batch as u128)).unwrap_or(usize::MAX)
            }
        }
    }
}

impl Train {
    /// How many rows the curve of a run of this many steps has.
    pub fn logged(&self, steps: usize) -> usize {
        self.log_points.min(steps.saturating_add(1)).max(2)
    }

    /// The steps at which a curve has a row: spread evenly over 0..=steps, the first and the last among them.
    pub fn logged_steps(&self, steps: usize) -> Vec<usize> {
        let points = self.logged(steps);
        let last = (points - 1) as u128;
        let mut logged: Vec<usize> = (0..=last).map(|i| ((i * steps as u128 + last / 2) / last) as usize).collect();
        logged.dedup();
        logged
    }
}

/// The tables of a configuration, each key with its value in TOML, in the order of the file format.
pub fn sections(config: &Config) -> Vec<(&'static str, Vec<(String, String)>)> {
    sections_of(config, [true; 6])
}

/// How a section is written.
type Write = fn(&Config) -> toml::Value;

fn sections_of(config: &Config, wanted: [bool; 6]) -> Vec<(&'static str, Vec<(String, String)>)> {
    let sections: [(&str, Write); 6] = [
        ("data", |config| to_toml(&config.data)),
        ("batch", |config| to_toml(&config.batch)),
        ("model", |config| to_toml(&config.model)),
        ("loss", |config| to_toml(&config.loss)),
        ("optimizer", |config| to_toml(&config.optimizer)),
        ("train", |config| to_toml(&config.train)),
    ];
    let wanted = sections.into_iter().zip(wanted).filter(|(_, wanted)| *wanted);
    let keys = |value: toml::Value| match value {
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, value.to_string())).collect(),
        _ => Vec::new(),
    };
    wanted.map(|((section, write), _)| (section, keys(write(config)))).collect()
}

/// A configuration as `section.key` with its value in TOML, in the order of the file format.
pub fn flatten(config: &Config) -> Vec<(String, String)> {
    flat(sections(config))
}

fn flat(sections: Vec<(&'static str, Vec<(String, String)>)>) -> Vec<(String, String)> {
    let flat = |(section, keys): (&str, Vec<(String, String)>)| {
        keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)).collect::<Vec<_>>()
    };
    sections.into_iter().flat_map(flat).collect()
}

fn to_toml<T: Serialize>(value: &T) -> toml::Value {
    toml::Value::try_from(value).expect("a configuration is made of what TOML can write")
}

/// What `config` has otherwise than `baseline`: `(key, value)`, the value as TOML; `unset` where it has none.
pub fn difference(config: &Config, baseline: &Config) -> Vec<(String, String)> {
    // Most sections are the same, and to see that is quicker than to write them out.
    let differ = [
        config.data != baseline.data,
        config.batch != baseline.batch,
        config.model != baseline.model,
        config.loss != baseline.loss,
        config.optimizer != baseline.optimizer,
        config.train != baseline.train,
    ];
    let [ours, theirs] = [config, baseline].map(|config| flat(sections_of(config, differ)));
    let mut changed: Vec<_> = ours.iter().filter(|entry| !theirs.contains(entry)).cloned().collect();
    for (key, _) in theirs {
        if !ours.iter().any(|(ours, _)| *ours == key) {
            changed.push((key, "unset".to_owned()));
        }
    }
    changed
}
