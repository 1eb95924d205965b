//! The types of an access decision: the request it is about, the possible outcomes, and the errors.

use std::net::IpAddr;

use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};

use super::ask::error::AskError;
use super::rules::PolicySet;
use super::signed::BadSignature;
use crate::access_log::Verdict;
use crate::body::Body;
use crate::connection::{Connection, Scheme};
use crate::forward::internal_redirect::InternalRedirect;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;

/// Why a request is refused.
#[derive(Debug)]
pub enum AccessError {
    /// Nobody may see the file.
    Denied,
    /// A policy guards the destination of an upload, and the client has not passed that policy.
    Guarded {
        /// Relative to the root.
        path: MediaPath,
    },
    /// The policy requires a signed URL, and the signature is missing or wrong.
    Unsigned(BadSignature),
    /// The app could not be asked.
    Ask {
        /// The app's address.
        app: String,
        /// What went wrong.
        error: AskError,
    },
}

impl From<AccessError> for Refusal {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Denied => Self::new(
                StatusCode::FORBIDDEN,
                "denied",
                "Nobody may see this file: its access rule is \"deny\".",
                "Run 'devmedia check' to see which rule of the configuration denies it.",
            ),
            AccessError::Guarded { path } => Self::new(
                StatusCode::FORBIDDEN,
                "guarded",
                format!("The upload would be stored as {path}, which an access rule guards."),
                "Upload it with PUT to its own URL, so that the rule can decide about it.",
            ),
            AccessError::Unsigned(bad) => Self::new(bad.status(), "bad-signature", bad.to_string(), bad.advice()),
            AccessError::Ask { app, error } => Self::new(
                StatusCode::BAD_GATEWAY,
                "app-not-asked",
                format!("The app at {app}, which decides who may see this file, could not be asked: {error}."),
                "Start the app, or fix access = { ask = \"...\" } of this mount. Until then, no file is served.",
            ),
        }
    }
}

/// The decision of a policy that does not fail with an [`AccessError`].
#[derive(Debug)]
pub enum AccessDecision {
    /// The request may see the file.
    Approved(Approval),
    /// The app refused the request with this response, such as a redirect to its login page.
    Answer(Response<Body>),
    /// The app approved the request and named the file to send (`X-Accel-Redirect`, `X-Sendfile`).
    InternalRedirect(Box<InternalRedirect>),
}

/// The request that a policy decides about.
#[derive(Debug)]
pub struct RequestContext<'a> {
    /// The request.
    pub request: &'a Request<()>,
    /// The whole path of its URL.
    pub path: MediaPath,
    /// The client's address; `None` over a Unix socket.
    pub peer: Option<IpAddr>,
    /// The port of the listener; `None` for a Unix socket.
    pub port: Option<u16>,
    /// Whether the request came by https.
    pub scheme: Scheme,
}

impl<'a> RequestContext<'a> {
    /// A request for this path that came by this connection.
    pub fn new(request: &'a Request<()>, path: MediaPath, connection: &Connection) -> Self {
        Self { request, path, peer: connection.peer, port: connection.port, scheme: connection.scheme }
    }
}

/// An approval, and the header fields that it adds to the response.
#[derive(Debug, Clone, Default)]
pub struct Approval {
    /// Header fields copied from the app's response.
    fields: HeaderMap,
    /// For the log: which policies approved the request.
    verdict: Option<Verdict>,
    /// The policies that were passed.
    pub policies: PolicySet,
}

impl Approval {
    pub(super) fn verdict(text: impl Into<String>) -> Self {
        Self { verdict: Some(Verdict(text.into())), ..Self::default() }
    }

    /// Adds these header fields to the approval.
    #[must_use]
    pub(super) fn with_fields(self, fields: HeaderMap) -> Self {
        Self { fields, ..self }
    }

    /// Combines two approvals.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self.policies = self.policies.and(&other.policies);
        self.verdict = match (self.verdict, other.verdict) {
            (Some(one), Some(other)) => Some(Verdict(format!("{}; {}", one.0, other.0))),
            (one, other) => one.or(other),
        };
        self
    }

    /// Adds the header fields and the log entry to the response.
    #[must_use]
    pub fn onto(self, mut response: Response<Body>) -> Response<Body> {
        response.headers_mut().extend(self.fields);
        if let Some(verdict) = self.verdict {
            response.extensions_mut().insert(verdict);
        }
        response
    }
}
