//! `FileStat`: what the system knows about a file.

use std::time::{Duration, SystemTime};

/// A time as seconds since 1970 and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// The nanoseconds after them.
    pub nanos: i64,
}

/// The state of a file, read from its handle or from the entry of its folder.
#[derive(Debug, Clone, Copy)]
pub struct FileStat {
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Whether it is a regular file.
    pub is_file: bool,
    /// The number of bytes.
    pub len: u64,
    /// The file system; the volume's serial number on Windows.
    pub device: u64,
    /// The inode; the file index on Windows.
    pub inode: u64,
    /// When the content was last written.
    pub modified: Stamp,
    /// When the content or the metadata last changed (ctime). On Windows, the later of the times when the content was written
    /// and when the file was created; programs can set both.
    pub changed: Stamp,
    /// Whether it has a name. A folder that was removed stays open without one.
    pub has_name: bool,
}

impl FileStat {
    /// Whether both are the same file.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// The modification time; `None` if it is not representable.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified.time()
    }
}

impl Stamp {
    /// As a `SystemTime`; `None` if it is not representable.
    pub fn time(self) -> Option<SystemTime> {
        let nanos = Duration::from_nanos(u64::try_from(self.nanos).ok()?);
        let seconds = Duration::from_secs(self.seconds.unsigned_abs());
        let whole = if self.seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(seconds)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(seconds)
        };
        whole?.checked_add(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_times() {
        for (seconds, nanos, expected) in [
            (0, 0, Some(SystemTime::UNIX_EPOCH)),
            (1, 5, Some(SystemTime::UNIX_EPOCH + Duration::new(1, 5))),
            (-1, 500_000_000, Some(SystemTime::UNIX_EPOCH - Duration::from_millis(500))),
            (0, -1, None),
        ] {
            assert_eq!(Stamp { seconds, nanos }.time(), expected, "{seconds} {nanos}");
        }
    }
}
