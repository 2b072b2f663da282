//! What simple predictors reach on a variant's test points, as `health.csv` has it: those of a file's rows are learnt from
//! each run's training rows, as the network is.

use super::scores::{Measure, NONE};
use super::summary::Middle;
use crate::experiment::Goal;
use crate::experiment::table::{TableSchema, Task};
use crate::results::rows::HealthRow;
use crate::text::numbers::ratio;
use crate::text::one_line;

/// Variants with the same simple predictors.
#[derive(Debug, Clone)]
pub struct BaselineGroup {
    pub variants: Vec<String>,
    pub measure: Measure,
    /// Whether all runs have the same; otherwise the numbers are medians.
    pub same: bool,
    /// Whether they are learnt from a file's rows.
    pub of_file: bool,
    pub rows: Vec<BaselineRow>,
}

/// One of them; NaN is what it does not have, or what cannot be said.
#[derive(Debug, Clone, Copy)]
pub struct BaselineRow {
    pub name: &'static str,
    pub accuracy: f64,
    pub rmse: f64,
    pub r2: f64,
}

impl BaselineRow {
    pub fn score(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Accuracy => self.accuracy,
            Measure::Rmse => self.rmse,
        }
    }
}

pub const ZERO: &str = "always 0";
pub const MEAN: &str = "always the mean";
pub const LINE: &str = "best straight line";
pub const FREQUENT: &str = "always the most frequent class";
pub const LOGISTIC: &str = "logistic regression";
pub const GOAL: &str = "goal: what counts as a fit";
pub const NO_GOAL: &str = "goal: none, since simple learners learn nothing of these rows";

/// Of these variants, each with what its file holds if it has one, in their order.
pub fn groups<'a>(
    variants: impl Iterator<Item = (&'a str, Option<&'a TableSchema>)>,
    goal: Goal,
    health: &[HealthRow],
) -> Vec<BaselineGroup> {
    let mut rows: std::collections::HashMap<&str, Vec<&HealthRow>> = Default::default();
    health.iter().for_each(|row| rows.entry(&row.variant).or_default().push(row));
    let mut groups: Vec<(Vec<u64>, BaselineGroup)> = Vec::new();
    for (name, table) in variants {
        let Some(rows) = rows.get(name) else { continue };
        let own = predictors(rows, table, goal);
        let key: Vec<u64> = own
            .iter()
            .flat_map(|row| [row.accuracy, row.rmse, row.r2])
            // A NaN may have a sign, which says nothing.
            .map(|value| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
            .collect();
        match groups.iter_mut().find(|(known, group)| *known == key && group.of_file == table.is_some()) {
            Some((_, group)) => {
                group.same &= all_same(rows);
                group.variants.push(name.to_owned());
            }
            None => {
                let group = BaselineGroup {
                    variants: vec![name.to_owned()],
                    measure: if of_classes(rows) { Measure::Accuracy } else { Measure::Rmse },
                    same: all_same(rows),
                    of_file: table.is_some(),
                    rows: own,
                };
                groups.push((key, group));
            }
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl BaselineGroup {
    pub fn find(&self, name: &str) -> Option<&BaselineRow> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Under these heads: name and score of each, and R² where one has it.
    pub fn sheet(&self, named: bool) -> (Vec<String>, Vec<Vec<String>>) {
        let with_r2 = self.rows.iter().any(|row| !row.r2.is_nan());
        let cell = |value: f64, text: String| if value.is_nan() { NONE.to_owned() } else { text };
        let row = |row: &BaselineRow| {
            let score = row.score(self.measure);
            // Of what is 0 but for rounding no sign.
            let r2 = if row.r2.abs() < 5e-6 { 0.0 } else { row.r2 };
            let mut cells = vec![row.name.to_owned(), cell(score, self.measure.spell(score))];
            cells.extend(with_r2.then(|| cell(r2, ratio(r2))));
            cells
        };
        let mut header = vec![self.title(named), self.measure.name().to_owned()];
        header.extend(with_r2.then(|| "R²".to_owned()));
        (header, self.rows.iter().map(row).collect())
    }

    /// What its numbers are of; with names where there are other groups beside it.
    pub fn title(&self, named: bool) -> String {
        const MOST: usize = 4;
        let names: Vec<String> = self.variants.iter().take(MOST).map(|name| one_line(name)).collect();
        let more = self.variants.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let with = if named { format!(" with {}{more}", names.join(", ")) } else { String::new() };
        let learnt = match (self.of_file, self.same) {
            (false, true) => "on the same test points",
            (false, false) => "medians over the runs' own test points",
            (true, true) => "learnt from the training rows",
            (true, false) => "learnt from each run's training rows, medians",
        };
        format!("for comparison{with}, {learnt}")
    }
}

fn of_classes(rows: &[&HealthRow]) -> bool {
    rows.iter().any(|row| !row.majority_share.is_nan())
}

fn all_same(rows: &[&HealthRow]) -> bool {
    let of = |row: &HealthRow| {
        let numbers = [row.zero_rmse, row.mean_rmse, row.line_rmse];
        let classes = [row.majority_share, row.line_accuracy, row.reachable_accuracy, row.goal_accuracy];
        numbers.into_iter().chain(classes).map(f64::to_bits).collect::<Vec<_>>()
    };
    rows.iter().all(|row| of(row) == of(rows[0]))
}

fn predictors(rows: &[&HealthRow], table: Option<&TableSchema>, goal: Goal) -> Vec<BaselineRow> {
    let median = |of: &dyn Fn(&HealthRow) -> f64| {
        Middle::of(rows.iter().map(|row| of(row))).map_or(f64::NAN, |middle| middle.median)
    };
    const NAN: f64 = f64::NAN;
    let task = table.map(|table| table.task);
    let training = table.is_some_and(|table| table.training_error);
    let asked = goal != Goal::default();
    if !of_classes(rows) {
        // The deviation of several outputs together is none of theirs.
        let one = table.is_some_and(|table| table.outputs.len() == 1);
        let row = |name: &'static str, rmse: fn(&HealthRow) -> f64| BaselineRow {
            name,
            accuracy: NAN,
            rmse: median(&rmse),
            r2: median(&|row| if one { 1.0 - (rmse(row) / row.target_std).powi(2) } else { NAN }),
        };
        let mut rows =
            vec![row(ZERO, |row| row.zero_rmse), row(MEAN, |row| row.mean_rmse), row(LINE, |row| row.line_rmse)];
        let of_r2 = |name, r2| BaselineRow { name, accuracy: NAN, rmse: NAN, r2 };
        let learners = match training {
            true => "best of a few simple learners, each row left out",
            false => "best of a few simple learners",
        };
        let learners = of_r2(learners, median(&|row| row.reachable_r2));
        let r2 = if asked { goal.r2.unwrap_or(NAN) } else { median(&|row| row.goal_r2) };
        let goal = if training && !asked && r2.is_nan() { NO_GOAL } else { GOAL };
        let said = |row: &BaselineRow| !row.r2.is_nan() || row.name == NO_GOAL;
        let of_file = [learners, of_r2(goal, r2)].into_iter().filter(said);
        rows.extend(table.into_iter().flat_map(|_| of_file.clone()));
        return rows;
    }
    // Brier skill: beside the classes' shares among the test rows, whose mean square error is Σ p(1 − p)/count.
    let skill = |row: &HealthRow, rmse: f64| {
        let shares = row.class_shares.iter();
        let known = task == Some(Task::Classification);
        let square = shares.map(|share| share * (1.0 - share)).sum::<f64>() / row.class_shares.len() as f64;
        if known { 1.0 - rmse.powi(2) / square } else { NAN }
    };
    let accuracy = |name, of: fn(&HealthRow) -> f64| BaselineRow { name, accuracy: median(&of), rmse: NAN, r2: NAN };
    let labels = task == Some(Task::MultiLabel);
    let frequent = if labels { "always each label's more frequent value" } else { FREQUENT };
    let shares = BaselineRow {
        name: if labels { "each label's share as its probability" } else { "the classes' shares as probabilities" },
        accuracy: NAN,
        rmse: NAN,
        r2: median(&|row| skill(row, row.mean_rmse)),
    };
    let reached = if asked { goal.accuracy.unwrap_or(NAN) } else { median(&|row| row.goal_accuracy) };
    vec![
        accuracy(frequent, |row| row.majority_share),
        shares,
        BaselineRow { r2: median(&|row| skill(row, row.line_rmse)), ..accuracy(LOGISTIC, |row| row.line_accuracy) },
        accuracy("what can be reached, an estimate", |row| row.reachable_accuracy),
        BaselineRow {
            name: if training && !asked && reached.is_nan() { NO_GOAL } else { GOAL },
            accuracy: reached,
            rmse: NAN,
            r2: goal.r2.unwrap_or(NAN),
        },
    ]
    .into_iter()
    .filter(|row| !row.accuracy.is_nan() || !row.r2.is_nan() || row.name == NO_GOAL)
    .collect()
}
