//! The reading body: stretches of an open file, read a chunk at a time off the reactor.

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future as _;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::answer::head::{Piece, length};
use crate::answer::range::ByteRange;

/// Bytes read at once. With hyper's own 64 KiB it is what one slow client costs in memory.
const CHUNK: u64 = 64 * 1024;

/// Sends exactly the announced bytes of one open file, never more.
///
/// A file that shrank meanwhile ends in an error, which closes the connection: the client sees that the answer is
/// short, and nothing is padded. A file that was replaced is sent whole, from the handle that is open.
pub struct FileBody {
    file: Arc<File>,
    pieces: VecDeque<Piece>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// A body of these pieces of the file.
    pub fn new(file: File, pieces: Vec<Piece>) -> Self {
        Self { file: Arc::new(file), pieces: pieces.into(), reading: None }
    }

    /// Starts to read the front of a span.
    fn read(&self, span: ByteRange) -> JoinHandle<io::Result<Bytes>> {
        let file = Arc::clone(&self.file);
        let want = usize::try_from(span.len().min(CHUNK)).expect("a chunk fits");
        spawn_blocking(move || {
            let mut buffer = vec![0; want];
            match file.read_at(&mut buffer, span.start)? {
                0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was sent")),
                got => {
                    buffer.truncate(got);
                    Ok(buffer.into())
                }
            }
        })
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let span = match self.pieces.front() {
            None => return Poll::Ready(None),
            Some(Piece::Span(span)) => *span,
            Some(Piece::Text(text)) => {
                let text = text.clone();
                self.pieces.pop_front();
                return Poll::Ready(Some(Ok(Frame::data(text))));
            }
        };
        let mut reading = self.reading.take().unwrap_or_else(|| self.read(span));
        let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let bytes = read.map_err(io::Error::other)??;
        let start = span.start + bytes.len() as u64;
        match self.pieces.front_mut() {
            Some(Piece::Span(rest)) if start < rest.end => rest.start = start,
            _ => drop(self.pieces.pop_front()),
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(length(&self.pieces))
    }
}
