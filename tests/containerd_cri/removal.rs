//! The hook goes, comes back and is replaced while a containerd that knows it runs: containers start.
//! `tests/packages` does the same with the packages, and uses [`one_container`].

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::containerd_daemon::Containerd;
use crate::node_log::NodeLog;
use crate::pods::{ContainerSpec, Node, PodSpec};
use crate::{PROGRAMS, hook_program, needs, throwaway};

const ASKS: PodSpec = PodSpec {
    annotations: &[(
        "oci-hostaliases.io/host-aliases",
        r#"[{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}]"#,
    )],
    host_network: false,
    plain: false,
};
const ENTRIES: &str = "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n";
const REPLACEMENTS: usize = 200;

#[test]
fn the_hook_goes_and_comes_back_with_runc() {
    let test = "removal::the_hook_goes_and_comes_back_with_runc";
    the_hook_goes_and_comes_back("runc", test);
}

#[test]
fn the_hook_goes_and_comes_back_with_crun() {
    let test = "removal::the_hook_goes_and_comes_back_with_crun";
    the_hook_goes_and_comes_back("crun", test);
}

fn the_hook_goes_and_comes_back(runtime: &'static str, test: &str) {
    if !needs::met(test, &PROGRAMS) {
        return;
    }
    throwaway::world(test, |home| {
        let hook = PathBuf::from(hook_program::install(home));
        let away = home.join("away");
        let containerd = Containerd::start(home, &hook.display().to_string());
        let mut node = Node::new(containerd, NodeLog::listen(), home, runtime);
        assert!(has_entries(&node), "registered");

        fs::rename(&hook, &away).unwrap();
        assert!(!has_entries(&node), "without the hook");
        node.restart_containerd();
        assert!(!has_entries(&node), "without the hook, restarted");
        fs::rename(&away, &hook).unwrap();
        assert!(has_entries(&node), "the hook is back");

        // The spec is gone, and the hook; containerd has the spec in memory.
        let [config, spec] = ["config.toml", "base-spec.json"].map(|name| home.join(name));
        let unregistered = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"))
            .args(["unregister", "containerd", "--config"])
            .arg(config)
            .arg("--base-spec")
            .arg(&spec)
            .output()
            .unwrap();
        assert!(unregistered.status.success(), "{unregistered:?}");
        assert!(!spec.exists());
        fs::rename(&hook, &away).unwrap();
        assert!(!has_entries(&node), "unregistered, not restarted");
    });
}

/// By a rename, as packages and install(1) do it.
#[test]
fn the_hook_is_replaced_while_containers_start() {
    let test = "removal::the_hook_is_replaced_while_containers_start";
    if !needs::met(test, &PROGRAMS) {
        return;
    }
    throwaway::world(test, |home| {
        let hook = PathBuf::from(hook_program::install(home));
        let containerd = Containerd::start(home, &hook.display().to_string());
        let node = Node::new(containerd, NodeLog::listen(), home, "runc");
        let new = home.join("new");
        let replacing = std::thread::spawn(move || {
            for _ in 0..REPLACEMENTS {
                fs::copy(&hook, &new).unwrap();
                fs::rename(&new, &hook).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        });
        let mut started = 0;
        while !replacing.is_finished() {
            assert!(has_entries(&node), "container {started}");
            started += 1;
        }
        replacing.join().unwrap();
        assert!(started > 3, "{started} containers only");
    });
}

/// Runs one container in the containerd of the directory REMOVAL_HOME and puts its /etc/hosts there.
#[test]
#[ignore = "run by tests/packages in a Debian system of its own"]
fn one_container() {
    let home = PathBuf::from(std::env::var_os("REMOVAL_HOME").expect("REMOVAL_HOME"));
    // Of the container before: its log is appended to.
    let _ = fs::remove_dir_all(home.join("logs"));
    let _ = fs::remove_file("/dev/log");
    let node = Node::new(Containerd::attach(&home), NodeLog::listen(), &home, "crun");
    let pod = node.pod(&ASKS);
    let text = node.output(&pod, &ContainerSpec::default());
    node.remove_pods();
    fs::write(home.join("hosts"), text).unwrap();
}

/// Whether a container that asks for entries has them. It starts in any case.
fn has_entries(node: &Node) -> bool {
    let pod = node.pod(&ASKS);
    let text = node.output(&pod, &ContainerSpec::default());
    node.remove_pods();
    text.ends_with(ENTRIES)
}
