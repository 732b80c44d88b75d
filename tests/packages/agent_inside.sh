#!/bin/sh
# agent_inside.sh: the agent as a service of a live systemd: it is ready when `systemctl start` returns, changes of hosts.d
# arrive in running containers, records are in the journal, NRI works, and the unit takes away what is not needed.
set -eu
cd /run/test
hosts_d=/etc/oci-hostaliases/hosts.d
unit=oci-hostaliases-agent.service

fail() {
    echo "$*" >&2
    systemctl status --no-pager --full $unit >&2 || :
    exit 1
}
# Their first processes take no signal from the systemd that ends with this script.
trap 'for container in $containers; do crun delete --force "$container" || :; done' EXIT
containers=
property() { systemctl show --value --property "$1" $unit; }

apt-get -y -qq install /run/test/package.deb >apt.log 2>&1 || fail "$(cat apt.log)"

# Containers in mount namespaces of their own, in a user namespace, with a file that is mounted read-only.
bundle() { # NAME MORE-OF-LINUX MORE-NAMESPACES
    mkdir -p "$1/rootfs/bin" "$1/rootfs/etc" "$1/rootfs/proc" "$1/rootfs/dev" "$1/rootfs/sys"
    cp /bin/busybox "$1/rootfs/bin/sleep"
    : >"$1/rootfs/etc/hosts"
    cat >"$1/config.json" <<JSON
{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, $4
 "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/sleep", "100000"]},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
 "annotations": {"io.kubernetes.cri.sandbox-name": "$1-0", "io.kubernetes.cri.sandbox-namespace": "shop",
  "io.kubernetes.cri.container-name": "main", "oci-hostaliases.io/host-aliases": "10.1.2.3 foo.remote", "oci-hostaliases.io/pod-ips": "10.200.0.5"},
 "hooks": {"prestart": [{"path": "/usr/libexec/oci/hooks.d/oci-hostaliases-hook", "args": ["oci-hostaliases-hook", "prestart"]}]},
 "linux": {$2 "namespaces": [$3 {"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}, {"type": "network"}]}}
JSON
}
run() {
    crun --cgroup-manager=disabled run --detach --bundle "$1" "$1" </dev/null >crun.log 2>&1 || fail "crun: $(cat crun.log)"
    containers="$containers $1"
}
maps='[{"containerID": 0, "hostID": 100000, "size": 65536}]'
bundle web '' '' '"hostname": "web-0",'
bundle userns "\"uidMappings\": $maps, \"gidMappings\": $maps," '{"type": "user"},' '"hostname": "userns-0",'
bundle readonly '' '' ''
chown -R 100000:100000 userns/rootfs
chmod 0711 /run/test
run web
run userns
echo 'read-only = true' >/etc/oci-hostaliases/config.toml
run readonly
rm /etc/oci-hostaliases/config.toml

hosts_of() { cat "/proc/$(crun state "$1" | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')/root/etc/hosts"; }
# In all of them, within five seconds.
arrives() { # TEXT WHAT
    for container in $containers; do
        for _ in $(seq 50) late; do
            if hosts_of "$container" | grep -qF "$1"; then continue 2; fi
            sleep 0.1
        done
        fail "$2: $1 is not in $container: $(hosts_of "$container")"
    done
}

# Records of the hook: the fields by which an administrator looks for them.
record_of() { # CONTAINER
    for _ in $(seq 50) late; do
        journalctl --quiet --no-pager --output json CONTAINER_ID="$1" SYSLOG_IDENTIFIER=oci-hostaliases-hook >record.json
        [ ! -s record.json ] || return 0
        sleep 0.1
    done
    fail "the journal has no record with CONTAINER_ID=$1"
}
has_field() { grep -qF "\"$1\":\"$2\"" record.json || fail "no $1=$2 in $(cat record.json)"; }
[ "$(systemctl is-active systemd-journald.service)" = active ]
record_of web
[ "$(wc -l <record.json)" = 1 ]
has_field CONTAINER_ID web
has_field CONTAINER_NAME main
has_field POD web-0
has_field NAMESPACE shop
has_field PRIORITY 6
has_field MESSAGE 'pod shop/web-0, container main web: manage: nothing is mounted on /etc/hosts'
[ "$(journalctl --quiet --no-pager --output cat POD=userns-0 NAMESPACE=shop | wc -l)" = 1 ]
# No warning.
record_of readonly
has_field PRIORITY 6
grep -qF 'the host name is not known' record.json

# A service that takes two seconds until it is ready.
mkdir -p /run/systemd/system/$unit.d
cat >/run/systemd/system/$unit.d/slow.conf <<UNIT
[Service]
ExecStart=
ExecStart=/bin/sh -c 'sleep 2; exec /usr/bin/oci-hostaliases-agent --hook /usr/libexec/oci/hooks.d/oci-hostaliases-hook'
UNIT
systemctl daemon-reload
systemctl start --no-block $unit
sleep 0.3
[ "$(property ActiveState)" = activating ] || fail "it is $(property ActiveState) before it is ready"
systemctl start $unit
[ "$(property ActiveState)" = active ] || fail "it is $(property ActiveState) after systemctl start"
rm -r /run/systemd/system/$unit.d
systemctl daemon-reload
systemctl restart $unit
[ "$(property ActiveState)" = active ]
[ "$(property StatusErrno)" = 0 ]

exposure=$(systemd-analyze security --no-pager $unit | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p')
systemd-analyze security --no-pager --threshold=21 $unit >security.log || fail "$(grep -v ✓ security.log)"

# Two changes, so far apart: the second may come while the first is worked on.
pid=$(property MainPID)
for distance in 0.01 0.02 0.05 0.1 0.15 0.2 0.25 0.3 0.4 0.7 1 2; do
    echo "10.0.1.1 first-$distance.corp" >$hosts_d/corp.hosts
    sleep $distance
    echo "10.0.1.2 last-$distance.corp" >$hosts_d/corp.hosts
    arrives "last-$distance.corp" "changes $distance s apart"
done
# A writer that opens the file long before it writes, and one that renames, in a namespace that is new.
for delay in 0.05 0.15 0.25 0.5 1; do
    rm -f $hosts_d/slow.hosts
    { sleep $delay; echo "10.0.1.3 slow-$delay.corp"; } >$hosts_d/slow.hosts
    arrives "slow-$delay.corp" "written $delay s after it was opened"
done
mkdir $hosts_d/shop
echo '10.0.1.4 renamed.corp' >.new
mv .new $hosts_d/shop/a.hosts
arrives renamed.corp "a namespace's file, by a rename"
for n in $(seq 100); do
    echo "10.0.2.$n n$n.corp" >$hosts_d/corp.hosts
    sleep 0.1
done
arrives n100.corp "100 changes in ten seconds"
[ "$(property MainPID) $(property NRestarts) $(property ActiveState)" = "$pid 0 active" ] ||
    fail "the agent has not run all the time"
! journalctl --quiet --no-pager --output cat --priority warning --unit $unit | grep -v 'waiting for an engine$' || fail "the agent has warnings"

# What is wrong is said by systemctl, and not tried again.
systemctl stop $unit
echo 'no-such-key = [' >/etc/oci-hostaliases/config.toml
! systemctl start $unit 2>/dev/null || fail "it starts with a config.toml that is wrong"
[ "$(property ExecMainStatus) $(property ActiveState)" = "4 failed" ] || fail "not a failure with status 4"
rm /etc/oci-hostaliases/config.toml
systemctl reset-failed $unit

# --listen needs a network, which the man page's drop-in gives it.
mkdir -p /run/systemd/system/$unit.d
cat >/run/systemd/system/$unit.d/listen.conf <<UNIT
[Service]
ExecStart=
ExecStart=/usr/bin/oci-hostaliases-agent --listen 127.0.0.1:9110
UNIT
systemctl daemon-reload
! systemctl start $unit 2>/dev/null || fail "it listens without a network"
journalctl --quiet --no-pager --output cat --unit $unit | grep -qF 'the unit has no network' || fail "no word of the network"
systemctl stop $unit
printf 'PrivateNetwork=no\nRestrictAddressFamilies=AF_INET AF_INET6\n' >>/run/systemd/system/$unit.d/listen.conf
systemctl daemon-reload
systemctl start $unit || fail "it does not listen"
busybox wget -q -O - http://127.0.0.1:9110/healthz >/dev/null || fail "no answer from /healthz"
rm -r /run/systemd/system/$unit.d
systemctl daemon-reload

# NRI, where this containerd has it: the hook, and the agent's own mount in its place.
containerd=$(containerd --version | sed 's/^[^ ]* [^ ]* \([^ ]*\).*/\1/')
case $containerd in
1.6.*) nri="without NRI" ;;
*)
    nri="with NRI of containerd $containerd"
    # shellcheck source=tests/packages/containerd.sh
    . ./containerd.sh
    printf '[plugins."io.containerd.nri.v1.nri"]\n  disable = false\n' >>/etc/containerd/config.toml
    systemctl restart $unit
    # Not containerd's own unit, which raises limits.
    systemctl stop containerd.service
    systemd-run --quiet --unit=engine --property=Type=notify --property=Delegate=yes containerd || fail "containerd does not start"
    for _ in $(seq 100) late; do
        ! journalctl --quiet --no-pager --output cat --unit $unit | grep -q 'containerd' || break
        sleep 0.1
    done
    has_entries() {
        rm -f $REMOVAL_HOME/hosts
        ./cri --exact removal::one_container --ignored --nocapture >cri.log 2>&1 || fail "$1: $(cat cri.log)"
        grep -q '^10.1.2.3	foo.remote	bar.remote$' $REMOVAL_HOME/hosts || fail "$1: $(cat $REMOVAL_HOME/hosts)"
    }
    records() { journalctl --quiet --no-pager SYSLOG_IDENTIFIER=oci-hostaliases-hook | wc -l; }
    before=$(records)
    has_entries "by NRI"
    [ "$(records)" -gt "$before" ] || fail "the hook has not run"
    printf '[agent]\nmount-handlers = ["crun"]\n' >/etc/oci-hostaliases/config.toml
    sleep 2
    before=$(records)
    has_entries "a mount by NRI"
    [ "$(records)" = "$before" ] || fail "the hook has run"
    rm /etc/oci-hostaliases/config.toml
    systemctl stop engine.service
    ;;
esac

# Without journald, syslog.
systemctl stop $unit
systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket systemd-journald.service 2>/dev/null || :
rm -f /dev/log
busybox syslogd -n -O /run/test/messages &
for _ in $(seq 50); do [ ! -S /dev/log ] || break; sleep 0.1; done
bundle late '' '' ''
run late
for _ in $(seq 50) end; do
    ! grep -q 'daemon.info oci-hostaliases-hook\[[0-9]*\]: pod shop/late-0, container main late: manage: ' messages 2>/dev/null || break
    sleep 0.1
done
grep -q 'daemon.info oci-hostaliases-hook' messages || { cat messages >&2; exit 1; }

echo "agent: ready, changes, journal, syslog; $nri; exposure $exposure; systemd $(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p')"
