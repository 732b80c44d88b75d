//! `hosts.d` in memory: events are answered without reading the disk.

use std::collections::BTreeMap;
use std::path::Path;

use crate::facts::node_entries::NodeEntries;
use crate::validation::names;

/// The entries of the node and of each namespace that has a directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entries {
    node: NodeEntries,
    may_come: bool,
    namespaces: BTreeMap<String, NodeEntries>,
}

impl Entries {
    /// Reads the tree. `may_come`: whether there may be entries for any Pod later.
    pub(crate) fn read(hosts_d: &Path, may_come: bool) -> Self {
        let node = NodeEntries::read(hosts_d, None);
        let directories = std::fs::read_dir(hosts_d).into_iter().flatten().flatten();
        let namespaces = directories
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| names::label_refusals(name).is_empty())
            .map(|name| {
                let entries = NodeEntries::read_alone(&hosts_d.join(&name));
                (name, entries)
            })
            .collect();
        Self {
            node,
            may_come,
            namespaces,
        }
    }

    /// The entries for a Pod of this namespace, as `NodeEntries::read` returns them.
    pub(crate) fn of(&self, namespace: Option<&str>) -> NodeEntries {
        let mut entries = namespace
            .and_then(|name| self.namespaces.get(name))
            .cloned()
            .unwrap_or_default();
        entries.files.extend(self.node.files.iter().cloned());
        entries.left_out.extend(self.node.left_out.iter().cloned());
        entries.may_come = self.may_come;
        entries
    }

    /// What was left out, each once.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = String> {
        std::iter::once(&self.node)
            .chain(self.namespaces.values())
            .flat_map(|entries| &entries.left_out)
            .map(ToString::to_string)
    }

    /// How many entries there are.
    pub(crate) fn count(&self) -> usize {
        std::iter::once(&self.node)
            .chain(self.namespaces.values())
            .flat_map(|entries| &entries.files)
            .map(|(_, aliases)| aliases.len())
            .sum()
    }
}
