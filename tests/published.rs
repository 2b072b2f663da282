//! The published programs: each is in the index, is stated as a file that reads, and of a part of them it is run how they fail as
//! asked and what the accepted fix makes of them. `scripts/published` runs all, and writes docs/published.md.

mod common;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use common::rows;
use misfit::experiment::Experiment;

type Row = HashMap<String, String>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/published")
}

fn index() -> Vec<Row> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let index = files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("index-")));
    index.flat_map(|path| rows(&std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_program_is_in_the_index_once_and_is_stated_or_it_is_said_why_not() {
    let index = index();
    let mut ids: Vec<&str> = index.iter().map(|row| row["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), index.len()), (118, 118));
    let mut files: Vec<PathBuf> = Vec::new();
    for row in &index {
        let id = &row["id"];
        match row["stated"].as_str() {
            "no" => assert!(row["file"].is_empty() && !row["why"].is_empty(), "{id}"),
            stated => {
                assert_eq!(stated == "exact", row["substitution"].is_empty(), "{id}: what is substituted");
                files.push(folder().join(&row["file"]).canonicalize().unwrap_or_else(|error| panic!("{id}: {error}")));
            }
        }
    }
    let stated = |rows: &mut dyn Iterator<Item = &Row>| {
        let all: Vec<&Row> = rows.collect();
        (all.iter().filter(|row| row["stated"] != "no").count(), all.len())
    };
    assert!(stated(&mut index.iter()).0 >= 70);
    let (stated, dense) = stated(&mut index.iter().filter(|row| row["needs"].is_empty()));
    assert!(10 * stated >= 9 * dense, "{stated} of {dense} that need no convolution, recurrence or embedding");
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path().canonicalize().unwrap();
        assert!(
            path.extension().is_none_or(|e| e != "toml") || files.contains(&path),
            "{}: in no index",
            path.display()
        );
    }
}

#[test]
fn every_stated_program_reads_and_has_the_program_as_asked_and_the_accepted_fix() {
    for row in index().iter().filter(|row| row["stated"] != "no") {
        let file = folder().join(&row["file"]);
        let experiment = Experiment::load(&file, &[]).unwrap_or_else(|error| panic!("{error:#}"));
        let fixes = |variant: &str| -> Vec<String> {
            let variant = experiment.variants.iter().find(|known| known.name == variant);
            let variant = variant.unwrap_or_else(|| panic!("{}: a variant is missing", file.display()));
            let on = experiment.fixes.iter().zip(&variant.fixes).filter(|(_, on)| **on);
            on.map(|(fix, _)| fix.name.clone()).collect()
        };
        assert!(fixes("asked").is_empty(), "{}", file.display());
        let mut accepted: Vec<String> =
            row["accepted"].split(" + ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let mut given = fixes("accepted");
        accepted.sort();
        given.sort();
        assert_eq!(given, accepted, "{}: the accepted fixes", file.display());
        let text = std::fs::read_to_string(&file).unwrap();
        // Those of the gallery have heads of their own.
        let told = text.contains("http") && text.contains("Left out, changed");
        assert!(text.starts_with('#') && (told || row["file"].starts_with("..")), "{}: its source", file.display());
    }
}

/// A part of them: how the program ends as asked on every seed, and how it ends with the accepted fix on most.
#[cfg(feature = "train")]
const CASES: [(&str, &str, &str); 22] = [
    // A softmax over one unit, by three losses.
    ("66407123", "constant", "fits"),
    ("58055105", "constant", "fits"),
    ("42800203", "constant", "fits"),
    ("47704695", "constant", "fits"),
    // Cross-entropy over one unit, which is 0 whatever it is.
    ("68751439", "constant", "fits"),
    ("70650848", "constant", "fits"),
    // Outputs that are no probabilities.
    ("68101077", "constant", "fits"),
    ("UMLAUT-eval-A", "constant", "fits"),
    ("53700537", "diverged", "line"),
    // Labels that do not fit the loss.
    ("62055783", "constant", "fits"),
    ("62068109", "constant", "fits"),
    ("66235657", "constant", "fits"),
    ("59325381", "constant", "fits"),
    // Rates and sums.
    ("33641799", "diverged", "fits"),
    ("46577203", "diverged", "fits"),
    ("48385830", "diverged", "fits"),
    // Raw inputs, an output that cannot reach its targets, validation by the last rows.
    ("44066044", "constant", "fits"),
    ("59758722", "line", "fits"),
    ("52566823", "constant", "line"),
    ("56103207", "line", "fits"),
    // What is said to fail, and does not.
    ("41823068", "fits", "fits"),
    ("67529687", "fits", "fits"),
];

#[cfg(feature = "train")]
#[test]
fn a_part_of_them_fails_as_docs_published_says_and_ends_so_with_the_accepted_fix() {
    let files: HashMap<String, String> =
        index().into_iter().map(|row| (row["id"].clone(), row["file"].clone())).collect();
    for (id, asked, accepted) in CASES {
        let misfit = common::Misfit::new();
        let file = folder().join(&files[id]).display().to_string();
        misfit.ok(&["run", &file, "--variant", "asked", "--variant", "accepted", "--out", "out"]);
        let runs = rows(&misfit.read("out/runs.csv"));
        let ended = |variant: &str| -> Vec<&str> {
            runs.iter().filter(|row| row["variant"] == variant).map(|row| row["outcome"].as_str()).collect()
        };
        let count = |variant: &str, outcome: &str| ended(variant).iter().filter(|ended| **ended == outcome).count();
        assert_eq!(count("asked", asked), ended("asked").len(), "{id} as asked: {:?}", ended("asked"));
        assert!(2 * count("accepted", accepted) > ended("accepted").len(), "{id}, accepted: {:?}", ended("accepted"));
    }
}

#[cfg(feature = "train")]
#[test]
fn the_page_is_made_of_the_index() {
    let page = std::fs::read_to_string(folder().join("../../docs/published.md")).unwrap();
    let index = index();
    for row in index.iter().filter(|row| row["stated"] != "no") {
        let stem = Path::new(&row["file"]).file_stem().unwrap().to_string_lossy().into_owned();
        assert!(page.contains(&format!("[{stem}](")), "{stem}: run scripts/published");
    }
    let stated = index.iter().filter(|row| row["stated"] != "no").count();
    assert!(page.contains(&format!("{stated} of 118 are stated")));
}
