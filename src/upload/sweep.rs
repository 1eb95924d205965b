//! Removes what a killed process left behind: `.devmedia-` files without an owner, and expired partial uploads.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use cap_std::fs::{Dir, DirEntry, Metadata};

use super::partial;
use crate::request::path::{MediaPath, is_own};
use crate::site::Site;
use crate::storage::root::Root;
use crate::storage::root::reach::Reach;
use crate::system;

/// A younger file may belong to a process that has not locked it yet.
const SETTLED: Duration = Duration::from_secs(60);

/// The time between two sweeps for expired uploads.
const AGAIN: Duration = Duration::from_secs(15 * 60);

/// The deepest level of nested folders that is swept.
const MAX_DEPTH: usize = 32;

/// Removes all abandoned files below a root. Blocks until it has read all folders, so it runs in its own thread. Does
/// not follow links. Files of other processes that serve the same root are safe, because those processes hold locks.
pub fn stale(root: &Root) {
    if let Ok(Reach::Folder(top, _)) = root.reach(&MediaPath::top()) {
        let removed = below(&top, MAX_DEPTH);
        if removed > 0 {
            tracing::info!("removed {removed} incomplete uploads of an earlier run");
        }
    }
}

fn below(folder: &Dir, depth: usize) -> usize {
    let mut removed = 0;
    for entry in folder.entries().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && name == partial::FOLDER {
            removed += entry.open_dir().map_or(0, |folder| expired(&folder));
        } else if kind.is_dir() && depth > 0 {
            removed += entry.open_dir().map_or(0, |folder| below(&folder, depth - 1));
        } else if kind.is_file() && is_own(name.as_encoded_bytes()) && is_older(&entry, SETTLED) {
            removed += usize::from(system::remove_abandoned(folder, &name));
        }
    }
    removed
}

/// Removes expired partial uploads of a root in the background, unless a recent sweep did so: reading a large folder
/// takes a while, and a page may start thousands of uploads.
pub fn expired_now_and_then(site: &Arc<Site>) {
    static LAST: LazyLock<Mutex<HashMap<PathBuf, Instant>>> = LazyLock::new(Mutex::default);
    let Some(folder) = site.root.path() else { return };
    {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(folder).is_some_and(|last| last.elapsed() < AGAIN) {
            return;
        }
        last.insert(folder.to_owned(), Instant::now());
    }
    let site = Arc::clone(site);
    tokio::task::spawn_blocking(move || {
        let path = MediaPath::top().join(partial::FOLDER.as_bytes());
        if let Ok(root) = site.root.folder()
            && let Ok(Reach::Folder(folder, missing)) = root.reach(&path)
            && missing.is_empty()
        {
            expired(&folder);
        }
    });
}

/// Removes partial uploads that have received nothing for [`partial::LIFETIME`], and returns the number of removed
/// files. An upload's information file is as old as its bytes.
fn expired(folder: &Dir) -> usize {
    let is_expired = |entry: &DirEntry| {
        let name = entry.file_name();
        let bytes = name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(|id| folder.metadata(id).ok());
        bytes.map_or_else(|| is_older(entry, partial::LIFETIME), |bytes| is_old(&bytes, partial::LIFETIME))
    };
    let entries = folder.entries().into_iter().flatten().flatten();
    entries.filter(|entry| is_expired(entry) && system::remove_abandoned(folder, &entry.file_name())).count()
}

fn is_older(entry: &DirEntry, age: Duration) -> bool {
    entry.metadata().is_ok_and(|metadata| is_old(&metadata, age))
}

fn is_old(metadata: &Metadata, age: Duration) -> bool {
    let modified = metadata.modified().map(cap_std::time::SystemTime::into_std);
    modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|old| old > age))
}
