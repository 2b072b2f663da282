//! Where each run's rows lie in a results folder's CSVs, which are gone on with only if they are just what misfit wrote.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use csv::StringRecord;

use super::checked::Rows;
use super::files::Segment;
use super::points::{PredictedPoint, PredictionColumns};
use super::read::{self, SeenRuns, Steps};
use super::rows::{HealthRow, Key, RunRow};
use super::run_file::RunFile;
use super::scan::{Lines, run_of};
use super::sums::Sum;
use crate::text::one_line;

const CURE: &str = "restore it, or run with --fresh";

/// The runs of a run file. `header` is its first line for the experiment; `known` are the sums that it may have, none where
/// nothing says.
pub fn runs_in(path: &Path, file: RunFile, header: &str, known: &[Sum]) -> Result<Vec<(Key, Segment)>> {
    if !known.is_empty()
        && let Some(runs) =
            quickly(path, header, known).with_context(|| format!("{}: cannot be read", path.display()))?
    {
        return Ok(runs);
    }
    let runs = thoroughly(path, file, header)?;
    ensure!(
        known.is_empty(),
        "{}: was changed after misfit wrote it, its SHA-256 is not the one in manifest.json: {CURE} (misfit run with another --out and misfit diff show what was changed)",
        path.display()
    );
    Ok(runs)
}

/// The runs of a file, if it is one of those that are known and has this header, as an earlier version may not have written it.
fn quickly(path: &Path, header: &str, known: &[Sum]) -> std::io::Result<Option<Vec<(Key, Segment)>>> {
    let size = path.metadata()?.len();
    if known.iter().all(|sum| sum.bytes != size) {
        return Ok(None);
    }
    let mut lines = Lines::open(path, true)?;
    let mut runs: Vec<(Key, Segment)> = Vec::new();
    let mut prefix: Vec<u8> = Vec::new();
    let file: Arc<Path> = path.into();
    let mut first = true;
    while let Some(line) = lines.next()? {
        if std::mem::take(&mut first) {
            if Some(line.bytes) != header.strip_suffix('\n').map(str::as_bytes) {
                return Ok(None);
            }
            continue;
        }
        let end = line.offset + line.bytes.len() as u64 + 1;
        if runs.is_empty() || !line.bytes.starts_with(&prefix) {
            let Some((key, length)) = run_of(line.bytes) else { return Ok(None) };
            prefix = line.bytes[..length].to_vec();
            runs.push((key, Segment { file: file.clone(), offset: line.offset, length: 0 }));
        }
        if let Some((_, segment)) = runs.last_mut() {
            segment.length = end - segment.offset;
        }
    }
    Ok(lines.sum().is_some_and(|sum| known.contains(&sum)).then_some(runs))
}

/// The runs of a file, each of its rows looked at.
fn thoroughly(path: &Path, file: RunFile, header: &str) -> Result<Vec<(Key, Segment)>> {
    as_misfit_writes(path, header)?;
    let whole: Arc<Path> = path.into();
    let mut rows = Rows::open(path).with_context(|| CURE)?;
    let columns = PredictionColumns::read(&rows.header().iter().collect::<Vec<_>>()).unwrap_or_default();
    let (mut order, mut steps, mut point) = (SeenRuns::default(), Steps::default(), PredictedPoint::default());
    let mut check = |key: &Key, record: &StringRecord| match file {
        RunFile::Curves => steps.next(key, read::curve_point(record)?.step),
        RunFile::Runs => read::row::<RunRow>(record.iter()).and_then(|_| order.once(key.clone())),
        RunFile::Predictions => columns.point(record, &mut point).context(read::NO_ROW),
        RunFile::Health => read::row::<HealthRow>(record.iter()).and_then(|_| order.once(key.clone())),
    };
    let mut find = || -> Result<Vec<(Key, Segment)>> {
        let mut runs: Vec<(Key, Segment)> = Vec::new();
        while let Some(record) = rows.next()? {
            let at = record.position().map_or(0, csv::Position::byte);
            let seed = record[1].parse().context("has no seed in its second field");
            let key = Key { variant: record[0].to_owned(), seed: rows.at(seed)? };
            let checked = check(&key, rows.record());
            rows.at(checked)?;
            match runs.last_mut() {
                Some((last, _)) if *last == key => {}
                last => {
                    if let Some((before, segment)) = last {
                        let ordered = *before < key;
                        rows.at(ordered.then_some(()).with_context(|| {
                            format!("is out of order: {} comes after {}", read::shown(&key), read::shown(before))
                        }))?;
                        segment.length = at - segment.offset;
                    }
                    runs.push((key, Segment { file: whole.clone(), offset: at, length: 0 }));
                }
            }
        }
        if let Some((_, segment)) = runs.last_mut() {
            segment.length = path.metadata()?.len() - segment.offset;
        }
        Ok(runs)
    };
    find().map_err(|error| anyhow::anyhow!("{error:#}: {CURE}"))
}

/// Refuses what an editor or another program leaves in a file whose rows may be whole all the same: the file would not be
/// the one that an undisturbed run writes.
fn as_misfit_writes(path: &Path, header: &str) -> Result<()> {
    let shown = one_line(&path.display().to_string());
    let unreadable = || format!("{shown}: cannot be read");
    let mut lines = Lines::open(path, false).with_context(unreadable)?;
    let mut nth = 0_u64;
    while let Some(line) = lines.next().with_context(unreadable)? {
        nth += 1;
        let marked = nth == 1 && line.bytes.starts_with(b"\xef\xbb\xbf");
        ensure!(!marked, "{shown}:1: begins with a byte order mark, which misfit does not write: {CURE}");
        ensure!(!line.bytes.ends_with(b"\r"), "{shown}:{nth}: ends in CRLF, misfit ends lines in LF: {CURE}");
        let is = nth > 1 || Some(line.bytes) == header.strip_suffix('\n').map(str::as_bytes);
        ensure!(is, "{shown}:1: the header is not this experiment's: {CURE}");
        ensure!(!line.bytes.is_empty(), "{shown}:{nth}: is an empty line, which misfit does not write: {CURE}");
        ensure!(line.ended, "{shown}:{nth}: ends in the middle of a row: {CURE}");
    }
    ensure!(nth > 0, "{shown}: is empty: {CURE}");
    Ok(())
}
