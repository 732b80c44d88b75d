#!/bin/sh
# root.sh BASE WORK INSIDE FILES, read by debian.sh and systemd.sh: makes $root, the Debian system at BASE, in which
# nothing is written: changes go to a tmpfs at WORK. The directory FILES is its /run/test, with the script INSIDE.
set -eu
base=$1 work=$2 inside=$3 files=$4

mount -t tmpfs -o mode=0755 tmpfs "$work"
mkdir "$work/changes" "$work/work" "$work/root"
root=$work/root
# Relative, since a path may have what separates options.
(cd "$base" && mount -t overlay -o "lowerdir=.,upperdir=$work/changes,workdir=$work/work" overlay "$root")
mount -t proc proc "$root/proc"
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
