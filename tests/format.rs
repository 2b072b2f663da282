//! Everything that the experiment format names does what its name says.

mod common;

use std::sync::Arc;

use misfit::data::{Batches, Files, RunData, Samples, polynomial};
use misfit::experiment::Experiment;
use misfit::experiment::config::{Config, Train, difference};

fn config(text: &str) -> Config {
    common::config(text)
}

fn data(config: &Config, seed: u64) -> RunData {
    RunData::new(config, seed, &Files::read([config].into_iter()).expect("files")).expect("data")
}

/// A CSV of 40 rows, `y = 3a − 2b + c`, and its path.
fn csv_of_three_inputs() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = String::from("\u{feff}a,note,b,c,y\r\n");
    for i in 0..40 {
        let (a, b, c) = (f64::from(i), f64::from(i * i % 11), f64::from(i % 3));
        text.push_str(&format!("{a},\"row, {i}\",{b},{c},{}\r\n", 3.0 * a - 2.0 * b + c));
    }
    std::fs::write(folder.path().join("rows.csv"), text).expect("written");
    let path = folder.path().join("rows.csv").display().to_string();
    (folder, path)
}

#[test]
fn a_grid_has_both_ends_in_random_order_and_a_polynomial_is_evaluated_constant_first() {
    let config = config(
        "[data]\ntarget = { polynomial = [2, 0, 3] }\ninputs = { grid = { from = 1, to = 1000, count = 1000 } }",
    );
    let run = data(&config, 4);
    let mut inputs = run.train.inputs.clone();
    assert!(inputs.windows(2).any(|pair| pair[0] > pair[1]), "shuffled");
    inputs.sort_by(f64::total_cmp);
    assert_eq!(inputs, (1..=1000).map(f64::from).collect::<Vec<_>>());
    assert!(run.train.inputs.iter().zip(&run.train.targets).all(|(x, y)| *y == 2.0 + 3.0 * x * x));
    assert_eq!(run.test.inputs, (1..=1000).map(f64::from).collect::<Vec<_>>(), "the test grid is even and in order");
    assert_eq!(polynomial(&[1.0, 2.0, 3.0], 2.0), 17.0);
}

#[test]
fn all_variants_share_the_baselines_test_grid_unless_they_set_their_own() {
    let text = "[data]\ninputs = { uniform = { from = 2, to = 4, count = 50 } }\n\
        [[variant]]\nname = 'wide'\nset = { data.inputs = { grid = { from = 0, to = 9, count = 7 } } }\n\
        [[variant]]\nname = 'own'\nset = { data.test = { grid = { from = 0, to = 1, count = 3 } } }";
    let experiment = Experiment::parse(text, "x.toml", &[]).unwrap();
    let test = |name: &str| {
        let variant = experiment.variants.iter().find(|v| v.name == name).unwrap();
        data(&variant.config, 0).test.inputs
    };
    assert_eq!(test("wide"), test("baseline"));
    assert_eq!((test("baseline")[0], test("baseline")[999]), (2.0, 4.0));
    assert_eq!(test("own"), [0.0, 0.5, 1.0]);
}

#[test]
fn scaling_divides_standardizes_or_maps_to_the_unit_interval_and_is_undone_exactly() {
    let scaled = |scale: &str| {
        let config = config(&format!(
            "[data]\ntarget = {{ polynomial = [5, -2, 1] }}\ninputs = {{ uniform = {{ from = -3, to = 8, count = 200 }} }}\nscale_input = {scale}\nscale_target = {scale}"
        ));
        let run = data(&config, 1);
        for (y, scaled) in run.train.targets.iter().zip(run.coded_targets(&run.train)) {
            assert!((run.coding.scores(&[scaled])[0] - y).abs() < 1e-4);
        }
        (run.train.inputs.clone(), run.scaled_inputs(&run.train), run.coded_targets(&run.train))
    };
    let (raw, divided, _) = scaled("4.0");
    assert!(raw.iter().zip(&divided).all(|(x, scaled)| (x / 4.0 - f64::from(*scaled)).abs() < 1e-6));
    let (_, x, y) = scaled("\"standardize\"");
    for values in [x, y] {
        let count = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
    }
    let (_, x, y) = scaled("\"unit\"");
    for values in [x, y] {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!((low, high), (0.0, 1.0));
    }
}

#[test]
fn noise_has_its_standard_deviation_and_stays_out_of_the_test_points() {
    let text = "[data]\ntarget = { polynomial = [1, 2] }\ninputs = { uniform = { from = 0, to = 1, count = 4000 } }\ntest = 'train'\nnoise = ";
    let (noisy, clean) = (data(&config(&format!("{text}0.5")), 3), data(&config(&format!("{text}0")), 3));
    assert_eq!(noisy.train.inputs, clean.train.inputs, "noise shifts no other draw");
    assert_eq!(noisy.test.targets, clean.test.targets);
    let errors: Vec<f64> = noisy.train.targets.iter().zip(&clean.train.targets).map(|(a, b)| a - b).collect();
    let deviation = (errors.iter().map(|e| e * e).sum::<f64>() / 4000.0).sqrt();
    assert!((deviation / 0.5 - 1.0).abs() < 0.05, "{deviation}");
}

#[test]
fn a_csv_gives_its_columns_whatever_their_order_and_holds_out_whole_rows() {
    let (_folder, path) = csv_of_three_inputs();
    let text =
        format!("[data]\ntarget = {{ csv = '{path}', inputs = ['c', 'a', 'b'], output = 'y' }}\nholdout = 0.25\n");
    let run = data(&config(&text), 0);
    assert_eq!((run.train.rows(), run.test.rows(), run.train.columns), (30, 10, 3));
    for samples in [&run.train, &run.test] {
        for row in 0..samples.rows() {
            let [c, a, b] = samples.row(row) else { panic!("three inputs") };
            assert_eq!(samples.targets[row], 3.0 * a - 2.0 * b + c);
        }
    }
    let mut all: Vec<f64> = run.train.inputs.iter().chain(&run.test.inputs).skip(1).step_by(3).copied().collect();
    all.sort_by(f64::total_cmp);
    assert_eq!(all, (0..40).map(f64::from).collect::<Vec<_>>(), "every row is in one of the two");
    assert_ne!(data(&config(&text), 1).test.inputs, run.test.inputs, "another seed holds out other rows");
}

#[test]
fn batches_are_drawn_once_in_epochs_or_fresh() {
    let run = |draw: &str, size: usize| {
        let text = format!(
            "[data]\ninputs = {{ grid = {{ from = 0, to = 9, count = 10 }} }}\n[batch]\nsize = {size}\ndraw = '{draw}'"
        );
        let config = config(&text);
        let mut batches = Batches::new(Arc::new(data(&config, 2)), &config.batch, size, 2);
        move || {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            batches.next_into(&mut x, &mut y);
            assert!(x.iter().zip(&y).all(|(x, y)| *y == x * x + x), "inputs keep their targets");
            x
        }
    };
    let mut once = run("once", 4);
    let first = once();
    assert!((0..20).all(|_| once() == first));
    let mut epoch = run("epoch", 5);
    for _ in 0..20 {
        let mut pass = [epoch(), epoch()].concat();
        pass.sort_by(f32::total_cmp);
        assert_eq!(pass, (0..10).map(|i| i as f32).collect::<Vec<_>>(), "a pass has every sample once");
    }
    let mut across = run("epoch", 15);
    let mut two_passes = [across(), across()].concat();
    two_passes.sort_by(f32::total_cmp);
    assert_eq!(two_passes, (0..30).map(|i| (i / 3) as f32).collect::<Vec<_>>(), "batches run on into the next pass");
    let mut fresh = run("fresh", 1000);
    let drawn = fresh();
    let mean = drawn.iter().sum::<f32>() / 1000.0;
    assert!((mean - 4.5).abs() < 0.4 && fresh() != drawn, "{mean}");
    let uniform =
        config("[data]\ninputs = { uniform = { from = 0, to = 1, count = 3 } }\n[batch]\nsize = 3\ndraw = 'fresh'");
    let mut batches = Batches::new(Arc::new(data(&uniform, 0)), &uniform.batch, 3, 0);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        batches.next_into(&mut x, &mut y);
    }
    x.sort_by(f32::total_cmp);
    x.dedup();
    assert!(x.len() > 295, "new samples of the distribution, not of the three first");
}

#[test]
fn epochs_are_passes_over_the_training_samples() {
    let length = |text: &str| {
        let config = config(text);
        config.train.length.steps(100, 32, config.batch.last)
    };
    assert_eq!(length("[train]\nepochs = 3"), 10, "300 samples in batches of 32");
    assert_eq!(length("[train]\nsteps = 3"), 3);
    assert!(length("[train]\nepochs = 1000000000000") > 1_000_000_000_000, "and never wrap around");
}

#[test]
fn a_curve_has_at_most_its_points_the_first_and_the_last_step_among_them() {
    let logged = |steps: usize, log_points: usize| Train { log_points, ..config("").train }.logged_steps(steps);
    assert_eq!(logged(50, 200), (0..=50).collect::<Vec<_>>());
    assert_eq!(logged(10, 2), [0, 10]);
    for (steps, points) in [(10_000, 200), (199, 200), (200, 200), (7, 3), (1, 2), (1_000_000, 17)] {
        let logged = logged(steps, points);
        assert!(logged.len() <= points && logged[0] == 0 && logged[logged.len() - 1] == steps);
        assert!(logged.windows(2).all(|pair| pair[0] < pair[1]));
        let gaps: Vec<usize> = logged.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().max().unwrap() - gaps.iter().min().unwrap() <= 1, "evenly spread");
    }
}

#[test]
fn fixes_variants_sweeps_and_the_command_line_are_laid_over_the_baseline_in_this_order() {
    let text = "[optimizer]\nlearning_rate = 1\nkind = 'adam'\nbetas = [0.5, 0.6]\n[train]\nsteps = 1\n\
        [fix.a]\nset = { optimizer.learning_rate = 2, train.steps = 2 }\n\
        [fix.b]\nset = { optimizer = { kind = 'sgd', momentum = 0.5 } }\n\
        [[variant]]\nname = 'one'\nfixes = ['a', 'b']\nset = { train.epochs = 3 }\n\
        [sweep]\n'data.noise' = [0.1, 0.2]\nmodel.output = ['relu', 'tanh']";
    let experiment = Experiment::parse(text, "x.toml", &["loss.kind=mae".to_owned()]).unwrap();
    let names: Vec<&str> = experiment.variants.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names.len(), 8, "the baseline and the variant at every point of the sweep: {names:?}");
    assert_eq!(names[7], "one data.noise=0.2 model.output=tanh");
    let changed = difference(&experiment.variants[7].config, &experiment.baseline);
    let changed: Vec<String> = changed.iter().map(|(key, value)| format!("{key}={value}")).collect();
    for expected in [
        "data.noise=0.2",
        "model.output=\"tanh\"",
        "optimizer.kind=\"sgd\"",
        "optimizer.momentum=0.5",
        "optimizer.learning_rate=2.0",
        "optimizer.betas=unset",
        "train.epochs=3",
        "train.steps=unset",
    ] {
        assert!(changed.iter().any(|entry| entry == expected), "{expected} in {changed:?}");
    }
    assert!(experiment.variants.iter().all(|v| format!("{:?}", v.config.loss.kind) == "Mae"));
}

/// The optimizer and loss of the last variant, as they are resolved.
fn resolved(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    let experiment = Experiment::parse(text, "x.toml", &overrides).unwrap_or_else(|error| panic!("{error}"));
    let config = &experiment.variants[experiment.variants.len() - 1].config;
    format!("{:?} {:?}", config.optimizer.kind, config.loss)
}

#[test]
fn the_order_of_keys_never_matters_and_no_setting_is_dropped() {
    let base = "[optimizer]\nlearning_rate = 0.1\n[loss]\nkind = 'mse'\n";
    let fixed = |set: &str| resolved(&format!("{base}[[variant]]\nname = 'v'\nset = {{ {set} }}"), &[]);
    let one = fixed("optimizer = { momentum = 0.9, kind = 'sgd' }, loss = { delta = 2.5, kind = 'huber' }");
    assert_eq!(one, fixed("loss = { kind = 'huber', delta = 2.5 }, optimizer = { kind = 'sgd', momentum = 0.9 }"));
    assert!(one.contains("momentum: 0.9") && one.contains("delta: Some(2.5)"), "{one}");
    let one = resolved(base, &["optimizer.momentum=0.9", "optimizer.kind=sgd", "loss.delta=3", "loss.kind=huber"]);
    assert_eq!(
        one,
        resolved(base, &["loss.kind=huber", "optimizer.kind=sgd", "loss.delta=3", "optimizer.momentum=0.9"])
    );
    assert!(one.contains("momentum: 0.9") && one.contains("delta: Some(3.0)"), "{one}");
    let kept = resolved(
        "[optimizer]\nbetas = [0.5, 0.5]\n[[variant]]\nname = 'v'\nset = { optimizer.kind = 'adam', train.steps = 2 }",
        &[],
    );
    assert!(kept.contains("betas: [0.5, 0.5]"), "the kind was adam before, by default: {kept}");
}

#[test]
fn a_fix_may_put_a_csv_in_a_polynomials_place() {
    let (_folder, path) = csv_of_three_inputs();
    let text = format!(
        "[data]\ninputs = {{ grid = {{ from = 0, to = 1, count = 5 }} }}\ntest = 'train'\n[[variant]]\nname = 'real'\nset = {{ data.target = {{ csv = '{path}', inputs = ['a'], output = 'y' }} }}"
    );
    let experiment = Experiment::parse(&text, "x.toml", &[]).unwrap();
    // What is said of a function's test points says nothing of a file's rows: a fifth of its 40 is held out.
    let real = data(&experiment.variants[1].config, 0);
    assert_eq!((real.train.rows(), real.test.rows()), (32, 8));
}

#[test]
fn a_sweep_on_the_command_line_takes_the_place_of_the_files() {
    let text = "[sweep]\n'optimizer.learning_rate' = [1e-3, 1e-2]";
    let experiment = Experiment::parse(text, "x.toml", &["sweep.optimizer.learning_rate=[0.5, 1]".to_owned()]).unwrap();
    let names: Vec<&str> = experiment.variants.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["baseline optimizer.learning_rate=0.5", "baseline optimizer.learning_rate=1.0"]);
    assert_eq!(experiment.sweep, ["optimizer.learning_rate"]);
}

#[test]
fn a_constant_column_is_only_shifted_and_a_wide_grid_stays_finite() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rows.csv"), "a,c,y\n1,0.1,3\n2,0.1,5\n4,0.1,7\n").unwrap();
    let path = folder.path().join("rows.csv").display().to_string();
    let text = format!("[data]\ntarget = {{ csv = '{path}', inputs = ['a', 'c'], output = 'y' }}\nscale_input = ");
    for scale in ["'standardize'", "'unit'"] {
        let run = data(&config(&format!("{text}{scale}")), 0);
        assert!(run.scaled_inputs(&run.train).iter().skip(1).step_by(2).all(|&c| c == 0.0));
        assert_eq!(run.input_scale[1].factor, 1.0);
    }
    let wide = misfit::data::grid(&misfit::experiment::config::Span { from: 0.0, to: 1e308, count: 1000 });
    assert!(wide.iter().all(|x| x.is_finite()) && wide[999] == 1e308);
}

#[test]
fn an_ablation_takes_all_subsets_or_each_alone_and_all_but_each() {
    let variants = |design: &str| {
        let text = format!(
            "[fix.a]\nset = {{ train.steps = 2 }}\n[fix.b]\nset = {{ data.noise = 1 }}\n[fix.c]\nset = {{ loss.kind = 'mae' }}\n[ablation]\ndesign = '{design}'"
        );
        let experiment = Experiment::parse(&text, "x.toml", &[]).unwrap();
        experiment.variants.into_iter().map(|v| v.name).collect::<Vec<_>>()
    };
    assert_eq!(variants("full"), ["baseline", "a", "b", "a+b", "c", "a+c", "b+c", "a+b+c"]);
    let mut each = variants("each");
    each.sort();
    assert_eq!(each, ["a", "a+b", "a+b+c", "a+c", "b", "b+c", "baseline", "c"]);
}

#[test]
fn a_dry_run_prints_every_variant_as_its_differences_and_trains_nothing() {
    let misfit = common::Misfit::new();
    let text = misfit.ok(&["run", "--dry-run"]).stdout();
    assert!(text.starts_with("polynomial: 408 runs, 68 variants with 6 seeds each\n"), "{text}");
    let block = |name: &str| -> Vec<String> {
        let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("{name} (seeds 0-5)")));
        lines.next().unwrap_or_else(|| panic!("{name} is there"));
        lines.take_while(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(block("question"), ["train.engine = \"torch\""]);
    assert_eq!(block("linear-output+scaled-input"), ["data.scale_input = 1000.0", "model.output = \"identity\""]);
    assert!(!misfit.has("results"));
}

#[cfg(feature = "train")]
mod trained {
    use super::*;
    use common::{Misfit, rows};

    #[test]
    fn every_option_that_the_format_names_trains() {
        let each = |section: &str, key: &str, values: &[&str]| -> Vec<(String, String)> {
            values.iter().map(|value| (section.to_owned(), format!("{key} = {value}"))).collect()
        };
        let mut options = Vec::new();
        options.extend(each(
            "model",
            "activation",
            &["'relu'", "'leaky_relu'", "'elu'", "'gelu'", "'sigmoid'", "'tanh'", "'identity'", "['elu', 'gelu']"],
        ));
        options.extend(each("model", "output", &["'identity'", "'relu'", "'sigmoid'", "'tanh'", "'softmax'"]));
        options.extend(each(
            "model",
            "init",
            &[
                "'glorot_uniform'",
                "'glorot_normal'",
                "'kaiming_uniform'",
                "'kaiming_normal'",
                "'pytorch'",
                "'zeros'",
                "{ uniform = [-0.2, 0.3] }",
                "{ normal = [0, 0.2] }",
            ],
        ));
        options.extend(each("model", "bias", &["false"]));
        options.extend(each("model", "hidden", &["[]\nactivation = 'tanh'", "[1]", "[3, 4, 5, 6, 7]", "[300]"]));
        options.extend(each(
            "loss",
            "kind",
            &[
                "'mse'",
                "'sse'",
                "'mae'",
                "'huber'",
                "'huber'\ndelta = 0.1",
                "'mae'\npairing = 'broadcast'",
                "'sse'\npairing = 'broadcast-mean'",
            ],
        ));
        options.extend(each(
            "optimizer",
            "kind",
            &["'adam'", "'adamw'", "'sgd'\nmomentum = 0.9\nnesterov = true", "'rmsprop'"],
        ));
        options.extend(each("optimizer", "schedule", &["'constant'", "'linear'", "'cosine'"]));
        options.extend(each("batch", "draw", &["'once'", "'epoch'", "'fresh'", "'fresh'\nsize = 100"]));
        options.extend(each("data", "test", &["'grid'", "'train'", "{ uniform = { from = -1, to = 1, count = 20 } }"]));
        options.extend(each(
            "data",
            "inputs",
            &["{ uniform = { from = -1, to = 1, count = 1 } }", "{ grid = { from = 0, to = 1, count = 30 } }"],
        ));
        options.extend(each("train", "epochs", &["5"]));
        let misfit = Misfit::new();
        for (section, option) in options {
            let data = "target = { polynomial = [0, 1, 1] }\n";
            let inputs = "inputs = { uniform = { from = -1, to = 1, count = 30 } }\n";
            let in_data = if section == "data" {
                format!("{data}{}{option}\n", if option.starts_with("inputs") { "" } else { inputs })
            } else {
                format!("{data}{inputs}")
            };
            let hidden = if section == "model" && option.starts_with("hidden") { "" } else { "hidden = [6, 5]\n" };
            let mut text = format!("seeds = 2\n[data]\n{in_data}[model]\n{hidden}");
            if section == "model" {
                text.push_str(&format!("{option}\n"));
            } else if section != "data" {
                text.push_str(&format!("[{section}]\n{option}\n"));
            }
            if section != "train" {
                text.push_str("[train]\nsteps = 20\n");
            }
            misfit.write("x.toml", &text);
            misfit.ok(&["run", "x.toml", "--out", "out", "--fresh"]);
            let [curves, runs, predictions] = misfit.csvs("out");
            assert_eq!(rows(&runs).len(), 2, "{text}");
            assert!(!rows(&curves).is_empty() && !rows(&predictions).is_empty());
            for row in rows(&curves) {
                let loss: f64 = row["train_loss"].parse().unwrap();
                assert!(loss.is_finite(), "{text}: {row:?}");
            }
        }
    }

    #[test]
    fn a_csv_of_several_inputs_is_fitted_by_a_linear_model_and_its_columns_keep_their_names() {
        let (_folder, path) = csv_of_three_inputs();
        let misfit = Misfit::new();
        misfit.write("x.toml", &format!("seeds = 2\n[data]\ntarget = {{ csv = '{path}', inputs = ['a', 'b', 'c'], output = 'y' }}\nscale_input = 'standardize'\nscale_target = 'standardize'\n[model]\nhidden = []\n[optimizer]\nlearning_rate = 0.05\n[train]\nsteps = 800"));
        misfit.ok(&["run", "x.toml", "--out", "out"]);
        let [_, runs, predictions] = misfit.csvs("out");
        assert_eq!(predictions.lines().next(), Some("variant,seed,row,a,b,c,target,prediction"));
        for row in rows(&predictions) {
            let number = |name: &str| row[name].parse::<f64>().unwrap();
            assert_eq!(number("target"), 3.0 * number("a") - 2.0 * number("b") + number("c"));
            assert!((number("prediction") - number("target")).abs() < 0.1, "{row:?}");
        }
        assert!(rows(&runs).iter().all(|row| row["outcome"] == "fits"));
    }

    #[test]
    fn inputs_of_any_name_keep_their_columns_and_such_a_folder_goes_on_where_it_stopped() {
        let misfit = Misfit::new();
        misfit.write("rows.csv", "\"a,b\",seed,input_seed,y\n1,2,3,4\n5,6,7,8\n9,1,2,3\n");
        misfit.write("x.toml", "seeds = 2\n[data]\ntarget = { csv = 'rows.csv', inputs = ['a,b', 'seed', 'input_seed'], output = 'y' }\n[train]\nsteps = 5");
        misfit.ok(&["run", "x.toml", "--out", "out", "--seeds", "1"]);
        let before = misfit.csvs("out");
        assert_eq!(
            before[2].lines().next(),
            Some("variant,seed,row,\"a,b\",input_input_seed,input_seed,target,prediction")
        );
        assert_eq!(before[2].lines().nth(1).map(|line| line.starts_with("baseline,0,0,1.0,2.0,3.0,4.0,")), Some(true));
        // The file's own path is no part of what was computed.
        misfit.ok(&["run", "./x.toml", "--out", "out", "--seeds", "2"]);
        let after = misfit.csvs("out");
        assert!(after.iter().zip(&before).all(|(after, before)| after.starts_with(before.as_str())));
        assert_eq!(rows(&after[1]).len(), 2);
    }

    #[test]
    fn thousands_of_runs_of_a_sweep_have_a_row_each() {
        let misfit = Misfit::new();
        misfit.write("x.toml", "seeds = 600\n[data]\ninputs = { uniform = { from = -1, to = 1, count = 16 } }\ntest = { grid = { from = -1, to = 1, count = 5 } }\n[model]\nhidden = [4]\n[train]\nsteps = 10\nlog_points = 2\n[sweep]\noptimizer.learning_rate = [0.1, 0.01, 0.001, 1e-4]");
        misfit.ok(&["run", "x.toml", "--out", "out"]);
        let runs = rows(&misfit.csvs("out")[1]);
        assert_eq!(runs.len(), 2400);
        assert!(runs.iter().all(
            |row| row["variant"] == format!("baseline optimizer.learning_rate={}", row["optimizer.learning_rate"])
        ));
    }

    #[test]
    fn a_run_that_diverges_is_a_result() {
        let misfit = Misfit::new();
        misfit.write("x.toml", "seeds = 2\n[data]\nscale_target = 1e-30\n[optimizer]\nkind = 'sgd'\nlearning_rate = 10\n[train]\nsteps = 30");
        let ran = misfit.ok(&["run", "x.toml", "--out", "out"]);
        assert!(rows(&misfit.csvs("out")[1]).iter().all(|row| row["outcome"] == "diverged"));
        assert!(ran.stdout().contains("diverged 2/2"), "{}", ran.stdout());
        // A noisy batch's own loss says nothing: what counts is the loss on the test points.
        misfit.write("noisy.toml", "seeds = 30\n[data]\ntarget = { polynomial = [0, 1] }\ninputs = { uniform = { from = -2, to = 2, count = 100 } }\nnoise = 0.3\n[batch]\nsize = 1\ndraw = 'fresh'\n[model]\nhidden = []\ninit = { uniform = [0.5, 0.7] }\n[optimizer]\nlearning_rate = 0.01\n[train]\nsteps = 1000");
        misfit.ok(&["run", "noisy.toml", "--out", "noisy"]);
        let runs = rows(&misfit.csvs("noisy")[1]);
        let number = |row: &std::collections::HashMap<String, String>, key: &str| row[key].parse::<f64>().unwrap();
        assert!(
            runs.iter().any(|row| number(row, "last_loss") > 2.0 * number(row, "first_loss")),
            "some last batch is unlucky"
        );
        assert!(runs.iter().all(|row| row["outcome"] == "fits"));
    }
}

#[test]
fn frameworks_have_the_defaults_that_their_table_says() {
    use misfit::experiment::config::flatten;
    let page = include_str!("../docs/frameworks.md");
    let bare = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 8);
    let value =
        |text: &str| -> toml::Value { toml::from_str::<toml::Table>(&format!("v = {text}")).expect(text)["v"].clone() };
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let (key, place) = (bare(cells[1]), cells[2].replace("`, `", "\n"));
        for (framework, cell) in ["", "pytorch", "keras", "flux", "flax"].into_iter().zip(&cells[3..8]) {
            let named = if framework.is_empty() { String::new() } else { format!("framework = {framework:?}\n") };
            let config = config(&format!("{named}{}", bare(&place)));
            let settings = flatten(&config);
            let found = settings.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str());
            // What is misfit's own is not always written down.
            let own = bare(cells[3]);
            assert_eq!(value(found.unwrap_or(&own)), value(&bare(cell)), "{key} of {framework:?} where {place}");
            count += 1;
        }
    }
    assert!(count > 170, "{count}");
}

#[test]
fn the_question_from_flux_says_what_flux_does() {
    use misfit::experiment::config::flatten;
    let settings = |overrides: &[String]| -> Vec<Vec<(String, String)>> {
        let experiment = Experiment::embedded(overrides).expect("the embedded experiment");
        experiment.variants.iter().map(|variant| flatten(&variant.config)).collect()
    };
    let plain = settings(&[]);
    let mut flux = settings(&["framework=flux".to_owned()]);
    for settings in &mut flux {
        assert_eq!(settings.remove(0), ("framework".to_owned(), "\"flux\"".to_owned()));
    }
    assert_eq!(flux, plain, "the file states all that Flux does, so its defaults change nothing");
}

#[test]
fn a_batch_at_the_end_of_a_pass_runs_on_is_short_or_is_left_out() {
    let run = |draw: &str, last: &str| -> Vec<Vec<f32>> {
        let config = config(&format!(
            "[data]\ninputs = {{ grid = {{ from = 0, to = 9, count = 10 }} }}\n[batch]\nsize = 4\ndraw = '{draw}'\nlast = '{last}'"
        ));
        let mut batches = Batches::new(Arc::new(data(&config, 2)), &config.batch, 4, 2);
        let next = |_| {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            assert_eq!(batches.next_into(&mut x, &mut y), x.len());
            x
        };
        (0..6).map(next).collect()
    };
    let in_order = run("sequential", "short");
    let first: [&[f32]; 3] = [&[0.0, 1.0, 2.0, 3.0], &[4.0, 5.0, 6.0, 7.0], &[8.0, 9.0]];
    assert_eq!(in_order, [first, first].concat(), "file order, of a grid from its lowest to its highest");
    assert_eq!(run("sequential", "run-on")[2], [8.0, 9.0, 0.0, 1.0]);
    assert_eq!(run("sequential", "drop")[2], [0.0, 1.0, 2.0, 3.0]);
    let shuffled = run("epoch", "short");
    assert_eq!(shuffled.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2, 4, 4, 2]);
    for pass in shuffled.chunks(3) {
        let mut pass = pass.concat();
        pass.sort_by(f32::total_cmp);
        assert_eq!(pass, (0..10).map(|x| x as f32).collect::<Vec<_>>(), "a pass has every sample once");
    }
    assert_ne!(shuffled[..3], shuffled[3..]);
    let steps = |last: &str| {
        let config = config(&format!("[batch]\nsize = 4\ndraw = 'epoch'\nlast = '{last}'\n[train]\nepochs = 5"));
        config.train.length.steps(10, 4, config.batch.last)
    };
    assert_eq!(["run-on", "short", "drop"].map(steps), [13, 15, 10]);
}

#[test]
fn rows_that_say_when_to_stop_are_taken_from_the_training_rows_alone() {
    let (_folder, path) = csv_of_three_inputs();
    let text =
        format!("[data]\ntarget = {{ csv = '{path}', inputs = ['*', '-note'], output = 'y' }}\nholdout = 0.25\n");
    let with = |rest: &str, seed| data(&config(&format!("{text}\n[train]\nstop = {{ patience = 3{rest} }}")), seed);
    let (whole, run) = (data(&config(&text), 1), with("", 1));
    assert_eq!(run.test, whole.test, "the same test rows");
    assert_eq!((run.train.rows(), run.kept.rows()), (24, 6), "a fifth of the 30 training rows");
    let sorted = |parts: &[&Samples]| {
        let mut all: Vec<f64> = parts.iter().flat_map(|part| part.targets.clone()).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    assert_eq!(sorted(&[&run.train, &run.kept]), sorted(&[&whole.train]), "nothing is lost");
    assert_ne!(with("", 2).kept, run.kept, "other rows for another seed");
    assert_eq!(with(", on = 'train'", 1).kept.rows(), 0);
    assert_eq!(with(", validation = 0.5", 1).kept.rows(), 15);
}
