//! `multipart/byteranges` (RFC 9110 section 14.6): the lines around the parts. The parts are streamed like any span.

use std::hash::{BuildHasher as _, RandomState};

use hyper::body::Bytes;

use crate::answer::head::{Piece, content_range};
use crate::answer::range::ByteRange;
use crate::storage::entity::Entity;

/// A boundary that need not be searched for in the file: 128 random bits, made anew for each answer (the standard
/// library's keyed hasher), which no uploaded file can hold in advance.
pub fn boundary() -> String {
    let random = || RandomState::new().hash_one(());
    format!("devmedia-{:016x}{:016x}", random(), random())
}

/// Header lines and spans in turn, and the closing line.
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
