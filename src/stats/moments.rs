//! Means, spreads and errors of numbers of any size.
//!
//! Above 1e154 a square overflows, and below 1e-162 it vanishes. Where that may have happened, the sum is made again of the
//! numbers times a power of two, which changes none of their digits; elsewhere it is the plain one.

/// A sum of squares, times 4 to the power of `exponent`.
#[derive(Debug, Clone, Copy)]
pub struct Squares {
    sum: f64,
    exponent: i32,
}

/// Sums of squares from here on are far from an f64's ends.
const SAFE: std::ops::RangeInclusive<f64> = 1e-200..=1e300;

impl Squares {
    /// As `plain` finds it, if that can be trusted, else as it finds it of `values` brought near 1. Of what is not finite it is
    /// what comes of that.
    fn of(values: [&[f64]; 2], plain: impl Fn([&[f64]; 2]) -> f64) -> Self {
        let sum = plain(values);
        if SAFE.contains(&sum) {
            return Squares { sum, exponent: 0 };
        }
        match exponent(values.into_iter().flatten()) {
            None => Squares { sum, exponent: 0 },
            Some(exponent) => {
                let [a, b] = values.map(|values| tamed(values, exponent));
                Squares { sum: plain([&a, &b]), exponent }
            }
        }
    }

    /// Σ(a − b)², as four sums side by side, which a processor adds at once, and their sum.
    pub fn between(a: &[f64], b: &[f64]) -> Self {
        Self::of([a, b], |[a, b]| {
            let mut sums = [0.0; 4];
            for (a, b) in a.chunks(4).zip(b.chunks(4)) {
                for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                    *sum += (b - a).powi(2);
                }
            }
            sums.iter().sum()
        })
    }

    /// Σ(v − v̄)², 0 of equal numbers, whose mean may be off by its rounding.
    pub fn about_mean(values: &[f64]) -> Self {
        if equal(values) {
            return Squares { sum: 0.0, exponent: 0 };
        }
        Self::of([values, &[]], |[values, _]| {
            let mean = plain_mean(values);
            values.iter().map(|v| (v - mean).powi(2)).sum()
        })
    }

    /// Σv².
    pub fn about_zero(values: &[f64]) -> Self {
        Self::of([values, &[]], |[values, _]| values.iter().map(|v| v * v).sum())
    }

    pub fn is_zero(self) -> bool {
        self.sum == 0.0
    }

    /// √(this/count).
    pub fn root(self, count: usize) -> f64 {
        libm::scalbn((self.sum / count as f64).sqrt(), self.exponent)
    }

    /// This over the other.
    pub fn over(self, other: Squares) -> f64 {
        libm::scalbn(self.sum / other.sum, 2 * (self.exponent - other.exponent))
    }
}

/// Whether they are all the same finite number.
fn equal(values: &[f64]) -> bool {
    values.iter().all(|value| *value == values[0] && value.is_finite())
}

fn plain_mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean, also where the sum overflows; of equal numbers that number. NaN of none.
pub fn mean(values: &[f64]) -> f64 {
    match values {
        [first, ..] if equal(values) => *first,
        _ => {
            let mean = plain_mean(values);
            let again = |exponent| libm::scalbn(plain_mean(&tamed(values, exponent)), exponent);
            // Of numbers that are not all finite it is what comes of them.
            if mean.is_finite() { mean } else { exponent(values.iter()).map_or(mean, again) }
        }
    }
}

/// Standard deviation, divisor n.
pub fn deviation(values: &[f64]) -> f64 {
    Squares::about_mean(values).root(values.len())
}

/// Root of the mean square.
pub fn rms(values: &[f64]) -> f64 {
    Squares::about_zero(values).root(values.len())
}

/// The lowest and the highest; of none infinities the wrong way round.
pub fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// The power of two of the largest number; nothing if all are 0 or one is not finite.
pub fn exponent<'a>(values: impl Iterator<Item = &'a f64>) -> Option<i32> {
    // The larger of a NaN and a number is the number.
    let (largest, finite) =
        values.fold((0.0_f64, true), |(largest, finite), v| (largest.max(v.abs()), finite && v.is_finite()));
    (finite && largest > 0.0).then(|| libm::frexp(largest).1)
}

/// Numbers over this power of two.
pub fn tamed(values: &[f64], exponent: i32) -> Vec<f64> {
    values.iter().map(|&value| libm::scalbn(value, -exponent)).collect()
}

/// How well predictions meet targets, in the targets' units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    pub rmse: f64,
    /// 1 − Σ(y − ŷ)²/Σ(y − ȳ)²; of constant targets 1 where every one is met exactly, else −inf.
    pub r2: f64,
}

impl Fit {
    pub fn of(predictions: &[f64], targets: &[f64]) -> Self {
        let errors = Squares::between(predictions, targets);
        let r2 = if errors.is_zero() { 1.0 } else { 1.0 - errors.over(Squares::about_mean(targets)) };
        Fit { rmse: errors.root(targets.len()), r2 }
    }

    /// The first part alone.
    pub fn rmse(predictions: &[f64], targets: &[f64]) -> f64 {
        Squares::between(predictions, targets).root(targets.len())
    }
}
