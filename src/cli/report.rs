//! `misfit report`: plots of a results folder, and one page for the browser.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde_json::json;

use super::Exit;
use super::output::OutputArgs;
use crate::report::{Written, write, write_logs};
use crate::results::folder::unfinished;
use crate::results::input;
use crate::results::logs::is_log;
use crate::text::note::note;
use crate::text::one_line;
use crate::text::suggest::no_such;

const EXAMPLES: &str = "\
Examples:
  misfit report results/polynomial                   results/polynomial/report.html, and its plots as SVG and PNG
  misfit report results/polynomial --out for-others  the same into another folder
  misfit report lightning_logs --out page            logs of Keras, Lightning, Hugging Face or TensorBoard

The page needs no network and no other file: it can be opened from disk, sent to somebody, printed. Point at a plot for its
values, or go through them with the arrow keys.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// A results folder; or a log of another program, or a folder of logs
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Further logs, of other runs
    #[arg(value_name = "LOG")]
    more: Vec<PathBuf>,
    /// Where report.html and plots/ go [default: the results folder; of logs it must be said]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub fn run(args: &ReportArgs) -> Result<Exit> {
    let folder = &args.folder;
    if is_log(folder) || !args.more.is_empty() {
        return of_logs(args);
    }
    let Some(about) = input::about(folder)? else {
        return Err(whole_folder(folder).unwrap_or_else(|| no_such(folder, "results folder")));
    };
    let shown = one_line(&folder.display().to_string());
    if !about.is_dir() {
        let meant = Path::new("results").join(folder.file_stem().unwrap_or_default());
        let cure = match meant.is_dir() {
            true => format!(", did you mean {:?}?", meant.display().to_string()),
            false => ": give the results folder that holds it".to_owned(),
        };
        bail!("{shown}: is no folder{cure}");
    }
    if let Some(said) = unfinished(folder) {
        bail!(said);
    }
    ensure!(
        input::about(&folder.join("runs.csv"))?.is_some_and(|about| about.is_file()),
        "{shown}: has no runs.csv: expected a results folder, as misfit run writes it"
    );
    let out = args.out.as_ref().unwrap_or(folder);
    let folder_text = folder.to_string_lossy();
    let out_text = out.to_string_lossy();
    let mut words = vec!["report", &*folder_text];
    if args.out.is_some() {
        words.extend(["--out", &out_text]);
    }
    let written = write(folder, out, &std::iter::once("misfit").chain(words).collect::<Vec<_>>())?;
    said(args, &written)?;
    if args.output.is_text() {
        super::steps::after_report(folder);
    }
    Ok(Exit::Done)
}

/// The report of logs of other programs, in whose folders nothing is written.
fn of_logs(args: &ReportArgs) -> Result<Exit> {
    let paths: Vec<PathBuf> = std::iter::once(&args.folder).chain(&args.more).cloned().collect();
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(no_such(missing, "file"));
    }
    let shown = one_line(&args.folder.display().to_string());
    let out = args.out.as_ref();
    let out =
        out.with_context(|| format!("{shown}: are logs of another program: say with --out where the report goes"))?;
    let texts: Vec<String> = paths.iter().chain([out]).map(|path| path.display().to_string()).collect();
    let (out_text, logs) = (&texts[texts.len() - 1], &texts[..texts.len() - 1]);
    let mut words = vec!["misfit", "report"];
    words.extend(logs.iter().map(String::as_str));
    words.extend(["--out", out_text]);
    let written = write_logs(&paths, out, &words)?;
    said(args, &written)?;
    Ok(Exit::Done)
}

fn said(args: &ReportArgs, written: &Written) -> Result<()> {
    written.notes.iter().for_each(|text| note(text));
    let text = format!(
        "{}: open it in a browser\n{}: its {} plots as SVG and PNG\n",
        written.page.display(),
        written.plots.display(),
        written.pictures
    );
    let own = json!({
        "folder": args.folder.display().to_string(),
        "page": written.page.display().to_string(),
        "plots": written.plots.display().to_string(),
        "pictures": written.pictures,
        "notes": written.notes,
    });
    args.output.answer("report", Exit::Done, &text, own, &[])
}

/// The answer to `results/polynomial#question`, which `misfit diff` takes.
fn whole_folder(given: &Path) -> Option<anyhow::Error> {
    let text = given.display().to_string();
    let (path, _) = text.rsplit_once('#')?;
    Path::new(path)
        .is_dir()
        .then(|| anyhow!("{}: a report is of a whole folder, did you mean {path:?}?", one_line(&text)))
}
