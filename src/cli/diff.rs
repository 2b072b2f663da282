//! `misfit diff`: two CSVs, results folders or sets of logs compared.

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use super::Exit;
use super::output::{json, print, print_text};
use crate::compare::print as printed;
use crate::compare::{Asked, Side, Tolerance, compare};
use crate::text::note::note;
use crate::text::one_line;

const EXAMPLES: &str = "\
Examples:
  misfit diff results/polynomial results/mine            all files of two results folders, and their settings
  misfit diff results/polynomial#question results/polynomial#answer
                                                         two variants of one folder
  misfit diff a/curves.csv b/curves.csv --rtol 1e-6      two CSVs, equal but for rounding
  misfit diff results/polynomial results/mine --changed  only what differs
  misfit diff results/polynomial results/mine --within-noise
                                                         different only where seeds do not differ as much
  misfit diff a.csv b.csv --key city,year                CSVs made elsewhere, aligned by columns of one's choice
  misfit diff results/polynomial results/mine --common   only what both have, where one has more seeds
  misfit diff logs/before logs/after                     folders of logs: Keras, Lightning, Hugging Face, TensorBoard
  misfit diff before/*.csv -- after/*.csv                logs of several runs on each side
  misfit diff a b --format md                            for an issue or a pull request

Rows are aligned by variant, seed and step (of predictions by the file's row, or the inputs); NaN equals NaN, and inf an inf of its sign.
Numbers are the same where |a − b| ≤ atol + rtol·|b|. Exit codes: 0 the same, 1 different, 2 failed.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArgs {
    /// Two CSVs, results folders (`#VARIANT` after one means one variant of it), or logs of other programs and folders of them;
    /// the second is the reference of the tolerance
    #[arg(value_name = "A", required = true, num_args = 1..)]
    sides: Vec<String>,
    /// Where A is the logs of several runs, those of the other side
    #[arg(value_name = "B", last = true)]
    others: Vec<String>,
    /// Relative tolerance
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = tolerance, allow_hyphen_values = true)]
    rtol: f64,
    /// Absolute tolerance, in each column's own units
    #[arg(long, value_name = "A", default_value_t = 0.0, value_parser = tolerance, allow_hyphen_values = true)]
    atol: f64,
    /// How it is shown; with json and csv NaN and infinities are spelt NaN, inf and -inf
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Show only columns, files and settings that differ
    #[arg(long)]
    changed: bool,
    /// Of several seeds: count as different only what differs by more than seeds do among themselves
    #[arg(long)]
    within_noise: bool,
    /// Compare what both sides have, and count nothing as a difference because one side lacks it
    #[arg(long)]
    common: bool,
    /// Columns that tell rows apart, instead of variant, seed, step and x
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    key: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Md,
    Csv,
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number >= 0.0 && number.is_finite());
    number.ok_or_else(|| "expected a number of at least 0, as 1e-6".to_owned())
}

impl DiffArgs {
    /// `A B`, or `A … -- B …`.
    fn sides(&self) -> Result<[Side; 2]> {
        let (a, b) = match (&self.sides[..], &self.others[..]) {
            ([a, b], []) => (std::slice::from_ref(a), std::slice::from_ref(b)),
            ([a], []) => {
                bail!("{}: what is it to be compared with? Name a second file or folder (see --help)", one_line(a))
            }
            (several, []) => {
                bail!(
                    "{} files and folders: which are of which side? Write -- between them (see --help)",
                    several.len()
                )
            }
            (a, b) => (a, b),
        };
        Side::of_several(a).zip(Side::of_several(b)).map(<[Side; 2]>::from).context("nothing to compare")
    }
}

pub fn run(args: &DiffArgs) -> Result<Exit> {
    let sides = args.sides()?;
    let asked = Asked {
        tolerance: Tolerance { rtol: args.rtol, atol: args.atol },
        key: args.key.clone(),
        within_noise: args.within_noise,
        common: args.common,
    };
    let folders = sides.iter().all(Side::is_folder);
    ensure!(!folders || args.key.is_empty(), "--key: is for CSVs: name two files of these folders");
    let comparison = compare(&sides[0], &sides[1], &asked)?;
    comparison.notes.iter().for_each(|text| note(text));
    let exit = if comparison.different { Exit::Different } else { Exit::Done };
    let table = || printed::table(&comparison, args.changed);
    let text = match args.format {
        Format::Table => table(),
        Format::Md => printed::markdown(&comparison, args.changed),
        Format::Json => json("diff", exit, &table(), printed::only(&comparison, args.changed))?,
        Format::Csv => printed::csv(&comparison, args.changed),
    };
    match args.format {
        Format::Table => print_text(&text)?,
        _ => print(&text)?,
    }
    // The notebook compares whole folders.
    let whole = folders && sides.iter().all(|side| side.variant.is_none() && !side.is_logs());
    if args.format == Format::Table && whole && comparison.different {
        super::steps::after_diff(&sides[0].path, &sides[1].path);
    }
    Ok(exit)
}
