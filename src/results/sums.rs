//! What files hold, to the last bit: the manifest has it of each, so that a change is seen.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::input::{BLOCK, open};
use crate::text::hex;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub bytes: u64,
    pub sha256: String,
}

impl Sum {
    /// Of a file, read from its beginning to its end.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut summing = Summing::new(io::sink());
        io::copy(&mut BufReader::with_capacity(BLOCK, open(path)?), &mut summing)?;
        Ok(summing.end().1)
    }
}

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

    pub fn end(self) -> (W, Sum) {
        (self.inner, Sum { bytes: self.bytes, sha256: hex(&self.digest.finalize()) })
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

/// The sums of a folder's files, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    #[serde(default)]
    pub files: BTreeMap<String, Sum>,
    /// While files are being replaced, what those held that may lie there yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    replaced: BTreeMap<String, Vec<Sum>>,
}

impl Sums {
    /// The sums that a file may have; none where nothing says.
    pub fn known(&self, name: &str) -> Vec<Sum> {
        let before = self.replaced.get(name).into_iter().flatten();
        self.files.get(name).into_iter().chain(before).cloned().collect()
    }

    /// From now on a file may hold this as well as what it may hold already.
    pub fn will_hold(&mut self, name: &str, sum: Sum) {
        // What was to be replaced before may lie there still.
        let before = self.files.insert(name.to_owned(), sum);
        self.replaced.entry(name.to_owned()).or_default().extend(before);
    }

    /// All files hold what they were to hold.
    pub fn hold(&mut self) {
        self.replaced.clear();
    }
}
