//! Ten seeds on scikit-learn's data sets and on a table with text and missing values, each from a file of a dozen lines,
//! beside the same networks in PyTorch on the same test rows: tests/agree/pytorch.csv, which `scripts/agree 10 write` made.
#![cfg(feature = "train")]

mod common;

use std::collections::HashMap;

use common::{Misfit, rows};

const DATA: [&str; 7] = ["diabetes", "linnerud", "iris", "breast_cancer", "wine", "digits", "travellers"];

fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// The mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

#[test]
fn means_over_ten_seeds_are_those_of_the_same_networks_in_pytorch() {
    let known = rows(&std::fs::read_to_string("tests/agree/pytorch.csv").expect("PyTorch's figures"));
    for name in DATA {
        let theirs: Vec<_> = known.iter().filter(|row| row["data"] == name).collect();
        let misfit = Misfit::new();
        for file in [format!("{name}.toml"), format!("{name}.csv.gz")] {
            std::fs::copy(format!("tests/agree/{file}"), misfit.folder.path().join(&file)).expect("copied");
        }
        let toml = format!("{name}.toml");
        assert!(misfit.read(&toml).lines().count() <= 16);
        misfit.ok(&["run", &toml, "--out", "out", "--seeds", "10"]);
        let [curves, runs] = ["curves", "runs"].map(|file| rows(&misfit.read(&format!("out/{file}.csv"))));
        assert_eq!([runs.len(), theirs.len()], [10, 10], "{name}");
        let figure = if runs[0]["accuracy"] == "NaN" { "test_rmse" } else { "accuracy" };
        let last = |seed: &str| curves.iter().rfind(|row| row["seed"] == seed).map(|row| number(row, "test_loss"));
        for what in ["test_loss", figure] {
            let of_run = |run: &HashMap<String, String>| match what {
                "test_loss" => last(&run["seed"]).expect("a curve"),
                _ => number(run, what),
            };
            let ours: Vec<f64> = runs.iter().map(of_run).collect();
            let column = if what == "test_loss" { what } else { "figure" };
            let theirs: Vec<f64> = theirs.iter().map(|row| number(row, column)).collect();
            let ((own, own_error), (other, other_error)) = (mean(&ours), mean(&theirs));
            let error = own_error.hypot(other_error);
            assert!((own - other).abs() <= 2.0 * error, "{name}: {what} {own} and {other}, standard error {error}");
            // Both have the same rows for testing, so that of each seed's difference is smaller.
            let (difference, error) = mean(&ours.iter().zip(&theirs).map(|(a, b)| a - b).collect::<Vec<_>>());
            assert!(difference.abs() <= 3.0 * error, "{name}: {what} differs by {difference}, standard error {error}");
        }
    }
}
