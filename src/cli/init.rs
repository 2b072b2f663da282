//! `misfit init`: a copy of the embedded experiment to change.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, ValueHint};

use super::Exit;
use super::next::{command, next};
use super::output::print;
use crate::experiment::EMBEDDED;
use crate::experiment::names::check_name;
use crate::results::files::Unplaced;
use crate::text::one_line;
use crate::text::shell::quoted;

const EXAMPLES: &str = "\
Examples:
  misfit init mine.toml                 a copy of the embedded experiment; its results go to results/mine
  misfit run mine.toml --dry-run        what it would train
  misfit run mine.toml                  trains it

docs/experiments.md has every key. A file that is there already is never replaced. Exit codes: 0 done, 2 a usage or
input error.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InitArgs {
    /// The file to write; its name without the ending is the experiment's
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

pub fn run(args: &InitArgs) -> Result<Exit> {
    let file = args.file.as_path();
    let shown = one_line(&file.display().to_string());
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    ensure!(!name.is_empty(), "{shown:?}: names no file: give a file to write, as mine.toml");
    check_name(&name).map_err(|message| anyhow!("{shown}: {message}"))?;
    find_folder(file).with_context(|| shown.clone())?;
    write_new(file, &named(&name), &shown)?;
    print(&format!(
        "{shown}: a copy of the embedded experiment: change a number in it, say learning_rate, and run it\n"
    ))?;
    let words = file.display().to_string();
    next(&[
        (&command(&["run", &words]), "trains it, once something is changed"),
        (&command(&["run", &words, "--dry-run"]), "what it would train"),
    ]);
    Ok(Exit::Done)
}

/// The embedded experiment under another name.
fn named(name: &str) -> String {
    EMBEDDED.1.replacen("\nname = \"polynomial\"\n", &format!("\nname = \"{name}\"\n"), 1)
}

/// Fails if the folder of a file to write is not there.
fn find_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        ensure!(!folder.exists(), "its folder is a file: give another place");
        let make = format!("mkdir -p {}", quoted(&folder.display().to_string()));
        return Err(anyhow!("its folder is not there: make it first ({make})"));
    }
    Ok(())
}

/// Writes a file that was not there, whole or not at all.
fn write_new(file: &Path, text: &str, shown: &str) -> Result<()> {
    let taken = || anyhow!("{shown}: is there already, and is left as it is: give another name");
    if file.symlink_metadata().is_ok() {
        return Err(taken());
    }
    let new = Unplaced::write(file, |out| Ok(out.write_all(text.as_bytes())?))
        .map_err(|error| anyhow!("{}: give another place", one_line(&format!("{error:#}"))))?;
    new.place_new().map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => taken(),
        _ => anyhow!("{shown}: cannot be written: {error}: give another place"),
    })
}
