//! The bundle on disk.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::facts::config_json::ConfigJson;
use crate::facts::container::Container;
use crate::facts::state::State;
use crate::files::admin_file;

/// More than any engine writes; the same limit as for the state.
pub(crate) const CONFIG_JSON_MAX: u64 = 16 * 1024 * 1024;

/// Where crun keeps its copy of `config.json`, by container ID: its own root, and the one that
/// containerd gives it.
const CRUN_ROOTS: [&str; 2] = ["/run/crun", "/run/containerd/runc/k8s.io"];

/// The bytes of a bundle's `config.json`.
#[derive(Debug)]
pub(crate) struct Bundle {
    directory: PathBuf,
    config_path: PathBuf,
    config: Vec<u8>,
}

impl Bundle {
    /// Reads the bundle that the state names, into `buffer`.
    ///
    /// crun writes its working directory as the bundle, and that is `/` in some versions and situations; then its
    /// own copy of `config.json` is read. Without `config.json`, the container's mounts are not known, and the hook
    /// does not guess.
    pub(crate) fn of_state(state: &State, buffer: Vec<u8>) -> Result<Self, Error> {
        let directory = PathBuf::from(&state.bundle);
        match Self::read(&directory, directory.join("config.json"), buffer) {
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                let copies = copies_of(&state.id);
                for copy in &copies {
                    if let Ok(bundle) = Self::read(&directory, copy.clone(), Vec::new()) {
                        return Ok(bundle);
                    }
                }
                Err(Error::NoConfigJson {
                    bundle: directory,
                    copies,
                    source,
                })
            }
            read => read,
        }
    }

    /// Reads the bundle in this directory.
    #[cfg(feature = "cli")]
    pub(crate) fn of_directory(directory: &Path) -> Result<Self, Error> {
        Self::read(directory, directory.join("config.json"), Vec::new())
    }

    fn read(directory: &Path, config_path: PathBuf, mut config: Vec<u8>) -> Result<Self, Error> {
        admin_file::read_into(&mut config, &config_path, CONFIG_JSON_MAX)?;
        Ok(Self {
            directory: directory.to_owned(),
            config_path,
            config,
        })
    }

    /// Its buffer, for reuse.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.config
    }

    /// The facts in it.
    pub(crate) fn container(&self) -> Result<Container, Error> {
        let config = ConfigJson::read(&self.config).map_err(|source| Error::BadConfigJson {
            path: self.config_path.clone(),
            source,
        })?;
        Container::new(config, &self.directory).map_err(|source| Error::NoRootPath {
            path: self.config_path.clone(),
            source,
        })
    }
}

/// The ID becomes part of a path here, so it must be a single component.
fn copies_of(id: &str) -> Vec<PathBuf> {
    let component = !id.is_empty() && id != "." && id != ".." && !id.contains(['/', '\0']);
    if !component {
        return Vec::new();
    }
    CRUN_ROOTS
        .iter()
        .map(|root| Path::new(root).join(id).join("config.json"))
        .collect()
}
