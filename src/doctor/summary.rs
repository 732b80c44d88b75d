//! The summary: whether each engine that runs here runs the hook, and what to change first.

use std::path::PathBuf;

use crate::doctor::nri_config::NriConfig;
use crate::doctor::report::{Finding, Harm, worst};
use crate::doctor::runtimes::UsedRuntime;
use crate::engines::our_hook::RegisteredHook;

/// The findings about one engine.
#[derive(Debug, Clone, Default)]
pub(super) struct EngineReport {
    /// The subject of its findings: `containerd`, `containerd (/etc/k3s/config.toml)`, `CRI-O`.
    pub(super) subject: String,
    /// Its name for `register`, if the hook can be registered with it.
    pub(super) register: Option<&'static str>,
    /// Whether it runs. One that does not run need not run the hook.
    pub(super) is_running: bool,
    /// The findings.
    pub(super) findings: Vec<Finding>,
    /// The registered hooks that it runs.
    pub(super) hooks: Vec<RegisteredHook>,
    /// The OCI runtimes that its configuration names.
    pub(super) runtimes: Vec<UsedRuntime>,
    /// What its configuration says about NRI, if anything.
    pub(super) nri: Option<NriConfig>,
    /// What to change if it does not run the hook.
    pub(super) unregistered: String,
}

impl EngineReport {
    /// What to change so that the engine runs the hook; `None` if it does. `shared`: the findings about the hook,
    /// the node and the runtimes that it uses.
    fn change<'f>(&'f self, shared: impl Iterator<Item = &'f Finding>) -> Option<String> {
        let all = self.findings.iter().chain(shared);
        match worst(all).filter(|(harm, _)| *harm >= Harm::NoFile) {
            Some((_, finding)) if finding.subject == self.subject => {
                Some(finding.remedy().to_owned())
            }
            Some((_, finding)) => Some(finding.change()),
            None => self.hooks.is_empty().then(|| self.unregistered.clone()),
        }
    }

    fn uses(&self, program: &str) -> bool {
        let mut programs = self.runtimes.iter().map(UsedRuntime::program);
        programs.any(|it| it == program)
    }
}

/// Whether an engine runs the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EngineLine {
    pub(crate) subject: String,
    /// What to change; `None` if it works.
    pub(crate) change: Option<String>,
}

/// Everything that was found.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// In groups: engines, hook, node, kernel, runtimes.
    pub(crate) findings: Vec<Finding>,
    /// The engines that run here.
    pub(crate) engines: Vec<EngineLine>,
    /// What to do if no running engine runs the hook.
    idle: Option<String>,
}

/// The findings that are not about one engine.
pub(super) struct Shared {
    /// Each program that is registered.
    pub(super) hooks: Vec<(PathBuf, Vec<Finding>)>,
    /// About the node and its kernel: they concern every engine.
    pub(super) node: Vec<Finding>,
    pub(super) runtimes: Vec<Finding>,
}

impl Report {
    /// `asked`: the engine of `--engine`, whether it runs or not.
    pub(super) fn of(engines: Vec<EngineReport>, shared: Shared, asked: Option<&str>) -> Self {
        let runs = engines.iter().any(|it| it.is_running);
        let concerned = |engine: &EngineReport| engine.is_running || (asked.is_some() && !runs);
        let lines = engines.iter().filter(|it| concerned(it)).map(|engine| {
            let hooks = shared.hooks.iter();
            let hooks = hooks.filter(|(path, _)| engine.hooks.iter().any(|it| it.path == *path));
            let runtimes = shared.runtimes.iter();
            let of_engine = hooks
                .flat_map(|(_, findings)| findings)
                .chain(&shared.node)
                .chain(runtimes.filter(|it| engine.uses(&it.subject)));
            let change = engine.change(of_engine);
            EngineLine {
                subject: engine.subject.clone(),
                change: change.or_else(|| (!engine.is_running).then(|| NOT_RUNNING.to_owned())),
            }
        });
        let lines: Vec<EngineLine> = lines.collect();
        let idle = lines.is_empty().then(|| idle(&engines, asked));
        let mut findings: Vec<Finding> = engines.into_iter().flat_map(|it| it.findings).collect();
        findings.extend(shared.hooks.into_iter().flat_map(|(_, findings)| findings));
        findings.extend(shared.node);
        findings.extend(shared.runtimes);
        Self {
            findings,
            engines: lines,
            idle,
        }
    }

    /// The most important thing to change; `None` if every engine that runs here runs the hook, and there is no
    /// problem.
    pub(crate) fn change(&self) -> Option<String> {
        let worst = worst(self.findings.iter());
        let said = worst.map(|(harm, finding)| (harm, finding.change()));
        let of_engine = self.engines.iter().find_map(|engine| {
            let change = engine.change.as_ref()?;
            Some(format!("{}: {change}", engine.subject))
        });
        match (said, of_engine.or_else(|| self.idle.clone())) {
            (Some((harm, change)), Some(_)) if harm >= Harm::NoFile => Some(change),
            (_, Some(of_engine)) => Some(of_engine),
            (said, None) => said.map(|(_, change)| change),
        }
    }
}

const NOT_RUNNING: &str = "not running: start it";

/// What to do if no engine of this node runs, or the engine of `--engine` is not here.
fn idle(engines: &[EngineReport], asked: Option<&str>) -> String {
    if let Some(asked) = asked {
        return format!("{asked}: not on this node");
    }
    if let Some(registered) = engines.iter().find(|it| !it.hooks.is_empty()) {
        return format!("{}: registered, but {NOT_RUNNING}", registered.subject);
    }
    let mut found: Vec<&str> = engines.iter().filter_map(|it| it.register).collect();
    found.dedup();
    if found.is_empty() {
        found = vec!["containerd", "crio", "podman"];
    }
    format!(
        "not registered: run oci-hostaliases register {}",
        found.join("|")
    )
}

#[cfg(test)]
mod tests {
    use super::{EngineReport, Finding, Harm, Report, Shared};
    use crate::engines::our_hook::RegisteredHook;

    fn problem(harm: Harm, subject: &str) -> Finding {
        Finding::problem(harm, subject, "text", format!("mend {subject}"))
    }

    fn engine(subject: &str, is_running: bool, hook: Option<&str>) -> EngineReport {
        let entry =
            hook.map(|path| serde_json::json!({"path": path, "args": ["oci-hostaliases-hook"]}));
        let hook = entry.and_then(|it| RegisteredHook::read(None, "prestart", &it, None));
        EngineReport {
            subject: subject.to_owned(),
            register: Some("podman"),
            is_running,
            hooks: hook.into_iter().collect(),
            unregistered: "register it".to_owned(),
            ..EngineReport::default()
        }
    }

    fn report(engines: Vec<EngineReport>, node: Vec<Finding>, asked: Option<&str>) -> Report {
        let shared = Shared {
            hooks: vec![("/bad".into(), vec![problem(Harm::NothingStarts, "hook")])],
            node,
            runtimes: Vec::new(),
        };
        let mut report = Report::of(engines, shared, asked);
        // Said of the engines that run it.
        report.findings.retain(|it| it.subject != "hook");
        report
    }

    /// Engines with whether they run and their hook; the lines, and the last one.
    #[test]
    fn every_engine_that_runs_has_to_run_the_hook() {
        for (engines, asked, lines, last) in [
            (&[("a", true, "/h")][..], None, "a works", "works"),
            (&[("a", true, "")], None, "a register it", "a: register it"),
            (
                &[("a", true, "/h"), ("b", true, "")],
                None,
                "a works, b register it",
                "b: register it",
            ),
            (
                &[("a", true, "/h"), ("b", false, "")],
                None,
                "a works",
                "works",
            ),
            (
                &[("a", false, "/h")],
                None,
                "",
                "a: registered, but not running: start it",
            ),
            (
                &[("a", false, "/h")],
                Some("a"),
                "a not running: start it",
                "a: not running: start it",
            ),
            (
                &[("a", false, "")],
                Some("a"),
                "a register it",
                "a: register it",
            ),
            (&[], Some("crio"), "", "crio: not on this node"),
            (
                &[("a", false, "")],
                None,
                "",
                "not registered: run oci-hostaliases register podman",
            ),
            (
                &[],
                None,
                "",
                "not registered: run oci-hostaliases register containerd|crio|podman",
            ),
            (
                &[("a", true, "/h"), ("b", true, "/bad")],
                None,
                "a works, b hook: mend hook",
                "b: hook: mend hook",
            ),
        ] {
            let engines = engines.iter().map(|(subject, is_running, hook)| {
                engine(subject, *is_running, (!hook.is_empty()).then_some(hook))
            });
            let report = report(engines.collect(), Vec::new(), asked);
            let said = report
                .engines
                .iter()
                .map(|it| format!("{} {}", it.subject, it.change.as_deref().unwrap_or("works")));
            assert_eq!(said.collect::<Vec<_>>().join(", "), lines);
            assert_eq!(report.change().as_deref().unwrap_or("works"), last);
        }
    }

    #[test]
    fn the_worst_problem_is_the_one_to_change() {
        let change = |engines: Vec<EngineReport>, node| report(engines, node, None).change();
        let node = |harms: &[Harm]| harms.iter().map(|it| problem(*it, "node")).collect();
        let works = || vec![engine("a", true, Some("/h"))];
        let unregistered = || vec![engine("a", true, None)];
        let (left_out, no_file) = (Harm::LeftOut, Harm::NoFile);
        for (engines, harms, expected) in [
            (works(), &[][..], None),
            (works(), &[left_out], Some("node: mend node")),
            (unregistered(), &[left_out], Some("a: register it")),
            (
                unregistered(),
                &[left_out, no_file],
                Some("node: mend node"),
            ),
            (Vec::new(), &[no_file], Some("node: mend node")),
        ] {
            assert_eq!(change(engines, node(harms)).as_deref(), expected);
        }
        let mut broken = engine("b", true, Some("/h"));
        broken.findings = vec![problem(no_file, "b"), problem(Harm::NothingStarts, "b")];
        let both = report(vec![broken], node(&[Harm::NothingStarts]), None);
        assert_eq!(both.change().as_deref(), Some("b: mend b"));
    }
}
