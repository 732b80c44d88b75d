#!/bin/sh
# without_calls.sh {all|each}: the suite with real runtimes (tests/runtimes) while the kernel, by a seccomp filter,
# answers ENOSYS to the hook's newer system calls: to all of them, as Linux 4.18 does, or to one after the other.
set -eu
calls='openat2 fsopen fsconfig fsmount open_tree move_mount pidfd_open mount_setattr'
case ${1-} in
all) set -- "$(echo "$calls" | tr ' ' ,)" ;;
each)
    # shellcheck disable=SC2086 # a list of words
    set -- $calls
    ;;
*)
    echo "usage: without_calls.sh {all|each}" >&2
    exit 2
    ;;
esac
# Without a call that has no other way nothing can work: the suite does run behind the filter.
if OCI_HOSTALIASES_KERNEL_LACKS=setns cargo test --locked --quiet --test runtimes rootfs::plain >/dev/null 2>&1; then
    echo "without_calls.sh: the hook works without setns, so the filter does not bite" >&2
    exit 1
fi
for lacking; do
    echo "== a kernel without $lacking"
    OCI_HOSTALIASES_KERNEL_LACKS=$lacking cargo test --locked --test runtimes
done
