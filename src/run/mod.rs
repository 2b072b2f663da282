//! An experiment's runs: which train together and on which threads, what they cost, and the record that each leaves.

pub mod baselines;
pub mod cluster;
#[cfg(feature = "train")]
pub mod cost;
pub mod doctor;
pub mod health;
#[cfg(feature = "train")]
pub mod interrupt;
pub mod memory;
pub mod outcome;
#[cfg(feature = "train")]
mod progress;
#[cfg(feature = "train")]
pub mod record;
#[cfg(feature = "train")]
pub mod runner;
#[cfg(feature = "train")]
pub mod schedule;
#[cfg(feature = "train")]
pub mod stacks;
