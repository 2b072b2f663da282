//! The half of misfit that reads experiments and results, and its command line: all that the program has in it. It knows
//! nothing of libtorch; `misfit`, the crate above, adds what trains (`lib.rs`).

pub mod cli;
pub mod diagnose;

pub mod compare;
pub mod report;

pub mod run;

pub mod results;

pub mod data;
pub mod experiment;

pub mod stats;
pub mod text;
