//! How far a column's values differ.

use serde::Serialize;

use super::fields::{self, Fields};
use super::keyed::{KeyPart, Row, rest};
use crate::text::json;

/// Values are as good as equal where |a − b| ≤ atol + rtol·|b|, as `numpy.isclose` and `torch.allclose` have it: b is the
/// reference. What is not finite is close to itself only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
}

impl Tolerance {
    pub fn is_none(&self) -> bool {
        self.rtol == 0.0 && self.atol == 0.0
    }

    /// How a pair of unequal numbers differs.
    fn weigh(&self, a: f64, b: f64) -> DifferenceSize {
        if !a.is_finite() || !b.is_finite() {
            return DifferenceSize { absolute: f64::INFINITY, relative: f64::INFINITY, beyond: true, unlike: true };
        }
        let absolute = (a - b).abs();
        let beyond = absolute > self.atol + self.rtol * b.abs();
        DifferenceSize { absolute, relative: absolute / b.abs(), beyond, unlike: false }
    }
}

/// How large a difference is: NaN of texts, inf where one side has a NaN or an infinity that the other has not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct DifferenceSize {
    absolute: f64,
    relative: f64,
    pub beyond: bool,
    /// Whether a value is finite, or of one sign, on one side only.
    pub unlike: bool,
}

impl DifferenceSize {
    const OF_TEXTS: Self = DifferenceSize { absolute: f64::NAN, relative: f64::NAN, beyond: true, unlike: false };
}

/// A number as pandas would read it: nothing is NaN.
pub(super) fn number(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(f64::NAN);
    }
    let text = std::str::from_utf8(text).ok()?;
    let number: f64 = text.parse().or_else(|_| text.trim().parse()).ok()?;
    // What is too large for an f64 is no infinity, and one of them is not another.
    let is_inf = || text.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'i'));
    (!number.is_infinite() || is_inf()).then_some(number)
}

/// Nothing if both say the same: NaN equals NaN, inf an inf of its sign, 1.0 1e0. Lists of numbers are as far apart as
/// their members that are furthest apart.
fn weigh(a: &[u8], b: &[u8], tolerance: &Tolerance) -> Option<DifferenceSize> {
    if a == b {
        return None;
    }
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    if let (Some(x), Some(y)) = (number(a), number(b)) {
        if x == y && rest(a) != rest(b) {
            // Whole numbers of more digits than an f64 holds.
            let absolute = (rest(a) - rest(b)).unsigned_abs() as f64;
            let beyond = absolute > tolerance.atol + tolerance.rtol * y.abs();
            return Some(DifferenceSize { absolute, relative: absolute / y.abs(), beyond, unlike: false });
        }
        return (!same(x, y)).then(|| tolerance.weigh(x, y));
    }
    let list = |text: &[u8]| -> Option<Vec<f64>> {
        text.contains(&b' ').then(|| text.split(|&byte| byte == b' ').map(number).collect()).flatten()
    };
    let (Some(a), Some(b)) = (list(a), list(b)) else { return Some(DifferenceSize::OF_TEXTS) };
    if a.len() != b.len() {
        return Some(DifferenceSize::OF_TEXTS);
    }
    let sizes = a.iter().zip(&b).filter(|(a, b)| !same(**a, **b)).map(|(&a, &b)| tolerance.weigh(a, b));
    sizes.reduce(|x, y| DifferenceSize {
        absolute: x.absolute.max(y.absolute),
        relative: x.relative.max(y.relative),
        beyond: x.beyond || y.beyond,
        unlike: x.unlike || y.unlike,
    })
}

/// A pair of values that differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The row's key.
    pub at: Vec<String>,
    pub a: String,
    pub b: String,
    /// |a − b|, or that over |b|; NaN of texts.
    #[serde(serialize_with = "json::number")]
    pub size: f64,
}

/// What there is to say of a column that both sides have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnComparison {
    pub column: String,
    /// Rows whose values differ, and those that differ by more than the tolerance.
    pub differ: u64,
    pub beyond: u64,
    /// Whether any do by more than seeds differ among themselves; where a variant has one seed only, by more than the
    /// tolerance. Nothing where rows are not told apart by seed.
    pub beyond_noise: Option<bool>,
    pub verdict: ColumnVerdict,
    pub first: Option<Difference>,
    pub largest_absolute: Option<Difference>,
    pub largest_relative: Option<Difference>,
}

/// A column in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnVerdict {
    /// No value differs.
    Same,
    /// Values differ, none by more than the tolerance.
    WithinTolerance,
    /// They differ, in no variant by more than seeds do among themselves.
    WithinNoise,
    BeyondNoise,
    /// They differ, and no seeds say whether that is noise.
    Differs,
}

impl ColumnVerdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::WithinTolerance => "within tolerance",
            Self::WithinNoise => "within noise",
            Self::BeyondNoise => "beyond noise",
            Self::Differs => "differs",
        }
    }
}

/// What the seeds say of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfNoise {
    /// As in [`ColumnComparison`].
    pub differs: bool,
    /// Whether a variant with several seeds differs by more than noise.
    pub beyond: bool,
}

/// The rows of a difference, kept as they are until all is gone through: most are soon outdone.
#[derive(Default)]
struct KeptDifference {
    size: f64,
    a: fields::KeptFields,
    b: fields::KeptFields,
}

impl KeptDifference {
    fn set(kept: &mut Option<KeptDifference>, size: f64, a: Row, b: Row) {
        let kept = kept.get_or_insert_default();
        kept.size = size;
        kept.a.set(a.fields);
        kept.b.set(b.fields);
    }

    fn say(&self, places: [usize; 2], key: &[KeyPart]) -> Difference {
        let text = |row: Fields, column: usize| String::from_utf8_lossy(row.get(column)).into_owned();
        let (a, b) = (self.a.fields(), self.b.fields());
        Difference {
            at: key.iter().map(|part| text(a, part.column)).collect(),
            a: text(a, places[0]),
            b: text(b, places[1]),
            size: self.size,
        }
    }
}

/// A column while rows go by.
pub(super) struct Column {
    pub name: String,
    /// Where it is on each side.
    pub places: [usize; 2],
    differ: u64,
    beyond: u64,
    first: Option<KeptDifference>,
    absolute: Option<KeptDifference>,
    relative: Option<KeptDifference>,
}

impl Column {
    pub fn new(name: String, places: [usize; 2]) -> Self {
        Column { name, places, differ: 0, beyond: 0, first: None, absolute: None, relative: None }
    }

    /// Says how the rows differ in it, if they do.
    pub fn look(&mut self, a: Row, b: Row, tolerance: &Tolerance) -> Option<DifferenceSize> {
        let size = weigh(a.fields.get(self.places[0]), b.fields.get(self.places[1]), tolerance)?;
        Some(self.keep(a, b, size))
    }

    /// The same of names, which may look like numbers.
    pub fn look_at_names(&mut self, a: Row, b: Row) -> Option<DifferenceSize> {
        let differ = a.fields.get(self.places[0]) != b.fields.get(self.places[1]);
        differ.then(|| self.keep(a, b, DifferenceSize::OF_TEXTS))
    }

    fn keep(&mut self, a: Row, b: Row, size: DifferenceSize) -> DifferenceSize {
        self.differ += 1;
        self.beyond += u64::from(size.beyond);
        if self.first.is_none() {
            KeptDifference::set(&mut self.first, size.absolute, a, b);
        }
        for (kept, size) in [(&mut self.absolute, size.absolute), (&mut self.relative, size.relative)] {
            if !size.is_nan() && kept.as_ref().is_none_or(|kept| size > kept.size) {
                KeptDifference::set(kept, size, a, b);
            }
        }
        size
    }

    /// `key` are the columns of A's key; `noise` is nothing where rows are not told apart by seed.
    pub fn end(self, key: &[KeyPart], noise: Option<OfNoise>) -> ColumnComparison {
        let say = |kept: Option<KeptDifference>| kept.map(|kept| kept.say(self.places, key));
        let verdict = match noise {
            _ if self.differ == 0 => ColumnVerdict::Same,
            _ if self.beyond == 0 => ColumnVerdict::WithinTolerance,
            Some(OfNoise { beyond: true, .. }) => ColumnVerdict::BeyondNoise,
            Some(OfNoise { differs: false, .. }) => ColumnVerdict::WithinNoise,
            _ => ColumnVerdict::Differs,
        };
        ColumnComparison {
            column: self.name,
            differ: self.differ,
            beyond: self.beyond,
            beyond_noise: noise.map(|noise| noise.differs),
            verdict,
            first: say(self.first),
            largest_absolute: say(self.absolute),
            largest_relative: say(self.relative),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Tolerance = Tolerance { rtol: 0.0, atol: 0.0 };

    fn differ(a: &str, b: &str) -> Option<DifferenceSize> {
        weigh(a.as_bytes(), b.as_bytes(), &EXACT)
    }

    #[test]
    fn equal_is_what_means_the_same_however_it_is_spelt() {
        for (a, b) in
            [("1.0", "1"), ("1e3", "1000.0"), ("NaN", "nan"), ("NaN", ""), ("inf", "Infinity"), ("-0.0", "0.0")]
        {
            assert_eq!(differ(a, b), None, "{a} {b}");
        }
        // f64 holds neither of them.
        assert_eq!(differ("9007199254740993", "9007199254740992").map(|size| size.absolute), Some(1.0));
        for (a, b) in [("inf", "-inf"), ("NaN", "1.0"), ("NaN", "inf"), ("", "0"), ("inf", "1e308")] {
            assert_eq!(differ(a, b).map(|size| size.absolute), Some(f64::INFINITY), "{a} {b}");
        }
        // Too large for an f64.
        assert!(differ("1e400", "1e500").is_some_and(|size| size.beyond));
        assert!(differ("1e400", "inf").is_some_and(|size| size.beyond));
        assert!(differ("fits", "line").is_some_and(|size| size.absolute.is_nan() && size.beyond));
    }

    #[test]
    fn lists_are_as_far_apart_as_their_furthest_members() {
        assert_eq!(differ("1.0 2.0", "1 2"), None);
        assert_eq!(differ("1.0 2.0 3.0", "1.0 2.5 3.25").map(|size| size.absolute), Some(0.5));
        assert!(differ("1.0 2.0", "1.0").is_some_and(|size| size.absolute.is_nan()));
    }

    #[test]
    fn b_is_the_reference_of_the_tolerance_and_what_is_not_finite_is_never_close() {
        // numpy.isclose(110, 100, rtol=0.095, atol=0) is False, isclose(100, 110, …) True.
        let tolerance = Tolerance { rtol: 0.095, atol: 0.0 };
        assert!(tolerance.weigh(110.0, 100.0).beyond && !tolerance.weigh(100.0, 110.0).beyond);
        assert!(Tolerance { rtol: 1.0, atol: 1e300 }.weigh(1.0, f64::INFINITY).beyond);
        assert!(!Tolerance { rtol: 0.0, atol: 0.5 }.weigh(1.5, 1.0).beyond);
    }
}
