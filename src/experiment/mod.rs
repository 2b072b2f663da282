//! The experiment file: a baseline, the fixes one might make to it, and the variants that come of them.
//!
//! `text → tree → (overrides) → baseline, fixes → variants → runs`. See `docs/experiments.md` for the format.

pub mod config;
pub mod defaults;
mod design;
pub mod device;
pub mod engine;
mod error;
pub mod formula;
pub mod framework;
mod goal;
pub mod names;
mod patch;
mod published;
mod reader;
mod schema;
pub mod seeds;
pub mod table;
pub mod tree;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::text::{hex, one_line, unknown};
use config::{Config, Span, Test, Word, words};
pub use design::{BASELINE, named_after};
pub use error::ExperimentError;
use framework::{FRAMEWORK, Framework};
pub use goal::Goal;
use names::{check_label, check_name};
pub use published::{Published, PublishedFigure};
use reader::Reader;
use table::TableSchema;
use tree::{Node, Origin, Table, Value};

/// Runs that an experiment may have at most; a guard against seeds and sweeps that nobody meant.
pub const MOST_RUNS: usize = 10_000_000;

/// The experiment that `misfit run` runs when it is given none.
pub const EMBEDDED: (&str, &str) = ("experiments/polynomial.toml", include_str!("../../experiments/polynomial.toml"));

/// An experiment, its overrides applied, every variant resolved and checked.
#[derive(Debug, Clone)]
pub struct Experiment {
    pub name: String,
    pub title: String,
    /// The file as it was named on the command line.
    pub file: String,
    pub text: String,
    pub overrides: Vec<String>,
    pub seeds: Vec<u64>,
    pub baseline: Config,
    pub fixes: Vec<Fix>,
    pub variants: Vec<Variant>,
    /// The keys that are swept, in order.
    pub sweep: Vec<String>,
    pub published: Vec<Published>,
    /// What counts as a fit, where the file says it.
    pub goal: Goal,
    /// What a reader of the results should know of how fixes and settings met, a line each.
    pub notes: Vec<String>,
    /// The file's configuration with the command line's settings laid over it.
    settings: Table,
}

/// A named patch to the configuration.
#[derive(Debug, Clone)]
pub struct Fix {
    pub name: String,
    /// The reason for it.
    pub why: String,
    pub set: Table,
    /// Whether it is what another framework does otherwise, which no file says.
    pub generated: bool,
}

/// The baseline with some fixes on.
#[derive(Debug, Clone)]
pub struct Variant {
    pub name: String,
    /// For each of the experiment's fixes, whether it is on.
    pub fixes: Vec<bool>,
    /// The value of each swept key, as a CSV shows it.
    pub swept: Vec<String>,
    pub config: Config,
    pub kind: VariantKind,
    /// What its files hold, once they are read; of a polynomial and a formula nothing is needed beyond the configuration.
    pub table: Option<Arc<TableSchema>>,
}

words! {
    /// How a variant came about.
    VariantKind {
        /// A `[[variant]]` of the file, at whatever point of a sweep; and the baseline of a file without a sweep.
        Named = "named",
        /// A combination of fixes that an ablation made, at whatever point of a sweep; a table lists these after the others.
        Ablation = "ablation",
        /// A point of a sweep of the baseline, which no `[[variant]]` names.
        Sweep = "sweep",
    }
}

/// One variant with one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// Its variant's place in [`Experiment::variants`].
    pub variant: usize,
    pub seed: u64,
}

impl Fix {
    /// A fix from a patch in TOML, as `model.output = "identity"`, a key a line.
    pub fn parse(name: &str, why: &str, patch: &str) -> Result<Self, ExperimentError> {
        Ok(Fix { name: name.to_owned(), why: why.to_owned(), set: tree::parse(patch, name)?, generated: false })
    }

    /// The `section.key` of each setting that it changes.
    pub fn keys(&self) -> Vec<String> {
        patch::keys(&self.set)
    }

    /// The patch as TOML, a key a line.
    pub fn patch(&self) -> Vec<String> {
        patch::settings(&self.set).map(|(key, value)| format!("{key} = {value}")).collect()
    }
}

impl Experiment {
    /// Reads the experiment in `file`.
    pub fn load(file: &Path, overrides: &[String]) -> anyhow::Result<Self> {
        use anyhow::Context;
        let shown = file.display().to_string();
        anyhow::ensure!(
            !shown.is_empty(),
            "\"\": names no file, expected an experiment file, or a setting as key=value"
        );
        const MOST: u64 = 8 << 20;
        let about = std::fs::metadata(file).map_err(|cause| {
            let hint = match crate::text::suggest::sibling(file, false) {
                Some(meant) => format!(", did you mean {:?}?", meant.display().to_string()),
                None => ":".to_owned(),
            };
            let expected = "expected an experiment file, or a setting as key=value";
            anyhow::anyhow!("{shown}: cannot be read: {cause}{hint} {expected}")
        })?;
        anyhow::ensure!(about.is_file(), "{shown}: is not a file, expected an experiment in TOML");
        anyhow::ensure!(
            about.len() <= MOST,
            "{shown}: is over 8 MiB, which no experiment file needs: sweep a key instead of naming each variant"
        );
        let bytes = std::fs::read(file).with_context(|| format!("{shown}: cannot be read"))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count();
            anyhow::anyhow!("{shown}:{line}: is not UTF-8: save the file as UTF-8")
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        Ok(Self::parse(&text, &shown, overrides)?)
    }

    pub fn embedded(overrides: &[String]) -> Result<Self, ExperimentError> {
        Self::parse(EMBEDDED.1, EMBEDDED.0, overrides)
    }

    /// Reads an experiment's text; `file` names it in errors, and the path of a file of data is relative to its folder.
    pub fn parse(text: &str, file: &str, overrides: &[String]) -> Result<Self, ExperimentError> {
        let mut tree = tree::parse(text, file)?;
        let mut command_line = Table::default();
        for text in overrides {
            patch::join(&mut command_line, &tree::parse_override(text)?);
        }
        patch::lay(&mut tree, &command_line);
        let mut last_word = Table::default();
        for section in schema::SETTINGS {
            if let Some(node) = command_line.get(section) {
                last_word.insert(section, node.clone());
            }
        }
        let root = Reader::root(file, &tree);
        for section in schema::SETTINGS {
            root.get(section);
        }
        let name = root.text("name")?.map_or_else(|| default_name(file), str::to_owned);
        if let Err(message) = check_name(&name) {
            return Err(root.fault("name", message));
        }
        let title = root.text("title")?.unwrap_or(&name).to_owned();
        let seeds = seeds::seeds(&root)?;
        let mut baseline = schema::config(file, &tree, None)?;
        locate_files(&mut baseline, file);
        let mut fixes = fixes(&root)?;
        let settings = tree.only(&schema::SETTINGS);
        let own = fixes.len();
        fixes.extend(otherwise(&root, file, &settings, &baseline)?);
        // What another framework does otherwise is ablated by itself, unless fixes are named beside it.
        let ablated = if fixes.len() > own { own..fixes.len() } else { 0..own };
        let design = design::Design {
            file,
            settings: &settings,
            baseline: &baseline,
            fixes: &fixes,
            ablated,
            last_word: &last_word,
        };
        let (variants, sweep) = design.variants(&root)?;
        if variants.len().saturating_mul(seeds.len()) > MOST_RUNS {
            let (variants, seeds) = (variants.len(), seeds.len());
            let message = format!("{seeds} seeds of {variants} variants, at most {MOST_RUNS} runs are allowed");
            return Err(root.fault("seeds", message));
        }
        let published = published::published(&root, &variants)?;
        let goal = goal::goal(&root)?;
        for (key, _) in root.entries() {
            if let Some(section) = schema::section_of(key) {
                return Err(root.fault(key, format!("unknown key {key:?}, did you mean \"{section}.{key}\"?")));
            }
        }
        root.finish()?;
        let mut notes = Vec::new();
        let used = design::used(fixes.len(), variants.iter().map(|variant| &variant.fixes));
        let last_keys = patch::keys(&last_word);
        for (Fix { name, set, .. }, used) in fixes.iter().zip(used) {
            let overridden = patch::keys(set).into_iter().filter(|key| last_keys.contains(key));
            notes.extend(overridden.map(|key| {
                format!("{key} on the command line overrides the fix {name:?} in every variant that has it")
            }));
            if !used {
                notes.push(format!("no variant has the fix {name:?}: name it in a [[variant]], or add [ablation]"));
            }
        }
        Ok(Experiment {
            name,
            title,
            file: file.to_owned(),
            text: text.to_owned(),
            overrides: overrides.to_vec(),
            seeds,
            baseline,
            fixes,
            variants,
            sweep,
            published,
            goal,
            notes,
            settings,
        })
    }

    /// The same baseline, the command line's settings in it, with other fixes and with a variant for each of `sets`, which
    /// says of every fix whether it is on.
    pub fn with_sets(&self, fixes: Vec<Fix>, sets: &[Vec<bool>]) -> Result<Self, ExperimentError> {
        let none = Table::default();
        let design = design::Design {
            file: &self.file,
            settings: &self.settings,
            baseline: &self.baseline,
            fixes: &fixes,
            ablated: 0..fixes.len(),
            last_word: &none,
        };
        let variants = sets.iter().map(|set| design.set(set)).collect::<Result<_, _>>()?;
        Ok(Experiment { variants, fixes, sweep: Vec::new(), published: Vec::new(), notes: Vec::new(), ..self.clone() })
    }

    /// The same baseline with these variants, each a configuration by its name, and without fixes.
    pub fn with_variants(&self, variants: Vec<(String, Config)>) -> Self {
        let variant = |(name, config)| Variant {
            name,
            fixes: Vec::new(),
            swept: Vec::new(),
            config,
            kind: VariantKind::Named,
            table: None,
        };
        let variants = variants.into_iter().map(variant).collect();
        Experiment {
            variants,
            fixes: Vec::new(),
            sweep: Vec::new(),
            published: Vec::new(),
            notes: Vec::new(),
            ..self.clone()
        }
    }

    /// The line of the file that sets `section.key`, or else that begins the section.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        let (section, key) = key.split_once('.')?;
        let line = |node: &Node| match node.place {
            Origin::Line(line) => Some(line),
            Origin::CommandLine(_) => None,
        };
        let section = self.settings.get(section)?;
        let own = match &section.value {
            Value::Table(table) => table.get(key).and_then(line),
            _ => None,
        };
        own.or_else(|| line(section))
    }

    /// Reads targets from elsewhere.
    pub fn relocate(&mut self, to: impl Fn(&Path) -> PathBuf) {
        let configs = self.variants.iter_mut().map(|variant| &mut variant.config);
        for config in configs.chain([&mut self.baseline]) {
            config.files_mut().for_each(|file| *file = to(file));
        }
    }

    /// The variants that are named, or all where none is.
    pub fn select(&self, names: &[String]) -> anyhow::Result<Vec<usize>> {
        if names.is_empty() {
            return Ok((0..self.variants.len()).collect());
        }
        let mut selected = Vec::new();
        for name in names {
            let known = || self.variants.iter().map(|variant| variant.name.as_str());
            let Some(at) = known().position(|known| known == name) else {
                anyhow::bail!("--variant: {}", one_line(&unknown("variant", name, known())));
            };
            if !selected.contains(&at) {
                selected.push(at);
            }
        }
        selected.sort_unstable();
        Ok(selected)
    }

    pub fn runs(&self, variants: &[usize]) -> Vec<Run> {
        variants.iter().flat_map(|&variant| self.seeds.iter().map(move |&seed| Run { variant, seed })).collect()
    }

    /// A hash over everything that the runs' numbers depend on but the seeds: two experiments with the same one may share
    /// a results folder. `data` has the hash of each file's contents, which stands for its path; `by` says what computes.
    pub fn hash(&self, data: &BTreeMap<PathBuf, String>, by: &str) -> String {
        let config = |variant: &Variant| {
            let mut config = variant.config.clone();
            for file in config.files_mut() {
                if let Some(contents) = data.get(file) {
                    *file = PathBuf::from(contents);
                }
            }
            config
        };
        // As JSON, of which a variant at a time is held: there may be a million of them.
        let fixes: Vec<_> = self.fixes.iter().map(|fix| &fix.name).collect();
        let [by, fixes] = [json!(by), json!(fixes)];
        let (sweep, version) = (json!(self.sweep), json!(env!("CARGO_PKG_VERSION")));
        let mut digest = Sha256::new();
        digest.update(format!(r#"{{"by":{by},"fixes":{fixes},"misfit":{version},"sweep":{sweep},"variants":["#));
        for (nth, variant) in self.variants.iter().enumerate() {
            let text = json!((&variant.name, &variant.fixes, &variant.swept, config(variant)));
            digest.update(format!("{}{text}", if nth == 0 { "" } else { "," }));
        }
        digest.update("]");
        if self.goal != Goal::default() {
            digest.update(format!(r#","goal":{}"#, json!(self.goal)));
        }
        digest.update("}");
        hex(&digest.finalize())
    }
}

fn default_name(file: &str) -> String {
    Path::new(file).file_stem().map_or_else(|| "experiment".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn fixes(root: &Reader) -> Result<Vec<Fix>, ExperimentError> {
    let section = root.section("fix")?;
    let mut fixes: Vec<Fix> = Vec::new();
    for (name, node) in section.entries() {
        check_label(name).map_err(|message| section.fault(name, message))?;
        if names::RUN_COLUMNS.contains(&name) {
            return Err(section.fault(name, "is a column of runs.csv already: give the fix another name"));
        }
        if name == BASELINE {
            return Err(section.fault(name, "is the name of what has no fix: give the fix another name"));
        }
        if name.contains('+') {
            return Err(section.fault(name, "'+' joins the names of fixes: give the fix a name without it"));
        }
        let fix = Reader::of(root.file, section.name(name), node)?;
        let why = fix.text("why")?.unwrap_or_default().to_owned();
        let set = set(&fix)?;
        if set.is_empty() {
            return Err(fix.missing("set", "what the fix changes, as set = { model.output = \"identity\" }"));
        }
        fix.finish()?;
        fixes.push(Fix { name: name.to_owned(), why, set, generated: false });
    }
    Ok(fixes)
}

/// What the framework that `[ablation]` names does otherwise than the baseline, each part of it as a fix.
fn otherwise(root: &Reader, file: &str, settings: &Table, baseline: &Config) -> Result<Vec<Fix>, ExperimentError> {
    if root.get("ablation").is_none() {
        return Ok(Vec::new());
    }
    let ablation = root.section("ablation")?;
    let Some(node) = ablation.get(FRAMEWORK) else { return Ok(Vec::new()) };
    let framework = ablation.word(FRAMEWORK, node, Framework::WORDS)?;
    let mut other = settings.clone();
    other.insert(FRAMEWORK, node.clone());
    let other = schema::config(file, &other, test_grid(baseline))?;
    let parts = defaults::apart(baseline, &other);
    if parts.is_empty() {
        return Err(ablation.fault(
            FRAMEWORK,
            format!("{} does nothing otherwise here: set framework to another one, or leave out keys that it has defaults for", framework.word()),
        ));
    }
    let fix =
        |part: &defaults::Otherwise| Ok(Fix { generated: true, ..Fix::parse(&part.name, &part.why, &part.patch)? });
    parts.iter().map(fix).collect()
}

/// A `set = { … }`: a patch, whose keys are checked once it is laid over a configuration.
fn set(of: &Reader) -> Result<Table, ExperimentError> {
    match of.get("set").map(|node| &node.value) {
        None => Ok(Table::default()),
        Some(Value::Table(patch)) => {
            for (section, node) in patch.iter() {
                if section == FRAMEWORK {
                    continue;
                }
                if !schema::SECTIONS.contains(&section) {
                    let known = schema::SETTINGS.iter().copied();
                    return Err(of.fault("set", unknown("table", section, known)));
                }
                if !matches!(node.value, Value::Table(_)) {
                    return Err(of.fault("set", format!("{section} is a table: set its keys, as {section}.key = …")));
                }
            }
            Ok(patch.clone())
        }
        Some(other) => Err(of.expected("set", "a table, as { model.output = \"identity\" }", other)),
    }
}

/// Makes the files' paths relative to the experiment's folder.
fn locate_files(config: &mut Config, file: &str) {
    if let Some(folder) = Path::new(file).parent() {
        config.files_mut().for_each(|file| *file = folder.join(&file));
    }
}

/// The test grid that a configuration hands on to variants that set none.
fn test_grid(config: &Config) -> Option<Span> {
    match config.data.test {
        Test::Grid(span) => Some(span),
        _ => None,
    }
}
