//! A fix in the words of a framework: the lines of a training script that make it. `docs/frameworks.md` says what they take for
//! granted.

use super::search::{Set, bit, members};
use super::verdicts::Diagnosis;
use crate::experiment::config::*;
use crate::experiment::framework::{Defaults, Framework};
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

    /// Columns of inputs of a CSV.
    fn columns(&self) -> Option<String> {
        let Target::Csv { inputs, columns, .. } = &self.config.data.target else { return None };
        let targets = columns.names().iter().map(String::as_str);
        if inputs.iter().any(|name| name == "*") {
            let left_out = inputs.iter().filter_map(|name| name.strip_prefix('-')).chain(targets);
            let names = self.list(&left_out.collect::<Vec<_>>());
            return Some(self.word([
                format!("x = torch.tensor(df.drop(columns=[{names}]).to_numpy(\"float32\"))"),
                format!("x = df.drop(columns=[{names}]).to_numpy(\"float32\")"),
                format!("x = Matrix{{Float32}}(df[:, Not([{names}])])'"),
                format!("x = df.drop(columns=[{names}]).to_numpy(\"float32\")"),
            ]));
        }
        let names = self.list(&inputs.iter().map(String::as_str).collect::<Vec<_>>());
        Some(self.word([
            format!("x = torch.tensor(df[[{names}]].to_numpy(\"float32\"))"),
            format!("x = df[[{names}]].to_numpy(\"float32\")"),
            format!("x = Matrix{{Float32}}(df[:, [{names}]])'"),
            format!("x = df[[{names}]].to_numpy(\"float32\")"),
        ]))
    }

    /// Where a function is sampled.
    fn points(&self) -> Option<String> {
        Some(match self.config.data.inputs.as_ref()? {
            Inputs::Grid(Span { from, to, count }) => self.word([
                format!("x = torch.linspace({from:?}, {to:?}, {count}).unsqueeze(1)"),
                format!("x = np.linspace({from:?}, {to:?}, {count}).reshape(-1, 1)"),
                format!("x = reshape(collect(range({}, {}, {count})), 1, :)", float32(*from), float32(*to)),
                format!("x = jnp.linspace({from:?}, {to:?}, {count}).reshape(-1, 1)"),
            ]),
            Inputs::Uniform(span) => self.uniform(*span, span.count, ""),
        })
    }

    /// So many new points.
    fn uniform(&self, Span { from, to, .. }: Span, count: usize, about: &str) -> String {
        self.word([
            format!("x = torch.empty({count}, 1).uniform_({from:?}, {to:?}){about}"),
            format!("x = np.random.uniform({from:?}, {to:?}, ({count}, 1)){about}"),
            format!("x = {} .+ {} .* rand(Float32, 1, {count}){about}", float32(from), float32(to - from)),
            format!("x = np.random.uniform({from:?}, {to:?}, ({count}, 1)){about}"),
        ])
    }

    /// Inputs or targets on another scale. Columns that are constant become 0, not NaN.
    fn scaled(&self, what: &str, scale: Scale) -> Option<String> {
        let about = match what {
            "x" => "by the training rows, for test rows too",
            _ => "by the training rows; undo it in predictions",
        };
        let [python, torch, julia] = match scale {
            Scale::Divide(1.0) => return None,
            Scale::Divide(by) => {
                let about = if what == "x" { "of test rows too" } else { "and predictions times that" };
                return Some(self.tables(
                    &format!("{what} = {what} / {by:?}  # {about}"),
                    &format!("{what} = {what} ./ {}  # {about}", float32(by)),
                ));
            }
            Scale::Fitted(FittedScale::Standardize) => [
                format!("({what} - {what}.mean(0)) / {what}.std(0).clip(1e-8)"),
                format!("({what} - {what}.mean(0)) / {what}.std(0, correction=0).clip(1e-8)"),
                format!("({what} .- mean({what}; dims=2)) ./ max.(std({what}; dims=2, corrected=false), 1f-8)"),
            ],
            Scale::Fitted(FittedScale::Unit) => [
                format!("({what} - {what}.min(0)) / ({what}.max(0) - {what}.min(0)).clip(1e-8)"),
                format!("({what} - {what}.amin(0)) / ({what}.amax(0) - {what}.amin(0)).clip(1e-8)"),
                format!(
                    "({what} .- minimum({what}; dims=2)) ./ max.(maximum({what}; dims=2) .- minimum({what}; dims=2), 1f-8)"
                ),
            ],
        };
        Some(format!("{what} = {}  # {about}", self.word([torch, python.clone(), julia, python])))
    }

    fn holdout(&self) -> Option<String> {
        let share = match self.config.data.holdout {
            Holdout::Share(0.0) => return None,
            Holdout::Share(share) => share,
            Holdout::Auto => Holdout::USUAL,
        };
        let [python, julia] = match self.config.data.holdout_rows? {
            HoldoutRows::Random => ["shuffle=True", "shuffle=true"],
            HoldoutRows::Last => ["shuffle=False", "shuffle=false"],
            HoldoutRows::Stratified => ["stratify=y", "stratified=y, shuffle=true"],
        };
        Some(self.tables(
            &format!("x, x_test, y, y_test = train_test_split(x, y, test_size={share:?}, {python})"),
            &format!("(x, y), (x_test, y_test) = MLUtils.splitobs((x, y); at={:?}, {julia})", 1.0 - share),
        ))
    }

    /// Targets as the loss takes them, from the column that has the class.
    fn labels(&self) -> Option<String> {
        let labels = self.config.data.labels?;
        let flux = self.framework == Flux;
        let column = match &self.config.data.target {
            Target::Csv { columns: TargetColumns::Class(name), .. } => {
                let name = self.quoted(name);
                if flux { format!("df[!, {name}]") } else { format!("df[{name}]") }
            }
            Target::Tensors { .. } => "y".to_owned(),
            _ => return None,
        };
        let one_unit = self.outputs == 1;
        if flux {
            let places = format!("Float32.(indexin({column}, sort(unique({column})))' .- 1)");
            let one_hot = format!("Flux.onehotbatch({column}, sort(unique({column})))");
            let value = match labels {
                Labels::Index if !of_rows(self.config) => places,
                Labels::Index | Labels::OneHot => one_hot,
                Labels::PlusMinus => format!("2 .* {} .- 1", if one_unit { places } else { one_hot }),
                Labels::Number => format!("Float32.({column}')"),
            };
            return Some(format!("y = {value}"));
        }
        let places = format!("np.unique({column}, return_inverse=True)[1]");
        let one_column = format!("{places}.reshape(-1, 1).astype(\"float32\")");
        let one_hot = format!("pd.get_dummies({column}).to_numpy(\"float32\")");
        let value = match labels {
            Labels::Index if of_rows(self.config) => places,
            Labels::Index => one_column,
            Labels::OneHot => one_hot,
            Labels::PlusMinus => format!("2 * {} - 1", if one_unit { one_column } else { one_hot }),
            Labels::Number => format!("np.asarray({column}, \"float32\").reshape(-1, 1)"),
        };
        Some(format!("y = {}", if self.framework == Pytorch { format!("torch.tensor({value})") } else { value }))
    }

    /// Rows of a batch, in the words of the language.
    fn batch_size(&self) -> String {
        match self.config.batch.size {
            BatchSize::Rows(rows) => rows.to_string(),
            BatchSize::All(_) => self.tables("len(x)", "size(x, 2)"),
        }
    }

    fn batches(&self) -> Option<String> {
        let Batch { size, draw, last } = self.config.batch;
        let rows = self.batch_size();
        match (draw, &self.config.data.inputs) {
            (Draw::Fresh, Some(Inputs::Uniform(span))) => {
                let count = if let BatchSize::Rows(rows) = size { rows } else { span.count };
                let about = self.word([
                    "  # in every step, and y of it",
                    "  # in every step, and y of it, for model.train_on_batch(x, y)",
                    "  # in every step, and y of it",
                    "  # in every step, and y of it",
                ]);
                return Some(self.uniform(*span, count, &about));
            }
            (Draw::Fresh, _) => {
                return Some(self.word([
                    format!("rows = torch.randint(len(x), ({rows},))  # in every step, for x[rows] and y[rows]"),
                    format!("rows = np.random.randint(len(x), size={rows})  # in every step, for model.train_on_batch(x[rows], y[rows])"),
                    format!("rows = rand(axes(x, 2), {rows})  # in every step, for x[:, rows] and y[:, rows]"),
                    format!("rows = np.random.randint(len(x), size={rows})  # in every step, for x[rows] and y[rows]"),
                ]));
            }
            // The same rows at every step.
            (Draw::Once, _) if matches!(size, BatchSize::Rows(_)) => return None,
            _ if self.framework == Keras => return self.fit(),
            _ => {}
        }
        let shuffled = draw == Draw::Epoch;
        let [python, julia] = if shuffled { ["True", "true"] } else { ["False", "false"] };
        let [dropped, partial] =
            if last == LastBatch::Drop { [", drop_last=True", ", partial=false"] } else { [""; 2] };
        let order = if shuffled { "np.random.permutation(len(x))" } else { "np.arange(len(x))" };
        let split = match size {
            BatchSize::All(_) => format!("[{order}]"),
            BatchSize::Rows(_) => format!("np.split({order}, range({rows}, len(x), {rows}))"),
        };
        Some(self.word([
            format!("loader = DataLoader(TensorDataset(x, y), batch_size={rows}, shuffle={python}{dropped})"),
            String::new(),
            format!("loader = Flux.DataLoader((x, y); batchsize={rows}, shuffle={julia}{partial})"),
            format!("batches = {split}  # in every epoch; a step for each rows of them, with x[rows] and y[rows]"),
        ]))
    }

    /// Rows that are learnt from, of a function.
    fn rows(&self) -> Option<usize> {
        self.config.data.inputs.as_ref().map(|(Inputs::Grid(span) | Inputs::Uniform(span))| span.count)
    }

    /// Keras' training.
    fn fit(&self) -> Option<String> {
        let Config { batch, train, .. } = self.config;
        let rows = self.batch_size();
        let epochs = match (train.length, batch.size, self.rows()) {
            (Length::Epochs(epochs), _, _) | (Length::Steps(epochs), BatchSize::All(_), _) => epochs.to_string(),
            (Length::Steps(steps), BatchSize::Rows(size), Some(rows)) => {
                steps.saturating_mul(size).div_ceil(rows).to_string()
            }
            (Length::Steps(steps), _, None) => format!("-(-{steps} * {rows} // len(x))"),
        };
        let mut more = String::new();
        if batch.draw != Draw::Epoch {
            more += ", shuffle=False";
        } else if self.says("batch.draw") {
            more += ", shuffle=True";
        }
        if let Some(stop) = train.stop {
            let Stop { patience, min_delta, .. } = stop;
            let [data, monitor] = match stop.on {
                StopOn::Validation => {
                    more += &format!(", validation_split={:?}", stop.validation.unwrap_or(0.2));
                    ["", "val_loss"]
                }
                StopOn::Train => ["", "loss"],
                StopOn::Test => [", validation_data=(x_test, y_test)", "val_loss"],
            };
            let restore = if stop.restore { ", restore_best_weights=True" } else { "" };
            let delta = if min_delta > 0.0 { format!(", min_delta={min_delta:?}") } else { String::new() };
            more += &format!(
                "{data}, callbacks=[keras.callbacks.EarlyStopping(monitor=\"{monitor}\", patience={patience}{delta}{restore})]"
            );
        }
        Some(format!("model.fit(x, y, batch_size={rows}, epochs={epochs}{more})"))
    }

    fn stop(&self) -> Option<String> {
        let Stop { patience, min_delta, on, restore, .. } = self.config.train.stop?;
        let whose = match on {
            StopOn::Validation => "validation",
            StopOn::Train => "training",
            StopOn::Test => "test",
        };
        let best = if restore { ", with the best epoch's parameters" } else { "" };
        let about = format!("after each epoch; then end the training{best}");
        Some(match self.framework {
            Keras => return self.fit(),
            Pytorch => format!(
                "stop = epoch - best_epoch >= {patience}  # {about}; best_epoch is the last one whose {whose} loss was more than {min_delta:?} below the lowest"
            ),
            Flux => format!(
                "stop = Flux.early_stopping(loss -> loss, {patience}; min_dist={min_delta:?})  # stop({whose}_loss) {about}"
            ),
            Flax => format!(
                "early_stop = EarlyStopping(min_delta={min_delta:?}, patience={patience})  # early_stop.update({whose}_loss) {about} where should_stop"
            ),
        })
    }

    fn mode(&self, mode: Mode) -> String {
        let train = mode == Mode::Train;
        let [python, julia, torch] = if train { ["True", "trainmode", "train"] } else { ["False", "testmode", "eval"] };
        let batch = self.config.model.norm.contains(&Norm::Batch) && train;
        let dropout = if self.config.model.dropout.is_empty() || !train { "" } else { ", rngs={\"dropout\": key}" };
        self.word([
            format!("model.{torch}()  # before the training steps"),
            format!("outputs = model(x, training={python})  # in training steps of your own; model.fit does it by itself"),
            format!("Flux.{julia}!(model)  # before the training steps"),
            match batch {
                true => format!("outputs, changed = model.apply(params, x, train={python}{dropout}, mutable=[\"batch_stats\"])  # in training steps"),
                false => format!("outputs = model.apply(params, x, train={python}{dropout})  # in training steps"),
            },
        ])
    }

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

    fn output(&self, output: Output) -> Option<String> {
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
    fn init(&self, init: Init) -> Option<String> {
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
    fn init_bias(&self, init: Init) -> Option<String> {
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
    fn drawn(&self, what: &str, init: Init) -> Option<String> {
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
    fn layers(&self) -> (Vec<String>, Vec<usize>) {
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

    fn network(&self) -> String {
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

    fn last_layer(&self) -> String {
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

    fn frozen(&self) -> Option<String> {
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

    /// Whether targets are the places of classes.
    fn sparse(&self) -> bool {
        let Data { labels, target, .. } = &self.config.data;
        let classes = match target {
            Target::Csv { columns, .. } => matches!(columns, TargetColumns::Class(_)),
            Target::Tensors { .. } => true,
            Target::Polynomial { .. } | Target::Formula { .. } => false,
        };
        of_rows(self.config) && classes && matches!(labels, None | Some(Labels::Index))
    }

    fn loss(&self) -> Option<String> {
        let loss = &self.config.loss;
        let sum = loss.reduction == Reduction::Sum;
        let line = match self.framework {
            Pytorch => format!("loss = {}", self.loss_of_pytorch(sum)),
            Keras => return Some(format!("loss = {}{COMPILED}", self.loss_of_keras(sum))),
            Flux => format!("loss(model, x, y) = {}", self.loss_of_flux(sum)),
            Flax => format!("loss = {}", self.loss_of_flax(sum)),
        };
        let (line, about) = line.split_once("  # ").unwrap_or((&line, ""));
        let mut line = line.to_owned();
        for (factor, [torch, julia, jax]) in [
            (loss.l1, ["m.weight.abs().sum()", "sum(abs, model[i].weight)", "jnp.abs(w).sum()"]),
            (loss.l2, ["m.weight.square().sum()", "sum(abs2, model[i].weight)", "jnp.square(w).sum()"]),
        ] {
            if factor > 0.0 {
                let places: Vec<String> = self.layers().1.iter().map(|at| (at + 1).to_string()).collect();
                line += &self.word([
                    format!(" + {factor:?} * sum({torch} for m in model.modules() if isinstance(m, nn.Linear))"),
                    String::new(),
                    format!(" + {factor:?} * sum(i -> {julia}, [{}])", places.join(", ")),
                    format!(" + {factor:?} * sum({jax} for w in jax.tree.leaves(params) if w.ndim == 2)"),
                ]);
            }
        }
        let without = (self.says("loss.l1") || self.says("loss.l2")) && loss.l1 == 0.0 && loss.l2 == 0.0;
        let about = match (about, without) {
            ("", true) => "  # no penalty of the weights added".to_owned(),
            ("", false) => String::new(),
            (about, _) => format!("  # {about}"),
        };
        Some(line + &about)
    }

    /// What is the same without the last layer's activation, as a comment; nothing where there is none.
    fn or_logits(&self, name: &str) -> String {
        match self.config.model.output {
            Output::Softmax | Output::Sigmoid => {
                let output = self.output(self.config.model.output).unwrap_or_default();
                let output = output.split('(').next().unwrap_or_default();
                format!("  # the same as {name} with no {output} after the last layer")
            }
            _ => String::new(),
        }
    }

    fn loss_of_pytorch(&self, sum: bool) -> String {
        let loss = &self.config.loss;
        let p = if self.says("loss.pairing") { "model(x).squeeze(1)" } else { "model(x)" };
        let [end, reduction, alone] =
            if sum { [".sum()", ", reduction=\"sum\"", "reduction=\"sum\""] } else { [".mean()", "", ""] };
        let sparse = self.sparse();
        match (loss.kind, loss.from) {
            (LossKind::Mse | LossKind::Sse, _) => format!("F.mse_loss({p}, y{reduction})"),
            (LossKind::Mae, _) => format!("F.l1_loss({p}, y{reduction})"),
            (LossKind::Huber, _) => format!("F.huber_loss({p}, y, delta={:?}{reduction})", loss.delta.unwrap_or(1.0)),
            (LossKind::LogCosh, _) => format!("torch.log(torch.cosh({p} - y)){end}"),
            (LossKind::Mape, _) => format!("(100 * ({p} - y).abs() / y.abs().clamp(min=1e-7)){end}"),
            (LossKind::Poisson, _) => format!("F.poisson_nll_loss({p}, y, log_input=False{reduction})"),
            (LossKind::Hinge, _) => format!("(1 - y * {p}).clamp(min=0){end}"),
            (LossKind::Bce, Some(LossInput::LogProbabilities)) => {
                format!("nn.BCELoss({alone})({p}.exp(), y)")
            }
            (LossKind::Bce, Some(LossInput::Probabilities)) => {
                format!("nn.BCELoss({alone})({p}, y){}", self.or_logits("nn.BCEWithLogitsLoss()"))
            }
            (LossKind::Bce, _) => format!("nn.BCEWithLogitsLoss({alone})({p}, y)"),
            (LossKind::CrossEntropy, Some(LossInput::Probabilities)) => {
                let about = self.or_logits("nn.CrossEntropyLoss()");
                match sparse {
                    true => format!("F.nll_loss(torch.log({p}), y{reduction}){about}"),
                    false => format!("-(y * torch.log({p})).sum(1){end}{about}"),
                }
            }
            (LossKind::CrossEntropy, Some(LossInput::LogProbabilities)) | (LossKind::Nll, _) => match sparse {
                true => format!("F.nll_loss({p}, y{reduction})"),
                false => format!("-(y * {p}).sum(1){end}"),
            },
            (LossKind::CrossEntropy, _) => format!("nn.CrossEntropyLoss({alone})({p}, y)"),
        }
    }

    fn loss_of_keras(&self, sum: bool) -> String {
        let loss = &self.config.loss;
        let sparse = self.sparse();
        let [name, own] = match (loss.kind, loss.from) {
            (LossKind::Mse | LossKind::Sse, _) => ["MeanSquaredError", ""].map(str::to_owned),
            (LossKind::Mae, _) => ["MeanAbsoluteError", ""].map(str::to_owned),
            (LossKind::Huber, _) => ["Huber".to_owned(), format!("delta={:?}", loss.delta.unwrap_or(1.0))],
            (LossKind::LogCosh, _) => ["LogCosh", ""].map(str::to_owned),
            (LossKind::Mape, _) => ["MeanAbsolutePercentageError", ""].map(str::to_owned),
            (LossKind::Poisson, _) => ["Poisson", ""].map(str::to_owned),
            (LossKind::Hinge, _) => ["Hinge", ""].map(str::to_owned),
            (LossKind::Bce, Some(LossInput::LogProbabilities)) => {
                return "lambda y, p: keras.losses.binary_crossentropy(y, keras.ops.exp(p))".to_owned();
            }
            (LossKind::Nll, _) if self.config.model.output != Output::LogSoftmax => {
                let y = match sparse {
                    true => format!("keras.ops.one_hot(keras.ops.reshape(y, -1), {})", self.outputs),
                    false => "y".to_owned(),
                };
                return format!("lambda y, p: -keras.ops.sum({y} * p, axis=-1)");
            }
            (kind, from) => {
                let name = match (kind, sparse) {
                    (LossKind::Bce, _) => "BinaryCrossentropy",
                    (_, true) => "SparseCategoricalCrossentropy",
                    (_, false) => "CategoricalCrossentropy",
                };
                // Logarithms of probabilities are logits of these.
                let logits = match (from == Some(LossInput::Probabilities), self.says("loss.from")) {
                    (false, _) => "from_logits=True",
                    (true, true) => "from_logits=False",
                    (true, false) => "",
                };
                [name, logits].map(str::to_owned)
            }
        };
        let reduction = if sum { "reduction=\"sum\"" } else { "" };
        let given: Vec<&str> = [own.as_str(), reduction].into_iter().filter(|given| !given.is_empty()).collect();
        format!("keras.losses.{name}({})", given.join(", "))
    }

    fn loss_of_flux(&self, sum: bool) -> String {
        let loss = &self.config.loss;
        let agg = if sum { "; agg=sum" } else { "" };
        let of = if sum { "sum" } else { "mean" };
        let p = "model(x)";
        match (loss.kind, loss.from) {
            (LossKind::Mse | LossKind::Sse, _) => format!("Flux.mse({p}, y{agg})"),
            (LossKind::Mae, _) => format!("Flux.mae({p}, y{agg})"),
            (LossKind::Huber, _) => {
                let agg = if sum { ", agg=sum" } else { "" };
                format!("Flux.huber_loss({p}, y; delta={:?}{agg})", loss.delta.unwrap_or(1.0))
            }
            (LossKind::LogCosh, _) => format!("{of}(log.(cosh.({p} .- y)))"),
            (LossKind::Mape, _) => format!("{of}(100 .* abs.({p} .- y) ./ max.(abs.(y), 1f-7))"),
            (LossKind::Poisson, _) => format!("Flux.poisson_loss({p}, y{agg})"),
            (LossKind::Hinge, _) => format!("Flux.hinge_loss({p}, y{agg})"),
            (LossKind::Bce, Some(LossInput::LogProbabilities)) => {
                format!("Flux.binarycrossentropy(exp.({p}), y{agg})")
            }
            (LossKind::Bce, Some(LossInput::Probabilities)) => format!("Flux.binarycrossentropy({p}, y{agg})"),
            (LossKind::Bce, _) => format!("Flux.logitbinarycrossentropy({p}, y{agg})"),
            (LossKind::CrossEntropy, Some(LossInput::LogProbabilities)) | (LossKind::Nll, _) => {
                format!("-{of}(sum(y .* {p}; dims=1))")
            }
            (LossKind::CrossEntropy, Some(LossInput::Probabilities)) => format!("Flux.crossentropy({p}, y{agg})"),
            (LossKind::CrossEntropy, _) => format!("Flux.logitcrossentropy({p}, y{agg})"),
        }
    }

    fn loss_of_flax(&self, sum: bool) -> String {
        let loss = &self.config.loss;
        let end = if sum { ".sum()" } else { ".mean()" };
        let p = "model.apply(params, x)";
        let p = if self.says("loss.pairing") { format!("{p}.squeeze(1)") } else { p.to_owned() };
        let classes = match self.sparse() {
            true => "softmax_cross_entropy_with_integer_labels",
            false => "softmax_cross_entropy",
        };
        match (loss.kind, loss.from) {
            (LossKind::Mse | LossKind::Sse, _) => format!("optax.squared_error({p}, y){end}"),
            (LossKind::Mae, _) => format!("jnp.abs({p} - y){end}"),
            (LossKind::Huber, _) => format!("optax.huber_loss({p}, y, delta={:?}){end}", loss.delta.unwrap_or(1.0)),
            (LossKind::LogCosh, _) => format!("optax.log_cosh({p}, y){end}"),
            (LossKind::Mape, _) => format!("(100 * jnp.abs({p} - y) / jnp.abs(y).clip(1e-7)){end}"),
            (LossKind::Poisson, _) => format!("(p - y * jnp.log(p)){end}  # p = {p}"),
            (LossKind::Hinge, _) => format!("optax.hinge_loss({p}, y){end}"),
            // The logit of a probability.
            (LossKind::Bce, Some(LossInput::LogProbabilities)) => {
                format!("optax.sigmoid_binary_cross_entropy(jax.scipy.special.logit(jnp.exp({p})), y){end}")
            }
            (LossKind::Bce, Some(LossInput::Probabilities)) => {
                let about = self.or_logits("the loss of model.apply(params, x) itself");
                format!("optax.sigmoid_binary_cross_entropy(jax.scipy.special.logit({p}), y){end}{about}")
            }
            (LossKind::Bce, _) => format!("optax.sigmoid_binary_cross_entropy({p}, y){end}"),
            (LossKind::CrossEntropy, Some(LossInput::Probabilities)) => {
                let about = self.or_logits("the loss of model.apply(params, x) itself");
                format!("optax.{classes}(jnp.log({p}), y){end}{about}")
            }
            (LossKind::Nll, _) if self.sparse() => format!("-jnp.take_along_axis({p}, y[:, None], 1){end}"),
            (LossKind::Nll, _) => format!("-(y * {p}).sum(1){end}"),
            (LossKind::CrossEntropy, _) => format!("optax.{classes}({p}, y){end}"),
        }
    }

    /// Steps of the whole training, in the words of the language.
    fn steps(&self) -> String {
        match (self.config.train.length, self.config.batch.size, self.rows()) {
            (Length::Steps(steps), _, _) | (Length::Epochs(steps), BatchSize::All(_), _) => steps.to_string(),
            (Length::Epochs(epochs), BatchSize::Rows(size), Some(rows)) => {
                epochs.saturating_mul(rows.div_ceil(size)).to_string()
            }
            (Length::Epochs(epochs), BatchSize::Rows(size), None) => {
                self.tables(&format!("{epochs} * -(-len(x) // {size})"), &format!("{epochs} * cld(size(x, 2), {size})"))
            }
        }
    }

    fn scheduled(&self) -> Option<String> {
        let Optimizer { schedule, learning_rate: rate, .. } = self.config.optimizer;
        let steps = self.steps();
        let [torch, share] = match schedule {
            Schedule::Constant => return Some(self.optimizer() + "  # no scheduler"),
            Schedule::Linear => [format!("LinearLR(optimizer, 1.0, 0.0, {steps})"), format!("1 - step / ({steps})")],
            Schedule::Cosine => {
                [format!("CosineAnnealingLR(optimizer, {steps})"), format!("(1 + cospi(step / ({steps}))) / 2")]
            }
        };
        Some(match self.framework {
            Pytorch => {
                format!("scheduler = torch.optim.lr_scheduler.{torch}  # scheduler.step() after each optimizer.step()")
            }
            _ => format!("Flux.adjust!(opt_state, {rate:?} * ({share}))  # before each update, step from 0"),
        })
    }

    fn clipped(&self, value: bool) -> Option<String> {
        let Optimizer { clip_norm, clip_over, clip_value, .. } = self.config.optimizer;
        let about = "  # between loss.backward() and optimizer.step()";
        Some(match (value, clip_over) {
            (true, _) => format!("nn.utils.clip_grad_value_(model.parameters(), {:?}){about}", clip_value?),
            (false, Some(ClipOver::Each)) => {
                format!("for p in model.parameters(): nn.utils.clip_grad_norm_(p, {:?}){about}", clip_norm?)
            }
            (false, _) => format!("nn.utils.clip_grad_norm_(model.parameters(), {:?}){about}", clip_norm?),
        })
    }

    /// The kind as the framework has it: Adam whose weights decay beside the gradient is AdamW, but in Keras, where all do so.
    fn kind(&self) -> OptimizerKind {
        match self.config.optimizer.kind {
            OptimizerKind::Adam { betas, eps, weight_decay }
                if self.framework != Keras && self.config.optimizer.decoupled() =>
            {
                OptimizerKind::Adamw { betas, eps, weight_decay }
            }
            kind => kind,
        }
    }

    /// The optimizer's own settings that are not the framework's, or that are said.
    fn settings(&self) -> Vec<(String, toml::Value)> {
        let kind = self.kind();
        let usual = OptimizerKind::DEFAULTS.into_iter().find(|(word, _)| *word == kind.word());
        let usual = usual.map_or(kind, |(_, usual)| Defaults(Some(self.framework)).optimizer(usual));
        let [now, usual] = [kind, usual].map(|kind| match toml::Value::try_from(kind) {
            Ok(toml::Value::Table(table)) => table,
            _ => toml::Table::new(),
        });
        let differs = |(key, value): &(String, toml::Value)| {
            usual.get(key) != Some(value) || (key != "kind" && self.says(&format!("optimizer.{key}")))
        };
        now.into_iter().filter(differs).collect()
    }

    fn optimizer(&self) -> String {
        let Optimizer { learning_rate: rate, schedule, ref without, .. } = self.config.optimizer;
        let kind = self.kind();
        if self.framework == Flux {
            return self.optimizer_of_flux();
        }
        let mut decay = None;
        let mut given: Vec<String> = Vec::new();
        for (key, value) in self.settings() {
            match (key.as_str(), value, self.framework) {
                ("betas", toml::Value::Array(betas), _) => {
                    let [one, two] = [0, 1].map(|at| betas.get(at).map_or_else(String::new, number));
                    given.push(self.word([
                        format!("betas=({one}, {two})"),
                        format!("beta_1={one}, beta_2={two}"),
                        String::new(),
                        format!("b1={one}, b2={two}"),
                    ]));
                }
                ("nesterov", value, _) => {
                    given.push(format!("nesterov={}", if value.as_bool() == Some(true) { "True" } else { "False" }));
                }
                ("weight_decay", value, Flax) if !matches!(kind, OptimizerKind::Adamw { .. }) => {
                    decay = value.as_float().filter(|decay| *decay > 0.0);
                }
                ("eps", value, Keras) => given.push(format!("epsilon={}", number(&value))),
                ("alpha", value, Keras) => given.push(format!("rho={}", number(&value))),
                ("alpha", value, Flax) => given.push(format!("decay={}", number(&value))),
                (key, value, _) => given.push(format!("{key}={}", number(&value))),
            }
        }
        let steps = self.steps();
        let rate = match (schedule, self.framework) {
            (Schedule::Constant, _) | (_, Pytorch) => format!("{rate:?}"),
            (Schedule::Linear, Keras) => {
                format!("keras.optimizers.schedules.PolynomialDecay({rate:?}, {steps}, 0.0)")
            }
            (Schedule::Cosine, Keras) => format!("keras.optimizers.schedules.CosineDecay({rate:?}, {steps})"),
            (Schedule::Linear, _) => format!("optax.linear_schedule({rate:?}, 0.0, {steps})"),
            (Schedule::Cosine, _) => format!("optax.cosine_decay_schedule({rate:?}, {steps})"),
        };
        let Optimizer { clip_norm, clip_over, clip_value, .. } = self.config.optimizer;
        match self.framework {
            Pytorch => {
                let name = match kind {
                    OptimizerKind::Adam { .. } => "Adam",
                    OptimizerKind::Adamw { .. } => "AdamW",
                    OptimizerKind::Sgd { .. } => "SGD",
                    OptimizerKind::Rmsprop { .. } => "RMSprop",
                };
                let places = self.layers().1;
                let left_out: Vec<String> = without.iter().map(|at| format!("{:?}", places[*at].to_string())).collect();
                let parameters = match without.is_empty() {
                    true => "model.parameters()".to_owned(),
                    false => format!(
                        "[p for name, p in model.named_parameters() if name.split(\".\")[0] not in [{}]]",
                        left_out.join(", ")
                    ),
                };
                given.splice(0..0, [parameters, format!("lr={rate}")]);
                format!("optimizer = torch.optim.{name}({})", given.join(", "))
            }
            Keras => {
                let name = match kind {
                    OptimizerKind::Adam { .. } => "Adam",
                    OptimizerKind::Adamw { .. } => "AdamW",
                    OptimizerKind::Sgd { .. } => "SGD",
                    OptimizerKind::Rmsprop { .. } => "RMSprop",
                };
                given.insert(0, format!("learning_rate={rate}"));
                let over = if clip_over == Some(ClipOver::Each) { "clipnorm" } else { "global_clipnorm" };
                given.extend(clip_norm.map(|norm| format!("{over}={norm:?}")));
                given.extend(clip_value.map(|value| format!("clipvalue={value:?}")));
                format!("optimizer = keras.optimizers.{name}({}){COMPILED}", given.join(", "))
            }
            Flux | Flax => {
                given.insert(0, rate);
                let clip_norm = clip_norm.filter(|_| clip_over != Some(ClipOver::Each));
                let mut chain: Vec<String> =
                    clip_norm.map(|norm| format!("optax.clip_by_global_norm({norm:?})")).into_iter().collect();
                chain.extend(clip_value.map(|value| format!("optax.clip({value:?})")));
                chain.extend(decay.map(|decay| format!("optax.add_decayed_weights({decay:?})")));
                chain.push(format!("optax.{}({})", kind.word(), given.join(", ")));
                match chain.len() {
                    1 => format!("optimizer = {}", chain[0]),
                    _ => format!("optimizer = optax.chain({})", chain.join(", ")),
                }
            }
        }
    }

    fn optimizer_of_flux(&self) -> String {
        let Optimizer { learning_rate: rate, clip_norm, clip_over, clip_value, .. } = self.config.optimizer;
        let kind = self.kind();
        let settings = self.settings();
        let own = |key: &str| settings.iter().any(|(own, _)| own == key);
        let more = |values: &[(&str, String)]| {
            // Positions: what stands before the last one that is given is given too.
            let count = values.iter().rposition(|(key, _)| own(key)).map_or(0, |last| last + 1);
            values[..count].iter().map(|(_, value)| format!(", {value}")).collect::<String>()
        };
        let rule = match kind {
            OptimizerKind::Adam { betas: [one, two], eps, .. } => format!(
                "Adam({rate:?}{})",
                more(&[("betas", format!("({one:?}, {two:?})")), ("eps", format!("{eps:?}"))])
            ),
            OptimizerKind::Adamw { betas: [one, two], eps, weight_decay } => format!(
                "AdamW({rate:?}{})",
                more(&[
                    ("betas", format!("({one:?}, {two:?})")),
                    ("weight_decay", format!("{weight_decay:?}")),
                    ("eps", format!("{eps:?}"))
                ])
            ),
            OptimizerKind::Sgd { momentum, nesterov: true, .. } => format!("Nesterov({rate:?}, {momentum:?})"),
            OptimizerKind::Sgd { momentum: 0.0, .. } => format!("Descent({rate:?})"),
            OptimizerKind::Sgd { momentum, .. } => format!("Momentum({rate:?}, {momentum:?})"),
            OptimizerKind::Rmsprop { alpha, eps, .. } => {
                format!("RMSProp({rate:?}{})", more(&[("alpha", format!("{alpha:?}")), ("eps", format!("{eps:?}"))]))
            }
        };
        let decay = match kind {
            OptimizerKind::Adamw { .. } => 0.0,
            mut kind => *kind.weight_decay_mut(),
        };
        let clip_norm = clip_norm.filter(|_| clip_over == Some(ClipOver::Each));
        let mut chain: Vec<String> = clip_norm.map(|norm| format!("ClipNorm({norm:?})")).into_iter().collect();
        chain.extend(clip_value.map(|value| format!("ClipGrad({value:?})")));
        chain.extend((decay > 0.0).then(|| format!("WeightDecay({decay:?})")));
        chain.push(rule);
        let rule = if chain.len() == 1 { chain.remove(0) } else { format!("OptimiserChain({})", chain.join(", ")) };
        format!("opt_state = Flux.setup({rule}, model)")
    }
}
