//! The decision which part of a file is sent in response to a request, if any. Pure and total.

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

use super::conditional::{self, Precondition};
use super::range::{self, Requested};
use crate::refusal::Refusal;
use crate::storage::byte_range::ByteRange;
use crate::storage::entity::Entity;

/// Which part of a file is sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// All of it: 200.
    Whole,
    /// All of it, while its length is not known: 200 without `Content-Length`, and no ranges.
    Stream,
    /// One part: 206 with `Content-Range`.
    Part(ByteRange),
    /// Several parts: 206 as `multipart/byteranges`.
    Parts(Vec<ByteRange>),
    /// Nothing, because the client has the file: 304.
    NotModified,
}

/// The reason why no part of the file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// `If-Match`, `If-None-Match` or `If-Unmodified-Since` wants another state.
    PreconditionFailed,
    /// The file has none of the requested bytes.
    RangeNotSatisfiable {
        /// The file's length.
        len: u64,
    },
}

impl From<Undecided> for Refusal {
    fn from(error: Undecided) -> Self {
        match error {
            Undecided::PreconditionFailed => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition-failed",
                "The file is not in the state that the request requires (If-Match, If-None-Match or If-Unmodified-Since).",
                "Request it again to learn its current ETag.",
            ),
            // RFC 9110 section 15.5.17
            Undecided::RangeNotSatisfiable { len } => Self::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                format!("The file has only {len} bytes, and the range begins beyond its end."),
                "Request a range that starts before its end.",
            )
            .with_field(header::CONTENT_RANGE, HeaderValue::try_from(format!("bytes */{len}")).expect("digits")),
        }
    }
}

/// Decides as RFC 9110 section 13.2.2 orders: preconditions, then `If-Range`, then `Range`.
///
/// Total: there is a decision for every method, header and file.
pub fn decide(method: &Method, headers: &HeaderMap, entity: &Entity) -> Result<Decision, Undecided> {
    match conditional::evaluate(method, headers, entity) {
        Precondition::Holds => {}
        Precondition::NotModified => return Ok(Decision::NotModified),
        Precondition::Failed => return Err(Undecided::PreconditionFailed),
    }
    let Some(range) = conditional::range(method, headers, entity).filter(|_| !entity.media_type.is_gzip) else {
        return Ok(Decision::Whole);
    };
    match range::requested(range.as_bytes(), entity.len) {
        Requested::Whole => Ok(Decision::Whole),
        Requested::Unsatisfiable => Err(Undecided::RangeNotSatisfiable { len: entity.len }),
        Requested::Parts(parts) => Ok(match parts.as_slice() {
            [part] => Decision::Part(*part),
            _ => Decision::Parts(parts),
        }),
    }
}
