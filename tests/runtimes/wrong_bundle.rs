//! crun writes its working directory as the state's `bundle`, and that is `/` in some versions and
//! situations: then its own copy of `config.json` is what there is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

#[test]
fn bundle_is_the_root_directory() {
    each_runtime_and_stage("wrong_bundle::bundle_is_the_root_directory", |bundle| {
        let hook = bundle.directory().with_file_name("oci-hostaliases-hook");
        let wrapper = bundle.directory().join("hook-with-a-wrong-bundle");
        let state = r#"sed 's/"bundle": *"[^"]*"/"bundle":"\/"/'"#;
        fs::write(
            &wrapper,
            format!("#!/bin/sh\n{state} | {} \"$@\"\n", hook.display()),
        )
        .unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        bundle.set_hooks(&[bundle.stage], &wrapper);
        // As Podman and CRI-O write it: nothing else would lead to the rootfs.
        bundle.config["root"]["path"] = json!(bundle.rootfs);
        let ran = bundle.run();
        if bundle.runtime == "crun" {
            assert_eq!(
                ran.stdout,
                format!("{BOILERPLATE}{ALIASES_SECTION}"),
                "{}",
                ran.stderr
            );
        } else {
            // No other runtime does that, or keeps a copy there.
            let said = "no config.json in the bundle / and none where crun keeps its copy (/run/crun/case/config.json, \
                        /run/containerd/runc/k8s.io/case/config.json): No such file or directory";
            ran.assert_refused(1, said);
        }
    });
}
