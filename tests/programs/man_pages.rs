//! The man pages say what the programs say: every verb, every option, every exit status.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

const TOOL: &str = env!("CARGO_BIN_EXE_oci-hostaliases");
const HOOK: &str = env!("CARGO_BIN_EXE_oci-hostaliases-hook");

/// Options by the verb that has them; "" is the program itself.
pub(crate) type Options = BTreeMap<String, BTreeSet<String>>;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    fs::read_to_string(path).unwrap()
}

fn help(program: &str, verb: &[&str]) -> String {
    let output = Command::new(program)
        .args(verb)
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "{verb:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// The words of `text` that look like options: `-f`, `--pod-ip`.
fn options_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split(|c: char| !is_part(c))
        .filter(|word| {
            word.starts_with('-')
                && word
                    .trim_start_matches('-')
                    .starts_with(|c: char| c.is_ascii_alphabetic())
        })
        .map(str::to_owned)
        .collect()
}

/// The lines of a help text below `heading`, up to the next line without indentation.
fn block<'t>(help: &'t str, heading: &str) -> impl Iterator<Item = &'t str> {
    help.lines()
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
}

/// What `--help` says, for all verbs. `--help` itself and `--version` are the program's only.
pub(crate) fn options_of_tool(verb: &[&str], options: &mut Options) {
    let help = help(TOOL, verb);
    let mut own = BTreeSet::new();
    for line in block(&help, "Options:") {
        let is_option =
            line.trim_start().starts_with('-') && line.len() - line.trim_start().len() <= 6;
        if is_option {
            own.extend(options_in(line.trim_start().split("  ").next().unwrap()));
        }
    }
    if !verb.is_empty() {
        own.remove("-h");
        own.remove("--help");
    }
    let verbs: Vec<_> = block(&help, "Commands:")
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for inner in &verbs {
        options_of_tool(&[verb, &[*inner]].concat(), options);
    }
    if verbs.is_empty() || verb.is_empty() {
        options.insert(verb.join(" "), own);
    }
}

/// What a page says: the terms of its lists of definitions, which start with an option, in the
/// sections of verbs and in OPTIONS.
fn options_of_page(page: &str) -> Options {
    let mut options = Options::new();
    let mut section = None;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            section = (heading == "OPTIONS").then(String::new);
        } else if let Some(heading) = line.strip_prefix("## ") {
            section = Some(heading.to_owned());
        }
        if let Some(section) = &section {
            let found = options.entry(section.clone()).or_default();
            if line.starts_with("**-") {
                found.extend(options_in(line));
            }
        }
    }
    options
}

#[test]
fn every_option_of_the_tool() {
    let mut in_help = Options::new();
    options_of_tool(&[], &mut in_help);
    assert!(
        in_help["render"].contains("-f"),
        "the help was not understood: {in_help:?}"
    );
    assert!(
        in_help["register containerd"].contains("--dry-run"),
        "{in_help:?}"
    );
    assert_eq!(options_of_page(&page("oci-hostaliases.1.md")), in_help);
}

#[test]
fn every_option_of_the_hook() {
    let in_help = options_in(&help(HOOK, &[]));
    let in_page = &options_of_page(&page("oci-hostaliases-hook.8.md"))[""];
    let asked: BTreeSet<_> = ["-h", "--help", "-V", "--version"]
        .map(str::to_owned)
        .into();
    // The usage is one line and does not say how to ask for it.
    let rest: BTreeSet<_> = in_page.difference(&asked).cloned().collect();
    let in_help: BTreeSet<_> = in_help
        .difference(&asked)
        .filter(|option| option.starts_with("--"))
        .cloned()
        .collect();
    assert_eq!(rest, in_help);
    assert!(asked.is_subset(in_page), "{in_page:?}");
    for asked in asked {
        let status = Command::new(HOOK).arg(&asked).output().unwrap().status;
        assert!(status.success(), "{asked}");
    }
}

#[test]
fn every_option_of_the_agent() {
    let help = help(env!("CARGO_BIN_EXE_oci-hostaliases-agent"), &[]);
    let is_option = |line: &&str| line.trim_start().starts_with('-');
    let in_help: BTreeSet<_> = block(&help, "Options:")
        .filter(is_option)
        .flat_map(|line| options_in(line.trim_start().split("  ").next().unwrap()))
        .collect();
    let in_page = &options_of_page(&page("oci-hostaliases-agent.8.md"))[""];
    // A line below the options names those that config.toml has, too.
    assert_eq!(*in_page, in_help);
}

#[test]
fn every_exit_status() {
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exit.rs")).unwrap();
    let numbers: BTreeSet<String> = source
        .lines()
        .filter_map(|line| {
            line.trim()
                .split_once(" = ")?
                .1
                .strip_suffix(',')
                .map(str::to_owned)
        })
        .filter(|number| number.parse::<u8>().is_ok())
        .collect();
    assert!(
        numbers.len() >= 6,
        "exit.rs was not understood: {numbers:?}"
    );
    for name in ["oci-hostaliases.1.md", "oci-hostaliases-hook.8.md"] {
        let page = page(name);
        let listed: BTreeSet<String> = page
            .lines()
            .skip_while(|line| *line != "# EXIT STATUS")
            .skip(1)
            .take_while(|line| !line.starts_with("# "))
            .filter_map(|line| {
                line.strip_prefix("**")?
                    .strip_suffix("**")
                    .map(str::to_owned)
            })
            .collect();
        assert_eq!(listed, numbers, "{name}");
    }
}

#[test]
fn every_page_has_its_sections() {
    for name in [
        "oci-hostaliases.1.md",
        "oci-hostaliases-hook.8.md",
        "oci-hostaliases-agent.8.md",
        "oci-hostaliases.conf.5.md",
    ] {
        let page = page(name);
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "FILES",
            "EXIT STATUS",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            assert!(
                page.contains(&format!("\n# {section}\n")),
                "{name} has no {section}"
            );
        }
    }
}
