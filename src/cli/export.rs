//! What the library exports.

use std::panic::catch_unwind;

/// Does what the process's arguments ask for; the exit code. Its name has a hash of the sources in it, so that a program finds
/// only the library that it was built with. A panic has said what it is, and ends with the code that Rust gives it.
#[unsafe(export_name = concat!("misfit_", env!("MISFIT_BUILD")))]
extern "C" fn main() -> i32 {
    catch_unwind(super::commands::main).map_or(101, i32::from)
}
