//! The Python package, by its own tests in tests/python: with pandas 2 and 3, and beside PyTorch, scikit-learn and Keras.
#![cfg(feature = "train")]

mod common;

use std::path::Path;
use std::process::Command;

use common::Ran;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a file of tests/python with the package and the program of this build; none of its tests may be skipped.
fn passes(mut python: Command, file: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    python.current_dir(folder.path()).arg(root().join("tests/python").join(file));
    let ran = Ran(python.output().expect("Python starts"));
    let said = ran.stderr();
    assert!(ran.code() == 0 && said.contains("\nOK"), "{}{said}", ran.stdout());
    common::skip(said.contains("skipped"), said.lines().last().unwrap_or_default());
}

macro_rules! tests {
    ($($name:ident, $python:ident, $file:literal;)*) => { $(
        #[test]
        fn $name() {
            if let Some(python) = common::$python() {
                passes(python, $file);
            }
        }
    )* };
}

tests! {
    the_program_is_found_and_what_it_says_becomes_python, python, "test_program.py";
    a_dict_becomes_an_experiment_file, python, "test_toml.py";
    tables_are_exact_under_pandas_2, python, "test_results.py";
    tables_are_exact_under_pandas_3, python_with_pandas_3, "test_results.py";
    commands_do_what_the_program_does, python, "test_commands.py";
    commands_do_so_under_pandas_3, python_with_pandas_3, "test_commands.py";
    what_pytorch_trains_is_taken_over, python_with_torch, "test_torch.py";
    experiments_are_saved_run_and_said, python_with_torch, "test_experiment.py";
    a_diagnosis_repairs_the_users_model, python_with_torch, "test_repair.py";
    a_loop_is_traced, python_with_torch, "test_trace.py";
    what_scikit_learn_trains_is_taken_over, python_with_torch, "test_sklearn.py";
    what_keras_trains_is_taken_over, python_with_torch, "test_keras.py";
}

#[test]
fn the_package_is_typed_strictly() {
    let Some(mut python) = common::python() else { return };
    let cache = tempfile::tempdir().expect("a folder");
    python.current_dir(root()).env("MYPY_CACHE_DIR", cache.path()).env_remove("PYTHONPATH");
    python.env("PYTHONPATH", root().join(".python")).args(["-m", "mypy", "--strict", "src/python/misfit"]);
    let ran = Ran(python.output().expect("Python starts"));
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout(), ran.stderr());
}

/// The same five cells as results/from_pytorch.ipynb.
#[test]
fn the_marimo_notebook_runs_from_top_to_bottom() {
    let Some(mut python) = common::python_with_torch() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    python.current_dir(folder.path()).arg(root().join("results/from_pytorch.py"));
    let ran = Ran(python.output().expect("Python starts"));
    let said = ran.stdout();
    let repaired = said.lines().find_map(|line| line.strip_prefix("repaired: root mean square error "));
    assert!(ran.code() == 0 && ran.stderr().is_empty(), "{said}{}", ran.stderr());
    assert!(repaired.and_then(|error| error.parse().ok()).is_some_and(|error: f64| error < 1e-3), "{said}");
}
