//! Which file a registration with containerd goes into, and which daemons read it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::engines::containerd::daemons::Daemon;
use crate::engines::containerd::tables::strings;
use crate::engines::containerd::{CONFIG_PATH, chain, generated, imports};
use crate::register::containerd_text;
use crate::register::error::RegisterError;

/// The name of register's drop-in.
pub(crate) const DROP_IN: &str = "oci-hostaliases.toml";

/// A file of a containerd configuration.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The file that containerd is started with.
    pub(crate) main: PathBuf,
    /// The file that is edited: the same one, or one that it imports.
    pub(crate) edited: PathBuf,
    /// The running daemons that read it.
    pub(crate) daemons: Vec<Daemon>,
    /// What all running daemons read.
    pub(crate) known_mains: Vec<PathBuf>,
}

impl Place {
    /// The place that `given` (`--config`) names. Without it, the file of the running daemon, or the default file
    /// if none runs.
    pub(crate) fn find(given: Option<&Path>, daemons: &[Daemon]) -> Result<Self, RegisterError> {
        let here = || daemons.iter().filter(|daemon| !daemon.is_in_container);
        let Some(given) = given else {
            let mut readers = here();
            return match (readers.next(), readers.next()) {
                (None, _) if !daemons.is_empty() => {
                    Err(RegisterError::OnlyInContainers(list(daemons.iter())))
                }
                (None, _) => Ok(Self::main(CONFIG_PATH.into(), daemons)),
                (Some(one), None) => Ok(Self::main(one.config.clone(), daemons)),
                (Some(_), Some(_)) => Err(RegisterError::SeveralDaemons(list(here()))),
            };
        };
        let given = std::path::absolute(given).map_err(RegisterError::call("getcwd", given))?;
        if here().any(|daemon| daemon.reads(&given)) || given == Path::new(CONFIG_PATH) {
            return Ok(Self::main(given, daemons));
        }
        let running = here().map(|daemon| daemon.config.clone());
        let mains = running.chain([CONFIG_PATH.into()]);
        let mains = mains.chain(chain::possible_mains(&given));
        for main in mains {
            if chain::find(&main, &given).is_some() {
                let edited = given;
                return Ok(Self {
                    edited,
                    ..Self::main(main, daemons)
                });
            }
        }
        // The daemon reads the configuration that a distribution generates from this file.
        let read = generated::made_of(&given).unwrap_or_else(|| given.clone());
        let readers = here()
            .filter(|daemon| daemon.reads(&read))
            .cloned()
            .collect();
        Ok(Self {
            daemons: readers,
            ..Self::main(given, daemons)
        })
    }

    fn main(main: PathBuf, daemons: &[Daemon]) -> Self {
        let readers = daemons.iter().filter(|daemon| daemon.reads(&main));
        let here = daemons.iter().filter(|daemon| !daemon.is_in_container);
        Self {
            daemons: readers.cloned().collect(),
            edited: main.clone(),
            main,
            known_mains: here.map(|daemon| daemon.config.clone()).collect(),
        }
    }

    /// Whether the file is one that another imports.
    pub(crate) fn is_drop_in(&self) -> bool {
        self.main != self.edited
    }

    /// The main file's text; `None` if it does not exist.
    pub(crate) fn main_text(&self) -> Result<Option<String>, RegisterError> {
        match imports::read_regular(&self.main) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            text => text
                .map(Some)
                .map_err(RegisterError::call("read", &self.main)),
        }
    }

    /// The main file's keys; none if it does not exist.
    pub(crate) fn main_table(&self) -> Result<Table, RegisterError> {
        let text = self.main_text()?.unwrap_or_default();
        containerd_text::table(&self.main, &text)
    }

    /// The same configuration with register's drop-in as the file, if the main file imports a directory.
    pub(crate) fn with_own_drop_in(&self) -> Result<Option<Self>, RegisterError> {
        let patterns = strings(self.main_table()?.get("imports"));
        let mut directories = patterns.iter().rev().filter_map(|pattern| {
            let (directory, _) = imports::directory_of(&self.main, pattern)?;
            let edited = directory.join(DROP_IN);
            imports::names(&self.main, pattern, &edited).then_some(edited)
        });
        let edited = directories.next();
        Ok(edited.map(|edited| Self {
            edited,
            ..self.clone()
        }))
    }

    /// What you have to do so that containerd reads the file.
    pub(crate) fn next_step(&self) -> String {
        let shown = self.main.display();
        if self.daemons.is_empty() {
            return format!(
                "no running containerd reads {shown}: it takes effect when containerd is started with it"
            );
        }
        let units: Vec<&str> = self
            .daemons
            .iter()
            .filter_map(|it| it.unit.as_deref())
            .collect();
        let how = match units.as_slice() {
            [] => String::new(),
            units => format!(" (systemctl restart {})", units.join(" ")),
        };
        let pids: Vec<String> = self.daemons.iter().map(|it| it.pid.to_string()).collect();
        format!(
            "restart the containerd that reads {shown}, pid {}{how}: it reads its configuration only \
             when it starts; running containers keep their files",
            pids.join(", ")
        )
    }
}

fn list<'d>(daemons: impl Iterator<Item = &'d Daemon>) -> String {
    let each = daemons.map(|it| format!("pid {} reads {}", it.pid, it.config.display()));
    each.collect::<Vec<_>>().join(", ")
}
