//! Signed URLs: a link says itself until when it is good, and a signature proves that the app said so.
//!
//! ```text
//! Asked --the scheme reads its parameters--> what was signed --with the secret--> the signature, or why not
//! ```
//!
//! A hash does not tell why it does not fit. So where one does not, the likely mistakes are tried (the path as it was
//! encoded, without its prefix, another method), a few dozen hashes at most, and the one that fits is named. That
//! helps whoever holds the secret and nobody else: a mistake is named only for a signature made with it.

mod bad;
pub mod hmac;
mod mistake;
pub mod s3;
pub mod secure_link;

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Uri};
use jiff::Timestamp;

pub use self::bad::{BadSignature, Part};
pub use self::hmac::Hmac;
pub use self::s3::S3;
pub use self::secure_link::SecureLink;
use crate::request::path::MediaPath;

/// How the URLs of a mount are signed.
#[derive(Debug, Clone)]
pub enum Signed {
    /// As nginx's `ngx_http_secure_link_module` has it.
    SecureLink(SecureLink),
    /// HMAC-SHA256 over method, path and expiry.
    Hmac(Hmac),
    /// AWS Signature Version 4 in the query, as S3 takes it.
    S3(S3),
}

/// What of a request a signature may cover.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// As sent: HEAD is HEAD.
    pub method: &'a Method,
    /// As sent.
    pub uri: &'a Uri,
    /// The whole path of the URL, the mount's prefix included.
    pub path: &'a MediaPath,
    /// As sent.
    pub headers: &'a HeaderMap,
    /// Who asks; unknown on a Unix socket.
    pub remote: Option<IpAddr>,
}

impl Signed {
    /// Until when the URL is good; `None` where its scheme has it good for ever.
    pub fn check(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Option<Timestamp>, BadSignature> {
        match self {
            Self::SecureLink(scheme) => scheme.check(asked, now),
            Self::Hmac(scheme) => scheme.check(asked, now).map(Some),
            Self::S3(scheme) => scheme.check(asked, now).map(Some),
        }
    }

    /// `url` (a path, or a whole URL) signed for `method` until `expires`. The error is a sentence of advice.
    pub fn sign(&self, method: &Method, url: &Uri, now: Timestamp, expires: Timestamp) -> Result<String, String> {
        match self {
            Self::SecureLink(scheme) => scheme.sign(method, url, expires),
            Self::Hmac(scheme) => scheme.sign(method, url, expires),
            Self::S3(scheme) => scheme.sign(method, url, now, expires),
        }
    }

    /// As the configuration calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SecureLink(_) => "secure_link",
            Self::Hmac(_) => "hmac",
            Self::S3(_) => "s3",
        }
    }
}

/// The path as it is after decoding and collapsing, from the first slash on: nginx's `$uri`.
fn decoded_path(path: &MediaPath) -> Vec<u8> {
    let mut decoded = vec![b'/'];
    decoded.extend_from_slice(path.as_bytes());
    if path.has_slash() && !path.is_top() {
        decoded.push(b'/');
    }
    decoded
}

/// The Host field, as sent.
fn host<'a>(asked: &Asked<'a>) -> &'a [u8] {
    asked.headers.get(header::HOST).map_or(b"", HeaderValue::as_bytes)
}

/// The path to sign. The error is a sentence of advice.
fn path_of(url: &Uri) -> Result<MediaPath, String> {
    MediaPath::parse(url.path().as_bytes())
        .map_err(|_| "the path holds '..' or a NUL byte, which devmedia never serves".to_owned())
}

/// The URL with more parameters at the end of its query.
fn with_query(url: &Uri, parameters: &str) -> String {
    let origin = match (url.scheme_str(), url.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        _ => String::new(),
    };
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let and = if query.is_empty() { "" } else { "&" };
    format!("{origin}{path}?{query}{and}{parameters}")
}

/// In the alphabet that `sha256sum`, `hexdigest()` and the like write.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes of a SHA-256; lower case only, so that a signature has one spelling.
fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
