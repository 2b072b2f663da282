//! Whether a results folder's files are still what misfit wrote: its manifest has the SHA-256 of each.

use std::collections::BTreeMap;
use std::path::Path;

use super::input;
use super::manifest::Manifest;
use super::names::{CHECKS, DIAGNOSED, EFFECTS, FINDINGS, MANIFEST, REPAIRED, VERDICTS};
use super::read::Trust;
use super::sums::Sum;

/// What misfit sums up; a manifest that names more is nobody's of ours.
const WRITTEN: [&str; 10] = [
    "curves.csv",
    "runs.csv",
    "predictions.csv",
    "health.csv",
    EFFECTS,
    FINDINGS,
    VERDICTS,
    DIAGNOSED,
    CHECKS,
    REPAIRED,
];

/// The files of a folder whose sums are known, each with how sure one can be of it. Files that are gone or cannot be read
/// are left out.
#[derive(Debug, Clone, Default)]
pub struct Integrity(BTreeMap<String, Trust>);

impl Integrity {
    pub fn of(folder: &Path, manifest: &Manifest) -> Self {
        let seen = Self::seen(folder, manifest);
        // Whoever trains may have replaced them meanwhile, and the manifest before them.
        match Manifest::read(&folder.join(MANIFEST)) {
            Ok(Some(now)) if now.sums != manifest.sums && seen.changed().next().is_some() => Self::seen(folder, &now),
            _ => seen,
        }
    }

    fn seen(folder: &Path, manifest: &Manifest) -> Self {
        let state = |name: &str, known: Vec<Sum>| {
            let path = folder.join(name);
            // Of what cannot be read whoever reads it says why.
            let size = input::open(&path).and_then(|file| file.metadata()).ok()?.len();
            // Of a file of another size nothing more needs to be read.
            let same = known.iter().any(|sum| sum.bytes == size) && known.contains(&Sum::of(&path).ok()?);
            Some(if same { Trust::AsWritten } else { Trust::Nothing })
        };
        // A large file takes seconds; there are few.
        let states = std::thread::scope(|scope| {
            let files: Vec<_> = manifest
                .sums
                .files
                .keys()
                .filter(|name| WRITTEN.contains(&name.as_str()))
                .map(|name| (name.clone(), scope.spawn(move || state(name, manifest.sums.known(name)))))
                .collect();
            let joined = files.into_iter().filter_map(|(name, thread)| Some((name, thread.join().ok()??)));
            joined.collect()
        });
        Integrity(states)
    }

    pub fn trust(&self, name: &str) -> Trust {
        self.0.get(name).copied().unwrap_or(Trust::Nothing)
    }

    /// The files that are not what misfit wrote.
    pub fn changed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, trust)| **trust == Trust::Nothing).map(|(name, _)| name.as_str())
    }
}
