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

mod arriving;
pub mod client;
pub mod copies;
pub mod fetch;
pub mod memory;
pub mod pass;
pub mod reason;
pub mod refresh;
pub mod upstream;
pub mod verdict;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response};
use tokio::sync::Semaphore;
use url::Url;

use self::client::Client;
use self::fetch::{Beginning, Running};
use self::memory::{Answered, Memory};
use self::reason::NotFetched;
use self::refresh::Schedule;
use self::upstream::Upstream;
use crate::body::Body;
use crate::guard::Row;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::request::via::came_through_devmedia;
use crate::site::Site;
use crate::storage::root::Found;

/// Requests to the upstream that wait for an answer at once; more wait for their turn. A page has many images, and should not
/// overload production. Bodies are not counted: a few slow ones would keep all others from beginning.
const PARALLEL: usize = 32;

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

/// What a fetch is about. Requests for the same path with another query ask the upstream for another file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The file's path, here and below the upstream.
    pub path: MediaPath,
    /// The query that is sent, without the upstream's own.
    query: Option<String>,
}

impl Wanted {
    /// A file that is asked for without a query.
    pub fn plain(path: &MediaPath) -> Self {
        Self { path: path.clone(), query: None }
    }
}

/// What answers a request for a missing file.
#[derive(Debug)]
pub enum Instead {
    /// A file that is still arriving.
    Arriving(Found),
    /// It is here by now: open it as any other.
    Here,
    /// A whole answer.
    Answer(Response<Body>),
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

/// Why a missing file is not answered by the fallback.
#[derive(Debug)]
pub enum FallbackError {
    /// The upstream is not asked about it: a folder, or a path that an access rule guards.
    NotAsked,
    /// The upstream does not have it.
    NotFetched(NotFetched),
    /// The upstream has it, but nothing of it answers the request; or something here stands in the way.
    Refused(Refusal),
}

impl From<NotFetched> for FallbackError {
    fn from(why: NotFetched) -> Self {
        Self::NotFetched(why)
    }
}

/// What the fallback has for a GET or HEAD of `path`, which is missing here and was admitted by `row`. Asks memory, then the
/// fetch of this file that is under way, then the upstream.
pub async fn seek(
    site: &Arc<Site>,
    fallback: &Arc<Fallback>,
    path: &MediaPath,
    request: &Request<()>,
    row: Row,
) -> Result<Instead, FallbackError> {
    let (method, headers) = (request.method(), request.headers());
    if path.has_slash() || !fallback.is_for(site, path).await {
        return Err(FallbackError::NotAsked);
    }
    // perhaps a stranger's page: it must not make this machine fetch and store
    if row == Row::Opaque {
        return Err(NotFetched::Opaque.into());
    }
    let wanted = &fallback.wanted(path, Query::new(request.uri().query()));
    if !fetch::fits(path) {
        return Err(NotFetched::TooLong.into());
    }
    if came_through_devmedia(headers) {
        return Err(NotFetched::Loop.into());
    }
    let remembered = fallback.memory.recall(wanted);
    if remembered == Some(Answered::Missing) {
        return Err(NotFetched::Missing { remembered: true }.into());
    }
    // HEAD asks whether a file is there: no reason to fetch it, unless that goes on already
    let only_asks = method == Method::HEAD && !fetch::is_running(fallback, wanted);
    if !fallback.rules.store || only_asks || remembered == Some(Answered::Pass) {
        let answer = pass::pass(site, fallback, wanted, method, headers).await;
        if let Err(FallbackError::NotFetched(NotFetched::Missing { .. })) = answer {
            fallback.memory.note(wanted, Answered::Missing);
        }
        return answer.map(Instead::Answer);
    }
    let arrival = match fetch::join(site, fallback, wanted).await? {
        Beginning::Arriving(arrival) => arrival,
        Beginning::Pass => return pass::pass(site, fallback, wanted, method, headers).await.map(Instead::Answer),
        Beginning::Here => return Ok(Instead::Here),
    };
    arriving::answer(site, fallback, wanted, request, arrival).await
}
