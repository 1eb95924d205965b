//! Missing files are fetched from production (`--fallback`), streamed to the requests that wait for them, and stored beneath
//! the root, where the next request finds them.
//!
//! ```text
//! a miss --memory--> the upstream did not have it a moment ago
//!        --fetch---> one fetch a file, however many requests wait: client --> verdict --> StagedFile --> a name
//!        --pass----> what is not stored: the client's range goes to the upstream, its answer comes back
//!        --refresh-> a copy that is old enough: does production still have the same?
//! ```
//!
//! The rules are those of an upload: a file gets its name when it is whole, and never one that is taken.

mod arrival;
mod arriving;
pub mod client;
pub mod copies;
pub mod fetch;
mod instead;
pub mod memory;
pub mod pass;
pub mod reason;
mod redirect;
pub mod refresh;
mod schedule;
mod seek;
pub mod upstream;
pub mod verdict;
mod wanted;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Response};
use tokio::sync::Semaphore;
use url::Url;

pub use self::arrival::Beginning;
use self::arrival::Running;
use self::client::{Client, PARALLEL};
pub use self::instead::{FallbackError, Instead};
use self::memory::Memory;
use self::reason::NotFetched;
use self::schedule::Schedule;
pub use self::seek::seek;
use self::upstream::Upstream;
pub use self::wanted::Wanted;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;

/// How long a request waits for its turn: less than an answer may take, so that with a silent upstream the last request in the
/// queue fails before those ahead of it are tried again.
const TURN: Duration = Duration::from_secs(8);

/// Where a mount's missing files are, and the fetches that run.
#[derive(Debug)]
pub struct Fallback {
    /// The production server.
    pub upstream: Upstream,
    rules: Rules,
    client: Client,
    memory: Memory,
    parallel: Semaphore,
    running: Mutex<HashMap<Wanted, Running>>,
    schedule: Schedule,
}

/// How a mount uses its fallback.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether fetched files are stored.
    pub store: bool,
    /// Larger files, in bytes, are not stored.
    pub max: u64,
    /// How old a copy may be before the upstream is asked about it again, if it ever is.
    pub refresh: Option<Duration>,
    /// Whether files that an access policy guards are fetched, too.
    pub guarded: bool,
    /// Whether the query of a request is sent to the upstream.
    pub query: bool,
}

impl Fallback {
    /// Fails where the upstream is https and the system has no certificate authorities.
    pub fn new(upstream: Upstream, headers: HeaderMap, rules: Rules) -> io::Result<Self> {
        let client = Client::new(&upstream, headers)?;
        Ok(Self {
            upstream,
            rules,
            client,
            memory: Memory::default(),
            parallel: Semaphore::new(PARALLEL),
            running: Mutex::default(),
            schedule: Schedule::default(),
        })
    }

    /// Whether files are written beneath the root.
    pub fn stores(&self) -> bool {
        self.rules.store
    }

    /// What a request for this path with this query asks the upstream for. devmedia's own parameters are not sent.
    pub fn wanted(&self, path: &MediaPath, query: Query<'_>) -> Wanted {
        let sent = query.without("thumbnail").filter(|_| self.rules.query);
        Wanted { path: path.clone(), query: sent }
    }

    /// The URL of a file at the upstream; it may hold a secret.
    pub fn url_of(&self, wanted: &Wanted) -> Url {
        self.upstream.url_of(&wanted.path, wanted.query.as_deref())
    }

    /// Whether a missing file at `path` is asked for: everybody may see it, or the `[[mount]]` names the fallback itself.
    pub async fn is_for(&self, site: &Arc<Site>, path: &MediaPath) -> bool {
        site.is_open(path, self.rules.guarded).await
    }

    /// The refusal of a file that was not fetched.
    pub fn refusal(&self, path: &MediaPath, why: &NotFetched) -> Refusal {
        why.refusal(path, &self.upstream)
    }

    /// Asks the upstream, when it is this question's turn; see [`Client::ask`].
    pub async fn ask(&self, method: &Method, url: Url, fields: &HeaderMap) -> Result<Response<Incoming>, NotFetched> {
        let turn = tokio::time::timeout(TURN, self.parallel.acquire()).await;
        let _turn = turn.map_err(|_| NotFetched::Busy)?;
        self.client.ask(method, url, fields).await
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Wanted, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
