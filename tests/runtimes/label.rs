//! The SELinux label of the file: what `config.json` has for the container's mounts, else that of the file it covers.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::bundle::Bundle;
use crate::each_runtime_and_stage;
use crate::refresh::Running;

const XATTR: &str = "security.selinux";
const MOUNT_LABEL: &str = "system_u:object_r:container_file_t:s0:c1,c2";
const COVERED: &str = "system_u:object_r:container_ro_file_t:s0";
const OF_MOUNTS: (&str, &str) = (
    "linux",
    "\"mountLabel\":\"system_u:object_r:container_file_t:s0:c1,c2\",",
);
const OF_PROCESS: (&str, &str) = (
    "process",
    "\"selinuxLabel\":\"system_u:system_r:container_t:s0:c1,c2\",",
);

/// Starts the container with these fields in `config.json`; the label of its `/etc/hosts`.
///
/// Without SELinux in the kernel no runtime takes a label, so `config.json` gets it for the hook
/// only; the kernel keeps the attribute all the same.
fn label(bundle: &mut Bundle, fields: &[(&str, &str)]) -> Option<String> {
    let hook = bundle.directory().with_file_name("oci-hostaliases-hook");
    let wrapper = bundle.directory().join("hook-with-a-label");
    let config = bundle.directory().join("config.json");
    let mut script = "#!/bin/sh\n".to_owned();
    for (object, field) in fields {
        script += &format!(
            "sed -i 's/\"{object}\":{{/&{field}/' {}\n",
            config.display()
        );
    }
    script += &format!("exec {} \"$@\"\n", hook.display());
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    bundle.set_hooks(&[bundle.stage], &wrapper);
    bundle.set_script("exec sleep 600");
    let container = Running::start(bundle, "case");
    let seen = fs::read_to_string(&config).unwrap();
    for (_, field) in fields {
        assert!(seen.contains(field), "the hook did not see {field}");
    }
    let mut value = [0; 256];
    let path = format!("/proc/{}/root/etc/hosts", container.pid());
    let length = getxattr(&path, XATTR, &mut value).ok()?;
    Some(String::from_utf8_lossy(&value[..length]).into_owned())
}

#[test]
fn the_file_has_that_of_the_mounts() {
    each_runtime_and_stage("label::the_file_has_that_of_the_mounts", |bundle| {
        let found = label(bundle, &[OF_MOUNTS]);
        assert_eq!(found.as_deref(), Some(MOUNT_LABEL));
    });
}

#[test]
fn the_file_has_that_of_the_one_it_covers() {
    each_runtime_and_stage("label::the_file_has_that_of_the_one_it_covers", |bundle| {
        // Without a label there is none to take.
        assert_eq!(label(bundle, &[OF_PROCESS]), None);
        let image = bundle.rootfs.join("etc/hosts");
        setxattr(&image, XATTR, COVERED.as_bytes(), XattrFlags::empty()).unwrap();
        for (fields, wanted) in [
            (&[OF_PROCESS][..], Some(COVERED)),
            (&[OF_PROCESS, OF_MOUNTS], Some(MOUNT_LABEL)),
            // The process is not confined.
            (&[], None),
        ] {
            let found = label(bundle, fields);
            assert_eq!(found.as_deref(), wanted, "{fields:?}");
        }
    });
}
