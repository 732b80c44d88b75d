#!/bin/sh
# source_inside.sh: from the source packages to installed ones, in a Debian system that is thrown away. There is no
# network: what cargo compiles is in the source packages.
set -eu
umount -l /run/test/machine
mkdir /build
cd /build
step() { printf '\n== %s\n' "$*"; }
quietly() { "$@" >/build/log 2>&1 || { tail -n 40 /build/log >&2; exit 1; }; }

step "dpkg-buildpackage, $(rustc --version)"
quietly dpkg-source --extract /run/test/*.dsc tree
cp /run/test/*.orig.tar.gz .
cd tree
quietly dpkg-buildpackage --build=full --no-sign
cd ..
ls ./*.deb ./*.dsc ./*.changes
# Nothing in the source package is made while it is built. The archives differ, because another dpkg compressed them.
quietly dpkg-source --extract /run/test/*.dsc before
quietly dpkg-source --extract ./*.dsc after
diff -r --no-dereference before after

step "lintian"
# In a static program some instructions always look like a misspelt word.
lintian --allow-root --tag-display-limit 0 --suppress-tags spelling-error-in-binary --fail-on error,warning ./*.changes

step "autopkgtest"
apt-get install -y -qq ./*.deb >/build/log 2>&1 || { cat /build/log >&2; exit 1; }
[ ! -e /etc/systemd/system/multi-user.target.wants/oci-hostaliases-agent.service ]
# runc makes a cgroup, without asking for limits.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /run/test/autopkgtest
quietly autopkgtest --ignore-restrictions=isolation-machine --output-dir=/run/test/autopkgtest/out \
    ./*.changes -- null
cat /run/test/autopkgtest/out/summary
grep -q '^demo  *PASS' /run/test/autopkgtest/out/summary
quietly apt-get purge -y -qq oci-hostaliases

step "rpmbuild --rebuild"
# The database of rpm does not know what Debian has installed.
quietly rpmbuild --rebuild --nodeps --define "_topdir /build/rpm" /run/test/*.src.rpm
rpm --query --package rpm/RPMS/*/*.rpm
rpm --query --package --provides rpm/RPMS/*/*.rpm | grep '^bundled(crate(serde_json)) = 1\.'
rpmlint --strict --config /run/test/rpmlint.toml rpm/RPMS/*/*.rpm /run/test/*.src.rpm
