//! Rows of a table as numbers for a network. What has to be known for it is learnt from the training rows alone.

use anyhow::{Result, ensure};

use super::Samples;
use super::source::{Rows, Source};
use super::table::Values;
use crate::stats::moments::mean;
use crate::text::numbers::number;
use crate::text::{one_line, shorten};

/// How each column of inputs becomes numbers.
#[derive(Debug, Clone, Default)]
pub struct Encoding(Vec<Encoded>);

#[derive(Debug, Clone)]
enum Encoded {
    /// As it is; `fill` where it is missing.
    Number { fill: f64 },
    /// An input for each of these texts, by their places.
    OneHot { categories: Vec<u32>, fill: u32 },
}

/// More inputs than any small network's.
const MOST_INPUTS: usize = 10_000;

impl Encoding {
    /// Learnt from these rows of a source.
    pub fn fit(source: &Source, rows: &[usize]) -> Result<Self> {
        let columns = source.rows.columns[..source.inputs].iter().map(|column| {
            let none = || {
                let name = one_line(&shorten(&column.name));
                format!("data.missing: column {name:?} has no value in any training row: take it out of the inputs")
            };
            Ok(match &column.values {
                Values::Numbers(values) => {
                    let there: Vec<f64> = rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan()).collect();
                    ensure!(!there.is_empty(), none());
                    // Only where one is missing is a mean needed.
                    let misses = values.iter().any(|value| value.is_nan()) || source.test.is_some();
                    Encoded::Number { fill: if misses { mean(&there) } else { f64::NAN } }
                }
                Values::Texts { texts, codes } => {
                    let mut counts = vec![0_usize; texts.len()];
                    rows.iter().filter_map(|&row| codes[row]).for_each(|code| counts[code as usize] += 1);
                    let categories: Vec<u32> =
                        (0..texts.len() as u32).filter(|&code| counts[code as usize] > 0).collect();
                    // The first of those that are equally frequent.
                    let most = categories.iter().copied().rev().max_by_key(|&code| counts[code as usize]);
                    ensure!(most.is_some(), none());
                    Encoded::OneHot { categories, fill: most.unwrap_or(0) }
                }
            })
        });
        let encoding = Encoding(columns.collect::<Result<_>>()?);
        let inputs = encoding.width();
        ensure!(
            inputs <= MOST_INPUTS,
            "data.target.inputs: {inputs} inputs once each text has one of its own, at most {MOST_INPUTS} are allowed: leave out columns whose texts tell rows apart, as inputs = [\"*\", \"-name\"]"
        );
        Ok(encoding)
    }

    /// Numbers that a row becomes.
    pub fn width(&self) -> usize {
        let width = |column: &Encoded| match column {
            Encoded::Number { .. } => 1,
            Encoded::OneHot { categories, .. } => categories.len(),
        };
        self.0.iter().map(width).sum()
    }

    /// Which of these numbers each column of texts becomes.
    pub fn of_texts(&self) -> Vec<std::ops::Range<usize>> {
        let mut next = 0;
        let ranges = self.0.iter().filter_map(|column| {
            let first = next;
            next += if let Encoded::OneHot { categories, .. } = column { categories.len() } else { 1 };
            matches!(column, Encoded::OneHot { .. }).then_some(first..next)
        });
        ranges.collect()
    }

    /// Rows of a table with the source's columns.
    pub fn samples(&self, of: &Rows, rows: &[usize]) -> Samples {
        let columns = self.width();
        let (inputs, targets) = of.columns.split_at(self.0.len());
        let mut samples = Samples {
            columns,
            inputs: Vec::with_capacity(columns * rows.len()),
            outputs: targets.len(),
            targets: Vec::with_capacity(targets.len() * rows.len()),
        };
        for &row in rows {
            for (encoded, column) in self.0.iter().zip(inputs) {
                match (encoded, &column.values) {
                    (Encoded::Number { fill }, Values::Numbers(values)) => {
                        samples.inputs.push(if values[row].is_nan() { *fill } else { values[row] });
                    }
                    (Encoded::OneHot { categories, fill }, Values::Texts { codes, .. }) => {
                        let code = codes[row].unwrap_or(*fill);
                        samples.inputs.extend(categories.iter().map(|&category| f64::from(u8::from(category == code))));
                    }
                    // A column is read the same way everywhere.
                    (Encoded::Number { .. }, Values::Texts { .. }) => samples.inputs.push(f64::NAN),
                    (Encoded::OneHot { categories, .. }, Values::Numbers(_)) => {
                        samples.inputs.extend(categories.iter().map(|_| f64::NAN));
                    }
                }
            }
            samples.targets.extend(targets.iter().map(|column| match &column.values {
                Values::Numbers(values) => values[row],
                Values::Texts { codes, .. } => codes[row].map_or(f64::NAN, f64::from),
            }));
        }
        samples
    }

    /// What each number that a row becomes is called: its column, of a text `column = text`.
    pub fn names(&self, source: &Source) -> Vec<String> {
        let columns = self.0.iter().zip(&source.rows.columns);
        let names = columns.flat_map(|(encoded, column)| match (encoded, &column.values) {
            (Encoded::OneHot { categories, .. }, Values::Texts { texts, .. }) => {
                categories.iter().map(|&code| format!("{} = {}", column.name, texts[code as usize])).collect()
            }
            _ => vec![column.name.clone()],
        });
        names.collect()
    }

    /// A row's inputs as a file shows them, what was missing filled.
    pub fn cells(&self, of: &Rows, row: usize) -> Vec<String> {
        let cell = |(encoded, column): (&Encoded, &super::table::Column)| match (encoded, &column.values) {
            (Encoded::Number { fill }, Values::Numbers(values)) => {
                number(if values[row].is_nan() { *fill } else { values[row] })
            }
            (Encoded::OneHot { fill, .. }, Values::Texts { texts, codes }) => {
                texts.get(codes[row].unwrap_or(*fill) as usize).cloned().unwrap_or_default()
            }
            _ => String::new(),
        };
        self.0.iter().zip(&of.columns).map(cell).collect()
    }
}
