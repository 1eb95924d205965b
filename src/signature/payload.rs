//! `x-amz-content-sha256`: what the signature says about the body.

use hyper::header::HeaderMap;

use super::digest::unhex;
use super::error::{Code, SignatureError};

/// What is known about the body before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The body is not signed (`UNSIGNED-PAYLOAD`, and all of Signature Version 2).
    Unsigned,
    /// The body must have this SHA-256.
    Sha256([u8; 32]),
    /// The body is `aws-chunked`: `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    UnsignedChunks,
    /// The body is `aws-chunked`, and each chunk is signed: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD` and `...-TRAILER`.
    SignedChunks(ChunkSeed),
}

impl Payload {
    /// What an unsigned request says about its body.
    pub fn of_unsigned(headers: &HeaderMap) -> Result<Self, SignatureError> {
        let sent = headers.get("x-amz-content-sha256").map(|value| value.to_str().unwrap_or_default());
        match sent.map(ContentSha256::parse).transpose()? {
            None | Some(ContentSha256::Unsigned) => Ok(Self::Unsigned),
            Some(ContentSha256::Sha256(hash)) => Ok(Self::Sha256(hash)),
            Some(ContentSha256::UnsignedTrailer) => Ok(Self::UnsignedChunks),
            Some(ContentSha256::Signed { .. }) => Err(SignatureError::new(
                Code::InvalidRequest,
                "Signed chunks need a Signature Version 4 in the Authorization header or in the query.",
            )),
        }
    }
}

/// What the signatures of chunks are computed from. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct ChunkSeed {
    /// The key of the day, region and service.
    pub(super) signing_key: [u8; 32],
    /// The date of the request, as in its string to sign.
    pub(super) date: String,
    /// `DAY/REGION/s3/aws4_request`
    pub(super) scope: String,
    /// The signature of the request, in hexadecimal.
    pub(super) signature: String,
    /// Whether signed trailer fields follow the last chunk.
    pub(super) has_trailer: bool,
}

impl std::fmt::Debug for ChunkSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { date, scope, signature, has_trailer, .. } = self;
        write!(f, "ChunkSeed {{ {date} {scope} {signature} has_trailer: {has_trailer} }}")
    }
}

/// A valid value of `x-amz-content-sha256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentSha256 {
    Unsigned,
    Sha256([u8; 32]),
    UnsignedTrailer,
    Signed { has_trailer: bool },
}

impl ContentSha256 {
    pub(super) fn parse(value: &str) -> Result<Self, SignatureError> {
        match value {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::UnsignedTrailer),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::Signed { has_trailer: false }),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::Signed { has_trailer: true }),
            _ if value.starts_with("STREAMING-AWS4-ECDSA-") => Err(SignatureError::new(
                Code::NotImplemented,
                format!("{value}: signatures with elliptic curves (Signature Version 4A) are not supported here."),
            )),
            _ => unhex(value.as_bytes()).map(Self::Sha256).ok_or_else(|| {
                SignatureError::new(
                    Code::InvalidArgument,
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                     STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 \
                     value.",
                )
                .with("ArgumentName", "x-amz-content-sha256")
                .with("ArgumentValue", value)
            }),
        }
    }
}
