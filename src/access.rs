//! May this request see the file? The policy of a mount, or of some paths in it, decides before anything beneath the root is
//! looked up for an answer.
//!
//! ```text
//! path --rules--> the policies that guard it (every spelling, every link on the way) --all say yes--> Pass
//! ```
//!
//! Rules see the decoded, collapsed path and never the text it came from. Without any policy all of this costs nothing.

mod admission;
pub mod ask;
pub mod rules;
pub mod secret;
pub mod signed;

use std::fmt;

use jiff::Timestamp;

pub use self::admission::{AccessError, Admitted, Pass, Visitor};
use self::ask::Ask;
use self::signed::{Asked, Signed};

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
