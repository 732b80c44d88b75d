//! Walks through all processes of the node, with a step for each mount namespace.
//!
//! A container can mount a file system on its `/etc` that does not answer, or hold its file's lock in the kernel
//! forever. A call that waits for it cannot be cancelled, so a child process does the steps. If it does not answer
//! in time, it is killed and abandoned, and another child continues with the next step.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::error::Error;
use crate::kernel::procfs::{NamespaceId, ProcDirectory};
use crate::running::file::Device;
use crate::running::find::identity_by_cgroup;
use crate::running::step::{Answer, Report, Task, WAIT};

/// The verb of the child process: the program starts itself with it, and then calls [`super::step::work`].
pub const VERB: &str = "do-steps";
/// How long one step may take.
const STEP_LIMIT: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const ANSWER_MAX: u64 = 64 * 1024 * 1024;

/// One walk through the node, or several.
#[derive(Debug)]
pub(crate) struct Walk {
    task: Task,
    worker: Option<Worker>,
    /// The files that were found: a container's child in another namespace sees copies of the mounts.
    devices: BTreeSet<Device>,
    /// The IDs of containers that have only their engine's file.
    engine_file_alone: BTreeSet<String>,
    /// Namespaces in which a step did not end: they are not tried again.
    hung: BTreeSet<NamespaceId>,
    /// How many processes could not be examined without permission.
    not_allowed: usize,
}

/// What a walk finds.
#[derive(Debug)]
pub(crate) enum Met {
    /// A file of the hook that this process sees.
    File(i32, Box<Report>),
    /// Something went wrong, and with which container.
    Trouble(String),
    /// The next process.
    Step {
        /// From 1.
        nth: usize,
        /// The processes of the node.
        of: usize,
    },
}

/// The number of processes that could not be examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hidden(usize);

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot look into {} processes: run this as root", self.0)
    }
}

impl Walk {
    /// A walk that does this task.
    pub(crate) fn new(task: Task) -> Self {
        Self {
            task,
            worker: None,
            devices: BTreeSet::new(),
            engine_file_alone: BTreeSet::new(),
            hung: BTreeSet::new(),
            not_allowed: 0,
        }
    }

    /// Walks through all mount namespaces and reports each file once, even on a later walk.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read, or no process can be started. A process that ends meanwhile is not an error.
    pub(crate) fn go(&mut self, meet: &mut dyn FnMut(Met)) -> Result<(), Error> {
        let mut namespaces = self.hung.clone();
        self.not_allowed = 0;
        let mut waiting = Vec::new();
        let processes = processes()?;
        let of = processes.len();
        for (nth, pid) in (1..).zip(processes) {
            meet(Met::Step { nth, of });
            let namespace = ProcDirectory::of(pid).and_then(|process| process.namespace("mnt"));
            // Several processes of a container share its mount namespace.
            if namespace
                .as_ref()
                .is_ok_and(|namespace| namespaces.contains(namespace))
            {
                continue;
            }
            match self.step(pid, "")? {
                Some(Answer::Ended) => continue,
                Some(Answer::NotAllowed) => {
                    self.not_allowed += 1;
                    continue;
                }
                Some(Answer::WouldWait) => waiting.push(pid),
                answer => self.tell(pid, answer, meet),
            }
            namespaces.extend(namespace);
        }
        // Steps that may block come last.
        for pid in waiting {
            let answer = self.step(pid, WAIT)?;
            self.tell(pid, answer, meet);
        }
        Ok(())
    }

    /// Reports again the files that were reported before.
    pub(crate) fn forget(&mut self) {
        self.devices.clear();
        self.engine_file_alone.clear();
    }

    /// Walks again and reports only new files, and no trouble twice.
    ///
    /// # Errors
    ///
    /// As [`Walk::go`].
    pub(crate) fn go_again(&mut self, meet: &mut dyn FnMut(Met)) -> Result<(), Error> {
        let not_allowed = self.not_allowed;
        let done = self.go(&mut |met| {
            if matches!(met, Met::File(..)) {
                meet(met);
            }
        });
        self.not_allowed = not_allowed;
        done
    }

    /// How many containers have only their engine's file, which the hook left alone.
    pub(crate) fn engine_file_alone(&self) -> usize {
        self.engine_file_alone.len()
    }

    /// Why containers may be missing; `None` for root, who sees everything that is not restricted by another
    /// security mechanism.
    pub(crate) fn hidden(&self) -> Option<Hidden> {
        let is_hidden = self.not_allowed > 0 && !nix::unistd::geteuid().is_root();
        is_hidden.then_some(Hidden(self.not_allowed))
    }

    fn tell(&mut self, pid: i32, answer: Option<Answer>, meet: &mut dyn FnMut(Met)) {
        match answer {
            Some(Answer::Files(files)) => {
                for file in files {
                    if self.devices.insert(file.device) {
                        meet(Met::File(pid, Box::new(file)));
                    }
                }
            }
            Some(Answer::EngineFileAlone(id)) => {
                self.engine_file_alone.insert(id);
            }
            Some(Answer::Failed(situation)) => meet(Met::Trouble(situation)),
            Some(Answer::Ended | Answer::NotAllowed) => {}
            Some(Answer::WouldWait) | None => {
                let process = ProcDirectory::of(pid);
                if let Ok(Ok(namespace)) = process.as_ref().map(|process| process.namespace("mnt"))
                {
                    self.hung.insert(namespace);
                }
                let identity = process.map(|process| identity_by_cgroup(&process));
                meet(Met::Trouble(format!(
                    "{} (process {pid}): its file system does not answer: skipped",
                    identity.unwrap_or_default()
                )));
            }
        }
    }

    /// The answer for this process; `None` if there is none in time.
    fn step(&mut self, pid: i32, wait: &str) -> Result<Option<Answer>, Error> {
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(&self.task)
                .map_err(|source| Error::file("exec", "/proc/self/exe", source))?,
        };
        match worker.ask(pid, wait) {
            Ok(answer) => {
                self.worker = Some(worker);
                Ok(Some(answer))
            }
            Err(_) => {
                // Do not wait for it: it may never end.
                let _ = worker.child.kill();
                let _ = worker.child.try_wait();
                Ok(None)
            }
        }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        if let Some(Worker { mut child, stream }) = self.worker.take() {
            drop(stream);
            // Between two steps it only waits for the next one.
            let _ = child.wait();
        }
    }
}

#[derive(Debug)]
struct Worker {
    child: Child,
    stream: BufReader<UnixStream>,
}

impl Worker {
    fn start(task: &Task) -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(STEP_LIMIT))?;
        let theirs = OwnedFd::from(theirs);
        let mut command = Command::new("/proc/self/exe");
        command.arg(VERB).args(task.arguments());
        let child = command
            .stdin(Stdio::from(theirs.try_clone()?))
            .stdout(Stdio::from(theirs))
            // An abandoned child must not keep the reader of stderr waiting.
            .stderr(Stdio::null())
            .spawn()?;
        let stream = BufReader::new(ours);
        Ok(Self { child, stream })
    }

    fn ask(&mut self, pid: i32, wait: &str) -> std::io::Result<Answer> {
        self.stream
            .get_mut()
            .write_all(format!("{pid}{wait}\n").as_bytes())?;
        let mut answer = Vec::new();
        self.stream
            .by_ref()
            .take(ANSWER_MAX)
            .read_until(b'\n', &mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// The IDs of all processes, sorted: a container's first process comes before those that it put into other
/// namespaces, which see copies of its mounts.
fn processes() -> Result<BTreeSet<i32>, Error> {
    let failed = |source| Error::file("read", "/proc", source);
    let mut pids = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        pids.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(pids)
}
