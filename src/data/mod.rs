//! What a run learns from and is tested on: targets, sampling, scaling, batches.

pub mod csv_file;
pub mod random;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::experiment::config::*;
use crate::stats::moments::{deviation, mean, range};
use csv_file::CsvFile;
use random::{Purpose, Stream};

/// Rows of inputs with their targets, in original units.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    pub columns: usize,
    /// `[rows, columns]`, row by row.
    pub inputs: Vec<f64>,
    /// `[rows]`.
    pub targets: Vec<f64>,
}

impl Samples {
    pub fn rows(&self) -> usize {
        self.targets.len()
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.inputs[row * self.columns..(row + 1) * self.columns]
    }

    fn pick(&self, rows: &[usize]) -> Samples {
        Samples {
            columns: self.columns,
            inputs: rows.iter().flat_map(|&row| self.row(row)).copied().collect(),
            targets: rows.iter().map(|&row| self.targets[row]).collect(),
        }
    }
}

/// The CSV columns that an experiment's targets name, read once.
#[derive(Debug, Clone, Default)]
pub struct Files {
    columns: HashMap<Columns, Arc<Samples>>,
    /// The SHA-256 of each file's contents.
    hashes: BTreeMap<PathBuf, String>,
}

/// A file, its input columns and its output column.
type Columns = (PathBuf, Vec<String>, String);

impl Files {
    /// Reads every CSV that one of `configs` names.
    pub fn read<'a>(configs: impl Iterator<Item = &'a Config>) -> Result<Self> {
        let mut files = Files::default();
        for config in configs {
            if let Target::Csv { csv, inputs, output } = &config.data.target {
                let columns = (csv.clone(), inputs.clone(), output.clone());
                if files.columns.contains_key(&columns) {
                    continue;
                }
                let file = CsvFile::read(csv)?;
                files.columns.insert(columns, Arc::new(file.samples(csv, inputs, output)?));
                files.hashes.insert(csv.clone(), file.sha256);
            }
        }
        Ok(files)
    }

    pub fn hashes(&self) -> &BTreeMap<PathBuf, String> {
        &self.hashes
    }
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
    /// One for each input column.
    pub input_scale: Vec<Affine>,
    pub target_scale: Affine,
}

impl RunData {
    pub fn new(config: &Config, seed: u64, files: &Files) -> Result<Self> {
        let data = &config.data;
        let (mut train, test) = match &data.target {
            Target::Polynomial { polynomial } => {
                let inputs = data.inputs.as_ref().context("a polynomial is sampled at data.inputs")?;
                let train = polynomial_samples(polynomial, sample(inputs, &mut Stream::new(seed, Purpose::Inputs)));
                let test = match &data.test {
                    Test::Grid(span) => polynomial_samples(polynomial, grid(span)),
                    Test::Uniform(span) => {
                        let inputs = sample(&Inputs::Uniform(*span), &mut Stream::new(seed, Purpose::Test));
                        polynomial_samples(polynomial, inputs)
                    }
                    Test::Train | Test::Rows => train.clone(),
                };
                (train, test)
            }
            Target::Csv { csv, inputs, output } => {
                let all = files.columns.get(&(csv.clone(), inputs.clone(), output.clone()));
                hold_out(all.with_context(|| format!("{}: was not read", csv.display()))?, data.holdout, seed)
                    .with_context(|| format!("{}", csv.display()))?
            }
        };
        if data.noise > 0.0 {
            let mut noise = Stream::new(seed, Purpose::Noise);
            train.targets.iter_mut().for_each(|y| *y += data.noise * noise.normal());
        }
        let column = |c: usize| -> Vec<f64> { train.inputs.iter().skip(c).step_by(train.columns).copied().collect() };
        let input_scale = (0..train.columns).map(|c| Affine::new(data.scale_input, &column(c))).collect();
        let target_scale = Affine::new(data.scale_target, &train.targets);
        Ok(RunData { config: data.clone(), train, test, input_scale, target_scale })
    }

    pub fn scaled_inputs(&self, samples: &Samples) -> Vec<f32> {
        samples.inputs.iter().enumerate().map(|(i, &x)| self.input_scale[i % samples.columns].scale(x) as f32).collect()
    }

    pub fn scaled_targets(&self, samples: &Samples) -> Vec<f32> {
        samples.targets.iter().map(|&y| self.target_scale.scale(y) as f32).collect()
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
            Ok(size)
        }
    }
}

/// Updates that a run makes with this many training samples.
pub fn updates(config: &Config, rows: usize) -> Result<usize> {
    Ok(config.train.length.steps(rows, batch_rows(&config.batch, rows)?))
}

/// How many samples there are to train on: inf where batches are drawn anew from a continuous distribution.
pub fn training_samples(config: &Config, rows: usize) -> f64 {
    match (&config.data.inputs, config.batch.draw) {
        (Some(Inputs::Uniform(_)), Draw::Fresh) => f64::INFINITY,
        _ => rows as f64,
    }
}

/// Training rows that a configuration has, found without sampling a polynomial.
pub fn training_rows(config: &Config, files: &Files) -> Result<usize> {
    match (&config.data.target, &config.data.inputs) {
        (Target::Polynomial { .. }, Some(Inputs::Grid(span) | Inputs::Uniform(span))) => Ok(span.count),
        _ => Ok(RunData::new(config, 0, files)?.train.rows()),
    }
}

/// The value of a polynomial, coefficients constant first (Horner).
pub fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

fn polynomial_samples(coefficients: &[f64], inputs: Vec<f64>) -> Samples {
    let targets = inputs.iter().map(|&x| polynomial(coefficients, x)).collect();
    Samples { columns: 1, inputs, targets }
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

/// Splits rows into training and test rows; where none are held out, the training rows are the test rows.
fn hold_out(all: &Samples, share: f64, seed: u64) -> Result<(Samples, Samples)> {
    if share == 0.0 {
        return Ok((all.clone(), all.clone()));
    }
    let held = (share * all.rows() as f64).round() as usize;
    ensure!(
        held > 0 && held < all.rows(),
        "data.holdout: {share:?} of {} rows leaves {} for testing and {} for training: both need at least one",
        all.rows(),
        held,
        all.rows() - held
    );
    let mut order: Vec<usize> = (0..all.rows()).collect();
    Stream::new(seed, Purpose::Holdout).shuffle(&mut order);
    let (test, train) = order.split_at_mut(held);
    test.sort_unstable();
    Ok((all.pick(train), all.pick(test)))
}

/// The batches of one run, one after the other, in the network's units.
pub struct Batches {
    data: Arc<RunData>,
    draw: Draw,
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
    pub fn new(data: Arc<RunData>, draw: Draw, rows: usize, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::Batches);
        let mut order: Vec<usize> = (0..data.train.rows()).collect();
        // A batch of all samples keeps their order; only a part of them, or a pass, is drawn.
        if draw == Draw::Epoch || rows < order.len() {
            stream.shuffle(&mut order);
        }
        Batches {
            draw,
            rows,
            inputs: data.scaled_inputs(&data.train),
            targets: data.scaled_targets(&data.train),
            data,
            stream,
            noise: Stream::new(seed, Purpose::BatchNoise),
            seen: vec![0; order.len().div_ceil(64)],
            new: 0,
            order,
            next: 0,
        }
    }

    /// Appends the next batch, `[rows, columns]` inputs and `[rows]` targets.
    pub fn next_into(&mut self, inputs: &mut Vec<f32>, targets: &mut Vec<f32>) {
        for nth in 0..self.rows {
            match self.draw {
                Draw::Once => self.push(self.order[nth], inputs, targets),
                Draw::Epoch => {
                    if self.next == self.order.len() {
                        self.stream.shuffle(&mut self.order);
                        self.next = 0;
                    }
                    self.push(self.order[self.next], inputs, targets);
                    self.next += 1;
                }
                Draw::Fresh => self.push_fresh(inputs, targets),
            }
        }
    }

    /// Different samples among all batches so far.
    pub fn distinct(&self) -> usize {
        self.new + self.seen.iter().map(|bits| bits.count_ones() as usize).sum::<usize>()
    }

    fn push(&mut self, row: usize, inputs: &mut Vec<f32>, targets: &mut Vec<f32>) {
        self.seen[row / 64] |= 1 << (row % 64);
        let columns = self.data.train.columns;
        inputs.extend_from_slice(&self.inputs[row * columns..(row + 1) * columns]);
        targets.push(self.targets[row]);
    }

    fn push_fresh(&mut self, inputs: &mut Vec<f32>, targets: &mut Vec<f32>) {
        let data = &self.data.config;
        let (Target::Polynomial { polynomial: coefficients }, Some(from)) = (&data.target, &data.inputs) else {
            let row = self.stream.index(self.targets.len());
            return self.push(row, inputs, targets);
        };
        let x = match from {
            Inputs::Grid(_) => {
                let row = self.stream.index(self.targets.len());
                self.seen[row / 64] |= 1 << (row % 64);
                self.data.train.inputs[row]
            }
            Inputs::Uniform(span) => {
                self.new += 1;
                span.from + (span.to - span.from) * self.stream.unit()
            }
        };
        let mut y = polynomial(coefficients, x);
        if data.noise > 0.0 {
            y += data.noise * self.noise.normal();
        }
        inputs.push(self.data.input_scale[0].scale(x) as f32);
        targets.push(self.data.target_scale.scale(y) as f32);
    }
}
