//! The question whether a request may see a file, and the answers to it.

use std::net::IpAddr;

use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};

use super::ask::error::AskError;
use super::rules::PolicySet;
use super::signed::BadSignature;
use crate::access_log::Verdict;
use crate::body::Body;
use crate::connection::{Connection, Scheme};
use crate::forward::handed::Handed;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;

/// Why a request may not see what it asked for.
#[derive(Debug)]
pub enum AccessError {
    /// Nobody may.
    Denied,
    /// A policy guards the place where an upload would go, and has not been passed.
    Guarded {
        /// Relative to the root.
        path: MediaPath,
    },
    /// The URL has to be signed, and its signature is missing or wrong.
    Unsigned(BadSignature),
    /// The app could not be asked.
    Ask {
        /// Its address.
        app: String,
        /// Why not.
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
                "PUT it to its own URL, where that rule can allow it.",
            ),
            AccessError::Unsigned(bad) => Self::new(bad.status(), "bad-signature", bad.to_string(), bad.advice()),
            AccessError::Ask { app, error } => Self::new(
                StatusCode::BAD_GATEWAY,
                "app-not-asked",
                format!("The app at {app}, which decides who may see this file, could not be asked: {error}."),
                "Start the app, or fix access = { ask = \"...\" } of this mount; until then nothing is shown.",
            ),
        }
    }
}

/// What a policy answers to a request that it does not refuse outright.
#[derive(Debug)]
pub enum Admitted {
    /// Yes.
    Pass(Pass),
    /// No: this is the app's own answer, such as its login page.
    Answer(Response<Body>),
    /// Yes, and the app names the file to send (`X-Accel-Redirect`, `X-Sendfile`).
    Handed(Box<Handed>),
}

/// A request before anything was looked up for it.
#[derive(Debug)]
pub struct Visitor<'a> {
    /// The request.
    pub request: &'a Request<()>,
    /// The whole path of its URL.
    pub path: MediaPath,
    /// Where it comes from; nothing over a Unix socket.
    pub peer: Option<IpAddr>,
    /// The port that it came in by; nothing over a Unix socket.
    pub port: Option<u16>,
    /// Whether the request came by https.
    pub scheme: Scheme,
}

impl<'a> Visitor<'a> {
    /// A request for this path that came by this connection.
    pub fn new(request: &'a Request<()>, path: MediaPath, connection: &Connection) -> Self {
        Self { request, path, peer: connection.peer, port: connection.port, scheme: connection.scheme }
    }
}

/// A yes, and the fields that it adds to the answer.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// Fields of the app's answer that go into ours.
    fields: HeaderMap,
    /// For the log: which policies said yes.
    verdict: Option<Verdict>,
    /// The policies that were passed.
    pub policies: PolicySet,
}

impl Pass {
    pub(super) fn verdict(text: impl Into<String>) -> Self {
        Self { verdict: Some(Verdict(text.into())), ..Self::default() }
    }

    /// Adds these fields to the answer.
    #[must_use]
    pub(super) fn with_fields(self, fields: HeaderMap) -> Self {
        Self { fields, ..self }
    }

    /// Both yeses as one.
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

    /// Adds the fields and the verdict to the answer.
    #[must_use]
    pub fn onto(self, mut response: Response<Body>) -> Response<Body> {
        response.headers_mut().extend(self.fields);
        if let Some(verdict) = self.verdict {
            response.extensions_mut().insert(verdict);
        }
        response
    }
}
