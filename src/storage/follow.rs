//! `--follow-links` on Linux: opens a path whose links may lead anywhere, but never follows the magic links of `/proc`,
//! which lead to handles of this process.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags};
use rustix::fs::{fstat, fstatfs, openat, openat2, readlinkat};
use rustix::io::Errno;

/// The number of links that the kernel follows (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// The reason why a path was not opened.
#[derive(Debug)]
pub(super) enum FollowError {
    /// The path contains a magic link.
    Magic,
    /// The system's error.
    Io(io::Error),
}

impl From<Errno> for FollowError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// Opens an absolute path. If `openat2` is missing or forbidden in a container, walks through the path segment by
/// segment.
pub(super) fn open(path: &Path, flags: OFlags) -> Result<File, FollowError> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
        Ok(file) => Ok(file.into()),
        Err(Errno::NOSYS | Errno::PERM) => walk(path, flags),
        // or a loop of links, which openat2 does not distinguish from a magic link
        Err(Errno::LOOP) => Err(FollowError::Magic),
        Err(errno) => Err(errno.into()),
    }
}

/// Opens one segment after the other and reads each link itself. Links inside `/proc` are not followed, magic or not.
fn walk(path: &Path, flags: OFlags) -> Result<File, FollowError> {
    const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

    let top = || openat(CWD, "/", STEP | OFlags::DIRECTORY, Mode::empty());
    let mut dir: OwnedFd = top()?;
    let mut ahead = segments(path.as_os_str().as_bytes());
    let mut links = 0;
    while let Some(segment) = ahead.pop_front() {
        let here = openat(&dir, &segment, STEP, Mode::empty())?;
        match FileType::from_raw_mode(fstat(&here)?.st_mode) {
            FileType::Symlink => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::LOOP.into());
                }
                if fstatfs(&here)?.f_type == PROC_SUPER_MAGIC {
                    return Err(FollowError::Magic);
                }
                let target = readlinkat(&here, "", Vec::new())?.into_bytes();
                if target.starts_with(b"/") {
                    dir = top()?;
                }
                let mut target = segments(&target);
                target.append(&mut ahead);
                ahead = target;
            }
            _ if ahead.is_empty() => return Ok(openat(&dir, &segment, flags | OFlags::NOFOLLOW, Mode::empty())?.into()),
            _ => dir = here,
        }
    }
    Ok(openat(&dir, ".", flags, Mode::empty())?.into())
}

fn segments(path: &[u8]) -> VecDeque<OsString> {
    let segments = path.split(|&b| b == b'/').filter(|segment| !segment.is_empty());
    segments.map(|segment| OsString::from_vec(segment.to_vec())).collect()
}
