//! What was wrong, by measurement: which fixes are needed, which are enough, what each one buys.
//!
//! What is held to be enough was chosen on validation points ([`try_all`]); what is said of it is judged on the test points,
//! which the choice never met. Every verdict has an interval, and where that does not decide, it says so.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::certainty::{Gain, Reached, Standard};
use super::observed::Measured;
use super::rules::{Certainty, Rank, rank};
use super::search::{Laboratory, Search, Set, Suspicion, TRIAL_SEEDS, TRIED, bit, members};
use crate::experiment::Fix;
use crate::results::outcome::Verdict;
use crate::results::rows::{CheckRow, EffectKind};
use crate::stats::closeness::TWENTIETH;
use crate::stats::effects::{Cells, Estimate, factorial, shapley};
use crate::stats::moments::{deviation, mean};

/// Fixes of which every combination is measured, at most.
pub const MOST_FACTORIAL: usize = 6;
/// Core seconds that the final measurements may take.
const BUDGET: f64 = 45.0;
/// Core seconds that the same sets may take on the validation points, with the seeds of a trial.
const TRIED_BUDGET: f64 = 12.0;

/// The sets that are measured over all seeds.
pub struct Measurements {
    pub sets: Vec<Set>,
    /// The fixes of which every combination is among them.
    pub members: Vec<usize>,
    /// The sets that were tried on the way down from all that led on to the fewest that do.
    pub path: Vec<Set>,
    /// All fixes that can be made together.
    pub everything: Set,
}

/// Measures the sets of a plan on the validation points, those that there is time for; first those on the way to the fewest.
pub fn try_all(lab: &mut dyn Laboratory, search: &Search, plan: &Measurements) -> Result<BTreeMap<Set, Measured>> {
    let seeds = lab.seeds().min(TRIAL_SEEDS);
    let mut order: Vec<Set> = plan.sets.clone();
    order.sort_by_key(|set| (*set != 0 && !plan.path.contains(set), (set ^ search.on).count_ones(), *set));
    let mut left = TRIED_BUDGET;
    let mut sets = Vec::new();
    for set in order {
        let seconds = lab.seconds(&search.fixes, &[set], seeds)?;
        if seconds <= left || set == 0 || set == search.on {
            left -= seconds;
            sets.push(set);
        }
    }
    let measured = lab.measure(&search.fixes, &sets, seeds)?;
    Ok(sets.into_iter().zip(measured).collect())
}

/// Decides what is measured: every combination of up to six fixes; of more, or where that takes too long, the fewest that led on
/// with each fix more or less, each alone, and as many others as there is time for.
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
            let path = eliminate(lab, search)?;
            return Ok(Measurements { sets, members: all, path, everything });
        }
    }
    let path = eliminate(lab, search)?;
    let fewest = path.last().copied().unwrap_or(search.on);
    // What each fix does on top of the fewest and alone; then in the place of each of them, and on top of all others.
    let mut sets = vec![0, fewest];
    sets.extend(all.iter().map(|&fix| fewest ^ bit(fix)));
    sets.extend(all.iter().map(|&fix| bit(fix)));
    let outside = all.iter().filter(|fix| fewest & bit(**fix) == 0);
    let in_place = outside.flat_map(|fix| members(fewest).map(move |other| (fewest & !bit(other)) | bit(*fix)));
    let on_top = members(everything).map(|fix| everything & !bit(fix)).chain([everything]);
    for further in [path.clone(), in_place.collect(), on_top.collect()] {
        let mut with = [&sets[..], &further].concat();
        with.retain(|set| can(lab, *set));
        unique(&mut with);
        if seconds(lab, &with)? <= BUDGET {
            sets = with;
        }
    }
    sets.retain(|set| can(lab, *set));
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
    let seeds = lab.seeds().min(TRIAL_SEEDS);
    let mut path = vec![search.on];
    if search.on == 0 {
        return Ok(path);
    }
    let mut now = lab.measure(&search.fixes, &[search.on], seeds)?.remove(0);
    let mut on = search.on;
    let mut left = BUDGET / 6.0;
    while on.count_ones() > 1 {
        let smaller = members(on).map(|fix| on & !bit(fix));
        let smaller: Vec<Set> = smaller.filter(|set| lab.config(&search.fixes, *set).is_ok()).collect();
        let seconds = lab.seconds(&search.fixes, &smaller, seeds)?;
        if seconds > left {
            break;
        }
        left -= seconds;
        let measured = lab.measure(&search.fixes, &smaller, seeds)?;
        let as_good = |m: &Measured| if now.enough() { m.enough() } else { as_close(m, &now) };
        let next = smaller.into_iter().zip(measured).filter(|(_, m)| as_good(m));
        let Some((set, measured)) = next.max_by(|(_, a), (_, b)| a.progress().total_cmp(&b.progress())) else { break };
        (on, now) = (set, measured);
        path.push(on);
    }
    Ok(path)
}

/// Whether runs are as close as others', to one standard error of their mean difference, or where that is little or large to 1
/// to 5 twentieths of the error.
fn as_close(these: &Measured, others: &Measured) -> bool {
    let lost = others.gains_over(these);
    let error = deviation(&lost) / (lost.len() as f64 - 1.0).max(1.0).sqrt();
    mean(&lost) <= error.clamp(TWENTIETH, 5.0 * TWENTIETH)
}

/// What is known of a fix. Gains are in tenfolds of error, see [`crate::stats::closeness`].
#[derive(Debug, Clone)]
pub struct Judged {
    pub fix: Fix,
    pub verdict: Verdict,
    /// What it gains over the baseline.
    pub alone: Option<Estimate>,
    /// What it gains on top of the other fixes of the set that is named first.
    pub on_top: Option<Estimate>,
    /// What it gains on top of all others.
    pub last_out: Option<Estimate>,
    pub shapley: Option<Estimate>,
    /// Whether it is in one of the smallest sets.
    pub in_smallest: bool,
    /// Where it cannot be told: with how many seeds, and how many might decide; nothing if more than anybody has.
    pub seeds: usize,
    pub seeds_to_tell: Option<usize>,
    /// How it fares beside the others, in words; nothing where there is nothing to say.
    pub remarks: Vec<String>,
    /// The fix of the set that is named first which sets all that it sets, to other values.
    pub replaced_by: Option<String>,
    /// The sets of which more seeds would decide.
    undecided: Vec<Set>,
}

/// An effect, as `effects.csv` has it.
#[derive(Debug, Clone)]
pub struct Effect {
    pub kind: EffectKind,
    pub fixes: Set,
    pub estimate: Estimate,
}

/// What the set that is named first does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// It fits.
    Fits,
    /// It may fit: the seeds are too few to tell.
    MayFit,
    /// Nothing fits, and it does better than the baseline.
    Best,
    /// Nothing fits, and nothing clearly does better than the baseline.
    Nothing,
}

pub struct Diagnosis {
    pub fixes: Vec<Judged>,
    pub suspicions: Vec<Suspicion>,
    pub cells: BTreeMap<Set, Measured>,
    pub members: Vec<usize>,
    pub effects: Vec<Effect>,
    pub goal: Goal,
    /// The smallest sets that fit, the one that asks for least first; where nothing does, the one that comes closest.
    pub smallest: Vec<Set>,
    /// Sets that the search left out because they would have taken too long.
    pub skipped: usize,
    pub standard: Standard,
    /// The seeds that the experiment asks for.
    pub seeds: usize,
    /// The baseline's parameters, and the rows that it learns from.
    pub sizes: (Option<usize>, usize),
    /// Whether the baseline learns two samples by heart, where that was tried.
    pub two_samples: Option<CheckRow>,
}

impl Diagnosis {
    /// From the runs of all sets of a plan: on the validation points, by which it is chosen, and on the test points, by which it
    /// is judged.
    pub fn of(
        search: &Search,
        plan: &Measurements,
        tried: &BTreeMap<Set, Measured>,
        cells: BTreeMap<Set, Measured>,
        standard: Standard,
        seeds: usize,
    ) -> Self {
        let (goal, smallest) = choose(search, tried, &cells, standard);
        let mut effects = effects(&plan.members, plan, &cells, seeds);
        let judge = Judge { cells: &cells, standard, goal, smallest: &smallest };
        let mut fixes: Vec<Judged> = (0..search.fixes.len())
            .map(|fix| {
                let of = |kind: EffectKind| {
                    let mut all = effects.iter().filter(|effect| effect.kind == kind && effect.fixes == bit(fix));
                    all.next().map(|effect| effect.estimate)
                };
                judge.fix(fix, search.fixes[fix].clone(), of(EffectKind::LastOut), of(EffectKind::Shapley))
            })
            .collect();
        let kind = match goal {
            Goal::Fits => EffectKind::Enough,
            Goal::MayFit => EffectKind::PerhapsEnough,
            Goal::Best | Goal::Nothing => EffectKind::Best,
        };
        effects.extend(smallest.iter().filter(|_| goal != Goal::Nothing).map(|&set| Effect {
            kind,
            fixes: set,
            estimate: Estimate::of(&cells[&set].closeness()),
        }));
        let first = smallest.first().copied().unwrap_or(0);
        for fix in (0..fixes.len()).filter(|fix| first & bit(*fix) == 0) {
            let keys = fixes[fix].fix.keys();
            let other = members(first).find(|other| keys.iter().all(|key| fixes[*other].fix.keys().contains(key)));
            fixes[fix].replaced_by = other.map(|other| fixes[other].fix.name.clone());
        }
        // What was only tried, and then measured to be of no use, is no finding: the verdicts have it.
        let borne_out = |s: &&Suspicion| {
            let useless = |fix: usize| matches!(fixes[fix].verdict, Verdict::NoDifference | Verdict::Hurts);
            s.finding.source != TRIED || !s.fix.is_some_and(useless)
        };
        let suspicions = search.suspicions.iter().filter(borne_out).cloned().collect();
        Diagnosis {
            fixes,
            suspicions,
            two_samples: search.two_samples.clone(),
            cells,
            members: plan.members.clone(),
            effects,
            goal,
            smallest,
            skipped: search.skipped,
            standard,
            seeds,
            sizes: search.sizes,
        }
    }

    pub fn baseline(&self) -> &Measured {
        &self.cells[&0]
    }

    /// The set that verdicts are judged beside.
    pub fn first(&self) -> Set {
        self.smallest.first().copied().unwrap_or(0)
    }

    /// The sets that are enough where they are judged, the smallest first, if none of these was chosen.
    pub fn not_chosen(&self) -> Vec<Set> {
        let enough = |set: &Set| *set != 0 && self.standard.reached(&self.cells[set]) == Reached::Yes;
        if self.goal == Goal::Fits || enough(&self.first()) {
            return Vec::new();
        }
        let mut sets: Vec<Set> = self.cells.keys().copied().filter(enough).collect();
        sets.sort_by_key(|set| set.count_ones());
        sets
    }

    /// The names of a set's fixes.
    pub fn names(&self, set: Set) -> Vec<String> {
        members(set).map(|fix| self.fixes[fix].fix.name.clone()).collect()
    }

    /// The fixes with one of these verdicts.
    pub fn with(&self, verdicts: &[Verdict]) -> Vec<&Judged> {
        self.fixes.iter().filter(|judged| verdicts.contains(&judged.verdict)).collect()
    }

    /// The sets of which more seeds might decide a verdict.
    pub fn undecided(&self) -> BTreeSet<Set> {
        let mut sets: BTreeSet<Set> = self.fixes.iter().flat_map(|judged| judged.undecided.iter().copied()).collect();
        if self.goal == Goal::MayFit {
            sets.insert(self.first());
        }
        if self.standard.reached(self.baseline()) == Reached::Unclear {
            sets.insert(0);
        }
        sets
    }
}

/// What is to be reached, and the smallest sets that are held to reach it.
fn choose(
    search: &Search,
    tried: &BTreeMap<Set, Measured>,
    cells: &BTreeMap<Set, Measured>,
    standard: Standard,
) -> (Goal, Vec<Set>) {
    // What was asked for and fits was not chosen, and nothing takes its place.
    if standard.reached(&cells[&0]) == Reached::Yes {
        return (Goal::Fits, vec![0]);
    }
    let asks = |set: Set| {
        let certain = |fix: usize| {
            let of = |s: &Suspicion| s.fix == Some(fix) && s.finding.certainty == Certainty::Certain;
            search.suspicions.iter().any(of)
        };
        let asks = |fix: usize| if certain(fix) { Rank::Setup } else { rank(&search.fixes[fix]) };
        let mut ranks: Vec<Rank> = members(set).map(asks).collect();
        ranks.sort_unstable_by(|a, b| b.cmp(a));
        ranks
    };
    let progress = |set: &Set| tried[set].progress();
    let mut all: Vec<Set> = tried.keys().copied().filter(|set| cells.contains_key(set)).collect();
    all.sort_by(|a, b| {
        let fewer = a.count_ones().cmp(&b.count_ones());
        fewer.then(asks(*a).cmp(&asks(*b))).then(progress(b).total_cmp(&progress(a)))
    });
    // Of those that are enough on the validation points the first that the test points confirm.
    let fitting: Vec<Set> = all.iter().copied().filter(|set| tried[set].enough()).collect();
    let of = |set: &Set| standard.reached(&cells[set]);
    if let Some(&first) = fitting.iter().find(|set| of(set) == Reached::Yes) {
        let as_few =
            fitting.into_iter().filter(|set| set.count_ones() == first.count_ones() && of(set) == Reached::Yes);
        return (Goal::Fits, as_few.collect());
    }
    if let Some(&first) = fitting.iter().find(|set| of(set) == Reached::Unclear) {
        return (Goal::MayFit, vec![first]);
    }
    // The closest there, or fewer fixes that come as close.
    let closest = all.iter().max_by(|a, b| progress(a).total_cmp(&progress(b)));
    let best = closest.and_then(|closest| all.iter().find(|set| as_close(&tried[set], &tried[closest])));
    match best.map(|set| (*set, of(set))) {
        Some((set, Reached::Yes)) => (Goal::Fits, vec![set]),
        Some((set, Reached::Unclear)) => (Goal::MayFit, vec![set]),
        Some((set, _)) if set != 0 && standard.gain(&cells[&set], &cells[&0]).0 == Gain::More => {
            (Goal::Best, vec![set])
        }
        _ => (Goal::Nothing, Vec::new()),
    }
}

/// How fixes are judged.
struct Judge<'a> {
    cells: &'a BTreeMap<Set, Measured>,
    standard: Standard,
    goal: Goal,
    smallest: &'a [Set],
}

impl Judge<'_> {
    fn reached(&self, set: Set) -> Option<Reached> {
        self.cells.get(&set).map(|measured| self.standard.reached(measured))
    }

    /// What `fix` gains on top of a set that has it or not; nothing where that was not measured.
    fn gain(&self, set: Set, fix: usize) -> Option<(Gain, Estimate)> {
        let (with, without) = (self.cells.get(&(set | bit(fix)))?, self.cells.get(&(set & !bit(fix)))?);
        Some(self.standard.gain(with, without))
    }

    fn fix(&self, fix: usize, patch: Fix, last_out: Option<Estimate>, shapley: Option<Estimate>) -> Judged {
        let first = self.smallest.first().copied().unwrap_or(0);
        // What is one way beside others is judged where it is, not beside what it takes the place of.
        let beside = self.smallest.iter().copied().find(|set| set & bit(fix) != 0).unwrap_or(first);
        let (alone, on_top) = (self.gain(0, fix), self.gain(beside, fix));
        let in_smallest = self.smallest.iter().any(|set| set & bit(fix) != 0);
        let (verdict, undecided) = self.verdict(fix, first, alone, on_top);
        // All of them must be decided.
        let seeds: Option<Vec<usize>> = undecided.iter().map(|set| self.seeds_to_tell(*set, fix)).collect();
        let seeds_to_tell = seeds.and_then(|seeds| seeds.into_iter().max());
        let estimate = |of: Option<(Gain, Estimate)>| of.map(|(_, estimate)| estimate);
        let mut judged = Judged {
            fix: patch,
            verdict,
            alone: estimate(alone),
            on_top: estimate(on_top),
            last_out,
            shapley,
            in_smallest,
            seeds: undecided.iter().map(|set| self.cells[set].runs.len()).min().unwrap_or(0),
            seeds_to_tell,
            remarks: Vec::new(),
            replaced_by: None,
            undecided,
        };
        judged.remarks = self.remarks(fix, &judged, alone.map(|(gain, _)| gain));
        judged
    }

    /// The verdict, and the sets of which more seeds would help where it cannot be told.
    fn verdict(
        &self,
        fix: usize,
        first: Set,
        alone: Option<(Gain, Estimate)>,
        on_top: Option<(Gain, Estimate)>,
    ) -> (Verdict, Vec<Set>) {
        // Whether what it gains alone is at least twice what it may cost beside the others.
        let pays = match (alone, on_top) {
            (Some((Gain::More, gained)), Some((_, lost))) => gained.mean > -2.0 * lost.low,
            (alone, _) => alone.is_some_and(|(gain, _)| gain == Gain::More),
        };
        let on_top = on_top.map(|(gain, _)| gain);
        let alone = alone.map(|(gain, _)| gain);
        let has = |set: Set| set & bit(fix) != 0;
        let pair = |set: Set| vec![set | bit(fix), set & !bit(fix)];
        let own = self.smallest.iter().copied().find(|set| has(*set));
        // Whether it is missed in a smallest set that has it.
        let missed = |set: Set| on_top == Some(Gain::More) || self.reached(set & !bit(fix)) == Some(Reached::No);
        let fits = matches!(self.goal, Goal::Fits | Goal::MayFit);
        if fits && has(first) && self.reached(first & !bit(fix)) != Some(Reached::Yes) {
            let without = |reached: Reached| {
                let sets = self.cells.keys().copied().filter(|set| !has(*set));
                sets.filter(move |set| self.reached(*set) == Some(reached)).collect::<Vec<Set>>()
            };
            if !without(Reached::Yes).is_empty() {
                return match self.goal {
                    Goal::Fits if missed(first) => (Verdict::OneWay, Vec::new()),
                    // Whether the chosen set is one way at all is not sure.
                    Goal::MayFit if on_top == Some(Gain::More) => (Verdict::Helps, Vec::new()),
                    _ => (Verdict::CannotBeTold, pair(first)),
                };
            }
            let mut unclear = without(Reached::Unclear);
            if self.goal == Goal::MayFit {
                unclear.push(first);
            }
            return match on_top {
                _ if unclear.is_empty() => (Verdict::Needed, unclear),
                // Whether it is needed or not.
                Some(Gain::More) => (Verdict::Helps, unclear),
                _ if alone == Some(Gain::More) => (Verdict::Helps, unclear),
                _ => (Verdict::CannotBeTold, [unclear, pair(first)].concat()),
            };
        }
        // In the place of one of the others it is another way.
        let in_place = |other: usize| {
            let rest = first & !bit(other);
            self.reached(rest | bit(fix)) == Some(Reached::Yes) && self.reached(rest) == Some(Reached::No)
        };
        let another_way = !has(first) && members(first).any(in_place);
        if self.goal == Goal::Fits && (own.is_some_and(missed) && own != Some(first) || another_way) {
            return (Verdict::OneWay, Vec::new());
        }
        let breaks = !has(first)
            && self.reached(first) == Some(Reached::Yes)
            && self.reached(first | bit(fix)) == Some(Reached::No);
        match on_top {
            Some(Gain::More) => (Verdict::Helps, Vec::new()),
            Some(Gain::Less) => (Verdict::Hurts, Vec::new()),
            _ if breaks => (Verdict::Hurts, Vec::new()),
            _ if pays => (Verdict::Helps, Vec::new()),
            Some(Gain::Same) => (Verdict::NoDifference, Vec::new()),
            Some(Gain::Unclear) => (Verdict::CannotBeTold, pair(own.unwrap_or(first))),
            None if alone.is_none() => (Verdict::CannotBeTold, Vec::new()),
            // It cannot be made together with the others.
            None => (Verdict::CannotBeTold, pair(0)),
        }
    }

    /// About how many seeds would decide what hangs on this set: whether it is enough, or what `fix` gains there.
    fn seeds_to_tell(&self, set: Set, fix: usize) -> Option<usize> {
        let measured = self.cells.get(&set)?;
        match (self.standard.reached(measured), self.goal) {
            (Reached::Unclear, Goal::Fits | Goal::MayFit) => self.standard.seeds_to_tell_a_share(measured),
            _ => {
                let (with, without) = (self.cells.get(&(set | bit(fix)))?, self.cells.get(&(set & !bit(fix)))?);
                self.standard.seeds_to_tell_a_gain(with, without)
            }
        }
    }

    fn remarks(&self, fix: usize, judged: &Judged, alone: Option<Gain>) -> Vec<String> {
        let mut remarks = Vec::new();
        let (Some(baseline), Some(single)) = (self.cells.get(&0), self.cells.get(&bit(fix))) else { return remarks };
        let diverged = |m: &Measured| m.mostly(|run| run.diverged());
        if baseline.enough() {
            return remarks;
        }
        if self.goal == Goal::Fits && self.standard.reached(single) == Reached::Yes {
            remarks.push("enough alone".to_owned());
        } else if diverged(baseline) && !diverged(single) {
            remarks.push(format!("ends the divergence alone ({})", single.outcomes()));
        } else if diverged(single) && !diverged(baseline) {
            remarks.push(format!("makes the run diverge alone ({})", single.outcomes()));
        } else if alone == Some(Gain::Less) {
            remarks.push("makes things worse alone".to_owned());
        } else if matches!(judged.verdict, Verdict::Hurts | Verdict::NoDifference | Verdict::CannotBeTold)
            && alone == Some(Gain::More)
        {
            remarks.push("helps alone, where the others are not made".to_owned());
        } else if matches!(judged.verdict, Verdict::Needed | Verdict::OneWay | Verdict::Helps)
            && alone == Some(Gain::Same)
        {
            remarks.push("changes nothing alone".to_owned());
        }
        let spoils = |(set, measured): &(&Set, &Measured)| {
            **set & bit(fix) == 0
                && self.standard.reached(measured) == Reached::Yes
                && self.reached(**set | bit(fix)) == Some(Reached::No)
        };
        let spoilt = self.cells.iter().filter(spoils).count();
        if spoilt > 0 {
            let sets = if spoilt == 1 { "set" } else { "sets" };
            remarks.push(format!("breaks {spoilt} {sets} that would do without it"));
        }
        remarks
    }
}

/// All effects that the measured sets allow.
fn effects(factorial_of: &[usize], plan: &Measurements, cells: &BTreeMap<Set, Measured>, seeds: usize) -> Vec<Effect> {
    let everything = plan.everything;
    let all_fixes = plan.sets.iter().fold(0, |all, set| all | set);
    let difference = |with: Set, without: Set| {
        let (with, without) = (cells.get(&with)?, cells.get(&without)?);
        Some(Estimate::of(&with.gains_over(without)))
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
        let values: Option<Vec<Vec<f64>>> =
            subsets.iter().map(|set| cells.get(set).map(|measured| measured.first(seeds).closeness())).collect();
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
            all.push(Effect { kind: EffectKind::Path, fixes: *set, estimate: Estimate::of(&measured.closeness()) });
        }
    }
    all.sort_by_key(|effect| effect.kind);
    all
}
