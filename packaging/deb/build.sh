#!/bin/sh
# build.sh KIT VERSION OUT [ARCH]: makes OUT/oci-hostaliases_VERSION-1_ARCH.deb of a kit.
# The bytes depend on the kit, VERSION and SOURCE_DATE_EPOCH only.
set -eu
umask 022
kit=$1 version=$2-1 out=$3
package=oci-hostaliases
architecture=${4:-$(dpkg --print-architecture)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
root=$work/root
doc=$root/usr/share/doc/$package

DESTDIR=$root PREFIX=/usr ZSHDIR=/usr/share/zsh/vendor-completions UNITDIR='' \
    BINDIR='' LIBEXECDIR='' DATADIR='' MANDIR='' DOCDIR='' SYSCONFDIR='' "$kit/install.sh"

# What Debian wants otherwise: its own copy of the Apache License, and compressed texts.
rm "$doc/LICENSE"
mv "$doc/CHANGELOG.md" "$doc/changelog"
cat >"$doc/changelog.Debian" <<TEXT
$package ($version) unstable; urgency=medium

  * Version $2; changelog.gz says what is new.

 -- oci-hostaliases maintainers <maintainers@oci-hostaliases.invalid>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT
gzip -9n "$doc/changelog" "$doc/changelog.Debian" "$root"/usr/share/man/man*/*
install -D -m 0644 packaging/deb/lintian-overrides "$root/usr/share/lintian/overrides/$package"

mkdir "$root/DEBIAN"
packaging/deb/scripts.sh "$root/DEBIAN"
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
# As dpkg-gencontrol counts: whole KiB for each file, one for everything else.
size=$(cd "$root" && find . -mindepth 1 -path ./DEBIAN -prune -o -mindepth 1 -printf '%y %s\n' |
    awk '$1 == "f" { kib += int(($2 + 1023) / 1024); next } { kib++ } END { print kib }')
# glibc is Debian's and has to be named; musl came with rustc.
case $(grep 'the C library' "$kit/doc/copyright") in
*musl*) c_library='/^Built-Using:/d' ;;
*) c_library="s/@LIBC@/$(dpkg-query -W -f '${source:Package} (= ${source:Version})' libc6-dev)/" ;;
esac
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
    -e "$c_library" \
    packaging/deb/control.in >"$root/DEBIAN/control"

find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/${package}_${version}_$architecture.deb"
