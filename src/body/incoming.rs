//! The body of a request, as it comes: counted, bounded, and waited for no longer than a client may be silent.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::StatusCode;
use hyper::body::{Body, Bytes};
use tokio::time::timeout;

use crate::connection::transport::Activity;
use crate::refusal::Refusal;

/// How long a client may send nothing while its body is waited for. The disk's time does not count.
const STALLED: Duration = Duration::from_secs(300);

/// How long the rest of a body that nobody wants is read, in all and between two pieces. A connection that is closed
/// with bytes unread is reset, and the client may lose the answer that says why (nginx: `lingering_close`).
const LINGER: Duration = Duration::from_secs(30);
const LINGER_SILENT: Duration = Duration::from_secs(5);

/// Bytes that are sooner read than a connection is made anew.
const LONG: u64 = 64 * 1024;

/// Why a body did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The connection ended before the body did.
    HungUp,
    /// Nothing came for 300 s.
    Stalled,
    /// It is longer than this many bytes.
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

/// What is still to come of a request.
pub struct RequestBody {
    /// `None` when all has come, or nothing more will.
    rest: Option<UnsyncBoxBody<Bytes, BodyError>>,
    activity: Arc<Activity>,
    /// The number of the request on its connection.
    request: u64,
    limit: u64,
    read: u64,
}

impl RequestBody {
    /// A request's body; the connection's transport is told while it is being received.
    pub fn new<B>(body: B, activity: Arc<Activity>) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
    {
        let rest = (!body.is_end_stream()).then(|| body.map_err(|_| BodyError::HungUp).boxed_unsync());
        let request = if rest.is_some() { activity.receiving() } else { 0 };
        Self { rest, activity, request, limit: u64::MAX, read: 0 }
    }

    /// Bounds what is read from here on; an announced length that is beyond it fails at once.
    pub fn limit(&mut self, limit: u64) -> Result<(), BodyError> {
        let announced = self.rest.as_ref().map_or(0, |rest| rest.size_hint().lower());
        self.limit = limit;
        if announced > limit { Err(BodyError::TooLarge(limit)) } else { Ok(()) }
    }

    /// Puts what is still to come into another body.
    pub fn wrap(&mut self, wrap: impl FnOnce(UnsyncBoxBody<Bytes, BodyError>) -> UnsyncBoxBody<Bytes, BodyError>) {
        self.rest = self.rest.take().map(wrap);
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
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
            // trailers are not looked at
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

    /// Whether bytes may come that nobody has read.
    pub fn is_unread(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.is_end_stream())
    }

    /// Whether so much of it may still come, or nobody knows how much, that the client should be told to stop.
    pub fn is_long(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.size_hint().upper().is_none_or(|length| length > LONG))
    }

    /// Reads the rest and forgets it, for a while, so that the client gets to read its answer.
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
