//! Facts about a container's Pod from the hook's arguments, which may be missing in `config.json`.

use crate::facts::container::Identity;
use crate::validation::names;

/// The hook's arguments about the Pod. The agent gets them from the engine. They are not annotations, because an
/// annotation requests something.
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
    /// Reads `10.200.0.5,fd00::5`. Invalid addresses are skipped: the Pod's author did not write them.
    pub fn read_pod_ips(list: &str) -> Vec<String> {
        list.split(',')
            .filter(|address| names::ip_refusal(address).is_none())
            .map(str::to_owned)
            .collect()
    }

    /// Completes the identity if the annotations do not have it.
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
