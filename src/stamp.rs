//! What the hook records with a file so that `refresh` can bring its node entries up to date.
//!
//! The file has three parts: the Pod's own, written once; the sections of `hosts.d`; and whatever
//! the container put behind them. The stamp tells where the first two end and what they were, so
//! that the middle can be replaced and nothing of the container's is lost. It is stored in a
//! `trusted.*` extended attribute of the file, which only root of the host can read or write.

use serde::{Deserialize, Serialize};

use crate::facts::container::Identity;

/// The extended attribute (xattr(7)).
pub const XATTR: &str = "trusted.oci-hostaliases";
/// Longest stamp, in bytes; what an extended attribute holds.
pub const MAX: usize = 64 * 1024;

/// The stamp of one container's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Whose file it is.
    #[serde(flatten)]
    pub identity: Identity,
    own: Fingerprint,
    /// The sections as they are; during an update, first as they were and then as they will be.
    node: Vec<Fingerprint>,
}

/// The file, cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The Pod's own part: the base and its aliases.
    pub own: &'a [u8],
    /// The sections of `hosts.d`.
    pub node: &'a [u8],
    /// What the container put behind them.
    pub behind: &'a [u8],
}

/// A part of the file by length and digest. The digest only has to notice that a container edited
/// its own file: forging one deceives only the forger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    length: usize,
    digest: u64,
}

/// The container has edited the Pod's part or the sections, so they cannot be told from its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the container has changed the file itself; it is left as it is until the next start")]
pub struct Edited;

impl Stamp {
    /// The stamp of a new file.
    pub fn new(identity: Identity, own: &[u8], node: &[u8]) -> Self {
        Self {
            identity,
            own: Fingerprint::of(own),
            node: vec![Fingerprint::of(node)],
        }
    }

    /// Reads a stamp.
    ///
    /// # Errors
    ///
    /// These bytes are no stamp.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// As it is stored.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The length of the Pod's own part.
    pub fn own_length(&self) -> usize {
        self.own.length
    }

    /// Cuts the file as it is now into the Pod's own part, the sections, and what the container
    /// put behind them.
    ///
    /// # Errors
    ///
    /// The container has edited the first two.
    pub fn split<'a>(&self, text: &'a [u8]) -> Result<Parts<'a>, Edited> {
        let (own, rest) = self.own.cut_from(text).ok_or(Edited)?;
        // The longest first: an empty section fits everywhere.
        let mut known = self.node.clone();
        known.sort_unstable_by_key(|part| std::cmp::Reverse(part.length));
        let (node, behind) = known
            .iter()
            .find_map(|part| part.cut_from(rest))
            .ok_or(Edited)?;
        Ok(Parts { own, node, behind })
    }

    /// The stamp while the sections, which are now `current`, are replaced: whoever dies half-way leaves a
    /// file that the next one still understands. It knows these two only, however often that happens.
    pub fn during(&self, current: &[u8], wanted: &[u8]) -> Self {
        Self {
            node: vec![Fingerprint::of(current), Fingerprint::of(wanted)],
            ..self.clone()
        }
    }

    /// The stamp once the sections are these.
    pub fn after(&self, node: &[u8]) -> Self {
        Self {
            node: vec![Fingerprint::of(node)],
            ..self.clone()
        }
    }
}

impl Fingerprint {
    fn of(bytes: &[u8]) -> Self {
        Self {
            length: bytes.len(),
            digest: fnv1a(bytes),
        }
    }

    fn cut_from(self, text: &[u8]) -> Option<(&[u8], &[u8])> {
        text.split_at_checked(self.length)
            .filter(|(part, _)| fnv1a(part) == self.digest)
    }
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
