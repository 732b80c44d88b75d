#!/bin/sh
# tarball.sh KIT NAME OUT: makes OUT/NAME.tar.gz from a kit. The bytes depend only on the kit, NAME and
# SOURCE_DATE_EPOCH.
set -eu
kit=$1 name=$2 out=$3
mkdir -p "$out"
tar --create --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX \
    --mtime="@$SOURCE_DATE_EPOCH" --transform="s|^\.|$name|" --directory="$kit" . | gzip -9n >"$out/$name.tar.gz"
