//! Data with names: typed columns, read from a CSV (`csv_file`) or from tensors (`tensors`).

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::text::one_line;

/// Size of a file, and of what is unpacked from one: it is held in memory beside its values.
pub(super) const MOST_BYTES: u64 = 1 << 30;

/// Values of a table, 2 GiB of them, and its columns: small files can stand for many.
const MOST_VALUES: usize = 1 << 28;
const MOST_COLUMNS: usize = 1_000_000;

/// Rows under named columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Each of the same length, in the order in which they were asked for.
    pub columns: Vec<Column>,
    /// Line of each row in its file, from 1; of tensors none.
    pub lines: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub values: Values,
}

/// A column's values, `[rows]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Finite; NaN is missing.
    Numbers(Vec<f64>),
    Texts {
        /// Each once, in order: integers by size if all are integers, else texts by their characters.
        texts: Vec<String>,
        /// Place of each row's text in `texts`; none is missing.
        codes: Vec<Option<u32>>,
    },
}

impl Values {
    /// Integers as texts, none of them missing.
    pub(super) fn of_integers(values: &[i128]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let place = |value| sorted.binary_search(value).ok().map(|place| place as u32);
        let codes = values.iter().map(place).collect();
        Values::Texts { texts: sorted.iter().map(i128::to_string).collect(), codes }
    }
}

impl Values {
    pub fn rows(&self) -> usize {
        match self {
            Values::Numbers(values) => values.len(),
            Values::Texts { codes, .. } => codes.len(),
        }
    }

    /// Whether a row has no value.
    pub fn misses(&self, row: usize) -> bool {
        match self {
            Values::Numbers(values) => values[row].is_nan(),
            Values::Texts { codes, .. } => codes[row].is_none(),
        }
    }

    /// What tells a row's value from others.
    pub(super) fn bits(&self, row: usize) -> u64 {
        match self {
            Values::Numbers(values) => (values[row] + 0.0).to_bits(),
            Values::Texts { codes, .. } => codes[row].map_or(u64::MAX, u64::from),
        }
    }

    /// Whether they are 0 and 1 alone.
    pub fn are_0_or_1(&self) -> bool {
        match self {
            Values::Numbers(values) => values.iter().all(|&value| value == 0.0 || value == 1.0),
            Values::Texts { .. } => false,
        }
    }
}

impl Column {
    /// These rows of it.
    pub(super) fn pick(self, rows: &[usize]) -> Self {
        let values = match self.values {
            Values::Numbers(values) => Values::Numbers(rows.iter().map(|&row| values[row]).collect()),
            Values::Texts { texts, codes } => {
                Values::Texts { texts, codes: rows.iter().map(|&row| codes[row]).collect() }
            }
        };
        Column { name: self.name, values }
    }
}

/// Texts as they are read, each kept once.
#[derive(Default)]
pub(super) struct TextsBuilder {
    known: HashMap<String, u32>,
    codes: Vec<Option<u32>>,
}

impl TextsBuilder {
    pub(super) fn push(&mut self, text: Option<&str>) {
        let code = text.map(|text| match self.known.get(text) {
            Some(&code) => code,
            None => {
                let code = self.known.len() as u32;
                self.known.insert(text.to_owned(), code);
                code
            }
        });
        self.codes.push(code);
    }

    pub(super) fn finish(self) -> Values {
        let known = self.known.into_iter();
        let mut known: Vec<(Option<i128>, String, u32)> =
            known.map(|(text, code)| (text.parse().ok(), text, code)).collect();
        if known.iter().any(|(integer, ..)| integer.is_none()) {
            known.iter_mut().for_each(|(integer, ..)| *integer = None);
        }
        known.sort_unstable();
        let mut places = vec![0; known.len()];
        known.iter().enumerate().for_each(|(place, &(.., code))| places[code as usize] = place as u32);
        let codes = self.codes.into_iter().map(|code| code.map(|code| places[code as usize])).collect();
        Values::Texts { texts: known.into_iter().map(|(_, text, _)| text).collect(), codes }
    }
}

/// A data file's bytes. `what` and `key` are said in errors, as `a CSV` and `data.target.csv`.
pub(super) fn contents(path: &Path, what: &str, key: &str) -> Result<Vec<u8>> {
    let shown = one_line(&path.display().to_string());
    let about = std::fs::metadata(path)
        .with_context(|| format!("{shown}: cannot be read ({key} is relative to the experiment file)"))?;
    ensure!(about.is_file(), "{shown}: is not a file, expected {what} ({key})");
    ensure!(about.len() <= MOST_BYTES, "{shown}: is over 1 GiB, which is more than a small network learns from");
    std::fs::read(path).with_context(|| format!("{shown}: cannot be read"))
}

/// Refuses a table that is too large.
pub(super) fn ensure_fits(shown: &str, rows: usize, columns: usize) -> Result<()> {
    ensure!(columns <= MOST_COLUMNS, "{shown}: has {columns} columns, expected at most {MOST_COLUMNS}");
    ensure!(
        rows.saturating_mul(columns) <= MOST_VALUES,
        "{shown}: has over {MOST_VALUES} values in {columns} columns, which is more than a small network learns from: keep fewer rows"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_fit_into_memory_is_refused() {
        assert!(ensure_fits("a.csv", 1 << 27, 2).is_ok());
        let expected = "a.csv: has over 268435456 values in 3 columns, which is more than a small network learns from: keep fewer rows";
        assert_eq!(ensure_fits("a.csv", 1 << 27, 3).unwrap_err().to_string(), expected);
        assert!(ensure_fits("a.csv", usize::MAX, 2).is_err());
    }
}
