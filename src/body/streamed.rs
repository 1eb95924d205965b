//! A body that arrives from another server while it is sent.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use futures_util::stream::BoxStream;
use hyper::body::{Body, Bytes, Frame, SizeHint};

/// Bytes as they arrive, with the announced length, if it is known. Bytes beyond that length are not sent; missing
/// bytes are an error, which closes the connection.
pub struct Streamed {
    bytes: BoxStream<'static, io::Result<Bytes>>,
    left: Option<u64>,
}

impl Streamed {
    /// Creates a body of these bytes, with the length `len` if it is known.
    pub fn new(bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static, len: Option<u64>) -> Self {
        Self { bytes: Box::pin(bytes), left: len }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.left == Some(0) {
            return Poll::Ready(None);
        }
        let Some(bytes) = ready!(this.bytes.as_mut().poll_next(cx)) else {
            return Poll::Ready(this.left.map(|left| Err(io::Error::other(format!("{left} bytes are missing")))));
        };
        let mut bytes = bytes?;
        if let Some(left) = &mut this.left {
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= bytes.len() as u64;
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("left", &self.left).finish_non_exhaustive()
    }
}
