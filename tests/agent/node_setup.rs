//! The first step of the DaemonSet's Pods: what becomes of the node's files, and what it says of the node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::agent;
use crate::containerd_daemon::Containerd;
use crate::node_log::NodeLog;
use crate::nri_containerd;
use crate::pods::{ContainerSpec, Node, PodSpec};
use crate::{HOSTS_D, NODE_HOSTS, world};

const SECTION: &str = "\n# Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/corp.hosts.\n\
    10.0.0.1\tregistry.corp\n";

fn bin(home: &Path) -> PathBuf {
    home.join("opt/bin")
}

/// Whether the step succeeded, and what it wrote.
fn set_up(home: &Path, registration: &str) -> (bool, String) {
    ended(
        agent::command(home)
            .arg("--copy-hook-to")
            .arg(bin(home))
            .args(["--registration", registration]),
    )
}

fn ended(command: &mut Command) -> (bool, String) {
    let output = command.output().expect("the agent");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("UTF-8");
    println!("{text}");
    (output.status.success(), text)
}

/// Names of the files in the directory of the programs.
fn programs(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(bin(home)).expect("the directory").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_node_with_nri_is_checked() {
    world("node_setup::a_node_with_nri_is_checked", |home| {
        let containerd = Containerd::start(home);
        let config = home.join("config.toml");
        let before = fs::read_to_string(&config).expect("configuration");
        let subject = format!("containerd ({})", config.display());

        let (is_done, said) = set_up(home, "nri");
        assert!(is_done);
        assert_eq!(programs(home), ["oci-hostaliases", "oci-hostaliases-hook"]);
        let on = "\n  ok       NRI is on: the engine will run the hook through the agent\n";
        assert!(said.contains(on));
        assert!(said.contains(&format!("\nengines\n  {subject}  works\n")));
        let group = said.split("\n\n").find(|it| it.contains(on.trim_end()));
        assert!(!group.expect("containerd's").contains("not registered"));
        let hook = format!(
            "\nhook\n  ok       {}",
            bin(home).join("oci-hostaliases-hook").display()
        );
        assert!(said.contains(&format!("{hook} runs, version ")));
        drop(containerd);

        // The log says what to change, and the agent still starts.
        let off = before.replace("disable = false", "disable = true");
        fs::write(&config, off).expect("configuration");
        let containerd = Containerd::start_configured(home);
        let (is_done, said) = set_up(home, "nri");
        assert!(is_done);
        let off = format!(
            "\n  problem  NRI is off: the agent cannot make the engine run the hook\n           change: set disable = false \
             in [plugins.\"io.containerd.nri.v1.nri\"] of {} and restart {subject}, or register the hook\n",
            config.display()
        );
        assert!(said.contains(&off));
        assert!(said.contains("the last line above says what to change"));
        drop(containerd);
    });
}

#[test]
fn a_hook_that_the_node_would_not_run() {
    world("node_setup::a_hook_that_the_node_would_not_run", |home| {
        let containerd = Containerd::start(home);
        fs::create_dir_all(bin(home)).expect("a directory");
        let mount = ["-t", "tmpfs", "-o", "noexec", "test"];
        let mounted = Command::new("mount").args(mount).arg(bin(home)).status();
        assert!(mounted.expect("mount").success());
        let (is_done, said) = set_up(home, "nri");
        // The tool lies there too.
        let tool = bin(home).join("oci-hostaliases");
        assert!(is_done);
        assert!(said.contains(&format!("{} doctor --agent-hook", tool.display())));
        assert!(said.contains("Permission denied"));
        drop(containerd);
    });
}

#[test]
fn a_registration_is_made_and_taken_back() {
    world(
        "node_setup::a_registration_is_made_and_taken_back",
        |home| {
            fs::write(format!("{HOSTS_D}/corp.hosts"), "10.0.0.1 registry.corp\n").expect("a file");
            nri_containerd::configure(home);
            let config = home.join("config.toml");
            let text = fs::read_to_string(&config).expect("configuration");
            let text = text.replace("disable = false", "disable = true");
            fs::write(&config, &text).expect("configuration");
            let containerd = Containerd::start_configured(home);
            let mut node = Node::new(containerd, NodeLog::listen(), home, "runc");
            let output = |node: &Node| {
                let pod = node.pod(&PodSpec::default());
                node.output(&pod, &ContainerSpec::default())
            };

            let (is_done, said) = set_up(home, "containerd");
            assert!(is_done);
            let restart = format!(
                "restart the containerd that reads {}, pid ",
                config.display()
            );
            assert!(said.contains(&restart));
            assert_eq!(output(&node), NODE_HOSTS, "containerd was not restarted");
            node.remove_pods();
            node.restart_containerd();
            assert!(
                output(&node).ends_with(SECTION),
                "the hook of the registration"
            );
            // A second Pod of the DaemonSet finds nothing to do.
            let registered = fs::read_to_string(&config).expect("configuration");
            let (is_done, said) = set_up(home, "containerd");
            assert!(is_done && said.contains("nothing to do"));
            assert_eq!(
                fs::read_to_string(&config).expect("configuration"),
                registered
            );

            let (is_done, _) = set_up(home, "remove");
            assert!(is_done);
            assert_eq!(fs::read_to_string(&config).expect("configuration"), text);
            assert_eq!(programs(home), [""; 0]);
            // containerd still has the registration in its memory.
            assert_eq!(output(&node), NODE_HOSTS, "a hook that is gone");
            node.remove_pods();
            node.restart_containerd();
            assert_eq!(output(&node), NODE_HOSTS, "no registration");
            node.remove_pods();
        },
    );
}

#[test]
fn what_cannot_be_done_ends_the_step() {
    world("node_setup::what_cannot_be_done_ends_the_step", |home| {
        let config = "/etc/containerd/config.toml";
        fs::create_dir_all("/etc/containerd").expect("a directory");
        fs::write(config, "version = 2\nversion = 3\n").expect("configuration");
        let (is_done, said) = set_up(home, "containerd");
        assert!(
            !is_done && said.contains(config),
            "a configuration that is none"
        );
        let tool = bin(home).join("oci-hostaliases");
        let hook = bin(home).join("oci-hostaliases-hook");
        let call = format!(
            "oci-hostaliases-agent: {} register containerd --hook {}: exit status: ",
            tool.display(),
            hook.display()
        );
        assert!(said.contains(&call));

        // Without hostPID the step is process 1 itself.
        let agent = agent::command(home);
        let alone = || {
            let mut command = Command::new("unshare");
            command
                .args(["--pid", "--fork", "--mount-proc"])
                .arg(agent.get_program())
                .args(agent.get_args())
                .arg("--copy-hook-to")
                .arg(bin(home));
            command
        };
        let why = "setns(/proc/1/ns/mnt, CLONE_NEWNS): process 1 is this program: the Pod needs hostPID: true";
        let (is_done, said) = ended(alone().args(["--registration", "remove"]));
        assert!(!is_done && said.contains(why));
        let (is_done, said) = ended(alone().args(["--registration", "nri"]));
        assert!(is_done && said.contains(&format!("this node is not checked: {why}")));
    });
}
