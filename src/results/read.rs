//! Result files read back, streaming.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::rows::{
    CURVES_HEADER, CurvePoint, EFFECTS_HEADER, FINDINGS_HEADER, HEALTH_HEADER, HealthRow, Key, RUNS_HEADER, RunRow,
};
use crate::analysis::effects::Estimate;
use crate::data::Samples;

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
    let path = folder.join("runs.csv");
    let shown = path.display();
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("{shown}: cannot be read"))?;
    let header = reader.headers()?.clone();
    if header.iter().take(RUNS_HEADER.len()).ne(RUNS_HEADER) {
        bail!("{shown}:1: the header must begin with {}", RUNS_HEADER.join(","));
    }
    let settings = header.iter().skip(RUNS_HEADER.len()).map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("{shown}: cannot be read"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = (|| {
            Some(RunRow {
                variant: record[0].to_owned(),
                seed: record[1].parse().ok()?,
                outcome: record[2].parse().ok()?,
                steps: record[3].parse().ok()?,
                first_loss: record[4].parse().ok()?,
                last_loss: record[5].parse().ok()?,
                test_rmse: record[6].parse().ok()?,
                r2: record[7].parse().ok()?,
            })
        })();
        let row = row.with_context(|| format!("{shown}:{line}: is not a row of {}", RUNS_HEADER.join(",")))?;
        rows.push((row, record.iter().skip(RUNS_HEADER.len()).map(str::to_owned).collect()));
    }
    Ok(Runs { settings, rows })
}

/// The rows of a folder's `health.csv`, in the file's order.
pub fn health(folder: &Path) -> Result<Vec<HealthRow>> {
    let mut rows = Vec::new();
    each_row(&folder.join("health.csv"), &HEALTH_HEADER, |key, fields| {
        let (kinks, numbers) = fields.split_last()?;
        let n: Vec<f64> = numbers.iter().map(|field| field.parse().ok()).collect::<Option<_>>()?;
        rows.push(HealthRow {
            variant: key.variant,
            seed: key.seed,
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
        });
        Some(())
    })?;
    Ok(rows)
}

/// The curves of a folder, run by run, in the file's order.
pub fn curves(folder: &Path) -> Result<Vec<(Key, Vec<CurvePoint>)>> {
    let mut curves: Vec<(Key, Vec<CurvePoint>)> = Vec::new();
    each_curve_point(folder, |key, point| match curves.last_mut() {
        Some((last, curve)) if *last == key => curve.push(point),
        _ => curves.push((key, vec![point])),
    })?;
    Ok(curves)
}

/// Goes through the points of a folder's curves, in the file's order.
pub fn each_curve_point(folder: &Path, mut take: impl FnMut(Key, CurvePoint)) -> Result<()> {
    each_row(&folder.join("curves.csv"), &CURVES_HEADER, |key, fields| {
        let number = |field: usize| fields[field].parse::<f64>().ok();
        let point = CurvePoint {
            step: fields[0].parse().ok()?,
            train_loss: number(1)?,
            test_loss: number(2)?,
            test_rmse: number(3)?,
            grad_norm: number(4)?,
            update_ratio: number(5)?,
            dead_units: number(6)?,
        };
        take(key, point);
        Some(())
    })
}

/// Goes through a file whose rows begin with a variant and a seed; `row` is given what follows them, and says whether that
/// is what it must be.
fn each_row(path: &Path, header: &[&str], mut row: impl FnMut(Key, &[&str]) -> Option<()>) -> Result<()> {
    let shown = path.display();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("{shown}: cannot be read"))?;
    if reader.headers()?.iter().ne(header.iter().copied()) {
        bail!("{shown}:1: the header must be {}", header.join(","));
    }
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).with_context(|| format!("{shown}: cannot be read"))? {
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<&str> = record.iter().collect();
        let taken = (|| {
            let key = Key { variant: fields[0].to_owned(), seed: fields[1].parse().ok()? };
            row(key, &fields[2..])
        })();
        taken.with_context(|| format!("{shown}:{line}: is not a row of {}", header.join(",")))?;
    }
    Ok(())
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
    let mut rows = Vec::new();
    each_record(&folder.join("effects.csv"), &EFFECTS_HEADER, |text, number| {
        let estimate = Estimate { mean: number(2)?, low: number(3)?, high: number(4)?, p: number(5)? };
        rows.push(EffectRow { kind: text(0), fixes: text(1), estimate });
        Ok(())
    })?;
    Ok(rows)
}

/// Goes through a file with just this header; `take` is given what reads a field as text, and what reads it as a number.
fn each_record(
    path: &Path,
    header: &[&str],
    mut take: impl FnMut(&dyn Fn(usize) -> String, &dyn Fn(usize) -> Result<f64>) -> Result<()>,
) -> Result<()> {
    let shown = path.display();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("{shown}: cannot be read"))?;
    if reader.headers()?.iter().ne(header.iter().copied()) {
        bail!("{shown}:1: the header must be {}", header.join(","));
    }
    for record in reader.records() {
        let record = record.with_context(|| format!("{shown}: cannot be read"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |field: usize| {
            let text = &record[field];
            text.parse::<f64>().with_context(|| format!("{shown}:{line}: {text:?} is not a number"))
        };
        take(&|field| record[field].to_owned(), &number)?;
    }
    Ok(())
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
    let mut rows = Vec::new();
    each_record(&folder.join("findings.csv"), &FINDINGS_HEADER, |text, number| {
        rows.push(FindingRow {
            variant: text(0),
            finding: text(1),
            severity: text(2),
            evidence: text(3),
            fix: text(4),
            first_in: number(5)?,
            last_out: number(6)?,
            shapley: number(7)?,
        });
        Ok(())
    })?;
    Ok(rows)
}

/// The predictions at the wanted `(variant, x)` of these seeds, of experiments with one input.
pub fn predictions_at(folder: &Path, wanted: &[(&str, f64)], seeds: &[u64]) -> Result<Vec<PredictionRow>> {
    let path = folder.join("predictions.csv");
    let shown = path.display();
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("{shown}: cannot be read"))?;
    let header = reader.headers()?.clone();
    // With several inputs no one number says where a prediction is.
    if !header.iter().any(|column| column == "x") {
        return Ok(Vec::new());
    }
    let column = |name: &str| {
        header.iter().position(|column| column == name).with_context(|| format!("{shown}:1: no column {name:?}"))
    };
    let (x, target, prediction) = (column("x")?, column("target")?, column("prediction")?);
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).with_context(|| format!("{shown}: cannot be read"))? {
        let seed = record[1].parse().is_ok_and(|seed| seeds.contains(&seed));
        if !seed || !wanted.iter().any(|(variant, _)| *variant == &record[0]) {
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let number = |field: usize| {
            record[field]
                .parse::<f64>()
                .with_context(|| format!("{shown}:{line}: {:?} is not a number", &record[field]))
        };
        if record[x].is_empty() {
            continue;
        }
        let at = number(x)?;
        if wanted.iter().any(|(variant, wanted)| *variant == &record[0] && *wanted == at) {
            rows.push(PredictionRow {
                variant: record[0].to_owned(),
                x: at,
                target: number(target)?,
                prediction: number(prediction)?,
            });
        }
    }
    Ok(rows)
}

/// The test points of the first run in a folder, where its inputs are all numbers.
pub fn first_test_points(folder: &Path) -> Result<Option<Samples>> {
    let path = folder.join("predictions.csv");
    let shown = path.display();
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("{shown}: cannot be read"))?;
    let columns = reader.headers()?.len().saturating_sub(4);
    let mut samples = Samples { columns, ..Samples::default() };
    let mut first: Option<(String, String)> = None;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).with_context(|| format!("{shown}: cannot be read"))? {
        let key = (record[0].to_owned(), record[1].to_owned());
        if *first.get_or_insert_with(|| key.clone()) != key {
            break;
        }
        let numbers: Result<Vec<f64>, _> = record.iter().skip(2).take(columns + 1).map(str::parse).collect();
        let Ok(mut numbers) = numbers else { return Ok(None) };
        samples.targets.extend(numbers.pop());
        samples.inputs.extend(numbers);
    }
    Ok((columns > 0 && samples.rows() > 0).then_some(samples))
}

/// One run's prediction at one input, in original units.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionRow {
    pub variant: String,
    pub x: f64,
    pub target: f64,
    pub prediction: f64,
}
