//! The subcommands, one file each: parse, do, print.

pub mod run;
