//! A fix in the words of a framework: the lines of a training script that make it. `docs/frameworks.md` says what they take for
//! granted.

mod data;
mod loss;
mod network;
mod optimizer;

use super::search::{Set, bit, members};
use super::verdicts::Diagnosis;
use crate::experiment::config::*;
use crate::experiment::framework::Framework;
use crate::experiment::table::Task;

use Framework::{Flax, Flux, Keras, Pytorch};

/// Each line that makes a set of fixes, with the names of those that it is of, in the framework that the experiment names.
pub fn of_set(diagnosis: &Diagnosis, set: Set) -> Vec<(Vec<String>, String)> {
    let mut all: Vec<(Vec<String>, String)> = Vec::new();
    for fix in members(set) {
        let name = &diagnosis.fixes[fix].fix.name;
        for line in of_fix(diagnosis, set, fix) {
            match all.iter_mut().find(|(_, known)| *known == line) {
                Some((names, _)) => names.push(name.clone()),
                None => all.push((vec![name.clone()], line)),
            }
        }
    }
    all
}

/// The lines that make one fix of a set that was measured; none where the experiment names no framework.
pub fn of_fix(diagnosis: &Diagnosis, set: Set, fix: usize) -> Vec<String> {
    let baseline = diagnosis.baseline();
    let (Some(framework), Some(after)) = (baseline.config.framework, diagnosis.cells.get(&set)) else {
        return Vec::new();
    };
    let outputs = [baseline, after].map(|of| outputs(&of.config, of.task, of.targets, of.classes));
    lines(framework, &baseline.config, &after.config, outputs, &diagnosis.fixes[fix].fix.keys())
}

/// The lines that make a fix in the set that is named first, alone, or in another set that was measured with it.
pub fn of_finding(diagnosis: &Diagnosis, fix: usize) -> Vec<String> {
    let has = |set: &Set| set & bit(fix) != 0 && diagnosis.cells.contains_key(set);
    let all = [diagnosis.first(), bit(fix)].into_iter().chain(diagnosis.cells.keys().copied());
    all.into_iter().find(has).map_or_else(Vec::new, |set| of_fix(diagnosis, set, fix))
}

/// The lines of a training script in `framework` that make these changes, in the order of the keys, each once. `before` is the
/// configuration without them and `after` with them; `outputs` are the units of their last layers. A key for which the framework
/// has no line gives none, and one that changes more than itself gives two.
pub fn lines(
    framework: Framework,
    before: &Config,
    after: &Config,
    outputs: [usize; 2],
    keys: &[String],
) -> Vec<String> {
    let script = Script { framework, before, config: after, outputs: outputs[1], keys };
    let mut lines = Vec::new();
    for line in keys.iter().flat_map(|key| script.line(key).into_iter().chain(script.implied(key, outputs[0]))) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Units of the last layer for targets of `columns` columns, or of one that has `classes` classes.
pub fn outputs(config: &Config, task: Task, columns: usize, classes: usize) -> usize {
    let needed = match (task, config.data.labels) {
        (Task::Regression | Task::MultiLabel, _) => columns,
        _ if of_rows(config) => classes,
        (_, Some(Labels::Index | Labels::Number)) => 1,
        (_, None | Some(Labels::PlusMinus)) if classes == 2 => 1,
        _ => classes,
    };
    config.model.outputs.unwrap_or(needed)
}

/// Whether the loss is of rows, each of which has one class.
fn of_rows(config: &Config) -> bool {
    matches!(config.loss.kind, LossKind::CrossEntropy | LossKind::Nll)
}

/// A number as it is spelt in TOML, Python and Julia.
fn number(value: &toml::Value) -> String {
    value.as_float().map_or_else(|| value.to_string(), |number| format!("{number:?}"))
}

/// A number as Julia writes one of 32 bits.
fn float32(number: f64) -> String {
    let text = format!("{number:?}");
    if text.contains('e') { text.replace('e', "f") } else { text + "f0" }
}

/// What changes what a network is made of, beside its last layer.
const NETWORK: [&str; 13] = [
    "model.hidden",
    "model.activation",
    "model.bias",
    "model.negative_slope",
    "model.dropout",
    "model.norm",
    "model.norm_place",
    "model.norm_eps",
    "model.norm_momentum",
    "model.init",
    "model.init_bias",
    "loss.l1",
    "loss.l2",
];

/// Where an optimizer of Keras and a loss go.
const COMPILED: &str = "  # for model.compile";

struct Script<'a> {
    framework: Framework,
    before: &'a Config,
    config: &'a Config,
    outputs: usize,
    keys: &'a [String],
}

impl Script<'_> {
    fn says(&self, key: &str) -> bool {
        self.keys.iter().any(|said| said == key)
    }

    /// The word of the framework among those of PyTorch, Keras, Flux and Flax.
    fn word<T: Into<String>>(&self, [pytorch, keras, flux, flax]: [T; 4]) -> String {
        match self.framework {
            Pytorch => pytorch.into(),
            Keras => keras.into(),
            Flux => flux.into(),
            Flax => flax.into(),
        }
    }

    fn line(&self, key: &str) -> Option<String> {
        let Config { batch, train, optimizer, model, data, .. } = self.config;
        match key {
            "data.target" => self.columns(),
            "data.inputs" => self.points(),
            "data.scale_input" => self.scaled("x", data.scale_input),
            "data.scale_target" => self.scaled("y", data.scale_target),
            "data.noise" if data.noise > 0.0 => {
                let noise = data.noise;
                Some(self.word([
                    format!("y = y + {noise:?} * torch.randn_like(y)  # of the training rows"),
                    format!("y = y + {noise:?} * np.random.standard_normal(y.shape)  # of the training rows"),
                    format!("y = y .+ {} .* randn(Float32, size(y))  # of the training rows", float32(noise)),
                    format!("y = y + {noise:?} * np.random.standard_normal(y.shape)  # of the training rows"),
                ]))
            }
            "data.holdout" | "data.holdout_rows" => self.holdout(),
            "data.labels" => self.labels(),
            "data.duplicates" => Some(self.tables("df = df.drop_duplicates()", "df = unique(df)")),
            "data.missing" => match data.missing? {
                Missing::Drop => Some(self.tables("df = df.dropna()", "df = dropmissing(df)")),
                Missing::Mean if self.framework != Flux => Some("df = df.fillna(df.mean(numeric_only=True))".to_owned()),
                Missing::Mean | Missing::Refuse => None,
            },
            "batch.size" | "batch.draw" | "batch.last" => self.batches(),
            "model.output" | "model.outputs" => match NETWORK.iter().any(|key| self.says(key)) {
                true => Some(self.network()),
                false => Some(self.last_layer()),
            },
            "model.init" if self.framework == Pytorch => self.drawn("weight", model.init),
            "model.init_bias" if self.framework == Pytorch => self.drawn("bias", model.init_bias),
            "model.frozen" => self.frozen(),
            "loss.l1" | "loss.l2" if self.framework != Keras => self.loss(),
            "model.init" if self.init(model.init).is_none() => None,
            "model.init_bias" if self.init_bias(model.init_bias).is_none() => None,
            key if NETWORK.contains(&key) => Some(self.network()),
            "loss.pairing" if self.config.loss.pairing != Pairing::Matched => None,
            "loss.pairing" if self.framework == Keras => Some("y = y.reshape(-1, 1)  # one column, as the output has".to_owned()),
            "loss.pairing" if self.framework == Flux => Some("y = reshape(y, 1, :)  # one row, as the output has".to_owned()),
            "loss.kind" | "loss.from" | "loss.reduction" | "loss.delta" | "loss.pairing" => self.loss(),
            "optimizer.clip_norm" | "optimizer.clip_over" | "optimizer.clip_value" if self.framework == Pytorch => {
                self.clipped(key == "optimizer.clip_value")
            }
            "optimizer.clip_norm" | "optimizer.clip_over" => {
                let one = optimizer.clip_over == Some(ClipOver::Each);
                (self.framework == Keras || one == (self.framework == Flux)).then(|| self.optimizer())
            }
            "optimizer.schedule" if matches!(self.framework, Pytorch | Flux) => self.scheduled(),
            "optimizer.zero_grad" => optimizer.zero_grad.then(|| {
                self.word([
                    "optimizer.zero_grad()  # before loss.backward()",
                    "model.train_on_batch(x, y)  # each step by its own gradient, none added to earlier ones",
                    "grads = Flux.gradient(model -> loss(model, x, y), model)[1]  # new in each step, not added to earlier ones",
                    "value, grads = jax.value_and_grad(loss_fn)(params, x, y)  # new in each step, not added to earlier ones",
                ])
            }),
            "optimizer.without" => match (self.framework, optimizer.without.is_empty()) {
                (Pytorch | Flux, true) | (Pytorch, false) => Some(self.optimizer()),
                (Keras, true) => Some("optimizer.apply(gradients, model.trainable_variables)  # every layer's".to_owned()),
                (Flax, true) => Some("opt_state = optimizer.init(params)  # of every layer's parameters".to_owned()),
                _ => None,
            },
            "optimizer.eps_place" => None,
            key if key.starts_with("optimizer.") => Some(self.optimizer()),
            "train.steps" | "train.epochs" if self.framework == Keras => self.fit(),
            "train.steps" | "train.epochs" => Some(match train.length {
                Length::Steps(steps) => self.tables(
                    &format!("steps = {steps}  # for step in range(steps)"),
                    &format!("steps = {steps}  # for step in 1:steps"),
                ),
                Length::Epochs(epochs) => self.tables(
                    &format!("epochs = {epochs}  # for epoch in range(epochs)"),
                    &format!("epochs = {epochs}  # for epoch in 1:epochs"),
                ),
            }),
            "train.mode" => Some(self.mode(train.mode)),
            "train.stop" => self.stop(),
            _ if batch.draw == Draw::Fresh && key.starts_with("batch.") => self.batches(),
            _ => None,
        }
    }

    /// What a key changes beside itself: what a loss takes, where that is left to what the output is, and how many units there
    /// are, where that is left to the loss and the labels.
    fn implied(&self, key: &str, outputs: usize) -> Option<String> {
        let [loss, before] = [&self.config.loss, &self.before.loss];
        match key {
            "model.output" if loss.kind == before.kind && loss.from != before.from => self.loss(),
            "loss.kind" | "data.labels" if self.outputs != outputs => self.line("model.outputs"),
            _ => None,
        }
    }

    /// What is the same in the frameworks of Python.
    fn tables(&self, python: &str, julia: &str) -> String {
        self.word([python, python, julia, python])
    }

    /// A text as a literal.
    fn quoted(&self, text: &str) -> String {
        let quoted = serde_json::Value::from(text).to_string();
        if self.framework == Flux { quoted.replace('$', "\\$") } else { quoted }
    }

    fn list(&self, names: &[&str]) -> String {
        names.iter().map(|name| self.quoted(name)).collect::<Vec<_>>().join(", ")
    }
}
