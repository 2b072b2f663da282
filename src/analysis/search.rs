//! The search for fixes that are worth measuring: rules suggest them, trials with a few seeds say which lead on. One fault
//! hides another, so what the rules suggest is switched on, and the rules look again.

use anyhow::Result;

use super::findings::before::{Setup, one_digit};
use super::findings::{Finding, after, short};
use super::observed::Measured;
use crate::data::{RunData, batch_rows};
use crate::experiment::Fix;
use crate::experiment::config::*;

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
    /// The data of the first seed.
    fn data(&self, config: &Config) -> Result<RunData>;
    /// How many seeds the experiment has.
    fn seeds(&self) -> usize;
}

/// A finding with the fix, of all that were found, that stands for it.
#[derive(Debug, Clone)]
pub struct Suspicion {
    pub finding: Finding,
    pub fix: Option<usize>,
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
}

/// Seeds of a trial, at most.
const TRIAL_SEEDS: usize = 3;
/// Core seconds that all trials of a search may take.
const BUDGET: f64 = 30.0;
/// How often the rules look again.
const ROUNDS: usize = 4;
/// What counts as having led on, in [`Measured::progress`].
const LED_ON: f64 = 5e-3;

/// Searches, with the file's own fixes at hand.
pub fn search(lab: &mut dyn Laboratory, file_fixes: Vec<Fix>) -> Result<Search> {
    let baseline = lab.measure(&file_fixes, &[0], lab.seeds())?.remove(0);
    let from_file = file_fixes.len();
    let trial_seeds = lab.seeds().min(TRIAL_SEEDS);
    let mut trials = Trials {
        lab,
        search: Search { fixes: file_fixes, from_file, suspicions: Vec::new(), on: 0, baseline },
        seeds: trial_seeds,
        left: BUDGET,
    };
    if !trials.search.baseline.enough() {
        trials.run()?;
    }
    Ok(trials.search)
}

struct Trials<'a> {
    lab: &'a mut dyn Laboratory,
    search: Search,
    seeds: usize,
    /// Core seconds that are left.
    left: f64,
}

impl Trials<'_> {
    fn run(&mut self) -> Result<()> {
        let baseline = self.search.baseline.clone();
        let symptoms = after::findings(&baseline)?;
        let mut options = self.adopt_all(symptoms)?;
        for fix in self.look(0)? {
            self.search.on |= bit(fix);
        }
        let file = bit(self.search.from_file) - 1;
        let found = self.search.on;
        let mut sets = vec![found, found | file, file];
        sets.retain(|set| *set != 0);
        sets.dedup();
        let mut now = self.best(0, baseline.clone(), &sets)?;
        if !baseline.mostly(after::without_gradient)
            && let Some((fixes, _)) = self.tune(0, &baseline)?
        {
            // Whatever the rate and the length do alone is worth measuring; but what leads on is decided below.
            options |= fixes;
        }
        for _ in 0..ROUNDS {
            if now.1.enough() {
                break;
            }
            let (on, current) = now.clone();
            for fix in self.look(on)? {
                options |= bit(fix);
            }
            options |= self.adopt_all(after::findings(&current)?)?;
            let singles: Vec<Set> =
                (0..self.search.fixes.len()).map(bit).filter(|fix| options & !on & fix != 0).map(|fix| on | fix).collect();
            now = self.best(on, current, &singles)?;
            if now.1.enough() {
                break;
            }
            if let Some((fixes, tuned)) = self.tune(now.0, &now.1.clone())? {
                now = (now.0 | fixes, tuned);
            }
            if now.1.enough() {
                break;
            }
            if let Some((fixes, other)) = self.otherwise(now.0, &now.1.clone())? {
                now = (now.0 | fixes, other);
            }
            if now.0 == on {
                break;
            }
        }
        self.search.on = now.0;
        Ok(())
    }

    /// Measures these sets, as far as there is time for them, and says which led furthest, or `on` if none did; one that is
    /// enough before one that is not, and one of few fixes before one of many.
    fn best(&mut self, on: Set, current: Measured, sets: &[Set]) -> Result<(Set, Measured)> {
        let fixes = self.search.fixes.clone();
        let tried = self.trial(&fixes, sets)?;
        let mut best = (on, current);
        for (set, measured) in tried {
            let better = match (best.1.enough(), measured.enough()) {
                (false, true) => true,
                (true, false) => false,
                (true, true) => set.count_ones() < best.0.count_ones(),
                (false, false) => measured.progress() > best.1.progress() + LED_ON,
            };
            if better {
                best = (set, measured);
            }
        }
        Ok(best)
    }

    /// Measures these sets in their order, as many as there is time for.
    fn trial(&mut self, fixes: &[Fix], sets: &[Set]) -> Result<Vec<(Set, Measured)>> {
        let mut affordable = Vec::new();
        for &set in sets {
            let seconds = self.lab.seconds(fixes, &[set], self.seeds)?;
            if seconds <= self.left && !affordable.contains(&set) {
                self.left -= seconds;
                affordable.push(set);
            }
        }
        if affordable.is_empty() {
            return Ok(Vec::new());
        }
        let measured = self.lab.measure(fixes, &affordable, self.seeds)?;
        Ok(affordable.into_iter().zip(measured).collect())
    }

    /// What the rules that need no training say of a set: the fixes that they suggest.
    fn look(&mut self, set: Set) -> Result<Vec<usize>> {
        let config = self.lab.config(&self.search.fixes, set)?;
        let data = self.lab.data(&config)?;
        let found = Setup::new(&config, &data).findings()?;
        let name = self.name(set);
        let mut fixes = Vec::new();
        for finding in found {
            // What was said of the baseline is not said again of every set that leaves it so.
            let known = |s: &Suspicion| s.finding.rule == finding.rule && s.fix.is_none_or(|fix| set & bit(fix) == 0);
            if self.search.suspicions.iter().any(known) {
                continue;
            }
            fixes.extend(self.adopt(Finding { seen_in: name.clone(), ..finding }, set)?);
        }
        Ok(fixes)
    }

    fn adopt_all(&mut self, findings: Vec<Finding>) -> Result<Set> {
        let mut set = 0;
        for finding in findings {
            if !self.search.suspicions.iter().any(|s| s.finding.rule == finding.rule) {
                set |= self.adopt(finding, 0)?.map_or(0, bit);
            }
        }
        Ok(set)
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
        self.search.suspicions.push(Suspicion { finding, fix: known });
        Ok(known)
    }

    /// A fix that is there already and does what `fix` would: it sets the same, or it is the file's, sets some of the same
    /// keys, and the rule is silent with it.
    fn standing_for(&self, fix: &Fix, rule: &str, set: Set) -> Result<Option<usize>> {
        let keys = fix.keys();
        for (at, other) in self.search.fixes.iter().enumerate() {
            if other.patch() == fix.patch() {
                return Ok(Some(at));
            }
            if at < self.search.from_file && other.keys().iter().any(|key| keys.contains(key)) {
                let Ok(config) = self.lab.config(&self.search.fixes, set | bit(at)) else { continue };
                let data = self.lab.data(&config)?;
                if !Setup::new(&config, &data).findings()?.iter().any(|finding| finding.rule == rule) {
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
        if self.lab.config(&fixes, bit(at)).is_err() || self.lab.config(&fixes, self.search.on | bit(at)).is_err() {
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

    /// Tries other learning rates and, if none of them is enough, more steps, on top of `on`. What led furthest, as fixes.
    fn tune(&mut self, on: Set, current: &Measured) -> Result<Option<(Set, Measured)>> {
        let touches = |fix: &Fix, what: &str| fix.keys().iter().any(|key| key.starts_with(what));
        let own = |what: &str| self.search.fixes[..self.search.from_file].iter().any(|fix| touches(fix, what));
        let (own_rate, own_length) = (own("optimizer.learning_rate"), own("train."));
        // With nothing else on, the file's own fix of the rate or the length stands for ours.
        let alone = on == 0;
        let rate = current.config.optimizer.learning_rate;
        let diverged = current.mostly(|run| run.diverged());
        let mut cells: Vec<(Cell, Measured)> = Vec::new();
        if !(alone && own_rate) {
            let halves = if diverged { -10..=-1 } else { -6..=5 };
            let rates = halves.filter(|half| *half != 0).map(|half| one_digit(rate * 10_f64.powf(0.5 * f64::from(half))));
            let tried: Vec<Cell> = rates.map(|rate| Cell { rate: Some(rate), times: None }).collect();
            cells = self.cells(on, current, tried)?;
        }
        let enough = |cells: &[(Cell, Measured)]| cells.iter().any(|(_, measured)| measured.enough());
        if !enough(&cells) && !(alone && own_length) && !diverged {
            let best = furthest(&cells).map(|(cell, _)| cell.rate);
            let mut rates = vec![None];
            rates.extend(best);
            for times in [3, 10, 30, 100] {
                let tried = rates.iter().map(|&rate| Cell { rate, times: Some(times) }).collect();
                cells.extend(self.cells(on, current, tried)?);
                if enough(&cells) {
                    break;
                }
            }
        }
        let Some((cell, measured)) = furthest(&cells).cloned() else { return Ok(None) };
        if !measured.enough() && measured.progress() <= current.progress() + LED_ON {
            return Ok(None);
        }
        let mut fixes = 0;
        for (finding, patch, name) in self.tuned(current, &cell, &measured)? {
            let finding = Finding { seen_in: self.name(on), fix: Some(Fix::parse(name, &finding.evidence, &patch)?), ..finding };
            match self.adopt(finding, on)? {
                Some(fix) => fixes |= bit(fix),
                None => return Ok(None),
            }
        }
        Ok(Some((fixes, measured)))
    }

    /// Measures other rates and lengths on top of `on`.
    fn cells(&mut self, on: Set, current: &Measured, cells: Vec<Cell>) -> Result<Vec<(Cell, Measured)>> {
        let mut fixes = self.search.fixes.clone();
        let mut sets = Vec::new();
        for cell in &cells {
            let patch = cell.patch(current)?;
            sets.push(on | bit(fixes.len()));
            fixes.push(Fix::parse(&format!("trial-{}", fixes.len()), "", &patch)?);
        }
        let tried = self.trial(&fixes, &sets)?;
        let cell = |set: Set| cells[sets.iter().position(|other| *other == set).unwrap_or(0)];
        Ok(tried.into_iter().map(|(set, measured)| (cell(set), measured)).collect())
    }

    /// A cell's changes as findings, each with its patch and the fix's name.
    fn tuned(&self, current: &Measured, cell: &Cell, to: &Measured) -> Result<Vec<(Finding, String, &'static str)>> {
        let mut changes = Vec::new();
        let both = |what: String| {
            format!(
                "{what}: {}, test RMSE {}, instead of {}, {} (medians)",
                to.outcomes(),
                short(to.test_rmse()),
                current.outcomes(),
                short(current.test_rmse())
            )
        };
        let finding = |rule, evidence| Finding {
            rule,
            seen_in: String::new(),
            evidence,
            source: "measured: rates half a decade apart, 3 to 100 times the steps",
            fix: None,
        };
        let old = current.config.optimizer.learning_rate;
        if let Some(rate) = cell.rate {
            let (rule, name) = if rate < old { ("rate-too-high", "lower-rate") } else { ("rate-too-low", "higher-rate") };
            let evidence = both(format!("with a learning rate of {} instead of {}", short(rate), short(old)));
            changes.push((finding(rule, evidence), Cell { times: None, ..*cell }.patch(current)?, name));
        }
        if let Some(times) = cell.times {
            let evidence = both(format!("with {times} times the steps"));
            let patch = Cell { rate: None, ..*cell }.patch(current)?;
            changes.push((finding("too-few-steps", evidence), patch, "more-steps"));
        }
        Ok(changes)
    }

    /// What one tries when nothing that was seen says what to do: another optimizer, other units, more of them.
    fn otherwise(&mut self, on: Set, current: &Measured) -> Result<Option<(Set, Measured)>> {
        let Config { model, optimizer, .. } = &current.config;
        let mut tried: Vec<(&'static str, &'static str, String)> = Vec::new();
        if !matches!(optimizer.kind, OptimizerKind::Adam { .. }) {
            for rate in [1e-3, 1e-2, 1e-1] {
                let patch = format!("optimizer.kind = \"adam\"\noptimizer.learning_rate = {rate:?}");
                tried.push(("plain-descent", "adam", patch));
            }
        }
        if model.activation.iter().any(|a| matches!(a, Activation::Sigmoid | Activation::Tanh)) {
            tried.push(("bounded-units", "relu-units", "model.activation = \"relu\"".to_owned()));
        }
        let units: usize = model.hidden.iter().sum();
        if units < 64 {
            let activation = model.activation.first().copied().unwrap_or(Activation::Relu);
            let word = toml::Value::try_from(activation).map_or_else(|_| "\"relu\"".to_owned(), |word| word.to_string());
            tried.push(("few-units", "more-units", format!("model.hidden = [32, 32]\nmodel.activation = {word}")));
        }
        let mut fixes = self.search.fixes.clone();
        let first = fixes.len();
        for (_, name, patch) in &tried {
            fixes.push(Fix::parse(&format!("{name}-{}", fixes.len()), "", patch)?);
        }
        let sets: Vec<Set> = (first..fixes.len()).map(|fix| on | bit(fix)).collect();
        let cells = self.trial(&fixes, &sets)?;
        let furthest = cells.into_iter().max_by(|(_, a), (_, b)| better(a, b));
        let Some((set, measured)) = furthest else { return Ok(None) };
        if !measured.enough() && measured.progress() <= current.progress() + LED_ON {
            return Ok(None);
        }
        let at = sets.iter().position(|other| *other == set).unwrap_or(0);
        let (rule, name, patch) = &tried[at];
        let evidence = format!(
            "with {}: {}, test RMSE {}, instead of {}, {} (medians)",
            patch.replace('\n', ", "),
            measured.outcomes(),
            short(measured.test_rmse()),
            current.outcomes(),
            short(current.test_rmse())
        );
        let finding = Finding {
            rule,
            seen_in: self.name(on),
            fix: Some(Fix::parse(name, &evidence, patch)?),
            evidence,
            source: "measured: tried where no rule says what to do",
        };
        Ok(self.adopt(finding, on)?.map(|fix| (bit(fix), measured)))
    }
}

/// Another learning rate, or so many times the steps.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    rate: Option<f64>,
    times: Option<usize>,
}

impl Cell {
    fn patch(&self, current: &Measured) -> Result<String> {
        let mut lines = Vec::new();
        if let Some(rate) = self.rate {
            lines.push(format!("optimizer.learning_rate = {rate:?}"));
        }
        if let Some(times) = self.times {
            lines.push(match current.config.train.length {
                Length::Steps(steps) => format!("train.steps = {}", steps.saturating_mul(times)),
                Length::Epochs(epochs) => format!("train.epochs = {}", epochs.saturating_mul(times)),
            });
        }
        Ok(lines.join("\n"))
    }
}

fn better(a: &Measured, b: &Measured) -> std::cmp::Ordering {
    a.enough().cmp(&b.enough()).then(a.progress().total_cmp(&b.progress()))
}

/// The cell that is enough and fits best, or else led furthest.
fn furthest(cells: &[(Cell, Measured)]) -> Option<&(Cell, Measured)> {
    cells.iter().max_by(|(_, a), (_, b)| better(a, b))
}

/// A set's name: its fixes', joined.
pub fn name(fixes: &[Fix], set: Set) -> String {
    let names: Vec<&str> =
        fixes.iter().enumerate().filter(|(at, _)| set & bit(*at) != 0).map(|(_, fix)| fix.name.as_str()).collect();
    if names.is_empty() { "baseline".to_owned() } else { names.join("+") }
}

/// Rows of a batch and updates, for who needs to reckon with them.
pub fn updates(config: &Config, rows: usize) -> usize {
    batch_rows(&config.batch, rows).map_or(0, |batch| config.train.length.steps(rows, batch))
}
