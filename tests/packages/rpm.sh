#!/bin/sh
# rpm.sh ROOT FORMER RPM: installs FORMER into an empty ROOT, upgrades to RPM, verifies, removes.
set -eu
root=$1 former=$2 package=$3
name=oci-hostaliases
# Debian's rpm warns that this is Debian; there is nothing in the database that could be depended on.
in_root() { rpm --root "$root" "$@" 2>"$root.log" || { cat "$root.log" >&2; return 1; }; }
list() { (cd "$root" && find . -path ./var -prune -o -printf '%y %m %p\n' | LC_ALL=C sort); }

mkdir -p "$root/etc" "$root/usr" "$root/bin" "$root/dev"
# For the scriptlets.
cp /bin/busybox "$root/bin"
chroot "$root" /bin/busybox --install -s /bin
: >"$root/dev/null"
in_root --initdb
before=$(list)

in_root --nodeps --install "$former"
[ "$(in_root --query --queryformat '%{VERSION}' $name)" = 0.0.9 ]
echo 'read-only = true' >"$root/etc/$name/config.toml"
echo '10.0.0.1 registry.corp' >"$root/etc/$name/hosts.d/corp.hosts"
in_root --nodeps --upgrade "$package"
[ "$(in_root --query $name | wc -l)" = 1 ]
[ "$(cat "$root/etc/$name/config.toml")" = 'read-only = true' ]

# Every file is as the package has it, and every file is in the one list.
in_root --verify --nodeps $name
in_root --query --list $name | sed 's/\.gz$//' | LC_ALL=C sort >"$root.has"
{
    PREFIX=/usr packaging/install.sh list | sed 's/^[a-z]* //'
    printf '%s\n' /usr/share/licenses/$name /usr/share/licenses/$name/cargo-vendor.txt
} | LC_ALL=C sort >"$root.wants"
diff "$root.wants" "$root.has"
# The agent is enabled by a preset alone, and stopped when the package goes.
in_root --query --scripts $name >"$root.scripts"
sed -n 's/ (using .*//p' "$root.scripts" | LC_ALL=C sort | tr '\n' ' ' >"$root.kinds"
[ "$(cat "$root.kinds")" = 'postinstall scriptlet posttrans scriptlet postuninstall scriptlet preinstall scriptlet preuninstall scriptlet ' ]
grep -qF 'systemctl --no-reload preset oci-hostaliases-agent.service' "$root.scripts"
grep -qF 'systemctl --no-reload disable --now oci-hostaliases-agent.service' "$root.scripts"
grep -qF 'systemctl try-restart oci-hostaliases-agent.service' "$root.scripts"
# A crate of each program, and none that only the tests have.
in_root --query --provides $name >"$root.provides"
for crate in rustix clap kube; do grep -qE "^bundled\(crate\($crate\)\) = [0-9]+\.[0-9]+\.[0-9]+" "$root.provides"; done
! grep -F 'crate(proptest)' "$root.provides" || exit 1
[ "$(in_root --query --requires $name | grep -v -e '^rpmlib(' -e '^config(' | sort -u)" = /bin/sh ]
"$root/usr/bin/oci-hostaliases" --version

# What an administrator wrote stays; without it nothing does but directories that had been made for it.
in_root --nodeps --erase $name
[ -f "$root/etc/$name/config.toml" ]
rm -r "${root:?}/etc/$name"
in_root --nodeps --install "$package"
in_root --nodeps --erase $name
left=$(list | grep -v '^d')
[ "$left" = "$(echo "$before" | grep -v '^d')" ] || { echo "left behind: $left" >&2; exit 1; }
[ ! -e "$root/etc/$name" ]

# Removed while containerd is registered, as this version does it and as former versions did.
hook=/usr/libexec/oci/hooks.d/oci-hostaliases-hook
in_root --nodeps --install "$package"
mkdir -p "$root/etc/containerd"
echo 'base_runtime_spec = "/opt/a spec.json" # added by oci-hostaliases' >"$root/etc/containerd/config.toml"
mkdir "$root/opt"
for program in /bin/sh $hook; do
    echo "\"path\": \"$program\"," >"$root/opt/a spec.json"
    rpm --root "$root" --nodeps --erase $name 2>"$root.said"
    grep -qF 'oci-hostaliases: containerd is still registered: /etc/containerd/config.toml' "$root.said"
    if [ "$program" = /bin/sh ]; then
        [ ! -e "$root$hook" ]
    else
        echo '{"ociVersion": "1.0.2"}' | chroot "$root" $hook prestart
    fi
    in_root --nodeps --install "$package"
    in_root --verify --nodeps $name
done
echo "installed, upgraded, verified and removed"
