//! Follows the two kinds on an API server: lists each kind, then watches it, and updates `hosts.d` after every
//! change.
//!
//! `kube-runtime`'s watcher is not used. It does not report when a failed watch works again, so a cluster without
//! changes would look unreachable. And its pauses are not randomised.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{join3, select};
use futures_util::{StreamExt, pin_mut};
use kube::api::{
    ApiResource, DynamicObject, GroupVersionKind, ListParams, WatchEvent, WatchParams,
};
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::error::on_one_line;
use crate::kubernetes::connection::{self, ConnectionError};
use crate::kubernetes::directory;
use crate::kubernetes::pause::{self, Pauses};
use crate::kubernetes::set::{AliasSet, GROUP, Kind, SetName, VERSION};
use crate::kubernetes::wanted::{Counts, Wanted};
use crate::log::Severity;

/// How long the API server keeps a watch open. Many load balancers close connections after five minutes.
const WATCH_SECONDS: u32 = 290;
/// A watch that ends sooner is a failure. Otherwise watches would follow each other without a pause.
const SHORT: Duration = Duration::from_secs(5);
/// How long an immediate answer may take.
const AT_ONCE: Duration = Duration::from_millis(500);
/// When the agent tries again to write a file.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Asks for a comparison of all files.
pub(crate) type LookAgain = Notify;

/// The source of the objects, and the directory for their files.
#[derive(Debug)]
pub struct Settings {
    /// A kubeconfig; `None`: the service account of the Pod that this runs in.
    pub kubeconfig: Option<PathBuf>,
    /// The directory for the files.
    pub hosts_d: PathBuf,
    /// Notified when `hosts.d` was changed: the files are compared again.
    pub look_again: Arc<LookAgain>,
}

/// The status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// The API server's objects.
    pub counts: Counts,
    /// Files that could not be written or removed.
    pub(crate) refused_files: usize,
    /// Whether all objects have been read at least once and both kinds are watched.
    pub is_in_sync: bool,
    /// When the API server last answered.
    pub last_sync: Option<SystemTime>,
}

/// News for the caller.
#[derive(Debug)]
pub enum Told<'a> {
    /// The present status.
    Status(Status),
    /// A record for the log.
    Log(Severity, &'a str),
}

/// Follows the objects until the process ends. It needs its own thread. The files stay when the process ends.
///
/// # Errors
///
/// There is no kubeconfig, no service account, or it cannot be read. If the API server does not answer, that is not
/// an error: it is asked again.
pub fn run(
    settings: &Settings,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<std::convert::Infallible, ConnectionError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ConnectionError::Runtime)?;
    runtime.block_on(async {
        let client = connection::client(settings.kubeconfig.as_deref()).await?;
        let follower = Follower {
            settings,
            wanted: RefCell::default(),
            watched: RefCell::default(),
            status: RefCell::default(),
            trouble: RefCell::default(),
            told: RefCell::new(told),
        };
        let [one, other] = Kind::ALL.map(|kind| follower.follow(&client, kind));
        join3(one, other, follower.look_again()).await;
        // Neither of them ends.
        loop {
            std::future::pending::<()>().await;
        }
    })
}

struct Follower<'t> {
    settings: &'t Settings,
    wanted: RefCell<Wanted>,
    /// For each kind, whether it is watched, or why not.
    watched: RefCell<BTreeMap<Kind, Result<(), String>>>,
    status: RefCell<Status>,
    /// Files that could not be written or removed, and why.
    trouble: RefCell<BTreeMap<PathBuf, String>>,
    told: RefCell<&'t mut dyn FnMut(Told<'_>)>,
}

/// How a watch ended.
enum End {
    /// Its time limit was reached.
    Regular,
    /// The API server no longer has the resource version: everything has to be listed again.
    Gone,
    Failed(String),
}

impl Follower<'_> {
    async fn follow(&self, client: &Client, kind: Kind) {
        let identity = GroupVersionKind::gvk(GROUP, VERSION, kind.name());
        let resource = ApiResource::from_gvk_with_plural(&identity, kind.plural());
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let mut pauses = Pauses::default();
        loop {
            let mut version = self.list(&api, kind, &mut pauses).await;
            loop {
                let began = Instant::now();
                let end = match self.watch(&api, kind, &mut version).await {
                    End::Regular if began.elapsed() < SHORT => {
                        End::Failed("the watch ended at once".to_owned())
                    }
                    end => end,
                };
                if began.elapsed() > SHORT {
                    pauses.reset();
                }
                match end {
                    End::Regular => {}
                    End::Gone => {
                        self.lost(kind, "too old to be watched, listing again".to_owned());
                        break;
                    }
                    End::Failed(why) => {
                        self.lost(kind, why);
                        sleep(pauses.after_failure()).await;
                    }
                }
            }
            sleep(pause::before_list()).await;
        }
    }

    /// Lists until a list succeeds. Returns its version.
    async fn list(&self, api: &Api<DynamicObject>, kind: Kind, pauses: &mut Pauses) -> String {
        // From the API server's cache: 5,000 agents must not cause 5,000 requests to etcd. The watch brings what
        // the cache does not have yet.
        let parameters = ListParams::default().match_any();
        loop {
            match api.list(&parameters).await {
                Ok(list) => {
                    let sets = list.items.into_iter().map(|object| read(kind, object));
                    let left_out = self.wanted.borrow_mut().replace(kind, sets);
                    left_out.iter().for_each(|why| self.warn(why));
                    self.bring_up_to_date(None);
                    return list.metadata.resource_version.unwrap_or_default();
                }
                Err(error) => {
                    self.lost(kind, on_one_line(&error));
                    sleep(pauses.after_failure()).await;
                }
            }
        }
    }

    async fn watch(&self, api: &Api<DynamicObject>, kind: Kind, version: &mut String) -> End {
        let parameters = WatchParams::default().timeout(WATCH_SECONDS);
        let stream = match api.watch(&parameters, version).await {
            Ok(stream) => stream,
            Err(kube::Error::Api(answer)) if answer.code == 410 => return End::Gone,
            Err(error) => return End::Failed(on_one_line(&error)),
        };
        pin_mut!(stream);
        // An API server without the resource version reports that at once, in the first event.
        let mut early = timeout(AT_ONCE, stream.next()).await.ok();
        if early.is_none() {
            self.heard_of(kind);
        }
        while let Some(event) = match early.take() {
            Some(event) => event,
            None => stream.next().await,
        } {
            let now = match event {
                Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                    let now = object.metadata.resource_version.clone();
                    self.put(kind, object);
                    now
                }
                Ok(WatchEvent::Deleted(object)) => {
                    let now = object.metadata.resource_version.clone();
                    let files = self.wanted.borrow_mut().forget(&name(kind, &object));
                    self.bring_up_to_date(Some(&files));
                    now
                }
                Ok(WatchEvent::Bookmark(bookmark)) => Some(bookmark.metadata.resource_version),
                Ok(WatchEvent::Error(answer)) if answer.code == 410 => return End::Gone,
                Ok(WatchEvent::Error(answer)) => return End::Failed(answer.message),
                Err(error) => return End::Failed(on_one_line(&error)),
            };
            self.heard_of(kind);
            if let Some(now) = now {
                *version = now;
            }
        }
        End::Regular
    }

    fn put(&self, kind: Kind, object: DynamicObject) {
        let files = match read(kind, object) {
            Ok(set) => {
                let (files, left_out) = self.wanted.borrow_mut().put(set);
                left_out.iter().for_each(|why| self.warn(why));
                files
            }
            Err(why) => return self.warn(&why),
        };
        self.bring_up_to_date(Some(&files));
    }

    /// Compares all files after another program has changed one, and some time after one could not be written.
    async fn look_again(&self) {
        loop {
            let notified = self.settings.look_again.notified();
            if self.trouble.borrow().is_empty() {
                notified.await;
            } else {
                let (notified, later) =
                    (std::pin::pin!(notified), std::pin::pin!(sleep(TRY_AGAIN)));
                select(notified, later).await;
            }
            self.bring_up_to_date(None);
        }
    }

    fn bring_up_to_date(&self, only: Option<&[PathBuf]>) {
        let wanted = self.wanted.borrow();
        let done = directory::bring_up_to_date(&self.settings.hosts_d, &wanted, only);
        let mut trouble = self.trouble.borrow_mut();
        match only {
            None => trouble.retain(|path, _| done.trouble.contains_key(path)),
            Some(only) => only.iter().for_each(|path| {
                if !done.trouble.contains_key(path) {
                    trouble.remove(path);
                }
            }),
        }
        for (path, why) in done.trouble {
            if trouble.get(&path) != Some(&why) {
                self.warn(&format!(
                    "{}: {why}",
                    self.settings.hosts_d.join(&path).display()
                ));
                trouble.insert(path, why);
                // The first check starts the wait for the next one.
                self.settings.look_again.notify_one();
            }
        }
        let mut status = self.status.borrow_mut();
        status.counts = wanted.counts();
        status.refused_files = trouble.len();
        self.tell(Told::Status(*status));
    }

    /// The API server answered.
    fn heard_of(&self, kind: Kind) {
        let before = self.watched.borrow_mut().insert(kind, Ok(()));
        let mut status = self.status.borrow_mut();
        let was_in_sync = status.is_in_sync;
        status.last_sync = Some(SystemTime::now());
        status.is_in_sync = self.wanted.borrow().is_complete()
            && self
                .watched
                .borrow()
                .values()
                .filter(|is| is.is_ok())
                .count()
                == Kind::ALL.len();
        self.tell(Told::Status(*status));
        if status.is_in_sync && !was_in_sync {
            let counts = status.counts;
            let message = format!(
                "in sync with the API server: {} objects, {} entries",
                counts.objects, counts.entries
            );
            self.tell(Told::Log(Severity::Info, &message));
        } else if matches!(before, Some(Err(_))) {
            let message = format!("{}: watched again", kind.plural());
            self.tell(Told::Log(Severity::Info, &message));
        }
    }

    /// The API server does not answer, or does not have this kind. The files stay.
    fn lost(&self, kind: Kind, why: String) {
        let is_news = match self.watched.borrow().get(&kind) {
            Some(Err(said)) => *said != why,
            _ => true,
        };
        if is_news {
            self.warn(&format!("{}: {why}; asking again later", kind.plural()));
        }
        self.watched.borrow_mut().insert(kind, Err(why));
        let mut status = self.status.borrow_mut();
        status.is_in_sync = false;
        self.tell(Told::Status(*status));
    }

    fn warn(&self, message: &str) {
        self.tell(Told::Log(Severity::Warning, message));
    }

    fn tell(&self, what: Told<'_>) {
        (self.told.borrow_mut())(what);
    }
}

fn name(kind: Kind, object: &DynamicObject) -> SetName {
    SetName {
        kind,
        namespace: object.metadata.namespace.clone(),
        name: object.metadata.name.clone().unwrap_or_default(),
    }
}

fn read(kind: Kind, object: DynamicObject) -> Result<AliasSet, String> {
    let spec = object.data.get("spec").unwrap_or(&Value::Null);
    AliasSet::read(name(kind, &object), spec)
}
