//! Which of k on/off fixes an outcome is owed to, from runs with every one of the 2^k subsets of them on.

/// The outcome v(S) of every subset S of the fixes, seed by seed.
#[derive(Debug, Clone)]
pub struct Cells {
    /// How many fixes there are, k.
    pub fixes: usize,
    /// `[2^k][seeds]`: bit i of the first index says that fix i is on. Finite, diverged runs capped, with the same
    /// seeds in the same order in every cell.
    pub values: Vec<Vec<f64>>,
}

impl Cells {
    /// How many seeds there are; nothing where a cell or a seed in one is missing.
    fn seeds(&self) -> Option<usize> {
        let cells = 1_usize.checked_shl(u32::try_from(self.fixes).ok()?)?;
        let seeds = self.values.first()?.len();
        (self.values.len() == cells && self.values.iter().all(|cell| cell.len() == seeds)).then_some(seeds)
    }
}

/// Factorial effects, `[2^k][seeds]` in the outcome's units: E_S = 2^(1−k) Σ_T (−1)^(|S|−|S∩T|) v(T), the main effect
/// of a single fix, the interaction of several; at the empty set the mean of all cells. By Yates' algorithm (1937).
/// Nothing if a cell or a seed is missing.
pub fn factorial(cells: &Cells) -> Vec<Vec<f64>> {
    if cells.seeds().is_none() {
        return Vec::new();
    }
    let mut effects = cells.values.clone();
    for fix in 0..cells.fixes {
        let bit = 1 << fix;
        for block in effects.chunks_mut(2 * bit) {
            let (off, on) = block.split_at_mut(bit);
            for (off, on) in off.iter_mut().flatten().zip(on.iter_mut().flatten()) {
                (*off, *on) = (*off + *on, *on - *off);
            }
        }
    }
    let count = cells.values.len() as f64;
    for (subset, effect) in effects.iter_mut().enumerate() {
        let share = if subset == 0 { 1.0 / count } else { 2.0 / count };
        effect.iter_mut().for_each(|value| *value *= share);
    }
    effects
}

/// Shapley values, `[k][seeds]` in the outcome's units: φ_i = Σ_{S∌i} |S|!(k−|S|−1)!/k! · (v(S∪i) − v(S)), what a fix
/// adds on average over all orders in which the fixes may be put in. They sum to v(all) − v(none). Nothing if a cell or
/// a seed is missing.
pub fn shapley(cells: &Cells) -> Vec<Vec<f64>> {
    let Some(seeds) = cells.seeds() else { return Vec::new() };
    let weights = shapley_weights(cells.fixes);
    let value = |fix: usize| {
        let mut total = vec![0.0; seeds];
        for subset in (0..cells.values.len()).filter(|subset| subset >> fix & 1 == 0) {
            let weight = weights[subset.count_ones() as usize];
            for (total, gain) in total.iter_mut().zip(gains(cells, subset, fix)) {
                *total += weight * gain;
            }
        }
        total
    };
    (0..cells.fixes).map(value).collect()
}

/// v(S∪i) − v(S), seed by seed.
fn gains(cells: &Cells, subset: usize, fix: usize) -> impl Iterator<Item = f64> {
    cells.values[subset | 1 << fix].iter().zip(&cells.values[subset]).map(|(on, off)| on - off)
}

/// s!(k−s−1)!/k! = 1/(k·C(k−1, s)) for s = 0…k−1, without factorials, which would overflow.
fn shapley_weights(fixes: usize) -> Vec<f64> {
    let mut choices = 1.0;
    let mut weights = Vec::with_capacity(fixes);
    for size in 0..fixes {
        weights.push(1.0 / (fixes as f64 * choices));
        choices *= (fixes - 1 - size) as f64 / (size + 1) as f64;
    }
    weights
}

/// A mean over seeds, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// Ends of the 95 % confidence interval of Student's t, mean ± t·sd/√n; NaN with fewer than two seeds.
    pub low: f64,
    pub high: f64,
    /// Two-sided sign-flip test on the mean: the share of sign patterns whose mean is at least as far from 0. It is
    /// never under 2/2ⁿ, so five seeds or fewer cannot show anything at 0.05. NaN with fewer than two seeds.
    pub p: f64,
}

impl Estimate {
    /// Of one value a seed, at a confidence of 95 %; NaN throughout if there is none or one is not finite.
    pub fn of(per_seed: &[f64]) -> Self {
        Self::at(0.95, per_seed)
    }

    /// The same at another confidence.
    pub fn at(confidence: f64, per_seed: &[f64]) -> Self {
        let unknown = Estimate { mean: f64::NAN, low: f64::NAN, high: f64::NAN, p: f64::NAN };
        let Some(&first) = per_seed.first() else { return unknown };
        if !per_seed.iter().all(|value| value.is_finite()) {
            return unknown;
        }
        let p = sign_flip(per_seed);
        if per_seed.len() < 2 {
            return Estimate { mean: first, ..unknown };
        }
        // Apart, because the rounding of the mean would give equal values a spread.
        if per_seed.iter().all(|&value| value == first) {
            return Estimate { mean: first, low: first, high: first, p };
        }
        let count = per_seed.len() as f64;
        let mean = per_seed.iter().sum::<f64>() / count;
        let variance = per_seed.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let margin = student_t(per_seed.len() - 1, confidence) * (variance / count).sqrt();
        Estimate { mean, low: mean - margin, high: mean + margin, p }
    }
}

/// Up to this many seeds the sign-flip test goes through every pattern.
const EXACT_SEEDS: usize = 16;
/// Beyond them it draws this many.
const DRAWN_PATTERNS: u32 = 65_536;

/// p of the two-sided sign-flip test on the mean.
fn sign_flip(values: &[f64]) -> f64 {
    let observed = values.iter().sum::<f64>().abs();
    let size: f64 = values.iter().map(|value| value.abs()).sum();
    if values.len() < 2 || !size.is_finite() {
        return f64::NAN;
    }
    // Patterns whose sums are equal but for rounding are ties. Rounding grows with the values, not with their sum.
    let reaches = |sum: f64| sum.abs() >= observed - 1e-12 * size;
    if values.len() <= EXACT_SEEDS {
        // A pattern and its opposite have the same distance from 0, so the last sign may stay as it is.
        let patterns = 1_u32 << (values.len() - 1);
        let sum = |pattern: u32| {
            let signed = |(i, &value): (usize, &f64)| if pattern >> i & 1 == 1 { -value } else { value };
            values.iter().enumerate().map(signed).sum()
        };
        return (0..patterns).filter(|&pattern| reaches(sum(pattern))).count() as f64 / f64::from(patterns);
    }
    let mut state = 0;
    let mut drawn = || -> f64 {
        let half = |values: &[f64], signs: u64| -> f64 {
            let signed = |(i, &value): (usize, &f64)| if signs >> i & 1 == 1 { -value } else { value };
            values.iter().enumerate().map(signed).sum()
        };
        values.chunks(64).map(|values| half(values, split_mix(&mut state))).sum()
    };
    // The observed pattern is one of them: drawn patterns alone could give p = 0 (Phipson & Smyth 2010).
    let others = (1..DRAWN_PATTERNS).filter(|_| reaches(drawn())).count();
    (1 + others) as f64 / f64::from(DRAWN_PATTERNS)
}

/// The next number of the generator SplitMix64 (Steele, Lea & Flood 2014). Here so that p depends on no crate's version.
pub(super) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// How far Student's t with so many degrees of freedom lies from 0 at most with this probability; NaN for no freedom.
pub fn student_t(freedom: usize, probability: f64) -> f64 {
    if freedom == 0 {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..64 {
        let middle = (low + high) / 2.0;
        if within(middle, freedom) < probability { low = middle } else { high = middle }
    }
    (freedom as f64).sqrt() * low.tan()
}

/// The probability of |t| < √ν·tan θ, ν the degrees of freedom, by the finite series of Abramowitz & Stegun 26.7.3 and
/// 26.7.4, whose terms are all positive.
fn within(theta: f64, freedom: usize) -> f64 {
    let (sin, cos) = theta.sin_cos();
    let odd = freedom % 2 == 1;
    let mut power = freedom % 2;
    let mut term = if odd { cos } else { 1.0 };
    let mut sum = 0.0;
    while power + 2 <= freedom {
        sum += term;
        term *= cos * cos * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    if odd { (theta + sin * sum) * std::f64::consts::FRAC_2_PI } else { sin * sum }
}
