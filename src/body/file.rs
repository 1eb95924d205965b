//! The body of a response with a file: ranges of one open file, sent in the cheapest way that does not block the
//! reactor.
//!
//! - A short range in the page cache is read immediately and sent in one write with the head.
//! - A long range is sent through [`sendfile`], if the connection supports it, and never copied by this process.
//! - Reads that would wait for a disk are done on another thread.
//! - If the file is still being fetched, the body waits for the missing bytes.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::answer::piece::{Piece, length};
use crate::connection::sendfile::{self, SendQueue};
use crate::storage::byte_range::ByteRange;
use crate::storage::open_file::OpenFile;

/// The number of bytes per read. Together with hyper's own 64 KiB, this is the memory that a slow client costs.
const CHUNK: u64 = 64 * 1024;

/// From this length on, sendfile costs less than reading (measured by benches/peers).
const WORTH_SENDFILE: u64 = 32 * 1024;

/// Sends exactly the announced bytes of one open file, never more.
///
/// A file that has shrunk ends in an error, which closes the connection: the client sees that the response is
/// incomplete, and nothing is padded. A file that was replaced is sent whole, from the handle that is open.
#[derive(Debug)]
pub struct FileBody {
    file: OpenFile,
    pieces: VecDeque<Piece>,
    /// The connection's send queue, if it has one.
    send_queue: Option<Arc<SendQueue>>,
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
    /// Creates a body of these pieces, for a connection with this send queue.
    pub fn new(file: OpenFile, pieces: Vec<Piece>, send_queue: Option<Arc<SendQueue>>) -> Self {
        Self { file, pieces: pieces.into(), send_queue, hop: None }
    }

    /// Whether the file is still being fetched: there may be nothing to send for a long time, so no failing write would
    /// show that the client is gone.
    pub fn may_wait(&self) -> bool {
        self.file.progress().is_some()
    }

    /// The front of `range` as data for hyper, or the task that will read it.
    fn front(&self, range: ByteRange) -> Result<Bytes, JoinHandle<io::Result<Hop>>> {
        let Some(range) = self.file.arrived(range) else {
            let file = self.file.clone();
            return Err(tokio::spawn(async move {
                match file.progress() {
                    Some(progress) => progress.beyond(range.start).await.map(|()| Hop::Arrived),
                    None => unreachable!("a file that is not being fetched is complete"),
                }
            }));
        };
        if let Some(send_queue) = &self.send_queue
            && range.len() >= WORTH_SENDFILE
        {
            let front = range.front(sendfile::MAX_RANGE);
            if self.file.is_cached(front) {
                return Ok(send_queue.push(&self.file, front));
            }
            let file = self.file.clone();
            return Err(spawn_blocking(move || file.read_ahead(front).map(|()| Hop::ReadAhead(front))));
        }
        let front = range.front(CHUNK);
        self.file.read_now(front).ok_or_else(|| {
            let file = self.file.clone();
            spawn_blocking(move || file.read(front).map(Hop::Read))
        })
    }

    /// Passes the front of the first piece to hyper and removes it.
    fn hand_over(&mut self, data: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.pieces.front_mut() {
            Some(Piece::Span(range)) if range.len() > data.len() as u64 => range.start += data.len() as u64,
            _ => drop(self.pieces.pop_front()),
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

impl Drop for FileBody {
    /// Aborts the task if the client disconnected: it would keep the file open until the bytes arrive, possibly
    /// forever. A read that is already running is not affected.
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
                    Some(Piece::Span(range)) => match this.front(*range) {
                        Ok(bytes) => return this.hand_over(bytes),
                        Err(hop) => this.hop = Some(hop),
                    },
                }
            }
            let hop = this.hop.as_mut().expect("started above or before");
            let done = ready!(Pin::new(hop).poll(cx));
            this.hop = None;
            let data = match (done.map_err(io::Error::other)??, &this.send_queue) {
                (Hop::Read(bytes), _) => bytes,
                (Hop::ReadAhead(front), Some(send_queue)) => send_queue.push(&this.file, front),
                (Hop::ReadAhead(_), None) => unreachable!("only a connection with a send queue reads ahead"),
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
