//! The files of an object below `hosts.d`: their names and texts.
//!
//! | object | file |
//! |---|---|
//! | `HostAliasSet` *shop/payment* | `shop/payment+hostaliasset.hosts` |
//! | `ClusterHostAliasSet` *corp* | `+corp+clusterhostaliasset.hosts` |
//! | the same with `namespaces: [shop]` | `shop/~corp+clusterhostaliasset.hosts` |
//!
//! The hook reads a directory in the order of its file names' bytes, and a namespace's directory first. `+` is
//! smaller and `~` larger than every byte of an object's name, so a Pod's file has the namespace's entries, then
//! the cluster's, then the node's, and those of one directory by the name of the object: `a`, `a-b`, `a.b`, `ab`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::kubernetes::set::{AliasSet, Kind};
use crate::validation::names;

/// The first words of a file of the agent. A file with such a name that does not begin with them is left alone.
const HEADING: &str = "# Written by oci-hostaliases-agent from ";
const BEFORE_NODE: char = '+';
const BEHIND_NAMESPACE: char = '~';
/// The longest file name, in bytes (NAME_MAX), without the suffix of an unfinished file.
const NAME_MAX: usize = 255 - ".4194304.tmp.".len();

fn suffix(kind: Kind) -> &'static str {
    match kind {
        Kind::HostAliasSet => "+hostaliasset.hosts",
        Kind::ClusterHostAliasSet => "+clusterhostaliasset.hosts",
    }
}

/// The object's files, relative to `hosts.d`: one, or one for each namespace.
///
/// # Errors
///
/// Its name is too long for a file. The schema has a limit below this one.
pub fn paths(set: &AliasSet) -> Result<Vec<PathBuf>, String> {
    let (name, suffix) = (&set.name.name, suffix(set.name.kind));
    let length = 1 + name.len() + suffix.len();
    if length > NAME_MAX {
        let limit = NAME_MAX - suffix.len() - 1;
        return Err(format!(
            "its name has {} bytes; {limit} fit into a file's name",
            name.len()
        ));
    }
    Ok(match (set.name.kind, &set.namespaces) {
        (Kind::HostAliasSet, _) => {
            let namespace = set.name.namespace.as_deref().unwrap_or_default();
            vec![Path::new(namespace).join(format!("{name}{suffix}"))]
        }
        (Kind::ClusterHostAliasSet, None) => {
            vec![PathBuf::from(format!("{BEFORE_NODE}{name}{suffix}"))]
        }
        (Kind::ClusterHostAliasSet, Some(namespaces)) => namespaces
            .iter()
            .map(|namespace| Path::new(namespace).join(format!("{BEHIND_NAMESPACE}{name}{suffix}")))
            .collect(),
    })
}

/// Their text. `None` for an object without entries, which has no file.
pub fn text(set: &AliasSet) -> Option<String> {
    if set.aliases.is_empty() {
        return None;
    }
    let mut text = format!("{HEADING}{}. Change the object instead.\n", set.name);
    for alias in &set.aliases {
        let _ = writeln!(text, "{}\t{}", alias.ip(), alias.hostnames().join(" "));
    }
    Some(text)
}

/// The kind of object to which a file with this path, relative to `hosts.d`, can belong. Directories that are not a
/// namespace's have none.
pub fn kind_of(path: &Path) -> Option<Kind> {
    let file = path.file_name()?.to_str()?;
    let parent = path.parent()?.to_str()?;
    let in_namespace = !parent.is_empty();
    if in_namespace && !names::label_refusals(parent).is_empty() {
        return None;
    }
    let (kind, name) = match file.strip_suffix(suffix(Kind::ClusterHostAliasSet)) {
        Some(name) if in_namespace => (
            Kind::ClusterHostAliasSet,
            name.strip_prefix(BEHIND_NAMESPACE)?,
        ),
        Some(name) => (Kind::ClusterHostAliasSet, name.strip_prefix(BEFORE_NODE)?),
        None if in_namespace => (
            Kind::HostAliasSet,
            file.strip_suffix(suffix(Kind::HostAliasSet))?,
        ),
        None => return None,
    };
    names::is_name(name).then_some(kind)
}

/// Whether a file with such a path and this text is the agent's. An empty file, which a crash of the node can
/// leave, is.
pub(crate) fn is_agents(text: &str) -> bool {
    text.is_empty() || text.starts_with(HEADING)
}
