//! The body of an answer with a file behind it: ranges of one open file, sent the cheapest way that does not block the
//! reactor.
//!
//! - A short range that the page cache has is read at once and is sent in one write with its head.
//! - A long one goes through [`sendfile`] if the connection can do that, and is never copied by this process.
//! - Reads that would wait for a disk happen on another thread.
//! - Bytes that are still being fetched are waited for.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::answer::piece::{Piece, length};
use crate::connection::sendfile::{self, Outbox};
use crate::storage::byte_range::ByteRange;
use crate::storage::open_file::OpenFile;

/// Bytes read at once. With hyper's own 64 KiB it is what one slow client costs in memory.
const CHUNK: u64 = 64 * 1024;

/// From this length on, sendfile costs less than reading (measured by benches/peers).
const WORTH_SENDFILE: u64 = 32 * 1024;

/// Sends exactly the announced bytes of one open file, never more.
///
/// A file that has shrunk ends in an error, which closes the connection: the client sees that the answer is incomplete,
/// and nothing is padded. A file that was replaced is sent whole, from the handle that is open.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<OpenFile>,
    pieces: VecDeque<Piece>,
    /// The connection's sendfile queue, if it has one.
    outbox: Option<Arc<Outbox>>,
    hop: Option<JoinHandle<io::Result<Hop>>>,
}

/// The result of work on another thread.
#[derive(Debug)]
enum Hop {
    /// The front of the first range.
    Read(Bytes),
    /// The page cache now has as much of the first range as one `sendfile` sends.
    ReadAhead(ByteRange),
    /// More of the first range has arrived.
    Arrived,
}

impl FileBody {
    /// A body of these pieces of the file, for a connection that has this outbox.
    pub fn new(file: OpenFile, pieces: Vec<Piece>, outbox: Option<Arc<Outbox>>) -> Self {
        Self { file: Arc::new(file), pieces: pieces.into(), outbox, hop: None }
    }

    /// Whether the file is still being fetched: there may be nothing to send for a long time, so no failing write would show
    /// that the client is gone.
    pub fn may_wait(&self) -> bool {
        self.file.progress().is_some()
    }

    /// The front of the first range as data for hyper, or the task that will bring it.
    fn front(&self, span: ByteRange) -> Result<Bytes, JoinHandle<io::Result<Hop>>> {
        let Some(span) = self.file.arrived(span) else {
            let file = Arc::clone(&self.file);
            return Err(tokio::spawn(async move {
                match file.progress() {
                    Some(progress) => progress.beyond(span.start).await.map(|()| Hop::Arrived),
                    None => unreachable!("a file that is not being fetched is complete"),
                }
            }));
        };
        if let Some(outbox) = &self.outbox
            && span.len() >= WORTH_SENDFILE
        {
            let part = span.front(sendfile::LONGEST);
            if self.file.is_cached(part) {
                return Ok(outbox.push(&self.file, part));
            }
            let file = Arc::clone(&self.file);
            return Err(spawn_blocking(move || file.read_ahead(part).map(|()| Hop::ReadAhead(part))));
        }
        let part = span.front(CHUNK);
        self.file.read_now(part).ok_or_else(|| {
            let file = Arc::clone(&self.file);
            spawn_blocking(move || file.read(part).map(Hop::Read))
        })
    }

    /// Gives hyper the front of the first piece, and removes it.
    fn hand_over(&mut self, data: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.pieces.front_mut() {
            Some(Piece::Span(span)) if span.len() > data.len() as u64 => span.start += data.len() as u64,
            _ => drop(self.pieces.pop_front()),
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

impl Drop for FileBody {
    /// The client has hung up: the task would keep the file open until its bytes arrive, which may be never. A read that is
    /// already running is not affected.
    fn drop(&mut self) {
        if let Some(hop) = &self.hop {
            hop.abort();
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        loop {
            if this.hop.is_none() {
                match this.pieces.front() {
                    None => return Poll::Ready(None),
                    Some(Piece::Text(text)) => {
                        let text = text.clone();
                        return this.hand_over(text);
                    }
                    Some(Piece::Span(span)) => match this.front(*span) {
                        Ok(bytes) => return this.hand_over(bytes),
                        Err(hop) => this.hop = Some(hop),
                    },
                }
            }
            let hop = this.hop.as_mut().expect("started above or before");
            let done = ready!(Pin::new(hop).poll(cx));
            this.hop = None;
            let data = match (done.map_err(io::Error::other)??, &this.outbox) {
                (Hop::Read(bytes), _) => bytes,
                (Hop::ReadAhead(part), Some(outbox)) => outbox.push(&this.file, part),
                (Hop::ReadAhead(_), None) => unreachable!("only a connection with an outbox reads ahead"),
                (Hop::Arrived, _) => continue,
            };
            return this.hand_over(data);
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(length(&self.pieces))
    }
}
