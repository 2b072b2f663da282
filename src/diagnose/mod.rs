//! A diagnosis: what is tried, what it shows, the rules, the verdicts, and the files and words that say so.

pub mod answer;
pub mod certainty;
pub mod check;
pub mod code;
pub mod files;
pub mod observed;
pub mod print;
pub mod rows;
pub mod rules;
pub mod search;
pub mod verdicts;
