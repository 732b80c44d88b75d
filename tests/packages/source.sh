#!/bin/sh
# source.sh: builds the source packages and, in a Debian 13 with nothing but Debian's packages and no network, the
# packages out of them: `make test-source-packages`. Needs root and, the first time, the network.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=PATH,CARGO_HOME,RUSTUP_HOME "$0"
make --no-print-directory source-packages
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
base=target/test-packages/source
# What packaging/debian/control wants to build and to try the package, rpm, and what judges both.
tests/packages/base.sh trixie "$base" \
    autopkgtest build-essential busybox-static cargo debhelper go-md2man iproute2 lintian rpm rpmlint runc
mkdir "$work/files" "$work/inside"
cp target/packages/source/* tests/packages/rpmlint.toml "$work/files"
unshare --mount --propagation private --pid --fork --kill-child --ipc --uts --net \
    tests/packages/debian.sh "$base/root" "$work/inside" source_inside.sh "$work/files"
