//! The decision: what part of a file answers a request, if any. Pure and total.

use hyper::Method;
use hyper::header::HeaderMap;

use super::conditional::{self, Precondition};
use super::range::{self, ByteRange, Requested};
use crate::refusal::Refusal;
use crate::storage::entity::Entity;

/// What is sent of a file that is there and may be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// All of it: 200.
    Whole,
    /// One part: 206 with `Content-Range`.
    Part(ByteRange),
    /// Several parts: 206 as `multipart/byteranges`.
    Parts(Vec<ByteRange>),
    /// Nothing, the client has it: 304.
    NotModified,
}

/// Decides as RFC 9110 section 13.2.2 orders: preconditions, then `If-Range`, then `Range`.
///
/// Total: every method, every header, every file has an answer.
pub fn decide(method: &Method, headers: &HeaderMap, entity: &Entity) -> Result<Decision, Refusal> {
    match conditional::evaluate(method, headers, entity) {
        Precondition::Holds => {}
        Precondition::NotModified => return Ok(Decision::NotModified),
        Precondition::Failed => return Err(Refusal::PreconditionFailed),
    }
    let Some(range) = conditional::range(method, headers, entity) else {
        return Ok(Decision::Whole);
    };
    match range::requested(range.as_bytes(), entity.len) {
        Requested::Whole => Ok(Decision::Whole),
        Requested::Unsatisfiable => Err(Refusal::RangeNotSatisfiable { len: entity.len }),
        Requested::Parts(parts) => Ok(match parts.as_slice() {
            [part] => Decision::Part(*part),
            _ => Decision::Parts(parts),
        }),
    }
}
