//! What the Kubernetes API accepts as an IP address and as a host name, and how it refuses.

use std::net::IpAddr;

/// Longest host name, in bytes (`DNS1123SubdomainMaxLength`).
pub(crate) const NAME_MAX: usize = 253;

/// Longest name that a machine can have, in bytes (`HOST_NAME_MAX` of gethostname(2)).
pub(crate) const HOST_NAME_MAX: usize = 64;

const BAD_IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const LEADING_ZEROS: &str = "must not have leading 0s";
const MAPPED: &str = "must not be an IPv4-mapped IPv6 address";
const BAD_NAME: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
     and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_TOO_LONG: &str = "must be no more than 253 characters";
const BAD_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
     and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
     validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DOTS: &str = "must not contain dots";
const LABEL_TOO_LONG: &str = "must be no more than 63 characters";

/// Why `text` is not an IP address in the strict reading of Kubernetes 1.36 (`StrictIPCIDRValidation`): no leading
/// zeros, no IPv4-mapped IPv6 address, no zone. Any spelling of IPv6 is valid. `None` if it is valid.
pub fn ip_refusal(text: &str) -> Option<&'static str> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => Some(MAPPED),
        Ok(_) => None,
        Err(_) if without_leading_zeros(text).parse::<IpAddr>().is_ok() => Some(LEADING_ZEROS),
        Err(_) => Some(BAD_IP),
    }
}

/// Why `text` is not a lowercase RFC 1123 subdomain (`IsDNS1123Subdomain`), all reasons. Labels may be longer than
/// 63 bytes there, so they may here too. Empty if it is one.
pub fn name_refusals(text: &str) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if text.len() > NAME_MAX {
        reasons.push(NAME_TOO_LONG);
    }
    if !text.split('.').all(is_label) {
        reasons.push(BAD_NAME);
    }
    reasons
}

/// Why `text` is not an RFC 1123 label (`IsDNS1123Label`), all reasons. Empty if it is one.
pub fn label_refusals(text: &str) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if text.len() > 63 {
        reasons.push(LABEL_TOO_LONG);
    }
    if !is_label(text) {
        let is_subdomain = text.split('.').all(is_label);
        reasons.push(if is_subdomain { DOTS } else { BAD_LABEL });
    }
    reasons
}

/// Whether `text` is a valid name for the file.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= NAME_MAX && text.split('.').all(is_label)
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_label(text: &str) -> bool {
    let ends = text.as_bytes();
    let alphanumeric =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    alphanumeric(ends.first())
        && alphanumeric(ends.last())
        && ends
            .iter()
            .all(|byte| alphanumeric(Some(byte)) || *byte == b'-')
}

/// `010.000.0.5` without the zeros that make it ambiguous (octal to some readers), and `::00001` or
/// `::ffff:010.0.0.5` without superfluous zeros, as the API server's lenient parser reads them.
fn without_leading_zeros(text: &str) -> String {
    let mut rest = String::with_capacity(text.len());
    for part in text.split_inclusive(['.', ':']) {
        let digits = part.trim_end_matches(['.', ':']);
        match digits.trim_start_matches('0') {
            "" if !digits.is_empty() => rest.push('0'),
            significant => rest.push_str(significant),
        }
        rest.extend(part.get(digits.len()..));
    }
    rest
}
