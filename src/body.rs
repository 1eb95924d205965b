//! The bodies of responses and requests.

pub mod ending;
pub mod file;
pub mod incoming;
pub mod paced;
pub mod streamed;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::BoxStream;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};

use self::file::FileBody;
use self::streamed::Streamed;

/// The body of any response. Its length is known, except for listings, which are generated while they are sent, for
/// events, and for streamed bytes whose number was not announced.
pub enum Body {
    /// Nothing more to send.
    Empty,
    /// Bytes in memory.
    Full(Bytes),
    /// Chunks that are generated one after the other, so that a huge listing is never completely in memory.
    Chunks(Box<dyn Iterator<Item = Bytes> + Send + Sync>),
    /// Events as they happen; they never end.
    Events(BoxStream<'static, Bytes>),
    /// Bytes from another server, as they arrive.
    Streamed(Streamed),
    /// The body of another server's answer, as it arrives, with its trailers.
    Passed(Incoming),
    /// Ranges of an open file.
    File(FileBody),
}

impl Body {
    /// Bytes in memory.
    pub fn full(text: impl Into<Bytes>) -> Self {
        let bytes = text.into();
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = self.get_mut();
        match body {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *body = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Chunks(chunks) => Poll::Ready(chunks.next().map(|chunk| Ok(Frame::data(chunk)))),
            Self::Events(texts) => texts.as_mut().poll_next(cx).map(|text| Some(Ok(Frame::data(text?)))),
            Self::Streamed(bytes) => Pin::new(bytes).poll_frame(cx),
            Self::Passed(bytes) => Pin::new(bytes).poll_frame(cx).map_err(io::Error::other),
            Self::File(file) => Pin::new(file).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) | Self::Chunks(_) | Self::Events(_) => false,
            Self::Streamed(bytes) => bytes.is_end_stream(),
            Self::Passed(bytes) => bytes.is_end_stream(),
            Self::File(file) => file.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Chunks(_) | Self::Events(_) => SizeHint::default(),
            Self::Streamed(bytes) => bytes.size_hint(),
            Self::Passed(bytes) => bytes.size_hint(),
            Self::File(file) => file.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Body").field(&self.size_hint()).finish()
    }
}
