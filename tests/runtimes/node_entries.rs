//! `hosts.d`: entries for a whole node or namespace, seen from inside a container.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::bundle::IMAGE_HOSTS;
use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage, section};

#[test]
fn node_and_namespace() {
    each_runtime_and_stage("node_entries::node_and_namespace", |bundle| {
        let _ = fs::remove_dir_all(bundle.hosts_d());
        let node_b = bundle.entries("b.hosts", "10.0.0.2 registry.corp registry # the node's\n");
        let node_a = bundle.entries("a.hosts", "\n# nothing but this\n10.0.0.1\tnode.corp\r\n");
        let upper = bundle.entries("Z.hosts", "10.0.0.26 upper-case-sorts-first.corp\n");
        bundle.entries("notes.txt", "10.9.9.9 not-read.corp\n");
        bundle.entries(".hidden.hosts", "10.9.9.9 not-read.corp\n");
        bundle.entries("empty.hosts", "# no entries, no section\n");
        bundle.entries("other/x.hosts", "10.9.9.9 of-another-namespace.corp\n");
        let shop = bundle.entries(
            "shop/x.hosts",
            "10.0.0.3 registry.corp\n10.0.0.4 registry.corp\n",
        );
        let of_node = [
            section(&upper, "10.0.0.26\tupper-case-sorts-first.corp\n"),
            section(&node_a, "10.0.0.1\tnode.corp\n"),
            section(&node_b, "10.0.0.2\tregistry.corp\tregistry\n"),
        ]
        .concat();
        let of_shop = section(&shop, "10.0.0.3\tregistry.corp\n10.0.0.4\tregistry.corp\n");

        assert_eq!(
            bundle.shown(),
            format!("{BOILERPLATE}{ALIASES_SECTION}{of_node}")
        );
        for key in [
            "io.kubernetes.cri.sandbox-namespace",
            "io.kubernetes.pod.namespace",
        ] {
            bundle.ask_for_nothing();
            bundle.annotate(key, "shop");
            assert_eq!(bundle.shown(), format!("{BOILERPLATE}{of_shop}{of_node}"));
        }
        bundle.annotate("oci-hostaliases.io/host-aliases", crate::ALIASES);
        assert_eq!(
            bundle.shown(),
            format!("{BOILERPLATE}{ALIASES_SECTION}{of_shop}{of_node}")
        );
        bundle.annotate("oci-hostaliases.io/manage", "false");
        assert_eq!(bundle.shown(), IMAGE_HOSTS);
    });
}

#[test]
fn the_kubelets_file_is_extended() {
    each_runtime_and_stage("node_entries::the_kubelets_file_is_extended", |bundle| {
        let node = bundle.entries("a.hosts", "10.0.0.1 node.corp\n");
        let source = bundle.directory().join("pods/8e6a1c4b/etc-hosts");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        let kubelets = "# Kubernetes-managed hosts file.\n10.200.0.5\tweb-0.shop.svc\tweb-0\n";
        fs::write(&source, kubelets).unwrap();
        bundle.bind(&source, "/etc/hosts");
        bundle.ask_for_nothing();
        assert_eq!(
            bundle.shown(),
            format!("{kubelets}{}", section(&node, "10.0.0.1\tnode.corp\n"))
        );
        assert_eq!(fs::read_to_string(source).unwrap(), kubelets);
    });
}

#[test]
fn what_is_wrong_is_left_out() {
    each_runtime_and_stage("node_entries::what_is_wrong_is_left_out", |bundle| {
        bundle.ask_for_nothing();
        let good = bundle.entries(
            "good.hosts",
            "10.0.0.1 ok.corp\n010.0.0.1 zeros.corp\n10.0.0.2 Upper.corp\n10.0.0.3 last.corp",
        );
        let writable = bundle.entries("writable.hosts", "10.9.9.9 anybody.corp\n");
        fs::set_permissions(writable, fs::Permissions::from_mode(0o666)).unwrap();
        let foreign = bundle.entries("foreign.hosts", "10.9.9.9 of-a-user.corp\n");
        std::os::unix::fs::chown(foreign, Some(1000), None).unwrap();
        let elsewhere = bundle.entries("elsewhere", "10.9.9.9 behind-a-symlink.corp\n");
        symlink(elsewhere, bundle.hosts_d().join("link.hosts")).unwrap();
        fs::create_dir(bundle.hosts_d().join("directory.hosts")).unwrap();
        let fifo = std::process::Command::new("mkfifo")
            .arg(bundle.hosts_d().join("fifo.hosts"))
            .status();
        assert!(fifo.unwrap().success());
        let expected = format!(
            "{BOILERPLATE}{}",
            section(
                &good,
                "10.0.0.1\tok.corp\n10.0.0.2\tUpper.corp\n10.0.0.3\tlast.corp\n"
            )
        );
        assert_eq!(bundle.shown(), expected);

        // A namespace is a directory of that name and no path; a directory is no symlink.
        let outside = bundle.directory().join("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("x.hosts"), "10.9.9.9 outside.corp\n").unwrap();
        symlink(&outside, bundle.hosts_d().join("linked")).unwrap();
        for namespace in [
            "../outside",
            "..",
            ".",
            "",
            "linked",
            "a/../../outside",
            "good.hosts",
            "Shop",
        ] {
            bundle.annotate("io.kubernetes.cri.sandbox-namespace", namespace);
            assert_eq!(bundle.shown(), expected, "{namespace}");
        }

        // A directory that a user could put files into is not read at all.
        fs::set_permissions(bundle.hosts_d(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(bundle.shown(), BOILERPLATE);
    });
}

#[test]
fn ten_thousand_entries() {
    each_runtime_and_stage("node_entries::ten_thousand_entries", |bundle| {
        bundle.ask_for_nothing();
        let lines: String = (0..10_000)
            .map(|nth| format!("10.1.{}.{}\thost-{nth}.corp\n", nth / 250, nth % 250))
            .collect();
        let many = bundle.entries("many.hosts", &lines);
        // Together they do not fit into 1 MiB: the one that does not is left out.
        let more = bundle.entries("more.hosts", &lines.replace(".corp", &".corp".repeat(15)));
        let few = bundle.entries("zzz.hosts", "10.0.0.1 few.corp\n");
        assert!(fs::metadata(more).unwrap().len() < 1024 * 1024);
        assert_eq!(
            bundle.shown(),
            format!(
                "{BOILERPLATE}{}{}",
                section(&many, &lines),
                section(&few, "10.0.0.1\tfew.corp\n")
            )
        );
    });
}
