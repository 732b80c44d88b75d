//! The hook's record for a file, with which `refresh` can update it.
//!
//! The file has three parts: the container's own (the base and its aliases), the sections of `hosts.d`, and what
//! the container appended. The stamp has the length and digest of the first two, so that they can be replaced and
//! the container's text is kept. It is stored in a `trusted.*` extended attribute of the file, which only the
//! host's root can read or write.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::facts::container::Identity;

/// The extended attribute (xattr(7)).
pub(crate) const XATTR: &str = "trusted.oci-hostaliases";
/// The longest stamp, in bytes: the limit of an extended attribute.
#[cfg(feature = "cli")]
pub(crate) const MAX: usize = 64 * 1024;

/// From this length on a part's digest is the faster one.
const LONG: usize = 4096;

/// The stamp of one container's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The container.
    #[serde(flatten)]
    pub identity: Identity,
    /// The directory of the sections; `None` in a stamp of a version that did not record it.
    #[serde(rename = "hostsD", default, skip_serializing_if = "Option::is_none")]
    pub hosts_d: Option<String>,
    /// The engine's file with which the own part begins; `None` if the hook wrote the base itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineFile>,
    own: Fingerprint,
    /// The new own part, during an update.
    #[serde(rename = "nextOwn", default, skip_serializing_if = "Option::is_none")]
    next_own: Option<Fingerprint>,
    /// The sections; during an update, the old ones and then the new ones.
    node: Vec<Fingerprint>,
}

/// The engine's file that a container's file was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFile {
    /// Its path on the host: the source of the mount in `config.json`.
    pub source: String,
    /// The file that the runtime mounted from there.
    pub file: FileId,
    /// How many bytes at the end of the own part are the container's aliases.
    pub aliases: usize,
}

/// A file's identity on this host. The birth time distinguishes files with a reused inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId(pub [u64; 5]);

impl FileId {
    /// The file with this number on a device (major and minor), made at this time, in seconds and nanoseconds;
    /// zeros where the file system does not say.
    pub fn new((major, minor): (u32, u32), inode: u64, (seconds, nanoseconds): (i64, u32)) -> Self {
        Self([
            major.into(),
            minor.into(),
            inode,
            seconds as u64,
            nanoseconds.into(),
        ])
    }
}

/// The file, cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The container's own part: the base and its aliases.
    pub own: &'a [u8],
    /// The sections of `hosts.d`.
    pub node: &'a [u8],
    /// What the container appended.
    pub behind: &'a [u8],
}

/// A part of the file by length and digest. The digest only has to notice that a container edited its own file: a
/// container that forges one deceives only itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    length: usize,
    digest: u64,
}

/// The container has edited its own part or the sections, so the parts can no longer be separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the container changed the file itself: it stays as it is until the next start")]
pub struct Edited;

impl Stamp {
    /// The stamp of a new file.
    pub fn new(
        identity: Identity,
        hosts_d: &Path,
        engine: Option<EngineFile>,
        own: &[u8],
        node: &[u8],
    ) -> Self {
        Self {
            identity,
            hosts_d: Some(hosts_d.to_string_lossy().into_owned()),
            engine,
            own: Fingerprint::of(own),
            next_own: None,
            node: vec![Fingerprint::of(node)],
        }
    }

    /// Reads a stamp.
    ///
    /// # Errors
    ///
    /// These bytes are not a stamp.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The stored form.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Splits the present file into the own part, the sections, and what the container appended.
    ///
    /// # Errors
    ///
    /// The container has edited the first two.
    pub fn split<'a>(&self, text: &'a [u8]) -> Result<Parts<'a>, Edited> {
        let mut known: Vec<_> = self.node.iter().map(|node| (self.own, *node)).collect();
        if let (Some(own), Some((of, _))) = (self.next_own, known.last_mut()) {
            *of = own;
        }
        // The longest first: an empty section fits everywhere, and an extended section begins like the old one.
        known.sort_unstable_by_key(|(own, node)| {
            std::cmp::Reverse(own.length.saturating_add(node.length))
        });
        let parts = known.iter().find_map(|(own, node)| {
            let (own, rest) = own.cut_from(text)?;
            let (node, behind) = node.cut_from(rest)?;
            Some(Parts { own, node, behind })
        });
        parts.ok_or(Edited)
    }

    /// The stamp while the first two parts, now those of `current`, are replaced. If the process dies before the
    /// end, the next one still understands the file. It knows only these parts, however often that happens.
    pub fn during(&self, current: &Parts<'_>, own: &[u8], node: &[u8]) -> Self {
        Self {
            own: Fingerprint::of(current.own),
            next_own: (current.own != own).then(|| Fingerprint::of(own)),
            node: vec![Fingerprint::of(current.node), Fingerprint::of(node)],
            ..self.clone()
        }
    }

    /// The stamp after the first two parts were replaced with these.
    pub fn after(&self, own: &[u8], node: &[u8]) -> Self {
        Self {
            own: Fingerprint::of(own),
            next_own: None,
            node: vec![Fingerprint::of(node)],
            ..self.clone()
        }
    }
}

impl EngineFile {
    /// The own part with `text` as the engine's file.
    pub fn own_with(&self, own: &[u8], text: &[u8]) -> Vec<u8> {
        let base = own.len().saturating_sub(self.aliases);
        [text, own.get(base..).unwrap_or_default()].concat()
    }
}

impl Fingerprint {
    fn of(bytes: &[u8]) -> Self {
        Self {
            length: bytes.len(),
            digest: digest(bytes),
        }
    }

    fn cut_from(self, text: &[u8]) -> Option<(&[u8], &[u8])> {
        text.split_at_checked(self.length)
            .filter(|(part, _)| [digest(part), fnv1a(part)].contains(&self.digest))
    }
}

/// Of a long part eight bytes at a time: a node's sections can have a megabyte, and each start of a container
/// waits for this.
fn digest(bytes: &[u8]) -> u64 {
    if bytes.len() < LONG {
        return fnv1a(bytes);
    }
    let words = bytes.chunks_exact(8);
    let rest = fnv1a(words.remainder());
    words
        .filter_map(|word| word.first_chunk().copied().map(u64::from_le_bytes))
        .fold(rest, |hash, word| {
            (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
}

/// FNV-1a, 64 bits. Stamps of earlier versions have it of long parts too.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
