//! The errors of the rooms below, as refusals: invalid paths, and files that cannot be opened.

use std::io;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use super::Refusal;
use crate::request::path::{MediaPath, PathError};
use crate::storage::root::OpenError;
use crate::storage::store::NotAFolder;
use crate::system;
use crate::system::advice::Family;

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        let (code, what, advice) = match error {
            PathError::Nul => (
                "nul-in-path",
                "The path contains a NUL byte (%00), which no file name can contain.",
                "Check the code that built this URL.",
            ),
            PathError::Parent => (
                "parent-in-path",
                "The path contains a '..' segment.",
                "Request the file by its own path; nothing above the media root is served.",
            ),
        };
        Self::new(StatusCode::BAD_REQUEST, code, what, advice)
    }
}

impl From<NotAFolder> for Refusal {
    fn from(_: NotAFolder) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "not-a-folder",
            "The files of this mount are in a bucket, which does not support this request.",
            "docs/buckets.md lists what a bucket supports; the rest needs a folder as the root.",
        )
    }
}

impl Refusal {
    /// A path that does not exist.
    pub fn not_found(path: &MediaPath) -> Self {
        let (what, advice) = if path.is_top() {
            ("There is no such file.".to_owned(), "Something in the media root itself is missing.")
        } else {
            (
                format!("There is no {path} in the media root."),
                "Check the name as it is stored: upper and lower case, accents and the extension must match.",
            )
        };
        Self::new(StatusCode::NOT_FOUND, "not-found", what, advice)
    }

    /// Why `path` cannot be opened. The statuses are those of nginx.
    pub fn cannot_open(error: OpenError, path: &MediaPath) -> Self {
        if error.is_missing() {
            return Self::not_found(path);
        }
        match error {
            OpenError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => Self::new(
                StatusCode::FORBIDDEN,
                "permission-denied",
                "devmedia has no permission to read this file.",
                Family::HERE.not_readable(),
            ),
            OpenError::Io(error) if system::is_in_use(&error) => Self::new(
                StatusCode::LOCKED,
                "in-use",
                "Another program has this file open and does not share it.",
                "Close the file in the other program, then request it again.",
            ),
            OpenError::Io(error) => Self::failed(&error),
            OpenError::LeavesRoot => Self::leaves_root(),
            OpenError::RootGone => Self::new(
                StatusCode::NOT_FOUND,
                "root-gone",
                "The media root does not exist at the moment.",
                "It is served again as soon as the folder is back; the start of the log says which folder it is.",
            ),
            OpenError::NotRegular => Self::new(
                StatusCode::NOT_FOUND,
                "not-a-regular-file",
                "This is not a regular file but a FIFO, a socket or a device.",
                "Only files and folders are served.",
            ),
            OpenError::NotAFolder => NotAFolder.into(),
        }
    }

    /// A symbolic link that is not followed.
    pub fn leaves_root() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "leaves-root",
            "A symbolic link in this path leads out of the media root, or nowhere.",
            "To follow such links, start devmedia with --follow-links; links in /proc are never followed.",
        )
    }

    /// A system error that the client cannot fix. The client learns only that it happened; the log has the details.
    pub fn failed(error: &io::Error) -> Self {
        if system::is_out_of_descriptors(error) {
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "out-of-file-descriptors",
                "devmedia cannot open more files at the moment.",
                Family::HERE.too_many_open(),
            )
            .with_field(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        let refusal = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            "The system reported an error.",
            "The log of devmedia says which one.",
        );
        Self { cause: Some(error.to_string().into()), ..refusal }
    }
}
