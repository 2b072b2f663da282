//! Every command in the README, and in the pages that it hands a reader on to, runs as it stands there.
#![cfg(feature = "train")]

mod common;

use std::path::Path;
use std::process::Command;

use common::Misfit;

/// The pages whose commands run, one after the other in one folder. A page uses what those before it have made.
const PAGES: [&str; 7] = [
    include_str!("../README.md"),
    include_str!("../docs/results.md"),
    include_str!("../docs/comparing.md"),
    include_str!("../docs/classes.md"),
    include_str!("../docs/frameworks.md"),
    include_str!("../docs/scale.md"),
    include_str!("../docs/install.md"),
];
/// Commands with the first line of what they print, by which its block is found.
const SHOWN: [(&str, &str); 4] = [
    ("scripts/run", "A ReLU network asked to fit x² + x on 1…1000"),
    ("target/release/misfit diagnose", "A ReLU network asked to fit x² + x on 1…1000: why does it not fit?"),
    ("target/release/misfit run experiments/classes.toml", "Two classes through a softmax over one unit"),
    ("target/release/misfit run experiments/two-frameworks.toml", "The same network in PyTorch and in Keras"),
];
/// Measurements of minutes and gigabytes.
const NOT_RUN: [&str; 2] = ["scripts/bench-merge", "RUNS=10000 TASKS=1000 scripts/bench-merge"];
/// As many as the README had when it held all of them.
const COMMANDS: usize = 23;

/// The fenced blocks of one language, page by page in order.
fn blocks(language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    for page in PAGES {
        let mut open: Option<(bool, String)> = None;
        for line in page.lines() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(named)) => open = Some((named == language, String::new())),
                (Some(_), Some("")) => blocks.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, block)| block)),
                (Some((_, block)), _) => {
                    block.push_str(line);
                    block.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "a block does not end: {open:?}");
    }
    blocks
}

/// The output that the pages show for a command.
fn shown_for(command: &str) -> Option<String> {
    let (_, first) = SHOWN.iter().find(|(shown, _)| *shown == command)?;
    let mut found = blocks("text").into_iter().filter(|block| block.lines().next() == Some(first));
    let block = found.next().unwrap_or_else(|| panic!("no page shows what {command} prints"));
    assert!(found.next().is_none(), "two blocks begin with {first:?}");
    Some(block)
}

/// Whether a line of a page shows a printed one. They must be equal, but for the figures of variants that libtorch
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
fn every_output_of_a_run_that_the_pages_show_is_that_of_a_command() {
    let commands = commands();
    for block in
        blocks("text").iter().filter(|block| block.lines().last().is_some_and(|line| line.contains(" runs in ")))
    {
        let first = block.lines().next().unwrap_or_default();
        let shown = SHOWN.iter().find(|(_, begins)| *begins == first);
        let (command, _) = shown.unwrap_or_else(|| panic!("no command of SHOWN prints {first:?}"));
        assert!(commands.iter().any(|run| run == command), "{command} is on no page");
    }
}

/// Those of all pages that are run.
fn commands() -> Vec<String> {
    let lines = blocks("sh").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|command| !NOT_RUN.contains(&command.as_str())).collect()
}

#[test]
fn every_command_of_the_readme_and_of_the_pages_after_it_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let misfit = Misfit::new();
    let tomls = blocks("toml");
    let mine = tomls.first().expect("an experiment in the README");
    assert!(PAGES[0].contains(mine.as_str()), "the first experiment is the README's");
    misfit.write("cubic.toml", mine);
    std::fs::create_dir(misfit.folder.path().join("experiments")).unwrap();
    for file in
        ["classes.toml", "moons.csv", "penguins.toml", "penguins.csv", "two-frameworks.toml", "two-frameworks.csv"]
    {
        let from = root.join("experiments").join(file);
        std::fs::copy(from, misfit.folder.path().join("experiments").join(file)).unwrap();
    }
    let commands = commands();
    assert!(commands.len() >= COMMANDS, "{commands:?}");
    for (command, _) in SHOWN {
        assert!(commands.iter().any(|run| run == command), "{command} is on no page");
    }
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
        if let Some(shown) = shown_for(command) {
            let table = String::from_utf8_lossy(&out.stdout).into_owned();
            let figures = |text: &str| {
                text.lines().filter(|line| !line.contains(" runs in ")).map(str::to_owned).collect::<Vec<_>>()
            };
            // Without AVX2 the last digits of the fused engine differ.
            if std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|processor| processor.contains(" avx2 ")) {
                let (shown, printed) = (figures(&shown), figures(&table));
                assert_eq!(shown.len(), printed.len(), "{command}: a page shows what is printed");
                for (shown, printed) in shown.iter().zip(&printed) {
                    assert!(shows(shown, printed), "a page shows\n{shown}\nand this is printed\n{printed}");
                }
            }
        }
    }
    let run = |mut python: Command, code: &str| {
        let out = python.current_dir(misfit.folder.path()).args(["-c", code]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    let (live, tables): (Vec<String>, Vec<String>) =
        blocks("python").into_iter().partition(|code| code.contains("failing"));
    assert_eq!(live.len(), 2);
    if let Some(python) = common::python_with_torch() {
        run(python, &format!("{FAILING}{}", live.concat()));
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
