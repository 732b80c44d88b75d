#!/bin/sh
# deb.sh VERSION OUT: builds OUT/oci-hostaliases_VERSION-1_ARCH.deb with dpkg-buildpackage, in the tree, with the Rust in
# PATH (-d) and the objects that cargo has already compiled. ARCH is dpkg's name of another architecture.
set -eu
umask 022
version=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
if [ -e debian ]; then
    echo "deb.sh: ./debian exists: this is a source package, which dpkg-buildpackage builds; or remove ./debian" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf debian "$work"' EXIT
trap 'exit 1' HUP INT TERM
cp -R packaging/debian debian
said=$(dpkg-parsechangelog --show-field Version)
if [ "$said" != "$version-1" ]; then
    echo "deb.sh: packaging/debian/changelog has $said, Cargo.toml has $version: add an entry for $version-1" >&2
    exit 1
fi
# debhelper sets another HOME for the programs that it runs.
export CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}"
export DEB_BUILD_OPTIONS=nocheck DEB_DESTDIR="$work"
dpkg-buildpackage --build=binary --no-pre-clean --no-check-builddeps --no-sign ${ARCH:+--host-arch="$ARCH"} \
    --buildinfo-option=-u"$work" --buildinfo-file="$work/buildinfo" \
    --changes-option=-u"$work" --changes-file="$work/changes"
mv "$work"/*.deb "$out"
