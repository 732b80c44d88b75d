# shellcheck shell=sh
# removal.sh: the steps of an installation and a removal that keep containers starting before, during and
# after it. Part of the packages' scripts and of install.sh, which set LIBEXECDIR, DATADIR and BINDIR. The packages
# restart and stop the agent by their distributions' own macros, install.sh by itself.
#
# An engine may keep the hook in memory long after its files are removed. Entries that `register` writes for
# such engines start the hook through a shell, which does not need it. Entries of former versions name the hook
# itself, so a file has to stay at its path.

hook=$LIBEXECDIR/oci/hooks.d/oci-hostaliases-hook
hooks_d=$DATADIR/containers/oci/hooks.d
state=/var/lib/oci-hostaliases
of_the_administrator=/etc/containers/oci/hooks.d/oci-hostaliases.json

say() { echo "oci-hostaliases: $*" >&2; }

# The configurations of containerd that have lines of `register`.
registered_configurations() {
    grep -ls '# added by oci-hostaliases$' /etc/containerd/*.toml /etc/containerd/*/*.toml /etc/k0s/*.toml \
        /etc/k0s/containerd.d/*.toml /var/lib/rancher/*/agent/etc/containerd/* \
        /var/lib/rancher/*/agent/etc/containerd/*/* /var/snap/microk8s/current/args/*.toml || :
}

# The base specs that `register` wrote: where it puts them by default, and what it wrote into those configurations.
base_specs() {
    ls /etc/oci-hostaliases/*.json 2>/dev/null || :
    registered_configurations | while read -r file; do
        sed -n 's/^[[:space:]]*base_runtime_spec = "\(.*\)" # added by oci-hostaliases$/\1/p' "$file"
    done
}

# The files that name the hook itself and that containerd or CRI-O reads. Podman ignores a hook that does not exist.
direct_entries() {
    { base_specs; ! has_crio || echo "$of_the_administrator"; } | sort -u | while read -r file; do
        grep -lsF "\"path\": \"$hook\"" "$file" || :
    done
}

systemd_runs() { [ -d /run/systemd/system ]; }

# Removes the links of `systemctl enable` to units that no longer exist, and prints their names.
remove_dangling_links() {
    for link in /etc/systemd/system/*.wants/oci-hostaliases-*; do
        if [ -L "$link" ] && [ ! -e "$link" ]; then
            rm "$link"
            echo "${link##*/}"
        fi
    done
}

has_crio() { [ -d /etc/crio ] || command -v crio >/dev/null; }

# Runs before the files are installed. Former versions wrote `register --all` into the package's file.
before_installation() {
    if grep -qs '^# In the place of oci-hostaliases-hook' "$hook"; then
        mkdir -p "$state"
        echo "$hook" >"$state/direct"
    fi
    if grep -qsF '"always": true' "$hooks_d/oci-hostaliases.json"; then
        mkdir -p "$state"
        : >"$state/register-all"
    fi
}

after_installation() {
    if systemd_runs; then
        systemctl daemon-reload || :
        # Units of a former version.
        systemctl list-units --all --plain --no-legend 'oci-hostaliases-*' | while read -r unit load _; do
            [ "$load" = not-found ] || continue
            systemctl stop "$unit" || :
            systemctl reset-failed "$unit" 2>/dev/null || :
        done
    fi
    if remove_dangling_links | grep -q '^oci-hostaliases-refresh'; then
        say "oci-hostaliases-refresh.path is removed: run systemctl enable --now oci-hostaliases-agent instead"
    fi
    rm -f "$hooks_d/.oci-hostaliases"
    if [ -e "$state/register-all" ]; then
        rm "$state/register-all"
        for engine in podman crio; do
            case $engine in
            podman) command -v podman >/dev/null || continue ;;
            crio) has_crio || continue ;;
            esac
            "$BINDIR/oci-hostaliases" register "$engine" --all --hook "$hook" ||
                say "the hook is no longer registered for every container: run oci-hostaliases register $engine --all"
        done
    fi
    # An engine may keep these in memory even if they are no longer on the disk.
    found=$(direct_entries | grep -vxF "$of_the_administrator" || :)
    if [ -n "$found" ]; then
        mkdir -p "$state"
        echo "$found" >"$state/direct"
        say "$(echo "$found" | tr '\n' ' ')names the hook as a former version did: run oci-hostaliases register containerd once more and restart containerd"
    fi
    rmdir "$state" 2>/dev/null || :
}

before_removal() {
    # CRI-O watches this directory, and does not watch a new one with the same name.
    if has_crio && [ -d "$hooks_d" ]; then
        echo "CRI-O watches this directory: it stays until oci-hostaliases is installed again." >"$hooks_d/.oci-hostaliases"
    fi
    found=$(registered_configurations)
    [ -n "$found" ] || found=$(base_specs)
    if [ -n "$found" ]; then
        say "containerd is still registered: $(echo "$found" | tr '\n' ' ')"
        say "containers still start, without the entries of the hook; keep the base specs in /etc/oci-hostaliases"
        say "to undo the registration, install oci-hostaliases again, run oci-hostaliases unregister containerd, and restart containerd"
    fi
    if [ -e "$of_the_administrator" ]; then
        say "$of_the_administrator stays and does nothing without the hook"
    fi
}

after_removal() {
    if systemd_runs; then
        systemctl daemon-reload || :
        systemctl reset-failed 'oci-hostaliases-*' 2>/dev/null || :
    fi
    # What the agent and refresh compiled out of hosts.d.
    rm -f /run/oci-hostaliases/hosts.d.compiled
    rmdir /run/oci-hostaliases 2>/dev/null || :
    if [ ! -e "$state/direct" ] && [ -z "$(direct_entries)" ]; then
        return
    fi
    mkdir -p "${hook%/*}"
    cat >"$hook.new" <<'STUB'
#!/bin/sh
# In the place of oci-hostaliases-hook, which was removed: an engine that has not been restarted still runs
# this script for every container. It reads the container's state and does nothing.
while read -r _; do :; done
STUB
    chmod 0755 "$hook.new"
    mv -f "$hook.new" "$hook"
    say "$hook stays as a script that does nothing: containerd or CRI-O may have it in memory"
    say "remove it after you have unregistered the hook and restarted the engine"
}

# Removes the state of these scripts.
forget() {
    remove_dangling_links >/dev/null
    rm -rf "$state"
}
