//! What happened while the agent or the API server was away.

use crate::agent::Agent;
use crate::cluster;
use crate::files::{CORP, CORP_FILE, PAYMENT, PAYMENT_FILE};

#[test]
fn an_agent_that_was_away_reconciles() {
    cluster(
        "outages::an_agent_that_was_away_reconciles",
        |plane, home| {
            let agent = Agent::start(plane, home);
            plane.apply(CORP);
            plane.apply(PAYMENT);
            agent.wait_for_files(&[CORP_FILE, PAYMENT_FILE]);
            // Killed: the files stay.
            drop(agent);
            plane.kubectl("admin", &["delete", "chas", "corp"], "");
            plane.apply(&PAYMENT.replace("10.0.7.21", "10.0.7.22"));
            plane.apply(&PAYMENT.replace("name: payment", "name: new"));
            assert_eq!(crate::agent::files().len(), 2);

            let agent = Agent::start(plane, home);
            let text = PAYMENT_FILE.1.replace("10.0.7.21", "10.0.7.22");
            let new = PAYMENT_FILE.1.replace("shop/payment", "shop/new");
            agent.wait_for_files(&[
                ("shop/new+hostaliasset.hosts", &new),
                ("shop/payment+hostaliasset.hosts", &text),
            ]);
        },
    );
}

#[test]
fn an_api_server_that_was_away_is_found_again() {
    cluster(
        "outages::an_api_server_that_was_away_is_found_again",
        |plane, home| {
            plane.apply(CORP);
            let agent = Agent::start(plane, home);
            agent.wait_for_files(&[CORP_FILE]);
            agent.wait_until_in_sync();
            plane.without_api_server(|| {
                agent.wait_for_metric("oci_hostaliases_kubernetes_in_sync", 0.0);
                // The files stay.
                assert_eq!(crate::agent::files().len(), 1);
            });
            agent.wait_for_metric("oci_hostaliases_kubernetes_objects", 1.0);
            plane.apply(PAYMENT);
            // A list that all agents need at once is spread over half a minute.
            let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while crate::agent::files().len() != 2 && std::time::Instant::now() < end {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            agent.wait_for_files(&[CORP_FILE, PAYMENT_FILE]);
            agent.wait_until_in_sync();
            println!("{}", agent.log());
        },
    );
}

/// An agent that starts before anything answers keeps what is in `hosts.d`, and takes up its work.
#[test]
fn an_agent_starts_without_an_api_server() {
    cluster(
        "outages::an_agent_starts_without_an_api_server",
        |plane, home| {
            plane.apply(CORP);
            let agent = Agent::start(plane, home);
            agent.wait_for_files(&[CORP_FILE]);
            let kubeconfig = plane.kubeconfig("agent");
            drop(agent);
            let mut agent = None;
            plane.without_api_server(|| {
                let started = agent.insert(Agent::start_with(&kubeconfig, home));
                started.wait_for_log("asking again later");
                assert_eq!(crate::agent::files().len(), 1);
            });
            let agent = agent.expect("an agent");
            plane.apply(PAYMENT);
            agent.wait_for_files(&[CORP_FILE, PAYMENT_FILE]);
        },
    );
}
