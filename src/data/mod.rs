//! What a run learns from and is tested on: targets, sampling, scaling, batches.

mod cells;
pub mod coding;
mod control;
pub mod csv_file;
mod encoding;
pub mod given;
pub mod random;
mod source;
mod split;
pub mod table;
pub mod tensors;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::experiment::config::*;
use crate::experiment::formula::Formula;
use crate::experiment::table::Task;
use crate::experiment::{Experiment, Variant};
use crate::stats::moments::{deviation, mean, range};
use crate::text::numbers::number;
use crate::text::one_line;
use coding::Coding;
use csv_file::CsvFile;
use encoding::Encoding;
use given::{Given, Modules};
use random::{Purpose, Stream};
use source::{Rows, Source};
use tensors::RowShapes;

/// Rows of inputs with their targets, in original units.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    pub columns: usize,
    /// `[rows, columns]`, row by row.
    pub inputs: Vec<f64>,
    /// Columns of the targets.
    pub outputs: usize,
    /// `[rows, outputs]`; of classes the place of each.
    pub targets: Vec<f64>,
}

impl Samples {
    pub fn rows(&self) -> usize {
        self.targets.len() / self.outputs.max(1)
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.inputs[row * self.columns..(row + 1) * self.columns]
    }

    /// These rows, in this order.
    pub fn pick(&self, rows: &[usize]) -> Self {
        let target = |row: usize| &self.targets[row * self.outputs..(row + 1) * self.outputs];
        Samples {
            columns: self.columns,
            inputs: rows.iter().flat_map(|&row| self.row(row)).copied().collect(),
            outputs: self.outputs,
            targets: rows.iter().flat_map(|&row| target(row)).copied().collect(),
        }
    }
}

/// The files that an experiment's targets name, read once.
#[derive(Debug, Clone, Default)]
pub struct Files {
    sources: HashMap<String, Arc<Source>>,
    modules: Modules,
    /// The SHA-256 of each file's contents.
    hashes: BTreeMap<PathBuf, String>,
    /// What somebody should know of how the files are read, a line each.
    notes: BTreeSet<String>,
}

impl Files {
    /// Reads every file that one of `configs` names.
    pub fn read<'a>(configs: impl Iterator<Item = &'a Config>) -> Result<Self> {
        let mut files = Files::default();
        let mut csvs: BTreeMap<PathBuf, Arc<CsvFile>> = BTreeMap::new();
        for config in configs {
            let hashes = &mut files.hashes;
            files.modules.read(config, |path, hash| drop(hashes.insert(path.to_owned(), hash)))?;
            if config.data.target.file().is_none() {
                continue;
            }
            let key = key(&config.data)?;
            if let Some(source) = files.sources.get(&key) {
                files.notes.extend(taken_for_a_number(config, source));
                continue;
            }
            let open = |path: &Path, key: &str| match csvs.entry(path.to_owned()) {
                Entry::Occupied(known) => Ok(known.get().clone()),
                Entry::Vacant(new) => Ok(new.insert(Arc::new(CsvFile::read(path, key)?)).clone()),
            };
            if let Some((source, hashes)) = Source::read(&config.data, open)? {
                files.notes.extend(source.notes.iter().cloned());
                files.notes.extend(taken_for_a_number(config, &source));
                files.sources.insert(key, Arc::new(source));
                files.hashes.extend(hashes);
            }
        }
        Ok(files)
    }

    pub fn hashes(&self) -> &BTreeMap<PathBuf, String> {
        &self.hashes
    }

    /// What somebody should know of how the files are read, a line each.
    pub fn notes(&self) -> Vec<&str> {
        self.notes.iter().map(String::as_str).collect()
    }

    /// Reads every file of an experiment, and writes down in it what they hold.
    pub fn of(experiment: &mut Experiment) -> Result<Self> {
        let mut files = Self::read(experiment.variants.iter().map(|variant| &variant.config))?;
        files.describe(experiment)?;
        files.check_initial(experiment)?;
        Ok(files)
    }

    /// Checks that given initial parameters are the baseline's; notes which variants they are not of.
    fn check_initial(&mut self, experiment: &Experiment) -> Result<()> {
        for variant in &experiment.variants {
            let config = &variant.config;
            let Some(path) = config.model.initial.as_ref().filter(|_| config.model.torchscript.is_none()) else {
                continue;
            };
            for &seed in &experiment.seeds {
                let given = self.modules.of(config, seed);
                if given.initial.is_none() {
                    continue;
                }
                let data = RunData::new(config, seed, self)?;
                let widths = config.model.widths(data.train.columns, data.coding.outputs);
                let Some(why) = given.fault(&config.model, &widths) else { break };
                let why = one_line(&format!("model.initial: {}: {why}", path.display()));
                ensure!(*config != experiment.baseline, "{why}: save it for this network, or leave model.initial out");
                self.notes.insert(format!(
                    "variant {:?}: {why}: its parameters are drawn by model.init",
                    one_line(&variant.name)
                ));
                break;
            }
        }
        Ok(())
    }

    /// The seeds that a module can be trained with; `None` where any seed will do.
    pub fn seeds(&self, model: &Model) -> Option<Vec<u64>> {
        self.modules.seeds(model)
    }

    /// Writes down in an experiment what its files hold.
    pub fn describe(&self, experiment: &mut Experiment) -> Result<()> {
        self.modules.check_seeds(experiment)?;
        let mut schemas = HashMap::new();
        for variant in experiment.variants.iter_mut().filter(|variant| variant.config.data.target.file().is_some()) {
            let key = key(&variant.config.data)?;
            let Some(source) = self.sources.get(&key) else { continue };
            variant.table = Some(schemas.entry(key).or_insert_with(|| Arc::new(source.schema.clone())).clone());
        }
        let number = |variant: &&Variant| variant.table.as_ref().is_none_or(|table| table.task == Task::Regression);
        if let (Some(_), Some(variant)) = (experiment.goal.accuracy, experiment.variants.iter().find(number)) {
            bail!("goal.accuracy: variant {:?} is a regression, which has none: set goal.r2", variant.name);
        }
        Ok(())
    }

    fn source(&self, data: &Data) -> Result<Option<&Arc<Source>>> {
        match data.target.file() {
            None => Ok(None),
            Some(path) => {
                let source = self.sources.get(&key(data)?);
                source.with_context(|| format!("{}: was not read", path.display())).map(Some)
            }
        }
    }

    /// Whether runs of several seeds may have inputs of several numbers: those of texts that are among the training rows.
    pub fn vary(&self, data: &Data) -> Result<bool> {
        let drawn = !data.holdout.is_none() && data.holdout_rows != Some(HoldoutRows::Last);
        let texts = |source: &Arc<Source>| source.schema.inputs.iter().any(|column| column.categories.is_some());
        Ok(drawn && self.source(data)?.is_some_and(texts))
    }
}

/// A column of 0 and 1 is a number like any other, unless it is named as a class; beside a loss of classes that is hardly meant.
fn taken_for_a_number(config: &Config, source: &Source) -> Option<String> {
    let of_classes =
        matches!(config.loss.kind, LossKind::Bce | LossKind::CrossEntropy | LossKind::Nll | LossKind::Hinge);
    let [name] = &source.schema.outputs[..] else { return None };
    let taken = of_classes && source.schema.task == Task::Regression && source.targets_are_0_or_1();
    taken.then(|| {
        let name = one_line(name);
        format!(
            "{name} is 0 or 1 in every row, and is predicted as a number: for accuracies name it as class = {name:?}"
        )
    })
}

/// All that a source depends on.
fn key(data: &Data) -> Result<String> {
    let test = if let Test::Csv(path) = &data.test { Some(path) } else { None };
    Ok(serde_json::to_string(&(&data.target, test, data.missing, data.holdout, data.duplicates))?)
}

/// A value's way into the network's units and back: `(value − shift)/factor`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    pub shift: f64,
    pub factor: f64,
}

impl Affine {
    fn new(scale: Scale, values: &[f64]) -> Self {
        let (low, high) = range(values.iter().copied());
        match scale {
            Scale::Divide(factor) => Affine { shift: 0.0, factor },
            // Constant values have no spread to divide by.
            Scale::Fitted(_) if low == high => Affine { shift: low, factor: 1.0 },
            Scale::Fitted(FittedScale::Unit) => Affine { shift: low, factor: high - low },
            Scale::Fitted(FittedScale::Standardize) => {
                let deviation = deviation(values);
                // Less than the least f64 above 0.
                Affine { shift: mean(values), factor: if deviation == 0.0 { 1.0 } else { deviation } }
            }
        }
    }

    pub fn scale(&self, value: f64) -> f64 {
        (value - self.shift) / self.factor
    }

    pub fn unscale(&self, value: f64) -> f64 {
        value * self.factor + self.shift
    }
}

/// A run's data: a function of its configuration and its seed.
#[derive(Debug, Clone)]
pub struct RunData {
    pub config: Data,
    /// The training samples, noise on their targets.
    pub train: Samples,
    /// The points on which the run is tested, without noise.
    pub test: Samples,
    /// Training samples that are kept to say when to stop; empty where none are.
    pub kept: Samples,
    /// One for each input column.
    pub input_scale: Vec<Affine>,
    pub coding: Coding,
    /// What the test points must be predicted as, as [`Coding::truth`] has it.
    pub test_truth: Vec<f64>,
    /// Modules, and how the parameters begin where a file says it.
    pub given: Given,
    /// Of a tensor file's rows.
    pub shapes: Option<RowShapes>,
    function: Option<Function>,
    /// Where they come from a file: the file, which of its rows the test points are, and how these become numbers.
    source: Option<(Arc<Source>, Vec<usize>, Encoding)>,
}

/// A target that is known everywhere.
#[derive(Debug, Clone)]
enum Function {
    /// Coefficients, constant first.
    Polynomial(Vec<f64>),
    Formula(Formula),
}

impl Function {
    fn of(target: &Target) -> Result<Option<Self>> {
        Ok(match target {
            Target::Polynomial { polynomial } => Some(Function::Polynomial(polynomial.clone())),
            Target::Formula { formula } => {
                let parsed = Formula::parse(formula).map_err(|message| anyhow!("data.target.formula: {message}"))?;
                Some(Function::Formula(parsed))
            }
            Target::Csv { .. } | Target::Tensors { .. } => None,
        })
    }

    fn value(&self, x: f64) -> f64 {
        match self {
            Function::Polynomial(coefficients) => polynomial(coefficients, x),
            Function::Formula(formula) => formula.value(x),
        }
    }

    fn samples(&self, inputs: Vec<f64>) -> Result<Samples> {
        let targets: Vec<f64> = inputs.iter().map(|&x| self.value(x)).collect();
        if let (Function::Formula(_), Some(at)) = (self, targets.iter().position(|y| !y.is_finite())) {
            bail!(
                "data.target.formula: is {} at x = {}: choose other data.inputs",
                number(targets[at]),
                number(inputs[at])
            );
        }
        Ok(Samples { columns: 1, inputs, outputs: 1, targets })
    }
}

impl RunData {
    pub fn new(config: &Config, seed: u64, files: &Files) -> Result<Self> {
        let data = &config.data;
        let function = Function::of(&data.target)?;
        let in_order = config.batch.draw == Draw::Sequential;
        let keep = |rows: usize| {
            let kept = config.train.kept(rows);
            ensure!(
                kept > 0 || config.train.stop.is_none_or(|stop| stop.validation.is_none()),
                "train.stop: none of {rows} training rows can be kept to say when to stop: set on = \"train\""
            );
            Ok(kept)
        };
        let mut on_training = false;
        let (mut train, mut test, mut kept, source) = match (&function, files.source(data)?) {
            (Some(function), _) => {
                let inputs = data.inputs.as_ref().context("a function is sampled at data.inputs")?;
                let mut points = sample(inputs, &mut Stream::new(seed, Purpose::Inputs));
                let kept = function.samples(points.split_off(points.len() - keep(points.len())?))?;
                if in_order && matches!(inputs, Inputs::Grid(_)) {
                    points.sort_by(f64::total_cmp);
                }
                let train = function.samples(points)?;
                let test = match (&data.test, data.split) {
                    (Test::Grid(span), Split::Test | Split::Judging | Split::Learnt) => function.samples(grid(span))?,
                    (Test::Grid(span), Split::Validation) => function.samples(between(span))?,
                    (Test::Uniform(span), split) => {
                        let purpose = if split == Split::Validation { Purpose::Validation } else { Purpose::Test };
                        function.samples(sample(&Inputs::Uniform(*span), &mut Stream::new(seed, purpose)))?
                    }
                    (Test::Train | Test::Rows | Test::Csv(_), _) => {
                        on_training = true;
                        train.clone()
                    }
                };
                (train, test, kept, None)
            }
            (None, Some(source)) => {
                let shown = || data.target.file().map_or_else(String::new, |path| path.display().to_string());
                let (mut rows, mut test_rows) = split::split(source, data, seed).with_context(shown)?;
                let tested_apart = source.test.is_some() && !data.split.is_of_rows_learnt_from();
                on_training = !tested_apart && rows == test_rows;
                if in_order {
                    rows.sort_unstable();
                }
                let count = keep(rows.len())?;
                let kept = split::keep(&mut rows, count, data.holdout_rows, seed);
                let encoding = Encoding::fit(source, &rows).with_context(shown)?;
                let train = encoding.samples(&source.rows, &rows);
                let test = match &source.test {
                    Some(test) if !data.split.is_of_rows_learnt_from() => {
                        test_rows = (0..test.count()).collect();
                        encoding.samples(test, &test_rows)
                    }
                    _ => encoding.samples(&source.rows, &test_rows),
                };
                let kept = encoding.samples(&source.rows, &kept);
                (train, test, kept, Some((source.clone(), test_rows, encoding)))
            }
            (None, None) => bail!("a target is a function or a file's"),
        };
        if data.noise > 0.0 {
            let mut noise = Stream::new(seed, Purpose::Noise);
            train.targets.iter_mut().chain(&mut kept.targets).for_each(|y| *y += data.noise * noise.normal());
        }
        let column = |c: usize| -> Vec<f64> { train.inputs.iter().skip(c).step_by(train.columns).copied().collect() };
        let input_scale = (0..train.columns).map(|c| Affine::new(data.scale_input, &column(c))).collect();
        let schema = source.as_ref().map(|(source, ..)| &source.schema);
        let (task, classes) = schema.map_or((Task::Regression, &[][..]), |schema| (schema.task, &schema.classes));
        let coding = Coding::new(config, task, classes, train.outputs, &train.targets)?;
        control::apply(data, seed, &mut train, [&mut test, &mut kept], on_training);
        let test_truth = coding.truth(&test);
        let mut given = files.modules.of(config, seed);
        if given.fault(&config.model, &config.model.widths(train.columns, coding.outputs)).is_some() {
            given.initial = None;
        }
        let shapes = source.as_ref().and_then(|(source, ..)| source.shapes.clone());
        let config = data.clone();
        Ok(RunData { config, train, test, kept, input_scale, coding, test_truth, given, shapes, function, source })
    }

    pub fn scaled_inputs(&self, samples: &Samples) -> Vec<f32> {
        samples.inputs.iter().enumerate().map(|(i, &x)| self.input_scale[i % samples.columns].scale(x) as f32).collect()
    }

    /// What the loss takes.
    pub fn coded_targets(&self, samples: &Samples) -> Vec<f32> {
        self.coding.encode(&samples.targets).into_iter().map(|target| target as f32).collect()
    }

    /// A test point's inputs as a file shows them, by the columns of the source.
    pub fn test_cells(&self, row: usize) -> Vec<String> {
        match &self.source {
            Some((source, rows, encoding)) => encoding.cells(self.tested(source), rows[row]),
            None => self.test.row(row).iter().map(|&x| number(x)).collect(),
        }
    }

    /// What an input is called; `x` of a function.
    pub fn input_name(&self, at: usize) -> String {
        let names = self.source.as_ref().map(|(source, _, encoding)| encoding.names(source));
        names.and_then(|names| names.get(at).cloned()).unwrap_or_else(|| "x".to_owned())
    }

    /// What a column of the targets is called; `y` of a function.
    pub fn output_name(&self, at: usize) -> String {
        let names = self.source.as_ref().map(|(source, ..)| &source.schema.outputs);
        names.and_then(|names| names.get(at).cloned()).unwrap_or_else(|| "y".to_owned())
    }

    /// Which inputs each column of texts became, of which every training row has just one.
    pub fn inputs_of_texts(&self) -> Vec<std::ops::Range<usize>> {
        self.source.as_ref().map_or_else(Vec::new, |(.., encoding)| encoding.of_texts())
    }

    /// A test point's row in its file, from 0.
    pub fn test_place(&self, row: usize) -> Option<usize> {
        let (source, rows, _) = self.source.as_ref()?;
        Some(self.tested(source).places[rows[row]])
    }

    /// The rows that the test points are among.
    fn tested<'a>(&self, source: &'a Source) -> &'a Rows {
        source.test.as_ref().filter(|_| !self.config.split.is_of_rows_learnt_from()).unwrap_or(&source.rows)
    }
}

/// Rows of a batch, checked against the training samples that there are.
pub fn batch_rows(batch: &Batch, rows: usize) -> Result<usize> {
    match batch.size {
        BatchSize::All(_) => Ok(rows),
        BatchSize::Rows(size) => {
            ensure!(
                batch.draw != Draw::Once || size <= rows,
                "batch.size: one batch of {size} cannot be drawn from {rows} training samples: lower it, or set batch.draw = \"fresh\""
            );
            ensure!(
                batch.last != LastBatch::Drop || size <= rows,
                "batch.last: \"drop\" leaves nothing of {rows} training samples in batches of {size}: lower batch.size, or set batch.last = \"short\""
            );
            Ok(if batch.last == LastBatch::Short { size.min(rows) } else { size })
        }
    }
}

/// Updates that a run makes with this many training samples.
pub fn updates(config: &Config, rows: usize) -> Result<usize> {
    Ok(config.train.length.steps(rows, batch_rows(&config.batch, rows)?, config.batch.last))
}

/// Updates of one pass over this many training samples, after which it is looked whether to stop.
pub fn updates_of_a_pass(config: &Config, rows: usize) -> Result<usize> {
    Ok(Length::Epochs(1).steps(rows, batch_rows(&config.batch, rows)?, config.batch.last).max(1))
}

/// How many samples there are to train on: inf where batches are drawn anew from a continuous distribution.
pub fn training_samples(config: &Config, rows: usize) -> f64 {
    match (&config.data.inputs, config.batch.draw) {
        (Some(Inputs::Uniform(_)), Draw::Fresh) => f64::INFINITY,
        _ => rows as f64,
    }
}

/// Training rows that a configuration has, found without sampling a function.
pub fn training_rows(config: &Config, files: &Files) -> Result<usize> {
    match &config.data.inputs {
        Some(Inputs::Grid(span) | Inputs::Uniform(span)) => {
            let rows = span.count - config.train.kept(span.count);
            Ok(config.data.rows.map_or(rows, |most| rows.min(most)))
        }
        None => Ok(RunData::new(config, 0, files)?.train.rows()),
    }
}

/// The value of a polynomial, coefficients constant first (Horner).
pub fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// Points to validate on where those of `span` are tested on: the middles of as many equal parts as it has gaps, or of 64, none
/// of which is among them.
fn between(span: &Span) -> Vec<f64> {
    let parts = span.count.saturating_sub(1).max(64) as f64;
    // A wide range must not overflow.
    let at = |share: f64| span.from * (1.0 - share) + span.to * share;
    let point = |nth: usize| at((nth as f64 + 0.5) / parts);
    (0..parts as usize).map(point).collect()
}

/// The points of an even grid, both ends among them.
pub fn grid(span: &Span) -> Vec<f64> {
    let last = span.count.saturating_sub(1).max(1) as f64;
    let width = span.to - span.from;
    let point = |i: f64| match width * i {
        // Multiplied first, whole numbers stay whole; but a wide range must not overflow.
        product if product.is_finite() => span.from + product / last,
        _ => span.from + width * (i / last),
    };
    (0..span.count).map(|i| point(i as f64)).collect()
}

fn sample(inputs: &Inputs, stream: &mut Stream) -> Vec<f64> {
    match inputs {
        Inputs::Grid(span) => {
            let mut points = grid(span);
            stream.shuffle(&mut points);
            points
        }
        Inputs::Uniform(span) => (0..span.count).map(|_| span.from + (span.to - span.from) * stream.unit()).collect(),
    }
}

/// The batches of one run, one after the other, in the network's units.
pub struct Batches {
    data: Arc<RunData>,
    draw: Draw,
    last: LastBatch,
    rows: usize,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    stream: Stream,
    noise: Stream,
    /// The pass over the training samples that is under way, and how far it has come.
    order: Vec<usize>,
    next: usize,
    /// Which training rows have been in a batch, a bit each; and how many samples were none of them.
    seen: Vec<u64>,
    new: usize,
}

impl Batches {
    /// Batches of `rows` samples.
    pub fn new(data: Arc<RunData>, batch: &Batch, rows: usize, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::Batches);
        let mut order: Vec<usize> = (0..data.train.rows()).collect();
        // A batch of all samples keeps their order; only a part of them, or a pass, is drawn.
        if batch.draw != Draw::Sequential && (batch.draw == Draw::Epoch || rows < order.len()) {
            stream.shuffle(&mut order);
        }
        Batches {
            draw: batch.draw,
            last: batch.last,
            rows,
            inputs: data.scaled_inputs(&data.train),
            targets: data.coded_targets(&data.train),
            data,
            stream,
            noise: Stream::new(seed, Purpose::BatchNoise),
            seen: vec![0; order.len().div_ceil(64)],
            new: 0,
            order,
            next: 0,
        }
    }

    /// Appends the next batch, `[rows, columns]` inputs and `[rows, width]` targets. How many rows it has.
    pub fn next_into(&mut self, inputs: &mut Vec<f32>, targets: &mut Vec<f32>) -> usize {
        let left = self.order.len() - self.next;
        let rows = match self.last {
            LastBatch::Short if left > 0 => self.rows.min(left),
            LastBatch::RunOn | LastBatch::Short => self.rows,
            LastBatch::Drop => {
                if left < self.rows {
                    self.begin_pass();
                }
                self.rows
            }
        };
        for nth in 0..rows {
            match self.draw {
                Draw::Once => self.push(self.order[nth], inputs, targets),
                Draw::Epoch | Draw::Sequential => {
                    if self.next == self.order.len() {
                        self.begin_pass();
                    }
                    self.push(self.order[self.next], inputs, targets);
                    self.next += 1;
                }
                Draw::Fresh => self.push_fresh(inputs, targets),
            }
        }
        rows
    }

    fn begin_pass(&mut self) {
        if self.draw == Draw::Epoch {
            self.stream.shuffle(&mut self.order);
        }
        self.next = 0;
    }

    /// Different samples among all batches so far.
    pub fn distinct(&self) -> usize {
        self.new + self.seen.iter().map(|bits| bits.count_ones() as usize).sum::<usize>()
    }

    fn push(&mut self, row: usize, inputs: &mut Vec<f32>, targets: &mut Vec<f32>) {
        self.seen[row / 64] |= 1 << (row % 64);
        let columns = self.data.train.columns;
        inputs.extend_from_slice(&self.inputs[row * columns..(row + 1) * columns]);
        let width = self.data.coding.width;
        targets.extend_from_slice(&self.targets[row * width..(row + 1) * width]);
    }

    fn push_fresh(&mut self, inputs: &mut Vec<f32>, targets: &mut Vec<f32>) {
        let data = &self.data.config;
        let rows = self.order.len();
        let (Some(function), Some(from)) = (&self.data.function, &data.inputs) else {
            let row = self.stream.index(rows);
            return self.push(row, inputs, targets);
        };
        let x = match from {
            Inputs::Grid(_) => {
                let row = self.stream.index(rows);
                self.seen[row / 64] |= 1 << (row % 64);
                self.data.train.inputs[row]
            }
            Inputs::Uniform(span) => {
                self.new += 1;
                span.from + (span.to - span.from) * self.stream.unit()
            }
        };
        let mut y = function.value(x);
        if data.noise > 0.0 {
            y += data.noise * self.noise.normal();
        }
        // What a control takes away it takes from new samples too.
        let x = match data.control {
            Control::Blind => self.data.train.inputs[0],
            Control::Permuted => match from {
                Inputs::Grid(_) => self.data.train.inputs[self.stream.index(rows)],
                Inputs::Uniform(span) => span.from + (span.to - span.from) * self.stream.unit(),
            },
            Control::None => x,
        };
        inputs.push(self.data.input_scale[0].scale(x) as f32);
        targets.extend(self.data.coding.encode(&[y]).into_iter().map(|target| target as f32));
    }
}
