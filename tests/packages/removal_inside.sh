#!/bin/sh
# removal_inside.sh: the package goes, comes back and changes while a containerd that knows the hook runs,
# in a Debian system that is thrown away. `cri` is the test binary of tests/containerd_cri.
set -eu
umount -l /run/test/machine
cd /run/test
hook=/usr/libexec/oci/hooks.d/oci-hostaliases-hook
spec=/etc/oci-hostaliases/containerd-base-spec.json
packages_file=/usr/share/containers/oci/hooks.d/oci-hostaliases.json

fail() {
    echo "$*" >&2
    [ ! -e said ] || sed 's/^/apt: /' said >&2
    exit 1
}
apt() { apt-get -y -qq --allow-downgrades "$@" >said 2>&1 || fail "apt-get $*"; }
install_package() { apt install "/run/test/$1"; }
said() { grep -qF "oci-hostaliases: $1" said || fail "the package did not say: $1"; }

# shellcheck source=tests/packages/containerd.sh
. ./containerd.sh
cp /etc/containerd/config.toml unregistered.toml
daemon=
restart() {
    if [ -n "$daemon" ]; then
        kill "$daemon"
        wait "$daemon" || :
    fi
    rm -f $REMOVAL_HOME/containerd.sock
    containerd >containerd.log 2>&1 &
    daemon=$!
    for _ in $(seq 300); do
        [ ! -S $REMOVAL_HOME/containerd.sock ] || ! ctr --address $REMOVAL_HOME/containerd.sock version >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    tail -n 20 containerd.log >&2
    fail "containerd does not start"
}
# Starts a container that asks for entries; it has to start.
start() {
    rm -f $REMOVAL_HOME/hosts
    ./cri --exact removal::one_container --ignored --nocapture >cri.log 2>&1 || {
        cat cri.log >&2
        fail "$1: the container does not start"
    }
}
has_entries() { start "$1"; grep -q '^10.1.2.3	foo.remote	bar.remote$' $REMOVAL_HOME/hosts || fail "$1: no entries"; }
has_none() { start "$1"; ! grep -q foo.remote $REMOVAL_HOME/hosts || fail "$1: entries"; }

# A former version's package and registration: no scripts, and the spec names the hook itself.
install_package former.deb
oci-hostaliases register containerd >/dev/null 2>&1
sed -i -e "s|\"path\": \"/bin/sh\"|\"path\": \"$hook\"|" -e '/"sh",$/d' -e '/"-c",$/d' -e '/": oci-hostaliases-hook;/d' \
    -e "s|^\( *\)\"$hook\",|\1\"oci-hostaliases-hook\",|" $spec
grep -qF "\"path\": \"$hook\"" $spec
restart
has_entries "a former version"
install_package package.deb
said "$spec names the hook as a former version did: run oci-hostaliases register containerd once more"
has_entries "upgraded"
apt purge oci-hostaliases
said "containerd is still registered: /etc/containerd/config.toml"
said "$hook stays as a script that does nothing"
has_none "a former version's registration, purged"
restart
has_none "a former version's registration, purged and restarted"
install_package package.deb
has_entries "a former version's registration, installed again"
# Of the old registration nothing is left on the disk, but containerd has it in memory.
oci-hostaliases register containerd >/dev/null 2>&1
apt purge oci-hostaliases
has_none "registered again without a restart, purged"
install_package package.deb
restart
has_entries "registered again"

# This version's registration.
install_package former.deb
has_entries "downgraded"
install_package package.deb
has_entries "upgraded again"
apt purge oci-hostaliases
said "containerd is still registered: /etc/containerd/config.toml"
rm $hook
has_none "purged"
restart
has_none "purged and restarted"
install_package package.deb
has_entries "installed again"

(for _ in 1 2 3; do
    apt purge oci-hostaliases
    install_package package.deb
done) &
meanwhile=$!
count=0
while kill -0 $meanwhile 2>/dev/null; do
    start "while the package goes and comes back"
    count=$((count + 1))
done
wait $meanwhile
[ $count -gt 3 ] || fail "only $count containers started meanwhile"

oci-hostaliases unregister containerd >/dev/null 2>&1
cmp /etc/containerd/config.toml unregistered.toml
apt purge oci-hostaliases
! grep -q '^oci-hostaliases: ' said || fail "the package has something to say, but nothing is registered"
[ ! -e $hook ] && [ ! -e /var/lib/oci-hostaliases ]
has_none "unregistered without a restart, purged"
restart
has_none "unregistered, purged and restarted"

# install.sh in a place of its own, and the directory simply deleted.
oci_hostaliases=/opt/oci-hostaliases
export PREFIX=$oci_hostaliases
tarball/install.sh
$oci_hostaliases/bin/oci-hostaliases register containerd --hook $oci_hostaliases/libexec/oci/hooks.d/oci-hostaliases-hook >/dev/null 2>&1
restart
has_entries "install.sh"
tarball/install.sh uninstall 2>said
said "containerd is still registered: /etc/containerd/config.toml"
[ -z "$(find $oci_hostaliases -type f)" ]
has_none "install.sh uninstall"
tarball/install.sh
has_entries "install.sh again"
rm -rf $oci_hostaliases
has_none "deleted"
cp unregistered.toml /etc/containerd/config.toml
rm -r /etc/oci-hostaliases
unset PREFIX
kill "$daemon"

# A former version's `register --all` is carried over to where no upgrade undoes it.
install_package former.deb
sed -i '/"annotations": {/,/}/c\    "always": true' $packages_file
install_package package.deb
grep -qF '"always": true' /etc/containers/oci/hooks.d/oci-hostaliases.json
grep -qF '"/etc/containers/oci/hooks.d"' /etc/containers/containers.conf.d/99-oci-hostaliases.conf
dpkg --verify oci-hostaliases
apt purge oci-hostaliases
said "/etc/containers/oci/hooks.d/oci-hostaliases.json stays and does nothing"
[ ! -e $hook ]
install_package package.deb
oci-hostaliases unregister podman >/dev/null 2>&1
[ ! -e /etc/containers/oci/hooks.d/oci-hostaliases.json ] && [ ! -e /etc/containers/containers.conf.d/99-oci-hostaliases.conf ]

# CRI-O watches the directory itself, which a new one of the same name does not replace.
mkdir /etc/crio
watched=$(stat -c %i "${packages_file%/*}")
apt purge oci-hostaliases
install_package package.deb
[ "$(stat -c %i "${packages_file%/*}")" = "$watched" ] || fail "CRI-O's hooks.d is another directory"
[ "$(ls -A "${packages_file%/*}")" = oci-hostaliases.json ]
echo "removed, upgraded, downgraded and installed again while $(containerd --version | cut -d' ' -f3) ran: $count containers started meanwhile"
