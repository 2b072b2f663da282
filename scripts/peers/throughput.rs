//! Two peers of the benchmark, both on this crate's libtorch: misfit itself, and tch as its own examples use it.
//!
//! `throughput misfit|tch START DEVICE [relu|tanh]` answers requests, one JSON object a line, on standard input and output; what
//! they are is written in `scripts/peers/protocol.py`. `scripts/bench` starts it and draws up the tables.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use misfit::data::{Files, RunData};
use misfit::experiment::Experiment;
use misfit::train::choice;
use misfit::train::device;
use misfit::train::engine::{self, Engine, Lane};
use misfit::train::subnormals::Flushed;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::nn::{self, Module, OptimizerConfig};
use tch::{Cuda, Device, Reduction, Tensor};

/// Lanes in the starting file. Lane i of more begins as lane i modulo this.
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
    #[serde(default)]
    work: Work,
}

/// What a network is and learns from: 1–40–40–1 on a batch of 32, where a request says nothing else.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
struct Work {
    hidden: Vec<usize>,
    batch: usize,
    log_points: usize,
}

impl Default for Work {
    fn default() -> Self {
        Work { hidden: vec![40, 40], batch: 32, log_points: 200 }
    }
}

fn one() -> usize {
    1
}

/// Where every peer begins.
#[derive(Serialize, Deserialize)]
struct Start {
    lanes: Vec<StartLane>,
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

/// What engines are kept for: lanes, whether it is evaluated, and the network.
type Case = (usize, bool, Work);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args == ["kernels"] {
        return kernels();
    }
    let (peer, start, device, activation) = match &args[..] {
        [peer, start, device] => (peer, start, device, "relu"),
        [peer, start, device, activation] => (peer, start, device, activation.as_str()),
        _ => {
            // `cargo bench` comes here.
            println!("this is one of the peers of scripts/bench, which compares them");
            return;
        }
    };
    if let Err(error) = serve(peer, start, device, activation) {
        println!("{}", failure(&error));
    }
}

/// Answers until standard input ends.
fn serve(peer: &str, start: &str, device: &str, activation: &str) -> Result<()> {
    ensure!(["relu", "tanh"].contains(&activation), "no activation {activation:?}: relu or tanh");
    let activation = activation.to_owned();
    device::single_threaded();
    let _flushed = (peer == "misfit").then(Flushed::new);
    let device = device::parse(device)?;
    let mut peer: Box<dyn Peer> = match peer {
        "misfit" => Box::new(Misfit { device, activation, start: start.into(), kept: HashMap::new() }),
        "tch" => Box::new(Plain { device, activation, start: start.into(), nets: HashMap::new() }),
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
    activation: String,
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
                let lanes = lanes(&request.work, &self.activation, request.lanes, request.steps)?;
                let mut stack = Stack::new(lanes, self.device)?;
                stack.step_many(request.steps, false)?;
                let (train, test) = stack.losses()?;
                Ok(json!({ "train": train, "test": test }))
            }
            "peak" => {
                let lanes = lanes(&request.work, &self.activation, request.lanes, request.steps)?;
                let name = choice::choose(&engine::first(&lanes)?.config, self.device)?;
                let ended = misfit::train::train(name, &lanes, self.device, &AtomicBool::new(false), &|_| ())?;
                Ok(json!({ "peak_mib": peak_mib()?, "runs": ended.len() }))
            }
            other => bail!("no request {other:?}"),
        }
    }
}

impl Misfit {
    fn measure(&mut self, Request { lanes: count, eval, steps, fresh, work, .. }: Request) -> Result<Value> {
        if fresh {
            let mut stack = Stack::new(lanes(&work, &self.activation, count, steps)?, self.device)?;
            return Ok(json!({ "seconds": timed(self.device, || stack.step_many(steps, eval))? }));
        }
        let stack = match self.kept.entry((count, eval, work.clone())) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let lanes = lanes(&work, &self.activation, count, 1_000_000_000)?;
                let mut stack = Stack::new(lanes, self.device)?;
                stack.step_many(WARM_UP, eval)?;
                entry.insert(stack)
            }
        };
        Ok(json!({ "seconds": timed(self.device, || stack.step_many(steps, eval))? }))
    }

    /// Writes the state in which every peer begins: misfit's own lanes, seeds 0, 1, ….
    fn write_start(&self, count: usize) -> Result<()> {
        let lanes = lanes(&Work::default(), &self.activation, count, 1)?;
        let data = lanes[0].data.clone();
        let stack = Stack::new(lanes, self.device)?;
        let start = Start {
            test_inputs: data.scaled_inputs(&data.test),
            test_targets: data.coded_targets(&data.test),
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

    fn parameters(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        let mut parameters = Vec::new();
        for engine in &self.engines {
            parameters.extend(engine.state()?.into_iter().map(|state| state.parameters));
        }
        Ok(parameters)
    }
}

/// Lanes of one shape: seeds 0, 1, …, and from the start again.
fn lanes(work: &Work, activation: &str, count: usize, steps: usize) -> Result<Vec<Lane>> {
    let Work { hidden, batch, log_points } = work;
    let text = format!(
        "[data]
        target = {{ polynomial = [0, 1, 1] }}
        inputs = {{ uniform = {{ from = 0, to = 1, count = {batch} }} }}
        test = {{ grid = {{ from = 0, to = 1, count = 100 }} }}
        [batch]
        size = \"all\"
        draw = \"once\"
        [model]
        hidden = {hidden:?}
        activation = \"{activation}\"
        init = \"pytorch\"
        [train]
        steps = {steps}
        log_points = {log_points}"
    );
    let config = Experiment::parse(&text, "bench.toml", &[])?.variants[0].config.clone();
    let files = Files::default();
    (0..count)
        .map(|lane| {
            let seed = (lane % STARTS) as u64;
            let data = Arc::new(RunData::new(&config, seed, &files)?);
            Ok(Lane { config: config.clone(), seed, data })
        })
        .collect()
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
    activation: String,
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
                        let mut net = Net::new(&self.start, self.device, &self.activation)?;
                        net.step_many(WARM_UP, eval)?;
                        entry.insert(net)
                    }
                };
                Ok(json!({ "seconds": timed(self.device, || net.step_many(steps, eval))? }))
            }
            "check" => {
                let mut net = Net::new(&self.start, self.device, &self.activation)?;
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
}

impl Net {
    /// The first lane of the starting file.
    fn new(path: &Path, device: Device, activation: &str) -> Result<Self> {
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
                layers = layers.add_fn(if activation == "tanh" { Tensor::tanh } else { Tensor::relu });
            }
        }
        let column = |values: &[f32]| Tensor::from_slice(values).view([-1, 1]).to_device(device);
        Ok(Net {
            optimizer: nn::Adam::default().build(&vs, 1e-3)?,
            layers,
            train: (column(&lane.inputs), column(&lane.targets)),
            test: (column(&start.test_inputs), column(&start.test_targets)),
        })
    }

    fn loss(&self, (inputs, targets): &(Tensor, Tensor)) -> Tensor {
        self.layers.forward(inputs).mse_loss(targets, Reduction::Mean)
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
