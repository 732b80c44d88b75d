//! The words in which Kubernetes' apimachinery refuses a value.

/// The refusal of a name, as `IsDNS1123Subdomain` of Kubernetes' apimachinery words it.
pub(crate) const BAD_NAME: &str = r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// The refusal of an address, as `IsValidIP` of Kubernetes' apimachinery words it.
pub(crate) const BAD_IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
