#!/bin/sh
# build.sh VERSION OUT [ARCH]: makes OUT/oci-hostaliases-VERSION-1.ARCH.rpm in the tree, where cargo has
# built already, for this machine or for ARCH, in rpm's words. The databases of rpm do not know what Debian has installed: --nodeps.
set -eu
umask 022
version=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
# What is linked in, and with it the licence.
case $(grep 'the C library' target/packages/kit/doc/copyright) in
*musl*) c_library=musl ;;
*) c_library=glibc ;;
esac
rpmbuild --quiet -bb ${3:+"--target=$3-linux"} --nodeps --build-in-place --define "_topdir $work" --define "version_override $version" \
    --define "c_library $c_library" \
    --define "_rpmfilename %%{name}-%%{version}-%%{release}.%%{arch}.rpm" packaging/rpm/oci-hostaliases.spec
mv "$work"/RPMS/*.rpm "$out"
