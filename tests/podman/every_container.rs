//! `register podman --all` on a node: which file and which drop-in, across an upgrade of the package,
//! beside CRI-O, and taken away again. Podman reads the node's own configuration here.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::image_archive::IMAGE;
use crate::private_podman::{NO_HOOK, Podman, User, succeeded};
use crate::{PROGRAMS, needs, throwaway};

const PACKAGES: &str = "/usr/share/containers/oci/hooks.d/oci-hostaliases.json";
const ADMINISTRATORS: &str = "/etc/containers/oci/hooks.d/oci-hostaliases.json";
const PODMAN_DROP_IN: &str = "/etc/containers/containers.conf.d/99-oci-hostaliases.conf";
const CRIO_DROP_IN: &str = "/etc/crio/crio.conf.d/99-oci-hostaliases.conf";
const OF_THE_NODE: &str = "\n# Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/corp.hosts.\n10.0.0.1\tregistry.corp\n";
const SHIPPED_HOOK: &str = "/usr/libexec/oci/hooks.d/oci-hostaliases-hook";

#[test]
fn registered_for_every_container() {
    let test = "every_container::registered_for_every_container";
    if !needs::met(test, &PROGRAMS) {
        return;
    }
    throwaway::world(test, |home| {
        let node = Node(Podman::set_up(home, "crun", User::Root));
        node.0.output(NO_HOOK, &["run", "--rm", IMAGE, "true"]);
        let configuration = fs::read_to_string(home.join("containers.conf")).unwrap();
        write("/etc/containers/containers.conf", &configuration);
        write(
            "/etc/oci-hostaliases/hosts.d/corp.hosts",
            "10.0.0.1 registry.corp\n",
        );
        node.install_the_package();
        an_upgrade_leaves_it(&node);
        the_lists_of_the_administrator_stay(&node);
        crio_keeps_its_own(&node);
        a_former_version_edited_the_packages_file(&node);
    });
}

struct Node(Podman);

impl Node {
    /// As the package ships it, but for where this test's hook is.
    fn install_the_package(&self) {
        write(PACKAGES, &self.shipped());
    }

    fn shipped(&self) -> String {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/oci-hostaliases.json");
        let shipped = fs::read_to_string(shipped).unwrap();
        shipped.replace(SHIPPED_HOOK, &self.0.hook)
    }

    /// Exit status and both outputs.
    fn tool(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"));
        command.args(arguments);
        if arguments[0] == "register" {
            command.args(["--hook", &self.0.hook]);
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(said).unwrap(),
        )
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let (status, said) = self.tool(arguments);
        assert_eq!(status, 0, "{arguments:?}: {said}");
        said
    }

    /// Whether a container that asks for nothing gets the node's entry, and one that asks does.
    fn has_entries(&self) -> (bool, bool) {
        let has = |more: &[&str]| {
            let run = self.0.run(more);
            succeeded(&run, &self.0.of_the_node(&run)).ends_with(OF_THE_NODE)
        };
        (has(&[]), has(&[crate::ASKS]))
    }
}

fn an_upgrade_leaves_it(node: &Node) {
    assert_eq!(node.has_entries(), (false, true), "as installed");
    node.done(&["register", "podman", "--all"]);
    assert_eq!(
        fs::read_to_string(PODMAN_DROP_IN).unwrap(),
        "# Written by oci-hostaliases register podman --all; unregister podman removes it.\n\
         [engine]\n\
         hooks_dir = [\"/usr/share/containers/oci/hooks.d\", \"/etc/containers/oci/hooks.d\"]\n"
    );
    assert_eq!(fs::read_to_string(PACKAGES).unwrap(), node.shipped());
    assert_eq!(node.has_entries(), (true, true), "registered");
    node.install_the_package();
    assert_eq!(node.has_entries(), (true, true), "after the upgrade");
    assert_eq!(
        node.done(&["register", "podman", "--all"]),
        "nothing to do\n"
    );

    // The package is gone, and so is the hook: Podman passes over the file.
    let away = node.0.home.join("away");
    fs::rename(&node.0.hook, &away).unwrap();
    fs::remove_file(PACKAGES).unwrap();
    assert_eq!(node.has_entries(), (false, false), "removed");
    fs::rename(away, &node.0.hook).unwrap();
    node.install_the_package();
    assert_eq!(node.has_entries(), (true, true), "installed again");

    let said = node.done(&["unregister", "podman"]);
    let stays = format!(
        "; {PACKAGES} stays and runs the hook for containers with an oci-hostaliases.io/ annotation\n"
    );
    assert!(said.ends_with(&stays), "{said}");
    for path in [ADMINISTRATORS, PODMAN_DROP_IN] {
        assert!(!Path::new(path).exists(), "{path}");
    }
    assert_eq!(fs::read_to_string(PACKAGES).unwrap(), node.shipped());
    assert_eq!(node.has_entries(), (false, true), "as installed again");
}

fn the_lists_of_the_administrator_stay(node: &Node) {
    let own = "/etc/containers/containers.conf.d/10-own.conf";
    write(
        own,
        "[engine]\nhooks_dir = [\"/etc/own.d\", \"/usr/share/containers/oci/hooks.d\"]\n",
    );
    node.done(&["register", "podman", "--all"]);
    let list = "\nhooks_dir = [\"/etc/own.d\", \"/usr/share/containers/oci/hooks.d\", \"/etc/containers/oci/hooks.d\"]\n";
    let drop_in = fs::read_to_string(PODMAN_DROP_IN).unwrap();
    assert!(drop_in.ends_with(list), "{drop_in}");
    node.done(&["unregister", "podman"]);

    // Podman reads the administrator's directory, or another one: no drop-in is needed.
    for directory in ["/etc/containers/oci/hooks.d", "/etc/own.d"] {
        write(own, &format!("[engine]\nhooks_dir = [\"{directory}\"]\n"));
        node.done(&["register", "podman", "--all"]);
        let file = Path::new(directory).join("oci-hostaliases.json");
        assert!(file.exists() && !Path::new(PODMAN_DROP_IN).exists());
        assert_eq!(node.has_entries(), (true, true), "{directory}");
        node.done(&["unregister", "podman"]);
        assert!(!file.exists());
    }
    fs::remove_file(own).unwrap();

    // Of no use below what is read later, and in the place of what is not ours.
    let later = "/etc/containers/containers.conf.d/zz.conf";
    write(
        later,
        "[engine]\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\"]\n",
    );
    let (status, said) = node.tool(&["register", "podman", "--all"]);
    assert_eq!(
        (status, said),
        (
            4,
            format!(
                "oci-hostaliases: {later}: sets hooks_dir, and podman reads it after {PODMAN_DROP_IN}: \
                 add /etc/containers/oci/hooks.d to that list\n"
            )
        )
    );
    fs::remove_file(later).unwrap();
    write(PODMAN_DROP_IN, "# mine\n");
    let (status, said) = node.tool(&["register", "podman", "--all"]);
    assert_eq!(status, 4, "{said}");
    assert!(
        said.contains("already exists and is not from register"),
        "{said}"
    );
    assert!(!Path::new(ADMINISTRATORS).exists());
    fs::remove_file(PODMAN_DROP_IN).unwrap();
}

/// Both engines read the same file; each has a drop-in of its own.
fn crio_keeps_its_own(node: &Node) {
    let said = node.done(&["register", "crio", "--all"]);
    assert!(
        said.contains("\nrestart CRI-O (systemctl restart crio): "),
        "{said}"
    );
    let drop_in = fs::read_to_string(CRIO_DROP_IN).unwrap();
    assert!(
        drop_in.contains("\n[crio.runtime]\nhooks_dir = ["),
        "{drop_in}"
    );
    // CRI-O has it in memory: a shell runs the hook where it is there.
    let file = fs::read_to_string(ADMINISTRATORS).unwrap();
    assert!(file.contains("\"path\": \"/bin/sh\""), "{file}");

    node.done(&["register", "podman", "--all"]);
    assert_eq!(fs::read_to_string(ADMINISTRATORS).unwrap(), file);
    assert_eq!(node.has_entries(), (true, true));
    node.done(&["unregister", "podman"]);
    assert_eq!(fs::read_to_string(ADMINISTRATORS).unwrap(), file);
    assert_eq!(node.has_entries(), (false, true));
    node.done(&["unregister", "crio"]);
    for path in [ADMINISTRATORS, CRIO_DROP_IN] {
        assert!(!Path::new(path).exists(), "{path}");
    }
    assert_eq!(node.done(&["register", "podman"]), "nothing to do\n");
}

fn a_former_version_edited_the_packages_file(node: &Node) {
    let directory = Path::new(PACKAGES).parent().unwrap().to_str().unwrap();
    node.done(&["register", "podman", "--all", "--dir", directory]);
    assert!(
        fs::read_to_string(PACKAGES)
            .unwrap()
            .contains("\"always\": true")
    );
    node.done(&["register", "podman", "--all"]);
    assert_eq!(fs::read_to_string(PACKAGES).unwrap(), node.shipped());
    assert_eq!(node.has_entries(), (true, true));
    node.done(&["unregister", "podman"]);
    assert_eq!(node.has_entries(), (false, true));
}

fn write(path: &str, text: &str) {
    fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
