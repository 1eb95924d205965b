//! The canonical request of Signature Version 4 ("Create a canonical request" in its documentation) and its encoding.

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode;

use crate::request::path::encode_segment;

/// The value in place of the hash of the body.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// AWS's `UriEncode`: escapes all but the unreserved characters of RFC 3986, with upper-case digits.
pub fn encode(bytes: &[u8]) -> String {
    encode_segment(bytes)
}

/// The path, encoded once. It does not depend on which characters the client escaped: the key in the bucket is the
/// same.
pub fn encode_path(path: &str) -> Vec<u8> {
    encode_segments(&percent_decode(path.as_bytes()).collect::<Vec<u8>>())
}

/// Encodes everything except slashes.
pub fn encode_segments(path: &[u8]) -> Vec<u8> {
    path.split(|&b| b == b'/').map(encode).collect::<Vec<_>>().join("/").into_bytes()
}

/// The parameters of a query, decoded.
#[derive(Debug, Clone)]
pub struct Parameters(Vec<(Vec<u8>, Vec<u8>)>);

impl Parameters {
    /// Parses a query. A `+` is a space, as in a form; clients send `%20` and `%2B`.
    pub fn parse(query: &str) -> Self {
        let decode = |text: &str| percent_decode(text.replace('+', " ").as_bytes()).collect::<Vec<u8>>();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (decode(n), decode(v))).collect(),
        )
    }

    /// The values of a parameter that are valid UTF-8.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.0.iter().filter(move |(found, _)| found == name.as_bytes());
        values.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The first value of a parameter.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether there is a parameter of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name.as_bytes())
    }

    /// The names and values, decoded, in the order in which they were sent.
    pub fn pairs(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.0
    }

    /// The parameters without the one at `index`.
    #[must_use]
    pub fn without(&self, index: usize) -> Self {
        let others = self.0.iter().enumerate().filter(|(at, _)| *at != index);
        Self(others.map(|(_, pair)| pair.clone()).collect())
    }

    /// The canonical query: encoded, sorted, and without the signature.
    pub fn canonical(&self) -> String {
        let covered = self.0.iter().filter(|(name, _)| name != b"X-Amz-Signature");
        let mut pairs: Vec<_> = covered.map(|(name, value)| (encode(name), encode(value))).collect();
        pairs.sort();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }
}

/// The parts of a canonical request. They can be changed, to find out what was signed by mistake.
#[derive(Debug, Clone)]
pub struct Canonical {
    /// The method.
    pub method: String,
    /// The path, encoded once.
    pub path: Vec<u8>,
    /// The canonical query.
    pub query: String,
    /// The signed headers in the order in which they are signed, with their canonical values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The hash of the body, or the text in place of it.
    pub payload: String,
}

impl Canonical {
    /// Takes the parts of a request. `path` and `query` must be canonical; `signed` lists the signed headers, separated
    /// by semicolons.
    pub fn new(
        method: &Method,
        path: Vec<u8>,
        query: String,
        headers: &HeaderMap,
        signed: &str,
        payload: &str,
    ) -> Self {
        let value = |name: &str| {
            let values = headers.get_all(name).iter().map(HeaderValue::as_bytes).map(single_spaced);
            values.collect::<Vec<_>>().join(&b',')
        };
        let headers = signed.split(';').map(|name| (name.to_owned(), value(name))).collect();
        Self { method: method.to_string(), path, query, headers, payload: payload.to_owned() }
    }

    /// The canonical request itself.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut request = [self.method.as_bytes(), &self.path, self.query.as_bytes(), b""].join(&b'\n');
        for (name, value) in &self.headers {
            request.extend_from_slice(&[name.as_bytes(), b":", value, b"\n"].concat());
        }
        let signed = self.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        request.extend_from_slice(&[b"\n", signed.as_bytes(), b"\n", self.payload.as_bytes()].concat());
        request
    }

    /// The canonical value of a signed header.
    pub fn header_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        self.headers.iter_mut().find(|(found, _)| found == name).map(|(_, value)| value)
    }
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
        let signed = "host;x-amz-meta-a";
        let request = Canonical::new(&Method::GET, b"/a".into(), "b=c".into(), &headers, signed, UNSIGNED_PAYLOAD);
        let expected = "GET\n/a\nb=c\nhost:localhost\nx-amz-meta-a:b c,d\n\nhost;x-amz-meta-a\nUNSIGNED-PAYLOAD";
        assert_eq!(String::from_utf8(request.to_bytes()).as_deref(), Ok(expected));
    }
}
