//! The table `[agent]` of `config.toml`: the agent reads it, the hook passes over it.

use std::path::Path;

use oci_hostaliases::files::agent_config::AgentConfig;
use oci_hostaliases::files::config::Config;

const WHOLE: &str = r#"
on-error = "warn"

[agent]
mount-handlers = ["kata", "gvisor"]
listen = "127.0.0.1:9110"
hook = "/opt/hook"
nri-socket = "/run/nri.sock"
"#;

#[test]
fn what_it_says() {
    let config = AgentConfig::read(WHOLE).expect("a configuration");
    assert!(config.mount_handlers.iter().eq(["gvisor", "kata"]));
    assert_eq!(config.listen, "127.0.0.1:9110".parse().ok());
    assert_eq!(config.hook.as_deref(), Some(Path::new("/opt/hook")));
    assert_eq!(
        config.nri_socket.as_deref(),
        Some(Path::new("/run/nri.sock"))
    );
    let packaged = include_str!("../../packaging/config.toml");
    for text in ["", "on-error = \"fail\"\n", "[agent]\n", packaged] {
        assert_eq!(
            AgentConfig::read(text),
            Ok(AgentConfig::default()),
            "{text:?}"
        );
    }
}

#[test]
fn what_it_may_not_say() {
    for (text, said) in [
        (
            "[agent]\nmount-handler = []\n",
            "line 2: unknown field `mount-handler`, expected one of `mount-handlers`, `listen`, `hook`, `nri-socket`",
        ),
        (
            "[agent]\nmount-handlers = \"kata\"\n",
            "line 2: invalid type: string \"kata\", expected a sequence",
        ),
        (
            "[agent]\n\nlisten = \"9110\"\n",
            "line 3: invalid socket address syntax",
        ),
        (
            "agent = 1\n",
            "line 1: invalid type: integer `1`, expected struct AgentConfig",
        ),
    ] {
        assert_eq!(AgentConfig::read(text), Err(said.to_owned()));
    }
}

#[test]
fn the_hook_passes_over_it() {
    let config = Config::read(WHOLE).expect("a configuration");
    assert_eq!(config.warnings, Vec::<String>::new());
    let config = Config::read("agent = \"x\"\n").expect("a configuration");
    assert_eq!(config.warnings, ["\"agent\": Unknown key"]);
}
