//! Which engine trains what.
#![cfg(feature = "train")]

mod common;

use common::Misfit;
use misfit::experiment::config::{Config, EngineChoice, EngineName, LossKind, Word};
use misfit::train::choice::{blocks, choose};
use misfit::train::engine::Engine;
use misfit::train::fused::{self, Fused};
use misfit::train::torch::Torch;
use tch::Device;

fn config(engine: &str, loss: LossKind) -> Config {
    let module = if loss == LossKind::TorchScript { "torchscript = \"loss.pt\"" } else { "" };
    common::config(&format!("[loss]\nkind = {:?}\n{module}\n[train]\nengine = {engine:?}\nsteps = 3\n", loss.word()))
}

/// Losses that no kernel knows.
const TORCHS: [LossKind; 5] =
    [LossKind::LogCosh, LossKind::Mape, LossKind::Poisson, LossKind::Hinge, LossKind::TorchScript];

#[test]
fn auto_is_the_fused_engine_for_every_loss_but_five_and_torch_for_those_and_for_every_gpu() {
    for &(_, loss) in LossKind::WORDS {
        let config = config("auto", loss);
        let covered = !TORCHS.contains(&loss);
        let here = if covered { EngineName::Fused } else { EngineName::Torch };
        assert_eq!(choose(&config, Device::Cpu).unwrap(), here, "{loss:?}");
        assert_eq!(choose(&config, Device::Cuda(0)).unwrap(), EngineName::Torch, "{loss:?}");
        assert_eq!(fused::covers(&config).is_ok(), covered, "{loss:?}");
    }
    assert_eq!(common::config("").train.engine, EngineChoice::Auto, "what a file gets that says nothing");
}

/// What a configuration alone says about the widths of predictions and targets; a dot is a kernel.
#[test]
fn the_fused_engine_covers_several_outputs_and_classes_where_the_file_need_not_be_asked() {
    const CLASS: &str = "class = \"y\"";
    const SEVERAL: &str = "outputs = [\"y\", \"z\"]";
    const ONE: &str = "output = \"y\"";
    for (columns, labels, outputs, loss, lacks) in [
        (ONE, "", "", "mse", "."),
        (ONE, "", "1", "bce", "."),
        (ONE, "", "2", "mse", "model.outputs = 2 where targets have 1"),
        (SEVERAL, "", "", "huber", "."),
        (SEVERAL, "", "", "cross_entropy", "."),
        (SEVERAL, "one-hot", "2", "bce", "."),
        (SEVERAL, "", "1", "mse", "model.outputs = 1 where targets have 2"),
        (SEVERAL, "", "", "hinge", "loss.kind = \"hinge\""),
        (CLASS, "", "", "cross_entropy", "."),
        (CLASS, "", "1", "cross_entropy", "."),
        (CLASS, "index", "7", "nll", "."),
        (CLASS, "one-hot", "", "cross_entropy", "."),
        (CLASS, "one-hot", "3", "cross_entropy", "only the file says"),
        (CLASS, "number", "", "cross_entropy", "data.labels = \"number\""),
        (CLASS, "plus-minus", "", "nll", "data.labels = \"plus-minus\""),
        (CLASS, "index\"\nscale_target = \"unit", "", "cross_entropy", "data.scale_target"),
        (CLASS, "index\"\nscale_target = \"unit", "", "mse", "."),
        (CLASS, "", "", "bce", "."),
        (CLASS, "", "1", "bce", "only the file says"),
        (CLASS, "number", "1", "mse", "."),
        (CLASS, "index", "2", "mse", "only the file says"),
        (CLASS, "plus-minus", "", "mse", "."),
    ] {
        let key =
            |name: &str, value: &str| if value.is_empty() { String::new() } else { format!("{name} = {value}\n") };
        let labels = if labels.is_empty() { String::new() } else { format!("labels = \"{labels}\"\n") };
        let config = common::config(&format!(
            "[data]\ntarget = {{ csv = \"t.csv\", inputs = [\"a\"], {columns} }}\n{labels}[model]\n{}[loss]\nkind = {loss:?}\n",
            key("outputs", outputs)
        ));
        match fused::covers(&config) {
            Ok(()) => assert_eq!(lacks, ".", "{config:?}"),
            Err(why) => assert!(lacks != "." && why.contains(lacks), "{why}: {config:?}"),
        }
    }
    for (keys, lacks) in [
        ("[loss]\nkind = \"bce\"\npairing = \"broadcast\"", "over pairs"),
        ("[data]\ntarget = { tensors = \"t.safetensors\" }\n[model]\noutputs = 3", "only the file says"),
        ("[data]\ntarget = { tensors = \"t.safetensors\" }\nnoise = 0.5\n[loss]\nkind = \"nll\"", "data.noise"),
    ] {
        let why = fused::covers(&common::config(keys)).expect_err(keys);
        assert!(why.contains(lacks), "{why}: {keys}");
    }
    for keys in ["[data]\ntarget = { formula = \"x\" }", "[data]\ntarget = { tensors = \"t.safetensors\" }"] {
        assert_eq!(fused::covers(&common::config(keys)), Ok(()), "{keys}");
    }
}

#[test]
fn torch_that_was_asked_for_trains_everything_everywhere() {
    for &(_, loss) in LossKind::WORDS {
        for device in [Device::Cpu, Device::Cuda(0)] {
            assert_eq!(choose(&config("torch", loss), device).unwrap(), EngineName::Torch, "{loss:?}");
        }
    }
}

#[test]
fn fused_that_was_asked_for_where_it_cannot_is_refused_in_one_line_that_names_why_and_the_cure() {
    for (loss, device, why) in [
        (LossKind::LogCosh, Device::Cpu, "log_cosh"),
        (LossKind::LogCosh, Device::Cuda(0), "CPU"),
        (LossKind::Mse, Device::Cuda(0), "CPU"),
    ] {
        let said = format!("{:#}", choose(&config("fused", loss), device).unwrap_err());
        assert_eq!(said.lines().count(), 1, "{said}");
        for part in ["train.engine", why, "\"auto\"", "\"torch\""] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert_eq!(choose(&config("fused", LossKind::Huber), Device::Cpu).unwrap(), EngineName::Fused);
}

#[test]
fn the_fused_engine_itself_refuses_what_it_does_not_cover() {
    for (keys, why) in [
        ("[loss]\nkind = \"log_cosh\"", "log_cosh"),
        ("[optimizer]\neps = 0", "optimizer.eps below 1e-30"),
        ("[optimizer]\neps = 5e-38", "optimizer.eps below 1e-30"),
        ("[optimizer]\nkind = \"rmsprop\"\neps = 0", "optimizer.eps below 1e-30"),
        ("[optimizer]\nkind = \"adamw\"\nbetas = [0.9, 0.4]", "optimizer.betas"),
        ("[optimizer]\nkind = \"rmsprop\"\nalpha = 0.4", "optimizer.alpha"),
        ("[optimizer]\nkind = \"sgd\"\nmomentum = 1e300", "beyond an f32"),
    ] {
        let config = common::config(keys);
        assert_eq!(choose(&config, Device::Cpu).unwrap(), EngineName::Torch, "{keys}");
        let said = format!("{:#}", Fused::new(&common::lane(&config, 1)).err().expect("a refusal"));
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_stack_is_cut_into_lanes_on_a_cpu_and_a_stack_of_none_into_nothing() {
    let lanes: Vec<_> = (0..3).map(|seed| common::lane(&config("auto", LossKind::Mse), seed)).collect();
    for name in [EngineName::Torch, EngineName::Fused] {
        let sizes: Vec<usize> = blocks(name, &lanes, Device::Cpu).map(|block| block.unwrap().1.len()).collect();
        assert_eq!(sizes, [1, 1, 1]);
        assert!(blocks(name, &[], Device::Cpu).next().is_none());
    }
    assert!(Torch::new(&[], Device::Cpu).is_err());
}

#[test]
fn memory_that_runs_out_in_a_step_of_torch_is_an_error_and_no_panic() {
    // A hidden layer's values would take 128 TiB, more than a process can address.
    let config = common::config(
        "[data]\ntarget = { polynomial = [0, 1] }\ninputs = { grid = { from = 0, to = 1, count = 4000000 } }\ntest = { grid = { from = 0, to = 1, count = 2 } }\n[model]\nhidden = [9000000]\nbias = false\ninit = \"zeros\"\n[optimizer]\nkind = \"sgd\"\n[train]\nengine = \"torch\"\nsteps = 1\n",
    );
    let lane = common::lane(&config, 0);
    let mut engine = Torch::new(std::slice::from_ref(&lane), Device::Cpu).expect("the parameters alone fit");
    let said = format!("{:#}", engine.gradient(false).expect_err("no memory"));
    assert!(said.to_lowercase().contains("memory"), "{said}");
}

#[test]
fn numbers_beyond_an_f32_are_infinite_in_training_and_no_error() {
    let misfit = Misfit::new();
    misfit.write("x.toml", "seeds = 1\n[data]\ninputs = { grid = { from = 0, to = 1, count = 9 } }\n[model]\nhidden = [3]\n[train]\nsteps = 9\n");
    for engine in ["torch", "auto"] {
        for (settings, diverges) in [
            (&["optimizer.learning_rate=1e39"][..], true),
            (&["optimizer.weight_decay=1e300"], true),
            (&["optimizer.eps=1e300"], false),
            (&["optimizer.kind=sgd", "optimizer.momentum=1e300"], true),
            (&["loss.kind=huber", "loss.delta=1e300"], false),
        ] {
            misfit.ok(&[&["run", "x.toml", "--engine", engine, "--fresh", "--out", "out"], settings].concat());
            let diverged = misfit.read("out/runs.csv").contains(",diverged,");
            assert_eq!(diverged, diverges, "{engine} {settings:?}");
        }
    }
}

const SMALL: &str = "seeds = 2\n[data]\ninputs = { grid = { from = 0, to = 1, count = 20 } }\n[model]\nhidden = [4]\n[train]\nsteps = 5\n[fix.smooth]\nset = { loss.kind = \"log_cosh\" }\n[[variant]]\nname = \"plain\"\n[[variant]]\nname = \"smooth\"\nfixes = [\"smooth\"]\n[[variant]]\nname = \"asked\"\nset = { train.engine = \"torch\" }\n";

/// Each variant's engine, as the manifest of a folder has it.
fn engines(misfit: &Misfit, folder: &str) -> Vec<(String, String)> {
    let manifest: serde_json::Value =
        serde_json::from_str(&misfit.read(&format!("{folder}/manifest.json"))).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a word").to_owned();
    let variants = manifest["variants"].as_array().expect("variants");
    variants.iter().map(|variant| (text(&variant["name"]), text(&variant["engine"]))).collect()
}

#[test]
fn a_manifest_names_the_engine_of_each_variant_and_the_option_has_the_last_word() {
    let misfit = Misfit::new();
    misfit.write("x.toml", SMALL);
    for (option, expected) in [
        (&[][..], ["fused", "torch", "torch"]),
        (&["--engine", "auto"][..], ["fused", "torch", "fused"]),
        (&["--engine", "torch"][..], ["torch", "torch", "torch"]),
        (&["train.engine=torch", "--variant", "plain"][..], ["torch", "torch", "torch"]),
    ] {
        misfit.ok(&[&["run", "x.toml", "--out", "out", "--fresh"][..], option].concat());
        let engines: Vec<String> = engines(&misfit, "out").into_iter().map(|(_, engine)| engine).collect();
        assert_eq!(engines, expected, "{option:?}");
    }
}

#[test]
fn what_fused_trained_was_compared_with_torch_and_the_manifest_says_by_how_much_they_differed() {
    let misfit = Misfit::new();
    misfit.write("x.toml", SMALL);
    let deviation = |folder: &str| {
        let manifest: serde_json::Value =
            serde_json::from_str(&misfit.read(&format!("{folder}/manifest.json"))).expect("JSON");
        manifest.get("fused_against_torch").cloned()
    };
    misfit.ok(&["run", "x.toml", "--out", "out"]);
    let found = deviation("out").expect("fused trained one variant");
    for part in ["loss", "gradient", "parameters"] {
        assert!((0.0..1e-4).contains(&found[part].as_f64().expect("a number")), "{part}: {found}");
    }
    assert!(found["gradient"].as_f64() > Some(0.0), "two ways of adding up come to the same bits: {found}");
    misfit.ok(&["run", "x.toml", "--out", "out"]);
    assert_eq!(deviation("out"), Some(found), "nothing was left to train");
    misfit.ok(&["run", "x.toml", "--out", "torch", "--engine", "torch"]);
    assert_eq!(deviation("torch"), None);
}

#[test]
fn an_engine_that_cannot_is_refused_before_anything_is_written() {
    let misfit = Misfit::new();
    misfit.write("x.toml", SMALL);
    for command in ["run", "plan"] {
        let ran = misfit.run(&[command, "x.toml", "--out", "out", "--engine", "fused"]);
        let said = ran.stderr();
        assert_eq!((ran.code(), said.lines().count()), (2, 1), "{said}");
        assert!(said.contains("variant \"smooth\"") && said.contains("log_cosh") && said.contains("torch"), "{said}");
        assert!(!misfit.has("out") && !misfit.has("out-plan"), "{command}");
    }
}

#[test]
fn a_task_trains_by_the_engine_of_its_plan_and_refuses_to_be_asked_for_another() {
    let misfit = Misfit::new();
    misfit.write("x.toml", SMALL);
    misfit.ok(&["plan", "x.toml", "--out", "out", "--tasks", "1", "--engine", "torch"]);
    let ran = misfit.run(&["task", "out-plan", "--index", "0", "--engine", "fused"]);
    let said = ran.stderr();
    assert_eq!((ran.code(), said.lines().count()), (2, 1), "{said}");
    assert!(said.contains("--engine fused") && said.contains("trains by torch"), "{said}");
    for option in [&[][..], &["--engine", "torch"][..], &["--engine", "auto"][..]] {
        misfit.ok(&[&["task", "out-plan", "--index", "0"][..], option].concat());
    }
    misfit.ok(&["merge", "out-plan"]);
    assert!(engines(&misfit, "out").iter().all(|(_, engine)| engine == "torch"));
    misfit.ok(&["run", "x.toml", "--out", "alone", "--engine", "torch"]);
    assert_eq!(misfit.csvs("out"), misfit.csvs("alone"));
}

#[test]
fn all_408_runs_of_the_embedded_experiment_end_the_same_way_by_both_engines() {
    let misfit = Misfit::new();
    let outcomes = |engine: &str| -> Vec<[String; 3]> {
        misfit.ok(&["run", "--engine", engine, "--out", engine]);
        let rows = common::rows(&misfit.read(&format!("{engine}/runs.csv")));
        rows.iter().map(|row| ["variant", "seed", "outcome"].map(|column| row[column].clone())).collect()
    };
    let (torch, fused) = (outcomes("torch"), outcomes("fused"));
    assert_eq!(torch.len(), 408);
    assert_eq!(torch, fused);
}
