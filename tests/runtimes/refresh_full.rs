//! `refresh` where not everything fits: what a container has is not taken away.

use std::fs;

use crate::refresh::{Running, said};
use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage, section};

/// The container fills its file, then `hosts.d` grows by more than the room that is left.
#[test]
fn entries_that_do_not_fit_take_none_away() {
    each_runtime_and_stage(
        "refresh_full::entries_that_do_not_fit_take_none_away",
        |bundle| {
            let _ = fs::remove_dir_all(bundle.hosts_d());
            bundle.set_script("exec sleep 600");
            let path = bundle.entries("a.hosts", "10.0.0.1 one.corp\n");
            let one = section(&path, "10.0.0.1\tone.corp\n");
            let container = Running::start(bundle, "case");
            container.sh("dd if=/dev/zero bs=1000 count=1040 2>/dev/null >>/etc/hosts");
            let grown: String = (0..2200)
                .map(|nth| format!("10.0.0.1 one.corp name-{nth:04}.corp\n"))
                .collect();
            bundle.entries("a.hosts", &grown);
            let told = format!(
                "oci-hostaliases: container case: {path}: its old entries stay, because with the new ones the file \
                 would have more than 1048576 bytes\n"
            );
            for _ in 0..2 {
                assert_eq!(
                    said(&container.refresh()),
                    (
                        "0 refreshed, 1 up to date, 0 not possible\n".to_owned(),
                        told.clone(),
                        4
                    )
                );
                let begins = format!("{BOILERPLATE}{ALIASES_SECTION}{one}");
                let length = begins.len();
                let seen =
                    container.sh(&format!("dd if=/etc/hosts bs={length} count=1 2>/dev/null"));
                assert_eq!(seen, begins);
                let whole = container.sh("wc -c </etc/hosts");
                assert_eq!(whole, format!("{}\n", length + 1_040_000));
            }
            // What fits still arrives, and what is taken out of hosts.d goes.
            let small = bundle.entries("b.hosts", "10.0.0.2 two.corp\n");
            let (stdout, stderr, status) = said(&container.refresh());
            assert_eq!((stderr, status), (told.clone(), 4));
            assert!(
                stdout.starts_with("refreshed: container case\n"),
                "{stdout}"
            );
            let two = section(&small, "10.0.0.2\ttwo.corp\n");
            let begins = format!("{BOILERPLATE}{ALIASES_SECTION}{one}{two}");
            let seen = container.sh(&format!(
                "dd if=/etc/hosts bs={} count=1 2>/dev/null",
                begins.len()
            ));
            assert_eq!(seen, begins);
            fs::remove_file(&path).unwrap();
            assert_eq!(said(&container.refresh()).2, 0);
            let begins = format!("{BOILERPLATE}{ALIASES_SECTION}{two}");
            let seen = container.sh(&format!(
                "dd if=/etc/hosts bs={} count=1 2>/dev/null",
                begins.len()
            ));
            assert_eq!(seen, begins);
        },
    );
}
