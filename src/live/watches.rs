//! The system's notifications about changes in a folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch;

/// The watched folders, each once, without the folders below them.
///
/// They are watched by path, unlike everything else here: a notification only wakes a task that then reads the folder by
/// its handle, so a path that changed in between reveals nothing.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// One for all folders, created for the first of them: the system allows few. Never locked while `folders` is locked: the
    /// watcher's own thread locks `folders`, and adding a watch waits for that thread.
    watcher: Mutex<Option<RecommendedWatcher>>,
    /// By resolved path, since the system identifies folders by inode and not by the path that led to them.
    folders: Arc<Mutex<Folders>>,
    /// The failure to watch has been logged: once is enough.
    failed: AtomicBool,
}

type Folders = HashMap<PathBuf, watch::Sender<()>>;

/// A folder is watched as long as one of these exists.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    changes: watch::Receiver<()>,
    owner: Arc<Watches>,
}

impl Watched {
    /// Ready when something has happened in the folder since the last call.
    pub(super) async fn changed(&mut self) {
        self.changes.changed().await.expect("the sender goes with the last receiver");
    }
}

impl Watches {
    /// Watches a folder; `None` if the system cannot, which is logged with advice.
    pub(super) fn watch(self: &Arc<Self>, path: &Path) -> Option<Watched> {
        let path = path.canonicalize().ok()?;
        let mut watcher = lock(&self.watcher);
        let changes = {
            let mut folders = lock(&self.folders);
            let sender = folders.entry(path.clone()).or_default();
            // the other feeds of this path may miss something while the watch is replaced
            sender.send_replace(());
            sender.subscribe()
        };
        // from here on, dropping it undoes everything; it is dropped after the lock
        let kept = Watched { path, changes, owner: Arc::clone(self) };
        match self.begin(&mut watcher, &kept.path) {
            Ok(()) => Some(kept),
            Err(error) => {
                drop(watcher);
                if !self.failed.swap(true, Relaxed) {
                    tracing::warn!(
                        "folders cannot be watched ({error}), so open folders are read twice a second; --poll 2s reads them \
                         less often. On Linux, raise the sysctls fs.inotify.max_user_watches and \
                         fs.inotify.max_user_instances"
                    );
                }
                None
            }
        }
    }

    /// A path that is already watched may lead to another folder by now: the old watch is removed first.
    fn begin(&self, watcher: &mut Option<RecommendedWatcher>, path: &Path) -> notify::Result<()> {
        let watcher = if let Some(watcher) = watcher {
            watcher
        } else {
            let folders = Arc::clone(&self.folders);
            watcher.insert(notify::recommended_watcher(move |event| wake(&lock(&folders), event))?)
        };
        let _ = watcher.unwatch(path);
        watcher.watch(path, RecursiveMode::NonRecursive)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watcher = lock(&self.owner.watcher);
        let is_last = {
            let mut folders = lock(&self.owner.folders);
            let is_last = folders.get(&self.path).is_some_and(|sender| sender.receiver_count() == 1);
            if is_last {
                folders.remove(&self.path);
            }
            is_last
        };
        if let (true, Some(watcher)) = (is_last, watcher.as_mut()) {
            // a folder that was removed has already lost its watch
            let _ = watcher.unwatch(&self.path);
        }
    }
}

/// Wakes the feeds that an event concerns; all of them if that is not known (the system's queue overflowed).
fn wake(folders: &Folders, event: notify::Result<notify::Event>) {
    let event = match event {
        Ok(event) if !event.need_rescan() => event,
        _ => {
            for sender in folders.values() {
                sender.send_replace(());
            }
            return;
        }
    };
    match event.kind {
        // reading a folder is an event as well: it would be read forever
        EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write) => return,
        _ => {}
    }
    for path in &event.paths {
        for folder in [Some(path.as_path()), path.parent()].into_iter().flatten() {
            if let Some(sender) = folders.get(folder) {
                sender.send_replace(());
            }
        }
    }
}

/// Locks a mutex. A panic cannot leave its data inconsistent, so poisoning is ignored.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use notify::Event;
    use notify::event::{CreateKind, DataChange, Flag, ModifyKind, RemoveKind, RenameMode};

    use super::*;

    const FOLDER: &str = "/media/photos";

    /// Whether an event wakes the readers of `/media/photos`.
    fn wakes(event: notify::Result<Event>) -> bool {
        let sender = watch::Sender::default();
        let receiver = sender.subscribe();
        let folders = Folders::from([(FOLDER.into(), sender)]);
        wake(&folders, event);
        receiver.has_changed().expect("the sender lives")
    }

    /// inotify(7): opening, reading and closing a folder are events too. A reader that they woke would read forever.
    #[test]
    fn changes_wake_readers_and_reading_does_not() {
        for (kind, expected) in [
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), false),
            (EventKind::Access(AccessKind::Read), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), false),
            (EventKind::Access(AccessKind::Any), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), true),
            (EventKind::Create(CreateKind::File), true),
            (EventKind::Modify(ModifyKind::Data(DataChange::Any)), true),
            (EventKind::Modify(ModifyKind::Name(RenameMode::To)), true),
            (EventKind::Remove(RemoveKind::File), true),
            (EventKind::Any, true),
        ] {
            let event = |path: &str| Ok(Event::new(kind).add_path(path.into()));
            assert_eq!(wakes(event("/media/photos")), expected, "{kind:?} of the folder");
            assert_eq!(wakes(event("/media/photos/a.jpg")), expected, "{kind:?} of a file in it");
            assert!(!wakes(event("/media/photos/deep/a.jpg")), "{kind:?} below it");
            assert!(!wakes(event("/media")), "{kind:?} above it");
        }
    }

    #[test]
    fn lost_events_wake_all_readers() {
        assert!(wakes(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))));
        assert!(wakes(Err(notify::Error::generic("the queue ran over"))));
    }
}
