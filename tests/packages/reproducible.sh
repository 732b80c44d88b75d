#!/bin/sh
# reproducible.sh PACKAGES ELSEWHERE: builds all again from the source tarball among PACKAGES, without
# git, in ELSEWHERE; every artefact must have the same bytes.
set -eu
packages=$(cd "$1" && pwd) elsewhere=$2
unset SOURCE_DATE_EPOCH
mkdir "$elsewhere"
umask 077
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
tar -xzf "$packages/oci-hostaliases-$version.tar.gz" -C "$elsewhere"
(cd "$elsewhere/oci-hostaliases-$version" && make --no-print-directory deb rpm tarball image) >"$elsewhere/log" 2>&1 ||
    { tail -n 30 "$elsewhere/log" >&2; exit 1; }
cd "$elsewhere/oci-hostaliases-$version/target/packages"
sha256sum ./*.deb ./*.rpm ./*.tar.gz ./*.oci.tar ./*.cdx.json >"$elsewhere/sums"
cat "$elsewhere/sums"
cd "$packages"
sha256sum --check --quiet "$elsewhere/sums" || {
    echo "what is installed differs in:" >&2
    diff -rq kit "$elsewhere/oci-hostaliases-$version/target/packages/kit" >&2
    exit 1
}
