//! Result folders: what their files look like, how they are written whole or not at all, and how they are read back.

mod checked;
pub mod clear;
pub mod compare;
pub mod diagnosis;
pub mod files;
pub mod folder;
mod index;
pub mod integrity;
pub mod lock;
pub mod manifest;
pub mod merge;
pub mod part;
pub mod read;
pub mod rows;
mod scan;
pub mod sums;
