//! A whole node: kubelet, scheduler and containerd, the agent as a DaemonSet, and Pods that run. It is also what
//! `make demo-cluster` shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::control_plane::{ControlPlane, output, start};
use crate::files::{CORP, PAYMENT};
use crate::{bin, image_archive, needs, packaging, skipped, throwaway};

const PROGRAMS: [needs::Program; 8] = [
    ("openssl", "openssl"),
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("busybox", "busybox-static"),
    ("jq", "jq"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
];
const LIMIT: Duration = Duration::from_secs(120);
/// In place of kube-proxy: the API server's service.
const SERVICE: [&str; 2] = ["OUTPUT", "PREROUTING"];

const CONTAINERD: &str = r#"version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/busybox:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"#;
const NETWORK: &str = r#"{"cniVersion":"0.4.0","name":"test","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,
  "ipam":{"type":"host-local","ranges":[[{"subnet":"10.88.77.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"loopback"}]}"#;
const KUBELET: &str = "\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
readOnlyPort: 0
authentication: {webhook: {enabled: false}, anonymous: {enabled: true}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
enforceNodeAllocatable: []
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
evictionHard: {memory.available: 1Mi}
imageGCHighThresholdPercent: 100
";

/// Its file is copied to where the test sees it.
fn web(out: &Path) -> String {
    format!(
        "apiVersion: v1\n\
         kind: Pod\n\
         metadata: {{name: web, namespace: shop}}\n\
         spec:\n\
         \x20 terminationGracePeriodSeconds: 0\n\
         \x20 automountServiceAccountToken: false\n\
         \x20 tolerations: [{{operator: Exists}}]\n\
         \x20 containers:\n\
         \x20 - name: web\n\
         \x20   image: localhost/busybox:1\n\
         \x20   imagePullPolicy: Never\n\
         \x20   command: [/bin/sh, -c, \"while :; do cat /etc/hosts >/out/new; mv /out/new /out/hosts; usleep 20000; done\"]\n\
         \x20   volumeMounts: [{{name: out, mountPath: /out}}]\n\
         \x20 volumes: [{{name: out, hostPath: {{path: {}}}}}]\n",
        out.display()
    )
}

/// The static programs, as they are in the image.
fn programs() -> PathBuf {
    std::env::var_os("OCI_HOSTALIASES_PROGRAMS").map_or_else(
        || {
            let target = format!(
                "target/{}-unknown-linux-gnu/release",
                std::env::consts::ARCH
            );
            Path::new(env!("CARGO_MANIFEST_DIR")).join(target)
        },
        PathBuf::from,
    )
}

fn wait<T>(what: &str, home: &Path, found: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = found() {
            return found;
        }
        if Instant::now() > end {
            for log in ["kubelet.log", "containerd.log"] {
                let text = fs::read_to_string(home.join(log)).unwrap_or_default();
                let lines: Vec<_> = text.lines().rev().take(60).collect();
                lines
                    .iter()
                    .rev()
                    .for_each(|line| println!("{log}: {line}"));
            }
            panic!("no {what}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The daemons of the node, which die with the world.
struct Node {
    _daemons: Vec<Child>,
}

impl Node {
    fn start(plane: &ControlPlane, home: &Path) -> Self {
        for chain in SERVICE {
            output(
                Command::new("iptables")
                    .args(["-t", "nat", "-A", chain, "-d", "10.96.0.1", "-p", "tcp"])
                    .args([
                        "--dport",
                        "443",
                        "-j",
                        "DNAT",
                        "--to-destination",
                        "192.0.2.10:6443",
                    ]),
            );
        }
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("ip_forward");
        // An overlay of the world cannot be below containerd's, and /opt is the machine's.
        for directory in ["/var/lib/containerd", "/opt"] {
            fs::create_dir_all(directory).expect("a directory");
            output(Command::new("mount").args(["-t", "tmpfs", "node", directory]));
        }
        for (path, text) in [
            ("/etc/containerd/config.toml", CONTAINERD),
            ("/etc/cni/net.d/10-test.conflist", NETWORK),
            ("/etc/hosts", "127.0.0.1\tlocalhost\n192.0.2.10\tnode1\n"),
        ] {
            fs::create_dir_all(Path::new(path).parent().expect("a directory"))
                .expect("a directory");
            fs::write(path, text).expect("a file");
        }
        let kubelet = home.join("kubelet.yaml");
        fs::write(&kubelet, KUBELET).expect("kubelet's configuration");
        // containerd 1.6 has no NRI: its configuration names the hook, as docs/cluster.md has it for such nodes.
        let hook = home.join("oci-hostaliases-hook");
        fs::copy(programs().join("oci-hostaliases-hook"), &hook).expect("hook");
        let mut register = Command::new(programs().join("oci-hostaliases"));
        output(
            register
                .args(["register", "containerd", "--hook"])
                .arg(&hook),
        );

        let mut daemons = vec![start(home, "containerd", &mut Command::new("containerd"))];
        wait("containerd", home, || {
            Command::new("ctr")
                .arg("version")
                .output()
                .ok()?
                .status
                .success()
                .then_some(())
        });
        let admin = format!("--kubeconfig={}", plane.kubeconfig("admin").display());
        daemons.push(start(
            home,
            "scheduler",
            Command::new(bin().join("kube-scheduler")).args([&admin, "--leader-elect=false"]),
        ));
        daemons.push(start(
            home,
            "kubelet",
            Command::new(bin().join("kubelet"))
                .args([
                    &admin,
                    "--hostname-override=node1",
                    "--node-ip=192.0.2.10",
                    "--container-runtime=remote",
                ])
                .arg("--container-runtime-endpoint=unix:///run/containerd/containerd.sock")
                .arg(format!("--config={}", kubelet.display())),
        ));
        wait("Node", home, || {
            let ready = "--output=jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
            let (is_done, text) = plane.try_kubectl("admin", &["get", "node", "node1", ready], "");
            (is_done && text == "True").then_some(())
        });
        Self { _daemons: daemons }
    }

    fn import(archive: &Path) {
        output(
            Command::new("ctr")
                .args(["--namespace", "k8s.io", "images", "import"])
                .arg(archive),
        );
    }
}

#[test]
fn a_node_from_install_to_uninstall() {
    const NAME: &str = "node::a_node_from_install_to_uninstall";
    if !needs::met(NAME, &PROGRAMS) {
        return;
    }
    for (program, remedy) in [
        (bin().join("kubelet"), "make demo-cluster"),
        (programs().join("oci-hostaliases-agent"), "make build"),
    ] {
        if !program.is_file() {
            skipped::skipped(&format!("{NAME}: no {}: {remedy}", program.display()));
            return;
        }
    }
    throwaway::world(NAME, |home| {
        let out = home.join("out");
        fs::create_dir_all(&out).expect("out");
        let plane = ControlPlane::start(home, &bin());
        let _node = Node::start(&plane, home);
        println!("A node is ready.");
        Node::import(&image_archive::busybox(home));
        let root = env!("CARGO_MANIFEST_DIR");
        output(
            Command::new(format!("{root}/packaging/container/image.sh"))
                .current_dir(root)
                .env("SOURCE_DATE_EPOCH", "1700000000")
                .arg(programs())
                .args([env!("CARGO_PKG_VERSION")])
                .arg(home),
        );
        let archive = fs::read_dir(home)
            .expect("home")
            .flatten()
            .map(|entry| entry.path());
        let archive: Vec<_> = archive
            .filter(|path| path.display().to_string().ends_with(".oci.tar"))
            .collect();
        Node::import(&archive[0]);

        // What is there before the agent is.
        plane.kubectl("admin", &["create", "namespace", "shop"], "");
        wait("service account", home, || {
            plane
                .try_kubectl(
                    "admin",
                    &["get", "serviceaccount", "default", "--namespace=shop"],
                    "",
                )
                .0
                .then_some(())
        });
        plane.apply(&web(&out));
        let hosts = || fs::read_to_string(out.join("hosts")).unwrap_or_default();
        let with = |name: &str| wait(name, home, || hosts().contains(name).then_some(()));
        let without = |name: &str| {
            wait(&format!("end of {name}"), home, || {
                (!hosts().contains(name)).then_some(())
            })
        };
        with("\tweb\n");
        println!("A Pod's /etc/hosts before:\n{}", hosts());

        let rendered = output(Command::new(bin().join("helm")).args([
            "template",
            "test",
            &packaging("chart"),
            "--set",
            "registration=none",
        ]));
        let manifests = home.join("manifests.yaml");
        fs::write(&manifests, rendered).expect("manifests");
        let manifests = manifests.display().to_string();
        // The CRDs' kinds are known a moment after they are made.
        plane.kubectl("admin", &["apply", "-f", &manifests], "");
        let rollout = [
            "rollout",
            "status",
            "--timeout=120s",
            "--namespace=oci-hostaliases",
            "daemonset/oci-hostaliases-agent",
        ];
        let (is_done, text) = plane.try_kubectl("admin", &rollout, "");
        let pods = || {
            plane
                .try_kubectl(
                    "admin",
                    &["describe", "pods", "--namespace=oci-hostaliases"],
                    "",
                )
                .1
        };
        assert!(is_done, "{text}\n{}", pods());
        println!("The DaemonSet is there: {text}");

        let began = Instant::now();
        plane.apply(CORP);
        with("\tregistry.corp\n");
        println!(
            "kubectl apply to the line in the running Pod: {} ms",
            began.elapsed().as_millis()
        );
        plane.apply(PAYMENT);
        with("\tsix.payment.corp\n");
        let text = hosts();
        println!("The same Pod's /etc/hosts now:\n{text}");
        let sections = text.split_once("\n\n").expect("sections").1;
        assert_eq!(
            sections,
            "# Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/shop/payment+hostaliasset.hosts.\n\
             10.0.7.21\tapi.payment.corp\tpayment\n\
             2001:DB8:0:0::A\tsix.payment.corp\n\
             \n\
             # Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/+corp+clusterhostaliasset.hosts.\n\
             10.0.0.1\tregistry.corp\n"
        );
        let mut times = Vec::new();
        for n in 1..=10 {
            let began = Instant::now();
            plane.apply(&CORP.replace("registry.corp", &format!("registry-{n}.corp")));
            with(&format!("\tregistry-{n}.corp\n"));
            times.push(began.elapsed().as_millis());
        }
        times.sort_unstable();
        println!("kubectl apply to the line in the running Pod, ten times, in ms: {times:?}");

        plane.kubectl(
            "admin",
            &["delete", "has", "payment", "--namespace=shop"],
            "",
        );
        without("payment");
        // The agent is killed; the kubelet starts it again; an edited file is put right by then.
        let edited = Path::new(crate::agent::HOSTS_D).join("+corp+clusterhostaliasset.hosts");
        let agent =
            fs::read_to_string("/run/oci-hostaliases/agent.json").expect("the agent's state");
        let pid =
            serde_json::from_str::<serde_json::Value>(&agent).expect("JSON")["pid"].to_string();
        println!("The agent is killed: process {pid} of its namespace, the world's");
        output(Command::new("kill").args(["-KILL", &pid]));
        fs::write(
            &edited,
            format!(
                "{}10.6.6.6\tedited\n",
                fs::read_to_string(&edited).expect("the file")
            ),
        )
        .expect("edit");
        plane.apply(&CORP.replace("registry.corp", "after.corp"));
        with("\tafter.corp\n");
        without("edited");

        // Uninstalled as docs/cluster.md has it.
        plane.kubectl("admin", &["delete", "clusterhostaliassets", "--all"], "");
        without("after.corp");
        plane.kubectl("admin", &["delete", "-f", &manifests], "");
        assert_eq!(crate::agent::files().len(), 0);
        println!("Uninstalled. The Pod's /etc/hosts:\n{}", hosts());
        plane.kubectl("admin", &["delete", "pod", "web", "--namespace=shop"], "");
    });
}
