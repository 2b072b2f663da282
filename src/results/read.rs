//! Result files read back, streaming.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

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
    let (mut reader, header) = open(&path)?;
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

type Reader = csv::Reader<std::fs::File>;

/// A file with a header, which every row has as many fields as.
fn open(path: &Path) -> Result<(Reader, csv::StringRecord)> {
    let unreadable = || format!("{}: cannot be read", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(unreadable)?;
    let header = reader.headers().with_context(unreadable)?.clone();
    Ok((reader, header))
}

/// A file with just this header.
fn with_header(path: &Path, header: &[&str]) -> Result<Reader> {
    let (reader, found) = open(path)?;
    ensure!(found.iter().eq(header.iter().copied()), "{}:1: the header must be {}", path.display(), header.join(","));
    Ok(reader)
}

/// A folder's predictions, and the names of their inputs, which stand between variant and seed and target and prediction.
pub fn predictions(path: &Path) -> Result<(Reader, Vec<String>)> {
    let (reader, header) = open(path)?;
    let columns = header.len();
    let ends = ["variant", "seed", "target", "prediction"];
    ensure!(
        columns >= 4 && header.iter().take(2).chain(header.iter().skip(columns - 2)).eq(ends),
        "{}:1: the header must be variant,seed, the inputs, target,prediction",
        path.display()
    );
    Ok((reader, header.iter().skip(2).take(columns - 4).map(str::to_owned).collect()))
}

/// Goes through a file whose rows begin with a variant and a seed; `row` is given what follows them, and says whether that
/// is what it must be.
fn each_row(path: &Path, header: &[&str], mut row: impl FnMut(Key, &[&str]) -> Option<()>) -> Result<()> {
    let shown = path.display();
    let mut reader = with_header(path, header)?;
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
    let mut reader = with_header(path, header)?;
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
    let (mut reader, inputs) = predictions(&path)?;
    // With several inputs no one number says where a prediction is.
    let Some(x) = inputs.iter().position(|input| input == "x").map(|input| input + 2) else { return Ok(Vec::new()) };
    let (target, prediction) = (inputs.len() + 2, inputs.len() + 3);
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
    let (mut reader, inputs) = predictions(&path)?;
    let columns = inputs.len();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_of_another_header_are_refused_and_torn_ones_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        let says = |text: &str| -> Vec<String> {
            std::fs::write(&path, text).unwrap();
            let at = predictions_at(folder.path(), &[("a", 1.0)], &[0]).map(|rows| rows.len());
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
        for text in ["variant,seed,x,target,prediction\na\n", "variant,seed,x,target,prediction\na,0,1.0,2.0\n"] {
            assert!(says(text).iter().all(|said| said.contains("predictions.csv: cannot be read")), "{text:?}");
        }
        assert_eq!(says("variant,seed,x,target,prediction\na,0,1,2,3\na,0,2,2,3\nb,0,1,2,3\n"), ["1", "2"]);
        assert_eq!(says("variant,seed,target,prediction\na,0,2,3\n"), ["0", "0"]);
    }
}
