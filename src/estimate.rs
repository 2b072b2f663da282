//! How long runs take, before they are trained: on one core of a usual machine (an AMD EPYC of 2021), to within a factor of
//! two or so.

use crate::analysis::search::updates;
use crate::experiment::config::{Activation, Config, Output};

/// The scheduler's units of cost in a second.
pub const UNITS_A_SECOND: f64 = 2.5e10;
/// What a run and an update cost besides, and one through an activation that is libtorch's own.
const SECONDS_A_RUN: f64 = 2e-3;
const SECONDS_AN_UPDATE: f64 = 1e-6;
const SECONDS_A_CALL: f64 = 5e-6;

/// Seconds that a run with `rows` training samples takes besides its cost.
pub fn overhead(config: &Config, rows: usize) -> f64 {
    let called = config.model.activation.iter().filter(|a| **a != Activation::Relu).count()
        + usize::from(config.model.output != Output::Identity);
    SECONDS_A_RUN + updates(config, rows) as f64 * (SECONDS_AN_UPDATE + SECONDS_A_CALL * called as f64)
}
