#!/bin/sh
# systemd_inside.sh: the units through an upgrade, a removal and a purge, on a live systemd.
set -eu
cd /run/test
fail() {
    echo "$*" >&2
    systemctl list-units --all --plain --no-legend 'oci-hostaliases-*' >&2
    find /etc/systemd/system -name 'oci-hostaliases-*' >&2
    exit 1
}
apt() { apt-get -y -qq --allow-downgrades "$@" >apt.log 2>&1 || fail "apt-get $*: $(cat apt.log)"; }
agent=oci-hostaliases-agent.service
# Units of the package in systemd's memory, but those that do not run and did not fail.
running() { systemctl list-units --plain --no-legend 'oci-hostaliases-*' | awk '{ print $1 }' | LC_ALL=C sort; }
links() { find /etc/systemd/system -name 'oci-hostaliases-*' | LC_ALL=C sort; }
nothing_is_left() {
    [ -z "$(running)" ] || fail "$1: units run or have failed"
    [ -z "$(links)" ] || fail "$1: links are left"
}

# A former package: the units that watched hosts.d before there was an agent. One of them has failed.
units=former/usr/lib/systemd/system
mkdir -p former/DEBIAN $units
printf 'Package: oci-hostaliases\nVersion: 0.0.8-1\nArchitecture: all\nMaintainer: nobody\nDescription: former units\n' >former/DEBIAN/control
printf '[Path]\nPathChanged=/etc/oci-hostaliases/hosts.d\nUnit=oci-hostaliases-refresh.service\n[Install]\nWantedBy=paths.target\n' \
    >$units/oci-hostaliases-refresh.path
sed 's|hosts.d|&/%i|' $units/oci-hostaliases-refresh.path >$units/oci-hostaliases-refresh@.path
printf '[Service]\nType=oneshot\nExecStart=false\n' >$units/oci-hostaliases-refresh.service
dpkg-deb --root-owner-group --build former former-units.deb >/dev/null
apt install /run/test/former-units.deb
systemctl daemon-reload
systemctl enable --quiet --now oci-hostaliases-refresh.path oci-hostaliases-refresh@shop.path
systemctl start oci-hostaliases-refresh.service 2>/dev/null || :
[ "$(running)" = 'oci-hostaliases-refresh.path
oci-hostaliases-refresh.service
oci-hostaliases-refresh@shop.path' ] || fail "a former version's units do not run"

apt install /run/test/package.deb
nothing_is_left "upgraded"
grep -qF 'oci-hostaliases-refresh.path is removed: run systemctl enable --now oci-hostaliases-agent instead' apt.log ||
    fail "no word of the units that are removed: $(cat apt.log)"

# The next upgrade starts the new agent.
systemctl enable --quiet --now $agent
[ "$(running)" = $agent ] || fail "the agent does not run"
before=$(systemctl show --value --property MainPID $agent)
apt install --reinstall /run/test/package.deb
[ "$(systemctl is-active $agent)" = active ] || fail "an upgrade stops the agent"
[ "$(systemctl show --value --property MainPID $agent)" != "$before" ] || fail "the former agent runs"

# Removed, it does not run; installed again, it is enabled, as the administrator had it; purged, nothing is left.
apt remove oci-hostaliases
[ -z "$(running)" ] || fail "removed: units run"
apt install /run/test/package.deb
systemctl is-enabled --quiet $agent || fail "installed again: the agent is not enabled"
systemctl start $agent
apt purge oci-hostaliases
nothing_is_left "purged"

# The same when the agent has failed.
apt install /run/test/package.deb
systemctl enable --quiet $agent
echo 'no-such-key = [' >/etc/oci-hostaliases/config.toml
! systemctl start $agent 2>/dev/null || fail "the agent starts with a wrong config.toml"
apt purge oci-hostaliases
nothing_is_left "purged after a failure"
echo "units: upgraded, removed and purged with systemd $(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p')"
