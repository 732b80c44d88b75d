#!/bin/sh
# A hook as people write it: jq, a file beside the bundle, nsenter and mount --bind.
set -eu
state=$(cat)
pid=$(printf '%s' "$state" | jq -r .pid)
bundle=$(printf '%s' "$state" | jq -r .bundle)
rootfs=$(jq -r .root.path "$bundle/config.json")
entries=$(jq -r '.annotations["oci-hostaliases.io/host-aliases"] // "[]" | fromjson | .[] | [.ip] + .hostnames | @tsv' \
    "$bundle/config.json")
[ -n "$entries" ] || exit 0
hosts=$(mktemp "$bundle/hosts.XXXXXX")
{
    printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n'
    printf '\n# Entries added by HostAliases.\n%s\n' "$entries"
} >"$hosts"
chmod 0644 "$hosts"
nsenter -t "$pid" -m mount --bind "$hosts" "$rootfs/etc/hosts"
