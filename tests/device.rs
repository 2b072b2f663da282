//! Whole runs by every engine and on every device: torch against fused, all lanes at once, as on a GPU, against each alone,
//! and a GPU, where there is one, against the CPU.
#![cfg(feature = "train")]

mod common;

use std::io::Write;
use std::sync::atomic::AtomicBool;

use common::Misfit;
use common::engines::{TASKS, table};
use misfit::experiment::Experiment;
use misfit::experiment::config::{Config, EngineName};
use misfit::results::rows::CurvePoint;
use misfit::train::device::{parse, single_threaded};
use misfit::train::engine::Lane;
use misfit::train::torch::Torch;
use misfit::train::{Trained, train, train_block};
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
        let (a, b) = (ours.train_rmse, theirs.train_rmse);
        assert!((a - b).abs() <= tolerance * b || (a.is_nan() && b.is_nan()), "{what}: training errors {a} and {b}");
    }
}

const CASES: [&str; 10] = [
    "",
    "[batch]\nsize = \"all\"\ndraw = \"once\"",
    "[batch]\nsize = 7\ndraw = \"fresh\"",
    "[model]\nhidden = [30]\nactivation = \"relu\"\noutput = \"identity\"\ninit_bias = { uniform = [-3, 0] }",
    "[model]\nhidden = []\noutput = \"identity\"",
    "[model]\nhidden = [8]\nactivation = \"gelu\"\noutput = \"tanh\"\n[loss]\nkind = \"huber\"\npairing = \"broadcast-mean\"",
    "[model]\nhidden = [8]\nactivation = \"tanh\"\noutput = \"identity\"\ninit = \"pytorch\"\n[optimizer]\neps = 1e-12",
    "[model]\nhidden = [8]\nactivation = \"tanh\"\noutput = \"identity\"\ninit = \"pytorch\"\n[optimizer]\nkind = \"rmsprop\"\neps = 1e-12",
    "[optimizer]\nkind = \"adamw\"\nweight_decay = 0.1\nschedule = \"cosine\"",
    "[optimizer]\nkind = \"rmsprop\"\nmomentum = 0.5\n[loss]\npairing = \"broadcast\"",
];

fn trained(name: EngineName, lanes: &[Lane], device: Device) -> Vec<Trained> {
    train(name, lanes, device, &AtomicBool::new(false), &|_| {}).expect("trains")
}

fn compare(run: impl Fn(&[Lane]) -> Vec<Trained>) {
    for case in CASES {
        let lanes = lanes(&config(case));
        let theirs = trained(EngineName::Fused, &lanes, Device::Cpu);
        assert!(theirs.iter().all(|run| run.curve[..run.curve.len() - 1].iter().all(|p| p.update_ratio.is_finite())));
        agree(&run(&lanes), &theirs, 2e-3, case);
    }
}

#[test]
fn runs_by_torch_are_those_by_the_fused_engine_health_measures_and_all() {
    single_threaded();
    compare(|lanes| trained(EngineName::Torch, lanes, Device::Cpu));
}

/// Lanes whose targets are a file's, with any number of outputs.
#[test]
fn runs_of_several_outputs_by_torch_are_those_by_the_fused_engine() {
    single_threaded();
    let file = table(3, 60);
    for (nth, task) in TASKS.iter().enumerate() {
        let output = task.output(nth);
        let model = "hidden = [12, 9]\nactivation = \"tanh\"\ninit = \"pytorch\"";
        let rest =
            "scale_input = \"standardize\"\n[batch]\nsize = 20\ndraw = \"epoch\"\n[train]\nsteps = 60\nlog_points = 16";
        let lanes = lanes(&task.config(&file, 3, output, model, rest));
        let [torch, fused] = [EngineName::Torch, EngineName::Fused].map(|name| trained(name, &lanes, Device::Cpu));
        let what = format!("{} {} {output}", task.target, task.loss);
        agree(&torch, &fused, 2e-3, &what);
        agree(&stacked(&lanes), &fused, 2e-3, &what);
    }
}

/// All lanes in the same tensors, as on a GPU.
fn stacked(lanes: &[Lane]) -> Vec<Trained> {
    let mut engine = Torch::new(lanes, Device::Cpu).expect("an engine");
    train_block(&mut engine, lanes, &AtomicBool::new(false), &|_| {}).expect("trains").expect("nobody stops it")
}

#[test]
fn lanes_of_several_learning_rates_in_the_same_tensors_each_train_as_they_do_alone() {
    single_threaded();
    for case in
        CASES.into_iter().chain(["[loss]\nkind = \"log_cosh\"", "[loss]\nkind = \"mae\"\npairing = \"broadcast\""])
    {
        // Equal rates lie apart, and neither they nor the seeds are in order.
        let lane = |(seed, times): (u64, f64)| {
            let mut config = config(case);
            config.optimizer.learning_rate *= times;
            common::lane(&config, seed)
        };
        let lanes = [(3, 3.0), (0, 1.0), (1, 0.1), (4, 3.0), (2, 1.0), (0, 3.0), (5, 0.3)].map(lane);
        let alone = |lane: &Lane| trained(EngineName::Torch, std::slice::from_ref(lane), Device::Cpu).remove(0);
        let alone: Vec<Trained> = lanes.iter().map(alone).collect();
        let last = |run: &Trained| run.curve.last().map(|point| point.train_loss.to_bits());
        assert_ne!(last(&alone[1]), last(&alone[5]), "{case}: the rates tell two lanes of one seed apart");
        agree(&stacked(&lanes), &alone, 2e-3, case);
    }
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
        compare(|lanes| trained(EngineName::Torch, lanes, device));
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
    let config = config("");
    let many: Vec<Lane> = (0..3000).map(|seed| common::lane(&config, seed % 5)).collect();
    let many = trained(EngineName::Torch, &many, device);
    let few = trained(EngineName::Torch, &lanes(&config), device);
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
fn the_embedded_experiment_trains_the_same_by_both_engines() {
    single_threaded();
    let experiment = Experiment::embedded(&["train.steps=30".to_owned()]).expect("the embedded experiment");
    for name in ["question", "answer"] {
        let variant = experiment.variants.iter().find(|variant| variant.name == name).expect("a variant");
        let lanes = lanes(&variant.config);
        let [ours, theirs] = [EngineName::Torch, EngineName::Fused].map(|name| trained(name, &lanes, Device::Cpu));
        agree(&ours, &theirs, 2e-3, name);
        agree(&stacked(&lanes), &theirs, 2e-3, name);
    }
}
