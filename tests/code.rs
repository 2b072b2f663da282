//! A fix as lines of a training script (src/diagnose/code/): every key that a rule sets has one in every framework, Python
//! reads those of the frameworks in Python, and PyTorch, Keras and Flax run them (tests/code_lines.py).

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use misfit::diagnose::certainty::Standard;
use misfit::diagnose::code::{lines, outputs};
use misfit::diagnose::observed::{Measured, Observed};
use misfit::diagnose::rules::{Certainty, Finding};
use misfit::diagnose::search::{Search, Suspicion};
use misfit::diagnose::verdicts::{Diagnosis, Measurements};
use misfit::diagnose::{files, print};
use misfit::experiment::config::{Config, Labels, LossKind, Target, TargetColumns, Word};
use misfit::experiment::framework::Framework;
use misfit::experiment::table::Task;
use misfit::experiment::{Experiment, Fix};
use misfit::results::read;
use misfit::results::rows::{HealthRow, RunRow};
use serde_json::{Value, json};

/// An experiment of three classes or of numbers, with a hidden layer of 16; what is to be changed is added to it.
const NUMBERS: &str =
    "data.target = { csv = \"rows.csv\", inputs = [\"*\"], output = \"y\" }\nmodel.hidden = [16]\ntrain.steps = 3";
const CLASSES: &str =
    "data.target = { csv = \"rows.csv\", inputs = [\"*\"], class = \"kind\" }\nmodel.hidden = [16]\ntrain.steps = 3";
const CURVE: &str =
    "data.inputs = { uniform = { from = -1, to = 1, count = 100 } }\nmodel.hidden = [16]\ntrain.steps = 3";

/// Fixes that rules and the search make, or are to make: what stands before them, and the patch. Each key of theirs has a
/// line in every framework.
const FIXES: [(&str, &str, &str); 59] = [
    (NUMBERS, "", "data.scale_input = \"standardize\""),
    (NUMBERS, "", "data.scale_input = \"unit\""),
    (NUMBERS, "", "data.scale_input = 255"),
    (NUMBERS, "", "data.scale_target = \"standardize\""),
    (NUMBERS, "data.holdout_rows = \"last\"", "data.holdout_rows = \"random\""),
    (CLASSES, "", "data.holdout_rows = \"stratified\""),
    (NUMBERS, "", "data.target.inputs = [\"*\", \"-id\"]"),
    (NUMBERS, "", "data.target.inputs = [\"a\", \"it's $b\"]"),
    (CLASSES, "loss.kind = \"cross_entropy\"\ndata.labels = \"number\"", "data.labels = \"index\""),
    (CLASSES, "loss.kind = \"cross_entropy\"", "data.labels = \"one-hot\""),
    (CLASSES, "loss.kind = \"mse\"\ndata.labels = \"index\"", "data.labels = \"plus-minus\""),
    (CLASSES, "loss.kind = \"mse\"", "data.labels = \"number\""),
    (NUMBERS, "", "batch.size = 32\nbatch.draw = \"epoch\"\ntrain.epochs = 4"),
    (NUMBERS, "batch.size = 4", "batch.draw = \"sequential\""),
    (NUMBERS, "batch.draw = \"epoch\"", "batch.size = \"all\""),
    (CURVE, "", "batch.draw = \"fresh\""),
    (CURVE, "batch.draw = \"epoch\"", "batch.size = 25\ntrain.steps = 40"),
    (CURVE, "", "data.inputs = { grid = { from = -2, to = 2, count = 50 } }"),
    (NUMBERS, "", "model.hidden = [32, 32]\nmodel.activation = \"relu\""),
    (
        NUMBERS,
        "",
        "model.hidden = [8]\nmodel.activation = \"leaky_relu\"\nmodel.init = \"glorot_uniform\"\nmodel.init_bias = \"zeros\"",
    ),
    (NUMBERS, "model.activation = \"tanh\"", "model.activation = \"relu\""),
    (NUMBERS, "model.bias = false", "model.bias = true"),
    (NUMBERS, "model.init = \"zeros\"", "model.init = \"glorot_uniform\""),
    (NUMBERS, "model.init_bias = { uniform = [-9, 9] }", "model.init_bias = \"zeros\""),
    (
        CLASSES,
        "model.outputs = 1\nmodel.output = \"softmax\"\nloss.kind = \"cross_entropy\"",
        "model.outputs = \"auto\"",
    ),
    (
        NUMBERS,
        "model.output = \"softmax\"\nloss.kind = \"bce\"",
        "model.output = \"sigmoid\"\nloss.from = \"probabilities\"",
    ),
    (NUMBERS, "model.output = \"sigmoid\"", "model.output = \"identity\""),
    (CLASSES, "loss.kind = \"cross_entropy\"\nloss.from = \"probabilities\"", "model.output = \"softmax\""),
    (NUMBERS, "model.dropout = 0.5", "model.dropout = 0"),
    (NUMBERS, "", "model.dropout = 0.2"),
    (NUMBERS, "", "model.norm = \"batch\"\nmodel.dropout = 0.2"),
    (NUMBERS, "", "model.norm = \"layer\"\nmodel.norm_place = \"before\"\nmodel.norm_eps = 1e-4"),
    (NUMBERS, "model.norm = \"batch\"", "model.norm = \"none\""),
    (NUMBERS, "model.frozen = [0]", "model.frozen = []"),
    (NUMBERS, "model.output = \"sigmoid\"\nloss.kind = \"bce\"", "model.output = \"identity\"\nloss.kind = \"mse\""),
    (NUMBERS, "loss.kind = \"bce\"\nloss.from = \"probabilities\"", "loss.from = \"logits\""),
    (
        NUMBERS,
        "model.output = \"sigmoid\"\nloss.kind = \"bce\"\nloss.from = \"logits\"",
        "loss.from = \"probabilities\"",
    ),
    (
        CLASSES,
        "model.output = \"softmax\"\nloss.kind = \"cross_entropy\"\nloss.from = \"logits\"",
        "loss.from = \"probabilities\"",
    ),
    (CLASSES, "loss.kind = \"cross_entropy\"\nloss.from = \"probabilities\"", "loss.from = \"logits\""),
    (
        CLASSES,
        "data.labels = \"one-hot\"\nmodel.output = \"softmax\"\nloss.kind = \"cross_entropy\"\nloss.from = \"logits\"",
        "loss.from = \"probabilities\"",
    ),
    (NUMBERS, "loss.reduction = \"sum\"", "loss.reduction = \"mean\""),
    (NUMBERS, "loss.pairing = \"broadcast\"", "loss.pairing = \"matched\""),
    (NUMBERS, "loss.l1 = 0.1", "loss.l1 = 0"),
    (NUMBERS, "", "loss.l1 = 0.01\nloss.l2 = 0.02"),
    (NUMBERS, "loss.l2 = 0.1", "loss.l2 = 0"),
    (NUMBERS, "", "optimizer.learning_rate = 1e-5"),
    (NUMBERS, "optimizer.kind = \"sgd\"", "optimizer.kind = \"adam\"\noptimizer.learning_rate = 1e-2"),
    (NUMBERS, "optimizer.eps = 0.1", "optimizer.eps = 1e-8"),
    (NUMBERS, "", "optimizer = { kind = \"sgd\", momentum = 0.9, nesterov = true }"),
    (NUMBERS, "", "optimizer = { kind = \"rmsprop\", alpha = 0.95 }"),
    (NUMBERS, "optimizer.weight_decay = 0.1", "optimizer.weight_decay = 0.0"),
    (NUMBERS, "", "optimizer.weight_decay = 0.01"),
    (NUMBERS, "", "optimizer = { kind = \"adamw\", weight_decay = 0.05, betas = [0.8, 0.9] }"),
    (NUMBERS, "", "optimizer.clip_norm = 1"),
    (NUMBERS, "batch.size = 32\nbatch.draw = \"epoch\"", "optimizer.schedule = \"cosine\"\ntrain.epochs = 3"),
    (NUMBERS, "optimizer.zero_grad = false", "optimizer.zero_grad = true"),
    (NUMBERS, "optimizer.without = [0]", "optimizer.without = []"),
    (NUMBERS, "train.mode = \"eval\"\nmodel.dropout = 0.2", "train.mode = \"train\""),
    (NUMBERS, "", "train.stop = { patience = 10, restore = true }"),
];

/// Further settings, for which not every framework has a line.
const FURTHER: [(&str, &str, &str); 34] = [
    (NUMBERS, "", "data.noise = 1e-5"),
    (NUMBERS, "", "data.missing = \"mean\""),
    (NUMBERS, "batch.draw = \"epoch\"\nbatch.size = 3", "batch.last = \"drop\""),
    (NUMBERS, "", "batch.draw = \"fresh\"\nbatch.size = 4"),
    (NUMBERS, "", "model.activation = \"gelu_exact\""),
    (NUMBERS, "", "model.activation = \"gelu_tanh\""),
    (NUMBERS, "", "model.activation = \"leaky_relu\"\nmodel.negative_slope = 0.3"),
    (
        NUMBERS,
        "",
        "model.activation = \"elu\"\nmodel.norm = \"batch\"\nmodel.norm_place = \"before\"\nmodel.norm_momentum = 0.25",
    ),
    (NUMBERS, "", "model.init = \"glorot_untruncated\""),
    (NUMBERS, "", "model.init = \"kaiming_uniform\""),
    (NUMBERS, "", "model.init = \"kaiming_untruncated\""),
    (NUMBERS, "", "model.init = \"glorot_truncated\""),
    (NUMBERS, "", "model.init = \"kaiming_truncated\""),
    (NUMBERS, "", "model.init = \"lecun_normal\""),
    (NUMBERS, "", "model.init = \"lecun_uniform\""),
    (NUMBERS, "", "model.init = \"pytorch\""),
    (NUMBERS, "", "model.init = { uniform = [-1, 1] }\nmodel.init_bias = { uniform = [-1, 1] }"),
    (NUMBERS, "", "model.init = { normal = [0, 1e-3] }\nmodel.init_bias = { normal = [0, 1e-3] }"),
    (NUMBERS, "", "model.frozen = [0, 1]"),
    (NUMBERS, "", "model.output = \"tanh\""),
    (CLASSES, "", "model.output = \"log_softmax\"\nloss.kind = \"nll\""),
    (CLASSES, "data.labels = \"one-hot\"", "model.output = \"log_softmax\"\nloss.kind = \"nll\""),
    (CLASSES, "", "model.output = \"log_softmax\"\nloss.kind = \"cross_entropy\"\nloss.from = \"log_probabilities\""),
    (NUMBERS, "", "loss.kind = \"huber\"\nloss.delta = 0.5"),
    (NUMBERS, "", "optimizer.clip_norm = 1\noptimizer.clip_over = \"each\""),
    (NUMBERS, "", "optimizer.clip_norm = 1\noptimizer.clip_over = \"global\""),
    (NUMBERS, "", "optimizer.clip_value = 0.5"),
    (NUMBERS, "", "optimizer.without = [1]"),
    (NUMBERS, "", "optimizer.schedule = \"linear\"\ntrain.steps = 50"),
    (NUMBERS, "optimizer.schedule = \"linear\"", "optimizer.schedule = \"constant\""),
    (NUMBERS, "", "optimizer = { kind = \"rmsprop\", momentum = 0.5, eps = 1e-6 }"),
    (NUMBERS, "", "train.stop = { patience = 2, on = \"train\", min_delta = 0.1 }"),
    (NUMBERS, "", "train.stop = { patience = 2, on = \"test\" }"),
    (NUMBERS, "", "train.mode = \"eval\""),
];

const CLASSES_OF_KIND: usize = 3;

/// A fix in a framework.
struct Told {
    framework: Framework,
    before: Config,
    after: Config,
    outputs: [usize; 2],
    keys: Vec<String>,
}

impl Told {
    fn new(framework: Framework, of: &str, settings: &str, patch: &str) -> Told {
        let text = format!("framework = {:?}\n{of}\n{settings}\n", framework.word());
        let experiment = Experiment::parse(&text, "fix.toml", &[]).unwrap_or_else(|error| panic!("{text}{error}"));
        let fix = Fix::parse("fix", "", patch).unwrap();
        let keys = fix.keys();
        let fixed = experiment.with_sets(vec![fix], &[vec![true]]);
        let after = fixed.unwrap_or_else(|error| panic!("{text}{patch}: {error}")).variants.remove(0).config;
        let task = if of == CLASSES { Task::Classification } else { Task::Regression };
        let outputs = [&experiment.baseline, &after].map(|config| outputs(config, task, 1, CLASSES_OF_KIND));
        Told { framework, before: experiment.baseline, after, outputs, keys }
    }

    fn lines(&self) -> Vec<String> {
        lines(self.framework, &self.before, &self.after, self.outputs, &self.keys)
    }

    /// The same for tests/code_lines.py, which runs a line in its framework.
    fn asked(&self, line: &str) -> Value {
        let rowwise = matches!(self.after.loss.kind, LossKind::CrossEntropy | LossKind::Nll);
        let of_class =
            matches!(&self.after.data.target, Target::Csv { columns: TargetColumns::Class(_), .. }) && rowwise;
        let target = match self.after.data.labels {
            None | Some(Labels::Index) if of_class => "places",
            _ if of_class => "one-hot",
            _ => "numbers",
        };
        json!({
            "framework": self.framework.word(),
            "line": line,
            "columns": if self.after.data.inputs.is_some() { 1 } else { 3 },
            "outputs": self.outputs[1],
            "target": target,
            "output": self.after.model.output.word(),
        })
    }
}

fn frameworks() -> impl Iterator<Item = Framework> {
    Framework::WORDS.iter().map(|(_, framework)| *framework)
}

fn all() -> Vec<Told> {
    let of = |framework| {
        FIXES.iter().chain(&FURTHER).map(move |(of, settings, patch)| Told::new(framework, of, settings, patch))
    };
    frameworks().flat_map(of).collect()
}

/// The keys that a source sets in patches, as `model.output = \"sigmoid\"`.
fn patched(source: &str, keys: &mut BTreeSet<String>) {
    for section in ["data", "batch", "model", "loss", "optimizer", "train"] {
        for (at, _) in source.match_indices(&format!("{section}.")) {
            let before = source[..at].chars().next_back();
            let rest = &source[at + section.len() + 1..];
            let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(rest.len());
            // Within a text: at its beginning, or after a line of it; `\"` ends a value.
            let first = before == Some('"') || source[..at].ends_with("\\n");
            if first && rest[end..].starts_with(" = ") {
                keys.insert(format!("{section}.{}", &rest[..end]));
            }
        }
    }
}

#[test]
fn every_key_that_a_fix_sets_has_a_line_in_every_framework() {
    let mut set = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diagnose")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            // What the lines say of their own keys is no fix.
            if path.ends_with("diagnose/code") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                patched(&std::fs::read_to_string(&path).expect("a source"), &mut set);
            }
        }
    }
    assert!(set.len() > 15 && set.contains("optimizer.learning_rate") && set.contains("model.outputs"), "{set:?}");
    let mut told: BTreeSet<String> = ["data.duplicates".to_owned()].into();
    for (of, settings, patch) in FIXES {
        for framework in frameworks() {
            let all = Told::new(framework, of, settings, patch);
            for key in &all.keys {
                let one = lines(framework, &all.before, &all.after, all.outputs, std::slice::from_ref(key));
                assert!(!one.is_empty(), "{} has no line for {key}: {settings}, {patch}", framework.name());
                told.insert(key.clone());
            }
        }
    }
    let untold: Vec<&String> = set.difference(&told).collect();
    assert!(
        untold.is_empty(),
        "a rule or the search sets {untold:?}: add a fix to FIXES, and its line to src/diagnose/code/"
    );
}

#[test]
fn the_example_of_the_documents_is_what_is_said_of_it() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/frameworks.md")).unwrap();
    let (_, section) = page.split_once("\n## The line to change\n").unwrap();
    let between = |begin: &str, end: &str| section.split_once(begin).unwrap().1.split_once(end).unwrap().0;
    let experiment = Experiment::parse(between("```toml\n", "```"), "softmax.toml", &[]).unwrap();
    let fixes = [
        ("linear-output", "model.output = \"identity\""),
        ("more-units", "model.hidden = [32, 32]\nmodel.activation = \"relu\""),
        ("more-steps", "train.epochs = 600"),
    ];
    let fixes = fixes.map(|(name, patch)| Fix::parse(name, "", patch).unwrap());
    let after = &experiment.with_sets(fixes.to_vec(), &[vec![true; 3]]).unwrap().variants[0].config;
    let told = fixes.iter().flat_map(|fix| {
        let lines = lines(Framework::Keras, &experiment.baseline, after, [1, 1], &fix.keys());
        lines.into_iter().map(|line| format!("  {}: {line}\n", fix.name))
    });
    assert_eq!(between("In Keras:\n", "```"), told.collect::<String>());
}

#[test]
fn duplicates_are_dropped_in_the_table() {
    let told = Told::new(Framework::Flux, NUMBERS, "", "train.epochs = 1");
    let of = |framework| lines(framework, &told.before, &told.after, [1, 1], &["data.duplicates".to_owned()]);
    assert_eq!(of(Framework::Keras), ["df = df.drop_duplicates()"]);
    assert_eq!(of(Framework::Flux), ["df = unique(df)"]);
}

/// By hand: the framework, what stands before the fix, the fix, and its lines.
#[test]
fn well_known_fixes_are_told_as_one_would_write_them() {
    use Framework::{Flax, Flux, Keras, Pytorch};
    const OF_LABELS: &str = "model.output = \"softmax\"\nloss.kind = \"bce\"\nmodel.outputs = 1";
    const TWICE: &str = "model.output = \"softmax\"\nloss.kind = \"cross_entropy\"\nloss.from = \"logits\"";
    const LOGITS: &str = "loss.kind = \"bce\"\nloss.from = \"probabilities\"";
    const FROM_LOGITS: &str = "loss.from = \"logits\"";
    const SIGMOID: &str = "model.output = \"sigmoid\"";
    const MATCHED: (&str, &str) = ("loss.pairing = \"broadcast\"", "loss.pairing = \"matched\"");
    const BATCHES: &str = "batch.size = 32\nbatch.draw = \"epoch\"\ntrain.epochs = 100";
    let cases: [(Framework, &str, &str, &str, &[&str]); 26] = [
        (Keras, NUMBERS, OF_LABELS, SIGMOID, &["keras.layers.Dense(1, activation=\"sigmoid\")  # last layer"]),
        (Pytorch, NUMBERS, OF_LABELS, SIGMOID, &["nn.Linear(16, 1), nn.Sigmoid()  # last layer"]),
        (Flux, NUMBERS, OF_LABELS, SIGMOID, &["Dense(16 => 1, sigmoid)  # last layer"]),
        (Flax, NUMBERS, OF_LABELS, SIGMOID, &["x = nn.sigmoid(nn.Dense(1)(x))  # last layer"]),
        (
            Pytorch,
            CLASSES,
            TWICE,
            "model.output = \"identity\"",
            &["nn.Linear(16, 3)  # last layer, no nn.Softmax after it"],
        ),
        (
            Pytorch,
            CLASSES,
            TWICE,
            "loss.from = \"probabilities\"",
            &[
                "loss = F.nll_loss(torch.log(model(x)), y)  # the same as nn.CrossEntropyLoss() with no nn.Softmax after the last layer",
            ],
        ),
        (
            Keras,
            CLASSES,
            TWICE,
            "loss.from = \"probabilities\"",
            &["loss = keras.losses.SparseCategoricalCrossentropy(from_logits=False)  # for model.compile"],
        ),
        (
            Keras,
            NUMBERS,
            LOGITS,
            FROM_LOGITS,
            &["loss = keras.losses.BinaryCrossentropy(from_logits=True)  # for model.compile"],
        ),
        (Pytorch, NUMBERS, LOGITS, FROM_LOGITS, &["loss = nn.BCEWithLogitsLoss()(model(x), y)"]),
        (Flux, NUMBERS, LOGITS, FROM_LOGITS, &["loss(model, x, y) = Flux.logitbinarycrossentropy(model(x), y)"]),
        (
            Flax,
            NUMBERS,
            LOGITS,
            FROM_LOGITS,
            &["loss = optax.sigmoid_binary_cross_entropy(model.apply(params, x), y).mean()"],
        ),
        (
            Pytorch,
            NUMBERS,
            "optimizer.zero_grad = false",
            "optimizer.zero_grad = true",
            &["optimizer.zero_grad()  # before loss.backward()"],
        ),
        // What the loss takes is left to what the output is, and the units to the loss.
        (
            Pytorch,
            NUMBERS,
            "model.output = \"sigmoid\"\nloss.kind = \"bce\"",
            "model.output = \"identity\"",
            &["nn.Linear(16, 1)  # last layer, no nn.Sigmoid after it", "loss = nn.BCEWithLogitsLoss()(model(x), y)"],
        ),
        (
            Keras,
            CLASSES,
            "model.output = \"softmax\"\ndata.labels = \"index\"",
            "loss.kind = \"cross_entropy\"",
            &[
                "loss = keras.losses.SparseCategoricalCrossentropy()  # for model.compile",
                "keras.layers.Dense(3, activation=\"softmax\")  # last layer",
            ],
        ),
        (
            Flax,
            NUMBERS,
            "",
            "optimizer = { weight_decay = 0.1, decay = \"decoupled\" }",
            &["optimizer = optax.adamw(0.001, weight_decay=0.1)"],
        ),
        (
            Flux,
            NUMBERS,
            "",
            "optimizer = { weight_decay = 0.1, decay = \"decoupled\" }",
            &["opt_state = Flux.setup(AdamW(0.001, (0.9, 0.999), 0.1), model)"],
        ),
        (Pytorch, NUMBERS, MATCHED.0, MATCHED.1, &["loss = F.mse_loss(model(x).squeeze(1), y)"]),
        (Keras, NUMBERS, MATCHED.0, MATCHED.1, &["y = y.reshape(-1, 1)  # one column, as the output has"]),
        (Flux, NUMBERS, MATCHED.0, MATCHED.1, &["y = reshape(y, 1, :)  # one row, as the output has"]),
        (Keras, NUMBERS, "", BATCHES, &["model.fit(x, y, batch_size=32, epochs=100, shuffle=True)"]),
        (
            Pytorch,
            NUMBERS,
            "",
            BATCHES,
            &[
                "loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)",
                "epochs = 100  # for epoch in range(epochs)",
            ],
        ),
        (
            Flux,
            NUMBERS,
            "",
            BATCHES,
            &["loader = Flux.DataLoader((x, y); batchsize=32, shuffle=true)", "epochs = 100  # for epoch in 1:epochs"],
        ),
        (
            Flux,
            NUMBERS,
            "optimizer.kind = \"sgd\"",
            "optimizer.kind = \"adam\"\noptimizer.learning_rate = 1e-2",
            &["opt_state = Flux.setup(Adam(0.01), model)"],
        ),
        (
            Keras,
            NUMBERS,
            "optimizer = { kind = \"sgd\", momentum = 0.9 }",
            "optimizer.learning_rate = 1e-4",
            &["optimizer = keras.optimizers.SGD(learning_rate=0.0001, momentum=0.9)  # for model.compile"],
        ),
        (
            Pytorch,
            NUMBERS,
            "model.dropout = 0.5",
            "model.dropout = 0",
            &["model = nn.Sequential(nn.Linear(x.shape[1], 16), nn.ReLU(), nn.Linear(16, 1))  # no dropout"],
        ),
        (
            Flux,
            CURVE,
            "model.hidden = [2]",
            "model.hidden = [32, 32]\nmodel.activation = \"relu\"",
            &["model = Chain(Dense(1 => 32, relu), Dense(32 => 32, relu), Dense(32 => 1))"],
        ),
    ];
    for (framework, of, settings, patch, wanted) in cases {
        // A hidden layer that the settings give takes the place of the usual one.
        let of =
            if settings.contains("model.hidden") { of.replace("model.hidden = [16]\n", "") } else { of.to_owned() };
        assert_eq!(Told::new(framework, &of, settings, patch).lines(), wanted, "{}: {patch}", framework.name());
    }
}

/// What tests/code_lines.py answers, a line for each case.
fn ask(mut python: Command, cases: &[Value]) -> Vec<Value> {
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/code_lines.py"));
    python.envs([("KERAS_BACKEND", "jax"), ("JAX_PLATFORMS", "cpu"), ("CUDA_VISIBLE_DEVICES", "")]);
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let mut to = child.stdin.take().expect("its input");
    let text: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let writer = std::thread::spawn(move || to.write_all(text.as_bytes()));
    let out = child.wait_with_output().expect("its output");
    writer.join().expect("a thread").expect("all was read");
    assert!(out.status.success(), "tests/code_lines.py failed");
    let lines = String::from_utf8(out.stdout).expect("text");
    let answers: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), cases.len());
    answers
}

/// Asserts that Python finds nothing wrong with any case.
fn right(python: Command, cases: &[Value]) {
    let answers = ask(python, cases);
    let wrong = cases.iter().zip(answers).filter(|(_, answer)| !answer["error"].is_null());
    let wrong: Vec<String> = wrong.map(|(case, answer)| format!("{case}: {}", answer["error"])).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn python_parses_every_line_of_its_frameworks() {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if common::skip(!there, "there is no python3") {
        return;
    }
    let told = all().into_iter().filter(|told| told.framework != Framework::Flux);
    let cases: Vec<Value> = told.flat_map(|told| told.lines()).map(|line| json!({ "line": line })).collect();
    assert!(cases.len() > 200, "{} lines", cases.len());
    right(Command::new("python3"), &cases);
}

/// PyTorch is too large to be installed for the tests alone: scripts/frameworks asks it too.
#[test]
fn pytorch_keras_and_flax_run_their_lines() {
    let peers = std::env::var_os("MISFIT_FRAMEWORKS");
    let python = match &peers {
        Some(python) => Command::new(python),
        None => match common::python_with_frameworks() {
            Some(python) => python,
            None => return,
        },
    };
    let runs = |told: &&Told| match told.framework {
        Framework::Pytorch => peers.is_some(),
        Framework::Keras | Framework::Flax => true,
        Framework::Flux => false,
    };
    // What reads a table is read only: pandas and scikit-learn are not beside the frameworks.
    let of_tables = |line: &String| ["df", "pd.", "train_test_split"].iter().any(|name| line.contains(name));
    let told = all();
    let cases = told.iter().filter(runs).flat_map(|told| {
        let lines = told.lines().into_iter().filter(|line| !of_tables(line));
        lines.map(|line| told.asked(&line)).collect::<Vec<_>>()
    });
    right(python, &cases.collect::<Vec<_>>());
}

/// A diagnosis of an experiment of this framework's, or of none: of eight seeds none fits, and all do with the fixes. The runs are
/// those of results/reference.
fn diagnosed(framework: &str) -> (Experiment, Diagnosis) {
    let text = format!("{framework}\nname = \"made-up\"\n{CURVE}\nmodel.output = \"sigmoid\"");
    let experiment = Experiment::parse(&text, "made-up.toml", &[]).unwrap();
    let [output, rate] = [
        Fix::parse("linear-output", "", "model.output = \"identity\"").unwrap(),
        Fix::parse("higher-rate", "", "optimizer.learning_rate = 0.01").unwrap(),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference");
    let (runs, health) = (read::runs(&folder).unwrap(), read::health(&folder).unwrap());
    let measured = |set: u64, variant: &str| {
        let switches = vec![set & 1 != 0, set & 2 != 0];
        let made = experiment.with_sets(vec![output.clone(), rate.clone()], &[switches]).unwrap();
        let at = runs.iter().position(|run| run.variant == variant && run.seed == 0).unwrap();
        let of = |seed| Observed {
            run: RunRow { seed, ..runs[at].clone() },
            health: HealthRow { seed, ..health[at].clone() },
            curve: Vec::new(),
        };
        Measured {
            name: variant.to_owned(),
            config: made.variants[0].config.clone(),
            task: Task::Regression,
            targets: 1,
            classes: 0,
            training_error: false,
            runs: (0..8).map(of).collect(),
            asked: experiment.goal,
        }
    };
    let cells: BTreeMap<u64, Measured> = [(0, "question"), (1, "question"), (2, "question"), (3, "answer")]
        .map(|(set, of)| (set, measured(set, of)))
        .into();
    let finding = Finding {
        rule: "unreachable-targets",
        seen_in: "baseline".to_owned(),
        evidence: "targets up to 2".to_owned(),
        source: "a test",
        fix: None,
        certainty: Certainty::Certain,
    };
    let search = Search {
        fixes: vec![output, rate],
        from_file: 0,
        suspicions: vec![Suspicion { finding, fix: Some(0), seen_in: 0 }],
        on: 3,
        baseline: cells[&0].clone(),
        skipped: 0,
        sizes: (Some(49), 100),
        two_samples: None,
    };
    let plan = Measurements { sets: vec![0, 1, 2, 3], members: vec![0, 1], path: vec![3], everything: 3 };
    let diagnosis = Diagnosis::of(&search, &plan, &cells, cells.clone(), Standard::of_looks(1), 8);
    (experiment, diagnosis)
}

#[test]
fn a_diagnosis_of_a_framework_says_the_lines_and_that_of_none_is_the_same_without_them() {
    let keras = [
        "linear-output: keras.layers.Dense(1)  # last layer, without activation=\"sigmoid\"",
        "higher-rate: optimizer = keras.optimizers.Adam(learning_rate=0.01)  # for model.compile",
    ];
    let (experiment, diagnosis) = diagnosed("framework = \"keras\"");
    let told = print::text(&experiment, &diagnosis);
    assert!(told.ends_with(&format!("\n\nIn Keras:\n  {}\n  {}\n", keras[0], keras[1])), "{told}");
    let found = "   fix linear-output: model.output = \"identity\" → needed\n   in Keras: keras.layers.Dense(1)";
    assert!(told.contains(found), "{told}");
    let repaired = |experiment: &Experiment, diagnosis: &Diagnosis| {
        let folder = tempfile::tempdir().unwrap();
        let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/manifest.json");
        std::fs::copy(reference, folder.path().join("manifest.json")).unwrap();
        files::write(folder.path(), experiment, diagnosis).unwrap();
        std::fs::read_to_string(folder.path().join("repaired.toml")).unwrap()
    };
    let whole = repaired(&experiment, &diagnosis);
    let [output, rate] = keras.map(|line| line.split_once(": ").unwrap().1);
    let comments = format!(
        "# linear-output: model.output = \"identity\"\n#   in Keras: {output}\n# higher-rate: optimizer.learning_rate = 0.01\n#   in Keras: {rate}\n"
    );
    assert!(whole.contains(&comments), "{whole}");
    Experiment::parse(&whole, "repaired.toml", &[]).unwrap();

    let (experiment, diagnosis) = diagnosed("");
    let without = print::text(&experiment, &diagnosis);
    assert!(!without.contains("In ") && !without.contains("in Keras"), "{without}");
    let (rest, _) = told.split_once("\n\nIn Keras:\n").unwrap();
    let rest: Vec<&str> = rest.lines().filter(|line| !line.starts_with("   in Keras: ")).collect();
    assert_eq!(rest, without.lines().collect::<Vec<_>>());
    assert!(!repaired(&experiment, &diagnosis).contains("#   in"));
}

/// Julia is not asked: brackets close in their order, and numbers are its own.
#[test]
fn lines_of_flux_close_what_they_open() {
    for told in all().into_iter().filter(|told| told.framework == Framework::Flux) {
        for line in told.lines() {
            let code = line.split("  # ").next().unwrap();
            let mut open = Vec::new();
            for c in code.chars() {
                match c {
                    '(' => open.push(')'),
                    '[' => open.push(']'),
                    '{' => open.push('}'),
                    ')' | ']' | '}' => assert_eq!(open.pop(), Some(c), "{line}"),
                    _ => {}
                }
            }
            assert!(open.is_empty(), "{line}");
            let python = ["True", "False", "None", "lambda", "**", "//", "import", "e-5f0"];
            assert!(python.iter().all(|word| !code.contains(word)), "{line}");
        }
    }
}
