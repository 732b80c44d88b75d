#!/bin/sh
# scripts.sh DIRECTORY: writes the package's maintainer scripts into DIRECTORY.
set -eu
directory=$1
# shellcheck disable=SC2016
write() {
    {
        printf '#!/bin/sh\nset -e\nLIBEXECDIR=/usr/libexec DATADIR=/usr/share BINDIR=/usr/bin\n\n'
        cat packaging/removal.sh
        printf '\ncase $1 in\n'
        cat
        printf 'esac\n'
    } >"$directory/$1"
    chmod 0755 "$directory/$1"
}
write preinst <<'CASES'
install | upgrade) before_installation ;;
CASES
write postinst <<'CASES'
configure) after_installation ;;
CASES
write prerm <<'CASES'
remove) before_removal ;;
CASES
write postrm <<'CASES'
remove) after_removal ;;
purge) forget ;;
CASES
