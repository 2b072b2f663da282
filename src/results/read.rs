//! Result files read back, streaming: rightly, or not at all. A file that is cut off, has a row of another shape or two rows
//! of what can have one is refused with its line and the reason.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use csv::StringRecord;

use super::checked::Rows;
use super::names::{CHECKS, EFFECTS, FINDINGS, VERDICTS};
use super::points::{PredictedPoint, PredictionColumns};
use super::rows::{CheckRow, CsvRow, CurvePoint, EffectRow, FindingRow, HealthRow, Key, RunRow, VerdictRow};
use super::run_file::RunFile;
use super::scan::{self, Lines};
use crate::data::Samples;
use crate::text::one_line;

/// A folder's `runs.csv`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs {
    /// The columns behind the fixed ones: fixes, then swept keys.
    pub settings: Vec<String>,
    /// Each row with its fields in those columns, in the file's order.
    pub rows: Vec<(RunRow, Vec<String>)>,
}

/// The rows of a folder's `runs.csv`, in the file's order.
pub fn runs(folder: &Path) -> Result<Vec<RunRow>> {
    Ok(runs_with_settings(folder)?.rows.into_iter().map(|(row, _)| row).collect())
}

/// The last cells of a run, of files that have no column for them: of before December 2026, and of before there were classes.
const LATER: [&[&str]; 3] = [&[], &["", "", "", ""], &["NaN", "", "", "", ""]];

/// The rows of a folder's `runs.csv` with the fixes and settings that tell the variants apart.
pub fn runs_with_settings(folder: &Path) -> Result<Runs> {
    let mut rows = Rows::open(&folder.join(RunFile::Runs.name()))?;
    let begins_with = |columns: &[&str]| rows.header().iter().take(columns.len()).eq(columns.iter().copied());
    let later = LATER.into_iter().find(|cells| begins_with(&RunRow::COLUMNS[..RunRow::COLUMNS.len() - cells.len()]));
    rows.must(later.is_some(), || format!("the header must begin with {}", RunRow::COLUMNS.join(",")))?;
    let later = later.unwrap_or_default();
    let fixed = RunRow::COLUMNS.len() - later.len();
    let settings: Vec<String> = rows.header().iter().skip(fixed).map(str::to_owned).collect();
    let mut read = Runs { settings, rows: Vec::new() };
    let mut order = SeenRuns::default();
    while let Some(record) = rows.next()? {
        let fields = record.iter().take(fixed);
        let whole = fields.clone().all(|cell| !cell.is_empty());
        let row = row::<RunRow>(fields.chain(later.iter().copied()));
        let row = rows.at(row.and_then(|row| whole.then_some(row).context(NO_ROW)))?;
        let key = Key { variant: row.variant.clone(), seed: row.seed };
        rows.at(order.once(key))?;
        read.rows.push((row, rows.record().iter().skip(fixed).map(str::to_owned).collect()));
    }
    Ok(read)
}

/// What is said of a row whose fields are not what the header promises.
pub(super) const NO_ROW: &str = "is not a row of what the header says: restore the file, or mend the row";

/// A row, whose fields begin where its columns do.
pub(super) fn row<'a, T: CsvRow>(fields: impl Iterator<Item = &'a str>) -> Result<T> {
    T::read(fields).context(NO_ROW)
}

/// The rows of a file that has these columns and no others, in its order; `sound` says what may follow what.
fn all<T: CsvRow>(path: &Path, mut sound: impl FnMut(&T) -> Result<()>) -> Result<Vec<T>> {
    let mut rows = Rows::with_header(path, T::COLUMNS)?;
    let mut all = Vec::new();
    while let Some(record) = rows.next()? {
        let read = row(record.iter()).and_then(|read| sound(&read).map(|()| read));
        all.push(rows.at(read)?);
    }
    Ok(all)
}

/// The same of a file that may be so old that it lacks the columns `later`, which stand together, each with what stands for its
/// cells.
fn all_or_earlier<T: CsvRow>(
    path: &Path,
    later: &[(&'static str, &'static str)],
    mut sound: impl FnMut(&T) -> Result<()>,
) -> Result<Vec<T>> {
    let mut rows = Rows::open(path)?;
    let first = later.first().map(|(column, _)| *column);
    let place = T::COLUMNS.iter().position(|column| Some(*column) == first).context("a row has the column")?;
    let (before, behind) = (&T::COLUMNS[..place], &T::COLUMNS[place + later.len()..]);
    let unknown: Vec<&'static str> = later.iter().map(|(_, cell)| *cell).collect();
    let earlier = rows.header().iter().eq(before.iter().chain(behind).copied());
    let known = earlier || rows.header().iter().eq(T::COLUMNS.iter().copied());
    rows.must(known, || format!("the header must be {}", T::COLUMNS.join(",")))?;
    let mut all = Vec::new();
    while let Some(record) = rows.next()? {
        let read = match earlier {
            true => row(record.iter().take(place).chain(unknown.iter().copied()).chain(record.iter().skip(place))),
            false => row(record.iter()),
        };
        all.push(rows.at(read.and_then(|read| sound(&read).map(|()| read)))?);
    }
    Ok(all)
}

/// The rows of a folder's `health.csv`, in the file's order.
pub fn health(folder: &Path) -> Result<Vec<HealthRow>> {
    let mut order = SeenRuns::default();
    // What the earlier ones asked of every regression.
    let later = [("reachable_r2", "NaN"), ("goal_r2", "0.99")];
    all_or_earlier(&folder.join(RunFile::Health.name()), &later, |row: &HealthRow| {
        order.once(Key { variant: row.variant.clone(), seed: row.seed })
    })
}

/// The rows of a folder's `effects.csv`, in the file's order.
pub fn effects(folder: &Path) -> Result<Vec<EffectRow>> {
    all(&folder.join(EFFECTS), |_| Ok(()))
}

/// The rows of a folder's `findings.csv`, in the file's order. A file of before December 2026 has no verdicts, and gains in
/// another unit, which are left out.
pub fn findings(folder: &Path) -> Result<Vec<FindingRow>> {
    let mut rows = all_or_earlier(&folder.join(FINDINGS), &[("verdict", "")], |_: &FindingRow| Ok(()))?;
    for row in rows.iter_mut().filter(|row| row.verdict.is_empty()) {
        (row.first_in, row.last_out, row.shapley) = (f64::NAN, f64::NAN, f64::NAN);
    }
    Ok(rows)
}

/// The rows of a folder's `verdicts.csv`, in the file's order.
pub fn verdicts(folder: &Path) -> Result<Vec<VerdictRow>> {
    let later = ["seeds", "seeds_to_tell", "replaced_by", "remarks", "rules"].map(|column| (column, ""));
    all_or_earlier(&folder.join(VERDICTS), &later, |_| Ok(()))
}

/// The rows of a folder's `checks.csv`, in the file's order.
pub fn checks(folder: &Path) -> Result<Vec<CheckRow>> {
    all(&folder.join(CHECKS), |_| Ok(()))
}

/// Runs that come one after the other: each has its rows in one place, or one row.
#[derive(Default)]
pub(super) struct SeenRuns {
    seen: HashSet<Key>,
}

impl SeenRuns {
    /// A run that has one row.
    pub(super) fn once(&mut self, key: Key) -> Result<()> {
        let shown = shown(&key);
        ensure!(self.seen.insert(key), "is a second row of {shown}: take one of them out");
        Ok(())
    }

    /// A run whose rows begin.
    fn begins(&mut self, key: &Key) -> Result<()> {
        let new = self.seen.insert(key.clone());
        ensure!(new, "the rows of {} are in two places: sort the file by variant and seed", shown(key));
        Ok(())
    }
}

/// A run in a message.
pub fn shown(key: &Key) -> String {
    format!("variant {:?} with seed {}", one_line(&key.variant), key.seed)
}

/// How sure one can be of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is to the bit what misfit wrote ([`super::integrity`]): rows that nobody wants need not be looked at.
    AsWritten,
    /// Every row is looked at.
    Nothing,
}

/// Goes through the rows of a file in which each run has its rows in one place; `take` is given those of wanted runs and
/// says whether they are what they must be, `check` those of the others.
fn each_row(
    mut rows: Rows,
    trust: Trust,
    mut wanted: impl FnMut(&Key) -> bool,
    mut take: impl FnMut(&Key, &StringRecord) -> Result<()>,
    mut check: impl FnMut(&Key, &StringRecord) -> Result<()>,
) -> Result<()> {
    let mut order = SeenRuns::default();
    let mut key = Key { variant: String::new(), seed: 0 };
    let (mut seed, mut wants, mut any) = (String::new(), false, false);
    if trust == Trust::AsWritten {
        return each_wanted(&rows, wanted, take);
    }
    while let Some(record) = rows.next()? {
        if !any || record[0] != key.variant || record[1] != seed {
            let number = record[1].parse().ok().context(NO_ROW);
            (key.variant, seed) = (record[0].to_owned(), record[1].to_owned());
            key.seed = rows.at(number)?;
            rows.at(order.begins(&key))?;
            (any, wants) = (true, wanted(&key));
        }
        let row = rows.record();
        let taken = if wants { take(&key, row) } else { check(&key, row) };
        rows.at(taken)?;
    }
    Ok(())
}

/// The same of a file that is as misfit wrote it.
fn each_wanted(
    rows: &Rows,
    mut wanted: impl FnMut(&Key) -> bool,
    mut take: impl FnMut(&Key, &StringRecord) -> Result<()>,
) -> Result<()> {
    let unreadable = || format!("{}: cannot be read", rows.shown());
    let mut lines = Lines::open(rows.path(), false).with_context(unreadable)?;
    let mut run: Option<(Key, bool)> = None;
    let mut prefix: Vec<u8> = Vec::new();
    let (mut nth, mut record) = (0_u64, StringRecord::new());
    while let Some(line) = lines.next().with_context(unreadable)? {
        nth += 1;
        if nth == 1 {
            continue;
        }
        let said = || format!("{}:{nth}: {NO_ROW}", rows.shown());
        if run.is_none() || !line.bytes.starts_with(&prefix) {
            let (key, length) = scan::run_of(line.bytes).with_context(said)?;
            prefix = line.bytes[..length].to_vec();
            let wants = wanted(&key);
            run = Some((key, wants));
        }
        if let Some((key, true)) = &run {
            scan::fields(line.bytes, &mut record).with_context(said)?;
            ensure!(record.len() == rows.header().len(), said());
            take(key, &record).with_context(|| format!("{}:{nth}", rows.shown()))?;
        }
    }
    Ok(())
}

/// The curves of a folder, run by run, in the file's order.
pub fn curves(folder: &Path) -> Result<Vec<(Key, Vec<CurvePoint>)>> {
    let mut curves: Vec<(Key, Vec<CurvePoint>)> = Vec::new();
    each_curve_point(
        folder,
        Trust::Nothing,
        |_| true,
        |key, point| match curves.last_mut() {
            Some((last, curve)) if last == key => curve.push(point),
            _ => curves.push((key.clone(), vec![point])),
        },
    )?;
    Ok(curves)
}

/// Goes through the points of the wanted curves of a folder, in the file's order: run by run, by step.
pub fn each_curve_point(
    folder: &Path,
    trust: Trust,
    wanted: impl FnMut(&Key) -> bool,
    mut take: impl FnMut(&Key, CurvePoint),
) -> Result<()> {
    let rows = Rows::with_header(&folder.join(RunFile::Curves.name()), &[Key::COLUMNS, CurvePoint::COLUMNS].concat())?;
    let (mut steps, mut others) = (Steps::default(), Steps::default());
    each_row(
        rows,
        trust,
        wanted,
        |key, record| {
            let point = curve_point(record)?;
            steps.next(key, point.step)?;
            take(key, point);
            Ok(())
        },
        |key, record| others.next(key, curve_point(record)?.step),
    )
}

/// The steps of one run after the other.
#[derive(Default)]
pub(super) struct Steps(Option<(Key, usize)>);

impl Steps {
    pub(super) fn next(&mut self, key: &Key, step: usize) -> Result<()> {
        match &mut self.0 {
            Some((last, before)) if last == key => {
                ensure!(step > *before, "step {step} follows step {before}: sort the file by variant, seed and step");
                *before = step;
            }
            _ => self.0 = Some((key.clone(), step)),
        }
        Ok(())
    }
}

pub(super) fn curve_point(record: &StringRecord) -> Result<CurvePoint> {
    row(record.iter().skip(Key::COLUMNS.len()))
}

/// A folder's predictions, and what their columns are.
fn predictions(folder: &Path) -> Result<(Rows, PredictionColumns)> {
    let rows = Rows::open(&folder.join(RunFile::Predictions.name()))?;
    let columns = PredictionColumns::read(&rows.header().iter().collect::<Vec<_>>());
    rows.must(columns.is_some(), || {
        format!("the header must be {}, the inputs, target,prediction (docs/experiments.md)", Key::COLUMNS.join(","))
    })?;
    Ok((rows, columns.unwrap_or_default()))
}

/// The columns of a folder's predictions.
pub fn prediction_columns(folder: &Path) -> Result<PredictionColumns> {
    Ok(predictions(folder)?.1)
}

/// Goes through the predictions of the wanted runs of a folder, in the file's order.
pub fn each_prediction(
    folder: &Path,
    trust: Trust,
    wanted: impl FnMut(&Key) -> bool,
    mut take: impl FnMut(&Key, &PredictedPoint),
) -> Result<PredictionColumns> {
    let (rows, columns) = predictions(folder)?;
    let (mut point, mut other) = (PredictedPoint::default(), PredictedPoint::default());
    each_row(
        rows,
        trust,
        wanted,
        |key, record| {
            columns.point(record, &mut point).context(NO_ROW)?;
            take(key, &point);
            Ok(())
        },
        |_, record| columns.point(record, &mut other).context(NO_ROW),
    )?;
    Ok(columns)
}

/// The predictions at the wanted `(variant, x)` of these seeds, of experiments with one input.
pub fn predictions_at(
    folder: &Path,
    trust: Trust,
    wanted: &[(&str, f64)],
    seeds: &[u64],
) -> Result<Vec<PredictionRow>> {
    let mut rows = Vec::new();
    let asked = |key: &Key| seeds.contains(&key.seed) && wanted.iter().any(|(variant, _)| *variant == key.variant);
    // With several inputs no one number says where a prediction is.
    let x = predictions(folder)?.1.inputs.iter().position(|input| input == "x");
    each_prediction(folder, trust, asked, |key, point| {
        let (Some(x), [target], [prediction]) =
            (x.map(|x| point.inputs[x]), &point.targets[..], &point.predictions[..])
        else {
            return;
        };
        if wanted.iter().any(|(variant, wanted)| *variant == key.variant && *wanted == x) {
            rows.push(PredictionRow { variant: key.variant.clone(), x, target: *target, prediction: *prediction });
        }
    })?;
    Ok(rows)
}

/// The test points of the first run in a folder, where its inputs are all numbers and its target is one.
pub fn first_test_points(folder: &Path) -> Result<Option<Samples>> {
    let (mut rows, columns) = predictions(folder)?;
    let mut samples = Samples { columns: columns.inputs.len(), outputs: 1, ..Samples::default() };
    let mut first: Option<(String, String)> = None;
    let mut point = PredictedPoint::default();
    while let Some(record) = rows.next()? {
        let (variant, seed) = first.get_or_insert_with(|| (record[0].to_owned(), record[1].to_owned()));
        if (&record[0], &record[1]) != (variant.as_str(), seed.as_str()) {
            break;
        }
        let read = columns.point(record, &mut point).context(NO_ROW);
        rows.at(read)?;
        samples.targets.append(&mut point.targets);
        samples.inputs.append(&mut point.inputs);
    }
    let numbers = samples.inputs.iter().all(|input| !input.is_nan());
    let lone = columns.classes.is_empty() && columns.outputs.is_empty();
    Ok((numbers && lone && samples.columns > 0 && samples.rows() > 0).then_some(samples))
}

/// One run's prediction at one input, in original units.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionRow {
    pub variant: String,
    pub x: f64,
    pub target: f64,
    pub prediction: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_of_another_header_are_refused_and_torn_ones_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        let says = |text: &str| -> Vec<String> {
            std::fs::write(&path, text).unwrap();
            let at = predictions_at(folder.path(), Trust::Nothing, &[("a", 1.0)], &[0]).map(|rows| rows.len());
            let points = first_test_points(folder.path()).map(|points| points.map_or(0, |points| points.rows()));
            [at, points].map(|said| said.map_or_else(|error| format!("{error:#}"), |count| count.to_string())).to_vec()
        };
        for text in
            ["", "x", "x\n1\n", "variant\na\n", "x,target,prediction\n1,2,3\n", "seed,variant,target,prediction\n"]
        {
            let said = says(text);
            assert!(
                said.iter().all(|said| said.contains("predictions.csv:1: the header must be ")),
                "{text:?}: {said:?}"
            );
        }
        for (text, reason) in [
            ("variant,seed,x,target,prediction\na\n", "predictions.csv:2: has 1 fields, the header 5"),
            ("variant,seed,x,target,prediction\n\na,0,1.0,2.0\n", "predictions.csv:3: has 4 fields, the header 5"),
            (
                "variant,seed,x,target,prediction\na,0,1,2,3\na,0,2,2,3",
                "predictions.csv:3: ends in the middle of a line",
            ),
            ("variant,seed,x,target,prediction\na,0,1,2,3\na,0,", "predictions.csv:3: ends in the middle of a row"),
            ("variant,seed,x,target,prediction\na,0,1,2,three\n", "predictions.csv:2: is not a row"),
        ] {
            let said = &says(text)[0];
            assert!(said.contains(reason), "{text:?}: {said}");
        }
        let apart = "variant,seed,x,target,prediction\na,0,1,2,3\nb,0,1,2,3\na,0,2,2,3\n";
        assert!(
            says(apart)[0].contains(":4: the rows of variant \"a\" with seed 0 are in two places"),
            "{:?}",
            says(apart)
        );
        assert_eq!(says("variant,seed,x,target,prediction\na,0,1,2,3\na,0,2,2,3\nb,0,1,2,3\n"), ["1", "2"]);
        assert_eq!(says("variant,seed,target,prediction\na,0,2,3\n"), ["0", "0"]);
    }

    #[test]
    fn a_file_that_is_known_reads_as_one_that_is_looked_at_row_by_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = format!("{}\n", [Key::COLUMNS, CurvePoint::COLUMNS].concat().join(","));
        for (variant, seeds) in [("a", 3), ("a b", 1), ("a-b+c", 12), ("é", 2)] {
            for seed in 0..seeds {
                for step in 0..9 {
                    text.push_str(&format!("{variant},{seed},{step},0.5,NaN,inf,-inf,1e-300,{step}.25,NaN\n"));
                }
            }
        }
        std::fs::write(folder.path().join("curves.csv"), text).unwrap();
        let read = |trust: Trust| {
            let mut points = Vec::new();
            let wanted = |key: &Key| key.variant != "a b" && key.seed != 1;
            each_curve_point(folder.path(), trust, wanted, |key, point| points.push(format!("{key:?} {point:?}")))
                .unwrap();
            points
        };
        let known = read(Trust::AsWritten);
        assert_eq!(known.len(), (2 + 11 + 1) * 9);
        assert_eq!(known, read(Trust::Nothing));
    }
}
