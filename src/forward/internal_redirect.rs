//! `X-Accel-Redirect` and `X-Sendfile`: the app names a file, and devmedia sends the file instead of the app's response. Pure.
//!
//! `X-Accel-Redirect` names a URL and behaves as in nginx 1.22 (`tests/front/handed.rs` compares the two): some header fields
//! of the app's response are kept, but not its status and body. `X-Sendfile` names a path on the disk and behaves as in
//! `mod_xsendfile` of Apache and in lighttpd: everything in the app's response except the body is kept.

use std::path::PathBuf;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::fields::HopByHop;
use crate::request::path::{MediaPath, PathError, Visible};
use crate::system;

const ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
const ACCEL_LIMIT_RATE: HeaderName = HeaderName::from_static("x-accel-limit-rate");
const SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");

/// The fields of the app's response that nginx keeps. nginx also keeps `Accept-Ranges`, and sends it twice.
const KEPT: [HeaderName; 5] =
    [header::CONTENT_TYPE, header::CONTENT_DISPOSITION, header::CACHE_CONTROL, header::EXPIRES, header::SET_COOKIE];

/// The fields that describe the app's body, which is dropped.
const OF_THE_BODY: [HeaderName; 6] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::TRAILER,
    SENDFILE,
];

/// An internal redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalRedirect {
    /// The file to send.
    pub file: Destination,
    /// The app's header field, for messages.
    pub shown: String,
    /// The app's header fields that are kept in the response.
    pub fields: HeaderMap,
    /// The app's status, if it is kept.
    pub status: Option<StatusCode>,
    /// The maximum rate in bytes per second.
    pub rate: Option<u64>,
}

/// The target of an internal redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A URL path (`X-Accel-Redirect`).
    Url(MediaPath),
    /// A path on the disk (`X-Sendfile`). Some apps percent-encode it, so the decoded path is tried second.
    Disk {
        /// The path as sent by the app.
        path: PathBuf,
        /// The percent-decoded path.
        decoded: PathBuf,
    },
    /// A value that does not name a file.
    Invalid(Mistake),
}

/// What is wrong with the app's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// A named location, `@name`, which only nginx supports.
    Named,
    /// It does not begin with a slash.
    Relative,
    /// It contains a `..` segment or a NUL byte.
    Unsafe,
}

/// Reads the internal redirect in an app's response; `None` if there is none.
pub fn read(status: StatusCode, headers: &HeaderMap) -> Option<InternalRedirect> {
    if let Some(value) = headers.get(ACCEL_REDIRECT) {
        let all =
            |name: &HeaderName| headers.get_all(name).iter().cloned().map(|value| (name.clone(), value)).collect();
        let kept = KEPT.iter().flat_map(|name| -> Vec<_> { all(name) });
        let rate = headers.get(ACCEL_LIMIT_RATE).and_then(|rate| rate.to_str().ok()?.trim().parse().ok());
        return Some(InternalRedirect {
            file: url(value.as_bytes()),
            shown: format!("X-Accel-Redirect: {}", visible(value)),
            fields: kept.collect(),
            status: None,
            // 0 means no limit
            rate: rate.filter(|&rate: &u64| rate > 0),
        });
    }
    let value = headers.get(SENDFILE)?;
    let hop = HopByHop::of(headers);
    let fields = headers.iter().filter(|(name, _)| !(OF_THE_BODY.contains(name) || hop.has(name)));
    Some(InternalRedirect {
        file: disk(value.as_bytes()),
        shown: format!("X-Sendfile: {}", visible(value)),
        fields: fields.map(|(name, value)| (name.clone(), value.clone())).collect(),
        status: Some(with_whole_file(status)),
        rate: None,
    })
}

/// The app's status, or 200 if a response with that status cannot carry a whole file.
fn with_whole_file(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT => StatusCode::OK,
        status => status,
    }
}

/// Parses a URL path, escaped or not: nginx decodes it once. A query is ignored, and `#` is an ordinary character.
fn url(text: &[u8]) -> Destination {
    match text.first() {
        Some(b'@') => return Destination::Invalid(Mistake::Named),
        Some(b'/') => {}
        _ => return Destination::Invalid(Mistake::Relative),
    }
    let hashes = text.iter().flat_map(|&b| if b == b'#' { b"%23".to_vec() } else { vec![b] });
    match MediaPath::parse(&hashes.collect::<Vec<u8>>()) {
        Ok(path) => Destination::Url(path),
        Err(PathError::Nul | PathError::Parent) => Destination::Invalid(Mistake::Unsafe),
    }
}

fn disk(text: &[u8]) -> Destination {
    let decoded: Vec<u8> = percent_encoding::percent_decode(text).collect();
    let is_separator = |b: &u8| *b == b'/' || (cfg!(windows) && *b == b'\\');
    let is_bad = |path: &[u8]| path.contains(&0) || path.split(is_separator).any(|segment| segment == b"..");
    let path = |bytes: &[u8]| PathBuf::from(system::name(bytes).into_owned());
    match path(text).is_absolute() {
        true if is_bad(text) || is_bad(&decoded) => Destination::Invalid(Mistake::Unsafe),
        true => Destination::Disk { path: path(text), decoded: path(&decoded) },
        false => Destination::Invalid(Mistake::Relative),
    }
}

fn visible(value: &HeaderValue) -> String {
    Visible(&String::from_utf8_lossy(value.as_bytes())).to_string()
}

#[cfg(test)]
mod tests;
