//! A results folder: held by one process at a time, and never with half a run in it.
//!
//! While an experiment runs, each stack that ends leaves a part in `.parts/`. At the end, or when it is interrupted, the
//! parts and the runs that the CSVs hold already are put together, sorted, into new CSVs that take the place of the old.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::files::{Segment, Sum, Unplaced, copy, remove};
use super::index::runs_in;
use super::manifest::{Manifest, Status};
use super::part::{self, RunRows};
use super::read::shown as shown_run;
use super::rows::{Key, RunFile};
use crate::experiment::{Experiment, one_line};
use crate::shell::quoted;
use crate::show::numbers::plural;

/// A folder that this process holds until the value is dropped.
pub struct Folder {
    path: PathBuf,
    headers: [String; RunFile::COUNT],
    /// What the folder's results depend on.
    hash: String,
    /// What each file holds by now, and while some are being replaced what they held before.
    sums: BTreeMap<String, Sum>,
    replaced: BTreeMap<String, Vec<Sum>>,
    /// Where the rows of the runs lie that have ended.
    runs: BTreeMap<Key, [Segment; RunFile::COUNT]>,
    /// Whether there are parts that the CSVs lack.
    parted: bool,
    next: AtomicU64,
    lock: File,
}

const LOCK: &str = ".lock";
const PARTS: &str = ".parts";
/// What a diagnosis tries on its way, each step a results folder of its own.
pub const TRIALS: &str = "trials";
pub const EFFECTS: &str = "effects.csv";
pub const FINDINGS: &str = "findings.csv";
/// What a report of the folder leaves in it.
pub const PAGE: &str = "report.html";
pub const PLOTS: &str = "plots";
/// The experiment that a diagnosis ends with.
pub const REPAIRED: &str = "repaired.toml";
pub const MANIFEST: &str = "manifest.json";

impl Folder {
    /// Takes hold of `path` for an experiment of this `hash`, whatever it already holds of it; `fresh` clears out what any
    /// experiment left there.
    pub fn open(path: &Path, experiment: &Experiment, hash: &str, fresh: bool) -> Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path)
            .map_err(|cause| anyhow!("{shown}: cannot be made a results folder: {cause}: set --out to another"))?;
        let lock = lock(path)?;
        let ours = |name: &str| path.join(name);
        if fresh {
            clear(path)?;
        }
        remove_unfinished(path)?;
        let before = Self::check(path, experiment, hash)?;
        let (sums, replaced) = before.map(|manifest| (manifest.files, manifest.replaced)).unwrap_or_default();
        fs::create_dir_all(ours(PARTS)).with_context(|| format!("{shown}: cannot be written to"))?;
        let mut folder = Folder {
            path: path.to_owned(),
            headers: RunFile::ALL.map(|file| file.header(experiment)),
            hash: hash.to_owned(),
            sums,
            replaced,
            runs: BTreeMap::new(),
            parted: false,
            next: AtomicU64::new(0),
            lock,
        };
        folder.find_runs()?;
        let known: std::collections::HashSet<&str> = experiment.variants.iter().map(|v| v.name.as_str()).collect();
        if let Some(key) = folder.runs.keys().find(|key| !known.contains(key.variant.as_str())) {
            bail!(
                "{shown}: has rows of {:?}, which the experiment does not: set --out to a new folder, or --fresh",
                key.variant
            );
        }
        Ok(folder)
    }

    /// Clears out whatever an experiment or a diagnosis left in a folder.
    pub fn clear(path: &Path) -> Result<()> {
        if path.exists() {
            let _lock = lock(path)?;
            clear(path)?;
        }
        Ok(())
    }

    /// Refuses a folder that holds results of something else; its manifest.
    pub fn check(path: &Path, experiment: &Experiment, hash: &str) -> Result<Option<Manifest>> {
        let shown = path.display();
        let manifest = Manifest::read(&path.join(MANIFEST))
            .map_err(|error| anyhow!("{error:#}: set --out to a new folder, or --fresh"))?;
        match &manifest {
            Some(manifest) => ensure!(
                manifest.experiment_hash == hash,
                "{shown}: holds the results of another experiment or other settings ({}): set --out to a new folder, or --fresh to replace them",
                manifest.differs_from(experiment)
            ),
            None => {
                // An empty folder of parts is what is left of one that was killed before it wrote its manifest.
                let parts = fs::read_dir(path.join(PARTS)).is_ok_and(|mut parts| parts.next().is_some());
                let mut strangers = RunFile::ALL.into_iter().map(RunFile::name);
                let stranger = strangers.find(|name| path.join(name).exists()).or(parts.then_some(PARTS));
                if let Some(name) = stranger {
                    bail!(
                        "{shown}: has a {name} but no manifest.json, so nothing says what made it: set --out to a new folder, or --fresh to replace it"
                    );
                }
            }
        }
        Ok(manifest)
    }

    /// Finds the runs that an earlier command left.
    fn find_runs(&mut self) -> Result<()> {
        let mut found: BTreeMap<Key, Vec<Segment>> = BTreeMap::new();
        let mut gone = Vec::new();
        for (file, header) in RunFile::ALL.into_iter().zip(&self.headers) {
            let path = self.path.join(file.name());
            let before = self.replaced.get(file.name()).into_iter().flatten();
            let known: Vec<Sum> = self.sums.get(file.name()).into_iter().chain(before).cloned().collect();
            if path.exists() {
                for (key, segment) in runs_in(&path, file, header, &known)? {
                    found.entry(key).or_default().push(segment);
                }
            } else if !known.is_empty() {
                gone.push(file.name());
            }
        }
        self.find_parts()?;
        // Some of the CSVs may be newer than the others if the process was killed between them; the parts then still hold
        // what those lack.
        let mut lost = Vec::new();
        for (key, segments) in found {
            match <[Segment; RunFile::COUNT]>::try_from(segments) {
                Ok(segments) => _ = self.runs.entry(key).or_insert(segments),
                Err(_) if !self.runs.contains_key(&key) => lost.push(key),
                Err(_) => {}
            }
        }
        if let Some(key) = lost.first() {
            // Without what is lost the others' rows would go too.
            let (shown, gone) = (self.path.display(), gone.first());
            let what = gone.map_or_else(
                || format!("not all of its CSVs have the rows of {}: restore them", shown_run(key)),
                |gone| format!("{gone} is gone, and with it rows of {}: restore it", plural(lost.len(), "run", "runs")),
            );
            bail!("{shown}: {what}, or run with --fresh");
        }
        Ok(())
    }

    /// Finds the runs of the parts.
    fn find_parts(&mut self) -> Result<()> {
        self.parted = false;
        for entry in fs::read_dir(self.path.join(PARTS)).with_context(|| self.cannot_be_read())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "part") {
                self.parted = true;
                self.runs.extend(part::index(&path, &self.hash)?);
            } else {
                remove(&path)?; // A part that was being written when the process was killed.
            }
        }
        Ok(())
    }

    fn cannot_be_read(&self) -> String {
        format!("{}: cannot be read", self.path.display())
    }

    /// Fails if somebody removed the folder or put another in its place: it must not be written to.
    fn is_ours(&self) -> Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let held = self.lock.metadata()?;
            let there = fs::metadata(self.path.join(LOCK));
            ensure!(
                there.is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())),
                "{}: was removed or replaced while it was written (its .lock is not the one that this process holds): the same command goes on from what is left",
                self.path.display()
            );
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The seeds of the runs whose rows are there.
    pub fn seeds(&self) -> Vec<u64> {
        let seeds: std::collections::BTreeSet<u64> = self.runs.keys().map(|key| key.seed).collect();
        seeds.into_iter().collect()
    }

    pub fn has(&self, key: &Key) -> bool {
        self.runs.contains_key(key)
    }

    /// Runs whose rows are there.
    pub fn count(&self) -> usize {
        self.runs.len()
    }

    /// Runs whose rows are there in whatever state the folder was left.
    pub fn kept(&mut self) -> usize {
        let held = self.is_ours().and_then(|()| self.find_parts());
        if held.is_ok() { self.runs.len() } else { 0 }
    }

    /// Keeps the rows of runs that have ended together. Once it returns, no kill loses them.
    pub fn keep(&self, runs: &[RunRows]) -> Result<()> {
        self.is_ours()?;
        let unique = (std::process::id(), self.next.fetch_add(1, Ordering::Relaxed));
        let name = format!("{:x}-{:x}-{:x}.part", unix_nanos(), unique.0, unique.1);
        let written = part::write(&self.path.join(PARTS).join(name), &self.hash, runs);
        // It may have been removed since: then that is the cause.
        written.or_else(|error| self.is_ours().and(Err(error)))
    }

    /// Writes the manifest, with what the files hold.
    pub fn write_manifest(&self, manifest: &mut Manifest) -> Result<()> {
        self.is_ours()?;
        manifest.files.clone_from(&self.sums);
        manifest.replaced.clone_from(&self.replaced);
        manifest.write(&self.path.join(MANIFEST))
    }

    /// Puts all runs that have ended into the CSVs, sorted by variant, seed and step or point. The manifest says at every
    /// moment what they may hold, so that nothing else is taken for them.
    pub fn assemble(&mut self, manifest: &mut Manifest) -> Result<()> {
        self.is_ours()?;
        self.find_parts()?;
        let complete = RunFile::ALL.iter().all(|file| self.path.join(file.name()).exists());
        if self.parted {
            // It tells of fewer runs than there will be.
            clear_report(&self.path)?;
        }
        if self.parted || !complete {
            let mut new = Vec::with_capacity(RunFile::COUNT);
            for (nth, file) in RunFile::ALL.into_iter().enumerate() {
                let segments: Vec<&Segment> = self.runs.values().map(|segments| &segments[nth]).collect();
                new.push(Unplaced::write(&self.path.join(file.name()), |out| {
                    out.write_all(self.headers[nth].as_bytes())?;
                    copy(&segments, out)
                })?);
            }
            let sums = RunFile::ALL.iter().zip(&new).map(|(file, new)| (file.name().to_owned(), new.sum().clone()));
            for (name, sum) in sums {
                // What was to be replaced before may lie there still.
                let before = self.sums.insert(name.clone(), sum);
                self.replaced.entry(name).or_default().extend(before);
            }
            self.write_manifest(manifest)?;
            // Last the file that says which runs there are: what it names is in the others.
            let runs = RunFile::ALL.iter().position(|file| *file == RunFile::Runs).map(|at| new.remove(at));
            new.into_iter().chain(runs).try_for_each(Unplaced::place)?;
        }
        self.replaced.clear();
        // Whoever left the files may have said nothing of what they hold; they have been looked at, row by row.
        for file in RunFile::ALL.into_iter().map(RunFile::name) {
            if !self.sums.contains_key(file) {
                self.sums.insert(file.to_owned(), Sum::of(&self.path.join(file))?);
            }
        }
        self.write_manifest(manifest)?;
        fs::remove_dir_all(self.path.join(PARTS))
            .with_context(|| format!("{}: cannot be cleared of parts", self.path.display()))?;
        Ok(())
    }
}

/// Of a folder whose runs are not in the CSVs yet, since the first command that trains them goes on or was killed, a line
/// that says so and names that command.
pub fn unfinished(path: &Path) -> Option<String> {
    let manifest = Manifest::read(&path.join(MANIFEST)).ok().flatten();
    let begun = path.join(PARTS).exists() || manifest.as_ref().is_some_and(|known| known.status != Status::Complete);
    if !begun || path.join(RunFile::Runs.name()).exists() {
        return None;
    }
    // With --fresh what has ended would have to be trained again.
    let words = manifest.iter().flat_map(|known| &known.command).filter(|word| *word != "--fresh");
    let words: Vec<String> = words.map(|word| quoted(word)).collect();
    let again = if words.is_empty() { String::new() } else { format!(": {}", words.join(" ")) };
    Some(format!(
        "{}: its runs are not put together yet: wait for the command that trains them, or if it was ended go on with the same{again}",
        one_line(&path.display().to_string())
    ))
}

fn clear(path: &Path) -> Result<()> {
    let uncleared = || format!("{}: cannot be cleared", path.display());
    if path.join(PARTS).exists() {
        fs::remove_dir_all(path.join(PARTS)).with_context(uncleared)?;
    }
    // A folder of that name may be somebody's own: of it go the results only that a diagnosis has numbered.
    if let Ok(trials) = fs::read_dir(path.join(TRIALS)) {
        for trial in trials {
            let trial = trial.with_context(uncleared)?.path();
            let numbered = trial.file_name().is_some_and(|name| name.to_string_lossy().parse::<usize>().is_ok());
            if numbered && (trial.join(MANIFEST).exists() || trial.join(LOCK).exists()) {
                fs::remove_dir_all(&trial).with_context(uncleared)?;
            }
        }
        // Not if something is left in it.
        let _ = fs::remove_dir(path.join(TRIALS));
    }
    clear_report(path)?;
    // The manifest last: as long as it stands, what is left is known for what it is.
    let files = RunFile::ALL.map(RunFile::name).into_iter().chain([EFFECTS, FINDINGS, REPAIRED, MANIFEST]);
    files.into_iter().try_for_each(|file| remove(&path.join(file)))
}

/// Removes a report and its pictures, and nothing else that may lie beside them.
pub fn clear_report(path: &Path) -> Result<()> {
    let plots = path.join(PLOTS);
    for entry in fs::read_dir(&plots).into_iter().flatten() {
        let picture = entry.with_context(|| plots.display().to_string())?.path();
        let is = |extension: &str| picture.extension().is_some_and(|own| own == extension);
        let stem = picture.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let ours = ["test-error", "curves", "effects", "interactions"].contains(&stem.as_str())
            || ["fit-", "loss-"].iter().any(|start| stem.starts_with(start));
        if ours && (is("svg") || is("png")) {
            remove(&picture)?;
        }
    }
    // Not if something is left in it.
    let _ = fs::remove_dir(&plots);
    remove(&path.join(PAGE))
}

/// Takes the folder's lock, which goes with the process, however it ends.
fn lock(path: &Path) -> Result<File> {
    let place = path.join(LOCK);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&place);
    let mut file = open
        .map_err(|cause| anyhow!("{}: cannot be written to: {cause}: set --out to another folder", path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            write!(file, "process {} on {}", std::process::id(), super::manifest::host())?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            bail!(
                "{}: is being written by {}: wait for it, or set --out to another folder",
                path.display(),
                one_line(&holder)
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{}: cannot be locked", path.display())),
    }
}

/// Removes files that were being written when the process was killed.
fn remove_unfinished(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ours = RunFile::ALL.map(RunFile::name).into_iter().chain([EFFECTS, FINDINGS, REPAIRED, MANIFEST]);
        let unfinished = path.extension().is_some_and(|extension| extension.to_string_lossy().starts_with("new-"));
        if unfinished && ours.into_iter().any(|name| Path::new(name).file_stem() == path.file_stem()) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn unix_nanos() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_would_write_is_told_to_set_another_folder_where_a_manifest_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MANIFEST);
        std::fs::write(&path, "{").unwrap();
        let read = format!("{:#}", Manifest::read(&path).unwrap_err());
        assert!(
            read.starts_with(&format!("{}:1: is not a manifest of this version of misfit: EOF", path.display())),
            "{read}"
        );
        let refused =
            format!("{:#}", Folder::check(folder.path(), &Experiment::embedded(&[]).unwrap(), "").unwrap_err());
        assert_eq!(refused, format!("{read}: set --out to a new folder, or --fresh"));
    }
}
