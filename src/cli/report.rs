//! `misfit report`: plots of a results folder, and one page for the browser.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args;

use super::Exit;
use super::run::print;
use crate::report::write;
use crate::results::folder::unfinished;
use crate::results::input;
use crate::text::note::note;
use crate::text::one_line;
use crate::text::suggest::no_such;

const EXAMPLES: &str = "\
Examples:
  misfit report results/polynomial                   results/polynomial/report.html, and its plots as SVG and PNG
  misfit report results/polynomial --out for-others  the same into another folder

The page needs no network and no other file: it can be opened from disk, sent to somebody, printed. Point at a plot for its
values, or go through them with the arrow keys.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// A results folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Where report.html and plots/ go [default: the results folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub fn run(args: &ReportArgs) -> Result<Exit> {
    let folder = &args.folder;
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
    written.notes.iter().for_each(|text| note(text));
    print(&format!(
        "{}: open it in a browser\n{}: its {} plots as SVG and PNG\n",
        written.page.display(),
        written.plots.display(),
        written.pictures
    ))?;
    super::steps::after_report(folder);
    Ok(Exit::Done)
}

/// The answer to `results/polynomial#question`, which `misfit diff` takes.
fn whole_folder(given: &Path) -> Option<anyhow::Error> {
    let text = given.display().to_string();
    let (path, _) = text.rsplit_once('#')?;
    Path::new(path)
        .is_dir()
        .then(|| anyhow!("{}: a report is of a whole folder, did you mean {path:?}?", one_line(&text)))
}
