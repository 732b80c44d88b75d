#!/bin/sh
# files.sh: prints packaging/files.list as %files of a spec file has it.
set -eu
echo '%defattr(-,root,root,-)'
packaging/install.sh list | while read -r kind path; do
    case $kind:$path in
    dir:*) echo "%dir $path" ;;
    */man/*) echo "$path*" ;;
    */copyright | */LICENSE) echo "%license $path" ;;
    */doc/*) echo "%doc $path" ;;
    *) echo "$path" ;;
    esac
done
