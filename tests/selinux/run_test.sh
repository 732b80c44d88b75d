#!/bin/sh
# run_test.sh: what the machine's unit runs: the test, as an administrator who has logged in, and then the end of the machine.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -o ro /dev/vdb /mnt
# A confined domain may not write to a terminal, hence the pipe.
{
    echo GUEST-STARTS
    runcon unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023 sh /mnt/guest.sh && status=0 || status=$?
    echo "GUEST-STATUS=$status"
} 2>&1 | cat >/dev/ttyS1
systemctl poweroff --force --force
