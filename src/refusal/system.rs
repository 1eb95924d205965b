//! The one place where what the system said becomes a refusal.

use std::io;

use rustix::io::Errno;

use super::Refusal;
use crate::request::path::MediaPath;
use crate::storage::root::OpenError;
use crate::upload::names::NameError;

impl Refusal {
    /// What the system said about opening `path`; the rows are nginx's, and its reasons.
    pub fn of_open(error: OpenError, path: &MediaPath) -> Self {
        let error = match error {
            OpenError::Io(error) => error,
            OpenError::LeavesRoot => return Self::LeavesRoot,
            OpenError::RootGone => return Self::RootGone,
            OpenError::NotRegular => return Self::NotRegular,
        };
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Unreadable,
            _ => match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP | Errno::INVAL | Errno::ILSEQ) => {
                    Self::NotFound { path: path.clone(), meant: None }
                }
                Some(Errno::MFILE | Errno::NFILE) => Self::OutOfDescriptors,
                _ => Self::Failed(error),
            },
        }
    }

    /// What the system said about writing a file.
    pub fn of_write(error: io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT) => Self::DiskFull,
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Self::Unwritable,
            Some(Errno::ISDIR) => Self::IsFolder,
            Some(Errno::NAMETOOLONG | Errno::ILSEQ) => {
                Self::BadName(NameError::NoRoom("its length or letters".to_owned()))
            }
            Some(Errno::MFILE | Errno::NFILE) => Self::OutOfDescriptors,
            // cap-std's own error, without an errno: a link took the folder's place meanwhile
            None if error.kind() == io::ErrorKind::PermissionDenied => Self::LeavesRoot,
            _ => Self::Failed(error),
        }
    }
}
