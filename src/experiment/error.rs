//! What is wrong with an experiment, said on one line.

use std::fmt;

use super::tree::Origin;
use crate::text::{one_line, shorten};

/// What is wrong with an experiment file or an override, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ExperimentError {
    pub file: String,
    pub place: Option<Origin>,
    pub key: String,
    pub message: String,
}

impl fmt::Display for ExperimentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match &self.place {
            Some(Origin::Line(line)) => parts.push(format!("{}:{line}", self.file)),
            Some(Origin::CommandLine(text)) => parts.push(format!("`{}` on the command line", shorten(text))),
            None => parts.push(self.file.clone()),
        }
        if !self.key.is_empty() {
            parts.push(shorten(&self.key));
        }
        parts.push(self.message.clone());
        parts.retain(|part| !part.is_empty());
        // The text is a stranger's: no line break or control character of it reaches the terminal.
        f.write_str(&one_line(&parts.join(": ")))
    }
}
