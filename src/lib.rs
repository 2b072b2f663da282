//! misfit finds out, by experiment, why a small neural network does not fit its data.
//!
//! `experiment → variants × seeds = runs → stacks → training → results → table`. The result files are the boundary: all
//! that follows them works in a build without libtorch (`--no-default-features`).
//!
//! The rooms, from the top floor to the lowest: a room uses those below it only (`CONTRIBUTING.md`, `tests/house.rs`).
//!
//! What reads is a crate of its own (`reader.rs`), of which the program is made; here is what trains. Rooms that have some of
//! both have it in a module `training`.

#[cfg(not(feature = "train"))]
pub use misfit_reader::{cli, diagnose, run};
pub use misfit_reader::{compare, data, experiment, report, results, stats, text};

#[cfg(feature = "train")]
#[path = "cli/training.rs"]
pub mod cli;
#[cfg(feature = "train")]
#[path = "diagnose/training.rs"]
pub mod diagnose;
#[cfg(feature = "train")]
#[path = "run/training.rs"]
pub mod run;
#[cfg(feature = "train")]
pub mod train;
