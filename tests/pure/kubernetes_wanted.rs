//! What is changed in `hosts.d` so that it has the files of the API's objects, and no other file is touched.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci_hostaliases::kubernetes::set::{AliasSet, Kind, SetName};
use oci_hostaliases::kubernetes::wanted::{Change, Counts, Present, Wanted};
use serde_json::{Value, json};

fn has(namespace: &str, name: &str, spec: &Value) -> Result<AliasSet, String> {
    let name = SetName {
        kind: Kind::HostAliasSet,
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    };
    AliasSet::read(name, spec)
}

fn chas(name: &str, spec: &Value) -> Result<AliasSet, String> {
    let name = SetName {
        kind: Kind::ClusterHostAliasSet,
        namespace: None,
        name: name.to_owned(),
    };
    AliasSet::read(name, spec)
}

fn one() -> Value {
    json!({"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["one"]}]})
}

const PAYMENT: &str = "# Written by oci-hostaliases-agent from HostAliasSet shop/payment. Change the object instead.\n\
    10.0.0.1\tone\n";
const CORP: &str = "# Written by oci-hostaliases-agent from ClusterHostAliasSet corp. Change the object instead.\n\
    10.0.0.1\tone\n";

fn on_disk(files: &[(&str, &str)]) -> BTreeMap<PathBuf, Present> {
    let present =
        |(path, text): &(&str, &str)| (PathBuf::from(path), Present::Text((*text).to_owned()));
    files.iter().map(present).collect()
}

/// Each change as `verb path`, and what is written.
fn changes(wanted: &Wanted, present: &BTreeMap<PathBuf, Present>) -> Vec<String> {
    let show = |change: Change<'_>| match change {
        Change::Write {
            path,
            before: None,
            text,
        } => format!("new {}: {text}", path.display()),
        Change::Write { path, text, .. } => format!("replace {}: {text}", path.display()),
        Change::Remove { path, .. } => format!("remove {}", path.display()),
        Change::Leave { path, why } => format!("leave {}: {why}", path.display()),
    };
    wanted
        .changes(present, None)
        .into_iter()
        .map(show)
        .collect()
}

fn both(sets: [Vec<Result<AliasSet, String>>; 2]) -> Wanted {
    let mut wanted = Wanted::default();
    for (kind, sets) in Kind::ALL.into_iter().zip(sets) {
        assert_eq!(wanted.replace(kind, sets), [""; 0]);
    }
    wanted
}

#[test]
fn an_empty_hosts_d_gets_the_files() {
    let wanted = both([
        vec![has("shop", "payment", &one())],
        vec![chas("corp", &one())],
    ]);
    assert_eq!(
        changes(&wanted, &on_disk(&[])),
        [
            format!("new +corp+clusterhostaliasset.hosts: {CORP}"),
            format!("new shop/payment+hostaliasset.hosts: {PAYMENT}"),
        ]
    );
}

#[test]
fn what_is_there_already_is_not_written() {
    let wanted = both([vec![has("shop", "payment", &one())], vec![]]);
    let present = on_disk(&[("shop/payment+hostaliasset.hosts", PAYMENT)]);
    assert_eq!(changes(&wanted, &present), [""; 0]);
}

#[test]
fn a_file_edited_by_hand_is_replaced() {
    let wanted = both([vec![has("shop", "payment", &one())], vec![]]);
    let edited = format!("{PAYMENT}10.6.6.6\tedited\n");
    let present = on_disk(&[("shop/payment+hostaliasset.hosts", &edited)]);
    assert_eq!(
        changes(&wanted, &present),
        [format!(
            "replace shop/payment+hostaliasset.hosts: {PAYMENT}"
        )]
    );
}

#[test]
fn what_was_deleted_during_an_absence_goes() {
    let wanted = both([
        vec![],
        vec![chas(
            "corp",
            &json!({"hostAliases": one()["hostAliases"], "namespaces": ["web"]}),
        )],
    ]);
    let present = on_disk(&[
        ("shop/payment+hostaliasset.hosts", PAYMENT),
        ("shop/~corp+clusterhostaliasset.hosts", CORP),
        ("web/~corp+clusterhostaliasset.hosts", CORP),
        ("+corp+clusterhostaliasset.hosts", CORP),
        // A node that crashed before the bytes were on its disk.
        ("shop/empty+hostaliasset.hosts", ""),
    ]);
    assert_eq!(
        changes(&wanted, &present),
        [
            "remove +corp+clusterhostaliasset.hosts",
            "remove shop/empty+hostaliasset.hosts",
            "remove shop/payment+hostaliasset.hosts",
            "remove shop/~corp+clusterhostaliasset.hosts",
        ]
    );
}

#[test]
fn files_of_others_stay() {
    let wanted = both([vec![has("shop", "payment", &one())], vec![]]);
    let mut present = on_disk(&[
        ("shop/payment+hostaliasset.hosts", "10.9.9.9\tby-hand\n"),
        ("shop/gone+hostaliasset.hosts", "10.9.9.9\tby-hand\n"),
        ("corp.hosts", PAYMENT),
        ("shop/payment.hosts", PAYMENT),
    ]);
    present.insert(
        PathBuf::from("shop/link+hostaliasset.hosts"),
        Present::Unreadable("is a symbolic link".to_owned()),
    );
    assert_eq!(
        changes(&wanted, &present),
        [
            "leave shop/payment+hostaliasset.hosts: has the name of an agent's file, but another first line: move it away"
        ]
    );
}

/// A kind that was never listed is not known: its files stay.
#[test]
fn nothing_is_removed_before_a_list() {
    let mut wanted = Wanted::default();
    let present = on_disk(&[
        ("shop/payment+hostaliasset.hosts", PAYMENT),
        ("+corp+clusterhostaliasset.hosts", CORP),
    ]);
    assert_eq!(changes(&wanted, &present), [""; 0]);
    wanted.replace(Kind::ClusterHostAliasSet, []);
    assert!(!wanted.is_complete());
    assert_eq!(
        changes(&wanted, &present),
        ["remove +corp+clusterhostaliasset.hosts"]
    );
    wanted.replace(Kind::HostAliasSet, []);
    assert!(wanted.is_complete());
}

#[test]
fn an_event_concerns_the_files_that_the_object_has_and_had() {
    let two =
        |namespaces: Value| json!({"hostAliases": one()["hostAliases"], "namespaces": namespaces});
    let mut wanted = both([vec![], vec![chas("corp", &two(json!(["shop", "web"])))]]);
    let paths = |paths: Vec<PathBuf>| -> Vec<String> {
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    };
    let (files, left_out) = wanted.put(chas("corp", &one()).unwrap());
    assert_eq!(
        paths(files),
        [
            "+corp+clusterhostaliasset.hosts",
            "shop/~corp+clusterhostaliasset.hosts",
            "web/~corp+clusterhostaliasset.hosts"
        ]
    );
    assert_eq!(left_out, None);
    let name = chas("corp", &one()).unwrap().name;
    assert_eq!(
        paths(wanted.forget(&name)),
        ["+corp+clusterhostaliasset.hosts"]
    );
    assert_eq!(paths(wanted.forget(&name)), [""; 0]);
}

/// Other files are not looked at, so they are neither written nor removed.
#[test]
fn an_event_changes_no_other_file() {
    let wanted = both([
        vec![has("shop", "payment", &one()), has("web", "b", &one())],
        vec![],
    ]);
    let only = [PathBuf::from("shop/payment+hostaliasset.hosts")];
    let present = on_disk(&[]);
    let changes = wanted.changes(&present, Some(&only));
    assert_eq!(
        changes,
        [Change::Write {
            path: &only[0],
            before: None,
            text: PAYMENT
        }]
    );
}

#[test]
fn an_object_too_large_is_left_out_as_a_whole() {
    let names: Vec<_> = (0..64).map(|n| format!("{n:0>60}")).collect();
    let entry = json!({"ip": "10.0.0.1", "hostnames": names});
    let large = json!({"hostAliases": vec![entry; 400]});
    let mut wanted = both([vec![has("shop", "payment", &one())], vec![]]);
    // 400 lines of 10.0.0.1, TAB, 64 names of 60 bytes with a space or the line's end behind each, and the heading.
    let bytes = 400 * (8 + 1 + 64 * 61) + 94;
    let (files, why) = wanted.put(has("shop", "payment", &large).unwrap());
    assert_eq!(
        why.unwrap(),
        format!(
            "HostAliasSet shop/payment: left out as a whole: its entries make a file of {bytes} bytes, but hosts.d allows 1048576: split it"
        )
    );
    assert_eq!(files, [PathBuf::from("shop/payment+hostaliasset.hosts")]);
    let present = on_disk(&[("shop/payment+hostaliasset.hosts", PAYMENT)]);
    assert_eq!(
        changes(&wanted, &present),
        ["remove shop/payment+hostaliasset.hosts"]
    );
    assert_eq!(
        wanted.counts(),
        Counts {
            objects: 1,
            entries: 0,
            left_out: 400
        }
    );
}

#[test]
fn what_is_left_out_is_said_once_and_counted() {
    let bad = json!({"hostAliases": [
        {"ip": "10.0.0.1", "hostnames": ["one"]},
        {"ip": "10.0.0.256", "hostnames": ["two"]},
    ]});
    let said = r#"HostAliasSet shop/payment: left out: spec.hostAliases[1].ip: Invalid value: "10.0.0.256": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#;
    let mut wanted = Wanted::default();
    let list =
        |wanted: &mut Wanted| wanted.replace(Kind::HostAliasSet, [has("shop", "payment", &bad)]);
    assert_eq!(list(&mut wanted), [said]);
    assert_eq!(list(&mut wanted), [""; 0]);
    assert_eq!(wanted.put(has("shop", "payment", &bad).unwrap()).1, None);
    assert_eq!(
        wanted.counts(),
        Counts {
            objects: 1,
            entries: 1,
            left_out: 1
        }
    );
    assert_eq!(wanted.put(has("shop", "payment", &one()).unwrap()).1, None);
    assert_eq!(
        wanted
            .put(has("shop", "payment", &bad).unwrap())
            .1
            .as_deref(),
        Some(said)
    );
    wanted.replace(Kind::HostAliasSet, []);
    assert_eq!(wanted.counts(), Counts::default());
}
