//! Why a file was not fetched from the fallback, and what to do about it.

use std::borrow::Cow;
use std::fmt;

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::upstream::Upstream;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::via::{DEVMEDIA, LOOP};

/// Why a file was not fetched. `Display` is a clause about the fallback that follows its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFetched {
    /// The upstream does not have it: 404 or 410, or a folder.
    Missing {
        /// True if this is a cached answer that is less than a minute old.
        remembered: bool,
    },
    /// The connection failed, with the system's reason.
    Unreachable(String),
    /// The upstream did not respond in time.
    Silent,
    /// No request was sent: too many others were waiting.
    Busy,
    /// No request was sent: a file with this name could not be stored.
    TooLong,
    /// No request was sent: the page that requested the file hides its origin, so it may be a page of another site.
    Opaque,
    /// The response has a status that does not come with the file.
    Answered(StatusCode),
    /// The response is a web page instead of the file: a login form, or an error page with status 200.
    WebPage,
    /// The response is text or empty instead of an image, video or audio file: an error with status 200.
    NoMedia,
    /// The response redirects to another host, or from https to http.
    Elsewhere(String),
    /// The response is part of a redirect loop, one redirect too many, or a redirect without a target.
    Redirects,
    /// The response is invalid.
    Garbled(&'static str),
    /// The bucket did not deliver the object.
    Store {
        /// What happened: a sentence.
        what: String,
        /// What to do.
        advice: String,
    },
    /// The request came from another devmedia, which uses this one as its fallback.
    Loop,
    /// The upstream is a devmedia as well, perhaps this one. devmedia does not use its fallback for other devmedias.
    Devmedia,
    /// The fetch was cancelled before it started (a bug, or the process is ending).
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
            Self::TooLong => f.write_str("was not asked, because the file name is too long to be stored"),
            Self::Opaque => f.write_str(
                "was not asked, because the page that requested it hides its address (no Origin, no Referer); open the page \
                 under the host name of the media, localhost or 127.0.0.1 for both",
            ),
            Self::Answered(status) => write!(f, "answered {status}"),
            Self::WebPage => f.write_str("sent a web page instead"),
            Self::NoMedia => f.write_str("sent text or an empty response instead"),
            Self::Elsewhere(host) => write!(f, "redirected to {host}, which is not followed"),
            Self::Redirects => f.write_str("answered with a redirect loop"),
            Self::Garbled(what) => write!(f, "sent {what}"),
            Self::Store { what, .. } => write!(f, "failed: {}", what.trim_end_matches('.')),
            Self::Loop => {
                f.write_str("was not asked, because this request came from a devmedia that asks its own fallback")
            }
            Self::Devmedia => {
                f.write_str("is a devmedia as well, does not have the file either, and does not ask its own fallback for it")
            }
            Self::GivenUp => f.write_str("was asked, but the fetch was cancelled"),
        }
    }
}

impl NotFetched {
    /// Whether the upstream does not have the file. In all other cases, the fallback may be misconfigured, and a placeholder
    /// would hide that.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Devmedia)
    }
}

/// The error code of a file that the upstream recently reported missing.
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

    /// The advice of the refusal.
    fn advice(&self) -> Cow<'static, str> {
        let advice = match self {
            Self::Store { advice, .. } => return advice.clone().into(),
            Self::Missing { remembered: false } => {
                "Check the name as it is stored, and that --fallback is the URL of the same folder."
            }
            Self::Missing { remembered: true } => "devmedia asks it again a minute after that answer.",
            Self::Unreachable(cause) if cause.contains("certificate") => {
                "If the certificate is signed by your company's own certificate authority, set SSL_CERT_FILE to the file of \
                 that authority's certificate."
            }
            Self::Unreachable(_) | Self::Silent | Self::Busy | Self::GivenUp => {
                "Check the network and the address in --fallback. Files that are already stored are served without it."
            }
            Self::Answered(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                "If it needs credentials, add --fallback-header 'Authorization: env:NAME', with the secret in that \
                 environment variable, or the token to the URL in --fallback."
            }
            Self::Answered(_) | Self::Garbled(_) | Self::Redirects => {
                "Request the same file with curl -v to see why. If it needs the query of the URL, add --fallback-query."
            }
            Self::WebPage | Self::NoMedia => {
                "It may be a login form or an error page: request the same file with curl -v. To send credentials, add \
                 --fallback-header."
            }
            Self::TooLong => "devmedia fetches paths of up to 1024 bytes, with names of up to 255 bytes.",
            Self::Opaque => {
                "Open the page under the host name of the media (localhost or 127.0.0.1 for both), or let it send a Referer: \
                 Referrer-Policy: strict-origin-when-cross-origin."
            }
            Self::Elsewhere(_) => "If the media is on that host, use its URL in --fallback.",
            Self::Loop | Self::Devmedia => "Point --fallback at production, not at a devmedia that asks this one.",
        };
        advice.into()
    }
}
