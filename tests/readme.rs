//! Every command in the README runs as it stands there.
#![cfg(feature = "train")]

mod common;

use std::path::Path;
use std::process::Command;

use common::Misfit;

/// The README's fenced blocks of one language, in order.
fn blocks(language: &str) -> Vec<String> {
    let readme = include_str!("../README.md");
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in readme.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(named)) => {
                open = (named == language || named.is_empty()).then(String::new).or_else(|| Some("\0".to_owned()))
            }
            (Some(_), Some("")) => blocks.extend(open.take().filter(|block| !block.starts_with('\0'))),
            (Some(block), _) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Whether a line of the README shows a printed one. They must be equal, but for the figures of variants that libtorch
/// computes, or the sigmoids of which it does: its last digits depend on the processor, and 10 000 steps let them grow.
fn shows(shown: &str, printed: &str) -> bool {
    let by_libtorch = ["answer", "answer-intended", "repaired", "other-answer"];
    let first = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    if shown == printed || !by_libtorch.contains(&first(shown).as_str()) {
        return shown == printed;
    }
    let word = |word: &str| word.trim_matches(['(', ')']).parse::<f64>().map_err(|_| word.to_owned());
    let chart = |word: &str| word.chars().all(|c| ('▁'..='█').contains(&c));
    let words = |line: &str| -> Vec<_> { line.split_whitespace().filter(|text| !chart(text)).map(word).collect() };
    let (shown, printed) = (words(shown), words(printed));
    shown.len() == printed.len()
        && shown.iter().zip(&printed).all(|pair| match pair {
            // An error over the seeds, within a factor of two; at 20, where the target is 420, within the errors' size.
            (Ok(a), Ok(b)) => (a / b).max(b / a) < 2.0 || (a - b).abs() < 2000.0,
            (Err(a), Err(b)) => a == b,
            // The best step, where the last digits say whether that is the last one.
            (Ok(_), Err(word)) | (Err(word), Ok(_)) => word == "last",
        })
}

#[test]
fn lines_of_libtorchs_variants_are_shown_by_near_figures_and_all_others_by_equal_ones() {
    let line = " repaired  fits 6/6  100.7  94.12 … 134.0  1.00000  █▂▂▁";
    assert!(shows(line, " repaired  fits 6/6  100.4  92.73 … 138.7  1.00000  █▂▁▁"));
    assert!(!shows(line, " repaired  line 6/6  100.7  94.12 … 134.0  1.00000  █▂▂▁"));
    assert!(!shows(" question  fits 6/6  100.7", " question  fits 6/6  100.8"));
    assert!(!shows(" answer  fits 6/6  1e4", " answer  fits 6/6  3e4"));
}

#[test]
fn every_command_of_the_readme_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let misfit = Misfit::new();
    let [mine] = &blocks("toml")[..] else { panic!("one experiment in the README") };
    misfit.write("cubic.toml", mine);
    std::fs::create_dir(misfit.folder.path().join("experiments")).unwrap();
    for file in
        ["classes.toml", "moons.csv", "penguins.toml", "penguins.csv", "two-frameworks.toml", "two-frameworks.csv"]
    {
        let from = root.join("experiments").join(file);
        std::fs::copy(from, misfit.folder.path().join("experiments").join(file)).unwrap();
    }
    let commands: Vec<String> =
        blocks("sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in &commands {
        // This test is run by that one, and by .ci/run.
        if command == "scripts/test" {
            assert!(std::fs::read_to_string(root.join(".ci/run")).unwrap().contains("\nscripts/test\n"));
            continue;
        }
        let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let mut folder = misfit.folder.path();
        if words[0] == "target/release/misfit" {
            words[0] = env!("CARGO_BIN_EXE_misfit").to_owned();
        } else if words[0].starts_with("scripts/") {
            words[0] = root.join(&words[0]).display().to_string();
        } else {
            folder = root;
        }
        let out = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(folder)
            .output()
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        // The copy is changed as the text says, so the comparison finds a difference.
        let code = if words[1..].first().is_some_and(|word| word == "diff") { 1 } else { 0 };
        assert_eq!(out.status.code(), Some(code), "{command}: {}", String::from_utf8_lossy(&out.stderr));
        if command == "target/release/misfit init mine.toml" {
            let copy = misfit.read("mine.toml");
            let changed = copy.replacen("learning_rate = 1e-3", "learning_rate = 3e-3", 1);
            assert_ne!(copy, changed);
            misfit.write("mine.toml", &changed);
        }
        let [run, diagnosis, classes, frameworks, _] = &blocks("text")[..] else {
            panic!("four outputs in the README, and a line for clusters")
        };
        let shown = match command.as_str() {
            "scripts/run" => Some(run),
            "target/release/misfit diagnose" => Some(diagnosis),
            "target/release/misfit run experiments/classes.toml" => Some(classes),
            "target/release/misfit run experiments/two-frameworks.toml" => Some(frameworks),
            _ => None,
        };
        if let Some(shown) = shown {
            let table = String::from_utf8_lossy(&out.stdout).into_owned();
            let figures = |text: &str| {
                text.lines().filter(|line| !line.contains(" runs in ")).map(str::to_owned).collect::<Vec<_>>()
            };
            // Without AVX2 the last digits of the fused engine differ.
            if std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|processor| processor.contains(" avx2 ")) {
                let (shown, printed) = (figures(shown), figures(&table));
                assert_eq!(shown.len(), printed.len(), "the README shows what is printed");
                for (shown, printed) in shown.iter().zip(&printed) {
                    assert!(shows(shown, printed), "the README shows\n{shown}\nand this is printed\n{printed}");
                }
            }
        }
    }
    let run = |mut python: Command, code: &str| {
        let out = python.current_dir(misfit.folder.path()).args(["-c", code]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    let (live, tables): (Vec<String>, Vec<String>) =
        blocks("python").into_iter().partition(|code| code.contains("misfit.experiment"));
    assert_eq!(live.len(), 1);
    if let Some(python) = common::python_with_torch() {
        run(python, &format!("{FAILING}{}", live[0]));
    }
    let Some(python) = common::python() else { return };
    let code = tables.join("\n");
    assert!(code.contains("pandas") && code.contains("polars"));
    run(python, &code);
}

/// What stands in a notebook before the README's three lines.
const FAILING: &str = "
import torch
torch.manual_seed(0)
X = torch.rand(64, 3)
y = X.sum(1, keepdim=True)
model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
loss = torch.nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
";

#[test]
fn the_documented_experiment_keys_are_those_that_are_read() {
    let documented = include_str!("../docs/experiments.md");
    let experiment = misfit::experiment::Experiment::parse("", "x.toml", &[]).unwrap();
    for (key, value) in misfit::experiment::config::flatten(&experiment.baseline) {
        let row = documented.lines().find(|line| line.starts_with("| `") && line.contains(&format!("`{key}`")));
        let row = row.or_else(|| {
            documented
                .lines()
                .find(|line| key.split('.').nth(1).is_some_and(|short| line.contains(&format!("`.{short}`"))))
        });
        let row = row.unwrap_or_else(|| panic!("{key} is not documented"));
        let number = |text: &str| text.parse::<f64>().ok();
        let default = row.split('|').nth(2).unwrap_or_default();
        let shown = default
            .split('`')
            .skip(1)
            .step_by(2)
            .any(|shown| shown == value || (number(shown).is_some() && number(shown) == number(&value)));
        let form = value.contains('{') || value.contains('[') || key == "data.test";
        assert!(shown || form, "{key}: {value} is the default, the document says {default}");
    }
}
