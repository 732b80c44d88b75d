#!/bin/sh
# run.sh ARCH HOOK [SUITE:KERNEL...]: the hook under runc and crun on other kernels than this machine's, in qemu, in
# software emulation, with cgroup v2 only and all capabilities: guest.sh on Debian's package linux-image-KERNEL of each
# SUITE. The default for amd64 is bookworm's 6.1 and bullseye's 5.10, with this machine's runc and crun; for arm64 it is
# bookworm's 6.1 and trixie's 6.12 with pages of 16 KiB, each with the runtimes of its suite. Needs qemu-system-x86 or
# qemu-system-arm, busybox-static, gcc for ARCH, for amd64 runc and crun, and a network that reaches a Debian mirror;
# what comes from there is kept in target/vm.
set -eu
arch=$1 hook=$(readlink -f "$2")
shift 2
case $arch in
amd64)
    [ "$(uname -m)" = x86_64 ] || { echo "run.sh: SKIPPED: boots x86-64 kernels with the machine's own programs" >&2; exit 0; }
    [ $# -gt 0 ] || set -- bookworm:cloud-amd64 bullseye:cloud-amd64
    cc=gcc console=ttyS0 list='system calls of the hook'
    emulator=qemu-system-x86_64
    ;;
arm64)
    [ $# -gt 0 ] || set -- bookworm:cloud-arm64 trixie:arm64-16k
    cc=aarch64-linux-gnu-gcc console=ttyAMA0 list='system calls of the hook on arm64'
    # Not every CPU has pages of 16 KiB.
    emulator="qemu-system-aarch64 -machine virt -cpu cortex-a76"
    ;;
*) echo "run.sh: ARCH is amd64 or arm64" >&2; exit 1 ;;
esac
here=$(dirname "$(readlink -f "$0")")
project=$(readlink -f "$here/../..")
work=$project/target/vm
limit=900 # seconds for a machine to boot, run and power off; emulation on a busy host is slow

# A package index of its own: the machine's sources stay as they are.
apt_of() { # SUITE PROGRAM ARGUMENT...
    apt=$work/apt-$1-$arch
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' | grep -m1 '/debian/$')
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$apt/sources.list"
    : >"$apt/status"
    shift
    "$@" -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
        -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Status="$apt/status" \
        -o APT::Sandbox::User=root -q
}

# The kernel, in MACHINE/boot; whether there is one: a suite leaves the mirrors one day. (No `set -e` in a condition.)
kernel_of() { # SUITE KERNEL MACHINE
    [ ! -e "$3/boot" ] || return 0
    apt_of "$1" apt-get update >/dev/null || return 1
    package=$(apt_of "$1" apt-cache depends "linux-image-$2" | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -1)
    [ -n "$package" ] || return 1
    rm -rf "$3/deb"
    mkdir -p "$3/deb"
    (cd "$3/deb" && apt_of "$1" apt-get download "$package" && dpkg -x ./*.deb .) || return 1
    mv "$3/deb/boot" "$3/boot" || return 1
    rm -rf "$3/deb"
}

# For another architecture: the suite's busybox and runtimes with their libraries, in MACHINE/programs.
programs_of() { # SUITE MACHINE
    [ ! -e "$2/programs" ] || return 0
    apt_of "$1" apt-get update >/dev/null || return 1
    apt_of "$1" apt-get clean || return 1
    apt_of "$1" apt-get install --download-only --no-install-recommends --yes busybox-static crun runc >/dev/null || return 1
    rm -rf "$2/unpacked"
    for package in "$apt"/cache/archives/*.deb; do dpkg -x "$package" "$2/unpacked" || return 1; done
    # As on an installed system. The rest is not used.
    for directory in bin sbin lib; do
        cp -a "$2/unpacked/$directory/." "$2/unpacked/usr/$directory" 2>/dev/null || :
        rm -rf "$2/unpacked/$directory"
        ln -s "usr/$directory" "$2/unpacked/$directory"
    done
    rm -rf "$2/unpacked/usr/share" "$2/unpacked/usr/lib"/*/gconv "$2/unpacked/etc" "$2/unpacked/var"
    apt_of "$1" apt-get clean
    mv "$2/unpacked" "$2/programs" || return 1
}

# A program that puts a filter of system calls before another one; SECURITY.md has the list of those that the hook makes.
filter() { # NAME LISTED OTHERS CALL...
    {
        printf '#define LISTED %s\n#define OTHERS %s\n#define CALLS' "$2" "$3"
        filtered=$1
        shift 3
        printf ' CALL(%s)' "$@"
        echo
    } >"$work/filter.h"
    $cc -static -Wall -include "$work/filter.h" -o "$root/filters/$filtered" "$project/tests/support/seccomp_filter.c"
}

# The root filesystem of the machine: busybox, the runtimes with their libraries, the hook.
initrd() { # MACHINE
    root=$work/root
    rm -rf "$root"
    mkdir -p "$root"
    if [ "$arch" = amd64 ]; then
        for directory in bin usr/bin usr/sbin; do mkdir -p "$root/$directory"; done
        cp "$(command -v busybox)" "$root/bin/busybox"
        for program in "$(command -v runc)" "$(command -v crun)"; do
            cp -L "$program" "$root/usr/bin/"
            for library in $(ldd "$program" 2>/dev/null | grep -oE '/[^ ]+'); do
                mkdir -p "$root$(dirname "$library")"
                cp -L -n "$library" "$root$library"
            done
        done
    else
        cp -a "$1/programs/." "$root"
    fi
    for directory in dev etc proc run sys tmp var/log bundle filters; do mkdir -p "$root/$directory"; done
    for applet in $(busybox --list); do ln -s busybox "$root/bin/$applet" 2>/dev/null || :; done
    printf 'root:x:0:0::/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
    printf '192.0.2.77\tof-the-node\n' >"$root/etc/hosts"
    cp "$hook" "$root/usr/bin/oci-hostaliases-hook"
    listed=$(sed -n "/^$list\$/,/^\`\`\`/ { //d; p; }" "$project/SECURITY.md")
    # shellcheck disable=SC2086 # lists of words
    filter listed SECCOMP_RET_ALLOW SECCOMP_RET_KILL_PROCESS $listed
    # shellcheck disable=SC2046 # the same
    filter without-setns SECCOMP_RET_ALLOW SECCOMP_RET_KILL_PROCESS $(echo "$listed" | sed 's/\<setns\>//')
    filter older 'SECCOMP_RET_ERRNO | ENOSYS' SECCOMP_RET_ALLOW \
        openat2 fsopen fsconfig fsmount open_tree move_mount pidfd_open mount_setattr
    cp "$here/init.sh" "$root/init"
    cp "$here/guest.sh" "$root/guest"
    chmod 0755 "$root/init" "$root/guest"
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$1/initrd.gz"
}

failed=
booted=
for name in "$@"; do
    suite=${name%%:*} kernel=${name#*:}
    machine=$work/$suite-$kernel
    mkdir -p "$machine"
    if ! kernel_of "$suite" "$kernel" "$machine"; then
        echo "run.sh: SKIPPED: the kernel $kernel of $suite cannot be had" >&2
        continue
    fi
    if [ "$arch" != amd64 ] && ! programs_of "$suite" "$machine"; then
        echo "run.sh: SKIPPED: the runtimes of $suite for $arch cannot be had" >&2
        continue
    fi
    initrd "$machine"
    booted=1
    echo "$suite: $(basename "$machine"/boot/vmlinuz-*)"
    # shellcheck disable=SC2086 # a program and its options
    timeout "$limit" $emulator -accel tcg -m 1024 -nographic -no-reboot -nic none \
        -kernel "$machine"/boot/vmlinuz-* -initrd "$machine/initrd.gz" -append "console=$console quiet panic=-1 rdinit=/init lsm=capability" \
        </dev/null | tr -d '\r' | sed -n '/GUEST-STARTS/,$ { s/.*GUEST-STARTS/GUEST-STARTS/; p; }' >"$machine/output" || :
    cat "$machine/output"
    grep -q "GUEST-STATUS=0" "$machine/output" || failed="$failed $name"
done
[ -n "$booted" ] || { echo "run.sh: no kernel could be had" >&2; exit 1; }
[ -z "$failed" ] || { echo "run.sh: failed on the kernel of:$failed" >&2; exit 1; }
