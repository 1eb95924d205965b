//! The versions of folders, to know whether their names are still those that were read before.

use std::time::SystemTime;

use cap_std::fs::Dir;

use super::Root;
use crate::request::path::MediaPath;
use crate::storage::version::Version;
use crate::system;
#[cfg(target_os = "linux")]
use crate::system::FileStat;

impl Root {
    /// The version of the folder at `path`, if there is no link on its way and that is known without waiting. As with files
    /// that were opened a moment ago, a folder is opened again after `RECHECK`, and until then its path is
    /// enough.
    #[cfg(target_os = "linux")]
    pub fn version_now(&self, path: &MediaPath) -> Option<Version> {
        use std::time::Instant;

        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

        use super::RECHECK;

        if !self.nowait.may_try() {
            return None;
        }
        let now = Instant::now();
        let dir = self.dir_at(RECHECK, now).ok()?;
        if path.is_top() {
            return Some(Version::of(&system::stat_of_folder(&dir).ok()?));
        }
        if let Some(identity) = self.watched.get(path, now)
            && let Ok(named) = FileStat::of_entry(&dir, path.as_path().as_os_str())
        {
            let version = Version::of(&named);
            if (version.device, version.inode) == identity {
                return Some(version);
            }
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::CACHED;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat2(&*dir, &*path.as_path(), flags, Mode::empty(), resolve).ok()?;
        let version = Version::of(&system::stat_of_handle(&folder).ok()?);
        self.watched.put(path.clone(), (version.device, version.inode), now, now + RECHECK);
        Some(version)
    }

    /// Other systems cannot look up a folder in their caches alone.
    #[cfg(not(target_os = "linux"))]
    pub fn version_now(&self, _path: &MediaPath) -> Option<Version> {
        None
    }

    /// The version of an open folder; `None` if it may change without a change of its version, because it changed a moment
    /// ago or lies on another machine. What is read from now on belongs to this version or a later one.
    pub fn settled_version(&self, dir: &Dir) -> Option<Version> {
        let now = SystemTime::now();
        let version = Version::of(&system::stat_of_folder(dir).ok()?);
        (self.is_local && version.is_settled(now)).then_some(version)
    }
}
