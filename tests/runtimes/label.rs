//! The SELinux label that `config.json` has for the container's mounts.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::each_runtime_and_stage;
use crate::refresh::Running;

const LABEL: &str = "system_u:object_r:container_file_t:s0:c1,c2";

/// Without SELinux in the kernel no runtime takes a label, so `config.json` gets it for the hook
/// only; the kernel keeps the attribute all the same.
#[test]
fn the_file_has_it() {
    each_runtime_and_stage("label::the_file_has_it", |bundle| {
        let hook = bundle.directory().with_file_name("oci-hostaliases-hook");
        let wrapper = bundle.directory().join("hook-with-a-label");
        let config = bundle.directory().join("config.json");
        let script = format!(
            "#!/bin/sh\nsed -i 's/\"linux\":{{/&\"mountLabel\":\"{LABEL}\",/' {}\nexec {} \"$@\"\n",
            config.display(),
            hook.display()
        );
        fs::write(&wrapper, script).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        bundle.set_hooks(&[bundle.stage], &wrapper);
        bundle.set_script("exec sleep 600");
        let container = Running::start(bundle, "case");
        assert!(
            fs::read_to_string(&config).unwrap().contains(LABEL),
            "the hook saw no label"
        );
        let mut value = [0; 256];
        let path = format!("/proc/{}/root/etc/hosts", container.pid());
        let length = rustix::fs::getxattr(&path, "security.selinux", &mut value).unwrap();
        assert_eq!(String::from_utf8_lossy(&value[..length]), LABEL);
    });
}
