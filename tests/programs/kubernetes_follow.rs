//! Following the API server: what it is asked, and what becomes of its answers and of their absence. The answers
//! are those of a kube-apiserver 1.20; `tests/cluster` runs the same against a real one.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use oci_hostaliases::kubernetes::follow::{self, Settings, Status, Told};

use crate::recorded_api_server::{Answer, RecordedApiServer};

const HAS: &str = "hostaliassets";
const CHAS: &str = "clusterhostaliassets";
const LIMIT: Duration = Duration::from_secs(20);

fn object(kind: &str, metadata: &str, version: u32, ip: &str) -> String {
    format!(
        r#"{{"apiVersion":"oci-hostaliases.io/v1alpha1","kind":"{kind}","metadata":{{"creationTimestamp":"2026-01-01T00:00:00Z","generation":1,{metadata},"resourceVersion":"{version}","uid":"3b1c1f9e-0000-4000-8000-000000000001"}},"spec":{{"hostAliases":[{{"hostnames":["a"],"ip":"{ip}"}}]}}}}"#
    )
}

fn payment(version: u32, ip: &str) -> String {
    object(
        "HostAliasSet",
        r#""name":"payment","namespace":"shop""#,
        version,
        ip,
    )
}

fn corp(version: u32) -> String {
    object(
        "ClusterHostAliasSet",
        r#""name":"corp""#,
        version,
        "10.0.0.1",
    )
}

fn list(kind: &str, version: u32, items: &[String]) -> Answer {
    let items = items.join(",");
    Answer::Whole(
        200,
        format!(
            r#"{{"apiVersion":"oci-hostaliases.io/v1alpha1","items":[{items}],"kind":"{kind}List","metadata":{{"continue":"","resourceVersion":"{version}"}}}}"#
        ),
    )
}

fn event(kind: &str, object: &str) -> String {
    format!(r#"{{"type":"{kind}","object":{object}}}"#)
}

fn bookmark(version: u32) -> String {
    event(
        "BOOKMARK",
        &format!(
            r#"{{"kind":"HostAliasSet","apiVersion":"oci-hostaliases.io/v1alpha1","metadata":{{"resourceVersion":"{version}","creationTimestamp":null}}}}"#
        ),
    )
}

fn watch(lines: &[String]) -> Answer {
    Answer::Events {
        lines: lines.to_vec(),
        ends: false,
    }
}

const CORP_FILE: (&str, &str) = (
    "+corp+clusterhostaliasset.hosts",
    "# Written by oci-hostaliases-agent from ClusterHostAliasSet corp. Change the object instead.\n10.0.0.1\ta\n",
);

fn payment_file(ip: &str) -> String {
    format!(
        "# Written by oci-hostaliases-agent from HostAliasSet shop/payment. Change the object instead.\n{ip}\ta\n"
    )
}

/// What follows it runs until the test's process ends: nothing stops it but that.
struct Follower {
    server: RecordedApiServer,
    directory: tempfile::TempDir,
    status: Arc<Mutex<Status>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Follower {
    /// With one object of each kind, and watches that stay open.
    fn start() -> Self {
        let follower = Self::new();
        follower.server.answer(
            "list",
            HAS,
            list("HostAliasSet", 7, &[payment(5, "10.0.7.21")]),
        );
        follower
            .server
            .answer("list", CHAS, list("ClusterHostAliasSet", 7, &[corp(6)]));
        follower.server.answer("watch", HAS, watch(&[]));
        follower.server.answer("watch", CHAS, watch(&[]));
        follower.run();
        follower.wait_until_in_sync(true);
        follower
    }

    fn new() -> Self {
        let server = RecordedApiServer::start();
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("kubeconfig"), server.kubeconfig()).expect("kubeconfig");
        Self {
            server,
            directory,
            status: Arc::default(),
            log: Arc::default(),
        }
    }

    fn run(&self) {
        let settings = Settings {
            kubeconfig: Some(self.directory.path().join("kubeconfig")),
            hosts_d: self.directory.path().join("hosts.d"),
            look_again: Arc::default(),
        };
        let (status, log) = (Arc::clone(&self.status), Arc::clone(&self.log));
        std::thread::spawn(move || {
            follow::run(&settings, &mut |told| match told {
                Told::Status(now) => *status.lock().expect("lock") = now,
                Told::Log(_, message) => log.lock().expect("lock").push(message.to_owned()),
            })
        });
    }

    fn files(&self) -> BTreeMap<String, String> {
        let hosts_d = self.directory.path().join("hosts.d");
        let mut found = BTreeMap::new();
        for directory in [hosts_d.clone(), hosts_d.join("shop")] {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if let Ok(text) = fs::read_to_string(entry.path()) {
                    let path = entry.path();
                    let name = path.strip_prefix(&hosts_d).expect("below hosts.d");
                    found.insert(name.display().to_string(), text);
                }
            }
        }
        found
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + LIMIT;
        while !is_so() {
            let log = self.log.lock().expect("lock").clone();
            assert!(
                Instant::now() < end,
                "not {what}: {:#?} {log:#?}",
                self.files()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_files(&self, expected: &[(&str, &str)]) {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        let expected: BTreeMap<String, String> = expected.iter().map(owned).collect();
        self.wait(&format!("{expected:#?}"), || self.files() == expected);
    }

    fn wait_until_in_sync(&self, is: bool) {
        self.wait("in sync", || {
            self.status.lock().expect("lock").is_in_sync == is
        });
    }

    fn wait_for_question(&self, plural: &str, question: &str) {
        let words = || {
            self.server
                .asked(plural)
                .iter()
                .any(|asked| asked.contains(question))
        };
        self.wait(question, words);
    }
}

const PAYMENT: &str = "shop/payment+hostaliasset.hosts";

#[test]
fn one_list_for_each_kind_then_a_watch() {
    let follower = Follower::start();
    follower.wait_for_files(&[CORP_FILE, (PAYMENT, &payment_file("10.0.7.21"))]);
    for plural in [HAS, CHAS] {
        let path = format!("/apis/oci-hostaliases.io/v1alpha1/{plural}?");
        assert_eq!(
            follower.server.asked(plural),
            [
                // From the API server's memory.
                format!("{path}&resourceVersion=0&resourceVersionMatch=NotOlderThan"),
                format!(
                    "{path}&watch=true&timeoutSeconds=290&allowWatchBookmarks=true&resourceVersion=7"
                ),
            ]
        );
    }
    let status = *follower.status.lock().unwrap();
    assert_eq!((status.counts.objects, status.counts.entries), (2, 2));
    assert!(status.last_sync.is_some());
    assert_eq!(
        follower.log.lock().unwrap().as_slice(),
        ["in sync with the API server: 2 objects, 2 entries"]
    );
}

#[test]
fn events_become_changes_of_files() {
    let follower = Follower::start();
    let mut events = vec![event("MODIFIED", &payment(8, "10.0.7.22"))];
    follower.server.answer("watch", HAS, watch(&events));
    follower.wait_for_files(&[CORP_FILE, (PAYMENT, &payment_file("10.0.7.22"))]);
    events.push(event("DELETED", &payment(9, "10.0.7.22")));
    follower.server.answer("watch", HAS, watch(&events));
    follower.wait_for_files(&[CORP_FILE]);
    events.push(event("ADDED", &payment(10, "10.0.7.23")));
    follower.server.answer("watch", HAS, watch(&events));
    follower.wait_for_files(&[CORP_FILE, (PAYMENT, &payment_file("10.0.7.23"))]);
}

/// The next watch begins where the former one ended, so that nothing is listed again.
#[test]
fn a_watch_that_ends_is_taken_up_where_it_ended() {
    let follower = Follower::start();
    follower.server.answer(
        "watch",
        HAS,
        watch(&[event("MODIFIED", &payment(8, "10.0.7.22")), bookmark(120)]),
    );
    follower.wait_for_files(&[CORP_FILE, (PAYMENT, &payment_file("10.0.7.22"))]);
    // The connection breaks, and a second later there is a server again.
    follower
        .server
        .answer("watch", HAS, Answer::Whole(503, "{}".to_owned()));
    follower.wait_until_in_sync(false);
    follower.server.answer("watch", HAS, watch(&[]));
    follower.wait_until_in_sync(true);
    follower.wait_for_question(HAS, "resourceVersion=120");
    let asked = follower.server.asked(HAS);
    let lists = asked.iter().filter(|asked| !asked.contains("watch=true"));
    assert_eq!(lists.count(), 1, "{asked:#?}");
    follower.wait_for_files(&[CORP_FILE, (PAYMENT, &payment_file("10.0.7.22"))]);
}

/// What cannot be listed is not known, and nothing of it is removed.
#[test]
fn without_an_answer_the_files_stay() {
    for answer in [
        // The CRDs are not installed.
        None,
        Some(Answer::Whole(500, r#"{"kind":"Status","status":"Failure","message":"etcd","code":500}"#.to_owned())),
        Some(Answer::Whole(403, r#"{"kind":"Status","status":"Failure","message":"no","reason":"Forbidden","code":403}"#.to_owned())),
        Some(Answer::Whole(200, "no JSON".to_owned())),
    ] {
        let follower = Follower::new();
        let hosts_d = follower.directory.path().join("hosts.d");
        fs::create_dir_all(hosts_d.join("shop")).unwrap();
        fs::write(hosts_d.join(PAYMENT), payment_file("10.0.7.21")).unwrap();
        let gone = "shop/gone+hostaliasset.hosts";
        fs::write(hosts_d.join(gone), payment_file("10.0.7.21")).unwrap();
        if let Some(answer) = answer {
            follower.server.answer("list", HAS, answer);
        }
        follower.server.answer("list", CHAS, list("ClusterHostAliasSet", 7, &[corp(6)]));
        follower.server.answer("watch", CHAS, watch(&[]));
        follower.run();
        let text = payment_file("10.0.7.21");
        follower.wait_for_files(&[CORP_FILE, (gone, &text), (PAYMENT, &text)]);
        follower.wait("refused", || !follower.log.lock().unwrap().is_empty());
        assert!(!follower.status.lock().unwrap().is_in_sync);

        follower.server.answer("list", HAS, list("HostAliasSet", 7, &[payment(5, "10.0.7.22")]));
        follower.server.answer("watch", HAS, watch(&[]));
        follower.wait_for_files(&[CORP_FILE, (PAYMENT, &payment_file("10.0.7.22"))]);
        follower.wait_until_in_sync(true);
    }
}

#[test]
fn a_kubeconfig_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let settings = |kubeconfig: &str| Settings {
        kubeconfig: Some(directory.path().join(kubeconfig)),
        hosts_d: directory.path().join("hosts.d"),
        look_again: Arc::default(),
    };
    fs::write(directory.path().join("broken"), "clusters: 7\n").unwrap();
    for (name, expected) in [
        ("absent", "No such file or directory"),
        ("broken", "invalid type"),
    ] {
        let Err(error) = follow::run(&settings(name), &mut |_| ());
        let line = oci_hostaliases::error::on_one_line(&error);
        let path = directory.path().join(name);
        assert!(line.starts_with(&format!("{}: ", path.display())), "{line}");
        assert!(line.contains(expected), "{line}");
    }
}
