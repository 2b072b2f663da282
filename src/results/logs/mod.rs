//! Logs that other programs write: Keras' `CSVLogger`, Lightning's `metrics.csv`, Hugging Face's `trainer_state.json`,
//! TensorBoard's event files, and CSVs with a column `step` or `epoch`.

mod crc32c;
mod csv_log;
pub mod event_writer;
pub mod events;
mod trainer_state;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::input;
use super::names::MANIFEST;
use super::run_file::RunFile;
use crate::text::numbers::number;
use crate::text::one_line;
use csv_log::LogHeader;

/// What was logged at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogRow {
    pub step: Option<f64>,
    pub epoch: Option<f64>,
    pub values: Vec<(String, f64)>,
}

/// What a log's rows are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    Step,
    Epoch,
}

impl Axis {
    pub fn name(self) -> &'static str {
        match self {
            Axis::Step => "step",
            Axis::Epoch => "epoch",
        }
    }

    fn of(self, row: &LogRow) -> Option<f64> {
        match self {
            Axis::Step => row.step,
            Axis::Epoch => row.epoch,
        }
    }
}

/// What wrote a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Writer {
    Csv,
    TrainerState,
    TensorBoard,
}

/// One run, as it was logged.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLog {
    /// The file, or the folder of event files.
    pub path: PathBuf,
    pub seed: Option<u64>,
    pub rows: Vec<LogRow>,
}

/// All runs of one side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logs {
    /// By the order of their paths.
    pub runs: Vec<RunLog>,
    /// What a reader should know, a line each.
    pub notes: Vec<String>,
}

/// Folders within folders that are gone through, and files that are looked at, at most.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 100_000;

/// Whether a file or folder is what this room reads and a comparison of CSVs and results folders does not.
pub fn is_log(path: &Path) -> bool {
    if path.is_dir() {
        let ours = RunFile::ALL.map(RunFile::name).into_iter().chain([MANIFEST]).any(|name| path.join(name).is_file());
        return !ours && !found(path).is_empty();
    }
    match writer(path) {
        Some(Writer::Csv) => LogHeader::read(path).is_some_and(|header| !header.is_plain()),
        other => other.is_some(),
    }
}

/// What wrote a file, by how it begins.
fn writer(path: &Path) -> Option<Writer> {
    let mut start = Vec::new();
    input::open(path).ok()?.take(4096).read_to_end(&mut start).ok()?;
    let name = path.file_name()?.to_string_lossy();
    if name.contains(".tfevents.") || events::begins_as_records(&start) {
        return Some(Writer::TensorBoard);
    }
    if path.extension().is_some_and(|extension| extension == "json") {
        let text = String::from_utf8_lossy(&start);
        let state =
            name == "trainer_state.json" || (text.trim_start().starts_with('{') && text.contains("\"log_history\""));
        return state.then_some(Writer::TrainerState);
    }
    LogHeader::read(path).map(|_| Writer::Csv)
}

/// The logs in a folder and the folders in it, of one writer: CSVs if there are any, since Lightning writes both.
fn found(folder: &Path) -> Vec<(Writer, PathBuf)> {
    fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        entries.sort();
        for path in entries {
            if files.len() >= MOST_FILES {
                return;
            }
            if path.is_dir() && !path.is_symlink() && depth < DEEPEST {
                walk(&path, depth + 1, files);
            } else if path.is_file() {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(folder, 0, &mut files);
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let extension = path.extension().unwrap_or_default();
        ["csv", "tsv", "log"].iter().any(|known| extension == *known)
            || name == "trainer_state.json"
            || name.contains(".tfevents.")
    };
    let logs: Vec<(Writer, PathBuf)> =
        files.into_iter().filter(named).filter_map(|path| Some((writer(&path)?, path))).collect();
    let first = logs.iter().map(|(writer, _)| *writer).min();
    let logs: Vec<(Writer, PathBuf)> = logs.into_iter().filter(|(writer, _)| Some(*writer) == first).collect();
    without_checkpoints(logs)
}

/// Of a run's checkpoints, each with the log up to it, the last.
fn without_checkpoints(logs: Vec<(Writer, PathBuf)>) -> Vec<(Writer, PathBuf)> {
    let checkpoint = |path: &Path| -> Option<(PathBuf, u64)> {
        let folder = path.parent()?;
        let step = folder.file_name()?.to_str()?.strip_prefix("checkpoint-")?.parse().ok()?;
        Some((folder.parent()?.to_owned(), step))
    };
    let mut last: HashMap<PathBuf, u64> = HashMap::new();
    for (_, path) in logs.iter().filter(|(writer, _)| *writer == Writer::TrainerState) {
        match checkpoint(path) {
            Some((run, step)) => {
                let known = last.entry(run).or_insert(step);
                *known = step.max(*known);
            }
            // The run's own, written at its end.
            None => {
                path.parent().map(|run| last.insert(run.to_owned(), u64::MAX));
            }
        }
    }
    let kept = |(_, path): &(Writer, PathBuf)| match checkpoint(path) {
        Some((run, step)) => last.get(&run).is_none_or(|last| *last == step),
        None => true,
    };
    logs.into_iter().filter(kept).collect()
}

impl Logs {
    /// Reads what `paths` name: files, and folders with files in them, each file a run, but event files a folder.
    pub fn read(paths: &[PathBuf]) -> Result<Logs> {
        let mut logs = Logs::default();
        let mut event_runs: BTreeMap<PathBuf, Vec<(String, PathBuf)>> = BTreeMap::new();
        for path in paths {
            let shown = one_line(&path.display().to_string());
            let files = match path.is_dir() {
                true => found(path),
                false => {
                    let writer = writer(path).with_context(|| {
                        format!("{shown}: is no log: expected a CSV with a column epoch or step, a trainer_state.json or an event file")
                    })?;
                    vec![(writer, path.clone())]
                }
            };
            ensure!(
                !files.is_empty(),
                "{shown}: holds no logs: expected CSVs with a column epoch or step, trainer_state.json or event files"
            );
            for (writer, path) in files {
                match writer {
                    Writer::Csv => logs.take_csv(&path)?,
                    Writer::TrainerState => {
                        let rows = trainer_state::read(&path, &one_line(&path.display().to_string()))?;
                        logs.runs.push(RunLog { path, seed: None, rows });
                    }
                    Writer::TensorBoard => {
                        let (run, prefix) = event_run(&path);
                        event_runs.entry(run).or_default().push((prefix, path));
                    }
                }
            }
        }
        for (path, files) in event_runs {
            let rows = logs.events(&files)?;
            let path = if let [(_, file)] = &files[..] { file.clone() } else { path };
            logs.runs.push(RunLog { path, seed: None, rows });
        }
        logs.settle_seeds()?;
        let empty = |run: &&RunLog| run.rows.iter().all(|row| row.values.is_empty());
        if let [first, ..] = &logs.runs[..]
            && logs.runs.iter().all(|run| empty(&run))
        {
            bail!("{}: holds no numbers yet", one_line(&first.path.display().to_string()));
        }
        for run in logs.runs.iter().filter(empty) {
            logs.notes.push(format!("{}: holds no numbers", one_line(&run.path.display().to_string())));
        }
        Ok(logs)
    }

    fn take_csv(&mut self, path: &Path) -> Result<()> {
        let shown = one_line(&path.display().to_string());
        let header = LogHeader::read(path).with_context(|| format!("{shown}: is no log"))?;
        for (seed, rows) in csv_log::read(path, &header, &shown)? {
            self.runs.push(RunLog { path: path.to_owned(), seed, rows });
        }
        Ok(())
    }

    /// The scalars of a run's event files, those of the file that was begun last in front where a step was logged again.
    fn events(&mut self, files: &[(String, PathBuf)]) -> Result<Vec<LogRow>> {
        let mut rows = Vec::new();
        for (prefix, path) in files {
            let shown = one_line(&path.display().to_string());
            let events = events::read(path, &shown)?;
            if events.cut_off {
                self.notes.push(format!("{shown}: ends within a record, which is left out: its writer may be at work"));
            }
            let row = |scalar: events::Scalar| LogRow {
                step: Some(scalar.step as f64),
                epoch: None,
                values: vec![(format!("{prefix}{}", scalar.tag), scalar.value)],
            };
            rows.extend(events.scalars.into_iter().map(row));
        }
        Ok(rows)
    }

    /// Numbers runs that say no seed by their order, and refuses two of one seed.
    fn settle_seeds(&mut self) -> Result<()> {
        let said = self.runs.iter().filter(|run| run.seed.is_some()).count();
        ensure!(
            said == 0 || said == self.runs.len(),
            "some logs have a column seed and others none: give all of them one"
        );
        for (nth, run) in self.runs.iter_mut().enumerate() {
            run.seed.get_or_insert(nth as u64);
        }
        self.runs.sort_by_key(|run| run.seed);
        if let Some(pair) = self.runs.windows(2).find(|pair| pair[0].seed == pair[1].seed) {
            let [a, b] = [&pair[0], &pair[1]].map(|run| one_line(&run.path.display().to_string()));
            bail!("{a} and {b} both have seed {}: compare one of them", pair[0].seed.unwrap_or_default());
        }
        Ok(())
    }

    /// Whether every run that has numbers says where on this axis they are.
    pub fn have(&self, axis: Axis) -> bool {
        let numbers = |run: &RunLog| run.rows.iter().any(|row| !row.values.is_empty());
        let placed = |run: &RunLog| run.rows.iter().any(|row| axis.of(row).is_some() && !row.values.is_empty());
        self.runs.iter().all(|run| placed(run) || !numbers(run))
    }

    /// The metrics, in the order in which they are first logged.
    pub fn metrics(&self) -> Vec<String> {
        let mut known = HashMap::new();
        let mut metrics = Vec::new();
        for (name, _) in self.runs.iter().flat_map(|run| &run.rows).flat_map(|row| &row.values) {
            known.entry(name.as_str()).or_insert_with(|| metrics.push(name.clone()));
        }
        metrics
    }

    /// All of it as one CSV: `seed`, the axis, and a column a metric; a row for each place of a run, the metric's last value
    /// there, or none.
    pub fn csv(&self, axis: Axis) -> String {
        let metrics = self.metrics();
        let places: HashMap<&str, usize> = metrics.iter().enumerate().map(|(nth, name)| (name.as_str(), nth)).collect();
        // A metric may be called as a column of the key is.
        let column = |name: &String| match ["seed", axis.name()].contains(&name.as_str()) {
            true => format!("metric {name}"),
            false => name.clone(),
        };
        let header = ["seed".to_owned(), axis.name().to_owned()].into_iter().chain(metrics.iter().map(column));
        // A step is a whole number, and is written as one.
        let spelt = |at: f64| if at.fract() == 0.0 && at.abs() < 1e15 { format!("{at:.0}") } else { number(at) };
        let mut rows = vec![header.collect::<Vec<String>>()];
        for run in &self.runs {
            for (at, values) in run.along(axis, &places) {
                let mut row = vec![run.seed.unwrap_or_default().to_string(), spelt(at)];
                row.extend(values.into_iter().map(|value| value.map_or_else(String::new, number)));
                rows.push(row);
            }
        }
        super::rows::lines(rows)
    }
}

impl RunLog {
    /// A metric's values along an axis, the last one where it was logged twice.
    pub fn metric(&self, axis: Axis, name: &str) -> Vec<(f64, f64)> {
        let along = self.along(axis, &HashMap::from([(name, 0)]));
        along.into_iter().filter_map(|(at, values)| Some((at, values[0]?))).collect()
    }

    /// What each metric is at each place that anything was logged at, in their order.
    fn along(&self, axis: Axis, places: &HashMap<&str, usize>) -> Vec<(f64, Vec<Option<f64>>)> {
        let mut rows: Vec<(f64, &LogRow)> =
            self.rows.iter().filter_map(|row| Some((axis.of(row)?, row))).filter(|(at, _)| at.is_finite()).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut along: Vec<(f64, Vec<Option<f64>>)> = Vec::new();
        for (at, row) in rows.into_iter().filter(|(_, row)| !row.values.is_empty()) {
            if along.last().is_none_or(|(last, _)| *last != at) {
                along.push((at, vec![None; places.len()]));
            }
            if let Some((_, values)) = along.last_mut() {
                for (name, value) in &row.values {
                    if let Some(&place) = places.get(name.as_str()) {
                        values[place] = Some(*value);
                    }
                }
            }
        }
        along
    }
}

/// The run that an event file is of, and what is written before its tags: Keras writes a run's files into `train` and
/// `validation` below it.
fn event_run(path: &Path) -> (PathBuf, String) {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let part = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match folder.parent() {
        Some(run) if ["train", "validation"].contains(&part.as_str()) => (run.to_owned(), format!("{part}/")),
        _ => (folder, String::new()),
    }
}
