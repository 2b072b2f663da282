//! Mathematics on slices of numbers. Nothing here knows misfit.

pub mod bootstrap;
pub mod closeness;
pub mod effects;
pub mod exponential;
pub mod gradients;
pub mod learners;
pub mod linear;
pub mod linear_regions;
pub mod logistic;
pub mod moments;
pub mod neighbours;
pub mod proportion;
pub mod segments;
mod table;
