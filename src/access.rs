//! Access control: decides whether a request may see a file. The policy of the mount, or of a rule that matches the path, is
//! applied before devmedia looks up anything below the root.
//!
//! ```text
//! path --rules--> the policies that guard it (for every spelling and every link target) --all approve--> Approval
//! ```
//!
//! Rules match the decoded, normalized path, never the text of the URL. If a mount has no policies, none of this code runs.

mod admission;
pub mod ask;
pub mod rules;
pub mod signed;

use std::fmt;

use jiff::Timestamp;

pub use self::admission::{AccessDecision, AccessError, Approval, RequestContext};
use self::ask::Ask;
use self::signed::{Asked, Signed};

/// Decides who may see a file.
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
    /// A short name for the log and the landing page. It never contains a secret.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Deny => "deny",
            Self::Signed(signed) => signed.name(),
            Self::Ask(_) => "ask",
        }
    }

    /// Whether everybody may see the file.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Public)
    }

    /// Decides whether a request for `url_path`, the normalized path, is approved.
    pub async fn admit(&self, url_path: &str, context: &RequestContext<'_>) -> Result<AccessDecision, AccessError> {
        let request = context.request;
        match self {
            Self::Public => Ok(AccessDecision::Approved(Approval::default())),
            Self::Deny => Err(AccessError::Denied),
            Self::Ask(ask) => ask.ask(url_path, context).await,
            Self::Signed(signed) => {
                let (method, uri, headers) = (request.method(), request.uri(), request.headers());
                let path = &context.path;
                let asked = Asked { method, uri, path, headers, remote: context.peer };
                match signed.check(&asked, Timestamp::now()) {
                    Ok(_) => Ok(AccessDecision::Approved(Approval::verdict(format!("{}: signed", signed.name())))),
                    Err(bad) => Err(AccessError::Unsigned(bad)),
                }
            }
        }
    }
}

/// As in the configuration, without the secret.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public | Self::Deny => f.write_str(self.name()),
            Self::Signed(signed) => write!(f, "signed: {}", signed.name()),
            Self::Ask(ask) => write!(f, "ask: {ask}"),
        }
    }
}
