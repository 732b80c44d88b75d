#![no_main]
//! A state, or a `config.json`.

mod checks;

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use oci_hostaliases::facts::config_json::ConfigJson;
use oci_hostaliases::facts::container::{Container, Identity};
use oci_hostaliases::facts::state::{self, State};
use oci_hostaliases::plan;

fuzz_target!(|bytes: &[u8]| {
    state::unreadable_state_asks(bytes);
    match State::read(bytes) {
        Ok(state) => checks::message(&Identity::new(&state.id, &state.annotations)),
        Err(error) => checks::message(&error),
    }
    match ConfigJson::read(bytes).map(|config| Container::new(config, Path::new("/bundle"))) {
        Ok(Ok(container)) => {
            container.crio_pod_ips();
            plan::left_alone(&container.annotations);
            for (entries, asked) in [(false, false), (true, false), (true, true)] {
                plan::for_mount(&container, entries, asked).to_string();
            }
        }
        Ok(Err(error)) => checks::message(&error),
        Err(error) => checks::message(&error),
    }
});
