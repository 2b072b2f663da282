//! The resolved configuration of a variant: everything that its runs' numbers depend on, besides the seed.
//!
//! Serialised, each type is what an experiment file says, so a configuration can be written back as one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::framework::{FRAMEWORK, Framework};

pub use super::words::Word;
pub(crate) use super::words::words;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// Whose defaults the keys have that the file does not give. All that they say is in those keys, so it decides nothing more.
    #[serde(skip)]
    pub framework: Option<Framework>,
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
    /// What becomes of a file's rows that repeat an earlier one.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicates: Duplicates,
    /// Training samples that are used, where not all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    #[serde(skip_serializing_if = "is_default")]
    pub control: Control,
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

impl Config {
    /// The files that it names: data, modules, initial parameters.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let target = match &mut self.data.target {
            Target::Csv { csv: file, .. } | Target::Tensors { tensors: file } => Some(file),
            Target::Polynomial { .. } | Target::Formula { .. } => None,
        };
        let test = if let Test::Csv(file) = &mut self.data.test { Some(file) } else { None };
        let modules = [&mut self.model.torchscript, &mut self.model.initial, &mut self.loss.torchscript];
        target.into_iter().chain(test).chain(modules.into_iter().flatten())
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
        /// Rows that validation looks at, learnt from and tested on; of a function its test points.
        Learnt = "learnt",
    }
}

impl Split {
    /// Whether it tests on rows of the file that is learnt from, also where there are test rows of their own.
    pub fn is_of_rows_learnt_from(self) -> bool {
        matches!(self, Split::Validation | Split::Learnt)
    }

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
    /// What becomes of rows that repeat an earlier one, in all inputs and targets.
    #[derive(Default)]
    Duplicates {
        #[default]
        Keep = "keep",
        /// They are left out before any row is held out.
        Drop = "drop",
    }
}

words! {
    /// What is taken away from the data, so that one sees what a network makes of it.
    #[derive(Default)]
    Control {
        #[default]
        None = "none",
        /// Each input is its mean over the training samples, in training and in tests.
        Blind = "blind",
        /// Each training sample has another one's target.
        Permuted = "permuted",
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
    #[serde(skip_serializing_if = "is_default")]
    pub last: LastBatch,
}

words! {
    /// What becomes of the rows at the end of a pass that fill no batch.
    #[derive(Default)]
    LastBatch {
        /// A batch is filled up from the next pass.
        #[default]
        RunOn = "run-on",
        /// They are a batch of their own.
        Short = "short",
        /// They are left out.
        Drop = "drop",
    }
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
        /// Passes over the training samples in their order.
        Sequential = "sequential",
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
    /// Of leaky_relu below zero.
    #[serde(skip_serializing_if = "is_usual_slope")]
    pub negative_slope: f64,
    /// Share of what each hidden layer puts out that is dropped in training, one for each, and perhaps one of what the last layer
    /// puts out, before its output function; empty where none drops anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropout: Vec<f64>,
    /// One for each hidden layer; empty where none has one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub norm: Vec<Norm>,
    /// Where there is a norm.
    #[serde(flatten)]
    pub normalisation: Option<Normalisation>,
    /// Layers, from 0, whose parameters have no gradient.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<usize>,
    /// A safetensors file of initial parameters by seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial: Option<PathBuf>,
    /// A TorchScript module that is the network; the keys of layers mean nothing then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torchscript: Option<PathBuf>,
    /// Whether `output` is known: that of a module only where the file says what its last layer is.
    #[serde(skip)]
    pub known_output: bool,
}

impl Model {
    /// The keys that a module has beside its own.
    pub const OF_A_MODULE: [&str; 4] = ["torchscript", "initial", "outputs", "output"];

    /// A hidden layer's norm and how it works, if it has one.
    pub fn norm_of(&self, layer: usize) -> Option<(Norm, Normalisation)> {
        let norm = self.norm.get(layer).filter(|norm| **norm != Norm::None)?;
        self.normalisation.map(|by| (*norm, by))
    }

    /// The hidden layers that have a norm.
    pub fn normed(&self) -> impl Iterator<Item = usize> {
        (0..self.hidden.len()).filter(|&layer| self.norm_of(layer).is_some())
    }
}

/// Slope of leaky_relu below zero, in misfit and in PyTorch.
pub const USUAL_SLOPE: f64 = 0.01;

fn is_usual_slope(slope: &f64) -> bool {
    *slope == USUAL_SLOPE
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

words! {
    /// What normalises a hidden layer.
    #[derive(Default)]
    Norm {
        #[default]
        None = "none",
        /// Each unit over the rows of a batch (Ioffe & Szegedy 2015).
        Batch = "batch",
        /// Each row over its units (Ba et al. 2016).
        Layer = "layer",
    }
}

/// How norms work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Normalisation {
    #[serde(rename = "norm_place")]
    pub place: NormPlace,
    /// What is added to a variance.
    #[serde(rename = "norm_eps")]
    pub eps: f64,
    /// The share that a batch has in the running statistics.
    #[serde(rename = "norm_momentum")]
    pub momentum: f64,
    /// Which variance the running one is made of.
    #[serde(rename = "norm_variance")]
    pub variance: Variance,
    /// How the batch norm of a frozen layer behaves in training, where there is one.
    #[serde(rename = "norm_frozen", skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Mode>,
}

words! {
    /// Where a norm stands.
    NormPlace {
        /// Behind the activation.
        After = "after",
        /// Between the matrix product and the activation.
        Before = "before",
    }
}

words! {
    Variance {
        /// With divisor n − 1.
        Unbiased = "unbiased",
        /// With divisor n.
        Biased = "biased",
    }
}

words! {
    Activation {
        Relu = "relu",
        /// Slope 0.01 below zero, or another.
        LeakyRelu = "leaky_relu",
        /// α = 1.
        Elu = "elu",
        /// The exact form, with the normal distribution function.
        Gelu = "gelu",
        /// Its approximation by tanh.
        GeluTanh = "gelu_tanh",
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

impl Activation {
    /// The exact gelu's name where `gelu` is the approximation.
    pub const EXACT: &'static str = "gelu_exact";
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
    /// N(0, 2/(fan_in + fan_out)) within two standard deviations, as wide all the same: Keras' and Flax' glorot_normal.
    GlorotTruncated,
    /// N(0, 2/fan_in) so: their he_normal.
    KaimingTruncated,
    /// N(0, 1/fan_in) so: Flax' default (LeCun et al. 1998).
    LecunNormal,
    /// U(±√(3/fan_in)).
    LecunUniform,
    /// U(±√(1/fan_in)), biases too: what `torch.nn.Linear` does.
    Pytorch,
    Zeros,
    /// Between two bounds.
    Uniform([f64; 2]),
    /// Mean and standard deviation.
    Normal([f64; 2]),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loss {
    pub kind: LossKind,
    /// The module, where the loss is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torchscript: Option<PathBuf>,
    pub pairing: Pairing,
    /// Where the Huber loss turns from square to line; the other kinds have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// What bce, cross_entropy and a module take the predictions for; the other kinds have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<LossInput>,
    pub reduction: Reduction,
    /// What keeps logarithms of probabilities and of rates finite.
    #[serde(skip_serializing_if = "is_default")]
    pub guard: Guard,
    /// Σ|w| and Σw² over the weights, times these, are added.
    #[serde(skip_serializing_if = "is_default")]
    pub l1: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub l2: f64,
}

words! {
    /// What keeps the logarithm of a probability p finite.
    #[derive(Default)]
    Guard {
        /// p is clipped to [1e-7, 1 − 1e-7], as Keras does. A row of cross_entropy is divided by its sum before that, with labels
        /// that are places of classes after it, as Keras does on TensorFlow.
        #[default]
        Clip = "clip",
        /// The same, a row divided by its sum before that whatever the labels, as Keras does on JAX and PyTorch.
        Divide = "divide",
        /// A logarithm is at least −100, and none is where p is outside 0…1: PyTorch's BCELoss.
        Clamp = "clamp",
        /// ln(p + 1.2e-7): Flux.
        Add = "add",
        /// Nothing.
        None = "none",
    }
}

impl Guard {
    /// What is added to a rate before its logarithm is taken, by the framework that guards so.
    pub fn of_rates(self) -> f64 {
        match self {
            Guard::Clip | Guard::Divide => 1e-7,
            Guard::Clamp => 1e-8,
            Guard::Add => f64::from(f32::EPSILON),
            Guard::None => 0.0,
        }
    }
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
        /// Mean of ŷ − y·ln(ŷ + ε), ε by [`Guard`].
        Poisson = "poisson",
        /// Mean of max(0, 1 − y·ŷ).
        Hinge = "hinge",
        /// Mean of −y ln p − (1 − y) ln(1 − p).
        Bce = "bce",
        /// Mean over the rows of −Σ y ln p.
        CrossEntropy = "cross_entropy",
        /// Mean over the rows of −Σ y·ŷ, of logarithms of probabilities.
        Nll = "nll",
        /// A TorchScript module of predictions and targets.
        TorchScript = "torchscript",
    }
}

words! {
    /// What a loss takes predictions for.
    LossInput {
        /// p = sigmoid(ŷ), or softmax(ŷ).
        Logits = "logits",
        /// p = ŷ, guarded as [`Guard`] says.
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

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Optimizer {
    #[serde(flatten)]
    pub kind: OptimizerKind,
    pub learning_rate: f64,
    pub schedule: Schedule,
    #[serde(skip_serializing_if = "is_default")]
    pub eps_place: EpsPlace,
    /// Where it is not the kind's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay: Option<Decay>,
    /// A gradient's norm is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// What that is the norm of, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_over: Option<ClipOver>,
    /// Each number of a gradient is at most so far from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// Whether a gradient is forgotten before the next one is computed; else they add up.
    #[serde(skip_serializing_if = "is_true")]
    pub zero_grad: bool,
    /// Layers, from 0, whose parameters it does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<usize>,
}

fn is_true(value: &bool) -> bool {
    *value
}

impl Optimizer {
    /// Whether weights decay beside the gradient, not by it.
    pub fn decoupled(&self) -> bool {
        match self.decay {
            Some(decay) => decay == Decay::Decoupled,
            None => matches!(self.kind, OptimizerKind::Adamw { .. }),
        }
    }
}

words! {
    /// Where an optimizer that divides by a root adds its eps.
    #[derive(Default)]
    EpsPlace {
        /// To the root; Adam's is corrected before that.
        #[default]
        Outside = "outside",
        /// Under RMSprop's root; to Adam's root before it is corrected (Keras; ε̂ of Kingma & Ba 2015).
        Inside = "inside",
    }
}

words! {
    /// How weights decay.
    Decay {
        /// By a gradient of weight_decay·w.
        Coupled = "coupled",
        /// By rate·weight_decay·w at each update (Loshchilov & Hutter 2019).
        Decoupled = "decoupled",
    }
}

words! {
    /// Whose norm is clipped.
    ClipOver {
        /// That of all parameters together, to which 1e-6 is added (PyTorch's clip_grad_norm_).
        All = "all",
        /// The same without that (Keras' global_clipnorm, optax' clip_by_global_norm).
        Global = "global",
        /// That of each layer's weights, and that of its biases.
        Each = "each",
    }
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

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Train {
    #[serde(flatten)]
    pub length: Length,
    pub engine: EngineChoice,
    /// Rows that a curve keeps at most, the first and the last step always among them.
    pub log_points: usize,
    #[serde(skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Early stopping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

words! {
    /// How dropout and batch norm behave while a network is trained.
    #[derive(Default)]
    Mode {
        /// They drop, and normalise by the batch.
        #[default]
        Train = "train",
        /// As in evaluation.
        Eval = "eval",
    }
}

/// When training ends before its last step: once a loss has not improved for some passes over the training samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stop {
    /// Passes without an improvement.
    pub patience: usize,
    /// What a loss must fall by to have improved.
    pub min_delta: f64,
    pub on: StopOn,
    /// Share of the training rows that are kept for it; of [`StopOn::Validation`] alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Whether the parameters of the best pass are the last ones.
    pub restore: bool,
}

words! {
    /// Whose loss says when to stop.
    StopOn {
        /// Training rows that are not learnt from.
        Validation = "validation",
        /// The rows that are learnt from.
        Train = "train",
        /// The test points, which makes what they say afterwards too good.
        Test = "test",
    }
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
    pub fn steps(self, rows: usize, batch: usize, last: LastBatch) -> usize {
        let epochs = match self {
            Length::Steps(steps) => return steps,
            Length::Epochs(epochs) => epochs,
        };
        let updates = match last {
            LastBatch::RunOn => (epochs as u128 * rows as u128).div_ceil(batch as u128),
            LastBatch::Short => epochs as u128 * rows.div_ceil(batch) as u128,
            LastBatch::Drop => epochs as u128 * (rows / batch) as u128,
        };
        usize::try_from(updates).unwrap_or(usize::MAX)
    }
}

impl Train {
    /// How many of this many training rows are kept to say when to stop.
    pub fn kept(&self, rows: usize) -> usize {
        let share = self.stop.and_then(|stop| stop.validation).unwrap_or(0.0);
        if share == 0.0 || rows < 2 { 0 } else { ((share * rows as f64).round() as usize).clamp(1, rows - 1) }
    }

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
        ("model", |config| model_to_toml(&config.model)),
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
    let framework = config.framework.map(|framework| (FRAMEWORK.to_owned(), format!("{:?}", framework.word())));
    framework.into_iter().chain(flat(sections(config))).collect()
}

fn flat(sections: Vec<(&'static str, Vec<(String, String)>)>) -> Vec<(String, String)> {
    let flat = |(section, keys): (&str, Vec<(String, String)>)| {
        keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)).collect::<Vec<_>>()
    };
    sections.into_iter().flat_map(flat).collect()
}

fn model_to_toml(model: &Model) -> toml::Value {
    let mut keys = to_toml(model);
    if let (Some(_), toml::Value::Table(keys)) = (&model.torchscript, &mut keys) {
        keys.retain(|key, _| Model::OF_A_MODULE.contains(&key) && (key != "output" || model.known_output));
    }
    keys
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
    if config.framework != baseline.framework {
        let told = config.framework.map_or("unset".to_owned(), |framework| format!("{:?}", framework.word()));
        changed.insert(0, (FRAMEWORK.to_owned(), told));
    }
    for (key, _) in theirs {
        if !ours.iter().any(|(ours, _)| *ours == key) {
            changed.push((key, "unset".to_owned()));
        }
    }
    changed
}
