//! The keys of a configuration: their types, ranges and defaults.

use std::collections::HashSet;
use std::path::PathBuf;

use super::ExperimentError;
use super::config::*;
use super::patch::KEYS_OF_AN_OPTIMIZER;
use super::reader::{ANY, BELOW_ONE, NOT_NEGATIVE, POSITIVE, Range, Reader};
use super::tree::{Node, Table, Value};
use crate::text::shorten;

type Result<T> = std::result::Result<T, ExperimentError>;

/// The tables that make up a configuration.
pub const SECTIONS: [&str; 6] = ["data", "batch", "model", "loss", "optimizer", "train"];

/// Points of the test grid that a polynomial gets where none is set.
const TEST_POINTS: usize = 1000;

const INITS: [(&str, Init); 6] = [
    ("glorot_uniform", Init::GlorotUniform),
    ("glorot_normal", Init::GlorotNormal),
    ("kaiming_uniform", Init::KaimingUniform),
    ("kaiming_normal", Init::KaimingNormal),
    ("pytorch", Init::Pytorch),
    ("zeros", Init::Zeros),
];

/// Reads a configuration out of an experiment's tree, fixes already laid over it. `test_grid` is the baseline's, which
/// every variant shares unless it sets its own; none while the baseline itself is read.
pub fn config(file: &str, tree: &Table, test_grid: Option<Span>) -> Result<Config> {
    let root = Reader::root(file, tree);
    for (section, known) in SECTIONS.iter().zip(KEYS) {
        let reader = root.section(section)?;
        for key in known {
            reader.get(key);
        }
        reader.finish()?;
    }
    let model = model(&root.section("model")?)?;
    Ok(Config {
        data: data(&root.section("data")?, test_grid)?,
        batch: batch(&root.section("batch")?)?,
        loss: loss(&root.section("loss")?, model.output)?,
        model,
        optimizer: optimizer(&root.section("optimizer")?)?,
        train: train(&root.section("train")?)?,
    })
}

/// The section that has this key, of a key that none but a section has.
pub fn section_of(key: &str) -> Option<&'static str> {
    SECTIONS.iter().zip(KEYS).find(|(_, keys)| keys.contains(&key)).map(|(section, _)| *section)
}

/// Every key of each section, in the order of [`SECTIONS`].
const KEYS: [&[&str]; 6] = [
    &[
        "target",
        "inputs",
        "scale_input",
        "scale_target",
        "noise",
        "test",
        "holdout",
        "holdout_rows",
        "split",
        "labels",
        "missing",
    ],
    &["size", "draw"],
    &["hidden", "activation", "bias", "outputs", "output", "init", "init_bias"],
    &["kind", "pairing", "delta", "from", "reduction"],
    &["kind", "learning_rate", "schedule", "betas", "eps", "momentum", "nesterov", "weight_decay", "alpha"],
    &["steps", "epochs", "log_points", "engine"],
];

/// Coefficients or layers that a list may have, and columns of a CSV that may be inputs: more than any small network's, and
/// few enough for every variant to have a list of its own.
const MOST_IN_A_LIST: usize = 1000;
const MOST_INPUTS: usize = 10_000;

fn most(of: &Reader, key: &'static str, count: usize, most: usize, what: &str) -> Result<()> {
    if count > most {
        return Err(of.fault(key, format!("{count} {what}, at most {most} are allowed")));
    }
    Ok(())
}

fn data(data: &Reader, test_grid: Option<Span>) -> Result<Data> {
    let target = target(data)?;
    let of_file = target.file().is_some();
    let inputs = match data.get("inputs") {
        Some(_) if of_file => {
            let what = if matches!(target, Target::Csv { .. }) { "a CSV target" } else { "a tensor file" };
            return Err(data.fault("inputs", format!("{what} brings its own inputs: remove this key")));
        }
        None if of_file => None,
        Some(node) => Some(inputs(data, node)?),
        None => Some(Inputs::Grid(Span { from: 1.0, to: 1000.0, count: 1000 })),
    };
    let asked = holdout(data)?;
    if asked.is_some_and(|asked| !asked.is_none()) && !of_file {
        let what = if matches!(target, Target::Formula { .. }) { "formula" } else { "polynomial" };
        return Err(data.fault(
            "holdout",
            format!("only rows of a CSV can be held out: remove this key, a {what} is tested on its grid"),
        ));
    }
    let labels = data.get("labels").map(|node| data.word("labels", node, Labels::WORDS)).transpose()?;
    if labels.is_some() && !has_classes(&target) {
        return Err(data.fault(
            "labels",
            "only a target with classes has labels: name its column as class, as { csv = \"rows.csv\", inputs = [\"*\"], class = \"y\" }",
        ));
    }
    let missing = data.get("missing").map(|node| data.word("missing", node, Missing::WORDS)).transpose()?;
    if missing.is_some() && !of_file {
        return Err(data.fault("missing", "only a file can miss values: remove this key"));
    }
    let noise = data.number_or("noise", 0.0, NOT_NEGATIVE)?;
    if noise > 0.0 && matches!(target, Target::Csv { columns: TargetColumns::Class(_), .. }) {
        return Err(data.fault("noise", "classes have no noise that could be added: remove this key"));
    }
    let test = test(data, &target, &inputs, test_grid)?;
    // Asked for, the training rows are what is tested on.
    let training_rows = matches!(data.text("test"), Ok(Some("train")));
    let unasked = if of_file && test == Test::Rows && !training_rows { Holdout::Auto } else { Holdout::Share(0.0) };
    let holdout = asked.unwrap_or(unasked);
    let holdout_rows = holdout_rows(data, holdout)?;
    let split = match data.get("split") {
        Some(node) => data.word("split", node, Split::WORDS)?,
        None => Split::Test,
    };
    let scale_input = scale(data, "scale_input")?;
    let scale_target = scale(data, "scale_target")?;
    let classes = matches!(target, Target::Csv { columns: TargetColumns::Class(_), .. });
    if classes && scale_target != Scale::Divide(1.0) && !matches!(labels, Some(Labels::Number | Labels::Index)) {
        return Err(data.fault(
            "scale_target",
            "only classes that are numbers can be scaled: remove this key, or set data.labels to \"number\" or \"index\"",
        ));
    }
    let missing = of_file.then(|| missing.unwrap_or(Missing::Refuse));
    Ok(Data { target, inputs, scale_input, scale_target, noise, test, holdout, holdout_rows, split, labels, missing })
}

/// Whether a target may have classes; of a tensor file that is known once it is read.
fn has_classes(target: &Target) -> bool {
    matches!(
        target,
        Target::Csv { columns: TargetColumns::Class(_) | TargetColumns::Outputs(_), .. } | Target::Tensors { .. }
    )
}

/// What the file says of it.
fn holdout(data: &Reader) -> Result<Option<Holdout>> {
    match data.get("holdout") {
        None => Ok(None),
        Some(Node { value: Value::Text(text), .. }) if text == "auto" => Ok(Some(Holdout::Auto)),
        Some(_) => Ok(Some(Holdout::Share(data.number_or("holdout", 0.0, BELOW_ONE)?))),
    }
}

fn holdout_rows(data: &Reader, holdout: Holdout) -> Result<Option<HoldoutRows>> {
    let Some(node) = data.get("holdout_rows") else {
        return Ok((!holdout.is_none()).then_some(HoldoutRows::Random));
    };
    let rows = data.word("holdout_rows", node, HoldoutRows::WORDS)?;
    if holdout.is_none() {
        return Err(data.fault("holdout_rows", "no rows are held out: set data.holdout, or remove this key"));
    }
    Ok(Some(rows))
}

fn target(data: &Reader) -> Result<Target> {
    const WHAT: &str = "{ polynomial = [c0, c1, …] }, { formula = \"sin(x)\" }, { csv = \"rows.csv\", inputs = [\"a\"], output = \"y\" } or { tensors = \"rows.safetensors\" }";
    let Some(node) = data.get("target") else { return Ok(Target::Polynomial { polynomial: vec![0.0, 1.0, 1.0] }) };
    let Value::Table(_) = &node.value else { return Err(data.expected("target", WHAT, &node.value)) };
    let form = Reader::of(data.file, data.name("target"), node)?;
    let target = if let Some(items) = form.list("polynomial", "a list of coefficients, constant first")? {
        if items.is_empty() {
            return Err(form.fault("polynomial", "expected at least one coefficient, constant first"));
        }
        most(&form, "polynomial", items.len(), MOST_IN_A_LIST, "coefficients")?;
        let polynomial = items.iter().map(|item| form.number("polynomial", item, &ANY)).collect::<Result<_>>()?;
        Target::Polynomial { polynomial }
    } else if let Some(text) = form.text("formula")? {
        super::formula::Formula::parse(text).map_err(|message| form.fault("formula", message))?;
        Target::Formula { formula: text.to_owned() }
    } else if let Some(path) = form.text("csv")? {
        Target::Csv {
            csv: path_of(&form, "csv", path, "a CSV")?,
            inputs: column_names(&form, "inputs")?,
            columns: target_columns(&form)?,
        }
    } else if let Some(path) = form.text("tensors")? {
        Target::Tensors { tensors: path_of(&form, "tensors", path, "a safetensors file")? }
    } else {
        form.finish()?;
        return Err(data.expected("target", WHAT, &node.value));
    };
    if let Target::Csv { inputs, columns, .. } = &target {
        check_columns(&form, inputs, columns)?;
    }
    form.finish()?;
    Ok(target)
}

fn path_of(form: &Reader, key: &'static str, path: &str, what: &str) -> Result<PathBuf> {
    if path.is_empty() {
        return Err(form.fault(key, format!("names no file: give {what}, beside the experiment file or with its path")));
    }
    Ok(PathBuf::from(path))
}

/// Columns that are named in a list, each once.
fn column_names(form: &Reader, key: &'static str) -> Result<Vec<String>> {
    let what =
        if key == "inputs" { "a list of column names, or [\"*\"] for all others" } else { "a list of column names" };
    let names = form.texts(key, what)?.ok_or_else(|| form.missing(key, what))?;
    if names.is_empty() {
        return Err(form.fault(key, "expected at least one column name"));
    }
    most(form, key, names.len(), MOST_INPUTS, "columns")?;
    let mut seen = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        let twice = shorten(twice);
        return Err(form.fault(key, format!("the column {twice:?} is named twice")));
    }
    Ok(names)
}

fn target_columns(form: &Reader) -> Result<TargetColumns> {
    const WHAT: &str = "output = \"y\" for a number, outputs = [\"y\", \"z\"] for several, or class = \"y\"";
    let given: Vec<&str> = ["output", "outputs", "class"].into_iter().filter(|key| form.get(key).is_some()).collect();
    match given[..] {
        [] => Err(form.missing("output", WHAT)),
        ["output"] => Ok(TargetColumns::Output(form.text("output")?.unwrap_or_default().to_owned())),
        ["class"] => Ok(TargetColumns::Class(form.text("class")?.unwrap_or_default().to_owned())),
        ["outputs"] => Ok(TargetColumns::Outputs(column_names(form, "outputs")?)),
        _ => Err(form.fault(given[1], format!("{} at once: keep one", given.join(" and ")))),
    }
}

/// Inputs that are named beside targets.
fn check_columns(form: &Reader, inputs: &[String], columns: &TargetColumns) -> Result<()> {
    let all = inputs.iter().any(|name| name == "*");
    if all && let Some(name) = inputs.iter().find(|name| *name != "*" && !name.starts_with('-')) {
        return Err(form.fault("inputs", format!("{name:?} beside \"*\", which stands for it too: keep one")));
    }
    // Of several outputs some may be inputs too, as an autoencoder's are.
    if let TargetColumns::Output(name) | TargetColumns::Class(name) = columns
        && inputs.contains(name)
    {
        let key = if matches!(columns, TargetColumns::Class(_)) { "class" } else { "output" };
        return Err(form.fault(key, format!("the column {name:?} is an input too: the network would only copy it")));
    }
    Ok(())
}

fn inputs(data: &Reader, node: &Node) -> Result<Inputs> {
    const WHAT: &str = "{ grid = { from, to, count } } or { uniform = { from, to, count } }";
    let Value::Table(_) = &node.value else { return Err(data.expected("inputs", WHAT, &node.value)) };
    let form = Reader::of(data.file, data.name("inputs"), node)?;
    if form.get("grid").is_some() && form.get("uniform").is_some() {
        return Err(data.fault("inputs", "grid and uniform at once: keep one"));
    }
    let points = points(&form)?;
    form.finish()?;
    points.ok_or_else(|| data.expected("inputs", WHAT, &node.value))
}

/// The points of a `{ grid = … }` or a `{ uniform = … }`; nothing where it is neither, or both.
fn points(form: &Reader) -> Result<Option<Inputs>> {
    Ok(match (form.get("grid"), form.get("uniform")) {
        (Some(grid), None) => Some(Inputs::Grid(span(form, "grid", grid)?)),
        (None, Some(uniform)) => Some(Inputs::Uniform(span(form, "uniform", uniform)?)),
        _ => None,
    })
}

fn span(parent: &Reader, key: &str, node: &Node) -> Result<Span> {
    let span = Reader::of(parent.file, parent.name(key), node)?;
    let number = |key| {
        let node = span.get(key).ok_or_else(|| span.missing(key, "a number"))?;
        span.number(key, node, &ANY)
    };
    let (from, to) = (number("from")?, number("to")?);
    let count = span.get("count").ok_or_else(|| span.missing("count", "how many points"))?;
    let count = span.count("count", count, 1)?;
    if from > to {
        return Err(span.fault("from", format!("from = {from:?} is above to = {to:?}: swap them")));
    }
    if !(to - from).is_finite() {
        return Err(span.fault("to", "the range is wider than a 64-bit float can say"));
    }
    span.finish()?;
    Ok(Span { from, to, count })
}

fn test(data: &Reader, target: &Target, inputs: &Option<Inputs>, test_grid: Option<Span>) -> Result<Test> {
    const WHAT: &str = "\"grid\", \"train\", { grid = { from, to, count } } or { uniform = { from, to, count } }";
    let Some(inputs) = inputs else {
        if let Some(node @ Node { value: Value::Table(_), .. }) = data.get("test")
            && matches!(target, Target::Csv { .. })
        {
            let form = Reader::of(data.file, data.name("test"), node)?;
            let path = form.text("csv")?;
            form.get("grid");
            form.get("uniform");
            form.finish()?;
            return match path {
                Some(_) if holdout(data)?.is_some_and(|holdout| !holdout.is_none()) => {
                    Err(data.fault("test", "a CSV of its own beside a holdout: keep one"))
                }
                Some("") => Err(data.fault("test", "names no file: give a CSV, beside the experiment file or with its path")),
                Some(path) => Ok(Test::Csv(PathBuf::from(path))),
                None => Err(data.fault("test", "a CSV target is tested on its rows: remove this key, set data.holdout, or name a file as { csv = \"test.csv\" }")),
            };
        }
        return match data.text("test")? {
            None => Ok(Test::Rows),
            Some("train") if holdout(data)?.is_some_and(|holdout| !holdout.is_none()) => {
                Err(data.fault("test", "\"train\" beside a holdout, which is there to be tested on: keep one"))
            }
            Some("train") => Ok(Test::Rows),
            Some(_) => {
                Err(data.fault("test", "a CSV target is tested on its rows: remove this key, or set data.holdout"))
            }
        };
    };
    let (Inputs::Grid(own) | Inputs::Uniform(own)) = *inputs;
    let grid = test_grid.unwrap_or(Span { count: TEST_POINTS, ..own });
    let Some(node) = data.get("test") else { return Ok(Test::Grid(grid)) };
    match &node.value {
        Value::Text(text) if text == "grid" => Ok(Test::Grid(grid)),
        Value::Text(text) if text == "train" => Ok(Test::Train),
        Value::Table(_) => {
            let form = Reader::of(data.file, data.name("test"), node)?;
            let points = points(&form)?;
            form.finish()?;
            match points {
                Some(Inputs::Grid(span)) => Ok(Test::Grid(span)),
                Some(Inputs::Uniform(span)) => Ok(Test::Uniform(span)),
                None => Err(data.expected("test", WHAT, &node.value)),
            }
        }
        other => Err(data.expected("test", WHAT, other)),
    }
}

fn scale(data: &Reader, key: &'static str) -> Result<Scale> {
    let divisor =
        Range { says: "a number other than 0, \"standardize\" or \"unit\"", holds: |x| x.is_finite() && x != 0.0 };
    let Some(node) = data.get(key) else { return Ok(Scale::Divide(1.0)) };
    match &node.value {
        Value::Text(_) => data.word(key, node, FittedScale::WORDS).map(Scale::Fitted),
        _ => data.number(key, node, &divisor).map(Scale::Divide),
    }
}

fn batch(batch: &Reader) -> Result<Batch> {
    let size = match batch.get("size") {
        None => BatchSize::All(All::All),
        Some(Node { value: Value::Text(text), .. }) if text == "all" => BatchSize::All(All::All),
        Some(node @ Node { value: Value::Integer(_), .. }) => BatchSize::Rows(batch.count("size", node, 1)?),
        Some(node) => return Err(batch.expected("size", "\"all\" or a whole number of at least 1", &node.value)),
    };
    let draw = batch.word_or("draw", Draw::Once, Draw::WORDS)?;
    Ok(Batch { size, draw })
}

fn model(model: &Reader) -> Result<Model> {
    let hidden = match model.list("hidden", "a list of widths, as [45, 45]; [] is a linear model")? {
        None => vec![45, 45],
        Some(widths) => {
            most(model, "hidden", widths.len(), MOST_IN_A_LIST, "hidden layers")?;
            widths.iter().map(|width| model.count("hidden", width, 1)).collect::<Result<_>>()?
        }
    };
    let activation = match model.get("activation") {
        None => vec![Activation::Relu; hidden.len()],
        Some(Node { value: Value::List(items), .. }) => {
            if items.len() != hidden.len() {
                let message = format!(
                    "{} activations for {} hidden layers: give one a layer, or a single one for all",
                    items.len(),
                    hidden.len()
                );
                return Err(model.fault("activation", message));
            }
            items.iter().map(|item| model.word("activation", item, Activation::WORDS)).collect::<Result<_>>()?
        }
        Some(node) => vec![model.word("activation", node, Activation::WORDS)?; hidden.len()],
    };
    let outputs = match model.get("outputs") {
        None => None,
        Some(Node { value: Value::Text(text), .. }) if text == "auto" => None,
        Some(node @ Node { value: Value::Integer(_), .. }) => Some(model.count("outputs", node, 1)?),
        Some(node) => {
            return Err(model.expected("outputs", "\"auto\" or a whole number of at least 1", &node.value));
        }
    };
    if let Some(outputs) = outputs {
        most(model, "outputs", outputs, MOST_INPUTS, "output units")?;
    }
    let init = init(model, "init")?.unwrap_or(Init::GlorotUniform);
    let init_bias =
        self::init(model, "init_bias")?.unwrap_or(if init == Init::Pytorch { Init::Pytorch } else { Init::Zeros });
    Ok(Model {
        hidden,
        activation,
        bias: model.bool_or("bias", true)?,
        outputs,
        output: model.word_or("output", Output::Identity, Output::WORDS)?,
        init,
        init_bias,
    })
}

fn init(model: &Reader, key: &'static str) -> Result<Option<Init>> {
    let Some(node) = model.get(key) else { return Ok(None) };
    let Value::Table(_) = &node.value else { return model.word(key, node, &INITS).map(Some) };
    let form = Reader::of(model.file, model.name(key), node)?;
    let init = match (form.get("uniform"), form.get("normal")) {
        (Some(bounds), None) => {
            let [low, high] = form.pair("uniform", bounds, &ANY)?;
            if low > high {
                return Err(form.fault("uniform", format!("[{low:?}, {high:?}] runs downwards: swap them")));
            }
            Init::Uniform([low, high])
        }
        (None, Some(moments)) => {
            let [mean, deviation] = form.pair("normal", moments, &ANY)?;
            if deviation < 0.0 {
                return Err(form.fault("normal", format!("the standard deviation {deviation:?} is below 0")));
            }
            Init::Normal([mean, deviation])
        }
        _ => {
            form.finish()?;
            let names = INITS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            return Err(model.expected(
                key,
                &format!("{names}, {{ uniform = [a, b] }} or {{ normal = [m, s] }}"),
                &node.value,
            ));
        }
    };
    form.finish()?;
    Ok(Some(init))
}

fn loss(loss: &Reader, output: Output) -> Result<Loss> {
    let kind = loss.word_or("kind", LossKind::Mse, LossKind::WORDS)?;
    let pairing = loss.word_or("pairing", Pairing::Matched, Pairing::WORDS)?;
    let delta = loss.number_or("delta", 1.0, POSITIVE)?;
    if kind != LossKind::Huber && loss.get("delta").is_some() {
        return Err(
            loss.fault("delta", "only the huber loss has a delta: remove this key, or set loss.kind = \"huber\"")
        );
    }
    let takes = matches!(kind, LossKind::Bce | LossKind::CrossEntropy);
    let from = loss.get("from").map(|node| loss.word("from", node, LossInput::WORDS)).transpose()?;
    if !takes && from.is_some() {
        return Err(loss.fault("from", "only bce and cross_entropy have it: remove this key, or set loss.kind"));
    }
    let default = match output {
        Output::Sigmoid | Output::Softmax => LossInput::Probabilities,
        Output::LogSoftmax => LossInput::LogProbabilities,
        Output::Identity | Output::Relu | Output::Tanh => LossInput::Logits,
    };
    if pairing != Pairing::Matched && matches!(kind, LossKind::CrossEntropy | LossKind::Nll) {
        return Err(loss.fault("pairing", format!("{} is a loss of rows, not of pairs: remove this key", kind.word())));
    }
    let reduction = match (kind, loss.get("reduction")) {
        (LossKind::Sse, None) => Reduction::Sum,
        (LossKind::Sse, Some(node)) => {
            let reduction = loss.word("reduction", node, Reduction::WORDS)?;
            if reduction != Reduction::Sum {
                return Err(loss.fault("reduction", "sse is a sum: remove this key, or set loss.kind = \"mse\""));
            }
            reduction
        }
        _ => loss.word_or("reduction", Reduction::Mean, Reduction::WORDS)?,
    };
    Ok(Loss {
        kind,
        pairing,
        delta: (kind == LossKind::Huber).then_some(delta),
        from: takes.then(|| from.unwrap_or(default)),
        reduction,
    })
}

fn optimizer(optimizer: &Reader) -> Result<Optimizer> {
    let mut kind = optimizer.word_or("kind", OptimizerKind::DEFAULTS[0].1, &OptimizerKind::DEFAULTS)?;
    let own: &[&str] = match kind {
        OptimizerKind::Adam { .. } | OptimizerKind::Adamw { .. } => &["betas", "eps", "weight_decay"],
        OptimizerKind::Sgd { .. } => &["momentum", "nesterov", "weight_decay"],
        OptimizerKind::Rmsprop { .. } => &["alpha", "eps", "momentum", "weight_decay"],
    };
    if let Some((stranger, _)) =
        optimizer.entries().find(|(key, _)| KEYS_OF_AN_OPTIMIZER.contains(key) && !own.contains(key))
    {
        return Err(optimizer.fault(stranger, format!("{} has no such key, accepted: {}", kind.word(), own.join(", "))));
    }
    match &mut kind {
        OptimizerKind::Adam { betas, eps, .. } | OptimizerKind::Adamw { betas, eps, .. } => {
            if let Some(node) = optimizer.get("betas") {
                *betas = optimizer.pair("betas", node, &BELOW_ONE)?;
            }
            *eps = optimizer.number_or("eps", *eps, NOT_NEGATIVE)?;
        }
        OptimizerKind::Sgd { momentum, nesterov, .. } => {
            *momentum = optimizer.number_or("momentum", *momentum, NOT_NEGATIVE)?;
            *nesterov = optimizer.bool_or("nesterov", *nesterov)?;
            if *nesterov && *momentum == 0.0 {
                return Err(optimizer.fault("nesterov", "nesterov needs a momentum above 0: set optimizer.momentum"));
            }
        }
        OptimizerKind::Rmsprop { alpha, eps, momentum, .. } => {
            *alpha = optimizer.number_or("alpha", *alpha, BELOW_ONE)?;
            *eps = optimizer.number_or("eps", *eps, NOT_NEGATIVE)?;
            *momentum = optimizer.number_or("momentum", *momentum, NOT_NEGATIVE)?;
        }
    }
    let weight_decay = kind.weight_decay_mut();
    *weight_decay = optimizer.number_or("weight_decay", *weight_decay, NOT_NEGATIVE)?;
    Ok(Optimizer {
        kind,
        learning_rate: optimizer.number_or("learning_rate", 1e-3, POSITIVE)?,
        schedule: optimizer.word_or("schedule", Schedule::Constant, Schedule::WORDS)?,
    })
}

fn train(train: &Reader) -> Result<Train> {
    let length = match (train.get("steps"), train.get("epochs")) {
        (Some(_), Some(_)) => return Err(train.fault("epochs", "steps and epochs at once: keep one")),
        (None, Some(epochs)) => Length::Epochs(train.count("epochs", epochs, 1)?),
        (Some(steps), None) => Length::Steps(train.count("steps", steps, 1)?),
        (None, None) => Length::Steps(1000),
    };
    Ok(Train {
        length,
        engine: train.word_or("engine", EngineChoice::Auto, EngineChoice::WORDS)?,
        log_points: train.count_or("log_points", 200, 2)?,
    })
}
