//! Networks and losses that are TorchScript modules: whatever PyTorch scripts or traces, by its own layers.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tch::jit::{CModule, f_set_graph_executor_optimize, f_set_profiling_mode};
use tch::{Device, Kind, TchError, Tensor};

use crate::data::RunData;
use crate::data::given::Parameters;
use crate::data::random::{Purpose, Stream};
use crate::text::{one_line, shorten};

/// libtorch's generator, from which modules draw, is one for all threads.
static GENERATOR: Mutex<()> = Mutex::new(());

/// A network of one lane.
pub struct Module {
    inner: CModule,
    /// Its parameters by name, in the module's order.
    parameters: Vec<(String, Tensor)>,
    /// The shape of a row of its inputs, and whether they are integers.
    row: Vec<i64>,
    integers: bool,
    /// A seed of the generator for each training pass, and the one of all others.
    seeds: Stream,
    other: i64,
    training: Option<bool>,
    /// Whether it draws random numbers in evaluation and in training, once that is known.
    draws: [Option<bool>; 2],
    device: Device,
}

impl Module {
    /// The module that a run is given, at the parameters that its seed begins with.
    pub fn new(data: &RunData, seed: u64, device: Device) -> Result<Self> {
        let bytes = data.given.network.as_deref().context("model.torchscript was not read")?;
        let inner = load(bytes, device).context("model.torchscript")?;
        let mut parameters: Vec<(String, Tensor)> = Vec::new();
        for (name, tensor) in inner.named_parameters()? {
            ensure!(
                tensor.kind() == Kind::Float,
                "model.torchscript: {name} is {:?}, numbers are trained in f32: save module.float()",
                tensor.kind()
            );
            // One that two layers share is there twice.
            if tensor.numel() > 0 && !parameters.iter().any(|(_, known)| known.data_ptr() == tensor.data_ptr()) {
                parameters.push((name, tensor));
            }
        }
        if let Some(initial) = &data.given.initial {
            begin(&mut parameters, initial).context("model.initial")?;
        }
        let shapes = data.shapes.clone().unwrap_or_default();
        let row = match &data.shapes {
            Some(shapes) => shapes.input.iter().map(|&size| size as i64).collect(),
            None => vec![data.train.columns as i64],
        };
        // What was scaled is no integer any more.
        let whole = data.input_scale.iter().all(|scale| scale.shift == 0.0 && scale.factor == 1.0);
        let mut seeds = Stream::new(seed, Purpose::Module);
        let other = seeds.bits() as i64;
        Ok(Module {
            inner,
            parameters,
            row,
            integers: shapes.integers && whole,
            seeds,
            other,
            training: None,
            draws: [None; 2],
            device,
        })
    }

    /// The parameters that are trained, by name.
    pub fn trained(&mut self) -> impl Iterator<Item = (&str, &mut Tensor)> {
        let trained = self.parameters.iter_mut().filter(|(_, tensor)| tensor.requires_grad());
        trained.map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// What it puts out for `[1, rows, columns]`, with a dimension of 1 before its own.
    ///
    /// libtorch's operations draw from one generator, whatever thread they are on. So where a pass draws, no other does at that
    /// time, and the generator begins at a seed of this run's and this pass's.
    pub fn forward(&mut self, x: &Tensor, training: bool) -> Result<Tensor, TchError> {
        if self.training != Some(training) {
            if training {
                self.inner.f_set_train()?
            } else {
                self.inner.f_set_eval()?
            }
            self.training = Some(training);
        }
        let shape: Vec<i64> = x.size()[1..2].iter().chain(&self.row).copied().collect();
        let x = x.f_reshape(&shape)?;
        let x = if self.integers { x.f_round()?.f_to_kind(Kind::Int64)? } else { x };
        let seed = if training { self.seeds.bits() as i64 } else { self.other };
        let mode = usize::from(training);
        if self.draws[mode] == Some(false) {
            return self.inner.forward_ts(&[x])?.f_unsqueeze(0);
        }
        let _held = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
        let next = |device| Tensor::f_rand([1], (Kind::Double, device))?.f_double_value(&[0]);
        tch::manual_seed(seed);
        let output = self.inner.forward_ts(&[x])?;
        if self.draws[mode].is_none() {
            let after = next(self.device)?;
            tch::manual_seed(seed);
            self.draws[mode] = Some(next(self.device)? != after);
        }
        output.f_unsqueeze(0)
    }
}

/// Gives the parameters the numbers of a seed.
fn begin(parameters: &mut [(String, Tensor)], initial: &Parameters) -> Result<()> {
    for (name, tensor) in parameters.iter_mut() {
        let Some((shape, values)) = initial.get(name) else {
            bail!("has no {:?}, a parameter of the module: save it for every seed", shorten(name));
        };
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        ensure!(
            shape == tensor.size(),
            "{:?} is {shape:?}, the module's is {:?}: save it so",
            shorten(name),
            tensor.size()
        );
        tch::no_grad(|| tensor.f_copy_(&Tensor::f_from_slice(values)?.f_reshape(&shape)?))?;
    }
    let known = |name: &String| parameters.iter().any(|(known, _)| known == name);
    if let Some(name) = initial.keys().find(|name| !known(name)) {
        bail!("has {:?}, which the module has not: leave it out", shorten(name));
    }
    Ok(())
}

/// A loss: a module of predictions and targets.
pub struct LossModule {
    inner: CModule,
    /// The shape of a row of its targets, and whether they are integers.
    row: Vec<i64>,
    integers: bool,
}

impl LossModule {
    /// The loss that a run is given, if it is a module.
    pub fn new(data: &RunData, device: Device) -> Result<Option<Self>> {
        let Some(bytes) = data.given.loss.as_deref() else { return Ok(None) };
        let inner = load(bytes, device).context("loss.torchscript")?;
        if let Some((name, _)) = inner.named_parameters()?.iter().find(|(_, tensor)| tensor.requires_grad()) {
            bail!(
                "loss.torchscript: has the parameter {:?}, which no optimizer has: save it as a buffer",
                shorten(name)
            );
        }
        let width = data.coding.width;
        let classes = data.coding.classes() > 0 && width == 1;
        let row = match &data.shapes {
            Some(shapes) if shapes.target.iter().product::<usize>() == width => {
                shapes.target.iter().map(|&size| size as i64).collect()
            }
            _ if classes => Vec::new(),
            _ => vec![width as i64],
        };
        let integers = data.shapes.as_ref().map_or(classes, |shapes| shapes.integer_targets || classes);
        Ok(Some(LossModule { inner, row, integers }))
    }

    /// The loss, `[1]`, of predictions as the network puts them out and targets `[1, rows, width]`.
    pub fn of(&self, predictions: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
        let shape: Vec<i64> = targets.size()[1..2].iter().chain(&self.row).copied().collect();
        let targets = targets.f_reshape(&shape)?;
        let targets = if self.integers { targets.f_round()?.f_to_kind(Kind::Int64)? } else { targets };
        let loss = self.inner.forward_ts(&[&predictions.f_squeeze_dim(0)?, &targets])?;
        if loss.numel() != 1 {
            return Err(TchError::Shape(format!("loss.torchscript puts out {:?}, expected one number", loss.size())));
        }
        loss.f_reshape([1])?.f_to_kind(Kind::Double)
    }
}

/// A module on a device, computed step by step as PyTorch does it.
fn load(bytes: &[u8], device: Device) -> Result<CModule> {
    // What these would make of the code depends on how often it has run.
    f_set_profiling_mode(false)?;
    f_set_graph_executor_optimize(false)?;
    let mut reader = bytes;
    CModule::load_data_on_device(&mut reader, device).map_err(|error| {
        anyhow!(
            "is no TorchScript module that libtorch {} reads: {}: save it with torch.jit.script(module).save(path)",
            crate::experiment::device::LIBTORCH,
            said(&error)
        )
    })
}

/// What libtorch says of an error, in one line: the last of a traceback.
pub fn said(error: &TchError) -> String {
    let text = error.to_string();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("frame #"));
    let line = lines().find(|line| line.contains("Error: ")).or_else(|| lines().next()).unwrap_or_default();
    let line = line.rsplit_once("Error: ").map_or(line, |(_, said)| said);
    shorten(&one_line(line)).to_string()
}

/// Tries the modules of a run on its first two samples, before anything is trained.
pub fn check(data: &RunData, seed: u64, device: Device) -> Result<()> {
    let rows = data.train.rows().min(2);
    let picked = data.train.pick(&(0..rows).collect::<Vec<_>>());
    let tensor = |values: &[f32]| Tensor::f_from_slice(values)?.f_view([1, rows as i64, -1])?.f_to_device(device);
    let targets = tensor(&data.coded_targets(&picked))?;
    let outputs = data.coding.outputs;
    let predictions = match &data.given.network {
        Some(_) => {
            let mut module = Module::new(data, seed, device)?;
            ensure!(
                module.trained().next().is_some(),
                "model.torchscript: no parameter is trained: save the module with requires_grad on what is"
            );
            let x = tensor(&data.scaled_inputs(&picked))?;
            let found = tch::no_grad(|| module.forward(&x, false)).map_err(|error| {
                let kind = if module.integers { "int64" } else { "f32" };
                let shape: Vec<i64> = [rows as i64].iter().chain(&module.row).copied().collect();
                anyhow!(
                    "model.torchscript: of inputs {kind} {shape:?}: {}: give x the shape that the module takes",
                    said(&error)
                )
            })?;
            let shape = &found.size()[1..];
            let numbers: i64 = shape.iter().skip(1).product();
            ensure!(
                shape.first() == Some(&(rows as i64)) && numbers == outputs as i64,
                "model.torchscript: puts out {shape:?} for {rows} rows, expected {outputs} for each: set model.outputs, or mend the module"
            );
            found
        }
        None => Tensor::f_zeros([1, rows as i64, outputs as i64], (Kind::Float, device))?,
    };
    if let Some(loss) = LossModule::new(data, device)? {
        let _ = tch::no_grad(|| loss.of(&predictions, &targets)).map_err(|error| {
            let shapes = [&predictions, &targets].map(|tensor| tensor.size()[1..].to_vec());
            anyhow!(
                "loss.torchscript: of predictions {:?} and targets {:?}: {}: mend the module, or give y the shape that it takes",
                shapes[0],
                [&[rows as i64], loss.row.as_slice()].concat(),
                said(&error)
            )
        })?;
    }
    Ok(())
}
