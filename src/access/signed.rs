//! Signed URLs: a URL contains its own expiry, and a signature proves that the app created it.
//!
//! ```text
//! Asked --the scheme parses its parameters--> the signed message --with the secret--> valid, or the reason why not
//! ```
//!
//! A hash that does not match does not say why. So the likely mistakes are tried (the encoded path, the path without
//! its prefix, another method), a few dozen hashes at most, and the one that matches is named. This reveals nothing to
//! strangers: a mistake is named only for a signature that was created with the secret.

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
    /// As in nginx's `ngx_http_secure_link_module`.
    SecureLink(SecureLink),
    /// HMAC-SHA256 over method, path and expiry.
    Hmac(Hmac),
    /// AWS Signature Version 4 in the query, as in S3.
    S3(S3),
}

/// The parts of a request that a signature may cover.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The method as sent; HEAD is not changed to GET.
    pub method: &'a Method,
    /// The request target as sent.
    pub uri: &'a Uri,
    /// The whole path of the URL, including the mount's prefix.
    pub path: &'a MediaPath,
    /// The headers as sent.
    pub headers: &'a HeaderMap,
    /// The address of the client; `None` on a Unix socket.
    pub remote: Option<IpAddr>,
}

impl Signed {
    /// Checks the signature and returns the expiry of the URL, or `None` if it does not expire.
    pub fn check(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Option<Timestamp>, BadSignature> {
        match self {
            Self::SecureLink(scheme) => scheme.check(asked, now),
            Self::Hmac(scheme) => scheme.check(asked, now).map(Some),
            Self::S3(scheme) => scheme.check(asked, now).map(Some),
        }
    }

    /// Returns `url` (a path, or a whole URL), signed for `method` until `expires`. The error is advice for the user.
    pub fn sign(&self, method: &Method, url: &Uri, now: Timestamp, expires: Timestamp) -> Result<String, String> {
        match self {
            Self::SecureLink(scheme) => scheme.sign(method, url, expires),
            Self::Hmac(scheme) => scheme.sign(method, url, expires),
            Self::S3(scheme) => scheme.sign(method, url, now, expires),
        }
    }

    /// The name of the scheme in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SecureLink(_) => "secure_link",
            Self::Hmac(_) => "hmac",
            Self::S3(_) => "s3",
        }
    }
}

/// The path after decoding and without empty and `.` segments, with a leading slash: nginx's `$uri`.
fn decoded_path(path: &MediaPath) -> Vec<u8> {
    let mut decoded = vec![b'/'];
    decoded.extend_from_slice(path.as_bytes());
    if path.has_slash() && !path.is_top() {
        decoded.push(b'/');
    }
    decoded
}

/// The Host header, as sent.
fn host<'a>(asked: &Asked<'a>) -> &'a [u8] {
    asked.headers.get(header::HOST).map_or(b"", HeaderValue::as_bytes)
}

/// The path to sign. The error is advice for the user.
fn path_of(url: &Uri) -> Result<MediaPath, String> {
    MediaPath::parse(url.path().as_bytes())
        .map_err(|_| "the path contains '..' or a NUL byte, which devmedia never serves".to_owned())
}

/// The URL with `parameters` added to the end of its query.
fn with_query(url: &Uri, parameters: &str) -> String {
    let origin = match (url.scheme_str(), url.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        _ => String::new(),
    };
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let and = if query.is_empty() { "" } else { "&" };
    format!("{origin}{path}?{query}{and}{parameters}")
}

#[cfg(test)]
mod tests;
