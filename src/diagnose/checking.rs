//! The ladder of checks from its first run to its last file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};

use super::check::constant::best_constant;
use super::check::{ASKED, Known, LEAST_SEEDS, Rung, judge, ladder};
use super::laboratory::{Interrupted, measured, place, seconds_of, seeds_up_to};
use crate::data::{Files, RunData, batch_rows, training_rows, updates};
use crate::experiment::Experiment;
use crate::experiment::config::{Config, Draw, Split};
use crate::report::checks;
use crate::results::clear::clear;
use crate::results::files::Unplaced;
use crate::results::folder::Folder;
use crate::results::lock::{ANOTHER, Lock};
use crate::results::manifest::{CHECK, Manifest};
use crate::results::names::{CHECKS, MANIFEST};
use crate::results::rows::{self, CheckRow};
use crate::run::runner::Runner;
use crate::text::note::note;
use crate::text::numbers::plural;

/// Core seconds that the checks may take.
const BUDGET: f64 = 18.0;

/// Checks that were measured.
pub struct Checked {
    /// What there is to say.
    pub text: String,
    pub rows: Vec<CheckRow>,
    pub trained: usize,
    pub seconds: f64,
    /// About how many seconds of one core the checks would take that were left out.
    pub seconds_left_out: f64,
}

/// Checks an experiment's baseline, into the folder `path`; `all` takes no account of time.
pub fn check(runner: &Runner, experiment: &Experiment, path: &Path, fresh: bool, all: bool) -> Result<Checked> {
    let started = Instant::now();
    let held = Files::read(std::iter::once(&experiment.baseline))?.seeds(&experiment.baseline.model);
    let seeds = seeds_up_to(&experiment.seeds, experiment.seeds.len().max(LEAST_SEEDS), held.as_deref());
    let mut experiment = experiment.clone();
    experiment.seeds = seeds;
    let mut asked = experiment.baseline.clone();
    asked.data.split = Split::Test;
    let known = known(&experiment, &asked)?;
    let rungs = ladder(&asked, &known);
    let mut question = of(&experiment, &rungs[..1]);
    let files = Files::of(&mut question)?;
    let hash = format!("{CHECK}{}", runner.hash(&question, files.hashes()));
    runner.check(&question, &[0], &files)?;
    files.notes().into_iter().for_each(note);

    let lock = Arc::new(Lock::take(path, ANOTHER)?);
    if fresh {
        clear(path)?;
    }
    Folder::check(path, &experiment, &hash)?;
    let Affordable { rungs, chosen, seeds, seconds_left_out } = Affordable::of(runner, &experiment, &rungs, all)?;
    let mut climbed = of(&experiment, &chosen);
    let files = Files::of(&mut climbed)?;
    let taken = &experiment.seeds[..seeds];
    let mut runs = climbed.runs(&(0..chosen.len()).collect::<Vec<_>>());
    runs.retain(|run| run.variant == 0 || taken.contains(&run.seed));
    let report = runner.run(&climbed, &runs, &files, &place(path, &hash, fresh, Some(lock.clone())))?;
    if let Some(signal) = report.interrupted {
        return Err(Interrupted(signal).into());
    }
    let found = measured(&climbed, &runs, path)?;
    let found: BTreeMap<_, _> = found.into_iter().map(|measured| (measured.name.clone(), measured)).collect();
    let constants = experiment.seeds.iter().map(|&seed| {
        let data = RunData::new(&asked, seed, &files)?;
        Ok(best_constant(&asked, &data))
    });
    let rows = judge(&rungs, &known, &found, &constants.collect::<Result<Vec<_>>>()?);
    lock.holds()?;
    let mut manifest = Manifest::read(&path.join(MANIFEST))?
        .with_context(|| format!("{}: has no {MANIFEST} any more", path.display()))?;
    let table = rows::table(&rows);
    let written = Unplaced::write(&path.join(CHECKS), |file| Ok(file.write_all(table.as_bytes())?))?;
    manifest.place(path, vec![(CHECKS, written)])?;
    let mut text = checks::text(&experiment.title, &rows);
    if seconds_left_out > 0.0 {
        text += &format!("Left out: about {seconds_left_out:.0} s of one core; --all measures that too.\n");
    }
    let (trained, seconds) = (report.trained, started.elapsed().as_secs_f64());
    let runs = plural(trained, "run", "runs");
    text += &format!("\n{runs} in {seconds:.1} s: {}\n", path.join(CHECKS).display());
    Ok(Checked { text, rows, trained, seconds, seconds_left_out })
}

/// What is to be known of the set-up as asked, before any of it is trained.
fn known(experiment: &Experiment, asked: &Config) -> Result<Known> {
    let files = Files::of(&mut experiment.with_variants(vec![(ASKED.to_owned(), asked.clone())]))?;
    let rows = training_rows(asked, &files)?;
    let batch = batch_rows(&asked.batch, rows)?;
    let samples = if asked.batch.draw == Draw::Once { batch } else { rows };
    Ok(Known { samples, updates: updates(asked, rows)? })
}

/// The experiment whose variants these are.
fn of(experiment: &Experiment, rungs: &[Rung]) -> Experiment {
    experiment.with_variants(rungs.iter().map(|rung| (rung.name.clone(), rung.config.clone())).collect())
}

/// What is trained.
struct Affordable {
    /// All rungs that can be trained.
    rungs: Vec<Rung>,
    /// Those of them that there is time for; the set-up as asked and the first samples to learn by heart always are.
    chosen: Vec<Rung>,
    /// How many seeds each has; the set-up as asked has all.
    seeds: usize,
    /// About how many seconds of one core the others would take.
    seconds_left_out: f64,
}

impl Affordable {
    /// Rather with fewer seeds than not at all.
    fn of(runner: &Runner, experiment: &Experiment, ladder: &[Rung], all: bool) -> Result<Self> {
        let asked = experiment.seeds.len();
        let mut rungs: Vec<(Rung, f64)> = Vec::new();
        for rung in ladder {
            let mut alone = of(experiment, std::slice::from_ref(rung));
            let files = Files::of(&mut alone)?;
            // What cannot be trained otherwise than as asked is not checked.
            if rung.name == ASKED || runner.check(&alone, &[0], &files).is_ok() {
                rungs.push((rung.clone(), seconds_of(runner, &alone, &files)? / asked as f64));
            }
        }
        let seconds = |at: usize, seeds: usize| rungs[at].1 * if at == 0 { asked } else { seeds } as f64;
        let total = |seeds: &usize| (0..rungs.len()).map(|at| seconds(at, *seeds)).sum::<f64>();
        let fewer = [asked, 2 * LEAST_SEEDS, LEAST_SEEDS].into_iter().filter(|seeds| *seeds <= asked);
        let seeds = if all { Some(asked) } else { fewer.into_iter().find(|seeds| total(seeds) <= BUDGET) };
        // A module may begin otherwise with fewer.
        let seeds = seeds.unwrap_or(LEAST_SEEDS).min(asked);
        let (mut chosen, mut left, mut seconds_left_out) = (Vec::new(), BUDGET, 0.0);
        for (at, (rung, _)) in rungs.iter().enumerate() {
            if at < 2 || all || seconds(at, seeds) <= left {
                left -= seconds(at, seeds);
                chosen.push(rung.clone());
            } else {
                seconds_left_out += seconds(at, asked);
            }
        }
        Ok(Affordable { chosen, seeds, seconds_left_out, rungs: rungs.into_iter().map(|(rung, _)| rung).collect() })
    }
}
