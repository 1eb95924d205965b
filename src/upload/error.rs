//! Why an upload is not accepted.

use std::io;

use hyper::StatusCode;
use rustix::io::Errno;

use super::names::NameError;
use super::tus::TusError;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;

/// Why an upload is not accepted.
#[derive(Debug)]
pub enum UploadError {
    /// A body of a kind that is not accepted here.
    UnsupportedMediaType {
        /// What is accepted, as a noun.
        wanted: &'static str,
    },
    /// A form that cannot be read.
    BadForm {
        /// What is wrong, as a main clause about the form.
        why: &'static str,
    },
    /// A form without a file.
    NoFile,
    /// A name under which nothing can be stored.
    BadName(NameError),
    /// A name that would not be served.
    WouldBeHidden {
        /// Relative to the root.
        path: MediaPath,
    },
    /// PUT with a `Content-Range`.
    PartialPut,
    /// PUT or DELETE of a folder.
    IsFolder,
    /// A file has the name of a folder that the upload needs.
    InTheWay {
        /// Relative to the root.
        path: MediaPath,
    },
    /// A message of the tus protocol that cannot be followed.
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
            UploadError::PartialPut => Self::new(
                Status::BAD_REQUEST,
                "partial-put",
                "A PUT with Content-Range would store a part of the file as the whole file.",
                "Send the whole file, or use the tus protocol for uploads that can be resumed.",
            ),
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

/// Why the system did not write a file.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` passes")]
pub fn cannot_write(error: io::Error) -> Refusal {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => Refusal::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "disk-full",
            "The disk is full, or the disk quota of this user is used up; nothing was stored.",
            "Free some space (see df -h), then send the file again.",
        ),
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Refusal::new(
            StatusCode::FORBIDDEN,
            "not-writable",
            "devmedia has no permission to write there.",
            "Check the permissions of the folder with ls -ld, and whether its disk is mounted read-only.",
        ),
        Some(Errno::ISDIR) => UploadError::IsFolder.into(),
        Some(Errno::NAMETOOLONG | Errno::ILSEQ) => NameError::NoRoom("its length or its characters".to_owned()).into(),
        // cap-std's own error, without an errno: a link has taken the folder's place
        None if error.kind() == io::ErrorKind::PermissionDenied => Refusal::leaves_root(),
        _ => Refusal::failed(&error),
    }
}
