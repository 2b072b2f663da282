//! The search for fixes that are worth measuring: rules suggest them, trials with a few seeds say which lead on. One fault
//! hides another, so what the rules suggest is switched on, and the rules look again.

mod settle;
mod steps;

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;

use super::observed::Measured;
use super::rules::before::{Setup, parameters};
use super::rules::{Certainty, Finding, after};
use crate::data::RunData;
use crate::experiment::config::*;
use crate::experiment::{Fix, Goal, named_after};
use crate::results::checks::CheckVerdict;
use crate::results::rows::CheckRow;
use crate::run::baselines::Baselines;
use crate::stats::closeness::TWENTIETH;
use steps::Step;

/// Fixes that are on, a bit each.
pub type Set = u64;

/// More fixes than anybody tries, and few enough for a [`Set`].
pub const MOST_FIXES: usize = 40;

pub fn bit(fix: usize) -> Set {
    1 << fix
}

/// Who trains.
pub trait Laboratory {
    /// The runs of each set of `fixes`, over the first so many of the experiment's seeds.
    fn measure(&mut self, fixes: &[Fix], sets: &[Set], seeds: usize) -> Result<Vec<Measured>>;
    /// About how many seconds of one core of a usual machine that takes. It depends on the experiment alone, so that what
    /// is tried does too.
    fn seconds(&self, fixes: &[Fix], sets: &[Set], seeds: usize) -> Result<f64>;
    /// A set's configuration; an error if these fixes cannot be made together.
    fn config(&self, fixes: &[Fix], set: Set) -> Result<Config>;
    /// Whether that set was measured with so many seeds.
    fn knows(&self, fixes: &[Fix], set: Set, seeds: usize) -> bool;
    /// What simple predictors reach on them.
    fn baselines(&self, config: &Config, data: &RunData) -> Arc<Baselines>;
    /// The data of the first seed.
    fn data(&self, config: &Config) -> Result<RunData>;
    /// Whether the baseline learns two samples by heart; nothing where that would take long.
    fn two_samples(&mut self) -> Result<Option<CheckRow>>;
    /// How many seeds the experiment has.
    fn seeds(&self) -> usize;
    /// What the experiment asks of a fit.
    fn asked(&self) -> Goal;
}

/// A finding with the fix, of all that were found, that stands for it.
#[derive(Debug, Clone)]
pub struct Suspicion {
    pub finding: Finding,
    pub fix: Option<usize>,
    /// The set in which it was seen.
    pub seen_in: Set,
}

/// What the search found.
pub struct Search {
    /// The file's own fixes first.
    pub fixes: Vec<Fix>,
    pub from_file: usize,
    pub suspicions: Vec<Suspicion>,
    /// The fixes that led furthest together.
    pub on: Set,
    pub baseline: Measured,
    /// Sets that were not tried because they would have taken too long.
    pub skipped: usize,
    /// The baseline's parameters, and the rows that it learns from.
    pub sizes: (Option<usize>, usize),
    /// Whether the baseline learns two samples by heart, where that was tried.
    pub two_samples: Option<CheckRow>,
}

/// Seeds of a trial, at most.
pub const TRIAL_SEEDS: usize = 3;
/// Core seconds that all trials of a search may take.
const BUDGET: f64 = 18.0;
/// Where a finding is from that no rule made.
pub const TRIED: &str = "measured: what was tried";
/// Trials that there is time for at least, of sets that cost what the baseline does.
const AT_LEAST: f64 = 16.0;
/// How often the rules look again.
const ROUNDS: usize = 4;

/// Searches, with the file's own fixes at hand, unless the set-up as asked fits.
pub fn search(lab: &mut dyn Laboratory, file_fixes: Vec<Fix>, fits: bool) -> Result<Search> {
    let baseline = lab.measure(&file_fixes, &[0], lab.seeds())?.remove(0);
    let from_file = file_fixes.len();
    let mut seeds = lab.seeds().min(TRIAL_SEEDS);
    // Of a slow experiment, fewer seeds and a longer search.
    if lab.seconds(&file_fixes, &[0], seeds)? > BUDGET / AT_LEAST {
        seeds = 1;
    }
    let left = BUDGET.max(AT_LEAST * lab.seconds(&file_fixes, &[0], seeds)?);
    let data = lab.data(&baseline.config)?;
    let sizes = (parameters(&baseline.config.model, &data), data.train.rows());
    let search = Search {
        fixes: file_fixes,
        from_file,
        suspicions: Vec::new(),
        on: 0,
        baseline,
        skipped: 0,
        sizes,
        two_samples: None,
    };
    let mut trials = Trials { lab, search, seeds, left, pending: Vec::new(), kept: 0, tried: 0, helped: 0 };
    // Targets that are all the same leave nothing to explain, and what is learnt by heart nothing to mend.
    let varied = trials.search.baseline.varied();
    match trials.search.baseline.by_heart() {
        _ if !varied => {}
        _ if fits => {
            trials.note("it fits as it is")?;
            trials.search.suspicions.retain(|s| s.finding.certainty == Certainty::Certain);
        }
        true => trials.note("simple learners learn nothing of these rows")?,
        false => {
            trials.search.two_samples = trials.lab.two_samples()?;
            trials.run()?;
        }
    }
    Ok(trials.search)
}

struct Trials<'a> {
    lab: &'a mut dyn Laboratory,
    search: Search,
    seeds: usize,
    /// Core seconds that are left.
    left: f64,
    /// What the rules say of the baseline without being sure.
    pending: Vec<Finding>,
    /// Fixes that are another way to what is on.
    kept: Set,
    /// Fixes that were tried on top of others, and those of them that gained something.
    tried: Set,
    helped: Set,
}

impl Trials<'_> {
    /// Keeps what the rules say of the set-up without "possible", and tries nothing.
    fn note(&mut self, because: &str) -> Result<()> {
        self.look(0)?;
        let from_file = self.search.from_file;
        self.search.fixes.truncate(from_file);
        self.pending.clear();
        for suspicion in &mut self.search.suspicions {
            suspicion.fix = suspicion.fix.filter(|fix| *fix < from_file);
            if suspicion.fix.is_none() && suspicion.finding.fix.take().is_some() {
                let _ = write!(suspicion.finding.evidence, "; no fix of it was tried, since {because}");
            }
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let baseline = self.search.baseline.clone();
        let mut faults = self.look(0)?;
        if faults == 0 {
            faults = self.adopt_pending(0)?;
        }
        let symptoms = after::findings(&baseline)?;
        for symptom in symptoms {
            // What a fault of the set-up may have brought about is looked for again once that is mended.
            let fix = symptom.fix.clone().filter(|_| faults == 0);
            self.adopt(Finding { fix, ..symptom }, 0)?;
        }
        let suspected = self.suspected();
        let file = bit(self.search.from_file) - 1;
        let mut sets: Vec<Set> = members(suspected | file).map(bit).collect();
        sets.extend([suspected, suspected | file, file]);
        sets.extend(members(suspected).map(|fix| suspected & !bit(fix)));
        sets.retain(|set| *set != 0);
        let asked = baseline.first(self.seeds);
        let mut now = self.first_step(&asked, suspected, &sets)?;
        let certain =
            self.search.suspicions.iter().any(|s| s.finding.certainty == Certainty::Certain && s.fix.is_some());
        // Another rate might be all that it takes; but not where something cannot work at any rate.
        let mut alternative = None;
        if now.0 != 0 && !certain && !baseline.mostly(after::without_gradient) && !self.rate_is_enough(&sets)? {
            let step = self.rates(0, &asked)?.filter(|step| step.measured.enough());
            alternative = step.map(|step| self.take(0, &asked, &step)).transpose()?.flatten();
            self.kept |= alternative.as_ref().map_or(0, |(set, _)| *set);
        }
        let rounds = if alternative.is_some() { 1 } else { ROUNDS };
        for round in 0..rounds {
            if now.1.enough() {
                break;
            }
            let next = self.round(round, &now)?;
            if next.0 == now.0 {
                break;
            }
            now = next;
        }
        if let Some(alternative) = alternative.filter(|_| !now.1.enough()) {
            now = alternative;
        }
        self.search.on = self.confirmed(now)?;
        self.settle()
    }

    /// Whether one of these sets, a fix of the rate alone, is enough already.
    fn rate_is_enough(&mut self, sets: &[Set]) -> Result<bool> {
        let fixes = self.search.fixes.clone();
        let rate = |set: &&Set| {
            let only = (0..fixes.len()).find(|fix| bit(*fix) == **set);
            only.is_some_and(|fix| fixes[fix].keys().iter().any(|key| key == "optimizer.learning_rate"))
        };
        let rates: Vec<Set> = sets.iter().filter(rate).copied().collect();
        // They were measured just now, so this costs nothing.
        Ok(self.trial(&fixes, &rates)?.iter().any(|(_, measured)| measured.enough()))
    }

    /// What led on over a few seeds, or that with one more of the fixes that are there, if it takes that over all seeds.
    fn confirmed(&mut self, now: (Set, Measured)) -> Result<Set> {
        let all = self.lab.seeds();
        if all == self.seeds || !now.1.enough() {
            return Ok(now.0);
        }
        self.seeds = all;
        let fixes = self.search.fixes.clone();
        let more = (0..fixes.len()).map(bit).filter(|fix| now.0 & fix == 0).map(|fix| now.0 | fix);
        let sets: Vec<Set> = std::iter::once(now.0).chain(more).collect();
        let mut tried = self.trial(&fixes, &sets[..1])?;
        if tried.first().is_none_or(|(_, measured)| measured.enough()) {
            return Ok(now.0);
        }
        tried.extend(self.trial(&fixes, &sets[1..])?);
        let best = tried.into_iter().max_by(|(_, a), (_, b)| better(a, b));
        Ok(best.map_or(now.0, |(set, _)| set))
    }

    /// Makes fixes of what was not sure.
    fn adopt_pending(&mut self, on: Set) -> Result<Set> {
        let mut set = 0;
        for finding in std::mem::take(&mut self.pending) {
            set |= self.adopt(finding, on)?.map_or(0, bit);
        }
        Ok(set)
    }

    /// The fixes that findings suggest so far.
    fn suspected(&self) -> Set {
        self.search.suspicions.iter().filter_map(|s| s.fix).fold(0, |set, fix| set | bit(fix))
    }

    /// All fixes that there are.
    fn every(&self) -> Set {
        (0..self.search.fixes.len()).map(bit).sum()
    }

    fn leads_on(&self, to: &Measured, from: &Measured) -> bool {
        to.enough() || to.progress() > from.progress() + TWENTIETH
    }

    /// Notes what each fix did that was the only one added to `on`.
    fn remember(&mut self, on: Set, from: &Measured, tried: &[(Set, Measured)]) {
        for (set, measured) in tried.iter().filter(|(set, _)| (set & !on).count_ones() == 1 && set & on == on) {
            self.tried |= set & !on;
            if helps(measured, from) {
                self.helped |= set & !on;
            }
        }
    }

    /// Measures these sets. If some are enough, the one of the fewest fixes, and of these the best; or else all that is
    /// suspected, however little that shows as yet, unless something else does better.
    fn first_step(&mut self, baseline: &Measured, suspected: Set, sets: &[Set]) -> Result<(Set, Measured)> {
        let fixes = self.search.fixes.clone();
        let tried = self.trial(&fixes, sets)?;
        self.remember(0, baseline, &tried);
        let best = tried
            .iter()
            .filter(|(_, m)| m.enough())
            .max_by(|(a, x), (b, y)| b.count_ones().cmp(&a.count_ones()).then(x.progress().total_cmp(&y.progress())));
        if let Some((set, measured)) = best {
            return Ok((*set, measured.clone()));
        }
        // However little they show as yet, unless they do harm.
        let harmless = |measured: &Measured| measured.progress() >= baseline.progress() - TWENTIETH;
        let mut now = tried
            .iter()
            .find(|(set, measured)| *set == suspected && harmless(measured))
            .map_or_else(|| (0, baseline.clone()), |(set, measured)| (*set, measured.clone()));
        for (set, measured) in tried {
            if self.leads_on(&measured, &now.1) {
                now = (set, measured);
            }
        }
        Ok(now)
    }

    /// Looks again at what is on, and goes one step further: to what its symptoms suggest, to another rate, to more steps, to
    /// something else; the first that is enough, or else what leads on furthest.
    fn round(&mut self, round: usize, now: &(Set, Measured)) -> Result<(Set, Measured)> {
        let (on, current) = now;
        let mut best = now.clone();
        let mut further = self.look(*on)? & !on;
        if round == 0 {
            further |= self.adopt_pending(*on)? & !on;
        }
        let said: Vec<(&str, bool)> =
            self.search.suspicions.iter().map(|s| (s.finding.rule, s.fix.is_some())).collect();
        for symptom in after::findings(current)? {
            let known = said.iter().any(|(rule, fixed)| *rule == symptom.rule && (*fixed || symptom.fix.is_none()));
            if !known {
                further |= self.adopt(symptom, *on)?.map_or(0, bit) & !on;
            }
        }
        // What gained nothing may lead on now that other faults are mended.
        let again = self.every() & !on & !further;
        let set_already: Vec<String> = members(*on).flat_map(|fix| self.search.fixes[fix].keys()).collect();
        let again: Set = members(again)
            .filter(|fix| !self.search.fixes[*fix].keys().iter().all(|key| set_already.contains(key)))
            .map(bit)
            .sum();
        let mut sets: Vec<Set> = members(further).chain(members(again)).map(|fix| on | bit(fix)).collect();
        for all in [further, further | (again & self.suspected())] {
            if all.count_ones() > 1 {
                sets.push(on | all);
            }
        }
        let fixes = self.search.fixes.clone();
        let tried = self.trial(&fixes, &sets)?;
        self.remember(*on, current, &tried);
        for (set, measured) in tried {
            let fewer = best.1.enough() && measured.enough() && set.count_ones() < best.0.count_ones();
            if fewer || (!best.1.enough() && self.leads_on(&measured, &best.1)) {
                best = (set, measured);
            }
        }
        if best.1.enough() {
            return Ok(best);
        }
        // Descent that diverges wants another rate; otherwise Adam is quickly tried.
        let diverges = current.mostly(|run| run.diverged());
        let mut steps: Vec<Step> = if diverges { Vec::new() } else { self.adam(*on, current)?.into_iter().collect() };
        let rate = self.rates(*on, current)?;
        steps.extend(rate.iter().cloned());
        if diverges && !steps.iter().any(|step| step.measured.enough()) {
            steps.extend(self.adam(*on, current)?);
        }
        // What cannot learn two samples by heart learns no more in more steps, until something else is mended.
        let hopeless =
            *on == 0 && self.search.two_samples.as_ref().is_some_and(|row| row.verdict == CheckVerdict::Fails);
        if !steps.iter().any(|step| step.measured.enough()) {
            if !hopeless {
                steps.extend(self.lengths(*on, current, rate.as_ref())?);
            }
        } else if current.mostly(|run| after::still_falls(current, run))
            && let Some(longer) = self.lengths(*on, current, None)?.filter(|step| step.measured.enough())
            && let Some((set, _)) = self.take(*on, current, &longer)?
        {
            // The loss was still falling, and to wait longer is enough as well.
            self.kept |= set;
        }
        if !steps.iter().any(|step| step.measured.enough()) {
            steps.extend(self.otherwise(*on, current)?);
        }
        // What only takes longer comes last, unless it is enough.
        let longer =
            |step: &Step| step.changes.iter().any(|change| change.name == "more-steps") && !step.measured.enough();
        let furthest = |longer_too: bool| {
            steps.iter().filter(|step| longer_too || !longer(step)).max_by(|a, b| better(&a.measured, &b.measured))
        };
        for step in [furthest(false), furthest(true)].into_iter().flatten() {
            if self.leads_on(&step.measured, &best.1) {
                if let Some(next) = self.take(*on, current, step)? {
                    best = next;
                }
                break;
            }
        }
        Ok(best)
    }

    /// Measures these sets in their order, as many as there is time for.
    fn trial(&mut self, fixes: &[Fix], sets: &[Set]) -> Result<Vec<(Set, Measured)>> {
        let mut affordable = Vec::new();
        for &set in sets {
            // Some fixes cannot be made together, as another optimizer and the first one's own settings.
            if self.lab.config(fixes, set).is_err() {
                continue;
            }
            if affordable.contains(&set) {
                continue;
            }
            let seconds = match self.lab.knows(fixes, set, self.seeds) {
                true => 0.0,
                false => self.lab.seconds(fixes, &[set], self.seeds)?,
            };
            if seconds <= self.left {
                self.left -= seconds;
                affordable.push(set);
            } else {
                self.search.skipped += 1;
            }
        }
        if affordable.is_empty() {
            return Ok(Vec::new());
        }
        let measured = self.lab.measure(fixes, &affordable, self.seeds)?;
        Ok(affordable.into_iter().zip(measured).collect())
    }

    /// What the rules that need no training say of a set: the fixes that they suggest. Of the baseline, what is not sure
    /// waits.
    fn look(&mut self, set: Set) -> Result<Set> {
        let config = self.lab.config(&self.search.fixes, set)?;
        let data = self.lab.data(&config)?;
        let found = Setup::new(&config, &data, self.lab.asked(), self.lab.baselines(&config, &data)).findings()?;
        let name = self.name(set);
        let mut fixes = 0;
        for finding in found {
            // What was said of the baseline is not said again of every set that leaves it so.
            let known = |s: &Suspicion| s.finding.rule == finding.rule && s.fix.is_none_or(|fix| set & bit(fix) == 0);
            if self.search.suspicions.iter().any(known) || self.pending.iter().any(|p| p.rule == finding.rule) {
                continue;
            }
            let finding = Finding { seen_in: name.clone(), ..finding };
            if set == 0 && finding.certainty == Certainty::Possible {
                self.pending.push(finding);
            } else {
                fixes |= self.adopt(finding, set)?.map_or(0, bit);
            }
        }
        Ok(fixes)
    }

    /// Keeps a finding that was made with `set` on; the fix that stands for it: one that is there already, or its own.
    fn adopt(&mut self, finding: Finding, set: Set) -> Result<Option<usize>> {
        let mut known = None;
        if let Some(fix) = &finding.fix {
            known = self.standing_for(fix, finding.rule, set)?;
            if known.is_none() {
                known = self.add(fix.clone())?;
            }
        }
        let seen_in = members(set).filter(|fix| *fix < self.search.fixes.len()).map(bit).sum();
        self.search.suspicions.push(Suspicion { finding, fix: known, seen_in });
        Ok(known)
    }

    /// A fix that is there already and does what `fix` would: it sets the same; or, of a rule that needs no training, it is
    /// the file's, sets some of the same keys, and the rule is silent with it.
    fn standing_for(&self, fix: &Fix, rule: &str, set: Set) -> Result<Option<usize>> {
        let asked = self.lab.config(&self.search.fixes, set)?;
        let data = self.lab.data(&asked)?;
        let goal = self.lab.asked();
        let baselines = self.lab.baselines(&asked, &data);
        let speaks = Setup::new(&asked, &data, goal, baselines).findings()?.iter().any(|finding| finding.rule == rule);
        let keys = fix.keys();
        for (at, other) in self.search.fixes.iter().enumerate() {
            if other.patch() == fix.patch() {
                return Ok(Some(at));
            }
            if speaks && at < self.search.from_file && other.keys().iter().any(|key| keys.contains(key)) {
                let Ok(config) = self.lab.config(&self.search.fixes, set | bit(at)) else { continue };
                let data = self.lab.data(&config)?;
                let baselines = self.lab.baselines(&config, &data);
                if !Setup::new(&config, &data, goal, baselines).findings()?.iter().any(|finding| finding.rule == rule) {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    /// Adds a fix, if it can be made alone and together with what is on.
    fn add(&mut self, mut fix: Fix) -> Result<Option<usize>> {
        let at = self.search.fixes.len();
        if at >= MOST_FIXES {
            return Ok(None);
        }
        fix.name = self.free_name(&fix.name);
        let mut fixes = self.search.fixes.clone();
        fixes.push(fix);
        // What undoes another fix and nothing else is none.
        let alone = self.lab.config(&fixes, bit(at));
        if alone.is_ok_and(|alone| alone == self.search.baseline.config)
            || self.lab.config(&fixes, bit(at)).is_err()
            || self.lab.config(&fixes, self.search.on | bit(at)).is_err()
        {
            return Ok(None);
        }
        self.search.fixes = fixes;
        Ok(Some(at))
    }

    fn free_name(&self, name: &str) -> String {
        let taken = |name: &str| self.search.fixes.iter().any(|fix| fix.name == name);
        let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}-{n}")));
        names.find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
    }

    fn name(&self, set: Set) -> String {
        name(&self.search.fixes, set)
    }
}

/// Whether a set clearly does better than another in a trial: on every seed, and by a tenth of the error or more; or, where neither is
/// better than a constant, by the finer measure.
fn helps(measured: &Measured, from: &Measured) -> bool {
    let gains = measured.gains_over(from);
    let progress = measured.progress() - from.progress();
    let floor = gains.iter().all(|gain| *gain == 0.0);
    progress > TWENTIETH && (floor || (progress > 2.0 * TWENTIETH && gains.iter().all(|gain| *gain > 0.0)))
}

fn better(a: &Measured, b: &Measured) -> std::cmp::Ordering {
    a.enough().cmp(&b.enough()).then(a.progress().total_cmp(&b.progress()))
}

/// The fixes of a set.
pub fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..Set::BITS as usize).filter(move |fix| set & bit(*fix) != 0)
}

/// A set's name: its fixes', joined.
pub fn name(fixes: &[Fix], set: Set) -> String {
    named_after(members(set).filter_map(|fix| fixes.get(fix)).map(|fix| fix.name.as_str()))
}
