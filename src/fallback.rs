//! Fetches missing files from production (`--fallback`), streams them to the waiting requests, and stores them below the
//! root, where the next request finds them.
//!
//! ```text
//! missing file --cache---> the upstream reported it missing less than a minute ago
//!              --fetch---> one fetch per file for all waiting requests: client --> action --> StagedFile --> final name
//!              --proxy---> a file that is not stored: sends the client's range to the upstream and returns its response
//! stored copy  --refresh-> asks the upstream whether an old copy is still current
//! ```
//!
//! As with uploads, a file gets its final name only when it is complete, and never replaces an existing file.

mod arrival;
mod partial;
mod bucket;
pub mod client;
pub mod copy_record;
pub mod fetch;
mod substitute;
pub mod answer_cache;
pub mod proxy;
pub mod reason;
mod redirect;
pub mod refresh;
mod schedule;
mod lookup;
pub mod upstream;
pub mod action;
mod fetch_key;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::{Method, Response};
use tokio::sync::Semaphore;
use url::Url;

use self::answer_cache::AnswerCache;
pub use self::arrival::FetchStart;
use self::arrival::RunningFetch;
use self::client::{Client, PARALLEL, UpstreamBody};
pub use self::fetch_key::FetchKey;
pub use self::lookup::lookup;
use self::reason::NotFetched;
use self::schedule::Schedule;
pub use self::substitute::{FallbackError, Substitute};
use self::upstream::Upstream;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::bucket::Bucket;

/// How long a request waits in the queue for the upstream. This is shorter than the response timeout, so that with an
/// unresponsive upstream the last request in the queue fails before those ahead of it are retried.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(8);

/// The fallback of a mount: its upstream, its settings and the running fetches.
#[derive(Debug)]
pub struct Fallback {
    /// The production server.
    pub upstream: Upstream,
    rules: Rules,
    client: Client,
    /// The upstream, if it is a bucket.
    bucket: Option<Bucket>,
    cache: AnswerCache,
    parallel: Semaphore,
    running: Mutex<HashMap<FetchKey, RunningFetch>>,
    schedule: Schedule,
}

/// How a mount uses its fallback.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether fetched files are stored.
    pub store: bool,
    /// The size limit of stored files, in bytes.
    pub max: u64,
    /// The age at which a copy is checked against the upstream; `None` if copies are never checked.
    pub refresh: Option<Duration>,
    /// Whether files that an access policy guards are fetched as well.
    pub guarded: bool,
    /// Whether the query of a request is sent to the upstream.
    pub query: bool,
}

impl Fallback {
    /// Creates a fallback. Fails if the upstream uses https and the system has no certificate authorities.
    pub fn new(upstream: Upstream, headers: HeaderMap, rules: Rules) -> io::Result<Self> {
        let client = Client::new(&upstream, headers)?;
        Ok(Self {
            upstream,
            bucket: None,
            rules,
            client,
            cache: AnswerCache::default(),
            parallel: Semaphore::new(PARALLEL),
            running: Mutex::default(),
            schedule: Schedule::default(),
        })
    }

    /// Creates a fallback whose upstream is this bucket.
    pub fn of_bucket(upstream: Upstream, bucket: Bucket, rules: Rules) -> io::Result<Self> {
        Ok(Self { bucket: Some(bucket), ..Self::new(upstream, HeaderMap::new(), rules)? })
    }

    /// The upstream, if it is a bucket.
    pub fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// Whether fetched files are stored below the root.
    pub fn stores(&self) -> bool {
        self.rules.store
    }

    /// The key of the upstream file for this path and query. devmedia's own query parameters are removed.
    pub fn key(&self, path: &MediaPath, query: Query<'_>) -> FetchKey {
        let sent = query.without("thumbnail").filter(|_| self.rules.query);
        FetchKey { path: path.clone(), query: sent }
    }

    /// The URL of a file at the upstream; it may contain a secret.
    pub fn url_of(&self, key: &FetchKey) -> Url {
        self.upstream.url_of(&key.path, key.query.as_deref())
    }

    /// Whether the fallback is used for `path`: everybody may see the path, or the `[[mount]]` sets the fallback itself.
    pub async fn is_for(&self, site: &Arc<Site>, path: &MediaPath) -> bool {
        site.is_open(path, self.rules.guarded).await
    }

    /// The refusal of a file that was not fetched.
    pub fn refusal(&self, path: &MediaPath, why: &NotFetched) -> Refusal {
        why.refusal(path, &self.upstream)
    }

    /// Waits in the queue, then sends a request to the upstream; see [`Client::send`].
    pub async fn send(
        &self,
        method: &Method,
        url: Url,
        fields: &HeaderMap,
    ) -> Result<Response<UpstreamBody>, NotFetched> {
        let permit = tokio::time::timeout(QUEUE_TIMEOUT, self.parallel.acquire()).await;
        let _permit = permit.map_err(|_| NotFetched::Busy)?;
        if let Some(bucket) = &self.bucket {
            let path = self.upstream.path_of(&url).ok_or(NotFetched::Missing { remembered: false })?;
            return bucket::answer(bucket, method, &path, fields).await;
        }
        self.client.send(method, url, fields).await
    }

    fn running(&self) -> MutexGuard<'_, HashMap<FetchKey, RunningFetch>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
