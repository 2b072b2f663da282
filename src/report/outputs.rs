//! How well each of several outputs is met, by `predictions.csv`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::scores::{Measure, NONE};
use super::summary::Middle;
use crate::results::points::PredictedPoint;
use crate::results::read::{Trust, each_prediction, prediction_columns};
use crate::results::rows::Key;
use crate::stats::moments::Fit;
use crate::text::numbers::ratio;
use crate::text::one_line;

/// One output of a variant, over its runs.
#[derive(Debug, Clone)]
pub struct OutputScore {
    pub name: String,
    /// In its own units.
    pub rmse: Middle,
    pub r2: Middle,
    /// Share of the test rows whose label is predicted rightly; none of a number.
    pub accuracy: Option<Middle>,
}

/// A run while it is read: targets and predictions by output.
#[derive(Default)]
struct OneRun {
    targets: Vec<Vec<f64>>,
    predictions: Vec<Vec<f64>>,
}

impl OneRun {
    fn take(&mut self, point: &PredictedPoint) {
        self.targets.resize_with(point.targets.len(), Vec::new);
        self.predictions.resize_with(point.predictions.len(), Vec::new);
        self.targets.iter_mut().zip(&point.targets).for_each(|(column, &target)| column.push(target));
        self.predictions.iter_mut().zip(&point.predictions).for_each(|(column, &value)| column.push(value));
    }

    /// By output RMSE, R² and accuracy; nothing of what the variant does not have.
    fn scores(self) -> Vec<Option<[f64; 3]>> {
        let score = |(targets, predictions): (&Vec<f64>, &Vec<f64>)| {
            let own = !targets.is_empty() && targets.iter().all(|target| !target.is_nan());
            own.then(|| {
                let fit = Fit::of(predictions, targets);
                let pairs = predictions.iter().zip(targets);
                // What is no number is no answer.
                let right = pairs.filter(|(p, target)| !p.is_nan() && (**p > 0.5) == (**target == 1.0)).count();
                [fit.rmse, fit.r2, right as f64 / targets.len() as f64]
            })
        };
        self.targets.iter().zip(&self.predictions).map(score).collect()
    }
}

/// The scores of each of the outputs of these variants, by the number that comes with the name and with whether the outputs
/// are labels; of the runs with these seeds, where some are named. Nothing where no variant has several outputs.
pub fn read(
    folder: &Path,
    trust: Trust,
    variants: &BTreeMap<&str, (usize, bool)>,
    seeds: Option<&[u64]>,
) -> Result<BTreeMap<usize, Vec<OutputScore>>> {
    let names = prediction_columns(folder)?.outputs;
    if names.len() < 2 {
        return Ok(BTreeMap::new());
    }
    let mut runs: BTreeMap<usize, Vec<Vec<Option<[f64; 3]>>>> = BTreeMap::new();
    let mut now: Option<(Key, OneRun)> = None;
    let mut settle = |now: Option<(Key, OneRun)>| {
        if let Some((key, run)) = now
            && let Some((at, _)) = variants.get(key.variant.as_str())
        {
            runs.entry(*at).or_default().push(run.scores());
        }
    };
    let wanted =
        |key: &Key| variants.contains_key(key.variant.as_str()) && seeds.is_none_or(|seeds| seeds.contains(&key.seed));
    each_prediction(folder, trust, wanted, |key, point| {
        if now.as_ref().is_some_and(|(known, _)| known != key) {
            settle(now.take());
        }
        now.get_or_insert_with(|| (key.clone(), OneRun::default())).1.take(point);
    })?;
    settle(now);
    let labels: BTreeMap<usize, bool> = variants.values().copied().collect();
    let scores = |(at, runs): (usize, Vec<Vec<Option<[f64; 3]>>>)| {
        let middle = |output: usize, of: usize, worst: f64| {
            let values = runs.iter().filter_map(|run| run.get(output).copied().flatten()).map(|scores| scores[of]);
            Middle::of(values.map(|value| if value.is_nan() { worst } else { value }))
        };
        let score = |(output, name): (usize, &String)| {
            Some(OutputScore {
                name: name.clone(),
                rmse: middle(output, 0, f64::INFINITY)?,
                r2: middle(output, 1, f64::NEG_INFINITY)?,
                accuracy: if labels.get(&at) == Some(&true) { middle(output, 2, 0.0) } else { None },
            })
        };
        (at, names.iter().enumerate().filter_map(score).collect())
    };
    Ok(runs.into_iter().map(scores).filter(|(_, scores): &(usize, Vec<OutputScore>)| scores.len() > 1).collect())
}

/// A row for each output of each variant.
pub struct OutputSheet {
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// The scores of variants, by their numbers, with what these are called.
pub fn sheet<'a>(scores: &BTreeMap<usize, Vec<OutputScore>>, name: impl Fn(usize) -> &'a str) -> OutputSheet {
    let any = |labels: bool| scores.values().flatten().any(|score| score.accuracy.is_some() == labels);
    let measures: Vec<Measure> = [(Measure::Accuracy, true), (Measure::Rmse, false)]
        .into_iter()
        .filter_map(|(measure, labels)| any(labels).then_some(measure))
        .collect();
    let head = |measure: &Measure| match measure {
        Measure::Accuracy => ["accuracy, median", "lowest … highest"],
        Measure::Rmse => ["RMSE, median", "lowest … highest"],
    };
    let mut header = vec!["variant", if measures == [Measure::Accuracy] { "label" } else { "output" }];
    header.extend(measures.iter().flat_map(head));
    header.push("R², median");
    let row = |at: usize, score: &OutputScore| {
        let cells = |measure: &Measure| {
            let middle = match measure {
                Measure::Accuracy => score.accuracy,
                Measure::Rmse => score.accuracy.is_none().then_some(score.rmse),
            };
            match middle {
                Some(middle) => [measure.spell(middle.median), measure.ends(middle)],
                None => [NONE; 2].map(str::to_owned),
            }
        };
        let mut row = vec![one_line(name(at)), one_line(&score.name)];
        row.extend(measures.iter().flat_map(cells));
        row.push(ratio(score.r2.median));
        row
    };
    let rows = scores.iter().flat_map(|(&at, scores)| scores.iter().map(move |score| (at, score)));
    OutputSheet { header, rows: rows.map(|(at, score)| row(at, score)).collect() }
}
