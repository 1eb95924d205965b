//! What the system says of folders: that something stirs in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch;

/// The folders that are watched, each once, not what is below them.
///
/// They are watched by path, unlike all else here: the word of the system only wakes somebody who then reads the folder
/// by its handle, so a path that was bent in between does not show anything.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// One for all, made when the first folder is watched: the system allows few. Never locked while the other lock is
    /// held: the watcher's own thread takes that one, and is waited for when a watch is added.
    watcher: Mutex<Option<RecommendedWatcher>>,
    /// By resolved path, since the system too tells folders apart by what they are and not by how one came to them.
    folders: Arc<Mutex<Folders>>,
    /// That there is no watching has been logged: once is enough.
    failed: AtomicBool,
}

type Folders = HashMap<PathBuf, watch::Sender<()>>;

/// A folder that is watched, as long as somebody has one of these.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    stirs: watch::Receiver<()>,
    owner: Arc<Watches>,
}

impl Watched {
    /// Ready when something has happened in the folder since the last time.
    pub(super) async fn stirred(&mut self) {
        self.stirs.changed().await.expect("the sender goes with the last receiver");
    }
}

impl Watches {
    /// Watches a folder; `None` where the system does not, which is logged with what to do about it.
    pub(super) fn watch(self: &Arc<Self>, path: &Path) -> Option<Watched> {
        let path = path.canonicalize().ok()?;
        let mut watcher = lock(&self.watcher);
        let stirs = {
            let mut folders = lock(&self.folders);
            let sender = folders.entry(path.clone()).or_default();
            // the others of this path may miss something while it is watched anew
            sender.send_replace(());
            sender.subscribe()
        };
        // from here on dropping it takes everything back; dropped after the lock
        let kept = Watched { path, stirs, owner: Arc::clone(self) };
        match self.begin(&mut watcher, &kept.path) {
            Ok(()) => Some(kept),
            Err(error) => {
                drop(watcher);
                if !self.failed.swap(true, Relaxed) {
                    tracing::warn!(
                        "the system does not say when a folder changes ({error}), so open folders are read again and \
                         again; --poll 2s does so less often. On Linux, see the sysctls fs.inotify.max_user_watches \
                         and max_user_instances"
                    );
                }
                None
            }
        }
    }

    /// A path that is watched already may lead to another folder by now: the old watch goes first.
    fn begin(&self, watcher: &mut Option<RecommendedWatcher>, path: &Path) -> notify::Result<()> {
        let watcher = if let Some(watcher) = watcher {
            watcher
        } else {
            let folders = Arc::clone(&self.folders);
            watcher.insert(notify::recommended_watcher(move |event| stir(&lock(&folders), event))?)
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
            // a folder that was removed has lost its watch already
            let _ = watcher.unwatch(&self.path);
        }
    }
}

/// Wakes whom an event concerns; everybody where that is not known (the system's queue ran over).
fn stir(folders: &Folders, event: notify::Result<notify::Event>) {
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
        // to read a folder is an event as well: it would be read for ever
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

/// Nothing that is locked here can be left half done.
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
        stir(&folders, event);
        receiver.has_changed().expect("the sender lives")
    }

    /// inotify(7): opening, reading and closing a folder are events too. A reader that they woke would read for ever.
    #[test]
    fn reading_wakes_nobody_and_changes_do() {
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
    fn lost_events_wake_everybody() {
        assert!(wakes(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))));
        assert!(wakes(Err(notify::Error::generic("the queue ran over"))));
    }
}
