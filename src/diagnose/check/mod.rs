//! The ladder of checks that every guide asks for, each measured over the seeds: what is trained for it, and how it is judged.
//!
//! The set-up as asked is trained, and variants of it that differ in one thing: few samples to learn by heart, inputs or targets
//! that say nothing, other learning rates, fewer samples, other numbers of units.

pub mod constant;
mod judge;

use crate::experiment::config::*;
use crate::results::checks::Check;

pub use judge::{judge, learnt_by_heart};

pub use crate::report::checks::ASKED;
/// Seeds that the checks have at least: five that all do what is asked are the fewest that tell.
pub const LEAST_SEEDS: usize = 5;
/// Samples that are to be learnt by heart.
pub const BY_HEART: [usize; 3] = [2, 8, 32];
/// Updates for that at least: how long the set-up trains is not what is asked.
const UPDATES_BY_HEART: usize = 2000;
/// Hidden units that are tried, at most.
const MOST_UNITS: f64 = 4096.0;

/// What is trained for one row of the table.
#[derive(Debug, Clone)]
pub struct Rung {
    pub check: Check,
    /// See [`crate::results::rows::CheckRow::at`].
    pub at: f64,
    pub name: String,
    pub config: Config,
}

/// What is known of the set-up as asked.
pub struct Known {
    /// Training samples that its batches hold.
    pub samples: usize,
    /// Updates of a run.
    pub updates: usize,
}

/// All that is to be trained, what is most worth knowing first.
pub fn ladder(asked: &Config, known: &Known) -> Vec<Rung> {
    let mut rungs = vec![rung(Check::HowOften, f64::NAN, ASKED.to_owned(), asked.clone())];
    rungs.push(by_heart(asked, known.updates, BY_HEART[0]));
    for (check, control) in [(Check::Blind, Control::Blind), (Check::Permuted, Control::Permuted)] {
        let mut config = asked.clone();
        config.data.control = control;
        rungs.push(rung(check, f64::NAN, control.word().to_owned(), config));
    }
    rungs.extend(
        BY_HEART[1..]
            .iter()
            .filter(|samples| **samples < known.samples)
            .map(|samples| by_heart(asked, known.updates, *samples)),
    );
    // From near to far, so that what is left out is what is furthest.
    rungs.extend([-1, 1].map(|tenfolds| with_rate(asked, f64::from(tenfolds))));
    rungs.extend(with_samples(asked, known, 2));
    rungs.extend([2.0, 0.5].iter().filter_map(|times| with_units(asked, *times)));
    rungs.extend([-0.5, 0.5, -2.0, 2.0].map(|tenfolds| with_rate(asked, tenfolds)));
    rungs.extend(with_samples(asked, known, 4));
    rungs.extend([4.0, 0.25].iter().filter_map(|times| with_units(asked, *times)));
    rungs.extend(with_samples(asked, known, 8));
    rungs.extend([-3.0, 3.0].map(|tenfolds| with_rate(asked, tenfolds)));
    // Two ways may lead to the same.
    let mut seen: Vec<String> = Vec::new();
    rungs.retain(|rung| {
        !seen.contains(&rung.name) && (rung.name == ASKED || rung.config != *asked) && {
            seen.push(rung.name.clone());
            true
        }
    });
    rungs
}

fn rung(check: Check, at: f64, name: String, config: Config) -> Rung {
    Rung { check, at, name, config }
}

/// So few samples, all of them at every step, tested on themselves, and nothing that keeps a network from learning by heart.
pub fn by_heart(asked: &Config, updates: usize, samples: usize) -> Rung {
    let mut config = asked.clone();
    let data = &mut config.data;
    data.rows = Some(samples);
    data.noise = 0.0;
    data.test = if data.target.file().is_some() { Test::Rows } else { Test::Train };
    (data.holdout, data.holdout_rows, data.split) = (Holdout::Share(0.0), None, Split::Learnt);
    config.batch = Batch { size: BatchSize::All(All::All), draw: Draw::Once, last: LastBatch::RunOn };
    config.model.dropout.clear();
    (config.loss.l1, config.loss.l2) = (0.0, 0.0);
    *config.optimizer.kind.weight_decay_mut() = 0.0;
    config.train.stop = None;
    config.train.length = Length::Steps(updates.max(UPDATES_BY_HEART));
    rung(Check::Overfit, samples as f64, format!("overfit-{samples}"), config)
}

fn with_rate(asked: &Config, tenfolds: f64) -> Rung {
    let mut config = asked.clone();
    let rate = &mut config.optimizer.learning_rate;
    *rate = crate::diagnose::rules::before::one_digit(*rate * 10_f64.powf(tenfolds));
    let rate = *rate;
    rung(Check::Rate, rate, format!("rate-{rate:?}"), config)
}

/// A part of the samples, in as many updates.
fn with_samples(asked: &Config, known: &Known, part: usize) -> Option<Rung> {
    let samples = known.samples / part;
    let endless = asked.batch.draw == Draw::Fresh && matches!(asked.data.inputs, Some(Inputs::Uniform(_)));
    if samples < 8 || endless {
        return None;
    }
    let mut config = asked.clone();
    config.data.rows = Some(samples);
    if let BatchSize::Rows(size) = &mut config.batch.size {
        *size = (*size).min(samples);
    }
    config.train.length = Length::Steps(known.updates);
    Some(rung(Check::Samples, samples as f64, format!("samples-{samples}"), config))
}

/// So many times as wide.
fn with_units(asked: &Config, times: f64) -> Option<Rung> {
    let mut config = asked.clone();
    let hidden = &mut config.model.hidden;
    hidden.iter_mut().for_each(|units| *units = ((*units as f64 * times).round() as usize).max(1));
    let units = hidden.iter().sum::<usize>();
    let bounded = !hidden.is_empty() && hidden.iter().all(|units| *units as f64 <= MOST_UNITS);
    bounded.then(|| rung(Check::Units, units as f64, format!("units-{units}"), config))
}
