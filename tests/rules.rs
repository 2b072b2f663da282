//! docs/rules.md has a section for every rule that a diagnosis can find, with an experiment on which it fires and one that looks
//! much the same and on which it is silent. Both are tried here.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::Misfit;
use misfit::data::{Files, RunData};
use misfit::diagnose::rules::before::Setup;
use misfit::diagnose::rules::{Certainty, Finding};
use misfit::experiment::Experiment;
use misfit::run::baselines::BaselineCache;

const PAGE: &str = include_str!("../docs/rules.md");

/// What a section must have, said with every fault of one.
const FORM: &str = "\
A section of docs/rules.md is, in this order and with an empty line between its parts:
  ## the-rule's-name
  one to three sentences
  five lines: `- When: …`, `- Sure: …` (begins with certain, likely or possible), `- Fix: …` (the patch in backticks, or
  \"none of its own\"), `- Source: …` (has the source that the code gives), `- Near miss: …`
  where the experiments need rows of their own, ```csv NAME.csv, at most 25 lines, ```
  Fires:
  ```toml, a whole experiment, ```
  Does not fire:
  ```toml, the near miss, ```
It stands under `# Rules of the set-up`, `# Rules on measured runs` or `# Rules of what was tried`. Its experiments may name the
CSVs in experiments/ and experiments/published/ without their folder.";

const GROUPS: [&str; 3] = ["Rules of the set-up", "Rules on measured runs", "Rules of what was tried"];
const POINTS: [&str; 5] = ["When", "Sure", "Fix", "Source", "Near miss"];

#[derive(Debug, Default)]
struct Section {
    name: String,
    /// The place of its group in [`GROUPS`].
    group: usize,
    /// By what stands before the colon.
    points: BTreeMap<String, String>,
    /// What it has of rows, by their file's name.
    files: Vec<(String, String)>,
    fires: String,
    silent: String,
}

impl Section {
    fn read(name: &str, group: usize, text: &str) -> Result<Section, String> {
        let mut section = Section { name: name.to_owned(), group, ..Section::default() };
        let mut parts = blocks(text)?.into_iter().peekable();
        let words = parts.next().unwrap_or_default().replace('\n', " ");
        let sentences = words.matches(". ").count() + usize::from(words.ends_with('.'));
        if !(1..=3).contains(&sentences) || !words.ends_with('.') {
            return Err(format!("begins with {sentences} sentences instead of one to three: {words:?}"));
        }
        let points = parts.next().unwrap_or_default();
        for (nth, point) in POINTS.into_iter().enumerate() {
            let line = points.lines().nth(nth).unwrap_or_default();
            let says = line.strip_prefix(&format!("- {point}: ")).unwrap_or_default();
            if says.is_empty() {
                return Err(format!("line {} of its points is {line:?} instead of `- {point}: …`", nth + 1));
            }
            section.points.insert(point.to_owned(), says.to_owned());
        }
        if let Some(more) = points.lines().nth(POINTS.len()) {
            return Err(format!("{more:?} stands after its points"));
        }
        if !["certain", "likely", "possible"].iter().any(|word| section.points["Sure"].starts_with(word)) {
            return Err(format!("`- Sure: {}`", section.points["Sure"]));
        }
        if !section.points["Fix"].contains('`') && section.points["Fix"] != "none of its own" {
            return Err(format!("`- Fix: {}` has no patch in backticks", section.points["Fix"]));
        }
        while let Some(file) = parts.next_if(|part| part.starts_with("```csv ")) {
            let (first, rows) = fenced(&file);
            if rows.lines().count() > 25 {
                return Err(format!("{first:?} has more than 25 lines"));
            }
            section.files.push((first.trim_start_matches("csv ").to_owned(), rows));
        }
        for (title, experiment) in [("Fires:", &mut section.fires), ("Does not fire:", &mut section.silent)] {
            let found = parts.next().unwrap_or_default();
            if found != title {
                return Err(format!("has {found:?} where {title:?} should be"));
            }
            match fenced(&parts.next().unwrap_or_default()) {
                (language, text) if language == "toml" && !text.is_empty() => *experiment = text,
                (language, _) => return Err(format!("has no ```toml block after {title:?}, but {language:?}")),
            }
        }
        match parts.next() {
            Some(more) => Err(format!("has more after its experiments: {more:?}")),
            None => Ok(section),
        }
    }

    /// A folder with an experiment of this section, `case.toml`, and the rows that it names.
    fn folder(&self, experiment: &str) -> Misfit {
        let misfit = Misfit::new();
        misfit.write("case.toml", experiment);
        for (name, rows) in &self.files {
            misfit.write(name, rows);
        }
        for name in experiment.split("csv = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if misfit.has(name) {
                continue;
            }
            let places = ["experiments", "experiments/published"].map(|folder| root().join(folder).join(name));
            let there = places.iter().find(|place| place.is_file());
            let there = there.unwrap_or_else(|| panic!("{}: names {name:?}, which is nowhere. {FORM}", self.name));
            std::fs::copy(there, misfit.folder.path().join(name)).expect("copied");
        }
        misfit
    }

    /// What the rules of the set-up find in an experiment of this section.
    fn findings(&self, experiment: &str) -> Vec<Finding> {
        let misfit = self.folder(experiment);
        let found = || -> anyhow::Result<Vec<Finding>> {
            let experiment = Experiment::load(&misfit.folder.path().join("case.toml"), &[])?;
            let config = &experiment.baseline;
            let files = Files::read(std::iter::once(config))?;
            let data = RunData::new(config, experiment.seeds[0], &files)?;
            let baselines = BaselineCache::default().of(&data, config);
            Ok(Setup::new(config, &data, experiment.goal, baselines).findings()?)
        };
        found().unwrap_or_else(|error| panic!("{}: {error:#}\n{experiment}", self.name))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Paragraphs, and blocks of code with their fences.
fn blocks(text: &str) -> Result<Vec<String>, String> {
    let mut blocks: Vec<String> = Vec::new();
    let (mut in_code, mut begins) = (false, true);
    for line in text.lines() {
        let fence = line.starts_with("```");
        if (begins || (fence && !in_code)) && !line.is_empty() {
            blocks.push(String::new());
        }
        begins = line.is_empty() && !in_code;
        if let Some(block) = blocks.last_mut().filter(|_| !begins) {
            *block += &format!("{}{line}", if block.is_empty() { "" } else { "\n" });
        }
        in_code ^= fence;
    }
    if in_code { Err("a block of code does not end".to_owned()) } else { Ok(blocks) }
}

/// What stands on the first fence of a block of code, and the code.
fn fenced(block: &str) -> (String, String) {
    let inner = block.strip_prefix("```").and_then(|block| block.strip_suffix("```")).unwrap_or_default();
    let (first, code) = inner.split_once('\n').unwrap_or_default();
    (first.to_owned(), code.to_owned())
}

/// Every section, or what is wrong with one.
fn sections() -> Vec<Section> {
    let mut sections = Vec::new();
    for (title, text) in PAGE.split("\n# ").skip(1).map(|group| group.split_once('\n').unwrap_or((group, ""))) {
        let group = GROUPS.iter().position(|group| *group == title);
        let group = group.unwrap_or_else(|| panic!("# {title}: is none of {GROUPS:?}. {FORM}"));
        for (name, text) in text.split("\n## ").skip(1).map(|part| part.split_once('\n').unwrap_or((part, ""))) {
            match Section::read(name, group, text) {
                Ok(section) => sections.push(section),
                Err(fault) => panic!("docs/rules.md, {name}: {fault}.\n{FORM}"),
            }
        }
    }
    sections
}

/// Sources of Rust below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The strings of a source, each with the code between it and the one before. Tests and comments are left out.
fn strings(source: &str) -> Vec<(String, String)> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let text = lines.collect::<Vec<_>>().join(" ");
    let (mut strings, mut code, mut rest) = (Vec::new(), String::new(), text.chars());
    while let Some(c) = rest.next() {
        if c != '"' {
            code.push(c);
            continue;
        }
        let mut string = String::new();
        while let Some(c) = rest.next().filter(|c| *c != '"') {
            string.push(c);
            if c == '\\' {
                string.extend(rest.next());
            }
        }
        strings.push((std::mem::take(&mut code), string));
    }
    strings
}

/// Whether a word is made as the names of rules and fixes are.
fn hyphenated(word: &str) -> bool {
    let letters = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    letters && word.contains('-') && !word.starts_with('-') && !word.ends_with('-')
}

/// Hyphenated strings that name no rule, and that are not seen to name a fix.
const NO_RULES: [&str; 6] =
    ["log-softmax", "whole-batches", "class-labels", "whole-labels", "softmax-output", "sigmoid-output"];
/// The one rule whose name is a single word, given to its finding by a variable.
const ONE_WORD: &str = "diverges";

/// The rules that the sources name, each with the file and, where it follows the name, the source that the code gives.
fn rules_of_the_sources() -> BTreeMap<String, (PathBuf, Option<String>)> {
    let mut files = Vec::new();
    sources(&root().join("src/diagnose"), &mut files);
    let mut rules = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        let strings = strings(&text);
        // Rules are made here; other files name fixes.
        let makes = file.parent().is_some_and(|folder| folder.ends_with("rules")) || file.ends_with("search/steps.rs");
        for (nth, (code, word)) in strings.iter().enumerate() {
            let code = code.trim_end();
            let finding = code.ends_with("Finding::new(") || code.ends_with("rule:");
            let second = nth > 0 && code == "," && hyphenated(&strings[nth - 1].1);
            let fix = code.ends_with("fixed_by(") || code.contains("fixed_where(") || code.ends_with("name:") || second;
            if !finding && (!makes || fix || (!hyphenated(word) && word != ONE_WORD) || NO_RULES.contains(&&word[..])) {
                continue;
            }
            let next = strings.get(nth + 1).filter(|(code, _)| finding && code.trim() == ",");
            let source = next.map(|(_, source)| source.clone());
            let known = rules.entry(word.clone()).or_insert((file.clone(), None));
            known.1 = known.1.take().or(source);
        }
    }
    rules
}

fn named(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn every_rule_has_a_section_and_every_section_has_a_rule() {
    let sections = sections();
    let rules = rules_of_the_sources();
    assert!(rules.len() > 40, "{} rules were found in src/diagnose", rules.len());
    let mut seen = BTreeSet::new();
    for section in &sections {
        assert!(seen.insert(&section.name), "docs/rules.md: {} has two sections", section.name);
        let rule = rules.get(&section.name);
        let (_, source) = rule.unwrap_or_else(|| panic!("docs/rules.md: no rule in src/diagnose is {}", section.name));
        if let Some(source) = source {
            let says = &section.points["Source"];
            assert!(says.contains(source), "{}: `- Source: {says}` lacks {source:?}.\n{FORM}", section.name);
        }
    }
    for (rule, (file, _)) in &rules {
        assert!(
            seen.contains(rule),
            "{}: the rule {rule:?} has no section in docs/rules.md. Write one; or, if it is no rule, name it in NO_RULES of \
             tests/rules.rs.\n{FORM}",
            named(file)
        );
    }
}

#[test]
fn every_experiment_of_the_page_is_one_that_run_accepts() {
    for section in sections() {
        for experiment in [&section.fires, &section.silent] {
            let ran = section.folder(experiment).run(&["run", "case.toml", "--dry-run"]);
            assert_eq!(ran.code(), 0, "{}: {}\n{experiment}", section.name, ran.stderr());
        }
    }
}

#[test]
fn rules_of_the_set_up_fire_on_their_experiment_and_not_on_the_near_miss() {
    for section in sections().into_iter().filter(|section| section.group == 0) {
        let name = &section.name;
        let found = section.findings(&section.fires);
        let rules = || found.iter().map(|finding| finding.rule).collect::<Vec<_>>();
        let finding = found.iter().find(|finding| finding.rule == name);
        let finding = finding
            .unwrap_or_else(|| panic!("{name} is silent, and these are found: {:?}\n{}", rules(), section.fires));
        // What the page says is what the rule says.
        let sure = match finding.certainty {
            Certainty::Certain => "certain",
            Certainty::Likely => "likely",
            Certainty::Possible => "possible",
        };
        let [says_sure, says_fix, says_source] = ["Sure", "Fix", "Source"].map(|point| &section.points[point]);
        assert!(says_sure.contains(sure), "{name} is {sure}, and the page says `- Sure: {says_sure}`");
        assert!(says_source.contains(finding.source), "{name}: `- Source: {says_source}` lacks {:?}", finding.source);
        match &finding.fix {
            None => assert!(says_fix.contains("none of its own"), "{name} has no fix: `- Fix: {says_fix}`"),
            Some(fix) => {
                for key in fix.keys() {
                    assert!(says_fix.contains(&key), "{name} sets {key}, and the page says `- Fix: {says_fix}`");
                }
            }
        }
        let found = section.findings(&section.silent);
        let finding = found.iter().find(|finding| finding.rule == name);
        assert!(finding.is_none(), "{name} fires on its near miss: {finding:?}\n{}", section.silent);
    }
}

/// What is wrong with how a diagnosis of an experiment ends: that it has no finding of this rule, or has one.
#[cfg(feature = "train")]
fn diagnosed(section: &Section, fires: bool) -> Option<String> {
    let experiment = if fires { &section.fires } else { &section.silent };
    let misfit = section.folder(experiment);
    let ran = misfit.run(&["diagnose", "case.toml", "--hide-fixes", "--threads", "1", "--out", "out"]);
    if ran.code() != 0 {
        return Some(format!("{}: {}\n{experiment}", section.name, ran.stderr()));
    }
    let findings = common::rows(&misfit.read("out/findings.csv"));
    let found = findings.iter().any(|row| row["finding"] == section.name);
    let all: Vec<String> = findings.iter().map(|row| format!("{} in {}", row["finding"], row["variant"])).collect();
    let what = if fires { "is silent" } else { "fires on its near miss" };
    (found != fires).then(|| format!("{} {what}; found are {all:?}\n{experiment}", section.name))
}

#[cfg(feature = "train")]
#[test]
fn rules_on_runs_and_of_what_was_tried_fire_on_their_experiment_and_not_on_the_near_miss() {
    use std::sync::Mutex;
    let sections: Vec<Section> = sections().into_iter().filter(|section| section.group > 0).collect();
    let cases = sections.iter().flat_map(|section| [(section, true), (section, false)]);
    let (cases, faults) = (Mutex::new(cases), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let case = cases.lock().expect("no panic").next();
                    let Some((section, fires)) = case else { break };
                    let fault = diagnosed(section, fires);
                    faults.lock().expect("no panic").extend(fault);
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no panic");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn misfit_rule_lists_every_rule_and_prints_the_one_that_is_named() {
    let misfit = Misfit::new();
    let listed = misfit.ok(&["rule"]).stdout();
    let sections = sections();
    assert_eq!(listed.lines().count(), sections.len());
    let width = sections.iter().map(|section| section.name.len()).max().unwrap_or(0);
    for (line, section) in listed.lines().zip(&sections) {
        let (name, sentence) = line.split_at(width);
        assert_eq!(name.trim_end(), section.name);
        assert!(sentence.starts_with("  ") && sentence.ends_with('.') && !sentence.contains('`'), "{line}");
        let text = misfit.ok(&["rule", &section.name]).stdout();
        assert!(text.starts_with(&format!("{}\n\n{}", section.name, &sentence[2..20])), "{text}");
        for point in POINTS {
            assert_eq!(text.matches(&format!("\n- {point}: ")).count(), 1, "{text}");
        }
        assert!(!text.contains("```") && !text.contains("](") && !text.contains("\n#"), "{text}");
        for code in [&section.fires, &section.silent].into_iter().chain(section.files.iter().map(|(_, rows)| rows)) {
            let indented: String = code.lines().map(|line| format!("    {line}\n")).collect();
            assert!(text.contains(&indented), "{text}");
        }
    }
}

#[test]
fn a_misspelt_rule_is_answered_with_the_nearest() {
    let misfit = Misfit::new();
    for (given, says) in [
        ("softmax-over-one-unti", "unknown rule \"softmax-over-one-unti\", did you mean \"softmax-over-one-unit\"?"),
        ("raw-input", "unknown rule \"raw-input\", did you mean \"raw-inputs\"?"),
        ("quite-unlike-any", "unknown rule \"quite-unlike-any\", misfit rule lists all"),
    ] {
        let ran = misfit.run(&["rule", given]);
        assert_eq!((ran.code(), ran.stdout(), ran.stderr()), (2, String::new(), format!("misfit: {says}\n")));
    }
}
