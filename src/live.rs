//! Live folders: `GET /media/photos/?events` is a stream of what changes in a folder (server-sent events, section 9.2
//! of the WHATWG HTML standard), for the open gallery and for apps.
//!
//! ```text
//! asked     does the query ask for events?                                       pure
//!   --> Live      room for one more stream, and the feed of its folder
//!   --> feed      one task for each folder with streams: when something changes, read it again and send the difference
//!   --> watches   notifications of the system (the `notify` crate)
//!   --> change    the difference of two readings, as text                        pure
//! ```
//!
//! The system only says *when* to look. *What* changed is found by reading the folder as a listing does, so an event never
//! names anything that a listing would not show. Without such notifications, or with `--poll`, a timer does the same.

pub mod change;
mod feed;
mod watches;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Interval, interval_at};

use self::change::State;
use self::feed::{Feed, Folder};
use self::watches::Watches;
use crate::body::Body;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::location::Location;

/// The maximum number of open streams. Each uses a connection, and requests for files need connections too.
const MAX_STREAMS: usize = 256;

/// The maximum time between writes to a stream: only a write detects a lost client, and proxies close idle connections.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Milliseconds after which a browser reconnects when a stream has ended.
const RETRY: u32 = 1000;

/// Why a stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveError {
    /// The maximum number of streams is open.
    TooManyStreams,
}

impl From<LiveError> for Refusal {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::TooManyStreams => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-streams",
                format!("Too many event streams are open ({MAX_STREAMS})."),
                "Close pages that show folders, or EventSource objects that an app forgot to close.",
            )
            .with_field(header::RETRY_AFTER, HeaderValue::from_static("1")),
        }
    }
}

/// Whether a query asks for events: `?events`, or `?events=STATE` from a page that shows the folder in that state.
pub fn asked(query: Query<'_>) -> Option<&str> {
    query.get("events")
}

/// All streams of events: the feeds of their folders, and the limits.
#[derive(Debug)]
pub struct Live {
    /// By the site's prefix, the path in it, and the location of the folder. A feed exists as long as it has a stream.
    feeds: Mutex<HashMap<(String, MediaPath, Location), Weak<Feed>>>,
    watches: Arc<Watches>,
    poll: Option<Duration>,
    room: Arc<Semaphore>,
    stopped: watch::Sender<bool>,
}

impl Live {
    /// `poll` is how often to look, instead of waiting for notifications (`--poll`).
    pub fn new(poll: Option<Duration>) -> Self {
        Self {
            feeds: Mutex::default(),
            watches: Arc::default(),
            poll,
            room: Arc::new(Semaphore::new(MAX_STREAMS)),
            stopped: watch::Sender::new(false),
        }
    }

    /// Ends all streams, now and from now on: stopping must not wait for answers that never end by themselves.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Answers with the events of a folder whose policies the client has passed. A client that sends the state it knows, in
    /// `Last-Event-ID` as browsers do or in the query, is told at once to read the folder again if the state has changed.
    pub fn answer(
        &self,
        site: &Arc<Site>,
        (path, location): (&MediaPath, Location),
        headers: &HeaderMap,
        asked: &str,
    ) -> Result<Response<Body>, LiveError> {
        const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
        const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

        let permit = Arc::clone(&self.room).try_acquire_owned().map_err(|_| LiveError::TooManyStreams)?;
        let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
        let feed = self.feed(site, path, location);
        let events = Events {
            texts: feed.texts(),
            feed,
            known: last.unwrap_or(asked).parse().ok(),
            greeted: false,
            keep_alive: interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE),
            stopped: self.stopped.subscribe(),
            _permit: permit,
        };
        let texts = stream::unfold(events, |mut events| async { Some((events.next().await?, events)) });
        let mut response = Response::new(Body::Events(texts.boxed()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // otherwise nginx would buffer events
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        Ok(response)
    }

    /// The feed of a folder: the running one, or a new one.
    fn feed(&self, site: &Arc<Site>, path: &MediaPath, location: Location) -> Arc<Feed> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (site.prefix.to_string(), path.clone(), location.clone());
        if let Some(feed) = feeds.get(&key).and_then(Weak::upgrade) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let folder = Folder::new(Arc::clone(site), path.clone(), location, Arc::clone(&self.watches), self.poll);
        let feed = Arc::new(Feed::start(folder));
        feeds.insert(key, Arc::downgrade(&feed));
        feed
    }
}

/// One stream.
struct Events {
    feed: Arc<Feed>,
    texts: broadcast::Receiver<Bytes>,
    known: Option<State>,
    greeted: bool,
    keep_alive: Interval,
    stopped: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Events {
    /// What to send next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let text = tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => return None,
            text = next_text(&self.feed, &mut self.texts, self.greeted, self.known) => text?,
            _ = self.keep_alive.tick() => return Some(Bytes::from_static(b":\n\n")),
        };
        self.greeted = true;
        self.keep_alive.reset();
        Some(text)
    }
}

/// Returns the reconnection delay and the current state first, so that no later change is missed, and then the changes.
async fn next_text(
    feed: &Feed,
    texts: &mut broadcast::Receiver<Bytes>,
    greeted: bool,
    known: Option<State>,
) -> Option<Bytes> {
    if !greeted {
        let state = feed.state().await?;
        let missed = known.is_some_and(|known| known != state);
        let news = if missed { feed.refresh(state) } else { change::mark(state) };
        return Some(format!("retry: {RETRY}\n{news}").into());
    }
    match texts.recv().await {
        Ok(text) => Some(text),
        // this client reads more slowly than things change
        Err(RecvError::Lagged(_)) => Some(feed.refresh(feed.state().await?).into()),
        Err(RecvError::Closed) => None,
    }
}
