//! The hook's arguments about a Pod: they fill gaps and request nothing.

use oci_hostaliases::facts::container::Identity;
use oci_hostaliases::facts::told::Told;

use crate::fixtures::annotations;

#[test]
fn addresses_that_are_none_are_passed_over() {
    for (list, read) in [
        ("192.0.2.7", &["192.0.2.7"][..]),
        ("192.0.2.7,2001:db8::7", &["192.0.2.7", "2001:db8::7"]),
        (
            "192.0.2.300,,fe80::1%eth0,2001:db8::7,010.0.0.1",
            &["2001:db8::7"],
        ),
        ("", &[]),
        ("x\n10.0.0.1", &[]),
    ] {
        assert_eq!(Told::read_pod_ips(list), read, "{list:?}");
    }
}

#[test]
fn annotations_come_first() {
    let told = Told {
        pod_ips: Vec::new(),
        namespace: Some("told".into()),
        pod: Some("told-0".into()),
        ..Told::default()
    };
    for (known, namespace, pod) in [
        (&[][..], "told", "told-0"),
        (
            &[("io.kubernetes.cri.sandbox-namespace", "shop")],
            "shop",
            "told-0",
        ),
        (&[("io.kubernetes.pod.name", "web-0")], "told", "web-0"),
    ] {
        let annotations = annotations(known);
        let mut identity = Identity::new("c1", &annotations);
        told.complete(&mut identity);
        assert_eq!(identity.namespace.as_deref(), Some(namespace));
        assert_eq!(identity.pod.as_deref(), Some(pod));
        assert!(!annotations.ask_for_something());
    }
}
