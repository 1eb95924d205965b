//! Why the fallback did not have a file, and what to do about it.

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
    /// It has none either: 404 or 410, or a folder.
    Missing {
        /// It was asked less than a minute ago, and not again now.
        remembered: bool,
    },
    /// No connection, or one that broke. With the system's own words.
    Unreachable(String),
    /// No answer in time.
    Silent,
    /// It was not asked: others were, and did not answer in time either.
    Busy,
    /// It was not asked: no file of that name could be stored.
    TooLong,
    /// A status that has no file in it.
    Answered(StatusCode),
    /// A web page where a file of another type was asked for: a login form, or an error page with status 200.
    WebPage,
    /// Text, or nothing at all, where a picture, a sound or a film was asked for: an error with status 200.
    NoMedia,
    /// A redirect to another host, or from https to http.
    Elsewhere(String),
    /// More redirects than anyone needs, or one to nowhere.
    Redirects,
    /// An answer that cannot be understood.
    Garbled(&'static str),
    /// The request came from a devmedia already.
    Loop,
    /// The upstream is a devmedia too, perhaps this very one: what it does not have itself it asks of nobody for us.
    Devmedia,
    /// The fetch ended before it had begun (a bug, or the end of the process).
    GivenUp,
}

impl fmt::Display for NotFetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { remembered: false } => f.write_str("has none either"),
            Self::Missing { remembered: true } => f.write_str("had none either less than a minute ago"),
            Self::Unreachable(cause) => write!(f, "could not be reached ({cause})"),
            Self::Silent => f.write_str("did not answer in time"),
            Self::Busy => f.write_str("was not asked, because too many fetches are under way"),
            Self::TooLong => f.write_str("was not asked, because its name is too long to be stored"),
            Self::Answered(status) => write!(f, "answered {status}"),
            Self::WebPage => f.write_str("sent a web page in its place"),
            Self::NoMedia => f.write_str("sent text in its place, or nothing at all"),
            Self::Elsewhere(host) => write!(f, "sent us on to {host}, which is not followed"),
            Self::Redirects => f.write_str("sent us round in redirects"),
            Self::Garbled(what) => write!(f, "sent {what}"),
            Self::Loop => {
                f.write_str("was not asked, because this request came from a devmedia that asks its own fallback")
            }
            Self::Devmedia => {
                f.write_str("is a devmedia too, has none either, and does not ask its own fallback for another")
            }
            Self::GivenUp => f.write_str("was asked, but the fetch was given up"),
        }
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
            Self::Missing { remembered: true } => "It is asked again a minute after it said so.",
            Self::Unreachable(cause) if cause.contains("certificate") => {
                "Where the certificate is signed by a company's own authority, name its file in SSL_CERT_FILE."
            }
            Self::Unreachable(_) | Self::Silent | Self::Busy | Self::GivenUp => {
                "Check the network and the address in --fallback; what is stored already is served without it."
            }
            Self::Answered(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                "If it wants to know who asks, add --fallback-header 'Authorization: env:NAME', with the secret in that \
                 environment variable."
            }
            Self::Answered(_) | Self::Garbled(_) | Self::Redirects => {
                "Ask it for the same file with curl -v to see why."
            }
            Self::WebPage | Self::NoMedia => {
                "A login form or an error page, perhaps: ask it for the same file with curl -v. --fallback-header adds \
                 what it needs."
            }
            Self::TooLong => "A path of up to 1024 bytes is fetched, with names of up to 255.",
            Self::Elsewhere(_) => "If that is where the media is, name it in --fallback.",
            Self::Loop | Self::Devmedia => "Point --fallback at production, not at a devmedia that asks this one.",
        }
    }
}
