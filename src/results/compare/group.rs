//! One variant's pairs of rows, run by run, at so many places of its curves as there is room for.

use std::collections::HashMap;

/// Places of a run's curve at which it is looked at, at most.
const MOST_PLACES: usize = 512;
/// Numbers held of one variant, at most; with more, fewer places are looked at.
const MOST_NUMBERS: usize = 2_000_000;

/// What the runs have on both sides at one place.
pub(super) struct Pairs {
    pub place: usize,
    pub finite: Vec<(f64, f64)>,
    /// Pairs in which a value is not finite, and those of them that are not the same on both sides.
    pub not_finite: usize,
    pub unlike: usize,
}

/// One variant's runs.
pub(super) struct Group {
    pub variant: Vec<u8>,
    pub seed: Vec<u8>,
    /// The rest of the key at each place.
    pub places: Vec<Vec<Vec<u8>>>,
    index: HashMap<Vec<u8>, usize>,
    stride: usize,
    rows: usize,
    pub runs: usize,
    /// `[run][place][column][side]`, and for `[run][place]` whether both sides have it.
    values: Vec<f64>,
    there: Vec<bool>,
    /// The first run's last row, if it is at none of the places.
    last: Option<(Vec<Vec<u8>>, Vec<f64>)>,
    /// Whether the run under way is held.
    pub held: bool,
}

impl Group {
    pub fn new(variant: &[u8], seed: &[u8]) -> Self {
        Group {
            variant: variant.to_vec(),
            seed: seed.to_vec(),
            places: Vec::new(),
            index: HashMap::new(),
            stride: 1,
            rows: 0,
            runs: 1,
            values: Vec::new(),
            there: Vec::new(),
            last: None,
            held: true,
        }
    }

    /// The rest of a key as one text, each part after its length, so that no two are alike.
    fn id<'k>(rest: impl Iterator<Item = &'k [u8]>) -> Vec<u8> {
        rest.flat_map(|part| part.len().to_le_bytes().into_iter().chain(part.iter().copied())).collect()
    }

    pub fn place<'k>(&self, rest: impl Iterator<Item = &'k [u8]>) -> Option<usize> {
        self.index.get(&Self::id(rest)).copied()
    }

    pub fn take(&mut self, place: Option<usize>, rest: Vec<Vec<u8>>, values: Vec<f64>) {
        let columns = values.len();
        if self.runs > 1 {
            let Some(place) = place else { return };
            let at = (self.runs - 1) * self.places.len() + place;
            self.there[at] = true;
            self.values[at * columns..(at + 1) * columns].copy_from_slice(&values);
            return;
        }
        self.rows += 1;
        if !(self.rows - 1).is_multiple_of(self.stride) {
            self.last = Some((rest, values));
            return;
        }
        self.last = None;
        self.push(rest, &values);
        if self.places.len() > MOST_PLACES {
            self.thin(columns);
            self.stride *= 2;
        }
    }

    fn push(&mut self, rest: Vec<Vec<u8>>, values: &[f64]) {
        self.index.insert(Self::id(rest.iter().map(Vec::as_slice)), self.places.len());
        self.places.push(rest);
        self.values.extend_from_slice(values);
        self.there.push(true);
    }

    /// The last row of the first run is a place whatever the others are.
    pub fn end_first_run(&mut self) {
        if let Some((rest, values)) = self.last.take() {
            self.push(rest, &values);
        }
    }

    /// Leaves every second place, and the last.
    fn thin(&mut self, columns: usize) {
        let last = self.places.len() - 1;
        let stays = |place: usize| place.is_multiple_of(2) || place == last;
        let places = self.places.len();
        let mut at = 0..;
        self.there.retain(|_| stays(at.next().unwrap_or(0) % places));
        let mut at = 0..;
        self.values.retain(|_| stays(at.next().unwrap_or(0) / columns % places));
        let mut at = 0..;
        self.places.retain(|_| stays(at.next().unwrap_or(0)));
        let id = |place: &Vec<Vec<u8>>| Self::id(place.iter().map(Vec::as_slice));
        self.index = self.places.iter().enumerate().map(|(nth, place)| (id(place), nth)).collect();
    }

    /// Begins another run. Says whether there is room for it.
    pub fn next_run(&mut self, seed: &[u8], columns: usize) -> bool {
        if self.runs == 1 {
            self.end_first_run();
        }
        self.seed = seed.to_vec();
        while (self.runs + 1) * self.places.len() * 2 * columns > MOST_NUMBERS {
            if self.places.len() <= 2 {
                self.held = false;
                return false;
            }
            self.thin(2 * columns);
        }
        self.runs += 1;
        self.there.resize(self.runs * self.places.len(), false);
        self.values.resize(self.there.len() * 2 * columns, f64::NAN);
        true
    }

    /// The pairs of a column at a place.
    pub fn pairs(&self, place: usize, column: usize, columns: usize) -> Pairs {
        let cells = (0..self.runs).map(|run| run * self.places.len() + place).filter(|&cell| self.there[cell]);
        let pairs: Vec<(f64, f64)> = cells
            .map(|cell| {
                let at = (cell * columns + column) * 2;
                (self.values[at], self.values[at + 1])
            })
            .collect();
        let finite: Vec<(f64, f64)> = pairs.iter().copied().filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
        let is_unlike = |(a, b): &&(f64, f64)| {
            !(a.is_finite() && b.is_finite()) && a.total_cmp(b).is_ne() && !(a.is_nan() && b.is_nan())
        };
        Pairs { place, not_finite: pairs.len() - finite.len(), unlike: pairs.iter().filter(is_unlike).count(), finite }
    }
}
