#![no_main]
//! From the bytes of the state, of `config.json` and of a file of `hosts.d` to the text and its stamp.

mod checks;

use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use oci_hostaliases::facts::annotations::HOST_ALIASES;
use oci_hostaliases::facts::config_json::ConfigJson;
use oci_hostaliases::facts::container::{Container, Identity};
use oci_hostaliases::facts::request::Request;
use oci_hostaliases::facts::state::State;
use oci_hostaliases::files::hosts_d::NodeEntries;
use oci_hostaliases::log::printable;
use oci_hostaliases::plan::{self, Action};
use oci_hostaliases::pod_line;
use oci_hostaliases::stamp::Stamp;
use oci_hostaliases::text::hosts_lines;

const SIZE_LIMIT: u64 = 4096;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (state, config, node) = (part(), part(), String::from_utf8_lossy(part()));
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
    if plan::left_alone(&container).is_some() {
        return;
    }
    let request = match Request::read(&container.annotations) {
        Ok(request) => request,
        Err(errors) => return checks::message(&errors),
    };
    let mut errors = Vec::new();
    let aliases = hosts_lines::read(&node, |line| line.to_string(), &mut errors);
    let node = NodeEntries {
        files: vec![(
            PathBuf::from("/etc/oci-hostaliases/hosts.d/a.hosts"),
            aliases,
        )],
        left_out: Vec::new(),
    };
    let entries = !request.aliases.is_empty() || !node.is_empty();
    let asked = container.annotations.ask_for_something();
    let plan = plan::for_mount(container.hosts_mount.as_ref(), entries, asked);
    checks::message(&printable(&plan.to_string()));
    if plan.action == Action::Leave {
        return;
    }
    let addresses = pod_line::annotated_addresses(&container, &request).map(|(found, _)| found);
    let hostname = pod_line::host_name(&container, None).map(|(name, _)| name);
    let (mut file, missing) = pod_line::managed_file(
        &addresses.unwrap_or_default(),
        hostname,
        request.domain.as_deref(),
    );
    if let Some(missing) = missing {
        checks::message(&printable(&missing.to_string()));
    }
    file.add_host_aliases(HOST_ALIASES, &request.aliases);
    let own = file.bytes().len();
    node.add_to(&mut file, SIZE_LIMIT);
    checks::lines(file.bytes());
    let (own, node) = file.bytes().split_at(own);
    let stamp = Stamp::new(identity, own, node).bytes().expect("a stamp");
    let stamp = Stamp::read(&stamp).expect("what was written is read");
    let parts = stamp.split(file.bytes()).expect("our own file");
    assert_eq!((parts.own, parts.node, parts.behind), (own, node, &b""[..]));
});
