//! Windows.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::os::windows::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cap_std::fs::{Dir, OpenOptionsExt as _};
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
use winx::winapi_util;

pub use std::os::windows::io::AsHandle;

use super::stat::{FileStat, Stamp};
use super::windows_name::wide;
use super::{Stop, WriteFailure};

/// From winbase.h: opens folders as well as files.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;

/// From winbase.h: opens a link, not its target.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// From winbase.h: the file is removed when its last handle is closed, also by a crash.
const FILE_FLAG_DELETE_ON_CLOSE: u32 = 0x0400_0000;

/// From winerror.h.
const ERROR_FILE_NOT_FOUND: i32 = 2;
const ERROR_PATH_NOT_FOUND: i32 = 3;
const ERROR_TOO_MANY_OPEN_FILES: i32 = 4;
const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_INVALID_DRIVE: i32 = 15;
const ERROR_WRITE_PROTECT: i32 = 19;
const ERROR_SHARING_VIOLATION: i32 = 32;
const ERROR_LOCK_VIOLATION: i32 = 33;
const ERROR_HANDLE_DISK_FULL: i32 = 39;
const ERROR_DISK_FULL: i32 = 112;
const ERROR_INVALID_NAME: i32 = 123;
const ERROR_BAD_PATHNAME: i32 = 161;
const ERROR_FILENAME_EXCED_RANGE: i32 = 206;
const ERROR_FILE_TOO_LARGE: i32 = 223;
const ERROR_DELETE_PENDING: i32 = 303;
const ERROR_DIRECTORY: i32 = 267;
const ERROR_DISK_QUOTA_EXCEEDED: i32 = 1295;
const ERROR_CANT_RESOLVE_FILENAME: i32 = 1921;
/// From winsock2.h: too many open sockets.
const WSAEMFILE: i32 = 10024;
/// From winsock2.h: no buffer space.
const WSAENOBUFS: i32 = 10055;

/// The seconds between 1601, where Windows begins to count, and 1970.
const SECONDS_TO_1970: i64 = 11_644_473_600;

/// Windows counts in units of 100 nanoseconds.
const TICKS_PER_SECOND: u64 = 10_000_000;

/// A name for the file system, from WTF-8. Text that is not WTF-8 gets a name that no file has.
pub fn name(bytes: &[u8]) -> Cow<'_, OsStr> {
    match (std::str::from_utf8(bytes), wide(bytes)) {
        (Ok(text), _) => Cow::Borrowed(OsStr::new(text)),
        (_, Some(wide)) => Cow::Owned(OsString::from_wide(&wide)),
        (_, None) => Cow::Borrowed(OsStr::new("?")),
    }
}

impl FileStat {
    /// The state of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let information = winapi_util::file::information(file)?;
        let (created, written) = (information.creation_time().unwrap_or(0), information.last_write_time().unwrap_or(0));
        Ok(Self {
            is_dir: metadata.is_dir(),
            is_file: metadata.is_file(),
            len: metadata.len(),
            device: information.volume_serial_number(),
            inode: information.file_index(),
            modified: stamp(written),
            changed: stamp(written.max(created)),
            has_name: information.number_of_links() > 0,
        })
    }

    /// The state of what has this name in a folder; of a link, not of its target.
    pub fn of_entry(folder: &Dir, name: &OsStr) -> io::Result<Self> {
        let file = folder.open_with(name, &reading_no_link())?.into_std();
        Self::of(&file)
    }
}

/// From 100 nanoseconds since 1601.
fn stamp(ticks: u64) -> Stamp {
    let seconds = i64::try_from(ticks / TICKS_PER_SECOND).unwrap_or(i64::MAX) - SECONDS_TO_1970;
    let nanos = i64::try_from(ticks % TICKS_PER_SECOND).expect("a small number") * 100;
    Stamp { seconds, nanos }
}

/// The state of an open folder.
pub fn stat_of_folder(folder: &Dir) -> io::Result<FileStat> {
    FileStat::of(&file_of(folder)?)
}

/// The state of an open file or folder.
pub fn stat_of_handle(handle: impl AsHandle) -> io::Result<FileStat> {
    FileStat::of(&file_of(handle)?)
}

/// The state of what a path leads to.
pub fn stat_of_path(path: &Path) -> io::Result<FileStat> {
    FileStat::of(&open_anywhere(path)?)
}

/// The path of an open file or folder, with each name as it is stored: short names and other spellings are resolved. It begins
/// with `\\?\`.
pub fn path_of(handle: impl AsHandle) -> io::Result<PathBuf> {
    winx::file::get_file_path(&file_of(handle)?)
}

fn file_of(handle: impl AsHandle) -> io::Result<File> {
    Ok(handle.as_handle().try_clone_to_owned()?.into())
}

/// Opens a folder to look up names beneath it. Other programs may remove or rename it meanwhile, as on other systems.
pub fn open_folder(path: &Path) -> io::Result<Dir> {
    let file = open_anywhere(path)?;
    if file.metadata()?.is_dir() { Ok(Dir::from_std_file(file)) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// How a file or folder beneath a handle is opened for reading. Other programs may replace, rename or remove it meanwhile.
pub fn reading() -> cap_std::fs::OpenOptions {
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    options
}

/// The same for a link itself.
pub fn reading_no_link() -> cap_std::fs::OpenOptions {
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
    options
}

/// Opens a path, following every link.
pub fn open_anywhere(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
}

/// Reads at `offset`, as many bytes as are available.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    match file.seek_read(buffer, offset) {
        // ERROR_HANDLE_EOF
        Err(error) if error.raw_os_error() == Some(38) => Ok(0),
        result => result,
    }
}

/// Creates a file that does not exist, for writing to its end and for reading at any place meanwhile. Reading moves the
/// position of the handle here, so every write goes to the end wherever that is.
pub fn create_new(folder: &Dir, name: &str) -> io::Result<File> {
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).append(true).create_new(true);
    Ok(folder.open_with(name, &options)?.into_std())
}

/// Opens a file, which is not a link, for writing to its end.
pub fn open_to_append(folder: &Dir, name: &str) -> io::Result<File> {
    let mut options = cap_std::fs::OpenOptions::new();
    options.append(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    let file = folder.open_with(name, &options)?.into_std();
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Creates a file that nobody else can open, and that the system removes when it is closed.
pub fn create_unnamed(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.access_mode(GENERIC_READ | GENERIC_WRITE | DELETE).read(true).write(true).create_new(true);
    options.share_mode(0).custom_flags(FILE_FLAG_DELETE_ON_CLOSE).open(path)
}

/// Renames a file, replacing the one with the new name. Where the file system cannot replace a file that is open (FAT, Wine), and
/// where antivirus software has it open, this fails until it is closed, so it is tried again for a moment. Blocks.
pub fn replace(from: &Dir, old: &str, to: &Dir, new: &OsStr) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(5);
    const PATIENCE: Duration = Duration::from_secs(1);
    let until = Instant::now() + PATIENCE;
    loop {
        match from.rename(old, to, new) {
            Err(error) if may_be_open(&error) && Instant::now() < until => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
}

/// Whether a file may not have been replaced because it is open: Windows reports both.
fn may_be_open(error: &io::Error) -> bool {
    is_in_use(error) || error.raw_os_error() == Some(ERROR_ACCESS_DENIED)
}

/// Renames a file to a name that does not exist, or fails with [`io::ErrorKind::AlreadyExists`].
pub fn rename_new(from: &Dir, old: &str, to: &Dir, new: &OsStr) -> io::Result<()> {
    match from.hard_link(old, to, new) {
        Ok(()) => from.remove_file(old),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // FAT has no hard links: the name is taken by an empty file for a moment
        Err(_) => {
            let mut options = cap_std::fs::OpenOptions::new();
            to.open_with(new, options.write(true).create_new(true))?;
            from.rename(old, to, new)
        }
    }
}

/// Files have no attributes that are read and written by a handle: alternate data streams have paths only, and writing one
/// changes the times of the file.
pub fn attribute(_handle: impl AsHandle, _name: &str, _max: usize) -> Option<Vec<u8>> {
    None
}

/// Fails, see [`attribute`].
pub fn set_attribute(_handle: impl AsHandle, _name: &str, _text: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Fails, see [`attribute`].
pub fn remove_attribute(_handle: impl AsHandle, _name: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A link is opened itself by [`reading_no_link`], so this is no error here.
pub fn is_link(_error: &io::Error) -> bool {
    false
}

/// A lock that other processes see. It ends when it is dropped, also by a crash.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is the lock as long as it is open")] File);

impl Lock {
    /// Locks a file of this folder for one user at a time; an error if another one has it.
    ///
    /// By a file beside it that nobody else may open: Windows' own locks would keep others from reading.
    pub fn try_new(_file: &File, folder: &Dir, name: &str) -> io::Result<Self> {
        let mut options = cap_std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).share_mode(0).custom_flags(FILE_FLAG_DELETE_ON_CLOSE);
        options.access_mode(GENERIC_READ | GENERIC_WRITE | DELETE);
        Ok(Self(folder.open_with(format!("{name}.lock"), &options)?.into_std()))
    }
}

/// From winnt.h.
const GENERIC_READ: u32 = 0x8000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;
const DELETE: u32 = 0x0001_0000;

/// Tells [`remove_abandoned`] that the file belongs to a running process: here, that it is open is enough.
pub fn mark_used(_file: &File) {}

/// Removes a file unless a running process uses it. Returns whether it did.
pub fn remove_abandoned(folder: &Dir, name: &OsStr) -> bool {
    let mut options = reading_no_link();
    // fails if it is open elsewhere
    let is_abandoned = folder.open_with(name, options.share_mode(0)).is_ok();
    is_abandoned && folder.remove_file(name).is_ok()
}

/// Locks a folder; waits while another process has it. The lock ends when the handle is closed.
pub fn lock_folder(folder: &Path) -> io::Result<File> {
    const AGAIN: std::time::Duration = std::time::Duration::from_millis(20);
    let path = folder.join("lock");
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).share_mode(0);
        match options.open(&path) {
            Err(error) if is_in_use(&error) => std::thread::sleep(AGAIN),
            result => return result,
        }
    }
}

/// A folder for the files of this user's programs: `%LOCALAPPDATA%`, whatever the use.
pub fn user_folder(home: Option<&Path>, _below: &str) -> Option<PathBuf> {
    let local = std::env::var_os("LOCALAPPDATA").map(PathBuf::from);
    let local = local.or_else(|| Some(home?.join("AppData").join("Local")));
    local.filter(|folder| folder.is_absolute())
}

/// Creates a folder. Folders of a user's profile are already closed to other users.
pub fn private_folder() -> DirBuilder {
    DirBuilder::new()
}

/// Windows has no such permissions; files have those of their folder.
pub fn with_mode(options: &mut OpenOptions, _mode: u32) -> &mut OpenOptions {
    options
}

/// Windows has no such permissions.
pub fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Whether a path does not exist, as opposed to a file that cannot be opened.
pub fn is_missing(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(code) => matches!(
            code,
            ERROR_FILE_NOT_FOUND
                | ERROR_PATH_NOT_FOUND
                | ERROR_INVALID_DRIVE
                | ERROR_INVALID_NAME
                | ERROR_BAD_PATHNAME
                | ERROR_FILENAME_EXCED_RANGE
                | ERROR_DIRECTORY
                | ERROR_DELETE_PENDING
                | ERROR_CANT_RESOLVE_FILENAME
        ),
        None => matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    }
}

/// Whether a path cannot be opened because it is a device. Their names are refused before.
pub fn is_not_regular(_error: &io::Error) -> bool {
    false
}

/// Whether this process cannot open more files or sockets.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ERROR_TOO_MANY_OPEN_FILES | WSAEMFILE))
}

/// Whether the process or the machine has no more sockets or memory for them.
pub fn is_out_of_sockets(error: &io::Error) -> bool {
    is_out_of_descriptors(error) || error.raw_os_error() == Some(WSAENOBUFS)
}

/// Whether another program has the file open and does not share it.
pub fn is_in_use(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION))
}

/// Why a file was not written; `None` for all other reasons.
pub fn write_failure(error: &io::Error) -> Option<WriteFailure> {
    Some(match error.raw_os_error()? {
        ERROR_DISK_FULL | ERROR_HANDLE_DISK_FULL | ERROR_DISK_QUOTA_EXCEEDED => WriteFailure::Full,
        ERROR_FILE_TOO_LARGE => WriteFailure::TooLarge,
        ERROR_ACCESS_DENIED | ERROR_WRITE_PROTECT => WriteFailure::Forbidden,
        ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION => WriteFailure::InUse,
        ERROR_INVALID_NAME | ERROR_BAD_PATHNAME | ERROR_FILENAME_EXCED_RANGE => WriteFailure::BadName,
        _ => return None,
    })
}

/// Windows has no such limit for a process.
pub fn raise_descriptor_limit() {}

/// Windows has no such limit for a process.
pub fn survive_file_size_limit() {}

/// Ends a process and all that it has started, whether they want to or not. They may have exited already.
pub fn end_process_tree(pid: u32) {
    let mut kill = Command::new("taskkill");
    kill.args(["/T", "/F", "/PID"]).arg(pid.to_string());
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Receives the requests to stop this process: Ctrl-C, Ctrl-Break, and that the console is closed or the user logs off.
#[derive(Debug)]
pub struct StopRequests {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    log_off: CtrlLogoff,
    shut_down: CtrlShutdown,
}

impl StopRequests {
    /// From now on, the process does not end by these requests. Needs a runtime.
    pub fn listen() -> io::Result<Self> {
        let (interrupt, stop, close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
        Ok(Self { interrupt, stop, close, log_off: ctrl_logoff()?, shut_down: ctrl_shutdown()? })
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.stop.recv() => Stop::Interrupt,
            _ = self.close.recv() => Stop::Terminate,
            _ = self.log_off.recv() => Stop::Terminate,
            _ = self.shut_down.recv() => Stop::Terminate,
        }
    }
}
