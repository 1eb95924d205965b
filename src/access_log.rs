//! One event for each request, when its last byte has been sent, with the reason of a refusal.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use tracing::Level;

use crate::body::Body;
use crate::connection::Connection;
use crate::connection::sendfile;
use crate::request::path::Visible;

/// The target of these events, for `RUST_LOG` and the formatter.
pub const TARGET: &str = "devmedia::access";

/// The reason why a request was refused: an extension of the response.
#[derive(Debug, Clone)]
pub struct Reason(pub String);

/// The decision of an access policy, for the log: an extension of the response.
#[derive(Debug, Clone)]
pub struct Verdict(pub String);

/// What an imitated network did to the request: an extension of the response.
#[derive(Debug, Clone)]
pub struct Imitated(pub String);

/// The source of a response, if it is not a local file: an extension of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Fetched from the upstream for this request.
    Fetched,
    /// Not fetched, because the upstream did not have it recently.
    RememberedMiss,
    /// A placeholder.
    Placeholder,
    /// From the app: its own answer.
    App,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::RememberedMiss => "remembered miss",
            Self::Placeholder => "placeholder",
            Self::App => "app",
        }
    }
}

/// A request that has been received.
#[derive(Debug)]
pub struct Received {
    /// The request.
    pub request: Request<()>,
    at: Instant,
}

impl Received {
    /// A request; its duration is measured from now on.
    pub fn new(request: Request<()>) -> Self {
        Self { request, at: Instant::now() }
    }

    /// Attaches the event to a response: it is logged when the last byte has been sent, or will not be. It includes
    /// the response's extensions [`Reason`], [`Verdict`].
    pub fn answered(self, mut response: Response<Body>, connection: Connection) -> Response<Logged> {
        let status = response.status();
        let reason = response.extensions_mut().remove().map(|Reason(reason)| reason);
        let access = response.extensions_mut().remove().map(|Verdict(verdict)| verdict);
        let network = response.extensions_mut().remove().map(|Imitated(what)| what);
        let media_type = response.headers().get(header::CONTENT_TYPE).cloned();
        let source = response.extensions().get::<Source>().copied();
        let Self { request, at } = self;
        let (request, ()) = request.into_parts();
        let record = Record {
            at,
            method: request.method,
            target: request.uri,
            range: request.headers.get(header::RANGE).cloned(),
            status,
            media_type,
            source,
            reason,
            access,
            network,
            sent: 0,
            arrived: 0,
        };
        response.map(|body| Logged { body, record: Some(Box::new(record)), by_sendfile: false, connection })
    }
}

/// The fields of the event.
#[derive(Debug)]
struct Record {
    at: Instant,
    method: Method,
    target: Uri,
    range: Option<HeaderValue>,
    status: StatusCode,
    media_type: Option<HeaderValue>,
    source: Option<Source>,
    reason: Option<String>,
    /// The access policies that allowed the request, if any applied.
    access: Option<String>,
    /// What an imitated network did to it.
    network: Option<String>,
    /// Bytes of the body.
    sent: u64,
    /// Bytes of the request's body.
    arrived: u64,
}

/// A body that counts its bytes and logs the request at its end.
#[derive(Debug)]
pub struct Logged {
    body: Body,
    /// `None` once it has been logged. Boxed, because hyper moves responses often.
    record: Option<Box<Record>>,
    /// Whether some of the data is sent through the connection's send queue.
    by_sendfile: bool,
    connection: Connection,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if let (Poll::Ready(frame), Some(record)) = (&frame, &mut this.record) {
            match frame {
                Some(Ok(frame)) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data);
                    record.sent += data.len() as u64;
                    this.by_sendfile |= sendfile::is_placeholder(data);
                    if frame.is_trailers() {
                        // nothing follows the trailers, and hyper does not poll the body again
                        this.body = Body::Empty;
                    }
                }
                Some(Err(error)) => record.reason = Some(error.to_string()),
                None => this.body = Body::Empty,
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.connection.activity.answered();
        let Some(mut record) = self.record.take() else { return };
        record.arrived = self.connection.activity.bytes_received();
        if !self.body.is_end_stream() {
            record.cut_short();
        }
        match &self.connection.send_queue {
            // hyper has written everything, but the socket may not have sent it yet
            Some(send_queue) if self.by_sendfile => send_queue.on_sent(Box::new(move |outcome| {
                if outcome.unsent > 0 {
                    record.sent -= outcome.unsent;
                    record.reason = outcome.error;
                    record.cut_short();
                }
                record.log();
            })),
            _ => record.log(),
        }
    }
}

impl Record {
    /// Seeking in a video does this all the time: a client that hangs up is not an error.
    fn cut_short(&mut self) {
        self.reason.get_or_insert_with(|| "the client hung up".to_owned());
    }

    fn log(&self) {
        macro_rules! event {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET,
                    $level,
                    method = self.method.as_str(),
                    path = %readable(&self.target),
                    status = self.status.as_u16(),
                    bytes = self.sent,
                    ms = milliseconds(self.at.elapsed()),
                    r#type = text(self.media_type.as_ref()),
                    range = text(self.range.as_ref()),
                    received = Some(self.arrived).filter(|&bytes| bytes > 0),
                    access = self.access.as_deref(),
                    source = self.source.map(Source::as_str),
                    network = self.network.as_deref(),
                    reason = self.reason.as_deref(),
                )
            };
        }
        match self.status.as_u16() {
            500.. => event!(Level::ERROR),
            400.. => event!(Level::WARN),
            _ => event!(Level::INFO),
        }
    }
}

/// The path and query in readable form; characters that could control a terminal are escaped.
///
/// The query distinguishes a thumbnail from the file itself. Values that look like a secret, a signature or a session
/// are omitted, because people paste logs into issues.
fn readable(target: &Uri) -> String {
    let visible = |text: &str| Visible(&percent_decode_str(text).decode_utf8_lossy()).to_string();
    let path = visible(target.path());
    let Some(query) = target.query() else { return path };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_secret(name) && !value.is_empty() => format!("{}=\u{2026}", visible(name)),
        _ => visible(pair),
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// Whether a parameter of this name may contain a secret.
fn is_secret(name: &str) -> bool {
    const MARKS: [&str; 12] =
        ["auth", "code", "cred", "key", "md5", "pass", "policy", "secret", "session", "sig", "state", "tok"];
    let name = name.to_ascii_lowercase();
    MARKS.iter().any(|mark| name.contains(mark))
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.map(|value| value.to_str().unwrap_or("(not text)"))
}

/// With three decimals: a file from the page cache takes microseconds.
fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_readable_and_hold_no_secret() {
        for (target, expected) in [
            ("/media/a.jpg", "/media/a.jpg"),
            ("/media/%C3%A9.jpg?thumbnail=256", "/media/\u{e9}.jpg?thumbnail=256"),
            ("/media/?events&format=json", "/media/?events&format=json"),
            ("/media/a.jpg?", "/media/a.jpg?"),
            ("/a?md5=abc&expires=5", "/a?md5=\u{2026}&expires=5"),
            ("/a?expires=5&signature=abc", "/a?expires=5&signature=\u{2026}"),
            (
                "/a?X-Amz-Signature=abc&X-Amz-Credential=k%2F1&X-Amz-Expires=5",
                "/a?X-Amz-Signature=\u{2026}&X-Amz-Credential=\u{2026}&X-Amz-Expires=5",
            ),
            ("/a?X-Amz-Security-Token=abc", "/a?X-Amz-Security-Token=\u{2026}"),
            ("/a?AWSAccessKeyId=abc", "/a?AWSAccessKeyId=\u{2026}"),
            ("/a?sig=abc&se=2026", "/a?sig=\u{2026}&se=2026"), // Azure SAS
            ("/a?itok=abc", "/a?itok=\u{2026}"),               // Drupal
            ("/a?token=", "/a?token="),
            ("/a?v=1%0A2", "/a?v=1\\n2"),
            ("/a%1B[31m", "/a\\u{1b}[31m"),
        ] {
            assert_eq!(readable(&target.parse().expect("a target")), expected, "{target}");
        }
    }
}
