//! Lists of codings: `Content-Encoding` and `Transfer-Encoding`.

use hyper::header::{self, HeaderMap, HeaderName};

/// The members of a list header (RFC 9110 section 5.6.1).
pub fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or("?"));
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|member| !member.is_empty())
}

/// The transfer codings of a body if they are not `chunked` alone. devmedia does not decode others (RFC 9112 section 6.1:
/// 501).
pub fn unknown(headers: &HeaderMap) -> Option<String> {
    let codings: Vec<&str> = list(headers, header::TRANSFER_ENCODING).collect();
    let is_known = codings.len() <= 1 && codings.iter().all(|coding| coding.eq_ignore_ascii_case("chunked"));
    (!is_known).then(|| codings.join(", "))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn only_chunked_alone_is_known() {
        for (lines, expected) in [
            (&[][..], None),
            (&["chunked"], None),
            (&["Chunked"], None),
            (&["gzip, chunked"], Some("gzip, chunked")),
            (&["gzip", "chunked"], Some("gzip, chunked")),
            (&["chunked, chunked"], Some("chunked, chunked")),
            (&["identity"], Some("identity")),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::TRANSFER_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(unknown(&headers).as_deref(), expected, "{lines:?}");
        }
    }
}
