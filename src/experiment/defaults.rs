//! What a framework does where a training script says nothing: its defaults, key by key. `docs/frameworks.md` has the same
//! table with its sources.

use super::config::{
    Activation, All, BatchSize, ClipOver, Config, Decay, Draw, EpsPlace, Guard, Init, LastBatch, LossInput, LossKind,
    Mode, Norm, OptimizerKind, Output, Variance,
};
use super::framework::Framework;

/// The defaults of the keys that frameworks have otherwise; none of them are misfit's own.
#[derive(Debug, Clone, Copy)]
pub struct Defaults(pub Option<Framework>);

impl Defaults {
    pub fn init(self) -> Init {
        match self.0 {
            None | Some(Framework::Keras | Framework::Flux) => Init::GlorotUniform,
            Some(Framework::Pytorch) => Init::Pytorch,
            Some(Framework::Flax) => Init::LecunNormal,
        }
    }

    /// Of biases beside weights that begin so.
    pub fn init_bias(self, weights: Init) -> Init {
        match self.0 {
            Some(Framework::Pytorch) => Init::Pytorch,
            None if weights == Init::Pytorch => Init::Pytorch,
            _ => Init::Zeros,
        }
    }

    /// What a framework calls so: some draw their normal numbers from within two standard deviations.
    pub fn meant(self, init: Init) -> Init {
        match (self.0, init) {
            (Some(Framework::Keras | Framework::Flax), Init::GlorotNormal) => Init::GlorotTruncated,
            (Some(Framework::Keras | Framework::Flax), Init::KaimingNormal) => Init::KaimingTruncated,
            _ => init,
        }
    }

    /// Flux' and Flax' gelu is the approximation by tanh.
    pub fn activation(self, activation: Activation) -> Activation {
        match (self.0, activation) {
            (Some(Framework::Flux | Framework::Flax), Activation::Gelu) => Activation::GeluTanh,
            _ => activation,
        }
    }

    pub fn negative_slope(self) -> f64 {
        if self.0 == Some(Framework::Keras) { 0.2 } else { 0.01 }
    }

    pub fn batch_size(self) -> BatchSize {
        if self.0 == Some(Framework::Keras) { BatchSize::Rows(32) } else { BatchSize::All(All::All) }
    }

    pub fn draw(self) -> Draw {
        match self.0 {
            None | Some(Framework::Flax) => Draw::Once,
            Some(Framework::Keras) => Draw::Epoch,
            Some(Framework::Pytorch | Framework::Flux) => Draw::Sequential,
        }
    }

    pub fn last(self) -> LastBatch {
        match self.0 {
            None | Some(Framework::Flax) => LastBatch::RunOn,
            Some(Framework::Keras | Framework::Pytorch | Framework::Flux) => LastBatch::Short,
        }
    }

    /// Of a norm's square root.
    pub fn norm_eps(self, norm: Norm) -> f64 {
        match (self.0, norm) {
            (Some(Framework::Keras), _) => 1e-3,
            (Some(Framework::Flax), Norm::Layer) => 1e-6,
            _ => 1e-5,
        }
    }

    /// The share that a batch has in the running statistics.
    pub fn norm_momentum(self) -> f64 {
        if matches!(self.0, Some(Framework::Keras | Framework::Flax)) { 0.01 } else { 0.1 }
    }

    pub fn norm_variance(self) -> Variance {
        match self.0 {
            Some(Framework::Keras | Framework::Flax) => Variance::Biased,
            None | Some(Framework::Pytorch | Framework::Flux) => Variance::Unbiased,
        }
    }

    /// What a loss takes the predictions for, where nothing says it.
    pub fn from(self, kind: LossKind, output: Output) -> LossInput {
        match (self.0, kind) {
            (Some(Framework::Keras | Framework::Flux), _) => LossInput::Probabilities,
            (Some(Framework::Flax), _) | (Some(Framework::Pytorch), LossKind::CrossEntropy) => LossInput::Logits,
            _ => match output {
                Output::Sigmoid | Output::Softmax => LossInput::Probabilities,
                Output::LogSoftmax => LossInput::LogProbabilities,
                Output::Identity | Output::Relu | Output::Tanh => LossInput::Logits,
            },
        }
    }

    pub fn guard(self, kind: LossKind) -> Guard {
        match (self.0, kind) {
            (Some(Framework::Keras), LossKind::CrossEntropy) => Guard::Divide,
            (None | Some(Framework::Keras), _) => Guard::Clip,
            (Some(Framework::Pytorch), LossKind::CrossEntropy) | (Some(Framework::Flax), _) => Guard::None,
            (Some(Framework::Pytorch), _) => Guard::Clamp,
            (Some(Framework::Flux), LossKind::Poisson) => Guard::None,
            (Some(Framework::Flux), _) => Guard::Add,
        }
    }

    /// A kind of optimizer with what its keys are where nothing says it.
    pub fn optimizer(self, mut kind: OptimizerKind) -> OptimizerKind {
        match (&mut kind, self.0) {
            (OptimizerKind::Adam { eps, .. }, Some(Framework::Keras)) => *eps = 1e-7,
            (OptimizerKind::Adamw { eps, weight_decay, .. }, Some(framework)) => match framework {
                Framework::Pytorch => {}
                Framework::Keras => (*eps, *weight_decay) = (1e-7, 0.004),
                Framework::Flux => *weight_decay = 0.0,
                Framework::Flax => *weight_decay = 1e-4,
            },
            (OptimizerKind::Rmsprop { alpha, eps, .. }, Some(framework)) if framework != Framework::Pytorch => {
                *alpha = 0.9;
                if framework == Framework::Keras {
                    *eps = 1e-7;
                }
            }
            _ => {}
        }
        kind
    }

    pub fn learning_rate(self, kind: OptimizerKind) -> f64 {
        match (self.0, kind) {
            (Some(Framework::Keras), OptimizerKind::Sgd { .. }) => 0.01,
            // Descent, Nesterov and Momentum.
            (Some(Framework::Flux), OptimizerKind::Sgd { momentum: 0.0, .. }) => 0.1,
            (Some(Framework::Flux), OptimizerKind::Sgd { nesterov: true, .. }) => 1e-3,
            (Some(Framework::Flux), OptimizerKind::Sgd { .. }) => 0.01,
            (Some(Framework::Pytorch), OptimizerKind::Rmsprop { .. }) => 0.01,
            _ => 1e-3,
        }
    }

    pub fn eps_place(self, kind: OptimizerKind) -> EpsPlace {
        match (self.0, kind) {
            (Some(Framework::Keras), _) | (Some(Framework::Flax), OptimizerKind::Rmsprop { .. }) => EpsPlace::Inside,
            _ => EpsPlace::Outside,
        }
    }

    pub fn decay(self, kind: OptimizerKind) -> Decay {
        match (self.0, kind) {
            (Some(Framework::Keras), _) | (_, OptimizerKind::Adamw { .. }) => Decay::Decoupled,
            _ => Decay::Coupled,
        }
    }

    pub fn clip_over(self) -> ClipOver {
        match self.0 {
            None | Some(Framework::Pytorch) => ClipOver::All,
            Some(Framework::Keras | Framework::Flux) => ClipOver::Each,
            Some(Framework::Flax) => ClipOver::Global,
        }
    }

    /// Keras takes a frozen batch norm as in evaluation.
    pub fn norm_frozen(self) -> Mode {
        if self.0 == Some(Framework::Keras) { Mode::Eval } else { Mode::Train }
    }
}

/// What another framework does otherwise: a part of its defaults, as a fix.
pub struct Otherwise {
    /// `keras-init`, …
    pub name: String,
    pub why: String,
    /// The settings in TOML, a key a line.
    pub patch: String,
}

/// The parts in which a configuration is otherwise with another framework's defaults, which `to` has. A part is what makes sense
/// together, as an optimizer's eps and its place.
pub fn apart(from: &Config, to: &Config) -> Vec<Otherwise> {
    let Some(framework) = to.framework.map(Framework::word) else { return Vec::new() };
    let part = |(name, about, settings): (&str, &str, Settings)| {
        let [ours, theirs] = [from, to].map(settings);
        let lines = |settings: &[(&str, String)]| {
            settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
        };
        let other =
            theirs.iter().filter(|setting| !ours.contains(setting)).map(|(key, value)| format!("{key} = {value}"));
        (ours != theirs).then(|| Otherwise {
            name: format!("{framework}-{name}"),
            why: format!("{about}: {}", other.collect::<Vec<_>>().join(", ")),
            patch: lines(&theirs),
        })
    };
    PARTS.into_iter().filter_map(part).collect()
}

type Settings = fn(&Config) -> Vec<(&'static str, String)>;

/// The parts: what each is called, what it is about, and its settings.
const PARTS: [(&str, &str, Settings); 10] = [
    ("init", "how weights and biases begin", |config| {
        vec![("model.init", init(config.model.init)), ("model.init_bias", init(config.model.init_bias))]
    }),
    ("activation", "what an activation's name means", |config| {
        let exact = |a: &Activation| if *a == Activation::Gelu { Activation::EXACT } else { a.word() };
        let words: Vec<&str> = config.model.activation.iter().map(exact).collect();
        let leaky = config.model.activation.contains(&Activation::LeakyRelu);
        let slope = leaky.then(|| ("model.negative_slope", format!("{:?}", config.model.negative_slope)));
        [("model.activation", format!("{words:?}"))].into_iter().chain(slope).collect()
    }),
    ("norm", "how norms work", |config| {
        let Some(by) = config.model.normalisation else { return Vec::new() };
        let mut settings = vec![("model.norm_eps", format!("{:?}", by.eps))];
        if config.model.norm.contains(&Norm::Batch) {
            settings.push(("model.norm_momentum", format!("{:?}", by.momentum)));
            settings.push(("model.norm_variance", format!("{:?}", by.variance.word())));
        }
        settings.extend(by.frozen.map(|frozen| ("model.norm_frozen", format!("{:?}", frozen.word()))));
        settings
    }),
    ("batch-size", "rows of a batch", |config| match config.batch.size {
        BatchSize::Rows(rows) => vec![("batch.size", rows.to_string())],
        BatchSize::All(_) => vec![("batch.size", "\"all\"".to_owned())],
    }),
    ("batches", "the order of the rows, and the end of a pass", |config| {
        let passes = matches!(config.batch.draw, Draw::Epoch | Draw::Sequential);
        let last = passes.then(|| ("batch.last", format!("{:?}", config.batch.last.word())));
        [("batch.draw", format!("{:?}", config.batch.draw.word()))].into_iter().chain(last).collect()
    }),
    ("loss", "what the loss takes, and how it is kept finite", |config| {
        let loss = &config.loss;
        let mut settings: Vec<_> =
            loss.from.map(|from| ("loss.from", format!("{:?}", from.word()))).into_iter().collect();
        if loss.from == Some(LossInput::Probabilities) || loss.kind == LossKind::Poisson {
            settings.push(("loss.guard", format!("{:?}", loss.guard.word())));
        }
        settings
    }),
    ("rate", "the learning rate", |config| {
        vec![("optimizer.learning_rate", format!("{:?}", config.optimizer.learning_rate))]
    }),
    ("eps", "the optimizer's eps, and where it stands", |config| match config.optimizer.kind {
        OptimizerKind::Sgd { .. } => Vec::new(),
        OptimizerKind::Adam { eps, .. } | OptimizerKind::Adamw { eps, .. } | OptimizerKind::Rmsprop { eps, .. } => {
            let place = config.optimizer.eps_place.word();
            vec![("optimizer.eps", format!("{eps:?}")), ("optimizer.eps_place", format!("{place:?}"))]
        }
    }),
    ("alpha", "how long RMSprop remembers", |config| match config.optimizer.kind {
        OptimizerKind::Rmsprop { alpha, .. } => vec![("optimizer.alpha", format!("{alpha:?}"))],
        _ => Vec::new(),
    }),
    ("decay", "how weights decay, and gradients are clipped", |config| {
        let optimizer = &config.optimizer;
        let weight_decay = *optimizer.kind.clone().weight_decay_mut();
        let mut settings = vec![("optimizer.weight_decay", format!("{weight_decay:?}"))];
        if weight_decay > 0.0 {
            let decay = if optimizer.decoupled() { Decay::Decoupled } else { Decay::Coupled };
            settings.push(("optimizer.decay", format!("{:?}", decay.word())));
        }
        settings.extend(optimizer.clip_over.map(|over| ("optimizer.clip_over", format!("{:?}", over.word()))));
        settings
    }),
];

/// As an experiment of any framework spells it.
fn init(init: Init) -> String {
    match init {
        Init::GlorotNormal => "\"glorot_untruncated\"".to_owned(),
        Init::KaimingNormal => "\"kaiming_untruncated\"".to_owned(),
        Init::Uniform([low, high]) => format!("{{ uniform = [{low:?}, {high:?}] }}"),
        Init::Normal([mean, deviation]) => format!("{{ normal = [{mean:?}, {deviation:?}] }}"),
        named => toml::Value::try_from(named).map_or_else(|_| String::new(), |value| value.to_string()),
    }
}
