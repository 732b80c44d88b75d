#!/bin/sh
# source-packages.sh TARBALL VERSION OUT: builds the source packages OUT/oci-hostaliases_VERSION-1.dsc, with its files,
# and OUT/oci-hostaliases-VERSION-1.src.rpm from the source tarball. Neither needs Rust.
set -eu
umask 022
version=$2
tarball=$(realpath "$1")
rm -rf "$3"
mkdir -p "$3"
out=$(cd "$3" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

cp "$tarball" "$out/oci-hostaliases_$version.orig.tar.gz"
tar -xzf "$tarball" -C "$work"
tree=$work/oci-hostaliases-$version
cp -R "$tree/packaging/debian" "$tree/debian"
(cd "$tree" && packaging/vendored-copyright.sh vendor >>debian/copyright)
(cd "$out" && dpkg-source --build "$tree")

# Whether what is in the package of one architecture can be relied on is the builder's concern: --nodeps.
rpmbuild --quiet -bs --nodeps --define "_topdir $work/rpm" --define "_sourcedir ${tarball%/*}" \
    --define "_srcrpmdir $out" --define "use_source_date_epoch_as_buildtime 1" --define "_buildhost localhost" \
    "$tree/packaging/rpm/oci-hostaliases.spec"
