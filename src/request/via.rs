//! How one devmedia recognises another: by `Via` in requests (RFC 9110 section 7.6.3) and by `X-Devmedia` in answers.

use hyper::header::{self, HeaderMap, HeaderName};

/// The response field by which a devmedia says that what it sends is not a file: a placeholder, or a loop.
pub const DEVMEDIA: HeaderName = HeaderName::from_static("x-devmedia");

/// Its value in the refusal of a request that has come through a devmedia already.
pub const LOOP: &str = "loop";

/// How the name of each devmedia begins in `Via`.
const OWN: &str = "devmedia-";

/// The value of `Via` for the devmedia of this id.
pub fn field(id: &str) -> String {
    format!("1.1 {OWN}{id}")
}

/// Whether a request has come through a devmedia already. Two of them that ask each other would never stop.
pub fn came_through_devmedia(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::VIA).iter();
    let hops = lines.flat_map(|line| line.as_bytes().split(|&b| b == b',').map(<[u8]>::trim_ascii));
    // received-protocol, then received-by
    let mut names = hops.filter_map(|hop| hop.split(u8::is_ascii_whitespace).nth(1));
    names.any(|name| name.starts_with(OWN.as_bytes()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_request_that_came_through_a_devmedia_is_recognised() {
        for (lines, expected) in [
            (&[][..], false),
            (&["1.1 devmedia-0123456789abcdef"], true),
            (&["1.1 varnish, 1.1 devmedia-0123456789abcdef (comment)"], true),
            (&["HTTP/2.0 cache", "1.1 devmedia-1"], true),
            (&["1.1 varnish"], false),
            (&["1.1 varnish (devmedia-1)"], false),
            (&["devmedia-1"], false),
            (&[",, ,"], false),
            (&[&*field("0123")], true),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::VIA, HeaderValue::from_str(line).expect("visible"));
            }
            assert_eq!(came_through_devmedia(&headers), expected, "{lines:?}");
        }
    }
}
