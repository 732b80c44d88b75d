#!/bin/sh
# build.sh SPEC OUT [CPU]: makes OUT/oci-hostaliases-VERSION-1.CPU.rpm in the tree, where cargo has compiled already, for
# this machine or for CPU (rpm's name). rpm's database does not contain Debian's packages: --nodeps. The
# bytes depend only on the tree and SOURCE_DATE_EPOCH.
set -eu
umask 022
spec=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
# What is linked in, and with it the licence.
case $(grep 'the C library' target/packages/kit/doc/copyright) in
*musl*) c_library=--with=musl ;;
*) c_library=--without=musl ;;
esac
# rpm before 4.20 knows generators of dependencies by files in a directory only, not by the spec's _local_file_attrs.
mkdir "$work/attrs"
: >"$work/attrs/bundled_crates.attr"
# Its script that compresses man pages needs another shell than Debian's; the spec compresses them.
rpmbuild --quiet -bb ${3:+"--target=$3-linux" --define "__strip $3-linux-gnu-strip" --define "__objdump $3-linux-gnu-objdump"} --nodeps --build-in-place "$c_library" --without=check --define "_topdir $work" \
    --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
    --define "_buildhost localhost" --define "_fileattrsdir $work/attrs" --define "__brp_compress %{nil}" \
    --define "_binary_payload w6.xzdio" \
    --define "_rpmfilename %%{name}-%%{version}-%%{release}.%%{arch}.rpm" "$spec"
mv "$work"/RPMS/*.rpm "$out"
