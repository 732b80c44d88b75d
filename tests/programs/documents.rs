//! The Markdown documents: an index with every page, links that lead somewhere, commands that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::man_pages;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `*.md` of the project's root and of `docs`, except the changelog, which names what is gone.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in [root().to_owned(), root().join("docs")] {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let is_page = path.extension().is_some_and(|extension| extension == "md");
            if is_page && !path.ends_with("CHANGELOG.md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

fn is_man_page(path: &Path) -> bool {
    read(path).starts_with("% ")
}

/// The lines of prose, and the lines of code without their indentation.
fn prose_and_code(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut prose, mut code) = (Vec::new(), Vec::new());
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            code.push(line);
        } else if let Some(line) = line.strip_prefix("    ") {
            code.push(line.trim_start());
        } else {
            prose.push(line);
        }
    }
    (prose, code)
}

/// The targets of `[text](target)` and `![text](target)`.
fn links(text: &str) -> Vec<String> {
    let (prose, _) = prose_and_code(text);
    let prose = prose.join("\n");
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

/// A heading's anchor, as forges make it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let (prose, _) = prose_and_code(text);
    prose
        .iter()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

#[test]
fn anchors_are_those_of_forges() {
    for (heading, expected) in [
        ("Which running Pods", "which-running-pods"),
        ("A hook's process, 500 rounds", "a-hooks-process-500-rounds"),
        ("What `refresh` does", "what-refresh-does"),
        ("containerd 2.x", "containerd-2x"),
    ] {
        assert_eq!(anchor(heading), expected);
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for page in documents() {
        for link in links(&read(&page)) {
            if link.contains("://") {
                continue;
            }
            seen += 1;
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            let leads = target.exists()
                && (heading.is_empty() || anchors(&read(&target)).contains(heading));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(seen > 20, "links were not understood: {seen}");
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_index_has_every_page() {
    let index = root().join("docs/README.md");
    let listed: BTreeSet<_> = links(&read(&index)).into_iter().collect();
    for page in documents() {
        if page.parent() == Some(&root().join("docs")) && page != index {
            let name = page.file_name().unwrap().to_str().unwrap();
            assert!(listed.contains(name), "docs/README.md does not list {name}");
        }
    }
}

#[test]
fn every_page_says_first_for_whom_it_is() {
    for page in documents() {
        if page.parent() != Some(&root().join("docs")) || is_man_page(&page) {
            continue;
        }
        let text = read(&page);
        let paragraph = text.split("\n\n").nth(1).unwrap();
        assert!(
            paragraph.starts_with("This page is for you if "),
            "{}: {paragraph}",
            page.display()
        );
    }
}

/// The commands in a page: lines of code, and `spans` in its prose.
fn commands(text: &str) -> Vec<String> {
    let (prose, code) = prose_and_code(text);
    let mut found = Vec::new();
    for line in code {
        let line = line.split(" #").next().unwrap();
        let line = line.trim_start_matches("$ ").trim_start_matches("# ");
        found.extend(line.split(" | ").map(str::to_owned));
    }
    let prose = prose.join(" ");
    found.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    found
}

#[test]
fn every_target_of_make_exists() {
    let makefile = read(&root().join("Makefile"));
    let mut seen = BTreeSet::new();
    for page in documents() {
        for command in commands(&read(&page)) {
            let Some(rest) = command.strip_prefix("make ") else {
                continue;
            };
            let targets = rest
                .split_whitespace()
                .filter(|word| !word.contains('='))
                .take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
            for target in targets {
                assert!(
                    makefile.contains(&format!("\n.PHONY: {target}\n")),
                    "{}: make {target}",
                    page.display()
                );
                seen.insert(target.to_owned());
            }
        }
    }
    assert!(seen.contains("demo") && seen.contains("test"), "{seen:?}");
}

#[test]
fn every_command_of_the_tool_exists() {
    let tool: BTreeMap<_, _> = man_pages::tool().into_iter().collect();
    let mut seen = BTreeSet::new();
    for page in documents() {
        for command in commands(&read(&page)) {
            let Some(rest) = ["oci-hostaliases ", "kubectl hostaliases "]
                .iter()
                .find_map(|program| command.strip_prefix(program))
            else {
                continue;
            };
            let words: Vec<_> = rest.split_whitespace().collect();
            let engines = match words[0] {
                "register" | "unregister" => words.get(1).copied().unwrap_or("containerd"),
                "completions" => continue,
                _ => "",
            };
            for engine in engines.split('|') {
                let verb = format!("{} {engine}", words[0]);
                let known = tool
                    .get(verb.trim())
                    .unwrap_or_else(|| panic!("{}: {command}", page.display()));
                for option in words.iter().filter(|word| word.starts_with("--")) {
                    let option = option.split('=').next().unwrap();
                    assert!(
                        known
                            .get_arguments()
                            .any(|known| known.get_long() == Some(&option[2..])),
                        "{}: {command}",
                        page.display()
                    );
                }
                seen.insert(verb.trim().to_owned());
            }
        }
    }
    assert!(
        seen.contains("doctor") && seen.contains("register containerd"),
        "{seen:?}"
    );
}
