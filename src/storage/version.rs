//! `Version`: what `stat` tells about a file or a folder that changes with every change of it.

use std::time::{Duration, SystemTime};

use crate::system::FileStat;

/// A file or folder that changed less than this ago may change again without a change of its times: kernels before 6.13
/// have a granularity of up to 10 ms. Such a file has no validator, so that no cache keeps a partially written file, and
/// nothing about it is remembered.
const RACY: Duration = Duration::from_millis(20);

/// A version of one file or folder. As long as it is the same, the content is the same: every change of a file, and of the
/// names in a folder, changes ctime, which programs cannot set, and a file in its place has another inode. (On Windows, they
/// can set all times.)
///
/// A write by a shared mapping to a page that is dirty already is an exception: it changes no time. So it is not used to
/// keep the bytes of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Version {
    /// Of an open handle.
    pub fn of(stat: &FileStat) -> Self {
        Self {
            device: stat.device,
            inode: stat.inode,
            len: stat.len,
            modified: (stat.modified.seconds, stat.modified.nanos),
            changed: (stat.changed.seconds, stat.changed.nanos),
        }
    }

    /// Whether its last change was long enough ago at `now` that another change would change its times. `now` must be a
    /// moment before the metadata was read. A change in the future counts as an old one (the clock was set back).
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let changed = match (u64::try_from(self.changed.0), u32::try_from(self.changed.1)) {
            (Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos),
            _ => Duration::ZERO,
        };
        since_epoch.checked_sub(changed).is_none_or(|age| age >= RACY)
    }
}
