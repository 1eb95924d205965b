//! The feed of one folder: one task for any number of streams.

use std::sync::Arc;
use std::time::Duration;

use cap_std::fs::Dir;
use hyper::body::Bytes;
use tokio::sync::{broadcast, watch};
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};

use super::change::{self, Snapshot, State};
use super::watches::{Watched, Watches};
use crate::request::path::MediaPath;
use crate::site::{Opened, Site};
use crate::storage::location::Location;
use crate::storage::root::Found;
use crate::system;

/// A burst of changes is reported when it has been quiet for this long,
const QUIET: Duration = Duration::from_millis(100);

/// or has lasted for this long: a large file that is being copied is reported once a second.
const BURST: Duration = Duration::from_secs(1);

/// How often to check that the path still leads to the watched folder. The system does not report that a folder was renamed
/// with its parent, or removed while this process has it open.
const CHECK: Duration = Duration::from_millis(500);

/// How many updates a slow client may lag behind before it has to read the folder again.
const BACKLOG: usize = 16;

/// A running feed; it ends when dropped.
#[derive(Debug)]
pub(super) struct Feed {
    base: String,
    texts: broadcast::Sender<Bytes>,
    /// `None` until the folder has been read for the first time.
    state: watch::Receiver<Option<State>>,
    task: AbortHandle,
}

impl Feed {
    pub(super) fn start(folder: Folder) -> Self {
        let texts = broadcast::Sender::new(BACKLOG);
        let (states, state) = watch::channel(None);
        let base = folder.base.clone();
        let task = tokio::spawn(follow(Arc::new(folder), texts.clone(), states)).abort_handle();
        Self { base, texts, state, task }
    }

    /// The events from now on. Call it before [`Feed::state`], so that nothing in between is missed.
    pub(super) fn texts(&self) -> broadcast::Receiver<Bytes> {
        self.texts.subscribe()
    }

    /// The state of the folder, once it is known.
    pub(super) async fn state(&self) -> Option<State> {
        *self.state.clone().wait_for(Option::is_some).await.ok()?
    }

    pub(super) fn refresh(&self, state: State) -> String {
        change::refresh(&self.base, state)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads the folder, reports changes and waits, in a loop. The new state is set before it is reported, so that a subscriber that joins meanwhile
/// may see an event twice, but never misses one.
async fn follow(folder: Arc<Folder>, texts: broadcast::Sender<Bytes>, states: watch::Sender<Option<State>>) {
    let mut held = None;
    let mut changed = true;
    loop {
        let looking = Arc::clone(&folder);
        let Ok((now, news)) = spawn_blocking(move || looking.look(held, changed)).await else { return };
        held = now;
        if let Some((state, text)) = news {
            let is_first = states.send_replace(Some(state)).is_none();
            if !is_first {
                // there may be no subscriber at the moment
                let _ = texts.send(text.into());
            }
        } else if states.borrow().is_none() {
            states.send_replace(Some(State::GONE));
        }
        changed = folder.changed(held.as_mut()).await;
    }
}

/// A folder with streams.
#[derive(Debug)]
pub(super) struct Folder {
    site: Arc<Site>,
    path: MediaPath,
    /// Its URL.
    base: String,
    watches: Arc<Watches>,
    poll: Option<Duration>,
    /// Its location when the client was admitted.
    location: Location,
}

/// The folder as it was at the last reading.
struct Held {
    /// While this is open, no other folder can get its inode number, so the same number is the same folder.
    dir: Dir,
    /// `None` if a timer decides when to look.
    watched: Option<Watched>,
    entries: Snapshot,
}

impl Held {
    fn is(&self, dir: &Dir) -> bool {
        match (system::stat_of_folder(&self.dir), system::stat_of_folder(dir)) {
            (Ok(held), Ok(found)) => held.is_same(&found),
            _ => false,
        }
    }
}

impl Folder {
    pub(super) fn new(
        site: Arc<Site>,
        path: MediaPath,
        location: Location,
        watches: Arc<Watches>,
        poll: Option<Duration>,
    ) -> Self {
        let base = site.prefix.url_of(&path.with_slash(true));
        Self { site, path, base, watches, poll, location }
    }

    /// Reads the folder; returns it, and the events to send with the state they lead to. May wait for a disk.
    fn look(&self, held: Option<Held>, changed: bool) -> (Option<Held>, Option<(State, String)>) {
        // reported once, not each time the folder cannot be read
        let gone = held.is_some().then(|| (State::GONE, change::refresh(&self.base, State::GONE)));
        // a link may be pointed to a folder that the client may not see
        let dir = match self.site.find(&self.path) {
            Ok(Opened { found: Found::Directory(dir), location }) if self.is_as_admitted(&location) => dir,
            _ => return (None, gone),
        };
        let same = held.filter(|held| held.is(&dir));
        if same.is_some() && !changed {
            return (same, None);
        }
        let is_new = same.is_none();
        // watched before it is read: a change in between is read or notified
        let mut now = same.unwrap_or_else(|| Held { dir, watched: self.watch(), entries: Snapshot::default() });
        let Ok(entries) = self.site.entries(&self.path, &now.dir) else { return (None, gone) };
        let state = State::of(&entries);
        let before = std::mem::replace(&mut now.entries, Snapshot::new(entries));
        let text = if is_new {
            change::refresh(&self.base, state)
        } else {
            let changes = before.changes(&now.entries);
            if changes.is_empty() {
                return (Some(now), None);
            }
            change::events(&self.base, &changes, state)
        };
        (Some(now), Some((state, text)))
    }

    /// Whether the folder is the one that the client was admitted to.
    fn is_as_admitted(&self, location: &Location) -> bool {
        self.site.check_location_visible(location).is_ok()
            && (self.site.access.is_uniform() || *location == self.location)
    }

    fn watch(&self) -> Option<Watched> {
        if self.poll.is_some() {
            return None;
        }
        self.watches.watch(&self.site.root.path()?.join(self.path.as_path()))
    }

    /// Waits for a reason to look again. True if something may have changed in the folder.
    async fn changed(&self, held: Option<&mut Held>) -> bool {
        let every = self.poll.unwrap_or(CHECK);
        let Some(watched) = held.and_then(|held| held.watched.as_mut()) else {
            sleep(every).await;
            return true;
        };
        if timeout(every, watched.changed()).await.is_err() {
            return false;
        }
        let began = Instant::now();
        while began.elapsed() < BURST && timeout(QUIET, watched.changed()).await.is_ok() {}
        true
    }
}
