//! HTTP/2: its requests in the terms of HTTP/1.1, and the time-outs of a connection whose requests overlap.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::{Request, Version};
use tokio::time::{Instant, sleep_until};

use super::transport::Limits;

/// Gives a request the fields that it would have in HTTP/1.1: `Host` for `:authority` (RFC 9113 section 8.3.1), and one
/// `Cookie` for its crumbs (section 8.2.3). Rules, signatures and apps read them.
pub fn translate<B>(request: &mut Request<B>) {
    if request.version() < Version::HTTP_2 {
        return;
    }
    if !request.headers().contains_key(header::HOST)
        && let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    let crumbs: Vec<&[u8]> = request.headers().get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        request.headers_mut().insert(header::COOKIE, cookie);
    }
}

/// The requests that are open on a connection.
///
/// The transport sees bytes, and with pings there are always some. So these are counted: a connection without a request is
/// idle, and one whose every answer waits for the client to make room has stalled.
#[derive(Debug)]
pub struct Streams(Mutex<State>);

#[derive(Debug)]
struct State {
    open: usize,
    /// Of the open ones, those whose client has no room for what comes next.
    stalled: usize,
    /// When anything last went on.
    progress: Instant,
}

/// One request, until its answer is dropped.
#[derive(Debug)]
pub struct OpenStream {
    streams: Arc<Streams>,
    is_stalled: bool,
}

impl Default for Streams {
    fn default() -> Self {
        Self(Mutex::new(State { open: 0, stalled: 0, progress: Instant::now() }))
    }
}

impl Streams {
    /// A request has come.
    pub fn open(self: &Arc<Self>) -> OpenStream {
        let mut state = self.state();
        state.open += 1;
        state.progress = Instant::now();
        drop(state);
        OpenStream { streams: Arc::clone(self), is_stalled: false }
    }

    /// Completes when the connection has been idle, or has stalled, for too long.
    pub async fn expired(&self, limits: Limits) {
        loop {
            let now = Instant::now();
            match self.deadline(limits) {
                Some(deadline) if deadline <= now => return,
                Some(deadline) => sleep_until(deadline).await,
                // no deadline that begins later ends sooner
                None => sleep_until(now + limits.idle.min(limits.stalled)).await,
            }
        }
    }

    /// As things stand; `None` while the server is at work.
    fn deadline(&self, limits: Limits) -> Option<Instant> {
        let state = self.state();
        if state.open == 0 {
            Some(state.progress + limits.idle)
        } else if state.stalled == state.open {
            Some(state.progress + limits.stalled)
        } else {
            None
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while holding it")
    }
}

impl OpenStream {
    /// Whether the client has to make room before more of the answer is asked for.
    fn stalls(&mut self, is_stalled: bool) {
        let mut state = self.streams.state();
        match (self.is_stalled, is_stalled) {
            (false, true) => state.stalled += 1,
            (true, false) => state.stalled -= 1,
            _ => {}
        }
        state.progress = Instant::now();
        drop(state);
        self.is_stalled = is_stalled;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.stalls(false);
        self.streams.state().open -= 1;
    }
}

/// A body whose stream is counted.
#[derive(Debug)]
pub struct Counted<B> {
    body: B,
    stream: OpenStream,
}

impl<B> Counted<B> {
    /// The answer to the request of this stream.
    pub fn new(body: B, stream: OpenStream) -> Self {
        Self { body, stream }
    }
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        // hyper asks for more when the client has room
        this.stream.stalls(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn requests_look_like_those_of_http_1() {
        for (uri, fields, host, cookie) in [
            ("https://localhost:8001/a", &[][..], "localhost:8001", ""),
            ("https://localhost/a", &[("host", "other")], "other", ""), // the guard refuses it
            ("https://localhost/a", &[("cookie", "a=1"), ("cookie", "b=2; c=3")], "localhost", "a=1; b=2; c=3"),
            ("https://localhost/a", &[("cookie", "a=1")], "localhost", "a=1"),
        ] {
            let mut request = Request::builder().version(Version::HTTP_2).uri(uri);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let mut request = request.body(()).expect("a request");
            translate(&mut request);
            let field = |name| {
                let all: Vec<&str> = request.headers().get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
                all.join("|")
            };
            assert_eq!((field(header::HOST).as_str(), field(header::COOKIE).as_str()), (host, cookie), "{uri}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_idle_and_stalled_connections_expire() {
        let limits = Limits::default();
        let streams = Arc::new(Streams::default());
        let expires = async |streams: &Arc<Streams>| {
            let began = Instant::now();
            tokio::select! {
                () = streams.expired(limits) => Some(began.elapsed().as_secs()),
                () = tokio::time::sleep(Duration::from_secs(3_000)) => None,
            }
        };
        assert_eq!(expires(&streams).await, Some(75), "idle from the start");
        let mut one = streams.open();
        assert_eq!(expires(&streams).await, None, "the server is at work");
        one.stalls(true);
        assert_eq!(expires(&streams).await, Some(300), "the client takes nothing");
        let mut two = streams.open();
        assert_eq!(expires(&streams).await, None, "another one is being answered");
        two.stalls(true);
        one.stalls(false);
        assert_eq!(expires(&streams).await, None, "one goes on");
        drop(one);
        assert_eq!(expires(&streams).await, Some(300));
        drop(two);
        assert_eq!(expires(&streams).await, Some(75), "idle again");
    }
}
