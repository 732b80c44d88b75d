//! The man pages say what the programs say: every verb, every option, every exit status.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory;
use oci_hostaliases::commands::Cli;

const HOOK: &str = env!("CARGO_BIN_EXE_oci-hostaliases-hook");

/// Options by the verb that has them; "" is the program itself.
type Options = BTreeMap<String, BTreeSet<String>>;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    fs::read_to_string(path).unwrap()
}

fn help(program: &str) -> String {
    let output = Command::new(program).arg("--help").output().unwrap();
    assert!(output.status.success(), "{output:?}");
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

/// The options of a command, each with what is to be given with it: `-f FILE`, `--dry-run`.
fn options_of(command: &clap::Command) -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for option in command.get_opts().chain(command.get_arguments()) {
        let value = match option.get_value_names() {
            Some(names) if option.get_action().takes_values() => format!(" {}", names.join(" ")),
            _ => String::new(),
        };
        let short = option.get_short().map(|it| format!("-{it}{value}"));
        let long = option.get_long().map(|it| format!("--{it}{value}"));
        options.extend(short.into_iter().chain(long));
    }
    options
}

/// The program and its verbs that do something, with their options. `-h` is the program's only.
fn commands(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
    let verbs: Vec<_> = command
        .get_subcommands()
        .filter(|it| !it.is_hide_set())
        .collect();
    if verbs.is_empty() || path.is_empty() {
        found.push((path.to_owned(), command.clone()));
    }
    for verb in verbs {
        let path = format!("{path} {}", verb.get_name());
        commands(verb, path.trim_start(), found);
    }
}

pub(crate) fn tool() -> Vec<(String, clap::Command)> {
    let mut cli = Cli::command();
    cli.build();
    let mut found = Vec::new();
    commands(&cli, "", &mut found);
    found
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
                let line = line.replace('*', "").replace(';', ",");
                found.extend(line.split(", ").map(str::to_owned));
            }
        }
    }
    options
}

#[test]
fn every_option_of_the_tool() {
    let asked = ["-h", "--help"];
    let of_tool = tool().into_iter().map(|(verb, command)| {
        let mut options = options_of(&command);
        options.retain(|it| verb.is_empty() || !asked.contains(&it.as_str()));
        (verb, options)
    });
    let of_tool: Options = of_tool.collect();
    assert!(of_tool["render"].contains("-f FILE"), "{of_tool:?}");
    assert_eq!(options_of_page(&page("oci-hostaliases.1.md")), of_tool);
}

#[test]
fn every_verb_of_the_tool_and_what_it_takes() {
    let page = page("oci-hostaliases.1.md");
    let synopsis = page
        .split("\n# ")
        .find_map(|it| it.strip_prefix("SYNOPSIS\n"))
        .unwrap();
    for (verb, command) in tool() {
        let words = verb.split_whitespace();
        for word in words {
            assert!(synopsis.contains(&format!("**{word}**")), "{verb}");
        }
        let heading = format!("\n## {verb}\n");
        let section = page
            .split_once(&heading)
            .map(|(_, it)| it.split("\n## ").next().unwrap());
        for option in command.get_opts() {
            for value in option.get_possible_values() {
                let name = format!("*{}*", value.get_name());
                assert!(section.unwrap().contains(&name), "{verb} {option}: {name}");
            }
        }
    }
    let cli = Cli::command();
    let hidden = cli.get_subcommands().filter(|it| it.is_hide_set());
    let hidden: Vec<_> = hidden.map(clap::Command::get_name).collect();
    // The second is for the program itself.
    assert_eq!(hidden, ["completions", "do-steps"]);
    assert!(page.contains("**oci-hostaliases completions** *SHELL*"));
}

#[test]
fn every_option_of_the_hook() {
    let in_help = options_in(&help(HOOK));
    let in_page = &options_of_page(&page("oci-hostaliases-hook.8.md"))[""];
    let in_page: &BTreeSet<_> = &in_page.iter().flat_map(|it| options_in(it)).collect();
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
    let mut agent = oci_hostaliases::agent::options::Options::command();
    agent.build();
    let in_page = &options_of_page(&page("oci-hostaliases-agent.8.md"))[""];
    assert_eq!(*in_page, options_of(&agent));
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

/// The sections that man-pages(7) names, in its order; a page may have others among them.
const SECTIONS: [&str; 11] = [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "COMMANDS",
    "EXIT STATUS",
    "ENVIRONMENT",
    "FILES",
    "NOTES",
    "EXAMPLES",
    "SEE ALSO",
];
const OPTIONAL: [&str; 4] = ["OPTIONS", "COMMANDS", "ENVIRONMENT", "NOTES"];

#[test]
fn every_page_has_its_sections_in_order() {
    for name in [
        "oci-hostaliases.1.md",
        "oci-hostaliases-hook.8.md",
        "oci-hostaliases-agent.8.md",
        "oci-hostaliases.conf.5.md",
    ] {
        let page = page(name);
        let found: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|heading| SECTIONS.contains(heading))
            .collect();
        let expected: Vec<_> = SECTIONS
            .into_iter()
            .filter(|section| found.contains(section) || !OPTIONAL.contains(section))
            .collect();
        assert_eq!(found, expected, "{name}");
        // go-md2man gives code in a line a font that man(1) does not know.
        let code: Vec<_> = page.lines().filter(|line| line.contains('`')).collect();
        assert_eq!(code, Vec::<&str>::new(), "{name}");
    }
}
