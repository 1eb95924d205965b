//! The body of a request on its way to the app.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use crate::body::incoming::{BodyError, RequestBody};

/// How long to wait for a 100 response to `Expect: 100-continue`. An HTTP/1.0 app never sends one, so the wait must be limited
/// (RFC 9110 section 10.1.1); curl waits as long.
const EXPECTED: Duration = Duration::from_secs(1);

/// The body of a request to the app.
pub enum Outgoing {
    /// The request has no body.
    Empty,
    /// The body of the client's request.
    Passed(Passed),
}

/// A client's body that is forwarded. Bytes that the app does not read are discarded, so that the client can read the app's
/// response.
pub struct Passed {
    /// `None` once it is dropped.
    body: Option<RequestBody>,
    /// Waits for the app's 100 response. Nothing is read before, because reading makes hyper send a 100 to the client.
    gate: Option<Gate>,
    unread: Unread,
}

/// Ready when the app has sent a 100 response, or after the timeout.
struct Gate {
    asked: oneshot::Receiver<()>,
    timer: Pin<Box<Sleep>>,
}

/// Whether part of a body is unread.
#[derive(Debug, Clone)]
pub struct Unread(Arc<AtomicBool>);

impl Unread {
    /// Whether part of the body is unread at the moment.
    pub fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl Outgoing {
    /// Forwards a body.
    pub fn passed(body: RequestBody) -> (Self, Unread) {
        let unread = Unread(Arc::new(AtomicBool::new(body.is_unread())));
        (Self::Passed(Passed { body: Some(body), gate: None, unread: unread.clone() }), unread)
    }

    /// Holds the body back until the sender is used or a second has passed. If the sender is dropped, as when the app's response
    /// begins, the body is never sent.
    pub fn hold(&mut self) -> oneshot::Sender<()> {
        let (sender, asked) = oneshot::channel();
        if let Self::Passed(passed) = self {
            passed.gate = Some(Gate { asked, timer: Box::pin(sleep(EXPECTED)) });
        }
        sender
    }
}

impl Gate {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match Pin::new(&mut self.asked).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            // the app answered without the body, so it is not sent
            Poll::Ready(Err(_)) => Poll::Pending,
            Poll::Pending => self.timer.as_mut().poll(cx),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self::Passed(passed) = self.get_mut() else { return Poll::Ready(None) };
        if let Some(gate) = &mut passed.gate {
            ready!(gate.poll(cx));
            passed.gate = None;
        }
        let Some(body) = &mut passed.body else { return Poll::Ready(None) };
        let frame = Pin::new(&mut *body).poll_frame(cx);
        if !body.is_unread() {
            passed.unread.0.store(false, Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Passed(passed) => passed.body.as_ref().is_none_or(|body| !body.is_unread()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Passed(passed) => passed.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint),
        }
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        // a body that the app never asked for is never sent
        if let (Some(body), None) = (self.body.take(), &self.gate)
            && body.is_unread()
        {
            body.linger();
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outgoing").field(&self.size_hint()).finish()
    }
}
