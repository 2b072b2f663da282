//! `misfit completions`: what makes a shell complete misfit's subcommands and options.

use anyhow::{Context, Result};
use clap::Args;
use clap_complete::{Shell, generate};

use super::Exit;
use super::output::print;

const EXAMPLES: &str = "\
Examples:
  misfit completions bash > ~/.local/share/bash-completion/completions/misfit
  misfit completions zsh > ~/.zfunc/_misfit
  misfit completions fish > ~/.config/fish/completions/misfit.fish
  misfit completions elvish >> ~/.config/elvish/rc.elv
  misfit completions powershell >> $PROFILE

Make the folder first where there is none, and open a new shell afterwards. For bash the package bash-completion must be
there, or the file sourced in ~/.bashrc. For zsh ~/.zshrc needs, before compinit: fpath=(~/.zfunc $fpath). Completion is
for a program that is called as misfit: its folder belongs on PATH.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell to complete in
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

pub fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    generate(args.shell, &mut crate::cli::command(), "misfit", &mut script);
    print(std::str::from_utf8(&script).context("the completions are not UTF-8")?)?;
    Ok(Exit::Done)
}
