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
    /// Of one value a seed; NaN throughout if there is none or one is not finite.
    pub fn of(per_seed: &[f64]) -> Self {
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
        let margin = student_t(per_seed.len() - 1, 0.95) * (variance / count).sqrt();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform in [−1, 1).
    fn noise(state: &mut u64) -> f64 {
        (split_mix(state) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn random(fixes: usize, seeds: usize) -> Cells {
        let mut state = fixes as u64;
        let values = (0..1 << fixes).map(|_| (0..seeds).map(|_| noise(&mut state)).collect()).collect();
        Cells { fixes, values }
    }

    fn assert_close(a: &[Vec<f64>], b: &[Vec<f64>]) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert_eq!(a.len(), b.len());
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} against {b:?}");
        }
    }

    /// Every order of the first `count` fixes.
    fn orders(count: usize) -> Vec<Vec<usize>> {
        if count == 0 {
            return vec![Vec::new()];
        }
        let insert = |order: Vec<usize>| {
            (0..count).map(move |place| {
                let mut order = order.clone();
                order.insert(place, count - 1);
                order
            })
        };
        orders(count - 1).into_iter().flat_map(insert).collect()
    }

    #[test]
    fn yates_agrees_with_the_sum_that_defines_the_effects() {
        let cells = random(5, 3);
        let direct = |subset: usize| -> Vec<f64> {
            let share = if subset == 0 { 1.0 / 32.0 } else { 1.0 / 16.0 };
            let sign = |on: usize| if (subset.count_ones() - (subset & on).count_ones()) % 2 == 1 { -1.0 } else { 1.0 };
            let sum = |seed: usize| (0..32).map(|on| sign(on) * cells.values[on][seed]).sum::<f64>();
            (0..3).map(|seed| share * sum(seed)).collect()
        };
        assert_close(&factorial(&cells), &(0..32).map(direct).collect::<Vec<_>>());
    }

    #[test]
    fn effects_of_an_additive_outcome_are_its_terms_and_of_a_product_its_interaction() {
        // v = 1 + 3·a + 5·b·c of fixes a, b and c.
        let v = |s: usize| 1.0 + 3.0 * (s & 1) as f64 + if s >> 1 == 3 { 5.0 } else { 0.0 };
        let cells = Cells { fixes: 3, values: (0..8).map(|s| vec![v(s)]).collect() };
        let effects = [3.75, 3.0, 2.5, 0.0, 2.5, 0.0, 2.5, 0.0].map(|e| vec![e]);
        assert_close(&factorial(&cells), &effects);
        assert_close(&shapley(&cells), &[3.0, 2.5, 2.5].map(|e| vec![e]));
    }

    #[test]
    fn shapley_values_are_the_average_gain_over_all_orders() {
        let cells = random(4, 2);
        let orders = orders(4);
        assert_eq!(orders.len(), 24);
        let mut average = vec![vec![0.0; 2]; 4];
        for order in &orders {
            let mut on = 0;
            for &fix in order {
                for (seed, average) in average[fix].iter_mut().enumerate() {
                    *average += (cells.values[on | 1 << fix][seed] - cells.values[on][seed]) / 24.0;
                }
                on |= 1 << fix;
            }
        }
        assert_close(&shapley(&cells), &average);
    }

    #[test]
    fn shapley_values_sum_to_the_whole_change_and_follow_from_the_odd_effects() {
        for fixes in 0..8 {
            let cells = random(fixes, 3);
            let (values, effects) = (shapley(&cells), factorial(&cells));
            for seed in 0..3 {
                let sum: f64 = values.iter().map(|value| value[seed]).sum();
                let change = cells.values[(1 << fixes) - 1][seed] - cells.values[0][seed];
                assert!((sum - change).abs() < 1e-12);
                for (fix, value) in values.iter().enumerate() {
                    let odd = |s: &usize| s >> fix & 1 == 1 && s.count_ones() % 2 == 1;
                    let share = |s: usize| effects[s][seed] / f64::from(s.count_ones());
                    let from_effects: f64 = (0..1 << fixes).filter(odd).map(share).sum();
                    assert!((value[seed] - from_effects).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn cells_of_the_wrong_shape_give_nothing() {
        let values = vec![vec![1.0], vec![2.0], vec![3.0, 4.0], vec![5.0]];
        for cells in [
            Cells { fixes: 2, values: values.clone() },
            Cells { fixes: 1, values: values.clone() },
            Cells { fixes: 0, values: Vec::new() },
            Cells { fixes: 64, values: values.clone() },
            Cells { fixes: usize::MAX, values },
        ] {
            assert!([factorial(&cells), shapley(&cells)].concat().is_empty());
        }
    }

    #[test]
    fn the_quantile_of_student_s_t_is_that_of_the_tables() {
        let table = [(1, 12.7062047), (2, 4.3026527), (5, 2.5705818), (10, 2.2281389), (30, 2.0422725)];
        for (freedom, expected) in table.into_iter().chain([(1000, 1.9623391), (1_000_001, 1.9599664)]) {
            let t = student_t(freedom, 0.95);
            assert!((t - expected).abs() < 1e-6, "{freedom}: {t} against {expected}");
        }
        assert!(student_t(0, 0.95).is_nan());
        // Tables of the 0.9995 quantile.
        for (freedom, expected) in [(4, 8.6103), (10, 4.5869), (30, 3.6460)] {
            assert!((student_t(freedom, 0.999) - expected).abs() < 1e-4);
        }
    }

    #[test]
    fn the_interval_is_the_mean_and_a_margin_of_t_standard_errors() {
        // Mean 3, sd √2.5, t of 4 degrees of freedom 2.7764451.
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let margin = 2.776_445_1 * 0.5_f64.sqrt();
        assert_eq!(estimate.mean, 3.0);
        assert!((estimate.low - (3.0 - margin)).abs() < 1e-6 && (estimate.high - (3.0 + margin)).abs() < 1e-6);
    }

    #[test]
    fn equal_values_have_no_margin_and_fewer_than_two_or_a_nan_no_interval() {
        let equal = Estimate::of(&[0.1; 6]);
        assert_eq!((equal.mean, equal.low, equal.high, equal.p), (0.1, 0.1, 0.1, 2.0 / 64.0));
        assert_eq!(Estimate::of(&[0.0; 6]).p, 1.0);
        let one = Estimate::of(&[7.0]);
        assert!(one.mean == 7.0 && one.low.is_nan() && one.high.is_nan() && one.p.is_nan());
        for nothing in [Estimate::of(&[]), Estimate::of(&[1.0, f64::NAN]), Estimate::of(&[1.0, f64::INFINITY])] {
            assert!([nothing.mean, nothing.low, nothing.high, nothing.p].iter().all(|value| value.is_nan()));
        }
    }

    #[test]
    fn the_sign_flip_test_counts_the_patterns_at_least_as_far_from_zero() {
        assert_eq!(sign_flip(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 2.0 / 64.0);
        assert_eq!(sign_flip(&[1.0, 2.0, 3.0]), 2.0 / 8.0);
        // Sums of 1, 2, 4 and −8 over all signs are the odd numbers from −15 to 15, of which all but none reach 1.
        assert_eq!(sign_flip(&[1.0, 2.0, 4.0, -8.0]), 1.0);
        // Of ±1 ±2 ±4 ±8 those of at least 13 are 13 and 15, on either side.
        assert_eq!(sign_flip(&[-1.0, 2.0, 4.0, 8.0]), 4.0 / 16.0);
        // 0.1 + 0.2 − 0.3 is 0 but for rounding, as is every tie with it.
        assert_eq!(sign_flip(&[0.3, 0.1, 0.2, -0.3, -0.1, -0.2]), 1.0);
    }

    #[test]
    fn patterns_drawn_for_many_seeds_agree_with_the_exact_share() {
        // 20 values of ±1 whose sum is 10: 15 or more of 20 coins alike.
        let values: Vec<f64> = (0..20).map(|i| if i < 15 { 1.0 } else { -1.0 }).collect();
        let choose = |k: u32| (0..k).map(|i| f64::from(20 - i) / f64::from(i + 1)).product::<f64>();
        let exact = 2.0 * (15..=20).map(choose).sum::<f64>() / f64::from(1 << 20);
        let p = sign_flip(&values);
        // Six standard errors of 65 536 draws.
        assert!((p - exact).abs() < 6.0 * (exact / 65_536.0).sqrt(), "{p} against {exact}");
        assert_eq!(p, sign_flip(&values), "the draws are the same every time");
        assert_eq!(sign_flip(&[1.0; 100]), 1.0 / 65_536.0);
    }
}
