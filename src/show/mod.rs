//! What people see: progress and tables on the terminal.

pub mod diagnosis;
pub mod note;
pub mod plots;
pub mod progress;
pub mod table;
