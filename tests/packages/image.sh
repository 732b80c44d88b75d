#!/bin/sh
# image.sh DIRECTORY ARCHIVE: an image's archive as an engine reads it: from the index by digests to the layer, whose
# programs run with nothing beside them.
set -eu
directory=$1
mkdir -p "$directory/layout" "$directory/root"
tar -xf "$2" -C "$directory/layout"
cd "$directory/layout"
find blobs/sha256 -type f -exec sha256sum {} + | while read -r digest file; do
    [ "$file" = "blobs/sha256/$digest" ] || { echo "$file has the digest $digest" >&2; exit 1; }
done
blob() { jq -r "$2" "$1" | sed 's|^sha256:|blobs/sha256/|'; }
manifest=$(blob index.json '.manifests[0].digest')
config=$(blob "$manifest" .config.digest)
layer=$(blob "$manifest" '.layers[0].digest')
[ "$(zcat "$layer" | sha256sum | cut -d ' ' -f 1)" = "$(jq -r '.rootfs.diff_ids[0] | ltrimstr("sha256:")' "$config")" ]
tar -xzf "$layer" -C ../root
cd ../root
find . -type f | LC_ALL=C sort >../files
diff ../files - <<FILES
./usr/bin/oci-hostaliases
./usr/bin/oci-hostaliases-agent
./usr/libexec/oci/hooks.d/oci-hostaliases-hook
./usr/share/sbom/oci-hostaliases.cdx.json
FILES
jq -e '.bomFormat == "CycloneDX" and (.components | length > 20)
    and (.components | group_by(.purl) | all(length == 1))
    and (.components | map(.name) | contains(["kube-client", "rustix", "serde_json"]))' \
    usr/share/sbom/oci-hostaliases.cdx.json >/dev/null
[ -z "$(find . ! -user 0 -o ! -group 0)" ]
entrypoint=$(jq -r ".config.Entrypoint[0]" "../layout/$config")
for program in "$entrypoint" /usr/bin/oci-hostaliases /usr/libexec/oci/hooks.d/oci-hostaliases-hook; do
    chroot . "$program" --version
done
mkdir host
chroot . "$entrypoint" --copy-hook-to /host/bin
cmp usr/libexec/oci/hooks.d/oci-hostaliases-hook host/bin/oci-hostaliases-hook
