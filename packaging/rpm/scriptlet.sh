#!/bin/sh
# scriptlet.sh pre|posttrans|preun|postun: prints the body of one of the package's scriptlets. rpm gives them the
# number of versions that will be installed: 0 is a removal.
set -eu
# shellcheck disable=SC2016
case $1 in
pre) call=before_installation ;;
posttrans) call=after_installation ;;
preun) call='[ "$1" != 0 ] || before_removal' ;;
postun) call='[ "$1" != 0 ] || { after_removal; forget; }' ;;
esac
printf 'LIBEXECDIR=%s DATADIR=%s BINDIR=%s\n' "$LIBEXECDIR" "$DATADIR" "$BINDIR"
cat packaging/removal.sh
# A scriptlet that fails would leave the package half installed.
printf '%s || :\n' "$call"
