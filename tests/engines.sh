#!/bin/sh
# engines.sh SUITE PACKAGE... -- PROGRAM...: unpacks packages of another Debian suite below target/engines/SUITE,
# with all that they depend on, and puts the programs into target/engines/SUITE/bin. The machine's own packages
# stay as they are: the programs run with their own libraries and their own loader. The script fetches only what is
# missing; remove the directory to fetch it again.
#
# engines.sh newer: containerd 2.x with runc and crun; engines.sh 1.7: containerd 1.7 with them. For `make test`.
set -eu
cd "$(dirname "$0")/.."

case ${1-} in
newer | 1.7)
    suite=forky
    [ "$1" = newer ] || suite=trixie
    set -- "$suite" containerd runc crun -- containerd ctr containerd-shim-runc-v2 runc crun
    ;;
esac
suite=$1
shift
# For a clone that other users cannot get at, from which rootless Podman cannot be started.
directory=${OCI_HOSTALIASES_ENGINES:-$PWD/target/engines}/$suite
[ ! -e "$directory/complete" ] || exit 0

packages=
while [ "$1" != -- ]; do
    packages="$packages $1"
    shift
done
shift

echo "Fetching$packages and their libraries from $suite" >&2
rm -rf "${directory:?}"
apt=$directory/apt root=$directory/root bin=$directory/bin
mkdir -p "$root" "$bin" "$apt/etc/apt/apt.conf.d" "$apt/etc/apt/preferences.d" \
    "$apt/var/lib/apt/lists/partial" "$apt/var/cache/apt/archives/partial" "$apt/var/lib/dpkg"
: >"$apt/var/lib/dpkg/status"
# From where the machine has its own packages.
mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' | grep -m1 '/debian/$')
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
    >"$apt/etc/apt/sources.list"
# The list of a suite in development is dated for a week, and a mirror's may be older.
cat >"$apt/apt.conf" <<CONF
Dir "$apt";
Dir::State::status "$apt/var/lib/dpkg/status";
APT::Architecture "$(dpkg --print-architecture)";
APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false";
CONF
export APT_CONFIG="$apt/apt.conf"
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -qq --download-only --no-install-recommends $packages >/dev/null
unset APT_CONFIG
for package in "$apt"/var/cache/apt/archives/*.deb; do
    dpkg -x "$package" "$root"
done
rm -r "$apt"

triplet=$(gcc -print-multiarch)
libraries=$root/usr/lib/$triplet:$root/lib/$triplet
loader=$(find "$root/lib64" "$root/usr/lib64" "$root/lib" "$root/usr/lib" -maxdepth 1 \
    -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)

# Each program is tied to the loader and the libraries that it came with. By RPATH, not RUNPATH, which does not
# hold for the libraries' own libraries.
for name in "$@"; do
    for place in usr/bin usr/sbin usr/lib/podman usr/libexec/podman; do
        [ ! -f "$root/$place/$name" ] || cp -L "$root/$place/$name" "$bin/"
    done
    # A static program has no interpreter.
    if patchelf --print-interpreter "$bin/$name" >/dev/null 2>&1; then
        patchelf --force-rpath --set-interpreter "$loader" --set-rpath "$libraries" "$bin/$name"
    fi
done
: >"$directory/complete"
