#!/bin/sh
# install.sh [install|uninstall|list]: installs the kit in the directory of this script, removes
# what it installed, or prints the paths. These environment variables and defaults set the paths:
#
#   DESTDIR     prefix of every path, for packages             empty
#   PREFIX      /usr/local
#   BINDIR      PREFIX/bin         DATADIR  PREFIX/share       MANDIR  DATADIR/man
#   LIBEXECDIR  PREFIX/libexec     DOCDIR   DATADIR/doc/oci-hostaliases
#   UNITDIR     PREFIX/lib/systemd/system                      ZSHDIR  DATADIR/zsh/site-functions
#   SYSCONFDIR  /etc, which the hook reads whatever the prefix is
#
# The script enables and restarts nothing, and makes no new registration.
set -eu
umask 022

PREFIX=${PREFIX:-/usr/local}
BINDIR=${BINDIR:-$PREFIX/bin}
LIBEXECDIR=${LIBEXECDIR:-$PREFIX/libexec}
DATADIR=${DATADIR:-$PREFIX/share}
MANDIR=${MANDIR:-$DATADIR/man}
DOCDIR=${DOCDIR:-$DATADIR/doc/oci-hostaliases}
ZSHDIR=${ZSHDIR:-$DATADIR/zsh/site-functions}
UNITDIR=${UNITDIR:-$PREFIX/lib/systemd/system}
SYSCONFDIR=${SYSCONFDIR:-/etc}
DESTDIR=${DESTDIR:-}

kit=$(cd "$(dirname "$0")" && pwd)

# With DESTDIR no engine of this node is affected.
on_this_node() { [ -n "$DESTDIR" ] || "$1"; }
# shellcheck source=packaging/removal.sh
. "$kit/removal.sh"

# Expands the path in the third column of the list.
expand() {
    rest=${1#@*@}
    case $1 in
    @BINDIR@*) echo "$BINDIR$rest" ;;
    @LIBEXECDIR@*) echo "$LIBEXECDIR$rest" ;;
    @DATADIR@*) echo "$DATADIR$rest" ;;
    @MANDIR@*) echo "$MANDIR$rest" ;;
    @DOCDIR@*) echo "$DOCDIR$rest" ;;
    @ZSHDIR@*) echo "$ZSHDIR$rest" ;;
    @UNITDIR@*) echo "$UNITDIR$rest" ;;
    @SYSCONFDIR@*) echo "$SYSCONFDIR$rest" ;;
    *)
        echo "install.sh: files.list: $1 does not start with a known directory" >&2
        exit 1
        ;;
    esac
}

# Calls `$1 KIND SOURCE PATH` for each line of the list.
each() {
    grep -v -e '^#' -e '^$' "$kit/files.list" | while read -r kind source path; do
        path=$(expand "$path")
        "$1" "$kind" "$source" "$path"
    done
}

# Escapes the special characters in the replacement of sed's s|…|…|.
escaped() {
    printf '%s' "$1" | sed 's/[\\&|]/\\&/g'
}

# Replaces a file by renaming, so that the hook is complete at any time.
install_one() {
    target=$DESTDIR$3
    if [ "$1" = dir ]; then
        # An existing directory may belong to another package: its mode stays.
        [ -d "$target" ] || mkdir -p "$target"
        return
    fi
    mkdir -p "${target%/*}"
    new=$target.new.$$
    if [ "$1" = text ]; then
        sed -e "s|/usr/libexec/oci/hooks.d/oci-hostaliases-hook|$(escaped "$LIBEXECDIR/oci/hooks.d/oci-hostaliases-hook")|" \
            -e "s|/usr/bin/oci-hostaliases|$(escaped "$BINDIR/oci-hostaliases")|" "$kit/$2" >"$new"
        chmod 0644 "$new"
    elif [ "$1" = link ]; then
        ln -s "$2" "$new"
    else
        cp "$kit/$2" "$new"
        chmod "$1" "$new"
    fi
    mv -f "$new" "$target"
}

remove_file() {
    [ "$1" = dir ] || rm -f "$DESTDIR$3"
}

list_one() {
    if [ "$1" = dir ]; then echo "dir $3"; else echo "file $3"; fi
}

restart_agent() { ! systemd_runs || { systemctl daemon-reload && systemctl try-restart oci-hostaliases-agent.service; } || :; }
stop_agent() { ! systemd_runs || systemctl stop 'oci-hostaliases-*' || :; }

case ${1:-install} in
install)
    on_this_node before_installation
    each install_one
    on_this_node restart_agent
    on_this_node after_installation
    ;;
uninstall)
    on_this_node stop_agent
    on_this_node before_removal
    each remove_file
    # The inner ones first.
    each list_one | sed -n 's/^dir //p' | sort -r | while read -r directory; do
        rmdir "$DESTDIR$directory" 2>/dev/null || :
    done
    on_this_node after_removal
    on_this_node forget
    ;;
list) each list_one ;;
*)
    echo "usage: install.sh [install|uninstall|list]" >&2
    exit 2
    ;;
esac
