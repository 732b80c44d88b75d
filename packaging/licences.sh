#!/bin/sh
# licences.sh TRIPLE: prints what is linked into the three programs for TRIPLE, and under which licence,
# with the required texts. A Debian package installs the output as `copyright`.
set -eu
triple=$1
sources="vendor target/vendor"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    case $registry in
    *[[:space:]]*) ;;
    *) sources="$sources $registry" ;;
    esac
done

# Prints lines `name-version licence`. Procedural macros run only in the compiler.
crates=$(cargo tree --locked --edges normal,no-proc-macro --target "$triple" --prefix none --format '{p}|{l}' |
    sed -e '/ (\//d' -e 's/ (\*)$//' -e 's/^\([^ ]*\) v\([^|]*\)|/\1-\2 /' | LC_ALL=C sort -u)

cat <<TEXT
oci-hostaliases
Copyright: the oci-hostaliases contributors
License: Apache-2.0

Licensed under the Apache License, Version 2.0; you may not use this software except in compliance with
the License. Its text is the file LICENSE of the sources; on Debian systems it is
/usr/share/common-licenses/Apache-2.0.

The programs are linked statically. What is linked in, besides our own code:

TEXT
case $triple in
*-musl)
    cat <<TEXT
* musl, the C library, MIT; its text follows.
* LLVM's unwinder (libunwind), Apache-2.0 with the LLVM exception.
TEXT
    ;;
*)
    cat <<TEXT
* The GNU C Library, GNU Lesser General Public License 2.1 or later; on Debian systems
  /usr/share/common-licenses/LGPL-2.1. The sources of this program and their Makefile, with which it can
  be linked anew with another version of the library, come with every release
  (oci-hostaliases-VERSION.tar.gz).
* GCC's unwinder (libgcc_eh), GNU General Public License 3 or later with the GCC Runtime Library Exception.
TEXT
    ;;
esac
cat <<TEXT
* Rust's standard library, Copyright The Rust Project Developers, MIT or Apache-2.0.
* These crates. One that can be had under Apache-2.0 is used under it; the texts for the others follow.

TEXT
echo "$crates" | sed 's/^\([^ ]*\) /    \1: /'

case $triple in
*-musl)
    cat <<TEXT

------------------------------------------------------------------------
musl: COPYRIGHT

Copyright (c) 2005-2020 Rich Felker, et al.

Permission is hereby granted, free of charge, to any person obtaining
a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including
without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to
permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be
included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND,
EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.
IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT,
TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
TEXT
    ;;
esac

# Prints the directory of a crate's source.
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
    # All of these licences apply.
    *' AND '*) pattern='LICEN[CS]E*' ;;
    *Apache-2.0*) pattern='NOTICE*' ;;
    # If the crate offers a choice: the licence that requires nothing of the rest of the program.
    *MPL-2.0*) pattern='LICENSE.MPL-2.0' ;;
    *) pattern='LICEN[CS]E*' ;;
    esac
    directory=$(source_of "$crate")
    set -- "$directory"/LICEN[CS]E*
    [ "$pattern" != 'LICEN[CS]E*' ] || [ -f "$1" ] || pattern='COPYING*'
    found=
    for file in "$directory"/$pattern; do
        [ -f "$file" ] || continue
        found=yes
        printf '\n------------------------------------------------------------------------\n%s: %s\n\n' "$crate" "${file##*/}"
        # The text of Apache-2.0 is on every Debian system (see above).
        tr -d '\r' <"$file" | sed '/^ *Apache License$/,/END OF TERMS AND CONDITIONS/c\
(here the text of Apache-2.0)'
    done
    if [ -z "$found" ] && [ "$pattern" != 'NOTICE*' ]; then
        echo "licences.sh: $crate ($licence) has no file $pattern" >&2
        exit 1
    fi
done
