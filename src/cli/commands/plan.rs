//! `misfit plan`: how many runs a task has depends on what they cost, which only what trains them knows.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::cli::Exit;
use crate::cli::next::{command, next};
use crate::cli::plan::PlanArgs;
use crate::cli::run::{load, print_text};
use crate::data::Files;
use crate::experiment::device::{Device, named};
use crate::results::folder::Folder;
use crate::run::cluster::cut::{Cut, WorkEstimate};
use crate::run::cluster::plan::{MOST_TASKS, Plan, ranges};
use crate::text::note::note;
use crate::text::numbers::plural;
use crate::text::one_line;

pub fn train(args: &PlanArgs) -> Result<Exit> {
    let device = named(&args.device)?;
    let mut experiment = load(&args.words, args.seeds.as_deref(), args.engine)?;
    experiment.notes.iter().for_each(|text| note(text));
    let files = Files::of(&mut experiment)?;
    files.notes().into_iter().for_each(note);
    let estimate = WorkEstimate::of(&experiment, &files, device)?;
    let cut = match (args.tasks, args.runs_per_task) {
        (Some(tasks), _) => Cut::Tasks(tasks),
        (None, Some(runs)) => Cut::Runs(runs),
        (None, None) => Cut::Minutes,
    };
    let tasks = estimate.cut(cut);
    ensure!(
        tasks.len() <= MOST_TASKS,
        "{} tasks: at most {MOST_TASKS} are allowed, since each leaves a folder: take fewer --tasks, or more --runs-per-task",
        tasks.len()
    );
    if args.tasks.is_some_and(|asked| asked > tasks.len()) {
        note(&format!("--tasks: there are {0} runs, so that makes {0} tasks of one each", tasks.len()));
    }

    let out = args.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name));
    let name = out.file_name().with_context(|| format!("--out {:?}: names no folder", out.display().to_string()))?;
    let name = name.to_str().with_context(|| format!("--out {:?}: is not UTF-8", out.display().to_string()))?;
    ensure!(
        one_line(name) == name,
        "--out {:?}: has characters that no folder of results may have in its name",
        one_line(name)
    );
    let kind = if device == Device::Cpu { "cpu" } else { "cuda" };
    ensure!(!out.exists() || out.is_dir(), "--out {:?}: is no folder", out.display().to_string());
    let experiment_hash = experiment.hash(files.hashes(), kind);
    if let Err(error) = Folder::check(&out, &experiment, &experiment_hash) {
        note(&format!("as long as that is so misfit merge will refuse this: {error:#}"));
    }
    let plan = Plan {
        plan_hash: String::new(),
        misfit: env!("CARGO_PKG_VERSION").to_owned(),
        experiment_hash,
        name: experiment.name.clone(),
        file: experiment.file.clone(),
        text: experiment.text.clone(),
        overrides: experiment.overrides.clone(),
        data: files.hashes().clone(),
        device: kind.to_owned(),
        out: name.to_owned(),
        variants: experiment.variants.iter().map(|variant| variant.name.clone()).collect(),
        seeds: experiment.seeds.clone(),
        tasks: tasks.iter().map(|numbers| ranges(numbers)).collect(),
    };
    let (planned, before) = plan.write(&out.with_file_name(format!("{name}-plan")))?;
    let path = planned.path().display().to_string();
    let told = estimate.told(&tasks);
    let is = if before { "is there already: " } else { "" };
    print_text(&format!(
        "{path}: {is}{} in {}, numbered 0 to {}\n{told}",
        plural(planned.runs(), "run", "runs"),
        plural(tasks.len(), "task", "tasks"),
        tasks.len() - 1
    ))?;
    if let Some(said) = estimate.too_short(&tasks) {
        note(&said);
    }
    next(&[
        (
            command(&["task", &path, "--index", "0"]).as_str(),
            "the first task; any machine that sees the folder does any",
        ),
        (
            format!("scripts/slurm-submit {}", crate::text::shell::quoted(&path)).as_str(),
            "all of them on a Slurm cluster",
        ),
        (command(&["merge", &path]).as_str(), "their results in one folder, and what is missing"),
    ]);
    Ok(Exit::Done)
}
