//! What networks became: the predictions of each variant's middle run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::variant::StudyVariant;
use crate::experiment::table::TableSchema;
use crate::results::manifest::Manifest;
use crate::results::points::PredictionColumns;
use crate::results::read::{Trust, each_prediction, prediction_columns};
use crate::results::rows::{HealthRow, Key};
use crate::text::one_line;

/// The run whose test error, or accuracy, is the median of its variant's (the better of two).
#[derive(Debug, Clone, Default)]
pub struct Function {
    pub seed: u64,
    /// By input, each with its name; NaN is what is no number.
    pub inputs: Vec<Column>,
    pub learnt: Learnt,
    /// Where its linear regions meet, in the input's units.
    pub breakpoints: Vec<f64>,
    /// How many pieces it has; NaN where it is not made of them.
    pub linear_regions: f64,
}

/// A column of the file with the values that it has.
#[derive(Debug, Clone, Default)]
pub struct Column {
    pub name: String,
    pub values: Vec<f64>,
}

/// What was predicted of what.
#[derive(Debug, Clone)]
pub enum Learnt {
    /// By output.
    Numbers(Vec<Pairs>),
    Classes(Classified),
    /// By label: 0 or 1, and its probability.
    Labels(Vec<Pairs>),
}

impl Default for Learnt {
    fn default() -> Self {
        Learnt::Numbers(Vec::new())
    }
}

/// Targets of an output with their predictions.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    /// None where there is only one.
    pub output: Option<String>,
    pub targets: Vec<f64>,
    pub predictions: Vec<f64>,
}

/// Classes of test points, by their places among the names.
#[derive(Debug, Clone, Default)]
pub struct Classified {
    pub names: Vec<String>,
    pub truth: Vec<usize>,
    /// None is no class at all.
    pub predicted: Vec<Option<usize>>,
}

impl Function {
    /// Of one input that is a number its values.
    pub fn input(&self) -> Option<&[f64]> {
        match &self.inputs[..] {
            [one] if one.values.iter().all(|x| !x.is_nan()) => Some(&one.values),
            _ => None,
        }
    }

    /// Whether it has two inputs and both are numbers.
    pub fn over_two_numbers(&self) -> bool {
        self.inputs.len() == 2 && self.inputs.iter().all(|input| input.values.iter().all(|x| !x.is_nan()))
    }
}

/// Which of the file's columns a variant has.
struct Own {
    at: usize,
    seed: u64,
    inputs: Vec<usize>,
    /// For each class of the file its place among the variant's.
    classes: Vec<Option<usize>>,
    scored: bool,
}

/// Those of the variants at these places, by place.
pub fn read(
    folder: &Path,
    trust: Trust,
    variants: &[StudyVariant],
    drawn: &[usize],
    manifest: Option<&Manifest>,
    health: &[HealthRow],
) -> Result<BTreeMap<usize, Function>> {
    let columns = prediction_columns(folder)?;
    let wanted: BTreeMap<&str, Own> = drawn
        .iter()
        .map(|&at| {
            let variant = &variants[at];
            let known = manifest.is_some_and(|manifest| !manifest.tables.is_empty());
            let table = known.then(|| manifest.and_then(|manifest| manifest.table(&variant.name)));
            let own = Own {
                at,
                seed: middle(variant),
                inputs: inputs(table, &columns),
                classes: classes(table.flatten(), &columns),
                scored: variant.summary.accuracy.is_some(),
            };
            (variant.name.as_str(), own)
        })
        .collect();
    let mut functions: BTreeMap<usize, Function> = BTreeMap::new();
    let asked = |key: &Key| wanted.get(key.variant.as_str()).is_some_and(|own| own.seed == key.seed);
    each_prediction(folder, trust, asked, |key, point| {
        let Some(own) = wanted.get(key.variant.as_str()) else { return };
        let function = functions.entry(own.at).or_insert_with(|| own.empty(&columns, point.targets.len()));
        for (column, &at) in function.inputs.iter_mut().zip(&own.inputs) {
            column.values.push(point.inputs[at]);
        }
        match &mut function.learnt {
            Learnt::Classes(classes) => {
                let place = |value: f64| if value.is_nan() { None } else { *own.classes.get(value as usize)? };
                let (Some(&target), Some(&prediction)) = (point.targets.first(), point.predictions.first()) else {
                    return;
                };
                if let Some(truth) = place(target) {
                    classes.truth.push(truth);
                    classes.predicted.push(place(prediction));
                }
            }
            Learnt::Numbers(outputs) | Learnt::Labels(outputs) => {
                let values = point.targets.iter().zip(&point.predictions);
                for (pairs, (&target, &prediction)) in outputs.iter_mut().zip(values) {
                    pairs.targets.push(target);
                    pairs.predictions.push(prediction);
                }
            }
        }
    })?;
    for function in functions.values_mut() {
        if let Learnt::Numbers(outputs) | Learnt::Labels(outputs) = &mut function.learnt {
            // Those of other variants.
            outputs.retain(|pairs| pairs.targets.iter().any(|target| !target.is_nan()));
        }
    }
    for row in health {
        let own = wanted.get(row.variant.as_str()).and_then(|own| functions.get_mut(&own.at));
        if let Some(own) = own.filter(|own| own.seed == row.seed) {
            own.breakpoints.clone_from(&row.kinks);
            own.linear_regions = row.pieces;
        }
    }
    Ok(functions)
}

/// The seed of a variant's middle run.
fn middle(variant: &StudyVariant) -> u64 {
    let worst = |value: f64| if value.is_nan() { f64::INFINITY } else { value };
    let error = |at: usize| {
        let run = &variant.runs[at];
        let off = if variant.summary.accuracy.is_some() { worst(-run.accuracy) } else { 0.0 };
        (off, worst(run.test_rmse))
    };
    let mut order: Vec<usize> = (0..variant.runs.len()).collect();
    order.sort_by(|&a, &b| error(a).0.total_cmp(&error(b).0).then(error(a).1.total_cmp(&error(b).1)));
    variant.runs[order[(order.len() - 1) / 2]].seed
}

/// The places of a variant's inputs among the file's; `table` is what its own file holds, if the manifest says so.
fn inputs(table: Option<Option<&TableSchema>>, columns: &PredictionColumns) -> Vec<usize> {
    let Some(table) = table else { return (0..columns.inputs.len()).collect() };
    // One alone is called x; one with another column's name has input_ before it.
    let place = |name: &str| {
        let is = |column: &String| {
            column.strip_suffix(name).is_some_and(|before| before.is_empty() || before.replace("input_", "").is_empty())
        };
        columns.inputs.iter().position(|column| column == name).or_else(|| columns.inputs.iter().position(is))
    };
    match table.map(|table| &table.inputs[..]) {
        None | Some([_]) => place("x").into_iter().collect(),
        Some(inputs) => inputs.iter().filter_map(|input| place(&input.name)).collect(),
    }
}

fn classes(table: Option<&TableSchema>, columns: &PredictionColumns) -> Vec<Option<usize>> {
    match table {
        Some(table) => {
            let own: Vec<String> = table.classes.iter().map(|class| one_line(class)).collect();
            columns.classes.iter().map(|class| own.iter().position(|own| own == class)).collect()
        }
        None => (0..columns.classes.len()).map(Some).collect(),
    }
}

impl Own {
    /// The function before its points are read, `outputs` of them.
    fn empty(&self, columns: &PredictionColumns, outputs: usize) -> Function {
        let column = |&at: &usize| Column { name: columns.inputs[at].clone(), values: Vec::new() };
        let name = |at: usize| if outputs > 1 { columns.outputs.get(at).cloned() } else { None };
        let pairs = || (0..outputs).map(|at| Pairs { output: name(at), ..Pairs::default() }).collect();
        let mut named: Vec<(usize, &String)> =
            self.classes.iter().zip(&columns.classes).filter_map(|(place, name)| Some(((*place)?, name))).collect();
        named.sort_unstable();
        let learnt = if !self.scored {
            Learnt::Numbers(pairs())
        } else if named.is_empty() {
            Learnt::Labels(pairs())
        } else {
            let names = named.into_iter().map(|(_, name)| name.clone()).collect();
            Learnt::Classes(Classified { names, ..Classified::default() })
        };
        let inputs = self.inputs.iter().map(column).collect();
        Function { seed: self.seed, inputs, learnt, linear_regions: f64::NAN, ..Function::default() }
    }
}
