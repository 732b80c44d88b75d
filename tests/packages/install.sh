#!/bin/sh
# install.sh ROOT: make install below ROOT, and make uninstall, which must leave what was there.
set -eu
root=$1
list() { (cd "$root" && find . -printf '%y %m %p\n' | LC_ALL=C sort); }
quietly() { make --no-print-directory VENDORED=1 "$@" DESTDIR="$root" >/dev/null; }

# What every system has.
for directory in etc usr/bin usr/libexec usr/lib/systemd/system usr/share/man/man1 usr/share/man/man5 \
    usr/share/man/man8 usr/share/doc usr/share/bash-completion/completions usr/share/zsh/site-functions \
    usr/share/fish/vendor_completions.d; do
    mkdir -p "$root/$directory"
done
before=$(list)

umask 077
quietly install PREFIX=/usr
umask 022
[ -x "$root/usr/bin/oci-hostaliases" ]
# As kubectl finds it.
PATH=$root/usr/bin:$PATH kubectl-hostaliases --help | grep -qF 'Usage: kubectl hostaliases <COMMAND>'
[ "$(PATH=$root/usr/bin:$PATH kubectl_complete-hostaliases unr)" = 'unregister
:4' ]
[ "$(stat -c %a "$root/etc/oci-hostaliases/hosts.d")" = 755 ]
# With the prefix /usr all files are as they are in the tree.
cmp hooks/oci-hostaliases.json "$root/usr/share/containers/oci/hooks.d/oci-hostaliases.json"
cmp packaging/systemd/oci-hostaliases-agent.service "$root/usr/lib/systemd/system/oci-hostaliases-agent.service"
installed=$(list)

quietly install PREFIX=/usr
[ "$(list)" = "$installed" ] || { echo "a second install made a difference" >&2; exit 1; }
quietly uninstall PREFIX=/usr
[ "$(list)" = "$before" ] || {
    echo "uninstall left, or took away:" >&2
    list >"$root.after"
    echo "$before" | diff - "$root.after" >&2
    exit 1
}

# Elsewhere the paths are put right, and what an administrator wrote stays.
quietly install PREFIX='/opt/a & b|c'
grep -qF '"path": "/opt/a & b|c/libexec/oci/hooks.d/oci-hostaliases-hook"' \
    "$root/opt/a & b|c/share/containers/oci/hooks.d/oci-hostaliases.json"
grep -qF 'ExecStart=/opt/a & b|c/bin/oci-hostaliases-agent --hook /opt/a & b|c/libexec/oci/hooks.d/oci-hostaliases-hook' \
    "$root/opt/a & b|c/lib/systemd/system/oci-hostaliases-agent.service"
echo '10.0.0.1 registry.corp' >"$root/etc/oci-hostaliases/hosts.d/corp.hosts"
quietly uninstall PREFIX='/opt/a & b|c'
[ -z "$(find "$root/opt" ! -type d)" ]
[ -f "$root/etc/oci-hostaliases/hosts.d/corp.hosts" ]
echo "installed, twice, and removed"
