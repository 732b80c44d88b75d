//! Replaces the parts of a running container's file that come from its engine's file and from `hosts.d`, in place.
//!
//! The inode stays: programs watch it, and a mount point cannot be renamed over. Memory for the new text is
//! reserved first, so that a full file system cannot leave half of it. A file that grows is filled up with empty
//! lines, by one append; then the new text is one `pwrite` of that length; a file that shrinks is cut off last. So
//! a reader finds the old or the new text, followed by some empty lines, and never an empty file. Only a read
//! during the kernel's copy may find the beginning of the one and the end of the other, and a read during the
//! truncation may find zeros in place of the empty lines: tmpfs clears them before it changes the length.
//!
//! What a container appends meanwhile is found by the file's size and kept. Only in the microseconds between the
//! last check of the size and the `ftruncate` of a shrinking file could an append be cut off.
//!
//! A process that is killed between two of these calls leaves a file that the stamp still explains; one that
//! is killed inside the `pwrite` of several pages leaves one that [`crate::running::journal`] explains.

use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::{FallocateFlags, XattrFlags, fallocate, fsetxattr};

use crate::error::Error;
use crate::facts::node_entries::NodeEntries;
use crate::running::engine_file::{self, NotRead};
use crate::running::file::RunningFile;
use crate::running::journal::{self, Journal};
use crate::running::sections;
use crate::running::writable::Writable;
use crate::stamp::{self, Edited, Parts, Stamp};

/// How often it is tried again if the container writes at the same time.
const TRIES: usize = 8;

/// The result for one file.
#[derive(Debug)]
pub(crate) struct Rewritten {
    /// Whether anything was replaced, or would be.
    pub(crate) is_replaced: bool,
    /// What of `hosts.d` does not fit, with its file.
    pub(crate) does_not_fit: Vec<String>,
    /// Why the engine's part is as it was.
    pub(crate) engine_stays: Option<NotRead>,
}

/// The new beginning of a file.
struct Wanted {
    own: Vec<u8>,
    node: Vec<u8>,
}

/// Why a file was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRewritten {
    /// The hook could not stamp what it wrote.
    #[error(
        "the hook ran in its user namespace and could not mark the file for refresh: it gets the new entries at its next start"
    )]
    NoStamp,
    /// The container changed the file itself.
    #[error(transparent)]
    Edited(#[from] Edited),
    /// The container writes all the time.
    #[error("the container keeps writing it")]
    Busy,
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Updates the engine's part and the sections of `hosts.d`. With `dry_run`, only says whether that is needed.
///
/// # Errors
///
/// Why that was not possible. The file is as it was, or has the whole new text.
pub(crate) fn refresh(
    file: &RunningFile,
    entries: &NodeEntries,
    dry_run: bool,
) -> Result<Rewritten, NotRewritten> {
    let stamp = file.stamp.as_ref().ok_or(NotRewritten::NoStamp)?;
    let mut text = file.read()?;
    let was_killed = stamp.split(&text).is_err();
    let parts = split(file, stamp, &mut text, None)?;
    let limit = file.size_of_filesystem()?;
    let behind = parts.behind.len() as u64;
    let (mut own, engine_stays) = own_part(stamp, &parts, limit.saturating_sub(behind));
    let taken = own.len() as u64 + behind;
    let (node, does_not_fit) = sections::renewed(parts.node, entries, taken, limit);
    if node.is_empty() && !parts.behind.is_empty() && !own.ends_with(b"\n") {
        // What the container appended must start on a line of its own.
        own.push(b'\n');
    }
    let is_replaced = parts.own != own || parts.node != node || was_killed;
    if is_replaced && !dry_run {
        let mut writable = Writable::open(file)?;
        let replaced = replace(file, &mut writable, stamp, &Wanted { own, node });
        writable.close(file)?;
        replaced?;
    }
    Ok(Rewritten {
        is_replaced,
        does_not_fit,
        engine_stays,
    })
}

/// The new own part, in at most `limit` bytes: with the engine's text if it can be read, and if there is room for
/// what the container already has.
fn own_part(stamp: &Stamp, parts: &Parts<'_>, limit: u64) -> (Vec<u8>, Option<NotRead>) {
    let Some(engine) = &stamp.engine else {
        return (parts.own.to_vec(), None);
    };
    let aliases = engine.aliases as u64;
    let room = limit.saturating_sub(aliases + parts.node.len() as u64);
    match engine_file::read(engine, room) {
        Ok(text) => (engine.own_with(parts.own, &text), None),
        Err(situation) => (parts.own.to_vec(), Some(situation)),
    }
}

/// The parts of the text. A write that was killed is repaired first: it is written again.
fn split<'a>(
    file: &RunningFile,
    stamp: &Stamp,
    text: &'a mut Vec<u8>,
    writable: Option<&Writable>,
) -> Result<Parts<'a>, NotRewritten> {
    if stamp.split(text).is_err() {
        let mended = Journal::of(file.device).and_then(|journal| journal.mend(text));
        let mended = mended.filter(|mended| stamp.split(mended).is_ok());
        *text = mended.ok_or(Edited)?;
        if let Some(writable) = writable {
            writable
                .anywhere
                .write_all_at(text, 0)
                .map_err(|source| file.failed("pwrite", source))?;
        }
    }
    Ok(stamp.split(text)?)
}

fn replace(
    file: &RunningFile,
    writable: &mut Writable,
    stamp: &Stamp,
    wanted: &Wanted,
) -> Result<(), NotRewritten> {
    let mut text = file.read()?;
    let current = split(file, stamp, &mut text, Some(writable))?;
    let during = stamp.during(&current, &wanted.own, &wanted.node);
    let Writable {
        anywhere: open,
        end,
        ..
    } = writable;
    let store = |stamp: &Stamp| {
        let bytes = stamp
            .bytes()
            .map_err(|error| file.failed("stamp", std::io::Error::other(error)))?;
        fsetxattr(&*open, stamp::XATTR, &bytes, XattrFlags::empty())
            .map_err(|errno| file.failed("fsetxattr", errno))
    };
    let size = || {
        open.metadata()
            .map(|status| status.size())
            .map_err(|source| file.failed("stat", source))
    };
    store(&during)?;
    for _ in 0..TRIES {
        let text = file.read()?;
        let parts = during.split(&text)?;
        if parts.own == wanted.own && parts.node == wanted.node {
            store(&during.after(&wanted.own, &wanted.node))?;
            return Ok(());
        }
        // Empty lines are those of a try before this one.
        let blank = parts
            .behind
            .iter()
            .take_while(|byte| **byte == b'\n')
            .count();
        let behind = parts.behind.get(blank..).unwrap_or_default();
        let mut new = [&wanted.own, &wanted.node, behind].concat();
        let length = new.len();
        fallocate(&*open, FallocateFlags::KEEP_SIZE, 0, length as u64)
            .map_err(|errno| file.failed("fallocate", errno))?;
        if let Some(growth) = length.checked_sub(text.len()) {
            end.write_all(&vec![b'\n'; growth])
                .map_err(|source| file.failed("write", source))?;
        }
        new.resize(length.max(text.len()), b'\n');
        if size()? != new.len() as u64 {
            continue; // the container has written something: look again
        }
        let is_kept = Journal::new(&text, &new).keep(file.device)?;
        open.write_all_at(&new, 0)
            .map_err(|source| file.failed("pwrite", source))?;
        if is_kept {
            journal::remove(file.device);
        }
        if length < new.len() && size()? == new.len() as u64 {
            open.set_len(length as u64)
                .map_err(|source| file.failed("ftruncate", source))?;
        }
    }
    Err(NotRewritten::Busy)
}
