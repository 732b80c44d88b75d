//! NRI: whether an engine runs the hook through the agent, and which settings of the engine prevent it.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::doctor::nri_config::NriConfig;
use crate::doctor::report::{Finding, Harm};
use crate::doctor::summary::EngineReport;
use crate::engines::our_hook::{Containers, HOOK_NAME, RegisteredHook, STAGE};
use crate::error::on_one_line;
use crate::files::agent_state::AgentState;
use crate::files::{config, hosts_d};

const START: &str = "run oci-hostaliases register nri";
/// The finding for an engine without a registration.
pub(super) const NOT_REGISTERED: &str = "not registered";

/// Adds the findings about NRI to each engine.
pub(super) fn examine(engines: &mut [EngineReport]) {
    let agent = match AgentState::of_this_node() {
        Ok(agent) => agent,
        Err(error) => {
            let note = Finding::note("agent", on_one_line(&error));
            if let Some(engine) = engines.first_mut() {
                engine.findings.push(note);
            }
            return;
        }
    };
    examine_with(engines, agent.as_ref());
}

fn examine_with(engines: &mut [EngineReport], agent: Option<&AgentState>) {
    for engine in engines.iter_mut() {
        let config = engine.nri.take();
        let is_connected = agent.is_some_and(|agent| serves(agent, engine));
        let findings = judge(engine, config.as_ref(), agent, is_connected);
        if let Some(agent) = agent.filter(|_| is_connected) {
            // The engine runs the hook by NRI, so this finding no longer applies.
            engine.findings.retain(|it| it.text != NOT_REGISTERED);
            engine.hooks.push(hook_of(agent));
        }
        engine.findings.extend(findings);
    }
}

/// The validator refuses every container with a hook from NRI.
pub(super) fn rejected(subject: &str, config: &NriConfig) -> Finding {
    let text = "NRI: the default validator refuses every container with a hook";
    let remedy = format!(
        "{} and restart {subject}, or do not use NRI (oci-hostaliases unregister nri)",
        config.allow_hooks
    );
    let problem = Finding::problem(Harm::NothingStarts, subject, text, remedy);
    match &config.file {
        Some(file) => problem.about(file),
        None => problem,
    }
}

/// Whether the agent is connected to this engine. containerd calls itself `containerd`, CRI-O `cri-o`.
fn serves(agent: &AgentState, engine: &EngineReport) -> bool {
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "");
    let served = agent.engine.as_deref().map(plain).unwrap_or_default();
    let own = engine.subject.split(' ').next().map(plain);
    engine.is_running && own.is_some_and(|own| served.starts_with(&own))
}

fn judge(
    engine: &EngineReport,
    config: Option<&NriConfig>,
    agent: Option<&AgentState>,
    is_connected: bool,
) -> Vec<Finding> {
    let subject = &engine.subject;
    let mut findings = Vec::new();
    if let (Some(agent), true) = (agent, is_connected) {
        let text = format!("NRI: the agent is connected{}", last_event(agent));
        findings.push(Finding::ok(subject, text));
        if agent.started_without > 0 {
            let text = format!(
                "NRI: {} containers started while the agent was not running, and keep their engine's file until their next start",
                agent.started_without
            );
            findings.push(Finding::note(subject, text));
        }
    } else if let (Some(agent), true) = (agent, engine.is_running && config.is_some()) {
        let trouble = agent.trouble.as_deref().unwrap_or("waiting for an engine");
        findings.push(Finding::note(
            subject,
            format!("NRI: the agent runs, but no engine is connected: {trouble}"),
        ));
    } else if engine.hooks.is_empty() && is_on(engine, config) {
        let text = "NRI is on: with the agent, the hook runs without a change of the configuration";
        findings.push(Finding::note(subject, text).with_remedy(START));
    }
    let Some(config) = config else {
        return findings;
    };
    let about = |finding: Finding| match &config.file {
        Some(file) => finding.about(file),
        None => finding,
    };
    if config.is_off == Some(true) {
        let text = "NRI is off: the agent cannot make the engine run the hook";
        let remedy = format!(
            "{} and restart {subject}, or register the hook",
            config.turn_on
        );
        findings.push(about(Finding::note(subject, text).with_remedy(remedy)));
    }
    if config.rejects_hooks && is_connected {
        findings.push(rejected(subject, config));
    }
    if config.requires_us && !is_connected && engine.is_running {
        let text = "NRI: required_plugins has oci-hostaliases, but no agent is connected: no container starts";
        let problem = Finding::problem(Harm::NothingStarts, subject, text, START);
        findings.push(about(problem));
    }
    findings
}

/// Whether the engine listens for plugins.
fn is_on(engine: &EngineReport, config: Option<&NriConfig>) -> bool {
    engine.is_running && config.is_some_and(|config| config.socket.exists())
}

fn last_event(agent: &AgentState) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let event = agent.last_event.map(Duration::from_secs);
    match (event, now) {
        (Some(event), Ok(now)) => {
            let ago = now.saturating_sub(event).as_secs();
            format!("; it handled a container {ago} s ago")
        }
        _ => "; it has not handled a container yet".to_owned(),
    }
}

/// The hook as containers get it by NRI.
pub(super) fn hook_of(agent: &AgentState) -> RegisteredHook {
    let mut args = vec![HOOK_NAME.to_owned(), STAGE.to_owned()];
    for (option, path, default) in [
        ("--config", &agent.config, config::DEFAULT_PATH),
        ("--hosts-d", &agent.hosts_d, hosts_d::DEFAULT_PATH),
    ] {
        if path != Path::new(default) {
            args.extend([option.to_owned(), path.to_string_lossy().into_owned()]);
        }
    }
    RegisteredHook {
        engine: None,
        stage: STAGE.to_owned(),
        path: agent.hook.clone(),
        args,
        // The agent checks that the hook exists before it adds it.
        is_guarded: true,
        has_env: true,
        containers: Some(Containers::All),
    }
}

#[cfg(test)]
mod tests {
    use super::{AgentState, EngineReport, examine_with};
    use crate::doctor::nri_config::tests::{VALIDATOR, read};

    /// What is found of a containerd that runs and is not registered.
    fn found(config: &str, agent: Option<&AgentState>) -> Vec<String> {
        let mut engine = EngineReport {
            subject: "containerd".into(),
            is_running: true,
            nri: Some(read(config)),
            ..EngineReport::default()
        };
        examine_with(std::slice::from_mut(&mut engine), agent);
        let hooks = format!("{} hooks", engine.hooks.len());
        let findings = engine.findings.iter();
        let findings = findings.map(|it| format!("{} {}", it.verdict.word(), it.text));
        findings.chain([hooks]).collect()
    }

    #[test]
    fn what_is_made_of_it() {
        let connected = AgentState {
            engine: Some("containerd v2.3.4".into()),
            started_without: 2,
            ..AgentState::default()
        };
        let alone = AgentState {
            trouble: Some("/var/run/nri/nri.sock: connect: No such file or directory".into()),
            ..AgentState::default()
        };
        let of_crio = AgentState {
            engine: Some("cri-o 1.34.0".into()),
            ..AgentState::default()
        };
        let is_off = "[plugins.\"io.containerd.nri.v1.nri\"]\ndisable = true\n";
        let lines: &[(&str, Option<&AgentState>, &[&str])] = &[
            ("", None, &["0 hooks"]),
            (
                "",
                Some(&connected),
                &[
                    "ok NRI: the agent is connected; it has not handled a container yet",
                    "note NRI: 2 containers started while the agent was not running, and keep their engine's file until their next start",
                    "1 hooks",
                ],
            ),
            (
                is_off,
                Some(&alone),
                &[
                    "note NRI: the agent runs, but no engine is connected: /var/run/nri/nri.sock: connect: No such file or directory",
                    "note NRI is off: the agent cannot make the engine run the hook",
                    "0 hooks",
                ],
            ),
            (
                "",
                Some(&of_crio),
                &[
                    "note NRI: the agent runs, but no engine is connected: waiting for an engine",
                    "0 hooks",
                ],
            ),
            (
                VALIDATOR,
                None,
                &[
                    "problem NRI: required_plugins has oci-hostaliases, but no agent is connected: no container starts",
                    "0 hooks",
                ],
            ),
            (
                VALIDATOR,
                Some(&connected),
                &[
                    "ok NRI: the agent is connected; it has not handled a container yet",
                    "note NRI: 2 containers started while the agent was not running, and keep their engine's file until their next start",
                    "problem NRI: the default validator refuses every container with a hook",
                    "1 hooks",
                ],
            ),
        ];
        for (config, agent, expected) in lines {
            assert_eq!(found(config, *agent), *expected, "{config}");
        }
    }
}
