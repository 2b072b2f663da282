//! Lines to the person at the terminal, on stderr: notes, which `--quiet` leaves out, and faults.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::text::one_line;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Leaves out notes from here on.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub fn quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// A line that is worth knowing.
pub fn note(text: &str) {
    if !quiet() {
        fault(text);
    }
}

/// A line that says why the exit code is not 0. That nobody reads stderr any more is no failure.
pub fn fault(text: &str) {
    let _ = writeln!(std::io::stderr(), "misfit: {}", one_line(text));
}

/// Whether a notebook's cell called the program by `!`. Jupyter gives it a terminal, and asks for colours, but keeps all that is
/// written: a bar that is drawn a hundred times is a hundred lines of the file.
pub fn in_notebook() -> bool {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|own| own == value);
    // Kernels that Jupyter did not start lack the first: then the others are what ipykernel sets for its children.
    std::env::var_os("JPY_PARENT_PID").is_some()
        || is("CLICOLOR_FORCE", "1") && is("TERM", "xterm-color") && is("GIT_PAGER", "cat")
}
