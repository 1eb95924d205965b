//! The progress of a file that is still being fetched. The responses that send it wait here for the bytes to arrive.
//! Each byte is fetched once, however many clients request the file, and none is kept in memory.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

/// How much of a file has arrived.
#[derive(Debug, Clone, Default)]
struct State {
    /// The number of bytes in the file.
    written: u64,
    /// Set when no more bytes will arrive, with the error, if there was one.
    end: Option<Result<(), Arc<str>>>,
}

/// The side of the reader.
#[derive(Debug, Clone)]
pub struct ProgressReader(watch::Receiver<State>);

/// The side of the writer. If it is dropped without [`ProgressWriter::end`], the readers get an error.
#[derive(Debug)]
pub struct ProgressWriter(watch::Sender<State>);

/// Creates both sides for a file that is empty so far.
pub fn channel() -> (ProgressWriter, ProgressReader) {
    let (sender, receiver) = watch::channel(State::default());
    (ProgressWriter(sender), ProgressReader(receiver))
}

impl ProgressWriter {
    /// Reports that the file has this many bytes now.
    pub fn reached(&self, written: u64) {
        self.0.send_modify(|state| state.written = written);
    }

    /// Reports that no more bytes will arrive: the file is complete, or an error occurred.
    pub fn end(self, result: Result<(), String>) {
        self.0.send_modify(|state| state.end = Some(result.map_err(Arc::from)));
    }
}

impl ProgressReader {
    /// The number of bytes that have arrived.
    pub fn written(&self) -> u64 {
        self.0.borrow().written
    }

    /// Waits until more than `offset` bytes have arrived. It is an error if the file ends before, or if the rest will
    /// not arrive.
    pub async fn beyond(&self, offset: u64) -> io::Result<()> {
        let state = self.wait(|state| state.written > offset).await?;
        if state.written > offset { Ok(()) } else { Err(shrank()) }
    }

    /// Waits until the file has `len` bytes, or is complete with fewer; returns how many it has.
    pub async fn at_least(&self, len: u64) -> io::Result<u64> {
        Ok(self.wait(|state| state.written >= len).await?.written)
    }

    /// Waits until the file is complete; returns its length.
    pub async fn whole(&self) -> io::Result<u64> {
        Ok(self.wait(|_| false).await?.written)
    }

    async fn wait(&self, enough: impl Fn(&State) -> bool) -> io::Result<State> {
        let mut receiver = self.0.clone();
        let state = receiver.wait_for(|state| enough(state) || state.end.is_some()).await;
        let state = state.map_err(|_| io::Error::other("the fetch was aborted"))?.clone();
        match &state.end {
            Some(Err(why)) if !enough(&state) => Err(io::Error::other(why.to_string())),
            _ => Ok(state),
        }
    }
}

/// The error of a file that ends before its announced length: the connection is closed, nothing is padded.
pub fn shrank() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was sent")
}
