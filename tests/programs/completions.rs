//! bash completes every verb and every option.

use std::collections::BTreeSet;
use std::process::Command;

use crate::man_pages::tool;

/// What bash offers for the last of these words. The script is read as bash-completion does it.
fn completed(words: &[&str]) -> BTreeSet<String> {
    let ask = r#"
        eval "$("$1" completions bash)"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        function=$(complete -p oci-hostaliases | sed 's/.*-F \([^ ]*\).*/\1/')
        "$function" oci-hostaliases "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let tool = env!("CARGO_BIN_EXE_oci-hostaliases");
    let mut bash = Command::new("bash");
    bash.args(["-c", ask, "bash", tool]).args(words);
    let output = bash.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_verb_and_option() {
    for (verb, command) in tool() {
        let words: Vec<&str> = ["oci-hostaliases"]
            .into_iter()
            .chain(verb.split_whitespace())
            .collect();
        let mut options = BTreeSet::new();
        for option in command.get_arguments() {
            options.extend(option.get_short().map(|it| format!("-{it}")));
            options.extend(option.get_long().map(|it| format!("--{it}")));
        }
        assert_eq!(completed(&[&words[..], &["-"]].concat()), options, "{verb}");
        if let (Some((last, before)), false) = (words.split_last(), verb.is_empty()) {
            let offered = completed(&[before, &[last]].concat());
            assert!(offered.contains(*last), "{verb}: {offered:?}");
        }
        for option in command.get_opts() {
            let values = option.get_possible_values();
            let names: BTreeSet<String> =
                values.iter().map(|it| it.get_name().to_owned()).collect();
            if !names.is_empty() {
                let long = format!("--{}", option.get_long().unwrap());
                let offered = completed(&[&words[..], &[&long, ""]].concat());
                assert_eq!(offered, names, "{verb} {long}");
            }
        }
    }
    // No verb that the program keeps for itself.
    let offered = completed(&["oci-hostaliases", "d"]);
    assert_eq!(offered, BTreeSet::from(["doctor".to_owned()]));
}
