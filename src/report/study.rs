//! What a report tells of a results folder, gathered from its files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::{Result, ensure};

use super::ablation::{self, AblationEffect, Cell};
use super::baselines::{self, BaselineGroup};
use super::curves::{self, Curve};
use super::frameworks;
use super::functions::{self, Function};
use super::names;
use super::outputs::{self, OutputScore};
use super::published;
use super::scores::{self, Measure, Scored};
use super::summary::{Middle, VariantSummary, badness, by_badness, score, worth_listing};
use super::variant::StudyVariant;
use crate::experiment::BASELINE;
use crate::results::input;
use crate::results::integrity::Integrity;
use crate::results::manifest::{Manifest, ManifestVariant, named_as_ablations_are};
use crate::results::names::{CHECKS, EFFECTS, FINDINGS, MANIFEST, VERDICTS};
use crate::results::outcome::Outcome;
use crate::results::read::{self, Runs, Trust};
use crate::results::rows::{CheckRow, EffectKind, EffectRow, FindingRow, HealthRow, RunRow, VerdictRow};
use crate::results::run_file::RunFile;
use crate::text::numbers::plural;
use crate::text::one_line;

/// Variants of which curves and functions are drawn, at most.
const MOST_DRAWN: usize = 6;
/// Variants that a plot of points has, and the table before it is folded.
const MOST_POINTS: usize = 40;

pub struct Study {
    pub name: String,
    pub title: String,
    pub manifest: Option<Manifest>,
    /// Names of the fixes, each with the reason for it.
    pub fixes: Vec<(String, String)>,
    /// All that have runs, in the experiment's order.
    pub variants: Vec<StudyVariant>,
    /// A short name for each.
    names: Vec<String>,
    /// Of which curves and functions are drawn, and which stand in the plot of points; by place.
    pub drawn: Vec<usize>,
    pub listed: Vec<usize>,
    /// By place among the variants; of those that are drawn and those whose error while training a table shows.
    pub curves: BTreeMap<usize, Curve>,
    pub functions: BTreeMap<usize, Function>,
    /// By place among the variants; of those that are drawn and have several outputs.
    pub outputs: BTreeMap<usize, Vec<OutputScore>>,
    /// What simple predictors reach: on points of a function where all runs have the same, on rows of a file always.
    pub baselines: Vec<BaselineGroup>,
    pub published: Vec<[String; 5]>,
    pub effects: Vec<AblationEffect>,
    /// The smallest sets of fixes that a diagnosis found to be enough, or the best set where none is. Verdicts are judged
    /// beside the first one.
    pub chosen: Vec<ChosenSet>,
    pub findings: Vec<FindingRow>,
    /// What a diagnosis found each fix to be worth.
    pub verdicts: Vec<VerdictRow>,
    /// The ladder of checks.
    pub checks: Vec<CheckRow>,
    /// What could not be shown, a line each.
    pub notes: Vec<String>,
}

/// A set of fixes that a diagnosis names.
pub struct ChosenSet {
    pub fixes: Vec<String>,
    /// Whether it is enough, perhaps enough or the best.
    pub kind: EffectKind,
    /// How close it comes, a mean over the seeds in tenfolds of error below a constant's.
    pub closeness: f64,
    /// The place of the variant with these fixes.
    pub variant: Option<usize>,
}

impl Study {
    pub fn read(folder: &Path) -> Result<Self> {
        let runs = read::runs_with_settings(folder)?;
        ensure!(
            !runs.rows.is_empty(),
            "{}: has no runs yet: train some with misfit run",
            folder.join("runs.csv").display()
        );
        let mut notes = Vec::new();
        let manifest = match Manifest::read(&folder.join(MANIFEST)) {
            Ok(manifest) => manifest,
            Err(error) => {
                notes.push(format!("{error:#}"));
                None
            }
        };
        if manifest.is_none() && notes.is_empty() {
            notes.push(format!("There is no {MANIFEST}, so nothing says what was run and how."));
        }
        let name = manifest.as_ref().map_or_else(
            || folder.file_name().map_or_else(|| "results".to_owned(), |name| name.to_string_lossy().into_owned()),
            |manifest| manifest.name.clone(),
        );
        let fixes = fixes(manifest.as_ref(), &runs);
        let swept = swept(manifest.as_ref(), &runs);
        let variants = variants(manifest.as_ref(), &fixes, &swept, runs);
        let (drawn, listed) = selection(&variants);
        let shown = listed.iter().filter(|&&at| !variants[at].combination).chain(&drawn);
        let shown: BTreeMap<&str, usize> = shown.map(|&at| (variants[at].name.as_str(), at)).collect();
        let (integrity, curves) = integrity_and_curves(folder, manifest.as_ref(), &shown);
        notes.extend(manifest.iter().filter_map(|manifest| {
            frameworks::said(manifest.variants.iter().map(|variant| (variant.name.as_str(), variant.framework)))
        }));
        notes.extend(integrity.changed().map(|name| {
            format!(
                "{}: is not as misfit wrote it, its SHA-256 is not the one in {MANIFEST}",
                folder.join(name).display()
            )
        }));
        let curves = curves.map(|curves| whole_curves(curves, &variants, shown.values(), folder, &mut notes));
        let curves = optional(curves, &mut notes).unwrap_or_default();
        let health = optional(read::health(folder), &mut notes).unwrap_or_default();
        let trust = integrity.trust(RunFile::Predictions.name());
        let functions = functions::read(folder, trust, &variants, &drawn, manifest.as_ref(), &health);
        let functions = optional(functions, &mut notes);
        // What cannot be read is said once.
        let outputs = match functions {
            Some(_) => optional(outputs_of(folder, trust, &variants, &drawn), &mut notes).unwrap_or_default(),
            None => BTreeMap::new(),
        };
        let functions = functions.unwrap_or_default();
        let published = manifest.as_ref().map_or(&[][..], |manifest| &manifest.published);
        let rows: Vec<RunRow> = variants.iter().flat_map(|variant| variant.runs.iter().cloned()).collect();
        let published = optional(published::rows(published, &rows, folder, trust), &mut notes).unwrap_or_default();
        let baselines = baseline_groups(manifest.as_ref(), &variants, &health);
        let there = |name: &str| Ok::<_, anyhow::Error>(input::about(&folder.join(name))?.is_some());
        let findings = there(FINDINGS)?.then(|| read::findings(folder));
        let findings = findings.and_then(|read| optional(read, &mut notes)).unwrap_or_default();
        let verdicts = there(VERDICTS)?.then(|| read::verdicts(folder));
        let verdicts = verdicts.and_then(|read| optional(read, &mut notes)).unwrap_or_default();
        let checks = there(CHECKS)?.then(|| read::checks(folder));
        let checks = checks.and_then(|read| optional(read, &mut notes)).unwrap_or_default();
        // What was written before there were verdicts has another unit.
        let told = match (there(EFFECTS)?, there(VERDICTS)?) {
            (true, true) => optional(read::effects(folder), &mut notes),
            (true, false) => {
                notes.push(format!(
                    "{}: is of a misfit before December 2026, whose gains had another unit, so they are not shown: run misfit diagnose again",
                    folder.join(EFFECTS).display()
                ));
                None
            }
            (false, _) => None,
        };
        let chosen = chosen(&fixes, &variants, told.iter().flatten());
        let effects = match told {
            Some(told) => named(&fixes, &told),
            None => effects(&fixes, &variants),
        };
        Ok(Study {
            title: manifest.as_ref().map_or_else(|| name.clone(), |manifest| manifest.title.clone()),
            names: names::short_names(&variants, &fixes, &swept),
            name,
            manifest,
            fixes,
            variants,
            drawn,
            listed,
            curves,
            functions,
            outputs,
            baselines,
            published,
            effects,
            chosen,
            findings,
            verdicts,
            checks,
            notes,
        })
    }

    /// How many runs ended in each outcome.
    pub fn outcomes(&self) -> Vec<(Outcome, usize)> {
        Outcome::counted(|outcome| self.variants.iter().map(|variant| variant.summary.count(outcome)).sum())
    }

    /// The set-up as asked.
    pub fn baseline(&self) -> Option<&StudyVariant> {
        baseline(&self.variants)
    }

    /// A variant's name where there is little room.
    pub fn short_name(&self, at: usize) -> String {
        self.names[at].clone()
    }

    /// The curves that are drawn; those of the table alone are left out.
    pub fn drawn_curves(&self) -> impl Iterator<Item = (usize, &Curve)> {
        self.curves.iter().map(|(&at, curve)| (at, curve)).filter(|(at, _)| self.drawn.contains(at))
    }

    /// The steps at which runs of a variant that diverged were last seen with a finite error, and how many there.
    pub fn ended(&self, at: usize) -> Vec<(f64, usize)> {
        let last = self.curves.get(&at).map(|curve| &curve.last_finite);
        let mut ended: BTreeMap<usize, usize> = BTreeMap::new();
        for run in self.variants[at].runs.iter().filter(|run| run.outcome == Outcome::Diverged) {
            *ended.entry(last.and_then(|last| last.get(&run.seed)).copied().unwrap_or(0)).or_default() += 1;
        }
        ended.into_iter().map(|(step, count)| (step as f64, count)).collect()
    }

    /// Which of a variant's runs is shown.
    pub fn middle_run(&self, at: usize, function: &Function) -> String {
        let variant = &self.variants[at];
        let by = if Measure::of(&variant.summary) == Measure::Accuracy { "accuracy" } else { "error" };
        format!("seed {}, the run with the median {by} of {}", function.seed, variant.runs.len())
    }

    /// What the variants are scored by.
    pub fn measures(&self) -> Vec<Measure> {
        Measure::among(self.variants.iter().map(|variant| &variant.summary))
    }

    /// These variants with their scores.
    pub fn scored(&self, these: &[usize]) -> Vec<Scored<'_>> {
        these.iter().map(|&at| self.variants[at].scored()).collect()
    }

    /// Median over a variant's runs of the lowest test error that each had at any logged step, of numbers; none where its
    /// curves are not at hand.
    pub fn lowest_rmse(&self, at: usize) -> Option<f64> {
        let (variant, lowest) = (&self.variants[at], &self.curves.get(&at)?.lowest);
        let errors = variant.runs.iter().map(|run| lowest.get(&run.seed).copied().unwrap_or(f64::INFINITY));
        let middle = Middle::of(errors).filter(|_| Measure::of(&variant.summary) == Measure::Rmse);
        middle.map(|middle| middle.median)
    }

    /// What these variants are measured on, and a sentence on those that are not.
    pub fn measured_on(&self, these: &[usize]) -> (&'static str, Option<String>) {
        let of = |&at: &usize| (self.variants[at].name.as_str(), self.variants[at].on_training_rows);
        scores::measured_on(&these.iter().map(of).collect::<Vec<_>>())
    }

    pub fn runs(&self) -> usize {
        self.variants.iter().map(|variant| variant.runs.len()).sum()
    }
}

impl StudyVariant {
    pub fn scored(&self) -> Scored<'_> {
        Scored { summary: &self.summary, on_training_rows: self.on_training_rows }
    }
}

/// The variant without fixes, the one that is called so where there are several.
fn baseline(variants: &[StudyVariant]) -> Option<&StudyVariant> {
    let unfixed = || variants.iter().filter(|variant| !variant.on.contains(&true));
    unfixed().find(|variant| variant.name == BASELINE).or_else(|| unfixed().next())
}

/// Whether the folder's files are as misfit wrote them, and the curves of these variants.
fn integrity_and_curves(
    folder: &Path,
    manifest: Option<&Manifest>,
    shown: &BTreeMap<&str, usize>,
) -> (Integrity, Result<BTreeMap<usize, Curve>>) {
    let read = |trust: Trust| curves::read(folder, trust, shown, None);
    let Some(manifest) = manifest else { return (Integrity::default(), read(Trust::Nothing)) };
    // Both take seconds for a large file. What is read before it is known to be as it was written is thrown away if it is not.
    let (integrity, early) = std::thread::scope(|scope| {
        let early = scope.spawn(|| read(Trust::AsWritten));
        (Integrity::of(folder, manifest), early.join())
    });
    match (integrity.trust(RunFile::Curves.name()), early) {
        (Trust::AsWritten, Ok(curves)) => (integrity, curves),
        _ => (integrity, read(Trust::Nothing)),
    }
}

/// The curves of the variants at these places that have all the rows of their runs; which have not is noted.
fn whole_curves<'a>(
    mut curves: BTreeMap<usize, Curve>,
    variants: &[StudyVariant],
    shown: impl Iterator<Item = &'a usize>,
    folder: &Path,
    notes: &mut Vec<String>,
) -> BTreeMap<usize, Curve> {
    let faults = shown.filter_map(|at| {
        let fault = torn(curves.get(at), &variants[*at])?;
        curves.remove(at);
        Some(fault)
    });
    let faults: Vec<String> = faults.collect();
    if let Some(first) = faults.first() {
        let path = folder.join(RunFile::Curves.name());
        let more = match faults.len() - 1 {
            0 => String::new(),
            more => format!(" and those of {}", plural(more, "more variant", "more variants")),
        };
        notes.push(format!("{}: lacks {first}{more}, so their curves are not shown", path.display()));
    }
    curves
}

/// What a variant's curves lack of the steps that its runs made.
fn torn(curve: Option<&Curve>, variant: &StudyVariant) -> Option<String> {
    let last = |run: &RunRow| curve.and_then(|curve| curve.last.get(&run.seed)).copied();
    let run = variant.runs.iter().find(|run| last(run) != Some(run.steps))?;
    let of = format!("the rows of variant {:?} with seed {}", one_line(&variant.name), run.seed);
    Some(match last(run) {
        None => of,
        Some(last) => format!("{of} up to step {} (they end at {last})", run.steps),
    })
}

/// What a report can do without: why it is not there is said in it.
fn optional<T>(part: Result<T>, notes: &mut Vec<String>) -> Option<T> {
    match part {
        Ok(part) => Some(part),
        Err(error) => {
            notes.push(format!("{error:#}"));
            None
        }
    }
}

/// The fixes that the manifest names, or else the columns of zeros and ones.
fn fixes(manifest: Option<&Manifest>, runs: &Runs) -> Vec<(String, String)> {
    if let Some(manifest) = manifest {
        return manifest.fixes.iter().map(|fix| (fix.name.clone(), fix.why.clone())).collect();
    }
    let swept = swept(None, runs);
    let flags = |column: usize| runs.rows.iter().all(|(_, fields)| matches!(fields[column].as_str(), "0" | "1"));
    let flagged = runs.settings.iter().enumerate().filter(|(column, name)| flags(*column) && !swept.contains(name));
    flagged.map(|(_, name)| (name.clone(), String::new())).collect()
}

/// The keys that are swept, as the manifest has them, or else the columns with a dot that all names of variants hold.
fn swept(manifest: Option<&Manifest>, runs: &Runs) -> Vec<String> {
    if let Some(manifest) = manifest {
        return manifest.sweep.clone();
    }
    let named = |key: &str| runs.rows.iter().all(|(row, _)| row.variant.contains(&format!(" {key}=")));
    runs.settings.iter().filter(|key| key.contains('.') && named(key)).cloned().collect()
}

/// A variant while its runs are gathered: its name, its fixes, the values of what is swept, its runs.
type Gathered = (String, Vec<bool>, Vec<String>, Vec<RunRow>);

fn variants(
    manifest: Option<&Manifest>,
    fixes: &[(String, String)],
    swept: &[String],
    runs: Runs,
) -> Vec<StudyVariant> {
    let column = |name: &String| runs.settings.iter().position(|column| column == name);
    let places: Vec<Option<usize>> = fixes.iter().map(|(name, _)| column(name)).collect();
    let points: Vec<usize> = swept.iter().filter_map(column).collect();
    let mut found: Vec<Gathered> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    for (row, fields) in runs.rows {
        let at = *index.entry(row.variant.clone()).or_insert_with(|| {
            let on = places.iter().map(|place| place.is_some_and(|place| fields[place] == "1")).collect();
            let swept = points.iter().map(|&place| fields[place].clone()).collect();
            found.push((row.variant.clone(), on, swept, Vec::new()));
            found.len() - 1
        });
        found[at].3.push(row);
    }
    let told = manifest.map_or(&[][..], |manifest| &manifest.variants);
    let told: HashMap<&str, (usize, &ManifestVariant)> =
        told.iter().enumerate().map(|(nth, variant)| (variant.name.as_str(), (nth, variant))).collect();
    found.sort_by_key(|(name, ..)| told.get(name.as_str()).map_or(usize::MAX, |(nth, _)| *nth));
    let ablation = |name: &str, on: &[bool]| {
        let made =
            || -> Vec<&str> { fixes.iter().zip(on).filter(|(_, on)| **on).map(|((fix, _), _)| &**fix).collect() };
        told.get(name).map_or_else(|| named_as_ablations_are(name, &made()), |(_, variant)| variant.of_ablation())
    };
    let unfixed = || found.iter().filter(|(_, on, ..)| !on.contains(&true)).map(|(name, on, ..)| (name, on));
    // What the others are told apart from: the set-up as asked.
    let asked = unfixed().find(|(name, _)| *name == BASELINE).or_else(|| unfixed().next());
    let settings = |name: &str| told.get(name).map(|(_, variant)| variant.settings());
    let baseline = asked.and_then(|(name, _)| settings(name));
    // Where it has a name of its own too, under the other it is one of the combinations.
    let twice = !fixes.is_empty() && unfixed().any(|(name, on)| !ablation(name, on));
    let combination = |name: &str, on: &[bool]| (twice || on.contains(&true)) && ablation(name, on);
    let combined = found.iter().filter(|(name, on, ..)| combination(name, on)).map(|(name, ..)| name.clone());
    let combined: HashSet<String> = combined.collect();
    found
        .into_iter()
        .filter_map(|(name, on, swept, runs)| {
            let rows: Vec<&RunRow> = runs.iter().collect();
            let summary = VariantSummary::of(&name, &rows)?;
            let changes = match (settings(&name), &baseline) {
                (Some(ours), Some(theirs)) => changes(&ours, theirs),
                _ => Vec::new(),
            };
            let combination = combined.contains(&name);
            let table = manifest.and_then(|manifest| manifest.table(&name));
            let on_training_rows =
                told.get(name.as_str()).is_some_and(|(_, variant)| scores::written_on_training_rows(variant, table));
            Some(StudyVariant { combination, name, on, swept, summary, runs, changes, on_training_rows })
        })
        .collect()
}

type Settings = BTreeMap<String, String>;

fn changes(ours: &Settings, theirs: &Settings) -> Vec<(String, String)> {
    let changed = ours.iter().filter(|(key, value)| theirs.get(*key) != Some(*value));
    let unset = theirs.keys().filter(|key| !ours.contains_key(*key)).map(|key| (key.clone(), "unset".to_owned()));
    changed.map(|(key, value)| (key.clone(), value.clone())).chain(unset).collect()
}

/// Which variants are drawn, and which are listed first: those that somebody gave a name, and of combinations of fixes those
/// that a table lists.
fn selection(variants: &[StudyVariant]) -> (Vec<usize>, Vec<usize>) {
    let (combined, named): (Vec<usize>, Vec<usize>) = (0..variants.len()).partition(|&at| variants[at].combination);
    let fixes = |at: usize| variants[at].on.iter().filter(|&&on| on).count();
    let combinations: Vec<(usize, &VariantSummary)> =
        combined.iter().map(|&at| (fixes(at), &variants[at].summary)).collect();
    let worth: Vec<usize> = worth_listing(&combinations).into_iter().map(|nth| combined[nth]).collect();
    let ranked = |these: &[usize]| {
        let mut ranked = these.to_vec();
        let error = badness(variants.iter().map(|variant| &variant.summary));
        let gone = |at: usize| variants[at].summary.all(Outcome::Diverged);
        ranked.sort_by(|&a, &b| gone(a).cmp(&gone(b)).then(by_badness(error[a], error[b])));
        ranked
    };
    // Of many with names some from the best to the worst, of few all.
    let mut drawn = if named.len() > MOST_DRAWN { spread(&ranked(&named)) } else { named.clone() };
    // Where few have names, the best of the combinations stand beside them.
    let room = MOST_DRAWN.saturating_sub(drawn.len()).min(if named.len() > 2 { 0 } else { MOST_DRAWN });
    drawn.extend(ranked(&combined).into_iter().take(room));
    drawn.sort_unstable();
    let mut listed: Vec<usize> = named.into_iter().chain(worth).collect();
    listed.truncate(MOST_POINTS);
    (drawn, listed)
}

/// As many as are drawn, evenly spread, the first and the last among them.
fn spread(ranked: &[usize]) -> Vec<usize> {
    (0..MOST_DRAWN).map(|nth| ranked[nth * (ranked.len() - 1) / (MOST_DRAWN - 1)]).collect()
}

/// What simple predictors reach, where that can be said.
fn baseline_groups(manifest: Option<&Manifest>, variants: &[StudyVariant], health: &[HealthRow]) -> Vec<BaselineGroup> {
    let tables = manifest.filter(|manifest| !manifest.tables.is_empty());
    let table = |name: &str| tables.and_then(|manifest| manifest.table(name));
    let named = variants.iter().map(|variant| (variant.name.as_str(), table(&variant.name)));
    let goal = manifest.map(|manifest| manifest.goal).unwrap_or_default();
    let mut groups = baselines::groups(named, goal, health);
    match tables {
        // Points of a function, which may be drawn anew for each run.
        None if groups.len() != 1 => groups.clear(),
        _ => groups.retain(|group| group.same || group.of_file || group.measure == Measure::Accuracy),
    }
    groups
}

/// The scores of the drawn variants' outputs.
fn outputs_of(
    folder: &Path,
    trust: Trust,
    variants: &[StudyVariant],
    drawn: &[usize],
) -> Result<BTreeMap<usize, Vec<OutputScore>>> {
    let of = |&at: &usize| (variants[at].name.as_str(), (at, variants[at].summary.accuracy.is_some()));
    outputs::read(folder, trust, &drawn.iter().map(of).collect(), None)
}

/// The sets that a diagnosis names.
fn chosen<'a>(
    fixes: &[(String, String)],
    variants: &[StudyVariant],
    told: impl Iterator<Item = &'a EffectRow>,
) -> Vec<ChosenSet> {
    let named = told.filter(|row| row.kind.of_a_set() && row.kind != EffectKind::Path);
    let chosen = |row: &EffectRow| {
        let on: Vec<bool> = fixes.iter().map(|(fix, _)| row.fixes.contains(fix)).collect();
        let known = on.iter().filter(|on| **on).count() == row.fixes.len();
        ChosenSet {
            fixes: row.fixes.clone(),
            kind: row.kind,
            closeness: row.estimate,
            variant: variants.iter().position(|variant| known && variant.on == on),
        }
    };
    named.map(chosen).collect()
}

/// Effects as a diagnosis wrote them.
fn named(fixes: &[(String, String)], told: &[EffectRow]) -> Vec<AblationEffect> {
    let place = |name: &String| fixes.iter().position(|(fix, _)| fix == name);
    let effect = |row: &EffectRow| {
        let of = match row.kind {
            EffectKind::Interaction => 2,
            kind if kind.of_a_set() => return None,
            _ => 1,
        };
        let fixes: Vec<usize> = row.fixes.iter().map(place).collect::<Option<_>>()?;
        (fixes.len() == of).then(|| AblationEffect { kind: row.kind, fixes, estimate: row.estimate() })
    };
    told.iter().filter_map(effect).collect()
}

fn effects(fixes: &[(String, String)], variants: &[StudyVariant]) -> Vec<AblationEffect> {
    // Variants that change more than fixes are no part of the ablation.
    let baseline = baseline(variants).map(|variant| &variant.name);
    let part = variants.iter().filter(|variant| variant.combination || Some(&variant.name) == baseline);
    let used: Vec<usize> = (0..fixes.len()).filter(|&fix| part.clone().any(|variant| variant.on[fix])).collect();
    let cells: Vec<Cell> = part
        .flat_map(|variant| {
            let on: Vec<bool> = used.iter().map(|&fix| variant.on[fix]).collect();
            variant.runs.iter().map(move |run| Cell { on: on.clone(), seed: run.seed, score: score(run) })
        })
        .collect();
    let mut effects = ablation::effects(used.len(), &cells);
    effects.iter_mut().flat_map(|effect| &mut effect.fixes).for_each(|fix| *fix = used[*fix]);
    effects
}
