//! A results folder: held by one process at a time, and never with half a run in it.
//!
//! While an experiment runs, each stack that ends leaves a part in `.parts/`. At the end, or when it is interrupted, the
//! parts and the runs that the CSVs hold already are put together, sorted, into new CSVs that take the place of the old.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::clear::{clear, clear_report, remove_unfinished, trials};
use super::files::{Segment, Unplaced, copy, make_folder, remove};
use super::index::runs_in;
use super::input;
use super::lock::Lock;
use super::manifest::{Manifest, Status, since_1970};
use super::names::{MANIFEST, PARTS, TRIALS};
use super::part::{self, RunRows};
use super::read::shown as shown_run;
use super::rows::Key;
use super::run_file::RunFile;
use super::sums::{Sum, Sums};
use crate::experiment::Experiment;
use crate::text::numbers::plural;
use crate::text::one_line;
use crate::text::shell::command;

/// A folder that this process holds until the value is dropped.
pub struct Folder {
    path: PathBuf,
    headers: [String; RunFile::COUNT],
    /// What the folder's results depend on.
    hash: String,
    /// What its files held when it was opened, and the manifest that said so.
    sums: Sums,
    before: Option<Manifest>,
    /// Where the rows of the runs lie that have ended.
    runs: RunSegments,
    /// Whether there are parts that the CSVs lack, or runs of elsewhere.
    parted: bool,
    more: bool,
    next: AtomicU64,
    lock: Arc<Lock>,
}

impl Folder {
    /// The folder that `lock` holds, for an experiment of this `hash`, whatever it already holds of it; `fresh` clears out
    /// what any experiment left there. Runs whose rows lie `elsewhere` take the place of those that are here.
    pub fn open(
        lock: Arc<Lock>,
        experiment: &Experiment,
        hash: &str,
        fresh: bool,
        elsewhere: RunSegments,
    ) -> Result<Self> {
        let path = lock.path();
        let shown = path.display();
        if fresh {
            clear(path)?;
        }
        remove_unfinished(path)?;
        let before = Self::check(path, experiment, hash)?;
        make_folder(&path.join(PARTS)).with_context(|| format!("{shown}: cannot be written to"))?;
        let mut folder = Folder {
            path: path.to_owned(),
            headers: RunFile::ALL.map(|file| file.header(experiment)),
            hash: hash.to_owned(),
            sums: before.as_ref().map(|manifest| manifest.sums.clone()).unwrap_or_default(),
            before,
            more: !elsewhere.is_empty(),
            runs: elsewhere,
            parted: false,
            next: AtomicU64::new(0),
            lock: lock.clone(),
        };
        folder.find_runs().inspect_err(|_| {
            // What is refused is left as it was: the folder goes again if it has no parts.
            _ = fs::remove_dir(path.join(PARTS));
        })?;
        let known: std::collections::HashSet<&str> = experiment.variants.iter().map(|v| v.name.as_str()).collect();
        if let Some(key) = folder.runs.keys().find(|key| !known.contains(key.variant.as_str())) {
            bail!(
                "{shown}: has rows of {:?}, which the experiment does not: set --out to a new folder, or --fresh",
                key.variant
            );
        }
        Ok(folder)
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
                let mut stranger = parts.then_some(PARTS);
                for name in RunFile::ALL.map(RunFile::name) {
                    stranger = stranger.or(input::about(&path.join(name))?.map(|_| name));
                }
                let tried = !trials(path).with_context(|| format!("{shown}: cannot be read"))?.is_empty();
                let stranger = stranger.or(tried.then_some(TRIALS));
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
        let in_csvs = InCsvs::find(&self.path, &self.headers, &self.sums)?;
        self.find_parts()?;
        // Some of the CSVs may be newer than the others if the process was killed between them; the parts then still hold
        // what those lack.
        let found = in_csvs.whole(&self.path, |key| self.runs.contains_key(key))?;
        for (key, segments) in found {
            self.runs.entry(key).or_insert(segments);
        }
        Ok(())
    }

    /// Finds the runs of the parts.
    fn find_parts(&mut self) -> Result<()> {
        self.parted = false;
        let unreadable = || format!("{}: cannot be read", self.path.display());
        for entry in fs::read_dir(self.path.join(PARTS)).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "part") {
                self.parted = true;
                self.runs.extend(part::index(&path, &self.hash)?);
            } else {
                // A part that was being written when the process was killed. Where it cannot be removed it is in nobody's way.
                let _ = remove(&path);
            }
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

    /// Runs whose rows are there in whatever state the folder was left; nothing where that cannot be told.
    pub fn kept(&mut self) -> Option<usize> {
        let held = self.lock.holds().and_then(|()| self.find_parts());
        held.is_ok().then_some(self.runs.len())
    }

    /// Keeps the rows of runs that have ended together. Once it returns, no kill loses them.
    pub fn keep(&self, runs: &[RunRows]) -> Result<()> {
        self.lock.holds()?;
        let unique = (std::process::id(), self.next.fetch_add(1, Ordering::Relaxed));
        let name = format!("{:x}-{:x}-{:x}.part", since_1970().as_nanos(), unique.0, unique.1);
        let written = part::write(&self.path.join(PARTS).join(name), &self.hash, runs);
        // It may have been removed since: then that is the cause.
        written.or_else(|error| self.lock.holds().and(Err(error)))
    }

    /// Writes the first manifest of a command, which knows of files and runs what the one before it did.
    pub fn begin(&mut self, manifest: &mut Manifest) -> Result<()> {
        manifest.sums.clone_from(&self.sums);
        if let Some(before) = self.before.take() {
            manifest.resume(&before, &self.path).inspect_err(|_| _ = fs::remove_dir(self.path.join(PARTS)))?;
        }
        self.write_manifest(manifest)
    }

    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.lock.holds()?;
        manifest.write(&self.path.join(MANIFEST))
    }

    /// Puts all runs that have ended into the CSVs, sorted by variant, seed and step or point, if `sound` says of what was
    /// read that it may be written.
    pub fn assemble(&mut self, manifest: &mut Manifest, sound: impl FnOnce() -> Result<()>) -> Result<()> {
        self.lock.holds()?;
        self.find_parts()?;
        let complete = RunFile::ALL.iter().all(|file| self.path.join(file.name()).exists());
        if self.parted || self.more || !complete {
            let mut new = Vec::with_capacity(RunFile::COUNT);
            for (nth, file) in RunFile::ALL.into_iter().enumerate() {
                let written = Unplaced::write(&self.path.join(file.name()), |out| {
                    out.write_all(self.headers[nth].as_bytes())?;
                    copy(self.runs.values().map(|segments| &segments[nth]), out)
                })?;
                new.push((file.name(), written));
            }
            // Last the file that says which runs there are: what it names is in the others.
            new.sort_by_key(|(name, _)| *name == RunFile::Runs.name());
            sound()?;
            let as_before = |(name, new): &(&str, Unplaced)| manifest.sums.known(name) == [new.sum().clone()];
            if complete && new.iter().all(as_before) {
                // They may have been placed by a process that was killed before it could say so.
                manifest.sums.hold();
            } else {
                // It tells of fewer runs than there will be, or of others.
                clear_report(&self.path)?;
                manifest.place(&self.path, new)?;
            }
        }
        // Whoever left the files may have said nothing of what they hold; they have been looked at, row by row.
        for file in RunFile::ALL.into_iter().map(RunFile::name) {
            if manifest.sums.known(file).is_empty() {
                let path = self.path.join(file);
                let sum = Sum::of(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
                manifest.sums.files.insert(file.to_owned(), sum);
            }
        }
        fs::remove_dir_all(self.path.join(PARTS))
            .with_context(|| format!("{}: cannot be cleared of parts", self.path.display()))?;
        Ok(())
    }
}

/// Where the rows of runs lie, in each of the run files.
pub type RunSegments = BTreeMap<Key, [Segment; RunFile::COUNT]>;

/// What a folder's CSVs have of each run.
pub struct InCsvs {
    found: BTreeMap<Key, Vec<Segment>>,
    /// Files that are not there though the manifest says what they hold.
    gone: Vec<&'static str>,
}

impl InCsvs {
    /// Looks into the files that are there. `sums` are what they may hold.
    pub fn find(path: &Path, headers: &[String; RunFile::COUNT], sums: &Sums) -> Result<Self> {
        let mut in_csvs = InCsvs { found: BTreeMap::new(), gone: Vec::new() };
        for (file, header) in RunFile::ALL.into_iter().zip(headers) {
            let path = path.join(file.name());
            let known = sums.known(file.name());
            // A link that leads nowhere is there, and whoever reads it says what is wrong with it.
            match path.symlink_metadata() {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    in_csvs.gone.extend((!known.is_empty()).then_some(file.name()));
                }
                about => {
                    about.with_context(|| format!("{}: cannot be read", path.display()))?;
                    for (key, segment) in runs_in(&path, file, header, &known)? {
                        in_csvs.found.entry(key).or_default().push(segment);
                    }
                }
            }
        }
        Ok(in_csvs)
    }

    /// The runs that have their rows in all of them. Of any other `elsewhere` must have them.
    pub fn whole(self, path: &Path, elsewhere: impl Fn(&Key) -> bool) -> Result<RunSegments> {
        let (mut whole, mut lost) = (RunSegments::new(), Vec::new());
        for (key, segments) in self.found {
            match <[Segment; RunFile::COUNT]>::try_from(segments) {
                Ok(segments) => _ = whole.insert(key, segments),
                Err(_) if !elsewhere(&key) => lost.push(key),
                Err(_) => {}
            }
        }
        if let Some(key) = lost.first() {
            // Without what is lost the others' rows would go too.
            let shown = path.display();
            let what = self.gone.first().map_or_else(
                || format!("not all of its CSVs have the rows of {}: restore them", shown_run(key)),
                |gone| format!("{gone} is gone, and with it rows of {}: restore it", plural(lost.len(), "run", "runs")),
            );
            bail!("{shown}: {what}, or run with --fresh");
        }
        Ok(whole)
    }
}

/// Of a folder whose runs are not in the CSVs yet, since the first command that trains them goes on or was killed, a line
/// that says so and names that command.
pub fn unfinished(path: &Path) -> Option<String> {
    let manifest = Manifest::read(&path.join(MANIFEST)).ok().flatten();
    let begun = path.join(PARTS).exists() || manifest.as_ref().is_some_and(|known| known.status != Status::Complete);
    // A link that leads nowhere is there too, and whoever reads it says so.
    if !begun || fs::symlink_metadata(path.join(RunFile::Runs.name())).is_ok() {
        return None;
    }
    // With --fresh what has ended would have to be trained again.
    let words = manifest.iter().flat_map(|known| &known.command).filter(|word| *word != "--fresh");
    let words: Vec<&String> = words.collect();
    let again = if words.is_empty() { String::new() } else { format!(": {}", command(&words)) };
    Some(format!(
        "{}: its runs are not put together yet: wait for the command that trains them, or if it was ended go on with the same{again}",
        one_line(&path.display().to_string())
    ))
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
