//! The head of a response with a file, and the pieces of its body.

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};

use super::decide::Decision;
use super::multipart;
use super::piece::{Piece, content_range, length};
use crate::storage::byte_range::ByteRange;
use crate::storage::entity::Entity;

/// The status, headers and body of a decision. The body's length is the `Content-Length`, except for a stream.
///
/// The headers of every response (`nosniff`, CORS) are not included: the service adds them in one place.
///
/// `boundary` generates the delimiter between several parts, which must not occur in the file.
pub fn head(
    decision: Decision,
    entity: &Entity,
    cache_control: &HeaderValue,
    boundary: impl FnOnce() -> String,
) -> (StatusCode, HeaderMap, Vec<Piece>) {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::CACHE_CONTROL, cache_control.clone());
    if let Some(etag) = &entity.etag {
        headers.insert(header::ETAG, etag.clone());
    }
    if let Some(modified) = &entity.last_modified {
        headers.insert(header::LAST_MODIFIED, modified.field.clone());
    }
    let mut content_type = entity.media_type.header.clone();
    let is_stream = decision == Decision::Stream;
    let (status, pieces) = match decision {
        Decision::NotModified => return (StatusCode::NOT_MODIFIED, headers, Vec::new()),
        Decision::Stream => (StatusCode::OK, Vec::new()),
        Decision::Whole => (StatusCode::OK, ByteRange::whole(entity.len).map(Piece::Span).into_iter().collect()),
        Decision::Part(part) => {
            headers.insert(header::CONTENT_RANGE, content_range(part, entity.len));
            (StatusCode::PARTIAL_CONTENT, vec![Piece::Span(part)])
        }
        Decision::Parts(parts) => {
            let boundary = boundary();
            let pieces = multipart::pieces(&parts, entity, &boundary);
            content_type = value(format!("multipart/byteranges; boundary={boundary}"));
            (StatusCode::PARTIAL_CONTENT, pieces)
        }
    };
    headers.insert(header::CONTENT_TYPE, content_type);
    if !is_stream {
        let unit = if entity.media_type.is_gzip { "none" } else { "bytes" };
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static(unit));
        headers.insert(header::CONTENT_LENGTH, length(&pieces).into());
    }
    if entity.media_type.is_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if entity.media_type.can_script {
        // displayed, but without scripts or forms, and in its own origin
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    }
    (status, headers, pieces)
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("made here, of visible ASCII")
}
