//! The body of a request as it arrives: counted, limited in size, and with a time-out for silent clients.

use std::error::Error;
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep, timeout};

use crate::connection::transport::Activity;
use crate::refusal::Refusal;

/// How long a client may send nothing while the server waits for its body. Time spent on the disk does not count.
const STALLED: Duration = Duration::from_secs(300);

/// How long the unwanted rest of a body is read and discarded, in total and between two chunks. A connection that is
/// closed with unread bytes is reset, and the client may lose the response that explains the refusal (nginx:
/// `lingering_close`).
const LINGER: Duration = Duration::from_secs(30);
const LINGER_SILENT: Duration = Duration::from_secs(5);

/// Up to this many bytes, reading the rest is faster than a new connection.
const LONG: u64 = 64 * 1024;

/// The reason why a body did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The connection ended before the body did.
    HungUp,
    /// No byte arrived for 300 s.
    Stalled,
    /// The body is longer than this many bytes.
    TooLarge(u64),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp => f.write_str("the client hung up before the body was complete"),
            Self::Stalled => f.write_str("the client stopped sending"),
            Self::TooLarge(limit) => write!(f, "the body is longer than {limit} bytes"),
        }
    }
}

impl Error for BodyError {}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        const AGAIN: &str =
            "Nothing incomplete is served. Send the file again; a tus client can resume where it stopped.";
        match error {
            BodyError::HungUp => Self::new(
                StatusCode::BAD_REQUEST,
                "body-incomplete",
                "The connection ended before the body was complete.",
                AGAIN,
            ),
            BodyError::Stalled => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "body-stalled",
                format!("No byte of the body arrived for {} s.", STALLED.as_secs()),
                AGAIN,
            ),
            BodyError::TooLarge(limit) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!("The upload is larger than the limit of {}.", bytesize::ByteSize::b(limit).display().iec()),
                "Start devmedia with a larger --max-upload, such as --max-upload 10GiB.",
            ),
        }
    }
}

/// The body of a request that has not been read yet.
pub struct RequestBody {
    /// `None` if everything has arrived, or nothing more will.
    rest: Option<UnsyncBoxBody<Bytes, BodyError>>,
    activity: Arc<Activity>,
    /// The number of the request on its connection.
    request: u64,
    limit: u64,
    read: u64,
    /// Runs while the body is polled and nothing arrives.
    stall: Option<Pin<Box<Sleep>>>,
    /// The body has been polled, so a client that sent `Expect: 100-continue` has been told to continue.
    asked: bool,
}

impl RequestBody {
    /// Wraps the body of a request. The connection's transport is notified while it is being received.
    pub fn new<B>(body: B, activity: Arc<Activity>) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
    {
        let rest = (!body.is_end_stream()).then(|| body.map_err(|_| BodyError::HungUp).boxed_unsync());
        let request = if rest.is_some() { activity.receiving() } else { 0 };
        Self { rest, activity, request, limit: u64::MAX, read: 0, stall: None, asked: false }
    }

    /// The body of a request that has none, or whose body is read elsewhere.
    pub fn none() -> Self {
        Self { rest: None, activity: Arc::default(), request: 0, limit: u64::MAX, read: 0, stall: None, asked: false }
    }

    /// Limits the bytes that are read from now on. Fails immediately if the announced length exceeds the limit.
    pub fn limit(&mut self, limit: u64) -> Result<(), BodyError> {
        let announced = self.rest.as_ref().map_or(0, |rest| rest.size_hint().lower());
        self.limit = limit;
        if announced > limit { Err(BodyError::TooLarge(limit)) } else { Ok(()) }
    }

    /// Wraps the unread rest in another body.
    pub fn wrap(&mut self, wrap: impl FnOnce(UnsyncBoxBody<Bytes, BodyError>) -> UnsyncBoxBody<Bytes, BodyError>) {
        self.rest = self.rest.take().map(wrap);
    }

    /// The next bytes, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.asked = true;
        while let Some(rest) = &mut self.rest {
            let frame = match timeout(STALLED, rest.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => {
                    self.end();
                    break;
                }
                Ok(Some(Err(error))) => {
                    self.end();
                    return Err(error);
                }
                Err(_) => {
                    self.end();
                    return Err(BodyError::Stalled);
                }
            };
            // trailers are ignored
            let Ok(bytes) = frame.into_data() else { continue };
            self.activity.received(self.request, bytes.len());
            self.read += bytes.len() as u64;
            if self.read > self.limit {
                return Err(BodyError::TooLarge(self.limit));
            }
            return Ok(Some(bytes));
        }
        Ok(None)
    }

    /// Whether unread bytes may still arrive.
    pub fn is_unread(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.is_end_stream())
    }

    /// Whether so much may still arrive, or an unknown amount, that the client should be asked to stop.
    pub fn is_long(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.size_hint().upper().is_none_or(|length| length > LONG))
    }

    /// Whether nothing was read: a client that waits for permission to send (`Expect: 100-continue`) has not got it.
    pub fn is_untouched(&self) -> bool {
        self.is_unread() && !self.asked
    }

    /// Reads and discards the rest for a while, so that the client can read the response.
    pub fn linger(mut self) {
        self.limit = u64::MAX;
        tokio::spawn(timeout(LINGER, async move {
            while let Ok(Ok(Some(_))) = timeout(LINGER_SILENT, self.next()).await {}
        }));
    }

    fn end(&mut self) {
        self.rest = None;
        self.activity.received_all(self.request);
    }
}

/// Passes the body on unchanged, with trailers. The limit does not apply.
impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        this.asked = true;
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        let frame = match Pin::new(rest).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let stall = this.stall.get_or_insert_with(|| Box::pin(sleep(STALLED)));
                if stall.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                Some(Err(BodyError::Stalled))
            }
        };
        this.stall = None;
        if let Some(bytes) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            this.read += bytes.len() as u64;
            this.activity.received(this.request, bytes.len());
        }
        if !matches!(frame, Some(Ok(_))) || !this.is_unread() {
            this.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        !self.is_unread()
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.rest.is_some() {
            self.activity.received_all(self.request);
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("read", &self.read).field("limit", &self.limit).finish_non_exhaustive()
    }
}
