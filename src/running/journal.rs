//! Keeps what is being written outside the container while it is written.
//!
//! A process that is killed during a `write` of several pages leaves the beginning of the new text and the end of
//! the old one. Then neither the stamp nor the text shows where one ends and the other begins. So both texts are in
//! a file of root until the write is done; the next refresh finds them there and writes again.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::running::file::Device;
use crate::running::lock_file::DIRECTORY;

const PREFIX: &str = "writing-";
/// A write within one page of the file is atomic even if its process is killed (64 KiB pages have the same
/// boundary).
const PAGE: usize = 4096;

/// The two texts of one write, of the same length.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Journal {
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Journal {
    /// The write of `new` over `old`, padded to the same length.
    pub(crate) fn new(old: &[u8], new: &[u8]) -> Self {
        let mut old = old.to_vec();
        old.resize(new.len(), b'\n');
        let new = new.to_vec();
        Self { old, new }
    }

    /// The new text and what was appended to it, if `text` is what a killed write leaves: the beginning of the new
    /// text and the end of the old one.
    pub(crate) fn mend(&self, text: &[u8]) -> Option<Vec<u8>> {
        let (written, behind) = text.split_at_checked(self.new.len())?;
        let same = |of: &[u8]| written.iter().zip(of).take_while(|(a, b)| a == b).count();
        let from_new = same(&self.new);
        let rest = |of: &[u8]| of.get(from_new..) == written.get(from_new..);
        rest(&self.old).then(|| [&self.new, behind].concat())
    }

    /// Keeps it if the write is not atomic. Returns whether it was kept.
    ///
    /// # Errors
    ///
    /// It cannot be kept.
    pub(crate) fn keep(&self, device: Device) -> Result<bool, Error> {
        if self.new.len() <= PAGE {
            return Ok(false);
        }
        let path = path(device);
        let failed = |source| Error::file("write", &path, source);
        remove(device);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        // The length comes last: an unfinished journal is ignored.
        file.write_all(&self.old).map_err(failed)?;
        file.write_all(&self.new).map_err(failed)?;
        file.write_all(&(self.new.len() as u64).to_le_bytes())
            .map_err(failed)?;
        Ok(true)
    }

    /// What was being written to the file of this device.
    pub(crate) fn of(device: Device) -> Option<Self> {
        let mut bytes = Vec::new();
        fs::File::open(path(device))
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .ok()?;
        let (texts, length) = bytes.split_last_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (old, new) = texts.split_at_checked(length)?;
        (old.len() == new.len()).then(|| Self {
            old: old.to_vec(),
            new: new.to_vec(),
        })
    }
}

/// Forgets what was being written.
pub(crate) fn remove(device: Device) {
    let _ = fs::remove_file(path(device));
}

/// Forgets what was being written to files that no longer exist.
pub(super) fn remove_all(directory: &Path) {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        entries => entries.into_iter().flatten().flatten(),
    };
    for entry in entries {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn path((major, minor): Device) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{PREFIX}{major}:{minor}"))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::Journal;

    #[test]
    fn what_a_killed_write_leaves_is_mended() {
        let journal = Journal::new(b"own\nold\nbehind\n", b"own\nnewer entries\nbehind\n");
        let length = journal.new.len();
        for killed_at in 0..=length {
            let text = [
                &journal.new[..killed_at],
                &journal.old[killed_at..],
                b"more\n",
            ]
            .concat();
            let mended = journal.mend(&text);
            let whole = b"own\nnewer entries\nbehind\nmore\n";
            assert_eq!(mended.as_deref(), Some(&whole[..]), "{killed_at}");
        }
    }

    #[test]
    fn what_the_container_wrote_is_not() {
        let journal = Journal::new(b"own\nold\n", b"own\nnew\n");
        for text in [&b"own\nnoX\n"[..], b"own\n", b"", b"# own\nold\n"] {
            assert_eq!(journal.mend(text), None, "{text:?}");
        }
    }
}
