//! The canonical request of Signature Version 4 ("Task 1") and its encoding.

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode;

use crate::request::path::encode_segment;

/// The value in place of the hash of the body.
pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// AWS's `UriEncode`: escapes all but the unreserved characters of RFC 3986, with upper-case digits.
pub(super) fn encode(bytes: &[u8]) -> String {
    encode_segment(bytes)
}

/// The path, encoded once. It does not depend on which characters the client escaped: the key in the bucket is the
/// same.
pub(super) fn encode_path(path: &str) -> Vec<u8> {
    encode_segments(&percent_decode(path.as_bytes()).collect::<Vec<u8>>())
}

/// Encodes everything except slashes.
pub(super) fn encode_segments(path: &[u8]) -> Vec<u8> {
    path.split(|&b| b == b'/').map(encode).collect::<Vec<_>>().join("/").into_bytes()
}

/// The parameters of a query, decoded.
pub(super) struct Parameters(Vec<(Vec<u8>, Vec<u8>)>);

impl Parameters {
    /// Parses a query. A `+` is a space, as in a form; clients send `%20` and `%2B`.
    pub(super) fn parse(query: &str) -> Self {
        let decode = |text: &str| percent_decode(text.replace('+', " ").as_bytes()).collect::<Vec<u8>>();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (decode(n), decode(v))).collect(),
        )
    }

    /// The values of a parameter that are valid UTF-8.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.0.iter().filter(move |(found, _)| found == name.as_bytes());
        values.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The first value of a parameter.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The canonical query: encoded, sorted, and without the signature.
    pub(super) fn canonical(&self) -> String {
        let covered = self.0.iter().filter(|(name, _)| name != b"X-Amz-Signature");
        let mut pairs: Vec<_> = covered.map(|(name, value)| (encode(name), encode(value))).collect();
        pairs.sort();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }
}

/// The canonical request. `path` and `query` must be canonical; `signed` lists the signed headers, separated by
/// semicolons.
pub(super) fn canonical_request(
    method: &Method,
    path: &[u8],
    query: &str,
    headers: &HeaderMap,
    signed: &str,
) -> Vec<u8> {
    let mut request = [method.as_str().as_bytes(), path, query.as_bytes(), b""].join(&b'\n');
    for name in signed.split(';') {
        let values = headers.get_all(name).iter().map(HeaderValue::as_bytes).map(single_spaced).collect::<Vec<_>>();
        request.extend_from_slice(&[name.as_bytes(), b":", &values.join(&b','), b"\n"].concat());
    }
    request.extend_from_slice(&[b"\n", signed.as_bytes(), b"\n", UNSIGNED_PAYLOAD.as_bytes()].concat());
    request
}

/// Trims the value and replaces each sequence of spaces with one space.
fn single_spaced(value: &[u8]) -> Vec<u8> {
    value.split(|&b| b == b' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the rules of "Create a canonical request" in the Signature Version 4 documentation, for S3.
    #[test]
    fn queries_paths_and_headers_are_canonical() {
        for (query, canonical) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=10&A=3", "A=3&a=10&a=2"),
            ("acl", "acl="),
            ("a=b=c&&x=%7e~%2f/", "a=b%3Dc&x=~~%2F%2F"),
            ("k%C3%A9y=a+b%20c%2Bd", "k%C3%A9y=a%20b%20c%2Bd"),
            ("X-Amz-Signature=0&X-Amz-Date=1&x-amz-signature=2", "X-Amz-Date=1&x-amz-signature=2"),
        ] {
            assert_eq!(Parameters::parse(query).canonical(), canonical, "{query}");
        }
        for (path, canonical) in
            [("/", "/"), ("/a%20b/%c3%a9+(1)~", "/a%20b/%C3%A9%2B%281%29~"), ("/a//b/./%2Fc/100%", "/a//b/.//c/100%25")]
        {
            assert_eq!(encode_path(path), canonical.as_bytes(), "{path}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        headers.append("x-amz-meta-a", HeaderValue::from_static("  b   c "));
        headers.append("x-amz-meta-a", HeaderValue::from_static("d"));
        let request = canonical_request(&Method::GET, b"/a", "b=c", &headers, "host;x-amz-meta-a");
        let expected = "GET\n/a\nb=c\nhost:localhost\nx-amz-meta-a:b c,d\n\nhost;x-amz-meta-a\nUNSIGNED-PAYLOAD";
        assert_eq!(String::from_utf8(request).as_deref(), Ok(expected));
    }
}
