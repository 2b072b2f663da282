//! What people see: progress and tables on the terminal.

pub mod diagnosis;
pub mod next;
pub mod note;
pub mod progress;
pub mod style;
pub mod table;
