//! Files written whole or not at all, and parts of files put together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::input::{BLOCK, open, read};
use super::sums::{Sum, Summing};
use anyhow::{Context, Result, ensure};

/// A row or line takes no more bytes than this; what takes more is no file of results.
pub const LONGEST_ROW: usize = 64 << 20;

/// The last byte of a file, which is then at its beginning; nothing of an empty one.
pub fn last_byte(file: &mut File) -> io::Result<Option<u8>> {
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    file.rewind()?;
    Ok(Some(last[0]))
}

/// Reads so many bytes and no more: a reader of rows that looks for the end of one may take a whole file for it.
pub struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R> Bounded<R> {
    pub fn new(inner: R) -> Self {
        Bounded { inner, left: LONGEST_ROW }
    }

    /// A new row begins.
    pub fn row(&mut self) {
        self.left = LONGEST_ROW;
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let most = self.left.min(bytes.len());
        if most == 0 && !bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a row is longer than 64 MiB"));
        }
        let read = read(&mut self.inner, &mut bytes[..most])?;
        self.left -= read;
        Ok(read)
    }
}

/// Bytes of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// One of many in the same file.
    pub file: Arc<Path>,
    pub offset: u64,
    pub length: u64,
}

/// Files that are open at the same time, at most, while parts of them are copied.
const MOST_OPEN: usize = 200;

/// Writes these parts, one after the other.
pub fn copy<'a>(segments: impl IntoIterator<Item = &'a Segment>, out: &mut dyn Write) -> Result<()> {
    let mut open: HashMap<&Path, File> = HashMap::new();
    let mut block = vec![0; BLOCK];
    let mut segments = segments.into_iter().peekable();
    while let Some(segment) = segments.next() {
        // What lies one behind the other is read at once.
        let mut left = segment.length;
        while let Some(next) =
            segments.next_if(|next| next.file == segment.file && next.offset == segment.offset + left)
        {
            left += next.length;
        }
        let shown = segment.file.display();
        let unreadable = || format!("{shown}: cannot be read");
        if open.len() == MOST_OPEN && !open.contains_key(&*segment.file) {
            open.clear();
        }
        let file = match open.entry(&segment.file) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(place) => place.insert(self::open(&segment.file).with_context(unreadable)?),
        };
        file.seek(SeekFrom::Start(segment.offset)).with_context(unreadable)?;
        while left > 0 {
            let most = left.min(BLOCK as u64) as usize;
            let read = read(file, &mut block[..most]).with_context(unreadable)?;
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
            let (file, sum) = file.into_inner().map_err(io::IntoInnerError::into_error)?.end();
            file.sync_all()?;
            Ok::<_, anyhow::Error>(sum)
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
            File::open(folder_of(&self.path))?.sync_all()
        })();
        placed.with_context(|| self.cannot())
    }

    /// The same, but of a file that is there already nothing is touched: then it fails.
    pub fn place_new(self) -> io::Result<()> {
        match fs::hard_link(&self.new, &self.path) {
            // Some file systems have no links.
            Err(_) if fs::symlink_metadata(&self.path).is_err() => fs::rename(&self.new, &self.path)?,
            linked => linked?,
        }
        File::open(folder_of(&self.path))?.sync_all()
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

/// The folder that a file lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a folder and those above it, where they are not there, so that their names last.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        match fs::metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(folder),
            Err(error) => return Err(error),
            Ok(about) if about.is_dir() && missing.is_empty() => return Ok(()),
            Ok(_) => break,
        }
    }
    fs::create_dir_all(path)?;
    for made in missing {
        match File::open(folder_of(made)) {
            // Who may write into a folder need not be allowed to list it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            folder => folder?.sync_all()?,
        }
    }
    Ok(())
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
