//! Files written whole or not at all, and parts of files put together.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

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
    for segment in segments {
        let file = match &mut open {
            Some((path, file)) if *path == segment.file => file,
            _ => {
                let file = File::open(&segment.file).with_context(|| segment.file.display().to_string())?;
                &mut open.insert((&segment.file, file)).1
            }
        };
        file.seek(SeekFrom::Start(segment.offset))?;
        let copied = std::io::copy(&mut file.take(segment.length), out)?;
        ensure!(copied == segment.length, "{}: became shorter while it was read", segment.file.display());
    }
    Ok(())
}

/// Writes a file so that it is there whole or, whatever happens, not at all.
pub fn write_whole(path: &Path, contents: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let shown = path.display();
    let new = path.with_extension(format!("new-{:x}", std::process::id()));
    let written = (|| {
        let mut file = BufWriter::new(File::create(&new)?);
        contents(&mut file)?;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The name must last as well as the contents.
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok::<_, anyhow::Error>(())
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.with_context(|| format!("{shown}: cannot be written"))
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
