//! `Growth`: how far a file has come that is still being fetched. Whoever sends it waits here for the bytes to arrive, so
//! that however many clients wait for one file, each byte is fetched once and lies in memory for nobody.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use super::open_file;

/// How far a file has come.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// Bytes in the file.
    written: u64,
    /// Set when no more will come: what went wrong, if anything did.
    end: Option<Result<(), Arc<str>>>,
}

/// The reader's side.
#[derive(Debug, Clone)]
pub struct Growth(watch::Receiver<Progress>);

/// The writer's side. Dropped without [`Growing::end`], it tells the readers that the rest will not come.
#[derive(Debug)]
pub struct Growing(watch::Sender<Progress>);

/// Both sides of a file that is empty.
pub fn channel() -> (Growing, Growth) {
    let (sender, receiver) = watch::channel(Progress::default());
    (Growing(sender), Growth(receiver))
}

impl Growing {
    /// The file has this many bytes now.
    pub fn reached(&self, written: u64) {
        self.0.send_modify(|progress| progress.written = written);
    }

    /// No more will come: the file is whole, or something went wrong.
    pub fn end(self, result: Result<(), String>) {
        self.0.send_modify(|progress| progress.end = Some(result.map_err(Arc::from)));
    }
}

impl Growth {
    /// Bytes that are there.
    pub fn written(&self) -> u64 {
        self.0.borrow().written
    }

    /// Waits until more than `offset` bytes are there. A file that ended before is an error, and so is one whose rest
    /// will not come.
    pub async fn beyond(&self, offset: u64) -> io::Result<()> {
        let progress = self.wait(|progress| progress.written > offset).await?;
        if progress.written > offset { Ok(()) } else { Err(open_file::shrank()) }
    }

    /// Waits until the file has `len` bytes, or is whole with fewer; gives how many there are.
    pub async fn at_least(&self, len: u64) -> io::Result<u64> {
        Ok(self.wait(|progress| progress.written >= len).await?.written)
    }

    /// Waits until the file is whole; gives its length.
    pub async fn whole(&self) -> io::Result<u64> {
        Ok(self.wait(|_| false).await?.written)
    }

    async fn wait(&self, enough: impl Fn(&Progress) -> bool) -> io::Result<Progress> {
        let mut receiver = self.0.clone();
        let progress = receiver.wait_for(|progress| enough(progress) || progress.end.is_some()).await;
        let progress = progress.map_err(|_| io::Error::other("the fetch was given up"))?.clone();
        match &progress.end {
            Some(Err(why)) if !enough(&progress) => Err(io::Error::other(why.to_string())),
            _ => Ok(progress),
        }
    }
}
