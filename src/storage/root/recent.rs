//! Files that were opened a moment ago, to answer the next request for the same file without opening it again.
//!
//! One `stat` by the path, beneath the root's handle, decides: if device, inode, size, mtime and ctime are still those of
//! the open handle, then the handle, the validators and the media type are still right, because every change of a file
//! changes its ctime, and an open inode is never reused. The bytes are read from the handle each time: a write by a shared
//! mapping to a page that is dirty already changes no time, so remembered bytes could be stale.
//!
//! - A file whose ctime is younger than 20 ms has no validators and is not remembered: it may change without a change
//!   of its times.
//! - A path is remembered only if it was opened without a link on its way, and only for 200 ms. Then it is opened again.
//!   So a folder on the way that was moved and replaced by a link is followed for at most that time, and only to the
//!   same file. A replaced, renamed, removed or changed file is noticed at once.
//! - A remembered handle is closed within [`KEPT`], so that a removed file releases its space.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cap_std::fs::Dir;

use crate::request::path::MediaPath;
use crate::storage::entity::Entity;
use crate::storage::open_file::OpenFile;
use crate::storage::version::Version;
use crate::system::FileStat;

/// How long a handle is kept at most after it was last used.
const KEPT: Duration = Duration::from_secs(1);

/// The most files to remember.
const MAX: usize = 256;

/// A longer file is opened for each request: that costs little in comparison, and a handle has only one state for the
/// kernel's read-ahead, which readers of different parts would share.
const MAX_LEN: u64 = 1024 * 1024;

/// The files of one root.
#[derive(Debug)]
pub(super) struct Recent {
    files: Arc<Mutex<Files>>,
    /// How long after it was opened a path is enough.
    max_age: Duration,
}

#[derive(Debug, Default)]
struct Files {
    by_path: HashMap<Box<[u8]>, Arc<Remembered>>,
    /// Whether a task is running that closes old handles.
    is_swept: bool,
    /// When it was last looked for old files because it was full.
    searched: Option<Instant>,
}

#[derive(Debug)]
struct Remembered {
    file: OpenFile,
    entity: Entity,
    version: Version,
    /// When the path was last opened.
    proved: Instant,
}

impl Recent {
    /// Remembers files for this long.
    pub(super) fn new(max_age: Duration) -> Self {
        Self { files: Arc::default(), max_age }
    }

    /// The file at `path` beneath `dir`, if it is the one that was opened a moment ago. Costs one system call, which needs no
    /// disk, because the path was in the kernel's cache a moment ago.
    pub(super) fn get(&self, dir: &Dir, path: &MediaPath, now: Instant) -> Option<(OpenFile, Entity)> {
        let known = Arc::clone(self.files().by_path.get(path.as_bytes())?);
        if now.saturating_duration_since(known.proved) >= self.max_age {
            return None;
        }
        let named = FileStat::of_entry(dir, path.as_path().as_os_str()).ok()?;
        (Version::of(&named) == known.version).then(|| (known.file.clone(), known.entity.clone()))
    }

    /// Remembers a file that was opened at `now` by a path without links. The state is that from which the entity was made.
    pub(super) fn put(&self, path: &MediaPath, file: &OpenFile, entity: &Entity, stat: &FileStat, now: Instant) {
        let is_settled = entity.etag.is_some() && entity.last_modified.is_some();
        if !is_settled || entity.len > MAX_LEN {
            return;
        }
        let remembered =
            Remembered { file: file.clone(), entity: entity.clone(), version: Version::of(stat), proved: now };
        let mut files = self.files();
        // not for each request, where more files are requested in turn than fit
        let is_due = |searched| now.saturating_duration_since(searched) >= self.max_age / 4;
        if files.by_path.len() >= MAX && files.searched.is_none_or(is_due) {
            files.searched = Some(now);
            files.remove_old(now, self.max_age);
        }
        if files.by_path.len() < MAX {
            files.by_path.insert(path.as_bytes().into(), Arc::new(remembered));
        }
        if !files.is_swept {
            files.is_swept = self.start_sweeping();
        }
    }

    /// Starts a task that closes old handles and ends when none is left. Returns whether there is a runtime for it.
    fn start_sweeping(&self) -> bool {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return false };
        let files = Arc::downgrade(&self.files);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(KEPT / 2).await;
                let Some(files) = files.upgrade() else { return };
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                files.remove_old(Instant::now(), KEPT / 2);
                if files.by_path.is_empty() {
                    files.is_swept = false;
                    return;
                }
            }
        });
        true
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files {
    fn remove_old(&mut self, now: Instant, age: Duration) {
        self.by_path.retain(|_, known| now.saturating_duration_since(known.proved) < age);
    }
}
