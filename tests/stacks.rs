//! A run's numbers depend on its configuration, its engine and its seed alone: bitwise the same alone, in any stack and at
//! any place of it, wherever its memory lies and whatever else trains at the same time.
#![cfg(feature = "train")]

mod common;

use std::sync::atomic::AtomicBool;

use misfit::experiment::config::{Config, EngineName};
use misfit::train::device::single_threaded;
use misfit::train::engine::Lane;
use misfit::train::{Trained, train};
use tch::Device;

/// Every bit of a run's curve, predictions and training error.
fn bits(run: &Trained) -> Vec<u64> {
    let point = |p: &misfit::results::rows::CurvePoint| {
        [p.train_loss, p.test_loss, p.test_rmse, p.grad_norm, p.update_ratio, p.dead_units].map(f64::to_bits)
    };
    let after = run.predictions.iter().chain([&run.train_rmse]).map(|number| number.to_bits());
    run.curve.iter().flat_map(point).chain(after).collect()
}

const ENGINES: [EngineName; 2] = [EngineName::Fused, EngineName::Torch];

fn trained(engine: EngineName, lanes: &[Lane]) -> Vec<Vec<u64>> {
    let runs = train(engine, lanes, Device::Cpu, &AtomicBool::new(false), &|_| {}).expect("trains");
    runs.iter().map(bits).collect()
}

struct Case {
    hidden: &'static str,
    activation: &'static str,
    output: &'static str,
    batch: usize,
    draw: &'static str,
    columns: usize,
    /// Of a file.
    target: &'static str,
    loss: &'static str,
    optimizer: &'static str,
}

const PLAIN: Case = Case {
    hidden: "[45, 45]",
    activation: "\"relu\"",
    output: "identity",
    batch: 32,
    draw: "fresh",
    columns: 1,
    target: "output = \"y\"",
    loss: "kind = \"mse\"",
    optimizer: "kind = \"adam\"",
};

impl Case {
    /// Eleven, of several learning rates, which a stack may mix.
    fn lanes(&self, rows: &tempfile::NamedTempFile) -> Vec<Lane> {
        (0..11_u32).map(|i| common::lane(&self.config(rows, 1e-3 * f64::from(i + 1)), u64::from(i % 7))).collect()
    }

    fn config(&self, rows: &tempfile::NamedTempFile, rate: f64) -> Config {
        let data = if self.columns == 1 {
            "target = { polynomial = [0, 1, 1] }\ninputs = { uniform = { from = -1, to = 1, count = 1200 } }\ntest = { grid = { from = -1, to = 1, count = 57 } }\nscale_input = 0.7".to_owned()
        } else {
            let names: Vec<String> = (0..self.columns).map(|c| format!("\"c{c}\"")).collect();
            format!(
                "target = {{ csv = {:?}, inputs = [{}], {} }}\nholdout = 0\nscale_input = \"standardize\"",
                rows.path(),
                names.join(", "),
                self.target
            )
        };
        common::config(&format!(
            "[data]\n{data}\n[batch]\nsize = {}\ndraw = {:?}\n[model]\nhidden = {}\nactivation = {}\noutput = {:?}\ninit = \"pytorch\"\n[loss]\n{}\n[optimizer]\nlearning_rate = {rate}\n{}\n[train]\nsteps = 12\n",
            self.batch, self.draw, self.hidden, self.activation, self.output, self.loss, self.optimizer
        ))
    }
}

fn rows_of_four_columns() -> tempfile::NamedTempFile {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "c0,c1,c2,c3,y,z,class").expect("written");
    for i in 0..60 {
        let x = f64::from(i);
        let (y, z, class) = ((x * 0.3).sin() + 0.1, (x * 0.4).cos(), i * 7 % 10);
        writeln!(file, "{},{},{},{},{y},{z},{class}", x.sin(), (x * 0.7).cos(), x * 0.01, (x * x) % 7.0)
            .expect("written");
    }
    file
}

const ALL: &str = "[\"relu\", \"leaky_relu\", \"elu\", \"gelu\", \"sigmoid\", \"tanh\", \"identity\"]";

const CASES: [Case; 36] = [
    PLAIN,
    Case { hidden: "[9, 11, 5, 3, 8, 17, 2]", batch: 17, ..PLAIN },
    Case { hidden: "[9, 11]", batch: 17, ..PLAIN },
    Case { hidden: "[11, 5]", batch: 17, ..PLAIN },
    Case { hidden: "[5, 3]", batch: 17, ..PLAIN },
    Case { hidden: "[3, 8]", batch: 17, ..PLAIN },
    Case { hidden: "[8, 17]", batch: 17, ..PLAIN },
    Case { hidden: "[17, 2]", batch: 17, ..PLAIN },
    Case { hidden: "[9]", activation: "\"leaky_relu\"", batch: 17, ..PLAIN },
    Case { hidden: "[9]", activation: "\"elu\"", batch: 17, ..PLAIN },
    Case { hidden: "[9]", activation: "\"gelu\"", batch: 17, ..PLAIN },
    Case { hidden: "[9]", activation: "\"sigmoid\"", batch: 17, ..PLAIN },
    Case { hidden: "[9]", activation: "\"tanh\"", batch: 17, ..PLAIN },
    Case { hidden: "[9]", output: "tanh", batch: 17, ..PLAIN },
    Case { hidden: "[9, 5]", activation: "\"relu\"\nnorm = [\"batch\", \"layer\"]", batch: 17, ..PLAIN },
    Case { hidden: "[45, 45]", activation: "\"tanh\"\nnorm = \"layer\"", batch: 300, ..PLAIN },
    Case { hidden: "[45, 45]", activation: "\"gelu\"\nnorm = \"batch\"\nnorm_place = \"before\"", batch: 300, ..PLAIN },
    Case { batch: 1000, ..PLAIN },
    Case { batch: 1, ..PLAIN },
    Case { batch: 1, hidden: "[1]", ..PLAIN },
    Case { batch: 2, hidden: "[1, 1]", ..PLAIN },
    Case { batch: 33, hidden: "[3]", draw: "epoch", ..PLAIN },
    Case { batch: 7, hidden: "[]", ..PLAIN },
    Case { hidden: "[9, 11, 5, 3, 8, 17, 2]", activation: ALL, output: "tanh", batch: 17, ..PLAIN },
    Case {
        hidden: "[64, 128, 64]",
        output: "sigmoid",
        batch: 48,
        optimizer: "kind = \"rmsprop\"\nmomentum = 0.5",
        ..PLAIN
    },
    Case { columns: 2, hidden: "[13]", batch: 60, draw: "once", ..PLAIN },
    Case { columns: 3, hidden: "[40, 40]", batch: 20, draw: "epoch", optimizer: "kind = \"adamw\"", ..PLAIN },
    Case {
        columns: 4,
        hidden: "[5, 4]",
        batch: 3,
        output: "relu",
        optimizer: "kind = \"sgd\"\nmomentum = 0.9",
        ..PLAIN
    },
    Case { loss: "kind = \"mae\"\npairing = \"broadcast\"", output: "softmax", ..PLAIN },
    Case { loss: "kind = \"huber\"\npairing = \"broadcast-mean\"", batch: 300, hidden: "[8]", ..PLAIN },
    Case { loss: "kind = \"mse\"\npairing = \"broadcast\"", activation: "\"gelu\"", hidden: "[10, 11]", ..PLAIN },
    Case { columns: 4, target: "outputs = [\"y\", \"z\"]", batch: 17, hidden: "[9]", output: "tanh", ..PLAIN },
    Case { columns: 4, target: CLASS, loss: "kind = \"cross_entropy\"", output: "softmax", batch: 33, ..PLAIN },
    Case { columns: 4, target: CLASS, loss: "kind = \"cross_entropy\"", hidden: "[300]", batch: 33, ..PLAIN },
    Case { columns: 4, target: CLASS, loss: "kind = \"nll\"", output: "log_softmax", hidden: "[]", batch: 7, ..PLAIN },
    Case { columns: 4, target: CLASS, loss: "kind = \"bce\"", output: "sigmoid", hidden: "[8]", batch: 3, ..PLAIN },
];

const CLASS: &str = "class = \"class\"";

#[test]
fn a_run_is_bitwise_the_same_alone_and_at_every_place_of_a_stack_in_any_order() {
    single_threaded();
    let rows = rows_of_four_columns();
    for case in CASES {
        let lanes = case.lanes(&rows);
        for engine in ENGINES {
            let trained = |lanes: &[Lane]| trained(engine, lanes);
            let what = format!("{engine:?} {} {} batch {}", case.hidden, case.activation, case.batch);
            let alone: Vec<_> = lanes.iter().map(|lane| trained(std::slice::from_ref(lane)).remove(0)).collect();
            assert!(trained(&lanes) == alone, "{what}: stacked");
            for first in 1..4 {
                assert!(trained(&lanes[first..first + 3]) == alone[first..first + 3], "{what}: a part from {first}");
            }
            let backwards: Vec<Lane> = lanes.iter().rev().cloned().collect();
            let mut numbers = trained(&backwards);
            numbers.reverse();
            assert!(numbers == alone, "{what}: backwards");
        }
    }
}

/// Those whose sizes are no multiples of a vector's, for which libtorch's products round by where their operands lie.
fn odd_cases() -> impl Iterator<Item = Case> {
    CASES.into_iter().filter(|case| [17, 33, 7, 3, 1].contains(&case.batch))
}

#[test]
fn a_run_is_bitwise_the_same_while_another_thread_trains_other_lanes() {
    let rows = rows_of_four_columns();
    for case in odd_cases().chain([PLAIN]) {
        let lanes = case.lanes(&rows);
        for engine in ENGINES {
            let what = format!("{engine:?} {} {} batch {}", case.hidden, case.activation, case.batch);
            single_threaded();
            let alone = trained(engine, &lanes);
            // One thread takes the lanes from the front, the other from the back, and each all of them.
            let backwards: Vec<Lane> = lanes.iter().rev().cloned().collect();
            let [forth, mut back] = std::thread::scope(|scope| {
                [&lanes, &backwards]
                    .map(|lanes| {
                        scope.spawn(move || {
                            single_threaded();
                            trained(engine, lanes)
                        })
                    })
                    .map(|thread| thread.join().expect("a thread that trains"))
            });
            back.reverse();
            assert!(forth == alone, "{what}: forwards");
            assert!(back == alone, "{what}: backwards");
        }
    }
}

#[test]
fn a_run_is_bitwise_the_same_wherever_its_memory_lies() {
    single_threaded();
    let rows = rows_of_four_columns();
    for case in odd_cases() {
        let lanes = &case.lanes(&rows)[..2];
        for engine in ENGINES {
            let first = trained(engine, lanes);
            for round in 1..12_usize {
                // Blocks of odd sizes, of ours and of libtorch's; every other one is freed, so that what is allocated next
                // lies in the gaps or after them.
                let numbers: Vec<Option<Vec<u8>>> = (1..200)
                    .map(|nth: usize| Some(vec![1; nth * 8 * round % 5003 + nth]))
                    .enumerate()
                    .map(|(nth, block)| block.filter(|_| nth % 2 == 0))
                    .collect();
                let tensor = |nth: usize| {
                    tch::Tensor::zeros([(nth * 37 * round % 911 + 1) as i64], (tch::Kind::Float, Device::Cpu))
                };
                let mut tensors: Vec<Option<tch::Tensor>> = (1..200).map(|nth| Some(tensor(nth))).collect();
                tensors.iter_mut().skip(round % 2).step_by(2).for_each(|tensor| *tensor = None);
                let what =
                    format!("{engine:?} {} {} batch {}, round {round}", case.hidden, case.activation, case.batch);
                assert!(trained(engine, lanes) == first, "{what}");
                drop((numbers, tensors));
            }
        }
    }
}

#[test]
fn a_stack_that_is_stopped_keeps_the_runs_that_had_ended() {
    single_threaded();
    let config = common::config(
        "[data]\ntarget = { polynomial = [0, 1, 1] }\ninputs = { uniform = { from = 0, to = 1, count = 20 } }\n[train]\nsteps = 40\nlog_points = 9",
    );
    let lanes: Vec<Lane> = (0..6).map(|seed| common::lane(&config, seed)).collect();
    for (engine, after) in
        ENGINES.into_iter().flat_map(|engine| [0, 1, 39, 40, 100, 160, 200, 239].map(|n| (engine, n)))
    {
        let whole = trained(engine, &lanes);
        let (stop, made) = (AtomicBool::new(false), std::cell::Cell::new(0));
        let tell = |updates| {
            made.set(made.get() + updates);
            stop.store(made.get() > after, std::sync::atomic::Ordering::Relaxed);
        };
        let ended: Vec<_> =
            train(engine, &lanes, Device::Cpu, &stop, &tell).expect("trains").iter().map(bits).collect();
        assert_eq!(ended.len() as u64, (after + 1) / 40, "{engine:?} stopped after {after} updates");
        assert_eq!(ended, whole[..ended.len()]);
    }
}
