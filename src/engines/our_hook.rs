//! The hook as every engine is told of it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use oci_spec::OciSpecError;
use oci_spec::runtime::{Hook, HookBuilder};

/// Where the packages put the hook.
pub const HOOK_PATH: &str = "/usr/libexec/oci/hooks.d/oci-hostaliases-hook";

/// The hook's name, as its argv says it.
pub const HOOK_NAME: &str = "oci-hostaliases-hook";

/// The stage that it is registered for, and its argument. Podman and CRI-O with
/// containers/common >= 0.58 run a `prestart` hook as `createRuntime`, which is the same moment.
pub const STAGE: &str = "prestart";

/// Not empty: Go drops an empty list (`omitempty`), and a hook without `env` gets the engine's
/// whole environment.
const ENVIRONMENT: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/// Seconds after which the runtime kills it. It needs milliseconds.
const TIMEOUT: i64 = 10;

/// Why a hook cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// Runtimes take absolute paths only.
    #[error("hook {}: not an absolute path", path.display())]
    Relative {
        /// The path.
        path: PathBuf,
    },
    /// Podman would silently ignore it; under containerd no container would start.
    #[error("hook {}: cannot be used; install it or name it with --hook", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
        /// What stat(2) answered.
        source: io::Error,
    },
    /// No container would start.
    #[error("hook {}: not an executable file (mode {mode:04o})", path.display())]
    NotExecutable {
        /// The path.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// The path is not UTF-8, and JSON is.
    #[error("hook {}: cannot be written down", path.display())]
    NotWritable {
        /// The path.
        path: PathBuf,
        /// What the builder or the serializer said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The hook's entry for `hooks` of a `config.json` or `hook` of a hooks.d file.
///
/// # Errors
///
/// The path is relative.
pub fn hook(path: &Path) -> Result<Hook, HookError> {
    if !path.is_absolute() {
        return Err(HookError::Relative {
            path: path.to_owned(),
        });
    }
    HookBuilder::default()
        .path(path)
        .args(vec![HOOK_NAME.to_owned(), STAGE.to_owned()])
        .env(vec![ENVIRONMENT.to_owned()])
        .timeout(TIMEOUT)
        .build()
        .map_err(|source: OciSpecError| HookError::NotWritable {
            path: path.to_owned(),
            source: Box::new(source),
        })
}

/// Whether the runtime could execute the hook at `path`.
///
/// # Errors
///
/// It could not, and why.
pub fn check_executable(path: &Path) -> Result<(), HookError> {
    let metadata = fs::metadata(path).map_err(|source| HookError::Missing {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if !metadata.is_file() || mode & 0o111 == 0 {
        return Err(HookError::NotExecutable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}
