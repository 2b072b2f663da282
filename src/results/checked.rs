//! The rows of a CSV, each of the header's width and in UTF-8, and what is wrong with one told with its line.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use csv::StringRecord;

use super::files::{self, Bounded};
use super::input;
use super::scan::Lines;
use crate::text::one_line;

/// A CSV's rows, one after the other. A byte order mark and lines that end in CRLF are no matter.
pub struct Rows {
    path: PathBuf,
    reader: csv::Reader<Bounded<File>>,
    header: StringRecord,
    record: StringRecord,
    /// Where the file ends, if that is within a line.
    cut_off: Option<u64>,
}

impl Rows {
    /// A file with a header whose columns have each a name of its own.
    pub fn open(path: &Path) -> Result<Self> {
        let unreadable = || format!("{}: cannot be read", shown(path));
        let mut file = input::open(path).with_context(unreadable)?;
        let last = files::last_byte(&mut file).with_context(unreadable)?;
        let size = file.metadata().with_context(unreadable)?.len();
        let cut_off = last.is_some_and(|last| !matches!(last, b'\n' | b'\r')).then_some(size);
        // Whether rows are of equal length is looked at here, for a message of our own.
        let reader = csv::ReaderBuilder::new().flexible(true).from_reader(Bounded::new(file));
        let (header, record) = (StringRecord::new(), StringRecord::new());
        let mut rows = Rows { path: path.to_owned(), reader, header, record, cut_off };
        rows.header = rows.reader.headers().map_err(|error| fault(path, &error))?.clone();
        let mut names: Vec<&str> = rows.header.iter().collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| one_line(pair[0]));
        ensure!(
            twice.is_none(),
            "{}:1: two columns are called {:?}: rename one",
            shown(path),
            twice.unwrap_or_default()
        );
        Ok(rows)
    }

    /// A file with just this header.
    pub fn with_header(path: &Path, header: &[&str]) -> Result<Self> {
        let rows = Self::open(path)?;
        rows.must(rows.header.iter().eq(header.iter().copied()), || {
            format!("the header must be {}", header.join(","))
        })?;
        Ok(rows)
    }

    pub fn header(&self) -> &StringRecord {
        &self.header
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn shown(&self) -> String {
        shown(&self.path)
    }

    /// What must be true of the header.
    pub fn must(&self, holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
        ensure!(holds, "{}:1: {}", self.shown(), otherwise());
        Ok(())
    }

    /// The next row, until there is none.
    pub fn next(&mut self) -> Result<Option<&StringRecord>> {
        self.reader.get_mut().row();
        if !self.reader.read_record(&mut self.record).map_err(|error| fault(&self.path, &error))? {
            return Ok(None);
        }
        let last = self.cut_off.is_some_and(|end| self.reader.position().byte() >= end);
        if last || self.record.len() != self.header.len() {
            let whole = self.record.len() == self.header.len();
            self.at(match (last, whole) {
                (true, true) => Err(anyhow!(
                    "ends in the middle of a line: restore the file, or end its last line if that is whole"
                )),
                (true, false) => Err(anyhow!("ends in the middle of a row: restore the file, or take the row out")),
                (false, _) => Err(anyhow!(
                    "has {} fields, the header {}: restore the file, or take the row out",
                    self.record.len(),
                    self.header.len()
                )),
            })?;
        }
        Ok(Some(&self.record))
    }

    /// The row that came last.
    pub fn record(&self) -> &StringRecord {
        &self.record
    }

    /// Says of what is wrong with the row that came last where that row is.
    pub fn at<T>(&self, of_row: Result<T>) -> Result<T> {
        of_row.or_else(|error| {
            let line = line_at(&self.path, self.record.position().map_or(0, csv::Position::byte));
            bail!("{}:{line}: {error:#}", self.shown())
        })
    }
}

fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// What the reader found, in a line.
fn fault(path: &Path, error: &csv::Error) -> anyhow::Error {
    let shown = shown(path);
    match error.kind() {
        csv::ErrorKind::Io(cause) => {
            let cause = std::io::Error::new(cause.kind(), cause.to_string());
            anyhow::Error::new(cause).context(format!("{shown}: cannot be read"))
        }
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = line_at(path, pos.as_ref().map_or(0, csv::Position::byte));
            anyhow!("{shown}:{line}: is not UTF-8: restore the file, or save it as UTF-8")
        }
        _ => anyhow!("{shown}: cannot be read: {}", one_line(&error.to_string())),
    }
}

/// The line of the record that is read next from this byte on: the reader passes over empty lines, which an editor counts.
fn line_at(path: &Path, byte: u64) -> u64 {
    let mut nth = 0;
    let Ok(mut lines) = Lines::open(path, false) else { return nth };
    while let Ok(Some(line)) = lines.next() {
        nth += 1;
        let end = line.offset + line.bytes.len() as u64;
        if end >= byte && !line.bytes.iter().all(|byte| *byte == b'\r') {
            break;
        }
    }
    nth
}
