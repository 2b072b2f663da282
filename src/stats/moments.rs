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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::effects::split_mix;

    #[test]
    fn numbers_of_any_size_have_the_moments_of_their_digits() {
        // Uniform in [−2, 2).
        let mut state = 1;
        let mut draw = || (split_mix(&mut state) >> 11) as f64 / (1_u64 << 51) as f64 - 2.0;
        let (targets, predictions): (Vec<f64>, Vec<f64>) = (0..101).map(|_| (3.0 + draw(), draw())).unzip();
        let plain =
            |values: &[f64], about: f64| (values.iter().map(|v| (v - about) * (v - about)).sum::<f64>() / 101.0).sqrt();
        let middle = targets.iter().sum::<f64>() / 101.0;
        let apart: Vec<f64> = targets.iter().zip(&predictions).map(|(y, p)| y - p).collect();
        let [spread, size, error] = [plain(&targets, middle), plain(&targets, 0.0), plain(&apart, 0.0)];
        for power in [-990, -600, -300, -1, 0, 1, 300, 600, 1019] {
            let scaled = |values: &[f64]| -> Vec<f64> { values.iter().map(|v| libm::scalbn(*v, power)).collect() };
            let (y, p) = (scaled(&targets), scaled(&predictions));
            let fit = Fit::of(&p, &y);
            for (found, wanted) in [
                (mean(&y), middle),
                (deviation(&y), spread),
                (rms(&y), size),
                (fit.rmse, error),
                (Fit::rmse(&p, &y), error),
            ] {
                let wanted = libm::scalbn(wanted, power);
                assert!((found / wanted - 1.0).abs() < 1e-14, "2^{power}: {found} against {wanted}");
            }
            assert!((fit.r2 - (1.0 - (error / spread).powi(2))).abs() < 1e-12, "2^{power}: {}", fit.r2);
        }
    }

    #[test]
    fn equal_numbers_have_no_spread_though_their_sum_is_rounded() {
        let targets = [0.1; 3];
        assert!(targets.iter().sum::<f64>() / 3.0 != 0.1, "what this is about");
        assert_eq!((mean(&targets), deviation(&targets)), (0.1, 0.0));
        assert_eq!(Fit::of(&[0.1, 0.1, 0.2], &targets).r2, f64::NEG_INFINITY);
        assert_eq!(Fit::of(&targets, &targets), Fit { rmse: 0.0, r2: 1.0 });
    }

    #[test]
    fn an_error_too_small_to_be_squared_is_no_exact_fit() {
        let fit = Fit::of(&[2e-200, 2e-200], &[1e-200, 3e-200]);
        assert!((fit.rmse / 1e-200 - 1.0).abs() < 1e-12 && fit.r2.abs() < 1e-12, "{fit:?}");
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        for (values, mean_is, deviation_is) in [
            ([1.0, f64::INFINITY], f64::INFINITY, f64::NAN),
            ([f64::NAN, 1.0], f64::NAN, f64::NAN),
            ([f64::INFINITY, f64::NEG_INFINITY], f64::NAN, f64::NAN),
        ] {
            assert_eq!(format!("{:?}", [mean(&values), deviation(&values)]), format!("{:?}", [mean_is, deviation_is]));
        }
        assert!(mean(&[]).is_nan() && deviation(&[]).is_nan());
        let fit = Fit::of(&[f64::INFINITY, 0.0], &[0.0, 1.0]);
        assert_eq!((fit.rmse, fit.r2), (f64::INFINITY, f64::NEG_INFINITY));
        assert!(Fit::of(&[f64::NAN, 0.0], &[0.0, 1.0]).r2.is_nan());
        // A true overflow: the error itself is beyond f64.
        assert_eq!(Fit::rmse(&[1.7e308], &[-1.7e308]), f64::INFINITY);
    }
}
