//! Rules of a file's rows and columns: their order, what is held out, what stands there twice. They need no training.

use std::collections::{HashMap, HashSet};

use super::before::Setup;
use super::{Certainty, Finding, Found};
use crate::data::Samples;
use crate::experiment::config::*;
use crate::experiment::table::Task;
use crate::stats::moments::{deviation, mean, range};
use crate::text::numbers::{plural, trimmed};
use crate::text::{one_line, shorten};

/// How far the rows' order goes from chance to sorted, of 1, for it to matter.
const SORTED: f64 = 0.5;
/// Half the sum of the differences of the classes' shares.
const SHIFTED: f64 = 0.3;
/// Test rows on which shares say something.
const FEWEST: usize = 10;
/// Share of the test rows that stand among the training rows.
const LEAKED: f64 = 0.01;
/// Columns that are named.
const NAMED: usize = 3;

impl Setup<'_> {
    fn of_classes(&self) -> bool {
        self.data.coding.task == Task::Classification
    }

    /// Rows that follow one another are alike, and no step sees others.
    pub(super) fn sorted_rows(&self) -> Found {
        let rows = self.data.train.rows();
        if self.config.batch.draw != Draw::Sequential || self.batch >= rows || rows < 2 * FEWEST {
            return Ok(None);
        }
        let targets = &self.data.train.targets;
        let (order, what, certainty) = if self.of_classes() {
            let same = targets.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / (rows - 1) as f64;
            let by_chance: f64 = self.shares(targets).iter().map(|share| share * share).sum();
            ((same - by_chance) / (1.0 - by_chance), "class", Certainty::Likely)
        } else if self.of_numbers() && self.data.train.outputs == 1 {
            (correlation(targets), "target", Certainty::Possible)
        } else {
            return Ok(None);
        };
        // Of numbers neighbours are often near one another; sorted ones are nearly the same.
        if order.is_nan() || order <= if self.of_classes() { SORTED } else { 0.95 } {
            return Ok(None);
        }
        let evidence = format!(
            "the rows are taken in their order, by which one has the {what} of the next: {} on a scale from 0, by chance, to 1, sorted; {} are shown together",
            trimmed(order),
            plural(self.batch, "row", "rows")
        );
        Finding::new("sorted-rows", "Goodfellow et al. 2016, Deep Learning, §8.1.3: shuffled minibatches", evidence)
            .certainty(certainty)
            .fixed_by("shuffled-rows", "batch.draw = \"epoch\"")
    }

    /// The last rows of a file are of another kind than those before them.
    pub(super) fn last_rows(&self) -> Found {
        let (train, test) = (&self.data.train, &self.data.test);
        if self.config.data.holdout_rows != Some(HoldoutRows::Last) || test.rows() < FEWEST || train == test {
            return Ok(None);
        }
        let finding = |evidence| {
            Finding::new("last-rows-tested", "Keras: validation_split takes the last rows, unshuffled", evidence)
        };
        if self.of_classes() {
            let (learnt, tested) = (self.shares(&train.targets), self.shares(&test.targets));
            let apart = learnt.iter().zip(&tested).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
            let unknown: f64 = learnt.iter().zip(&tested).filter(|(a, _)| **a == 0.0).map(|(_, b)| b).sum();
            if apart < SHIFTED {
                return Ok(None);
            }
            let evidence = format!(
                "the last rows are tested, and {} % of them are of classes that are as rare among the rows to learn from; {} % are of none of those",
                trimmed(100.0 * apart),
                trimmed(100.0 * unknown)
            );
            return finding(evidence).fixed_by("random-rows", "data.holdout_rows = \"stratified\"");
        }
        // Numbers that lie outside of what was learnt from.
        let outputs = train.outputs;
        let column =
            |of: &Samples, c: usize| -> Vec<f64> { of.targets.iter().skip(c).step_by(outputs).copied().collect() };
        let shift = |c: usize| {
            let (learnt, tested) = (column(train, c), column(test, c));
            (mean(&learnt) - mean(&tested)).abs() / deviation(&learnt)
        };
        let shift = (0..outputs).map(shift).fold(0.0, f64::max);
        if shift.is_nan() || shift <= 1.0 || shift.is_infinite() {
            return Ok(None);
        }
        let evidence = format!(
            "the last rows are tested, and their targets' mean is {} standard deviations from that of the rows to learn from",
            trimmed(shift)
        );
        finding(evidence).certainty(Certainty::Possible).fixed_by("random-rows", "data.holdout_rows = \"random\"")
    }

    /// Only worth knowing: test rows that were learnt.
    pub(super) fn leaked_rows(&self) -> Found {
        let (train, test) = (&self.data.train, &self.data.test);
        if self.config.data.target.file().is_none() || train == test || test.rows() < FEWEST {
            return Ok(None);
        }
        let cells = |of: &Samples, row: usize| -> Vec<u64> {
            let targets = &of.targets[row * of.outputs..(row + 1) * of.outputs];
            of.row(row).iter().chain(targets).map(|x| x.to_bits()).collect()
        };
        let learnt: HashSet<Vec<u64>> = (0..train.rows()).map(|row| cells(train, row)).collect();
        let known = (0..test.rows()).filter(|&row| learnt.contains(&cells(test, row))).count();
        if known < 2 || known as f64 <= LEAKED * test.rows() as f64 {
            return Ok(None);
        }
        let evidence = format!(
            "{known} of {} test rows stand, the same in all columns, among the rows to learn from, so their error is too good: data.duplicates = \"drop\" keeps one of each",
            test.rows()
        );
        Ok(Some(Finding::new("leaked-rows", "Kaufman et al. 2012: leakage in data mining", evidence)))
    }

    /// Only worth knowing: inputs that say nothing.
    pub(super) fn constant_columns(&self) -> Found {
        let texts = self.data.inputs_of_texts();
        let of_text = |at: usize| texts.iter().any(|columns| columns.contains(&at));
        let constant = |at: &usize| {
            let (least, most) = range(self.inputs[*at].iter().copied());
            least == most && !of_text(*at)
        };
        let found: Vec<usize> = (0..self.inputs.len()).filter(constant).collect();
        // A column of ones may stand for the biases.
        if found.is_empty() || !self.config.model.bias || self.data.train.rows() < 2 || self.inputs.len() < 2 {
            return Ok(None);
        }
        let evidence = format!(
            "{} the same in every row to learn from: {}",
            plural(found.len(), "input is", "inputs are"),
            self.left_out(&found)
        );
        Ok(Some(Finding::new("constant-column", "TheDeepChecker: constant inputs", evidence)))
    }

    /// Only worth knowing: inputs that say the same, or what is to be predicted.
    pub(super) fn duplicate_columns(&self) -> Found {
        let mut seen: HashMap<Vec<u64>, usize> = HashMap::new();
        let mut twice = Vec::new();
        for (at, column) in self.inputs.iter().enumerate() {
            let (least, most) = range(column.iter().copied());
            if least != most && seen.insert(column.iter().map(|x| x.to_bits()).collect(), at).is_some() {
                twice.push(at);
            }
        }
        if twice.is_empty() || self.data.train.rows() < FEWEST {
            return Ok(None);
        }
        let evidence = format!(
            "{} what another one does in every row: {}",
            plural(twice.len(), "input says", "inputs say"),
            self.left_out(&twice)
        );
        Ok(Some(Finding::new(
            "duplicate-column",
            "Goodfellow et al. 2016, Deep Learning, §2.3: linear dependence",
            evidence,
        )))
    }

    /// Which inputs these are, and how a file leaves them out.
    fn left_out(&self, columns: &[usize]) -> String {
        let names: Vec<String> =
            columns.iter().take(NAMED).map(|&at| one_line(&shorten(&self.data.input_name(at)))).collect();
        let more = if columns.len() > NAMED { ", …" } else { "" };
        let without: Vec<String> = names.iter().map(|name| format!("\"-{name}\"")).collect();
        format!("{}{more}; inputs = [\"*\", {}{more}] leaves them out", names.join(", "), without.join(", "))
    }
}

/// How each value goes with the next one, from −1 to 1.
fn correlation(values: &[f64]) -> f64 {
    let (middle, spread) = (mean(values), deviation(values));
    let products = values.windows(2).map(|pair| (pair[0] - middle) * (pair[1] - middle));
    products.sum::<f64>() / (values.len() - 1) as f64 / spread.powi(2)
}
