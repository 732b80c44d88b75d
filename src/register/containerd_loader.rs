//! Asks containerd's own loader about a configuration that is not in place yet.
//!
//! It reads the changed files from memory, by the paths of their descriptors. So nothing is on the disk that a
//! daemon could read or a killed run could leave behind.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use toml::Table;
use toml_edit::{Array, Document, Item};

use crate::engines::containerd::daemons::Daemon;
use crate::engines::containerd::{dump, imports};
use crate::engines::error::EngineError;
use crate::register::error::{Refusal, RegisterError};

/// A file of the configuration and its future text; `None` if it would not exist.
pub(crate) type Planned<'t> = (&'t Path, Option<&'t str>);

/// The programs of the daemons that read a configuration.
#[derive(Debug)]
pub(crate) struct Loader {
    programs: Vec<PathBuf>,
}

impl Loader {
    /// The programs of these daemons, or the one in PATH. `None` if there is none.
    pub(crate) fn of(daemons: &[Daemon]) -> Option<Self> {
        let of_daemons = daemons.iter().map(|daemon| dump::program(Some(daemon)));
        let programs: BTreeSet<PathBuf> = match daemons {
            [] => dump::program(None).into_iter().collect(),
            _ => of_daemons.collect::<Option<_>>()?,
        };
        let programs: Vec<PathBuf> = programs.into_iter().collect();
        (!programs.is_empty()).then_some(Self { programs })
    }

    /// In the order of what [`Loader::load`] returns.
    pub(crate) fn programs(&self) -> &[PathBuf] {
        &self.programs
    }

    /// What each program reads from the configuration `main` with `planned` in place of the present texts.
    pub(crate) fn load(
        &self,
        main: &Path,
        planned: &[Planned<'_>],
    ) -> Result<Vec<Table>, RegisterError> {
        let mut tree = Tree {
            planned,
            seen: BTreeSet::new(),
            in_memory: Vec::new(),
        };
        let candidate = tree.candidate(main)?;
        let path = match candidate.filter(|path| path != main || main.exists()) {
            Some(path) => path,
            // Without a file, containerd uses its defaults.
            None => tree.hold(main, "")?,
        };
        let dumps = self.programs.iter().map(|program| {
            dump::dump(program, &path).map_err(|error| match error {
                EngineError::RefusedByContainerd(words) => {
                    RegisterError::config(main, Refusal::NotLoaded(tree.with_real_paths(words)))
                }
                other => other.into(),
            })
        });
        dumps.collect()
    }
}

struct Tree<'t> {
    planned: &'t [Planned<'t>],
    seen: BTreeSet<PathBuf>,
    /// The descriptors, their paths, and the files that they replace.
    in_memory: Vec<(File, PathBuf, PathBuf)>,
}

impl Tree<'_> {
    /// The path from which containerd reads `file`: its own, or one in memory if it or a file that it imports is
    /// planned. `None` if the file will not exist.
    fn candidate(&mut self, file: &Path) -> Result<Option<PathBuf>, RegisterError> {
        let planned = self.planned.iter().find(|(path, _)| *path == file);
        let text = match planned {
            Some((_, Some(text))) => (*text).to_owned(),
            Some((_, None)) => return Ok(None),
            None => match imports::read_regular(file) {
                // containerd reports it.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(Some(file.to_owned()));
                }
                text => text.map_err(RegisterError::call("read", file))?,
            },
        };
        if !self.seen.insert(file.to_owned()) {
            return Ok(Some(file.to_owned()));
        }
        let document = Document::parse(text.as_str()).map_err(|error| EngineError::NotToml {
            file: file.display().to_string(),
            reason: error.message().replace('\n', ", "),
        })?;
        let listed = document.get("imports");
        let patterns = listed.and_then(Item::as_array).into_iter().flatten();
        let patterns = patterns.filter_map(|it| it.as_str());
        let mut is_changed = planned.is_some();
        let mut files = Vec::new();
        for pattern in patterns {
            let mut new = self.planned.iter().map(|(path, _)| *path);
            let new = new.find(|path| imports::names(file, pattern, path));
            for import in imports::expand(file, pattern, new)? {
                let candidate = self.candidate(&import)?;
                is_changed |= candidate.as_ref() != Some(&import);
                files.extend(candidate.map(|path| path.to_string_lossy().into_owned()));
            }
        }
        if !is_changed {
            return Ok(Some(file.to_owned()));
        }
        let mut text = text.clone();
        if let Some(place) = listed.and_then(Item::span) {
            text.replace_range(place, &Array::from_iter(files).to_string());
        }
        self.hold(file, &text).map(Some)
    }

    fn hold(&mut self, file: &Path, text: &str) -> Result<PathBuf, RegisterError> {
        let held = || {
            let flags = rustix::fs::MemfdFlags::CLOEXEC;
            let mut memory = File::from(rustix::fs::memfd_create("config.toml", flags)?);
            memory.write_all(text.as_bytes())?;
            Ok(memory)
        };
        let memory = held().map_err(RegisterError::call("memfd_create for", file))?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
        let path = PathBuf::from(path);
        self.in_memory.push((memory, path.clone(), file.to_owned()));
        Ok(path)
    }

    /// What containerd says, with the files' own names.
    fn with_real_paths(&self, mut words: String) -> String {
        for (_, held, file) in &self.in_memory {
            words = words.replace(&*held.to_string_lossy(), &file.to_string_lossy());
        }
        words
    }
}
