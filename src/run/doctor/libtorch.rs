//! The libtorch that is there: where it lies, of which version it is, and whether it has CUDA.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

use crate::experiment::device::LIBTORCH;

/// A libtorch, by its folder of libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libtorch {
    pub folder: PathBuf,
    /// As it says itself, `2.11.0+cu130` for instance; `None` if it says nothing.
    pub version: Option<String>,
    pub cuda: bool,
}

impl Libtorch {
    /// The one whose libraries are in this folder.
    pub fn at(folder: &Path) -> Option<Self> {
        let has = |name: &str| folder.join(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}")).is_file();
        let shown = || folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        has("torch_cpu").then(|| Libtorch { folder: shown(), version: version(folder), cuda: has("torch_cuda") })
    }

    /// The one that this process has loaded, as far as the system tells.
    pub fn loaded() -> Option<Self> {
        Self::at(mapped(&format!("{DLL_PREFIX}torch_cpu{DLL_SUFFIX}"))?.parent()?)
    }

    /// What there is to say against it if it is known to be of another version than is needed.
    pub fn fault(&self) -> Option<String> {
        let version = self.version.as_deref().filter(|version| version.split('+').next() != Some(LIBTORCH))?;
        Some(format!("libtorch in {} is {version}, {LIBTORCH} is needed", self.folder.display()))
    }
}

/// What the folder above the libraries says: of the Python package by its `version.py`, of an archive by its `build-version`.
fn version(folder: &Path) -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(folder.parent()?.join(name)).ok();
    let of_python = read("version.py").and_then(|text| {
        let said = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        Some(said.trim().trim_matches(['\'', '"']).to_owned())
    });
    of_python.or_else(|| Some(read("build-version")?.trim().to_owned())).filter(|version| !version.is_empty())
}

/// The file of this name that is loaded. Only Linux tells.
pub fn mapped(name: &str) -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let mut files = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    files.find(|file| file.file_name().is_some_and(|found| found == name)).map(Path::to_owned)
}
