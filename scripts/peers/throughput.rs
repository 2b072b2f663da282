//! Two peers of the benchmark, both on this crate's libtorch: misfit itself, and tch as its own examples use it.
//!
//! `throughput misfit|tch START DEVICE [NETWORK]` answers requests, one JSON object a line, on standard input and output; what
//! they are is written in `scripts/peers/protocol.py`, and the networks in `networks.py`. `scripts/bench` starts it and draws
//! up the tables.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use misfit::data::random::{Purpose, Stream};
use misfit::data::{Files, RunData};
use misfit::experiment::Experiment;
use misfit::train::choice;
use misfit::train::device;
use misfit::train::engine::{self, Engine, Lane};
use misfit::train::subnormals::Flushed;
use misfit::train::torch::Torch;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::nn::{self, Module, OptimizerConfig};
use tch::{Cuda, Device, Kind, Reduction, Tensor};

/// Lanes in the starting file, at most. Lane i of more begins as lane i modulo this.
const STARTS: usize = 256;
/// Steps that nobody times, after an engine or a network was made.
const WARM_UP: usize = 20;

#[derive(Deserialize)]
struct Request {
    cmd: String,
    #[serde(default = "one")]
    lanes: usize,
    #[serde(default)]
    eval: bool,
    #[serde(default)]
    steps: usize,
    /// Whether a measurement begins anew.
    #[serde(default)]
    fresh: bool,
    /// Whether the torch engine trains, and whether it takes all lanes as one.
    #[serde(default)]
    torch: bool,
    #[serde(default)]
    stacked: bool,
    #[serde(default)]
    work: Work,
}

/// The networks that are measured, as `networks.py` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Network {
    Relu,
    Tanh,
    Classifier,
    SimpleChains,
}

impl Network {
    fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "relu" => Network::Relu,
            "tanh" => Network::Tanh,
            "classifier" => Network::Classifier,
            "simplechains" => Network::SimpleChains,
            other => bail!("no network {other:?}: relu, tanh, classifier or simplechains"),
        })
    }

    fn activation(self) -> &'static str {
        match self {
            Network::Relu | Network::Classifier => "relu",
            Network::Tanh | Network::SimpleChains => "tanh",
        }
    }

    fn hidden(self) -> [usize; 2] {
        match self {
            Network::Relu | Network::Tanh => [40, 40],
            Network::Classifier => [32, 32],
            Network::SimpleChains => [32, 16],
        }
    }

    /// Inputs x and targets y for training and for testing, where they are not of a function.
    fn tensors(self) -> Option<[Array; 4]> {
        let (train, test) = match self {
            Network::Relu | Network::Tanh => return None,
            Network::Classifier => (64, 100),
            Network::SimpleChains => (10_000, 100),
        };
        let mut stream = Stream::new(0, Purpose::Inputs);
        let mut numbers = |count: usize| (0..count).map(|_| stream.normal() as f32).collect::<Vec<f32>>();
        let columns = if self == Network::Classifier { 64 } else { 4 };
        let map = numbers(10 * columns);
        let mut of = |rows: usize| {
            let x = numbers(rows * columns);
            let y = match self {
                // The place of the largest of ten sums.
                Network::Classifier => {
                    let class = |row: &[f32]| {
                        let sums = map.chunks(columns).map(|map| map.iter().zip(row).map(|(a, b)| a * b).sum::<f32>());
                        sums.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(class, _)| class as i64)
                    };
                    Array::Classes(x.chunks(columns).map(class).collect())
                }
                // The exponential of a matrix of two by two.
                _ => Array::Numbers(x.chunks(4).flat_map(exponential).collect(), 4),
            };
            [Array::Numbers(x, columns), y]
        };
        let ([x, y], [x_test, y_test]) = (of(train), of(test));
        Some([x, y, x_test, y_test])
    }

    /// The experiment; what it names beside is in a file next to where all begin.
    fn experiment(self, work: &Work, steps: usize) -> String {
        let Work { hidden, batch, log_points, learning_rate } = work;
        let own = self.hidden();
        let hidden = if hidden.is_empty() { &own[..] } else { hidden };
        let data = match self {
            Network::Relu | Network::Tanh => format!(
                "target = {{ polynomial = [0, 1, 1] }}
                inputs = {{ uniform = {{ from = 0, to = 1, count = {batch} }} }}
                test = {{ grid = {{ from = 0, to = 1, count = 100 }} }}"
            ),
            Network::Classifier | Network::SimpleChains => format!("target = {{ tensors = {:?} }}", self.file()),
        };
        let loss = if self == Network::Classifier { "cross_entropy" } else { "mse" };
        format!(
            "[data]
            {data}
            [batch]
            size = \"all\"
            draw = \"once\"
            [model]
            hidden = {hidden:?}
            activation = {:?}
            init = \"pytorch\"
            [loss]
            kind = {loss:?}
            [optimizer]
            learning_rate = {learning_rate}
            [train]
            steps = {steps}
            log_points = {log_points}",
            self.activation()
        )
    }

    fn file(self) -> &'static str {
        if self == Network::Classifier { "classifier.safetensors" } else { "simplechains.safetensors" }
    }
}

/// What a file of tensors holds: rows of so many numbers, or a class for each row.
enum Array {
    Numbers(Vec<f32>, usize),
    Classes(Vec<i64>),
}

impl Array {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Array::Numbers(numbers, _) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Array::Classes(classes) => classes.iter().flat_map(|class| class.to_le_bytes()).collect(),
        }
    }

    fn view<'a>(&self, bytes: &'a [u8]) -> Result<TensorView<'a>> {
        Ok(match self {
            Array::Numbers(numbers, width) => TensorView::new(Dtype::F32, vec![numbers.len() / width, *width], bytes)?,
            Array::Classes(classes) => TensorView::new(Dtype::I64, vec![classes.len()], bytes)?,
        })
    }
}

/// e to the power of `[[a, b], [c, d]]`, by its series.
fn exponential(matrix: &[f32]) -> [f32; 4] {
    let [a, b, c, d] = std::array::from_fn(|i| f64::from(matrix[i]));
    let (mut power, mut sum) = ([1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]);
    for k in 1..60 {
        let [p, q, r, s] = power.map(|entry| entry / f64::from(k));
        power = [p * a + q * c, p * b + q * d, r * a + s * c, r * b + s * d];
        sum = std::array::from_fn(|i| sum[i] + power[i]);
    }
    sum.map(|entry| entry as f32)
}

/// What a request may change of a network and its training.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(default)]
struct Work {
    hidden: Vec<usize>,
    batch: usize,
    log_points: usize,
    learning_rate: f64,
}

impl Default for Work {
    fn default() -> Self {
        Work { hidden: Vec::new(), batch: 32, log_points: 200, learning_rate: 1e-3 }
    }
}

fn one() -> usize {
    1
}

/// Where every peer begins.
#[derive(Serialize, Deserialize)]
struct Start {
    lanes: Vec<StartLane>,
    /// Of one row, both in lanes and here.
    columns: usize,
    /// Numbers of a row of targets; 1 where that is the place of a class.
    width: usize,
    test_inputs: Vec<f32>,
    test_targets: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct StartLane {
    /// First layer first: weights `[inputs, outputs]` row by row, then biases.
    parameters: Vec<Vec<f32>>,
    inputs: Vec<f32>,
    targets: Vec<f32>,
}

/// What engines are kept for: lanes, whether they are evaluated, and the experiment.
type Case = (usize, bool, String);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args == ["kernels"] {
        return kernels();
    }
    let (peer, start, device, network) = match &args[..] {
        [peer, start, device] => (peer, start, device, "relu"),
        [peer, start, device, network] => (peer, start, device, network.as_str()),
        _ => {
            // `cargo bench` comes here.
            println!("this is one of the peers of scripts/bench, which compares them");
            return;
        }
    };
    if let Err(error) = serve(peer, start, device, network) {
        println!("{}", failure(&error));
    }
}

/// Answers until standard input ends.
fn serve(peer: &str, start: &str, device: &str, network: &str) -> Result<()> {
    let network = Network::named(network)?;
    device::single_threaded();
    let _flushed = (peer == "misfit").then(Flushed::new);
    let device = device::parse(device)?;
    let mut peer: Box<dyn Peer> = match peer {
        "misfit" => Box::new(Misfit { device, network, start: start.into(), kept: HashMap::new() }),
        "tch" => Box::new(Plain { device, network, start: start.into(), nets: HashMap::new() }),
        other => bail!("no peer {other:?}: misfit or tch"),
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}", json!({ "ready": format!("libtorch {}", device::LIBTORCH) }))?;
    for line in std::io::stdin().lock().lines() {
        let answer = serde_json::from_str(&line?).map_err(anyhow::Error::from).and_then(|request| peer.answer(request));
        writeln!(out, "{}", answer.unwrap_or_else(|error| failure(&error)))?;
    }
    Ok(())
}

/// An error as an answer. Of a cause of many lines, as libtorch's with its stack, the first says what it is.
fn failure(error: &anyhow::Error) -> Value {
    let causes: Vec<_> =
        error.chain().map(|cause| cause.to_string().lines().next().unwrap_or_default().to_owned()).collect();
    json!({ "error": causes.join(": ") })
}

trait Peer {
    fn answer(&mut self, request: Request) -> Result<Value>;
}

/// The seconds that `work` takes; a GPU has done it all by then.
fn timed(device: Device, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    synchronize(device);
    let begun = Instant::now();
    work()?;
    synchronize(device);
    Ok(begun.elapsed().as_secs_f64())
}

fn synchronize(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

struct Misfit {
    device: Device,
    network: Network,
    start: PathBuf,
    kept: HashMap<Case, Stack>,
}

impl Peer for Misfit {
    fn answer(&mut self, request: Request) -> Result<Value> {
        match request.cmd.as_str() {
            "start" => {
                self.write_start(request.lanes)?;
                Ok(json!({}))
            }
            "measure" => self.measure(request),
            "check" => {
                let lanes = self.lanes(&request.work, request.lanes, request.steps)?;
                let mut stack = Stack::new(lanes, self.device)?;
                stack.step_many(request.steps, false)?;
                let (train, test) = stack.losses()?;
                Ok(json!({ "train": train, "test": test }))
            }
            // How many lanes of a stack end at the bits at which they end alone.
            "bits" => {
                let ended = |stacked| {
                    let lanes = self.lanes(&request.work, request.lanes, request.steps)?;
                    let mut stack = Stack::of_torch(lanes, self.device, stacked)?;
                    stack.step_many(request.steps, false)?;
                    stack.parameters()
                };
                let (alone, stacked) = (ended(false)?, ended(true)?);
                Ok(json!({ "same": alone.iter().zip(&stacked).filter(|(alone, stacked)| alone == stacked).count() }))
            }
            "peak" => {
                let lanes = self.lanes(&request.work, request.lanes, request.steps)?;
                let name = choice::choose(&engine::first(&lanes)?.config, self.device)?;
                let ended = misfit::train::train(name, &lanes, self.device, &AtomicBool::new(false), &|_| ())?;
                Ok(json!({ "peak_mib": peak_mib()?, "runs": ended.len() }))
            }
            other => bail!("no request {other:?}"),
        }
    }
}

impl Misfit {
    fn measure(&mut self, request: Request) -> Result<Value> {
        let Request { lanes: count, eval, steps, fresh, torch, stacked, work, .. } = request;
        let new = |lanes| match torch {
            true => Stack::of_torch(lanes, self.device, stacked),
            false => Stack::new(lanes, self.device),
        };
        if fresh {
            let mut stack = new(self.lanes(&work, count, steps)?)?;
            let seconds = timed(self.device, || stack.step_many(steps, eval))?;
            return Ok(json!({ "seconds": seconds, "dead_units": stack.dead_units()? }));
        }
        let case = (count, eval, format!("{torch} {stacked} {}", self.network.experiment(&work, 0)));
        if !self.kept.contains_key(&case) {
            let mut stack = new(self.lanes(&work, count, 1_000_000_000)?)?;
            stack.step_many(WARM_UP, eval)?;
            self.kept.insert(case.clone(), stack);
        }
        let stack = self.kept.get_mut(&case).context("it was just made")?;
        Ok(json!({ "seconds": timed(self.device, || stack.step_many(steps, eval))? }))
    }

    /// Writes the state in which every peer begins: misfit's own lanes, seeds 0, 1, ….
    fn write_start(&self, count: usize) -> Result<()> {
        if let Some(tensors) = self.network.tensors() {
            let bytes = tensors.each_ref().map(Array::bytes);
            let named = ["x", "y", "x_test", "y_test"].into_iter().zip(tensors.iter().zip(&bytes));
            let views =
                named.map(|(name, (tensor, bytes))| Ok((name, tensor.view(bytes)?))).collect::<Result<Vec<_>>>()?;
            safetensors::serialize_to_file(views, &None, &self.start.with_file_name(self.network.file()))?;
        }
        let lanes = self.lanes(&Work::default(), count.min(STARTS), 1)?;
        let data = lanes[0].data.clone();
        let stack = Stack::new(lanes, self.device)?;
        let targets = data.coded_targets(&data.test);
        let start = Start {
            columns: data.test.columns,
            width: targets.len() / data.test.rows(),
            test_inputs: data.scaled_inputs(&data.test),
            test_targets: targets,
            lanes: (stack.parameters()?.into_iter().zip(&stack.lanes))
                .map(|(parameters, Lane { data, .. })| StartLane {
                    parameters,
                    inputs: data.scaled_inputs(&data.train),
                    targets: data.coded_targets(&data.train),
                })
                .collect(),
        };
        let path = &self.start;
        std::fs::write(path, serde_json::to_vec(&start)?).with_context(|| format!("{}", path.display()))
    }
}

impl Misfit {
    /// Lanes of one shape: seeds 0, 1, …, and from the start again.
    fn lanes(&self, work: &Work, count: usize, steps: usize) -> Result<Vec<Lane>> {
        let text = self.network.experiment(work, steps);
        let path = self.start.with_file_name("bench.toml");
        let mut experiment = Experiment::parse(&text, &path.display().to_string(), &[])?;
        let files = Files::of(&mut experiment)?;
        let config = experiment.variants[0].config.clone();
        (0..count)
            .map(|lane| {
                let seed = (lane % STARTS) as u64;
                let data = Arc::new(RunData::new(&config, seed, &files)?);
                Ok(Lane { config: config.clone(), seed, data })
            })
            .collect()
    }
}

/// Lanes and the engines that train them, each a block of as many as it takes at once.
struct Stack {
    lanes: Vec<Lane>,
    at_once: usize,
    engines: Vec<Box<dyn Engine>>,
}

impl Stack {
    fn new(lanes: Vec<Lane>, device: Device) -> Result<Self> {
        let name = choice::choose(&engine::first(&lanes)?.config, device)?;
        let blocks = choice::blocks(name, &lanes, device).collect::<Result<Vec<_>>>()?;
        let at_once = blocks.first().map_or(1, |(_, block)| block.len());
        let engines = blocks.into_iter().map(|(engine, _)| engine).collect();
        Ok(Stack { lanes, at_once, engines })
    }

    /// By the torch engine, each lane alone, or all as one.
    fn of_torch(lanes: Vec<Lane>, device: Device, stacked: bool) -> Result<Self> {
        let at_once = if stacked { lanes.len() } else { 1 };
        let engine = |block: &[Lane]| Ok(Box::new(Torch::new(block, device)?) as Box<dyn Engine>);
        let engines = lanes.chunks(at_once).map(engine).collect::<Result<_>>()?;
        Ok(Stack { lanes, at_once, engines })
    }

    /// Updates every block this many times, one block to its end after the other, as `misfit run` does. With `eval` every
    /// step is one that is logged: the loss on the test points is kept, and with it all that a row of a curve holds.
    fn step_many(&mut self, steps: usize, eval: bool) -> Result<()> {
        let mut kept = Vec::with_capacity(if eval { steps * self.lanes.len() } else { 0 });
        for (engine, block) in self.engines.iter_mut().zip(self.lanes.chunks(self.at_once)) {
            if !eval {
                engine.expect(steps);
            }
            for _ in 0..steps {
                if !eval {
                    engine.gradient(false)?;
                    engine.update(false)?;
                    continue;
                }
                engine.expect(1);
                black_box((engine.gradient(true)?, engine.gradient_norms()?));
                for (lane, tested) in block.iter().zip(engine.predict()?) {
                    black_box(lane.data.coding.scores(&tested.values));
                    kept.push(tested.loss);
                }
                black_box(engine.update(true)?);
            }
        }
        black_box(kept);
        Ok(())
    }

    /// The loss of every lane on its batch and on the test points.
    fn losses(&mut self) -> Result<(Vec<f32>, Vec<f32>)> {
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for engine in &mut self.engines {
            train.extend(engine.gradient(true)?);
            test.extend(engine.predict()?.iter().map(|tested| tested.loss));
        }
        Ok((train, test))
    }

    /// Of all lanes together, the share of hidden units that put out 0 for every test point.
    fn dead_units(&mut self) -> Result<f64> {
        let (mut dead, mut all) = (0, 0);
        let units: usize = self.lanes[0].config.model.hidden.iter().sum();
        for engine in &mut self.engines {
            let tested = engine.predict()?;
            dead += tested.iter().map(|tested| tested.dead_units).sum::<usize>();
            all += tested.len() * units;
        }
        Ok(dead as f64 / all as f64)
    }

    fn parameters(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        let mut parameters = Vec::new();
        for engine in &self.engines {
            parameters.extend(engine.state()?.into_iter().map(|state| state.parameters));
        }
        Ok(parameters)
    }
}

/// The most memory that this process ever had in use.
fn peak_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("VmHWM: not told here")?;
    let kib: f64 = line.split_whitespace().nth(1).context("VmHWM: no number")?.parse()?;
    Ok(kib / 1024.0)
}

/// tch as its own examples use it: `nn::Sequential`, `nn::Adam`, `backward_step`.
struct Plain {
    device: Device,
    network: Network,
    start: PathBuf,
    nets: HashMap<bool, Net>,
}

impl Peer for Plain {
    fn answer(&mut self, Request { cmd, lanes, eval, steps, .. }: Request) -> Result<Value> {
        ensure!(lanes == 1, "tch trains one model at a time");
        match cmd.as_str() {
            "measure" => {
                let net = match self.nets.entry(eval) {
                    std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        let mut net = Net::new(&self.start, self.device, self.network)?;
                        net.step_many(WARM_UP, eval)?;
                        entry.insert(net)
                    }
                };
                Ok(json!({ "seconds": timed(self.device, || net.step_many(steps, eval))? }))
            }
            "check" => {
                let mut net = Net::new(&self.start, self.device, self.network)?;
                net.step_many(steps, false)?;
                let [train, test] = [&net.train, &net.test].map(|batch| net.loss(batch).double_value(&[]));
                Ok(json!({ "train": [train], "test": [test] }))
            }
            other => bail!("no request {other:?}"),
        }
    }
}

struct Net {
    layers: nn::Sequential,
    optimizer: nn::Optimizer,
    train: (Tensor, Tensor),
    test: (Tensor, Tensor),
    classes: bool,
}

impl Net {
    /// The first lane of the starting file.
    fn new(path: &Path, device: Device, network: Network) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
        let start: Start = serde_json::from_slice(&text)?;
        let lane = start.lanes.first().context("a starting file has lanes")?;
        let vs = nn::VarStore::new(device);
        let mut layers = nn::seq();
        let pairs: Vec<&[Vec<f32>]> = lane.parameters.chunks(2).collect();
        for (at, pair) in pairs.iter().enumerate() {
            let outputs = pair[1].len() as i64;
            let inputs = pair[0].len() as i64 / outputs;
            let layer = nn::linear(vs.root() / at, inputs, outputs, nn::LinearConfig::default());
            tch::no_grad(|| {
                layer.ws.shallow_clone().copy_(&Tensor::from_slice(&pair[0]).view([inputs, outputs]).tr());
                if let Some(bias) = &layer.bs {
                    bias.shallow_clone().copy_(&Tensor::from_slice(&pair[1]));
                }
            });
            layers = layers.add(layer);
            if at + 1 < pairs.len() {
                layers = layers.add_fn(if network.activation() == "tanh" { Tensor::tanh } else { Tensor::relu });
            }
        }
        let classes = network == Network::Classifier;
        let rows = |values: &[f32], width: usize| Tensor::from_slice(values).view([-1, width as i64]).to_device(device);
        let pair = |inputs: &[f32], targets: &[f32]| {
            let targets = rows(targets, start.width);
            (rows(inputs, start.columns), if classes { targets.view([-1]).to_kind(Kind::Int64) } else { targets })
        };
        Ok(Net {
            optimizer: nn::Adam::default().build(&vs, 1e-3)?,
            layers,
            train: pair(&lane.inputs, &lane.targets),
            test: pair(&start.test_inputs, &start.test_targets),
            classes,
        })
    }

    fn loss(&self, (inputs, targets): &(Tensor, Tensor)) -> Tensor {
        let outputs = self.layers.forward(inputs);
        match self.classes {
            true => outputs.cross_entropy_for_logits(targets),
            false => outputs.mse_loss(targets, Reduction::Mean),
        }
    }

    fn step_many(&mut self, steps: usize, eval: bool) -> Result<()> {
        let mut kept = Vec::with_capacity(if eval { steps } else { 0 });
        for _ in 0..steps {
            if eval {
                kept.push(tch::no_grad(|| self.loss(&self.test)).double_value(&[]));
            }
            let loss = self.loss(&self.train);
            self.optimizer.backward_step(&loss);
        }
        black_box(kept);
        Ok(())
    }
}

/// Prints what each part of a step of a 1–40–40–1 network on 32 samples takes by itself, in cache: the best of many turns.
fn kernels() {
    use misfit::train::fused::kernels::{Adam, Epilogue, First, Left, Level, adam, product, transpose};
    const TURNS: u32 = 2000;
    let best = |work: &mut dyn FnMut()| {
        let seconds = (0..50).map(|_| {
            let begun = Instant::now();
            (0..TURNS).for_each(|_| work());
            begun.elapsed().as_secs_f64() / f64::from(TURNS)
        });
        seconds.fold(f64::INFINITY, f64::min) * 1e9
    };
    let level = Level::best();
    let (a, b, h) = (vec![0.5; 1600], vec![0.25; 1600], vec![1.0; 1600]);
    let mut out = vec![0.0; 1600];
    let (bias, relu, back) = (First::Bias(&h), Epilogue::Relu, Epilogue::ReluBackward(&h));
    for (name, [m, k, n], left, first, epilogue) in [
        ("first layer", [32, 1, 40], Left { data: &a, row: 1, column: 1 }, bias, relu),
        ("second layer", [32, 40, 40], Left { data: &a, row: 40, column: 1 }, bias, relu),
        ("third layer", [32, 40, 1], Left { data: &a, row: 40, column: 1 }, bias, Epilogue::Store),
        ("third weights' gradient", [1, 32, 40], Left { data: &a, row: 0, column: 1 }, First::Zero, Epilogue::Store),
        ("second activations' gradient", [32, 1, 40], Left { data: &a, row: 1, column: 1 }, First::Zero, back),
        ("second weights' gradient", [40, 32, 40], Left { data: &a, row: 1, column: 40 }, First::Zero, Epilogue::Store),
        (
            "second biases' gradient",
            [1, 32, 40],
            Left { data: &[1.0], row: 0, column: 0 },
            First::Zero,
            Epilogue::Store,
        ),
        ("first activations' gradient", [32, 40, 40], Left { data: &a, row: 40, column: 1 }, First::Zero, back),
        ("first weights' gradient", [1, 32, 40], Left { data: &a, row: 0, column: 1 }, First::Zero, Epilogue::Store),
        ("first biases' gradient", [1, 32, 40], Left { data: &[1.0], row: 0, column: 0 }, First::Zero, Epilogue::Store),
    ] {
        let ns = best(&mut || product(level, [m, k, n], left, black_box(&b), first, epilogue, &mut out));
        println!("{name:30} {ns:6.0} ns {:6.1} GFLOP/s", 2.0 * (m * k * n) as f64 / ns);
    }
    println!("{:30} {:6.0} ns", "transpose", best(&mut || transpose(level, black_box(&a), 40, 40, &mut out)));
    let by = Adam { gain: [0.1, 0.001], root: 1.0, eps: 1e-8, weight_decay: 0.0, decoupled: 0.0 };
    let [mut parameters, gradient, mut mean, mut square] = [(); 4].map(|()| vec![0.1; 1761]);
    let ns = best(&mut || adam(level, by, -1e-3, &mut parameters, black_box(&gradient), &mut mean, &mut square));
    println!("{:30} {ns:6.0} ns", "Adam");
}
