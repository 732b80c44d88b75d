//! What the author of a Pod can write cannot become a line, a log record or a path, and shows him nothing of
//! the node's. (That no annotation becomes a line is tested with made-up ones in
//! tests/annotation_properties.rs.)

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use serde_json::json;

use crate::bundle::{Bundle, Host};
use crate::{ALIASES, BOILERPLATE, HOST_ALIASES, tracer, whole_file, world};

const SANDBOX_NAMESPACE: &str = "io.kubernetes.cri.sandbox-namespace";

/// Values that end a line, move a cursor, or look like a log record.
const FORGERIES: [&str; 8] = [
    "x\n<3>sshd[1]: Accepted password for root",
    "x\r\n<0>kernel: panic",
    "x\0<3>cut",
    "x\u{1b}[2J\u{1b}]0;title\u{7}",
    "x\u{9b}31m",
    "x\u{85}next line",
    "x\u{2028}line\u{2029}paragraph",
    "x\u{202e}txet desrever",
];

fn records(log: &UnixDatagram) -> Vec<String> {
    let (mut records, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(length) = log.recv(&mut buffer) {
        let record = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if record.contains("oci-hostaliases-hook[") {
            records.push(record);
        }
    }
    records
}

fn is_plain(text: &str) -> bool {
    let moves = |c| matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| c.is_control() || moves(c))
}

/// One record, one line, for names and values of every kind.
#[test]
fn log_records_cannot_be_forged() {
    world("tenants::log_records_cannot_be_forged", |home| {
        let log = UnixDatagram::bind("/dev/log").unwrap();
        log.set_nonblocking(true).unwrap();
        let places = [
            "io.kubernetes.cri.sandbox-name",
            SANDBOX_NAMESPACE,
            "io.kubernetes.cri.container-name",
            HOST_ALIASES,
            "oci-hostaliases.io/domain",
            "oci-hostaliases.io/pod-ips",
            "oci-hostaliases.io/manage",
            "a key of its own",
        ];
        for stage in ["prestart", "createContainer"] {
            for forgery in FORGERIES {
                for place in places {
                    if forgery.contains('\0') && stage == "createContainer" {
                        continue; // the same bytes, and enough of them
                    }
                    let mut bundle = Bundle::new(home, "crun", stage);
                    bundle.annotate(HOST_ALIASES, ALIASES);
                    match place {
                        "a key of its own" => {
                            bundle.annotate(&format!("oci-hostaliases.io/{forgery}"), "x");
                        }
                        _ => bundle.annotate(place, forgery),
                    }
                    bundle.run();
                    let records = records(&log);
                    assert_eq!(records.len(), 1, "{place} {forgery:?}: {records:#?}");
                    assert!(is_plain(&records[0]), "{place}: {:?}", records[0]);
                    let head = ["<27>", "<28>", "<30>"];
                    assert!(
                        head.iter().any(|head| records[0].starts_with(head)),
                        "{records:?}"
                    );
                }
            }
        }
    });
}

/// What reaches stderr reaches the Pod's events and an administrator's terminal.
#[test]
fn stderr_cannot_be_forged() {
    world("tenants::stderr_cannot_be_forged", |home| {
        for forgery in FORGERIES {
            let mut bundle = Bundle::new(home, "runc", "prestart");
            bundle.annotate(HOST_ALIASES, forgery);
            bundle.annotate("io.kubernetes.cri.sandbox-name", forgery);
            bundle.annotate(&format!("oci-hostaliases.io/{forgery}"), forgery);
            bundle.write();
            let command = [crate::call::hook_of(&bundle)];
            let ended = crate::call::call(&command, &crate::call::state(&bundle, 4_000_000));
            assert_eq!(ended.status.code(), Some(5), "{}", ended.stderr);
            let line = ended.stderr.strip_suffix('\n').unwrap();
            assert!(is_plain(line), "{line:?}");
        }
    });
}

/// Every path that the hook opens or looks at is one of the node's, the runtime's or the container's own
/// rootfs: a value that a tenant wrote is in none of them.
#[test]
fn no_value_becomes_a_path() {
    world("tenants::no_value_becomes_a_path", |home| {
        let marker = "tenants-marker";
        let secret = home.join(marker);
        fs::create_dir_all(&secret).unwrap();
        fs::write(secret.join("a.hosts"), "192.0.2.66 secret\n").unwrap();
        fs::write(secret.join("hosts"), "192.0.2.66 secret\n").unwrap();
        let mut up = String::new();
        for depth in 0..8 {
            up.push_str("../");
            let path = format!("{up}{}", secret.strip_prefix("/").unwrap().display());
            let values = [secret.display().to_string(), path];
            for value in values {
                let mut bundle = Bundle::new(home, "runc", "prestart");
                fs::create_dir_all(bundle.hosts_d().join("shop")).unwrap();
                for key in [
                    SANDBOX_NAMESPACE,
                    "io.kubernetes.pod.namespace",
                    "io.kubernetes.cri.sandbox-name",
                    "io.kubernetes.cri.container-name",
                    "io.kubernetes.cri.sandbox-id",
                    "io.kubernetes.cri-o.MountPoint",
                    "unknown",
                ] {
                    bundle.annotate(key, &value);
                }
                bundle.annotate(HOST_ALIASES, ALIASES);
                bundle.config["process"]["env"] = json!(["PATH=/bin", format!("HOSTNAME={value}")]);
                tracer::record(&mut bundle);
                let shown = bundle.shown();
                assert_eq!(shown, whole_file(), "{value}");
                let calls = tracer::recorded(&bundle);
                let is_read =
                    |call: &&String| !call.starts_with("read(") && !call.starts_with("execve(");
                let told = ["write(", "sendto(", "fsetxattr("];
                let path = calls
                    .iter()
                    .filter(is_read)
                    .filter(|call| !told.iter().any(|told| call.starts_with(told)))
                    .find(|call| call.contains(marker));
                assert_eq!(path, None, "depth {depth}");
            }
        }
    });
}

/// The engine's file is read as the container sees it: a source path that a tenant could aim at a file of
/// the node's is never opened.
#[test]
fn source_of_the_mount_is_not_opened() {
    world("tenants::source_of_the_mount_is_not_opened", |home| {
        let mut bundle = Bundle::new(home, "runc", "prestart");
        bundle.annotate(HOST_ALIASES, ALIASES);
        let directory = bundle.directory().join("userdata");
        fs::create_dir_all(&directory).unwrap();
        let source = directory.join("hosts");
        fs::write(&source, "127.0.0.1 of-the-engine\n").unwrap();
        bundle.bind(&source, "/etc/hosts");
        // By the time of the hook the runtime has mounted what was there; now it leads elsewhere.
        tracer::record(&mut bundle);
        let recorder = bundle.directory().join("wrapped-hook");
        let script = fs::read_to_string(&recorder).unwrap();
        let swap = format!(
            "#!/bin/sh\nmv {source} {source}.old; ln -s /etc/shadow {source}\n",
            source = source.display()
        );
        fs::write(&recorder, script.replacen("#!/bin/sh\n", &swap, 1)).unwrap();
        let shown = bundle.shown();
        assert!(
            shown.starts_with("127.0.0.1 of-the-engine\n\n# Entries"),
            "{shown}"
        );
        let opened = tracer::recorded(&bundle);
        // It is read in config.json and written into the stamp, for `refresh`.
        let as_text = ["read(", "execve(", "fsetxattr("];
        let opened = opened.iter().find(|call| {
            call.contains("userdata") && !as_text.iter().any(|start| call.starts_with(start))
        });
        assert_eq!(opened, None);
    });
}

/// One file is opened for writing, the container's own, by name below a descriptor and only if it is new.
#[test]
fn one_file_is_opened_for_writing() {
    world("tenants::one_file_is_opened_for_writing", |home| {
        for stage in ["prestart", "createContainer"] {
            let mut bundle = Bundle::new(home, "runc", stage);
            bundle.annotate(HOST_ALIASES, ALIASES);
            tracer::record(&mut bundle);
            assert_eq!(bundle.shown(), whole_file());
            let calls = tracer::recorded(&bundle);
            let writing = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"];
            let opened: Vec<_> = calls
                .iter()
                .filter(|call| call.starts_with("open"))
                .filter(|call| writing.iter().any(|flag| call.contains(flag)))
                .collect();
            let [own] = opened[..] else {
                panic!("{stage}: {opened:#?}")
            };
            assert!(own.contains(", \"hosts\", O_RDWR|O_CREAT|O_EXCL|"), "{own}");
            assert!(own.contains("O_NOFOLLOW"), "{own}");
        }
    });
}

fn node_with_secrets(home: &Path) {
    fs::write("/etc/hosts", "192.0.2.77 of-the-node-only\n").unwrap();
    let hosts_d = home.join("bundle/hosts.d");
    for (file, line) in [
        ("other/a.hosts", "192.0.2.78 of-another-namespace\n"),
        ("a.hosts.bak", "192.0.2.79 of-a-backup\n"),
        (".hidden.hosts", "192.0.2.80 of-a-hidden-file\n"),
    ] {
        let path = hosts_d.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, line).unwrap();
    }
    std::os::unix::fs::symlink("/etc/hosts", hosts_d.join("link.hosts")).unwrap();
}

/// A Pod sees of the node's files what is meant for it.
#[test]
fn nothing_of_the_node_is_shown() {
    world("tenants::nothing_of_the_node_is_shown", |home| {
        for stage in ["prestart", "createContainer"] {
            let mut bundle = Bundle::new(home, "runc", stage);
            node_with_secrets(home);
            let host = Host::look();
            bundle.annotate(SANDBOX_NAMESPACE, "shop");
            assert_eq!(bundle.shown(), BOILERPLATE, "{stage}");
            bundle.annotate(HOST_ALIASES, ALIASES);
            assert_eq!(bundle.shown(), whole_file(), "{stage}");
            host.assert_unchanged();
            fs::remove_dir_all(bundle.hosts_d()).unwrap();
        }
    });
}

/// The message has the bad value as the author wrote it, and nothing else from its file.
#[test]
fn refused_lines_of_the_node_are_not_told_to_the_pod() {
    let test = "tenants::refused_lines_of_the_node_are_not_told_to_the_pod";
    world(test, |home| {
        let mut bundle = Bundle::new(home, "runc", "prestart");
        bundle.annotate(HOST_ALIASES, "not-an-address a");
        fs::create_dir_all(bundle.hosts_d()).unwrap();
        fs::write(bundle.hosts_d().join("a.hosts"), "bad secret-of-the-node\n").unwrap();
        let ran = bundle.run();
        assert!(!ran.started);
        assert!(ran.stderr.contains("not-an-address"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("secret-of-the-node"), "{}", ran.stderr);
    });
}
