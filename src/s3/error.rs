//! `S3Error`: an error response of S3 (section "Error Responses" of the S3 API reference).

use std::borrow::Cow;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use crate::refusal::Refusal;
use crate::signature::SignatureError;

/// Why a request is not performed.
#[derive(Debug)]
pub struct S3Error {
    /// The code, by which clients recognize the error.
    pub code: Code,
    /// What happened and what to do, for a person.
    pub message: Cow<'static, str>,
    /// The cause, for the log only.
    pub cause: Option<String>,
    /// More elements of the response.
    pub details: Vec<(&'static str, String)>,
    /// Headers that the status requires.
    pub fields: Vec<(HeaderName, HeaderValue)>,
}

macro_rules! codes {
    ($($name:ident = $status:literal,)*) => {
        /// The codes of the S3 API reference that devmedia uses, each with its status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the S3 API reference describes each")]
        pub enum Code { $($name,)* }

        impl Code {
            /// The code as it is sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The status of a response with it.
            pub fn status(self) -> StatusCode {
                let status: u16 = match self { $(Self::$name => $status,)* };
                StatusCode::from_u16(status).expect("a status")
            }

            /// The code of this name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported = 400,
    AccessDenied = 403,
    AuthorizationHeaderMalformed = 400,
    AuthorizationQueryParametersError = 400,
    BadDigest = 400,
    BucketAlreadyExists = 409,
    BucketAlreadyOwnedByYou = 409,
    BucketNotEmpty = 409,
    EntityTooLarge = 400,
    EntityTooSmall = 400,
    ExpiredToken = 400,
    IncompleteBody = 400,
    IncompleteSignature = 400,
    InternalError = 500,
    InvalidAccessKeyId = 403,
    InvalidArgument = 400,
    InvalidBucketName = 400,
    InvalidChunkSizeError = 403,
    InvalidDigest = 400,
    InvalidPart = 400,
    InvalidPartNumber = 416,
    InvalidPartOrder = 400,
    InvalidPolicyDocument = 400,
    InvalidRange = 416,
    InvalidRequest = 400,
    InvalidTag = 400,
    InvalidToken = 400,
    KeyTooLongError = 400,
    MalformedPOSTRequest = 400,
    MalformedTrailerError = 400,
    MalformedXML = 400,
    MetadataTooLarge = 400,
    MethodNotAllowed = 405,
    MissingContentLength = 411,
    MissingSecurityHeader = 400,
    NoSuchBucket = 404,
    NoSuchBucketPolicy = 404,
    NoSuchCORSConfiguration = 404,
    NoSuchKey = 404,
    NoSuchLifecycleConfiguration = 404,
    NoSuchObjectLockConfiguration = 404,
    NoSuchPublicAccessBlockConfiguration = 404,
    NoSuchTagSet = 404,
    NoSuchUpload = 404,
    NoSuchVersion = 404,
    NoSuchWebsiteConfiguration = 404,
    NotImplemented = 501,
    ObjectLockConfigurationNotFoundError = 404,
    OperationAborted = 409,
    OwnershipControlsNotFoundError = 404,
    PreconditionFailed = 412,
    ReplicationConfigurationNotFoundError = 404,
    RequestTimeTooSkewed = 403,
    RequestTimeout = 400,
    ServerSideEncryptionConfigurationNotFoundError = 404,
    SignatureDoesNotMatch = 403,
    SlowDown = 503,
    StorageFull = 507,
    UnexpectedContent = 400,
    UserKeyMustBeSpecified = 400,
    XAmzContentSHA256Mismatch = 400,
}

impl S3Error {
    /// An error with a message.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), cause: None, details: Vec::new(), fields: Vec::new() }
    }

    /// Adds an element to the response.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// An error of the system, whose cause goes to the log only.
    pub(super) fn system(error: std::io::Error) -> Self {
        crate::upload::cannot_write(error).into()
    }

    /// There is no object with this key.
    pub(super) fn no_such_key(key: &str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::NoSuchKey, why).with("Key", key)
    }

    /// An operation, or a part of one, that devmedia does not have.
    pub(super) fn not_implemented(what: &str) -> Self {
        Self::new(
            Code::NotImplemented,
            format!("devmedia does not implement {what}; nothing was changed. docs/s3.md lists what it implements."),
        )
    }

    /// The reason for the log.
    pub(super) fn reason(&self) -> String {
        let cause = self.cause.as_ref().map_or_else(String::new, |cause| format!(" ({cause})"));
        format!("{}: {}{cause}", self.code.as_str(), self.message)
    }
}

/// The rooms below refuse in their own words; S3's clients need S3's codes.
impl From<Refusal> for S3Error {
    fn from(refusal: Refusal) -> Self {
        let code = match (refusal.code, refusal.status.as_u16()) {
            ("too-large", _) => Code::EntityTooLarge,
            ("body-incomplete", _) => Code::IncompleteBody,
            ("body-stalled", _) => Code::RequestTimeout,
            ("disk-full" | "file-too-large", _) => Code::StorageFull,
            ("folder-changed" | "in-use", _) => Code::OperationAborted,
            ("network-failed" | "network-offline", _) => Code::SlowDown,
            ("bad-form", _) => Code::MalformedPOSTRequest,
            (_, 403 | 421) => Code::AccessDenied,
            (_, 404) => Code::NoSuchKey,
            (_, 412) => Code::PreconditionFailed,
            (_, 416) => Code::InvalidRange,
            (_, 501) => Code::NotImplemented,
            (_, 500..) => Code::InternalError,
            _ => Code::InvalidArgument,
        };
        let mut error = Self::new(code, format!("{} {}", refusal.what, refusal.advice).trim().to_owned());
        error.cause = refusal.cause.map(String::from);
        error.fields = refusal.fields.into_vec();
        error
    }
}

impl From<SignatureError> for S3Error {
    fn from(error: SignatureError) -> Self {
        let code = Code::parse(&error.code.to_string()).unwrap_or(Code::AccessDenied);
        Self { details: error.details, ..Self::new(code, error.message) }
    }
}

impl From<crate::body::incoming::BodyError> for S3Error {
    fn from(error: crate::body::incoming::BodyError) -> Self {
        Refusal::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_other_rooms_have_codes_that_s3_clients_know() {
        for (status, code, expected) in [
            (413, "too-large", Code::EntityTooLarge),
            (400, "body-incomplete", Code::IncompleteBody),
            (403, "outside", Code::AccessDenied),
            (404, "not-found", Code::NoSuchKey),
            (412, "precondition-failed", Code::PreconditionFailed),
            (416, "range-not-satisfiable", Code::InvalidRange),
            (507, "disk-full", Code::StorageFull),
            (500, "failed", Code::InternalError),
            (409, "not-a-folder", Code::InvalidArgument),
            (423, "in-use", Code::OperationAborted), // a file that another program has open on Windows
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(S3Error::from(Refusal::new(status, code, "What.", "Do.")).code, expected, "{code}");
        }
        assert_eq!(Code::parse(Code::NoSuchUpload.as_str()), Some(Code::NoSuchUpload));
    }
}
