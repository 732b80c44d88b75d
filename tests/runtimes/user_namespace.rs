//! A container with a user namespace of its own: the file is its root's.

use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

#[test]
fn file_belongs_to_the_containers_root() {
    each_runtime_and_stage(
        "user_namespace::file_belongs_to_the_containers_root",
        |bundle| {
            bundle.add_user_namespace();
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
