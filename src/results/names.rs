//! What the files and folders of a results folder are called, beside those of its runs ([`super::run_file`]).

pub const PARTS: &str = ".parts";
/// What a diagnosis tries on its way, each step a results folder of its own.
pub const TRIALS: &str = "trials";
pub const EFFECTS: &str = "effects.csv";
pub const FINDINGS: &str = "findings.csv";
pub const VERDICTS: &str = "verdicts.csv";
/// All that a diagnosis says, as `misfit diagnose --format json` has it.
pub const DIAGNOSED: &str = "diagnosis.json";
/// What the ladder of checks leaves.
pub const CHECKS: &str = "checks.csv";
/// What a report of the folder leaves in it.
pub const PAGE: &str = "report.html";
pub const PLOTS: &str = "plots";
/// The experiment that a diagnosis ends with.
pub const REPAIRED: &str = "repaired.toml";
pub const MANIFEST: &str = "manifest.json";
