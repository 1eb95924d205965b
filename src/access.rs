//! May they? The policy of a mount, or of some paths in it, has its say before anything is looked up beneath the root.
//!
//! ```text
//! path --Rules--> the policies that judge it (every spelling, every link on the way) --all say yes--> Pass
//! ```
//!
//! Rules see the decoded, collapsed path and never the text it came from. Without any policy all of this costs nothing.

pub mod ask;
pub mod rules;
pub mod secret;
pub mod signed;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::HeaderMap;
use hyper::{Request, Response};
use jiff::Timestamp;

use self::ask::Ask;
use self::signed::{Asked, Signed};
use crate::body::Body;
use crate::mount::Mount;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::service::blocking;

/// Who may see it.
#[derive(Debug, Default)]
pub enum Policy {
    /// Everybody.
    #[default]
    Public,
    /// Nobody.
    Deny,
    /// Whoever has a URL that was signed.
    Signed(Signed),
    /// Whom the app lets.
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

    async fn judge(&self, mount: &Mount, path: &MediaPath, visitor: &Visitor<'_>) -> Result<Pass, Refusal> {
        let request = visitor.request;
        match self {
            Self::Public => Ok(Pass::default()),
            Self::Deny => Err(Refusal::Denied),
            Self::Ask(ask) => ask.ask(&mount.prefix.url_of(path), visitor).await,
            Self::Signed(signed) => {
                let (method, uri, headers) = (request.method(), request.uri(), request.headers());
                let path = &visitor.path;
                let asked = Asked { method, uri, path, headers, remote: visitor.peer };
                match signed.check(&asked, Timestamp::now()) {
                    Ok(_) => Ok(Pass::verdict(format!("{}: signed", signed.name()))),
                    Err(bad) => Err(Refusal::Unsigned(bad)),
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

/// Who asks, and for what, before anything of it was looked at.
#[derive(Debug)]
pub struct Visitor<'a> {
    /// The request.
    pub request: &'a Request<()>,
    /// The whole path of its URL.
    pub path: MediaPath,
    /// Where it comes from; nothing over a Unix socket.
    pub peer: Option<IpAddr>,
}

/// A yes, and what goes with it.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// Fields of the app's answer that go into ours.
    fields: HeaderMap,
    /// For the log: whose yes it is.
    verdict: Option<Verdict>,
}

/// What a policy said, for the log: an extension of the answer.
#[derive(Debug, Clone)]
pub struct Verdict(pub String);

impl Pass {
    fn verdict(text: impl Into<String>) -> Self {
        Self { verdict: Some(Verdict(text.into())), ..Self::default() }
    }

    fn and(mut self, other: Self) -> Self {
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

/// Asks every policy that judges `path`; the first that says no is the answer.
///
/// An upload that can be resumed was let in when it began; its URL, which nobody can guess, is the permission.
pub async fn admit(mount: &Arc<Mount>, path: &MediaPath, visitor: &Visitor<'_>) -> Result<Pass, Refusal> {
    if mount.partial(path).is_some() {
        return Ok(Pass::default());
    }
    if mount.access.is_uniform() {
        return mount.access.default_policy().judge(mount, path, visitor).await;
    }
    let real = if mount.root.is_straight_now(path) {
        None
    } else {
        // a link may lead from what everybody may see to what they may not
        let (owner, asked) = (Arc::clone(mount), path.clone());
        blocking(move || owner.root.real(&asked)).await.map_err(|error| Refusal::of_open(error, path))?
    };
    let mut pass = Pass::default();
    for policy in mount.access.judges([Some(path), real.as_ref()].into_iter().flatten()) {
        pass = pass.and(policy.judge(mount, path, visitor).await?);
    }
    Ok(pass)
}
