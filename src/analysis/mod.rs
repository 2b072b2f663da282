//! What results mean: fits, baselines, outcomes, findings, effects. Nothing here knows libtorch.

pub mod ablation;
pub mod bootstrap;
pub mod bounds;
pub mod diagnosis;
pub mod effects;
pub mod findings;
pub mod health;
pub mod linear;
pub mod moments;
pub mod noise;
pub mod observed;
pub mod outcome;
pub mod pieces;
pub mod search;
pub mod segments;
pub mod summary;
