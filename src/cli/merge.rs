//! `misfit merge`: what a plan's tasks left, in one results folder.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueHint};

use super::Exit;
use super::next::{command, next};
use super::run::print_text;
use crate::run::cluster::merge::{TaskFound, TaskState, merge};
use crate::run::cluster::plan::{Planned, ranges};

const EXAMPLES: &str = "\
Examples:
  misfit merge results/sweep-plan             into results/sweep, as one machine would have written it
  misfit merge results/sweep-plan --out here  into another folder

It can be run again at any time, also while tasks are under way, of which nothing is taken yet. Exit codes: 0 every task is
done, 1 some are missing (those that are done are merged; the line \"missing\" has their numbers as sbatch takes them),
2 an error.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MergeArgs {
    /// A plan, as misfit plan writes it, or its folder
    #[arg(value_name = "PLAN", value_hint = ValueHint::FilePath)]
    plan: PathBuf,
    /// The results folder [default: the plan's]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Replace whatever results are in the results folder
    #[arg(long)]
    fresh: bool,
}

/// Tasks that are told one by one, at most.
const MOST_TOLD: usize = 20;

pub fn run(args: &MergeArgs) -> Result<Exit> {
    let planned = Planned::read(&args.plan)?;
    let out = args.out.clone().unwrap_or_else(|| planned.out());
    let merged = merge(&planned, &out, args.fresh)?;
    let taken: usize = merged.tasks.iter().map(|task| task.runs).sum();
    let all: usize = merged.tasks.iter().map(|task| task.of).sum();
    let of = |wanted: &dyn Fn(TaskState) -> bool| -> Vec<usize> {
        (0..merged.tasks.len()).filter(|&index| wanted(merged.tasks[index].state)).collect()
    };
    let unfinished = of(&|state| state != TaskState::Done);
    let running = of(&|state| state == TaskState::Running);
    let missing = of(&|state| ![TaskState::Done, TaskState::Running].contains(&state));
    let mut text = told(&planned, &merged.tasks, &unfinished);
    let tasks = merged.tasks.len();
    let done = tasks - unfinished.len();
    let _ = match taken {
        0 => writeln!(text, "{done} of {tasks} tasks done, 0 of {all} runs: nothing to merge yet"),
        _ => {
            let others = match merged.runs - taken.min(merged.runs) {
                0 => String::new(),
                more => format!(", which hold {more} more"),
            };
            writeln!(
                text,
                "{done} of {tasks} tasks done: {taken} of {all} runs in {}{others}",
                out.join("*.csv").display()
            )
        }
    };
    if !running.is_empty() {
        let _ = writeln!(text, "under way  {}", ranges(&running));
    }
    if !missing.is_empty() {
        let _ = writeln!(text, "missing  --array={}", ranges(&missing));
    }
    print_text(&text)?;
    if taken > 0 {
        let folder = out.display().to_string();
        next(&[(command(&["report", &folder]).as_str(), "plots and one page for the browser")]);
    }
    Ok(if unfinished.is_empty() { Exit::Done } else { Exit::Different })
}

/// What became of tasks that are not done, a line each.
fn told(planned: &Planned, tasks: &[TaskFound], unfinished: &[usize]) -> String {
    let mut text = String::new();
    // Those that failed first: the others only need time.
    let mut order: Vec<usize> = unfinished.to_vec();
    order.sort_by_key(|&index| tasks[index].state != TaskState::Failed);
    for &index in order.iter().take(MOST_TOLD) {
        let TaskFound { state, runs, of } = tasks[index];
        let state = match state {
            TaskState::Failed => "failed",
            TaskState::Interrupted => "was interrupted",
            TaskState::Running => "is under way",
            TaskState::Killed => "was killed, and goes on from what had ended",
            TaskState::NotBegun => "has left nothing",
            TaskState::Done => "is done",
        };
        let last = planned.last_word(index).map_or_else(String::new, |last| format!("; its log ends with {last:?}"));
        let _ = writeln!(text, "task {index}: {state}, {runs} of {of} runs taken{last}");
    }
    if order.len() > MOST_TOLD {
        let _ = writeln!(text, "and {} more", order.len() - MOST_TOLD);
    }
    text
}
