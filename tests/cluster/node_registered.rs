//! A node without NRI (containerd 1.6): the DaemonSet registers the hook, the administrator restarts containerd.

use std::fs;
use std::process::Command;

use crate::control_plane::output;
use crate::files::{CORP, PAYMENT};
use crate::node::{CONFIG, HOOK, Node, can_start};
use crate::{bin, packaging, throwaway};

#[test]
fn by_the_daemonset() {
    let test = "node_registered::by_the_daemonset";
    if !can_start(test) {
        return;
    }
    throwaway::world(test, |home| {
        let node = Node::start(home, "");
        node.import_images(["0.1.0", "0.2.0"]);
        let before = fs::read_to_string(CONFIG).expect("configuration");
        let manifests = home.join("manifests.yaml").display().to_string();
        let install = |node: &Node, registration: &str| {
            let value = format!("registration={registration}");
            let mut helm = Command::new(bin().join("helm"));
            helm.args(["template", "test", &packaging("chart"), "--set", &value]);
            fs::write(&manifests, output(&mut helm)).expect("manifests");
            node.kubectl(&["apply", "-f", &manifests]);
            node.wait_for_rollout();
            node.set_up_log()
        };

        let said = install(&node, "containerd");
        println!("{said}");
        let restart = format!("restart the containerd that reads {CONFIG}, pid ");
        assert!(said.contains(&restart), "{said}");
        let problem = "\n  problem  ";
        assert!(
            said.contains(problem) && !said.contains("  containerd  works\n"),
            "{said}"
        );
        assert_ne!(fs::read_to_string(CONFIG).expect("configuration"), before);
        // Only a file to which something is added at the start follows.
        node.plane.apply(CORP);
        node.wait("file of the object", || {
            (crate::agent::files().len() == 1).then_some(())
        });
        let early = node.web("early");
        assert_eq!(early.entries(), "", "containerd was not restarted");
        early.delete();
        node.restart_containerd();
        let web = node.web("web");
        let corp = "\n# Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/+corp+clusterhostaliasset.hosts.\n\
             10.0.0.1\tregistry.corp\n";
        assert_eq!(web.entries(), corp);
        node.plane.apply(PAYMENT);
        web.wait_for("\tsix.payment.corp\n");

        // Uninstalled as docs/cluster.md has it.
        node.kubectl(&["delete", "hostaliassets", "--all", "--all-namespaces"]);
        node.kubectl(&["delete", "clusterhostaliassets", "--all"]);
        web.wait_without("Entries added");
        let said = install(&node, "remove");
        assert!(
            said.contains(&restart) && said.contains(&format!("{HOOK} removed")),
            "{said}"
        );
        assert_eq!(fs::read_to_string(CONFIG).expect("configuration"), before);
        node.kubectl(&["delete", "-f", &manifests]);
        let left = Command::new("find")
            .args(["/opt/oci-hostaliases", "/etc/oci-hostaliases", "-type", "f"])
            .output()
            .expect("find");
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
        let middle = node.web("middle");
        assert_eq!(
            middle.entries(),
            "",
            "containerd still knows the hook, which is gone"
        );
        node.restart_containerd();
        let last = node.web("last");
        assert_eq!(
            (last.entries(), web.entries()),
            (String::new(), String::new())
        );
        for web in [web, middle, last] {
            web.delete();
        }
    });
}
