//! What people see: progress and tables on the terminal.

pub mod curves;
pub mod diagnosis;
pub mod diff;
pub mod next;
pub mod note;
pub mod numbers;
pub mod plots;
pub mod progress;
pub mod published;
pub mod report;
pub mod sheet;
pub mod spark;
pub mod style;
pub mod table;
