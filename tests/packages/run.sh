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
git ls-files -z '*.sh' packaging/kubectl_complete-hostaliases | xargs -0 shellcheck

step "packages"
rm -f "$packages"/*.deb "$packages"/*.rpm "$packages"/*.tar.gz
make --no-print-directory deb rpm tarball dist
mkdir "$work/former"
packaging/deb/build.sh "$packages/kit" 0.0.9 "$work/former"
packaging/rpm/build.sh 0.0.9 "$work/former"

step "make install and make uninstall"
"$here/install.sh" "$work/a root"

step "lintian and rpmlint"
# In a static program some instructions always look like a misspelt word. Lintian leaves a temporary file.
TMPDIR=$work lintian --allow-root --tag-display-limit 0 --display-info --pedantic --suppress-tags spelling-error-in-binary \
    --fail-on error,warning,info,pedantic "$packages"/*.deb
rpmlint --strict --config "$here/rpmlint.toml" "$packages"/*.rpm

step "rpm"
"$here/rpm.sh" "$work/rpm" "$work/former"/*.rpm "$packages"/*.rpm

for suite in bookworm trixie; do
    step "Debian $suite"
    base=target/test-packages/$suite
    "$here/base.sh" "$suite" "$base"
    mkdir "$work/$suite"
    # Mounts, processes and daemons go with their namespaces, whatever happens.
    unshare --mount --propagation private --pid --fork --kill-child --ipc --uts --net \
        "$here/debian.sh" "$base/root" "$work/$suite" "$work/former"/*.deb "$packages"/*.deb
done

step "the same bytes from another place, at another time"
"$here/reproducible.sh" "$packages" "$work/elsewhere"

step "all well"
