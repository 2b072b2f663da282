//! `misfit run`: trains every variant over its seeds.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueHint};
use serde_json::{Value, json};

use super::Exit;
use super::output::OutputArgs;
use super::require::Requirement;
use crate::data::{Files, RunData, batch_rows, training_rows};
use crate::experiment::config::{Config, EngineChoice, Word, difference};
use crate::experiment::device::{Device, named};
use crate::experiment::{Experiment, Goal, Variant, seeds};
use crate::text::note::note;
use crate::text::numbers::{plural, ranges};
use crate::text::{one_line, unknown};

const EXAMPLES: &str = "\
Examples:
  misfit run                                       the embedded experiment: a ReLU network asked to fit x² + x
  misfit run my.toml --seeds 10                    one's own, with the seeds 0 to 9
  misfit run my.toml train.steps=500               with one setting changed, in every variant
  misfit run --variant question --variant answer   only these variants
  misfit run --dry-run                             what would be trained, and how each variant differs
  misfit run my.toml --quiet --require \"accepted:r2>=0.9\"
                                                   for CI: exit code 1 if the median R² is less

A run that was cut short goes on with the same command. Exit codes: 0 done, 1 what --require asks for does not hold,
2 a usage or input error, 130 or 143 interrupted (runs that had ended are kept).";

/// What is trained, where, and where to the results go.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// An experiment file (the embedded polynomial experiment where none is given), and settings to change in it
    #[arg(value_name = "FILE | KEY=VALUE", value_hint = ValueHint::FilePath)]
    pub words: Vec<String>,
    /// The results folder [default: results/<name>; of a diagnosis results/<name>-diagnosis]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// The number of seeds (0, 1, …), or a list of them, as 3,5,8
    #[arg(long, value_name = "N | LIST", allow_hyphen_values = true)]
    pub seeds: Option<String>,
    /// Where to train: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// What computes the steps, in every variant: torch (libtorch), fused (own kernels, a CPU's only), or auto
    /// (fused where it covers the variant, else torch) [default: as the experiment's train.engine says, else auto]
    #[arg(long, value_name = "auto | torch | fused", value_parser = engine)]
    pub engine: Option<EngineChoice>,
    /// Training threads [default: one for each core; one for a GPU]
    #[arg(long, value_name = "N", value_parser = threads, allow_hyphen_values = true)]
    pub threads: Option<u16>,
    /// Replace whatever results are in the folder
    #[arg(long)]
    pub fresh: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    pub train: TrainArgs,
    /// Only this variant; may be repeated
    #[arg(long, value_name = "NAME")]
    pub variant: Vec<String>,
    /// Print every run and how each variant differs from the baseline; train and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What must hold, else the exit code is 1: an outcome of every seed, as fits, or a bound on a median over the seeds, as
    /// r2>=0.9 (r2, accuracy, test_rmse, train_rmse, last_loss). Of every variant that is trained, or of the one that stands
    /// before it: answer:fits. May be repeated
    #[arg(long, value_name = "[VARIANT:]WHAT", conflicts_with = "dry_run")]
    pub require: Vec<Requirement>,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub fn run(args: &RunArgs, build: &str) -> Result<Exit> {
    if !args.dry_run {
        let experiment = args.train.load()?;
        let variants = experiment.select(&args.variant)?;
        args.require.iter().try_for_each(|requirement| requirement.check(&experiment, &variants))?;
        return by_the_half(build);
    }
    let mut experiment = args.train.load()?;
    let variants = experiment.select(&args.variant)?;
    experiment.notes.iter().for_each(|text| note(text));
    let files = Files::of(&mut experiment)?;
    for &at in &variants {
        let variant = &experiment.variants[at];
        let rows = training_rows(&variant.config, &files).and_then(|rows| batch_rows(&variant.config.batch, rows));
        rows.with_context(|| format!("variant {:?}", variant.name))?;
        engine_here(&variant.config, named(&args.train.device)?)
            .with_context(|| format!("variant {:?}", variant.name))?;
    }
    files.notes().into_iter().for_each(note);
    let device = named(&args.train.device)?;
    let text = describe(&experiment, &variants, &files, device);
    args.output.answer("run", Exit::Done, &text, planned(&experiment, &variants, device)?, &[])?;
    Ok(Exit::Done)
}

/// Has the half that trains do what the command line asks for.
#[cfg(feature = "train")]
pub fn by_the_half(build: &str) -> Result<Exit> {
    super::half::open(build).map(|half| Exit::OfTheHalf(half.main()))
}

#[cfg(not(feature = "train"))]
pub fn by_the_half(_: &str) -> Result<Exit> {
    bail!(
        "this build reads experiments and results only: to train, build it with libtorch (cargo build, without --no-default-features)"
    )
}

pub fn threads(text: &str) -> Result<u16, String> {
    let count = text.parse().ok().filter(|count| (1..=4096).contains(count));
    count.ok_or_else(|| "expected a whole number from 1 to 4096".to_owned())
}

pub fn engine(text: &str) -> Result<EngineChoice, String> {
    let words = EngineChoice::WORDS;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
    found.ok_or_else(|| unknown("engine", text, words.iter().map(|(word, _)| *word)))
}

impl TrainArgs {
    pub fn load(&self) -> Result<Experiment> {
        named(&self.device)?;
        load(&self.words, self.seeds.as_deref(), self.engine)
    }
}

/// The experiment that `words` name, with the settings among them, the seeds and the engine applied.
pub fn load(words: &[String], seeds: Option<&str>, engine: Option<EngineChoice>) -> Result<Experiment> {
    let is_override = |word: &&String| {
        word.split_once('=').is_some_and(|(key, _)| !key.contains(['/', '\\'])) && !Path::new(word.as_str()).is_file()
    };
    let (mut overrides, files): (Vec<String>, Vec<String>) = words.iter().cloned().partition(|word| is_override(&word));
    if let Some(seeds) = seeds {
        overrides.push(seeds::on_the_command_line(seeds)?);
    }
    // As a setting, so that it has the last word in every variant and counts among what the numbers depend on.
    overrides.extend(engine.map(|engine| format!("train.engine={:?}", engine.word())));
    let experiment = match files.as_slice() {
        [] => Experiment::embedded(&overrides)?,
        [file] => Experiment::load(Path::new(file), &overrides)?,
        [_, second, ..] => {
            if !second.ends_with(".toml") && !Path::new(second).exists() {
                bail!("{second:?}: is neither a file nor a setting: write settings as key=value, as train.steps=100")
            }
            bail!("{second:?}: a second experiment file: run them one after the other, or write settings as key=value")
        }
    };
    Ok(experiment)
}

/// The word of the engine that would train this, where this build can train.
#[cfg(feature = "train")]
fn engine_here(config: &Config, device: Device) -> Result<Option<&'static str>> {
    crate::experiment::engine::choose(config, device).map(|engine| Some(engine.word()))
}

#[cfg(not(feature = "train"))]
fn engine_here(_: &Config, _: Device) -> Result<Option<&'static str>> {
    Ok(None)
}

/// What the first seed's run learns from a file and is tested on; nothing of a function.
fn of_the_file(experiment: &Experiment, config: &Config, files: &Files) -> Option<String> {
    config.data.target.file()?;
    let data = RunData::new(config, experiment.seeds.first().copied()?, files).ok()?;
    let held_out = if data.test == data.train {
        "tested on the same".to_owned()
    } else {
        format!("{} to test on", data.test.rows())
    };
    Some(format!(
        "{} from {}, {} training rows, {held_out}",
        data.coding.said(),
        plural(data.train.columns, "input", "inputs"),
        data.train.rows()
    ))
}

/// The same for programs.
fn planned(experiment: &Experiment, variants: &[usize], device: Device) -> Result<Value> {
    let variant = |&at: &usize| -> Result<Value> {
        let Variant { name, fixes, config, kind, .. } = &experiment.variants[at];
        let fixes = experiment.fixes.iter().zip(fixes).filter(|(_, on)| **on).map(|(fix, _)| fix.name.as_str());
        Ok(json!({
            "name": name,
            "kind": kind,
            "fixes": fixes.collect::<Value>(),
            "engine": engine_here(config, device)?,
            "settings": serde_json::to_value(config)?,
        }))
    };
    Ok(json!({
        "dry_run": true,
        "name": experiment.name,
        "title": experiment.title,
        "file": experiment.file,
        "seeds": experiment.seeds,
        "runs": variants.len() * experiment.seeds.len(),
        "variants": variants.iter().map(variant).collect::<Result<Value>>()?,
    }))
}

/// Every run that there would be, each variant with its differences from the baseline.
fn describe(experiment: &Experiment, variants: &[usize], files: &Files, device: Device) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let runs = variants.len() * experiment.seeds.len();
    let _ = writeln!(
        text,
        "{}: {runs} runs, {} variants with {} seeds each",
        one_line(&experiment.name),
        variants.len(),
        experiment.seeds.len()
    );
    let seeds = ranges(experiment.seeds.iter().copied(), ", ");
    let _ = writeln!(text, "\nbaseline");
    for (key, value) in crate::experiment::config::flatten(&experiment.baseline) {
        let _ = writeln!(text, "  {key} = {value}");
    }
    let Goal { accuracy, r2 } = experiment.goal;
    for (key, wanted) in [("accuracy", accuracy), ("r2", r2)] {
        let _ = wanted.map(|wanted| writeln!(text, "  goal.{key} = {wanted:?}"));
    }
    let mut said = String::new();
    for &at in variants {
        let variant = &experiment.variants[at];
        let data = of_the_file(experiment, &variant.config, files);
        let changes = difference(&variant.config, &experiment.baseline);
        let engine = engine_here(&variant.config, device).ok().flatten().map(|word| format!(", by engine {word}"));
        let _ = writeln!(text, "\n{} (seeds {seeds}){}", one_line(&variant.name), engine.unwrap_or_default());
        if let Some(data) = data.filter(|data| *data != said) {
            let _ = writeln!(text, "  learns {data}");
            said = data;
        }
        if changes.is_empty() {
            let _ = writeln!(text, "  as the baseline");
        }
        for (key, value) in changes {
            let _ = writeln!(text, "  {key} = {value}");
        }
    }
    text
}
