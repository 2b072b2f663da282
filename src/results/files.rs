//! Files written whole or not at all, and parts of files put together.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::experiment::hex;

/// What a file holds, to the last bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub bytes: u64,
    pub sha256: String,
}

impl Sum {
    /// Of a file, read from its beginning to its end.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut summing = Summing::new(io::sink());
        let mut file = File::open(path)?;
        let mut block = vec![0; BLOCK];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(summing.sum()),
                read => summing.write_all(&block[..read])?,
            }
        }
    }
}

/// Bytes that are read at a time.
pub const BLOCK: usize = 1 << 20;

/// Sums up what goes through it.
pub struct Summing<W> {
    inner: W,
    bytes: u64,
    digest: Sha256,
}

impl<W: Write> Summing<W> {
    pub fn new(inner: W) -> Self {
        Summing { inner, bytes: 0, digest: Sha256::new() }
    }

    pub fn sum(self) -> Sum {
        Sum { bytes: self.bytes, sha256: hex(&self.digest.finalize()) }
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Bytes of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    pub file: PathBuf,
    pub offset: u64,
    pub length: u64,
}

/// Writes these parts, one after the other.
pub fn copy(segments: &[&Segment], out: &mut dyn Write) -> Result<()> {
    let mut open: Option<(&Path, File)> = None;
    let mut block = vec![0; BLOCK];
    for segment in segments {
        let shown = segment.file.display();
        let file = match &mut open {
            Some((path, file)) if *path == segment.file => file,
            _ => {
                let file = File::open(&segment.file).with_context(|| shown.to_string())?;
                &mut open.insert((&segment.file, file)).1
            }
        };
        file.seek(SeekFrom::Start(segment.offset))?;
        let mut left = segment.length;
        while left > 0 {
            let most = left.min(BLOCK as u64) as usize;
            let read = file.read(&mut block[..most])?;
            ensure!(read > 0, "{shown}: became shorter while it was read");
            out.write_all(&block[..read])?;
            left -= read as u64;
        }
    }
    Ok(())
}

/// A file written whole that is not in its place yet; it goes if it never gets there.
pub struct Unplaced {
    new: PathBuf,
    path: PathBuf,
    sum: Sum,
}

impl Unplaced {
    /// Writes what is to be at `path` beside it.
    pub fn write(path: &Path, contents: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<Self> {
        let new = path.with_extension(format!("new-{:x}", std::process::id()));
        let sum = Sum { bytes: 0, sha256: String::new() };
        let mut unplaced = Unplaced { new, path: path.to_owned(), sum };
        let written = (|| {
            let mut file = BufWriter::new(Summing::new(File::create(&unplaced.new)?));
            contents(&mut file)?;
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.inner.sync_all()?;
            Ok::<_, anyhow::Error>(file.sum())
        })();
        unplaced.sum = written.with_context(|| unplaced.cannot())?;
        Ok(unplaced)
    }

    pub fn sum(&self) -> &Sum {
        &self.sum
    }

    /// Puts it in its place, in one step.
    pub fn place(self) -> Result<()> {
        let placed = (|| {
            fs::rename(&self.new, &self.path)?;
            // The name must last as well as the contents.
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        })();
        placed.with_context(|| self.cannot())
    }

    fn cannot(&self) -> String {
        format!("{}: cannot be written", self.path.display())
    }
}

impl Drop for Unplaced {
    fn drop(&mut self) {
        // Once it is in its place there is nothing of that name.
        let _ = fs::remove_file(&self.new);
    }
}

/// Writes a file so that it is there whole or, whatever happens, not at all. What it holds now.
pub fn write_whole(path: &Path, contents: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<Sum> {
    let new = Unplaced::write(path, contents)?;
    let sum = new.sum().clone();
    new.place()?;
    Ok(sum)
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{}: cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}
