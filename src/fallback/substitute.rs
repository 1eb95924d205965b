//! The fallback's response to a request for a missing file, and the errors.

use hyper::Response;

use super::reason::NotFetched;
use crate::body::Body;
use crate::refusal::Refusal;
use crate::storage::root::Found;

/// The fallback's response to a request for a missing file.
#[derive(Debug)]
pub enum Substitute {
    /// A file that is still being fetched.
    Arriving(Found),
    /// The file exists by now: open it like any other.
    Here,
    /// A complete response.
    Answer(Response<Body>),
}

/// Why the fallback has no response.
#[derive(Debug)]
pub enum FallbackError {
    /// The fallback is not used for this path: it is a folder, or an access rule guards it.
    NotAsked,
    /// The file could not be fetched.
    NotFetched(NotFetched),
    /// The request itself is refused, for example because of its range.
    Refused(Refusal),
}

impl From<NotFetched> for FallbackError {
    fn from(why: NotFetched) -> Self {
        Self::NotFetched(why)
    }
}
