#!/bin/sh
# static-pie.sh ARGUMENT...: a linker for rustc that makes static programs position-independent. For other CPUs than
# x86-64 rustc asks for `-static -no-pie`, with start files that put in no addresses: such a program would crash when
# -static-pie is only added. TARGET_CC is the compiler that links.
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
