//! The agent and the manifests against a real API server: etcd, kube-apiserver and kube-controller-manager of
//! Debian's source package, which `make test-cluster` builds. Not part of `cargo test`: see Cargo.toml.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod access;
mod agent;
mod control_plane;
mod files;
#[path = "../support/image_archive.rs"]
mod image_archive;
mod manifests;
#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/newer_engines.rs"]
mod newer_engines;
mod node;
mod node_by_nri;
mod node_registered;
mod outages;
mod scale;
mod schema;
#[path = "../support/skipped.rs"]
mod skipped;
#[path = "../support/throwaway.rs"]
mod throwaway;

use std::path::{Path, PathBuf};

use control_plane::ControlPlane;

const PROGRAMS: [needs::Program; 1] = [("openssl", "openssl")];

/// The programs of Kubernetes.
fn bin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kubernetes/bin")
}

fn packaging(path: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    format!("{root}/packaging/kubernetes/{path}")
}

/// Runs the body in a world with a control plane of its own, in which the manifests have been applied.
fn cluster(test: &str, body: impl FnOnce(&mut ControlPlane, &Path)) {
    if !needs::met(test, &PROGRAMS) {
        return;
    }
    if !bin().join("kube-apiserver").is_file() {
        let bin = bin();
        skipped::skipped(&format!(
            "{test}: no kube-apiserver in {}: make test-cluster",
            bin.display()
        ));
        return;
    }
    throwaway::world(test, |home| {
        let mut plane = ControlPlane::start(home, &bin());
        plane.kubectl("admin", &["apply", "-k", &packaging("")], "");
        for crd in ["hostaliassets", "clusterhostaliassets"] {
            let crd = format!("crd/{crd}.oci-hostaliases.io");
            plane.kubectl(
                "admin",
                &["wait", "--for=condition=Established", "--timeout=60s", &crd],
                "",
            );
        }
        for namespace in ["shop", "web"] {
            plane.kubectl("admin", &["create", "namespace", namespace], "");
        }
        body(&mut plane, home);
    });
}
