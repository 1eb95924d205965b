//! Errors of the tus protocol.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use crate::refusal::Refusal;

/// The supported version of the protocol.
pub const VERSION: &str = "1.0.0";

/// Why a tus request cannot be processed. The statuses are those of the protocol, where it names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TusError {
    /// Another version of the protocol, or none.
    Version,
    /// `Upload-Length` or `Upload-Offset` is missing or not a number.
    Number(&'static str),
    /// `Upload-Metadata` is malformed.
    Metadata,
    /// The body of a PATCH has another type.
    ContentType,
    /// The upload is at another offset.
    Offset(u64),
    /// More bytes than `Upload-Length` announced.
    TooMuch,
    /// Another request is appending to the upload.
    Locked,
    /// The upload does not exist, or has expired.
    Gone,
    /// A header of an extension that is not announced.
    Extension(&'static str),
    /// `Upload-Concat` is malformed, or names something that is not a complete part.
    Concat,
    /// An upload that was joined from parts takes no more bytes.
    Final,
}

impl From<TusError> for Refusal {
    fn from(error: TusError) -> Self {
        use StatusCode as Status;
        let (status, code, what, advice) = match error {
            TusError::Version => (
                Status::PRECONDITION_FAILED,
                "tus-version",
                format!("Only version {VERSION} of the tus protocol is supported."),
                "Send Tus-Resumable: 1.0.0; a tus client does.",
            ),
            TusError::Number(field) => (
                Status::BAD_REQUEST,
                "tus-number",
                format!("{field} is missing or not a number."),
                "Send it as a decimal number; the whole length must be known at the start.",
            ),
            TusError::Metadata => (
                Status::BAD_REQUEST,
                "tus-metadata",
                "Upload-Metadata cannot be read.".to_owned(),
                "Send pairs of a key and its value in base64, with commas between the pairs.",
            ),
            TusError::ContentType => (
                Status::UNSUPPORTED_MEDIA_TYPE,
                "tus-content-type",
                "The bytes of an upload must have the content type of the tus protocol.".to_owned(),
                "Send Content-Type: application/offset+octet-stream.",
            ),
            TusError::Offset(offset) => (
                Status::CONFLICT,
                "tus-offset",
                format!("The offset is wrong: {offset} bytes of this upload have arrived."),
                "Request the offset with HEAD, and continue from there.",
            ),
            TusError::TooMuch => (
                Status::PAYLOAD_TOO_LARGE,
                "tus-too-much",
                "More bytes arrived than Upload-Length announced.".to_owned(),
                "Send only the missing bytes; the length of an upload cannot change.",
            ),
            TusError::Locked => (
                Status::LOCKED,
                "tus-locked",
                "Another request is appending to this upload.".to_owned(),
                "Wait until the other request has ended, then request the offset with HEAD.",
            ),
            TusError::Gone => (
                Status::NOT_FOUND,
                "tus-gone",
                "There is no such upload, or it has expired.".to_owned(),
                "Start again with POST to the folder; uploads can be resumed for 24 hours.",
            ),
            TusError::Extension(field) => (
                Status::BAD_REQUEST,
                "tus-extension",
                format!("{field} belongs to an extension of the tus protocol that devmedia does not implement."),
                "Send the whole length at the start in Upload-Length, and no checksums; OPTIONS lists the extensions.",
            ),
            TusError::Concat => (
                Status::BAD_REQUEST,
                "tus-concat",
                "Upload-Concat is neither \"partial\" nor a list of complete partial uploads of this mount.".to_owned(),
                "Complete each partial upload first, then send Upload-Concat: final; followed by their URLs.",
            ),
            TusError::Final => (
                Status::FORBIDDEN,
                "tus-final",
                "This upload was joined from partial uploads; nothing can be appended to it.".to_owned(),
                "Start again with POST to the folder.",
            ),
        };
        let refusal = Self::new(status, code, what, advice);
        match error {
            TusError::Version => {
                refusal.with_field(HeaderName::from_static("tus-version"), HeaderValue::from_static(VERSION))
            }
            _ => refusal,
        }
    }
}
