#!/bin/sh
# shellcheck disable=SC1091,SC2086 # a file of the machine; no path has a space
# guest.sh: runc, crun, Podman and containerd with the hook and the agent, where SELinux enforces Debian's policy. Inside the
# machine that run.sh boots.
set -eu
process=system_u:system_r:container_t:s0:c1,c2
label=system_u:object_r:container_file_t:s0:c1,c2
entry='10.1.2.3	foo.remote'
hosts_d=/etc/oci-hostaliases/hosts.d
hook=/usr/libexec/oci/hooks.d/oci-hostaliases-hook
failed=0
fail() {
    echo "FAILED: $*"
    failed=1
}
said() { echo "[$(cut -d . -f 1 /proc/uptime) s] $*"; }
# Denials that the hook and the agent meet, or that a container meets at its file. What the agent starts is /proc/self/exe.
denials() { dmesg | grep 'avc: *denied' | grep -E 'comm="(oci-hostaliases[^"]*|exe)"|(name|path)="/?(etc/)?hosts"|oci-hostaliases' || :; }

[ "$(getenforce)" = Enforcing ]
mkdir -p /usr/libexec/oci/hooks.d /usr/share/containers/oci/hooks.d $hosts_d /run/test
cp /mnt/oci-hostaliases /mnt/oci-hostaliases-agent /usr/bin/
cp /mnt/oci-hostaliases-hook $hook
cp /mnt/oci-hostaliases.json /usr/share/containers/oci/hooks.d/
cp /mnt/oci-hostaliases-agent.service /usr/lib/systemd/system/
restorecon -RF /usr/bin/oci-hostaliases /usr/bin/oci-hostaliases-agent /usr/libexec/oci /usr/share/containers/oci /usr/lib/systemd/system /etc/oci-hostaliases
systemctl daemon-reload
systemctl start oci-hostaliases-agent
label_of() { stat -c %C "$1"; }
domain=$(tr -d '\0' <"/proc/$(systemctl show --value --property MainPID oci-hostaliases-agent)/attr/current")
said "agent: $domain, its program $(label_of /usr/bin/oci-hostaliases-agent); hook: $(label_of $hook)"

# Files that containers may write to.
: >/run/test/log
: >/run/test/shown
chcon system_u:object_r:container_file_t:s0 /run/test/log /run/test/shown

# A container that shows its label and its file, writes to it and stays.
bundles=/var/lib/containers/bundles
mkdir -p $bundles
restorecon -RF /var/lib/containers
chmod 0711 /var/lib/containers $bundles
bundle() { # STAGE PROCESS-LABEL MOUNT-LABEL MORE-NAMESPACES MORE-OF-LINUX
    rm -rf $bundles/b
    mkdir -p $bundles/b/rootfs/bin $bundles/b/rootfs/etc $bundles/b/rootfs/proc $bundles/b/rootfs/dev $bundles/b/rootfs/tmp
    cp /bin/busybox $bundles/b/rootfs/bin
    ln -s busybox $bundles/b/rootfs/bin/sh
    echo '192.0.2.1 of-the-image' >$bundles/b/rootfs/etc/hosts
    : >$bundles/b/rootfs/tmp/said
    chmod 0666 $bundles/b/rootfs/tmp/said
    chcon -R system_u:object_r:container_file_t:s0 $bundles/b/rootfs
    cat >$bundles/b/config.json <<JSON
{"ociVersion": "1.0.2", "root": {"path": "rootfs"},
 "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"], ${2:+\"selinuxLabel\": \"$2\",}
  "args": ["/bin/sh", "-c", "exec >/tmp/said 2>&1; busybox cat /proc/self/attr/current; echo; busybox tail -n 1 /etc/hosts; echo 10.9.9.9 own >>/etc/hosts && echo written; exec busybox sleep 100000"]},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
 "annotations": {"oci-hostaliases.io/host-aliases": "10.1.2.3 foo.remote"},
 "hooks": {"$1": [{"path": "$hook", "args": ["oci-hostaliases-hook", "$1"]}]},
 "linux": {${3:+\"mountLabel\": \"$3\",} "namespaces": [$4 {"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}, {"type": "network"}]$5}}
JSON
}
# Runs it; its file has this label, and it may read and write it.
try() { # WHAT RUNTIME PROCESS-LABEL FILE-LABEL
    what="$2, $1"
    if ! "$2" run --detach --bundle $bundles/b c </dev/null >/run/test/log 2>&1; then
        fail "$what: $(cat /run/test/log)"
        return
    fi
    pid=$("$2" state c | jq .pid)
    for _ in $(seq 100); do
        ! grep -q -e written -e denied $bundles/b/rootfs/tmp/said || break
        sleep 0.1
    done
    printf '%s\n%s\nwritten\n' "$3" "$entry" >/run/test/expected
    tr -d '\0' <$bundles/b/rootfs/tmp/said >/run/test/said
    cmp -s /run/test/expected /run/test/said || fail "$what: $(cat /run/test/said)"
    found=$(label_of "/proc/$pid/root/etc/hosts")
    [ "$found" = "$4" ] || fail "$what: the file is $found"
    said "$what"
    [ -n "${KEEP-}" ] || "$2" delete --force c
}

maps=', "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}], "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]'
for runtime in runc crun; do
    bundle createRuntime $process $label '' ''
    try createRuntime $runtime $process $label
    for stage in prestart createContainer; do
        bundle $stage $process $label '' ''
        try "$stage" $runtime $process $label
        bundle $stage $process $label '{"type": "user"},' "$maps"
        chown -R 100000:100000 $bundles/b/rootfs
        try "$stage, user namespace" $runtime $process $label
        bundle $stage $process '' '' ''
        try "$stage, mounts without a label" $runtime $process system_u:object_r:container_file_t:s0
    done
done

# Who has other categories may not read it, who has the same may. A shell in the container's namespaces gives the next
# one a label, which shows it and the file.
bundle prestart $process $label '' ''
KEEP=1 try "kept" runc $process $label
shown_to() { # LABEL
    nsenter --target "$pid" --mount --pid /bin/busybox sh -c \
        "echo -n $1 >/proc/self/attr/exec && exec /bin/busybox sh -c 'busybox cat /proc/self/attr/current; busybox cat /etc/hosts'" >/run/test/shown 2>&1 || :
    grep -qa "^$1" /run/test/shown || fail "a process cannot get the label $1: $(tr -d '\0' </run/test/shown)"
    grep -qa foo.remote /run/test/shown
}
shown_to $process || fail "the same categories may not read the file"
! shown_to system_u:system_r:container_t:s0:c3,c4 || fail "other categories may read the file"
said "categories"

# Podman: the hook by hooks.d, labels of Podman's own choice.
mkdir -p /run/test/image/bin
cp /bin/busybox /run/test/image/bin
for applet in sh cat sleep; do ln -s busybox /run/test/image/bin/$applet; done
tar -C /run/test/image -c . | podman import --quiet - localhost/busybox:1 >/run/test/log 2>&1 || fail "podman import: $(cat /run/test/log)"
for options in "--runtime=runc --read-only=false" "--runtime=crun --read-only=true"; do
    # shellcheck disable=SC2086 # a list
    podman --cgroup-manager cgroupfs ${options% *} run --detach --name p --network none ${options#* } --tmpfs /tmp \
        --annotation 'oci-hostaliases.io/host-aliases=10.1.2.3 foo.remote' localhost/busybox:1 \
        sh -c 'echo 10.9.9.9 own >>/etc/hosts; cat /etc/hosts >/tmp/said 2>&1; exec sleep 100000' >/run/test/log 2>&1 ||
        fail "podman $options: $(cat /run/test/log)"
    pid=$(podman inspect --format '{{.State.Pid}}' p)
    for _ in $(seq 50); do [ ! -s "/proc/$pid/root/tmp/said" ] || break; sleep 0.1; done
    grep -q "^$entry" "/proc/$pid/root/tmp/said" || fail "podman $options: $(cat "/proc/$pid/root/tmp/said")"
    grep -q '^10.9.9.9 own' "/proc/$pid/root/tmp/said" || fail "podman $options: it may not write its file"
    wanted=$(podman inspect --format '{{.MountLabel}}' p)
    found=$(label_of "/proc/$pid/root/etc/hosts")
    [ "$found" = "$wanted" ] || fail "podman $options: the file is $found, not $wanted"
    said "podman $options: $wanted"
    podman rename p "p$pid"
done

# The agent in its own domain: a change arrives in what runs.
echo '10.0.0.1 one.corp' >$hosts_d/corp.hosts
for process in $(runc state c | jq .pid) "$pid"; do
    for _ in $(seq 100); do
        ! grep -q one.corp "/proc/$process/root/etc/hosts" || continue 2
        sleep 0.1
    done
    fail "a change of hosts.d did not arrive: $(cat "/proc/$process/root/etc/hosts"); $(journalctl --no-pager --unit oci-hostaliases-agent --output cat | tail -n 5)"
done
said "refreshed by the agent"

# containerd's CRI with labels; the hook by the agent's NRI.
cp /mnt/cri /mnt/containerd.sh /run/test/
cd /run/test
. ./containerd.sh
# In the places for which the policy has labels. The overlay has the container's label.
mkdir -p /etc/cni/net.d /var/lib/containerd
mv $REMOVAL_HOME/cni/* /etc/cni/net.d
sed -i -e 's/^  disable_cgroup = true/  enable_selinux = true\n&/' -e "s|$REMOVAL_HOME/cni|/etc/cni/net.d|" -e "s|$REMOVAL_HOME/crun|/usr/bin/crun|" -e 's/"native"/"overlayfs"/' \
    -e 's|^root = .*|root = "/var/lib/containerd"|' -e 's|^state = .*|state = "/run/containerd"|' /etc/containerd/config.toml
printf '[plugins."io.containerd.nri.v1.nri"]\n  disable = false\n' >>/etc/containerd/config.toml
restorecon -RF /etc/containerd /etc/cni /var/lib/containerd
# Which the policy has for /opt/cni/bin, but not for where Debian has these programs.
chcon -R -t bin_t /usr/lib/cni
systemd-run --quiet --unit=engine --property=Type=notify --property=Delegate=yes containerd || fail "containerd does not start"
for _ in $(seq 100); do
    ! journalctl --no-pager --unit oci-hostaliases-agent --output cat | grep -q 'connected to containerd' || break
    sleep 0.1
done
./cri --exact removal::one_container --ignored --nocapture >cri.log 2>&1 ||
    fail "containerd: $(cat cri.log); $(journalctl --no-pager --unit engine --output cat | grep -E 'level=(warning|error)' | tail -n 10)"
grep -q '^10.1.2.3	foo.remote	bar.remote$' $REMOVAL_HOME/hosts || fail "containerd: $(cat $REMOVAL_HOME/hosts)"
said "containerd, hook by NRI"

# doctor in the domain of a service, as an administrator runs it: what other programs print reaches it.
cat >/run/systemd/system/doctor.service <<UNIT
[Service]
Type=oneshot
Environment=PATH=$PATH
ExecStart=/usr/bin/oci-hostaliases doctor
StandardOutput=truncate:/run/test/units
UNIT
systemctl daemon-reload
oci-hostaliases doctor >/run/test/mine 2>/dev/null || :
systemctl start doctor.service 2>/dev/null || :
sed -i 's/ [0-9]* s ago/ lately/' /run/test/mine /run/test/units
diff /run/test/mine /run/test/units || fail "doctor says something else in a unit"
grep -q 'containerd' /run/test/mine || fail "doctor: $(cat /run/test/mine)"
said "doctor"

# The one that is meant, and no other.
other='scontext=system_u:system_r:container_t:s0:c3,c4'
denials | grep -q "name=\"hosts\".*$other" || fail "no record of the denial that was meant"
found=$(denials | grep -v "$other" || :)
[ -z "$found" ] || fail "denials: $found"
said "$(dmesg | grep -c 'avc: *denied') denials in all, none of the hook and the agent"
[ $failed = 0 ] || dmesg | grep 'avc: *denied' | tail -n 40
exit $failed
