//! What was wrong, by measurement: which fixes are needed, which are enough, what each one buys.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::observed::Measured;
use super::rules::{Certainty, Rank, rank};
use super::search::{Laboratory, Search, Set, Suspicion, bit, members};
use crate::experiment::Fix;
use crate::experiment::config::{Word, words};
use crate::results::rows::EffectKind;
use crate::stats::effects::{Cells, Estimate, factorial, shapley};

/// Fixes of which every combination is measured, at most.
pub const MOST_FACTORIAL: usize = 6;
/// Core seconds that the final measurements may take.
const BUDGET: f64 = 60.0;
/// Scores closer than this are the same: a hundredth of the targets' variance, as much as a fit may leave.
pub const SAME: f64 = 0.01;

/// The sets that are measured over all seeds.
pub struct Measurements {
    pub sets: Vec<Set>,
    /// The fixes of which every combination is among them.
    pub members: Vec<usize>,
    /// The sets that were tried on the way down from all that led on to the fewest that do, where not every combination
    /// could be measured.
    pub path: Vec<Set>,
    /// All fixes that can be made together.
    pub everything: Set,
}

/// Decides what is measured: none, each fix alone, all but each, all; every combination of up to six.
pub fn plan(lab: &mut dyn Laboratory, search: &Search) -> Result<Measurements> {
    let fixes = &search.fixes;
    let can = |lab: &dyn Laboratory, set: Set| lab.config(fixes, set).is_ok();
    // Some fixes cannot be made together, and some only with others: all are those that can be, in their order.
    let mut everything = 0;
    // What led on comes first.
    for fix in members(search.on).chain(0..fixes.len()).chain(0..fixes.len()) {
        if can(lab, everything | bit(fix)) {
            everything |= bit(fix);
        }
    }
    // One that can be made neither so nor alone cannot be judged.
    for fix in (0..fixes.len()).filter(|fix| everything & bit(*fix) == 0) {
        lab.config(fixes, bit(fix)).with_context(|| format!("fix {:?}", fixes[fix].name))?;
    }
    let seconds = |lab: &dyn Laboratory, sets: &[Set]| lab.seconds(fixes, sets, lab.seeds());
    let all: Vec<usize> = (0..fixes.len()).collect();
    if fixes.len() <= MOST_FACTORIAL && members(everything).count() == fixes.len() {
        let sets = combinations(&all);
        if sets.iter().all(|set| can(lab, *set)) && seconds(lab, &sets)? <= BUDGET {
            return Ok(Measurements { sets, members: all, path: Vec::new(), everything });
        }
    }
    let mut sets = vec![0];
    sets.extend(all.iter().map(|&fix| bit(fix)));
    sets.extend(members(everything).map(|fix| everything & !bit(fix)));
    sets.push(everything);
    sets.retain(|set| can(lab, *set));
    let path = eliminate(lab, search)?;
    sets.extend(&path);
    let fewest = path.last().copied().unwrap_or(search.on);
    let mut order: Vec<usize> = members(everything).collect();
    // Those that lead on first, then those that a rule suspects.
    let suspected = |fix: usize| search.suspicions.iter().any(|s| s.fix == Some(fix));
    order.sort_by_key(|&fix| (fewest & bit(fix) == 0, search.on & bit(fix) == 0, !suspected(fix), fix));
    let mut combined = Vec::new();
    for count in (1..=MOST_FACTORIAL.min(order.len())).rev() {
        let every = combinations(&order[..count]);
        if !every.iter().all(|set| can(lab, *set)) {
            continue;
        }
        let mut with = [&sets[..], &every].concat();
        unique(&mut with);
        if seconds(lab, &with)? <= BUDGET {
            (combined, sets) = (order[..count].to_vec(), with);
            break;
        }
    }
    combined.sort_unstable();
    unique(&mut sets);
    Ok(Measurements { sets, members: combined, path, everything })
}

fn unique(sets: &mut Vec<Set>) {
    sets.sort_unstable();
    sets.dedup();
}

/// Every set of these fixes: the one of number n has those of the bits of n.
fn combinations(members: &[usize]) -> Vec<Set> {
    let set = |subset: usize| {
        members.iter().enumerate().filter(|(at, _)| subset & (1 << at) != 0).map(|(_, fix)| bit(*fix)).sum::<Set>()
    };
    (0..1_usize << members.len()).map(set).collect()
}

/// From what led on together, takes away one fix after the other, each time the one that is missed least, as long as what is
/// left does as well. All sets on that way, the largest first.
fn eliminate(lab: &mut dyn Laboratory, search: &Search) -> Result<Vec<Set>> {
    const SEEDS: usize = 3;
    let seeds = lab.seeds().min(SEEDS);
    let mut path = vec![search.on];
    if search.on == 0 {
        return Ok(path);
    }
    let mut now = lab.measure(&search.fixes, &[search.on], seeds)?.remove(0);
    let mut on = search.on;
    let mut left = BUDGET / 4.0;
    while on.count_ones() > 1 {
        let smaller = members(on).map(|fix| on & !bit(fix));
        let smaller: Vec<Set> = smaller.filter(|set| lab.config(&search.fixes, *set).is_ok()).collect();
        let seconds = lab.seconds(&search.fixes, &smaller, seeds)?;
        if seconds > left {
            break;
        }
        left -= seconds;
        let measured = lab.measure(&search.fixes, &smaller, seeds)?;
        let as_good = |m: &Measured| if now.enough() { m.enough() } else { m.score() >= now.score() - SAME };
        let next = smaller.into_iter().zip(measured).filter(|(_, m)| as_good(m));
        let Some((set, measured)) = next.max_by(|(_, a), (_, b)| a.progress().total_cmp(&b.progress())) else { break };
        (on, now) = (set, measured);
        path.push(on);
    }
    Ok(path)
}

words! {
    /// What a fix is worth.
    Verdict {
        /// Nothing that was measured does without it.
        Needed = "needed",
        /// It is in a smallest set that is enough, but there is one without it too.
        OneWay = "one way",
        /// It makes a difference, and what is enough does without it.
        Helps = "helps",
        NoDifference = "no difference",
        /// More is lost with it than won.
        Hurts = "hurts",
    }
}

/// What is known of a fix.
#[derive(Debug, Clone)]
pub struct Judged {
    pub fix: Fix,
    pub verdict: Verdict,
    pub first_in: Option<Estimate>,
    pub last_out: Option<Estimate>,
    pub shapley: Option<Estimate>,
    /// How it fares beside the others, in words; nothing where there is nothing to say.
    pub remarks: Vec<String>,
}

/// An effect, as `effects.csv` has it.
#[derive(Debug, Clone)]
pub struct Effect {
    pub kind: EffectKind,
    pub fixes: Set,
    pub estimate: Estimate,
}

/// What counts as mended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// To fit.
    Fits,
    /// Nothing fits: to come as close as anything did, to this score.
    Closest(f64),
    /// Nothing did better than the baseline.
    Nothing,
}

pub struct Diagnosis {
    pub fixes: Vec<Judged>,
    pub suspicions: Vec<Suspicion>,
    pub cells: BTreeMap<Set, Measured>,
    pub members: Vec<usize>,
    pub effects: Vec<Effect>,
    pub goal: Goal,
    /// The smallest sets that reach the goal, the one that asks for least first.
    pub smallest: Vec<Set>,
    /// Sets that the search left out because they would have taken too long.
    pub skipped: usize,
}

impl Diagnosis {
    /// From the runs of all sets of a plan.
    pub fn of(search: Search, plan: &Measurements, cells: BTreeMap<Set, Measured>) -> Self {
        let fixes = search.fixes;
        let goal = goal(&cells);
        let reach: Vec<Set> = cells.iter().filter(|(_, m)| reaches(goal, m)).map(|(set, _)| *set).collect();
        let fewest = reach.iter().map(|set| set.count_ones()).min();
        let mut smallest: Vec<Set> = reach.iter().copied().filter(|set| Some(set.count_ones()) == fewest).collect();
        smallest.sort_by(|a, b| {
            let asks = |set: Set| {
                let certain = |fix: usize| {
                    let of = |s: &Suspicion| s.fix == Some(fix) && s.finding.certainty == Certainty::Certain;
                    search.suspicions.iter().any(of)
                };
                let asks = |fix: usize| if certain(fix) { Rank::Setup } else { rank(&fixes[fix]) };
                let mut ranks: Vec<Rank> = members(set).map(asks).collect();
                ranks.sort_unstable_by(|a, b| b.cmp(a));
                ranks
            };
            asks(*a).cmp(&asks(*b)).then(cells[b].progress().total_cmp(&cells[a].progress()))
        });
        let mut effects = effects(&plan.members, plan, &cells);
        let judged = (0..fixes.len())
            .map(|fix| {
                let of = |kind: EffectKind| {
                    let mut all = effects.iter().filter(|effect| effect.kind == kind && effect.fixes == bit(fix));
                    all.next().map(|effect| effect.estimate)
                };
                let (first_in, last_out, shapley) =
                    (of(EffectKind::FirstIn), of(EffectKind::LastOut), of(EffectKind::Shapley));
                // Where not every combination was measured, what it does alone and on top of all others.
                let ends: Vec<f64> = [first_in, last_out].iter().flatten().map(|e| e.mean).collect();
                let gain = shapley.map_or(ends.iter().sum::<f64>() / ends.len().max(1) as f64, |e| e.mean);
                let verdict = verdict(fix, &reach, &smallest, &cells, goal, first_in.map_or(0.0, |e| e.mean), gain);
                let remarks = remarks(fix, verdict, &cells, goal, first_in.as_ref());
                Judged { fix: fixes[fix].clone(), verdict, first_in, last_out, shapley, remarks }
            })
            .collect();
        effects.extend(smallest.iter().map(|&set| Effect {
            kind: EffectKind::Enough,
            fixes: set,
            estimate: Estimate::of(&cells[&set].scores()),
        }));
        Diagnosis {
            fixes: judged,
            suspicions: search.suspicions,
            cells,
            members: plan.members.clone(),
            effects,
            goal,
            smallest,
            skipped: search.skipped,
        }
    }

    pub fn baseline(&self) -> &Measured {
        &self.cells[&0]
    }

    /// The names of a set's fixes.
    pub fn names(&self, set: Set) -> Vec<String> {
        members(set).map(|fix| self.fixes[fix].fix.name.clone()).collect()
    }

    /// The names of the fixes with one of these verdicts.
    pub fn with(&self, verdicts: &[Verdict]) -> Vec<&Judged> {
        self.fixes.iter().filter(|judged| verdicts.contains(&judged.verdict)).collect()
    }
}

fn goal(cells: &BTreeMap<Set, Measured>) -> Goal {
    if cells.values().any(Measured::enough) {
        return Goal::Fits;
    }
    let best = cells.values().map(Measured::score).fold(0.0, f64::max);
    match cells.get(&0) {
        Some(baseline) if best > baseline.score() + SAME => Goal::Closest(best),
        _ => Goal::Nothing,
    }
}

pub fn reaches(goal: Goal, measured: &Measured) -> bool {
    match goal {
        Goal::Fits => measured.enough(),
        Goal::Closest(best) => measured.score() >= best - SAME,
        Goal::Nothing => false,
    }
}

/// Every measured set without a fix beside the same set with it.
fn pairs(fix: usize, cells: &BTreeMap<Set, Measured>) -> impl Iterator<Item = (&Measured, &Measured)> {
    cells
        .iter()
        .filter(move |(set, _)| *set & bit(fix) == 0)
        .filter_map(move |(set, without)| Some((without, cells.get(&(set | bit(fix)))?)))
}

fn verdict(
    fix: usize,
    reach: &[Set],
    smallest: &[Set],
    cells: &BTreeMap<Set, Measured>,
    goal: Goal,
    alone: f64,
    gain: f64,
) -> Verdict {
    let has = |set: &Set| set & bit(fix) != 0;
    if !reach.is_empty() && reach.iter().all(has) {
        return Verdict::Needed;
    }
    if smallest.iter().any(has) {
        return Verdict::OneWay;
    }
    let (mut won, mut lost) = (0, 0);
    for (without, with) in pairs(fix, cells) {
        won += usize::from(!reaches(goal, without) && reaches(goal, with));
        lost += usize::from(reaches(goal, without) && !reaches(goal, with));
    }
    let diverged = |set: Set| cells.get(&set).is_none_or(|m| m.mostly(|run| run.diverged()));
    // To end a divergence is something, even if it leads nowhere else.
    let settles = diverged(0) && !diverged(bit(fix));
    if alone < SAME && !settles && (lost > won || (lost == won && gain <= -SAME)) {
        Verdict::Hurts
    } else if (won > lost && gain > 0.0) || gain >= SAME || alone >= SAME || settles {
        Verdict::Helps
    } else {
        Verdict::NoDifference
    }
}

fn remarks(
    fix: usize,
    verdict: Verdict,
    cells: &BTreeMap<Set, Measured>,
    goal: Goal,
    first_in: Option<&Estimate>,
) -> Vec<String> {
    let mut remarks = Vec::new();
    let (Some(baseline), Some(alone)) = (cells.get(&0), cells.get(&bit(fix))) else { return remarks };
    let diverged = |m: &Measured| m.mostly(|run| run.diverged());
    if baseline.enough() {
        return remarks;
    }
    if reaches(goal, alone) {
        remarks.push(if goal == Goal::Fits { "enough alone" } else { "as close alone as anything" }.to_owned());
    } else if diverged(baseline) && !diverged(alone) {
        remarks.push(format!("ends the divergence alone ({})", alone.outcomes()));
    } else if diverged(alone) && !diverged(baseline) {
        remarks.push(format!("makes the run diverge alone ({})", alone.outcomes()));
    } else if first_in.is_some_and(|estimate| estimate.mean < -SAME) {
        remarks.push("makes things worse alone".to_owned());
    } else if matches!(verdict, Verdict::Needed | Verdict::OneWay | Verdict::Helps)
        && first_in.is_some_and(|estimate| estimate.mean.abs() < SAME)
    {
        remarks.push("changes nothing alone".to_owned());
    }
    let spoils = pairs(fix, cells).filter(|(without, with)| reaches(goal, without) && !reaches(goal, with)).count();
    if spoils > 0 {
        let sets = if spoils == 1 { "set" } else { "sets" };
        remarks.push(format!("breaks {spoils} {sets} that would do without it"));
    }
    remarks
}

/// All effects that the measured sets allow.
fn effects(factorial_of: &[usize], plan: &Measurements, cells: &BTreeMap<Set, Measured>) -> Vec<Effect> {
    let everything = plan.everything;
    let all_fixes = plan.sets.iter().fold(0, |all, set| all | set);
    let difference = |with: Set, without: Set| {
        let (with, without) = (cells.get(&with)?, cells.get(&without)?);
        let per_seed: Vec<f64> = with.scores().iter().zip(without.scores()).map(|(a, b)| a - b).collect();
        Some(Estimate::of(&per_seed))
    };
    let mut all = Vec::new();
    let first_in = members(all_fixes).map(|fix| (EffectKind::FirstIn, fix, bit(fix), 0));
    let last_out = members(everything).map(|fix| (EffectKind::LastOut, fix, everything, everything & !bit(fix)));
    for (kind, fix, with, without) in first_in.chain(last_out) {
        if let Some(estimate) = difference(with, without) {
            all.push(Effect { kind, fixes: bit(fix), estimate });
        }
    }
    if !factorial_of.is_empty() {
        let subsets = combinations(factorial_of);
        let values: Option<Vec<Vec<f64>>> = subsets.iter().map(|set| cells.get(set).map(Measured::scores)).collect();
        if let Some(values) = values {
            let table = Cells { fixes: factorial_of.len(), values };
            for (mask, per_seed) in factorial(&table).iter().enumerate() {
                let kind = match mask.count_ones() {
                    1 => EffectKind::Main,
                    2 => EffectKind::Interaction,
                    _ => continue,
                };
                all.push(Effect { kind, fixes: subsets[mask], estimate: Estimate::of(per_seed) });
            }
            for (fix, per_seed) in factorial_of.iter().zip(shapley(&table)) {
                all.push(Effect { kind: EffectKind::Shapley, fixes: bit(*fix), estimate: Estimate::of(&per_seed) });
            }
        }
    }
    for set in &plan.path {
        if let Some(measured) = cells.get(set) {
            all.push(Effect { kind: EffectKind::Path, fixes: *set, estimate: Estimate::of(&measured.scores()) });
        }
    }
    all.sort_by_key(|effect| effect.kind);
    all
}
