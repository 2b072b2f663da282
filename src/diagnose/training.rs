//! What of a diagnosis trains.

mod laboratory;

pub use laboratory::{Interrupted, diagnose};
pub use misfit_reader::diagnose::*;
