//! What `misfit diff` says of differences: which matter, what is left out, and names that stay apart.

mod common;

use std::fmt::Write;

use common::{Misfit, rows};

/// A results folder's `runs.csv` and `curves.csv`; `error` is of a variant and a seed.
fn results(misfit: &Misfit, folder: &str, variants: &[&str], seeds: u64, error: impl Fn(&str, u64) -> f64) {
    std::fs::create_dir_all(misfit.folder.path().join(folder)).unwrap();
    let mut runs = "variant,seed,outcome,steps,first_loss,last_loss,test_rmse,r2,accuracy\n".to_owned();
    let mut curves =
        "variant,seed,step,train_loss,test_loss,test_rmse,grad_norm,update_ratio,dead_units,accuracy\n".to_owned();
    for variant in variants {
        for seed in 0..seeds {
            let error = error(variant, seed);
            let _ = writeln!(runs, "{variant},{seed},fits,9,1.0,0.5,{error:?},0.5,NaN");
            for step in [0, 9] {
                let _ = writeln!(curves, "{variant},{seed},{step},1.0,1.0,{error:?},1.0,0.1,0.0,NaN");
            }
        }
    }
    misfit.write(&format!("{folder}/runs.csv"), &runs);
    misfit.write(&format!("{folder}/curves.csv"), &curves);
}

fn diff(misfit: &Misfit, words: &[&str]) -> common::Ran {
    misfit.run(&[&["diff"], words].concat())
}

#[test]
fn with_common_more_seeds_variants_and_files_on_one_side_are_no_difference_and_one_line_names_them() {
    let misfit = Misfit::new();
    results(&misfit, "three", &["v", "w"], 3, |_, seed| seed as f64);
    results(&misfit, "two", &["v"], 2, |_, seed| seed as f64);
    misfit.write("three/health.csv", "variant,seed,grad_first\nv,0,1.0\n");
    // Sums over all of a side's seeds.
    misfit.write("three/effects.csv", "kind,fixes,estimate,low,high,p\nalone,a,1.0,0.5,1.5,0.1\n");
    misfit.write("two/effects.csv", "kind,fixes,estimate,low,high,p\nalone,a,2.0,0.5,1.5,0.1\n");
    assert_eq!(diff(&misfit, &["three", "two"]).code(), 1);
    let ran = diff(&misfit, &["three", "two", "--common"]);
    assert_eq!(ran.code(), 0, "{}", ran.stdout());
    let said = ran.stdout().lines().find(|line| line.starts_with("Left out:")).unwrap().to_owned();
    assert_eq!(
        said,
        "Left out: in A only: variant w, seed 2, health.csv, 12 rows; of all runs of a side: effects.csv."
    );
    // The other way round too, and what both have still counts.
    assert_eq!(diff(&misfit, &["two", "three", "--common"]).code(), 0);
    results(&misfit, "two", &["v"], 2, |_, seed| seed as f64 + 0.5);
    assert_eq!(diff(&misfit, &["three", "two", "--common"]).code(), 1);
    let nothing = diff(&misfit, &["three", "three", "--common"]);
    assert!(!nothing.stdout().contains("Left out"), "{}", nothing.stdout());
}

#[test]
fn how_runs_ended_is_of_the_seeds_that_both_sides_have() {
    let misfit = Misfit::new();
    results(&misfit, "a", &["v"], 3, |_, seed| 1.0 + 10.0 * seed as f64);
    results(&misfit, "b", &["v"], 2, |_, seed| 1.0 + 10.0 * seed as f64);
    let text = diff(&misfit, &["a", "b"]).stdout();
    assert!(text.contains("How the runs ended, of the seeds that both sides have"), "{text}");
    let line = text.lines().find(|line| line.starts_with(" v ")).unwrap();
    // The median of 1 and 11, on both sides.
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["v", "fits", "2/2", "fits", "2/2", "6.000", "6.000", "1.000"]
    );
}

#[test]
fn unchanged_variants_come_last_and_those_left_out_are_said_to_be_unchanged() {
    let misfit = Misfit::new();
    let names: Vec<String> = (0..12).map(|nth| format!("v{nth:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    results(&misfit, "a", &names, 2, |_, seed| 1.0 + seed as f64);
    results(&misfit, "b", &names, 2, |name, seed| 1.0 + seed as f64 + if name == "v10" { 1.0 } else { 0.0 });
    let text = diff(&misfit, &["a", "b"]).stdout();
    let first = text.lines().skip_while(|line| !line.starts_with(" variant")).nth(1).unwrap();
    assert!(first.starts_with(" v10 "), "{text}");
    assert!(text.contains("4 more variants, all unchanged: --format json has all"), "{text}");
}

#[test]
fn the_csv_has_a_verdict_for_each_column_in_the_words_of_the_table() {
    let misfit = Misfit::new();
    let file = |shift: f64, wobble: f64, more: &str| {
        let mut text = format!("variant,seed,same,clear,noisy,word,{more}\n");
        for seed in 0..6 {
            let s = seed as f64;
            let turned = if seed % 2 == 0 { wobble } else { -wobble };
            let _ = writeln!(
                text,
                "v,{seed},1.0,{:?},{:?},{},0",
                s + shift,
                s + turned,
                if shift > 0.0 { "x" } else { "y" }
            );
        }
        text
    };
    misfit.write("a.csv", &file(0.0, 0.0, "old"));
    misfit.write("b.csv", &file(100.0, 0.01, "new"));
    let csv = diff(&misfit, &["a.csv", "b.csv", "--format", "csv"]).stdout();
    let found: Vec<(String, String)> =
        rows(&csv).into_iter().map(|row| (row["column"].clone(), row["verdict"].clone())).collect();
    let wanted = [
        ("", "some only in A, some only in B"),
        ("old", "only in A"),
        ("new", "only in B"),
        ("same", "same"),
        ("clear", "beyond noise"),
        ("noisy", "within noise"),
        ("word", "differs"),
    ];
    assert_eq!(found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>(), wanted);
    let table = diff(&misfit, &["a.csv", "b.csv"]).stdout();
    for (column, verdict) in [("clear", "beyond noise"), ("noisy", "within noise"), ("word", "differs")] {
        assert!(
            table.lines().any(|line| line.starts_with(&format!(" {column} ")) && line.contains(verdict)),
            "{table}"
        );
    }
    assert!(
        table.contains("Beyond noise: clear (a.csv).") && table.contains("Within noise: noisy (a.csv)."),
        "{table}"
    );
    let csv = diff(&misfit, &["a.csv", "b.csv", "--format", "csv", "--rtol", "1000"]).stdout();
    assert!(rows(&csv).iter().any(|row| row["column"] == "noisy" && row["verdict"] == "within tolerance"), "{csv}");
}

#[test]
fn of_many_points_the_one_with_the_largest_multiple_is_said_to_be_chosen_and_what_chance_reaches() {
    let misfit = Misfit::new();
    let file = |far: f64| {
        let mut text = "variant,seed,x,prediction\n".to_owned();
        for seed in 0..3_u32 {
            for x in 0..400_u32 {
                // A spread that differs from point to point, with no pattern.
                let noise = f64::from((seed * 7919 + x * 104_729 + (far * 31.0) as u32 * (seed + 1)) % 1000) / 1000.0;
                let _ = writeln!(text, "v,{seed},{x},{noise:?}");
            }
        }
        text
    };
    misfit.write("a.csv", &file(0.0));
    misfit.write("b.csv", &file(1.0));
    let text = diff(&misfit, &["a.csv", "b.csv"]).stdout();
    let line = text.lines().find(|line| line.contains("within noise") && line.contains("of 400")).unwrap();
    assert!(line.contains("the largest of 400 points: chance alone reaches +"), "{line}");
}

#[test]
fn no_two_names_are_cut_to_the_same_text() {
    let misfit = Misfit::new();
    let long =
        |middle: &str| format!("linear-output+scaled-input+{middle}+fresh-batches+long-training+matched-pairing");
    let names: Vec<String> = ["wide", "deep", "adam"].iter().map(|middle| long(middle)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    results(&misfit, "a", &names, 3, |_, seed| 1.0 + seed as f64);
    results(&misfit, "b", &names, 3, |_, seed| 2.0 + seed as f64);
    let text = diff(&misfit, &["a", "b"]).stdout();
    let section = text.split("How the runs ended").nth(1).unwrap().split("runs.csv").next().unwrap();
    for middle in ["wide", "deep", "adam"] {
        assert!(section.contains(middle), "{section}");
    }
}
