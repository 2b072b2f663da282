//! misfit finds out, by experiment, why a small neural network does not fit its data.
//!
//! `experiment → variants × seeds = runs → stacks → training → results → table`. The result files are the boundary: all
//! that follows them works in a build without libtorch (`--no-default-features`).

pub mod analysis;
#[cfg(feature = "train")]
mod cut;
pub mod data;
mod device;
#[cfg(feature = "train")]
mod diagnose;
mod doctor;
#[cfg(feature = "train")]
mod estimate;
pub mod experiment;
#[cfg(feature = "train")]
mod interrupt;
mod memory;
pub mod plan;
pub mod random;
pub mod results;
#[cfg(feature = "train")]
mod runner;
#[cfg(feature = "train")]
pub mod schedule;
mod shell;
pub mod show;
pub mod suggest;
#[cfg(feature = "train")]
pub mod train;

pub mod cli;
mod commands;
mod usage;
