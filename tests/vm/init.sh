#!/bin/sh
# The machine's first process.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
if [ "${1-}" != second ]; then
    # pivot_root, which runtimes use, cannot leave the initramfs: go to a tmpfs first.
    mkdir -p /new
    mount -t tmpfs tmpfs /new
    for directory in /*; do
        case $directory in
        /new | /proc | /sys | /dev) mkdir -p "/new$directory" ;;
        *) cp -a "$directory" /new/ ;;
        esac
    done
    exec switch_root /new /init second
fi
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
echo GUEST-STARTS
/guest </dev/null
echo "GUEST-STATUS=$?"
poweroff -f
