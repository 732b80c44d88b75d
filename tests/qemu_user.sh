#!/bin/sh
# qemu_user.sh COMMAND...: runs COMMAND as root of a user namespace in which programs for arm64 run by qemu-user. Nothing is
# registered on the machine: since Linux 6.7 a user namespace has a binfmt_misc of its own. Needs root, qemu-user-static.
set -eu
qemu=$(command -v qemu-aarch64-static)
# An ELF file for arm64, ET_EXEC or ET_DYN, by its first bytes. F opens the emulator now, P leaves argv[0] as it is.
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
work=$(mktemp -d) inside=
trap '[ -z "$inside" ] || kill "$inside" 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$work/mapped"
# A program that starts while its user is not mapped has no capabilities; the one that it becomes afterwards has all.
# shellcheck disable=SC2016 # the inner shells'
unshare --user --mount --propagation private sh -c 'read -r _ <"$0"; exec "$@"' "$work/mapped" sh -c '
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || {
        echo "qemu_user.sh: the kernel is older than Linux 6.7" >&2
        exit 1
    }
    printf "%s\n" "$0" >/proc/sys/fs/binfmt_misc/register
    exec "$@"' ":arm64:M::$magic:$mask:$qemu:FP" "$@" &
inside=$!
until [ "$(readlink "/proc/$inside/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.1; done
for map in uid_map gid_map; do echo '0 0 4294967295' >"/proc/$inside/$map"; done
echo >"$work/mapped"
wait "$inside"
