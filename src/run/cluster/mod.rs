//! Runs as numbered tasks for machines that know nothing of one another, and their results put together.

pub mod merge;
pub mod plan;
