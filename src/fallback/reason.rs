//! Why a file was not fetched from the fallback, and what to do about it.

use std::fmt;

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::upstream::Upstream;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::via::{DEVMEDIA, LOOP};

/// Why a file was not fetched. `Display` is a clause about the fallback, to be read after its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFetched {
    /// The upstream does not have it: 404 or 410, or a folder.
    Missing {
        /// It was asked less than a minute ago, and is not asked again now.
        remembered: bool,
    },
    /// No connection, or one that broke, with the system's reason.
    Unreachable(String),
    /// No answer in time.
    Silent,
    /// It was not asked: other requests were waiting, and none was answered in time.
    Busy,
    /// It was not asked: no file of that name could be stored.
    TooLong,
    /// It was not asked: the page that requested the file does not say which page it is, so it may be a stranger's.
    Opaque,
    /// A status that has no file in it.
    Answered(StatusCode),
    /// A web page where a file of another type was asked for: a login form, or an error page with status 200.
    WebPage,
    /// Text, or nothing at all, where an image, video or audio file was asked for: an error with status 200.
    NoMedia,
    /// A redirect to another host, or from https to http.
    Elsewhere(String),
    /// A redirect loop, too many redirects, or one without a target.
    Redirects,
    /// An answer that cannot be understood.
    Garbled(&'static str),
    /// The request came from a devmedia already.
    Loop,
    /// The upstream is a devmedia too, perhaps this one. It does not ask its own fallback for another devmedia.
    Devmedia,
    /// The fetch ended before it had begun (a bug, or the end of the process).
    GivenUp,
}

impl fmt::Display for NotFetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { remembered: false } => f.write_str("does not have it either"),
            Self::Missing { remembered: true } => f.write_str("did not have it either less than a minute ago"),
            Self::Unreachable(cause) => write!(f, "could not be reached ({cause})"),
            Self::Silent => f.write_str("did not answer in time"),
            Self::Busy => f.write_str("was not asked, because too many fetches are under way"),
            Self::TooLong => f.write_str("was not asked, because its name is too long to be stored"),
            Self::Opaque => f.write_str(
                "was not asked, because the page that requested it hides its address (no Origin, no Referer); open the page \
                 under the host name of the media, localhost or 127.0.0.1 for both",
            ),
            Self::Answered(status) => write!(f, "answered {status}"),
            Self::WebPage => f.write_str("sent a web page in its place"),
            Self::NoMedia => f.write_str("sent text in its place, or nothing at all"),
            Self::Elsewhere(host) => write!(f, "redirected to {host}, which is not followed"),
            Self::Redirects => f.write_str("answered with a redirect loop"),
            Self::Garbled(what) => write!(f, "sent {what}"),
            Self::Loop => {
                f.write_str("was not asked, because this request came from a devmedia that asks its own fallback")
            }
            Self::Devmedia => {
                f.write_str("is a devmedia too, does not have it either, and does not ask its own fallback for us")
            }
            Self::GivenUp => f.write_str("was asked, but the fetch was cancelled"),
        }
    }
}

impl NotFetched {
    /// Whether the upstream said that there is no such file. Everything else may be a misconfigured fallback, which must be
    /// seen: a placeholder would hide it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Devmedia)
    }
}

/// The code of the refusal of a file that the upstream was not asked about again.
pub const REMEMBERED_MISS: &str = "not-found-upstream-remembered";

impl NotFetched {
    /// The refusal of a file at `path` that `upstream` does not have.
    pub fn refusal(&self, path: &MediaPath, upstream: &Upstream) -> Refusal {
        let code = match self {
            Self::Missing { remembered: true } => REMEMBERED_MISS,
            _ => "not-found-upstream",
        };
        let what = format!("There is no {path} in the media root, and the fallback {upstream} {self}.");
        let refusal = Refusal::new(StatusCode::NOT_FOUND, code, what, self.advice());
        match self {
            Self::Loop => refusal.with_field(DEVMEDIA, HeaderValue::from_static(LOOP)),
            _ => refusal,
        }
    }

    /// What to do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::Missing { remembered: false } => {
                "Check the name as it is stored, and that --fallback is the URL of the same folder."
            }
            Self::Missing { remembered: true } => "It is asked again a minute after that answer.",
            Self::Unreachable(cause) if cause.contains("certificate") => {
                "Where the certificate is signed by a company's own authority, name its file in SSL_CERT_FILE."
            }
            Self::Unreachable(_) | Self::Silent | Self::Busy | Self::GivenUp => {
                "Check the network and the address in --fallback; what is stored already is served without it."
            }
            Self::Answered(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                "If it needs credentials, add --fallback-header 'Authorization: env:NAME', with the secret in that \
                 environment variable, or the token to the URL in --fallback."
            }
            Self::Answered(_) | Self::Garbled(_) | Self::Redirects => {
                "Request the same file with curl -v to see why. If it needs the query of the URL, add --fallback-query."
            }
            Self::WebPage | Self::NoMedia => {
                "Perhaps a login form or an error page: request the same file with curl -v. --fallback-header adds \
                 credentials."
            }
            Self::TooLong => "Paths of up to 1024 bytes are fetched, with names of up to 255 bytes.",
            Self::Opaque => {
                "Open the page under the host name of the media (localhost or 127.0.0.1 for both), or let it send a Referer: \
                 Referrer-Policy: strict-origin-when-cross-origin."
            }
            Self::Elsewhere(_) => "If that is where the media is, name it in --fallback.",
            Self::Loop | Self::Devmedia => "Point --fallback at production, not at a devmedia that asks this one.",
        }
    }
}
