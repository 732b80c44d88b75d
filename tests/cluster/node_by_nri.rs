//! A node whose engine has NRI (containerd 1.7, with which kubelet 1.20 speaks): nothing is registered and nothing
//! restarted. It is also what `make demo-cluster` shows.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::agent::{HOSTS_D, files};
use crate::control_plane::output;
use crate::files::{CORP, PAYMENT};
use crate::node::{HOOK, Node, can_start};
use crate::{newer_engines, packaging, throwaway};

const NRI: &str = "[plugins.\"io.containerd.nri.v1.nri\"]\n  disable = false\n";
const DAEMONSET: &str = "daemonset/oci-hostaliases-agent";
const NAMESPACE: &str = "--namespace=oci-hostaliases";
/// As docs/cluster.md has it.
const REMOVE: &str = r#"[{"op": "replace", "path": "/spec/template/spec/initContainers/0/args/1", "value": "--registration=remove"}]"#;

fn section(file: &str, entries: &str) -> String {
    format!("\n# Entries added by oci-hostaliases from {HOSTS_D}/{file}.\n{entries}")
}

fn corp(name: &str) -> String {
    let entry = format!("10.0.0.1\t{name}\n");
    section("+corp+clusterhostaliasset.hosts", &entry)
}

fn payment() -> String {
    section(
        "shop/payment+hostaliasset.hosts",
        "10.0.7.21\tapi.payment.corp\tpayment\n2001:DB8:0:0::A\tsix.payment.corp\n",
    )
}

#[test]
fn from_install_to_uninstall() {
    let test = "node_by_nri::from_install_to_uninstall";
    let Some(bin) = newer_engines::bin_of_1_7(test).filter(|_| can_start(test)) else {
        return;
    };
    throwaway::world_of(test, &[&bin], |home| {
        let node = Node::start(home, NRI);
        println!("A node is ready.");
        node.import_images(["0.1.0", "0.2.0"]);
        node.kubectl(&["apply", "-k", &packaging("")]);
        node.wait_for_rollout();
        let said = node.set_up_log();
        println!("{said}");
        for line in [
            "  ok       NRI is on: the engine will run the hook through the agent",
            "  ok       /opt/oci-hostaliases/bin/oci-hostaliases-hook is static",
            "  containerd  works",
        ] {
            assert!(said.lines().any(|it| it == line), "no {line:?} in:\n{said}");
        }

        // It starts before there is an entry for it.
        let web = node.web("web");
        println!("A Pod's /etc/hosts before:\n{}", web.hosts());
        assert_eq!(web.entries(), "");
        node.plane.apply(CORP);
        let began = Instant::now();
        node.plane.apply(PAYMENT);
        web.wait_for("\tsix.payment.corp\n");
        let took = began.elapsed().as_millis();
        println!("kubectl apply to the line in the running Pod: {took} ms");
        web.wait_for("\tregistry.corp\n");
        println!("The same Pod's /etc/hosts now:\n{}", web.hosts());
        assert_eq!(web.entries(), payment() + &corp("registry.corp"));
        let mut times = Vec::new();
        for n in 1..=10 {
            let began = Instant::now();
            let name = format!("registry-{n}.corp");
            node.plane.apply(&CORP.replace("registry.corp", &name));
            web.wait_for(&format!("\t{name}\n"));
            times.push(began.elapsed().as_millis());
        }
        times.sort_unstable();
        println!("kubectl apply to the line in the running Pod, ten times, in ms: {times:?}");
        node.kubectl(&["delete", "has", "payment", "--namespace=shop"]);
        web.wait_without("payment");

        kill_the_agent(&node);
        web.wait_for("\tafter.corp\n");
        web.wait_without("edited");

        // To another version and back.
        let hook = || fs::metadata(HOOK).expect("the hook on the node").len();
        let first = hook();
        let manifests = node.kubectl(&["kustomize", &packaging("")]);
        let newer = manifests.replace(
            "image: oci-hostaliases:0.1.0",
            "image: oci-hostaliases:0.2.0",
        );
        assert_ne!(newer, manifests);
        node.plane.apply(&newer);
        node.wait_for_rollout();
        assert_eq!(hook(), first + 1, "the newer hook");
        assert_eq!(web.entries(), corp("after.corp"), "the Pod keeps its file");
        node.plane
            .apply(&CORP.replace("registry.corp", "newer.corp"));
        web.wait_for("\tnewer.corp\n");
        let second = node.web("second");
        assert_eq!(second.entries(), corp("newer.corp"));
        node.kubectl(&["rollout", "undo", NAMESPACE, DAEMONSET]);
        node.wait_for_rollout();
        assert_eq!(hook(), first, "the former hook");
        assert_eq!(web.entries(), corp("newer.corp"), "the Pod keeps its file");
        node.plane
            .apply(&CORP.replace("registry.corp", "former.corp"));
        web.wait_for("\tformer.corp\n");
        second.wait_for("\tformer.corp\n");
        second.delete();
        println!("Upgraded and rolled back.");

        // Uninstalled as docs/cluster.md has it.
        node.kubectl(&["delete", "clusterhostaliassets", "--all"]);
        web.wait_without("former.corp");
        node.kubectl(&[
            "patch",
            NAMESPACE,
            DAEMONSET,
            "--type=json",
            "--patch",
            REMOVE,
        ]);
        node.wait_for_rollout();
        node.kubectl(&["delete", "-k", &packaging("")]);
        let left =
            output(Command::new("find").args(["/opt/oci-hostaliases", HOSTS_D, "-type", "f"]));
        assert_eq!((left.as_str(), files().len()), ("", 0));
        assert_eq!(web.entries(), "", "the Pod that runs");
        let last = node.web("last");
        assert_eq!(last.entries(), "", "a Pod that is new");
        println!("Uninstalled. The Pod's /etc/hosts:\n{}", web.hosts());
        last.delete();
        web.delete();
    });
}

/// The kubelet starts it again; what was changed meanwhile is followed, and an edited file put right.
fn kill_the_agent(node: &Node) {
    let edited = Path::new(HOSTS_D).join("+corp+clusterhostaliasset.hosts");
    let state = fs::read_to_string("/run/oci-hostaliases/agent.json").expect("the agent's state");
    let state: serde_json::Value = serde_json::from_str(&state).expect("JSON");
    let pid = state["pid"].to_string();
    println!("The agent is killed: process {pid} of its namespace, the world's");
    output(Command::new("kill").args(["-KILL", &pid]));
    let text = fs::read_to_string(&edited).expect("the file");
    fs::write(&edited, format!("{text}10.6.6.6\tedited\n")).expect("edit");
    node.plane
        .apply(&CORP.replace("registry.corp", "after.corp"));
}
