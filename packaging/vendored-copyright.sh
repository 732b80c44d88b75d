#!/bin/sh
# vendored-copyright.sh DIRECTORY: prints the paragraphs of a debian/copyright about the crates in DIRECTORY, which is
# relative to the tree: the licence in Cargo.toml, with Debian's name for it, and the copyright holders.
set -eu
directory=$1

# Copyright lines of the licence files, without the template of Apache-2.0; if there are none, the authors.
holders() {
    for file in "$1"/LICEN[CS]E* "$1"/COPY* "$1"/NOTICE*; do
        [ ! -f "$file" ] || sed -n 's/^[ /]*[Cc]opyright \(([Cc])\|©\|[12]\|[Tt]he \)/\1/p' "$file"
    done | sed -e 's/^([Cc]) *//' -e 's/^© *//' -e 's/[[:space:]]*$//' -e '/^[0-9, -]*$/d' -e '/yyyy\|holder\|[[<]year/d' | sort -u
}
authors() {
    awk '/^authors = \[/ { on = 1 } on { print } on && /\]$/ { exit }' "$1/Cargo.toml" | grep -o '"[^"]*"' | tr -d '"'
}

for crate in "$directory"/*/; do
    crate=${crate%/}
    name=${crate##*/}
    found=$(holders "$crate")
    [ -n "$found" ] || found=$(authors "$crate" || :)
    [ -n "$found" ] || found="the authors of $name"
    licence=$(sed -n 's/^license = "\(.*\)"/\1/p' "$crate/Cargo.toml" | head -n 1)
    [ -n "$licence" ] || { echo "vendored-copyright.sh: $crate/Cargo.toml names no licence" >&2; exit 1; }
    printf '\nFiles: %s/*\nCopyright:\n' "$crate"
    echo "$found" | sed 's/^/ /'
    echo "License: $licence" | sed -e 's/ OR \| *\/ */ or /g' -e 's/(\(.*\)) AND/\1, and/' -e 's/ AND / and /g' \
        -e 's/ WITH LLVM-exception/ with LLVM-exception exception/' -e 's/\(LGPL-[0-9.]*\)-or-later/\1+/g' \
        -e 's/LGPL-3.0+/LGPL-3+/g'
done
