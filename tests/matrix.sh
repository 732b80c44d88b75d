#!/bin/sh
# matrix.sh [COMBINATION...]: runs the suites with real engines over other engines than the machine's, and
# prints tables of what passed. All of them unless some are named:
#   installed  the machine's engines
#   trixie     those of Debian 13
#   sid        those of Debian's development
#   youki      youki, built from crates.io
#   msrv       no engines: checks both programs with Debian 13's Rust, the oldest that they build with
# For root on Debian; `make test-matrix` installs what it needs. The machine's packages stay as they are: the
# others lie unpacked in target/matrix (tests/engines.sh) and stay there for the next time.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- installed trixie sid youki msrv
youki_version=0.7.0
# For a clone that other users cannot get at, from which rootless Podman cannot be started.
matrix=${OCI_HOSTALIASES_MATRIX:-$PWD/target/matrix}
logs=$matrix/logs
old_path=$PATH
mkdir -p "$logs"

# prepare COMBINATION: unless that was done before.
prepare() {
    [ ! -e "$matrix/$1/complete" ] || return 0
    case $1 in
    installed) mkdir -p "$matrix/installed/bin" ;;
    trixie | sid)
        OCI_HOSTALIASES_ENGINES=$matrix tests/engines.sh "$1" runc crun containerd podman conmon netavark -- \
            runc crun containerd ctr containerd-shim-runc-v2 podman conmon netavark
        ;;
    youki)
        echo "Building youki, which takes ten minutes" >&2
        CARGO_TARGET_DIR=$matrix/youki/target cargo install youki --version "$youki_version" --locked --quiet \
            --no-default-features --features v1,v2,seccomp --root "$matrix/youki"
        rm -r "$matrix/youki/target"
        ;;
    msrv)
        # Beside the engines of the same suite.
        OCI_HOSTALIASES_ENGINES=$matrix/msrv tests/engines.sh trixie rustc cargo -- rustc cargo
        ;;
    *)
        echo "matrix.sh: no such combination: $1" >&2
        exit 2
        ;;
    esac
    : >"$matrix/$1/complete"
}

# version PROGRAM: its name and the version that it tells.
version() {
    printf '%s %s' "$1" "$("$1" --version | grep -o '[0-9][0-9]*\.[0-9][0-9.]*' | head -n 1)"
}

# run LABEL SUITE ARGUMENT...: runs tests of a suite. What they printed is in $log.
run() {
    log=$logs/$1.log suite=$2
    echo "Running $1" >&2
    shift 2
    status=0
    cargo test --locked --test "$suite" -- --show-output "$@" >"$log" 2>&1 || status=$?
}

# cell PASSED TOTAL: prints a field of a table, as of the last run.
cell() {
    if [ "$status" = 0 ] && [ "$1" = "$2" ] && [ "$2" != 0 ]; then
        printf ' %s/%s |' "$1" "$2"
    else
        printf ' **%s/%s** |' "$1" "$2"
        echo "$log" >>"$matrix/failed"
    fi
}

count_tests() {
    passed=$(sed -n 's/^test result: .* \([0-9]*\) passed.*/\1/p' "$log" | tail -n 1)
    failed=$(sed -n 's/^test result: .* \([0-9]*\) failed.*/\1/p' "$log" | tail -n 1)
    cell "${passed:-0}" "$((${passed:-0} + ${failed:-0}))"
}

# Where the test is a table of cases.
count_cases() {
    total=$(grep -c '^case: ' "$log") || :
    failed=$(grep -c '^case failed: ' "$log") || :
    cell "$((total - failed))" "$total"
}

# bundles COMBINATION RUNTIME: bundles with the hook at each stage.
bundles() {
    printf '| %s | %s |' "$(version "$2")" "$1"
    for stage in prestart createRuntime createContainer; do
        export OCI_HOSTALIASES_RUNTIMES="$2" OCI_HOSTALIASES_STAGES="$stage"
        # The refusals call the hook without a runtime.
        run "$1-$2-$stage" runtimes --skip refusals::
        count_tests
    done
    unset OCI_HOSTALIASES_RUNTIMES OCI_HOSTALIASES_STAGES
    echo
}

# pods COMBINATION RUNTIME: Pods and containers, by the engines.
pods() {
    printf '| %s | %s | %s |' "$(version containerd)" "$(version "$2")" "$1"
    run "$1-containerd-$2" containerd_cri --exact "pods_with_$2"
    count_cases
    echo ' – |'
    printf '| %s | %s | %s |' "$(version podman)" "$(version "$2")" "$1"
    run "$1-podman-$2" podman --exact "as_root_with_$2"
    count_cases
    run "$1-podman-$2-rootless" podman --exact "rootless_with_$2"
    count_cases
    echo
}

# check_msrv: without what only the tests need.
check_msrv() {
    log=$logs/msrv.log bin=$matrix/msrv/trixie/bin
    printf '\n%s: ' "$("$bin/rustc" --version)"
    if RUSTC=$bin/rustc CARGO_TARGET_DIR=$matrix/msrv/target "$bin/cargo" check --locked --lib --bins >"$log" 2>&1
    then
        echo 'both programs compile.'
    else
        echo '**not everything compiles.**'
        echo "$log" >>"$matrix/failed"
    fi
}

for combination in "$@"; do
    prepare "$combination"
done
if ! setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$matrix"; then
    echo "matrix.sh: other users cannot get at $matrix; set OCI_HOSTALIASES_MATRIX to a directory for it" >&2
    exit 1
fi
cargo test --locked --no-run --quiet --test runtimes --test containerd_cri --test podman

: >"$matrix/failed"
for table in bundles pods msrv; do : >"$matrix/$table.table"; done
for combination in "$@"; do
    # By PATH alone: plain names in front of the machine's.
    PATH=$matrix/$combination/bin:$old_path
    case $combination in
    msrv) (PATH=$old_path && check_msrv) >"$matrix/msrv.table" ;;
    youki) bundles youki youki >>"$matrix/bundles.table" ;;
    *)
        for runtime in runc crun; do
            bundles "$combination" "$runtime" >>"$matrix/bundles.table"
            pods "$combination" "$runtime" >>"$matrix/pods.table"
        done
        ;;
    esac
done

echo
echo '| runtime | from | prestart | createRuntime | createContainer |'
echo '| --- | --- | --- | --- | --- |'
cat "$matrix/bundles.table"
echo
echo '| engine | runtime | from | as root | rootless |'
echo '| --- | --- | --- | --- | --- |'
cat "$matrix/pods.table" "$matrix/msrv.table"
if [ -s "$matrix/failed" ]; then
    echo
    echo 'Not everything passed; what was printed is in:'
    cat "$matrix/failed"
    exit 1
fi
