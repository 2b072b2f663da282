//! Words and numbers as people and shells read them. Nothing here knows misfit's experiments or results.

pub mod json;
pub mod names;
pub mod note;
pub mod numbers;
pub mod room;
pub mod shell;
pub mod suggest;

pub use names::{apart, cut, hex, is_unseen, one_line, one_of, shorten, unknown};
