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
mkdir -p "$work/.cargo"
cat >"$work/.cargo/config.toml" <<'TOML'
[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor"
TOML
packaging/tarball.sh "$work" "$name" "$out"
