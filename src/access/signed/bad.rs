//! The reasons why a signed URL is refused, and advice.

use std::fmt;

use hyper::{Method, StatusCode};
use jiff::SignedDuration;

/// The reason why a signed URL is refused. `Display` prints a sentence that contains nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadSignature {
    /// These parameters of the signature are missing.
    Missing(Vec<String>),
    /// A parameter is not valid.
    Malformed {
        /// Its name.
        parameter: String,
        /// The valid values.
        expected: &'static str,
        /// The status that the production server would send.
        status: StatusCode,
    },
    /// The URL has expired.
    Expired {
        /// The time since its expiry.
        ago: SignedDuration,
        /// The status that the production server would send.
        status: StatusCode,
    },
    /// The URL is dated in the future (s3).
    NotYet {
        /// The time until its date.
        ahead: SignedDuration,
    },
    /// The signature is valid for another request.
    SignedFor {
        /// The part of the request that differs.
        part: Part,
        /// The signed value.
        signed: String,
        /// The value in this request.
        requested: String,
    },
    /// The signature does not match, and no likely mistake explains it. `Display` does not show the signed text;
    /// `advice` does.
    Mismatch {
        /// The text that should be signed, without the secret.
        message: String,
    },
    /// URLs of this scheme are not valid for this method.
    Method {
        /// The method of the request.
        method: Method,
        /// The methods that the scheme allows.
        allowed: &'static str,
    },
    /// A header that must be signed is not (s3).
    HeaderNotSigned(String),
    /// A signed header was not sent (s3).
    HeaderNotSent(String),
    /// Signature Version 2 (s3).
    Version2,
    /// A form whose fields are signed instead of a URL (s3).
    PresignedPost,
}

/// A part of a request that a signature may cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The path of the URL.
    Path,
    /// The request's method.
    Method,
    /// The host in the URL.
    Host,
    /// The address of the client.
    Address,
    /// The access key (s3).
    AccessKey,
    /// The region (s3).
    Region,
}

impl BadSignature {
    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed { status, .. } | Self::Expired { status, .. } => *status,
            Self::Version2 | Self::SignedFor { part: Part::Region, .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// What to do, for the body of the response.
    pub fn advice(&self) -> String {
        let advice = match self {
            Self::Missing(_) => "Sign the URL in your app, or with devmedia sign.",
            Self::Malformed { expected, .. } => return format!("It should be {expected}."),
            Self::Expired { .. } => "Sign a new URL. If a page stays open for longer, let its links expire later.",
            Self::NotYet { .. } => "Correct the clock of the machine that signed the URL, or of this one.",
            Self::SignedFor { part, .. } => match part {
                Part::Path => "Sign the path as it is served, including the prefix of the mount.",
                Part::Method => "Sign a URL for each method.",
                Part::Host => "Sign the host and port that the browser uses.",
                Part::Address => {
                    "Send the request from the address in the signature, or remove $remote_addr from the expression."
                }
                Part::AccessKey => "Give your app and devmedia the same access_key.",
                Part::Region => {
                    "Give your app and devmedia the same region, or remove region here to accept every region."
                }
            },
            Self::Mismatch { message } => {
                return format!("Compare the text that your app signs with the text that devmedia expects: {message}");
            }
            Self::Method { .. } => {
                "Use one of these methods. For others, use hmac, or secure_link with $request_method in its expression."
            }
            Self::HeaderNotSigned(_) => "Let the SDK sign host and all x-amz- headers that it sends.",
            Self::HeaderNotSent(_) => "Send the header with the signed value, or sign the URL without it.",
            Self::Version2 => "In boto3, create the client with config=Config(signature_version=\"s3v4\").",
            Self::PresignedPost => {
                "Presign a PUT instead; in boto3: generate_presigned_url(\"put_object\", Params={\"Bucket\": ..., \"Key\": ...})."
            }
        };
        advice.to_owned()
    }

    /// A parameter that is not valid, for schemes that respond with 403.
    pub(super) fn malformed(parameter: &str, expected: &'static str) -> Self {
        Self::Malformed { parameter: parameter.to_owned(), expected, status: StatusCode::FORBIDDEN }
    }
}

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(parameters) => {
                let verb = if parameters.len() == 1 { "is" } else { "are" };
                write!(f, "This URL is not signed: {} {verb} missing.", listed(parameters))
            }
            Self::Malformed { parameter, .. } => write!(f, "The parameter {parameter} is not valid."),
            Self::Expired { ago, .. } => write!(f, "The link expired {:#} ago.", whole(*ago)),
            Self::NotYet { ahead } => write!(f, "The link is dated {:#} in the future.", whole(*ahead)),
            Self::SignedFor { part, signed, requested } => {
                write!(f, "The URL is signed for the {part} {signed}, not for {requested}.")
            }
            Self::Mismatch { .. } => f.write_str(
                "The signature does not match: it was created with another secret, or for another URL or expiry.",
            ),
            Self::Method { method, allowed } => {
                write!(f, "Signed URLs of this mount are valid for {allowed}, not for {method}.")
            }
            Self::HeaderNotSigned(name) => write!(f, "The header {name} is not signed."),
            Self::HeaderNotSent(name) => write!(f, "The header {name} is signed, but was not sent."),
            Self::Version2 => f.write_str("This URL has a version 2 signature, which S3 no longer accepts."),
            Self::PresignedPost => f.write_str("A presigned POST (a form with a policy) is not accepted here."),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "path",
            Self::Method => "method",
            Self::Host => "host",
            Self::Address => "address",
            Self::AccessKey => "access key",
            Self::Region => "region",
        })
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        _ => names.concat(),
    }
}

/// Without the fraction of a second.
fn whole(duration: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(duration.as_secs())
}
