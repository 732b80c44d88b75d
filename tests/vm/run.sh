#!/bin/sh
# run.sh HOOK [SUITE...]: the hook under runc and crun on older kernels than this machine's. Boots Debian's kernel of
# each SUITE (default: bookworm's 6.1 and bullseye's 5.10) in qemu, in software emulation, with cgroup v2 only and all
# capabilities, and runs guest.sh there. Needs qemu-system-x86, busybox-static, runc, crun and a network that reaches a
# Debian mirror; kernels are kept in target/vm.
set -eu
hook=$(readlink -f "$1")
shift
[ "$(uname -m)" = x86_64 ] || { echo "run.sh: SKIPPED: boots x86-64 kernels with the machine's own programs" >&2; exit 0; }
[ $# -gt 0 ] || set -- bookworm bullseye
here=$(dirname "$(readlink -f "$0")")
work=$(readlink -f "$here/../..")/target/vm
limit=300 # seconds for a machine to boot, run and power off; emulation on a busy host is slow

# A package index of its own: the machine's sources stay as they are.
apt_of() {
    suite=$1
    shift
    apt=$work/$suite/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' | grep -m1 '/debian/$')
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
    : >"$apt/status"
    "$@" -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o Dir::Etc::SourceList="$apt/sources.list" \
        -o Dir::Etc::SourceParts=- -o Dir::State::Status="$apt/status" -o APT::Sandbox::User=root -q
}

# Whether there is one: a suite leaves the mirrors one day. (No `set -e` in a condition.)
kernel_of() {
    suite=$1
    [ ! -e "$work/$suite/boot" ] || return 0
    apt_of "$suite" apt-get update >/dev/null || return 1
    package=$(apt_of "$suite" apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -1)
    [ -n "$package" ] || return 1
    rm -rf "$work/$suite/deb"
    mkdir -p "$work/$suite/deb"
    (cd "$work/$suite/deb" && apt_of "$suite" apt-get download "$package" && dpkg -x ./*.deb .) || return 1
    mv "$work/$suite/deb/boot" "$work/$suite/boot" || return 1
    rm -rf "$work/$suite/deb"
}

# The root filesystem of the machine: busybox, the runtimes with their libraries, the hook.
initrd() {
    root=$work/root
    rm -rf "$root"
    for directory in bin dev etc proc run sys tmp usr/bin usr/sbin var/log bundle; do mkdir -p "$root/$directory"; done
    busybox=$(command -v busybox)
    cp "$busybox" "$root/bin/busybox"
    for applet in $("$busybox" --list); do ln -s busybox "$root/bin/$applet" 2>/dev/null || :; done
    printf 'root:x:0:0::/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
    printf '192.0.2.77\tof-the-node\n' >"$root/etc/hosts"
    for program in "$(command -v runc)" "$(command -v crun)"; do
        cp -L "$program" "$root/usr/bin/"
        for library in $(ldd "$program" 2>/dev/null | grep -oE '/[^ ]+'); do
            mkdir -p "$root$(dirname "$library")"
            cp -L -n "$library" "$root$library"
        done
    done
    cp "$hook" "$root/usr/bin/oci-hostaliases-hook"
    cp "$here/init.sh" "$root/init"
    cp "$here/guest.sh" "$root/guest"
    chmod 0755 "$root/init" "$root/guest"
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd.gz"
}

mkdir -p "$work"
initrd
failed=
booted=
for suite in "$@"; do
    if ! kernel_of "$suite"; then
        echo "run.sh: SKIPPED: the kernel of $suite cannot be had" >&2
        continue
    fi
    booted=1
    echo "$suite: $(basename "$work/$suite"/boot/vmlinuz-*)"
    timeout "$limit" qemu-system-x86_64 -accel tcg -m 1024 -nographic -no-reboot -nic none \
        -kernel "$work/$suite"/boot/vmlinuz-* -initrd "$work/initrd.gz" -append "console=ttyS0 quiet panic=-1 rdinit=/init lsm=capability" \
        </dev/null | tr -d '\r' | sed -n '/GUEST-STARTS/,$ { s/.*GUEST-STARTS/GUEST-STARTS/; p; }' >"$work/$suite/output" || :
    cat "$work/$suite/output"
    grep -q "GUEST-STATUS=0" "$work/$suite/output" || failed="$failed $suite"
done
[ -n "$booted" ] || { echo "run.sh: no kernel could be had" >&2; exit 1; }
[ -z "$failed" ] || { echo "run.sh: failed on the kernel of:$failed" >&2; exit 1; }
