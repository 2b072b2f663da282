//! Notes to the person at the terminal, on stderr.

use std::io::Write;

use crate::text::one_line;

/// Says one line. That nobody reads stderr any more is no failure.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "misfit: {}", one_line(text));
}
