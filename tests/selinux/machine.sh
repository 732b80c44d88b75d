#!/bin/sh
# machine.sh DIRECTORY: makes a Debian system that enforces SELinux with Debian's own policy, as a disk (DIRECTORY/disk) and
# what boots it (vmlinuz, initrd.gz). It is kept between runs, since it takes minutes.
set -eu
directory=$1
here=tests/selinux
suite=trixie
packages="busybox-static conmon containerd containernetworking-plugins crun jq kmod podman policycoreutils runc selinux-policy-default selinux-utils systemd-sysv"
made_of=$(cat $here/machine.sh $here/boot.sh $here/run_test.sh | cksum)
[ "$(cat "$directory/complete" 2>/dev/null)" != "$made_of" ] || exit 0
rm -rf "$directory"
mkdir -p "$directory"

# The packages' tests have most of it.
base=target/test-packages/$suite
tests/packages/base.sh "$suite" "$base"
root=$directory/root
cp -a "$base/root" "$root"
inside() {
    # shellcheck disable=SC2016
    unshare --mount --propagation private sh -c 'mount -t proc proc "$1/proc"; cd "$1"; shift; exec chroot . env DEBIAN_FRONTEND=noninteractive "$@"' \
        - "$root" "$@"
}
# The kernel without its scripts, which make an initrd that is not used.
cat >"$root/tmp/install" <<INSTALL
set -e
apt-get update -qq
apt-get install -y -qq --no-install-recommends $packages
cd /tmp
apt-get download "\$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)"
dpkg-deb -x linux-image-*.deb /tmp/kernel
mkdir -p /lib/modules
mv /tmp/kernel/usr/lib/modules/* /lib/modules/
mv /tmp/kernel/boot/vmlinuz-* /vmlinuz
depmod "\$(ls /lib/modules)"
INSTALL
inside sh /tmp/install >"$directory/log" 2>&1 || {
    tail -n 20 "$directory/log" >&2
    exit 1
}
rm -rf "$root/tmp"/* "$root/var/lib/apt/lists"/* "$root/var/cache/apt"/* "$root/usr/share/doc" "$root/usr/share/locale"
version=$(ls "$root/lib/modules")
mv "$root/vmlinuz" "$directory/vmlinuz"

install -m 0755 $here/run_test.sh "$root/usr/local/sbin/run-test"
cat >"$root/etc/systemd/system/test.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/run-test
[Install]
WantedBy=multi-user.target
UNIT
inside systemctl --quiet enable test.service
inside systemctl --quiet mask containerd.service podman.service podman.socket podman-restart.service \
    podman-auto-update.service podman-auto-update.timer apt-daily.timer apt-daily-upgrade.timer getty@tty1.service serial-getty@ttyS0.service
sed -i 's/^SELINUX=.*/SELINUX=enforcing/' "$root/etc/selinux/config"
printf '127.0.0.1\tlocalhost\n192.0.2.77\tof-the-node\n' >"$root/etc/hosts"
echo node >"$root/etc/hostname"
: >"$root/etc/machine-id"
inside setfiles -F -e /proc -e /sys -e /dev /etc/selinux/default/contexts/files/file_contexts / >>"$directory/log" 2>&1

# What mounts the disk.
initrd=$directory/initrd
for name in bin modules new proc dev; do mkdir -p "$initrd/$name"; done
cp "$root/bin/busybox" "$initrd/bin"
ln -s busybox "$initrd/bin/sh"
install -m 0755 $here/boot.sh "$initrd/init"
for module in virtio_pci virtio_blk ext4; do
    inside modprobe --show-depends --set-version "$version" "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' | while read -r file; do
    name=$(basename "$file" .xz)
    case $file in
    *.xz) xz -dc "$root$file" ;;
    *) cat "$root$file" ;;
    esac >"$initrd/modules/$name"
    echo "$name" >>"$initrd/modules/order"
done
(cd "$initrd" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$directory/initrd.gz"
truncate -s "$(($(du -sm "$root" | cut -f 1) + 1000))M" "$directory/disk"
mke2fs -q -t ext4 -O ^has_journal -d "$root" "$directory/disk"
rm -r "$root" "$initrd"
echo "$made_of" >"$directory/complete"
