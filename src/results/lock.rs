//! Who writes to a results folder: one process at a time, as long as it lives.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::files::make_folder;
use super::manifest::host;
use crate::text::one_line;

pub const LOCK: &str = ".lock";
/// What to do where a folder named on the command line cannot be written to.
pub const ANOTHER: &str = "set --out to another folder";

/// The hold of a folder, which ends with this value or with the process, however that ends.
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes hold of a folder, which is made if it is not there; `cure` is what to do where that cannot be.
    pub fn take(path: &Path, cure: &str) -> Result<Self> {
        let shown = path.display();
        make_folder(path).map_err(|cause| anyhow!("{shown}: cannot be made a results folder: {cause}: {cure}"))?;
        let place = path.join(LOCK);
        let unwritable = |cause| anyhow!("{shown}: cannot be written to: {cause}: {cure}");
        // A pipe of that name would be waited for, and what a link leads to is somebody else's.
        if place.symlink_metadata().is_ok_and(|about| !about.is_file()) {
            bail!("{}: is not a file: {cure}", place.display());
        }
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&place);
        let mut file = open.map_err(unwritable)?;
        // Whoever only looks whether it is held holds it for a moment.
        let mut locked = file.try_lock();
        for _ in 0..5 {
            if !matches!(locked, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {
                let told = file.set_len(0).and_then(|()| write!(file, "process {} on {}", std::process::id(), host()));
                told.map_err(unwritable)?;
                Ok(Lock { path: path.to_owned(), file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let other = if cure == ANOTHER { format!(", or {cure}") } else { String::new() };
                bail!("{shown}: is being written by {}: wait for it{other}", one_line(&holder))
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{shown}: cannot be locked")),
        }
    }

    /// Whether some process holds a folder, as far as that can be seen from this machine.
    pub fn held(path: &Path) -> bool {
        let place = path.join(LOCK);
        let is_file = place.symlink_metadata().is_ok_and(|about| about.is_file());
        is_file && File::open(&place).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails if somebody removed the folder or put another in its place: it must not be written to.
    pub fn holds(&self) -> Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let unwritable = || format!("{}: cannot be written to", self.path.display());
            let held = self.file.metadata().with_context(unwritable)?;
            let same = match fs::metadata(self.path.join(LOCK)) {
                Ok(there) => (there.dev(), there.ino()) == (held.dev(), held.ino()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
                Err(error) => return Err(error).with_context(unwritable),
            };
            if !same {
                bail!(
                    "{}: was removed or replaced while it was written (its {LOCK} is not the one that this process holds): the same command goes on from what is left",
                    self.path.display()
                );
            }
        }
        Ok(())
    }
}
