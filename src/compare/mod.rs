//! Two CSVs, results folders or sets of logs compared: `misfit diff`.
//!
//! Rows are aligned by key and gone through side by side, so that files of any length take the same little memory.

mod columns;
mod csv_form;
mod endings;
mod fields;
mod files;
mod group;
mod keyed;
mod logs;
mod noise;
pub mod print;
mod print_tables;
mod settings;
mod side;

use anyhow::{Result, bail, ensure};
use serde::Serialize;

pub use columns::{ColumnComparison, ColumnVerdict, Difference, Tolerance};
pub use endings::Ending;
pub use noise::{Noise, NoiseReason, NoiseVerdict};
pub use settings::Setting;
pub use side::Side;

use crate::results::folder::unfinished;
use crate::results::input;
use crate::results::manifest::Manifest;
use crate::results::names::{CHECKS, EFFECTS, FINDINGS, MANIFEST, VERDICTS};
use crate::results::run_file::RunFile;
use crate::text::numbers::plural;
use crate::text::{apart, one_line};
use files::files;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub tolerance: Tolerance,
    /// The columns of the key, where it is not to be found out.
    pub key: Vec<String>,
    /// Whether numbers count as different only where they differ by more than seeds do among themselves.
    pub within_noise: bool,
    /// Whether what one side lacks is left out instead of being a difference.
    pub common: bool,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub a: String,
    pub b: String,
    pub different: bool,
    pub tolerance: Tolerance,
    pub within_noise: bool,
    /// Whether what one side lacks is left out, and what that is, in words.
    pub common: bool,
    pub left_out: Option<String>,
    pub settings: Vec<Setting>,
    /// Of results folders.
    pub endings: Vec<Ending>,
    /// Of results folders: variants, and seeds of variants that both have, that one side alone has, in words.
    #[serde(skip)]
    alone: [Vec<String>; 2],
    pub files: Vec<FileComparison>,
    /// What a reader should know, a line each.
    pub notes: Vec<String>,
}

/// One CSV beside the other.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FileComparison {
    pub file: String,
    /// Why it cannot be compared, where it cannot.
    pub incomparable: Option<String>,
    /// The side that has it, where the other has not.
    pub only_in: Option<&'static str>,
    /// What rows are aligned by; nothing where it is their number.
    pub key: Vec<String>,
    /// Rows that both have, that B lacks, and that only B has.
    pub compared: u64,
    pub missing: u64,
    pub extra: u64,
    /// Keys of the first of them.
    pub first_missing: Option<Vec<String>>,
    pub first_extra: Option<Vec<String>>,
    /// Columns that one side lacks.
    pub missing_columns: Vec<String>,
    pub extra_columns: Vec<String>,
    pub columns: Vec<ColumnComparison>,
    pub different: bool,
    /// Columns that differ, but by no more than is asked for, and are left out for it.
    #[serde(skip)]
    pub different_within: usize,
    /// Those with the largest multiples first, of so many.
    pub noise: Vec<Noise>,
    pub noise_total: usize,
    /// Variants with several seeds on both sides, and those with one, of which nothing says what is noise.
    pub with_noise: usize,
    pub without_noise: usize,
    /// Runs that were too many to be held for it.
    pub left_out: usize,
}

impl FileComparison {
    fn empty(file: &str) -> Self {
        FileComparison { file: file.to_owned(), ..FileComparison::default() }
    }

    /// Whether anything in this column counts as a difference. What computed a run and how its variant came about are no
    /// numbers that could be within the noise of the seeds or beyond it.
    pub fn column_differs(&self, column: &ColumnComparison, within_noise: bool) -> bool {
        let beyond = column.beyond > 0;
        if within_noise && self.file == RunFile::Runs.name() && ["engine", "kind"].contains(&column.column.as_str()) {
            return false;
        }
        if within_noise { column.beyond_noise.unwrap_or(beyond) } else { beyond }
    }

    /// Whether a side lacks rows or columns of the other.
    pub fn one_sided(&self) -> bool {
        self.only_in.is_some()
            || self.missing + self.extra > 0
            || !self.missing_columns.is_empty()
            || !self.extra_columns.is_empty()
    }

    fn judge(&mut self, within_noise: bool, common: bool) {
        self.different = self.incomparable.is_some()
            || (!common && self.one_sided())
            || self.columns.iter().any(|column| self.column_differs(column, within_noise));
    }
}

/// Compares two CSVs or two results folders.
pub fn compare(a: &Side, b: &Side, asked: &Asked) -> Result<Comparison> {
    let are_folders = (a.check()?, b.check()?);
    // A variant that one side names is the one that is meant of both.
    let [a, b] = [
        Side { variant: a.variant.clone().or_else(|| b.variant.clone()), ..a.clone() },
        Side { variant: b.variant.clone().or_else(|| a.variant.clone()), ..b.clone() },
    ];
    let mut comparison = Comparison {
        a: a.name(),
        b: b.name(),
        different: false,
        tolerance: asked.tolerance,
        within_noise: asked.within_noise,
        common: asked.common,
        left_out: None,
        settings: Vec::new(),
        endings: Vec::new(),
        alone: Default::default(),
        files: Vec::new(),
        notes: Vec::new(),
    };
    match are_folders {
        _ if logs::are_logs([&a, &b]) => logs::logs([&a, &b], asked, &mut comparison)?,
        (true, true) => folders([&a, &b], asked, &mut comparison)?,
        (false, false) => {
            let name = a.path.file_name().map_or_else(String::new, |name| one_line(&name.to_string_lossy()));
            let mut file = files([&a, &b], [&a.path, &b.path], &name, asked, &mut comparison.notes)?;
            file.judge(asked.within_noise, asked.common);
            comparison.files.push(file);
        }
        (folder, _) => {
            let (folder, file) = if folder { (&a, &b) } else { (&b, &a) };
            let inside = file.path.file_name().map(|name| folder.path.join(name)).filter(|path| path.is_file());
            let cure =
                inside.map_or_else(String::new, |path| format!(", as {}", one_line(&path.display().to_string())));
            bail!("{}: is a folder, and {} a file: name two of a kind{cure}", folder.name(), file.name());
        }
    }
    if asked.common {
        leave_out(&mut comparison);
    }
    comparison.different = comparison.files.iter().any(|file| file.different);
    Ok(comparison)
}

/// Files that sum up all runs of a folder, whichever the other has.
const SUMS: [&str; 4] = [EFFECTS, FINDINGS, VERDICTS, CHECKS];

/// Says what only one side has, and takes out what is of nothing else.
fn leave_out(comparison: &mut Comparison) {
    let other_runs = comparison.files.iter().any(|file| file.file == RunFile::Runs.name() && file.one_sided());
    let mut sides: [Vec<String>; 2] = comparison.alone.clone();
    let (mut rows, mut of_other_runs) = ([0, 0], Vec::new());
    for file in &comparison.files {
        for (side, of) in sides.iter_mut().zip(["A", "B"]) {
            side.extend((file.only_in == Some(of)).then(|| file.file.clone()));
        }
        for (side, columns) in sides.iter_mut().zip([&file.missing_columns, &file.extra_columns]) {
            let columns: Vec<String> = columns.iter().map(|name| one_line(name)).collect();
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            side.extend(apart(&columns, 40).into_iter().map(|name| format!("column {name} of {}", file.file)));
        }
        if other_runs && SUMS.contains(&file.file.as_str()) && file.only_in.is_none() {
            of_other_runs.push(file.file.clone());
        } else {
            rows = [rows[0] + file.missing, rows[1] + file.extra];
        }
    }
    comparison.files.retain(|file| file.only_in.is_none() && !of_other_runs.contains(&file.file));
    let mut said: Vec<String> = Vec::new();
    for ((mut of, rows), side) in sides.into_iter().zip(rows).zip(["A", "B"]) {
        of.extend((rows > 0).then(|| plural(rows as usize, "row", "rows")));
        said.extend((!of.is_empty()).then(|| format!("in {side} only: {}", of.join(", "))));
    }
    said.extend((!of_other_runs.is_empty()).then(|| format!("of all runs of a side: {}", of_other_runs.join(", "))));
    comparison.left_out = (!said.is_empty()).then(|| said.join("; "));
}

fn folders(sides: [&Side; 2], asked: &Asked, comparison: &mut Comparison) -> Result<()> {
    let names = RunFile::ALL.map(RunFile::name).into_iter().chain(SUMS);
    // What a run leaves in the order in which it is read: how runs ended, how they got there, what they say.
    let mut names: Vec<&str> = names.collect();
    names.sort_by_key(|name| *name != RunFile::Runs.name());
    let mut found = [false; 2];
    for name in names {
        let paths = sides.map(|side| side.path.join(name));
        let mut there = [false; 2];
        for (there, path) in there.iter_mut().zip(&paths) {
            *there = input::about(path)?.is_some_and(|about| about.is_file());
        }
        found = [found[0] | there[0], found[1] | there[1]];
        // Effects are over variants.
        if there == [false; 2] || (name == EFFECTS && sides.iter().any(|side| side.variant.is_some())) {
            continue;
        }
        let mut file = if there == [true; 2] {
            match files(sides, [&paths[0], &paths[1]], name, asked, &mut comparison.notes)? {
                file if file.compared + file.missing + file.extra > 0 || file.different => file,
                // Nothing of these variants, on neither side.
                _ => continue,
            }
        } else {
            let mut file = FileComparison::empty(name);
            let side = if there[0] { "A" } else { "B" };
            (file.only_in, file.incomparable) = (Some(side), Some(format!("only {side} has it")));
            file
        };
        file.judge(asked.within_noise, asked.common);
        comparison.files.push(file);
    }
    for (side, found) in sides.into_iter().zip(found) {
        if let (false, Some(why)) = (found, unfinished(&side.path)) {
            bail!("{why}");
        }
        ensure!(
            found,
            "{}: holds no results: expected a folder with runs.csv, curves.csv, …, as misfit run writes it",
            side.name()
        );
    }
    let [a, b] = sides.map(|side| Manifest::read(&side.path.join(MANIFEST)));
    let of_a = a.as_ref().ok().and_then(Option::as_ref);
    (comparison.endings, comparison.alone) = endings::endings(sides, of_a, &mut comparison.notes);
    match (a, b) {
        (Ok(Some(a)), Ok(Some(b))) => {
            comparison.settings = settings::differences(sides, [&a, &b]);
            // What a loss takes predictions for leaves its units as they are.
            let scales = |setting: &&Setting| {
                ["data.scale_target", "data.labels"].contains(&setting.key.as_str())
                    || (setting.key.starts_with("loss.") && setting.key != "loss.from")
            };
            let keys: Vec<&str> =
                comparison.settings.iter().filter(scales).map(|setting| setting.key.as_str()).collect();
            if !keys.is_empty() {
                let of_classes = |ending: &Ending| ending.accuracy_a.is_finite() && ending.accuracy_b.is_finite();
                let all = !comparison.endings.is_empty() && comparison.endings.iter().all(of_classes);
                comparison.notes.push(format!(
                    "the losses of the sides are not in the same units ({} differs): compare {} and r2 instead",
                    keys.join(", "),
                    if all { "accuracy" } else { "test_rmse" }
                ));
            }
        }
        manifests => {
            for (side, manifest) in sides.into_iter().zip([manifests.0, manifests.1]) {
                match manifest {
                    Ok(Some(_)) => {}
                    Ok(None) => comparison
                        .notes
                        .push(format!("{}: has no {MANIFEST}, so nothing is said of settings", side.name())),
                    Err(error) => comparison.notes.push(format!("{error:#}, so nothing is said of settings")),
                }
            }
        }
    }
    Ok(())
}
