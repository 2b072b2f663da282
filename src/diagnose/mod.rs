//! A diagnosis: what is tried, what it shows, the rules, the verdicts, and the files and words that say so.

pub mod certainty;
pub mod files;
#[cfg(feature = "train")]
mod laboratory;
pub mod observed;
pub mod print;
pub mod rules;
pub mod search;
pub mod verdicts;

#[cfg(feature = "train")]
pub use laboratory::{Interrupted, diagnose};
