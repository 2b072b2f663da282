//! The command line's half that trains, for the program to open.

mod commands;
#[allow(unsafe_code)] // The name of a function that is exported.
mod export;

pub use misfit_reader::cli::*;
