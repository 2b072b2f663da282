//! The rows of a CSV in the order of their keys: streaming where the file has them in order, else sorted in memory, run by
//! run or as a whole.

use std::cmp::Ordering;
use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{JoinHandle, spawn};

use anyhow::{Context, Result, anyhow};

use super::fields::{self, Cutter, Fields};
use super::side::Side;
use crate::results::files;
use crate::results::input;

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
pub struct KeyedLayout {
    pub columns: usize,
    /// The columns of the key, the run's first.
    pub key: Vec<KeyPart>,
    /// How many parts of the key name the run.
    pub run: usize,
    /// Only rows with this value in this column.
    pub only: Option<(usize, Vec<u8>)>,
}

/// A column of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPart {
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
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait to be looked at.
const WAITING: usize = 4;

#[derive(Default)]
struct RowBatch {
    rows: fields::FieldsBatch,
    /// The parts of each row's key as numbers; NaN for those that are none.
    numbers: Vec<f64>,
}

impl RowBatch {
    fn row<'a>(&'a self, nth: usize, key: &'a [KeyPart]) -> Row<'a> {
        Row { fields: self.rows.get(nth), numbers: &self.numbers[nth * key.len()..(nth + 1) * key.len()], key }
    }

    fn push(&mut self, row: Row) {
        self.rows.push(row.fields);
        self.numbers.extend_from_slice(row.numbers);
    }
}

/// A row with its key.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub fields: Fields<'a>,
    numbers: &'a [f64],
    key: &'a [KeyPart],
}

/// A row that is kept.
#[derive(Clone, Default)]
struct KeptRow {
    fields: fields::KeptFields,
    numbers: Vec<f64>,
}

impl KeptRow {
    fn set(&mut self, row: Row) {
        self.fields.set(row.fields);
        self.numbers.clear();
        self.numbers.extend_from_slice(row.numbers);
    }

    fn row<'a>(&'a self, key: &'a [KeyPart]) -> Row<'a> {
        Row { fields: self.fields.fields(), numbers: &self.numbers, key }
    }
}

impl<'a> Row<'a> {
    /// The parts of its key.
    pub fn key(self) -> impl Iterator<Item = &'a [u8]> {
        self.key.iter().map(move |part| self.fields.get(part.column))
    }

    /// Numbers by size and before texts, texts by their bytes. A total order: by what a part is worth, by what an f64 leaves
    /// of that, and where more than the value counts by how it is spelt.
    pub fn compare(self, other: Row) -> Ordering {
        self.compare_parts(other, self.key.len())
    }

    fn compare_parts(self, other: Row, parts: usize) -> Ordering {
        for part in 0..parts {
            let (ours, theirs) = (self.fields.get(self.key[part].column), other.fields.get(other.key[part].column));
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
    // Steps and seeds, of which an f64 holds each.
    if text.len() <= 15 && text.iter().all(u8::is_ascii_digit) {
        return text.iter().fold(0_u64, |number, digit| 10 * number + u64::from(digit - b'0')) as f64;
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).map_or(f64::NAN, |number| number + 0.0)
}

/// The rows of a file, one after the other, read ahead by a thread of its own.
pub struct Keyed {
    layout: KeyedLayout,
    batch: RowBatch,
    at: usize,
    filled: Receiver<Result<RowBatch, Failure>>,
    emptied: Sender<RowBatch>,
    reader: Option<JoinHandle<Noticed>>,
    noticed: Noticed,
    shown: String,
}

impl Keyed {
    pub fn open(side: &Side, path: &Path, layout: &KeyedLayout, order: Order) -> Result<Self, Failure> {
        let (fill, filled) = sync_channel(WAITING);
        let (emptied, empty) = channel();
        let shown = side.shown(path);
        let file = input::open(path).with_context(|| format!("{shown}: cannot be read")).map_err(Failure::Failed)?;
        let mut thread = RowReader {
            shown: shown.clone(),
            layout: layout.clone(),
            fill,
            empty,
            batch: RowBatch::default(),
            last: None,
            noticed: Noticed::default(),
        };
        thread.batch.rows.clear(layout.columns);
        let reader = spawn(move || {
            // Nobody listens any more once the comparison has failed elsewhere.
            if let Err(failure) = thread.read(file, order) {
                let _ = thread.fill.send(Err(failure));
            }
            thread.noticed
        });
        let mut keyed = Keyed {
            layout: layout.clone(),
            batch: RowBatch::default(),
            at: 0,
            filled,
            emptied,
            reader: Some(reader),
            noticed: Noticed::default(),
            shown,
        };
        keyed.refill()?;
        Ok(keyed)
    }

    /// The row that it is at.
    pub fn row(&self) -> Option<Row<'_>> {
        (self.at < self.batch.rows.len()).then(|| self.batch.row(self.at, &self.layout.key))
    }

    pub fn advance(&mut self) -> Result<(), Failure> {
        self.at += 1;
        if self.at >= self.batch.rows.len() { self.refill() } else { Ok(()) }
    }

    fn refill(&mut self) -> Result<(), Failure> {
        let _ = self.emptied.send(std::mem::take(&mut self.batch));
        self.at = 0;
        match self.filled.recv() {
            Ok(batch) => self.batch = batch?,
            // The reader hangs up at the file's end, or because it failed in a way that it does not know of.
            Err(_) => {
                self.batch = RowBatch::default();
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

struct RowReader {
    shown: String,
    layout: KeyedLayout,
    fill: SyncSender<Result<RowBatch, Failure>>,
    empty: Receiver<RowBatch>,
    batch: RowBatch,
    /// The last row of the batch before.
    last: Option<KeptRow>,
    noticed: Noticed,
}

impl RowReader {
    fn read(&mut self, mut file: File, order: Order) -> Result<(), Failure> {
        let shown = self.shown.clone();
        let unreadable = || format!("{shown}: cannot be read");
        let last = files::last_byte(&mut file).with_context(unreadable).map_err(Failure::Failed)?;
        self.noticed.cut_off = last.is_some_and(|last| last != b'\n');
        let mut cutter = Cutter::new(file);
        cutter.next().with_context(unreadable).map_err(Failure::Failed)?;
        let layout = self.layout.clone();
        let mut numbers = Vec::with_capacity(layout.key.len());
        let mut held: Vec<KeptRow> = Vec::new();
        let mut bytes = 0;
        loop {
            let read = cutter.next().with_context(unreadable).map_err(Failure::Failed)?;
            let Some(fields) = read else { break };
            let (count, columns) = (fields.len(), layout.columns);
            if count != columns {
                return Err(Failure::Failed(anyhow!(
                    "{shown}:{}: has {count} fields, the header {columns}: restore the file, or take the row out",
                    cutter.line
                )));
            }
            if layout.only.as_ref().is_some_and(|(column, value)| fields.get(*column) != &value[..]) {
                continue;
            }
            numbers.clear();
            numbers.extend(layout.key.iter().map(|part| match part.by {
                By::Spelling => f64::NAN,
                By::Value | By::Both => key_number(fields.get(part.column)),
            }));
            let row = Row { fields, numbers: &numbers, key: &layout.key };
            if order == Order::AsWritten {
                if !self.put(row)? {
                    return Ok(());
                }
                continue;
            }
            let of_run = if order == Order::ByRun { layout.run } else { 0 };
            if held.last().is_some_and(|last| row.compare_parts(last.row(&layout.key), of_run) != Ordering::Equal) {
                bytes = 0;
                if !self.put_sorted(&mut held)? {
                    return Ok(());
                }
            }
            let mut kept = KeptRow::default();
            kept.set(row);
            // What the allocator takes for each of its rooms comes on top.
            bytes += kept.fields.bytes() + 8 * kept.numbers.capacity() + 100;
            held.push(kept);
            if bytes > MOST_IN_MEMORY {
                return Err(Failure::Failed(anyhow!(
                    "{shown}:{}: rows are not in the order of their keys, and these are too many to sort in memory: sort the file first, or name other columns with --key",
                    cutter.line
                )));
            }
        }
        if self.put_sorted(&mut held)? && self.batch.rows.len() > 0 {
            let _ = self.fill.send(Ok(std::mem::take(&mut self.batch)));
        }
        Ok(())
    }

    /// Passes rows on, sorted. Says whether anybody still wants them.
    fn put_sorted(&mut self, held: &mut Vec<KeptRow>) -> Result<bool, Failure> {
        let key = self.layout.key.clone();
        held.sort_by(|a, b| a.row(&key).compare(b.row(&key)));
        for kept in held.drain(..) {
            if !self.put(kept.row(&key))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Passes a row on. Says whether anybody still wants it.
    fn put(&mut self, row: Row) -> Result<bool, Failure> {
        let last = match self.batch.rows.len() {
            0 => self.last.as_ref().map(|last| last.row(row.key)),
            rows => Some(self.batch.row(rows - 1, row.key)),
        };
        match last.map(|last| row.compare(last)) {
            Some(Ordering::Less) => return Err(Failure::OutOfOrder),
            Some(Ordering::Equal) if !row.key.is_empty() => self.noticed.repeated += 1,
            _ => {}
        }
        self.batch.push(row);
        if self.batch.rows.len() < BATCH_ROWS && self.batch.rows.bytes() < BATCH_BYTES {
            return Ok(true);
        }
        self.last.get_or_insert_default().set(row);
        if self.fill.send(Ok(std::mem::take(&mut self.batch))).is_err() {
            return Ok(false);
        }
        // The rooms of rows that have been looked at are used again.
        self.batch = self.empty.try_recv().unwrap_or_default();
        self.batch.rows.clear(self.layout.columns);
        self.batch.numbers.clear();
        Ok(true)
    }
}
