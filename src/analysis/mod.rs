//! What results mean: fits, baselines, outcomes. Nothing here knows libtorch.

pub mod bounds;
pub mod linear;
pub mod outcome;
pub mod summary;
