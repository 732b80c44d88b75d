#!/bin/sh
# run.sh: builds the packages and tries them: `make test-packages`. Needs root and, the first time,
# the network. target/test-packages keeps what takes long; all else goes with the temporary directory.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=PATH,CARGO_HOME,RUSTUP_HOME "$0"
here=tests/packages
packages=target/packages
# Reused by all that is made below, also after a commit in between.
SOURCE_DATE_EPOCH=$(make --no-print-directory source-date-epoch)
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
step() { printf '\n== %s\n' "$*"; }

step "scripts"
git ls-files -z '*.sh' packaging/kubectl_complete-hostaliases packaging/debian/tests/demo | xargs -0 shellcheck

step "packages"
rm -f "$packages"/*.deb "$packages"/*.rpm "$packages"/*.tar.gz "$packages"/*.oci.tar "$packages"/*.cdx.json
make --no-print-directory deb rpm tarball dist image
sed 's/^Version:.*/Version: 0.0.9/' packaging/rpm/oci-hostaliases.spec >"$work/former.spec"
packaging/rpm/build.sh "$work/former.spec" "$work/former"
# What is inside the Debian systems. The former package has no scripts, as those of former versions.
mkdir "$work/files"
dpkg-deb --raw-extract "$packages"/*.deb "$work/raw"
sed -i 's/^Version:.*/Version: 0.0.9-1/' "$work/raw/DEBIAN/control"
rm "$work/raw/DEBIAN/p"*
dpkg-deb --root-owner-group --build "$work/raw" "$work/files/former.deb" >/dev/null
cp "$packages"/*.deb "$work/files/package.deb"
cp -R "$packages/kit" "$work/files/tarball"
cp "$here/containerd.sh" "$work/files"
cp "$(cargo test --quiet --locked --no-run --message-format json --test containerd_cri |
    sed -n 's/.*"executable":"\([^"]*containerd_cri[^"]*\)".*/\1/p')" "$work/files/cri"

step "make install and make uninstall"
"$here/install.sh" "$work/a root"

step "lintian and rpmlint"
# In a static program some instructions always look like a misspelt word. The tag about init scripts is not overridden in
# the package, since the lintian of Debian 13 does not know it. Lintian leaves a temporary file.
TMPDIR=$work lintian --allow-root --tag-display-limit 0 --display-info --pedantic \
    --suppress-tags spelling-error-in-binary,package-supports-alternative-init-but-no-init.d-script \
    --fail-on error,warning,info,pedantic "$packages"/*.deb
rpmlint --strict --config "$here/rpmlint.toml" "$packages"/*.rpm

step "image"
"$here/image.sh" "$work/image" "$packages"/*.oci.tar

step "rpm"
"$here/rpm.sh" "$work/rpm" "$work/former"/*.rpm "$packages"/*.rpm

for suite in bookworm trixie; do
    step "Debian $suite"
    base=target/test-packages/$suite
    "$here/base.sh" "$suite" "$base" busybox-static containerd containernetworking-plugins crun podman systemd
    for inside in debian removal systemd agent; do
        mkdir "$work/$suite-$inside"
        program=$here/debian.sh group=
        if [ $inside = systemd ] || [ $inside = agent ]; then
            program=$here/systemd.sh
            # It makes cgroups of its own, and a process is in the one above them.
            unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
            group=$unified/test-packages-$$
            mkdir "$group"
        fi
        # Mounts, processes and daemons go with their namespaces, whatever happens.
        # shellcheck disable=SC2016
        sh -c '[ -z "$1" ] || echo $$ >"$1/cgroup.procs"; shift; exec "$@"' - "$group" \
            unshare --mount --propagation private --pid --fork --kill-child --ipc --uts --net ${group:+--cgroup} \
            "$program" "$base/root" "$work/$suite-$inside" "${inside}_inside.sh" "$work/files" && status=0 || status=$?
        if [ -n "$group" ]; then
            cat "$work/$suite-$inside.log"
            find "$group" -depth -type d -exec rmdir {} \;
        fi
        [ "$status" = 0 ] || exit "$status"
    done
done

step "the same bytes from another place, at another time"
"$here/reproducible.sh" "$packages" "$work/elsewhere"

step "all well"
