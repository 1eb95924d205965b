//! What differs between operating systems, in one form for all rooms: names, the state of a file, how files are opened,
//! renamed and locked, the reasons of errors, private files, requests to stop, and advice for the user.
//!
//! What only Linux has (`openat2`, `RWF_NOWAIT`, `sendfile`, unnamed files, `/proc`) stays in the room that uses it, behind
//! `cfg(target_os = "linux")`.

pub mod advice;
mod stat;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
pub mod windows_name;

pub use self::stat::{FileStat, Stamp};
#[cfg(unix)]
pub use self::unix::*;
#[cfg(windows)]
pub use self::windows::*;

/// Why the system did not write a file, as far as a user can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFailure {
    /// The disk is full, or the quota of this user is used up.
    Full,
    /// The file is larger than the process or the file system may write.
    TooLarge,
    /// This user may not write there, or the disk is read-only.
    Forbidden,
    /// Another program has the file open and does not share it (Windows).
    InUse,
    /// There is a folder with this name.
    IsFolder,
    /// The file system does not store such a name.
    BadName,
}

/// A request to stop the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT; Ctrl-C or Ctrl-Break on Windows.
    Interrupt,
    /// SIGTERM; on Windows, the console is closed, or the user logs off.
    Terminate,
}

impl Stop {
    /// The exit code after a second request, by the convention of shells: 128 plus the signal number.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}
