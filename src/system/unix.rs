//! Linux, macOS and other Unix systems.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptionsExt as _};
use rustix::fs::{
    AtFlags, FileType, FlockOperation, OFlags, Stat, XattrFlags, fgetxattr, flock, fremovexattr, fsetxattr, fstat,
    stat, statat,
};
use rustix::io::Errno;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use std::os::fd::AsFd as AsHandle;

use super::stat::{FileStat, Stamp};
use super::{Stop, WriteFailure};

/// Avoids hanging on a FIFO without a writer, and acquiring a controlling terminal.
pub const OPEN_FLAGS: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// A name for the file system: bytes as they are.
pub fn name(bytes: &[u8]) -> Cow<'_, OsStr> {
    Cow::Borrowed(OsStr::from_bytes(bytes))
}

impl FileStat {
    /// The state of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        stat_of_handle(file)
    }

    /// The state of what has this name, or is at this path, in a folder; of a link, not of its target.
    pub fn of_entry(folder: &Dir, name: &OsStr) -> io::Result<Self> {
        Ok((&statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?).into())
    }
}

impl From<&Stat> for FileStat {
    #[allow(
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless,
        clippy::unnecessary_cast,
        reason = "the types of these fields differ between systems, and hold no more than these"
    )]
    fn from(stat: &Stat) -> Self {
        let file_type = FileType::from_raw_mode(stat.st_mode);
        Self {
            is_dir: file_type.is_dir(),
            is_file: file_type.is_file(),
            len: stat.st_size as u64,
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            modified: Stamp { seconds: stat.st_mtime as i64, nanos: stat.st_mtime_nsec as i64 },
            changed: Stamp { seconds: stat.st_ctime as i64, nanos: stat.st_ctime_nsec as i64 },
            has_name: stat.st_nlink > 0,
        }
    }
}

/// The state of an open folder.
pub fn stat_of_folder(folder: &Dir) -> io::Result<FileStat> {
    stat_of_handle(folder)
}

/// The state of what a path leads to.
pub fn stat_of_path(path: &Path) -> io::Result<FileStat> {
    Ok((&stat(path)?).into())
}

/// The state of an open file or folder.
pub fn stat_of_handle(handle: impl AsHandle) -> io::Result<FileStat> {
    Ok((&fstat(handle)?).into())
}

/// Opens a folder to look up names beneath it.
pub fn open_folder(path: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(path, cap_std::ambient_authority())
}

/// How a file or folder beneath a handle is opened for reading, without waiting for the other end of a FIFO.
pub fn reading() -> cap_std::fs::OpenOptions {
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).custom_flags(OPEN_FLAGS.bits().cast_signed());
    options
}

/// The same for a file that is not a link itself.
pub fn reading_no_link() -> cap_std::fs::OpenOptions {
    // not by O_NOFOLLOW: without openat2, cap-std follows links itself, whatever these flags say
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).follow(FollowSymlinks::No);
    options
}

/// Opens a path, following every link.
#[cfg(not(target_os = "linux"))]
pub fn open_anywhere(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OPEN_FLAGS.bits().cast_signed()).open(path)
}

/// Reads at `offset`, as many bytes as are available.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Creates a file that does not exist, for writing to its end and for reading at any place meanwhile.
pub fn create_new(folder: &Dir, name: &str) -> io::Result<File> {
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).write(true).create_new(true);
    Ok(folder.open_with(name, &options)?.into_std())
}

/// Opens a file, which is not a link, for writing to its end.
pub fn open_to_append(folder: &Dir, name: &str) -> io::Result<File> {
    let mut options = cap_std::fs::OpenOptions::new();
    options.append(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).follow(FollowSymlinks::No);
    Ok(folder.open_with(name, &options)?.into_std())
}

/// Creates a file that nobody else can open, and removes its name at once.
pub fn create_unnamed(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Renames a file, replacing the one with the new name.
pub fn replace(from: &Dir, old: &str, to: &Dir, new: &OsStr) -> io::Result<()> {
    from.rename(old, to, new)
}

/// Renames a file to a name that does not exist, or fails with [`io::ErrorKind::AlreadyExists`].
pub fn rename_new(from: &Dir, old: &str, to: &Dir, new: &OsStr) -> io::Result<()> {
    use rustix::fs::{RenameFlags, linkat, renameat_with, unlinkat};
    match renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        // the file system does not support the flag; a hard link does not replace files either
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            linkat(from, old, to, new, AtFlags::empty())?;
            Ok(unlinkat(from, old, AtFlags::empty())?)
        }
        result => Ok(result?),
    }
}

/// Reads an extended attribute of at most `max` bytes (xattr(7)); `None` if it is missing or the file system has none.
pub fn attribute(handle: impl AsHandle, name: &str, max: usize) -> Option<Vec<u8>> {
    let mut text = vec![0; max.min(1024)];
    let len = match fgetxattr(&handle, name, &mut text) {
        Err(Errno::RANGE) => {
            text.resize(max, 0);
            fgetxattr(&handle, name, &mut text).ok()?
        }
        result => result.ok()?,
    };
    text.truncate(len);
    Some(text)
}

/// Sets an extended attribute; an error if the file system has none.
pub fn set_attribute(handle: impl AsHandle, name: &str, text: &[u8]) -> io::Result<()> {
    Ok(fsetxattr(handle, name, text, XattrFlags::empty())?)
}

/// Removes an extended attribute.
pub fn remove_attribute(handle: impl AsHandle, name: &str) -> io::Result<()> {
    Ok(fremovexattr(handle, name)?)
}

/// Whether a file was not opened because its name is a link, and [`reading_no_link`] said not to follow it.
pub fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// A lock that other processes see. It ends when the file is closed, also by a crash.
#[derive(Debug)]
pub struct Lock;

impl Lock {
    /// Locks a file of this folder for one user at a time; an error if another one has it.
    pub fn try_new(file: &File, _folder: &Dir, _name: &str) -> io::Result<Self> {
        flock(file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self)
    }
}

/// Tells [`remove_abandoned`] that the file belongs to a running process, as long as it is open.
pub fn mark_used(file: &File) {
    let _ = flock(file, FlockOperation::NonBlockingLockExclusive);
}

/// Removes a file unless a running process uses it. Returns whether it did.
pub fn remove_abandoned(folder: &Dir, name: &OsStr) -> bool {
    let Ok(file) = folder.open_with(name, &reading_no_link()) else { return false };
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() && folder.remove_file(name).is_ok()
}

/// Locks a folder; waits while another process has it. The lock ends when the handle is closed.
pub fn lock_folder(folder: &Path) -> io::Result<File> {
    let lock = File::open(folder)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    Ok(lock)
}

/// A folder for the files of this user's programs: `below` the home folder.
pub fn user_folder(home: Option<&Path>, below: &str) -> Option<PathBuf> {
    Some(home.filter(|home| home.is_absolute())?.join(below))
}

/// Creates a folder that only this user may enter.
pub fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// How a file with these permissions is created.
pub fn with_mode(options: &mut OpenOptions, mode: u32) -> &mut OpenOptions {
    options.mode(mode)
}

/// Takes away permissions that are not in `mode`.
pub fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    let present = std::fs::metadata(path)?.permissions().mode() & 0o777;
    if present & !mode == 0 { Ok(()) } else { std::fs::set_permissions(path, Permissions::from_mode(present & mode)) }
}

/// Whether a path does not exist, as opposed to a file that cannot be opened. nginx responds with 404 to the same errors.
pub fn is_missing(error: &io::Error) -> bool {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(errno) => matches!(
            errno,
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP | Errno::INVAL | Errno::ILSEQ
        ),
        // what was opened is not there any more when its place is looked up
        None => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Whether a path cannot be opened because it is a socket, or a device without a driver (open(2)).
pub fn is_not_regular(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
}

/// Whether this process (EMFILE) or the machine (ENFILE) cannot open more files.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::MFILE | Errno::NFILE))
}

/// Whether the process or the machine has run out of descriptors, or the machine of memory for sockets.
pub fn is_out_of_sockets(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    is_out_of_descriptors(error) || matches!(errno, Some(Errno::NOBUFS | Errno::NOMEM))
}

/// Whether another program has the file open and does not share it, which happens only on Windows.
pub fn is_in_use(_error: &io::Error) -> bool {
    false
}

/// Why a file was not written; `None` for all other reasons.
pub fn write_failure(error: &io::Error) -> Option<WriteFailure> {
    Some(match Errno::from_raw_os_error(error.raw_os_error()?) {
        Errno::NOSPC | Errno::DQUOT => WriteFailure::Full,
        Errno::FBIG => WriteFailure::TooLarge,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => WriteFailure::Forbidden,
        Errno::ISDIR => WriteFailure::IsFolder,
        Errno::NAMETOOLONG | Errno::ILSEQ => WriteFailure::BadName,
        _ => return None,
    })
}

/// Raises the soft limit of open files to the hard limit: a page with many images opens many connections.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!("cannot raise the limit of open files: {error}");
    }
}

/// Keeps SIGXFSZ from ending the process: to write beyond the largest file that `ulimit -f` allows is then an error of that
/// write (EFBIG), which one request gets. Needs a runtime.
pub fn survive_file_size_limit() {
    // tokio keeps its handler for as long as the process lives
    if let Err(error) = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())) {
        tracing::debug!("SIGXFSZ could not be handled: {error}");
    }
}

/// Receives the requests to stop this process: SIGINT and SIGTERM.
#[derive(Debug)]
pub struct StopRequests {
    interrupt: Signal,
    terminate: Signal,
}

impl StopRequests {
    /// From now on, the process does not end by these signals. Needs a runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
        }
    }
}
