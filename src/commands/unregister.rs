//! `unregister`: an engine told to forget the hook.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::register::{absolute, after_hooks_d, carry_out, containerd_needs_restart};
use crate::engines::containerd::CONFIG_PATH;
use crate::engines::containerd::base_spec::BASE_SPEC_PATH;
use crate::engines::hooks_d::directories::{DEFAULT, Engine};
use crate::engines::hooks_d::file::FILE_NAME;
use crate::exit::Exit;
use crate::register::containerd::{self, Places};
use crate::register::hooks_d;

/// Take the hook out of a container engine's configuration
///
/// Brings back the bytes that were there and leaves what was changed since. Prints a diff. Never
/// restarts a daemon.
#[derive(Debug, Args)]
pub(super) struct Unregister {
    #[command(subcommand)]
    engine: UnregisterFrom,
}

#[derive(Debug, Subcommand)]
enum UnregisterFrom {
    Containerd(UnregisterContainerd),
    /// Remove the hooks.d file that CRI-O reads
    Crio(UnregisterHooksD),
    /// Remove the hooks.d file that Podman and Buildah read
    Podman(UnregisterHooksD),
}

/// Take the hook out of all runtimes of containerd's CRI plugin, and remove our base specs
#[derive(Debug, Args)]
struct UnregisterContainerd {
    /// containerd's configuration
    #[arg(long, value_name = "PATH", default_value = CONFIG_PATH)]
    config: PathBuf,
    /// Where register put our base spec
    #[arg(long, value_name = "PATH", default_value = BASE_SPEC_PATH)]
    base_spec: PathBuf,
    /// Print the diff and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct UnregisterHooksD {
    /// The hooks.d directory, instead of the one that the engine's configuration names
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print the diff and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Unregister {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        match self.engine {
            UnregisterFrom::Containerd(containerd) => containerd.exec(output),
            UnregisterFrom::Crio(crio) => crio.exec(Engine::CriO, output),
            UnregisterFrom::Podman(podman) => podman.exec(Engine::Podman, output),
        }
    }
}

impl UnregisterContainerd {
    fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let places = Places {
            config: self.config,
            base_spec: absolute(self.base_spec)?,
        };
        let changes = containerd::unregister(&places)?;
        carry_out(
            &changes,
            self.dry_run,
            &containerd_needs_restart(&places),
            output,
        )
    }
}

impl UnregisterHooksD {
    fn exec(self, engine: Engine, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let changes = hooks_d::unregister(engine, self.dir.as_deref())?;
        let mut afterwards = after_hooks_d(engine, &changes);
        let packages = Path::new(DEFAULT).join(FILE_NAME);
        if packages.exists() && changes.iter().all(|change| change.path != packages) {
            afterwards += &format!(
                "; {} stays and runs the hook for containers that carry an oci-hostaliases.io/ annotation",
                packages.display()
            );
        }
        carry_out(&changes, self.dry_run, &afterwards, output)
    }
}
