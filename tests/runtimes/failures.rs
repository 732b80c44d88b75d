//! A container whose own request is bad is not started and leaves nothing; one that asked for
//! nothing starts, whatever is wrong.

use std::fs;

use serde_json::json;

use crate::bundle::IMAGE_HOSTS;
use crate::{BOILERPLATE, each_runtime_and_stage};

#[test]
fn bad_annotation() {
    each_runtime_and_stage("failures::bad_annotation", |bundle| {
        bundle.annotate("io.kubernetes.cri.sandbox-name", "web-0");
        bundle.annotate("io.kubernetes.cri.sandbox-namespace", "shop");
        bundle.annotate("io.kubernetes.cri.container-name", "main");
        bundle.annotate(
            "oci-hostaliases.io/host-aliases",
            r#"[{"ip":"010.0.0.5","hostnames":["ok"]},{"ip":"10.0.0.5","hostames":["x"]}]"#,
        );
        let ran = bundle.run();
        assert_eq!(ran.stdout, "");
        ran.assert_refused(
            5,
            "pod shop/web-0, container main: \
             oci-hostaliases.io/host-aliases[0].ip: Invalid value: \"010.0.0.5\": must not have leading 0s; \
             oci-hostaliases.io/host-aliases[1].hostames: Unknown field",
        );
        let state = std::process::Command::new(bundle.runtime)
            .args(["state", "case"])
            .output()
            .unwrap();
        assert!(!state.status.success(), "the container is still there");
    });
}

#[test]
fn a_mistyped_annotation_asks_for_something() {
    each_runtime_and_stage(
        "failures::a_mistyped_annotation_asks_for_something",
        |bundle| {
            bundle.ask_for_nothing();
            bundle.annotate("oci-hostaliases.io/host-alias", "10.0.0.5 x");
            let ran = bundle.run();
            ran.assert_refused(
                5,
                "oci-hostaliases.io/host-alias: Unknown field: did you mean oci-hostaliases.io/host-aliases?",
            );
        },
    );
}

#[test]
fn nothing_asked_and_etc_hosts_is_a_directory() {
    each_runtime_and_stage(
        "failures::nothing_asked_and_etc_hosts_is_a_directory",
        |bundle| {
            bundle.ask_for_nothing();
            fs::remove_file(bundle.rootfs.join("etc/hosts")).unwrap();
            fs::create_dir(bundle.rootfs.join("etc/hosts")).unwrap();
            bundle.set_script("stat -c %F /etc/hosts");
            assert_eq!(bundle.shown(), "directory\n");
        },
    );
}

#[test]
fn unknown_things_in_config_json() {
    each_runtime_and_stage("failures::unknown_things_in_config_json", |bundle| {
        bundle.ask_for_nothing();
        bundle.config["invented"] = json!({"after": "us"});
        assert_eq!(bundle.shown(), BOILERPLATE);
    });
}

/// The node's file is missing and the container is on the host's network. The kubelet does not create such a
/// container; nor does the hook if it requested something.
#[test]
fn node_without_etc_hosts() {
    each_runtime_and_stage("failures::node_without_etc_hosts", |bundle| {
        let before = fs::read("/etc/hosts").unwrap();
        fs::remove_file("/etc/hosts").unwrap();
        bundle.set_namespace("network", None);
        let ran = bundle.run();
        bundle.ask_for_nothing();
        let nothing_asked = bundle.run();
        fs::write("/etc/hosts", before).unwrap();
        ran.assert_refused(4, "/etc/hosts");
        assert_eq!(nothing_asked.stdout, IMAGE_HOSTS);
    });
}
