//! `misfit diagnose`: finds out what is wrong with an experiment's baseline, by trying what might mend it.

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::Exit;
use super::output::Quiet;
use super::run::TrainArgs;

const EXAMPLES: &str = "\
Examples:
  misfit diagnose                       the embedded experiment: a ReLU network asked to fit x² + x
  misfit diagnose my.toml               one's own
  misfit diagnose my.toml --hide-fixes --out results/my-hidden
                                        without the fixes that the file names: what does misfit find by itself?
  misfit diagnose my.toml train.steps=500   a baseline with one setting changed
  misfit diagnose my.toml --until-sure      with as many seeds as it takes to tell, up to 100
  misfit diagnose my.toml --format sarif > findings.sarif
                                        what is wrong in which line, for a code host or an editor

The runs, verdicts.csv, effects.csv, findings.csv, diagnosis.json and repaired.toml go to results/<name>-diagnosis. A diagnosis that was cut short
goes on with the same command. Exit codes: 0 done, 2 a usage or input error, 130 or 143 interrupted.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiagnoseArgs {
    #[command(flatten)]
    pub train: TrainArgs,
    /// Try only fixes that misfit itself suggests, none of those that the file names
    #[arg(long)]
    pub hide_fixes: bool,
    /// Add seeds to the sets on which a verdict hangs until it can be told, up to N seeds [default N: 100; without this
    /// option 10, as far as that takes little time]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "100", value_parser = most_seeds)]
    pub until_sure: Option<usize>,
    /// How the answer is printed: as text, as one JSON object, or its findings as SARIF 2.1.0
    #[arg(long, value_enum, default_value_t = DiagnosisFormat::Text)]
    pub format: DiagnosisFormat,
    #[command(flatten)]
    pub quiet: Quiet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiagnosisFormat {
    Text,
    Json,
    Sarif,
}

fn most_seeds(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (2..=10_000).contains(count));
    count.ok_or_else(|| "expected a whole number of seeds from 2 to 10000".to_owned())
}

pub fn run(args: &DiagnoseArgs, build: &str) -> Result<Exit> {
    args.train.load()?;
    super::run::by_the_half(build)
}
