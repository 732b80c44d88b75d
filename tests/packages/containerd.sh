#!/bin/sh
# containerd.sh: containerd with its CRI and crun, on a machine without cgroups. Sourced inside the Debian systems, before
# containerd starts. REMOVAL_HOME has all its files but /etc/containerd/config.toml.
export CI=1 REMOVAL_HOME=/run/test/containerd
mkdir -p $REMOVAL_HOME/cni /etc/containerd
printf '#!/bin/sh\nexec crun --cgroup-manager=disabled "$@"\n' >$REMOVAL_HOME/crun
chmod 0755 $REMOVAL_HOME/crun
cat >/etc/containerd/config.toml <<TOML
version = 2
root = "$REMOVAL_HOME/root"
state = "$REMOVAL_HOME/state"
[grpc]
  address = "$REMOVAL_HOME/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/busybox:1"
  restrict_oom_score_adj = true
  disable_cgroup = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$REMOVAL_HOME/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    default_runtime_name = "crun"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
        BinaryName = "$REMOVAL_HOME/crun"
TOML
cat >$REMOVAL_HOME/cni/10-test.conflist <<JSON
{"cniVersion": "0.4.0", "name": "test", "plugins": [{"type": "bridge", "bridge": "hostaliases0",
 "ipam": {"type": "host-local", "dataDir": "$REMOVAL_HOME/addresses", "ranges": [[{"subnet": "192.0.2.0/24"}]]}}]}
JSON
