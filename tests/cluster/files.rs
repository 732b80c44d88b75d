//! From objects to the bytes in `hosts.d`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::{Agent, HOSTS_D};
use crate::cluster;
use crate::control_plane::{ControlPlane, output};

pub(crate) const PAYMENT: &str = r#"
apiVersion: oci-hostaliases.io/v1alpha1
kind: HostAliasSet
metadata: {name: payment, namespace: shop}
spec:
  hostAliases:
  - {ip: 10.0.7.21, hostnames: [api.payment.corp, payment]}
  - {ip: "2001:DB8:0:0::A", hostnames: [six.payment.corp]}
"#;
pub(crate) const CORP: &str = r#"
apiVersion: oci-hostaliases.io/v1alpha1
kind: ClusterHostAliasSet
metadata: {name: corp}
spec:
  hostAliases:
  - {ip: 10.0.0.1, hostnames: [registry.corp]}
"#;
const CORP_OF_TWO: &str = r#"
apiVersion: oci-hostaliases.io/v1alpha1
kind: ClusterHostAliasSet
metadata: {name: corp}
spec:
  namespaces: [shop, web]
  hostAliases:
  - {ip: 10.0.0.1, hostnames: [registry.corp]}
"#;

pub(crate) const PAYMENT_FILE: (&str, &str) = (
    "shop/payment+hostaliasset.hosts",
    "# Written by oci-hostaliases-agent from HostAliasSet shop/payment. Change the object instead.\n\
     10.0.7.21\tapi.payment.corp payment\n\
     2001:DB8:0:0::A\tsix.payment.corp\n",
);
const CORP_TEXT: &str = "# Written by oci-hostaliases-agent from ClusterHostAliasSet corp. Change the object instead.\n\
     10.0.0.1\tregistry.corp\n";
pub(crate) const CORP_FILE: (&str, &str) = ("+corp+clusterhostaliasset.hosts", CORP_TEXT);

#[test]
fn objects_become_files() {
    cluster("files::objects_become_files", |plane, home| {
        let agent = Agent::start(plane, home);
        agent.wait_until_in_sync();

        plane.apply(CORP);
        plane.apply(PAYMENT);
        agent.wait_for_files(&[CORP_FILE, PAYMENT_FILE]);
        agent.wait_for_metric("oci_hostaliases_kubernetes_objects", 2.0);
        agent.wait_for_metric("oci_hostaliases_kubernetes_entries", 3.0);

        // The entry moves to the namespaces that are named, and back.
        plane.apply(CORP_OF_TWO);
        let of_two = [
            ("shop/~corp+clusterhostaliasset.hosts", CORP_TEXT),
            ("web/~corp+clusterhostaliasset.hosts", CORP_TEXT),
        ];
        agent.wait_for_files(&[of_two[0], of_two[1], PAYMENT_FILE]);
        // Nothing but the agent's file was in it.
        plane.apply(CORP);
        agent.wait_for_files(&[CORP_FILE, PAYMENT_FILE]);
        assert!(!Path::new(HOSTS_D).join("web").exists());

        // A new name is another object.
        plane.apply(&CORP.replace("name: corp", "name: renamed"));
        plane.kubectl("admin", &["delete", "chas", "corp"], "");
        agent.wait_for_files(&[
            (
                "+renamed+clusterhostaliasset.hosts",
                "# Written by oci-hostaliases-agent from ClusterHostAliasSet renamed. Change the object instead.\n\
                 10.0.0.1\tregistry.corp\n",
            ),
            PAYMENT_FILE,
        ]);
        plane.kubectl("admin", &["delete", "chas", "renamed"], "");

        // A namespace that is deleted takes its entries along; made anew it has none.
        plane.kubectl("admin", &["delete", "namespace", "shop"], "");
        agent.wait_for_files(&[]);
        plane.kubectl("admin", &["create", "namespace", "shop"], "");
        plane.apply(PAYMENT);
        agent.wait_for_files(&[PAYMENT_FILE]);
    });
}

#[test]
fn files_of_others_are_left_alone() {
    cluster("files::files_of_others_are_left_alone", |plane, home| {
        let shop = Path::new(HOSTS_D).join("shop");
        fs::create_dir_all(&shop).expect("a directory");
        let by_hand = ("shop/own.hosts", "10.9.9.9\tby-hand\n");
        let in_the_way = ("shop/payment+hostaliasset.hosts", "10.9.9.9\tin-the-way\n");
        for (path, text) in [by_hand, in_the_way] {
            fs::write(Path::new(HOSTS_D).join(path), text).expect("a file");
        }
        let agent = Agent::start(plane, home);
        plane.apply(PAYMENT);
        plane.apply(CORP);
        agent.wait_for_files(&[by_hand, in_the_way, CORP_FILE]);
        agent.wait_for_metric("oci_hostaliases_kubernetes_refused_files", 1.0);
        let expected = "/etc/oci-hostaliases/hosts.d/shop/payment+hostaliasset.hosts: has the name of an \
                        agent's file, but another first line: move it away";
        assert!(agent.log().contains(expected), "{}", agent.log());

        // Once it is moved away, the object's file takes its place; no event of the API server is needed.
        fs::rename(
            shop.join("payment+hostaliasset.hosts"),
            shop.join("mine.hosts"),
        )
        .expect("rename");
        let mine = ("shop/mine.hosts", in_the_way.1);
        agent.wait_for_files(&[by_hand, mine, PAYMENT_FILE, CORP_FILE]);
        agent.wait_for_metric("oci_hostaliases_kubernetes_refused_files", 0.0);

        // A file of the agent's that is edited by hand or removed is put right.
        fs::write(
            shop.join("payment+hostaliasset.hosts"),
            format!("{}10.6.6.6\tx\n", PAYMENT_FILE.1),
        )
        .expect("a file");
        agent.wait_for_files(&[by_hand, mine, PAYMENT_FILE, CORP_FILE]);
        fs::remove_file(Path::new(HOSTS_D).join(CORP_FILE.0)).expect("remove");
        agent.wait_for_files(&[by_hand, mine, PAYMENT_FILE, CORP_FILE]);

        plane.kubectl(
            "admin",
            &["delete", "has", "payment", "--namespace", "shop"],
            "",
        );
        plane.kubectl("admin", &["delete", "chas", "corp"], "");
        agent.wait_for_files(&[by_hand, mine]);
    });
}

/// 1,000 objects of 10 entries: what is read, how often it is asked for, and how much memory it takes.
#[test]
fn a_thousand_objects() {
    cluster("files::a_thousand_objects", |plane, home| {
        let entries: String = (0..10)
            .map(|n| format!("  - {{ip: 10.1.2.{n}, hostnames: [name-{n}.example.corp]}}\n"))
            .collect();
        let object = |n: usize| {
            format!(
                "---\napiVersion: oci-hostaliases.io/v1alpha1\nkind: HostAliasSet\n\
                 metadata: {{name: set-{n}, namespace: shop}}\nspec:\n  hostAliases:\n{entries}"
            )
        };
        // One kubectl does not send more than some requests in a second.
        let plane = &*plane;
        std::thread::scope(|scope| {
            for part in 0..20 {
                let objects: String = (0..50).map(|n| object(part * 50 + n)).collect();
                scope.spawn(move || plane.kubectl("admin", &["create", "-f", "-"], &objects));
            }
        });

        let before = lists(plane);
        let began = Instant::now();
        let agent = Agent::start(plane, home);
        agent.wait_for_metric("oci_hostaliases_kubernetes_objects", 1000.0);
        agent.wait_for_metric("oci_hostaliases_kubernetes_entries", 10_000.0);
        agent.wait_until_in_sync();
        println!(
            "1,000 objects of 10 entries after {} ms",
            began.elapsed().as_millis()
        );
        assert_eq!(crate::agent::files().len(), 1000);
        // Time for whatever would ask again.
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(lists(plane) - before, 2, "one list for each kind");
        println!("agent: {} KiB resident", agent.resident());

        // One object more, while all the others are there.
        let began = Instant::now();
        plane.apply(CORP);
        agent.wait_for_metric("oci_hostaliases_kubernetes_objects", 1001.0);
        println!(
            "one more after {} ms, kubectl among them",
            began.elapsed().as_millis()
        );
        plane.kubectl(
            "admin",
            &["delete", "has", "--all", "--namespace", "shop"],
            "",
        );
        agent.wait_for_files(&[CORP_FILE]);
    });
}

/// How many lists of the two kinds the API server has answered.
fn lists(plane: &ControlPlane) -> u64 {
    let metrics = plane.kubectl("admin", &["get", "--raw", "/metrics"], "");
    let of_ours = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && line.contains(r#"verb="LIST""#)
            && line.contains(r#"group="oci-hostaliases.io""#)
            // The garbage collector's and others' in the control plane itself.
            && line.contains(r#"code="200""#)
    });
    let counts = of_ours.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    counts.sum()
}

#[test]
fn the_hook_is_copied_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let hook = directory.path().join("oci-hostaliases-hook");
    let bin = directory.path().join("opt/bin");
    fs::write(&hook, "first").expect("hook");
    let copy = || {
        let mut agent = std::process::Command::new(env!("CARGO_BIN_EXE_oci-hostaliases-agent"));
        output(
            agent
                .arg("--hook")
                .arg(&hook)
                .arg("--copy-hook-to")
                .arg(&bin),
        );
        let place = bin.join("oci-hostaliases-hook");
        let status = fs::metadata(&place).expect("the hook");
        let number = std::os::unix::fs::MetadataExt::ino(&status);
        let mode = std::os::unix::fs::PermissionsExt::mode(&status.permissions());
        (
            fs::read_to_string(place).expect("the hook"),
            mode & 0o7777,
            number,
        )
    };
    let first = copy();
    assert_eq!((first.0.as_str(), first.1), ("first", 0o755));
    assert_eq!(copy(), first, "the same file");
    fs::write(&hook, "second").expect("hook");
    let second = copy();
    assert_eq!((second.0.as_str(), second.1), ("second", 0o755));
    assert_ne!(second.2, first.2, "renamed over, not written into");
    assert_eq!(fs::read_dir(&bin).expect("bin").count(), 1);
}
