//! The keys of a configuration: their types, ranges and defaults.

use std::collections::HashSet;
use std::path::PathBuf;

use super::ExperimentError;
use super::config::*;
use super::defaults::Defaults;
use super::framework::{FRAMEWORK, Framework};
use super::patch::KEYS_OF_AN_OPTIMIZER;
use super::reader::{ANY, BELOW_ONE, NOT_NEGATIVE, POSITIVE, Range, Reader};
use super::tree::{Node, Table, Value};
use crate::text::shorten;

type Result<T> = std::result::Result<T, ExperimentError>;

/// The tables that make up a configuration.
pub const SECTIONS: [&str; 6] = ["data", "batch", "model", "loss", "optimizer", "train"];

/// All that a patch may set.
pub const SETTINGS: [&str; 7] = ["data", "batch", "model", "loss", "optimizer", "train", FRAMEWORK];

/// Points of the test grid that a polynomial gets where none is set.
const TEST_POINTS: usize = 1000;

/// Those whose name is another thing in some frameworks, under names that mean the same in all.
const UNTRUNCATED: [(&str, Init); 2] =
    [("glorot_untruncated", Init::GlorotNormal), ("kaiming_untruncated", Init::KaimingNormal)];

const INITS: [(&str, Init); 10] = [
    ("glorot_uniform", Init::GlorotUniform),
    ("glorot_normal", Init::GlorotNormal),
    ("kaiming_uniform", Init::KaimingUniform),
    ("kaiming_normal", Init::KaimingNormal),
    ("glorot_truncated", Init::GlorotTruncated),
    ("kaiming_truncated", Init::KaimingTruncated),
    ("lecun_normal", Init::LecunNormal),
    ("lecun_uniform", Init::LecunUniform),
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
    let framework = root.get(FRAMEWORK).map(|node| root.word(FRAMEWORK, node, Framework::WORDS)).transpose()?;
    let defaults = Defaults(framework);
    let model = model(&root.section("model")?, defaults)?;
    let (data, batch) = (data(&root.section("data")?, test_grid)?, batch(&root.section("batch")?, defaults)?);
    if data.rows.is_some() && batch.draw == Draw::Fresh && matches!(data.inputs, Some(Inputs::Uniform(_))) {
        return Err(root
            .section("data")?
            .fault("rows", "of samples that are drawn anew there is no end: set batch.draw = \"epoch\""));
    }
    let train = train(&root.section("train")?)?;
    if model.torchscript.is_some() {
        if root.section("optimizer")?.get("without").is_some() {
            return Err(root.section("optimizer")?.fault(
                "without",
                "the layers of a module have no numbers: save it with requires_grad_(False) on what is not trained",
            ));
        }
        if train.stop.is_some_and(|stop| stop.restore) {
            return Err(root.section("train")?.fault(
                "stop",
                "the running statistics of a module cannot be restored: leave restore out, and see best_step in runs.csv",
            ));
        }
    }
    Ok(Config {
        framework,
        data,
        batch,
        loss: loss(&root.section("loss")?, model.output, defaults)?,
        optimizer: optimizer(&root.section("optimizer")?, model.hidden.len(), defaults)?,
        model,
        train,
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
        "duplicates",
        "rows",
        "control",
    ],
    &["size", "draw", "last"],
    &[
        "hidden",
        "activation",
        "bias",
        "outputs",
        "output",
        "init",
        "init_bias",
        "negative_slope",
        "dropout",
        "norm",
        "norm_place",
        "norm_eps",
        "norm_momentum",
        "norm_variance",
        "norm_frozen",
        "frozen",
        "initial",
        "torchscript",
    ],
    &["kind", "torchscript", "pairing", "delta", "from", "reduction", "guard", "l1", "l2"],
    &[
        "kind",
        "learning_rate",
        "schedule",
        "betas",
        "eps",
        "eps_place",
        "momentum",
        "nesterov",
        "weight_decay",
        "decay",
        "alpha",
        "clip_norm",
        "clip_over",
        "clip_value",
        "zero_grad",
        "without",
    ],
    &["steps", "epochs", "log_points", "engine", "mode", "stop"],
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
    let duplicates = data.word_or("duplicates", Duplicates::Keep, Duplicates::WORDS)?;
    if duplicates == Duplicates::Drop && !of_file {
        return Err(data.fault("duplicates", "only a file has rows that repeat others: remove this key"));
    }
    let rows = data.get("rows").map(|node| data.count("rows", node, 1)).transpose()?;
    let control = data.word_or("control", Control::None, Control::WORDS)?;
    Ok(Data {
        target,
        inputs,
        scale_input,
        scale_target,
        noise,
        test,
        holdout,
        holdout_rows,
        split,
        labels,
        missing,
        duplicates,
        rows,
        control,
    })
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

fn batch(batch: &Reader, defaults: Defaults) -> Result<Batch> {
    let size = match batch.get("size") {
        None => defaults.batch_size(),
        Some(Node { value: Value::Text(text), .. }) if text == "all" => BatchSize::All(All::All),
        Some(node @ Node { value: Value::Integer(_), .. }) => BatchSize::Rows(batch.count("size", node, 1)?),
        Some(node) => return Err(batch.expected("size", "\"all\" or a whole number of at least 1", &node.value)),
    };
    let draw = batch.word_or("draw", defaults.draw(), Draw::WORDS)?;
    let passes = matches!(draw, Draw::Epoch | Draw::Sequential);
    let last = match batch.get("last") {
        None if passes => defaults.last(),
        None => LastBatch::RunOn,
        Some(node) => batch.word("last", node, LastBatch::WORDS)?,
    };
    if !passes && last != LastBatch::RunOn {
        let message = format!(
            "draw = {:?} makes no passes that could end: remove this key, or set batch.draw to \"epoch\" or \"sequential\"",
            draw.word()
        );
        return Err(batch.fault("last", message));
    }
    Ok(Batch { size, draw, last })
}

/// The file that a key names, if it is there.
fn file(of: &Reader, key: &'static str, what: &str) -> Result<Option<PathBuf>> {
    of.text(key)?.map(|path| path_of(of, key, path, what)).transpose()
}

fn model(model: &Reader, defaults: Defaults) -> Result<Model> {
    let initial = file(model, "initial", "a safetensors file")?;
    let torchscript = file(model, "torchscript", "a TorchScript module")?;
    if torchscript.is_some()
        && let Some((key, _)) = model.entries().find(|(key, _)| !Model::OF_A_MODULE.contains(key))
    {
        return Err(model.fault(key, "model.torchscript names a module, whose layers are its own: keep one"));
    }
    let hidden = match model.list("hidden", "a list of widths, as [45, 45]; [] is a linear model")? {
        None if torchscript.is_some() => Vec::new(),
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
            items.iter().map(|item| self::activation(model, item, defaults)).collect::<Result<_>>()?
        }
        Some(node) => vec![self::activation(model, node, defaults)?; hidden.len()],
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
    let init = init(model, "init", defaults)?.unwrap_or(defaults.init());
    let init_bias = self::init(model, "init_bias", defaults)?.unwrap_or(defaults.init_bias(init));
    let leaky = activation.contains(&Activation::LeakyRelu);
    if !leaky && model.get("negative_slope").is_some() {
        return Err(model.fault("negative_slope", "no layer is leaky_relu: remove this key, or set model.activation"));
    }
    let usual = if leaky { defaults.negative_slope() } else { USUAL_SLOPE };
    // One more than hidden layers is of the outputs.
    let of_outputs =
        matches!(model.get("dropout"), Some(Node { value: Value::List(items), .. }) if items.len() == hidden.len() + 1);
    let dropped = hidden.len() + usize::from(of_outputs);
    let mut dropout = each(model, "dropout", dropped, "shares", |node| model.number("dropout", node, &BELOW_ONE))?;
    if dropout.get(hidden.len()) == Some(&0.0) {
        dropout.truncate(hidden.len());
    }
    if dropout.iter().all(|share| *share == 0.0) {
        dropout.clear();
    }
    let mut norm = each(model, "norm", hidden.len(), "norms", |node| model.word("norm", node, Norm::WORDS))?;
    if norm.iter().all(|norm| *norm == Norm::None) {
        norm.clear();
    }
    let frozen = layers(model, "frozen", hidden.len())?;
    Ok(Model {
        bias: model.bool_or("bias", true)?,
        outputs,
        output: model.word_or("output", Output::Identity, Output::WORDS)?,
        init,
        init_bias,
        negative_slope: model.number_or("negative_slope", usual, ANY)?,
        dropout,
        normalisation: normalisation(model, &norm, &frozen, defaults)?,
        norm,
        frozen,
        hidden,
        activation,
        initial,
        known_output: torchscript.is_none() || model.get("output").is_some(),
        torchscript,
    })
}

fn activation(model: &Reader, node: &Node, defaults: Defaults) -> Result<Activation> {
    match &node.value {
        Value::Text(text) if text == Activation::EXACT => Ok(Activation::Gelu),
        _ => model.word("activation", node, Activation::WORDS).map(|activation| defaults.activation(activation)),
    }
}

/// What each of `count` hidden layers has of this key: a list of as many, or a single one for all; nothing where it is not there.
fn each<T: Clone>(
    model: &Reader,
    key: &'static str,
    count: usize,
    what: &str,
    read: impl Fn(&Node) -> Result<T>,
) -> Result<Vec<T>> {
    match model.get(key) {
        None => Ok(Vec::new()),
        Some(Node { value: Value::List(items), .. }) => {
            if items.len() != count {
                let given = items.len();
                let message =
                    format!("{given} {what} for {count} hidden layers: give one a layer, or a single one for all");
                return Err(model.fault(key, message));
            }
            items.iter().map(read).collect()
        }
        Some(node) => Ok(vec![read(node)?; count]),
    }
}

fn normalisation(model: &Reader, norm: &[Norm], frozen: &[usize], defaults: Defaults) -> Result<Option<Normalisation>> {
    const KEYS: [&str; 5] = ["norm_place", "norm_eps", "norm_momentum", "norm_variance", "norm_frozen"];
    let has = |wanted: Norm| norm.contains(&wanted);
    if norm.is_empty() {
        return match KEYS.into_iter().find(|key| model.get(key).is_some()) {
            Some(key) => Err(model.fault(key, "no layer has a norm: remove this key, or set model.norm")),
            None => Ok(None),
        };
    }
    if !has(Norm::Batch)
        && let Some(key) = KEYS[2..].iter().find(|key| model.get(key).is_some())
    {
        return Err(model.fault(key, "only a batch norm has it: remove this key, or set model.norm = \"batch\""));
    }
    let eps = defaults.norm_eps(if has(Norm::Batch) { Norm::Batch } else { Norm::Layer });
    let share = Range { says: "a number from 0 to 1", holds: |x| (0.0..=1.0).contains(&x) };
    Ok(Some(Normalisation {
        place: model.word_or("norm_place", NormPlace::After, NormPlace::WORDS)?,
        eps: model.number_or("norm_eps", eps, NOT_NEGATIVE)?,
        momentum: model.number_or("norm_momentum", defaults.norm_momentum(), share)?,
        variance: model.word_or("norm_variance", defaults.norm_variance(), Variance::WORDS)?,
        frozen: match frozen.iter().any(|&layer| norm.get(layer) == Some(&Norm::Batch)) {
            true => Some(model.word_or("norm_frozen", defaults.norm_frozen(), Mode::WORDS)?),
            false if model.get("norm_frozen").is_some() => {
                return Err(model.fault(
                    "norm_frozen",
                    "no layer with a batch norm is frozen: remove this key, or set model.frozen",
                ));
            }
            false => None,
        },
    }))
}

/// A list of layers by their numbers from 0, the last of which is that of the outputs, in order and each once.
fn layers(of: &Reader, key: &'static str, last: usize) -> Result<Vec<usize>> {
    let Some(items) = of.list(key, "a list of layers, as [0] for the first")? else { return Ok(Vec::new()) };
    let mut layers = items.iter().map(|item| of.count(key, item, 0)).collect::<Result<Vec<_>>>()?;
    if let Some(beyond) = layers.iter().find(|layer| **layer > last) {
        let message =
            format!("no layer {beyond}: they are counted from 0, and the last one, of the outputs, is {last}");
        return Err(of.fault(key, message));
    }
    layers.sort_unstable();
    layers.dedup();
    Ok(layers)
}

fn init(model: &Reader, key: &'static str, defaults: Defaults) -> Result<Option<Init>> {
    let Some(node) = model.get(key) else { return Ok(None) };
    if let Value::Text(text) = &node.value
        && let Some((_, init)) = UNTRUNCATED.iter().find(|(name, _)| name == text)
    {
        return Ok(Some(*init));
    }
    let Value::Table(_) = &node.value else {
        return model.word(key, node, &INITS).map(|init| Some(defaults.meant(init)));
    };
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

fn loss(loss: &Reader, output: Output, defaults: Defaults) -> Result<Loss> {
    let torchscript = file(loss, "torchscript", "a TorchScript module")?;
    let usual = if torchscript.is_some() { LossKind::TorchScript } else { LossKind::Mse };
    let kind = loss.word_or("kind", usual, LossKind::WORDS)?;
    let own = kind == LossKind::TorchScript;
    if own && torchscript.is_none() {
        return Err(loss.fault(
            "kind",
            "names no module: set loss.torchscript = \"loss.pt\", a module of predictions and targets",
        ));
    }
    if !own && torchscript.is_some() {
        return Err(loss.fault("kind", "loss.torchscript is a loss of its own: keep one"));
    }
    let pairing = loss.word_or("pairing", Pairing::Matched, Pairing::WORDS)?;
    let delta = loss.number_or("delta", 1.0, POSITIVE)?;
    if kind != LossKind::Huber && loss.get("delta").is_some() {
        return Err(
            loss.fault("delta", "only the huber loss has a delta: remove this key, or set loss.kind = \"huber\"")
        );
    }
    let takes = matches!(kind, LossKind::Bce | LossKind::CrossEntropy);
    let from = loss.get("from").map(|node| loss.word("from", node, LossInput::WORDS)).transpose()?;
    if !takes && !own && from.is_some() {
        return Err(loss.fault("from", "only bce and cross_entropy have it: remove this key, or set loss.kind"));
    }
    if own && (pairing != Pairing::Matched || loss.get("reduction").is_some()) {
        let key = if pairing == Pairing::Matched { "reduction" } else { "pairing" };
        return Err(loss.fault(key, "the module of loss.torchscript pairs and reduces by itself: remove this key"));
    }
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
    let from = if takes { Some(from.unwrap_or_else(|| defaults.from(kind, output))) } else { from };
    let guarded = kind == LossKind::Poisson || (takes && from == Some(LossInput::Probabilities));
    if !guarded && loss.get("guard").is_some() {
        let message = "only bce and cross_entropy from probabilities, and poisson, have it: remove this key";
        return Err(loss.fault("guard", message));
    }
    let usual = if guarded { defaults.guard(kind) } else { Guard::Clip };
    let guard = loss.word_or("guard", usual, Guard::WORDS)?;
    if kind == LossKind::CrossEntropy && guard == Guard::Clamp {
        return Err(loss.fault("guard", "\"clamp\" is of bce alone, accepted here: clip, divide, add, none"));
    }
    Ok(Loss {
        kind,
        torchscript,
        pairing,
        delta: (kind == LossKind::Huber).then_some(delta),
        from,
        reduction,
        guard,
        l1: loss.number_or("l1", 0.0, NOT_NEGATIVE)?,
        l2: loss.number_or("l2", 0.0, NOT_NEGATIVE)?,
    })
}

fn optimizer(optimizer: &Reader, last: usize, defaults: Defaults) -> Result<Optimizer> {
    let kind = optimizer.word_or("kind", OptimizerKind::DEFAULTS[0].1, &OptimizerKind::DEFAULTS)?;
    let mut kind = defaults.optimizer(kind);
    let own: &[&str] = match kind {
        OptimizerKind::Adam { .. } | OptimizerKind::Adamw { .. } => {
            &["betas", "eps", "eps_place", "weight_decay", "decay"]
        }
        OptimizerKind::Sgd { .. } => &["momentum", "nesterov", "weight_decay", "decay"],
        OptimizerKind::Rmsprop { .. } => &["alpha", "eps", "eps_place", "momentum", "weight_decay", "decay"],
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
    let decays = *weight_decay > 0.0;
    let decay = optimizer.word_or("decay", defaults.decay(kind), Decay::WORDS)?;
    let usual = Defaults(None).decay(kind);
    let clip = |key| optimizer.get(key).map(|node| optimizer.number(key, node, &POSITIVE)).transpose();
    let clip_norm = clip("clip_norm")?;
    if clip_norm.is_none() && optimizer.get("clip_over").is_some() {
        return Err(optimizer.fault("clip_over", "no norm is clipped: remove this key, or set optimizer.clip_norm"));
    }
    let has_eps = !matches!(kind, OptimizerKind::Sgd { .. });
    let eps_place = if has_eps { defaults.eps_place(kind) } else { EpsPlace::Outside };
    Ok(Optimizer {
        kind,
        learning_rate: optimizer.number_or("learning_rate", defaults.learning_rate(kind), POSITIVE)?,
        schedule: optimizer.word_or("schedule", Schedule::Constant, Schedule::WORDS)?,
        eps_place: optimizer.word_or("eps_place", eps_place, EpsPlace::WORDS)?,
        decay: (decays && decay != usual).then_some(decay),
        clip_norm,
        clip_over: match clip_norm {
            Some(_) => Some(optimizer.word_or("clip_over", defaults.clip_over(), ClipOver::WORDS)?),
            None => None,
        },
        clip_value: clip("clip_value")?,
        zero_grad: optimizer.bool_or("zero_grad", true)?,
        without: layers(optimizer, "without", last)?,
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
        mode: train.word_or("mode", Mode::Train, Mode::WORDS)?,
        stop: stop(train)?,
    })
}

fn stop(train: &Reader) -> Result<Option<Stop>> {
    let Some(node) = train.get("stop") else { return Ok(None) };
    let Value::Table(_) = &node.value else {
        return Err(train.expected("stop", "a table, as { patience = 10 }", &node.value));
    };
    let form = Reader::of(train.file, train.name("stop"), node)?;
    let patience = form.get("patience").ok_or_else(|| form.missing("patience", "passes without an improvement"))?;
    let on = form.word_or("on", StopOn::Validation, StopOn::WORDS)?;
    if on != StopOn::Validation && form.get("validation").is_some() {
        return Err(form.fault(
            "validation",
            format!("rows are kept only where on = \"validation\", not {:?}: remove this key", on.word()),
        ));
    }
    let between = Range { says: "a number above 0 and below 1", holds: |x| x > 0.0 && x < 1.0 };
    let share = form.number_or("validation", 0.2, between)?;
    let stop = Stop {
        patience: form.count("patience", patience, 0)?,
        min_delta: form.number_or("min_delta", 0.0, NOT_NEGATIVE)?,
        on,
        validation: (on == StopOn::Validation).then_some(share),
        restore: form.bool_or("restore", false)?,
    };
    form.finish()?;
    Ok(Some(stop))
}
