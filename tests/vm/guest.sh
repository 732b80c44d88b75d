#!/bin/sh
# Containers of runc and crun with the hook at each stage; each shows its whole file, and the node has nothing more.
# The hook runs behind filters of system calls, which run.sh makes.
set -eu
page=$(sed -n 's/^KernelPageSize: *\([0-9]*\) kB$/\1/p' /proc/self/smaps | head -n 1)
echo "$(uname -srm), pages of $page KiB"
aliases='10.1.2.3 foo.remote bar.remote'
tab=$(printf '\t')
expected="# Kubernetes-managed hosts file.
127.0.0.1${tab}localhost
::1${tab}localhost ip6-localhost ip6-loopback
fe00::0${tab}ip6-localnet
fe00::0${tab}ip6-mcastprefix
fe00::1${tab}ip6-allnodes
fe00::2${tab}ip6-allrouters

# Entries added by HostAliases.
10.1.2.3${tab}foo.remote${tab}bar.remote
0:0 644 1"
shows_all="busybox cat /etc/hosts; echo \$(busybox stat -c '%u:%g %a' /etc/hosts) \$(busybox grep -c oci-hostaliases /proc/self/mountinfo)"
# One KiB a time, until there is no room.
fills="busybox dd if=/dev/zero of=/etc/hosts bs=1024 2>/dev/null; busybox stat -c %s /etc/hosts"
command=$shows_all
failed=0

# What comes before the hook in a hook's arguments.
filters=/filters/listed

arguments() { # WORD...: as JSON
    for word; do printf '"%s",' "$word"; done | sed 's/,$//'
}

bundle() { # STAGE READONLY NAMESPACES MORE
    rm -rf /bundle/rootfs
    mkdir -p /bundle/rootfs/bin /bundle/rootfs/etc /bundle/rootfs/proc /bundle/rootfs/dev /bundle/rootfs/sys
    cp /bin/busybox /bundle/rootfs/bin/busybox
    ln -s busybox /bundle/rootfs/bin/sh
    echo '192.0.2.1 of-the-image' >/bundle/rootfs/etc/hosts
    # shellcheck disable=SC2086 # a list of words
    set -- "$1" "$2" "$3" "$4" "$(arguments $filters /usr/bin/oci-hostaliases-hook "$1")"
    cat >/bundle/config.json <<CONFIG
{"ociVersion":"1.0.2","root":{"path":"rootfs","readonly":$2},
"process":{"user":{"uid":0,"gid":0},"cwd":"/","env":["PATH=/bin"],
"args":["/bin/sh","-c","$command"]},
"mounts":[{"destination":"/proc","type":"proc","source":"proc"}],
"annotations":{"oci-hostaliases.io/host-aliases":"$aliases"},
"hooks":{"$1":[{"path":"${filters%% *}","args":[$5]}]},
"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts"},{"type":"ipc"},$3{"type":"network"}]$4}}
CONFIG
}

try() { # RUNTIME WHAT
    before=$(cat /proc/self/mountinfo)
    if shown=$("$1" run --bundle /bundle case 2>/tmp/stderr) && [ "$shown" = "$expected" ]; then
        result=ok
    else
        result=FAILED failed=1
        echo "$shown"
        cat /tmp/stderr
    fi
    [ "$before" = "$(cat /proc/self/mountinfo)" ] || { echo "mounts are left"; result=FAILED failed=1; }
    echo "$1, $2: $result"
}

all_starts() { # WHAT
    for runtime in runc crun; do
        for stage in prestart createRuntime createContainer; do
            bundle "$stage" false '' ''
            try "$runtime" "$stage$1"
            bundle "$stage" true '' ''
            try "$runtime" "$stage, read-only$1"
            bundle "$stage" false '' ''
            rm /bundle/rootfs/etc/hosts
            try "$runtime" "$stage, no /etc/hosts$1"
            bundle "$stage" false '{"type":"user"},' ",\"uidMappings\":$mappings,\"gidMappings\":$mappings"
            chown -R 100000:100000 /bundle/rootfs
            chmod 0755 /bundle
            try "$runtime" "$stage, user namespace$1"
        done
    done
}

mappings='[{"containerID":0,"hostID":100000,"size":65536}]'
all_starts ''
filters='/filters/older /filters/listed'
all_starts ', calls of Linux 4.18'

# Without one call that the hook needs, the filter kills it, and no container starts.
filters=/filters/without-setns
bundle prestart false '' ''
if runc run --bundle /bundle case >/dev/null 2>&1; then
    echo "the filter of system calls does not bite: FAILED"
    failed=1
fi

# As start::memory of tests/hostile: addresses are random, no memory can be written and executed, and what the linker
# marked (PT_GNU_RELRO, elf(5)) is read-only when the hook reads.
hook=/usr/bin/oci-hostaliases-hook
number() { echo $((0x$(od -An -t "x$2" -j "$1" -N "$2" $hook | tr -d ' '))); } # OFFSET SIZE
mkfifo /tmp/stdin
exec 3<>/tmp/stdin
for _ in 1 2 3; do
    $hook prestart <&3 >/dev/null 2>&1 3<&- &
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        grep -qE '^(0|63) 0x0 ' /proc/$!/syscall && grep -q oci-host /proc/$!/comm && break
        sleep 1
    done
    cp /proc/$!/maps /tmp/maps
    kill $!
    base=$((0x$(sed -n '/hook$/ { s/-.*//p; q; }' /tmp/maps)))
    echo "$base" >>/tmp/bases
done
exec 3<&-
memory=ok
[ "$(number 16 2)" = 3 ] || memory="FAILED: not position-independent"
[ "$(sort -u /tmp/bases | wc -l)" -gt 1 ] || memory="FAILED: always at $base"
! grep '^[^ ]* .wx' /tmp/maps || memory="FAILED: written and executed"
relro=0 end=0
header=$(number 32 8)
for _ in $(seq "$(number 56 2)"); do
    if [ "$(number "$header" 4)" = $((0x6474e552)) ]; then
        relro=$((base + $(number $((header + 16)) 8)))
        end=$((relro + $(number $((header + 40)) 8) & ~(page * 1024 - 1)))
    fi
    header=$((header + $(number 54 2)))
done
[ "$end" -gt "$relro" ] || memory="FAILED: no RELRO"
while read -r addresses rights _; do
    case $rights in
    ?w*) [ $((0x${addresses%-*})) -ge "$end" ] || [ $((0x${addresses#*-})) -le "$relro" ] || memory="FAILED: $addresses $rights" ;;
    esac
done </tmp/maps
echo "the hook's memory: $memory"
[ "$memory" = ok ] || { failed=1; cat /tmp/maps; }

# A size-limit is rounded up to whole pages.
filters=/filters/listed
command=$fills
mkdir -p /etc/oci-hostaliases
for limits in '4KiB 4096 16384' '20KiB 20480 32768'; do
    # shellcheck disable=SC2086 # a list of words
    set -- $limits
    case $page in
    4) expected=$2 ;;
    16) expected=$3 ;;
    *) expected="known for pages of 4 and 16 KiB" ;;
    esac
    echo "size-limit = \"$1\"" >/etc/oci-hostaliases/config.toml
    for runtime in runc crun; do
        bundle prestart false '' ''
        try "$runtime" "size-limit $1"
    done
done
exit "$failed"
