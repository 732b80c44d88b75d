#!/bin/sh
# static-pie.sh ARGUMENT...: a linker for rustc that makes static programs position-independent. For CPUs other than
# x86-64 rustc passes `-static -no-pie` and start files that do not relocate the program: with -static-pie added to
# these, it would crash. TARGET_CC is the compiler that links.
set -eu
cc=${TARGET_CC:-cc}
case " $* " in
*' -static '*) ;;
*) exec "$cc" "$@" ;;
esac
for argument; do
    shift
    case $argument in
    -static | -no-pie) continue ;;
    */self-contained/crt1.o) argument=${argument%crt1.o}rcrt1.o ;;
    */self-contained/crtbegin.o | */self-contained/crtend.o) argument=${argument%.o}S.o ;;
    esac
    set -- "$@" "$argument"
done
exec "$cc" -static-pie "$@"
