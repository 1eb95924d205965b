//! The path after all links have been followed: access rules apply to it as well.

use std::io::ErrorKind;
#[cfg(target_os = "linux")]
use std::sync::Arc;

#[cfg(target_os = "linux")]
use cap_std::fs::Dir;
#[cfg(target_os = "linux")]
use rustix::fs::OFlags;

use super::locate::stored;
use super::{OpenError, RECHECK, Root, check_names};
use crate::request::path::MediaPath;

impl Root {
    /// Whether `path` contains no link, according to the kernel's caches. `false` means that it is not known. If it does not
    /// exist, its folders find names only by the bytes that they are stored as.
    #[cfg(target_os = "linux")]
    pub fn is_straight_now(&self, path: &MediaPath) -> bool {
        use rustix::fs::{Mode, ResolveFlags, openat2};
        use rustix::io::Errno;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::CACHED;
        let named =
            |dir: Arc<Dir>| openat2(&*dir, &*path.as_path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve);
        if !self.nowait.may_try() {
            return false;
        }
        match self.dir(RECHECK).map(named) {
            Ok(Ok(_)) => true,
            Ok(Err(Errno::NOENT)) => self.is_exact_now(path),
            _ => false,
        }
    }

    /// Other systems cannot resolve paths from their caches alone.
    #[cfg(not(target_os = "linux"))]
    pub fn is_straight_now(&self, _path: &MediaPath) -> bool {
        false
    }

    /// The path with its links followed, as far as it exists, with each name as it is stored; `None` if it leaves the
    /// root. It is an error if a link cannot be followed. Blocks.
    ///
    /// A file that is opened later may lie elsewhere; check its [`Location`](crate::storage::location::Location).
    pub fn real(&self, path: &MediaPath) -> Result<Option<MediaPath>, OpenError> {
        check_names(path)?;
        let root = self.path.canonicalize().map_err(|_| OpenError::RootGone)?;
        let resolve = |count| match self.path.join(path.head(count).as_path()).canonicalize() {
            Ok(real) => Ok(Some((count, real))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(OpenError::Io(error)),
        };
        let whole = path.segments().count();
        let mut deepest = resolve(whole)?;
        if deepest.is_none() {
            // from the top, and only as far as the folders exist: a path may have 30,000 segments
            for count in 0..whole {
                let Some(deeper) = resolve(count)? else { break };
                deepest = Some(deeper);
            }
        }
        let Some((count, real)) = deepest else { return Err(OpenError::RootGone) };
        let Ok(real) = real.strip_prefix(&root) else { return Ok(None) };
        let top = real.iter().fold(MediaPath::top(), |path, name| path.join(name.as_encoded_bytes()));
        let top = stored(&*self.dir(RECHECK)?, &top)?;
        Ok(Some(path.segments().skip(count).fold(top, |path, segment| path.join(segment))))
    }
}
