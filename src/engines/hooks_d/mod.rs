//! hooks.d, the hook directories of Podman, Buildah and CRI-O: which directories they read, how they read a file,
//! and the file that registers this hook.

pub(crate) mod crio;
pub(crate) mod directories;
pub(crate) mod drop_in;
pub(crate) mod file;
pub(crate) mod loader;
pub(crate) mod podman;
