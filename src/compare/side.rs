//! One side of a comparison: a CSV or a results folder, of which all or one variant is meant.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::results::input;
use crate::results::logs::is_log;
use crate::text::one_line;
use crate::text::suggest::{no_such, sibling};

/// What a command line's `results/polynomial#answer` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    pub path: PathBuf,
    /// Further files and folders of this side: then all of them are logs.
    pub more: Vec<PathBuf>,
    /// The only variant that is meant, where one is.
    pub variant: Option<String>,
}

impl Side {
    /// A path; or a path, `#` and a variant, where nothing lies at the path with the `#` in it.
    pub fn parse(text: &str) -> Self {
        match text.rsplit_once('#') {
            Some((path, variant)) if !Path::new(text).exists() => {
                Side { path: PathBuf::from(path), more: Vec::new(), variant: Some(variant.to_owned()) }
            }
            _ => Side { path: PathBuf::from(text), more: Vec::new(), variant: None },
        }
    }

    /// One side of several files and folders.
    pub fn of_several(texts: &[String]) -> Option<Self> {
        match texts {
            [] => None,
            [one] => Some(Self::parse(one)),
            [first, more @ ..] => {
                Some(Side { path: PathBuf::from(first), more: more.iter().map(PathBuf::from).collect(), variant: None })
            }
        }
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        std::iter::once(&self.path).chain(&self.more).cloned().collect()
    }

    /// Whether it can only be meant as logs of another program.
    pub fn is_logs(&self) -> bool {
        !self.more.is_empty() || is_log(&self.path)
    }

    /// Whether it is a folder that misfit wrote, or nothing that is known.
    pub fn is_results(&self) -> bool {
        self.more.is_empty() && self.is_folder() && !is_log(&self.path)
    }

    pub fn is_folder(&self) -> bool {
        self.path.is_dir()
    }

    /// Whether it is a folder; refuses what is no CSV and no folder.
    pub fn check(&self) -> Result<bool> {
        for path in &self.more {
            Side { path: path.clone(), more: Vec::new(), variant: None }.check()?;
        }
        let Some(about) = input::about(&self.path)? else {
            let file = self.path.extension().is_some_and(|extension| extension == "csv")
                || (sibling(&self.path, false).is_some() && sibling(&self.path, true).is_none());
            return Err(no_such(&self.path, if file { "file" } else { "results folder" }));
        };
        let readable = about.is_file() || about.is_dir();
        ensure!(readable, "{}: is neither a file nor a folder: save what comes out of it to a file first", self.name());
        Ok(about.is_dir())
    }

    /// As the command line has it.
    pub fn name(&self) -> String {
        let path = one_line(&self.path.display().to_string());
        match (&self.variant, &self.more[..]) {
            (Some(variant), _) => format!("{path}#{}", one_line(variant)),
            (None, []) => path,
            (None, more) => format!("{path} and {} more", more.len()),
        }
    }

    /// A file of this side, as messages name it.
    pub fn shown(&self, file: &Path) -> String {
        one_line(&file.display().to_string())
    }
}
