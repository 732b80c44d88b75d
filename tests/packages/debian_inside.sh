#!/bin/sh
# debian_inside.sh: install, upgrade, use and remove, in a Debian system that is thrown away.
set -eu
umount -l /run/test/machine
cd /run/test
name=oci-hostaliases
hosts_d=/etc/$name/hosts.d

# All but what package managers keep for themselves.
list() {
    find / -xdev \( -path /run -o -path /tmp -o -path /var/log -o -path /var/cache -o -path /var/lib/apt \
        -o -path /var/lib/dpkg \) -prune -o -type f -printf '%y %m %u %s %T@ %p\n' -o -printf '%y %m %u %p %l\n' |
        LC_ALL=C sort
}
install_package() { apt-get install -y -qq --allow-downgrades "/run/test/$1" >apt.log 2>&1 || { cat apt.log >&2; exit 1; }; }

# Prints the /etc/hosts of a container. Podman finds the hook by its default directory for hooks.
mkdir -p rootfs/bin rootfs/etc rootfs/proc rootfs/dev rootfs/sys
cp /bin/busybox rootfs/bin/cat
# For machines where root may not raise limits.
printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nevents_logger = "none"\n' >containers.conf
hosts_of_container() {
    CONTAINERS_CONF=/run/test/containers.conf PODMAN_IGNORE_CGROUPSV1_WARNING=1 timeout 60 \
        podman --root /run/test/storage --runroot /run/test/runroot --tmpdir /run/test/libpod --storage-driver vfs \
        --cgroup-manager cgroupfs --runtime crun run --rm --cgroups disabled --network none --no-hosts \
        --log-driver none --security-opt seccomp=unconfined --hostname hostaliases-pod "$@" --rootfs /run/test/rootfs /bin/cat /etc/hosts
}
: >rootfs/etc/hosts
hosts_of_container >/dev/null # whatever Podman makes at its first start is there now
before=$(list)

install_package former.deb
[ "$(dpkg-query -W -f '${Version}' $name)" = 0.0.9-1 ]
echo 'read-only = true' >/etc/$name/config.toml
echo '10.0.0.1 registry.corp' >$hosts_d/corp.hosts
# Path units of a former version, enabled as systemctl does it.
mkdir -p /etc/systemd/system/paths.target.wants
for unit in oci-hostaliases-refresh.path oci-hostaliases-refresh@shop.path; do
    ln -s "/lib/systemd/system/$unit" "/etc/systemd/system/paths.target.wants/$unit"
done
install_package package.deb
rmdir -p /etc/systemd/system/paths.target.wants 2>/dev/null || :
[ "$(dpkg-query -W -f '${Version}' $name)" != 0.0.9-1 ]
[ "$(cat /etc/$name/config.toml)" = 'read-only = true' ]
dpkg --verify $name
[ -z "$(find /etc/systemd -name '*hostaliases*')" ]

cat >expected <<HOSTS
# Kubernetes-managed hosts file.
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::0	ip6-localnet
fe00::0	ip6-mcastprefix
fe00::1	ip6-allnodes
fe00::2	ip6-allrouters
10.200.0.5	hostaliases-pod

# Entries added by HostAliases.
10.1.2.3	foo.remote	bar.remote

# Entries added by oci-hostaliases from $hosts_d/corp.hosts.
10.0.0.1	registry.corp
HOSTS
hosts_of_container --annotation oci-hostaliases.io/host-aliases='10.1.2.3 foo.remote bar.remote' \
    --annotation oci-hostaliases.io/pod-ips=10.200.0.5 >found
diff expected found
# One that asks for nothing is not touched, and one that asks for nonsense does not start.
[ -z "$(hosts_of_container)" ]
! hosts_of_container --annotation oci-hostaliases.io/host-aliases='nonsense' >found 2>&1 || {
    echo "a container with a bad annotation has started" >&2
    exit 1
}
[ ! -s rootfs/etc/hosts ]
oci-hostaliases list | grep -q '^PID'

# What an administrator wrote outlives the package.
apt-get purge -y -qq $name >/dev/null 2>&1
[ -f /etc/$name/config.toml ] && [ -f $hosts_d/corp.hosts ]
rm -r "/etc/${name:?}"
install_package package.deb
apt-get purge -y -qq $name >/dev/null 2>&1
list >after
echo "$before" | diff - after || { echo "the package left something behind, or took something away" >&2; exit 1; }
echo "installed, upgraded, used with Podman $(podman --version | sed 's/.* //') and removed"
