//! The wanted state of `hosts.d`, and the changes for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::files::hosts_d;
use crate::kubernetes::set::{AliasSet, Kind, SetName};
use crate::kubernetes::set_file;
use crate::validation::field_error::FieldErrors;

/// All objects of the API server, as files. If a kind was never listed, none of its files is removed.
#[derive(Debug, Default)]
pub struct Wanted {
    sets: BTreeMap<SetName, Held>,
    listed: BTreeSet<Kind>,
}

#[derive(Debug, PartialEq, Eq)]
struct Held {
    paths: Vec<PathBuf>,
    text: String,
    entries: usize,
    left_out: usize,
    /// Why parts of it are left out.
    why: Option<String>,
}

/// The number of objects and entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Objects.
    pub objects: usize,
    /// Their entries that are used.
    pub entries: usize,
    /// Their entries that are left out.
    pub left_out: usize,
}

/// A file of `hosts.d` with the name of an agent's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Present {
    /// Its text.
    Text(String),
    /// It cannot be read as a regular text file, for this reason.
    Unreadable(String),
}

/// One thing to do in `hosts.d`.
#[derive(Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Write this text. `before` is what is there now.
    Write {
        /// The file, relative to `hosts.d`.
        path: &'a Path,
        /// The present text.
        before: Option<&'a str>,
        /// The new text.
        text: &'a str,
    },
    /// Remove the file.
    Remove {
        /// The file, relative to `hosts.d`.
        path: &'a Path,
        /// The present text.
        before: &'a str,
    },
    /// The file is not the agent's and stays as it is.
    Leave {
        /// The file, relative to `hosts.d`.
        path: &'a Path,
        /// Why.
        why: &'a str,
    },
}

impl Wanted {
    /// Replaces all objects of this kind. Returns what is newly left out, one line for each object.
    pub fn replace(
        &mut self,
        kind: Kind,
        sets: impl IntoIterator<Item = Result<AliasSet, String>>,
    ) -> Vec<String> {
        self.listed.insert(kind);
        let (mut names, mut left_out) = (BTreeSet::new(), Vec::new());
        for set in sets {
            match set {
                Ok(set) => {
                    names.insert(set.name.clone());
                    left_out.extend(self.put(set).1);
                }
                Err(why) => left_out.push(why),
            }
        }
        self.sets
            .retain(|name, _| name.kind != kind || names.contains(name));
        left_out
    }

    /// Takes one new or changed object. Returns its present and former files, and what is newly left out.
    pub fn put(&mut self, set: AliasSet) -> (Vec<PathBuf>, Option<String>) {
        let name = set.name.clone();
        let held = Held::of(set);
        let mut touched = held.paths.clone();
        let why = held.why.clone();
        let before = self.sets.insert(name.clone(), held);
        let said = before.as_ref().and_then(|before| before.why.as_ref());
        let news = why.filter(|why| Some(why) != said);
        touched.extend(before.into_iter().flat_map(|before| before.paths));
        (touched, news.map(|why| format!("{name}: {why}")))
    }

    /// Forgets an object that was deleted. Returns the files that it had.
    pub fn forget(&mut self, name: &SetName) -> Vec<PathBuf> {
        let held = self.sets.remove(name);
        held.map(|held| held.paths).unwrap_or_default()
    }

    /// Whether both kinds were listed.
    pub fn is_complete(&self) -> bool {
        Kind::ALL.iter().all(|kind| self.listed.contains(kind))
    }

    /// How many objects and entries there are.
    pub fn counts(&self) -> Counts {
        let none = Counts::default();
        self.sets.values().fold(none, |counts, held| Counts {
            objects: counts.objects + 1,
            entries: counts.entries + held.entries,
            left_out: counts.left_out + held.left_out,
        })
    }

    /// The changes from the files of `present` to the wanted ones. `only` restricts it to these files: the others
    /// were not read.
    pub fn changes<'a>(
        &'a self,
        present: &'a BTreeMap<PathBuf, Present>,
        only: Option<&[PathBuf]>,
    ) -> Vec<Change<'a>> {
        let is_looked_at = |path: &Path| only.is_none_or(|only| only.iter().any(|p| p == path));
        let wanted: BTreeMap<&Path, &str> = self
            .sets
            .values()
            .flat_map(|held| {
                let text = held.text.as_str();
                held.paths.iter().map(move |path| (path.as_path(), text))
            })
            .filter(|(path, _)| is_looked_at(path))
            .collect();
        let writes = wanted
            .iter()
            .filter_map(|(path, text)| write(path, present.get(*path), text));
        let removals = present
            .iter()
            .filter(|(path, _)| is_looked_at(path) && !wanted.contains_key(path.as_path()))
            .filter(|(path, _)| {
                set_file::kind_of(path).is_some_and(|kind| self.listed.contains(&kind))
            })
            .filter_map(|(path, present)| match present {
                Present::Text(before) if set_file::is_agents(before) => {
                    Some(Change::Remove { path, before })
                }
                _ => None,
            });
        // Removals first: they free space on a full disk.
        removals.chain(writes).collect()
    }
}

fn write<'a>(path: &'a Path, present: Option<&'a Present>, text: &'a str) -> Option<Change<'a>> {
    let before = match present {
        None => None,
        Some(Present::Unreadable(why)) => return Some(Change::Leave { path, why }),
        Some(Present::Text(before)) if before == text => return None,
        Some(Present::Text(before)) if !set_file::is_agents(before) => {
            let why = "has the name of an agent's file, but another first line: move it away";
            return Some(Change::Leave { path, why });
        }
        Some(Present::Text(before)) => Some(before.as_str()),
    };
    Some(Change::Write { path, before, text })
}

impl Held {
    fn of(set: AliasSet) -> Self {
        let all = set.aliases.len() + set.left_out;
        let text = set_file::text(&set).unwrap_or_default();
        let whole = match set_file::paths(&set) {
            Ok(_) if text.len() as u64 > hosts_d::FILE_MAX => Err(format!(
                "its entries make a file of {} bytes, but hosts.d allows {}: split it",
                text.len(),
                hosts_d::FILE_MAX
            )),
            paths => paths,
        };
        match whole {
            Ok(paths) => Self {
                paths: if text.is_empty() { Vec::new() } else { paths },
                text,
                entries: set.aliases.len(),
                left_out: set.left_out,
                why: FieldErrors::or(set.refusals, ())
                    .err()
                    .map(|refusals| format!("left out: {refusals}")),
            },
            Err(why) => Self {
                paths: Vec::new(),
                text: String::new(),
                entries: 0,
                left_out: all,
                why: Some(format!("left out as a whole: {why}")),
            },
        }
    }
}
