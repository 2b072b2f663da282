//! Result folders: what their files look like, how they are written whole or not at all, and how they are read back.

mod checked;
pub mod checks;
pub mod clear;
pub mod files;
pub mod folder;
mod index;
pub mod input;
pub mod integrity;
pub mod lock;
pub mod logs;
pub mod manifest;
pub mod names;
pub mod outcome;
pub mod parquet;
pub mod part;
pub mod points;
pub mod read;
pub mod rows;
pub mod run_file;
mod scan;
pub mod sums;
