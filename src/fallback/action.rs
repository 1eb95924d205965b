//! Decides from the head of the upstream's response what to do with the response. Pure.

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use mime_guess::Mime;

use super::reason::NotFetched;
use crate::request::via::DEVMEDIA;
use crate::storage::byte_range::ByteRange;
use crate::storage::media_type::MediaType;

/// What to do with a response of the upstream.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send and store the file. The length in bytes is `None` for a chunked body.
    Store(Option<u64>),
    /// Send the file without storing it.
    Proxy,
    /// Reject the response: it is not the requested file.
    Reject(NotFetched),
}

/// Decides about the response to a GET request for a whole file. `promised` is the media type of the file name's extension.
/// Files of more than `max` bytes are not stored.
pub fn classify(status: StatusCode, headers: &HeaderMap, promised: Option<&MediaType>, max: u64) -> Action {
    if status != StatusCode::OK {
        return Action::Reject(NotFetched::Answered(status));
    }
    if headers.contains_key(DEVMEDIA) {
        // a placeholder of another devmedia
        return Action::Reject(NotFetched::Missing { remembered: false });
    }
    if is_web_page(headers) && !promised.is_some_and(|promised| is_page(promised.essence())) {
        return Action::Reject(NotFetched::WebPage);
    }
    let length = content_length(headers);
    if promised.is_some_and(is_media) && (is_text(headers) || length == Some(0)) {
        return Action::Reject(NotFetched::NoMedia);
    }
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity");
    match length {
        _ if encoded => Action::Proxy,
        Some(len) if len > max => Action::Proxy,
        Some(len) => Action::Store(Some(len)),
        // RFC 9112 section 8: a chunked body has a marked end. A body that ends with the connection may be incomplete, and
        // other transfer codings would have to be decoded
        None if is_chunked(headers) => Action::Store(None),
        None => Action::Proxy,
    }
}

/// The media type of a file that is sent without sniffing: the type of the file name's extension. Without one, it is the
/// upstream's `Content-Type`, but only if sniffing could have found that type.
pub fn media_type(headers: &HeaderMap, promised: Option<MediaType>) -> MediaType {
    let said = || MediaType::parse(headers.get(header::CONTENT_TYPE)?.to_str().ok()?);
    let shown = |said: &MediaType| {
        let kind = said.essence().split('/').next().unwrap_or_default();
        matches!(kind, "image" | "audio" | "video" | "font") && !said.can_script || said.essence() == "application/pdf"
    };
    promised.or_else(|| said().filter(shown)).unwrap_or_else(MediaType::octet_stream)
}

/// `Content-Length`. hyper has already rejected values that are not numbers.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The range and the total length in `Content-Range` of a single part (RFC 9110 section 14.4).
pub fn content_range(headers: &HeaderMap) -> Option<(ByteRange, u64)> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, len) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (start, last, len): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, len.parse().ok()?);
    (start <= last && last < len).then_some((ByteRange { start, end: last + 1 }, len))
}

/// The total length in `Content-Range` of a 416 response: `bytes */N`.
pub fn unsatisfied(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.parse().ok()
}

/// Whether the only transfer coding of the body is `chunked`.
fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    codings.next().is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

/// Whether a type is an image, audio or video type. SVG does not count, because it is also text.
fn is_media(promised: &MediaType) -> bool {
    let essence = promised.essence();
    essence != "image/svg+xml" && matches!(essence.split('/').next(), Some("image" | "audio" | "video"))
}

/// Whether the upstream's `Content-Type` is a text type, as for an error message sent with status 200.
fn is_text(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()?.parse::<Mime>().ok());
    said.is_some_and(|mime| {
        mime.type_() == "text" || matches!(mime.essence_str(), "application/json" | "application/xml")
    })
}

fn is_web_page(headers: &HeaderMap) -> bool {
    let essence = |value: &HeaderValue| value.to_str().ok()?.parse::<Mime>().ok();
    headers.get(header::CONTENT_TYPE).and_then(essence).is_some_and(|mime| is_page(mime.essence_str()))
}

fn is_page(essence: &str) -> bool {
    matches!(essence, "text/html" | "application/xhtml+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 1000;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_complete_files_of_the_expected_type_are_stored() {
        let not = |why| Action::Reject(why);
        let (jpeg, page) = (MediaType::parse("image/jpeg"), MediaType::parse("text/html"));
        let svg = MediaType::parse("image/svg+xml");
        for (status, lines, promised, expected) in [
            (200, &[("content-length", "10")][..], &jpeg, Action::Store(Some(10))),
            (200, &[("content-length", "0")], &jpeg, not(NotFetched::NoMedia)),
            (200, &[("content-length", "0")], &None, Action::Store(Some(0))),
            (200, &[("content-length", "9"), ("content-type", "text/plain")], &jpeg, not(NotFetched::NoMedia)),
            (
                200,
                &[("transfer-encoding", "chunked"), ("content-type", "application/json; charset=utf-8")],
                &jpeg,
                not(NotFetched::NoMedia),
            ),
            (200, &[("content-length", "9"), ("content-type", "application/xml")], &jpeg, not(NotFetched::NoMedia)),
            (200, &[("content-length", "9"), ("content-type", "text/xml")], &svg, Action::Store(Some(9))),
            (200, &[("content-length", "9"), ("content-type", "text/plain")], &None, Action::Store(Some(9))),
            (200, &[("content-length", "1000")], &jpeg, Action::Store(Some(1000))),
            (200, &[("content-length", "1001")], &jpeg, Action::Proxy),
            (200, &[("transfer-encoding", "chunked")], &jpeg, Action::Store(None)),
            (200, &[("transfer-encoding", "Chunked")], &jpeg, Action::Store(None)),
            (200, &[("transfer-encoding", "identity")], &jpeg, Action::Proxy),
            (200, &[("transfer-encoding", "gzip")], &jpeg, Action::Proxy),
            (200, &[("transfer-encoding", "gzip, chunked")], &jpeg, Action::Proxy),
            (200, &[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], &jpeg, Action::Proxy),
            (200, &[], &jpeg, Action::Proxy),
            (200, &[("content-length", "10"), ("content-encoding", "gzip")], &jpeg, Action::Proxy),
            (200, &[("content-length", "10"), ("content-encoding", "identity")], &jpeg, Action::Store(Some(10))),
            (
                200,
                &[("content-length", "10"), ("content-encoding", "identity"), ("content-encoding", "gzip")],
                &jpeg,
                Action::Proxy,
            ),
            (200, &[("content-length", "10"), ("content-type", "text/html")], &jpeg, not(NotFetched::WebPage)),
            (
                200,
                &[("content-length", "10"), ("content-type", "Text/HTML; charset=x")],
                &jpeg,
                not(NotFetched::WebPage),
            ),
            (200, &[("content-length", "10"), ("content-type", "text/html")], &None, not(NotFetched::WebPage)),
            (200, &[("content-length", "10"), ("content-type", "text/html")], &page, Action::Store(Some(10))),
            // a different image type is accepted: CDNs convert images, and the file name decides the served type
            (200, &[("content-length", "10"), ("content-type", "image/webp")], &jpeg, Action::Store(Some(10))),
            (
                200,
                &[("content-length", "9"), ("x-devmedia", "placeholder")],
                &jpeg,
                not(NotFetched::Missing { remembered: false }),
            ),
            (206, &[("content-length", "10")], &jpeg, not(NotFetched::Answered(StatusCode::PARTIAL_CONTENT))),
            (204, &[], &jpeg, not(NotFetched::Answered(StatusCode::NO_CONTENT))),
            (403, &[], &jpeg, not(NotFetched::Answered(StatusCode::FORBIDDEN))),
            (500, &[("content-length", "10")], &jpeg, not(NotFetched::Answered(StatusCode::INTERNAL_SERVER_ERROR))),
        ] {
            let action = classify(StatusCode::from_u16(status).unwrap(), &fields(lines), promised.as_ref(), MAX);
            assert_eq!(action, expected, "{status} {lines:?}");
        }
    }

    #[test]
    fn an_upstream_cannot_give_a_file_without_extension_a_script_type() {
        for (said, promised, expected) in [
            ("image/png", None, "image/png"),
            ("application/pdf", None, "application/pdf"),
            ("text/html", None, "application/octet-stream"),
            ("image/svg+xml", None, "application/octet-stream"),
            ("text/javascript", None, "application/octet-stream"),
            ("garbage", None, "application/octet-stream"),
            ("text/html", MediaType::parse("image/jpeg"), "image/jpeg"),
        ] {
            let headers = fields(&[("content-type", said)]);
            assert_eq!(media_type(&headers, promised).header, expected, "{said}");
        }
    }

    #[test]
    fn content_ranges_are_parsed() {
        for (text, expected) in [
            ("bytes 0-0/1", Some((0, 1, 1))),
            ("bytes 5-9/10", Some((5, 10, 10))),
            ("bytes 5-10/10", None),
            ("bytes 6-5/10", None),
            ("bytes 0-1/*", None),
            ("bytes */10", None),
            ("lines 0-1/10", None),
        ] {
            let read =
                content_range(&fields(&[("content-range", text)])).map(|(part, len)| (part.start, part.end, len));
            assert_eq!(read, expected, "{text}");
        }
        assert_eq!(unsatisfied(&fields(&[("content-range", "bytes */10")])), Some(10));
    }
}
