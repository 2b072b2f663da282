//! `misfit export`: a results folder for other programs, as Parquet or as TensorBoard's event files.

use std::collections::HashSet;
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, ValueEnum};

use super::Exit;
use super::output::print_text;
use crate::results::files::write_whole;
use crate::results::logs::event_writer::EventWriter;
use crate::results::names::{CHECKS, EFFECTS, FINDINGS, VERDICTS};
use crate::results::run_file::RunFile;
use crate::results::{input, parquet};
use crate::text::one_line;
use crate::text::suggest::no_such;

const EXAMPLES: &str = "\
Examples:
  misfit export results/polynomial --to parquet       curves, runs, … as results/polynomial/parquet/*.parquet
  misfit export results/polynomial --to tensorboard   curves as results/polynomial/tensorboard/VARIANT/seed-N/
  tensorboard --logdir results/polynomial/tensorboard

Numbers in Parquet are those of the CSVs to the last bit; TensorBoard's are 32-bit floats.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// A results folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    to: Target,
    /// Where it goes [default: parquet/ or tensorboard/ in the results folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    Parquet,
    Tensorboard,
}

/// Columns of texts, whatever a cell looks like.
const TEXTS: [&str; 14] = [
    "variant",
    "outcome",
    "engine",
    "kind",
    "kinks",
    "predicted_shares",
    "class_shares",
    "fixes",
    "finding",
    "severity",
    "evidence",
    "fix",
    "verdict",
    "check",
];

pub fn run(args: &ExportArgs) -> Result<Exit> {
    let folder = &args.folder;
    if !folder.is_dir() {
        return Err(no_such(folder, "results folder"));
    }
    let shown = one_line(&folder.display().to_string());
    let runs = folder.join(RunFile::Runs.name()).is_file();
    ensure!(runs, "{shown}: has no runs.csv: expected a results folder, as misfit run writes it");
    let (name, export): (_, fn(&Path, &Path) -> Result<String>) = match args.to {
        Target::Parquet => ("parquet", to_parquet),
        Target::Tensorboard => ("tensorboard", to_tensorboard),
    };
    let out = args.out.clone().unwrap_or_else(|| folder.join(name));
    fs::create_dir_all(&out)
        .map_err(|cause| anyhow!("{}: cannot be made: {cause}: set --out to another folder", out.display()))?;
    let said = export(folder, &out)?;
    print_text(&format!("{}: {said}\n", one_line(&out.display().to_string())))?;
    Ok(Exit::Done)
}

fn to_parquet(folder: &Path, out: &Path) -> Result<String> {
    let names = RunFile::ALL.map(RunFile::name).into_iter().chain([EFFECTS, FINDINGS, VERDICTS, CHECKS]);
    let mut written = Vec::new();
    for name in names {
        let csv = folder.join(name);
        if !csv.is_file() {
            continue;
        }
        let header = csv::Reader::from_reader(input::open(&csv)?).headers()?.clone();
        // What stands beside the probabilities of classes are their names, even where those are 0, 1, …
        let of_classes = header.iter().any(|column| column.starts_with("p_"));
        let is_text =
            |column: &str| TEXTS.contains(&column) || (of_classes && ["target", "prediction"].contains(&column));
        let path = out.join(name).with_extension("parquet");
        let mut rows = 0;
        write_whole(&path, |file| {
            rows = parquet::write(&csv, file, is_text)?;
            Ok(())
        })?;
        written.push(format!("{} ({rows} rows)", path.file_name().unwrap_or_default().to_string_lossy()));
    }
    Ok(written.join(", "))
}

fn to_tensorboard(folder: &Path, out: &Path) -> Result<String> {
    let csv = folder.join(RunFile::Curves.name());
    let shown = one_line(&csv.display().to_string());
    let file = input::open(&csv).with_context(|| format!("{shown}: cannot be read"))?;
    // The files are the same whenever they are written.
    let time = file.metadata().and_then(|about| about.modified()).ok();
    let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0.0, |since| since.as_secs_f64());
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().with_context(|| format!("{shown}: cannot be read"))?.clone();
    let place = |name: &str| {
        header.iter().position(|column| column == name).with_context(|| format!("{shown}:1: has no column {name:?}"))
    };
    let key = [place("variant")?, place("seed")?, place("step")?];
    let mut folders = HashSet::new();
    let mut run: Option<([String; 2], Vec<csv::StringRecord>)> = None;
    let mut end = |run: &mut Option<([String; 2], Vec<csv::StringRecord>)>| -> Result<()> {
        let Some(([variant, seed], rows)) = run.take() else { return Ok(()) };
        let path = unlike(out, &variant, &seed, &mut folders);
        fs::create_dir_all(&path).with_context(|| format!("{}: cannot be made", path.display()))?;
        write_whole(&path.join("events.out.tfevents.0.misfit"), |file| {
            let mut writer = EventWriter::new(BufWriter::new(file), time)?;
            // A column without any number is not of this run: an accuracy where numbers are predicted.
            let value = |row: &csv::StringRecord, column: usize| -> f64 {
                row.get(column).and_then(|cell| cell.parse().ok()).unwrap_or(f64::NAN)
            };
            let columns = (0..header.len()).filter(|column| !key.contains(column));
            let columns: Vec<usize> =
                columns.filter(|&column| rows.iter().any(|row| !value(row, column).is_nan())).collect();
            for row in &rows {
                let values: Vec<(&str, f64)> =
                    columns.iter().map(|&column| (&header[column], value(row, column))).collect();
                writer.scalars(row.get(key[2]).and_then(|step| step.parse().ok()).unwrap_or(0), &values)?;
            }
            writer.finish()
        })?;
        Ok(())
    };
    for record in reader.records() {
        let record = record.with_context(|| format!("{shown}: cannot be read"))?;
        let of = [key[0], key[1]].map(|column| record.get(column).unwrap_or_default().to_owned());
        if run.as_ref().is_some_and(|(known, _)| *known != of) {
            end(&mut run)?;
        }
        run.get_or_insert_with(|| (of, Vec::new())).1.push(record);
    }
    end(&mut run)?;
    Ok(format!(
        "{} runs: tensorboard --logdir {}",
        folders.len(),
        crate::text::shell::quoted(&out.display().to_string())
    ))
}

/// A run's folder. A variant's name may hold what a path cannot; names that would fall together have a number behind them.
fn unlike(out: &Path, variant: &str, seed: &str, taken: &mut HashSet<PathBuf>) -> PathBuf {
    let safe = |c: char| if c.is_alphanumeric() || "+-_=., ".contains(c) { c } else { '_' };
    let name: String = variant.chars().map(safe).take(120).collect();
    let name = if name.trim_matches('.').is_empty() { "variant".to_owned() } else { name };
    let numbered = (1..).map(|nth: usize| if nth == 1 { name.clone() } else { format!("{name} {nth}") });
    let mut paths = numbered.map(|name| out.join(name).join(format!("seed-{seed}")));
    paths.find(|path| taken.insert(path.clone())).unwrap_or_else(|| out.to_owned())
}
