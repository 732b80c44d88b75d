//! What a Pod requests: reads the annotations of this project.

use crate::facts::annotations::{self, Annotations, DOMAIN, HOST_ALIASES, MANAGE, POD_IPS, PREFIX};
use crate::text::annotation_lines;
use crate::text::host_alias::{self, HostAlias};
use crate::validation::field_error::{FieldError, FieldErrors, bare};
use crate::validation::names;

/// The total size limit for these annotations of a container, in bytes: the API server's limit for all annotations
/// of an object (`TotalAnnotationSizeLimitB`).
pub(crate) const ANNOTATIONS_MAX: usize = 256 * 1024;

/// The longest domain, in bytes: `hostname.domain` may have the 253 bytes of a name, and a host name has at most
/// 64.
const DOMAIN_MAX: usize = names::NAME_MAX - 1 - names::HOST_NAME_MAX;

/// What the annotations request, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Entries for the file.
    pub aliases: Vec<HostAlias>,
    /// The domain of the Pod's line.
    pub domain: Option<String>,
    /// The Pod's addresses, as the author spelled them. `None`: the hook looks for them.
    pub pod_ips: Option<Vec<String>>,
}

impl Request {
    /// Reads the annotations.
    ///
    /// # Errors
    ///
    /// Every field that the API server would refuse, by its path.
    pub fn read(annotations: &Annotations) -> Result<Self, FieldErrors> {
        let mut errors = Vec::new();
        let mut request = Self::default();
        if annotations
            .ours()
            .map(|(_, value)| value.len())
            .sum::<usize>()
            > ANNOTATIONS_MAX
        {
            errors.push(FieldError::too_long(PREFIX, ANNOTATIONS_MAX));
            return FieldErrors::or(errors, request);
        }
        for (key, value) in annotations.ours() {
            match key {
                HOST_ALIASES => request.aliases = read_aliases(value, &mut errors),
                DOMAIN => request.domain = read_domain(value, &mut errors),
                POD_IPS => request.pod_ips = Some(read_pod_ips(value, &mut errors)),
                MANAGE => check_manage(value, &mut errors),
                _ => {
                    let nearest = annotations::nearest_key(key);
                    errors.push(FieldError::unknown(bare(key, "-_./"), nearest));
                }
            }
        }
        FieldErrors::or(errors, request)
    }
}

/// A JSON list, or hosts(5) lines if it does not start like JSON.
fn read_aliases(value: &str, errors: &mut Vec<FieldError>) -> Vec<HostAlias> {
    // A file from a Windows editor can start with a byte order mark.
    let value = value.strip_prefix('\u{feff}').unwrap_or(value);
    if is_list(value) {
        host_alias::read_list(HOST_ALIASES, value, errors)
    } else {
        annotation_lines::read(HOST_ALIASES, value, errors)
    }
}

/// Whether the aliases in this annotation are a JSON list, so that the position of each is an index, and not
/// hosts(5) lines, where it is a line number. An object is a malformed list.
pub(crate) fn is_list(aliases: &str) -> bool {
    aliases.trim_start().starts_with(['[', '{'])
}

fn read_domain(value: &str, errors: &mut Vec<FieldError>) -> Option<String> {
    for detail in domain_refusals(value) {
        errors.push(FieldError::invalid(DOMAIN, value, detail));
    }
    Some(value.to_owned())
}

/// All reasons why `text` is not a valid domain of a Pod's line. Empty if it is valid.
pub(crate) fn domain_refusals(text: &str) -> Vec<String> {
    let refusals = names::name_refusals(text);
    if refusals.is_empty() && text.len() > DOMAIN_MAX {
        return vec![format!(
            "must be no more than {DOMAIN_MAX} characters, to be a name together with the host name"
        )];
    }
    refusals.into_iter().map(str::to_owned).collect()
}

fn read_pod_ips(value: &str, errors: &mut Vec<FieldError>) -> Vec<String> {
    let addresses: Vec<String> = value.split(',').map(str::to_owned).collect();
    for (nth, address) in addresses.iter().enumerate() {
        if let Some(detail) = names::ip_refusal(address) {
            errors.push(FieldError::invalid(
                format!("{POD_IPS}[{nth}]"),
                address,
                detail,
            ));
        }
    }
    addresses
}

fn check_manage(value: &str, errors: &mut Vec<FieldError>) {
    if !["true", "false"].contains(&value) {
        errors.push(FieldError::invalid(
            MANAGE,
            value,
            "must be \"true\" or \"false\"",
        ));
    }
}
