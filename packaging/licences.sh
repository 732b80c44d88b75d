#!/bin/sh
# licences.sh: prints what is linked into the two programs and under which licence, with the texts
# that have to go with them. It is what a Debian package has as `copyright`.
set -eu
host=$(rustc -vV | sed -n 's/^host: //p')
sources="vendor target/vendor"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    case $registry in
    *[[:space:]]*) ;;
    *) sources="$sources $registry" ;;
    esac
done

# Lines `name-version licence`. The procedural macros run in the compiler only.
crates=$(cargo tree --locked --edges normal,no-proc-macro --target "$host" --prefix none --format '{p}|{l}' |
    sed -e '/ (\//d' -e 's/ (\*)$//' -e 's/^\([^ ]*\) v\([^|]*\)|/\1-\2 /' | LC_ALL=C sort -u)

cat <<TEXT
oci-hostaliases
Copyright: the oci-hostaliases contributors
License: Apache-2.0

Licensed under the Apache License, Version 2.0; you may not use this software except in compliance with
the License. Its text is the file LICENSE of the sources; on Debian systems it is
/usr/share/common-licenses/Apache-2.0.

Both programs are linked statically. What is linked in, besides our own code:

* The GNU C Library, GNU Lesser General Public License 2.1 or later; on Debian systems
  /usr/share/common-licenses/LGPL-2.1. The sources of this program and their Makefile, with which it can
  be linked anew with another version of the library, come with every release
  (oci-hostaliases-VERSION.tar.gz).
* GCC's unwinder (libgcc_eh), GNU General Public License 3 or later with the GCC Runtime Library Exception.
* Rust's standard library, Copyright The Rust Project Developers, MIT or Apache-2.0.
* These crates. One that can be had under Apache-2.0 is used under it; the texts for the others follow.

TEXT
echo "$crates" | sed 's/^\([^ ]*\) /    \1: /'

# Where a crate's source lies.
source_of() {
    for directory in $sources; do
        if [ -d "$directory/$1" ]; then
            echo "$directory/$1"
            return
        fi
    done
    echo "licences.sh: the source of $1 is in none of: $sources" >&2
    exit 1
}

echo "$crates" | while read -r crate licence; do
    case $licence in
    *Apache-2.0*) pattern='NOTICE*' ;;
    # Of the choice that it gives, the licence that asks for nothing of the rest of the program.
    *MPL-2.0*) pattern='LICENSE.MPL-2.0' ;;
    *) pattern='LICEN[CS]E*' ;;
    esac
    directory=$(source_of "$crate")
    found=
    for file in "$directory"/$pattern; do
        [ -f "$file" ] || continue
        found=yes
        printf '\n------------------------------------------------------------------------\n%s: %s\n\n' "$crate" "${file##*/}"
        tr -d '\r' <"$file"
    done
    if [ -z "$found" ] && [ "$pattern" != 'NOTICE*' ]; then
        echo "licences.sh: $crate ($licence) has no file $pattern" >&2
        exit 1
    fi
done
