//! Results as people see them: tables on the terminal, charts, and `misfit report`'s pictures and page.

pub mod ablation;
pub mod answer;
pub mod baselines;
pub mod checks;
mod confusion;
pub mod curves;
mod figure;
mod figures;
mod folded;
mod frameworks;
mod functions;
mod log_page;
mod names;
pub mod outputs;
mod page;
pub mod plots;
pub mod published;
pub mod scores;
mod sections;
pub mod sheet;
pub mod spark;
mod study;
pub mod style;
pub mod summary;
pub mod table;
mod variant;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::results::clear::clear_report;
use crate::results::files::{make_folder, write_whole};
use crate::results::names::{PAGE, PLOTS};
use crate::text::shell::command;
use figure::Figure;
use figures::Figures;
use log_page::LogStudy;
use plots::png;
use study::Study;

/// PNGs have so many pixels for each of the SVG's, for print.
const SCALE: f32 = 2.0;

/// What was written.
pub struct Written {
    pub page: PathBuf,
    pub plots: PathBuf,
    pub pictures: usize,
    /// What the page lacks, a line each.
    pub notes: Vec<String>,
}

/// The page alone, of the results in `folder`.
pub fn page_of(folder: &Path, made_by: &str) -> Result<String> {
    let study = Study::read(folder)?;
    Ok(page::page(&study, &Figures::draw(&study)?, made_by))
}

/// Reads the results in `folder` and writes the page and the pictures into `out`; `made_by` is the command that does so.
pub fn write(folder: &Path, out: &Path, made_by: &[&str]) -> Result<Written> {
    let study = Study::read(folder)?;
    let figures = Figures::draw(&study)?;
    let html = page::page(&study, &figures, &command(made_by));
    put(out, figures.all().collect(), &html, study.notes)
}

/// The same of logs of other programs.
pub fn write_logs(paths: &[PathBuf], out: &Path, made_by: &[&str]) -> Result<Written> {
    let study = LogStudy::read(paths)?;
    let figures = study.figures()?;
    put(out, figures.iter().collect(), &study.page(&figures, made_by), study.notes.clone())
}

/// Puts a page and its pictures into a folder.
fn put(out: &Path, figures: Vec<&Figure>, html: &str, notes: Vec<String>) -> Result<Written> {
    // Whatever can fail does so before anything is written.
    let pictures: Vec<Vec<u8>> = figures.iter().map(|figure| png(&figure.wide.svg, SCALE)).collect::<Result<_>>()?;
    let (page, plots) = (out.join(PAGE), out.join(PLOTS));
    ensure!(!page.is_dir(), "{}: is a folder: set --out to another one", page.display());
    // Pictures of variants that are there no more would stay.
    clear_report(out)
        .with_context(|| format!("{}: no report can be written here, set --out to another folder", out.display()))?;
    make_folder(&plots).with_context(|| format!("{}: cannot be made: set --out to another folder", plots.display()))?;
    for (figure, picture) in figures.iter().zip(&pictures) {
        let save = |extension: &str, bytes: &[u8]| {
            write_whole(&plots.join(format!("{}.{extension}", figure.id)), |file| Ok(file.write_all(bytes)?))
        };
        save("svg", figure.wide.svg.as_bytes())?;
        save("png", picture)?;
    }
    write_whole(&page, |file| Ok(file.write_all(html.as_bytes())?))?;
    Ok(Written { page, plots, pictures: figures.len(), notes })
}
