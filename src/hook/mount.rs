//! The second half of the hook: enters the container and mounts the file on its `/etc/hosts`.

use std::path::Path;

use crate::compose::Draft;
use crate::error::Error;
use crate::facts::container::{Container, Identity};
use crate::facts::told::Told;
use crate::files::config::Config;
use crate::hook::outcome::Outcome;
use crate::hook::stage::Stage;
use crate::hook::surroundings::{Inside, Observed};
use crate::kernel::attach::attach_hosts_file;
use crate::kernel::container_process::ContainerProcess;
use crate::kernel::hosts_tmpfs::HostsFileOptions;
use crate::kernel::pod_network;
use crate::kernel::procfs::ProcDirectory;
use crate::kernel::rootfs::Rootfs;

/// The data for the file, read and checked before the hook enters a namespace.
pub(super) struct Wanted<'a> {
    pub(super) identity: Identity,
    pub(super) container: &'a Container,
    pub(super) draft: Draft<'a>,
    pub(super) config: &'a Config,
    pub(super) told: &'a Told,
    pub(super) hosts_d: &'a Path,
    /// A buffer for the kernel's answers.
    pub(super) buffer: Vec<u8>,
}

/// All effects, in their required order.
pub(super) fn mount(stage: Stage, pid: Option<i64>, wanted: Wanted<'_>) -> Result<Outcome, Error> {
    let Wanted {
        identity,
        container,
        mut draft,
        config,
        told,
        hosts_d,
        buffer,
    } = wanted;
    let own_proc = ProcDirectory::of_self()?;
    let (network, owner) = match stage {
        Stage::Prestart | Stage::CreateRuntime => {
            let process = ContainerProcess::open(pid, &own_proc)?;
            let owner = if container.has_user_namespace {
                process.root_owner()?
            } else {
                None
            };
            let network = Observed::of(pod_network::network_of(process.proc(), &own_proc)?);
            process.enter_namespaces()?;
            (network, owner)
        }
        // The state's pid is 0, 1 or missing here, and /proc/1 is the host's init.
        Stage::CreateContainer => (Observed::inside(container, &own_proc), None),
    };
    let rootfs = Rootfs::open(&container.rootfs)?;
    let target = rootfs.open_or_create_hosts(owner)?;
    if rootfs.is_ours(&target, &own_proc)? {
        return Ok(Outcome::AlreadyThere);
    }
    let mut surroundings = Inside {
        container,
        target: &target,
        own_proc: &own_proc,
        network,
        told,
        buffer,
    };
    let composed = draft.compose(config.size_limit, &mut surroundings)?;
    // Without a stamp, `refresh` reports that it cannot update this file.
    let stamp = composed.stamp(identity, hosts_d, target.id());
    let stamp = stamp.bytes().unwrap_or_default();
    let label = match &container.mount_label {
        Some(label) => Some(label.clone().into_bytes()),
        // The container may read what it would see without the hook.
        None if container.has_process_label => target.label()?,
        None => None,
    };
    let options = HostsFileOptions {
        size_limit: config.size_limit,
        owner,
        label: label.as_deref(),
        read_only: config.read_only,
        stamp: &stamp,
    };
    attach_hosts_file(&rootfs, &target, composed.file.bytes(), &options, &own_proc)?;
    // The process ends now: that closes them without a system call for each, and thousands of entries need not be
    // freed.
    std::mem::forget((rootfs, target, own_proc));
    std::mem::forget((draft, composed.file));
    Ok(Outcome::Mounted(composed.plan, composed.notices))
}
