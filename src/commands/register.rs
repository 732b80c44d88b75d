//! `register`: adds the hook to an engine's configuration.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::commands::Failure;
use crate::commands::nri::Nri;
use crate::commands::output::Output;
use crate::engines::containerd::base_spec;
use crate::engines::containerd::daemons;
use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::Engine;
use crate::engines::hooks_d::drop_in;
use crate::engines::our_hook::{self, Containers, HOOK_PATH};
use crate::engines::processes::PROC;
use crate::exit::Exit;
use crate::files::agent_state::NRI_SOCKET;
use crate::register::containerd::{self, Registration};
use crate::register::containerd_loader::Loader;
use crate::register::containerd_place::Place;
use crate::register::containerd_plan::Selection;
use crate::register::containerd_removal;
use crate::register::error::RegisterError;
use crate::register::file_change::{FileChange, apply_all};
use crate::register::hooks_d;

/// Register the hook with a container engine
///
/// Prints the changes as a diff. It never restarts a daemon, and a second run changes nothing.
#[derive(Debug, Args)]
pub(super) struct Register {
    #[command(subcommand)]
    engine: RegisterWith,
}

#[derive(Debug, Subcommand)]
enum RegisterWith {
    Containerd(RegisterContainerd),
    /// Write the hooks.d file that CRI-O reads
    Crio(RegisterHooksD),
    /// Write the hooks.d file that Podman and Buildah read
    Podman(RegisterHooksD),
    /// Enable and start the agent, which makes containerd 2.x and CRI-O run the hook through NRI
    ///
    /// It changes no file of the engine and restarts nothing.
    Nri(Nri),
}

/// Add the hook to the runtimes of containerd's CRI plugin
///
/// Sets the runtime's base_runtime_spec to a spec with the hook (a copy of the present one, if there
/// is one), and adds oci-hostaliases.io/* to its pod_annotations.
#[derive(Debug, Args)]
struct RegisterContainerd {
    /// containerd's configuration, or a file that it imports; created if missing [default: the running
    /// containerd's, or /etc/containerd/config.toml]
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// A runtime to add the hook to, instead of the default one; can be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "all_runtimes")]
    runtime: Vec<String>,
    /// Add the hook to every runtime of the file
    #[arg(long)]
    all_runtimes: bool,
    /// Where to write the base spec [default: /etc/oci-hostaliases/containerd-base-spec.json, or a file beside it
    /// for another configuration than /etc/containerd/config.toml]
    #[arg(long, value_name = "PATH")]
    base_spec: Option<PathBuf>,
    /// Do not check the change with containerd config dump
    #[arg(long)]
    unchecked: bool,
    #[command(flatten)]
    common: RegisterCommon,
}

#[derive(Debug, Args)]
struct RegisterHooksD {
    /// The hooks.d directory, instead of the one that the engine's configuration names
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Run the hook for every container, not only for those with an oci-hostaliases.io/ annotation
    ///
    /// Entries for a node or a namespace (/etc/oci-hostaliases/hosts.d) need this.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: RegisterCommon,
}

#[derive(Debug, Args)]
struct RegisterCommon {
    /// The hook's path
    #[arg(long, value_name = "PATH", default_value = HOOK_PATH)]
    hook: PathBuf,
    /// Print the diff and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Register {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        match self.engine {
            RegisterWith::Containerd(containerd) => containerd.exec(output),
            RegisterWith::Crio(crio) => crio.exec(Engine::CriO, output),
            RegisterWith::Podman(podman) => podman.exec(Engine::Podman, output),
            RegisterWith::Nri(nri) => nri.register(output),
        }
    }
}

impl RegisterContainerd {
    fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        check_hook(&self.common.hook)?;
        check_names(&self.runtime)?;
        let selection = match (self.all_runtimes, self.runtime.is_empty()) {
            (true, _) => Selection::All,
            (false, true) => Selection::Default,
            (false, false) => Selection::Named(self.runtime),
        };
        let given = self.base_spec.map(absolute).transpose()?;
        let place = containerd_place(self.config.as_deref())?;
        let loader = Loader::of(&place.daemons).filter(|_| !self.unchecked);
        if loader.is_none() && !self.unchecked {
            return Err(RegisterError::NoProgram(place.edited).into());
        }
        let place = containerd::drop_in_or(place, loader.as_ref())?;
        let base_spec = containerd_removal::base_spec(&place, given);
        if !self.common.dry_run {
            containerd_removal::remove_left_overs(&place, &base_spec);
        }
        let registration = Registration {
            place: &place,
            base_spec: &base_spec,
            hook: &self.common.hook,
            selection: &selection,
            loader: loader.as_ref(),
        };
        let containerd = place.daemons.first().and_then(|it| it.program.as_deref());
        let changes = registration.changes(|| base_spec::daemon_default(containerd));
        let changes = changes.inspect_err(|error| show_difference(error, output))?;
        let done = carry_out(&changes, self.common.dry_run, &place.next_step(), output)?;
        if Path::new(NRI_SOCKET).exists() {
            output.hint("NRI is on here: oci-hostaliases register nri does the same without a change of the configuration and without a restart");
        }
        Ok(done)
    }
}

/// The configuration that `--config` names, or the one of the running containerd.
pub(super) fn containerd_place(given: Option<&Path>) -> Result<Place, RegisterError> {
    Place::find(given, &daemons::running(Path::new(PROC)))
}

/// Prints the difference, because a message has only one line.
pub(super) fn show_difference(error: &RegisterError, output: &mut Output<'_>) {
    if let RegisterError::OtherDifference { diff, .. } = error {
        output.print(diff);
    }
}

impl RegisterHooksD {
    fn exec(self, engine: Engine, output: &mut Output<'_>) -> Result<Exit, Failure> {
        check_hook(&self.common.hook)?;
        let containers = if self.all {
            Containers::All
        } else {
            Containers::Asking
        };
        let directory = self.dir.as_deref();
        let changes = hooks_d::register(engine, directory, &self.common.hook, containers)?;
        let afterwards = after_hooks_d(engine, &changes);
        carry_out(&changes, self.common.dry_run, &afterwards, output)
    }
}

/// Shows the changes and, unless this is a dry run, makes them. `afterwards` is printed once they are made.
pub(super) fn carry_out(
    changes: &[FileChange],
    dry_run: bool,
    afterwards: &str,
    output: &mut Output<'_>,
) -> Result<Exit, Failure> {
    if changes.iter().all(FileChange::is_empty) {
        output.hint("nothing to do");
        return Ok(Exit::Done);
    }
    for change in changes {
        output.print(change.diff());
    }
    // A change that cannot be shown is not made.
    output.finish()?;
    if dry_run {
        output.hint("dry run: nothing was changed");
        return Ok(Exit::Done);
    }
    apply_all(changes)?;
    output.hint(afterwards);
    Ok(Exit::Done)
}

pub(super) fn after_hooks_d(engine: Engine, changes: &[FileChange]) -> String {
    let names_directory = |change: &FileChange| change.path == drop_in::path(engine);
    if engine == Engine::CriO && changes.iter().any(names_directory) {
        return "restart CRI-O (systemctl restart crio): it reads hooks_dir only when it starts; \
                running containers keep their files"
            .to_owned();
    }
    format!(
        "no restart needed: {} reads its hooks.d for every new container; running \
         containers keep their files",
        engine.name()
    )
}

/// containerd would resolve a relative path from its working directory.
pub(super) fn absolute(base_spec: PathBuf) -> Result<PathBuf, Failure> {
    let text = base_spec.to_string_lossy();
    let why = if !base_spec.is_absolute() {
        "not an absolute path"
    } else if text.contains(char::is_control) {
        // It becomes a line of the engine's configuration, and a comment there.
        "it has a control character"
    } else {
        return Ok(base_spec);
    };
    let situation = format!("--base-spec {}: {why}", text.escape_debug());
    Err(Failure::new(Exit::Usage, situation))
}

/// A name becomes the name of a table. This is no value parser of clap, because clap would print the name
/// unescaped.
fn check_names(runtimes: &[String]) -> Result<(), Failure> {
    match runtimes.iter().find(|name| name.contains(char::is_control)) {
        None => Ok(()),
        Some(name) => {
            let name = name.escape_debug();
            let situation = format!("--runtime {name}: it has a control character");
            Err(Failure::new(Exit::Usage, situation))
        }
    }
}

fn check_hook(hook: &Path) -> Result<(), EngineError> {
    our_hook::entry(hook)?;
    our_hook::check_executable(hook)
}

impl From<RegisterError> for Failure {
    fn from(error: RegisterError) -> Self {
        Self::new(error.exit(), error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(error.exit(), error)
    }
}
