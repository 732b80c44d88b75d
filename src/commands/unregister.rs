//! `unregister`: removes the hook from an engine's configuration.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::commands::Failure;
use crate::commands::nri::Nri;
use crate::commands::output::Output;
use crate::commands::register::{
    absolute, after_hooks_d, carry_out, containerd_place, show_difference,
};
use crate::engines::hooks_d::directories::{DEFAULT, Engine};
use crate::engines::hooks_d::file::FILE_NAME;
use crate::exit::Exit;
use crate::register::containerd_loader::Loader;
use crate::register::containerd_removal;
use crate::register::hooks_d;

/// Remove the hook from a container engine's configuration
///
/// Restores the original bytes and keeps what was changed since. Prints a diff. It never restarts a
/// daemon.
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
    /// Stop and disable the agent
    Nri(Nri),
}

/// Remove the hook from all runtimes of containerd's CRI plugin, and the base specs of register
#[derive(Debug, Args)]
struct UnregisterContainerd {
    /// containerd's configuration, or a file that it imports [default: the running containerd's, or
    /// /etc/containerd/config.toml]
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Where register wrote the base spec [default: the path in the configuration]
    #[arg(long, value_name = "PATH")]
    base_spec: Option<PathBuf>,
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
            UnregisterFrom::Nri(nri) => nri.unregister(output),
        }
    }
}

impl UnregisterContainerd {
    fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let given = self.base_spec.map(absolute).transpose()?;
        let place = containerd_place(self.config.as_deref())?;
        let base_spec = containerd_removal::base_spec(&place, given);
        if !self.dry_run {
            containerd_removal::remove_left_overs(&place, &base_spec);
        }
        let loader = Loader::of(&place.daemons);
        let removal = containerd_removal::unregister(&place, &base_spec, loader.as_ref());
        let removal = removal.inspect_err(|error| show_difference(error, output))?;
        for (spec, file) in &removal.kept {
            let (spec, file) = (spec.display(), file.display());
            output.hint(&format!("{spec} stays, because {file} uses it"));
        }
        carry_out(&removal.changes, self.dry_run, &place.next_step(), output)
    }
}

impl UnregisterHooksD {
    fn exec(self, engine: Engine, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let changes = hooks_d::unregister(engine, self.dir.as_deref())?;
        let mut afterwards = after_hooks_d(engine, &changes);
        let packages = Path::new(DEFAULT).join(FILE_NAME);
        if packages.exists() && changes.iter().all(|change| change.path != packages) {
            afterwards += &format!(
                "; {} stays and runs the hook for containers with an oci-hostaliases.io/ annotation",
                packages.display()
            );
        }
        carry_out(&changes, self.dry_run, &afterwards, output)
    }
}
