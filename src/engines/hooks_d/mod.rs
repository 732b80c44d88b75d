//! hooks.d, by which Podman, Buildah and CRI-O know hooks: which directories they read, what they make
//! of a file, and the file that registers ours.

pub(crate) mod crio;
pub(crate) mod directories;
pub(crate) mod drop_in;
pub(crate) mod file;
pub(crate) mod loader;
pub(crate) mod podman;
