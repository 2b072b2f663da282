//! The source case: its figures, exactly.
#![cfg(feature = "train")]

mod common;

use common::engines::{Engines, ways};
use common::{Misfit, rows};
use misfit::experiment::{Experiment, VariantKind};

/// Σ(x² + x − 1)² over 1…1000, the source's first loss before it is rounded.
const FIRST_LOSS: f64 = 201000998999800.0;

#[test]
fn the_question_has_the_sources_loss_at_every_step_no_gradient_and_predicts_1() {
    let misfit = Misfit::new();
    let ran = misfit.ok(&["run", "--variant", "question", "--out", "out"]);
    let [curves, runs, predictions] = misfit.csvs("out");
    let curves = rows(&curves);
    assert_eq!(curves.len(), 6 * 51, "every step of 50, and the state after the last, of six seeds");
    for row in &curves {
        let loss: f64 = row["train_loss"].parse().unwrap();
        assert!((loss / FIRST_LOSS - 1.0).abs() < 1e-6, "{row:?}");
        let first = curves.iter().find(|first| first["seed"] == row["seed"]).unwrap();
        assert_eq!(row["train_loss"], first["train_loss"], "the loss is bitwise the same at every step");
        assert_eq!(row["grad_norm"], "0.0");
        assert_eq!(row["update_ratio"], if row["step"] == "50" { "NaN" } else { "0.0" });
    }
    for row in rows(&runs) {
        assert_eq!((row["outcome"].as_str(), row["steps"].as_str()), ("constant", "50"));
    }
    let predictions = rows(&predictions);
    let at_20: Vec<_> = predictions.iter().filter(|row| row["x"] == "20.0").collect();
    assert_eq!(at_20.len(), 6);
    for row in at_20 {
        assert_eq!((row["target"].as_str(), row["prediction"].as_str()), ("420.0", "1.0"));
    }
    let table = ran.stdout();
    assert!(table.contains("source says") && table.contains("here") && table.contains("2.0100101e14"), "{table}");
}

#[test]
fn no_parameter_of_the_question_changes_by_a_bit_in_50_steps() {
    let experiment = Experiment::embedded(&[]).unwrap();
    let question = experiment.variants.iter().find(|variant| variant.name == "question").unwrap();
    let lanes: Vec<_> = experiment.seeds.iter().map(|&seed| common::lane(&question.config, seed)).collect();
    for way in ways(&question.config, true) {
        let mut engines = Engines::new(way, &lanes);
        let bits = |engines: &Engines| -> Vec<u32> {
            engines.state().iter().flat_map(|state| &state.parameters).flatten().map(|p| p.to_bits()).collect()
        };
        let before = bits(&engines);
        for _ in 0..50 {
            engines.gradient();
            let gradients = engines.state();
            assert!(gradients.iter().flat_map(|state| &state.gradient).flatten().all(|&g| g == 0.0), "{way:?}");
            engines.update();
        }
        assert_eq!(bits(&engines), before, "{way:?}");
        assert!(before.iter().filter(|&&bits| bits != 0).count() > 6 * 2000, "the weights are not all zero");
    }
}

#[test]
fn the_answer_fits_on_every_seed_and_its_prediction_at_20_stands_beside_420() {
    let misfit = Misfit::new();
    let ran = misfit.ok(&["run", "--variant", "answer", "--variant", "answer-intended", "--out", "out"]);
    let [_, runs, _] = misfit.csvs("out");
    let runs = rows(&runs);
    assert_eq!(runs.len(), 12);
    for row in runs {
        let r2: f64 = row["r2"].parse().unwrap();
        assert!(r2 > 0.99 && row["outcome"] == "fits" && row["steps"] == "10000", "{row:?}");
    }
    let table = ran.stdout();
    let line = table.lines().find(|line| line.trim_start().starts_with("answer") && line.contains("prediction at 20"));
    let line = line.unwrap_or_else(|| panic!("{table}"));
    let mut here: Vec<f64> = rows(&misfit.csvs("out")[2])
        .iter()
        .filter(|row| row["variant"] == "answer" && row["x"] == "20.0")
        .map(|row| row["prediction"].parse().unwrap())
        .collect();
    here.sort_by(f64::total_cmp);
    let median = (here[2] + here[3]) / 2.0;
    let shown: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(
        shown.contains(&420.0) && shown.iter().any(|shown| (shown / median - 1.0).abs() < 1e-6),
        "{line}: {median}"
    );
}

#[test]
fn the_experiment_has_all_64_combinations_of_its_six_fixes_over_six_seeds() {
    let experiment = Experiment::embedded(&[]).unwrap();
    assert_eq!((experiment.seeds.len(), experiment.fixes.len()), (6, 6));
    let ablation: Vec<_> = experiment.variants.iter().filter(|variant| variant.kind == VariantKind::Ablation).collect();
    let mut switches: Vec<_> = ablation.iter().map(|variant| variant.fixes.clone()).collect();
    switches.sort();
    switches.dedup();
    assert_eq!(switches.len(), 64);
    let answer = experiment.variants.iter().find(|variant| variant.name == "answer").unwrap();
    let lane = common::lane(&answer.config, 0);
    let mut batches = misfit::data::Batches::new(lane.data.clone(), &answer.config.batch, 32, 0);
    let mut batch = || {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        batches.next_into(&mut x, &mut y);
        x
    };
    let first = batch();
    assert_eq!(first.len(), 32);
    assert!((0..100).all(|_| batch() == first), "as posted, the one batch of 32 is repeated");
}
