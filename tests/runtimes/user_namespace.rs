//! A container with a user namespace of its own: the file is its root's.

use std::process::Command;

use serde_json::json;

use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

#[test]
fn file_belongs_to_the_containers_root() {
    each_runtime_and_stage(
        "user_namespace::file_belongs_to_the_containers_root",
        |bundle| {
            let mappings = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
            bundle.config["linux"]["uidMappings"] = mappings.clone();
            bundle.config["linux"]["gidMappings"] = mappings;
            bundle.set_namespace("user", Some(json!({"type": "user"})));
            let chown = Command::new("chown")
                .args(["-R", "-h", "100000:100000"])
                .arg(&bundle.rootfs)
                .status();
            assert!(chown.unwrap().success());
            for missing in [false, true] {
                if missing {
                    std::fs::remove_file(bundle.rootfs.join("etc/hosts")).unwrap();
                }
                bundle.set_script("cat /etc/hosts; stat -c '%u:%g %a' /etc/hosts; echo x >>/etc/hosts && echo written");
                assert_eq!(
                    bundle.shown(),
                    format!("{BOILERPLATE}{ALIASES_SECTION}0:0 644\nwritten\n")
                );
            }
        },
    );
}
