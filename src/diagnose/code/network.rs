//! Layers and initial values, in the words of a framework.

use super::{Script, float32};
use crate::experiment::config::*;
use crate::experiment::defaults::Defaults;
use crate::experiment::framework::Framework::{Flax, Flux, Keras, Pytorch};

impl Script<'_> {
    fn activation(&self, activation: Activation) -> Option<String> {
        let slope = self.config.model.negative_slope;
        let usual = slope == Defaults(Some(self.framework)).negative_slope();
        Some(match activation {
            Activation::Identity => return None,
            Activation::Relu => self.word(["nn.ReLU()", "\"relu\"", "relu", "nn.relu"]),
            Activation::LeakyRelu if usual => {
                self.word(["nn.LeakyReLU()", "\"leaky_relu\"", "leakyrelu", "nn.leaky_relu"])
            }
            Activation::LeakyRelu => self.word([
                format!("nn.LeakyReLU({slope:?})"),
                format!("keras.layers.LeakyReLU(negative_slope={slope:?})"),
                format!("x -> leakyrelu(x, {})", float32(slope)),
                format!("lambda x: nn.leaky_relu(x, {slope:?})"),
            ]),
            Activation::Elu => self.word(["nn.ELU()", "\"elu\"", "elu", "nn.elu"]),
            Activation::Gelu => {
                self.word(["nn.GELU()", "\"gelu\"", "gelu_erf", "lambda x: nn.gelu(x, approximate=False)"])
            }
            Activation::GeluTanh => self.word([
                "nn.GELU(approximate=\"tanh\")",
                "lambda x: keras.activations.gelu(x, approximate=True)",
                "gelu",
                "nn.gelu",
            ]),
            Activation::Sigmoid => self.word(["nn.Sigmoid()", "\"sigmoid\"", "sigmoid", "nn.sigmoid"]),
            Activation::Tanh => self.word(["nn.Tanh()", "\"tanh\"", "tanh", "nn.tanh"]),
        })
    }

    pub(super) fn output(&self, output: Output) -> Option<String> {
        match output {
            Output::Identity => None,
            Output::Relu => self.activation(Activation::Relu),
            Output::Sigmoid => self.activation(Activation::Sigmoid),
            Output::Tanh => self.activation(Activation::Tanh),
            Output::Softmax => Some(self.word(["nn.Softmax(dim=1)", "\"softmax\"", "softmax", "nn.softmax"])),
            Output::LogSoftmax => {
                Some(self.word(["nn.LogSoftmax(dim=1)", "\"log_softmax\"", "logsoftmax", "nn.log_softmax"]))
            }
        }
    }

    /// A linear layer, with the activation where a layer has one of its own.
    fn dense(&self, from: &str, units: usize, activation: Option<&str>) -> String {
        let Config { model, loss, .. } = self.config;
        let usual = Defaults(Some(self.framework));
        let with = |name: &str, value: Option<String>| value.map(|value| format!("{name}={value}"));
        let bias = (!model.bias || self.says("model.bias")).then_some(model.bias);
        let python = bias.map(|bias| if bias { "True".to_owned() } else { "False".to_owned() });
        let weights = (model.init != usual.init() || self.says("model.init")).then_some(model.init);
        let biases = model.bias && (model.init_bias != Init::Zeros || self.says("model.init_bias"));
        let biases = biases.then_some(model.init_bias);
        let penalty = match (loss.l1 > 0.0, loss.l2 > 0.0) {
            (true, true) => Some(format!("keras.regularizers.L1L2({:?}, {:?})", loss.l1, loss.l2)),
            (true, false) => Some(format!("keras.regularizers.L1({:?})", loss.l1)),
            (false, true) => Some(format!("keras.regularizers.L2({:?})", loss.l2)),
            (false, false) => (self.says("loss.l1") || self.says("loss.l2")).then(|| "None".to_owned()),
        };
        let given: Vec<Option<String>> = match self.framework {
            Pytorch => vec![Some(from.to_owned()), Some(units.to_string()), with("bias", python)],
            Keras => vec![
                Some(units.to_string()),
                activation.map(|activation| format!("activation={activation}")),
                with("use_bias", python),
                with("kernel_initializer", weights.and_then(|init| self.init(init))),
                with("bias_initializer", biases.and_then(|init| self.init_bias(init))),
                with("kernel_regularizer", penalty),
            ],
            Flux => {
                let bias = match (bias, biases) {
                    (Some(false), _) => Some("false".to_owned()),
                    (_, Some(init)) => self.init_bias(init).map(|init| format!("{init}({units})")),
                    (bias, None) => bias.map(|bias| bias.to_string()),
                };
                let named = [with("bias", bias), with("init", weights.and_then(|init| self.init(init)))];
                let named: Vec<String> = named.into_iter().flatten().collect();
                let activation = activation.map_or_else(String::new, |activation| format!(", {activation}"));
                let semicolon = if named.is_empty() { "" } else { "; " };
                return format!("Dense({from} => {units}{activation}{semicolon}{})", named.join(", "));
            }
            Flax => vec![
                Some(units.to_string()),
                with("use_bias", python),
                with("kernel_init", weights.and_then(|init| self.init(init))),
                with("bias_init", biases.and_then(|init| self.init_bias(init))),
            ],
        };
        let name = self.word(["nn.Linear", "keras.layers.Dense", "", "nn.Dense"]);
        format!("{name}({})", given.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }

    /// What draws initial weights; nothing where the framework has no name for it.
    pub(super) fn init(&self, init: Init) -> Option<String> {
        let scaled = |scale: &str, mode: &str, law: [&str; 2]| {
            self.word([
                String::new(),
                format!("keras.initializers.VarianceScaling({scale}, \"{mode}\", \"{}\")", law[0]),
                String::new(),
                format!("nn.initializers.variance_scaling({scale}, \"{mode}\", \"{}\")", law[1]),
            ])
        };
        let normal = ["untruncated_normal", "normal"];
        let named = |words: [&str; 3]| self.word(["", words[0], words[1], words[2]]);
        let word = match (init, self.framework) {
            (Init::GlorotUniform, _) => {
                named(["\"glorot_uniform\"", "Flux.glorot_uniform", "nn.initializers.glorot_uniform()"])
            }
            (Init::GlorotNormal, Flux) => "Flux.glorot_normal".to_owned(),
            (Init::GlorotNormal, _) => scaled("1.0", "fan_avg", normal),
            (Init::KaimingUniform, _) => {
                named(["\"he_uniform\"", "Flux.kaiming_uniform", "nn.initializers.he_uniform()"])
            }
            (Init::KaimingNormal, Flux) => "Flux.kaiming_normal".to_owned(),
            (Init::KaimingNormal, _) => scaled("2.0", "fan_in", normal),
            (Init::GlorotTruncated, _) => named(["\"glorot_normal\"", "", "nn.initializers.glorot_normal()"]),
            (Init::KaimingTruncated, _) => named(["\"he_normal\"", "", "nn.initializers.he_normal()"]),
            (Init::LecunNormal, _) => {
                named(["\"lecun_normal\"", "Flux.lecun_normal", "nn.initializers.lecun_normal()"])
            }
            (Init::LecunUniform, _) => {
                named(["\"lecun_uniform\"", "Flux.kaiming_uniform(gain=1)", "nn.initializers.lecun_uniform()"])
            }
            (Init::Pytorch, Flux) => "Flux.kaiming_uniform(gain=1/sqrt(3))".to_owned(),
            (Init::Pytorch, _) => scaled("1 / 3", "fan_in", ["uniform", "uniform"]),
            (Init::Zeros | Init::Uniform(_) | Init::Normal(_), _) => return self.init_bias(init),
        };
        (!word.is_empty()).then_some(word)
    }

    /// The same of biases, which have no fan-in of their own.
    pub(super) fn init_bias(&self, init: Init) -> Option<String> {
        match init {
            Init::Zeros => Some(self.word(["", "\"zeros\"", "Flux.zeros32", "nn.initializers.zeros"])),
            Init::Uniform([low, high]) => Some(self.word([
                String::new(),
                format!("keras.initializers.RandomUniform({low:?}, {high:?})"),
                format!("((size...) -> {} .+ {} .* rand(Float32, size...))", float32(low), float32(high - low)),
                format!("lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, {low:?}, {high:?})"),
            ])),
            Init::Normal([mean, deviation]) => Some(self.word([
                String::new(),
                format!("keras.initializers.RandomNormal({mean:?}, {deviation:?})"),
                format!("((size...) -> {} .+ {} .* randn(Float32, size...))", float32(mean), float32(deviation)),
                format!("lambda key, shape, dtype: {mean:?} + {deviation:?} * jax.random.normal(key, shape, dtype)"),
            ])),
            _ => None,
        }
    }

    /// PyTorch's layers begin otherwise once they are made.
    pub(super) fn drawn(&self, what: &str, init: Init) -> Option<String> {
        let call = match init {
            Init::Pytorch => {
                let every = "model.apply(lambda m: m.reset_parameters() if isinstance(m, nn.Linear) else None)";
                return Some(every.to_owned());
            }
            Init::Zeros => "zeros_(p)".to_owned(),
            Init::Uniform([low, high]) => format!("uniform_(p, {low:?}, {high:?})"),
            Init::Normal([mean, deviation]) => format!("normal_(p, {mean:?}, {deviation:?})"),
            _ if what == "bias" => return None,
            Init::GlorotUniform => "xavier_uniform_(p)".to_owned(),
            Init::GlorotNormal => "xavier_normal_(p)".to_owned(),
            Init::KaimingUniform => "kaiming_uniform_(p)".to_owned(),
            Init::KaimingNormal => "kaiming_normal_(p)".to_owned(),
            Init::LecunUniform => "kaiming_uniform_(p, nonlinearity=\"linear\")".to_owned(),
            Init::GlorotTruncated | Init::KaimingTruncated | Init::LecunNormal => return None,
        };
        Some(format!("for p in [m.{what} for m in model.modules() if isinstance(m, nn.Linear)]: nn.init.{call}"))
    }

    fn norm(&self, norm: Norm, units: usize, activation: Option<&str>) -> Option<String> {
        let by = self.config.model.normalisation?;
        let usual = Defaults(Some(self.framework));
        let batch = norm == Norm::Batch;
        let mut named = Vec::new();
        if batch && self.framework == Flax {
            named.push("use_running_average=not train".to_owned());
        }
        if batch && (by.momentum != usual.norm_momentum() || self.says("model.norm_momentum")) {
            let kept = 1.0 - by.momentum;
            let momentum = by.momentum;
            named.push(self.word([
                format!("momentum={momentum:?}"),
                format!("momentum={kept:?}"),
                format!("momentum={}", float32(momentum)),
                format!("momentum={kept:?}"),
            ]));
        }
        if by.eps != usual.norm_eps(norm) || self.says("model.norm_eps") {
            let eps = by.eps;
            named.push(format!("{}={eps:?}", self.word(["eps", "epsilon", "eps", "epsilon"])));
        }
        let name = match norm {
            Norm::None => return None,
            Norm::Batch => {
                self.word(["nn.BatchNorm1d", "keras.layers.BatchNormalization", "BatchNorm", "nn.BatchNorm"])
            }
            Norm::Layer => self.word(["nn.LayerNorm", "keras.layers.LayerNormalization", "LayerNorm", "nn.LayerNorm"]),
        };
        let place = match self.framework {
            Pytorch => vec![units.to_string()],
            Flux => std::iter::once(units.to_string()).chain(activation.map(str::to_owned)).collect(),
            Keras | Flax => Vec::new(),
        };
        let semicolon = if self.framework == Flux && !named.is_empty() { "; " } else { ", " };
        let parts: Vec<String> =
            [place.join(", "), named.join(", ")].into_iter().filter(|part| !part.is_empty()).collect();
        Some(format!("{name}({})", parts.join(semicolon)))
    }

    /// The network's layers in their order, and the places of those that are linear.
    pub(super) fn layers(&self) -> (Vec<String>, Vec<usize>) {
        let model = &self.config.model;
        let inside = matches!(self.framework, Keras | Flux);
        let mut layers: Vec<String> = Vec::new();
        let mut linear = Vec::new();
        for (at, &units) in model.hidden.iter().enumerate() {
            let activation = self.activation(model.activation[at]);
            let norm = model.norm.get(at).copied().unwrap_or_default();
            let first = model.normalisation.is_some_and(|by| by.place == NormPlace::Before) && norm != Norm::None;
            let own = activation.clone().filter(|_| inside && !first);
            linear.push(layers.len());
            layers.push(self.dense(&self.from(at), units, own.as_deref()));
            let apart = match self.framework {
                Pytorch | Flax => activation.clone(),
                Keras if first => activation.clone().map(|activation| format!("keras.layers.Activation({activation})")),
                Keras | Flux => None,
            };
            let normed = self.norm(norm, units, activation.as_deref().filter(|_| first));
            match first {
                true => layers.extend(normed.into_iter().chain(apart)),
                false => layers.extend(apart.into_iter().chain(normed)),
            }
            let dropped = model.dropout.get(at).copied().unwrap_or(0.0);
            layers.extend((dropped > 0.0).then(|| {
                self.word([
                    format!("nn.Dropout({dropped:?})"),
                    format!("keras.layers.Dropout({dropped:?})"),
                    format!("Dropout({dropped:?})"),
                    format!("nn.Dropout({dropped:?}, deterministic=not train)"),
                ])
            }));
        }
        linear.push(layers.len());
        layers.extend(self.last());
        (layers, linear)
    }

    /// The units before a layer; of what a file has as many as its rows say.
    fn from(&self, layer: usize) -> String {
        match layer.checked_sub(1) {
            Some(before) => self.config.model.hidden[before].to_string(),
            None if self.config.data.inputs.is_some() => "1".to_owned(),
            None => self.tables("x.shape[1]", "size(x, 1)"),
        }
    }

    /// The last layer, and what stands behind it.
    fn last(&self) -> Vec<String> {
        let model = &self.config.model;
        let output = self.output(model.output);
        // Flux' softmax is of a column, not of a number.
        let shares = matches!(model.output, Output::Softmax | Output::LogSoftmax);
        let own = output.as_deref().filter(|_| self.framework == Keras || (self.framework == Flux && !shares));
        let dense = self.dense(&self.from(model.hidden.len()), self.outputs, own);
        let apart = output.clone().filter(|_| own.is_none());
        std::iter::once(dense).chain(apart).collect()
    }

    pub(super) fn network(&self) -> String {
        let layers = self.layers().0.join(", ");
        let gone = |key: &str, is_gone: bool, what: &'static str| (self.says(key) && is_gone).then_some(what);
        let gone = [
            gone("model.dropout", self.config.model.dropout.is_empty(), "no dropout"),
            gone("model.norm", self.config.model.norm.is_empty(), "no norm"),
        ];
        let mut about: Vec<&str> = gone.into_iter().flatten().collect();
        if self.framework == Flax {
            about.insert(0, "in __call__");
        }
        let about = if about.is_empty() { String::new() } else { format!("  # {}", about.join(", ")) };
        self.word([
            format!("model = nn.Sequential({layers}){about}"),
            format!("model = keras.Sequential([{layers}]){about}"),
            format!("model = Chain({layers}){about}"),
            format!("x = nn.Sequential([{layers}])(x){about}"),
        ])
    }

    pub(super) fn last_layer(&self) -> String {
        let last = self.last();
        let line = match (self.framework, last.as_slice()) {
            (Flax, [dense, output]) => format!("x = {output}({dense}(x))"),
            (Flax, _) => format!("x = {}(x)", last.join(", ")),
            _ => last.join(", "),
        };
        let gone = self.output(self.before.model.output).filter(|_| self.config.model.output == Output::Identity);
        let about = match (gone, self.framework) {
            (None, _) => String::new(),
            (Some(gone), Keras) => format!(", without activation={gone}"),
            (Some(gone), Flux) => format!(", without {gone}"),
            (Some(gone), _) => format!(", no {} after it", gone.split('(').next().unwrap_or(&gone)),
        };
        format!("{line}  # last layer{about}")
    }

    pub(super) fn frozen(&self) -> Option<String> {
        let frozen = &self.config.model.frozen;
        if frozen.is_empty() {
            return Some(match self.framework {
                Pytorch => "model.requires_grad_(True)  # before the optimizer is made".to_owned(),
                Keras => "model.trainable = True  # before model.compile".to_owned(),
                Flux => "Flux.thaw!(opt_state)".to_owned(),
                Flax => format!("{}  # for all parameters, none by optax.set_to_zero()", self.optimizer()),
            });
        }
        let places = self.layers().1;
        let all =
            |layer: &dyn Fn(usize) -> String| frozen.iter().map(|at| layer(places[*at])).collect::<Vec<_>>().join("; ");
        Some(match self.framework {
            Pytorch => all(&|at| format!("model[{at}].requires_grad_(False)")),
            Keras => all(&|at| format!("model.layers[{at}].trainable = False")),
            Flux => all(&|at| format!("Flux.freeze!(opt_state.layers[{}])", at + 1)),
            Flax => return None,
        })
    }
}
