//! What is known of a container's Pod by the one who has the hook run, and may be missing in `config.json`.

use crate::facts::container::Identity;
use crate::validation::names;

/// The hook's arguments about the Pod. The agent has them from the engine. They are no annotations: an
/// annotation asks for something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// `--pod-ips`: the Pod's addresses.
    pub pod_ips: Vec<String>,
    /// `--namespace`: the Pod's namespace.
    pub namespace: Option<String>,
    /// `--pod`: the Pod's name.
    pub pod: Option<String>,
    /// `--entries-to-come`: whether there may be entries for the Pod while it runs.
    pub entries_to_come: bool,
}

impl Told {
    /// Reads `10.200.0.5,fd00::5`. What is no address is passed over: it is not the Pod's author who wrote it.
    pub fn read_pod_ips(list: &str) -> Vec<String> {
        list.split(',')
            .filter(|address| names::ip_refusal(address).is_none())
            .map(str::to_owned)
            .collect()
    }

    /// Adds to the identity what the annotations do not tell.
    pub fn complete(&self, identity: &mut Identity) {
        for (field, told) in [
            (&mut identity.namespace, &self.namespace),
            (&mut identity.pod, &self.pod),
        ] {
            if field.is_none() {
                field.clone_from(told);
            }
        }
    }
}
