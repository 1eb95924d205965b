//! `FileWriter`: writes bytes to a file in order as they arrive, without blocking the reactor. While a batch is being
//! written, nothing more is read, so the client cannot send faster than the disk writes.

use std::fs::File;
use std::sync::Arc;

use hyper::body::Bytes;

use super::{cannot_write, staged};
use crate::refusal::Refusal;
use crate::storage::blocking;

/// Bytes collected for one blocking write. An upload uses no more memory than this, apart from hyper's buffer.
const BATCH: usize = 256 * 1024;

/// A file and the bytes that are waiting to be written to it. Dropping it discards those bytes.
#[derive(Debug)]
pub struct FileWriter {
    file: Arc<File>,
    batch: Vec<Bytes>,
    waiting: usize,
    written: u64,
}

impl FileWriter {
    /// Creates a writer that appends to this file, at the current position of its handle.
    pub fn new(file: Arc<File>) -> Self {
        Self { file, batch: Vec::new(), waiting: 0, written: 0 }
    }

    /// Adds bytes. Waits for the disk when a batch is full.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        self.waiting += bytes.len();
        self.batch.push(bytes);
        if self.waiting < BATCH { Ok(()) } else { self.flush().await }
    }

    /// Writes the waiting bytes.
    pub async fn flush(&mut self) -> Result<(), Refusal> {
        let waiting = std::mem::take(&mut self.waiting);
        let (file, batch) = (Arc::clone(&self.file), std::mem::take(&mut self.batch));
        if batch.is_empty() {
            return Ok(());
        }
        blocking(move || staged::write_all(&file, &batch)).await.map_err(cannot_write)?;
        self.written += waiting as u64;
        Ok(())
    }

    /// The number of received bytes that have been written to the file.
    pub fn written(&self) -> u64 {
        self.written
    }
}
