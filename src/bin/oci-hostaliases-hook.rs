//! `oci-hostaliases-hook`: run by an OCI runtime, once per container. See oci-hostaliases-hook(8).

#![forbid(unsafe_code)]

fn main() {}
