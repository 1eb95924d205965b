//! The reasons why a signature, a body or a policy is refused, as S3 names them.

use std::fmt;

use hyper::StatusCode;

/// Error codes of S3 ("Error responses" in the S3 API reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The signature is valid, but the request is not allowed: expired, a header is not signed, a policy fails.
    AccessDenied,
    /// The Authorization header cannot be parsed.
    AuthorizationHeaderMalformed,
    /// The parameters of a presigned URL cannot be parsed.
    AuthorizationQueryParametersError,
    /// The body does not have the hash or checksum that was sent with it.
    BadDigest,
    /// A body is larger than the policy allows.
    EntityTooLarge,
    /// A body is smaller than the policy allows.
    EntityTooSmall,
    /// The body ended too early, or is longer than announced.
    IncompleteBody,
    /// No key has this ID.
    InvalidAccessKeyId,
    /// A header or field has a value that is not valid.
    InvalidArgument,
    /// A chunk of an `aws-chunked` body has no valid size.
    InvalidChunkSizeError,
    /// A `Content-MD5` is not the Base64 of 16 bytes.
    InvalidDigest,
    /// The policy of a form cannot be parsed.
    InvalidPolicyDocument,
    /// The request contradicts itself.
    InvalidRequest,
    /// The trailer of an `aws-chunked` body is not the announced one.
    MalformedTrailerError,
    /// The length of the decoded body was not sent.
    MissingContentLength,
    /// A header that the signature needs was not sent.
    MissingSecurityHeader,
    /// A kind of signature that is not supported.
    NotImplemented,
    /// The clocks differ by more than 15 minutes.
    RequestTimeTooSkewed,
    /// The signature was made with another secret or for another request.
    SignatureDoesNotMatch,
    /// The body does not have the signed SHA-256.
    XAmzContentSHA256Mismatch,
}

impl Code {
    /// The status of the response.
    pub fn status(self) -> StatusCode {
        match self {
            Self::AccessDenied
            | Self::InvalidAccessKeyId
            | Self::InvalidChunkSizeError
            | Self::RequestTimeTooSkewed
            | Self::SignatureDoesNotMatch => StatusCode::FORBIDDEN,
            Self::MissingContentLength => StatusCode::LENGTH_REQUIRED,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// The name as S3 writes it in `<Code>`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a request is refused. It contains nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureError {
    /// The code in the response.
    pub code: Code,
    /// What is wrong, and what to do.
    pub message: String,
    /// Further elements of the response, with the names that S3 gives them: `StringToSign`, `CanonicalRequest`.
    pub details: Vec<(&'static str, String)>,
}

impl SignatureError {
    /// An error without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    /// Adds an element to the response.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The value of a detail.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for SignatureError {}
