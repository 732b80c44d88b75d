//! The file that a container gets as a mount if its runtime does not run hooks on the host.
//!
//! It is in `/run`, belongs to one container and is removed with it. It is mounted read-only, so no container can
//! fill `/run` or change the file before `hosts.d` changes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, XattrFlags, fgetxattr, fsetxattr, openat2};
use serde::{Deserialize, Serialize};

use crate::agent::entries::Entries;
use crate::agent::nri::event::Event;
use crate::agent::nri::messages::{ContainerAdjustment, Mount};
use crate::compose::{self, Composed, Draft, NetworkFacts, Surroundings};
use crate::error::Error;
use crate::facts::container::NamespaceSource;
use crate::facts::hosts_mount::{AGENT_FILES, HostsMount, HostsWriter};
use crate::facts::request::Request;
use crate::files::admin_file;
use crate::kernel::procfs::{NamespaceId, ProcDirectory};
use crate::pod_line;
use crate::text::hosts_file::HostsFile;

const NODE_HOSTS: &str = "/etc/hosts";
/// The most bytes that are read of the node's file.
const NODE_HOSTS_MAX: u64 = 16 * 1024 * 1024;

/// More than the largest `size-limit`.
const FILE_MAX: u64 = 1024 * 1024 * 1024;
/// The extended attribute with the data for a refresh. The container cannot write the file, so the start of the
/// sections is enough.
const RECORD: &str = "trusted.oci-hostaliases";
const RECORD_MAX: usize = 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    namespace: Option<String>,
    own: usize,
}

/// Composes the file, as the hook would.
///
/// # Errors
///
/// Something cannot be found out, or there is more than `limit` bytes.
pub fn compose(event: &Event, draft: &mut Draft<'_>, limit: u64) -> Result<Composed, Error> {
    draft.compose(limit, &mut Outside { event })
}

/// The adjustment that mounts the file at this path.
pub(crate) fn adjustment(file: &Path) -> ContainerAdjustment {
    ContainerAdjustment {
        mounts: vec![Mount {
            destination: "/etc/hosts".to_owned(),
            r#type: "bind".to_owned(),
            source: file.to_string_lossy().into_owned(),
            options: ["bind", "ro", "nosuid", "nodev", "noexec"]
                .map(String::from)
                .to_vec(),
        }],
        ..ContainerAdjustment::default()
    }
}

/// Writes the file of a container and returns its path.
///
/// # Errors
///
/// It cannot be written, or the container's ID is not a valid file name.
pub(crate) fn write(event: &Event, composed: &Composed) -> Result<PathBuf, Error> {
    let path = path_of(&event.identity.id)
        .ok_or_else(|| Error::Refused("the container's ID is not a valid file name".to_owned()))?;
    let failed = |call, error| Error::file(call, &*path, error);
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(AGENT_FILES);
    made.map_err(|error| Error::file("mkdir", AGENT_FILES, error))?;
    // It can exist if a later plugin refused the container and the engine creates it again.
    remove(&event.identity.id);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(&path)
        .map_err(|error| failed("open", error))?;
    // The service's umask denies other users access to everything else.
    let mode = Mode::from_raw_mode(0o644);
    rustix::fs::fchmod(&file, mode).map_err(|errno| failed("chmod", errno.into()))?;
    file.write_all(composed.file.bytes())
        .map_err(|error| failed("write", error))?;
    let record = Record {
        namespace: event.identity.namespace.clone(),
        own: composed.own_length(),
    };
    let record = serde_json::to_vec(&record).unwrap_or_default();
    fsetxattr(&file, RECORD, &record, XattrFlags::empty())
        .map_err(|errno| failed("fsetxattr", errno.into()))?;
    Ok(path)
}

/// Removes the file of a container that is gone, if it has one.
pub(crate) fn remove(id: &str) {
    if let Some(path) = path_of(id) {
        let _ = fs::remove_file(path);
    }
}

/// Removes the files of all containers but these.
pub(crate) fn keep_only(is_there: impl Fn(&str) -> bool) {
    for path in files() {
        let id = path.file_name().unwrap_or_default().to_string_lossy();
        if !is_there(&id) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Updates the sections of `hosts.d` in all files. Returns how many were changed, and the errors.
pub(crate) fn refresh(entries: &Entries, limit: u64) -> (usize, Vec<Error>) {
    let (mut replaced, mut errors) = (0, Vec::new());
    for path in files() {
        match refresh_one(&path, entries, limit) {
            Ok(is_replaced) => replaced += usize::from(is_replaced),
            Err(error) if error.is_missing_file() => {}
            Err(error) => errors.push(error),
        }
    }
    (replaced, errors)
}

fn refresh_one(path: &Path, entries: &Entries, limit: u64) -> Result<bool, Error> {
    let failed = |call, error: std::io::Error| Error::file(call, path, error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .map_err(|error| failed("open", error))?;
    let mut bytes = [0; RECORD_MAX];
    let length =
        fgetxattr(&file, RECORD, &mut bytes).map_err(|errno| failed("fgetxattr", errno.into()))?;
    let record: Record = serde_json::from_slice(bytes.get(..length).unwrap_or_default())
        .map_err(|error| failed("fgetxattr", error.into()))?;
    let status = admin_file::status_of(&file, path)?;
    let mut text = Vec::new();
    admin_file::read_open(&mut text, &file, &status, path, FILE_MAX)?;
    let own = text.get(..record.own).unwrap_or(&text);
    let mut wanted = HostsFile::from_engine(own.to_vec());
    let mut entries = entries.of(record.namespace.as_deref());
    compose::add_node_entries(&mut wanted, &mut entries, limit);
    if wanted.bytes() == text {
        return Ok(false);
    }
    // In place, because the container has this file mounted. The own part is never changed.
    file.write_all_at(wanted.bytes(), 0)
        .and_then(|()| file.set_len(wanted.bytes().len() as u64))
        .map_err(|error| failed("write", error))?;
    Ok(true)
}

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(AGENT_FILES).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// `None` for an ID that is not a file name.
fn path_of(id: &str) -> Option<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name =
        !id.is_empty() && id.len() <= 128 && !id.starts_with('.') && id.chars().all(plain);
    is_name.then(|| Path::new(AGENT_FILES).join(id))
}

/// What the container will see, found out on the host: the container does not exist yet.
struct Outside<'a> {
    event: &'a Event,
}

impl Surroundings for Outside<'_> {
    type Error = Error;

    /// A Pod's author may have chosen the path. So it must be the kubelet's file of this Pod, without a symlink in
    /// the path, and only root may write to it.
    fn engine_hosts(&mut self, source: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let path = Path::new(source);
        let pod = path.parent().and_then(Path::file_name);
        let is_kubelets = matches!(
            self.event.container.hosts_mount,
            Some(HostsMount::Engine {
                writer: HostsWriter::Kubelet,
                ..
            })
        );
        if !is_kubelets || pod != Some(self.event.pod_uid.as_ref()) {
            return Err(Error::Refused(format!(
                "{} is not the kubelet's file of this Pod",
                path.display()
            )));
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
            .map(File::from)
            .map_err(|errno| Error::file("open", path, errno))?;
        let status = admin_file::check_owner(&file, path)?;
        let mut bytes = Vec::new();
        admin_file::read_open(&mut bytes, &file, &status, path, limit)
            .map_err(Error::of_engine_hosts)?;
        Ok(bytes)
    }

    fn network(&mut self, request: &Request) -> Result<NetworkFacts, Error> {
        let container = &self.event.container;
        if is_on_host_network(self.event) {
            let read = admin_file::read(NODE_HOSTS.as_ref(), NODE_HOSTS_MAX);
            let node_hosts = read.map_err(|error| Error::NodeHosts(Box::new(error)))?;
            return Ok(NetworkFacts::Host { node_hosts });
        }
        let annotated = pod_line::annotated_addresses(container, request);
        let hostname = pod_line::host_name(container, None).map(|(name, _)| name);
        Ok(NetworkFacts::Pod {
            addresses: annotated.map_or_else(|| self.event.pod_ips.clone(), |(ips, _)| ips),
            hostname: hostname
                .or(self.event.identity.pod.as_deref())
                .map(str::to_owned),
            domain: request.domain.clone(),
        })
    }
}

/// containerd names a namespace for the host's network too, so the namespaces are compared. If that is not
/// possible, a Pod without addresses is on the host's network.
fn is_on_host_network(event: &Event) -> bool {
    let path = match &event.container.network {
        NamespaceSource::Runtime => return true,
        NamespaceSource::New => return false,
        NamespaceSource::Joined(path) => path,
    };
    let host = ProcDirectory::of(1).and_then(|init| init.namespace("net"));
    match (NamespaceId::at(path), host) {
        (Ok(theirs), Ok(host)) => theirs == host,
        _ => event.pod_ips.is_empty(),
    }
}
