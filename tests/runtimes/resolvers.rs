//! Real resolvers read the file: whatever `hosts.d` has, every name that glibc resolves from it, it
//! resolves from the container's file too, to the same addresses, and so do musl and Go.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bundle::Bundle;
use crate::{needs, runtimes, stages, world};

/// Lines that people really wrote into hosts files, and their neighbours.
const WILD: &str = "127.0.0.1 localhost.localdomain
255.255.255.255\tbroadcasthost
fe80::1%lo0 zoned
0.0.0.0 0.0.0.0
0.0.0.0 ads.example  #[Tracker]
0.0.0.0 ad_server.example
0.0.0.0 -dash.example
0.0.0.0 xn--bcher-kva.example
0.0.0.0 b\u{fc}cher.example
10.0.0.9 FileServer01.Corp.Example fs01
10.0.0.10 printer.corp.example. printer
10.1 short.example
0x7f.0.0.1 hex.example
010.0.0.7 zeros.example
::ffff:10.0.0.11 mapped.example
2001:DB8::A six.example SIX
10.0.0.12\x0bvertical\x0cfeed\r
10.0.0.13 twice
10.0.0.14 twice
 \t 10.0.0.15 indented#comment
10.0.0.16
no.address 10.0.0.17
10.0.0.18 with/slash with%percent with=equals with*star
";

/// How long the property is tried, whatever the machine's speed.
const PROPERTY_TIME: Duration = Duration::from_secs(20);

/// Each name's addresses, in no order: resolvers sort them by what the host can reach. Go spells an
/// IPv4-mapped address as an IPv4 address, so all are.
type Found = BTreeMap<String, BTreeSet<IpAddr>>;

/// The addresses that glibc finds for a name in this world's `/etc/hosts`.
fn getent(name: &str) -> BTreeSet<String> {
    let output = Command::new("getent")
        .args(["-s", "files", "ahosts", "--", name])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let addresses = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    addresses.map(str::to_owned).collect()
}

/// Made-up lines, the same for the same seed: words of odd characters, some lines longer than any reader's,
/// names and addresses that come again.
fn made_up(seed: u64) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let letters: Vec<char> = "abcXYZ019._-+@~:/\u{e9}".chars().collect();
    let mut text = String::new();
    for line in 0..60 {
        text += &match next(4) {
            0 => format!("fd00::{:x}:{:X}", line, next(65536)),
            1 => format!("10.9.0.{}", next(20)),
            _ => format!("10.9.{}.{}", line, next(255)),
        };
        let words = if next(10) == 0 { 90 } else { next(4) };
        for word in 0..words {
            text.push_str(if next(2) == 0 { " " } else { "\t" });
            if next(8) == 0 {
                text += &format!("again{}", next(9));
                continue;
            }
            text += &format!("w{line}x{word}");
            for _ in 0..next(12) {
                text.push(letters[next(letters.len() as u64) as usize]);
            }
        }
        text.push('\n');
    }
    text
}

/// The words behind each line's first, as hosts(5) divides it.
fn names_in(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(|line| {
            line.split([' ', '\t', '\x0b', '\x0c', '\r'])
                .filter(|word| !word.is_empty())
                .skip(1)
        })
        .filter(|name| name.parse::<IpAddr>().is_err())
        .collect()
}

/// Compiles a program of `tests/support` that resolves the names on its stdin.
fn build(compiler: &str, arguments: &[&str], source: &str, program: PathBuf) -> PathBuf {
    let output = Command::new(compiler)
        .args(arguments)
        .arg("-o")
        .arg(&program)
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/support")
                .join(source),
        )
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", "/run/go-cache")
        .env("GO111MODULE", "off")
        .output()
        .unwrap();
    assert!(output.status.success(), "{compiler}: {output:?}");
    program
}

fn found(output: &str) -> Found {
    let line = |line: &str| {
        let mut words = line.split('\t');
        let name = words.next().unwrap().to_owned();
        let addresses = words.map(|word| word.parse::<IpAddr>().unwrap().to_canonical());
        (name, addresses.collect())
    };
    output.lines().map(line).collect()
}

/// What a resolver of this world finds for each name.
fn resolve(program: &OsStr, names: &BTreeSet<&str>) -> Found {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    found(&String::from_utf8(output.stdout).unwrap())
}

/// What glibc finds in `text`.
fn glibc_finds(resolver: &Path, text: &str, names: &BTreeSet<&str>) -> Found {
    fs::write("/etc/hosts", text).unwrap();
    let mut all = resolve(resolver.as_os_str(), names);
    all.retain(|_, addresses| !addresses.is_empty());
    all
}

/// A bundle with these entries for the node, and its `/etc/hosts`.
fn bundle_with(home: &Path, entries: &str) -> (Bundle, String) {
    let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
    bundle.ask_for_nothing();
    bundle.entries("wild.hosts", entries);
    let shown = bundle.shown();
    assert!(shown.lines().all(|line| line.len() < 511), "{shown}");
    (bundle, shown)
}

/// Has a static program in the container resolve all names that glibc finds in `hosts.d`, by the file that
/// the hook mounted there.
fn resolves_in_the_container(home: &Path, program: &Path) {
    let raw = format!("{WILD}{}", made_up(0));
    let names = names_in(&raw);
    let glibc = build("gcc", &[], "resolve.c", home.join("resolve-glibc"));
    let expected = glibc_finds(&glibc, &raw, &names);
    let (mut bundle, _) = bundle_with(home, &raw);
    fs::copy(program, bundle.rootfs.join("bin/resolve")).unwrap();
    // No waiting for a name server where a name is not in the file.
    fs::write(
        bundle.rootfs.join("etc/resolv.conf"),
        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    )
    .unwrap();
    let lines: String = expected.keys().map(|name| format!("{name}\n")).collect();
    fs::write(bundle.rootfs.join("names"), lines).unwrap();
    bundle.set_script("/bin/resolve </names");
    assert_eq!(found(&bundle.shown()), expected);
    assert!(expected.len() > 350, "only {} names", expected.len());
}

#[test]
fn what_getent_finds_in_hosts_d_it_finds_in_the_container() {
    const TEST: &str = "resolvers::what_getent_finds_in_hosts_d_it_finds_in_the_container";
    if !needs::met(TEST, &[("getent", "libc-bin")]) {
        return;
    }
    world(TEST, |home| {
        let raw = format!("{WILD}{}", made_up(0));
        let (_, shown) = bundle_with(home, &raw);
        let names = names_in(&raw);
        fs::write("/etc/hosts", &raw).unwrap();
        let expected: Vec<_> = names.iter().map(|name| getent(name)).collect();
        fs::write("/etc/hosts", &shown).unwrap();
        let mut resolved = 0;
        for (name, expected) in names.iter().zip(expected) {
            if !expected.is_empty() {
                assert_eq!(getent(name), expected, "{name}\n{shown}");
                resolved += 1;
            }
        }
        assert!(resolved > 350, "only {resolved} of {} names", names.len());
    });
}

/// The same as a property, of as many made-up files as there is time for.
#[test]
fn whatever_hosts_d_has_glibc_finds_it_in_the_container() {
    const TEST: &str = "resolvers::whatever_hosts_d_has_glibc_finds_it_in_the_container";
    if !needs::met(TEST, &[("gcc", "gcc")]) {
        return;
    }
    world(TEST, |home| {
        let resolver = build("gcc", &[], "resolve.c", home.join("resolve-glibc"));
        let start = Instant::now();
        let (mut files, mut resolved) = (0, 0);
        while files < 40 && start.elapsed() < PROPERTY_TIME {
            files += 1;
            let raw = made_up(files);
            let names = names_in(&raw);
            let expected = glibc_finds(&resolver, &raw, &names);
            let (_, shown) = bundle_with(home, &raw);
            let found = glibc_finds(&resolver, &shown, &names);
            for (name, addresses) in &expected {
                assert_eq!(
                    found.get(name),
                    Some(addresses),
                    "seed {files}: {name}\n{shown}"
                );
            }
            resolved += expected.len();
        }
        println!("{resolved} names of {files} files");
        assert!(
            files >= 3 && resolved > 100 * files as usize,
            "{resolved} names of {files} files"
        );
    });
}

#[test]
fn a_static_musl_program_finds_them_in_the_container() {
    const TEST: &str = "resolvers::a_static_musl_program_finds_them_in_the_container";
    if !needs::met(TEST, &[("gcc", "gcc"), ("musl-gcc", "musl-tools")]) {
        return;
    }
    world(TEST, |home| {
        let program = build(
            "musl-gcc",
            &["-static"],
            "resolve.c",
            home.join("resolve-musl"),
        );
        resolves_in_the_container(home, &program);
    });
}

/// Debian's Go is 300 MB, so this is tried where it is installed, and not missed where it is not.
#[test]
fn gos_resolver_finds_them_in_the_container() {
    const TEST: &str = "resolvers::gos_resolver_finds_them_in_the_container";
    let installed = fs::read_dir("/usr/lib").unwrap().flatten();
    let go = installed
        .map(|entry| entry.path().join("bin/go"))
        .find(|go| go.is_file())
        .or_else(|| needs::find("go"));
    let Some(go) = go else {
        println!("not tried: no Go here (Debian package golang-go)");
        return;
    };
    if !needs::met(TEST, &[("gcc", "gcc")]) {
        return;
    }
    world(TEST, |home| {
        let program = build(
            go.to_str().unwrap(),
            &["build"],
            "resolve.go",
            home.join("resolve-go"),
        );
        resolves_in_the_container(home, &program);
    });
}
