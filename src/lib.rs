//! misfit finds out, by experiment, why a small neural network does not fit its data.
//!
//! `experiment → variants × seeds = runs → stacks → training → results → table`. The result files are the boundary: all
//! that follows them works in a build without libtorch (`--no-default-features`).
//!
//! The rooms, from the top floor to the lowest: a room uses those below it only (`CONTRIBUTING.md`, `tests/house.rs`).

pub mod cli;
pub mod diagnose;

pub mod compare;
pub mod report;

pub mod run;
#[cfg(feature = "train")]
pub mod train;

pub mod results;

pub mod data;
pub mod experiment;

pub mod stats;
pub mod text;
