#!/bin/sh
# Containers of runc and crun with the hook at each stage; each shows its whole file, and the node has nothing more.
set -eu
uname -sr
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
failed=0

bundle() { # STAGE READONLY NAMESPACES MORE
    rm -rf /bundle/rootfs
    mkdir -p /bundle/rootfs/bin /bundle/rootfs/etc /bundle/rootfs/proc /bundle/rootfs/dev /bundle/rootfs/sys
    cp /bin/busybox /bundle/rootfs/bin/busybox
    ln -s busybox /bundle/rootfs/bin/sh
    echo '192.0.2.1 of-the-image' >/bundle/rootfs/etc/hosts
    cat >/bundle/config.json <<CONFIG
{"ociVersion":"1.0.2","root":{"path":"rootfs","readonly":$2},
"process":{"user":{"uid":0,"gid":0},"cwd":"/","env":["PATH=/bin"],
"args":["/bin/sh","-c","busybox cat /etc/hosts; echo \$(busybox stat -c '%u:%g %a' /etc/hosts) \$(busybox grep -c oci-hostaliases /proc/self/mountinfo)"]},
"mounts":[{"destination":"/proc","type":"proc","source":"proc"}],
"annotations":{"oci-hostaliases.io/host-aliases":"$aliases"},
"hooks":{"$1":[{"path":"/usr/bin/oci-hostaliases-hook","args":["oci-hostaliases-hook","$1"]}]},
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

mappings='[{"containerID":0,"hostID":100000,"size":65536}]'
for runtime in runc crun; do
    for stage in prestart createRuntime createContainer; do
        bundle "$stage" false '' ''
        try "$runtime" "$stage"
        bundle "$stage" true '' ''
        try "$runtime" "$stage, read-only"
        bundle "$stage" false '' ''
        rm /bundle/rootfs/etc/hosts
        try "$runtime" "$stage, no /etc/hosts"
        bundle "$stage" false '{"type":"user"},' ",\"uidMappings\":$mappings,\"gidMappings\":$mappings"
        chown -R 100000:100000 /bundle/rootfs
        chmod 0755 /bundle
        try "$runtime" "$stage, user namespace"
    done
done
exit "$failed"
