//! What an experiment's files hold, read once: inputs, targets, classes, and what is missing.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};

use super::csv_file::{CsvFile, Reading, expand};
use super::table::{Column, Table, Values};
use super::tensors::{RowShapes, TensorFile};
use crate::experiment::config::{Data, Duplicates, Holdout, Missing, Target, TargetColumns, Test};
use crate::experiment::table::{InputColumn, TableSchema, Task};
use crate::text::{one_line, shorten};

/// The rows of a target's file, and perhaps of a test file, without those that cannot be used.
#[derive(Debug, Clone)]
pub struct Source {
    pub rows: Rows,
    /// Of a test file of its own, its texts at the places that they have in `rows`.
    pub test: Option<Rows>,
    /// How many columns of the tables are inputs; those behind them are targets.
    pub inputs: usize,
    pub schema: TableSchema,
    /// Of a tensor file.
    pub shapes: Option<RowShapes>,
    /// What is known of rows that were left out, a line for each file.
    pub notes: Vec<String>,
}

/// Rows of a file that are used.
#[derive(Debug, Clone)]
pub struct Rows {
    pub columns: Vec<Column>,
    /// Each row's place in the file, from 0.
    pub places: Vec<usize>,
    /// Rows of the file that are not used, since they miss a value.
    pub dropped: usize,
}

/// The SHA-256 of each file.
type Hashes = Vec<(PathBuf, String)>;

/// Classes that a column may have at most: each has a unit.
const MOST_CLASSES: usize = 10_000;

/// A column of more different texts than this, and than half of its rows, hardly says what kind of thing a row is.
const MANY_TEXTS: usize = 20;

/// A file by its name in messages.
fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

impl Source {
    /// What `data` names, with the SHA-256 of each file; nothing where its target is not a file's. `open` reads a CSV.
    pub fn read(
        data: &Data,
        mut open: impl FnMut(&Path, &str) -> Result<Arc<CsvFile>>,
    ) -> Result<Option<(Self, Hashes)>> {
        match &data.target {
            Target::Csv { csv, inputs, columns } => {
                let file = open(csv, "data.target.csv")?;
                let names = expand(file.header(), inputs, columns.names())
                    .map_err(|message| anyhow!(one_line(&format!("{}: {message}", csv.display()))))?;
                let (key, reading) = match columns {
                    TargetColumns::Output(_) => ("output", Reading::Number),
                    TargetColumns::Outputs(_) => ("outputs", Reading::Number),
                    TargetColumns::Class(_) => ("class", Reading::Text),
                };
                let inputs = names.iter().map(|name| ("inputs", name.clone(), Reading::Either));
                let targets = columns.names().iter().map(|name| (key, name.clone(), reading));
                let wanted: Vec<_> = inputs.chain(targets).collect();
                let table = file.table(csv, &wanted)?;
                let mut hashes = vec![(csv.clone(), file.sha256.clone())];
                let test = match &data.test {
                    Test::Csv(path) => {
                        let test = open(path, "data.test.csv")?;
                        // Each column is read as the target's file has it.
                        let as_there = table.columns.iter().zip(&wanted).map(|(column, (key, name, _))| {
                            let reading = match column.values {
                                Values::Numbers(_) => Reading::Number,
                                Values::Texts { .. } => Reading::Text,
                            };
                            (*key, name.clone(), reading)
                        });
                        hashes.push((path.clone(), test.sha256.clone()));
                        Some((path.as_path(), test.table(path, &as_there.collect::<Vec<_>>())?))
                    }
                    _ => None,
                };
                let classes = matches!(columns, TargetColumns::Class(_));
                Ok(Some((Self::of(csv, table, test, names.len(), classes, data)?, hashes)))
            }
            Target::Tensors { tensors } => {
                let file = TensorFile::read(tensors)?;
                let inputs = file.train.columns.iter().filter(|column| column.name.starts_with('x')).count();
                ensure!(
                    file.test.is_none() || matches!(data.holdout, Holdout::Auto | Holdout::Share(0.0)),
                    "{}: has x_test and y_test, beside which nothing is held out: remove data.holdout",
                    shown(tensors)
                );
                let test = file.test.map(|test| (tensors.as_path(), test));
                let source = Self::of(tensors, file.train, test, inputs, file.classes, data)?;
                let source = Source { shapes: Some(file.shapes), ..source };
                Ok(Some((source, vec![(tensors.clone(), file.sha256)])))
            }
            Target::Polynomial { .. } | Target::Formula { .. } => Ok(None),
        }
    }

    fn of(
        path: &Path,
        table: Table,
        test: Option<(&Path, Table)>,
        inputs: usize,
        has_classes: bool,
        data: &Data,
    ) -> Result<Self> {
        let missing = data.missing.unwrap_or(Missing::Refuse);
        let mut notes = Vec::new();
        let mut rows = Rows::of(path, table, inputs, missing, &mut notes)?;
        if data.duplicates == Duplicates::Drop {
            rows = rows.without_duplicates(path, &mut notes);
        }
        rows.columns[inputs..].iter_mut().for_each(forget_unused);
        let test = match test {
            Some((path, mut table)) => {
                for (at, (known, column)) in rows.columns.iter().zip(&mut table.columns).enumerate() {
                    recode(path, known, column, &table.lines, at >= inputs)?;
                }
                Some(Rows::of(path, table, inputs, missing, &mut notes)?)
            }
            None => None,
        };
        let targets = &rows.columns[inputs..];
        // Labels are labels in both files, or in none.
        let tested = test.as_ref().map_or(&[][..], |test| &test.columns[inputs..]);
        let task = match has_classes {
            true => Task::Classification,
            false if targets.len() > 1 && targets.iter().chain(tested).all(|column| column.values.are_0_or_1()) => {
                Task::MultiLabel
            }
            false => Task::Regression,
        };
        let classes = match &targets[0].values {
            Values::Texts { texts, .. } => texts.clone(),
            Values::Numbers(_) => Vec::new(),
        };
        let numeric = |class: &String| class.parse::<f64>().is_ok();
        let whole = |class: &String| class.parse::<i128>().is_ok();
        if classes.iter().all(numeric)
            && let Some(class) = classes.iter().find(|class| !whole(class))
        {
            let name = shorten(&targets[0].name);
            bail!(
                "{}: {name} is {class} in a row: classes are texts or integers, numbers are predicted as output = {name:?}",
                shown(path)
            );
        }
        if let (Task::Classification, [] | [_]) = (task, &classes[..]) {
            let (name, only) = (shorten(&targets[0].name), classes.first().map_or("", String::as_str));
            bail!("{}: {name} is {:?} in every row: a class needs another beside it", shown(path), shorten(only));
        }
        ensure!(
            classes.len() <= MOST_CLASSES,
            "{}: {} has {} different values, at most {MOST_CLASSES} classes are allowed: predict a number as output",
            shown(path),
            shorten(&targets[0].name),
            classes.len()
        );
        for column in &rows.columns[..inputs] {
            if let Values::Texts { texts, .. } = &column.values
                && texts.len() > MANY_TEXTS
                && 2 * texts.len() > rows.count()
            {
                let name = shorten(&column.name);
                notes.push(one_line(&format!(
                    "{}: {name:?} has {} different texts in {} rows, each an input of its own: if it tells rows apart, leave it out, as inputs = [\"*\", \"-{name}\"]",
                    shown(path),
                    texts.len(),
                    rows.count()
                )));
            }
        }
        let column = |column: &Column| InputColumn {
            name: column.name.clone(),
            categories: match &column.values {
                Values::Texts { texts, .. } => Some(texts.clone()),
                Values::Numbers(_) => None,
            },
        };
        let schema = TableSchema {
            task,
            inputs: rows.columns[..inputs].iter().map(column).collect(),
            outputs: targets.iter().map(|column| column.name.clone()).collect(),
            classes,
            dropped_rows: rows.dropped + test.as_ref().map_or(0, |test| test.dropped),
            training_error: test.is_none() && data.holdout.share(rows.count()) == 0.0,
        };
        if schema.training_error && data.holdout == Holdout::Auto {
            notes.push(format!(
                "{}: {} rows are too few to hold some out, so errors are training errors: set data.holdout to hold some out, or to 0",
                shown(path),
                rows.count()
            ));
        }
        Ok(Source { rows, test, inputs, schema, shapes: None, notes })
    }

    /// Whether the targets are 0 and 1 alone.
    pub fn targets_are_0_or_1(&self) -> bool {
        self.rows.columns[self.inputs..].iter().all(|column| column.values.are_0_or_1())
    }
}

impl Rows {
    /// The rows of a table that miss nothing, or nothing that cannot be filled.
    fn of(path: &Path, table: Table, inputs: usize, missing: Missing, notes: &mut Vec<String>) -> Result<Self> {
        let count = table.columns.first().map_or(0, |column| column.values.rows());
        let place = |row: usize| match table.lines.get(row) {
            Some(line) => format!("{}:{line}: ", shown(path)),
            None => format!("{}: row {row} (from 0): ", shown(path)),
        };
        let mut whole = vec![true; count];
        let mut first: Option<(usize, &str)> = None;
        for (at, column) in table.columns.iter().enumerate() {
            if missing == Missing::Mean && at < inputs {
                continue;
            }
            for (row, whole) in whole.iter_mut().enumerate().filter(|(row, _)| column.values.misses(*row)) {
                *whole = false;
                if first.is_none_or(|(earliest, _)| row < earliest) {
                    first = Some((row, &column.name));
                }
            }
        }
        let Some((row, name)) = first else {
            return Ok(Rows { columns: table.columns, places: (0..count).collect(), dropped: 0 });
        };
        let cell = format!("{}{} is missing", place(row), shorten(name));
        if missing == Missing::Refuse {
            bail!(one_line(&format!("{cell}: mend or remove the row, or set data.missing to \"drop\" or \"mean\"")));
        }
        let places: Vec<usize> = (0..count).filter(|&row| whole[row]).collect();
        ensure!(
            !places.is_empty(),
            "{}: every row misses a value: mend some, or set data.missing = \"mean\"",
            shown(path)
        );
        let dropped = count - places.len();
        let what = if missing == Missing::Mean { "their target is missing" } else { "they miss a value" };
        notes.push(format!(
            "{}: {dropped} of {count} rows {} left out because {what}, the first: {cell}",
            shown(path),
            if dropped == 1 { "is" } else { "are" }
        ));
        let columns = table.columns.into_iter().map(|column| column.pick(&places)).collect();
        Ok(Rows { columns, places, dropped })
    }

    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Those that repeat no earlier one, in every column.
    fn without_duplicates(self, path: &Path, notes: &mut Vec<String>) -> Self {
        let mut seen = HashSet::new();
        let cells = |row: usize| self.columns.iter().map(|column| column.values.bits(row)).collect::<Vec<_>>();
        let kept: Vec<usize> = (0..self.count()).filter(|&row| seen.insert(cells(row))).collect();
        let dropped = self.count() - kept.len();
        if dropped == 0 {
            return self;
        }
        notes.push(format!(
            "{}: {dropped} of {} rows {} left out because {} an earlier one",
            shown(path),
            self.count(),
            if dropped == 1 { "is" } else { "are" },
            if dropped == 1 { "it repeats" } else { "they repeat" }
        ));
        let places = kept.iter().map(|&row| self.places[row]).collect();
        let columns = self.columns.into_iter().map(|column| column.pick(&kept)).collect();
        Rows { columns, places, dropped: self.dropped }
    }
}

/// Takes texts away that no row has.
fn forget_unused(column: &mut Column) {
    let Values::Texts { texts, codes } = &mut column.values else { return };
    let mut used = vec![false; texts.len()];
    codes.iter().flatten().for_each(|&code| used[code as usize] = true);
    let before = used.iter().scan(0, |before, &used| Some(std::mem::replace(before, *before + u32::from(used))));
    let places: Vec<u32> = before.collect();
    codes.iter_mut().flatten().for_each(|code| *code = places[*code as usize]);
    let mut used = used.into_iter();
    texts.retain(|_| used.next().unwrap_or(false));
}

/// Gives the texts of a test file's column their places in the column that is known from the target's file: of an input,
/// one that is not known stands behind those that are; of a target there can be none.
fn recode(path: &Path, known: &Column, column: &mut Column, lines: &[usize], target: bool) -> Result<()> {
    let (Values::Texts { texts: known_texts, .. }, Values::Texts { texts, codes }) =
        (&known.values, &mut column.values)
    else {
        return Ok(());
    };
    let places_known: HashMap<&str, usize> =
        known_texts.iter().enumerate().map(|(place, text)| (text.as_str(), place)).collect();
    let mut all = known_texts.clone();
    let mut places = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        let place = places_known.get(text.as_str()).copied();
        if place.is_none() && target {
            let row = codes.iter().position(|code| *code == Some(at as u32)).unwrap_or(0);
            let at = lines.get(row).map_or_else(|| format!(" y_test[{row}]"), ToString::to_string);
            bail!(one_line(&format!(
                "{}:{at}: {} is {:?}, a class that no row to learn from has: mend or remove the row",
                shown(path),
                shorten(&column.name),
                shorten(text)
            )));
        }
        places.push(place.unwrap_or_else(|| {
            all.push(text.clone());
            all.len() - 1
        }) as u32);
    }
    codes.iter_mut().flatten().for_each(|code| *code = places[*code as usize]);
    *texts = all;
    Ok(())
}
