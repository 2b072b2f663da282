//! The committed reference results can be made again. The tolerances are stated in `results/README.md`.
#![cfg(feature = "train")]

mod common;

use common::{Misfit, rows};

#[test]
fn the_reference_results_are_made_again_within_their_stated_tolerance() {
    made_again("reference", &["question", "answer", "answer-intended", "repaired"], &["--engine", "fused"], 1000);
    made_again("reference-rate", &["question", "answer"], &["optimizer.learning_rate=3e-3", "--engine", "fused"], 1000);
}

/// As the embedded experiment has its named variants.
#[test]
fn libtorch_itself_comes_to_the_reference_results() {
    made_again("reference", &["question", "answer", "answer-intended", "repaired"], &[], 250);
}

/// `steps`: so long are the curves the same.
fn made_again(name: &str, variants: &[&str], settings: &[&str], steps: usize) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name);
    let reference = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the committed file");
    let size: u64 = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 2_000_000, "{size} bytes");
    let misfit = Misfit::new();
    let named: Vec<&str> = variants.iter().flat_map(|name| ["--variant", name]).collect();
    misfit.ok(&[&["run", "--seeds", "3", "--out", "out"][..], &named, settings].concat());
    let [curves, runs, predictions] = misfit.csvs("out");
    let near = |a: &str, b: &str, tolerance: f64| {
        let (a, b): (f64, f64) = (a.parse().unwrap(), b.parse().unwrap());
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs()
    };
    let (ours, theirs) = (rows(&runs), rows(&reference("runs.csv")));
    assert_eq!([ours.len(), theirs.len()], [3 * variants.len(); 2]);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for key in ["variant", "seed", "outcome", "steps"] {
            assert_eq!(ours[key], theirs[key]);
        }
        assert!(near(&ours["first_loss"], &theirs["first_loss"], 1e-6), "{ours:?} {theirs:?}");
        assert!(near(&ours["r2"], &theirs["r2"], 1e-3), "{ours:?} {theirs:?}");
    }
    let (ours, theirs) = (rows(&curves), rows(&reference("curves.csv")));
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(
            [&ours["variant"], &ours["seed"], &ours["step"]],
            [&theirs["variant"], &theirs["seed"], &theirs["step"]]
        );
        let question = ours["variant"] == "question";
        if question || ours["step"].parse::<usize>().unwrap() <= steps {
            let tolerance = if question { 1e-6 } else { 1e-3 };
            for column in ["train_loss", "test_loss", "test_rmse", "grad_norm", "update_ratio", "dead_units"] {
                assert!(near(&ours[column], &theirs[column], tolerance), "{column}: {ours:?} {theirs:?}");
            }
        }
    }
    let (ours, theirs) = (rows(&predictions), rows(&reference("predictions.csv")));
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for key in ["variant", "seed", "x", "target"] {
            assert_eq!(ours[key], theirs[key]);
        }
        let (a, b): (f64, f64) = (ours["prediction"].parse().unwrap(), theirs["prediction"].parse().unwrap());
        // In units of the target, whose range is a million.
        assert!((a - b).abs() <= if ours["variant"] == "question" { 0.0 } else { 10_000.0 }, "{ours:?} {theirs:?}");
    }
}
