#!/bin/sh
# run.sh PROGRAMS: the hook and the agent of the directory PROGRAMS where SELinux enforces Debian's policy: boots a Debian 13 in
# qemu, in software emulation, and runs guest.sh there. Needs root, qemu-system-x86 and, the first time, a Debian mirror;
# target/selinux keeps the machine.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=PATH "$0" "$@"
[ "$(uname -m)" = x86_64 ] || { echo "run.sh: SKIPPED: boots an x86-64 machine with the machine's own programs" >&2; exit 0; }
programs=$1
machine=target/selinux
limit=900 # seconds for the machine to boot, run and power off; emulation on a busy host is slow
tests/selinux/machine.sh $machine

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/files"
cp "$programs/oci-hostaliases" "$programs/oci-hostaliases-hook" "$programs/oci-hostaliases-agent" \
    packaging/systemd/oci-hostaliases-agent.service hooks/oci-hostaliases.json tests/packages/containerd.sh tests/selinux/guest.sh "$work/files"
cp "$(cargo test --quiet --locked --no-run --message-format json --test containerd_cri |
    sed -n 's/.*"executable":"\([^"]*containerd_cri[^"]*\)".*/\1/p')" "$work/files/cri"
chmod -R go+rX "$work/files"
truncate -s 160M "$work/payload"
mke2fs -q -t ext4 -O ^has_journal -d "$work/files" "$work/payload"
: >"$work/said"
timeout "$limit" qemu-system-x86_64 -accel tcg -cpu max -m 2048 -display none -monitor none -no-reboot -nic none \
    -serial "file:$machine/console" -serial "file:$work/said" -kernel $machine/vmlinuz -initrd $machine/initrd.gz \
    -drive "file=$machine/disk,if=virtio,format=raw,snapshot=on" -drive "file=$work/payload,if=virtio,format=raw,readonly=on" \
    -append "console=ttyS0 quiet panic=-1 rdinit=/init security=selinux selinux=1 enforcing=1 systemd.show_status=0 sysctl.kernel.printk_ratelimit=0 log_buf_len=4M" \
    </dev/null || :
tr -d '\r' <"$work/said"
grep -q '^GUEST-STATUS=0' "$work/said" || {
    echo "run.sh: failed; the machine's console is in $machine/console" >&2
    exit 1
}
