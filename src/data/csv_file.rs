//! A CSV that is somebody's data: read whole, every fault with its line.
//!
//! Fields are separated by commas, semicolons or tabs, whichever gives the header most fields. A file may be packed by gzip.
//! Cells that pandas takes for missing are missing.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::cells::{as_text, is_comma_number, is_missing};
use super::table::*;
use crate::text::suggest::near;
use crate::text::{cut, hex, one_line, shorten};

pub struct CsvFile {
    /// Of the file as it lies on the disk, packed or not.
    pub sha256: String,
    header: Vec<String>,
    separator: u8,
    text: String,
}

/// What a column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Numbers; any other text is refused with its line.
    Number,
    /// Texts, whatever they look like; but an integer with a point, `1.0`, is the text `1`.
    Text,
    /// Numbers if more than half of the cells that are not missing look like numbers (then any other text is refused
    /// with its line), or if all are missing; else texts.
    Either,
}

impl CsvFile {
    /// `key` names the file in the experiment, for errors.
    pub fn read(path: &Path, key: &str) -> Result<Self> {
        Self::of(contents(path, "a CSV", key)?, path)
    }

    /// A file's contents; `path` names it in errors.
    pub fn of(bytes: Vec<u8>, path: &Path) -> Result<Self> {
        let shown = one_line(&path.display().to_string());
        let sha256 = hex(&Sha256::digest(&bytes));
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) { unpack(&bytes, MOST_BYTES, &shown)? } else { bytes };
        let mut text = String::from_utf8(bytes).map_err(|error| {
            let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + sound.iter().filter(|&&byte| byte == b'\n').count();
            anyhow::anyhow!("{shown}:{line}: is not UTF-8: save the file as UTF-8")
        })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let (mut separator, mut fields) = (b',', header_fields(&text, b','));
        for other in *b";\t" {
            let of_other = header_fields(&text, other);
            if of_other > fields {
                (separator, fields) = (other, of_other);
            }
        }
        ensure_fits(&shown, 1, fields)?;
        let header: Vec<String> = reader(&text, separator)
            .headers()
            .map_err(|error| anyhow::anyhow!("{shown}:{}: {}", line_at(&text, error.position()), csv_fault(&error)))?
            .iter()
            .map(str::to_owned)
            .collect();
        ensure!(
            header.iter().any(|name| !name.is_empty()),
            "{shown}: is empty, expected a header line and rows of numbers"
        );
        Ok(CsvFile { sha256, header, separator, text })
    }

    /// Names of all columns, trimmed.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The columns that are wanted: each with its key below data.target, for errors, its name, and what it is read as.
    pub fn table(&self, path: &Path, wanted: &[(&'static str, String, Reading)]) -> Result<Table> {
        let shown = one_line(&path.display().to_string());
        let header = line_at(&self.text, Some(&csv::Position::new()));
        let mut places: HashMap<&str, (usize, usize)> = HashMap::new();
        for (place, name) in self.header.iter().enumerate() {
            places.entry(name).or_insert((place, 0)).1 += 1;
        }
        let mut columns = Vec::with_capacity(wanted.len());
        for (key, name, reading) in wanted {
            let short = shorten(name);
            let Some(&(place, times)) = places.get(name.as_str()) else {
                let there = listed(&self.header);
                bail!(one_line(&format!(
                    "{shown}:{header}: no column {short:?} (data.target.{key}), the file has: {there}"
                )));
            };
            ensure!(
                times == 1,
                "{}",
                one_line(&format!(
                    "{shown}:{header}: two columns are called {short:?} (data.target.{key}): rename one"
                ))
            );
            columns.push((place, *reading, *key != "inputs"));
        }
        let (lines, mut read) = self.cells(&shown, &columns)?;
        ensure!(!lines.is_empty(), "{shown}:2: no rows, expected numbers under the header");
        if let Some((line, fault)) = read.iter().filter_map(Cells::fault).min_by_key(|(line, _)| *line) {
            bail!(one_line(&format!("{shown}:{line}: {fault}")));
        }
        // What turned out to be texts is read again as such.
        let texts: Vec<usize> = (0..read.len()).filter(|&nth| read[nth].is_of_texts()).collect();
        if !texts.is_empty() {
            let columns: Vec<_> = texts.iter().map(|&nth| (columns[nth].0, Reading::Text, false)).collect();
            for (nth, cells) in texts.into_iter().zip(self.cells(&shown, &columns)?.1) {
                read[nth] = cells;
            }
        }
        let named = wanted.iter().zip(read).map(|((_, name, _), cells)| {
            let values = match cells {
                Cells::Numbers(numbers) => Values::Numbers(numbers.values),
                Cells::Texts(texts) => texts.finish(),
            };
            Column { name: name.clone(), values }
        });
        Ok(Table { columns: named.collect(), lines })
    }

    /// Line of each row, and the cells of some columns: of each its place, what it is read as, and whether it is predicted.
    fn cells(&self, shown: &str, columns: &[(usize, Reading, bool)]) -> Result<(Vec<usize>, Vec<Cells>)> {
        let begin = |&(_, reading, _): &(usize, Reading, bool)| match reading {
            Reading::Text => Cells::Texts(TextsBuilder::default()),
            Reading::Number | Reading::Either => Cells::Numbers(Numbers::default()),
        };
        let mut read: Vec<Cells> = columns.iter().map(begin).collect();
        let mut lines = Vec::new();
        let mut counted = Lines::new(&self.text);
        let mut reader = reader(&self.text, self.separator);
        let mut row = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => {
                    let last = lines.last().copied().unwrap_or(1);
                    if let Some(more) = self.open_quote(last) {
                        bail!("{shown}:{}: a quote that is not closed: mend the row", last + more);
                    }
                    return Ok((lines, read));
                }
                Err(error) => bail!("{shown}:{}: {}", line_at(&self.text, error.position()), csv_fault(&error)),
            }
            let line = counted.line(row.position());
            lines.push(line);
            ensure_fits(shown, lines.len(), columns.len())?;
            for (&(place, reading, target), cells) in columns.iter().zip(&mut read) {
                let text = row.get(place).unwrap_or_default().trim();
                match cells {
                    Cells::Texts(texts) => texts.push((!is_missing(text)).then_some(as_text(text))),
                    Cells::Numbers(numbers) => {
                        if !numbers.push(text) && numbers.fault.is_none() {
                            let what = self.fault(text);
                            let name = shorten(&self.header[place]);
                            if reading == Reading::Number {
                                let word = target
                                    && text.parse::<f64>().is_err()
                                    && text.contains(char::is_alphabetic)
                                    && !text.contains(|c: char| c.is_ascii_digit());
                                let cure =
                                    if word { format!(", or predict it as class = {name:?}") } else { String::new() };
                                bail!(one_line(&format!("{shown}:{line}: {name} {what}{cure}")));
                            }
                            numbers.fault = Some((line, format!("{name} {what}")));
                        }
                    }
                }
            }
        }
    }

    /// Lines behind this one, where the last row begins, to the quote in it that nothing closes, if there is one.
    fn open_quote(&self, line: usize) -> Option<usize> {
        let begin = if line == 1 { 0 } else { self.text.match_indices('\n').nth(line - 2)?.0 + 1 };
        let row = &self.text[begin..];
        let (mut open, mut fresh, mut at) = (None, true, 0);
        let mut chars = row.chars().peekable();
        while let Some(c) = chars.next() {
            match (open, c) {
                (None, '"') if fresh => open = Some(at),
                (Some(_), '"') if chars.peek() == Some(&'"') => drop(chars.next()),
                (Some(_), '"') => open = None,
                _ => {}
            }
            fresh = open.is_none() && (c == char::from(self.separator) || c == '\n' || c == '\r');
            at += usize::from(c == '\n');
        }
        open
    }

    /// What is wrong with a cell that should be a number.
    fn fault(&self, text: &str) -> String {
        let shown = shorten(text);
        if self.separator != b',' && is_comma_number(text) {
            return format!("is {shown:?}, a number with a comma: save the file with decimal points, digits ungrouped");
        }
        format!("is {shown:?}, expected a finite number: mend or remove the row")
    }
}

/// The input columns that `inputs` stand for. `*` is all columns of `header` in their order, but for `targets`, for those
/// that `inputs` name as `-name`, and for columns without a name, as pandas and R write the numbers of rows. Without a `*`
/// they are names as they stand, of columns that may begin with `-`.
///
/// What is wrong is said on one line: `-name` or `-` of no column, a name beside `*`, nothing left.
pub fn expand(header: &[String], inputs: &[String], targets: &[String]) -> Result<Vec<String>, String> {
    if !inputs.iter().any(|input| input == "*") {
        return if inputs.is_empty() {
            Err("data.target.inputs names no column: give one, or \"*\"".to_owned())
        } else {
            Ok(inputs.to_vec())
        };
    }
    let there: HashSet<&str> = header.iter().map(String::as_str).collect();
    let mut left_out: HashSet<&str> = targets.iter().map(String::as_str).chain([""]).collect();
    for input in inputs.iter().filter(|input| *input != "*") {
        let Some(name) = input.strip_prefix('-') else {
            return Err(one_line(&format!(
                "{:?} beside \"*\", which is all columns (data.target.inputs): remove one of them, or leave columns out as \"-name\"",
                shorten(input)
            )));
        };
        if !there.contains(name) {
            let meant = near(&shorten(name), header.iter().map(String::as_str));
            let hint = meant.map_or(",".to_owned(), |meant| format!(", did you mean {:?}?", cut(meant, LONGEST_NAME)));
            return Err(one_line(&format!(
                "no column {:?} to leave out (data.target.inputs){hint} the file has: {}",
                shorten(name),
                listed(header)
            )));
        }
        left_out.insert(name);
    }
    let names: Vec<String> = header.iter().filter(|name| !left_out.contains(name.as_str())).cloned().collect();
    if names.is_empty() { Err("no column is left for data.target.inputs: name one".to_owned()) } else { Ok(names) }
}

/// A column's cells as they are read.
enum Cells {
    Numbers(Numbers),
    Texts(TextsBuilder),
}

#[derive(Default)]
struct Numbers {
    /// NaN where a cell is missing, or no number.
    values: Vec<f64>,
    /// Cells that look like numbers, finite or not; and other texts.
    like_numbers: usize,
    others: usize,
    /// Line of the first cell that is no finite number, and what is wrong with it.
    fault: Option<(usize, String)>,
}

impl Numbers {
    /// Whether the cell is a finite number or missing.
    fn push(&mut self, text: &str) -> bool {
        let value: f64 = text.parse().unwrap_or(f64::NAN);
        let sound = value.is_finite() || is_missing(text);
        self.values.push(if value.is_finite() { value } else { f64::NAN });
        if !value.is_nan() || (!sound && is_comma_number(text)) {
            self.like_numbers += 1;
        } else if !sound {
            self.others += 1;
        }
        sound
    }
}

impl Cells {
    fn is_of_texts(&self) -> bool {
        matches!(self, Cells::Numbers(numbers) if numbers.others > 0 && numbers.others >= numbers.like_numbers)
    }

    fn fault(&self) -> Option<&(usize, String)> {
        match self {
            Cells::Numbers(numbers) if !self.is_of_texts() => numbers.fault.as_ref(),
            _ => None,
        }
    }
}

/// What gzip packed, one member or several, of at most `most` bytes.
fn unpack(bytes: &[u8], most: u64, shown: &str) -> Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut unpacked).map_err(|error| {
        let error = one_line(&error.to_string());
        anyhow::anyhow!("{shown}: is packed by gzip and damaged ({error}): pack or copy it again")
    })?;
    ensure!(
        unpacked.len() as u64 <= most,
        "{shown}: unpacked it is over 1 GiB, which is more than a small network learns from"
    );
    Ok(unpacked)
}

/// Fields of the header if this byte separates them.
fn header_fields(text: &str, separator: u8) -> usize {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(separator).build();
    let mut rest = text.as_bytes();
    let mut fields = 0;
    let mut field = [0; 4096];
    loop {
        let (result, taken, _) = reader.read_field(rest, &mut field);
        rest = &rest[taken..];
        match result {
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
            csv_core::ReadFieldResult::Field { record_end: false } => fields += 1,
            csv_core::ReadFieldResult::Field { record_end: true } => return fields + 1,
            csv_core::ReadFieldResult::End => return fields,
        }
    }
}

/// Characters of a column's name in a message.
const LONGEST_NAME: usize = 30;

/// Columns as a message names them: not all of thousands.
fn listed(header: &[String]) -> String {
    const MOST: usize = 16;
    let mut names: Vec<String> = header.iter().take(MOST).map(|name| cut(name, LONGEST_NAME)).collect();
    if header.len() > MOST {
        names.push(format!("… ({} columns)", header.len()));
    }
    names.join(", ")
}

fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::Headers).from_reader(text.as_bytes())
}

/// Counts the lines up to one record after the other.
struct Lines<'t> {
    bytes: &'t [u8],
    at: usize,
    line: usize,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Lines { bytes: text.as_bytes(), at: 0, line: 1 }
    }

    /// The line, from 1, of the record that is read next at this position: the reader passes over empty lines, which an
    /// editor counts, and so are lines that end in a carriage return alone.
    fn line(&mut self, position: Option<&csv::Position>) -> usize {
        let bytes = self.bytes;
        let mut end = position.map_or(0, |position| position.byte() as usize).clamp(self.at, bytes.len());
        while end < bytes.len() && matches!(bytes[end], b'\n' | b'\r') {
            end += 1;
        }
        let ends = |i: &usize| bytes[*i] == b'\n' || (bytes[*i] == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
        self.line += (self.at..end).filter(ends).count();
        self.at = end;
        self.line
    }
}

fn line_at(text: &str, position: Option<&csv::Position>) -> usize {
    Lines::new(text).line(position)
}

fn csv_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, the header has {expected_len}")
        }
        _ => one_line(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let mut packed = Vec::new();
        for _ in 0..2 {
            let mut member = flate2::read::GzEncoder::new(&[b'a'; 60][..], flate2::Compression::default());
            member.read_to_end(&mut packed).unwrap();
        }
        assert_eq!(unpack(&packed, 120, "a.csv").unwrap(), [b'a'; 120]);
        let expected = "a.csv: unpacked it is over 1 GiB, which is more than a small network learns from";
        assert_eq!(unpack(&packed, 119, "a.csv").unwrap_err().to_string(), expected);
    }
}
