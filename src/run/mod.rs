//! An experiment's runs: the record that each leaves, plans and their results, and what misfit needs of a machine. What trains
//! them is in `training.rs`.

pub mod baselines;
pub mod cluster;
pub mod doctor;
pub mod health;
pub mod memory;
pub mod outcome;
