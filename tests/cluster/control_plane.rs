//! etcd, kube-apiserver and kube-controller-manager of the test's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(90);
const SERVER: &str = "https://192.0.2.10:6443";
const NETWORK: [&str; 5] = [
    "link add eth0 type veth peer name up0",
    "link set up0 up",
    "address add 192.0.2.10/24 dev eth0",
    "link set eth0 up",
    "route add default via 192.0.2.1",
];
/// The name of a user is his token too.
const USERS: &str = "\
    admin,admin,1,system:masters\n\
    agent,system:serviceaccount:oci-hostaliases:oci-hostaliases-agent,2,\
    \"system:serviceaccounts,system:serviceaccounts:oci-hostaliases\"\n\
    other,system:serviceaccount:default:other,5,\
    \"system:serviceaccounts,system:serviceaccounts:default\"\n\
    tenant,tenant,3\n\
    reader,reader,4\n";

/// Dies with the throw-away world that it is started in.
pub(crate) struct ControlPlane {
    bin: PathBuf,
    home: PathBuf,
    etcd: Child,
    api_server: Child,
    controllers: Child,
}

impl ControlPlane {
    /// Starts all three with the programs of `bin`.
    pub(crate) fn start(home: &Path, bin: &Path) -> Self {
        let path = |name: &str| home.join(name).display().to_string();
        // The API server does not start on a machine that leads nowhere.
        for step in NETWORK {
            output(Command::new("ip").args(step.split(' ')));
        }
        fs::write(home.join("users.csv"), USERS).expect("users");
        output(Command::new("openssl").args(["genrsa", "-out", &path("sa.key"), "2048"]));
        output(Command::new("openssl").args([
            "rsa",
            "-in",
            &path("sa.key"),
            "-pubout",
            "-out",
            &path("sa.pub"),
        ]));
        for user in ["admin", "agent", "other", "tenant", "reader"] {
            fs::write(kubeconfig(home, user), configuration(home, user)).expect("kubeconfig");
        }
        let etcd = start(
            home,
            "etcd",
            Command::new(bin.join("etcd")).args([
                "--data-dir",
                &path("etcd"),
                "--listen-client-urls",
                "http://127.0.0.1:2379",
                "--advertise-client-urls",
                "http://127.0.0.1:2379",
                "--listen-peer-urls",
                "http://127.0.0.1:2380",
            ]),
        );
        let mut plane = Self {
            api_server: start_api_server(home, bin),
            controllers: Command::new("true").spawn().expect("true"),
            bin: bin.to_owned(),
            home: home.to_owned(),
            etcd,
        };
        plane.wait_until_ready();
        plane.controllers = start(
            home,
            "controllers",
            Command::new(bin.join("kube-controller-manager"))
                .arg(format!(
                    "--kubeconfig={}",
                    kubeconfig(home, "admin").display()
                ))
                .args([
                    "--leader-elect=false",
                    "--use-service-account-credentials=false",
                    "--bind-address=127.0.0.1",
                ])
                .arg(format!(
                    "--service-account-private-key-file={}",
                    path("sa.key")
                ))
                .arg(format!(
                    "--root-ca-file={}",
                    path("certificates/apiserver.crt")
                )),
        );
        plane
    }

    /// Ends the API server, does something, and starts it again.
    pub(crate) fn without_api_server(&mut self, meanwhile: impl FnOnce()) {
        self.api_server.kill().expect("kill");
        self.api_server.wait().expect("wait");
        meanwhile();
        self.api_server = start_api_server(&self.home, &self.bin);
        self.wait_until_ready();
    }

    /// The API server's process.
    pub(crate) fn api_server_id(&self) -> u32 {
        self.api_server.id()
    }

    /// The kubeconfig of a user: `admin`, `agent`, `other` (a service account), `tenant` or `reader`.
    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        kubeconfig(&self.home, user)
    }

    /// Runs kubectl as this user: whether it succeeded, and what it wrote to stdout and stderr.
    pub(crate) fn try_kubectl(
        &self,
        user: &str,
        arguments: &[&str],
        stdin: &str,
    ) -> (bool, String) {
        let input = self.home.join("stdin");
        fs::write(&input, stdin).expect("stdin");
        let output = Command::new(self.bin.join("kubectl"))
            .env("KUBECONFIG", self.kubeconfig(user))
            .env("HOME", &self.home)
            .args(arguments)
            .stdin(File::open(&input).expect("stdin"))
            .output()
            .expect("kubectl");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8(text).expect("UTF-8"),
        )
    }

    /// The same; it must succeed.
    pub(crate) fn kubectl(&self, user: &str, arguments: &[&str], stdin: &str) -> String {
        let (is_done, text) = self.try_kubectl(user, arguments, stdin);
        assert!(is_done, "kubectl {arguments:?} as {user}: {text}");
        text
    }

    /// `kubectl apply` by the administrator.
    pub(crate) fn apply(&self, manifest: &str) {
        self.kubectl("admin", &["apply", "-f", "-"], manifest);
    }

    fn wait_until_ready(&mut self) {
        let end = Instant::now() + START_LIMIT;
        while !self
            .try_kubectl("admin", &["get", "--raw", "/readyz"], "")
            .0
        {
            let ended = self.api_server.try_wait().expect("wait");
            if ended.is_some() || Instant::now() > end {
                for name in ["etcd", "api-server"] {
                    let log = fs::read_to_string(self.home.join(format!("{name}.log")));
                    println!("{name}: {}", log.unwrap_or_default());
                }
                panic!("the API server does not get ready: {ended:?}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.home.join("api-server.log")).unwrap_or_default();
            let errors = log.lines().filter(|line| !line.starts_with(['I', 'W']));
            errors.for_each(|line| println!("api-server: {line}"));
        }
        for program in [&mut self.controllers, &mut self.api_server, &mut self.etcd] {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

fn start_api_server(home: &Path, bin: &Path) -> Child {
    let path = |name: &str| home.join(name).display().to_string();
    start(
        home,
        "api-server",
        Command::new(bin.join("kube-apiserver")).args([
            "--etcd-servers=http://127.0.0.1:2379",
            "--bind-address=192.0.2.10",
            "--endpoint-reconciler-type=none",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            &format!("--cert-dir={}", path("certificates")),
            &format!("--token-auth-file={}", path("users.csv")),
            &format!("--service-account-key-file={}", path("sa.pub")),
            &format!("--service-account-signing-key-file={}", path("sa.key")),
        ]),
    )
}

pub(crate) fn start(home: &Path, name: &str, command: &mut Command) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(home.join(format!("{name}.log")))
        .expect("log");
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("dup"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn kubeconfig(home: &Path, user: &str) -> PathBuf {
    home.join(format!("{user}.conf"))
}

/// The certificate that the API server makes for itself is in a file with the authority's that signed it.
fn configuration(home: &Path, user: &str) -> String {
    let authority = home.join("certificates/apiserver.crt");
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: test\n\
         contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
         clusters: [{{name: test, cluster: {{server: \"{SERVER}\", certificate-authority: {}}}}}]\n\
         users: [{{name: test, user: {{token: {user}}}}}]\n",
        authority.display()
    )
}

/// Runs a program that must succeed; what it wrote to stdout.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().expect("a program");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
