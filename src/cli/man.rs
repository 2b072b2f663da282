//! `misfit man`: manual pages, made from what `--help` says.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::Exit;
use super::output::print;
use crate::text::one_line;

const PROGRAM: &str = "misfit";

const EXAMPLES: &str = "\
Examples:
  misfit man                                   the main page, as roff
  misfit man > misfit.1                        the same in a file, for man ./misfit.1
  misfit man ~/.local/share/man/man1           the pages of all subcommands too, where man finds them

Then man misfit and man misfit-run show them. Pages that are there already are written again.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Write misfit.1 and a page for each subcommand into this folder [default: the main page to standard output]
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub folder: Option<PathBuf>,
}

pub fn run(args: &ManArgs) -> Result<Exit> {
    let mut main = crate::cli::command().disable_help_subcommand(true);
    main.build();
    match &args.folder {
        None => print(&page(&main)?)?,
        Some(folder) => {
            let pages = write(&main, folder)?;
            let shown = one_line(&folder.display().to_string());
            print(&format!("{shown}: {pages} pages, misfit.1 and one for each subcommand\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// Writes every page, and says how many there are.
fn write(main: &Command, folder: &Path) -> Result<usize> {
    let shown = one_line(&folder.display().to_string());
    ensure!(!folder.is_file(), "{shown}: is a file: give a folder");
    std::fs::create_dir_all(folder)
        .map_err(|cause| anyhow!("{shown}: cannot be made: {cause}: give another folder"))?;
    let commands: Vec<&Command> =
        std::iter::once(main).chain(main.get_subcommands().filter(|sub| !sub.is_hide_set())).collect();
    for command in &commands {
        let path = folder.join(format!("{}.1", command.get_display_name().unwrap_or(PROGRAM)));
        std::fs::write(&path, page(command)?)
            .with_context(|| format!("{}: cannot be written", one_line(&path.display().to_string())))?;
    }
    Ok(commands.len())
}

/// A command's page, with its examples as they are laid out in its help.
fn page(command: &Command) -> Result<String> {
    let man = Man::new(command.clone());
    let name = command.get_display_name().unwrap_or(PROGRAM);
    // clap_mangen's own title leaves an empty date out, and then the version is taken for it.
    let mut out = format!(".TH {name} 1 \"\" \"{PROGRAM} {}\"\n", env!("CARGO_PKG_VERSION")).into_bytes();
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    let help = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    examples(&help.unwrap_or_default()).to_writer(&mut out)?;
    man.render_version_section(&mut out)?;
    String::from_utf8(out).context("the page is not UTF-8")
}

/// What follows the options in a help: indented lines stand as they are, others are filled.
fn examples(help: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    let (mut as_it_is, mut first) = (false, true);
    for line in help.lines().filter(|line| !line.is_empty() && *line != "Examples:") {
        if line.starts_with(' ') != as_it_is {
            as_it_is = !as_it_is;
            let requests: &[&str] = if as_it_is { &["PP", "nf"] } else { &["fi", "PP"] };
            for request in requests.iter().filter(|request| !(first && **request == "PP")) {
                roff.control(*request, []);
            }
        }
        first = false;
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    if as_it_is {
        roff.control("fi", []);
    }
    roff
}
