#!/bin/sh
# debian.sh BASE WORK INSIDE FILES: runs the script INSIDE, with the directory FILES as /run/test, in the Debian
# system at BASE, in which nothing is written: changes go to a tmpfs. Run by run.sh in namespaces of its own.
set -eu
base=$1 work=$2 inside=$3 files=$4

mount -t tmpfs -o mode=0755 tmpfs "$work"
mkdir "$work/changes" "$work/work" "$work/root"
root=$work/root
# Relative, since a path may have what separates options.
(cd "$base" && mount -t overlay -o "lowerdir=.,upperdir=$work/changes,workdir=$work/work" overlay "$root")
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
# No cgroup hierarchy: the containers of this test run without.
mount -t tmpfs -o mode=0755 tmpfs "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
cp -R "$files" "$root/run/test"
cp "tests/packages/$inside" "$root/run/test"
# Not chroot alone: who enters a container's mount namespace has that namespace's root, not ours.
mkdir "$root/run/test/machine"
cd "$root"
pivot_root . run/test/machine
exec chroot . env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive sh "/run/test/$inside"
