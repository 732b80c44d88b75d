#!/bin/sh
# dist.sh NAME OUT: makes OUT/NAME.tar.gz from the files in git and the vendored crates.
set -eu
umask 022
name=$1 out=$2
if [ -d vendor ]; then
    echo "dist.sh: this is a source tarball's tree already" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

git ls-files -z | tar --create --null --files-from=- | tar --extract --directory="$work"
cp -R target/vendor "$work/vendor"
# Objects and libraries for Windows and WebAssembly: distributions take no sources with binaries in them.
binaries='\.(a|dll|lib|o|obj|wasm)$'
find "$work/vendor" -type f -regextype posix-extended -regex ".*$binaries" -printf '%P\n' -delete |
    cut -d / -f 1 | sort -u | while read -r crate; do
    sums=$work/vendor/$crate/.cargo-checksum.json
    jq -c --arg binaries "$binaries" '.files |= with_entries(select(.key | test($binaries) | not))' "$sums" >"$work/sums"
    mv "$work/sums" "$sums"
done
mkdir -p "$work/.cargo"
cat >"$work/.cargo/config.toml" <<'TOML'
[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor"
TOML
packaging/tarball.sh "$work" "$name" "$out"
