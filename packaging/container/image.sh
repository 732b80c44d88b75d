#!/bin/sh
# image.sh BUILT TRIPLE VERSION OUT: packs the static programs in BUILT for TRIPLE into an image that contains nothing else, as an OCI archive:
# OUT/oci-hostaliases-VERSION-ARCH.oci.tar, for `ctr images import`, `podman load` and `skopeo copy oci-archive:`.
# It also writes the list of linked crates (CycloneDX), which the image contains too. The bytes depend only on BUILT,
# VERSION, Cargo.lock and SOURCE_DATE_EPOCH.
set -eu
umask 022
built=$1 triple=$2 version=$3 out=$4
case $triple in
x86_64-*) arch=amd64 ;;
aarch64-*) arch=arm64 ;;
*) echo "image.sh: only for x86_64 and aarch64" >&2; exit 1 ;;
esac
name=oci-hostaliases-$version-$arch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The crates in the programs, without those that only tests or the compiler need.
sbom=$work/sbom.json
cargo tree --locked --edges normal,no-proc-macro --target "$triple" --no-default-features --features kubernetes --prefix none \
    --format '{p}|{l}' |
    sed -e 's/ (\*)$//' -e 's/ (\/[^)]*)//' | LC_ALL=C sort -u |
    jq --raw-input --slurp --sort-keys --arg version "$version" '
        [split("\n")[] | select(. != "") | capture("^(?<name>[^ ]+) v(?<version>[^|]+)[|](?<licence>.*)$")]
        | map(select(.name != "oci-hostaliases"))
        | {
            bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
            metadata: {component: {
                type: "application", name: "oci-hostaliases", version: $version,
                licenses: [{expression: "Apache-2.0"}]
            }},
            components: map({
                type: "library", name, version,
                purl: "pkg:cargo/\(.name)@\(.version)",
                licenses: [{expression: (.licence | gsub("/"; " OR "))}]
            })
        }' >"$sbom"

# The layer.
root=$work/root
mkdir -p "$root/usr/bin" "$root/usr/libexec/oci/hooks.d" "$root/usr/share/sbom" "$root/run" "$root/var" "$root/tmp" \
    "$root/etc/oci-hostaliases/hosts.d"
ln -s ../run "$root/var/run"
install -m 0755 "$built/oci-hostaliases" "$built/oci-hostaliases-agent" "$root/usr/bin"
install -m 0755 "$built/oci-hostaliases-hook" "$root/usr/libexec/oci/hooks.d"
install -m 0644 "$sbom" "$root/usr/share/sbom/oci-hostaliases.cdx.json"
chmod 1777 "$root/tmp"
pack() { # DIRECTORY: writes a tar archive to stdout
    tar --create --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
        --directory="$1" .
}
digest() { sha256sum "$1" | cut -d ' ' -f 1; }
layout=$work/layout
mkdir -p "$layout/blobs/sha256"
blob() { # FILE: moves it to the path of its digest, and prints the members of its descriptor
    printf '"digest": "sha256:%s", "size": %s' "$(digest "$1")" "$(stat -c %s "$1")"
    mv "$1" "$layout/blobs/sha256/$(digest "$1")"
}
pack "$root" >"$work/layer.tar"
diff_id=$(digest "$work/layer.tar")
gzip -9n <"$work/layer.tar" >"$work/layer.tar.gz"
layer=$(blob "$work/layer.tar.gz")

# The image layout: https://github.com/opencontainers/image-spec
cat >"$work/config.json" <<JSON
{
  "created": "$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)",
  "architecture": "$arch",
  "os": "linux",
  "config": {
    "Entrypoint": ["/usr/bin/oci-hostaliases-agent"],
    "Env": ["PATH=/usr/bin"],
    "WorkingDir": "/",
    "Labels": {
      "org.opencontainers.image.title": "oci-hostaliases",
      "org.opencontainers.image.version": "$version",
      "org.opencontainers.image.licenses": "Apache-2.0"
    }
  },
  "rootfs": {"type": "layers", "diff_ids": ["sha256:$diff_id"]}
}
JSON
config=$(blob "$work/config.json")
media=application/vnd.oci.image
cat >"$work/manifest.json" <<JSON
{
  "schemaVersion": 2,
  "mediaType": "$media.manifest.v1+json",
  "config": {"mediaType": "$media.config.v1+json", $config},
  "layers": [{"mediaType": "$media.layer.v1.tar+gzip", $layer}]
}
JSON
manifest=$(blob "$work/manifest.json")
cat >"$layout/index.json" <<JSON
{
  "schemaVersion": 2,
  "mediaType": "$media.index.v1+json",
  "manifests": [{
    "mediaType": "$media.manifest.v1+json", $manifest,
    "platform": {"architecture": "$arch", "os": "linux"},
    "annotations": {
      "io.containerd.image.name": "docker.io/library/oci-hostaliases:$version",
      "org.opencontainers.image.ref.name": "$version"
    }
  }]
}
JSON
printf '{"imageLayoutVersion": "1.0.0"}\n' >"$layout/oci-layout"
mkdir -p "$out"
pack "$layout" >"$out/$name.oci.tar"
install -m 0644 "$sbom" "$out/$name.cdx.json"
echo "$out/$name.oci.tar: oci-hostaliases:$version, $(stat -c %s "$out/$name.oci.tar") bytes"
