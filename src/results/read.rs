//! Result files read back, streaming: rightly, or not at all. A file that is cut off, has a row of another shape or two rows
//! of what can have one is refused with its line and the reason.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use csv::StringRecord;

use super::checked::Rows;
use super::rows::{
    CURVES_HEADER, CurvePoint, EFFECTS_HEADER, FINDINGS_HEADER, HEALTH_HEADER, HealthRow, Key, RUNS_HEADER, RunFile,
    RunRow,
};
use super::scan::{self, Lines};
use crate::data::Samples;
use crate::stats::effects::Estimate;
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

/// The rows of a folder's `runs.csv` with the fixes and settings that tell the variants apart.
pub fn runs_with_settings(folder: &Path) -> Result<Runs> {
    let mut rows = Rows::open(&folder.join(RunFile::Runs.name()))?;
    rows.must(rows.header().iter().take(RUNS_HEADER.len()).eq(RUNS_HEADER), || {
        format!("the header must begin with {}", RUNS_HEADER.join(","))
    })?;
    let settings: Vec<String> = rows.header().iter().skip(RUNS_HEADER.len()).map(str::to_owned).collect();
    let mut read = Runs { settings, rows: Vec::new() };
    let mut order = Order::default();
    while let Some(record) = rows.next()? {
        let row = run_row(record).context(NO_ROW);
        let row = rows.at(row)?;
        let key = Key { variant: row.variant.clone(), seed: row.seed };
        rows.at(order.once(key))?;
        read.rows.push((row, rows.record().iter().skip(RUNS_HEADER.len()).map(str::to_owned).collect()));
    }
    Ok(read)
}

/// What is said of a row whose fields are not what the header promises.
const NO_ROW: &str = "is not a row of what the header says: restore the file, or mend the row";

/// The fixed columns of `runs.csv`.
pub(super) fn run_row(record: &StringRecord) -> Option<RunRow> {
    Some(RunRow {
        variant: record.get(0)?.to_owned(),
        seed: record.get(1)?.parse().ok()?,
        outcome: record.get(2)?.parse().ok()?,
        steps: record.get(3)?.parse().ok()?,
        first_loss: record.get(4)?.parse().ok()?,
        last_loss: record.get(5)?.parse().ok()?,
        test_rmse: record.get(6)?.parse().ok()?,
        r2: record.get(7)?.parse().ok()?,
    })
}

/// The rows of a folder's `health.csv`, in the file's order.
pub fn health(folder: &Path) -> Result<Vec<HealthRow>> {
    let mut rows = Rows::with_header(&folder.join(RunFile::Health.name()), &HEALTH_HEADER)?;
    let mut health = Vec::new();
    let mut order = Order::default();
    while let Some(record) = rows.next()? {
        let row = health_row(record).context(NO_ROW);
        let row = rows.at(row)?;
        rows.at(order.once(Key { variant: row.variant.clone(), seed: row.seed }))?;
        health.push(row);
    }
    Ok(health)
}

pub(super) fn health_row(record: &StringRecord) -> Option<HealthRow> {
    let (kinks, numbers) = (record.get(26)?, record.iter().skip(2).take(24));
    let n: Vec<f64> = numbers.map(|field| field.parse().ok()).collect::<Option<_>>()?;
    Some(HealthRow {
        variant: record.get(0)?.to_owned(),
        seed: record.get(1)?.parse().ok()?,
        first_gradient: [n[0], n[1]],
        last_gradient: [n[3], n[4]],
        saturated_units: n[6],
        identical_units: n[7],
        pieces: n[8],
        most_pieces: n[9],
        distinct_samples: n[10],
        training_samples: n[11],
        loss_slope: n[12],
        prediction: [n[13], n[14], n[15]],
        target: [n[16], n[17], n[18]],
        zero_rmse: n[19],
        mean_rmse: n[20],
        line_rmse: n[21],
        pieces_rmse: n[22],
        most_pieces_rmse: n[23],
        kinks: kinks.split_ascii_whitespace().map(|kink| kink.parse().ok()).collect::<Option<_>>()?,
    })
}

/// Runs that come one after the other: each has its rows in one place, or one row.
#[derive(Default)]
pub(super) struct Order {
    seen: HashSet<Key>,
}

impl Order {
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
    let mut order = Order::default();
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
            let text = std::str::from_utf8(line.bytes).ok().filter(|text| !text.contains('"')).with_context(said)?;
            record.clear();
            text.split(',').for_each(|field| record.push_field(field));
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
    let rows = Rows::with_header(&folder.join(RunFile::Curves.name()), &CURVES_HEADER)?;
    let (mut steps, mut others) = (Steps::default(), Steps::default());
    each_row(
        rows,
        trust,
        wanted,
        |key, record| {
            let point = curve_point(record).context(NO_ROW)?;
            steps.next(key, point.step)?;
            take(key, point);
            Ok(())
        },
        |key, record| others.next(key, curve_point(record).context(NO_ROW)?.step),
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

pub(super) fn curve_point(record: &StringRecord) -> Option<CurvePoint> {
    let number = |field: usize| record.get(field)?.parse::<f64>().ok();
    Some(CurvePoint {
        step: record.get(2)?.parse().ok()?,
        train_loss: number(3)?,
        test_loss: number(4)?,
        test_rmse: number(5)?,
        grad_norm: number(6)?,
        update_ratio: number(7)?,
        dead_units: number(8)?,
    })
}

/// One run's prediction at one test point, in original units; the point's inputs stand before them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    pub target: f64,
    pub prediction: f64,
}

/// A folder's predictions, and the names of their inputs, which stand between variant and seed and target and prediction.
fn predictions(folder: &Path) -> Result<(Rows, Vec<String>)> {
    let rows = Rows::open(&folder.join(RunFile::Predictions.name()))?;
    let (header, columns) = (rows.header(), rows.header().len());
    let ends = ["variant", "seed", "target", "prediction"];
    rows.must(columns >= 4 && header.iter().take(2).chain(header.iter().skip(columns - 2)).eq(ends), || {
        "the header must be variant,seed, the inputs, target,prediction".to_owned()
    })?;
    let inputs = header.iter().skip(2).take(columns - 4).map(str::to_owned).collect();
    Ok((rows, inputs))
}

/// Goes through the predictions of the wanted runs of a folder, in the file's order; an input that a variant does not have
/// is NaN. The names of the inputs.
pub fn each_prediction(
    folder: &Path,
    trust: Trust,
    wanted: impl FnMut(&Key) -> bool,
    mut take: impl FnMut(&Key, &[f64], Predicted),
) -> Result<Vec<String>> {
    let (rows, names) = predictions(folder)?;
    let (mut inputs, mut others) = (Vec::new(), Vec::new());
    each_row(
        rows,
        trust,
        wanted,
        |key, record| {
            let at = prediction_row(record, &mut inputs).context(NO_ROW)?;
            take(key, &inputs, at);
            Ok(())
        },
        |_, record| prediction_row(record, &mut others).context(NO_ROW).map(|_| ()),
    )?;
    Ok(names)
}

pub(super) fn prediction_row(record: &StringRecord, inputs: &mut Vec<f64>) -> Option<Predicted> {
    let columns = record.len();
    inputs.clear();
    for field in record.iter().skip(2).take(columns.checked_sub(4)?) {
        inputs.push(if field.is_empty() { f64::NAN } else { field.parse().ok()? });
    }
    let number = |field: usize| record.get(field)?.parse::<f64>().ok();
    Some(Predicted { target: number(columns - 2)?, prediction: number(columns - 1)? })
}

/// A row of `effects.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectRow {
    pub kind: String,
    /// Names of fixes, joined by `+`.
    pub fixes: String,
    pub estimate: Estimate,
}

/// The rows of a folder's `effects.csv`, in the file's order.
pub fn effects(folder: &Path) -> Result<Vec<EffectRow>> {
    let mut rows = Rows::with_header(&folder.join("effects.csv"), &EFFECTS_HEADER)?;
    let mut effects = Vec::new();
    while let Some(record) = rows.next()? {
        let number = |field: usize| record[field].parse::<f64>().ok();
        let estimate = (|| Some(Estimate { mean: number(2)?, low: number(3)?, high: number(4)?, p: number(5)? }))();
        let row =
            estimate.map(|estimate| EffectRow { kind: record[0].to_owned(), fixes: record[1].to_owned(), estimate });
        effects.push(rows.at(row.context(NO_ROW))?);
    }
    Ok(effects)
}

/// A row of `findings.csv`. Effects are NaN where they were not measured.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingRow {
    pub variant: String,
    pub finding: String,
    pub severity: String,
    pub evidence: String,
    pub fix: String,
    pub first_in: f64,
    pub last_out: f64,
    pub shapley: f64,
}

/// The rows of a folder's `findings.csv`, in the file's order.
pub fn findings(folder: &Path) -> Result<Vec<FindingRow>> {
    let mut rows = Rows::with_header(&folder.join("findings.csv"), &FINDINGS_HEADER)?;
    let mut findings = Vec::new();
    while let Some(record) = rows.next()? {
        let number = |field: usize| record[field].parse::<f64>().ok();
        let row = (|| {
            Some(FindingRow {
                variant: record[0].to_owned(),
                finding: record[1].to_owned(),
                severity: record[2].to_owned(),
                evidence: record[3].to_owned(),
                fix: record[4].to_owned(),
                first_in: number(5)?,
                last_out: number(6)?,
                shapley: number(7)?,
            })
        })();
        findings.push(rows.at(row.context(NO_ROW))?);
    }
    Ok(findings)
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
    let x = predictions(folder)?.1.iter().position(|input| input == "x");
    each_prediction(folder, trust, asked, |key, inputs, predicted| {
        let Some(x) = x.map(|x| inputs[x]) else { return };
        if wanted.iter().any(|(variant, wanted)| *variant == key.variant && *wanted == x) {
            let Predicted { target, prediction } = predicted;
            rows.push(PredictionRow { variant: key.variant.clone(), x, target, prediction });
        }
    })?;
    Ok(rows)
}

/// The test points of the first run in a folder, where its inputs are all numbers.
pub fn first_test_points(folder: &Path) -> Result<Option<Samples>> {
    let (mut rows, inputs) = predictions(folder)?;
    let mut samples = Samples { columns: inputs.len(), ..Samples::default() };
    let mut first: Option<(String, String)> = None;
    let mut values = Vec::new();
    while let Some(record) = rows.next()? {
        let (variant, seed) = first.get_or_insert_with(|| (record[0].to_owned(), record[1].to_owned()));
        if (&record[0], &record[1]) != (variant.as_str(), seed.as_str()) {
            break;
        }
        let row = prediction_row(record, &mut values).context(NO_ROW);
        samples.targets.push(rows.at(row)?.target);
        samples.inputs.append(&mut values);
    }
    let numbers = samples.inputs.iter().all(|input| !input.is_nan());
    Ok((numbers && samples.columns > 0 && samples.rows() > 0).then_some(samples))
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
        let mut text = format!("{}\n", CURVES_HEADER.join(","));
        for (variant, seeds) in [("a", 3), ("a b", 1), ("a-b+c", 12), ("é", 2)] {
            for seed in 0..seeds {
                for step in 0..9 {
                    text.push_str(&format!("{variant},{seed},{step},0.5,NaN,inf,-inf,1e-300,{step}.25\n"));
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
