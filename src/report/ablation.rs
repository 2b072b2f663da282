//! What an ablation shows: effects of fixes, from the runs of every combination of them.

use std::collections::BTreeMap;

use crate::results::rows::EffectKind;
use crate::stats::effects::{Cells, Estimate, factorial, shapley};

/// An effect of one fix or of two, in tenfolds of error ([`crate::stats::closeness`]).
#[derive(Debug, Clone, PartialEq)]
pub struct AblationEffect {
    pub kind: EffectKind,
    /// The places of its fixes among all.
    pub fixes: Vec<usize>,
    pub estimate: Estimate,
}

/// A run of an ablation: which fixes are on, its seed, its score (see [`super::summary::score`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub on: Vec<bool>,
    pub seed: u64,
    pub score: f64,
}

/// Beyond so many fixes there are more combinations than anybody measures.
const MOST_FIXES: usize = 16;

/// Every effect that the runs allow: those of a full factorial where each combination of `fixes` fixes was run with the same
/// seeds, otherwise none. Of several runs of one combination and seed the first counts.
pub fn effects(fixes: usize, runs: &[Cell]) -> Vec<AblationEffect> {
    if fixes == 0 || fixes > MOST_FIXES {
        return Vec::new();
    }
    let mut sets: BTreeMap<usize, BTreeMap<u64, f64>> = BTreeMap::new();
    for run in runs {
        let set = run.on.iter().enumerate().map(|(fix, &on)| usize::from(on) << fix).sum();
        sets.entry(set).or_default().entry(run.seed).or_insert(run.score);
    }
    let Some(first) = sets.get(&0) else { return Vec::new() };
    let seeds: Vec<u64> = first.keys().copied().collect();
    if sets.len() != 1 << fixes || sets.values().any(|runs| !runs.keys().eq(seeds.iter())) {
        return Vec::new();
    }
    let cells = Cells { fixes, values: sets.into_values().map(|runs| runs.into_values().collect()).collect() };
    let all = cells.values.len() - 1;
    let gain = |with: usize, without: usize| -> Vec<f64> {
        cells.values[with].iter().zip(&cells.values[without]).map(|(with, without)| with - without).collect()
    };
    let of = |kind: EffectKind, fixes: Vec<usize>, per_seed: &[f64]| AblationEffect {
        kind,
        fixes,
        estimate: Estimate::of(per_seed),
    };
    let mut effects = Vec::new();
    effects.extend((0..fixes).map(|fix| of(EffectKind::FirstIn, vec![fix], &gain(1 << fix, 0))));
    effects.extend((0..fixes).map(|fix| of(EffectKind::LastOut, vec![fix], &gain(all, all & !(1 << fix)))));
    let factorial = factorial(&cells);
    effects.extend((0..fixes).map(|fix| of(EffectKind::Main, vec![fix], &factorial[1 << fix])));
    effects.extend(shapley(&cells).iter().enumerate().map(|(fix, values)| of(EffectKind::Shapley, vec![fix], values)));
    for first in 0..fixes {
        for second in first + 1..fixes {
            let values = &factorial[1 << first | 1 << second];
            effects.push(of(EffectKind::Interaction, vec![first, second], values));
        }
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(score: impl Fn(bool, bool, u64) -> f64) -> Vec<Cell> {
        let cell = |on: usize, seed: u64| {
            let on = vec![on & 1 == 1, on & 2 == 2];
            Cell { score: score(on[0], on[1], seed), on, seed }
        };
        (0..4).flat_map(|on| (0..6).map(move |seed| (on, seed))).map(|(on, seed)| cell(on, seed)).collect()
    }

    #[test]
    fn two_fixes_that_work_together_only_have_an_interaction_and_share_the_gain() {
        let effects = effects(2, &runs(|a, b, _| f64::from(a && b)));
        let of =
            |kind: EffectKind| effects.iter().filter(|e| e.kind == kind).map(|e| e.estimate.mean).collect::<Vec<_>>();
        assert_eq!(of(EffectKind::FirstIn), [0.0, 0.0]);
        assert_eq!(of(EffectKind::LastOut), [1.0, 1.0]);
        assert_eq!(of(EffectKind::Main), [0.5, 0.5]);
        assert_eq!(of(EffectKind::Shapley), [0.5, 0.5]);
        assert_eq!(of(EffectKind::Interaction), [0.5]);
    }

    #[test]
    fn a_missing_combination_or_seed_leaves_nothing_to_say() {
        let all = runs(|a, _, _| f64::from(a));
        assert!(!effects(2, &all).is_empty());
        assert!(effects(2, &all[1..]).is_empty(), "one seed of the baseline is missing");
        assert!(effects(2, &all[..18]).is_empty(), "both fixes together are missing");
        assert!(effects(0, &all).is_empty() && effects(40, &all).is_empty());
    }
}
