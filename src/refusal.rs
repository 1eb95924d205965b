//! `Refusal`: whatever stops a request, in one enum, and the one place where it becomes a status and an explanation.
//!
//! Nothing of an `io::Error`'s own text and no absolute path reaches a client; the cause goes to the log.

use std::io;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};

use crate::request::path::{MediaPath, PathError};
use crate::storage::root::OpenError;

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub enum Refusal {
    /// The target is no path.
    BadPath(PathError),
    /// The `Host` field is missing, doubled or garbled.
    BadHost {
        /// What is wrong, as a main clause about the request.
        why: &'static str,
    },
    /// The `Host` names no machine that this could be: DNS rebinding, or a name to allow.
    UnknownHost {
        /// As the client sent it, in lower case.
        host: String,
    },
    /// A web page that has no business here.
    Stranger {
        /// Whose page it is, if it says so.
        origin: Option<String>,
    },
    /// Not a method of this mount.
    MethodNotAllowed {
        /// The methods it has, for `Allow`.
        allow: &'static str,
    },
    /// No mount has this path.
    NoMount {
        /// The path asked for.
        path: MediaPath,
        /// A URL that was probably meant.
        meant: Option<String>,
    },
    /// Nothing there.
    NotFound {
        /// Relative to the root.
        path: MediaPath,
        /// A URL that was probably meant.
        meant: Option<String>,
    },
    /// A name that starts with a dot.
    Hidden,
    /// The root's folder does not exist at the moment.
    RootGone,
    /// A FIFO, a socket or a device.
    NotRegular,
    /// A folder, and listings are off.
    ListingOff,
    /// A link that leads out of the root.
    LeavesRoot,
    /// The system does not let this process read it.
    Unreadable,
    /// `If-Match` or `If-Unmodified-Since` named another state.
    PreconditionFailed,
    /// The file has none of the bytes asked for.
    RangeNotSatisfiable {
        /// The file's length.
        len: u64,
    },
    /// No more files can be opened.
    OutOfDescriptors,
    /// The system failed in a way that is nobody's request.
    Failed(io::Error),
    /// A bug here.
    Panicked,
}

/// What a person reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence: what was wrong.
    pub what: String,
    /// What to do about it; may be empty.
    pub advice: String,
    /// A URL path that was probably meant.
    pub meant: Option<String>,
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self::BadPath(error)
    }
}

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
            _ => match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                Some(
                    rustix::io::Errno::NOENT
                    | rustix::io::Errno::NOTDIR
                    | rustix::io::Errno::NAMETOOLONG
                    | rustix::io::Errno::LOOP
                    | rustix::io::Errno::INVAL
                    | rustix::io::Errno::ILSEQ,
                ) => Self::NotFound { path: path.clone(), meant: None },
                Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => Self::OutOfDescriptors,
                _ => Self::Failed(error),
            },
        }
    }

    /// The one place where a refusal becomes a status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadPath(_) | Self::BadHost { .. } => StatusCode::BAD_REQUEST,
            Self::Stranger { .. } | Self::LeavesRoot | Self::Unreadable => StatusCode::FORBIDDEN,
            Self::NoMount { .. }
            | Self::NotFound { .. }
            | Self::Hidden
            | Self::RootGone
            | Self::NotRegular
            | Self::ListingOff => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::UnknownHost { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::OutOfDescriptors => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) | Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Fields that a status demands (RFC 9110 sections 15.5.6, 15.5.17 and 15.6.4).
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::MethodNotAllowed { allow } => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::RangeNotSatisfiable { len } => {
                let unsatisfied = HeaderValue::try_from(format!("bytes */{len}"));
                headers.insert(header::CONTENT_RANGE, unsatisfied.expect("digits"));
            }
            Self::OutOfDescriptors => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        headers
    }

    /// The reason for the log: what a person is told, with the cause where that is not for clients.
    pub fn reason(&self) -> String {
        match self {
            Self::Failed(error) => format!("the system could not read it: {error}"),
            refusal => {
                let Explanation { what, meant, .. } = refusal.explain();
                match meant {
                    Some(url) => format!("{what} Did you mean {url} ?"),
                    None => what,
                }
            }
        }
    }

    /// What a person is told.
    pub fn explain(&self) -> Explanation {
        let (what, advice) = match self {
            Self::BadPath(PathError::Nul) => {
                ("The path holds a NUL byte (%00), which no file name can.".to_owned(), "Look for what built this URL.")
            }
            Self::BadPath(PathError::Parent) => (
                "The path holds a '..' segment.".to_owned(),
                "Ask for the file by its own path; nothing above the media root is served.",
            ),
            Self::BadHost { why } => (
                format!("The request cannot be placed: {why}."),
                "Send one Host field, such as 'Host: localhost:8001'.",
            ),
            Self::UnknownHost { host } => {
                return Explanation {
                    what: format!("This server is not known by the name {host}."),
                    advice: format!(
                        "Names that a stranger could point at this machine are refused (DNS rebinding). If {host} is \
                         yours, start devmedia with --allow-host {host}"
                    ),
                    meant: None,
                };
            }
            Self::Stranger { origin: Some(origin) } => {
                return Explanation {
                    what: format!("This request was made by a page of {origin}, which may not read media from here."),
                    advice: format!(
                        "If the page is yours, start devmedia with --allow-origin {origin}; behind a proxy, let the \
                         proxy keep the Host field (Vite: changeOrigin: false)"
                    ),
                    meant: None,
                };
            }
            Self::Stranger { origin: None } => (
                "This request was made by a page of another site, which may not read media from here.".to_owned(),
                "If the page is yours, open it under the same name as the media: localhost or 127.0.0.1 for both.",
            ),
            Self::MethodNotAllowed { allow } => {
                (format!("Only {allow} are served here."), "Uploads are not taken; the files are read only.")
            }
            Self::NoMount { path, .. } => {
                (format!("No mount serves /{path}."), "The page at / lists the mounts; --url and --mount make them.")
            }
            Self::NotFound { path, .. } if path.is_top() => {
                ("There is no such file.".to_owned(), "The media root itself is missing something.")
            }
            Self::NotFound { path, .. } => (
                format!("There is no {path} in the media root."),
                "Check the name as it is stored: case, accents and the extension count.",
            ),
            Self::Hidden => (
                "Names that start with a dot are not served.".to_owned(),
                "Start devmedia with --hidden to serve them.",
            ),
            Self::RootGone => (
                "The media root does not exist at the moment.".to_owned(),
                "It is served again as soon as the folder is back; the log at start-up says which it is.",
            ),
            Self::NotRegular => (
                "It is not a regular file (a FIFO, a socket or a device).".to_owned(),
                "Only files and folders are served.",
            ),
            Self::ListingOff => (
                "It is a folder, and listings are turned off (--no-index).".to_owned(),
                "Ask for a file in it, or start devmedia without --no-index.",
            ),
            Self::LeavesRoot => (
                "A symbolic link on the way leads out of the media root, or nowhere.".to_owned(),
                "Start devmedia with --follow-links to serve what such links lead to.",
            ),
            Self::Unreadable => (
                "The system does not let devmedia read it.".to_owned(),
                "Check its permissions and those of the folders above it (ls -l).",
            ),
            Self::PreconditionFailed => (
                "The file is not in the state that the request demands (If-Match or If-Unmodified-Since).".to_owned(),
                "Fetch it again to learn its current ETag.",
            ),
            Self::RangeNotSatisfiable { len } => (
                format!("The file has only {len} bytes, and the range begins beyond its end."),
                "Ask for a range that starts before its end.",
            ),
            Self::OutOfDescriptors => (
                "This process may open no more files.".to_owned(),
                "Raise the limit (ulimit -n) or open fewer connections.",
            ),
            Self::Failed(_) => ("The system could not read it.".to_owned(), "The log of devmedia has the cause."),
            Self::Panicked => (
                "devmedia has a bug: this request made it panic.".to_owned(),
                "The log has the place; please report it.",
            ),
        };
        let meant = match self {
            Self::NoMount { meant, .. } | Self::NotFound { meant, .. } => meant.clone(),
            _ => None,
        };
        Explanation { what, advice: advice.to_owned(), meant }
    }
}
