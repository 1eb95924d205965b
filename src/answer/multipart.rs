//! `multipart/byteranges` (RFC 9110 section 14.6): the lines around the parts. The parts are streamed like any range.

use hyper::body::Bytes;

use super::piece::{Piece, content_range};
use crate::storage::byte_range::ByteRange;
use crate::storage::entity::Entity;

/// Header lines and ranges alternately, then the closing line.
pub fn pieces(parts: &[ByteRange], entity: &Entity, boundary: &str) -> Vec<Piece> {
    let content_type = entity.media_type.header.to_str().unwrap_or_default();
    let mut pieces = Vec::with_capacity(parts.len() * 2 + 1);
    let mut before = "";
    for part in parts {
        let range = content_range(*part, entity.len);
        let range = range.to_str().unwrap_or_default();
        let lines = format!("{before}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {range}\r\n\r\n");
        pieces.push(Piece::Text(Bytes::from(lines)));
        pieces.push(Piece::Span(*part));
        before = "\r\n";
    }
    pieces.push(Piece::Text(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    pieces
}
