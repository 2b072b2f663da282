//! Logs as CSV: Keras' `CSVLogger`, Lightning's `metrics.csv`, and others with a column `epoch` or `step`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::LogRow;
use crate::results::files::Bounded;
use crate::results::input;
use crate::text::one_line;

/// What may stand between fields.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// A log's first line.
pub struct LogHeader {
    separator: u8,
    pub names: Vec<String>,
}

impl LogHeader {
    /// Of a text that is no CSV nothing, and of a CSV that is no log: it has neither a column `epoch` nor one `step`, or it is
    /// misfit's, which have a variant.
    pub fn read(path: &Path) -> Option<LogHeader> {
        let mut line = Vec::new();
        BufReader::new(Bounded::new(input::open(path).ok()?)).read_until(b'\n', &mut line).ok()?;
        let line = String::from_utf8(line).ok()?;
        let line = line.trim_start_matches('\u{feff}').trim_end();
        let names = |separator: u8| -> Option<Vec<String>> {
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).delimiter(separator).from_reader(line.as_bytes());
            let record = reader.records().next()?.ok()?;
            Some(record.iter().map(str::to_owned).collect())
        };
        let is_log = |names: &Vec<String>| {
            let has = |wanted: &str| names.iter().any(|name| name == wanted);
            (has("epoch") || has("step")) && !has("variant") && names.len() > 1
        };
        let separated = SEPARATORS.into_iter().filter_map(|separator| Some((separator, names(separator)?)));
        let (separator, names) = separated.into_iter().find(|(_, names)| is_log(names))?;
        Some(LogHeader { separator, names })
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Whether it is one that a comparison of CSVs takes as it is.
    pub fn is_plain(&self) -> bool {
        self.separator == b',' && !self.has("epoch")
    }
}

/// A log's rows by seed, under `None` if it has no column `seed`. Empty cells are values that were not logged then; text is no
/// value.
pub fn read(path: &Path, header: &LogHeader, shown: &str) -> Result<BTreeMap<Option<u64>, Vec<LogRow>>> {
    let file = input::open(path).with_context(|| format!("{shown}: cannot be read"))?;
    let mut reader = csv::ReaderBuilder::new().delimiter(header.separator).from_reader(file);
    if let Some(twice) = header.names.iter().enumerate().find(|(nth, name)| header.names[..*nth].contains(name)) {
        bail!("{shown}:1: has two columns called {:?}: rename one", one_line(twice.1));
    }
    let mut runs: BTreeMap<Option<u64>, Vec<LogRow>> = BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        bail!(
                            "{shown}:{line}: has {len} fields, the header {expected_len}: restore the file, or take the row out"
                        )
                    }
                    _ => return Err(error).with_context(|| format!("{shown}: cannot be read")),
                }
            }
        };
        let (mut row, mut seed) = (LogRow::default(), None);
        for (name, cell) in header.names.iter().zip(record.iter()) {
            let cell = cell.trim();
            if name == "seed" {
                let line = record.position().map_or(0, csv::Position::line);
                let whole = cell.parse().ok();
                seed = Some(whole.with_context(|| format!("{shown}:{line}: seed {cell:?} is no whole number"))?);
                continue;
            }
            let Ok(value) = cell.parse::<f64>() else { continue };
            match name.as_str() {
                "step" => row.step = Some(value),
                "epoch" => row.epoch = Some(value),
                name => row.values.push((name.to_owned(), value)),
            }
        }
        runs.entry(seed).or_default().push(row);
    }
    Ok(runs)
}
