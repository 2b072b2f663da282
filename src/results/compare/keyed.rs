//! The rows of a CSV in the order of their keys: streaming where the file has them in order, else sorted in memory, run by
//! run or as a whole.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{JoinHandle, spawn};

use anyhow::{Context, Result, anyhow, ensure};
use csv::ByteRecord;

use super::side::Side;
use crate::results::files::{self, Bounded};

/// How a file is gone through. Each way needs less order in it than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As it stands.
    AsWritten,
    /// The rows of each run in memory.
    ByRun,
    /// All rows in memory.
    InMemory,
}

/// Where a file keeps the parts of a row's key, and which rows of it are meant.
#[derive(Debug, Clone)]
pub struct Layout {
    pub columns: usize,
    /// The columns of the key, the run's first.
    pub key: Vec<Part>,
    /// How many parts of the key name the run.
    pub run: usize,
    /// Only rows with this value in this column.
    pub only: Option<(usize, Vec<u8>)>,
}

/// A column of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub column: usize,
    pub by: By,
}

/// What makes two parts of a key the same, and which comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// How they are spelt, as of names.
    Spelling,
    /// What they are worth, where they are numbers: 1 is 1.0.
    Value,
    /// How they are spelt, but numbers come in their order: 1.1 is not 1.10.
    Both,
}

/// Why a file could not be gone through.
#[derive(Debug)]
pub enum Failure {
    /// Not in this order.
    OutOfOrder,
    Failed(anyhow::Error),
}

/// What was noticed on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Rows with the key of another row.
    pub repeated: u64,
    /// Whether the file ends in the middle of a line.
    pub cut_off: bool,
}

/// Rows in memory take no more than this many bytes a file.
const MOST_IN_MEMORY: usize = 40 << 20;
const BATCH_ROWS: usize = 1024;
/// Batches that wait to be looked at.
const WAITING: usize = 4;

#[derive(Default)]
struct Batch {
    rows: Vec<ByteRecord>,
    /// The parts of each row's key as numbers; NaN for those that are none.
    numbers: Vec<f64>,
    used: usize,
}

/// A row with its key.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub record: &'a ByteRecord,
    numbers: &'a [f64],
    key: &'a [Part],
}

impl<'a> Row<'a> {
    /// The parts of its key.
    pub fn key(self) -> impl Iterator<Item = &'a [u8]> {
        self.key.iter().map(move |part| &self.record[part.column])
    }

    /// Numbers by size and before texts, texts by their bytes. A total order: by what a part is worth, by what an f64 leaves
    /// of that, and where more than the value counts by how it is spelt.
    pub fn compare(self, other: Row) -> Ordering {
        self.compare_parts(other, self.key.len())
    }

    fn compare_parts(self, other: Row, parts: usize) -> Ordering {
        for part in 0..parts {
            let (ours, theirs) = (&self.record[self.key[part].column], &other.record[other.key[part].column]);
            if ours == theirs {
                continue;
            }
            let (a, b) = (self.numbers[part], other.numbers[part]);
            let order = match (a.is_nan(), b.is_nan()) {
                (true, true) => ours.cmp(theirs),
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => {
                    let order = a.total_cmp(&b).then_with(|| rest(ours).cmp(&rest(theirs)));
                    if self.key[part].by == By::Value { order } else { order.then_with(|| ours.cmp(theirs)) }
                }
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

/// What a whole number is more than the f64 nearest to it: 0 for all that an f64 holds.
pub(super) fn rest(text: &[u8]) -> i128 {
    let (digits, negative) = text.strip_prefix(b"-").map_or((text, false), |digits| (digits, true));
    if digits.len() < 16 || digits.len() > 30 || !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let whole = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<i128>().ok()).unwrap_or(0);
    let rest = whole - whole as f64 as i128;
    if negative { -rest } else { rest }
}

/// A number as the result files spell them; NaN for anything else. −0 is 0.
fn key_number(text: &[u8]) -> f64 {
    if !text.first().is_some_and(|first| matches!(first, b'0'..=b'9' | b'-' | b'+' | b'.')) {
        return f64::NAN;
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).map_or(f64::NAN, |number| number + 0.0)
}

/// The rows of a file, one after the other, read ahead by a thread of its own.
pub struct Keyed {
    layout: Layout,
    batch: Batch,
    at: usize,
    filled: Receiver<Result<Batch, Failure>>,
    emptied: Sender<Batch>,
    reader: Option<JoinHandle<Noticed>>,
    noticed: Noticed,
    shown: String,
}

impl Keyed {
    pub fn open(side: &Side, path: &Path, layout: &Layout, order: Order) -> Result<Self, Failure> {
        let (fill, filled) = sync_channel(WAITING);
        let (emptied, empty) = channel();
        let shown = side.shown(path);
        let name = shown.clone();
        let file = files::open(path).with_context(|| format!("{shown}: cannot be read")).map_err(Failure::Failed)?;
        let mut thread = Reader {
            shown,
            layout: layout.clone(),
            fill,
            empty,
            batch: Batch::default(),
            last: None,
            noticed: Noticed::default(),
        };
        let reader = spawn(move || {
            // Nobody listens any more once the comparison has failed elsewhere.
            if let Err(failure) = thread.read(file, order) {
                let _ = thread.fill.send(Err(failure));
            }
            thread.noticed
        });
        let batch = Batch::default();
        let mut keyed = Keyed {
            layout: layout.clone(),
            batch,
            at: 0,
            filled,
            emptied,
            reader: Some(reader),
            noticed: Noticed::default(),
            shown: name,
        };
        keyed.refill()?;
        Ok(keyed)
    }

    /// The row that it is at.
    pub fn row(&self) -> Option<Row<'_>> {
        let parts = self.layout.key.len();
        (self.at < self.batch.used).then(|| Row {
            record: &self.batch.rows[self.at],
            numbers: &self.batch.numbers[self.at * parts..(self.at + 1) * parts],
            key: &self.layout.key,
        })
    }

    pub fn advance(&mut self) -> Result<(), Failure> {
        self.at += 1;
        if self.at >= self.batch.used { self.refill() } else { Ok(()) }
    }

    fn refill(&mut self) -> Result<(), Failure> {
        let _ = self.emptied.send(std::mem::take(&mut self.batch));
        self.at = 0;
        match self.filled.recv() {
            Ok(batch) => self.batch = batch?,
            // The reader hangs up at the file's end, or because it failed in a way that it does not know of.
            Err(_) => {
                self.batch.used = 0;
                if let Some(reader) = self.reader.take() {
                    let failed = |_| Failure::Failed(anyhow!("{}: could not be read to its end", self.shown));
                    self.noticed = reader.join().map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// What was noticed, once all rows have been gone through.
    pub fn noticed(&self) -> Noticed {
        self.noticed.clone()
    }
}

struct Reader {
    shown: String,
    layout: Layout,
    fill: SyncSender<Result<Batch, Failure>>,
    empty: Receiver<Batch>,
    batch: Batch,
    /// The last row's record and key numbers.
    last: Option<(ByteRecord, Vec<f64>)>,
    noticed: Noticed,
}

impl Reader {
    fn read(&mut self, mut file: File, order: Order) -> Result<(), Failure> {
        let failed = |cause: anyhow::Error| Failure::Failed(cause);
        self.noticed.cut_off = ends_within_a_line(&mut file).map_err(failed)?;
        // Whether rows are of equal length is checked here, for a message of our own.
        let mut csv = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 20).from_reader(Bounded::new(file));
        csv.byte_headers().with_context(|| format!("{}: cannot be read", self.shown)).map_err(failed)?;
        let mut record = ByteRecord::new();
        let mut numbers = Vec::with_capacity(self.layout.key.len());
        let mut held: Vec<(ByteRecord, Vec<f64>)> = Vec::new();
        let mut bytes = 0;
        loop {
            csv.get_mut().row();
            let read = csv.read_byte_record(&mut record);
            if !read.with_context(|| format!("{}: cannot be read", self.shown)).map_err(failed)? {
                break;
            }
            let line = record.position().map_or(0, csv::Position::line);
            self.check(&record, line).map_err(failed)?;
            if self.layout.only.as_ref().is_some_and(|(column, value)| record[*column] != value[..]) {
                continue;
            }
            numbers.clear();
            numbers.extend(self.layout.key.iter().map(|part| match part.by {
                By::Spelling => f64::NAN,
                By::Value | By::Both => key_number(&record[part.column]),
            }));
            if order == Order::AsWritten {
                if !self.put(&mut record, &numbers)? {
                    return Ok(());
                }
                continue;
            }
            let of_run = if order == Order::ByRun { self.layout.run } else { 0 };
            let row = Row { record: &record, numbers: &numbers, key: &self.layout.key };
            if held.last().is_some_and(|last| row.compare_parts(self.keyed(last), of_run) != Ordering::Equal) {
                bytes = 0;
                if !self.put_sorted(&mut held)? {
                    return Ok(());
                }
            }
            // A record keeps its text and where each field ends, in rooms that may be twice as large.
            bytes += 2 * record.as_slice().len() + 16 * self.layout.columns + 8 * numbers.len() + 200;
            if bytes > MOST_IN_MEMORY {
                return Err(Failure::Failed(anyhow!(
                    "{}:{line}: rows are not in the order of their keys, and these are too many to sort in memory: sort the file first, or name other columns with --key",
                    self.shown
                )));
            }
            held.push((record.clone(), numbers.clone()));
        }
        if self.put_sorted(&mut held)? && self.batch.used > 0 {
            let _ = self.fill.send(Ok(std::mem::take(&mut self.batch)));
        }
        Ok(())
    }

    fn check(&self, record: &ByteRecord, line: u64) -> Result<()> {
        let (shown, columns) = (&self.shown, self.layout.columns);
        ensure!(
            record.len() == columns,
            "{shown}:{line}: has {} fields, the header {columns}: restore the file, or take the row out",
            record.len()
        );
        Ok(())
    }

    fn keyed<'a>(&'a self, (record, numbers): &'a (ByteRecord, Vec<f64>)) -> Row<'a> {
        Row { record, numbers, key: &self.layout.key }
    }

    /// Passes rows on, sorted. Says whether anybody still wants them.
    fn put_sorted(&mut self, held: &mut Vec<(ByteRecord, Vec<f64>)>) -> Result<bool, Failure> {
        held.sort_by(|a, b| self.keyed(a).compare(self.keyed(b)));
        for (mut record, numbers) in held.drain(..) {
            if !self.put(&mut record, &numbers)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Passes a row on. Says whether anybody still wants it.
    fn put(&mut self, record: &mut ByteRecord, numbers: &[f64]) -> Result<bool, Failure> {
        if let Some(last) = &self.last {
            let row = Row { record, numbers, key: &self.layout.key };
            match row.compare(self.keyed(last)) {
                Ordering::Less => return Err(Failure::OutOfOrder),
                Ordering::Equal if !numbers.is_empty() => self.noticed.repeated += 1,
                _ => {}
            }
        }
        let (last, last_numbers) = self.last.get_or_insert_default();
        last.clone_from(record);
        last_numbers.clear();
        last_numbers.extend_from_slice(numbers);
        let batch = &mut self.batch;
        match batch.rows.get_mut(batch.used) {
            Some(place) => std::mem::swap(place, record),
            None => batch.rows.push(std::mem::take(record)),
        }
        batch.numbers.extend_from_slice(numbers);
        batch.used += 1;
        if batch.used < BATCH_ROWS {
            return Ok(true);
        }
        let full = std::mem::take(batch);
        if self.fill.send(Ok(full)).is_err() {
            return Ok(false);
        }
        // The rooms of rows that have been looked at are used again.
        if let Ok(mut batch) = self.empty.try_recv() {
            batch.used = 0;
            batch.numbers.clear();
            self.batch = batch;
        }
        Ok(true)
    }
}

fn ends_within_a_line(file: &mut File) -> Result<bool> {
    let size = file.metadata()?.len();
    if size == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(last != *b"\n")
}
