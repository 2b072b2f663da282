//! How files of results are opened, and in what pieces they are read.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Bytes that are read at a time.
pub const BLOCK: usize = 1 << 20;

/// Opens a file to read it; a pipe, which would be waited for, or a folder is none.
pub fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a file"));
    }
    File::open(path)
}
