#!/bin/sh
# base.sh SUITE DIRECTORY PACKAGE...: makes a minimal Debian system with the packages in DIRECTORY/root. It is kept
# between runs, since it takes minutes.
set -eu
suite=$1 directory=$2
shift 2
[ "$(cat "$directory/complete" 2>/dev/null)" != "$*" ] || exit 0

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
            apt-get install -y --no-install-recommends "$@" &&
        chroot "$made/root" apt-get clean &&
        mv "$made/root" "$directory/root"
} >"$directory/log" 2>&1 || {
    tail -n 20 "$directory/log" >&2
    exit 1
}
echo "$*" >"$directory/complete"
