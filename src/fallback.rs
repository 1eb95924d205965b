//! What is not here is fetched from production (`--fallback`), streamed to whoever waits, and stored beneath the root, so
//! that the next request finds it.
//!
//! ```text
//! a miss --memory--> the upstream had none a moment ago
//!        --fetch---> one fetch a file, however many wait: client --> verdict --> StagedFile, growing --> a name
//!        --pass----> what is not stored: the client's range goes to the upstream, its answer comes back
//!        --refresh-> a copy that is old enough: is it still what production has?
//!        --placeholder, where one is drawn for what nobody has
//! ```
//!
//! The rules are those of an upload: a file gets its name when it is whole, and never one that something has.

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
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::via::came_through_devmedia;
use crate::site::Site;
use crate::storage::root::Found;

/// Answers waited for at once; more questions wait. Production is somebody's, and a page has many pictures. Bodies are not
/// counted: a few slow ones would keep all others from beginning.
const PARALLEL: usize = 32;

/// How long one waits for its turn: less than an answer may take, so that who comes last to an upstream that says nothing
/// hears of it before the next try of those before it.
const TURN: Duration = Duration::from_secs(8);

/// Where a mount's missing files are, and what is going on about them.
#[derive(Debug)]
pub struct Fallback {
    /// Where they are.
    pub upstream: Upstream,
    rules: Rules,
    client: Client,
    memory: Memory,
    parallel: Semaphore,
    running: Mutex<HashMap<MediaPath, Running>>,
    schedule: Schedule,
}

/// How a mount uses its fallback.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether what is fetched is stored.
    pub store: bool,
    /// No file of more bytes is.
    pub max: u64,
    /// How old a copy may be before the upstream is asked about it again, if it ever is.
    pub refresh: Option<Duration>,
    /// What an access policy judges is fetched, too.
    pub guarded: bool,
}

/// What there is instead of a file of our own.
#[derive(Debug)]
pub enum Instead {
    /// The file after all, or one that is still arriving.
    Found(Found),
    /// A whole answer.
    Answer(Response<Body>),
}

impl Fallback {
    /// Fails where an https upstream is to be asked and the system trusts nobody.
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

    /// Whether a missing file at `path` is asked for: everybody may see it, or the `[[mount]]` names the fallback itself.
    pub async fn is_for(&self, site: &Arc<Site>, path: &MediaPath) -> bool {
        site.is_open(path, self.rules.guarded).await
    }

    /// The refusal of a file that the upstream does not have either.
    pub fn refusal(&self, path: &MediaPath, why: &NotFetched) -> Refusal {
        why.refusal(path, &self.upstream)
    }

    /// Asks the upstream, when it is this question's turn; see [`Client::ask`].
    pub async fn ask(&self, method: &Method, url: Url, fields: &HeaderMap) -> Result<Response<Incoming>, NotFetched> {
        let turn = tokio::time::timeout(TURN, self.parallel.acquire()).await;
        let _turn = turn.map_err(|_| NotFetched::Busy)?;
        self.client.ask(method, url, fields).await
    }

    fn running(&self) -> MutexGuard<'_, HashMap<MediaPath, Running>> {
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

/// What the fallback has for a GET or HEAD of `path`, which is missing here. Asks memory, then the fetch of this file that
/// is under way, then the upstream.
pub async fn seek(
    site: &Arc<Site>,
    fallback: &Arc<Fallback>,
    path: &MediaPath,
    request: &Request<()>,
) -> Result<Instead, FallbackError> {
    let (method, headers) = (request.method(), request.headers());
    if path.has_slash() || !fallback.is_for(site, path).await {
        return Err(FallbackError::NotAsked);
    }
    if !fetch::fits(path) {
        return Err(NotFetched::TooLong.into());
    }
    if came_through_devmedia(headers) {
        return Err(NotFetched::Loop.into());
    }
    let remembered = fallback.memory.recall(path);
    if remembered == Some(Answered::Missing) {
        return Err(NotFetched::Missing { remembered: true }.into());
    }
    // HEAD asks whether a file is there: no reason to fetch it, unless that goes on already
    let only_asks = method == Method::HEAD && !fetch::is_running(fallback, path);
    if !fallback.rules.store || only_asks || remembered == Some(Answered::Pass) {
        let answer = pass::pass(site, fallback, path, method, headers).await;
        if let Err(FallbackError::NotFetched(NotFetched::Missing { .. })) = answer {
            fallback.memory.note(path, Answered::Missing);
        }
        return answer.map(Instead::Answer);
    }
    let arrival = match fetch::join(site, fallback, path).await? {
        Beginning::Arriving(arrival) => arrival,
        Beginning::Pass => return pass::pass(site, fallback, path, method, headers).await.map(Instead::Answer),
        Beginning::Here => return here(site, path).await.map(Instead::Found),
    };
    arriving::answer(site, fallback, path, request, arrival).await
}

/// Opens what is here by now.
async fn here(site: &Arc<Site>, path: &MediaPath) -> Result<Found, FallbackError> {
    site.open(path).await.map_err(|error| FallbackError::Refused(Refusal::cannot_open(error, path)))
}
