//! `Refusal`: whatever stops a request, in one enum, and the one place where it becomes a status and an explanation.
//!
//! Nothing of an `io::Error`'s own text and no absolute path reaches a client; the cause goes to the log.

mod explain;
mod system;

use std::io;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use crate::access::ask::AskError;
use crate::access::signed::BadSignature;
use crate::body::Body;
use crate::body::incoming::BodyError;
use crate::fallback::reason::NotFetched;
use crate::fallback::verdict;
use crate::request::path::{MediaPath, PathError};
use crate::upload::names::NameError;
use crate::upload::tus::{self, TusRefusal};

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
    /// Nobody may see it.
    Denied,
    /// A policy guards the place where an upload would go, and has not been passed.
    Guarded {
        /// Relative to the root.
        path: MediaPath,
    },
    /// Its URL has to be signed, and is not as it should be.
    Unsigned(BadSignature),
    /// The app was asked, and this is its no.
    AppSaysNo(Box<Response<Body>>),
    /// The app could not be asked.
    AppFailed {
        /// Its address.
        app: String,
        /// Why not.
        error: AskError,
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
    /// Nothing there, and the fallback has nothing either.
    NotFetched {
        /// Relative to the root.
        path: MediaPath,
        /// A URL that was probably meant.
        meant: Option<String>,
        /// The fallback's URL.
        origin: String,
        /// Why it has nothing.
        why: NotFetched,
    },
    /// A name that starts with a dot.
    Hidden,
    /// A name of devmedia's own.
    Own,
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
    /// `?thumbnail=` with something that is no size.
    BadThumbnail,
    /// As many streams of events are open as there may be.
    TooManyStreams,
    /// Too many clients wait for thumbnails that have ended their side of the connection.
    TooManyThumbnails,
    /// `If-Match` or `If-Unmodified-Since` named another state.
    PreconditionFailed,
    /// The file has none of the bytes asked for.
    RangeNotSatisfiable {
        /// The file's length.
        len: u64,
    },
    /// The body of a request did not arrive.
    Body(BodyError),
    /// A body of a kind that is not taken here.
    UnsupportedMediaType {
        /// What is taken, as a noun.
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
    /// A folder's name is the name of something else.
    InTheWay {
        /// Relative to the root.
        path: MediaPath,
    },
    /// The system does not let this process write there.
    Unwritable,
    /// The disk is full, or this user's share of it.
    DiskFull,
    /// A message of the tus protocol that cannot be followed.
    Tus(TusRefusal),
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

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Self {
        Self::BadName(error)
    }
}

impl From<TusRefusal> for Refusal {
    fn from(refusal: TusRefusal) -> Self {
        Self::Tus(refusal)
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self::BadPath(error)
    }
}

impl Refusal {
    /// The one place where a refusal becomes a status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadPath(_)
            | Self::BadThumbnail
            | Self::BadHost { .. }
            | Self::BadForm { .. }
            | Self::NoFile
            | Self::BadName(_)
            | Self::WouldBeHidden { .. }
            | Self::PartialPut
            | Self::Body(BodyError::HungUp) => StatusCode::BAD_REQUEST,
            Self::Unsigned(bad) => bad.status(),
            Self::AppSaysNo(answer) => answer.status(),
            Self::AppFailed { .. } => StatusCode::BAD_GATEWAY,
            Self::Denied
            | Self::Guarded { .. }
            | Self::Stranger { .. }
            | Self::LeavesRoot
            | Self::Unreadable
            | Self::Unwritable => StatusCode::FORBIDDEN,
            Self::NoMount { .. }
            | Self::NotFound { .. }
            | Self::NotFetched { .. }
            | Self::Hidden
            | Self::Own
            | Self::RootGone
            | Self::NotRegular
            | Self::ListingOff => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(BodyError::Stalled) => StatusCode::REQUEST_TIMEOUT,
            Self::IsFolder | Self::InTheWay { .. } => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::Body(BodyError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Tus(refusal) => refusal.status(),
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::UnknownHost { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::OutOfDescriptors | Self::TooManyStreams | Self::TooManyThumbnails => StatusCode::SERVICE_UNAVAILABLE,
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
            Self::Tus(TusRefusal::Version) => {
                headers.insert("tus-version", HeaderValue::from_static(tus::VERSION));
            }
            Self::NotFetched { why: NotFetched::Loop, .. } => {
                headers.insert(verdict::DEVMEDIA, HeaderValue::from_static(verdict::LOOP));
            }
            Self::OutOfDescriptors | Self::TooManyStreams | Self::TooManyThumbnails => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        headers
    }

    /// The reason for the log: what a person is told, with the cause where that is not for clients.
    pub fn reason(&self) -> String {
        match self {
            Self::Failed(error) => format!("the system failed: {error}"),
            refusal => {
                let Explanation { what, meant, .. } = refusal.explain();
                match meant {
                    Some(url) => format!("{what} Did you mean {url} ?"),
                    None => what,
                }
            }
        }
    }
}
