//! Why a registration or its removal is not possible, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::engines::containerd::generated::Generated;
use crate::engines::error::EngineError;
use crate::exit::Exit;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// `place` is containerd's configuration, with a line number if there is one.
    #[error("{place}: {refusal}")]
    Config { place: String, refusal: Refusal },
    #[error("several containerd run on this node ({0}): choose one with --config")]
    SeveralDaemons(String),
    #[error(
        "containerd runs only in a container ({0} there): run this inside it, or name a file of this \
         node with --config"
    )]
    OnlyInContainers(String),
    #[error(
        "{}: no containerd is running or in PATH to check the change: install containerd first, or skip the \
         check with --unchecked", .0.display()
    )]
    NoProgram(PathBuf),
    /// `diff` is printed before the message.
    #[error(
        "{}: nothing was changed: containerd would see other changes than base_runtime_spec and \
         pod_annotations of runtime {}: see the difference above", file.display(), runtimes.join(", ")
    )]
    OtherDifference {
        file: PathBuf,
        runtimes: Vec<String>,
        diff: String,
    },
    #[error("{} already exists and is not from register ({why}): look at it, then move it away", path.display())]
    NotOurs { path: PathBuf, why: String },
    /// Renaming over a symbolic link would replace the link and leave its target as it is.
    #[error("{} is a symbolic link to {}: name the file itself", path.display(), target.display())]
    SymbolicLink { path: PathBuf, target: PathBuf },
    #[error("{} is not a regular file", path.display())]
    NotRegular { path: PathBuf },
    /// By an editor, or by another run.
    #[error("{} was changed in the meantime: run this again", path.display())]
    Changed { path: PathBuf },
    /// systemd could not change the agent's service.
    #[error("{command}: {said}")]
    Systemctl { command: String, said: String },
    /// Configuration and JSON are UTF-8 by definition; `at` is the offset of the first other byte.
    #[error("{} is not UTF-8 text (byte {at})", path.display())]
    NotText { path: PathBuf, at: usize },
}

/// Why containerd's configuration is left as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("not valid TOML: {0}")]
    NotToml(String),
    /// k3s and RKE2 render their configuration from it with Go's text/template.
    #[error(
        "this is a template of k3s with {{{{ }}}} in it, which this program does not read: update k3s to a \
         release whose config.toml imports a directory and register without --config, or copy that \
         config.toml over the template"
    )]
    Template,
    #[error("{0}")]
    Generated(Generated),
    #[error(
        "this file has no `version` key (or version 1), and other names for its tables, which containerd 2 \
         ignores: convert it to `version = 2` first (`containerd config dump` of 1.x and `containerd config \
         migrate` of 2.x print how)"
    )]
    VersionOne,
    #[error("version {0}: only 2, 3 and 4 are known")]
    UnknownVersion(String),
    #[error(
        "[plugins.\"io.containerd.cri.v1.runtime\"] in a file of version 2: containerd 2.x reads it, 1.x \
         ignores it; with 2.x write `version = 3`"
    )]
    LaterTables,
    #[error(
        "[plugins.\"io.containerd.grpc.v1.cri\"] holds runtimes, which containerd ignores in a file of \
         version {0}: move them to [plugins.\"io.containerd.cri.v1.runtime\"]"
    )]
    FormerTables(i64),
    /// 1.6 says nothing and ignores the tables.
    #[error(
        "version {version}, which {} does not read (it reads up to {newest}): have the containerd in PATH \
         that reads it, or leave out the check with --unchecked", program.display()
    )]
    TooNew {
        version: i64,
        newest: i64,
        program: PathBuf,
    },
    #[error(
        "disabled_plugins has {0}, so this containerd starts no Pods: remove it there first if it should"
    )]
    CriDisabled(String),
    #[error("containerd does not load it: {0}")]
    NotLoaded(String),
    /// `containerd config dump` shows this.
    #[error(
        "nothing was changed: containerd would ignore {key} of runtime {runtime:?} in it, because a file \
         that it reads later sets it or has another version"
    )]
    WithoutEffect { key: &'static str, runtime: String },
    #[error(
        "containerd 1.x would replace all of [plugins.\"io.containerd.grpc.v1.cri\"] in {} by this \
         file's: register there (--config)", .0.display()
    )]
    ReplacesMain(PathBuf),
    /// containerd 1.x then ignores `default_runtime_name`.
    #[error(
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.default_runtime] has a runtime_type: \
         make it a table of `runtimes` and name that in default_runtime_name"
    )]
    DeprecatedDefaultRuntime,
    #[error("{key} is not {expected}")]
    WrongType { key: String, expected: &'static str },
    /// register inserts whole lines, which need a table header.
    #[error("{0} is written inline or with dotted keys: write it as a [table] of its own")]
    NotATable(String),
    #[error("no runtime {name:?}: the configuration has {known}")]
    NoSuchRuntime { name: String, known: String },
    /// containerd resolves a relative path from its working directory.
    #[error("base_runtime_spec of runtime {runtime:?} is {spec:?}: make it an absolute path first")]
    RelativeSpec { runtime: String, spec: String },
    /// The result of the edit, parsed again, is not what it should be.
    #[error(
        "nothing was changed, because {0}: write base_runtime_spec and pod_annotations into the runtime's \
         table by hand, or remove them there"
    )]
    NotProvable(&'static str),
    /// One of register's lines was changed, so the original value is not known.
    #[error(
        "pod_annotations of runtime {0:?} is not what register wrote: correct it by hand; the former \
         line is below it in a comment"
    )]
    AnnotationsChanged(String),
    #[error(
        "base_runtime_spec of runtime {runtime:?} is not what register wrote with this --base-spec: \
         if it was registered with --base-spec {}, give that, else correct it by hand; the former line \
         is below it in a comment", base_spec.display()
    )]
    OtherBaseSpec { runtime: String, base_spec: PathBuf },
    /// Another program rewrote the file and dropped the comments.
    #[error(
        "base_runtime_spec of runtime {runtime:?} is register's {spec}, but the comments that mark \
         its lines are gone: remove it and oci-hostaliases.io/* in pod_annotations by hand, then run \
         this again"
    )]
    MarksGone { runtime: String, spec: String },
}

impl RegisterError {
    /// A failed call on a path.
    pub(crate) fn call(call: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let failed = EngineError::call(call, path);
        move |source| Self::Engine(failed(source))
    }

    pub(crate) fn config(path: &Path, refusal: Refusal) -> Self {
        Self::Config {
            place: path.display().to_string(),
            refusal,
        }
    }

    /// The exit status for this situation.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Engine(error) => error.exit(),
            Self::Config {
                refusal: Refusal::NoSuchRuntime { .. },
                ..
            } => Exit::Usage,
            Self::SeveralDaemons(_) | Self::OnlyInContainers(_) => Exit::Usage,
            Self::Config { .. }
            | Self::NoProgram(_)
            | Self::OtherDifference { .. }
            | Self::NotOurs { .. } => Exit::NodeConfiguration,
            Self::SymbolicLink { .. }
            | Self::NotRegular { .. }
            | Self::Changed { .. }
            | Self::Systemctl { .. }
            | Self::NotText { .. } => Exit::System,
        }
    }
}
