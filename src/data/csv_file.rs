//! A CSV that is somebody's data: read whole, every fault with its line.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::Samples;
use crate::text::{cut, hex, one_line, shorten};

/// A file is held in memory as it is, beside its numbers.
const MOST_BYTES: u64 = 1 << 30;

pub struct CsvFile {
    pub sha256: String,
    header: Vec<String>,
    text: String,
}

impl CsvFile {
    pub fn read(path: &Path) -> Result<Self> {
        let shown = one_line(&path.display().to_string());
        let about = std::fs::metadata(path)
            .with_context(|| format!("{shown}: cannot be read (data.target.csv is relative to the experiment file)"))?;
        ensure!(about.is_file(), "{shown}: is not a file, expected a CSV (data.target.csv)");
        ensure!(about.len() <= MOST_BYTES, "{shown}: is over 1 GiB, which is more than a small network learns from");
        let bytes = std::fs::read(path).with_context(|| format!("{shown}: cannot be read"))?;
        Self::of(bytes, path)
    }

    /// A file's contents; `path` names it in errors.
    pub fn of(bytes: Vec<u8>, path: &Path) -> Result<Self> {
        let shown = one_line(&path.display().to_string());
        let sha256 = hex(&Sha256::digest(&bytes));
        let mut text = String::from_utf8(bytes).map_err(|error| {
            let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + sound.iter().filter(|&&byte| byte == b'\n').count();
            anyhow::anyhow!("{shown}:{line}: is not UTF-8: save the file as UTF-8")
        })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let header: Vec<String> = reader(&text)
            .headers()
            .map_err(|error| anyhow::anyhow!("{shown}:{}: {}", line_at(&text, error.position()), csv_fault(&error)))?
            .iter()
            .map(str::to_owned)
            .collect();
        ensure!(
            header.iter().any(|name| !name.is_empty()),
            "{shown}: is empty, expected a header line and rows of numbers"
        );
        Ok(CsvFile { sha256, header, text })
    }

    /// The rows under `inputs` and `output`.
    pub fn samples(&self, path: &Path, inputs: &[String], output: &str) -> Result<Samples> {
        let shown = one_line(&path.display().to_string());
        let header = line_at(&self.text, Some(&csv::Position::new()));
        let mut columns = Vec::with_capacity(inputs.len() + 1);
        for (key, name) in inputs.iter().map(|name| ("inputs", name.as_str())).chain([("output", output)]) {
            let mut places = self.header.iter().enumerate().filter(|(_, column)| *column == name).map(|(i, _)| i);
            let name = shorten(name);
            let Some(place) = places.next() else {
                let there = listed(&self.header);
                bail!(one_line(&format!(
                    "{shown}:{header}: no column {name:?} (data.target.{key}), the file has: {there}"
                )));
            };
            ensure!(
                places.next().is_none(),
                "{}",
                one_line(&format!("{shown}:{header}: two columns are called {name:?} (data.target.{key}): rename one"))
            );
            columns.push((place, name));
        }
        let mut samples = Samples { columns: inputs.len(), ..Samples::default() };
        for row in reader(&self.text).records() {
            let row = row.map_err(|error| {
                let line = line_at(&self.text, error.position());
                anyhow::anyhow!("{shown}:{line}: {}", csv_fault(&error))
            })?;
            for (nth, (place, name)) in columns.iter().enumerate() {
                let text = row.get(*place).unwrap_or_default().trim();
                let value: f64 = match text.parse() {
                    Ok(value) if f64::is_finite(value) => value,
                    _ => {
                        let what =
                            if text.is_empty() { "is empty".to_owned() } else { format!("is {:?}", shorten(text)) };
                        let line = line_at(&self.text, row.position());
                        bail!(one_line(&format!(
                            "{shown}:{line}: {name} {what}, expected a finite number: mend or remove the row"
                        )));
                    }
                };
                if nth < inputs.len() { samples.inputs.push(value) } else { samples.targets.push(value) }
            }
        }
        ensure!(samples.rows() > 0, "{shown}:2: no rows, expected numbers under the header");
        Ok(samples)
    }
}

/// Columns as a message names them: not all of thousands.
fn listed(header: &[String]) -> String {
    const MOST: usize = 16;
    const LONGEST: usize = 30;
    let mut names: Vec<String> = header.iter().take(MOST).map(|name| cut(name, LONGEST)).collect();
    if header.len() > MOST {
        names.push(format!("… ({} columns)", header.len()));
    }
    names.join(", ")
}

fn reader(text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text.as_bytes())
}

/// The line, from 1, of the record that is read next at this position: the reader passes over empty lines, which an editor
/// counts, and so are lines that end in a carriage return alone.
fn line_at(text: &str, position: Option<&csv::Position>) -> usize {
    let mut at = position.map_or(0, |position| position.byte() as usize).min(text.len());
    let bytes = text.as_bytes();
    while at < bytes.len() && matches!(bytes[at], b'\n' | b'\r') {
        at += 1;
    }
    let ends = |i: &usize| bytes[*i] == b'\n' || (bytes[*i] == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    1 + (0..at).filter(ends).count()
}

fn csv_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, the header has {expected_len}")
        }
        _ => one_line(&error.to_string()),
    }
}
