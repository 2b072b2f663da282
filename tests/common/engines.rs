//! Every way in which a step can be computed here.

use misfit::experiment::config::Config;
use misfit::train::engine::{Engine, Lane, Prediction, State};
use misfit::train::fused::kernels::Level;
use misfit::train::fused::{self, Fused};
use misfit::train::torch::Torch;
use tch::Device;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    /// As on a CPU: each lane in tensors of its own.
    Torch,
    /// As on a GPU: all lanes in the same tensors.
    Stacked,
    Fused(Level),
}

/// The ways to compute this configuration. Whether the fused engine covers it is for the test to know, not for the engine.
pub fn ways(config: &Config, covered: bool) -> Vec<Way> {
    assert_eq!(fused::covers(config).is_ok(), covered, "{config:?}");
    let mut ways = vec![Way::Torch, Way::Stacked];
    if covered {
        ways.extend(Level::all().into_iter().map(Way::Fused));
    }
    ways.dedup();
    ways
}

/// Engines for some lanes, taken as one.
pub struct Engines(pub Vec<Box<dyn Engine>>);

impl Engines {
    pub fn new(way: Way, lanes: &[Lane]) -> Self {
        let alone = |lane: &Lane| -> Box<dyn Engine> {
            match way {
                Way::Fused(level) => Box::new(Fused::at(level, lane).expect("an engine")),
                _ => Box::new(Torch::new(std::slice::from_ref(lane), Device::Cpu).expect("an engine")),
            }
        };
        Engines(match way {
            Way::Stacked => vec![Box::new(Torch::new(lanes, Device::Cpu).expect("an engine"))],
            _ => lanes.iter().map(alone).collect(),
        })
    }

    /// The batches' losses, by lane.
    pub fn gradient(&mut self) -> Vec<f32> {
        self.0.iter_mut().flat_map(|engine| engine.gradient(true).expect("a gradient")).collect()
    }

    pub fn update(&mut self) {
        self.0.iter_mut().for_each(|engine| drop(engine.update(false).expect("an update")));
    }

    pub fn predict(&mut self) -> Vec<Prediction> {
        self.0.iter_mut().flat_map(|engine| engine.predict().expect("predictions")).collect()
    }

    pub fn state(&self) -> Vec<State> {
        self.0.iter().flat_map(|engine| engine.state().expect("a state")).collect()
    }
}

/// A file of three inputs, `count` numbers from −1 to 1, as many labels of 0 and 1, and a class of as many, but at least two.
pub fn table(count: usize, rows: usize) -> tempfile::NamedTempFile {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let names = (0..count).map(|i| format!(",y{i},l{i}")).collect::<String>();
    writeln!(file, "a,b,c,class{names}").expect("written");
    for row in 0..rows {
        let x = row as f64;
        write!(file, "{},{},{},k{}", x.sin(), (0.7 * x).cos(), 0.02 * x, row * 7 % count.max(2)).expect("written");
        for i in 0..count {
            let y = (x * (0.3 + 0.1 * i as f64)).sin();
            write!(file, ",{y},{}", u8::from((row + i) % 3 == 0)).expect("written");
        }
        writeln!(file).expect("written");
    }
    file
}

/// What is learnt from a file's columns, and by which loss.
pub struct Task {
    pub target: &'static str,
    pub loss: &'static str,
}

const fn task(target: &'static str, loss: &'static str) -> Task {
    Task { target, loss }
}

pub const TASKS: [Task; 26] = [
    task("numbers", "kind = \"mse\""),
    task("numbers", "kind = \"mse\"\nreduction = \"sum\""),
    task("numbers", "kind = \"sse\""),
    task("numbers", "kind = \"mae\""),
    task("numbers", "kind = \"huber\"\ndelta = 0.3"),
    task("numbers", "kind = \"bce\"\nfrom = \"logits\""),
    task("numbers", "kind = \"cross_entropy\"\nfrom = \"logits\""),
    task("labels", "kind = \"mse\""),
    task("labels", "kind = \"bce\"\nfrom = \"logits\""),
    task("labels", "kind = \"bce\"\nfrom = \"probabilities\""),
    task("labels", "kind = \"bce\"\nfrom = \"log_probabilities\""),
    task("labels", "kind = \"bce\"\nreduction = \"sum\""),
    task("labels", "kind = \"cross_entropy\"\nfrom = \"probabilities\""),
    task("index", "kind = \"cross_entropy\"\nfrom = \"logits\""),
    task("index", "kind = \"cross_entropy\"\nfrom = \"probabilities\""),
    task("index", "kind = \"cross_entropy\"\nfrom = \"log_probabilities\""),
    task("index", "kind = \"cross_entropy\"\nreduction = \"sum\""),
    task("index", "kind = \"nll\""),
    task("index", "kind = \"mse\""),
    task("one-hot", "kind = \"cross_entropy\"\nfrom = \"logits\""),
    task("one-hot", "kind = \"cross_entropy\"\nfrom = \"probabilities\""),
    task("one-hot", "kind = \"cross_entropy\"\nfrom = \"log_probabilities\""),
    task("one-hot", "kind = \"nll\""),
    task("one-hot", "kind = \"bce\"\nfrom = \"logits\""),
    task("one-hot", "kind = \"bce\"\nfrom = \"probabilities\""),
    task("one-hot", "kind = \"mae\""),
];

pub const OUTPUTS: [&str; 6] = ["identity", "relu", "sigmoid", "tanh", "softmax", "log_softmax"];

impl Task {
    /// An output that gives what the loss takes.
    pub fn output(&self, nth: usize) -> &'static str {
        let some: &[&str] = match self.loss {
            loss if loss.contains("log_probabilities") || loss.contains("nll") => &["log_softmax"],
            loss if loss.contains("probabilities") => &["sigmoid", "softmax"],
            _ => &["identity", "sigmoid", "softmax", "tanh"],
        };
        some[nth % some.len()]
    }

    /// Whether this output gives what the loss takes. What is no probability may add up to almost nothing, or leave almost
    /// nothing of 1, by which it is divided: that multiplies rounding.
    pub fn sound(&self, output: &str) -> bool {
        match self.loss {
            loss if loss.contains("\"probabilities") => ["sigmoid", "softmax"].contains(&output),
            loss if loss.contains("\"log_probabilities") => output == "log_softmax",
            _ => true,
        }
    }

    /// `count` of its targets in a file that [`table`] made; `rest` are keys of `[data]` and further sections.
    pub fn config(
        &self,
        file: &tempfile::NamedTempFile,
        count: usize,
        output: &str,
        model: &str,
        rest: &str,
    ) -> Config {
        let columns = |letter: &str| (0..count).map(|i| format!("\"{letter}{i}\"")).collect::<Vec<_>>().join(", ");
        let (columns, labels) = match self.target {
            "numbers" => (format!("outputs = [{}]", columns("y")), String::new()),
            "labels" => (format!("outputs = [{}]", columns("l")), String::new()),
            labels => ("class = \"class\"".to_owned(), format!("labels = {labels:?}\n")),
        };
        // A single unit, to which classes beyond the first have none.
        let outputs = if self.target == "index" && count == 1 { "outputs = 1\n" } else { "" };
        super::config(&format!(
            "[data]\ntarget = {{ csv = {:?}, inputs = [\"a\", \"b\", \"c\"], {columns} }}\nholdout = 0\n{labels}{rest}\n[model]\n{outputs}{model}\noutput = {output:?}\n[loss]\n{}\n",
            file.path(),
            self.loss
        ))
    }
}
