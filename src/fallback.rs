//! What is not here is fetched from production (`--fallback`), streamed to whoever waits, and stored beneath the root, so
//! that the next request finds it.
//!
//! ```text
//! a miss --memory--> the origin had none a moment ago
//!        --fetch---> one fetch a file, however many wait: client --> verdict --> Draft, growing --> a name
//!        --pass----> what is not stored: the client's range goes to the origin, its answer comes back
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
pub mod origin;
pub mod pass;
pub mod reason;
pub mod refresh;
pub mod verdict;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response};
use tokio::sync::Semaphore;
use url::Url;

use self::client::Client;
use self::fetch::{Beginning, Running};
use self::memory::{Memory, Remembered};
use self::origin::Origin;
use self::pass::Stop;
use self::reason::NotFetched;
use self::refresh::Schedule;
use crate::body::Body;
use crate::mount::Mount;
use crate::placeholder;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::service::blocking;
use crate::storage::root::Found;

/// Answers waited for at once; more questions wait. Production is somebody's, and a page has many pictures. Bodies are not
/// counted: a few slow ones would keep all others from beginning.
const PARALLEL: usize = 32;

/// How long one waits for its turn: less than an answer may take, so that who comes last to an origin that says nothing
/// hears of it before the next try of those before it.
const TURN: Duration = Duration::from_secs(8);

/// Where a mount's missing files are, and what is going on about them.
#[derive(Debug)]
pub struct Fallback {
    /// Where they are.
    pub origin: Origin,
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
    /// How old a copy may be before the origin is asked about it again, if it ever is.
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
    /// Fails where an https origin is to be asked and the system trusts nobody.
    pub fn new(origin: Origin, headers: HeaderMap, rules: Rules) -> io::Result<Self> {
        let client = Client::new(&origin, headers)?;
        Ok(Self {
            origin,
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

    /// Whether what is missing at `path` is asked for: everybody may see it, or the `[[mount]]` says so itself.
    pub async fn is_for(&self, mount: &Arc<Mount>, path: &MediaPath) -> bool {
        is_open(mount, path, self.rules.guarded).await
    }

    /// Asks the origin, when it is this question's turn; see [`Client::ask`].
    pub async fn ask(&self, method: &Method, url: Url, fields: &HeaderMap) -> Result<Response<Incoming>, NotFetched> {
        let turn = tokio::time::timeout(TURN, self.parallel.acquire()).await;
        let _turn = turn.map_err(|_| NotFetched::Busy)?;
        self.client.ask(method, url, fields).await
    }

    fn running(&self) -> MutexGuard<'_, HashMap<MediaPath, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is for a GET or HEAD of `path`, which is not here (`missing` says so): production's file, a drawing, or the
/// refusal that says why there is nothing.
pub async fn instead(
    mount: &Arc<Mount>,
    path: &MediaPath,
    request: &Request<()>,
    missing: Refusal,
) -> Result<Instead, Refusal> {
    match fetched(mount, path, request, missing).await {
        Err(missing @ (Refusal::NotFound { .. } | Refusal::NotFetched { .. })) => {
            placeholder::draw(mount, path, request, missing).await.map(Instead::Answer)
        }
        result => result,
    }
}

/// Production's file, where there is one.
async fn fetched(
    mount: &Arc<Mount>,
    path: &MediaPath,
    request: &Request<()>,
    missing: Refusal,
) -> Result<Instead, Refusal> {
    let (Some(fallback), false) = (&mount.fallback, path.has_slash()) else { return Err(missing) };
    if !fallback.is_for(mount, path).await {
        return Err(missing);
    }
    let why = match seek(mount, fallback, path, request).await {
        Ok(found) => return Ok(found),
        Err(Stop::Refused(refusal)) => return Err(refusal),
        Err(Stop::Not(why)) => why,
    };
    let (path, meant) = match missing {
        Refusal::NotFound { path, meant } => (path, meant),
        refusal => return Err(refusal),
    };
    Err(Refusal::NotFetched { path, meant, origin: fallback.origin.to_string(), why })
}

/// Whether something may be put in the place of what is missing: everybody may see it, or `guarded` says that it is no
/// matter. Waits for the disk only where links may lead past a rule.
pub async fn is_open(mount: &Arc<Mount>, path: &MediaPath, guarded: bool) -> bool {
    if guarded || mount.access.is_uniform() {
        return guarded || mount.access.is_public(path);
    }
    let (mount, path) = (Arc::clone(mount), path.clone());
    blocking(move || mount.is_public_all_the_way(&path)).await
}

/// Asks memory, then those who fetch the file already, then the origin.
async fn seek(
    mount: &Arc<Mount>,
    fallback: &Arc<Fallback>,
    path: &MediaPath,
    request: &Request<()>,
) -> Result<Instead, Stop> {
    let (method, headers) = (request.method(), request.headers());
    if !fetch::fits(path) {
        return Err(NotFetched::TooLong.into());
    }
    if client::came_through_devmedia(headers) {
        return Err(NotFetched::Loop.into());
    }
    let remembered = fallback.memory.recall(path, Instant::now());
    if remembered == Some(Remembered::Missing) {
        return Err(NotFetched::Missing { remembered: true }.into());
    }
    // HEAD asks whether a file is there: no reason to fetch it, unless that goes on already
    let only_asks = method == Method::HEAD && !fetch::is_running(fallback, path);
    if !fallback.rules.store || only_asks || remembered == Some(Remembered::Pass) {
        let answer = pass::pass(mount, fallback, path, method, headers).await;
        if let Err(Stop::Not(NotFetched::Missing { .. })) = answer {
            fallback.memory.note(path, Remembered::Missing, Instant::now());
        }
        return answer.map(Instead::Answer);
    }
    let arrival = match fetch::join(mount, fallback, path).await? {
        Beginning::Arriving(arrival) => arrival,
        Beginning::Pass => return pass::pass(mount, fallback, path, method, headers).await.map(Instead::Answer),
        Beginning::Here => return here(mount, path).await.map(Instead::Found),
    };
    arriving::answer(mount, fallback, path, request, arrival).await
}

/// Opens what is here by now.
async fn here(mount: &Arc<Mount>, path: &MediaPath) -> Result<Found, Stop> {
    let (owner, wanted) = (Arc::clone(mount), path.clone());
    let opened = blocking(move || owner.root.open(&wanted)).await;
    opened.map_err(|error| Stop::Refused(Refusal::of_open(error, path)))
}
