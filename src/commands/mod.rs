//! The subcommands, one file each: parse, do, print.

pub mod completions;
pub mod diagnose;
pub mod init;
pub mod man;
pub mod run;

/// How a command ended well; a failure is an error, and code 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// By this signal; runs that had ended are kept.
    #[cfg(feature = "train")]
    Interrupted(i32),
}
