//! TorchScript modules and given initial parameters: losses as PyTorch's own loop has them (tests/modules.py made them), the same
//! numbers whatever threads there are, and what is refused in one line.
#![cfg(feature = "train")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{Misfit, rows};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules")
}

/// PyTorch's losses of 101 steps, by case and seed.
fn losses() -> BTreeMap<String, Vec<Vec<f64>>> {
    serde_json::from_str(include_str!("modules/losses.json")).expect("losses")
}

/// A folder with a case's files, and its experiment with `more` in it.
fn case(name: &str, more: &str) -> Misfit {
    let misfit = Misfit::new();
    for file in std::fs::read_dir(here()).expect("files").map(|file| file.expect("a file")) {
        if file.file_name().to_string_lossy().starts_with(name) {
            std::fs::copy(file.path(), misfit.folder.path().join(file.file_name())).expect("a copy");
        }
    }
    let model = match name {
        "layers" => "hidden = [8]\nactivation = \"tanh\"".to_owned(),
        _ => format!("torchscript = \"{name}.pt\""),
    };
    let loss = match name {
        "vector" => "torchscript = \"vector.loss.pt\"",
        "words" => "kind = \"cross_entropy\"",
        _ => "kind = \"mse\"",
    };
    misfit.write(
        "x.toml",
        &format!(
            "name = \"x\"\nseeds = 3\n[data]\ntarget = {{ tensors = \"{name}.data.safetensors\" }}\n[batch]\nsize = 16\ndraw = \"sequential\"\n[model]\n{model}\ninitial = \"{name}.initial.safetensors\"\n[loss]\n{loss}\n[optimizer]\nlearning_rate = 0.003\n[train]\nsteps = 100\nlog_points = 101\n{more}"
        ),
    );
    misfit
}

#[test]
fn a_module_has_the_losses_that_pytorchs_own_loop_has() {
    for (name, of_pytorch) in losses() {
        let misfit = case(&name, "");
        misfit.ok(&["run", "x.toml"]);
        let curves = rows(&misfit.read("results/x/curves.csv"));
        assert_eq!(curves.len(), 303, "{name}");
        for row in curves {
            let (seed, step): (usize, usize) = (row["seed"].parse().unwrap(), row["step"].parse().unwrap());
            let (ours, theirs): (f64, f64) = (row["train_loss"].parse().unwrap(), of_pytorch[seed][step]);
            // Rounding, which 100 steps of Adam let grow: 1e-5 of the loss, or of a loss that has become small.
            let bound = 1e-5 * theirs.abs().max(0.1 * of_pytorch[seed][0]);
            assert!((ours - theirs).abs() <= bound, "{name}, seed {seed}, step {step}: {ours}, PyTorch {theirs}");
        }
    }
}

#[test]
fn layers_begin_with_given_parameters_in_either_engine() {
    let of_pytorch = &losses()["layers"];
    for engine in ["torch", "fused"] {
        let misfit = case("layers", "");
        misfit.ok(&["run", "x.toml", "--engine", engine, "seeds=[0,1,2,3]"]);
        let curves = rows(&misfit.read("results/x/curves.csv"));
        for row in curves.iter().filter(|row| row["step"] == "0") {
            let seed: usize = row["seed"].parse().unwrap();
            let ours: f64 = row["train_loss"].parse().unwrap();
            // Seed 3 is not in the file, and is drawn.
            if let Some(theirs) = of_pytorch.get(seed) {
                assert!((ours / theirs[0] - 1.0).abs() < 1e-6, "{engine}, seed {seed}: {ours}, PyTorch {}", theirs[0]);
            }
        }
        assert_eq!(curves.len(), 404);
    }
}

#[test]
fn other_layers_or_another_beginning_draw_what_was_given_anew() {
    let fixes = "[fix.wide]\nset = { model.hidden = [9] }\n[fix.start]\nset = { model.init = \"zeros\" }\n[fix.off]\nset = { model.initial = \"none.safetensors\" }\n[[variant]]\nname = \"wide\"\nfixes = [\"wide\"]\n[[variant]]\nname = \"start\"\nfixes = [\"start\"]\n";
    let misfit = case("layers", fixes);
    misfit.ok(&["run", "x.toml"]);
    let curves = rows(&misfit.read("results/x/curves.csv"));
    let first = |variant: &str| -> Vec<&str> {
        curves
            .iter()
            .filter(|r| r["variant"] == variant && r["step"] == "0")
            .map(|r| r["train_loss"].as_str())
            .collect()
    };
    // Zero weights put out 0 with every seed.
    let zeros = first("start");
    assert!(zeros.len() == 3 && zeros.iter().all(|loss| *loss == zeros[0]));
    assert_eq!(first("wide").len(), 3);
}

#[test]
fn what_a_module_drops_does_not_depend_on_threads_and_is_something() {
    let mut seen = Vec::new();
    for threads in ["1", "2", "3"] {
        let misfit = case("dropped", "");
        misfit.ok(&["run", "x.toml", "--threads", threads]);
        seen.push(misfit.csvs("results/x"));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    // The same network without dropout has other losses from the first step on.
    let plain = &losses()["images"];
    let dropped = rows(&seen[0][0]);
    for row in dropped.iter().filter(|row| row["step"] == "0") {
        let loss: f64 = row["train_loss"].parse().unwrap();
        assert!((loss / plain[row["seed"].parse::<usize>().unwrap()][0] - 1.0).abs() > 1e-3);
    }
}

#[test]
fn dropped_outputs_change_from_step_to_step_and_tests_drop_nothing() {
    // At a rate of almost 0 the parameters stand still, and all that moves the loss of one batch is what is dropped.
    let misfit = case("dropped", "");
    misfit.ok(&[
        "run",
        "x.toml",
        "optimizer.kind=\"sgd\"",
        "optimizer.learning_rate=1e-30",
        "batch.draw=\"once\"",
        "train.steps=20",
    ]);
    let curves = rows(&misfit.read("results/x/curves.csv"));
    let column = |seed: &str, name: &str| -> Vec<String> {
        curves.iter().filter(|row| row["seed"] == seed).map(|row| row[name].clone()).collect()
    };
    let mut train = column("0", "train_loss");
    train.sort();
    train.dedup();
    assert!(train.len() > 15, "{train:?}");
    let misfit = case("dropped", "");
    misfit.ok(&[
        "run",
        "x.toml",
        "train.mode=\"eval\"",
        "optimizer.kind=\"sgd\"",
        "optimizer.learning_rate=1e-30",
        "batch.draw=\"once\"",
        "train.steps=20",
    ]);
    let curves = rows(&misfit.read("results/x/curves.csv"));
    let first = &curves[0]["train_loss"];
    assert!(curves.iter().filter(|row| row["seed"] == "0").all(|row| row["train_loss"] == *first));
}

#[test]
fn what_needs_layers_is_no_number_and_what_does_not_is_one() {
    let misfit = case("words", "");
    misfit.ok(&["run", "x.toml"]);
    let curves = rows(&misfit.read("results/x/curves.csv"));
    assert!(curves.iter().all(|row| row["dead_units"] == "NaN"));
    for column in ["grad_norm", "test_loss", "test_rmse", "accuracy"] {
        assert!(curves.iter().all(|row| row[column].parse::<f64>().unwrap().is_finite()), "{column}");
    }
    let health = rows(&misfit.read("results/x/health.csv"));
    for column in ["start_grad_first", "grad_last", "saturated_units", "identical_units", "pieces"] {
        assert!(health.iter().all(|row| row[column] == "NaN"), "{column}");
    }
}

#[test]
fn a_diagnosis_of_a_module_finds_a_rate_that_is_too_low_with_the_seeds_that_there_are() {
    let misfit = case("images", "[goal]\nr2 = 0.5\n");
    misfit.write("slow.toml", &misfit.read("x.toml").replace("learning_rate = 0.003", "learning_rate = 1e-6"));
    let told = misfit.ok(&["diagnose", "slow.toml"]).stdout();
    assert!(told.contains("higher-rate"), "{told}");
    let runs = rows(&misfit.read("results/x-diagnosis/runs.csv"));
    assert!(runs.iter().all(|row| ["0", "1", "2"].contains(&row["seed"].as_str())));
}

#[test]
fn a_module_is_checked_and_its_tasks_are_merged_with_the_seeds_that_there_are() {
    let misfit = case("images", "");
    let ran = misfit.run(&["check", "x.toml"]);
    assert!(ran.code() < 2, "{}", ran.stderr());
    let checks = rows(&misfit.read("results/x-check/checks.csv"));
    assert!(checks.iter().any(|row| row["check"] == "overfit"), "{checks:?}");
    assert!(checks.iter().all(|row| row["check"] != "units"), "a module's units are not known");
    misfit.ok(&["run", "x.toml"]);
    misfit.ok(&["plan", "x.toml", "--tasks", "2", "--out", "merged"]);
    for index in ["0", "1"] {
        misfit.ok(&["task", "merged-plan/plan.json", "--index", index]);
    }
    misfit.ok(&["merge", "merged-plan/plan.json"]);
    assert_eq!(misfit.csvs("merged"), misfit.csvs("results/x"));
}

#[test]
fn what_is_no_module_or_of_other_shapes_is_refused_in_one_line_before_anything_is_trained() {
    let cases: [(&str, &[&str], &str); 9] = [
        (
            "images",
            &["model.torchscript=\"images.data.safetensors\""],
            "images.data.safetensors: is no TorchScript module: save it with torch.jit.script(module).save(path)",
        ),
        ("images", &["model.torchscript=\"none.pt\""], "none.pt: cannot be read"),
        (
            "images",
            &["seeds=4"],
            "has initial parameters for the seeds 0-2, and seed 3 is asked for: save some for it too",
        ),
        (
            "images",
            &["model.hidden=[3]"],
            "model.hidden: model.torchscript names a module, whose layers are its own: keep one",
        ),
        (
            "images",
            &["model.outputs=2"],
            "puts out [2, 1] for 2 rows, expected 2 for each: set model.outputs, or mend the module",
        ),
        ("images", &["optimizer.without=[0]"], "optimizer.without: the layers of a module have no numbers"),
        (
            "images",
            &["train.stop={patience=2,restore=true}"],
            "train.stop: the running statistics of a module cannot be restored",
        ),
        (
            "vector",
            &["loss.pairing=\"broadcast\""],
            "loss.pairing: the module of loss.torchscript pairs and reduces by itself",
        ),
        (
            "words",
            &["model.initial=\"words.data.safetensors\""],
            "expected a seed and a name, as 0/0.weight: call the tensors so",
        ),
    ];
    for (name, settings, expected) in cases {
        let misfit = case(name, "");
        let ran = misfit.run(&[&["run", "x.toml"], settings].concat());
        let said = ran.stderr();
        assert_eq!(ran.code(), 2, "{settings:?}: {said}");
        assert!(said.contains(expected) && said.trim_end().lines().count() == 1, "{settings:?}: {said}");
        assert!(!misfit.has("results/x/curves.csv"));
    }
    // Without initial parameters there is one seed; and a zip archive may hold anything.
    let misfit = case("images", "");
    let text = misfit.read("x.toml").replace("initial = \"images.initial.safetensors\"", "");
    misfit.write("x.toml", &text);
    let said = misfit.run(&["run", "x.toml"]).stderr();
    assert!(said.contains("images.pt has initial parameters for one seed, and 3 are asked for"), "{said}");
    misfit.ok(&["run", "x.toml", "--seeds", "1"]);
    misfit.write("zip.pt", "PK\x03\x04 and nothing more");
    let said = misfit.run(&["run", "x.toml", "--seeds", "1", "model.torchscript=\"zip.pt\""]).stderr();
    assert!(
        said.contains("is no TorchScript module that libtorch 2.11.0 reads") && said.trim_end().lines().count() == 1,
        "{said}"
    );
    // Inputs of another shape.
    let misfit = case("images", "");
    std::fs::copy(here().join("vector.data.safetensors"), misfit.folder.path().join("v.safetensors")).expect("a copy");
    let said = misfit.run(&["run", "x.toml", "data.target={tensors=\"v.safetensors\"}"]).stderr();
    assert!(
        said.contains("model.torchscript: of inputs f32 [2, 3]: ") && said.trim_end().lines().count() == 1,
        "{said}"
    );
}

#[test]
fn what_the_file_says_of_a_modules_last_layer_goes_to_the_rules_and_changes_no_loss() {
    let misfit = case("words", "");
    let stated = ["loss.from=\"logits\"", "model.output=\"softmax\""];
    misfit.ok(&["run", "x.toml", "--seeds", "2", "--out", "plain", stated[0]]);
    misfit.ok(&[&["run", "x.toml", "--seeds", "2", "--out", "stated"], &stated[..]].concat());
    assert_eq!(misfit.read("plain/curves.csv"), misfit.read("stated/curves.csv"));
    let found = |settings: &[&str]| {
        misfit.ok(&[&["diagnose", "x.toml", "--fresh", "--out", "found"], settings].concat());
        misfit.read("found/findings.csv")
    };
    assert!(!found(&stated[..1]).contains("probabilities-as-logits"));
    assert!(found(&stated).contains("probabilities-as-logits"));
    // It cannot be changed from here.
    let misfit = case("words", "[fix.linear]\nset = { model.output = \"identity\" }\n[ablation]\n");
    let said = misfit.run(&["run", "x.toml", "model.initial=\"words.initial.safetensors\""]).stderr();
    assert!(said.contains("model.output: only says what the last layer of the module is"), "{said}");
}
