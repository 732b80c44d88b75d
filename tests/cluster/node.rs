//! A whole node: kubelet, scheduler and containerd, the project's image, and a Pod that runs.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::control_plane::{ControlPlane, output, start};
use crate::{bin, image_archive, needs, skipped};

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
pub(crate) const CONFIG: &str = "/etc/containerd/config.toml";
pub(crate) const HOOK: &str = "/opt/oci-hostaliases/bin/oci-hostaliases-hook";
/// What the kubelet writes for a Pod of this node, but for its own line.
const KUBELETS: &str = "\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
";
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

/// Whether everything is there that a node takes.
pub(crate) fn can_start(test: &str) -> bool {
    if !needs::met(test, &PROGRAMS) {
        return false;
    }
    let kubelet = (bin().join("kubelet"), "make demo-cluster");
    let agent = (programs().join("oci-hostaliases-agent"), "make build");
    for (program, remedy) in [kubelet, agent] {
        if !program.is_file() {
            skipped::skipped(&format!("{test}: no {}: {remedy}", program.display()));
            return false;
        }
    }
    true
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

/// A control plane and its one node, which die with the world.
pub(crate) struct Node<'a> {
    pub(crate) plane: ControlPlane,
    home: &'a Path,
    containerd: RefCell<Child>,
    daemons: Vec<Child>,
}

impl<'a> Node<'a> {
    /// Started, with `more` in containerd's configuration and the images that Pods need.
    pub(crate) fn start(home: &'a Path, more: &str) -> Self {
        let plane = ControlPlane::start(home, &bin());
        for chain in SERVICE {
            let rule = ["-t", "nat", "-A", chain, "-d", "10.96.0.1", "-p", "tcp"];
            let to = ["--dport", "443", "-j", "DNAT", "--to-destination"];
            let server = "192.0.2.10:6443";
            output(Command::new("iptables").args(rule).args(to).arg(server));
        }
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("ip_forward");
        // An overlay of the world cannot be below containerd's; the others are the machine's.
        for directory in ["/var/lib/containerd", "/opt", "/var/log"] {
            fs::create_dir_all(directory).expect("a directory");
            let mount = ["-t", "tmpfs", "-o", "mode=755", "node", directory];
            output(Command::new("mount").args(mount));
        }
        for (path, text) in [
            (CONFIG, &*format!("{CONTAINERD}{more}")),
            ("/etc/cni/net.d/10-test.conflist", NETWORK),
            ("/etc/hosts", "127.0.0.1\tlocalhost\n192.0.2.10\tnode1\n"),
        ] {
            let directory = Path::new(path).parent().expect("a directory");
            fs::create_dir_all(directory).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        let kubelet = home.join("kubelet.yaml");
        fs::write(&kubelet, KUBELET).expect("kubelet's configuration");
        let admin = format!("--kubeconfig={}", plane.kubeconfig("admin").display());
        let mut node = Self {
            plane,
            home,
            containerd: RefCell::new(containerd(home)),
            daemons: Vec::new(),
        };
        import(&image_archive::busybox(home));
        node.daemon("kube-scheduler", &[&admin, "--leader-elect=false"]);
        let config = format!("--config={}", kubelet.display());
        node.daemon(
            "kubelet",
            &[
                &admin,
                &config,
                "--hostname-override=node1",
                "--node-ip=192.0.2.10",
                "--container-runtime=remote",
                "--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
            ],
        );
        node.wait("Node", || {
            let ready = "--output=jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
            let (is_done, text) = node.try_kubectl(&["get", "node", "node1", ready]);
            (is_done && text == "True").then_some(())
        });
        node.kubectl(&["create", "namespace", "shop"]);
        let account = ["get", "serviceaccount", "default", "--namespace=shop"];
        node.wait("service account", || {
            node.try_kubectl(&account).0.then_some(())
        });
        node
    }

    fn daemon(&mut self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(bin().join(program));
        let started = start(self.home, program, command.args(arguments));
        self.daemons.push(started);
    }

    /// As an administrator does it; Pods run on.
    pub(crate) fn restart_containerd(&self) {
        let mut daemon = self.containerd.borrow_mut();
        daemon.kill().expect("kill");
        daemon.wait().expect("wait");
        *daemon = containerd(self.home);
    }

    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> (bool, String) {
        self.plane.try_kubectl("admin", arguments, "")
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.plane.kubectl("admin", arguments, "")
    }

    /// Waits until something is found.
    pub(crate) fn wait<T>(&self, what: &str, found: impl Fn() -> Option<T>) -> T {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(found) = found() {
                return found;
            }
            if Instant::now() > end {
                print_end_of_logs(self.home);
                panic!("no {what}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the DaemonSet's Pod is the newest and ready.
    pub(crate) fn wait_for_rollout(&self) {
        let (is_done, text) = self.try_kubectl(&[
            "rollout",
            "status",
            "--timeout=120s",
            "--namespace=oci-hostaliases",
            "daemonset/oci-hostaliases-agent",
        ]);
        let pods = || self.try_kubectl(&["describe", "pods", "--namespace=oci-hostaliases"]);
        if !is_done {
            print_end_of_logs(self.home);
        }
        assert!(is_done, "{text}\n{}\n{}", pods().1, self.set_up_log());
        print!("{text}");
    }

    /// What the first step of the DaemonSet's Pod has written.
    pub(crate) fn set_up_log(&self) -> String {
        let pod = "daemonset/oci-hostaliases-agent";
        let namespace = "--namespace=oci-hostaliases";
        self.try_kubectl(&["logs", namespace, pod, "--container=set-up-node"])
            .1
    }

    /// Imports the project's image with these tags; the hook of the second one has a byte more.
    pub(crate) fn import_images(&self, tags: [&str; 2]) {
        let other = self.home.join("other");
        fs::create_dir_all(&other).expect("a directory");
        for program in fs::read_dir(programs()).expect("the programs").flatten() {
            let name = program.file_name();
            if name.to_string_lossy().starts_with("oci-hostaliases") && program.path().is_file() {
                fs::copy(program.path(), other.join(name)).expect("a program");
            }
        }
        let hook = other.join("oci-hostaliases-hook");
        let mut bytes = fs::read(&hook).expect("the hook");
        bytes.push(b'\n');
        fs::write(&hook, bytes).expect("the hook");
        let root = env!("CARGO_MANIFEST_DIR");
        for (built, tag) in [programs(), other].iter().zip(tags) {
            let out = self.home.join(tag);
            output(
                Command::new(format!("{root}/packaging/container/image.sh"))
                    .current_dir(root)
                    .env("SOURCE_DATE_EPOCH", "1700000000")
                    .arg(built)
                    .arg(format!("{}-unknown-linux-musl", std::env::consts::ARCH))
                    .arg(tag)
                    .arg(&out),
            );
            let files = fs::read_dir(&out).expect("the archive").flatten();
            let mut files = files.map(|entry| entry.path());
            let archive = files.find(|path| path.to_string_lossy().ends_with(".oci.tar"));
            import(&archive.expect("an archive"));
        }
    }

    /// A Pod in the namespace shop that runs on.
    pub(crate) fn web(&self, name: &str) -> Web<'_> {
        let out = self.home.join(name);
        fs::create_dir_all(&out).expect("a directory");
        self.plane.apply(&format!(
            "apiVersion: v1\n\
             kind: Pod\n\
             metadata: {{name: {name}, namespace: shop}}\n\
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
        ));
        let web = Web {
            node: self,
            hosts: out.join("hosts"),
            name: name.to_owned(),
        };
        let is_there = || (!web.hosts().is_empty()).then_some(());
        self.wait(&format!("file of the Pod {name}"), is_there);
        web
    }
}

/// A Pod that keeps a copy of its /etc/hosts where the test sees it.
pub(crate) struct Web<'a> {
    node: &'a Node<'a>,
    hosts: PathBuf,
    name: String,
}

impl Web<'_> {
    /// The file as the Pod had it some milliseconds ago.
    pub(crate) fn hosts(&self) -> String {
        fs::read_to_string(&self.hosts).unwrap_or_default()
    }

    /// The same once the Pod has copied it anew.
    pub(crate) fn hosts_now(&self) -> String {
        fs::remove_file(&self.hosts).expect("its file");
        self.node.wait("a new copy", || {
            let text = self.hosts();
            (!text.is_empty()).then_some(text)
        })
    }

    pub(crate) fn wait_for(&self, text: &str) {
        let found = || self.hosts().contains(text).then_some(());
        self.node.wait(&format!("{text:?} in {}", self.name), found);
    }

    pub(crate) fn wait_without(&self, text: &str) {
        let found = || (!self.hosts_now().contains(text)).then_some(());
        self.node.wait(&format!("end of {text:?}"), found);
    }

    /// The lines after the kubelet's own.
    pub(crate) fn entries(&self) -> String {
        let text = self.hosts_now();
        let rest = text
            .strip_prefix(KUBELETS)
            .unwrap_or_else(|| panic!("{text}"));
        let (line, rest) = rest.split_once('\n').unwrap_or_else(|| panic!("{text}"));
        assert!(line.ends_with(&format!("\t{}", self.name)), "{text}");
        rest.to_owned()
    }

    pub(crate) fn delete(self) {
        let Self { node, name, .. } = self;
        node.kubectl(&["delete", "pod", &name, "--namespace=shop"]);
    }
}

fn containerd(home: &Path) -> Child {
    let daemon = start(home, "containerd", &mut Command::new("containerd"));
    let end = Instant::now() + LIMIT;
    let is_up = || Command::new("ctr").arg("version").output().expect("ctr");
    while !is_up().status.success() {
        if Instant::now() > end {
            print_end_of_logs(home);
            panic!("containerd does not start");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    daemon
}

fn import(archive: &Path) {
    let mut ctr = Command::new("ctr");
    ctr.args(["--namespace", "k8s.io", "images", "import"]);
    output(ctr.arg(archive));
}

fn print_end_of_logs(home: &Path) {
    for log in ["kubelet.log", "containerd.log"] {
        let text = fs::read_to_string(home.join(log)).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(60).collect();
        let lines = lines.iter().rev();
        lines.for_each(|line| println!("{log}: {line}"));
    }
}
