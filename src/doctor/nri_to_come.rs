//! NRI on a node whose agent is not connected yet: whether the engine will run the hook.

use std::path::Path;

use crate::doctor::nri::{NOT_REGISTERED, hook_of, rejected};
use crate::doctor::report::{Finding, Harm};
use crate::doctor::summary::EngineReport;
use crate::files::agent_state::AgentState;
use crate::files::{config, hosts_d};

const VERSIONS: &str = "containerd 2.0 or CRI-O 1.30 or later";

/// Adds to each engine what the agent will find. `hook`: the hook that it will add to containers.
pub(super) fn examine(engines: &mut [EngineReport], hook: &Path) {
    for engine in engines {
        expect_agent(engine, hook);
    }
}

fn expect_agent(engine: &mut EngineReport, hook: &Path) {
    let is_registered = !engine.hooks.is_empty();
    let config = engine.nri.take();
    let Some(config) = config.filter(|_| engine.is_running && !is_registered) else {
        return;
    };
    let subject = &engine.subject;
    let problem = |text, remedy| {
        let remedy = format!("{remedy}, or register the hook");
        Finding::problem(Harm::NoFile, subject, text, remedy)
    };
    let finding = if config.is_off == Some(true) {
        let text = "NRI is off: the agent cannot make the engine run the hook".to_owned();
        problem(text, format!("{} and restart {subject}", config.turn_on))
    } else if !config.socket.exists() {
        let text = format!("no NRI: {} does not exist", config.socket.display());
        problem(text, format!("use {VERSIONS}"))
    } else {
        engine.findings.retain(|it| it.text != NOT_REGISTERED);
        engine.hooks.push(hook_of(&AgentState {
            hook: hook.to_owned(),
            config: config::DEFAULT_PATH.into(),
            hosts_d: hosts_d::DEFAULT_PATH.into(),
            ..AgentState::default()
        }));
        Finding::ok(
            subject,
            "NRI is on: the engine will run the hook through the agent",
        )
    };
    engine.findings.push(finding);
    if config.rejects_hooks {
        engine.findings.push(rejected(&engine.subject, &config));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{EngineReport, Finding, NOT_REGISTERED, expect_agent};
    use crate::doctor::nri_config::of_containerd;

    #[test]
    fn what_an_agent_will_find() {
        let here = std::env::temp_dir();
        let on = |more: &str| {
            let here = here.display();
            format!("[plugins.\"io.containerd.nri.v1.nri\"]\nsocket_path = \"{here}\"\n{more}")
        };
        let rejects = "[plugins.\"io.containerd.nri.v1.nri\".default_validator]\nenable = true\n\
            reject_oci_hook_adjustment = true\n";
        let is_on = "ok NRI is on: the engine will run the hook through the agent";
        for (config, expected) in [
            (on(""), &[is_on][..]),
            (
                on(rejects),
                &[
                    is_on,
                    "problem NRI: the default validator refuses every container with a hook",
                ],
            ),
            (
                on("disable = true\n"),
                &["problem NRI is off: the agent cannot make the engine run the hook"],
            ),
            (
                "[plugins.\"io.containerd.nri.v1.nri\"]\nsocket_path = \"/nowhere/nri.sock\"\n"
                    .into(),
                &["problem no NRI: /nowhere/nri.sock does not exist"],
            ),
        ] {
            let mut engine = EngineReport {
                subject: "containerd".into(),
                is_running: true,
                findings: vec![Finding::note("containerd", "not registered")],
                nri: Some(of_containerd(
                    Path::new("/etc/c.toml"),
                    &config.parse().unwrap_or_default(),
                )),
                ..EngineReport::default()
            };
            expect_agent(&mut engine, Path::new("/opt/hook"));
            let found = engine
                .findings
                .iter()
                .filter(|it| it.text != NOT_REGISTERED);
            let found = found.map(|it| format!("{} {}", it.verdict.word(), it.text));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{config}");
            let is_given = engine
                .hooks
                .iter()
                .any(|it| it.path == Path::new("/opt/hook"));
            assert_eq!(is_given, expected.contains(&is_on));
        }
    }
}
