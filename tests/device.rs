//! The way a step is computed on a GPU: by libtorch's operations over all lanes at once. On the CPU it is held against the
//! kernels; on a GPU, where there is one, against the CPU.
#![cfg(feature = "train")]

mod common;

use std::io::Write;
use std::sync::atomic::AtomicBool;

use common::Misfit;
use misfit::experiment::Experiment;
use misfit::experiment::config::Config;
use misfit::results::rows::CurvePoint;
use misfit::train::device::{parse, single_threaded};
use misfit::train::network::By;
use misfit::train::stack::Lane;
use misfit::train::{Trained, train, train_by};
use tch::Device;

fn lanes(config: &Config) -> Vec<Lane> {
    (0..5).map(|seed| common::lane(config, seed)).collect()
}

fn config(more: &str) -> Config {
    let own = |section: &str| more.contains(&format!("[{section}]"));
    let default =
        |section: &str, text: &str| if own(section) { String::new() } else { format!("[{section}]\n{text}\n") };
    common::config(&format!(
        "[data]\ntarget = {{ polynomial = [0.2, 1, 1] }}\ninputs = {{ uniform = {{ from = -1, to = 1, count = 90 }} }}\ntest = {{ grid = {{ from = -1, to = 1, count = 33 }} }}\nscale_target = \"standardize\"\n{}{}[train]\nsteps = 60\nlog_points = 16\n{more}\n",
        default("batch", "size = 20\ndraw = \"epoch\""),
        default("model", "hidden = [12, 9]\ninit = \"pytorch\"\noutput = \"identity\""),
    ))
}

/// As it is for a GPU that has no other precision than f32's: every column of the curves, and the predictions.
fn agree(ours: &[Trained], theirs: &[Trained], tolerance: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.curve.len(), theirs.curve.len());
        for (a, b) in ours.curve.iter().zip(&theirs.curve) {
            let columns =
                |p: &CurvePoint| [p.train_loss, p.test_loss, p.test_rmse, p.grad_norm, p.update_ratio, p.dead_units];
            for (nth, (a, b)) in columns(a).into_iter().zip(columns(b)).enumerate() {
                let near = (a - b).abs() <= tolerance * b.abs().max(1e-3) || (a.is_nan() && b.is_nan());
                assert!(near, "{what}: column {nth} at step {}: {a} and {b}", ours.curve[0].step);
            }
            assert_eq!(a.step, b.step);
        }
        let scale = theirs.predictions.iter().fold(0f64, |most, p| most.max(p.abs()));
        for (a, b) in ours.predictions.iter().zip(&theirs.predictions) {
            assert!((a - b).abs() <= tolerance * scale, "{what}: predictions {a} and {b}");
        }
    }
}

const CASES: [&str; 10] = [
    "",
    "[batch]\nsize = \"all\"\ndraw = \"once\"",
    "[batch]\nsize = 7\ndraw = \"fresh\"",
    "[model]\nhidden = [30]\nactivation = \"relu\"\noutput = \"identity\"\ninit_bias = { uniform = [-3, 0] }",
    "[model]\nhidden = []\noutput = \"identity\"",
    "[model]\nhidden = [8]\nactivation = \"gelu\"\noutput = \"tanh\"\n[loss]\nkind = \"huber\"\npairing = \"broadcast-mean\"",
    "[model]\nhidden = [8]\nactivation = \"tanh\"\noutput = \"identity\"\ninit = \"pytorch\"\n[optimizer]\neps = 0.0",
    "[model]\nhidden = [8]\nactivation = \"tanh\"\noutput = \"identity\"\ninit = \"pytorch\"\n[optimizer]\nkind = \"rmsprop\"\neps = 0.0",
    "[optimizer]\nkind = \"adamw\"\nweight_decay = 0.1\nschedule = \"cosine\"",
    "[optimizer]\nkind = \"rmsprop\"\nmomentum = 0.5\n[loss]\npairing = \"broadcast\"",
];

fn compare(by: By, device: Device) {
    let stop = AtomicBool::new(false);
    for case in CASES {
        let lanes = lanes(&config(case));
        let ours = train_by(by, &lanes, device, &stop, &|_| {}).expect("trains");
        let theirs = train(&lanes, Device::Cpu, &stop, &|_| {}).expect("trains");
        assert!(theirs.iter().all(|run| run.curve[..run.curve.len() - 1].iter().all(|p| p.update_ratio.is_finite())));
        agree(&ours, &theirs, 2e-3, case);
    }
}

#[test]
fn runs_by_libtorchs_operations_are_those_by_kernels_health_measures_and_all() {
    single_threaded();
    compare(By::Torch, Device::Cpu);
}

/// A GPU, or nothing and a word why: no machine that checks a change need have one.
fn cuda() -> Option<Device> {
    let device = parse("cuda");
    if let Err(why) = &device {
        // Past the capture of a test's output, which shows nothing of one that ends well.
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs a GPU: {why}");
    }
    device.ok()
}

#[test]
fn runs_on_a_gpu_are_those_on_the_cpu() {
    if let Some(device) = cuda() {
        compare(By::Torch, device);
    }
}

#[test]
fn the_reference_experiment_ends_on_a_gpu_as_on_the_cpu() {
    if cuda().is_none() {
        return;
    }
    let misfit = Misfit::new();
    let variants = ["question", "answer", "answer-intended", "repaired"].map(|name| ["--variant", name]).concat();
    for device in ["cpu", "cuda"] {
        misfit.ok(&[&["run", "--seeds", "3", "--out", device, "--device", device][..], &variants].concat());
    }
    let runs = |device: &str| common::rows(&misfit.read(&format!("{device}/runs.csv")));
    for (ours, theirs) in runs("cuda").iter().zip(&runs("cpu")) {
        for key in ["variant", "seed", "outcome", "steps"] {
            assert_eq!(ours[key], theirs[key]);
        }
        for (key, tolerance) in [("first_loss", 1e-5), ("r2", 1e-3)] {
            let [a, b] = [ours, theirs].map(|row| row[key].parse::<f64>().expect("a number"));
            assert!((a - b).abs() <= tolerance * b.abs(), "{key}: {a} and {b}");
        }
    }
}

#[test]
fn many_lanes_on_a_gpu_are_those_of_few() {
    let Some(device) = cuda() else { return };
    let stop = AtomicBool::new(false);
    let config = config("");
    let many: Vec<Lane> = (0..3000).map(|seed| common::lane(&config, seed % 5)).collect();
    let many = train(&many, device, &stop, &|_| {}).expect("trains");
    let few = train(&lanes(&config), device, &stop, &|_| {}).expect("trains");
    for five in many.chunks(5) {
        agree(five, &few, 2e-3, "a lane among many");
    }
}

#[test]
fn a_gpu_that_is_not_there_is_said_in_one_line_with_its_cure() {
    let misfit = Misfit::new();
    for device in ["cuda", "cuda:0", "cuda:99"] {
        let ran = misfit.run(&["run", "--device", device, "--variant", "question", "--seeds", "1", "--out", "out"]);
        if cuda().is_some() && device != "cuda:99" {
            assert_eq!(ran.code(), 0, "{}", ran.stderr());
            continue;
        }
        let said = ran.stderr();
        assert_eq!((ran.code(), said.lines().count()), (2, 1), "{said}");
        let cure = ["LD_LIBRARY_PATH", "nvidia-smi", "numbered from 0"].iter().any(|cure| said.contains(cure));
        assert!(said.starts_with(&format!("misfit: --device {device}: ")) && cure, "{said}");
    }
}

#[test]
fn the_embedded_experiment_trains_the_same_by_libtorchs_operations() {
    single_threaded();
    let experiment = Experiment::embedded(&["train.steps=30".to_owned()]).expect("the embedded experiment");
    let stop = AtomicBool::new(false);
    for name in ["question", "answer"] {
        let variant = experiment.variants.iter().find(|variant| variant.name == name).expect("a variant");
        let lanes = lanes(&variant.config);
        let ours = train_by(By::Torch, &lanes, Device::Cpu, &stop, &|_| {}).expect("trains");
        let theirs = train(&lanes, Device::Cpu, &stop, &|_| {}).expect("trains");
        agree(&ours, &theirs, 2e-3, name);
    }
}
