//! What of a diagnosis trains.

mod checking;
mod laboratory;

pub use checking::{Checked, check};
pub use laboratory::{Diagnosed, Interrupted, diagnose};
pub use misfit_reader::diagnose::*;
