//! May this request see it? The policy of a mount, or of some paths in it, decides before anything is looked up beneath
//! the root.
//!
//! ```text
//! path --rules--> the policies that guard it (every spelling, every link on the way) --all say yes--> Pass
//! ```
//!
//! Rules see the decoded, collapsed path and never the text it came from. Without any policy all of this costs nothing.

pub mod ask;
pub mod rules;
pub mod secret;
pub mod signed;

use std::fmt;
use std::net::IpAddr;

use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};
use jiff::Timestamp;

use self::ask::{Ask, AskError};
use self::signed::{Asked, BadSignature, Signed};
use crate::access_log::Verdict;
use crate::body::Body;
use crate::connection::Scheme;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;

/// Who may see it.
#[derive(Debug, Default)]
pub enum Policy {
    /// Everybody.
    #[default]
    Public,
    /// Nobody.
    Deny,
    /// Requests whose URL is signed.
    Signed(Signed),
    /// Requests the app approves.
    Ask(Box<Ask>),
}

impl Policy {
    /// In a word or two, for the log and the landing page; never a secret.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Deny => "deny",
            Self::Signed(signed) => signed.name(),
            Self::Ask(_) => "ask",
        }
    }

    /// Whether everybody may.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Public)
    }

    /// Decides about a request for `url_path`, the one spelling of its path.
    pub async fn admit(&self, url_path: &str, visitor: &Visitor<'_>) -> Result<Admitted, AccessError> {
        let request = visitor.request;
        match self {
            Self::Public => Ok(Admitted::Pass(Pass::default())),
            Self::Deny => Err(AccessError::Denied),
            Self::Ask(ask) => ask.ask(url_path, visitor).await,
            Self::Signed(signed) => {
                let (method, uri, headers) = (request.method(), request.uri(), request.headers());
                let path = &visitor.path;
                let asked = Asked { method, uri, path, headers, remote: visitor.peer };
                match signed.check(&asked, Timestamp::now()) {
                    Ok(_) => Ok(Admitted::Pass(Pass::verdict(format!("{}: signed", signed.name())))),
                    Err(bad) => Err(AccessError::Unsigned(bad)),
                }
            }
        }
    }
}

/// As the configuration has it, without its secret.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public | Self::Deny => f.write_str(self.name()),
            Self::Signed(signed) => write!(f, "signed: {}", signed.name()),
            Self::Ask(ask) => write!(f, "ask: {ask}"),
        }
    }
}

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
                format!("The app at {app}, which decides who may see this, could not be asked: {error}."),
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
    /// How it came.
    pub scheme: Scheme,
}

/// A yes, and what it adds to the answer.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// Fields of the app's answer that go into ours.
    fields: HeaderMap,
    /// For the log: whose yes it is.
    verdict: Option<Verdict>,
}

impl Pass {
    fn verdict(text: impl Into<String>) -> Self {
        Self { verdict: Some(Verdict(text.into())), ..Self::default() }
    }

    /// Both yeses as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self.verdict = match (self.verdict, other.verdict) {
            (Some(one), Some(other)) => Some(Verdict(format!("{}; {}", one.0, other.0))),
            (one, other) => one.or(other),
        };
        self
    }

    /// Puts what goes with the yes on the answer.
    #[must_use]
    pub fn onto(self, mut response: Response<Body>) -> Response<Body> {
        response.headers_mut().extend(self.fields);
        if let Some(verdict) = self.verdict {
            response.extensions_mut().insert(verdict);
        }
        response
    }
}
