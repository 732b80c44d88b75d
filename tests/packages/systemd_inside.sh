#!/bin/sh
# systemd_inside.sh: the units through an upgrade, a removal and a purge, on a live systemd.
set -eu
cd /run/test
apt() { apt-get -y -qq --allow-downgrades "$@" >apt.log 2>&1 || { cat apt.log >&2; exit 1; }; }
# Units of the package in systemd's memory, but those that do not run and did not fail.
running() { systemctl list-units --plain --no-legend 'oci-hostaliases-*' | awk '{ print $1 }'; }
links() { find /etc/systemd/system -name 'oci-hostaliases-*' | LC_ALL=C sort; }

# The former package has a unit more, which this version does not have.
apt install /run/test/former.deb
units=$(cd /usr/lib/systemd/system && grep -l '^\[Install\]' oci-hostaliases-*[!@].*)
echo "$units" | grep -q '^oci-hostaliases-former.path$'
systemctl daemon-reload
# shellcheck disable=SC2086 # a list
systemctl enable --quiet --now $units
[ "$(running | wc -l)" = "$(echo "$units" | wc -l)" ]

apt install /run/test/package.deb
[ "$(running)" = "$(echo "$units" | grep -v former)" ]
[ "$(links | grep -c former || :)" = 0 ]
[ "$(links | wc -l)" = "$(running | wc -l)" ]

# Removed, they do not run; installed again, they are enabled, as the administrator had it; purged, nothing is left.
apt remove oci-hostaliases
[ -z "$(running)" ]
apt install /run/test/package.deb
for unit in $(echo "$units" | grep -v former); do systemctl is-enabled --quiet "$unit"; done
# shellcheck disable=SC2046 # a list
systemctl start $(echo "$units" | grep -v former)
apt purge oci-hostaliases
[ -z "$(running)" ] && [ -z "$(links)" ]
[ -z "$(systemctl list-units --failed --plain --no-legend 'oci-hostaliases-*')" ]
echo "units: upgraded, removed and purged with systemd $(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p')"
