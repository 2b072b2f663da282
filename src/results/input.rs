//! How files of results are opened, and in what pieces they are read.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result};

use crate::text::one_line;

/// Bytes that are read at a time.
pub const BLOCK: usize = 1 << 20;

/// Opens a file to read it; a pipe, which would be waited for, or a folder is none.
pub fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a file"));
    }
    File::open(path)
}

/// What lies at a path, if anything does; fails where that cannot be found out, which is no sign that nothing is there.
pub fn about(path: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        about => about.map(Some).with_context(|| format!("{}: cannot be read", one_line(&path.display().to_string()))),
    }
}

/// Reads some bytes, none at the end; again where a signal came between.
pub fn read(from: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(to) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
