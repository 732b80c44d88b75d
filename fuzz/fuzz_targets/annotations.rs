#![no_main]
//! The value of an annotation, under each of our keys.

mod checks;

use libfuzzer_sys::fuzz_target;
use oci_hostaliases::facts::annotations::{Annotations, DOMAIN, HOST_ALIASES, MANAGE, POD_IPS};
use oci_hostaliases::facts::request::Request;
use oci_hostaliases::pod_line;

fuzz_target!(|bytes: &[u8]| {
    let value = String::from_utf8_lossy(bytes).into_owned();
    let unknown = format!("oci-hostaliases.io/{value}");
    for key in [HOST_ALIASES, DOMAIN, POD_IPS, MANAGE, unknown.as_str()] {
        let annotations: Annotations = [(key.to_owned(), value.clone())].into_iter().collect();
        match Request::read(&annotations) {
            Err(errors) => checks::message(&errors),
            Ok(request) => {
                let addresses = request.pod_ips.unwrap_or_default();
                let domain = request.domain.as_deref();
                let (mut file, _) = pod_line::managed_file(&addresses, Some("web-0"), domain);
                file.add_host_aliases(HOST_ALIASES, &request.aliases);
                checks::lines(file.bytes());
            }
        }
    }
});
