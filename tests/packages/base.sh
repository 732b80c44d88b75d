#!/bin/sh
# base.sh SUITE DIRECTORY: makes a minimal Debian system in DIRECTORY/root with what the tests of the
# packages need: Podman, two runtimes, busybox. It is kept between runs, since it takes minutes.
set -eu
suite=$1 directory=$2
[ ! -e "$directory/complete" ] || exit 0

# The machine's own mirror; where apt knows none, debootstrap's.
mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' | grep -m1 '/debian/$' || :)

rm -rf "$directory"
mkdir -p "$directory"
# debootstrap works in no directory with a space in its path, so it is made elsewhere and moved.
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
{
    debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
        "$suite" "$made/root" ${mirror:+"$mirror"} &&
        DEBIAN_FRONTEND=noninteractive chroot "$made/root" \
            apt-get install -y --no-install-recommends busybox-static crun podman &&
        chroot "$made/root" apt-get clean &&
        mv "$made/root" "$directory/root"
} >"$directory/log" 2>&1 || {
    tail -n 20 "$directory/log" >&2
    exit 1
}
: >"$directory/complete"
