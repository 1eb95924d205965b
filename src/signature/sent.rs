//! `SignedRequest`: the parts of a request that a signature may cover.

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};

/// A request as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path of the target, with its escapes.
    pub path: &'a str,
    /// The query of the target, with its escapes and without the `?`; empty if there is none.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The Host header, or `:authority` in HTTP/2.
    pub host: &'a str,
    /// The bucket, if it is in the host name (virtual-hosted style). Signature Version 2 covers the bucket, not the host.
    pub virtual_bucket: Option<&'a str>,
}

impl SignedRequest<'_> {
    /// The headers with a Host header, which HTTP/2 does not have.
    pub fn headers_with_host(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Ok(host) = HeaderValue::from_str(self.host) {
            headers.insert(hyper::header::HOST, host);
        }
        headers
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The name and the port of a host.
pub(super) fn split_port(host: &str) -> (&str, Option<&str>) {
    let parts = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    parts.map_or((host, None), |(name, port)| (name, Some(port)))
}
