//! What answers a request for a missing file, or why nothing does.

use hyper::Response;

use super::reason::NotFetched;
use crate::body::Body;
use crate::refusal::Refusal;
use crate::storage::root::Found;

/// What answers a request for a missing file.
#[derive(Debug)]
pub enum Instead {
    /// A file that is still arriving.
    Arriving(Found),
    /// It is here by now: open it as any other.
    Here,
    /// A whole answer.
    Answer(Response<Body>),
}

/// Why a missing file is not answered by the fallback.
#[derive(Debug)]
pub enum FallbackError {
    /// The upstream is not asked about it: a folder, or a path that an access rule guards.
    NotAsked,
    /// The upstream does not have it.
    NotFetched(NotFetched),
    /// The upstream has it, but nothing of it answers the request; or something here stands in the way.
    Refused(Refusal),
}

impl From<NotFetched> for FallbackError {
    fn from(why: NotFetched) -> Self {
        Self::NotFetched(why)
    }
}
