//! Errors of uploads.

use std::io;

use hyper::StatusCode;

use super::names::{MAX_PATH, NameError};
use super::tus_error::TusError;
use crate::refusal::Refusal;
use crate::request::path::{MediaPath, Visible};
use crate::system::advice::Family;
use crate::system::{self, WriteFailure};

/// Why an upload is not accepted.
#[derive(Debug)]
pub enum UploadError {
    /// A kind of body that is not accepted.
    UnsupportedMediaType {
        /// What is accepted, as a noun.
        wanted: &'static str,
    },
    /// A malformed form.
    BadForm {
        /// What is wrong, as a clause about the form.
        why: &'static str,
    },
    /// A form without a file.
    NoFile,
    /// A name that no file can have.
    BadName(NameError),
    /// A name that would not be served.
    WouldBeHidden {
        /// The path relative to the root.
        path: MediaPath,
    },
    /// A part of a file, which must not be stored as the whole file.
    Chunk {
        /// The field that shows it, as it was sent.
        field: String,
    },
    /// A feature of a protocol that devmedia implements only in part.
    NotImplemented {
        /// The feature, as a noun.
        what: String,
    },
    /// A body with a transfer coding other than `chunked`.
    TransferEncoding {
        /// The codings as they were sent.
        codings: String,
    },
    /// A path longer than [`MAX_PATH`].
    LongPath {
        /// Its length in bytes.
        length: usize,
    },
    /// PUT with `If-None-Match: *` of an existing file.
    Exists,
    /// The folder was moved, replaced or removed while the file arrived.
    FolderChanged {
        /// The path relative to the root.
        folder: MediaPath,
    },
    /// PUT or DELETE of a folder.
    IsFolder,
    /// A file has the name of a folder that the upload needs.
    InTheWay {
        /// The path relative to the root.
        path: MediaPath,
    },
    /// A tus request that cannot be processed.
    Tus(TusError),
}

impl From<NameError> for UploadError {
    fn from(error: NameError) -> Self {
        Self::BadName(error)
    }
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Self {
        UploadError::BadName(error).into()
    }
}

impl From<UploadError> for Refusal {
    fn from(error: UploadError) -> Self {
        use StatusCode as Status;
        match error {
            UploadError::UnsupportedMediaType { wanted } => Self::new(
                Status::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                format!("This kind of body is not accepted here; {wanted} is."),
                "POST a form to a folder (curl -F file=@photo.jpg URL), or PUT the bytes to the file's own URL (curl -T \
                 photo.jpg URL).",
            ),
            UploadError::BadForm { why } => Self::new(
                Status::BAD_REQUEST,
                "bad-form",
                format!("The form cannot be read: {why}. Nothing was stored."),
                "Use an HTTP library to build the form, or curl -F file=@photo.jpg URL.",
            ),
            UploadError::NoFile => Self::new(
                Status::BAD_REQUEST,
                "no-file",
                "The form contains no file with a name.",
                "Choose a file, or send one: curl -F file=@photo.jpg URL",
            ),
            UploadError::BadName(error) => Self::new(
                Status::BAD_REQUEST,
                "bad-name",
                format!("Nothing can be stored under this name: {error}."),
                "Choose a name of at most 255 bytes that contains letters or digits.",
            ),
            UploadError::WouldBeHidden { path } => Self::new(
                Status::BAD_REQUEST,
                "hidden-name",
                format!("The file would be stored as {path}, which is not served; nothing was stored."),
                "Choose a name that does not start with a dot, or start devmedia with --hidden (names that start with \
                 .devmedia- are never served).",
            ),
            UploadError::Chunk { field } => Self::new(
                Status::BAD_REQUEST,
                "chunk",
                format!(
                    "This is only a part of a file ({}), and devmedia does not join parts; nothing was stored.",
                    Visible(&field)
                ),
                "Turn off chunking in the upload widget so that it sends whole files, or use one that speaks the tus \
                 protocol, such as Uppy.",
            ),
            UploadError::NotImplemented { what } => Self::new(
                Status::NOT_IMPLEMENTED,
                "not-implemented",
                format!("devmedia does not implement {}; nothing was changed.", Visible(&what)),
                "GET, PUT or DELETE whole files by their URLs, without this feature; presigned GET and PUT work.",
            ),
            UploadError::TransferEncoding { codings } => Self::new(
                Status::NOT_IMPLEMENTED,
                "transfer-encoding",
                format!("devmedia does not implement Transfer-Encoding: {}; nothing was stored.", Visible(&codings)),
                "Send the body as it is, with Content-Length or with Transfer-Encoding: chunked alone.",
            ),
            UploadError::LongPath { length } => Self::new(
                Status::BAD_REQUEST,
                "long-path",
                format!("The path has {length} bytes; at most {MAX_PATH} are accepted."),
                "Choose shorter names or fewer folders.",
            ),
            UploadError::Exists => Self::new(
                Status::PRECONDITION_FAILED,
                "precondition-failed",
                "The file exists already, and the request may only create a new one (If-None-Match: *).",
                "Choose another name, or remove If-None-Match to replace the file.",
            ),
            UploadError::FolderChanged { folder } => {
                let folder = if folder.is_top() { "The media root".to_owned() } else { format!("The folder {folder}") };
                Self::new(
                    Status::CONFLICT,
                    "folder-changed",
                    format!("{folder} was moved, replaced or removed while the file arrived; the file was not stored."),
                    "Send the file again.",
                )
            }
            UploadError::IsFolder => Self::new(
                Status::CONFLICT,
                "is-a-folder",
                "This is a folder; only files can be stored or removed by PUT and DELETE.",
                "Name a file in the folder, or POST a form to it.",
            ),
            UploadError::InTheWay { path } => Self::new(
                Status::CONFLICT,
                "not-a-folder",
                format!("{path} is a file, so nothing can be stored below it."),
                "Choose another folder, or remove the file first.",
            ),
            UploadError::Tus(error) => error.into(),
        }
    }
}

/// Explains why the system did not write a file.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` passes")]
pub fn cannot_write(error: io::Error) -> Refusal {
    match system::write_failure(&error) {
        Some(WriteFailure::Full) => Refusal::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "disk-full",
            "The disk is full, or the disk quota of this user is used up; nothing was stored.",
            Family::HERE.disk_full(),
        ),
        // the limit of this process (ulimit -f), or of the file system
        Some(WriteFailure::TooLarge) => Refusal::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "file-too-large",
            "The file is larger than this process or its file system may write; nothing was stored.",
            Family::HERE.file_too_large(),
        ),
        Some(WriteFailure::Forbidden) => Refusal::new(
            StatusCode::FORBIDDEN,
            "not-writable",
            "devmedia has no permission to write there.",
            Family::HERE.not_writable(),
        ),
        Some(WriteFailure::IsFolder) => UploadError::IsFolder.into(),
        Some(WriteFailure::BadName) => NameError::NoRoom("its length or its characters".to_owned()).into(),
        Some(WriteFailure::InUse) => Refusal::new(
            StatusCode::LOCKED,
            "in-use",
            "Another program has the file open and does not share it; nothing was changed.",
            "Close the file in the other program, then send the request again.",
        ),
        // cap-std's own error without a code: a link has replaced the folder
        None if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() => {
            Refusal::leaves_root()
        }
        _ => Refusal::failed(&error),
    }
}
