//! Why a URL's signature is refused, and what to do about it.

use std::fmt;

use hyper::{Method, StatusCode};
use jiff::SignedDuration;

/// Why a signed URL is refused. `Display` is a sentence that holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadSignature {
    /// There is no signature, or not all of it: these parameters are missing.
    Missing(Vec<String>),
    /// A parameter that cannot be read.
    Malformed {
        /// Its name.
        parameter: String,
        /// What it should be.
        expected: &'static str,
        /// The status of the server that is rehearsed.
        status: StatusCode,
    },
    /// It was good, and is no more.
    Expired {
        /// For how long it has not been good.
        ago: SignedDuration,
        /// The status of the server that is rehearsed.
        status: StatusCode,
    },
    /// It is dated in the future (s3).
    NotYet {
        /// How far.
        ahead: SignedDuration,
    },
    /// It is good for something that is not asked here.
    Other {
        /// Of what it is another one.
        part: Part,
        /// Which one is signed.
        signed: String,
        /// Which one should be.
        asked: String,
    },
    /// It was not made with this secret, or not for this. `Display` does not show what was signed: `advice` does.
    Wrong {
        /// What a signature is made of here, the secret left out.
        message: String,
    },
    /// URLs of this scheme cannot be good for this method.
    Method {
        /// The one asked.
        method: Method,
        /// Those that it has.
        has: &'static str,
    },
    /// A header field that must be signed, and is not (s3).
    Unsigned(String),
    /// A header field that is signed, and not sent (s3).
    NotSent(String),
    /// Signature Version 2 (s3).
    Version2,
    /// A form whose fields are signed instead of a URL (s3).
    PresignedPost,
}

/// What a signature may cover.
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
    /// The status that production would answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed { status, .. } | Self::Expired { status, .. } => *status,
            Self::Version2 | Self::Other { part: Part::Region, .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        let advice = match self {
            Self::Missing(_) => "Sign the URL in your app, or with devmedia sign.",
            Self::Malformed { expected, .. } => return format!("It should be {expected}."),
            Self::Expired { .. } => "Sign a new one; a page that stays open needs links that last as long.",
            Self::NotYet { .. } => "Set the clock of the machine that signed it, or of this one.",
            Self::Other { part, .. } => match part {
                Part::Path => "Sign the path as it is served, prefix included.",
                Part::Method => "Sign a URL for each method.",
                Part::Host => "Sign the host that the browser asks, with its port.",
                Part::Address => {
                    "Ask from the address that it was signed for, or leave the address out of the expression."
                }
                Part::AccessKey => "Give your app and devmedia one access_key.",
                Part::Region => "Give your app and devmedia one region, or devmedia none: then any will do.",
            },
            Self::Wrong { message } => {
                return format!("Compare what your app signs with what is signed here: {message}");
            }
            Self::Method { .. } => "Sign a URL for a method that this kind of URL can have.",
            Self::Unsigned(_) => "Let the SDK sign the header fields that it sends; host is always one.",
            Self::NotSent(_) => "Send the field with the value that was signed, or sign without it.",
            Self::Version2 => "In boto3, make the client with config=Config(signature_version=\"s3v4\").",
            Self::PresignedPost => {
                "Presign a PUT instead; in boto3: generate_presigned_url(\"put_object\", Params={\"Bucket\": ..., \"Key\": ...})."
            }
        };
        advice.to_owned()
    }

    /// A parameter that cannot be read, where a server answers 403 to it.
    pub(super) fn malformed(parameter: &str, expected: &'static str) -> Self {
        Self::Malformed { parameter: parameter.to_owned(), expected, status: StatusCode::FORBIDDEN }
    }
}

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(parameters) => {
                write!(f, "This URL must be signed, and has no {} in its query.", parameters.join(", "))
            }
            Self::Malformed { parameter, .. } => write!(f, "The parameter {parameter} cannot be read."),
            Self::Expired { ago, .. } => write!(f, "The link expired {:#} ago.", whole(*ago)),
            Self::NotYet { ahead } => write!(f, "The link is dated {:#} in the future.", whole(*ahead)),
            Self::Other { part, signed, asked } => {
                write!(f, "The URL is signed for the {part} {signed}, not for {asked}.")
            }
            Self::Wrong { .. } => f.write_str(
                "The signature does not fit: it was made with another secret, or for something else (its expiry \
                 included).",
            ),
            Self::Method { method, has } => write!(f, "A signed URL is good for {has} here, not for {method}."),
            Self::Unsigned(field) => write!(f, "The header field {field} is not signed."),
            Self::NotSent(field) => write!(f, "The header field {field} is signed, but was not sent."),
            Self::Version2 => f.write_str("This URL has a signature of version 2, which S3 no longer takes."),
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

fn whole(duration: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(duration.as_secs())
}
