#![no_main]
//! From the bytes of the state, of `config.json` and of a file of `hosts.d` to the text and its stamp.

mod checks;

use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use oci_hostaliases::compose::{self, Decision, NetworkFacts, Surroundings, TooLarge};
use oci_hostaliases::facts::config_json::ConfigJson;
use oci_hostaliases::facts::container::{Container, Identity};
use oci_hostaliases::facts::request::Request;
use oci_hostaliases::facts::state::State;
use oci_hostaliases::facts::node_entries::NodeEntries;
use oci_hostaliases::log::printable;
use oci_hostaliases::pod_line;
use oci_hostaliases::stamp::{FileId, Stamp};
use oci_hostaliases::text::node_lines;

const SIZE_LIMIT: u64 = 4096;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (state, config, node) = (part(), part(), part());
    let Ok(state) = State::read(state) else {
        return;
    };
    let Ok(config) = ConfigJson::read(config) else {
        return;
    };
    let Ok(container) = Container::new(config, Path::new(&state.bundle)) else {
        return;
    };
    let identity = Identity::new(&state.id, &container.annotations);
    checks::message(&printable(&identity.to_string()));
    let (aliases, _) = node_lines::read(node);
    let node_entries = || NodeEntries {
        files: vec![(
            PathBuf::from("/etc/oci-hostaliases/hosts.d/a.hosts"),
            aliases,
        )],
        ..NodeEntries::default()
    };
    let asks = container.annotations.ask_for_something();
    let mut draft = match compose::decide(&container, asks, node_entries) {
        Ok(Decision::Write(draft)) => draft,
        Ok(Decision::Leave(plan)) => return checks::message(&printable(&plan.to_string())),
        Err(errors) => return checks::message(&errors),
    };
    checks::message(&printable(&draft.plan().to_string()));
    let composed = match draft.compose(SIZE_LIMIT, &mut NoAddresses(&container)) {
        Ok(composed) => composed,
        Err(too_large) => {
            assert!(too_large.bytes as u64 > SIZE_LIMIT);
            return;
        }
    };
    for notice in &composed.notices {
        checks::message(&printable(&notice.to_string()));
    }
    let text = composed.file.bytes();
    assert!(text.len() as u64 <= SIZE_LIMIT);
    checks::lines(text);
    let covered = FileId::new((0, 0), 0, (0, 0));
    let stamp = composed.stamp(identity, "/etc/oci-hostaliases/hosts.d".as_ref(), covered);
    let stamp = stamp.bytes().expect("a stamp");
    let stamp = Stamp::read(&stamp).expect("what was written is read");
    let parts = stamp.split(text).expect("our own file");
    assert_eq!([parts.own, parts.node].concat(), text);
    assert_eq!(parts.behind, b"");
});

/// A network without addresses but those of the annotations; an engine's file that is empty.
struct NoAddresses<'a>(&'a Container);

impl Surroundings for NoAddresses<'_> {
    type Error = TooLarge;

    fn engine_hosts(&mut self, _: &str, _: u64) -> Result<Vec<u8>, TooLarge> {
        Ok(Vec::new())
    }

    fn network(&mut self, request: &Request) -> Result<NetworkFacts, TooLarge> {
        let addresses = pod_line::annotated_addresses(self.0, request).map(|(found, _)| found);
        let hostname = pod_line::host_name(self.0, None).map(|(name, _)| name.to_owned());
        Ok(NetworkFacts::Pod {
            addresses: addresses.unwrap_or_default(),
            hostname,
            domain: request.domain.clone(),
        })
    }
}
