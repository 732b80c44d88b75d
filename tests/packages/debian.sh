#!/bin/sh
# debian.sh BASE WORK INSIDE FILES: runs the script INSIDE, with the directory FILES as /run/test, in the Debian
# system at BASE, in which nothing is written: changes go to a tmpfs. Run by run.sh in namespaces of its own.
set -eu

inside=$3 root=$2/root
. tests/packages/root.sh
mount -t sysfs -o ro sysfs "$root/sys"
# No cgroup hierarchy: the containers of this test run without.
mount -t tmpfs -o mode=0755 tmpfs "$root/sys/fs/cgroup"
# Not chroot alone: who enters a container's mount namespace has that namespace's root, not ours.
mkdir "$root/run/test/machine"
cd "$root"
pivot_root . run/test/machine
exec chroot . env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive sh "/run/test/$inside"
