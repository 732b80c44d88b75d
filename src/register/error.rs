//! Why a containerd configuration file is left as it is, in words that say what to do about it.

use std::path::PathBuf;

/// Why a configuration file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML.
    #[error("{}:{line}: not valid TOML: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// k3s and RKE2 render their configuration from it with Go's text/template.
    #[error(
        "{} is a template of k3s with {{{{ }}}} in it, which this program does not read: copy the \
         config.toml that k3s made beside it over the template and register that",
        path.display()
    )]
    Template {
        /// The file.
        path: PathBuf,
    },
    /// k3s and RKE2 write it anew at every start.
    #[error(
        "{} is written anew whenever k3s starts: copy it over its template beside it \
         (config.toml.tmpl, with containerd 2 config-v3.toml.tmpl) and register that with --config",
        path.display()
    )]
    GeneratedByK3s {
        /// The file.
        path: PathBuf,
    },
    /// Version 1, whose table names containerd 2 does not read any more.
    #[error(
        "{} has no `version` key (or version 1): its tables have other names, which containerd 2 \
         ignores; bring it to `version = 2` first (`containerd config migrate` prints how)",
        path.display()
    )]
    VersionOne {
        /// The file.
        path: PathBuf,
    },
    /// Made for a containerd that this program has not seen.
    #[error("{}: version {found}: only 2, 3 and 4 are known", path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// The tables of another version, which containerd ignores.
    #[error(
        "{}: [plugins.\"{table}\"] holds runtimes, but belongs to another version than this \
         file's: containerd ignores it", path.display()
    )]
    TableOfOtherVersion {
        /// The file.
        path: PathBuf,
        /// The plugin's name.
        table: &'static str,
    },
    /// Without the CRI plugin there are no Pods.
    #[error(
        "{}: disabled_plugins names {plugin}: nothing starts Pods through this containerd",
        path.display()
    )]
    CriDisabled {
        /// The file.
        path: PathBuf,
        /// The entry.
        plugin: String,
    },
    /// containerd 1.x then ignores `default_runtime_name`.
    #[error(
        "{}: [plugins.\"io.containerd.grpc.v1.cri\".containerd.default_runtime] has a \
         runtime_type: make it a table of `runtimes` and name that in default_runtime_name",
        path.display()
    )]
    DeprecatedDefaultRuntime {
        /// The file.
        path: PathBuf,
    },
    /// A key has a value of another type than containerd's.
    #[error("{}:{line}: {key} is not {expected}", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// What containerd wants.
        expected: &'static str,
    },
    /// An inline table or dotted keys, where lines cannot be added.
    #[error(
        "{}:{line}: {key} is written inline or with dotted keys: write it as a [table] of its own",
        path.display()
    )]
    NotATable {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The key.
        key: String,
    },
    /// `--runtime` with a name that the file does not have.
    #[error("{}: no runtime {name:?}; there is {known}", path.display())]
    NoSuchRuntime {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The result, read again, was not what it should be: the file is left alone.
    #[error(
        "{}: cannot be edited with certainty, and was left as it is: write base_runtime_spec and \
         pod_annotations into the runtime's table by hand", path.display()
    )]
    NotProvable {
        /// The file.
        path: PathBuf,
    },
    /// Lines of ours were changed, so nobody knows any more what is to come back.
    #[error(
        "{}:{line}: {key} of runtime {runtime:?} is not what register wrote (or it was registered \
         with another --base-spec): put it right by hand; the former line stands below it in a \
         comment", path.display()
    )]
    ChangedSince {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The key.
        key: &'static str,
        /// The runtime.
        runtime: String,
    },
    /// Our spec is named by a line without our mark: another program wrote the file anew and
    /// dropped the comments.
    #[error(
        "{}:{line}: base_runtime_spec of runtime {runtime:?} names our {}, but the comments by \
         which unregister knows its lines are gone: take it and oci-hostaliases.io/* in \
         pod_annotations out by hand, then run this again", path.display(), spec.display()
    )]
    MarksGone {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The runtime.
        runtime: String,
        /// The spec.
        spec: PathBuf,
    },
}
