//! `predictions.csv`: what each run makes of each test point.
//!
//! A row has the run, the point's row in its file where it has one, its inputs, then what it should be and what it was
//! predicted as: `target,prediction`; of several outputs `target_a,target_b,prediction_a,prediction_b`; of classes, behind
//! `target,prediction`, the probability of each as `p_<class>`. Where variants differ, it has the columns of all of them, and
//! a cell is empty where a variant has nothing to say.

use csv::StringRecord;

use super::rows::{CsvRow, Key, lines};
use crate::data::RunData;
use crate::data::coding::likeliest;
use crate::experiment::config::Target;
use crate::experiment::table::Task;
use crate::experiment::{Experiment, Variant};
use crate::text::numbers::number;
use crate::text::one_line;

pub const ROW: &str = "row";
pub const TARGET: &str = "target";
pub const PREDICTION: &str = "prediction";
const PROBABILITY: &str = "p";

/// The columns behind the run's key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PredictionColumns {
    /// Whether a point's row in its file is there.
    pub row: bool,
    pub inputs: Vec<String>,
    /// Whether there is a `target` and a `prediction` without a name.
    pub lone: bool,
    /// The names of several outputs.
    pub outputs: Vec<String>,
    pub classes: Vec<String>,
}

/// A test point and what a run made of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PredictedPoint {
    /// Its row in its file, from 0.
    pub row: Option<usize>,
    /// NaN is what a variant does not have, or a text.
    pub inputs: Vec<f64>,
    /// What it should be, a number for each output; of classes the place of its own among those of the header.
    pub targets: Vec<f64>,
    /// As many; NaN of no class.
    pub predictions: Vec<f64>,
    /// Of each class.
    pub probabilities: Vec<f64>,
}

/// Tensors have more columns than anybody reads; those of more inputs than this are found by their row.
const MOST_TENSOR_INPUTS: usize = 16;

impl PredictionColumns {
    /// Of all variants together.
    pub fn of(experiment: &Experiment) -> Self {
        let push = |to: &mut Vec<String>, names: Vec<String>| {
            for name in names {
                if !to.contains(&name) {
                    to.push(name);
                }
            }
        };
        // Of variants with the same data one is enough.
        let mut known: Vec<(*const _, &Target)> = Vec::new();
        let mut different: Vec<&Variant> = Vec::new();
        for variant in &experiment.variants {
            let table = variant.table.as_ref().map_or(std::ptr::null(), std::sync::Arc::as_ptr);
            let seen = (table, &variant.config.data.target);
            if !known.contains(&seen) {
                known.push(seen);
                different.push(variant);
            }
        }
        let mut all = PredictionColumns::default();
        for own in different.iter().map(|variant| Self::predicted(variant)) {
            all.row |= own.row;
            all.lone |= own.lone;
            push(&mut all.outputs, own.outputs);
            push(&mut all.classes, own.classes);
        }
        let inputs: Vec<Vec<String>> = different.iter().map(|variant| all.inputs_of(variant)).collect();
        inputs.into_iter().for_each(|inputs| push(&mut all.inputs, inputs));
        all
    }

    /// Of one variant, all but its inputs.
    fn predicted(variant: &Variant) -> Self {
        let Some(table) = &variant.table else { return PredictionColumns { lone: true, ..Self::default() } };
        let several = table.task != Task::Classification && table.outputs.len() > 1;
        PredictionColumns {
            row: true,
            inputs: Vec::new(),
            lone: !several,
            outputs: if several { table.outputs.iter().map(|name| one_line(name)).collect() } else { Vec::new() },
            classes: table.classes.iter().map(|class| one_line(class)).collect(),
        }
    }

    /// The inputs of a variant in a file with these columns. One that has the name of another column gets `input_` before it,
    /// as often as it takes to be a new one.
    fn inputs_of(&self, variant: &Variant) -> Vec<String> {
        let Some(table) = &variant.table else { return vec!["x".to_owned()] };
        let tensors = matches!(variant.config.data.target, Target::Tensors { .. });
        let names: Vec<String> = match &table.inputs[..] {
            [_] => vec!["x".to_owned()],
            inputs if tensors && inputs.len() > MOST_TENSOR_INPUTS => Vec::new(),
            inputs => inputs.iter().map(|input| one_line(&input.name)).collect(),
        };
        let taken = PredictionColumns { inputs: Vec::new(), ..self.clone() }.header();
        let column = |name: &String| {
            let mut column = name.clone();
            while taken.contains(&column) || (column != *name && names.contains(&column)) {
                column.insert_str(0, "input_");
            }
            column
        };
        names.iter().map(column).collect()
    }

    /// All columns of the file.
    pub fn header(&self) -> Vec<String> {
        let named = |kind: &str, names: &[String]| -> Vec<String> {
            names.iter().map(|name| format!("{kind}_{name}")).collect()
        };
        let lone = |name: &str| self.lone.then(|| name.to_owned());
        let mut header: Vec<String> = Key::COLUMNS.iter().map(|&column| column.to_owned()).collect();
        header.extend(self.row.then(|| ROW.to_owned()));
        header.extend_from_slice(&self.inputs);
        header.extend(lone(TARGET));
        header.extend(named(TARGET, &self.outputs));
        header.extend(lone(PREDICTION));
        header.extend(named(PREDICTION, &self.outputs));
        header.extend(named(PROBABILITY, &self.classes));
        header
    }

    /// Of a file with this header; nothing if it is none of a `predictions.csv`.
    pub fn read(header: &[&str]) -> Option<Self> {
        let rest = header.strip_prefix(Key::COLUMNS)?;
        let (row, rest) = match rest.split_first() {
            // An input of that name would have another.
            Some((&ROW, rest)) => (true, rest),
            _ => (false, rest),
        };
        // The inputs' names may be any: they end where the rest is what follows them.
        (0..rest.len()).find_map(|at| {
            let (inputs, behind) = rest.split_at(at);
            let named = |kind: &str, from: &[&str]| -> Vec<String> {
                let name = |column: &&str| column.strip_prefix(kind)?.strip_prefix('_').map(str::to_owned);
                from.iter().map_while(name).collect()
            };
            let lone = behind.first() == Some(&TARGET);
            let targets = &behind[usize::from(lone)..];
            let outputs = named(TARGET, targets);
            let predictions = targets.get(outputs.len() + usize::from(lone)..)?;
            let classes = named(PROBABILITY, predictions.get(outputs.len()..)?);
            let columns = PredictionColumns {
                row,
                inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
                lone,
                outputs,
                classes,
            };
            (columns.lone || !columns.outputs.is_empty()).then_some(())?;
            (columns.header() == header).then_some(columns)
        })
    }

    /// Reads a row of a file with these columns; nothing if it is none.
    pub fn point(&self, record: &StringRecord, to: &mut PredictedPoint) -> Option<()> {
        let mut fields = record.iter().skip(Key::COLUMNS.len());
        let optional = |field: &str| if field.is_empty() { Some(f64::NAN) } else { field.parse().ok() };
        to.row = match self.row.then(|| fields.next()) {
            None | Some(Some("")) => None,
            Some(row) => Some(row?.parse().ok()?),
        };
        to.inputs.clear();
        for _ in &self.inputs {
            let input = optional(fields.next()?);
            // Of a file it may be a text.
            to.inputs.push(if self.row { input.unwrap_or(f64::NAN) } else { input? });
        }
        let target = if self.lone { fields.next()? } else { "" };
        to.targets.clear();
        for _ in &self.outputs {
            to.targets.push(optional(fields.next()?)?);
        }
        let prediction = if self.lone { fields.next()? } else { "" };
        to.predictions.clear();
        for _ in &self.outputs {
            to.predictions.push(optional(fields.next()?)?);
        }
        to.probabilities.clear();
        for _ in &self.classes {
            to.probabilities.push(optional(fields.next()?)?);
        }
        if target.is_empty() {
            return prediction.is_empty().then_some(());
        }
        let place = |text: &str| self.classes.iter().position(|class| class == text).map(|place| place as f64);
        let of_classes = self.has_probabilities(record);
        to.targets.clear();
        to.predictions.clear();
        if of_classes {
            to.targets.push(place(target)?);
            to.predictions.push(place(prediction).unwrap_or(f64::NAN));
        } else {
            to.targets.push(target.parse().ok()?);
            to.predictions.push(prediction.parse().ok()?);
        }
        Some(())
    }

    /// Whether a row has probabilities, which those of a regression beside classes leave empty, and those of other classes
    /// too but for their own.
    fn has_probabilities(&self, record: &StringRecord) -> bool {
        let first = record.len().saturating_sub(self.classes.len());
        record.iter().skip(first).any(|field| !field.is_empty())
    }

    /// The rows of one run: what it predicts at its test points, as [`crate::data::coding::Coding::scores`] has it.
    pub fn lines(&self, variant: &Variant, key: &Key, data: &RunData, scores: &[f64]) -> String {
        let own = PredictionColumns { inputs: self.inputs_of(variant), ..Self::predicted(variant) };
        let at = |names: &[String], of: &[String]| -> Vec<Option<usize>> {
            names.iter().map(|name| of.iter().position(|own| own == name)).collect()
        };
        let (inputs, outputs, classes) =
            (at(&self.inputs, &own.inputs), at(&self.outputs, &own.outputs), at(&self.classes, &own.classes));
        let coding = &data.coding;
        let scored = coding.scored();
        let pick = |places: &[Option<usize>], of: &dyn Fn(usize) -> String| -> Vec<String> {
            places.iter().map(|place| place.map_or_else(String::new, of)).collect()
        };
        lines(scores.chunks(scored).enumerate().map(|(point, scores)| {
            let cells = if own.inputs.is_empty() { Vec::new() } else { data.test_cells(point) };
            let truth = &data.test.targets[point * data.test.outputs..(point + 1) * data.test.outputs];
            let class = |place: Option<usize>| match place {
                None => "NaN".to_owned(),
                Some(place) => own.classes.get(place).cloned().unwrap_or_else(|| format!("output {place}")),
            };
            let lone: [String; 2] = match coding.task {
                Task::Classification => [class(Some(truth[0] as usize)), class(likeliest(scores))],
                _ if own.lone => [number(truth[0]), number(scores[0])],
                _ => [String::new(), String::new()],
            };
            let [target, prediction] = lone.map(|cell| self.lone.then_some(cell));
            let row = self.row.then(|| data.test_place(point).map_or_else(String::new, |place| place.to_string()));
            let probability: &dyn Fn(usize) -> String = match coding.task {
                Task::Classification => &|class| number(scores[class]),
                _ => &|_| String::new(),
            };
            let row: Vec<String> = [row]
                .into_iter()
                .flatten()
                .chain(pick(&inputs, &|at| one_line(&cells[at])))
                .chain(target)
                .chain(pick(&outputs, &|at| number(truth[at])))
                .chain(prediction)
                .chain(pick(&outputs, &|at| number(scores[at])))
                .chain(pick(&classes, probability))
                .collect();
            (key, row)
        }))
    }
}
