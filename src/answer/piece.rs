//! The pieces of a body.

use hyper::header::HeaderValue;

use crate::storage::byte_range::ByteRange;

/// One piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text: the lines between the parts of a multipart body.
    Text(hyper::body::Bytes),
    /// Bytes of the open file.
    Span(ByteRange),
}

/// `Content-Range` of a part (RFC 9110 section 14.4).
pub fn content_range(part: ByteRange, len: u64) -> HeaderValue {
    let text = format!("bytes {}-{}/{len}", part.start, part.end - 1);
    HeaderValue::try_from(text).expect("digits")
}

/// The length of all pieces together, in bytes.
pub fn length<'a>(pieces: impl IntoIterator<Item = &'a Piece>) -> u64 {
    pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.len() as u64,
            Piece::Span(span) => span.len(),
        })
        .sum()
}
