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

/// How long an app that is sent `Expect: 100-continue` may stay silent. An app of HTTP/1.0 never says 100 (RFC 9110
/// section 10.1.1: the wait must not be endless; curl waits as long).
const EXPECTED: Duration = Duration::from_secs(1);

/// Bytes for the app, as they come from the client.
pub enum Outgoing {
    /// The request has no body.
    Empty,
    /// The client's.
    Passed(Passed),
}

/// A client's body that is passed on. What the app does not read is read here and forgotten, so that the client gets to
/// read the app's answer.
pub struct Passed {
    /// `None` once it is dropped.
    body: Option<RequestBody>,
    /// The wait for the app's 100: nothing is read before, because reading tells the client to send.
    gate: Option<Gate>,
    unread: Unread,
}

/// Ready when the app says 100, or has been silent for too long.
struct Gate {
    asked: oneshot::Receiver<()>,
    timer: Pin<Box<Sleep>>,
}

/// Whether something of a body is still to be read.
#[derive(Debug, Clone)]
pub struct Unread(Arc<AtomicBool>);

impl Unread {
    /// Whether it is so now.
    pub fn is_so(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl Outgoing {
    /// Passes on a body at once.
    pub fn passed(body: RequestBody) -> (Self, Unread) {
        let unread = Unread(Arc::new(AtomicBool::new(body.is_unread())));
        (Self::Passed(Passed { body: Some(body), gate: None, unread: unread.clone() }), unread)
    }

    /// Holds the body back until the sender is used, or the app has been silent for a second; for ever where the sender
    /// is dropped, as it is when the app's answer begins.
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
            // answered without it: the body is not wanted any more
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
        // a body that was never asked for is never sent
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
