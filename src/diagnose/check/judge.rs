//! How each check came out.

use std::collections::BTreeMap;

use super::{ASKED, BY_HEART, Known, Rung};
use crate::diagnose::certainty::{Gain, Reached, Standard};
use crate::diagnose::observed::{Measured, Observed};
use crate::experiment::Goal;
use crate::experiment::config::Word;
use crate::results::checks::{Check, CheckVerdict};
use crate::results::rows::CheckRow;
use crate::stats::effects::Estimate;
use crate::stats::proportion::wilson;

/// A loss so many times the best constant's begins far off; one so small a part of it says nothing of the targets. As decimal
/// logarithms.
const FAR: f64 = 1.0;
const BELOW: f64 = -0.3;
/// R² of two samples that were learnt by heart.
const TWO: f64 = 0.99;
/// A gain that matters though it does not make a fit: a fifth of the error, in tenfolds.
const MUCH: f64 = 0.1;
const CONFIDENCE: f64 = 0.95;

/// The rows of `checks.csv`: of every rung in the ladder's order, and of the loss at the start. `measured` are the variants that
/// were trained, by name; `constants` has the best constant's loss of each seed of the set-up as asked.
pub fn judge(rungs: &[Rung], known: &Known, measured: &BTreeMap<String, Measured>, constants: &[f64]) -> Vec<CheckRow> {
    let Some(asked) = measured.get(ASKED) else { return Vec::new() };
    let judge = Judge { rungs, measured, asked, standard: Standard { confidence: CONFIDENCE } };
    let mut rows = vec![judge.start(constants)];
    for &(_, check) in Check::WORDS {
        let mut own: Vec<&Rung> = rungs.iter().filter(|rung| rung.check == check).collect();
        own.sort_by(|a, b| a.at.total_cmp(&b.at));
        match check {
            Check::Start => {}
            Check::HowOften => rows.push(judge.how_often()),
            Check::Overfit => rows.extend(own.iter().map(|rung| judge.overfit(rung))),
            Check::Blind | Check::Permuted => rows.extend(own.iter().map(|rung| judge.control(rung))),
            Check::Rate | Check::Samples | Check::Units if own.is_empty() => {}
            Check::Rate | Check::Samples | Check::Units => rows.extend(judge.map(check, &own, known)),
        }
    }
    rows
}

struct Judge<'a> {
    rungs: &'a [Rung],
    measured: &'a BTreeMap<String, Measured>,
    asked: &'a Measured,
    standard: Standard,
}

/// A row of a variant that was not trained.
fn left_out(rung: &Rung) -> CheckRow {
    CheckRow {
        check: rung.check,
        at: rung.at,
        variant: String::new(),
        seeds: 0,
        passing: 0,
        value: f64::NAN,
        low: f64::NAN,
        high: f64::NAN,
        verdict: CheckVerdict::LeftOut,
    }
}

impl Judge<'_> {
    /// Whether the set-up as asked fits.
    fn reached(&self) -> Reached {
        self.standard.reached(self.asked)
    }

    fn start(&self, constants: &[f64]) -> CheckRow {
        let first = |run: &Observed| run.curve.first().map_or(f64::NAN, |point| point.test_loss);
        let ratio = |(run, constant): (&Observed, &f64)| (first(run) / constant).log10();
        let ratios: Vec<f64> = self.asked.runs.iter().zip(constants).map(ratio).collect();
        let lost = self.asked.mostly(|run| !first(run).is_finite());
        let known: Vec<f64> = ratios
            .iter()
            .copied()
            // A loss of 0 is as far below as anything can be told.
            .map(|ratio| if ratio == f64::NEG_INFINITY { -16.0 } else { ratio })
            .filter(|ratio| ratio.is_finite())
            .collect();
        let estimate = Estimate::at(CONFIDENCE, &known);
        let far = estimate.low > FAR || (known.len() < 2 && estimate.mean > FAR);
        let below = estimate.high < BELOW;
        let verdict = match () {
            () if lost => CheckVerdict::Fails,
            () if estimate.mean.is_nan() => CheckVerdict::Tells,
            // What gets over it has no fault there.
            () if (far || below) && self.reached() == Reached::Yes => CheckVerdict::Tells,
            () if far || below => CheckVerdict::Fails,
            () if estimate.mean > FAR || estimate.mean < BELOW => CheckVerdict::CannotBeTold,
            () => CheckVerdict::Passes,
        };
        CheckRow {
            check: Check::Start,
            at: f64::NAN,
            variant: ASKED.to_owned(),
            seeds: self.asked.runs.len(),
            passing: known.iter().filter(|ratio| (BELOW..=FAR).contains(*ratio)).count(),
            value: estimate.mean,
            low: estimate.low,
            high: estimate.high,
            verdict,
        }
    }

    fn how_often(&self) -> CheckRow {
        let verdict = match self.reached() {
            _ if self.asked.by_heart() => CheckVerdict::Tells,
            Reached::Yes => CheckVerdict::Passes,
            Reached::No => CheckVerdict::Fails,
            Reached::Unclear => CheckVerdict::CannotBeTold,
        };
        share(Check::HowOften, f64::NAN, self.asked, self.asked.runs.len(), self.asked.fitting(), verdict)
    }

    /// Of more samples than two, whether what is a fit of all is reached on them, as far as chance among so few allows.
    fn overfit(&self, rung: &Rung) -> CheckRow {
        let Some(measured) = self.measured.get(&rung.name) else { return left_out(rung) };
        if rung.at == BY_HEART[0] as f64 {
            return learnt_by_heart(rung, measured);
        }
        let samples = rung.at;
        let wanted = |run: &Observed| {
            let theirs = self.asked.runs.iter().find(|asked| asked.run.seed == run.run.seed);
            let health = theirs.map_or(&run.health, |theirs| &theirs.health);
            let Goal { accuracy, r2 } = self.asked.asked;
            if self.asked.of_numbers() {
                let goal = r2.unwrap_or(health.goal_r2);
                return (1.0 - 2.0 * (1.0 - goal)).max(goal / 2.0);
            }
            let goal = accuracy.unwrap_or(health.goal_accuracy);
            let margin = 2.0 * (samples * goal * (1.0 - goal)).max(0.0).sqrt();
            ((goal * samples).floor() - margin) / samples
        };
        reached(rung, measured, wanted, self.standard)
    }

    /// What the set-up as asked gains over the same with a part of its data that says nothing.
    fn control(&self, rung: &Rung) -> CheckRow {
        let Some(measured) = self.measured.get(&rung.name) else { return left_out(rung) };
        let (gain, estimate) = self.standard.gain(self.asked, measured);
        let constant = self.asked.mostly(|run| run.closeness() == 0.0);
        let verdict = match gain {
            // Of targets that are all the same there is nothing to learn.
            _ if !self.asked.varied() => CheckVerdict::Tells,
            Gain::More => CheckVerdict::Passes,
            Gain::Same | Gain::Less => CheckVerdict::Fails,
            // No better than a constant, as whatever has no inputs.
            Gain::Unclear if constant => CheckVerdict::Fails,
            Gain::Unclear => CheckVerdict::CannotBeTold,
        };
        let learnt = |run: &Observed| run.run.train_rmse.is_some_and(|rmse| rmse < 0.5 * run.health.mean_rmse);
        let row = gained(rung, measured, estimate, verdict);
        if rung.check == Check::Permuted { CheckRow { passing: measured.count(learnt), ..row } } else { row }
    }

    /// Other values of one thing: whether the set-up as asked does well enough among them.
    fn map(&self, check: Check, own: &[&Rung], known: &Known) -> Vec<CheckRow> {
        let tried: Vec<(&Rung, &Measured)> =
            own.iter().filter_map(|rung| Some((*rung, self.measured.get(&rung.name)?))).collect();
        // Who looks at several must ask more of each (Bonferroni).
        let strict = Standard { confidence: 1.0 - (1.0 - CONFIDENCE) / tried.len().max(1) as f64 };
        let better = |(_, measured): &(&Rung, &Measured)| {
            let (gain, estimate) = strict.gain(measured, self.asked);
            gain == Gain::More && (estimate.mean > MUCH || self.standard.reached(measured) == Reached::Yes)
        };
        let verdict = match self.reached() {
            _ if tried.is_empty() => CheckVerdict::LeftOut,
            _ if !self.asked.varied() => CheckVerdict::Tells,
            Reached::Yes => CheckVerdict::Passes,
            _ if check == Check::Samples => self.samples(&strict, &tried),
            Reached::No if tried.iter().any(better) => CheckVerdict::Fails,
            Reached::Unclear if tried.iter().any(better) => CheckVerdict::CannotBeTold,
            _ => CheckVerdict::Tells,
        };
        let row = |rung: &&Rung| match self.measured.get(&rung.name) {
            Some(measured) => {
                let estimate = Estimate::at(strict.confidence, &measured.gains_over(self.asked));
                gained(rung, measured, estimate, verdict)
            }
            None => left_out(rung),
        };
        let mut rows: Vec<CheckRow> = own.iter().map(row).collect();
        let config = &self.asked.config;
        let at = match check {
            Check::Rate => config.optimizer.learning_rate,
            Check::Units => config.model.hidden.iter().sum::<usize>() as f64,
            _ => known.samples as f64,
        };
        let beside_itself = Estimate { mean: 0.0, low: 0.0, high: 0.0, p: 1.0 };
        let asked = Rung { check, at, name: ASKED.to_owned(), config: config.clone() };
        let place = rows.iter().position(|row| row.at > at).unwrap_or(rows.len());
        rows.insert(place, gained(&asked, self.asked, beside_itself, verdict));
        rows
    }

    /// More samples are what is missing where fewer do worse, and the rows that were learnt are predicted far better than others.
    fn samples(&self, strict: &Standard, tried: &[(&Rung, &Measured)]) -> CheckVerdict {
        let Some((_, half)) = tried.last() else { return CheckVerdict::LeftOut };
        let falls = strict.gain(self.asked, half).0 == Gain::More;
        let gap = self.asked.median(|run| run.run.train_rmse.unwrap_or(f64::NAN) / run.run.test_rmse);
        let by_heart = self.rungs.iter().filter(|rung| rung.check == Check::Overfit);
        let learns = by_heart
            .filter_map(|rung| self.measured.get(&rung.name))
            .all(|measured| measured.median(|run| run.closeness()) > 0.5);
        match self.reached() {
            _ if !(falls && gap < 0.7 && learns) => CheckVerdict::Tells,
            Reached::Unclear => CheckVerdict::CannotBeTold,
            _ => CheckVerdict::Fails,
        }
    }
}

/// Whether two samples are learnt by heart.
pub fn learnt_by_heart(rung: &Rung, measured: &Measured) -> CheckRow {
    let wanted = |_: &Observed| if measured.of_numbers() { TWO } else { 1.0 };
    reached(rung, measured, wanted, Standard { confidence: CONFIDENCE })
}

/// On how many seeds the samples are learnt as well as is wanted.
fn reached(rung: &Rung, measured: &Measured, wanted: impl Fn(&Observed) -> f64, standard: Standard) -> CheckRow {
    let score = |run: &Observed| if measured.of_numbers() { run.run.r2 } else { run.run.accuracy };
    // Of targets that do not vary among so few samples nothing can be said.
    let counted = |run: &&Observed| {
        let varied = run.health.target_std > 0.0 || !measured.of_numbers();
        varied && !wanted(run).is_nan() && (run.diverged() || !score(run).is_nan())
    };
    let runs: Vec<&Observed> = measured.runs.iter().filter(counted).collect();
    if runs.is_empty() {
        return CheckRow { variant: rung.name.clone(), verdict: CheckVerdict::Tells, ..left_out(rung) };
    }
    let passing = runs.iter().filter(|run| !run.diverged() && score(run) >= wanted(run)).count();
    let verdict = match standard.told(passing, runs.len()) {
        Reached::Yes => CheckVerdict::Passes,
        Reached::No => CheckVerdict::Fails,
        Reached::Unclear => CheckVerdict::CannotBeTold,
    };
    share(Check::Overfit, rung.at, measured, runs.len(), passing, verdict)
}

fn share(check: Check, at: f64, of: &Measured, seeds: usize, passing: usize, verdict: CheckVerdict) -> CheckRow {
    let [low, high] = wilson(passing, seeds, CONFIDENCE);
    let value = passing as f64 / seeds as f64;
    CheckRow { check, at, variant: of.name.clone(), seeds, passing, value, low, high, verdict }
}

fn gained(rung: &Rung, measured: &Measured, gain: Estimate, verdict: CheckVerdict) -> CheckRow {
    CheckRow {
        check: rung.check,
        at: rung.at,
        variant: rung.name.clone(),
        seeds: measured.runs.len(),
        passing: measured.fitting(),
        value: gain.mean,
        low: gain.low,
        high: gain.high,
        verdict,
    }
}
