#!/bin/sh
# systemd.sh BASE WORK INSIDE FILES: as debian.sh, with a live systemd: it is the first process of the namespaces that
# run.sh makes, in a cgroup of its own, and runs the script as a unit. What that says is in WORK.log.
set -eu

work=$2 inside=$3 root=$2/root
. tests/packages/root.sh
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/tmp"
: >"$work.log"
: >"$root/run/test/said"
mount --bind "$work.log" "$root/run/test/said"
mkdir -p "$root/run/systemd/system/multi-user.target.wants" "$root/run/test/machine"
cat >"$root/run/systemd/system/test.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
ExecStart=/bin/sh -c 'sh /run/test/$inside >/run/test/said 2>&1 && status=0 || status=\$\$?; systemctl exit --force \$\$status'
UNIT
ln -s ../test.service "$root/run/systemd/system/multi-user.target.wants"
cd "$root"
pivot_root . run/test/machine
umount -l /run/test/machine
exec chroot . env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-level=err --log-target=null --show-status=no </dev/null >/dev/null 2>&1
