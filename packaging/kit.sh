#!/bin/sh
# kit.sh BUILT KIT TRIPLE [EMULATOR]: gathers the installed files and the script that installs them in the directory KIT.
# BUILT contains the three programs for TRIPLE; EMULATOR runs them if this machine cannot. `make install`, the packages and
# the tarball are all made from a kit.
set -eu
umask 022
built=$1 kit=$2 triple=$3 emulator=${4-}
rm -rf "$kit"
mkdir -p "$kit/bin" "$kit/hooks" "$kit/man" "$kit/completions" "$kit/systemd" "$kit/doc"

cp packaging/install.sh packaging/removal.sh packaging/files.list "$kit"
cp "$built/oci-hostaliases-hook" "$built/oci-hostaliases" "$built/oci-hostaliases-agent" "$kit/bin"
cp hooks/*.json hooks/*.toml "$kit/hooks"
cp packaging/systemd/* "$kit/systemd"
cp LICENSE CHANGELOG.md docs/distributions.md docs/kubelet-behaviour.md docs/kernel-features.md packaging/config.toml "$kit/doc"
for page in oci-hostaliases.1 oci-hostaliases-hook.8 oci-hostaliases-agent.8 oci-hostaliases.conf.5; do
    go-md2man -in "docs/$page.md" -out "$kit/man/$page"
done
for name in kubectl-hostaliases kubectl_complete-hostaliases; do
    printf '.so man1/oci-hostaliases.1\n.\\" %s\n' "$name" >"$kit/man/$name.1"
done
cp packaging/kubectl_complete-hostaliases "$kit/completions/kubectl"
for shell in bash zsh fish; do
    $emulator "$kit/bin/oci-hostaliases" completions "$shell" >"$kit/completions/$shell"
done
packaging/licences.sh "$triple" >"$kit/doc/copyright"
# The crates that are linked in, in the words of `cargo tree`: `name vVERSION`.
cargo tree --locked --edges normal,no-proc-macro --target "$triple" --prefix none --format '{p}' |
    sed -e '/ (\//d' -e 's/ (\*)$//' | LC_ALL=C sort -u >"$kit/crates.txt"

# cp kept the modes of the clone, which depend on its umask.
find "$kit" -type f -exec chmod 0644 {} +
chmod 0755 "$kit/install.sh" "$kit/bin"/*
