//! Runs as numbered tasks for machines that know nothing of one another, and their results put together.

#[cfg(feature = "train")]
pub mod cut;
pub mod merge;
pub mod plan;
