//! Whether a difference is more than what another seed would make: how far the two sides' means over the seeds are apart,
//! as a multiple of the spread between seeds.
//!
//! A fixed tolerance calls equal code different, where training amplifies the last bits, and different code equal, where its
//! losses are small. What seeds differ by among themselves is the measure that a result brings with it.

use std::collections::HashMap;

use serde::Serialize;

use super::columns::DifferenceSize;
use super::group::{Group, Pairs};
use super::keyed::Row;
use crate::stats::bootstrap::paired_interval;
use crate::stats::effects::student_t;
use crate::text::json;

/// One variant's column, at one place of its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Noise {
    /// Nothing where rows are not told apart by variant.
    pub variant: Option<String>,
    pub column: String,
    /// The rest of the key: the last step that both sides have, or else where the multiple is largest; empty where a run has
    /// one row.
    pub at: Vec<String>,
    /// Pairs of runs, one a seed, that the figures are of, and pairs that are not in them because a value is not finite.
    pub pairs: usize,
    pub not_finite: usize,
    /// Rows, at any place, with a value that is finite, or of one sign, on one side only.
    pub unlike: usize,
    /// Means over the pairs.
    #[serde(serialize_with = "json::number")]
    pub a: f64,
    #[serde(serialize_with = "json::number")]
    pub b: f64,
    /// The mean of b − a, and the ends of its 95 % paired bootstrap interval; none where the place is the one with the largest
    /// multiple.
    #[serde(serialize_with = "json::number")]
    pub difference: f64,
    #[serde(serialize_with = "json::number")]
    pub low: f64,
    #[serde(serialize_with = "json::number")]
    pub high: f64,
    /// √((s_a² + s_b²)/2), s the sample standard deviation over the pairs on each side.
    #[serde(serialize_with = "json::number")]
    pub noise_floor: f64,
    /// The difference over the noise floor; infinite where there is no spread, 0 where there is no difference.
    #[serde(serialize_with = "json::number")]
    pub multiple: f64,
    pub verdict: NoiseVerdict,
    pub reason: NoiseReason,
    /// The multiple that chance exceeds at any of all places once in 20 times.
    #[serde(serialize_with = "json::number")]
    pub chance: f64,
    /// The first place where the difference is above the noise floor, at how many places it is of all that were looked at,
    /// and the multiples at up to 24 of them.
    pub first_apart: Option<Vec<String>>,
    pub apart: usize,
    pub places: usize,
    #[serde(serialize_with = "json::numbers")]
    pub course: Vec<f64>,
}

/// What a difference is beside the seeds' spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseVerdict {
    /// None that is clear.
    Noise,
    /// The interval does not hold 0, but the means are within the spread.
    Small,
    /// Nor are they within the spread; or they are not at more than half of the places, or at any by more than chance allows;
    /// or a value is finite, or of one sign, on one side only.
    Beyond,
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseReason {
    /// Beyond: a value is finite, or of one sign, on one side only.
    NotFinite,
    /// Beyond: the means are further apart than the spread, and the interval does not hold 0.
    Apart,
    /// Beyond: they are further apart than that at more than half of the places.
    MostPlaces,
    /// Beyond: they are further apart at some place than chance makes them.
    SomePlace,
    /// Small: all seeds say the same, of less than their spread.
    Steady,
    /// Noise: the means are no further apart than the spread.
    WithinSpread,
    /// Noise: they are, but the interval holds 0.
    SeedsDisagree,
    /// Noise: they are, at the place of all that was chosen for it, but chance alone makes that much at one of so many.
    LargestOfMany,
}

/// What is told at most: that with the largest multiples.
const MOST_TOLD: usize = 1000;
const COURSE: usize = 24;
/// With so many places, a difference at more than half of them is one.
const SEVERAL: usize = 4;

/// Gathers pairs of rows, sorted by variant, seed and place.
#[derive(Default)]
pub(super) struct NoiseWatch {
    /// Names and places of the columns.
    columns: Vec<(String, [usize; 2])>,
    /// Which part of the key is the variant, if one is.
    variant: Option<usize>,
    seed: usize,
    /// Whether places are steps, of which the last matters most.
    steps: bool,
    group: Option<Group>,
    found: Vec<Noise>,
    /// How many were found, told or not.
    pub total: usize,
    /// For each column, whether it differs by more than noise, in any variant; where there is no telling what noise is, by
    /// more than the tolerance.
    pub differs: Vec<bool>,
    /// For each column, whether it differs by more than noise in a variant with several seeds.
    pub beyond_noise: Vec<bool>,
    /// Columns in which something is no number, and those that differ by more than the tolerance.
    texts: Vec<bool>,
    beyond: Vec<bool>,
    /// Variants with at least two pairs of runs, and those with fewer.
    pub compared: usize,
    pub single: usize,
    /// Runs that were too many to hold.
    pub left_out: usize,
}

impl NoiseWatch {
    /// `key` are the key's names; `texts` says of which columns it is known that they hold none but texts, however those
    /// look. Nothing if the key does not begin with the run: a variant and a seed, or a seed.
    pub fn new(columns: Vec<(String, [usize; 2])>, key: &[String], texts: &[bool]) -> Option<Self> {
        let names: Vec<&str> = key.iter().map(String::as_str).collect();
        let (variant, seed) = match names[..] {
            ["variant", "seed", ..] => (Some(0), 1),
            ["seed", ..] => (None, 0),
            _ => return None,
        };
        Some(NoiseWatch {
            differs: vec![false; columns.len()],
            beyond_noise: vec![false; columns.len()],
            texts: (0..columns.len()).map(|nth| texts.get(nth).copied().unwrap_or(false)).collect(),
            beyond: vec![false; columns.len()],
            columns,
            variant,
            seed,
            steps: matches!(names[seed + 1..], ["step"] | ["epoch"]),
            ..NoiseWatch::default()
        })
    }

    /// Takes a pair of rows of one key, and how each column differs there.
    pub fn look(&mut self, a: Row, b: Row, sizes: &[Option<DifferenceSize>]) {
        let variant = self.variant.and_then(|nth| a.key().nth(nth)).unwrap_or_default();
        if self.group.as_ref().is_none_or(|group| group.variant != variant) {
            self.end_group();
            let places = self.columns.iter().map(|(_, places)| *places).collect();
            self.group = Some(Group::new(variant, places));
        }
        let Some(group) = &mut self.group else { return };
        for (column, size) in sizes.iter().enumerate() {
            if let Some(size) = size {
                group.beyond[column] |= size.beyond;
                group.unlike[column] += usize::from(size.unlike);
            }
        }
        group.take(a, b, self.seed);
    }

    fn end_group(&mut self) {
        let Some(mut group) = self.group.take() else { return };
        let places = group.end();
        let several = group.runs >= 2;
        self.compared += usize::from(several);
        self.single += usize::from(!several);
        self.left_out += group.left_out;
        let variant = self.variant.map(|_| String::from_utf8_lossy(&group.variant).into_owned());
        for (nth, (name, _)) in self.columns.iter().enumerate() {
            self.texts[nth] |= group.texts[nth];
            self.beyond[nth] |= group.beyond[nth];
            let noise = match several && !self.texts[nth] {
                true => noise(&group, places, nth, self.steps, variant.clone(), name),
                false => None,
            };
            let told = noise.as_ref().is_some_and(|noise| noise.verdict != NoiseVerdict::Beyond);
            self.differs[nth] |= group.beyond[nth] && !(told && group.left_out == 0);
            let judged_beyond = noise.as_ref().is_some_and(|noise| noise.verdict == NoiseVerdict::Beyond);
            self.beyond_noise[nth] |= group.beyond[nth] && judged_beyond;
            self.total += usize::from(noise.is_some());
            self.found.extend(noise);
        }
        if self.found.len() > 2 * MOST_TOLD {
            self.keep_largest();
        }
    }

    fn keep_largest(&mut self) {
        let rank = |noise: &Noise| match noise.multiple.abs() {
            _ if noise.unlike > 0 => f64::INFINITY,
            multiple if multiple.is_nan() => -1.0,
            multiple => multiple,
        };
        // Stable, so that what is equally far stays in the order of the file.
        self.found.sort_by(|x, y| rank(y).total_cmp(&rank(x)));
        self.found.truncate(MOST_TOLD);
    }

    /// The largest multiples first.
    pub fn end(&mut self) -> Vec<Noise> {
        self.end_group();
        // Of a column that turned out to be none of numbers there is no noise, whatever its first variants held.
        for (nth, (name, _)) in self.columns.iter().enumerate().filter(|(nth, _)| self.texts[*nth]) {
            self.differs[nth] = self.beyond[nth];
            self.beyond_noise[nth] = false;
            let before = self.found.len();
            self.found.retain(|noise| noise.column != *name);
            self.total -= before - self.found.len();
        }
        self.keep_largest();
        std::mem::take(&mut self.found)
    }
}

/// What there is to say of a variant's column; nothing where no place has two pairs.
fn noise(
    group: &Group,
    places: usize,
    column: usize,
    steps: bool,
    variant: Option<String>,
    name: &str,
) -> Option<Noise> {
    let mut at: Vec<Pairs> = (0..places)
        .map(|place| group.pairs(place, column))
        .filter(|pairs| pairs.finite.len() + pairs.not_finite >= 2)
        .collect();
    // A place where the column has no value is none of its places: a validation is logged once in many steps.
    if at.iter().any(|pairs| !pairs.finite.is_empty()) {
        at.retain(|pairs| !pairs.finite.is_empty());
    }
    let multiples: Vec<f64> = at.iter().map(|pairs| Spread::of(&pairs.finite).multiple()).collect();
    let size = |nth: usize| if multiples[nth].is_nan() { -1.0 } else { multiples[nth].abs() };
    // The last step has no update that follows, so of some columns no value: then the last that has.
    let last = (0..at.len()).rev().find(|&nth| at[nth].finite.len() >= 2).or(at.len().checked_sub(1));
    let told = if steps {
        last?
    } else {
        (0..at.len()).reduce(|best, nth| if size(nth) > size(best) { nth } else { best })?
    };
    let above: Vec<usize> = (0..at.len()).filter(|&nth| size(nth) > 1.0).collect();
    let spread = Spread::of(&at[told].finite);
    let differences: Vec<f64> = at[told].finite.iter().map(|(a, b)| b - a).collect();
    let multiple = spread.multiple();
    // Where a place is chosen for its difference, an interval there says nothing.
    let chosen = !steps && at.len() > 1;
    let [low, high] = if chosen { [f64::NAN; 2] } else { paired_interval(&differences) };
    let clear = low > 0.0 || high < 0.0;
    let mut limits = HashMap::new();
    let mut limit = |pairs: usize| *limits.entry(pairs).or_insert_with(|| chance_limit(pairs, at.len()));
    let peak = (0..at.len()).any(|nth| size(nth) > limit(at[nth].finite.len()));
    let mostly = at.len() >= SEVERAL && 2 * above.len() > at.len();
    let far = multiple.abs() > 1.0;
    let reason = match () {
        () if group.unlike[column] > 0 => NoiseReason::NotFinite,
        () if clear && far => NoiseReason::Apart,
        () if mostly => NoiseReason::MostPlaces,
        () if peak => NoiseReason::SomePlace,
        () if clear => NoiseReason::Steady,
        () if !far => NoiseReason::WithinSpread,
        () if chosen => NoiseReason::LargestOfMany,
        () => NoiseReason::SeedsDisagree,
    };
    let bars = multiples.len().min(COURSE);
    Some(Noise {
        variant,
        column: name.to_owned(),
        at: at[told].at.clone(),
        pairs: at[told].finite.len(),
        not_finite: at[told].not_finite,
        unlike: group.unlike[column],
        a: spread.a,
        b: spread.b,
        difference: spread.difference,
        low,
        high,
        noise_floor: spread.floor,
        multiple,
        verdict: reason.verdict(),
        reason,
        chance: limit(at[told].finite.len()),
        first_apart: above.first().map(|&nth| at[nth].at.clone()),
        apart: above.len(),
        places: at.len(),
        course: (0..bars).map(|nth| multiples[nth * (multiples.len() - 1) / (bars - 1).max(1)]).collect(),
    })
}

impl NoiseReason {
    fn verdict(self) -> NoiseVerdict {
        match self {
            Self::NotFinite | Self::Apart | Self::MostPlaces | Self::SomePlace => NoiseVerdict::Beyond,
            Self::Steady => NoiseVerdict::Small,
            Self::WithinSpread | Self::SeedsDisagree | Self::LargestOfMany => NoiseVerdict::Noise,
        }
    }
}

/// The multiple that chance exceeds at any of so many places once in 20 times: t of the difference of two means at
/// 0.05/places (Bonferroni), times √(2/n); never under 1.
fn chance_limit(pairs: usize, places: usize) -> f64 {
    /// With more degrees of freedom t changes no more.
    const MOST_FREEDOM: usize = 1000;
    if pairs < 2 {
        return f64::INFINITY;
    }
    let t = student_t((2 * pairs - 2).min(MOST_FREEDOM), 1.0 - 0.05 / places as f64);
    (t * (2.0 / pairs as f64).sqrt()).max(1.0)
}

/// Means and spreads of pairs.
struct Spread {
    a: f64,
    b: f64,
    difference: f64,
    floor: f64,
}

impl Spread {
    fn of(pairs: &[(f64, f64)]) -> Self {
        let count = pairs.len() as f64;
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| match pairs {
            [] => f64::NAN,
            _ => pairs.iter().map(|pair| of(pair) / count).sum::<f64>(),
        };
        let (a, b) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
        // By the largest, so that no square overflows.
        let largest = pairs.iter().flat_map(|(x, y)| [(x - a).abs(), (y - b).abs()]).fold(0.0, f64::max);
        let squares = |of: &dyn Fn(&(f64, f64)) -> f64| {
            pairs.iter().map(|pair| (of(pair) / largest).powi(2)).sum::<f64>() / (count - 1.0)
        };
        let variance = (squares(&|pair| pair.0 - a) + squares(&|pair| pair.1 - b)) / 2.0;
        // Equal values have no spread, though their mean may be off by its rounding.
        let equal = pairs.len() > 1 && pairs.iter().all(|pair| *pair == pairs[0]);
        // One pair has no spread to speak of.
        let floor = if pairs.len() < 2 {
            f64::NAN
        } else if largest == 0.0 || equal {
            0.0
        } else {
            largest * variance.sqrt()
        };
        Spread { a, b, difference: mean(&|pair| pair.1 - pair.0), floor }
    }

    fn multiple(&self) -> f64 {
        if self.difference == 0.0 && !self.floor.is_nan() { 0.0 } else { self.difference / self.floor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_root_of_the_mean_variance_and_the_multiple_is_of_it() {
        // Sides 1, 2, 3 and 11, 14, 17: variances 1 and 9, difference 12.
        let spread = Spread::of(&[(1.0, 11.0), (2.0, 14.0), (3.0, 17.0)]);
        assert!((spread.floor - 5.0_f64.sqrt()).abs() < 1e-12);
        assert!((spread.multiple() - 12.0 / 5.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn no_spread_makes_any_difference_infinite_and_no_difference_is_none() {
        assert_eq!(Spread::of(&[(0.1, 0.3); 3]).multiple(), f64::INFINITY);
        assert_eq!(Spread::of(&[(0.1, 0.1); 3]).multiple(), 0.0);
        let large = Spread::of(&[(1e300, 2e300), (2e300, 3e300)]);
        assert!((large.multiple() - 2.0_f64.sqrt()).abs() < 1e-12, "{}", large.multiple());
    }
}
