//! `misfit export`: polars reads the Parquet, TensorBoard's own reader the event files, and both find what the CSVs hold.

mod common;

use std::path::Path;

use common::{Misfit, python, python_with_tensorboard, rows};
use serde_json::Value;

fn reference() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference").display().to_string()
}

#[test]
fn parquet_holds_every_cell_of_the_csvs_to_the_last_bit() {
    let misfit = Misfit::new();
    // Many columns, more than one byte says; names that are numbers; numbers that no decimal of few digits is.
    let wide: Vec<String> = (0..40).map(|nth| format!("fix-{nth}")).collect();
    std::fs::create_dir(misfit.folder.path().join("made")).unwrap();
    let mut text = format!("variant,seed,outcome,test_rmse,kinks,{}\n", wide.join(","));
    for (nth, value) in ["0.1", "NaN", "inf", "-inf", "5e-324", "1.7976931348623157e308", ""].into_iter().enumerate() {
        let on: Vec<String> = (0..40).map(|fix| ((fix + nth) % 2).to_string()).collect();
        text += &format!("{nth},{},fits,{value},\"1.5 2,5 ü\",{}\n", u64::from(u32::MAX) + nth as u64, on.join(","));
    }
    misfit.write("made/runs.csv", &text);
    let reference = reference();
    misfit.ok(&["export", &reference, "--to", "parquet", "--out", "reference"]);
    misfit.ok(&["export", "made", "--to", "parquet"]);
    let Some(mut python) = python() else { return };
    let code = r#"
import sys, glob, os
import polars as pl
count = 0
for folder, parquet in ((sys.argv[1], "reference"), ("made", "made/parquet")):
    for path in glob.glob(f"{parquet}/*.parquet"):
        ours = pl.read_parquet(path)
        csv = os.path.join(folder, os.path.basename(path).replace(".parquet", ".csv"))
        texts = {name: pl.String for name in ("variant", "outcome", "engine", "kind", "kinks", "predicted_shares", "class_shares")}
        header = pl.read_csv(csv, n_rows=0).columns
        theirs = pl.read_csv(csv, schema_overrides={k: v for k, v in texts.items() if k in header}, infer_schema_length=None)
        floats = [name for name, kind in theirs.schema.items() if kind == pl.Float64]
        theirs = theirs.with_columns(pl.col(floats).fill_null(float("nan")), *(pl.col(name).fill_null("") for name in texts if name in header))
        assert ours.schema == theirs.schema, (path, ours.schema, theirs.schema)
        assert ours.equals(theirs), path
        count += ours.height
print(count)
"#;
    let out = python.args(["-c", code, &reference]).current_dir(misfit.folder.path()).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let count: usize = String::from_utf8_lossy(&out.stdout).trim().parse().unwrap();
    let lines = |path: String| std::fs::read_to_string(path).unwrap().lines().count() - 1;
    let files = ["runs", "curves", "predictions", "health"].map(|name| lines(format!("{reference}/{name}.csv")));
    assert_eq!(count, files.iter().sum::<usize>() + 7);
}

#[test]
fn tensorboard_reads_each_runs_curves_from_the_event_files() {
    let misfit = Misfit::new();
    let reference = reference();
    misfit.ok(&["export", &reference, "--to", "tensorboard", "--out", "tb"]);
    let curves = rows(&std::fs::read_to_string(format!("{reference}/curves.csv")).unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs.py");
    for (variant, seed) in [("question", "1"), ("answer", "2")] {
        let Some(mut python) = python_with_tensorboard() else { return };
        let run = format!("tb/{variant}/seed-{seed}");
        let out = python.arg(&script).args(["read", &run]).current_dir(misfit.folder.path()).output().expect("Python");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let read: Value = serde_json::from_slice(&out.stdout).expect("JSON");
        assert!(read.get("accuracy").is_none(), "what a regression has not is not written");
        let own: Vec<_> = curves.iter().filter(|row| row["variant"] == variant && row["seed"] == seed).collect();
        assert_eq!(read["test_rmse"].as_object().unwrap().len(), own.len());
        for row in own {
            for column in ["train_loss", "test_rmse", "dead_units"] {
                let wanted = row[column].parse::<f64>().unwrap() as f32;
                assert_eq!(read[column][&row["step"]].as_f64().unwrap() as f32, wanted, "{column} at {}", row["step"]);
            }
        }
    }
    // And misfit itself.
    let ran = misfit.run(&["diff", "tb/answer", "tb/answer"]);
    assert_eq!(ran.code(), 0);
    assert!(ran.stdout().starts_with("A  tb/answer (3 runs)"), "{}", ran.stdout());
}

#[test]
fn variants_whose_names_would_be_one_folder_have_two() {
    let misfit = Misfit::new();
    std::fs::create_dir(misfit.folder.path().join("r")).unwrap();
    misfit.write("r/runs.csv", "variant,seed\n");
    misfit.write("r/curves.csv", "variant,seed,step,loss\na/b,0,0,1.0\na?b,0,0,2.0\n..,0,0,3.0\n");
    misfit.ok(&["export", "r", "--to", "tensorboard"]);
    for folder in ["a_b", "a_b 2", "variant"] {
        assert!(misfit.has(&format!("r/tensorboard/{folder}/seed-0/events.out.tfevents.0.misfit")), "{folder}");
    }
    let ran = misfit.run(&["export", "nowhere", "--to", "parquet"]);
    assert_eq!(ran.code(), 2);
    assert!(ran.stderr().starts_with("misfit: nowhere: there is no such results folder"), "{}", ran.stderr());
}
