//! `misfit report`: a results folder as pictures and one page.

mod figures;
mod functions;
mod page;
mod sections;
mod study;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::results::files::write_whole;
use crate::results::folder::{PAGE, PLOTS, clear_report};
use crate::show::next::quoted;
use crate::show::plots::png;
use figures::Figures;
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

/// Reads the results in `folder` and writes the page and the pictures into `out`; `made_by` is the command that does so.
pub fn write(folder: &Path, out: &Path, made_by: &[&str]) -> Result<Written> {
    let study = Study::read(folder)?;
    let figures = Figures::draw(&study)?;
    // Pictures of variants that are there no more would stay.
    clear_report(out)?;
    let plots = out.join(PLOTS);
    std::fs::create_dir_all(&plots)
        .with_context(|| format!("{}: cannot be made: set --out to another folder", plots.display()))?;
    for figure in figures.all() {
        let svg = &figure.wide.svg;
        let save = |extension: &str, bytes: &[u8]| {
            write_whole(&plots.join(format!("{}.{extension}", figure.id)), |file| Ok(file.write_all(bytes)?))
        };
        save("svg", svg.as_bytes())?;
        save("png", &png(svg, SCALE)?)?;
    }
    let page = out.join(PAGE);
    let words: Vec<String> = made_by.iter().map(|word| quoted(word)).collect();
    let html = page::page(&study, &figures, &words.join(" "));
    write_whole(&page, |file| Ok(file.write_all(html.as_bytes())?))?;
    Ok(Written { page, plots, pictures: figures.all().count(), notes: study.notes })
}
