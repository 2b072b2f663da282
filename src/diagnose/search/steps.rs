//! What is tried on top of what is on: another learning rate, more steps, another optimizer, other units.

use anyhow::Result;

use super::{MOST_FIXES, Set, TRIED, Trials, better, bit, members};
use crate::diagnose::observed::Measured;
use crate::diagnose::rules::before::one_digit;
use crate::diagnose::rules::{Certainty, Finding, after, with_usual_weights};
use crate::experiment::Fix;
use crate::experiment::config::*;
use crate::text::numbers::trimmed;

impl Trials<'_> {
    /// Tries other learning rates on top of `on`; the one that leads furthest.
    pub(super) fn rates(&mut self, on: Set, current: &Measured) -> Result<Option<Step>> {
        let optimizer = &current.config.optimizer;
        let most = if matches!(optimizer.kind, OptimizerKind::Sgd { .. }) { 30.0 } else { 1.0 };
        // Whole tenfolds, what is likelier first, should there not be time for all; then what is beside the best of them.
        let tenfolds: Vec<i32> = if current.mostly(|run| run.diverged()) {
            (1..=5).map(|tenfold| -tenfold).collect()
        } else if after::update_size(current) < after::SMALL_UPDATES {
            (1..=4).chain((1..=3).map(|tenfold| -tenfold)).collect()
        } else {
            (1..=4).flat_map(|tenfold| [tenfold, -tenfold]).filter(|tenfold| *tenfold >= -3).collect()
        };
        let cells = |trials: &Self, rates: &[f64]| -> Vec<Vec<Change>> {
            let others = rates.iter().map(|rate| one_digit(*rate)).filter(|rate| *rate != optimizer.learning_rate);
            let tried = others.filter(|rate| *rate > 0.0 && *rate <= most);
            tried.map(|rate| vec![trials.other_rate(rate, optimizer.learning_rate)]).collect()
        };
        let rates: Vec<f64> = tenfolds.iter().map(|tenfold| optimizer.learning_rate * 10_f64.powi(*tenfold)).collect();
        let mut steps = self.steps(on, cells(self, &rates))?;
        if let Some(best) = steps.iter().max_by(|a, b| better(&a.measured, &b.measured))
            && !best.measured.enough()
        {
            let rate = best.measured.config.optimizer.learning_rate;
            steps.extend(self.steps(on, cells(self, &[rate * 10_f64.sqrt(), rate / 10_f64.sqrt()]))?);
        }
        Ok(furthest(steps))
    }

    /// Tries Adam on top of `on`, at the length as asked.
    pub(super) fn adam(&mut self, on: Set, current: &Measured) -> Result<Option<Step>> {
        let cells = adams(&current.config, &[1e-3, 1e-2]).into_iter().map(|change| vec![change]).collect();
        Ok(furthest(self.steps(on, cells)?))
    }

    /// A learning rate, told beside the one that is now, and named after how it stands to the one that was asked for.
    fn other_rate(&self, rate: f64, now: f64) -> Change {
        let asked = self.search.baseline.config.optimizer.learning_rate;
        let lower = rate < asked;
        let (rule, name) = if lower { ("rate-too-high", "lower-rate") } else { ("rate-too-low", "higher-rate") };
        let before = if now == asked { String::new() } else { format!(", asked for were {}", trimmed(asked)) };
        let says = format!("with a learning rate of {} instead of {}{before}", trimmed(rate), trimmed(now));
        Change { rule, name, patch: format!("optimizer.learning_rate = {rate:?}"), says }
    }

    /// Tries more steps on top of `on`, at the rate as it is and, until that is enough, at the best other one.
    pub(super) fn lengths(&mut self, on: Set, current: &Measured, rate: Option<&Step>) -> Result<Option<Step>> {
        if current.mostly(|run| run.diverged()) {
            return Ok(None);
        }
        let lengths = self.affordable(current, &LENGTHS)?;
        let mut all: Vec<Step> = Vec::new();
        for times in lengths {
            let mut cells = vec![vec![self.length(current, times)]];
            if !all.iter().any(|step| step.measured.enough()) {
                cells.extend(rate.map(|step| [step.changes.clone(), vec![self.length(current, times)]].concat()));
            }
            all.extend(self.steps(on, cells)?);
            if all.iter().any(|step| step.measured.enough() && step.changes.len() == 1) {
                break;
            }
        }
        Ok(furthest(all))
    }

    /// Which of these times the steps can be tried: what is tried is measured alone, too, in the end.
    fn affordable(&self, current: &Measured, times: &[usize]) -> Result<Vec<usize>> {
        let mut lengths = Vec::new();
        for &times in times.iter().filter(|times| **times == 1 || self.in_reach(current, **times)) {
            let length = self.length(current, times);
            let fix = Fix::parse(length.name, "", &length.patch)?;
            if times == 1 || self.lab.seconds(&[fix], &[bit(0)], self.lab.seeds())? <= ALONE {
                lengths.push(times);
            }
        }
        Ok(lengths)
    }

    /// So many times the steps, named after how many that is beside those that were asked for.
    fn length(&self, current: &Measured, times: usize) -> Change {
        let more = |length: usize| length.saturating_mul(times);
        let patch = match current.config.train.length {
            Length::Steps(steps) => format!("train.steps = {}", more(steps)),
            Length::Epochs(epochs) => format!("train.epochs = {}", more(epochs)),
        };
        let steps = |measured: &Measured| measured.median(|run| run.run.steps as f64);
        let fewer = steps(current) * times as f64 <= steps(&self.search.baseline);
        let (rule, name) = if fewer { ("too-many-steps", "fewer-steps") } else { ("too-few-steps", "more-steps") };
        Change { rule, name, patch, says: format!("with {times} times the steps") }
    }

    /// Whether so many times the steps are no more than the most that is tried, of the steps as asked.
    fn in_reach(&self, current: &Measured, times: usize) -> bool {
        let steps = |measured: &Measured| measured.median(|run| run.run.steps as f64);
        steps(current) * times as f64 <= steps(&self.search.baseline) * LENGTHS[LENGTHS.len() - 1] as f64
    }

    /// What one tries when nothing that was seen says what to do: another optimizer, other units, more of them; then the same
    /// with more steps.
    pub(super) fn otherwise(&mut self, on: Set, current: &Measured) -> Result<Option<Step>> {
        let Config { model, batch, .. } = &current.config;
        let mut tried: Vec<Change> = adams(&current.config, &[1e-3, 1e-2, 1e-1]);
        let change = |rule, name, patch: String| Change { rule, name, patch, says: String::new() };
        if matches!(batch.size, BatchSize::Rows(size) if size < 32) {
            let rule = if batch.draw == Draw::Once { "one-batch" } else { "noisy-batches" };
            tried.push(change(rule, "whole-batches", "batch.size = \"all\"".to_owned()));
        }
        if model.activation.iter().any(|a| matches!(a, Activation::Sigmoid | Activation::Tanh)) {
            let patch = with_usual_weights(model, "model.activation = \"relu\"".to_owned());
            tried.push(change("bounded-units", "relu-units", patch));
        }
        if model.hidden.iter().sum::<usize>() < 64 {
            let activation = model.activation.first().copied().filter(|a| *a != Activation::Identity);
            let word = toml::Value::try_from(activation.unwrap_or(Activation::Relu));
            let word = word.map_or_else(|_| "\"relu\"".to_owned(), |word| word.to_string());
            tried.push(change(
                "few-units",
                "more-units",
                with_usual_weights(model, format!("model.hidden = [32, 32]\nmodel.activation = {word}")),
            ));
        }
        for change in &mut tried {
            change.says = format!("with {}", change.patch.replace('\n', ", "));
        }
        let mut all = Vec::new();
        let lengths = self.affordable(current, &[1, 10, 100])?;
        for times in lengths {
            let longer = (times > 1).then(|| self.length(current, times));
            let cells = tried.iter().map(|change| std::iter::once(change.clone()).chain(longer.clone()).collect());
            let steps = self.steps(on, cells.collect())?;
            let enough = steps.iter().any(|step| step.measured.enough());
            all.extend(steps);
            if enough {
                break;
            }
        }
        Ok(furthest(all))
    }

    /// Measures changes on top of `on`, those that there is time for.
    fn steps(&mut self, on: Set, cells: Vec<Vec<Change>>) -> Result<Vec<Step>> {
        let mut fixes = self.search.fixes.clone();
        let mut sets = Vec::new();
        for changes in &cells {
            let patch: Vec<&str> = changes.iter().map(|change| change.patch.as_str()).collect();
            sets.push(on | bit(fixes.len()));
            fixes.push(Fix::parse(&format!("trial {}", sets.len()), "", &patch.join("\n"))?);
        }
        // More than a set has bits for are never tried at once.
        if fixes.len() > MOST_FIXES + 20 {
            return Ok(Vec::new());
        }
        let tried = self.trial(&fixes, &sets)?;
        let changes = |set: Set| sets.iter().position(|other| *other == set).map(|at| cells[at].clone());
        let step = |(set, measured)| changes(set).map(|changes| Step { changes, measured });
        Ok(tried.into_iter().filter_map(step).collect())
    }

    /// Makes a step's changes fixes, each with a finding that says what it was seen to do; what is on then.
    pub(super) fn take(&mut self, on: Set, current: &Measured, step: &Step) -> Result<Option<(Set, Measured)>> {
        let mut set = on;
        for change in &step.changes {
            let to = &step.measured;
            let evidence = format!(
                "{}: {}, {}, instead of {}, {} (medians)",
                step.changes.iter().map(|change| change.says.as_str()).collect::<Vec<_>>().join(" and "),
                to.outcomes(),
                to.error(trimmed),
                current.outcomes(),
                current.error(trimmed)
            );
            let finding = Finding {
                rule: change.rule,
                seen_in: self.name(on),
                fix: Some(Fix::parse(change.name, &evidence, &change.patch)?),
                evidence,
                source: TRIED,
                certainty: Certainty::Possible,
            };
            let Some(fix) = self.adopt(finding, on)? else { return Ok(None) };
            // An earlier step that sets nothing else has had its day.
            let keys = self.search.fixes[fix].keys();
            let old = |at: usize| {
                at >= self.search.from_file && self.search.fixes[at].keys().iter().all(|k| keys.contains(k))
            };
            set = members(set).filter(|at| !old(*at)).map(bit).sum::<Set>() | bit(fix);
        }
        let name = self.name(set);
        Ok(Some((set, Measured { name, ..step.measured.clone() })))
    }
}

/// Adam at these rates, where the optimizer is another one.
fn adams(config: &Config, rates: &[f64]) -> Vec<Change> {
    if matches!(config.optimizer.kind, OptimizerKind::Adam { .. }) {
        return Vec::new();
    }
    let change = |rate: &f64| {
        let patch = format!("optimizer.kind = \"adam\"\noptimizer.learning_rate = {rate:?}");
        let says = format!("with {}", patch.replace('\n', ", "));
        Change { rule: "plain-descent", name: "adam", patch, says }
    };
    rates.iter().map(change).collect()
}

/// Core seconds that a length may take alone, with all seeds.
const ALONE: f64 = 20.0;
/// Times the steps that are tried, one after the other.
const LENGTHS: [usize; 5] = [3, 10, 30, 100, 300];

/// A change that is tried.
#[derive(Debug, Clone)]
pub struct Change {
    /// What the finding is called if it leads on, and the fix.
    rule: &'static str,
    pub name: &'static str,
    patch: String,
    /// The change in words.
    says: String,
}

/// Changes on top of what is on, and where they led.
#[derive(Debug, Clone)]
pub struct Step {
    pub changes: Vec<Change>,
    pub measured: Measured,
}

/// The step that is enough with the fewest changes and fits best, or else led furthest.
fn furthest(steps: Vec<Step>) -> Option<Step> {
    let changes = |step: &Step| if step.measured.enough() { step.changes.len() } else { 0 };
    steps.into_iter().max_by(|a, b| {
        let enough = a.measured.enough().cmp(&b.measured.enough());
        enough.then(changes(b).cmp(&changes(a))).then(better(&a.measured, &b.measured))
    })
}
