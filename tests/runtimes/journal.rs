//! The node's log where journald listens: a record is found by its container.

use std::fs;
use std::os::unix::net::UnixDatagram;

use crate::bundle::Bundle;
use crate::{runtimes, stages, world};

const JOURNAL: &str = "/run/systemd/journal/socket";

fn listen(path: &str) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn records(socket: &UnixDatagram) -> Vec<String> {
    let mut buffer = vec![0; 64 * 1024];
    std::iter::from_fn(|| {
        socket
            .recv(&mut buffer)
            .ok()
            .map(|length| buffer[..length].to_vec())
    })
    .map(|record| String::from_utf8(record).unwrap())
    .filter(|record| record.contains("oci-hostaliases-hook"))
    .collect()
}

#[test]
fn records_have_fields() {
    world("journal::records_have_fields", |home| {
        fs::create_dir_all("/run/systemd/journal").unwrap();
        let (journal, syslog) = (listen(JOURNAL), listen("/dev/log"));
        let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
        bundle.annotate("oci-hostaliases.io/domain", "Shop");
        bundle.run();
        let situation = "oci-hostaliases.io/domain: Invalid value: \\\"Shop\\\": a lowercase RFC 1123 subdomain must consist of \
             lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character \
             (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
        let situation = situation.replace("\\\"", "\"").replace("\\\\", "\\");
        let head = "PRIORITY=3\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=oci-hostaliases-hook\nCONTAINER_ID=case\n";
        assert_eq!(
            records(&journal),
            [format!("MESSAGE=container case: {situation}\n{head}")]
        );
        bundle.annotate("io.kubernetes.cri.sandbox-name", "web-0");
        bundle.annotate("io.kubernetes.cri.sandbox-namespace", "shop");
        bundle.annotate("io.kubernetes.cri.container-name", "main\nPOD=forged");
        bundle.run();
        assert_eq!(
            records(&journal),
            [format!(
                "MESSAGE=pod shop/web-0, container \"main\\nPOD=forged\" case: {situation}\n{head}\
                 CONTAINER_NAME=main\\nPOD=forged\nPOD=web-0\nNAMESPACE=shop\n"
            )]
        );
        assert_eq!(records(&syslog), Vec::<String>::new());
        // A socket without a reader.
        drop(journal);
        bundle.run();
        let told = records(&syslog);
        assert!(
            told.len() == 1 && told[0].starts_with("<27>oci-hostaliases-hook["),
            "{told:?}"
        );
    });
}

/// An ordinary container of `ctr` has none.
#[test]
fn a_container_without_a_host_name_is_no_warning() {
    world(
        "journal::a_container_without_a_host_name_is_no_warning",
        |home| {
            let syslog = listen("/dev/log");
            let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
            bundle.annotate("oci-hostaliases.io/host-aliases", crate::ALIASES);
            assert!(bundle.run().started);
            let told = records(&syslog);
            // 30: a daemon's information.
            assert!(
            told.len() == 1
                && told[0].starts_with("<30>oci-hostaliases-hook[")
                && told[0].ends_with(
                    "container case: manage: nothing is mounted on /etc/hosts; the host name is not known: no line for the Pod's addresses"
                ),
            "{told:?}"
        );
        },
    );
}
