//! The result of checking a request.

use jiff::Timestamp;

use super::payload::Payload;

/// Who made the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The request is not signed.
    Anonymous,
    /// The request is signed with one of the keys.
    Verified(Verified),
}

/// A valid signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The access key ID.
    pub key_id: String,
    /// What the signature says about the body, for [`BodyVerifier`](super::body::BodyVerifier).
    pub payload: Payload,
    /// The host that was signed, if it is not the host of the request but one of the alternatives. Log it.
    pub accepted_host: Option<String>,
    /// The kind of signature.
    pub version: Version,
    /// The expiry of a presigned URL; `None` for a signature in a header.
    pub expires: Option<Timestamp>,
}

/// A kind of signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Signature Version 2: HMAC-SHA1 over a few parts of the request.
    V2,
    /// Signature Version 4: HMAC-SHA256 over a canonical request.
    V4,
}
