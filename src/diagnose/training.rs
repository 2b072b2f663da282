//! What of a diagnosis trains.

mod checking;
mod laboratory;

pub use checking::check;
pub use laboratory::{Interrupted, diagnose};
pub use misfit_reader::diagnose::*;
