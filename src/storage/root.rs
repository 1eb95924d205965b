//! `Root`: the only code that opens media files.
//!
//! The root is an open handle, not a string. The kernel resolves every path beneath it (`openat2` with
//! `RESOLVE_BENEATH`), or cap-std does, one segment at a time, if the kernel does not support that. So neither a bug in
//! the handling of paths nor a link that is replaced during a request can lead out of the root.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime};

use cap_std::fs::Dir;

use super::entity::Entity;
#[cfg(target_os = "linux")]
use super::follow::{self, FollowError};
use super::location::Location;
use super::media_type::{MediaTypes, SNIFF_LEN};
use super::open_file::{NoWait, OpenFile};
#[cfg(target_os = "linux")]
use crate::remembered::Remembered;
use crate::request::path::MediaPath;
use crate::system::{self, FileStat, windows_name};

mod locate;
pub mod reach;
pub mod real;
#[cfg(target_os = "linux")]
mod recent;
mod watched;

/// How long a handle is used before its path is checked again: a folder that was removed and created again (by a test,
/// by a checkout) is noticed within this time.
const RECHECK: Duration = Duration::from_millis(200);

/// The most folders whose identity is remembered for a moment.
#[cfg(target_os = "linux")]
const MAX_WATCHED: usize = 256;

/// A served directory, with its policy for symbolic links.
#[derive(Debug)]
pub struct Root {
    /// Absolute, but not resolved: a link to the root may change its target while devmedia runs.
    path: PathBuf,
    links: Links,
    types: MediaTypes,
    current: RwLock<Current>,
    changing: Mutex<()>,
    nowait: NoWait,
    /// Only Linux can tell a path without links at once.
    #[cfg(target_os = "linux")]
    recent: recent::Recent,
    /// The folders whose versions were asked for a moment ago.
    #[cfg(target_os = "linux")]
    watched: Remembered<MediaPath, (u64, u64)>,
    is_local: bool,
}

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Those that stay inside the root.
    Inside,
    /// All except the magic links of `/proc` (`--follow-links`).
    Anywhere,
}

#[derive(Debug)]
struct Current {
    dir: Option<Arc<Dir>>,
    /// Its device and inode, which no other folder has while it is open.
    identity: Option<(u64, u64)>,
    checked: Instant,
}

/// An open file or directory, with its metadata.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File(OpenFile, Entity),
    /// A directory, to list.
    Directory(Dir),
}

/// The reason why a path cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The system's error.
    Io(io::Error),
    /// A link in the path leads out of the root, or is broken.
    LeavesRoot,
    /// The root itself does not exist any more.
    RootGone,
    /// A FIFO, a socket or a device.
    NotRegular,
    /// The mount has no folder: its files are in a bucket.
    NotAFolder,
}

impl OpenError {
    /// Whether the path does not exist, as opposed to a file that cannot be opened.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if system::is_missing(error))
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Root {
    /// Opens a directory. The errors are those of the system (missing, not a directory, not readable).
    pub fn new(path: &Path, links: Links, types: MediaTypes) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let dir = system::open_folder(&path)?;
        dir.entries()?;
        let is_local = is_local(&dir);
        let current = Current { identity: identity(&dir), dir: Some(Arc::new(dir)), checked: Instant::now() };
        let current = RwLock::new(current);
        Ok(Self {
            path,
            links,
            types,
            current,
            changing: Mutex::new(()),
            nowait: NoWait::new(is_local),
            #[cfg(target_os = "linux")]
            recent: recent::Recent::new(RECHECK),
            #[cfg(target_os = "linux")]
            watched: Remembered::new(MAX_WATCHED),
            is_local,
        })
    }

    /// The path, for messages at start-up. It is never sent to a client.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether links that lead out of the root are followed.
    pub fn follows_links(&self) -> bool {
        self.links == Links::Anywhere
    }

    /// The media types of its files.
    pub fn types(&self) -> &MediaTypes {
        &self.types
    }

    /// Whether its file system supports reads that do not wait.
    pub fn nowait(&self) -> NoWait {
        self.nowait.clone()
    }

    /// Opens `path` if that is possible without waiting: its names and its first page are in the kernel's caches. They also
    /// tell that it is missing. If this returns `None`, call [`Root::open`], which may wait.
    #[cfg(target_os = "linux")]
    pub fn open_now(&self, path: &MediaPath) -> Option<Result<Found, OpenError>> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        use rustix::io::Errno;
        if !self.nowait.may_try() {
            return None;
        }
        let now = Instant::now();
        let dir = self.dir_at(RECHECK, now).ok()?;
        if let Some((file, entity)) = self.recent.get(&dir, path, now) {
            return Some(Ok(Found::File(file, entity)));
        }
        let flags = system::OPEN_FLAGS | OFlags::RDONLY | OFlags::CLOEXEC;
        // without links the file is where its path says, so it need not be asked
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::CACHED;
        let file = match openat2(&*dir, &*path.as_path(), flags, Mode::empty(), resolve) {
            Ok(file) => file,
            Err(errno @ (Errno::NOENT | Errno::NOTDIR)) if self.is_current() => {
                return Some(Err(OpenError::Io(errno.into())));
            }
            Err(_) => return None,
        };
        let sniff = |file: &OpenFile, first: &mut [u8]| file.peek(0, first).ok_or(io::ErrorKind::WouldBlock.into());
        let (found, stat) = self.describe(file.into(), path, sniff).ok()?;
        // the type of another file may change without a change of its times
        if let Found::File(file, entity) = &found
            && self.types.by_name_alone(path.file_name()).is_some()
        {
            self.recent.put(path, file, entity, &stat, now);
        }
        Some(Ok(found))
    }

    /// Other systems cannot open files from their caches alone.
    #[cfg(not(target_os = "linux"))]
    pub fn open_now(&self, _path: &MediaPath) -> Option<Result<Found, OpenError>> {
        None
    }

    /// Opens `path` once, without blocking on a FIFO, and reads the metadata from the handle.
    ///
    /// Blocks: it may wait for a disk.
    pub fn open(&self, path: &MediaPath) -> Result<Found, OpenError> {
        let dir = self.dir(RECHECK)?;
        match self.open_in(&dir, path) {
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                // the whole root may just have been replaced
                let fresh = self.dir(Duration::ZERO)?;
                if Arc::ptr_eq(&fresh, &dir) {
                    return Err(error.into());
                }
                self.open_in(&fresh, path)
            }
            result => result,
        }
    }

    /// Opens `path`, and says where the opened file lies. Blocks.
    pub fn find(&self, path: &MediaPath) -> Result<(Found, Location), OpenError> {
        let locate = |found: &Found| match found {
            Found::File(file, _) => self.locate(file, path),
            Found::Directory(dir) => self.locate(dir, path),
        };
        let found = self.open(path)?;
        if let Ok(location) = locate(&found) {
            return Ok((found, location));
        }
        // renamed or replaced since it was opened, or its root was
        let found = self.open(path)?;
        let location = locate(&found)?;
        Ok((found, location))
    }

    /// The state of the target of a link and its location, for a listing; `None` if it is not served. Blocks.
    pub fn follow(&self, link: &MediaPath) -> Option<(FileStat, Location)> {
        let dir = self.dir(RECHECK).ok()?;
        let file = self.open_file(&dir, link, self.links).ok()?;
        Some((FileStat::of(&file).ok()?, self.locate(&file, link).ok()?))
    }

    fn open_in(&self, dir: &Dir, path: &MediaPath) -> Result<Found, OpenError> {
        let (found, _) = self.describe(self.open_file(dir, path, self.links)?, path, OpenFile::first)?;
        Ok(found)
    }

    /// Opens `path`, whatever kind of file it is.
    fn open_file(&self, dir: &Dir, path: &MediaPath, links: Links) -> Result<File, OpenError> {
        check_names(path)?;
        match open_beneath(dir, &path.as_path()) {
            Err(error) if is_escape(&error) => self.open_link(dir, path, links),
            Err(error) if system::is_not_regular(&error) => Err(OpenError::NotRegular),
            result => Ok(result?),
        }
    }

    /// Reads the metadata from the handle, never from the path. `sniff` reads the first bytes if the name does not
    /// determine the type.
    fn describe(
        &self,
        file: File,
        path: &MediaPath,
        sniff: fn(&OpenFile, &mut [u8]) -> io::Result<usize>,
    ) -> Result<(Found, FileStat), OpenError> {
        // a file that changes after this moment has a later time
        let now = SystemTime::now();
        let stat = FileStat::of(&file)?;
        if stat.is_dir {
            return Ok((Found::Directory(Dir::from_std_file(file)), stat));
        }
        if !stat.is_file {
            return Err(OpenError::NotRegular);
        }
        let file = OpenFile::new(file, self.nowait.clone());
        let media_type = if let Some(settled) = self.types.by_name_alone(path.file_name()) {
            settled
        } else {
            let mut first = [0; SNIFF_LEN];
            let len = sniff(&file, &mut first)?;
            self.types.by_content(path.file_name(), &first[..len])
        };
        let entity = Entity::new(&stat, media_type, now);
        Ok((Found::File(file, entity), stat))
    }

    /// Opens a path with a link that leaves the root or is absolute, if it leads back into the root.
    fn open_link(&self, dir: &Dir, path: &MediaPath, links: Links) -> Result<File, OpenError> {
        let ambient = self.path.join(path.as_path());
        if links == Links::Anywhere {
            return open_anywhere(&ambient);
        }
        // All errors outside get the same response: a 404 would reveal which files exist outside the root.
        let root = self.path.canonicalize().map_err(|_| OpenError::RootGone)?;
        let target = ambient.canonicalize().map_err(|_| OpenError::LeavesRoot)?;
        let inside = target.strip_prefix(&root).map_err(|_| OpenError::LeavesRoot)?;
        let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
        match open_beneath(dir, inside) {
            Err(error) if is_escape(&error) => Err(OpenError::LeavesRoot),
            result => Ok(result?),
        }
    }

    /// The root's handle, checked less than `max_age` ago. It is reopened if the path leads to another directory.
    fn dir(&self, max_age: Duration) -> Result<Arc<Dir>, OpenError> {
        self.dir_at(max_age, Instant::now())
    }

    /// The same, at this time.
    fn dir_at(&self, max_age: Duration, now: Instant) -> Result<Arc<Dir>, OpenError> {
        {
            let current = self.current.read().expect("nothing panics while holding it");
            if let Some(dir) = &current.dir
                && now.saturating_duration_since(current.checked) < max_age
            {
                return Ok(Arc::clone(dir));
            }
        }
        let mut current = self.current.write().expect("nothing panics while holding it");
        current.checked = now;
        if !current.dir.as_ref().is_some_and(|dir| self.is_still(dir)) {
            current.dir = system::open_folder(&self.path).ok().map(Arc::new);
            current.identity = current.dir.as_deref().and_then(identity);
        }
        current.dir.clone().ok_or(OpenError::RootGone)
    }

    /// Whether the path still leads to the root that was opened last.
    pub fn is_current(&self) -> bool {
        let named = system::stat_of_path(&self.path).map(|named| (named.device, named.inode));
        let current = self.current.read().expect("nothing panics while holding it");
        current.dir.is_some() && named.is_ok_and(|named| current.identity == Some(named))
    }

    /// Whether the path still leads to this handle. The handle of a removed directory stays valid but has no links, and
    /// the directory's inode number may already have been reused.
    fn is_still(&self, dir: &Dir) -> bool {
        let held = system::stat_of_folder(dir);
        let named = system::stat_of_path(&self.path);
        held.is_ok_and(|held| held.has_name && named.is_ok_and(|named| held.is_same(&named)))
    }
}

/// Fails for a path that Windows would read as another one, such as `..\a` or `\\host\share`: it must not reach the system.
fn check_names(path: &MediaPath) -> io::Result<()> {
    if windows_name::fault_here(path.segments()).is_some() { Err(io::ErrorKind::NotFound.into()) } else { Ok(()) }
}

/// The device and the inode of a folder.
fn identity(dir: &Dir) -> Option<(u64, u64)> {
    system::stat_of_folder(dir).ok().map(|stat| (stat.device, stat.inode))
}

fn open_beneath(dir: &Dir, path: &Path) -> io::Result<File> {
    Ok(dir.open_with(path, &system::reading())?.into_std())
}

#[cfg(target_os = "linux")]
fn open_anywhere(path: &Path) -> Result<File, OpenError> {
    match follow::open(path, system::OPEN_FLAGS) {
        Err(FollowError::Magic) => Err(OpenError::LeavesRoot),
        Err(FollowError::Io(error)) if system::is_not_regular(&error) => Err(OpenError::NotRegular),
        Err(FollowError::Io(error)) => Err(OpenError::Io(error)),
        Ok(file) => Ok(file),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_anywhere(path: &Path) -> Result<File, OpenError> {
    Ok(system::open_anywhere(path)?)
}

/// Whether this is cap-std's own error for a path that leaves the handle. It has no code, unlike the system's EACCES.
fn is_escape(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// Whether the file system is local. On network file systems and FUSE, opening a file and reading its length may also
/// wait, and no flag prevents that.
#[cfg(target_os = "linux")]
fn is_local(dir: &Dir) -> bool {
    /// From linux/magic.h: NFS, SMB, SMB2, CIFS, FUSE (also sshfs, virtiofs), 9P (WSL), Ceph, AFS, and `VirtualBox`.
    const REMOTE: [u32; 9] =
        [0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42, 0x6573_5546, 0x0102_1997, 0x00c3_6400, 0x5346_414f, 0x786f_4256];
    rustix::fs::fstatfs(dir).is_ok_and(|system| {
        // the kernel's magic numbers have 32 bits, but the field is wider on some machines
        !REMOTE.contains(&u32::try_from(system.f_type).unwrap_or_default())
    })
}

#[cfg(not(target_os = "linux"))]
fn is_local(_dir: &Dir) -> bool {
    false
}
