//! The subcommands, one file each: parse, do, print.

pub mod completions;
pub mod diagnose;
pub mod diff;
pub mod doctor;
pub mod init;
pub mod man;
pub mod merge;
pub mod plan;
pub mod report;
pub mod run;
mod steps;
pub mod task;

/// How a command ended well; a failure is an error, and code 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// A difference, or a check that failed: code 1.
    Different,
    /// By this signal; runs that had ended are kept.
    #[cfg(feature = "train")]
    Interrupted(i32),
}
