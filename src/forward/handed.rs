//! `X-Accel-Redirect` and `X-Sendfile`: an app hands the answer over to the proxy, which sends a file in its place. Pure.
//!
//! `X-Accel-Redirect` names a URL and follows nginx 1.22 as it was measured (`tests/proxy_handed.rs` compares). Of the
//! app's answer some fields are kept; its status, its body and all else are not. `X-Sendfile` names a path of the disk and
//! follows `mod_xsendfile` of Apache and lighttpd: all of the app's answer is kept but its body.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::fields::HopByHop;
use crate::request::path::{MediaPath, PathError, Visible};

const ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
const ACCEL_LIMIT_RATE: HeaderName = HeaderName::from_static("x-accel-limit-rate");
const SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");

/// What nginx keeps of the app's answer. `Accept-Ranges` is kept by nginx, too, and then sent twice.
const KEPT: [HeaderName; 5] =
    [header::CONTENT_TYPE, header::CONTENT_DISPOSITION, header::CACHE_CONTROL, header::EXPIRES, header::SET_COOKIE];

/// What describes the body that is dropped.
const OF_THE_BODY: [HeaderName; 6] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::TRAILER,
    SENDFILE,
];

/// An answer that is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// What is to be sent.
    pub file: Wanted,
    /// What the app wrote, for people.
    pub shown: String,
    /// The fields of the app that the answer keeps.
    pub fields: HeaderMap,
    /// The app's status, where that is kept.
    pub status: Option<StatusCode>,
    /// Bytes a second that are sent at most.
    pub rate: Option<u64>,
}

/// A file that an app names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// By a URL path: `X-Accel-Redirect`.
    Url(MediaPath),
    /// By its place on the disk: `X-Sendfile`. Percent-encoded in some servers, so that is the second guess.
    Disk {
        /// As it was written.
        path: PathBuf,
        /// Decoded.
        decoded: PathBuf,
    },
    /// By nothing that can be sent.
    Nothing(Mistake),
}

/// What is wrong with what an app wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// A named location, `@name`, which only nginx has.
    Named,
    /// It does not begin with a slash.
    Relative,
    /// It holds a `..` segment or a NUL.
    Unsafe,
}

/// Reads an app's answer; nothing where it is to be sent as it is.
pub fn read(status: StatusCode, headers: &HeaderMap) -> Option<Handed> {
    if let Some(value) = headers.get(ACCEL_REDIRECT) {
        let all =
            |name: &HeaderName| headers.get_all(name).iter().cloned().map(|value| (name.clone(), value)).collect();
        let kept = KEPT.iter().flat_map(|name| -> Vec<_> { all(name) });
        let rate = headers.get(ACCEL_LIMIT_RATE).and_then(|rate| rate.to_str().ok()?.trim().parse().ok());
        return Some(Handed {
            file: url(value.as_bytes()),
            shown: format!("X-Accel-Redirect: {}", visible(value)),
            fields: kept.collect(),
            status: None,
            // 0 is no limit
            rate: rate.filter(|&rate: &u64| rate > 0),
        });
    }
    let value = headers.get(SENDFILE)?;
    let hop = HopByHop::of(headers);
    let fields = headers.iter().filter(|(name, _)| !(OF_THE_BODY.contains(name) || hop.has(name)));
    Some(Handed {
        file: disk(value.as_bytes()),
        shown: format!("X-Sendfile: {}", visible(value)),
        fields: fields.map(|(name, value)| (name.clone(), value.clone())).collect(),
        status: Some(with_whole_file(status)),
        rate: None,
    })
}

/// The app's status, where an answer that has it can hold a whole file.
fn with_whole_file(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT => StatusCode::OK,
        status => status,
    }
}

/// A URL path, escaped or not: nginx decodes it once. A query may follow; a `#` is an ordinary character.
fn url(text: &[u8]) -> Wanted {
    match text.first() {
        Some(b'@') => return Wanted::Nothing(Mistake::Named),
        Some(b'/') => {}
        _ => return Wanted::Nothing(Mistake::Relative),
    }
    let hashes = text.iter().flat_map(|&b| if b == b'#' { b"%23".to_vec() } else { vec![b] });
    match MediaPath::parse(&hashes.collect::<Vec<u8>>()) {
        Ok(path) => Wanted::Url(path),
        Err(PathError::Nul | PathError::Parent) => Wanted::Nothing(Mistake::Unsafe),
    }
}

fn disk(text: &[u8]) -> Wanted {
    let decoded: Vec<u8> = percent_encoding::percent_decode(text).collect();
    let is_bad = |path: &[u8]| path.contains(&0) || path.split(|&b| b == b'/').any(|segment| segment == b"..");
    match text.first() {
        Some(b'/') if is_bad(text) || is_bad(&decoded) => Wanted::Nothing(Mistake::Unsafe),
        Some(b'/') => {
            let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
            Wanted::Disk { path: path(text), decoded: path(&decoded) }
        }
        _ => Wanted::Nothing(Mistake::Relative),
    }
}

fn visible(value: &HeaderValue) -> String {
    Visible(&String::from_utf8_lossy(value.as_bytes())).to_string()
}

#[cfg(test)]
mod tests;
