//! Why a bucket did not do what was asked, found in the errors of `object_store`.

use std::error::Error;
use std::fmt;

use object_store::client::{HttpError, HttpErrorKind};

use crate::outgoing::cause;

/// What was asked of the bucket; the permission for it is part of the advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read an object.
    Read,
    /// List keys.
    List,
    /// Write an object.
    Write,
    /// Remove an object.
    Delete,
}

/// Why a bucket did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketError {
    /// There is no such object, and no key below it.
    Missing,
    /// There is no such bucket.
    NoBucket,
    /// Permission denied.
    Denied(Action),
    /// The store does not accept the keys; this is its reason.
    Keys(String),
    /// The bucket is in another region, or the keys are for another one; this is the store's reason.
    Region(String),
    /// The store asks to slow down, and still did after several retries.
    Throttled,
    /// No connection, or a broken one; this is the cause.
    Unreachable(String),
    /// The store does not answer.
    Silent,
    /// The object has changed in the meantime, or its state is not the one that was required.
    Changed,
    /// The folder contains a key that is not a path, for this reason, so that it cannot be listed.
    Key(String),
    /// The store's answer does not fit the request, such as another length than announced.
    Garbled(String),
    /// Any other answer: its status, and the store's reason.
    Answered(u16, String),
}

impl fmt::Display for BucketError {
    /// The reason in a few words, for the log. It contains no URL: the one of a request to Azure may contain a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such object"),
            Self::NoBucket => f.write_str("there is no such bucket"),
            Self::Denied(_) => f.write_str("permission denied"),
            Self::Keys(reason) => write!(f, "the store does not accept the credentials ({reason})"),
            Self::Region(reason) => write!(f, "the bucket is in another region ({reason})"),
            Self::Throttled => f.write_str("the store asks to slow down"),
            Self::Unreachable(cause) => write!(f, "there is no connection to the store ({cause})"),
            Self::Silent => f.write_str("the store does not answer"),
            Self::Changed => f.write_str("the object has changed"),
            Self::Key(reason) | Self::Garbled(reason) => f.write_str(reason),
            Self::Answered(status, reason) => write!(f, "status {status} ({reason})"),
        }
    }
}

/// The beginnings of the texts of `object_store`'s errors that contain the store's answer; their types are private.
const STATUS: &str = "Server returned non-2xx status code: ";
const IN_BODY: &str = "Server returned error response: ";
const REDIRECT: &str = "Received redirect without LOCATION";

impl BucketError {
    /// Finds the reason in an error of `object_store`.
    pub(super) fn of(error: &object_store::Error, action: Action) -> Self {
        use object_store::Error as Os;
        let causes = || std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
        if let Some(answer) = causes().map(ToString::to_string).find(|text| text.starts_with(STATUS)) {
            let (status, body) = answer[STATUS.len()..].split_once(": ").unwrap_or((&answer[STATUS.len()..], ""));
            let status = status.split(' ').next().and_then(|status| status.parse().ok()).unwrap_or_default();
            return Self::of_answer(status, body, action);
        }
        if let Some(answer) = causes().map(ToString::to_string).find(|text| text.starts_with(IN_BODY)) {
            return Self::of_answer(500, &answer, action);
        }
        if causes().any(|cause| cause.to_string().starts_with(REDIRECT)) {
            return Self::Region("it redirects to another region".to_owned());
        }
        if let Some(http) = causes().find_map(|cause| cause.downcast_ref::<HttpError>()) {
            return match http.kind() {
                HttpErrorKind::Timeout => Self::Silent,
                _ => Self::Unreachable(cause(error)),
            };
        }
        match error {
            Os::InvalidPath { .. } if action == Action::List => Self::Key(cause(error)),
            // an invalid path is a key that no path can name
            Os::NotFound { .. } | Os::InvalidPath { .. } => Self::Missing,
            Os::Precondition { .. } | Os::AlreadyExists { .. } | Os::NotModified { .. } => Self::Changed,
            Os::PermissionDenied { .. } => Self::Denied(action),
            Os::Unauthenticated { .. } => Self::Keys(cause(error)),
            _ => Self::Garbled(cause(error)),
        }
    }

    /// The reason in a store's answer. The codes are those of the S3 API reference ("Error responses"), and the ones of
    /// Azure and Google that differ.
    fn of_answer(status: u16, body: &str, action: Action) -> Self {
        let code = element(body, "Code").unwrap_or_default();
        let message = element(body, "Message").unwrap_or_default();
        let reason = match (code.is_empty(), message.is_empty()) {
            (true, _) => format!("status {status}"),
            (_, true) => code.clone(),
            _ => format!("{code}: {message}"),
        };
        match (code.as_str(), status) {
            ("NoSuchBucket" | "ContainerNotFound", _) => Self::NoBucket,
            (
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "InvalidToken"
                | "ExpiredToken"
                | "RequestTimeTooSkewed"
                | "AuthenticationFailed"
                | "InvalidSecurity",
                _,
            )
            | (_, 401) => Self::Keys(reason),
            ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect", _)
            | (_, 301 | 302 | 307 | 308) => Self::Region(reason),
            ("SlowDown" | "ServerBusy" | "TooManyRequests", _) | (_, 429 | 503) => Self::Throttled,
            (_, 403) => Self::Denied(action),
            (_, 404) => Self::Missing,
            (_, 304 | 409 | 412) => Self::Changed,
            _ => Self::Answered(status, reason),
        }
    }

    /// Whether nothing is there, as opposed to a store that cannot be asked.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

/// The text of an XML element. Only error bodies are read this way: short, without attributes and nesting.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    let line = text.replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ");
    Some(line.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(code: &str, message: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
    }

    #[test]
    fn the_stores_codes_are_understood() {
        let keys = |reason: &str| BucketError::Keys(reason.to_owned());
        for (status, body, expected) in [
            (404, xml("NoSuchBucket", "x"), BucketError::NoBucket),
            (404, xml("NoSuchKey", "x"), BucketError::Missing),
            (404, String::new(), BucketError::Missing), // HEAD has no body
            (403, String::new(), BucketError::Denied(Action::Read)),
            (403, xml("AccessDenied", "x"), BucketError::Denied(Action::Read)),
            (403, xml("InvalidAccessKeyId", "No such key"), keys("InvalidAccessKeyId: No such key")),
            (403, xml("SignatureDoesNotMatch", ""), keys("SignatureDoesNotMatch")),
            (401, String::new(), keys("status 401")),
            (
                400,
                xml("AuthorizationHeaderMalformed", "expecting &apos;eu&apos;"),
                BucketError::Region("AuthorizationHeaderMalformed: expecting 'eu'".to_owned()),
            ),
            (301, xml("PermanentRedirect", ""), BucketError::Region("PermanentRedirect".to_owned())),
            (503, xml("SlowDown", "x"), BucketError::Throttled),
            (429, String::new(), BucketError::Throttled),
            (412, String::new(), BucketError::Changed),
            (500, xml("InternalError", "x"), BucketError::Answered(500, "InternalError: x".to_owned())),
            (400, "<html>".to_owned(), BucketError::Answered(400, "status 400".to_owned())),
            // Azure
            (404, xml("ContainerNotFound", "x"), BucketError::NoBucket),
            (403, xml("AuthenticationFailed", "x"), keys("AuthenticationFailed: x")),
        ] {
            assert_eq!(BucketError::of_answer(status, &body, Action::Read), expected, "{status} {body}");
        }
    }
}
