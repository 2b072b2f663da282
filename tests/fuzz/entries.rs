//! What bytes from anywhere are fed to: the same for libFuzzer (`scripts/fuzz`) and for the plain test in `tests/fuzz.rs`.
//! Nothing may panic; what is refused is refused with one line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use misfit::compare::print as diff;
use misfit::compare::{Asked, Side, Tolerance, compare};
use misfit::data::csv_file::{CsvFile, Reading, expand};
use misfit::data::table::{Column, Values};
use misfit::data::tensors::TensorFile;
use misfit::experiment::formula::Formula;
use misfit::experiment::{EMBEDDED, Experiment, seeds};
use misfit::report;
use misfit::results::folder::Folder;
use misfit::results::lock::Lock;
use misfit::results::logs::{Axis, Logs};
use misfit::results::manifest::{Circumstances, Manifest};
use misfit::results::read::{self, Trust};
use misfit::results::sums::Sum;

/// What parts the files of an input that is several.
const CUT: &[u8] = b"\n=====\n";

/// An entry and its name, which is that of its corpus too.
pub type Entry = (&'static str, fn(&[u8]));

pub const ENTRIES: [Entry; 9] = [
    ("experiment", experiment),
    ("overrides", overrides),
    ("target_csv", target_csv),
    ("tensors", tensors),
    ("formula", formula),
    ("results_csv", results_csv),
    ("diff", diff_of_two),
    ("report", report_of_files),
    ("logs", logs),
];

/// A line for a person: short, and nothing in it that moves the cursor or the text.
fn refused(line: &str) {
    assert!(!line.chars().any(|c| c.is_control() || "\u{202e}\u{200b}\u{2028}".contains(c)), "{line:?}");
    assert!(line.chars().count() < 4000, "{} characters: {}…", line.chars().count(), &line[..200]);
}

/// What may be done with an experiment that was read.
fn use_experiment(experiment: &Experiment) {
    let runs = experiment.seeds.len() * experiment.variants.len();
    assert!(runs <= 10_000_000 && !experiment.variants.is_empty());
    assert!(Path::new(&experiment.name).components().count() == 1 && experiment.name.len() + "-diagnosis".len() <= 255);
    for variant in experiment.variants.iter().take(1000) {
        assert!(!variant.name.contains(['\n', '\r', '"', ',', '#', '\0']), "{:?}", variant.name);
        misfit::experiment::config::difference(&variant.config, &experiment.baseline);
    }
    experiment.hash(&Default::default(), "fuzz");
}

/// An experiment file.
pub fn experiment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Experiment::parse(text, "x.toml", &[]) {
        Ok(experiment) => use_experiment(&experiment),
        Err(error) => refused(&error.to_string()),
    }
}

/// Settings of a command line, one a line, over the embedded experiment; the first line is what `--seeds` is given too.
pub fn overrides(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(Err(error)) = text.lines().next().map(seeds::on_the_command_line) {
        refused(&error.to_string());
    }
    let overrides: Vec<String> = text.split('\n').map(str::to_owned).collect();
    match Experiment::parse(EMBEDDED.1, EMBEDDED.0, &overrides) {
        Ok(experiment) => use_experiment(&experiment),
        Err(error) => refused(&error.to_string()),
    }
}

/// A CSV that is a target, packed or not: its columns as what each may be read as, and one that it may not have.
pub fn target_csv(data: &[u8]) {
    let path = Path::new("rows.csv");
    let file = match CsvFile::of(data.to_vec(), path) {
        Ok(file) => file,
        Err(error) => return refused(&format!("{error:#}")),
    };
    let output = file.header().last().expect("a header has a name").clone();
    for inputs in [vec!["*"], vec!["*", "-a"], vec!["a"]] {
        let inputs: Vec<String> = inputs.into_iter().map(str::to_owned).collect();
        let names = match expand(file.header(), &inputs, std::slice::from_ref(&output)) {
            Ok(names) => names,
            Err(error) => {
                refused(&error);
                continue;
            }
        };
        for (inputs, of_output) in
            [(Reading::Either, Reading::Number), (Reading::Number, Reading::Text), (Reading::Text, Reading::Either)]
        {
            let mut wanted: Vec<_> = names.iter().map(|name| ("inputs", name.clone(), inputs)).collect();
            wanted.push(("output", output.clone(), of_output));
            match file.table(path, &wanted) {
                Ok(table) => {
                    assert!(table.lines.is_sorted_by(|a, b| a < b) && table.lines[0] > 1, "{:?}", table.lines);
                    assert_eq!(table.columns.len(), wanted.len());
                    table.columns.iter().for_each(|column| sound(column, table.lines.len()));
                }
                Err(error) => refused(&format!("{error:#}")),
            }
        }
    }
}

/// A column of so many rows, as data::table promises it.
fn sound(column: &Column, rows: usize) {
    match &column.values {
        Values::Numbers(values) => {
            assert_eq!(values.len(), rows);
            assert!(!values.iter().any(|value| value.is_infinite()));
        }
        Values::Texts { texts, codes } => {
            assert_eq!(codes.len(), rows);
            let mut used = vec![false; texts.len()];
            codes.iter().flatten().for_each(|&code| used[code as usize] = true);
            assert!(used.iter().all(|&used| used), "{texts:?}");
            let integers: Option<Vec<i128>> = texts.iter().map(|text| text.parse().ok()).collect();
            match integers {
                Some(integers) => assert!(integers.is_sorted(), "{texts:?}"),
                None => assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}"),
            }
            assert!(texts.iter().all(|text| text.trim() == text && !text.is_empty()), "{texts:?}");
        }
    }
}

/// A safetensors file that is a target.
pub fn tensors(data: &[u8]) {
    match TensorFile::of(data, Path::new("a.safetensors")) {
        Ok(file) => {
            for table in std::iter::once(&file.train).chain(&file.test) {
                let rows = match &table.columns[0].values {
                    Values::Numbers(values) => values.len(),
                    Values::Texts { .. } => panic!("inputs are numbers"),
                };
                assert!(rows > 0 && table.columns.len() > 1 && table.lines.is_empty());
                table.columns.iter().for_each(|column| sound(column, rows));
            }
            assert!(file.test.is_none_or(|test| test.columns.len() == file.train.columns.len()));
        }
        Err(error) => refused(&format!("{error:#}")),
    }
}

/// A formula in x.
pub fn formula(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Formula::parse(text) {
        Ok(formula) => {
            for x in [0.0, -1.5, 2.0, 1e300, f64::NAN] {
                assert_eq!(formula.value(x).to_bits(), formula.clone().value(x).to_bits());
            }
            // Parentheses around it change nothing but its depth.
            if let Ok(inside) = Formula::parse(&format!("({text}\n)")) {
                assert_eq!(inside.value(0.75).to_bits(), formula.value(0.75).to_bits());
            }
        }
        Err(error) => refused(&error),
    }
}

/// A folder in memory, where there is one.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).expect("a folder")
}

fn files(data: &[u8]) -> Vec<&[u8]> {
    let mut files = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(CUT.len()).position(|window| window == CUT) {
        files.push(&rest[..at + 1]);
        rest = &rest[at + CUT.len()..];
    }
    files.push(rest);
    files
}

/// Any file of a results folder, through all that reads one. The first byte says which it is.
pub fn results_csv(data: &[u8]) {
    const NAMES: [&str; 8] = [
        "runs.csv",
        "curves.csv",
        "health.csv",
        "predictions.csv",
        "effects.csv",
        "findings.csv",
        "manifest.json",
        "verdicts.csv",
    ];
    let Some((which, contents)) = data.split_first() else { return };
    let folder = folder();
    let path = folder.path();
    let name = NAMES[usize::from(*which) % NAMES.len()];
    fs::write(path.join(name), contents).expect("written");
    match name {
        "runs.csv" => drop(read::runs_with_settings(path)),
        "curves.csv" => {
            let _ = read::curves(path);
            let _ = read::each_curve_point(path, Trust::AsWritten, |key| key.seed != 1, |_, _| {});
        }
        "health.csv" => drop(read::health(path)),
        "predictions.csv" => {
            for trust in [Trust::AsWritten, Trust::Nothing] {
                let _ = read::predictions_at(path, trust, &[("a", 1.0), ("b", 2.5)], &[0, 1]);
            }
            let _ = read::first_test_points(path);
        }
        "effects.csv" => drop(read::effects(path)),
        "findings.csv" => drop(read::findings(path)),
        "verdicts.csv" => drop(read::verdicts(path)),
        _ => {
            if let Ok(Some(manifest)) = Manifest::read(&path.join(name)) {
                manifest.variants.iter().for_each(|variant| drop((variant.settings(), variant.of_ablation())));
            }
        }
    }
    resume(path, name);
}

/// What a run that goes on makes of the folder.
fn resume(path: &Path, name: &str) {
    let text = "name = \"x\"\n[fix.f]\nset = { train.steps = 3 }\n[[variant]]\nname = \"a\"\nfixes = [\"f\"]\n";
    let experiment = Experiment::parse(text, "x.toml", &[]).expect("sound");
    if name == "manifest.json" {
        open(path, &experiment);
        return;
    }
    // Made once: it asks git of the working folder.
    static MANIFEST: OnceLock<Manifest> = OnceLock::new();
    let known = MANIFEST.get_or_init(|| {
        let at = Circumstances { libtorch: String::new(), device: "cpu".to_owned(), threads: 1 };
        let variants = (0..experiment.variants.len()).map(|variant| (variant, None));
        Manifest::new(&experiment, variants, "hash", &Default::default(), at).expect("a manifest")
    });
    // As a file of which nothing is known, and as one that is what the manifest says, whatever it holds.
    for sum in [None, Some(Sum::of(&path.join(name)).expect("it was written"))] {
        let mut manifest = known.clone();
        manifest.sums.files = sum.map(|sum| (name.to_owned(), sum)).into_iter().collect();
        fs::write(path.join("manifest.json"), serde_json::to_string(&manifest).expect("JSON")).expect("written");
        open(path, &experiment);
    }
}

fn open(path: &Path, experiment: &Experiment) {
    let lock = Lock::take(path, "").map(Arc::new);
    if let Ok(folder) = lock.and_then(|lock| Folder::open(lock, experiment, "hash", false, Default::default())) {
        folder.seeds();
    }
}

/// Two CSVs held against each other, either way, and one against itself. The first byte says how.
pub fn diff_of_two(data: &[u8]) {
    let Some((how, contents)) = data.split_first() else { return };
    let files = files(contents);
    let folder = folder();
    let paths = ["a.csv", "b.csv"].map(|name| folder.path().join(name));
    for (path, contents) in paths.iter().zip([files[0], files.get(1).copied().unwrap_or_default()]) {
        fs::write(path, contents).expect("written");
    }
    let side =
        |path: &PathBuf| Side { path: path.clone(), more: Vec::new(), variant: (how & 8 != 0).then(|| "a".to_owned()) };
    let key: &[&str] = match how & 3 {
        0 | 1 => &[],
        2 => &["x"],
        _ => &["variant", "x"],
    };
    let tolerance = if how & 4 != 0 { 0.5 } else { 0.0 };
    let asked = Asked {
        tolerance: Tolerance { rtol: tolerance, atol: tolerance },
        key: key.iter().map(|&name| name.to_owned()).collect(),
        within_noise: how & 16 != 0,
        common: how & 32 != 0,
    };
    for (a, b) in [(0, 1), (1, 0), (0, 0)] {
        let Ok(compared) = compare(&side(&paths[a]), &side(&paths[b]), &asked) else { continue };
        assert!(a != b || !compared.different, "a file differs from itself");
        let _ = (diff::table(&compared, false), diff::markdown(&compared, true), diff::csv(&compared, false));
        let json =
            serde_json::to_string(&diff::only(&compared, false)).expect("all that there is to say can be said in JSON");
        serde_json::from_str::<serde_json::Value>(&json).expect("it is JSON");
    }
}

/// A results folder of files, and the page made of it.
pub fn report_of_files(data: &[u8]) {
    const NAMES: [&str; 8] = [
        "runs.csv",
        "curves.csv",
        "predictions.csv",
        "health.csv",
        "effects.csv",
        "findings.csv",
        "manifest.json",
        "verdicts.csv",
    ];
    let folder = folder();
    for (name, contents) in NAMES.into_iter().zip(files(data)).filter(|(_, contents)| contents.len() > 1) {
        fs::write(folder.path().join(name), contents).expect("written");
    }
    if let Ok(page) = report::page_of(folder.path(), "misfit report x") {
        no_markup_but_ours(&page);
    }
}

/// Refuses elements and attributes that the page's own templates do not have. Shares nothing with what escapes them.
fn no_markup_but_ours(page: &str) {
    let known = "html head meta title style body main script h1 h2 h3 h4 p ul ol li dl dt dd table caption thead tbody tr th td \
        figure figcaption div span strong em b i code pre a details summary section header footer svg g text tspan desc rect \
        circle line path polyline polygon defs clippath small sup sub br hr abbr";
    let known: Vec<&str> = known.split_whitespace().collect();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a page");
    let mut scripts = 0;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let closes = rest.starts_with('/');
        let tag = rest.trim_start_matches('/');
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        assert!(known.contains(&&*name), "<{}", rest.chars().take(60).collect::<String>());
        // To the end of the tag: a quoted value may hold a `>`.
        let mut quoted = false;
        let end = tag.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let end = end.expect("a tag that ends");
        let bare: String = tag[name.len()..end].split('"').step_by(2).collect();
        for attribute in bare.split_whitespace() {
            assert!(!attribute.to_lowercase().starts_with("on") && !attribute.contains('\''), "{attribute} in <{name}");
        }
        rest = &tag[end + 1..];
        // Their contents are no markup.
        if !closes && (name == "script" || name == "style") {
            scripts += usize::from(name == "script");
            let end = rest.find(&format!("</{name}")).expect("an end");
            rest = &rest[end..];
        }
    }
    assert_eq!(scripts, 2, "the page has its marks and its script");
}

/// A log of another program, under each name that says whose it may be.
pub fn logs(data: &[u8]) {
    let folder = folder();
    for name in ["log.csv", "trainer_state.json", "events.out.tfevents.1"] {
        let path = folder.path().join(name);
        fs::write(&path, data).expect("a file in a temporary folder");
        let read = Logs::read(std::slice::from_ref(&path));
        match &read {
            Ok(logs) => {
                logs.notes.iter().for_each(|note| refused(note));
                for axis in [Axis::Step, Axis::Epoch] {
                    logs.csv(axis);
                }
            }
            Err(error) => refused(&format!("{error:#}")),
        }
        fs::remove_file(&path).expect("the file goes");
    }
}
