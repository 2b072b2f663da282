//! One variant's pairs of rows, run by run, at so many places of its curves as there is room for.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::columns::number;
use super::fields::{self, Fields, KeptFields};
use super::keyed::Row;

/// Places of a run's curve at which it is looked at, at most.
const MOST_PLACES: usize = 512;
/// Numbers held of one variant, at most; with more, fewer places are looked at.
const MOST_NUMBERS: usize = 2_000_000;
/// Text held of a variant's first run, at most, but for three rows.
const MOST_TEXT: usize = 16 << 20;

/// What the runs have on both sides at one place, of one column.
pub(super) struct Pairs {
    /// The rest of the key there.
    pub at: Vec<String>,
    pub finite: Vec<(f64, f64)>,
    /// Pairs in which a value is not finite.
    pub not_finite: usize,
}

/// One variant's runs.
#[derive(Default)]
pub(super) struct Group {
    pub variant: Vec<u8>,
    seed: Vec<u8>,
    pub runs: usize,
    /// Runs that were too many to be held.
    pub left_out: usize,
    /// For each column, whether any row differs by more than the tolerance, and in how many a value is finite, or of one
    /// sign, on one side only.
    pub beyond: Vec<bool>,
    pub unlike: Vec<usize>,
    /// Columns in which something is no number.
    pub texts: Vec<bool>,
    /// Where the columns are on each side.
    columns: Vec<[usize; 2]>,
    places: Vec<ComparedPlace>,
    index: HashMap<Vec<u8>, usize>,
    /// Of the rows at no place yet every so many-th becomes one.
    stride: usize,
    /// Rows of the run under way, and whether it is held.
    rows: usize,
    held: bool,
    /// The last row, and whether it is at none of the places. Its rooms are used again: there are millions.
    passed: bool,
    last: Vec<u8>,
    last_rows: [KeptFields; 2],
    /// The rest of the row's key, as [`write_id`] writes it.
    id: Vec<u8>,
    first: FirstRows,
}

/// The first run while it is read: it says at which places all of them are looked at, and how many there are shows only at
/// its end.
#[derive(Default)]
struct FirstRows {
    ids: Vec<Vec<u8>>,
    /// The rows there, of each side.
    rows: [fields::FieldsBatch; 2],
    /// What those of every second one move to.
    spare: [fields::FieldsBatch; 2],
}

impl FirstRows {
    fn clear(&mut self, columns: [usize; 2]) {
        self.ids.clear();
        self.rows.iter_mut().zip(columns).for_each(|(rows, columns)| rows.clear(columns));
    }

    fn push(&mut self, id: &[u8], rows: [Fields; 2]) {
        self.ids.push(id.to_vec());
        self.rows.iter_mut().zip(rows).for_each(|(held, row)| held.push(row));
    }

    /// Leaves every second place.
    fn thin(&mut self) {
        for (rows, spare) in self.rows.iter_mut().zip(&mut self.spare) {
            spare.clear(rows.columns());
            (0..rows.len()).step_by(2).for_each(|nth| spare.push(rows.get(nth)));
            std::mem::swap(rows, spare);
        }
        let mut nth = 0..;
        self.ids.retain(|_| nth.next().is_some_and(|nth: usize| nth.is_multiple_of(2)));
    }
}

struct ComparedPlace {
    id: Vec<u8>,
    /// `[run][column][side]`, of the runs that have it.
    values: Vec<f64>,
}

/// The rest of a key as one text, each part after its length, so that no two are alike.
fn write_id<'k>(id: &mut Vec<u8>, rest: impl Iterator<Item = &'k [u8]>) {
    id.clear();
    for part in rest {
        id.extend_from_slice(&(part.len() as u32).to_le_bytes());
        id.extend_from_slice(part);
    }
}

/// The parts of such a text.
fn parts(mut id: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((length, more)) = id.split_first_chunk::<4>() {
        let (part, more) = more.split_at((u32::from_le_bytes(*length) as usize).min(more.len()));
        parts.push(part);
        id = more;
    }
    parts
}

/// Numbers by size, anything else by its bytes.
fn order(a: &[u8], b: &[u8]) -> Ordering {
    let value = |part: &[u8]| number(part).unwrap_or(f64::NAN);
    let (a, b) = (parts(a), parts(b));
    let by_part = a.iter().zip(&b).map(|(x, y)| value(x).total_cmp(&value(y)).then_with(|| x.cmp(y)));
    by_part.fold(Ordering::Equal, Ordering::then)
}

impl Group {
    pub fn new(variant: &[u8], columns: Vec<[usize; 2]>) -> Self {
        let count = columns.len();
        Group {
            variant: variant.to_vec(),
            beyond: vec![false; count],
            unlike: vec![0; count],
            texts: vec![false; count],
            columns,
            stride: 1,
            held: true,
            ..Group::default()
        }
    }

    /// Takes a pair of rows of one key, whose part number `seed` is the seed.
    pub fn take(&mut self, a: Row, b: Row, seed: usize) {
        let of_run = a.key().nth(seed).unwrap_or_default();
        if self.runs == 0 || self.seed != of_run {
            self.end_run();
            self.seed = of_run.to_vec();
            self.runs += 1;
            self.rows = 0;
            self.left_out += usize::from(!self.held);
        }
        if !self.held {
            return;
        }
        self.rows += 1;
        write_id(&mut self.id, a.key().skip(seed + 1));
        if self.runs == 1 {
            self.take_of_first([a.fields, b.fields]);
            return;
        }
        self.passed = !self.index.contains_key(&self.id) && !(self.rows - 1).is_multiple_of(self.stride);
        if self.passed {
            self.pass([a.fields, b.fields]);
        } else {
            self.put([a.fields, b.fields]);
        }
    }

    /// Keeps a row that is at no place: it may be its run's last.
    fn pass(&mut self, rows: [Fields; 2]) {
        std::mem::swap(&mut self.last, &mut self.id);
        self.last_rows.iter_mut().zip(rows).for_each(|(last, row)| last.set(row));
    }

    fn take_of_first(&mut self, rows: [Fields; 2]) {
        if self.rows == 1 {
            self.first.clear(rows.map(Fields::len));
        }
        self.passed = !(self.rows - 1).is_multiple_of(self.stride);
        if self.passed {
            return self.pass(rows);
        }
        self.first.push(&self.id, rows);
        // An even number, so that the row that came last is never among those that go.
        let most = (MOST_NUMBERS / (2 * self.columns.len()).max(1)).clamp(2, MOST_PLACES) & !1;
        let bytes = |first: &FirstRows| first.rows.iter().map(fields::FieldsBatch::bytes).sum::<usize>();
        while self.first.ids.len() > most || (bytes(&self.first) > MOST_TEXT && self.first.ids.len() > 2) {
            self.first.thin();
            self.stride *= 2;
        }
    }

    /// The last row of each run is looked at, wherever it is.
    pub fn end_run(&mut self) {
        let first = std::mem::take(&mut self.first);
        for (nth, id) in first.ids.iter().enumerate() {
            self.id.clone_from(id);
            self.put([first.rows[0].get(nth), first.rows[1].get(nth)]);
        }
        if std::mem::take(&mut self.passed) {
            std::mem::swap(&mut self.last, &mut self.id);
            let rows = std::mem::take(&mut self.last_rows);
            self.put([rows[0].fields(), rows[1].fields()]);
            self.last_rows = rows;
        }
    }

    fn put(&mut self, rows: [Fields; 2]) {
        let place = self.index.get(&self.id).copied().unwrap_or_else(|| {
            self.places.push(ComparedPlace { id: self.id.clone(), values: Vec::new() });
            self.index.insert(self.id.clone(), self.places.len() - 1);
            self.places.len() - 1
        });
        for (columns, text) in self.columns.iter().zip(&mut self.texts) {
            let texts = [rows[0].get(columns[0]), rows[1].get(columns[1])];
            let first = number(texts[0]);
            let second = if texts[0] == texts[1] { first } else { number(texts[1]) };
            *text |= first.is_none() || second.is_none();
            self.places[place].values.extend([first, second].map(|value| value.unwrap_or(f64::NAN)));
        }
        while self.places.len() > MOST_PLACES || self.runs * self.places.len() * 2 * self.columns.len() > MOST_NUMBERS {
            if self.places.len() <= 2 {
                self.held = false;
                break;
            }
            self.thin();
        }
    }

    /// Leaves every second place, and the last.
    fn thin(&mut self) {
        self.places.sort_by(|a, b| order(&a.id, &b.id));
        let last = self.places.len() - 1;
        let mut nth = 0..;
        self.places.retain(|_| nth.next().is_some_and(|nth: usize| nth.is_multiple_of(2) || nth == last));
        self.index = self.places.iter().enumerate().map(|(nth, place)| (place.id.clone(), nth)).collect();
        self.stride *= 2;
    }

    /// Once all runs are there: how many places were looked at.
    pub fn end(&mut self) -> usize {
        self.end_run();
        self.places.sort_by(|a, b| order(&a.id, &b.id));
        self.places.len()
    }

    /// The pairs of a column at a place.
    pub fn pairs(&self, place: usize, column: usize) -> Pairs {
        let place = &self.places[place];
        let pairs: Vec<(f64, f64)> = place
            .values
            .chunks_exact(2 * self.columns.len())
            .map(|run| (run[2 * column], run[2 * column + 1]))
            .collect();
        let finite: Vec<(f64, f64)> = pairs.iter().copied().filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
        let at = parts(&place.id).into_iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        Pairs { at, not_finite: pairs.len() - finite.len(), finite }
    }
}
