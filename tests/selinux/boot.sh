#!/bin/sh
# boot.sh: the machine's first process, in its initrd: mounts the disk and goes on there.
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
while read -r module; do busybox insmod "/modules/$module"; done </modules/order
until [ -b /dev/vda ]; do busybox sleep 0.1; done
busybox mount -t ext4 -o noatime /dev/vda /new || busybox poweroff -f
busybox umount /proc
busybox mount --move /dev /new/dev
exec busybox switch_root /new /sbin/init
