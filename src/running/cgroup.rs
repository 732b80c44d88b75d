//! Gets the container's ID from its cgroup's name, for a file without a stamp. Pure.

/// What engines put before the ID in the name of a systemd scope.
const SCOPES: [&str; 4] = ["cri-containerd-", "crio-", "libpod-", "docker-"];

/// The ID of the container that a process with this `/proc/<pid>/cgroup` belongs to: the last
/// component of the deepest path, without what systemd's naming puts around it.
pub(super) fn container_id(cgroup: &str) -> Option<String> {
    let components = |path: &'_ str| {
        path.split('/')
            .filter(|component| !component.is_empty())
            .count()
    };
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let deepest = paths.max_by_key(|path| components(path))?;
    let name = deepest
        .rsplit('/')
        .find(|component| !component.is_empty() && *component != "container")?;
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = SCOPES
        .iter()
        .find_map(|scope| name.strip_prefix(scope))
        .unwrap_or(name);
    // youki uses systemd's form of cgroupsPath, SLICE:PREFIX:ID, even without systemd.
    let id = id.rsplit(':').next().unwrap_or(id);
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::container_id;

    #[test]
    fn the_id_of_each_engine() {
        for (cgroup, id) in [
            (
                "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-0123abcd.scope\n",
                Some("0123abcd"),
            ),
            (
                "0::/kubepods/besteffort/pod8e6a/0123abcd\n",
                Some("0123abcd"),
            ),
            (
                "0::/machine.slice/libpod-0123abcd.scope/container\n",
                Some("0123abcd"),
            ),
            ("0::/system.slice/docker-0123abcd.scope\n", Some("0123abcd")),
            ("0::/kubepods.slice/crio-0123abcd.scope\n", Some("0123abcd")),
            (
                "11:memory:/default/t1\n1:name=systemd:/default/t1\n0::/\n",
                Some("t1"),
            ),
            ("2:pids:/:youki:t1\n0::/\n", Some("t1")),
            ("2:pids:/t1\n1:name=systemd:/\n0::/\n", Some("t1")),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(container_id(cgroup).as_deref(), id, "{cgroup}");
        }
    }
}
