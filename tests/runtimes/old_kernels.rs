//! Kernels without the newest calls: the same file by other ways, and nothing left.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

/// What strace makes the kernel answer, and the kernels that answer so.
const ANSWERS: [(&str, &str); 14] = [
    (
        "open_tree:error=EINVAL:when=1",
        "before 6.15: a detached mount cannot be cloned",
    ),
    ("pidfd_open:error=ENOSYS", "before 5.3"),
    (
        "setns:error=EINVAL:when=1",
        "before 5.8: setns does not take a pidfd",
    ),
    ("openat2:error=ENOSYS", "before 5.6"),
    (
        "mount:error=EINVAL:when=1",
        "one that makes no detached mount unbindable: mountinfo is read",
    ),
    (
        // The mask that the kernel puts first into the answer: the basic fields, and no mount.
        "statx:poke_exit=@arg5=ff070000",
        "before 5.8: statx does not tell the mount",
    ),
    ("open_tree:error=ENOSYS", "a filter that forbids it"),
    ("fsopen:error=ENOSYS", "before 5.2"),
    ("fsconfig:error=ENOSYS", "a filter that forbids it"),
    ("fsmount:error=ENOSYS", "a filter that forbids it"),
    (
        "move_mount:error=ENOSYS",
        "before 5.2, or a filter that forbids it",
    ),
    ("mount_setattr:error=ENOSYS", "before 5.12"),
    (
        "open_tree,fsopen,fsmount,fsconfig,move_mount,openat2,pidfd_open,mount_setattr:error=ENOSYS",
        "Linux 4.18, but for statx",
    ),
    (
        "open_tree,fsopen,fsmount,fsconfig,move_mount,openat2,pidfd_open,mount_setattr:error=ENOSYS \
         -e inject=statx:poke_exit=@arg5=ff070000",
        "Linux 4.18",
    ),
];

#[test]
fn other_ways() {
    each_runtime_and_stage("old_kernels::other_ways", |bundle| {
        let hook = bundle.directory().with_file_name("oci-hostaliases-hook");
        let wrapper = bundle.directory().join("hook-on-an-old-kernel");
        bundle.set_hooks(&[bundle.stage], &wrapper);
        bundle.set_script("cat /etc/hosts; stat -c '%u:%g %a' /etc/hosts; grep oci-hostaliases /proc/self/mountinfo | grep -vc unbindable");
        for (answer, kernel) in ANSWERS {
            if bundle.stage == "createContainer" && answer.starts_with("setns") {
                continue; // there is nothing to enter
            }
            let script = format!(
                "#!/bin/sh\nexec strace -qq -o /dev/null -e inject={answer} {} \"$@\"\n",
                hook.display()
            );
            fs::write(&wrapper, script).unwrap();
            fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
            assert_eq!(
                bundle.shown(),
                format!("{BOILERPLATE}{ALIASES_SECTION}0:0 644\n1\n"),
                "{kernel} ({answer})"
            );
        }
    });
}
