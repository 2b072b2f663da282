//! The rows of runs that have ended, one file for each stack, until all are put together.
//!
//! A part is written beside its place and renamed into it, so it is there whole or not at all. Its first line is JSON that
//! says which runs it holds and how many bytes each takes; the rows follow.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{LONGEST_ROW, Segment, write_whole};
use super::input::{self, BLOCK};
use super::rows::Key;
use super::run_file::RunFile;
use super::sums::Summing;
use crate::text::hex;

/// One run's rows in each of the run files.
pub struct RunRows {
    pub key: Key,
    pub rows: [String; RunFile::COUNT],
}

#[derive(Serialize, Deserialize)]
struct Contents {
    /// What the runs depend on: a part of another experiment is none of this one.
    experiment_hash: String,
    runs: Vec<Entry>,
    /// Of all that follows the first line.
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    variant: String,
    seed: u64,
    bytes: [u64; RunFile::COUNT],
}

/// Writes a part of the experiment with this hash.
pub fn write(path: &Path, hash: &str, runs: &[RunRows]) -> Result<()> {
    let mut digest = Sha256::new();
    runs.iter().flat_map(|run| &run.rows).for_each(|rows| digest.update(rows));
    let contents = Contents {
        experiment_hash: hash.to_owned(),
        runs: runs
            .iter()
            .map(|run| Entry {
                variant: run.key.variant.clone(),
                seed: run.key.seed,
                bytes: run.rows.each_ref().map(|rows| rows.len() as u64),
            })
            .collect(),
        sha256: hex(&digest.finalize()),
    };
    let written = write_whole(path, |file| {
        serde_json::to_writer(&mut *file, &contents)?;
        file.write_all(b"\n")?;
        runs.iter().flat_map(|run| &run.rows).try_for_each(|rows| file.write_all(rows.as_bytes()))?;
        Ok(())
    });
    written.map(|_| ())
}

/// Where each run's rows lie in a part of the experiment with this hash.
pub fn index(path: &Path, hash: &str) -> Result<Vec<(Key, [Segment; RunFile::COUNT])>> {
    let shown = path.display();
    let damaged = || format!("{shown}: is damaged: remove it, and its runs are trained again");
    let unreadable = || format!("{shown}: cannot be read");
    let file = input::open(path).with_context(unreadable)?;
    let size = file.metadata().with_context(unreadable)?.len();
    let mut file = BufReader::with_capacity(BLOCK, file);
    let mut first = Vec::new();
    file.by_ref().take(LONGEST_ROW as u64).read_until(b'\n', &mut first).with_context(unreadable)?;
    let contents: Contents = serde_json::from_slice(&first).with_context(damaged)?;
    ensure!(
        contents.experiment_hash == hash,
        "{shown}: is of another experiment: remove it, or set --out to a new folder"
    );
    let mut rest = Summing::new(io::sink());
    io::copy(&mut file, &mut rest).with_context(unreadable)?;
    ensure!(rest.end().1.sha256 == contents.sha256, damaged());
    let mut offset = first.len() as u64;
    let told = contents.runs.iter().flat_map(|run| run.bytes).try_fold(offset, u64::checked_add);
    ensure!(told == Some(size), damaged());
    let file: Arc<Path> = path.into();
    let mut runs = Vec::with_capacity(contents.runs.len());
    for entry in contents.runs {
        let segments = entry.bytes.map(|length| {
            offset += length;
            Segment { file: file.clone(), offset: offset - length, length }
        });
        runs.push((Key { variant: entry.variant, seed: entry.seed }, segments));
    }
    Ok(runs)
}
