#!/bin/sh
# demo.sh HOOK: starts a container with runc and the hook, in a network namespace with 10.200.0.5, and
# shows its /etc/hosts. It removes everything that it has made.
set -eu
hook=$1
if [ "$(id -u)" != 0 ]; then
    exec sudo "$0" "$hook"
fi

work=$(mktemp -d)
name=oci-hostaliases-demo-$$
clean_up() {
    runc delete --force "$name" 2>/dev/null || :
    ip netns delete "$name" 2>/dev/null || :
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# The Pod's network: an interface with an address and the default route.
ip netns add "$name"
ip -n "$name" link add eth0 type veth peer name peer0
ip -n "$name" link set peer0 up
ip -n "$name" link set eth0 up
ip -n "$name" address add 10.200.0.5/24 dev eth0
ip -n "$name" route add default via 10.200.0.1

# The bundle: busybox, with the aliases of the example in the Kubernetes documentation as an annotation.
mkdir -p "$work/rootfs/bin" "$work/rootfs/etc" "$work/rootfs/proc" "$work/rootfs/dev"
cp /bin/busybox "$work/rootfs/bin/cat"
cp "$hook" "$work/oci-hostaliases-hook"
cat >"$work/config.json" <<JSON
{
  "ociVersion": "1.0.2",
  "hostname": "hostaliases-pod",
  "root": {"path": "rootfs", "readonly": true},
  "process": {"cwd": "/", "args": ["/bin/cat", "/etc/hosts"], "user": {"uid": 0, "gid": 0}},
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}
  ],
  "annotations": {
    "oci-hostaliases.io/host-aliases":
      "[{\\"ip\\":\\"127.0.0.1\\",\\"hostnames\\":[\\"foo.local\\",\\"bar.local\\"]}, {\\"ip\\":\\"10.1.2.3\\",\\"hostnames\\":[\\"foo.remote\\",\\"bar.remote\\"]}]"
  },
  "linux": {
    "namespaces": [
      {"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
      {"type": "network", "path": "/run/netns/$name"}
    ]
  },
  "hooks": {
    "prestart": [
      {
        "path": "$work/oci-hostaliases-hook",
        "args": ["oci-hostaliases-hook", "prestart"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        "timeout": 10
      }
    ]
  }
}
JSON

echo "\$ runc run: cat /etc/hosts"
runc run --bundle "$work" "$name" </dev/null
