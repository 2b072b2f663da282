//! What the library exports.

use std::io::Write;
use std::panic::catch_unwind;

/// Does what the process's arguments ask for, and ends the process with its exit code. Its name has a hash of the sources in it,
/// so that a program finds only the library that it was built with. A panic has said what it is, and ends with the code that
/// Rust gives it.
///
/// All that was to be written is written by then. libtorch would take half as long again as its loading to empty its tables
/// of operations, which the process's end does at once; so none of its destructors runs.
#[unsafe(export_name = concat!("misfit_", env!("MISFIT_BUILD")))]
extern "C" fn main() -> i32 {
    let code = catch_unwind(super::commands::main).map_or(101, i32::from);
    let _ = std::io::stdout().flush();
    signal_hook::low_level::exit(code)
}
